"""4.i: would the images of any micrograph rather have another CTF?"""

from collections import namedtuple
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from vrs.checks import MAPPING, Check, Criterion, Findings, NotMeasured, Quantity, register
from vrs.checks import resolution as resolution_known
from vrs.checks.local import PERCENTILES, percentiles
from vrs.checks.particle_images import ASSIGNED_PARTICLES, FIRST_SHELL, spread_rows
from vrs.checks.shares import share_metrics, share_quantities
from vrs.images.defocus import (OFFSETS, REACH, DefocusModel, astigmatism_change, common_change,
                                peaks, strength_change, with_astigmatism)
from vrs.inputs.map import MAP
from vrs.inputs.particles import ANGLES, CTF, IMAGES, PARTICLES
from vrs.results import Bars, MicrographValues, Paragraph, ParticleValues, Table, plain
from vrs.results.content import Range, Ranges

_WORST = 10.0
_ERRORS, _CHANCE = 3, 0.01
_SMALLEST = 500.0  # Å
_FEWEST = 5
_LIMIT = 1.0
_MEASURED = 1000
_ROUNDS, _SETTLED = 6, 40.0  # Å
_LISTED, _DRAWN = 20, 15

Origin = namedtuple("Origin", "names index words")


@register
class CtfStability(Check):
    """Defocus that images and map ask for, beside that of the table."""

    id = "4.i"
    title = "CTF stability"
    requires = (MAP, PARTICLES, IMAGES, ANGLES, CTF, resolution_known(0, _WORST))
    uses = (ASSIGNED_PARTICLES,)
    explanation = (
        "Each particle is compared with the map's projection at its pose, with its defocus changed "
        "by up to %g Å either way. A single particle determines its defocus poorly; how poorly "
        "depends on the strength of its signal and on the finest detail in it, and is measured by "
        "treating simulated images in the same way. All particles of a micrograph together "
        "determine it well. A micrograph is called unstable if its particles fit best at a defocus "
        "that differs from that in the table by more than %g standard errors (more where many "
        "micrographs are tested: by chance one in %.0f sets has such a micrograph) and by more "
        "than %g Å. Astigmatism, fall-off (B-factor) and strength of the signal are then fitted "
        "for each micrograph; the last two are relative to the median of the micrographs."
        % (REACH, _ERRORS, 1 / _CHANCE, _SMALLEST))
    quantities = (
        *share_quantities("unstable_micrographs",
                          "Judged micrographs that fit better at another defocus"),
        Quantity("unstable_micrographs", "", "Their number"),
        Quantity("judged_micrographs", "", "Micrographs whose change of defocus can be measured "
                                           "within %g Å" % REACH),
        Quantity("micrographs", "", "Micrographs that the particles used come from"),
        Quantity("median_error", "Å", "Median standard error of the judged micrographs' change"),
        Quantity("defocus_change", "Å", "Percentiles of the particles' change of defocus", MAPPING,
                 PERCENTILES),
        Quantity("defocus_deviation", "Å", "Standard deviation of the particles' change"),
        Quantity("expected_deviation", "Å",
                 "The same for simulated particles with as strong a signal and the table's "
                 "defocus"),
        Quantity("micrograph_change", "Å", "Percentiles of the micrographs' change of defocus",
                 MAPPING, PERCENTILES),
        Quantity("astigmatism_change", "Å", "Percentiles over the judged micrographs of the length "
                 "of the change of astigmatism, U - V", MAPPING, PERCENTILES),
        Quantity("astigmatism_error", "Å", "Median standard error of its components"),
        Quantity("b_factor_change", "Å²", "Percentiles over the judged micrographs of the B-factor "
                 "of the signal, relative to their median", MAPPING, PERCENTILES),
        Quantity("scale_ratio", "", "Percentiles over the judged micrographs of the strength of "
                 "the signal, over their median", MAPPING, PERCENTILES),
        Quantity("signal_resolution", "Å", "Finest detail found in the images"),
        Quantity("particles_used", "", "Particles that were compared with the map"),
    )
    references = ("Zivanov2018", "Rohou2015")
    criteria = (
        Criterion(name="unstable", metric="unstable_micrographs_percentage",
                  subject="the fraction of the micrographs whose particles fit better at another "
                          "defocus",
                  relation="<", bound=_LIMIT, unit="%",
                  warning="The particles of {value:.2g} % of the micrographs (less than {bound} % "
                  "expected) fit better at another defocus than that in the table: estimate the "
                  "CTF of these micrographs again, or leave them out.",
                  service=tuple(Criterion(
                      name=name, metric="defocus_change." + percentile,
                      subject="the percentile %s of the particles' change of defocus" % percentile,
                      relation="within", bound=(-5000.0, 5000.0), unit="Å",
                      warning="The percentile %s of the particles' change of defocus is "
                      "{value:.0f} Å (between {bound} Å expected)." % percentile)
                      for name, percentile in (("lowest", "2.5"), ("highest", "97.5")))),
    )
    summary_ok = "The images agree with the defocus in the table."
    summary_warnings = "The defocus of some micrographs seems to be wrong."

    def compute(self, evidence):
        found = evidence.shared(ASSIGNED_PARTICLES)
        if found.sample.state == "corrected":
            raise NotMeasured("The CTF of the images seems to have been corrected, so the defocus "
                              "can no longer be measured; give the uncorrected images.")
        scan = _scanned(found, np.random.default_rng(evidence.run.seed))
        origin = _origin(evidence, found.sample)
        mics = _micrographs(found, scan, origin)
        if not mics.judged.any():
            raise NotMeasured(_too_weak(scan, mics))
        _refine(found, scan, origin, mics)
        return Findings(
            plain(_metrics(found, scan, mics)), _content(found, scan, origin, mics),
            _values(origin, mics) + [ParticleValues(
                "vrsDefocusChange", "Change of defocus at which the particle fits best; most of it "
                "is noise", "Å", found.sample.rows, scan.changes)])


def _values(origin, mics):
    """Values of the micrographs, where these are known."""
    if origin.words:
        return []
    judged = np.flatnonzero(mics.judged)
    return [MicrographValues(
        "vrsDefocusError", "Change of defocus at which the particles of the micrograph fit best",
        "Å", "change of defocus", [str(origin.names[mics.number[place]]) for place in judged],
        mics.changes[judged], (np.abs(mics.changes) / mics.limits)[judged],
        mics.unstable[judged])]


@dataclass(eq=False)
class _Scan:
    """What the scan of each particle's defocus gives."""

    model: DefocusModel
    strength: object
    resolution: float
    curves: np.ndarray
    changes: np.ndarray
    simulated: np.ndarray
    information: np.ndarray


def _part(found, batch):
    return batch.images, found.rotations[batch.rows], batch.shifts, batch.contrast


def _scanned(found, rng):
    sample = found.sample
    last = sample.box // 2 - 2
    some = spread_rows(len(sample), _MEASURED)
    widest, common = DefocusModel(found.projector, FIRST_SHELL, last), 0.0
    # A change that all particles share would pass for a weaker signal.
    for _ in range(_ROUNDS):
        strength = widest.strength((_part(found, batch) for batch in sample.batches(some)), common)
        if strength.last <= FIRST_SHELL:
            raise NotMeasured("The images do not agree with the map at the given poses, so their "
                              "defocus cannot be measured; check the angles.")
        model = DefocusModel(found.projector, FIRST_SHELL, strength.last)
        before, common = common, float(peaks(sum(
            model.curves(*_part(found, batch), strength, rng)[0].sum(axis=0)
            for batch in sample.batches(some))[None])[0])
        if abs(common - before) < _SETTLED:
            break
    curves, simulated, information = (np.concatenate(values) for values in zip(*(
        model.curves(*_part(found, batch), strength, rng) for batch in sample.batches())))
    return _Scan(model, strength, sample.box * sample.sampling / strength.last, curves,
                 peaks(curves), peaks(simulated), information)


def _origin(evidence, sample):
    """Which micrograph each particle is of, or what stands in its place."""
    table = sample.table
    if table.micrograph is not None:
        return Origin(table.micrograph_names, table.micrograph, "")
    # The sample's own images lie in one file.
    given = evidence.particles.table
    if len(given.file_names) > 1:
        return Origin(given.file_names, given.file[sample.rows],
                      "The table does not name the micrographs; the particles of each stack were "
                      "taken together.")
    return Origin(("all particles",), np.zeros(len(sample), int),
                  "The table does not name the micrographs and there is only one stack; all "
                  "particles were taken together.")


@dataclass(eq=False)
class _Micrographs:
    """Those with particles enough, and what became of them.

    Attributes
    ----------
    number : numpy.ndarray of int, (m,)
        Index of the name.
    members : list of numpy.ndarray of int
    count : int
        Of all micrographs, also those with too few particles.
    changes, errors, limits : numpy.ndarray of float64, (m,)
        Å.
    """

    number: np.ndarray
    members: list
    count: int
    changes: np.ndarray
    errors: np.ndarray
    limits: np.ndarray
    astigmatism: np.ndarray = None
    astigmatism_errors: np.ndarray = None
    scales: np.ndarray = None
    b_factors: np.ndarray = None

    @property
    def judged(self):
        """Whether a change within the range of the scan could be told."""
        return self.limits < REACH

    @property
    def unstable(self):
        """Whether the change is beyond what may be."""
        return self.judged & (np.abs(self.changes) > self.limits)


def _micrographs(found, scan, origin):
    numbers, counts = np.unique(origin.index, return_counts=True)
    chosen = numbers[counts >= _FEWEST]
    members = [np.flatnonzero(origin.index == number) for number in chosen]
    pairs = np.array([common_change(scan.curves[rows], scan.information[rows])
                      for rows in members]).reshape(-1, 2)
    errors = max(_ERRORS, -float(ndtri(_CHANCE / (2 * max(len(chosen), 1)))))
    limits = np.maximum(_SMALLEST, errors * pairs[:, 1])
    return _Micrographs(chosen, members, len(numbers), pairs[:, 0], pairs[:, 1], limits)


def _too_weak(scan, mics):
    if not mics.members:
        return ("None of the %d micrographs has at least %d of the %d particles used; use more of "
                "them (--particles-used)." % (mics.count, _FEWEST, len(scan.changes)))
    return ("The images show the map only to %.1f Å, and so faintly that no micrograph's defocus "
            "can be measured to better than ±%.0f Å; that of one particle is known to ±%.0f Å at "
            "best. Use more particles (--particles-used)." % (
                scan.resolution, mics.limits.min(), np.median(scan.information ** -0.5)))


def _refine(found, scan, origin, mics):
    """Astigmatism, B-factor and scale of each micrograph, at the defocus that was found."""
    changes, place = np.zeros(len(scan.changes)), np.full(len(scan.changes), -1)
    for number, rows in enumerate(mics.members):
        changes[rows], place[rows] = mics.changes[number], number
    sums = None
    for batch in found.sample.batches(np.flatnonzero(place >= 0)):
        values = scan.model.slopes(*_part(found, batch), scan.strength, changes[batch.rows])
        if sums is None:
            sums = [np.zeros((len(mics.members),) + value.shape[1:]) for value in values]
        for total, value in zip(sums, values):
            np.add.at(total, place[batch.rows], value)
    steps = [astigmatism_change(*pair) for pair in zip(*sums[:2])]
    mics.astigmatism = np.array([step for step, _ in steps])
    mics.astigmatism_errors = np.array([error for _, error in steps])
    squared = scan.model.squared_frequencies(sums[2].shape[1])
    fits = np.array([strength_change(*pair, squared) for pair in zip(*sums[2:])])
    mics.scales = fits[:, 0] / np.median(fits[mics.judged, 0])
    mics.b_factors = fits[:, 1] - np.median(fits[mics.judged, 1])


def _metrics(found, scan, mics):
    judged = mics.judged
    unstable, trials = int(mics.unstable.sum()), int(judged.sum())
    return {
        **share_metrics("unstable_micrographs", unstable, trials),
        "unstable_micrographs": unstable, "judged_micrographs": trials,
        "micrographs": mics.count, "median_error": np.median(mics.errors[judged]),
        "defocus_change": percentiles(scan.changes), "defocus_deviation": scan.changes.std(),
        "expected_deviation": scan.simulated.std(),
        "micrograph_change": percentiles(mics.changes[judged]),
        "astigmatism_change": percentiles(2 * np.hypot(*mics.astigmatism[judged].T)),
        "astigmatism_error": 2 * np.median(mics.astigmatism_errors[judged]),
        "b_factor_change": percentiles(mics.b_factors[judged]),
        "scale_ratio": percentiles(mics.scales[judged]),
        "signal_resolution": scan.resolution, "particles_used": len(found.sample)}


def _content(found, scan, origin, mics):
    judged = mics.judged
    text = ("The images show the map to %.1f Å. The defocus of single particles scatters by %.0f Å "
            "within the range of the scan, where %.0f Å is expected for images with as strong a "
            "signal and the right defocus; that of a micrograph is measured to ±%.0f Å (median "
            "standard error). %d of %d micrographs could be judged." % (
                scan.resolution, scan.changes.std(), scan.simulated.std(),
                np.median(mics.errors[judged]), judged.sum(), mics.count))
    content = [Paragraph(text)]
    if origin.words:
        content.append(Paragraph(origin.words))
    order = np.argsort(-np.abs(mics.changes) / mics.limits, kind="stable")
    order = order[judged[order]]
    content += [_change_figure(origin, mics, order[:_DRAWN]), _particle_figure(scan)]
    suspicious = [number for number in order if mics.unstable[number]]
    if suspicious:
        content.append(_table(found, origin, mics, suspicious))
    return content


def _change_figure(origin, mics, shown):
    rows = [Range(str(origin.names[mics.number[number]]), float(mics.changes[number]),
                  [float(mics.changes[number] + sign * mics.errors[number] * 2)
                   for sign in (-1, 1)]) for number in shown]
    return Ranges("Change of defocus at which the particles of each micrograph fit best, with two "
                  "standard errors to either side; the %s, largest first." % (
                      "micrographs that were judged" if len(shown) == mics.judged.sum()
                      else "%d largest" % len(shown)),
                  "Changes of defocus of the micrographs as "
                  "intervals.", "Change of defocus (Å)", rows)


def _particle_figure(scan):
    step = OFFSETS[1] - OFFSETS[0]
    edges = np.append(OFFSETS - step / 2, OFFSETS[-1] + step / 2)
    counts, _ = np.histogram(scan.changes, edges)
    return Bars("Change of defocus at which each particle fits best; the outermost bars hold those "
                "beyond the range. Most of it is noise: %.0f Å of scatter are expected."
                % scan.simulated.std(),
                "Histogram of the particles' changes of defocus.", "Change of defocus (Å)",
                "Particles", edges, counts)


def _table(found, origin, mics, suspicious):
    rows = []
    for number in suspicious[:_LISTED]:
        defocus = np.median(found.sample.table.defocus[mics.members[number]], axis=0)
        u, v, angle = with_astigmatism(defocus, mics.changes[number], mics.astigmatism[number])
        rows.append([str(origin.names[mics.number[number]]), str(len(mics.members[number])),
                     "%+.0f ± %.0f" % (mics.changes[number], mics.errors[number]),
                     "%.0f" % defocus[:2].mean(), "%.0f, %.0f, %.0f°" % (u, v, angle),
                     "%+.0f" % mics.b_factors[number], "%.2f" % mics.scales[number]])
    return Table(["Micrograph", "Particles", "Change (Å)", "Table's defocus (Å)",
                  "U, V, angle found", "B-factor (Å²)", "Strength"], rows,
                 "Micrographs whose particles fit better at another defocus%s." % (
                     " (%d of %d)" % (_LISTED, len(suspicious)) if len(suspicious) > _LISTED
                     else ""))
