"""4.f: do the particles resolve more than noise that was aligned to the map would?"""

import logging
from dataclasses import dataclass, replace

import numpy as np

from vrs.checks import LIST, Check, Criterion, Findings, NotMeasured, Quantity, register
from vrs.checks.level_4.orientations import require_particles
from vrs.checks.particle_images import ASSIGNED_PARTICLES, FIRST_SHELL, spread_rows
from vrs.images.gallery import Rings, gallery_of_map
from vrs.images.halves import SIZES, HalfComparison, divided, half_curves
from vrs.images.noise import measure_spectra, simulate
from vrs.images.particles import fourier_cropped
from vrs.images.projector import Projector
from vrs.images.refine import LocalSearch, align
from vrs.images.search import Search, shift_grid
from vrs.images.symmetry import asymmetric_unit, equivalent_orientations
from vrs.inputs.map import MAP
from vrs.inputs.particles import ANGLES, IMAGES, PARTICLES
from vrs.numerics.fsc import FSC_THRESHOLD
from vrs.results import SERIOUS, Paragraph, Plot, Series, plain

_FEWEST, _MOST = 200, 10_000
# Images that are placed, copies by symmetry included.
_MOST_COPIES = 40_000
# No finer detail is used to align noise or particles, Å.
_BAND = 20.0
_SPACING, _REACH = 7.5, 0.25  # Of directions, degrees; of shifts, parts of the finest detail.
_ERRORS = 2
_MEASURED = 500
_LEAST_FITTED = 3
_FEWEST_SHELLS = 3

logger = logging.getLogger(__name__)


@register
class OverfittingDetection(Check):
    """Resolution of halves of few and many particles, beside noise that was aligned."""

    id = "4.f"
    title = "Overfitting detection"
    requires = (MAP, PARTICLES, IMAGES, ANGLES)
    uses = (ASSIGNED_PARTICLES,)
    explanation = (
        "Images of pure noise that are aligned to a map add up to that map, and two halves of them "
        "agree: a resolution obtained in this way means nothing. Two half maps are reconstructed "
        "from 3, 10, 30, 75 and 100 %% of the particles with the angles of the table, five times "
        "where there are enough, and their resolution is the Fourier shell correlation (FSC) at "
        "0.143 within a soft sphere. The same is done with noise of the particles' spectrum that "
        "is aligned to the map with detail up to %g Å only. Its halves agree up to there and not "
        "beyond, whereas real particles have signal beyond the detail that they are aligned by. "
        "The particles themselves, aligned again in the same way, must therefore resolve more than "
        "the noise: the angles of the table play no part in this, and fine detail that the images "
        "were merely fitted to is lost. Particles with the angles of other particles, and noise "
        "with the particles' angles, show what is expected by chance. Many good particles add up "
        "to something whatever their angles, and the FSC of their halves may stay near 0.143: "
        "beside them the mean FSC, up to the farther of both resolutions, is compared instead of "
        "the resolution. Sizes at which nothing goes clearly beyond the band of the alignment are "
        "not judged. The slope of 1/d² against the logarithm of the number of particles gives the "
        "B-factor of the data." % _BAND)
    quantities = (
        Quantity("sizes", "", "Numbers of particles of both halves together", LIST),
        Quantity("resolutions", "Å", "FSC 0.143 with the angles of the table, for these sizes",
                 LIST),
        Quantity("resolution_errors", "Å", "Standard errors of these resolutions", LIST),
        Quantity("noise_resolutions", "Å", "The same for noise that was aligned to the map", LIST),
        Quantity("realigned_resolutions", "Å",
                 "The same for the particles when they are aligned like the noise", LIST),
        Quantity("permuted_resolutions", "Å",
                 "The same for particles with the angles of other particles", LIST),
        Quantity("fixed_noise_fsc", "", "Mean FSC beyond the band for noise that has the "
                 "particles' angles; 0 apart from chance"),
        Quantity("band", "Å", "Resolution beyond which a size is judged: the first shell that had "
                 "no part in the alignment"),
        Quantity("judged_sizes", "", "Sizes at which the particles or the noise go beyond this "
                 "resolution by %d standard errors; all particles, where either go beyond %g Å"
                 % (_ERRORS, _BAND)),
        Quantity("not_better_sizes", "", "Judged sizes at which the particles do not resolve %d "
                 "standard errors better than the noise, or their mean FSC is not %d standard "
                 "errors above that with the angles of other particles" % (_ERRORS, _ERRORS)),
        Quantity("realigned_advantage", "standard errors", "How much better all particles, aligned "
                 "again, resolve than the noise"),
        Quantity("expected_advantage", "standard errors", "The same for simulated particles with "
                 "as strong a signal; computed where the value of the particles is too small"),
        Quantity("b_factor", "Å²", "From the resolution as a function of the number of particles"),
        Quantity("slope_upper", "1/Å²", "Slope of 1/d² against the logarithm of the number of "
                 "particles, plus %d standard errors" % _ERRORS),
        Quantity("particles_used", "", "Particles used"),
    )
    references = ("Rosenthal2003", "Henderson2013", "Chen2013")
    criteria = (
        Criterion(name="sizes", metric="not_better_sizes",
                  subject="the number of set sizes at which the particles resolve no better than "
                  "aligned noise, or no better than with the angles of other particles,",
                  relation="<=", bound=0,
                  warning="At {value:.0f} of the set sizes the particles, with the angles of the "
                  "table, resolve no better than aligned noise, or no better than with the angles "
                  "of other particles: the angles may be wrong, or the images may hold no "
                  "particles. Refine again from a map low-passed to 40 Å or more.",
                  severity=SERIOUS),
        Criterion(name="realigned", metric="realigned_advantage",
                  subject="the advantage of particles that are aligned again over aligned noise",
                  relation=">=", bound=_ERRORS, unit="standard errors",
                  warning="Aligned again with coarse detail only, the particles resolve hardly "
                  "more than noise does ({value:.1f} standard errors better, at least {bound} "
                  "expected): the fine detail of the map may be noise that was fitted to a "
                  "reference; make an initial model from the particles themselves and refine "
                  "again.",
                  severity=SERIOUS, service=()),
        Criterion(name="slope", metric="slope_upper",
                  subject="the slope of 1/d² against the logarithm of the number of particles, "
                  "with %d standard errors added," % _ERRORS, relation=">", bound=0,
                  warning="The resolution does not rise with the number of particles: what the "
                  "halves share does not come from the particles. Look at them in 2D classes "
                  "before refining again.", service=()),
    )
    summary_ok = "The particles resolve more than aligned noise."
    summary_warnings = "The particles may resolve no more than aligned noise."

    def compute(self, evidence):
        found = evidence.shared(ASSIGNED_PARTICLES)
        require_particles(len(found.sample), _FEWEST, "cannot be divided")
        trial = _Trial(evidence, found)
        user, noise, permuted, realigned = (trial.growth(name) for name in (
            "particles", "noise", "permuted", "realigned"))
        excess = trial.comparison.excess(user, permuted)
        verdict = _judged(trial, user, noise, realigned, excess)
        if not verdict.judged.any():
            raise NotMeasured(
                "Neither the particles nor aligned noise resolves anything beyond the %g Å used "
                "for aligning the noise: all %s particles reach %.1f Å, aligned noise %.1f Å. More "
                "particles are needed." % (_BAND, format(trial.count, ","),
                                           1 / user.frequencies[-1], 1 / noise.frequencies[-1]))
        if verdict.is_open:
            raise NotMeasured(
                "%s particles are too few to judge: aligned with detail up to %g Å they reach %.1f "
                "Å and noise %.1f Å, but simulated particles with as strong a signal would not do "
                "better either (%.1f Å). Use more particles (--particles-used)." % (
                    format(trial.count, ","), _BAND, 1 / realigned.frequencies[-1],
                    1 / noise.frequencies[-1], 1 / verdict.twin.frequencies[-1]))
        fixed = trial.fixed_noise()
        line = _fit(trial.sizes, user, trial.edge)
        metrics = plain({
            "sizes": trial.sizes.tolist(), "resolutions": _resolutions(user),
            "resolution_errors": (user.errors / user.frequencies ** 2).tolist(),
            "noise_resolutions": _resolutions(noise),
            "realigned_resolutions": _resolutions(realigned),
            "permuted_resolutions": _resolutions(permuted),
            "fixed_noise_fsc": float(fixed[trial.beyond].mean()), "band": 1 / trial.edge,
            "judged_sizes": int(verdict.judged.sum()),
            "not_better_sizes": int((verdict.judged & ~verdict.better).sum()),
            "realigned_advantage": verdict.advantage,
            "expected_advantage": verdict.expected,
            "b_factor": None if line is None or line[0] <= 0 else 2 / line[0],
            "slope_upper": None if line is None else line[0] + _ERRORS * line[2],
            "particles_used": trial.count})
        curves = [("particles", user.curves[-1]), ("particles, aligned again",
                                                   realigned.curves[-1]),
                  ("aligned noise", noise.curves[-1]),
                  ("particles, others' angles", permuted.curves[-1]),
                  ("noise, particles' angles", fixed)]
        return Findings(metrics, [
            Paragraph(_sentence(trial, user, noise, realigned, line)),
            _growth_figure(trial, [("particles", user), ("particles, aligned again", realigned),
                                   ("aligned noise", noise),
                                   ("particles, others' angles", permuted)]),
            _curve_figure(trial, curves)])


class _Trial:
    """Particles, noise and what else is reconstructed in halves of all sizes."""

    def __init__(self, evidence, found):
        self.found, self.sample = found, found.sample
        sample, seed = self.sample, evidence.run.seed
        self._rng = np.random.default_rng(seed)
        most = max(min(_MOST, _MOST_COPIES // len(found.group)), _FEWEST)
        rows = spread_rows(len(sample), most)
        self.count = len(rows)
        subset = sample.table.subset if sample.table.has_halves else None
        if subset is None:
            subset = np.empty(len(sample), int)
            subset[rows] = self._rng.permutation(np.arange(self.count) % 2 + 1)
        self.halves = [rows[subset[rows] == half] for half in (1, 2)]
        if min(map(len, self.halves)) < _FEWEST // 2:
            raise NotMeasured("The half sets of the table hold %d and %d of the particles used; at "
                              "least %d are needed in each." % (
                                  len(self.halves[0]), len(self.halves[1]), _FEWEST // 2))
        self.blocks = divided(self.halves, self._rng)
        self.sizes = np.rint(np.array(SIZES) * sum(map(len, self.halves)) / 100).astype(int)
        self._partner = np.arange(len(sample))
        self._partner[rows] = self._rng.permutation(rows)
        self.comparison = HalfComparison(sample.box, sample.sampling, sample.diameter,
                                         sample.workers)
        last = sample.shell(_BAND)
        # The first shell that took no part in the alignment.
        self.edge = (last + 1) * self.comparison.frequencies[1]
        # All particles together are judged wherever the detail that was given to it ends.
        self.edges = np.where(np.array(SIZES) == 100, 1 / _BAND, self.edge)
        self.beyond = self.comparison.frequencies > self.edge
        if self.beyond.sum() < _FEWEST_SHELLS:
            raise NotMeasured("Noise is aligned with detail up to %g Å, and the images hold hardly "
                              "finer detail (%.1f Å at best)." % (
                                  _BAND, 1 / self.comparison.frequencies[-1]))
        some = sample.batch(spread_rows(len(sample), _MEASURED))
        self._spectra = measure_spectra(some.images, found.rotations[some.rows], some.shifts,
                                        found.projector, sample.diameter, some.contrast)
        self._small = min(sample.box, 2 * int(np.ceil(1.4 * last)))
        self._search = _search(evidence, found, last, self._small)

    def growth(self, name):
        """Resolutions of halves of all sizes; a Growth.

        Parameters
        ----------
        name : str
            "particles", "noise", "permuted", "realigned" or "twin" (simulated particles).
        """
        logger.info("Reconstructing halves: %s", name)
        source = getattr(self, "_" + name)
        return self.comparison.growth(half_curves(
            self.blocks, self.comparison.empty,
            lambda made, rows: self._add(made, rows, source), self.comparison.curve))

    def fixed_noise(self):
        """FSC of noise that has the angles of all particles of the first block."""
        made = [self.comparison.empty(), self.comparison.empty()]
        for part in self.blocks[0]:
            for half, rows in zip(made, part):
                self._add(half, rows, self._noise_in_place)
        return self.comparison.curve(*made)

    def _add(self, made, rows, source):
        for batch in self.sample.batches(rows):
            images, rotations, shifts = source(batch)
            for copies in equivalent_orientations(rotations, self.found.group):
                made.add(images, copies, shifts, batch.contrast)

    def _particles(self, batch):
        return batch.images, self.found.rotations[batch.rows], batch.shifts

    def _permuted(self, batch):
        return batch.images, self.found.rotations[self._partner[batch.rows]], batch.shifts

    def _realigned(self, batch):
        return self._aligned(batch.images, batch, batch.shifts)

    def _noise(self, batch):
        images, _, shifts = self._noise_in_place(batch)
        return self._aligned(images, batch, np.zeros_like(shifts))

    def _noise_in_place(self, batch):
        spectra = replace(self._spectra, signal=np.zeros_like(self._spectra.signal),
                          noise=self._spectra.power)
        return self._simulated(batch, spectra), self.found.rotations[batch.rows], batch.shifts

    def _twin(self, batch):
        return self._aligned(self._simulated(batch, self._spectra), batch, batch.shifts)

    def _simulated(self, batch, spectra):
        return simulate(self.found.rotations[batch.rows], batch.shifts, self.found.projector,
                        spectra, self._rng, batch.contrast)

    def _aligned(self, images, batch, shifts):
        ratio = self.sample.box / self._small
        poses = align(*self._search, fourier_cropped(images, self._small, self.sample.workers),
                      batch.contrast, shifts / ratio)
        return images, poses.rotations, poses.shifts * ratio


def _search(evidence, found, last, box):
    """What aligns images of a small box with detail up to the band."""
    sample, volume = found.sample, evidence.map.volume * evidence.map.soft_mask
    ratio = sample.box / box
    sampling, diameter = sample.sampling * ratio, min(sample.diameter / ratio, box - 4.0)
    projector = Projector(volume, evidence.map.sampling, box, sampling, sample.workers)
    gallery = gallery_of_map(projector, Rings(box, FIRST_SHELL, last),
                             asymmetric_unit(found.group, _SPACING, mirror=True))
    step = _REACH * _BAND / sampling
    return (Search(gallery, diameter, sampling, shift_grid(step, step), sample.workers),
            LocalSearch(projector, diameter, FIRST_SHELL, last, sample.workers))


@dataclass
class _Verdict:
    judged: np.ndarray
    better: np.ndarray
    advantage: float
    expected: float = None
    twin: object = None
    is_open: bool = False


def _judged(trial, user, noise, realigned, excess):
    """Which sizes can be judged, and at which the particles are better than the controls.

    Aligned noise reaches the end of the band. Half of the sound sets that get just there are on
    either side of it, so a part of the particles is judged only where it, or a control, is beyond
    the band by as much as is asked for beside the noise. All particles are judged at once.

    The resolution of aligned noise is that of the band, at which its FSC falls steeply. That of
    many good particles with the angles of others is nowhere: what they add up to, the mean over
    all directions, has an FSC that may run along the threshold. Beside these, FSCs are compared.
    """
    least = np.where(np.array(SIZES) == 100, 0, _ERRORS)
    judged = np.any([course.frequencies - trial.edges > least * np.hypot(course.errors,
                                                                         noise.errors)
                     for course in (user, noise, realigned)], axis=0)
    better = np.minimum(_advantage(user, noise), excess) >= _ERRORS
    found = _Verdict(judged, better, float(_advantage(realigned, noise)[-1]))
    if judged.any() and found.advantage < _ERRORS:
        found.twin = trial.growth("twin")
        found.expected = float(_advantage(found.twin, noise)[-1])
        # What simulated particles do not reach cannot be held against the measured ones.
        if found.expected < _ERRORS:
            found.is_open = bool(better[judged].all())
            found.advantage = None
    return found


def _advantage(course, noise):
    """By how many standard errors one resolves better than the other, for each size."""
    return (course.frequencies - noise.frequencies) / np.hypot(course.errors, noise.errors)


def _fit(sizes, user, edge):
    """Slope, intercept and the slope's error of 1/d² against ln N; None where nothing tells.

    Rosenthal and Henderson 2003: N particles reach d with ln N = B/(2 d²) + constant.
    """
    telling = (user.frequencies > edge) & user.falls
    if telling.sum() < _LEAST_FITTED:
        return None
    x, y = np.log(sizes[telling]), user.frequencies[telling] ** 2
    weights = 1 / (2 * user.frequencies * user.errors)[telling]
    matrix = np.column_stack([x, np.ones(len(x))]) * weights[:, None]
    covariance = np.linalg.inv(matrix.T @ matrix)
    slope, intercept = covariance @ matrix.T @ (y * weights)
    return float(slope), float(intercept), float(np.sqrt(covariance[0, 0]))


def _resolutions(course):
    return (1 / course.frequencies).tolist()


def _sentence(trial, user, noise, realigned, line):
    text = ("With the angles of the table %s particles reach %.1f Å and %s particles %.1f Å%s; "
            "noise that was aligned to the map with detail up to %g Å reaches %.1f Å, and the "
            "particles aligned in the same way reach %.1f Å." % (
                format(trial.sizes[0], ","), 1 / user.frequencies[0],
                format(trial.sizes[-1], ","), 1 / user.frequencies[-1],
                "" if user.falls[-1] else ", the finest detail of the reduced images",
                _BAND, 1 / noise.frequencies[-1], 1 / realigned.frequencies[-1]))
    if line is None:
        text += (" The B-factor would need three sizes whose resolution lies between %g Å and the "
                 "finest detail of the images, and was not computed." % _BAND)
    elif line[0] > 0:
        text += (" The rise of the resolution with the number of particles corresponds to a "
                 "B-factor of %.0f Å² (%.0f to %s Å² with its error)." % (
                     2 / line[0], 2 / (line[0] + line[2]),
                     "%.0f" % (2 / (line[0] - line[2])) if line[0] > line[2] else "any number of"))
    return text


def _growth_figure(trial, courses):
    x = np.log10(trial.sizes)
    return Plot(
        "Resolution of half maps from growing numbers of particles (FSC 0.143). Aligned noise "
        "hardly resolves more than the finest detail it was aligned with, %g Å." % _BAND,
        "Resolution against the number of particles, for the particles and the controls.",
        "Logarithm of the number of particles (base 10)", "Resolution (Å)",
        [Series(label, x, 1 / course.frequencies,
                "dashed" if "others" in label else "line") for label, course in courses])


def _curve_figure(trial, curves):
    frequencies = trial.comparison.frequencies
    shown = slice(1, None)
    return Plot(
        "FSC of the half maps from all particles; for noise with the particles' angles a fifth as "
        "many images were used. Only what lies beyond the shaded band counts, as the band itself "
        "was used for the alignment.",
        "Fourier shell correlations of the particles and the controls against the spatial "
        "frequency.",
        "Spatial frequency (1/Å)", "FSC",
        [Series(label, frequencies[shown], curve[shown], "dashed" if "angles" in label else "line")
         for label, curve in curves]
        + [Series("FSC %g" % FSC_THRESHOLD, frequencies[[1, -1]], np.full(2, FSC_THRESHOLD),
                  "dashed")],
        zone=[float(frequencies[1]), 1 / _BAND])
