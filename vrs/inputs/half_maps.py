"""Two half maps: reconstructions from separate halves of the particles."""

import os
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import fft, ndimage

from vrs.errors import InputError
from vrs.inputs import Kind, Loaded, Option, Source, register
from vrs.inputs.map import box_problems
from vrs.io import headers
from vrs.io.maps import read_map
from vrs.io.problems import collected
from vrs.numerics.fourier import shell_counts, shell_frequencies, shell_sums
from vrs.numerics.fsc import correlation, cross_and_powers, first_crossing, shell_correlation
from vrs.results import Note, Paragraph
from vrs.results.sections import maximum_variance_slices

_SAME = 0.9999
_AGREEMENT = 0.9
_ZEROS = 0.5
# Programs that mask softly leave next to nothing of the noise far from the macromolecule.
_SOFT_MASK = 0.01
_LOW_PASS = 1e-3
_COMMON_NOISE = 0.05
_BEYOND = 1.3
_SMOOTHING = 5
_THRESHOLD = 0.143


@dataclass(frozen=True)
class HalfMaps:
    """Two half maps in the box of the map.

    Attributes
    ----------
    first, second : numpy.ndarray of float32, (z, y, x)
        Not to be written to.
    """

    first: np.ndarray
    second: np.ndarray

    @property
    def both(self):
        """The two, as a pair."""
        return self.first, self.second

    @cached_property
    def mean(self):
        """Mean of the two, float32 (z, y, x)."""
        return (self.first + self.second) / 2


class _HalfMapsKind(Kind):
    name = "half_maps"
    title = "Half maps"
    words = "two half maps"
    place = 10
    help = ("The two maps reconstructed from separate halves of the particles, in the box of the "
            "map; neither masked nor filtered nor sharpened. The map may bring them along, as "
            "those of refinements and of EMDB entries do.")
    from_map = "Those of the map"
    options = (
        Option("half1", "first half map, neither masked nor filtered", "Half map 1",
               "The first half map, as it was reconstructed.", pointer="Volume", of_entry=True),
        Option("half2", "second half map", "Half map 2",
               "The second half map, as it was reconstructed.",
               pointer="Volume", of_entry=True),
    )

    def probe(self, given, probed):
        problems, found = [], []
        paths = _paths(given)
        map_header = probed.get("map")
        for path in paths:
            with collected(problems):
                header = headers.read_header(path)
                problems += (headers.volume_problems(header) + headers.cell_problems(header))
                found.append(header)
                if map_header is not None:
                    problems += box_problems("half map", "half maps", path, header.box,
                                             map_header.box)
                    if given.get("sampling") in (None, "") and header.sampling:
                        problems += _sampling_problems(path, header.sampling, map_header.sampling)
        if problems:
            raise InputError(problems)
        return found

    def load(self, given, evidence):
        halves = read_halves(_paths(given), evidence.map, given.get("sampling"))
        notes = [note for half in halves for note in _half_notes(half, evidence.map)]
        return Loaded(HalfMaps(*(half.volume for half in halves)),
                      tuple(Source("Half map %d" % number, half.path)
                            for number, half in enumerate(halves, 1)), tuple(notes))

    def describe(self, evidence):
        return _findings(evidence), _content(evidence)


HALF_MAPS = register(_HalfMapsKind())


def _paths(given):
    paths = [str(given[name]) for name in ("half1", "half2") if given.get(name)]
    if len(paths) == 1:
        raise InputError("One half map was given; give both, by --half1 and --half2.")
    return paths


def read_halves(paths, whole, sampling=None):
    """Read the half maps of a map and check them.

    Parameters
    ----------
    paths : sequence of str
        Two, or none.
    whole : MapFile or MapEvidence or None
        The map, of which ``volume`` and ``sampling`` are asked; None when it could not be
        read.
    sampling : float or str, optional
        Å/voxel; overrides the headers'.

    Returns
    -------
    list of MapFile

    Raises
    ------
    InputError
        If they cannot be read, do not fit the map, or are the same.
    """
    problems, halves = [], []
    for path in paths:
        with collected(problems):
            unknown = headers.read_header(str(path)).sampling is None
            halves.append(read_map(str(path), whole.sampling if unknown and whole else sampling))
    for half in halves if whole is not None else []:
        problems += _half_problems(half, whole)
    if len(halves) == 2 and np.array_equal(halves[0].volume, halves[1].volume):
        problems.append("The half maps %s and %s are identical; give the two reconstructions from "
                        "separate halves of the particles." % tuple(half.path for half in halves))
    if problems:
        raise InputError(problems)
    return halves


def _half_problems(half, whole):
    problems = box_problems("half map", "half maps", half.path, half.volume.shape[::-1],
                            whole.volume.shape[::-1])
    if not problems and np.array_equal(half.volume, whole.volume):
        problems.append("The half map %s is the map itself; give the two reconstructions from "
                        "separate halves of the particles." % half.path)
    return problems + _sampling_problems(half.path, half.sampling, whole.sampling)


def _sampling_problems(path, sampling, map_sampling):
    if abs(sampling / map_sampling - 1) <= headers.MAX_ANISOTROPY:
        return []
    return ["The half map %s has voxels of %g Å and the map has voxels of %g Å; give maps of one "
            "voxel size, or say by the sampling which one is right."
            % (path, sampling, map_sampling)]


def _half_notes(half, whole):
    if abs(half.sampling / whole.sampling - 1) <= headers.SAME_SAMPLING:
        return []
    return [Note("The voxel size of the half map %s is %g Å in its header; the map's, %g Å, is "
                 "used." % (os.path.basename(half.path), half.sampling, whole.sampling))]


def _findings(evidence):
    """What is suspicious about the halves."""
    data = evidence.map
    frequencies = shell_frequencies(data.volume.shape, data.sampling)
    fsc, noise = _halves_by_shell(evidence)
    # Single shells near the origin have few coefficients and may dip by chance.
    crossing = first_crossing(frequencies, ndimage.uniform_filter1d(fsc, _SMOOTHING), _THRESHOLD)
    limit = crossing.frequency if crossing.falls else None
    resolution = evidence.reported.resolution
    reported = 1 / resolution if resolution else None
    notes = [_sum_note(evidence, reported or limit or frequencies[-1])]
    notes += _mask_notes(evidence)
    notes += _low_pass_notes(frequencies, noise)
    if limit or reported:
        notes += _independence_notes(frequencies > _BEYOND * (limit or reported), fsc,
                                     shell_counts(data.volume.shape))
    return notes


def _halves_by_shell(evidence):
    """FSC of the halves, and mean power of their half difference, by shell."""
    shape = evidence.map.volume.shape
    one, two = (fft.rfftn(half, workers=evidence.run.workers) for half in evidence.half_maps.both)
    cross, power1, power2 = shell_sums(shape, lambda z: cross_and_powers(one[z], two[z]))
    noise = (power1 + power2 - 2 * cross) / 4
    return correlation(cross, power1, power2), noise / shell_counts(shape)


def _sum_note(evidence, limit):
    """How the map and the mean of the halves agree, up to a frequency."""
    mean = evidence.half_maps.mean
    same = _correlation(mean, evidence.map.volume)
    if same > _SAME:
        return Note("The map is the sum or the mean of the two half maps.")
    shape = evidence.map.volume.shape
    one, two = (fft.rfftn(volume * evidence.map.soft_mask, workers=evidence.run.workers)
                for volume in (mean, evidence.map.volume))
    agreement = shell_correlation(one, two, shape)
    within = shell_frequencies(shape, evidence.map.sampling) <= limit
    middle = float(np.median(agreement[within]))
    if middle < _AGREEMENT:
        return Note("The half maps do not sum to the map: within the mask and up to the "
                    "resolution, the Fourier shell correlation of their mean with the map has a "
                    "median of %.2f only. They may belong to another map, or the map was changed "
                    "by more than a filter, a sharpening or a mask." % middle, "warning")
    return Note("Filtered and sharpened, the mean of the half maps is the map: within the mask and "
                "up to the resolution, their Fourier shell correlation has a median of %.3f."
                % middle)


def _correlation(one, two):
    one, two = one - one.mean(), two - two.mean()
    scale = np.sqrt(np.vdot(one, one) * np.vdot(two, two))
    return float(np.vdot(one, two) / scale) if scale > 0 else 0.0


def _mask_notes(evidence):
    outside = ~evidence.map.hard_mask
    if not outside.any():
        return []
    first, second = evidence.half_maps.both
    zeros = np.mean((first == 0)[outside] & (second == 0)[outside])
    if zeros > _ZEROS:
        return [Note("The half maps are masked: %.0f %% of the voxels outside the mask are exactly "
                     "zero in both. A mask that the halves share raises their correlation; give "
                     "the halves as they were reconstructed." % (100 * zeros), "warning")]
    noise = np.square(first - second)
    inside, around = noise[evidence.map.hard_mask].mean(), np.median(noise[outside])
    if around < _SOFT_MASK * inside:
        return [Note("The half maps seem to be masked: around the macromolecule they have next to "
                     "no noise. A mask that the halves share raises their correlation; give the "
                     "halves as they were reconstructed.", "warning")]
    return []


def _low_pass_notes(frequencies, noise):
    """Noise that ends before Nyquist was filtered away."""
    left = np.flatnonzero(noise > _LOW_PASS * noise[1:].max())
    if left.size == 0 or left[-1] >= 0.95 * (len(noise) - 1):
        return []
    return [Note("The half maps look low-passed: beyond %.3g Å they have next to no noise. Give "
                 "them unfiltered; beyond the filter nothing can be learnt from them."
                 % (1 / frequencies[left[-1]]), "warning")]


def _independence_notes(beyond, fsc, counts):
    """The noise of the shells beyond the resolution has to be independent."""
    if np.count_nonzero(beyond) < 3:
        return []
    weights = counts[beyond] / counts[beyond].sum()
    mean = float(weights @ fsc[beyond])
    # Coefficients come in conjugate pairs.
    error = np.sqrt(2 / counts[beyond].sum())
    if mean < max(_COMMON_NOISE, 5 * error):
        return []
    return [Note("The half maps do not look independent: beyond the resolution their Fourier shell "
                 "correlation stays at %.2f instead of falling to 0, so they share noise. They "
                 "may come from one common refinement, or were masked together." % mean, "warning")]


def _content(evidence):
    def slices(volume, what, colours="density"):
        return maximum_variance_slices(
            volume, evidence.map.sampling, "Slices of maximum variance of %s." % what,
            "The section of largest variance of %s along each of X, Y and Z." % what, colours)

    first, second = evidence.half_maps.both
    return [
        slices(first, "half map 1"),
        slices(second, "half map 2"),
        Paragraph("The difference of the half maps holds their noise only. Where it shows the "
                  "macromolecule, the halves differ in more than noise: in their scale or by an "
                  "error of the alignment."),
        slices(first - second, "the difference of the half maps", "signed")]
