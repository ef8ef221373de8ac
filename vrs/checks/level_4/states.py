"""4.e: do the particles show one state of the specimen, or more?"""

from dataclasses import dataclass

import numpy as np

from vrs.checks import LIST, Check, Criterion, Findings, NotMeasured, Quantity, register
from vrs.checks.level_4.orientations import require_particles
from vrs.checks.particle_images import ASSIGNED_PARTICLES, FIRST_SHELL, spread_rows
from vrs.images.gallery import view_matrices
from vrs.images.particles import fourier_cropped
from vrs.images.projector import Projector
from vrs.images.states import Variability, correlation, white_images
from vrs.inputs.map import MAP
from vrs.inputs.particles import ANGLES, CTF, IMAGES, PARTICLES
from vrs.numerics.fourier import filtered
from vrs.numerics.projection import CentralSections, Reconstruction
from vrs.numerics.resample import fourier_resample
from vrs.numerics.sections import slice_variances
from vrs.numerics.sphere import spiral
from vrs.results import Bars, Mark, Paragraph, ParticleValues, Slice, Slices, plain

_RESOLUTION, _MOST_SHELLS = 16.0, 14
# Particles times copies by symmetry.
_MOST_ROWS = 12_000
_FEWEST = 100
_CHANCE = 0.01
# Permutations of each half; each of one is compared with each of the other.
_PERMUTATIONS = 12
_PART = 0.1  # Of the density, that the planted state lacks.
_AXES = "xyz"
_VIEWS = 500
_IN_MASK = 0.1
# Where the CTF is smaller, images that were multiplied by it are left out.
_LEAST_CTF = 0.1
_SEED = 5
_BINS = 20
_FINER = 3  # Voxels of a figure to one of the coarse map.


@register
class SecondState(Check):
    """Classification without alignment, judged by whether it is reproducible."""

    id = "4.e"
    title = "Classification without alignment"
    # Unknown CTFs would split both halves alike, by the defocus.
    requires = (MAP, PARTICLES, IMAGES, ANGLES, CTF)
    uses = (ASSIGNED_PARTICLES,)
    explanation = (
        "With the orientations of the table held fixed, the particles of two random halves are "
        "split into two classes, each half on its own. Any set can be split, as noise differs "
        "from image to image, so the question is whether both halves are split in the same way. "
        "The difference between the two classes of a half is the map along which its particles "
        "vary most (their first principal volume, to %g Å or %d shells); what a change of the grey "
        "scale, the envelope, the orientation or the centre of single particles would explain is "
        "left out. If the maps of the two halves correlate more than by chance, the particles show "
        "more than one state. Chance is what the images give after they were exchanged among the "
        "orientations. Particles that are too few or too noisy would hide a second state. "
        "Therefore one is planted in the same images: half of the particles of each half lose a "
        "tenth of the density, the outermost one along x, y or z. Only where all three are found "
        "does the item say that there is one state." % (_RESOLUTION, _MOST_SHELLS))
    quantities = (
        Quantity("difference_correlation", "",
                 "Correlation of the difference maps of two halves of the particles"),
        Quantity("p_value", "", "Probability of such a correlation by chance"),
        Quantity("chance_correlation", "",
                 "Correlation that chance exceeds once in a hundred times"),
        Quantity("planted_correlation", "",
                 "Correlation for a planted state, the least of three"),
        Quantity("planted_p_value", "", "Its probability by chance"),
        Quantity("power", "", "Number of particles times the mean logarithm of the likelihood "
                 "ratio of the planted states, the least of three"),
        Quantity("sizes", "%", "Parts of the two classes, where they are reproducible", LIST),
        Quantity("resolution_used", "Å", "Detail that was compared"),
        Quantity("particles_used", "", "Particles that were classified"),
    )
    references = ("Tipping1999", "Penczek2011")
    criteria = (
        Criterion(name="p_value", subject="the probability by chance that the two halves of the "
                  "particles differ in the same way", relation=">=", bound=_CHANCE,
                  warning="Both halves of the particles are split in the same way "
                  "(p = {value:.2g}, at least {bound} expected): they show more than one state of "
                  "the specimen; classify them in 3D and refine each class by itself."),
    )
    summary_ok = "The particles show no second state."
    summary_warnings = "The particles show more than one state."

    def compute(self, evidence):
        particles = evidence.shared(ASSIGNED_PARTICLES)
        group, count = particles.group, len(particles.sample)
        require_particles(count, _FEWEST, "leave the classes to chance")
        used = spread_rows(count, _MOST_ROWS // len(group))
        specimen, white = _specimen(evidence, particles, used)
        rng = np.random.default_rng(_SEED)
        order = rng.permutation(len(used))
        rows = [np.sort(order[half::2]) for half in (0, 1)]
        halves = [Variability(white.take(part), group, specimen.mask) for part in rows]
        found = _search(halves, specimen.planted(group), rng)
        scores = np.empty(len(used))
        for half, part, other in zip(halves, rows, found.differences[::-1]):
            scores[part] = half.scores(other)
        is_split = found.p_value < _CHANCE
        larger = max(np.mean(scores > 0), np.mean(scores <= 0))
        metrics = plain({
            "difference_correlation": found.correlation, "p_value": found.p_value,
            "chance_correlation": np.quantile(found.chance, 1 - _CHANCE),
            "planted_correlation": found.planted, "planted_p_value": found.planted_p_value,
            "power": len(used) * found.likelihood_ratio,
            "sizes": [100 * larger, 100 * (1 - larger)] if is_split else None,
            "resolution_used": specimen.resolution, "particles_used": len(used)})
        _refuse(metrics)
        return Findings(metrics, _content(metrics, found, specimen), _values(
            particles.sample.rows[used], scores) if is_split else [])


@dataclass(frozen=True, eq=False)
class _Specimen:
    """The map as the coarse images show it.

    Attributes
    ----------
    volume : numpy.ndarray of float32, (box, box, box)
        In the scale of the images.
    mask : numpy.ndarray of float32, (box, box, box)
        0 or 1.
    sampling : float
        Å/voxel.
    resolution : float
        Å.
    """

    volume: np.ndarray
    mask: np.ndarray
    sampling: float
    resolution: float

    def planted(self, group):
        """The outermost tenth of the density along each axis, with the symmetry."""
        size = len(self.volume)
        axis = np.arange(size) - size // 2
        z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
        places = np.stack([x, y, z], axis=-1)
        density = np.maximum(self.volume, 0) * self.mask
        parts = []
        for number in range(3):
            height = np.max([(places @ copy.T)[..., number] for copy in group], axis=0).ravel()
            order = np.argsort(-height, kind="stable")
            cumulated = np.cumsum(density.ravel()[order], dtype=float)
            outer = order[:np.searchsorted(cumulated, _PART * cumulated[-1])]
            part = np.zeros(density.size, np.float32)
            part[outer] = density.ravel()[outer]
            parts.append(part.reshape(density.shape))
        return parts


def _specimen(evidence, particles, used):
    """The coarse map and the images of the particles that are used."""
    sample, seen = particles.sample, evidence.map
    last = min(sample.shell(_RESOLUTION), _MOST_SHELLS)
    box = min(2 * (last + 2), sample.box)
    sampling = sample.box * sample.sampling / box
    sections = CentralSections(box, workers=sample.workers, first=FIRST_SHELL, last=last)

    def projector(volume):
        return Projector(volume, seen.sampling, box, sampling, sample.workers)

    masked = projector(seen.volume * seen.soft_mask)
    coefficients, ctf = _coefficients(sample, used, sections, sampling)
    white = white_images(coefficients, ctf, particles.rotations[used], masked, sections)
    whole = CentralSections(box, workers=sample.workers, last=last)
    mask = _coarse(projector(seen.soft_mask.astype(np.float32)), whole) > _IN_MASK
    if not mask.any():
        raise NotMeasured("The mask is empty at %.0f Å; check the threshold." % _RESOLUTION)
    factors = white.factors.copy()
    factors[:FIRST_SHELL] = factors[FIRST_SHELL]
    volume = filtered(_coarse(masked, whole), 1.0, lambda squared: np.interp(
        np.sqrt(squared) * box, np.arange(len(factors)), factors, right=0).astype(np.float32))
    return _Specimen(volume, mask.astype(np.float32), sampling, box * sampling / last), white


def _coefficients(sample, used, sections, sampling):
    """Coefficients of images about the particles' centres, and their CTF."""
    coefficients = np.empty((len(used), len(sections.wave_numbers)), np.complex64)
    ctf = np.empty(coefficients.shape, np.float32)
    frequencies, done = sections.frequencies(sampling), 0
    for batch in sample.batches(used):
        part = slice(done, done + len(batch.rows))
        images = fourier_cropped(batch.images, sections.box, sample.workers)
        coefficients[part] = sections.coefficients(images) * sections.shifts(
            batch.shifts * (sections.box / sample.box))
        ctf[part] = batch.contrast.values(frequencies)
        _divide(coefficients[part], ctf[part], batch.contrast, frequencies)
        done = part.stop
    return coefficients, ctf


def _divide(coefficients, ctf, contrast, frequencies):
    """Images that were multiplied by their CTF as they were before, in place.

    Their noise was multiplied, too, and would not have the same strength in all.
    """
    multiplied = np.array([state == "premultiplied" for state in contrast.states])
    members = np.flatnonzero(multiplied[contrast.group])
    if members.size:
        raw = contrast.in_state("raw").take(members).values(frequencies)
        usable = np.abs(raw) > _LEAST_CTF
        coefficients[members] = np.where(usable, coefficients[members] / np.where(
            usable, raw, 1), 0)
        ctf[members] = np.where(usable, raw, 0)


def _coarse(projector, sections):
    """A map in the box of the sections."""
    views = view_matrices(spiral(_VIEWS))
    values = projector.slices(views, sections.wave_numbers)
    made = Reconstruction(sections)
    made.insert(sections.place(views), [values], np.ones(values.shape, np.float32))
    return made.volume()


@dataclass(frozen=True, eq=False)
class _Found:
    """Difference maps and what chance and planted states would give.

    Attributes
    ----------
    differences : list of numpy.ndarray of float32, (box, box, box)
        Of both halves, with the same sign.
    correlation, p_value : float
        Of the two, without its sign.
    chance : numpy.ndarray, (k,)
        Correlations after permutation.
    planted, planted_p_value, likelihood_ratio : float
        The least correlation of planted states, its probability, and the least mean logarithm
        of their likelihood ratio.
    """

    differences: list
    correlation: float
    p_value: float
    chance: np.ndarray
    planted: float
    planted_p_value: float
    likelihood_ratio: float


def _search(halves, planted, rng):
    first, second = (half.principal_volume(half.residuals, rng) for half in halves)
    if correlation(first, second) < 0:
        second = -second
    by_chance = [[half.principal_volume(half.permuted(rng), rng) for _ in range(_PERMUTATIONS)]
                 for half in halves]
    chance = np.array([abs(correlation(one, other)) for one in by_chance[0]
                       for other in by_chance[1]])
    correlations, ratios = [], []
    for part in planted:
        volumes = []
        for half in halves:
            residuals, ratio = half.planted(part, rng)
            volumes.append(half.principal_volume(residuals, rng))
            ratios.append(ratio)
        correlations.append(abs(correlation(*volumes)))
    least = min(correlations)
    agreement = correlation(first, second)
    return _Found([first, second], agreement, _p_value(agreement, chance), chance, least,
                  _p_value(least, chance), min(ratios))


def _p_value(value, chance):
    return (1 + np.sum(chance >= value)) / (1 + len(chance))


def _refuse(metrics):
    """One state is not told where a second one would not have been found."""
    if metrics["p_value"] >= _CHANCE and metrics["planted_p_value"] >= _CHANCE:
        raise NotMeasured(
            "The particles are too few or too noisy: if half of them lacked a tenth of the "
            "density, this would not be found (correlation of the halves %.2f, by chance up to "
            "%.2f; %d particles times the mean log likelihood ratio give %s). Use more "
            "particles." % (
                metrics["planted_correlation"], metrics["chance_correlation"],
                metrics["particles_used"], format(round(metrics["power"]), ",")))


def _values(rows, scores):
    return [ParticleValues("vrsState", "State of the particle, 1 or 2, by the difference map of "
                           "particles of the other half", "", rows, np.where(scores > 0, 1.0, 2.0)),
            ParticleValues("vrsStateLogRatio", "Logarithm of the likelihood ratio of states 1 "
                           "and 2", "", rows, scores)]


def _content(metrics, found, specimen):
    text = ("The difference maps of the two halves have a correlation of %.2f (p = %.2g; chance "
            "exceeds %.2f once in a hundred times). For planted states, where half of the "
            "particles lack a tenth of the density, it is %.2f or more; %d particles times their "
            "mean log likelihood ratio give %s. The comparison goes to %.3g Å." % (
                metrics["difference_correlation"], metrics["p_value"],
                metrics["chance_correlation"], metrics["planted_correlation"],
                metrics["particles_used"], format(round(metrics["power"]), ","),
                metrics["resolution_used"]))
    content = [Paragraph(text)]
    if metrics["p_value"] < _CHANCE:
        content.append(Paragraph(
            "The classes have %.0f and %.0f %% of the particles; where single images hardly tell "
            "the states apart these are close to 50 %% whatever the proportions of the states. "
            "Classify the particles in 3D, and look at the places where the two halves below agree."
            % tuple(metrics["sizes"])))
    return content + [_histogram(metrics, found), _sections(found, specimen)]


def _histogram(metrics, found):
    top = max(found.chance.max(), metrics["difference_correlation"],
              metrics["planted_correlation"])
    edges = np.linspace(0, min(1.05 * top, 1), _BINS + 1)
    return Bars("Correlations of the difference maps of two halves by chance, of the particles, "
                "and the least of the planted states.",
                "Histogram of the correlations by chance, with marks at what was found.",
                "Correlation", "Pairs of permutations", edges,
                np.histogram(found.chance, edges)[0],
                [Mark(metrics["difference_correlation"], "particles"),
                 Mark(metrics["planted_correlation"], "planted")])


def _sections(found, specimen):
    fine = [fourier_resample(volume, (_FINER * len(volume),) * 3)
            for volume in found.differences]
    mean = sum(fine) / 2
    variances = slice_variances(mean)
    panels = []
    for number, volume in enumerate(fine):
        scaled = volume / np.abs(mean).max()
        for name, axis in zip("XYZ", (2, 1, 0)):
            index = int(np.argmax(variances[axis]))
            image = np.take(scaled, index, axis)
            panels.append(Slice("half %d, %s = %.0f Å" % (
                number + 1, name, (index / _FINER - len(specimen.mask) // 2) * specimen.sampling),
                image, specimen.sampling / _FINER))
    return Slices("Difference between the two classes, found in each half of the particles on its "
                  "own: the same sections of both, with their distance from the centre. Colours "
                  "that agree are reproducible.",
                  "Sections of the difference maps of the two halves.", panels, "signed")
