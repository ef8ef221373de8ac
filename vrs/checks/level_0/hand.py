"""0.h: is the map or its mirror image the right one?"""

import itertools
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from vrs.checks import Check, Criterion, Findings, NotMeasured, Quantity, register, resolution
from vrs.engines.external import EngineInput, ExternalEngine
from vrs.engines.networks import Network
from vrs.inputs.map import MAP
from vrs.numerics import fourier
from vrs.numerics.masks import bounding_box
from vrs.results import SERIOUS, Bars, Mark, Paragraph, Surface, Volume, plain

_UNCERTAIN, _FLIPPED = 0.4, 0.5
_HELICAL = 0.7
_FEWEST_VOXELS = 300
# In noise the first network takes up to 0.7 % of a large mask, or 7 blobs of a small one.
_LEAST_PERCENTAGE = 1.0  # of the mask
_FEWEST_BLOCKS = 8
# Fewer blocks do where more voxels than noise has in them agree on a hand.
_MANY_VOXELS, _FEW_BLOCKS, _CLEAR = 800, 4, 0.3

_LOW_PASS = 5.0        # Å
_LOW_PASS_EDGE = 0.02  # 1/Å
_NEIGHBOURHOOD = 4.0   # Å, deviation of the Gaussian of the local scale
_SCALE_FLOOR = 0.1     # of the largest local scale

# The networks answer at every second voxel of 1 Å, from 12 voxels on either side.
_STRIDE = 2
_REACH = 12
_ANSWERS = 32          # per side of what is computed at once
_VOXELS_PER_ANSWER = _STRIDE ** 3
_SINC_REACH = 6        # samples

_BLOCK = 16.0          # Å; helical voxels this close are not independent
_BOOTSTRAPS = 1000
_COLOURED = 4.0        # Å around helical voxels
_NO_HELIX = 0.5


@register
class HandCorrection(Check):
    """Mean hand of the alpha helices of the map."""

    id = "0.h"
    title = "Handedness (DeepHand method)"
    requires = (MAP, resolution(0, 5))
    explanation = (
        "The images do not distinguish a macromolecule from its mirror image, so a reconstruction "
        "can come out with the wrong hand. The helices of proteins show it: alpha helices are "
        "right-handed. Two neural networks look at the map, low-pass filtered to 5 Å and sampled "
        "at 1 Å per voxel. The first finds the voxels in the mask that lie in an alpha helix (with "
        "a probability above 0.7), the second estimates for each of them the probability that the "
        "helix is left-handed, that is, mirrored. The score is the mean of these: 0 indicates the "
        "right hand, 1 the mirror image. From 0.4 on the hand is uncertain, and more than two "
        "standard errors above 0.5 the map is probably mirrored. The method needs at least 300 "
        "helical voxels, making up 1 % of the mask or more and spread over 8 blocks of 16 Å, as "
        "fewer are found in noise too; 4 blocks are enough for 800 voxels whose score is at most "
        "0.2 or at least 0.8. The standard error of the score comes from a bootstrap over these "
        "blocks, as neighbouring voxels say much the same. Both networks were trained for "
        "this program on maps simulated from structures of proteins and nucleic acids, following "
        "the method of the reference; in a map without alpha helices their output means nothing.")
    quantities = (
        Quantity("helical_percentage", "%", "Fraction of the mask in alpha helices"),
        Quantity("helical_voxels", "voxels", "Voxels of 1 Å in alpha helices within the mask"),
        Quantity("mirrored_percentage", "%", "Helical voxels that indicate the mirror image"),
        Quantity("right_handed_percentage", "%", "Helical voxels that indicate the right hand"),
        Quantity("score", "",
                 "Mean probability over helical voxels that the helix is left-handed: 0 for the "
                 "right hand, 1 for the mirror image"),
        Quantity("score_error", "",
                 "Standard error of the score, from a bootstrap over blocks of 16 Å"),
    )
    references = ("GarciaCondado2022",)
    criteria = (
        Criterion(name="score", subject="the hand score", relation="<=", bound=_UNCERTAIN,
                  warning="The hand of the map is uncertain or wrong: its score is {value:.3f} "
                  "(at most {bound} expected; well above 0.5 the map is probably mirrored).",
                  severity=SERIOUS),
    )
    within_mask = True
    summary_ok = "The map has the right hand."
    summary_warnings = "The hand of the map is uncertain or wrong."

    def compute(self, data):
        given = data.map
        helices = find_helices(given.volume, given.sampling, given.hard_mask, data.run.workers)
        percentage = 100 * helices.volume / (
            np.count_nonzero(given.hard_mask) * given.sampling ** 3)
        if percentage < _LEAST_PERCENTAGE or not helices.tell_the_hand:
            raise NotMeasured(
                "There are %d voxels of 1 Å in alpha helices, %.2f %% of the mask, in %d blocks of "
                "%g Å; at least %d voxels, %g %% and %d blocks are needed to read the hand, or %d "
                "voxels in %d blocks that clearly agree on it."
                % (helices.volume, percentage, helices.blocks, _BLOCK, _FEWEST_VOXELS,
                   _LEAST_PERCENTAGE, _FEWEST_BLOCKS, _MANY_VOXELS, _FEW_BLOCKS))
        score = float(helices.hands.mean())
        error = score_error(helices, np.random.default_rng(data.run.seed))
        left = float(np.mean(helices.hands > 0.5))
        metrics = plain({
            "score": score,
            "score_error": error,
            "helical_voxels": helices.volume,
            "helical_percentage": percentage,
            "right_handed_percentage": 100 * (1 - left),
            "mirrored_percentage": 100 * left,
        })
        content = [Paragraph(_verdict(score, error, helices.volume)),
                   _histogram(helices.hands, score), _surface(data)]
        return Findings(metrics, content, [Volume(
            "helix_hand", hand_volume(helices, given.volume.shape, given.sampling),
            "Hand of alpha helices: 0 right, 1 mirrored, 0.5 where no helix is",
            "Probability of a mirrored helix", "", "part", (0.0, 1.0))])


def _findings_of_xmipp(data, score):
    if not 0 <= score <= 1:
        raise NotMeasured("Xmipp returned the hand score %g, which is not a probability: it may "
                          "have found no alpha helix." % score)
    return Findings({"score": score}, [Paragraph(
        "The score is %.3f; Xmipp gives neither its error nor the number of helical voxels."
        % score)])


HandCorrection.external = (ExternalEngine(
    name="xmipp", label="Xmipp", package="scipion-em-xmipp", plugin="xmipp3",
    protocol="XmippProtDeepHand", map_parameter="inputVolume", outputs=("hand.txt",),
    files=("bin/xmipp_deep_hand", "models/deepHand"),
    prepare=lambda data: EngineInput(data.map.volume, data.map.sampling,
                                     parameters={"threshold": data.map.threshold}),
    findings=_findings_of_xmipp),)


@dataclass
class Helices:
    """Helical voxels and their hand.

    Attributes
    ----------
    positions : numpy.ndarray of float64, (n, 3)
        z, y, x in Å from voxel 0 of the map.
    hands : numpy.ndarray of float32, (n,)
        Probability that the helix there is left-handed.
    """

    positions: np.ndarray
    hands: np.ndarray

    @property
    def volume(self):
        """Voxels of 1 Å."""
        return _VOXELS_PER_ANSWER * len(self.hands)

    @property
    def blocks(self):
        """Blocks of 16 Å with a helical voxel."""
        return int(block_indices(self.positions).max(initial=-1)) + 1

    @property
    def tell_the_hand(self):
        """Whether they are more than what is found in noise."""
        if self.blocks >= _FEWEST_BLOCKS:
            return self.volume >= _FEWEST_VOXELS
        return (self.volume >= _MANY_VOXELS and self.blocks >= _FEW_BLOCKS
                and abs(float(self.hands.mean()) - 0.5) >= _CLEAR)


def find_helices(volume, sampling, mask, workers=1):
    """Helical voxels within a mask, on a grid of 2 Å, and the hand that they show.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    sampling : float
        Å/voxel.
    mask : numpy.ndarray of bool, (z, y, x)
        Not empty.
    workers : int

    Returns
    -------
    Helices
    """
    region = _region(mask, sampling)
    origin = np.array([axis.start for axis in region]) * sampling
    density = low_pass(volume[region], sampling, workers)
    scale = local_scale(density, sampling)
    mask = mask[region]
    helix_network, hand_network = Network("hand_helix", workers), Network("hand_sense", workers)
    positions, hands = [np.zeros((0, 3))], [np.zeros(0, np.float32)]
    for answers in _cubes(mask.shape, sampling):
        judged = mask[np.ix_(*(_nearest(axis, sampling, size)
                               for axis, size in zip(answers, mask.shape)))]
        if not judged.any():
            continue
        box = bounding_box(judged)
        answers = [axis[part] for axis, part in zip(answers, box)]
        seen = _sample(density, scale, sampling, answers)
        helical = judged[box] & (helix_network.predict(seen)[0, 0] > _HELICAL)
        if not helical.any():
            continue
        box = bounding_box(helical)
        around = tuple(slice(_STRIDE * part.start, _STRIDE * (part.stop - 1) + 2 * _REACH + 1)
                       for part in box)
        hands.append(hand_network.predict(seen[(...,) + around])[0, 0][helical[box]])
        positions.append(origin + np.stack(
            [axis[index] for axis, index in zip(answers, np.nonzero(helical))], axis=1))
    return Helices(np.concatenate(positions), np.concatenate(hands))


def low_pass(volume, sampling, workers=1):
    """Low-pass a map to 5 Å, with a raised cosine of 0.02 1/Å beyond that.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    sampling : float
        Å/voxel.
    workers : int

    Returns
    -------
    numpy.ndarray of float32, (z, y, x)
        Scaled to a maximum of 1, as squares of very small or large densities would
        leave float32.
    """
    density = fourier.low_pass(volume, sampling, 1 / _LOW_PASS, _LOW_PASS_EDGE, workers)
    maximum = density.max()
    if maximum > 0:
        density /= maximum
    return density


def local_scale(density, sampling):
    """Scale by which the networks see a map divided.

    The root mean square of the positive density under a Gaussian of 4 Å, plus a tenth
    of its largest value: neither the units of the map nor a part of weaker density
    matter, and ripples in a background of zero stay small.

    Parameters
    ----------
    density : numpy.ndarray of float32, (z, y, x)
        From :func:`low_pass`.
    sampling : float
        Å/voxel.

    Returns
    -------
    numpy.ndarray of float32, (z, y, x)
        Above 0.
    """
    squares = np.square(np.maximum(density, 0))
    ndimage.gaussian_filter(squares, _NEIGHBOURHOOD / sampling, output=squares, mode="constant")
    scale = np.sqrt(squares, out=squares)
    scale += max(_SCALE_FLOOR * scale.max(), np.finfo(np.float32).tiny)
    return scale


def score_error(helices, rng):
    """Standard error of the score: bootstrap over blocks of 16 Å.

    Parameters
    ----------
    helices : Helices
    rng : numpy.random.Generator

    Returns
    -------
    float or None
        None when all helical voxels lie in one block.
    """
    block = block_indices(helices.positions)
    sums, counts = np.bincount(block, helices.hands), np.bincount(block)
    if counts.size < 2:
        return None
    drawn = rng.integers(counts.size, size=(_BOOTSTRAPS, counts.size))
    return float(np.std(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), ddof=1))


def block_indices(positions):
    """Number, from 0, of the block of 16 Å in which each position lies.

    Parameters
    ----------
    positions : numpy.ndarray of float64, (n, 3)
        Å.

    Returns
    -------
    numpy.ndarray of int, (n,)
    """
    blocks = np.floor(positions / _BLOCK).astype(int)
    return np.unique(blocks, axis=0, return_inverse=True)[1].ravel()


def hand_volume(helices, shape, sampling):
    """Map of the hand: that of the nearest helical voxel within 4 Å, else 0.5.

    Parameters
    ----------
    helices : Helices
        Not empty.
    shape : tuple of int
        Box (z, y, x).
    sampling : float
        Å/voxel.

    Returns
    -------
    numpy.ndarray of float32, shape
    """
    volume = np.full(shape, _NO_HELIX, np.float32)
    voxels = np.minimum(np.rint(helices.positions / sampling).astype(int), np.array(shape) - 1)
    reach = int(np.ceil(_COLOURED / sampling))
    region = tuple(slice(max(0, low - reach), high + reach + 1)
                   for low, high in zip(voxels.min(axis=0), voxels.max(axis=0)))
    values = volume[region]
    inside = tuple((voxels - [axis.start for axis in region]).T)
    values[inside] = helices.hands
    empty = np.ones(values.shape, bool)
    empty[inside] = False
    distance, nearest = ndimage.distance_transform_edt(empty, sampling, return_indices=True)
    near = distance <= _COLOURED
    values[near] = values[tuple(axis[near] for axis in nearest)]
    return volume


def _region(mask, sampling):
    """Where the mask is, with what the networks and filters see around it."""
    margin = int(np.ceil((_REACH + 2 * _NEIGHBOURHOOD) / sampling))
    return tuple(slice(max(0, axis.start - margin), min(size, axis.stop + margin))
                 for axis, size in zip(bounding_box(mask), mask.shape))


def _cubes(shape, sampling):
    """Cubes of answers that cover a region: positions in Å on each axis (z, y, x)."""
    grids = [np.arange(0, (size - 1) * sampling + 1e-6, _STRIDE) for size in shape]
    return itertools.product(*([grid[start:start + _ANSWERS]
                                for start in range(0, grid.size, _ANSWERS)] for grid in grids))


def _nearest(positions, sampling, size):
    return np.minimum(np.rint(positions / sampling).astype(int), size - 1)


def _sample(density, scale, sampling, answers):
    """What the networks see for answers at some positions, float32 (1, 1, z, y, x)."""
    weights = [_sinc_weights(np.arange(axis[0] - _REACH, axis[-1] + _REACH + 1) / sampling, size)
               for axis, size in zip(answers, density.shape)]
    sampled = np.maximum(_interpolate(density, weights), 0)
    divisor = _interpolate(scale, weights)
    seen = np.divide(sampled, divisor, out=np.zeros_like(sampled), where=divisor > 0)
    return seen[None, None]


def _interpolate(volume, weights):
    """Separable interpolation with one (first sample, matrix) per axis."""
    part = volume[tuple(slice(first, first + matrix.shape[1]) for first, matrix in weights)]
    for _, matrix in weights:  # each turn handles the first axis and makes it the last
        part = np.tensordot(part, matrix, axes=(0, 1))
    return np.ascontiguousarray(part)


def _sinc_weights(positions, size):
    """Windowed sinc weights of the samples for positions in voxels; none beyond the ends.

    Returns
    -------
    first : int
        First sample that takes part.
    matrix : numpy.ndarray of float32, (positions, samples)
    """
    first = int(np.clip(np.floor(positions[0]) - _SINC_REACH, 0, size - 1))
    last = int(np.clip(np.ceil(positions[-1]) + _SINC_REACH, 0, size - 1))
    distance = positions[:, None] - np.arange(first, last + 1)
    window = fourier.raised_cosine(np.abs(distance), 0, _SINC_REACH)
    inside = (positions >= 0) & (positions <= size - 1)
    return first, (np.sinc(distance) * window * inside[:, None]).astype(np.float32)


def _verdict(score, error, voxels):
    if score <= _UNCERTAIN:
        verdict = "the map has the right hand"
    elif score - 2 * (error or 0) <= _FLIPPED:
        verdict = "the hand is uncertain"
    else:
        verdict = "the map is probably mirrored"
    spread = "" if error is None else " ± %.3f (standard error)" % error
    return "The score is %.3f%s, from %d helical voxels: %s." % (score, spread, voxels, verdict)


def _histogram(hands, score):
    counts, edges = np.histogram(hands, bins=40, range=(0, 1))
    return Bars(
        caption="Hand that the helical voxels show; the line marks the score, their mean.",
        alt="Histogram, from 0 for the right hand to 1 for the mirror image.",
        x_label="Probability of a mirrored helix", y_label="Helical voxels", edges=edges,
        counts=_VOXELS_PER_ANSWER * counts, marks=[Mark(score, "score")])


def _surface(data):
    return Surface(
        caption="Map coloured by the hand of its alpha helices: 0 right, 1 mirrored, 0.5 where "
                "no helix was found.",
        alt="The surface of the map from three sides, helices coloured by their hand.",
        volume="map", level=float(data.map.threshold), colour_by="helix_hand",
        colour_label="Probability of a mirrored helix", colour_range=[0.0, 1.0],
        scale="part")
