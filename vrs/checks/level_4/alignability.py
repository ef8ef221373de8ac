"""4.c: how sure and how right are the orientations that images allow?"""

import numpy as np

from vrs.checks import Check, Criterion, Findings, Quantity, register
from vrs.checks.level_4.best_views import (BEST_VIEWS, CHANCE, FEWEST, excess,
                                           excess_criterion, excess_quantities, require_signal)
from vrs.checks.level_4.orientations import require_particles
from vrs.checks.particle_images import ASSIGNED_PARTICLES, DETAIL, FIRST_SHELL
from vrs.checks.shares import printed_interval
from vrs.errors import NotMeasured
from vrs.images.poses import alignability, deviation, spread
from vrs.images.refine import LocalSearch
from vrs.numerics.statistics import binomial_p_value
from vrs.results import (SERIOUS, Mark, ParticleValues, Paragraph, Plot, Series, Slice, Slices,
                         Table, plain)

_BAD = 0.5
_SHUFFLES = 5
_EDGES = np.linspace(-1, 1, 41)
_SHOWN, _LISTED = 3, 10
# Detail in the pictures of the worst particles, Å.
_SHOWN_DETAIL = 20.0


@register
class AlignabilityPrecisionAndAccuracy(Check):
    """Spread of the best orientations of each particle, and their distance from the given one."""

    id = "4.c"
    title = "Alignability precision and accuracy"
    requires = ASSIGNED_PARTICLES.requires
    uses = (ASSIGNED_PARTICLES, BEST_VIEWS)
    explanation = (
        "When an image determines its orientation, the seven directions of view that it agrees "
        "with best (no two of them neighbours on the grid) lie close together. The precision "
        "compares their mean distance from each other, weighted by the correlations, with that of "
        "the noise-free reprojection (1) and of random directions (0); the accuracy does the same "
        "with their distance from the given direction. Particles below %g are bad. Noise alone "
        "makes some sound particles bad; how many is estimated from simulated particles with the "
        "given angles, the CTF of the data and their measured signal and noise. The item warns "
        "when clearly more of the data are bad than noise alone makes bad; the fraction that it "
        "does not explain is computed as in 4.b." % _BAD)
    quantities = (
        excess_quantities("precision_below_05", "whose precision is below 0.5")
        + excess_quantities("accuracy_below_05", "whose accuracy is below 0.5") + (
            Quantity("median_precision", "", "Median precision of the particles"),
            Quantity("median_accuracy", "", "Median accuracy of the particles"),
            Quantity("chance_percentage", "%", "Particles whose accuracy is 0.5 or more with the "
                     "angles of other particles"),
            Quantity("p_value", "", "Probability that the angles of other particles are right at "
                     "least as often"),
            Quantity("snr", "", "Signal-to-noise ratio of the simulated particles"),
            Quantity("simulated_particles", "", "Number of simulated particles"),
            Quantity("particles_used", "", "Particles for which both could be computed"),
        ))
    references = ("Vargas2017",)
    criteria = (
        excess_criterion(
            "precision", "the fraction of the particles with a precision below 0.5",
            "Beyond what noise explains, at least {value:.0f} % of the particles (at most {bound} "
            "% expected) do not determine their orientation: they may not show the particle of the "
            "map; leave out those of low vrsAlignabilityPrecision and classify the rest again.",
            metric="precision_below_05"),
        excess_criterion(
            "accuracy", "the fraction of the particles with an accuracy below 0.5",
            "Beyond what noise explains, the best orientations of at least {value:.0f} % of the "
            "particles (at most {bound} % expected) are far from the given one: their angles may "
            "be wrong, or they are not particles; leave out those of low "
            "vrsAlignabilityAccuracy and refine again.", metric="accuracy_below_05"),
        Criterion(name="p_value", subject="the probability that the angles of other particles are "
                  "right as often", relation="<", bound=CHANCE,
                  warning="The angles of other particles would be right just as often (p = "
                  "{value:.2g}, below {bound} expected): the angles do not belong to these images "
                  "or to this map; check that the table, the stacks and the map come from the same "
                  "refinement.",
                  severity=SERIOUS, service=()),
    )
    summary_ok = "The particles determine their orientations, which are those given."
    summary_warnings = "Many particles do not determine the orientation they were given."

    def compute(self, evidence):
        found, best = evidence.shared(ASSIGNED_PARTICLES), evidence.shared(BEST_VIEWS)
        given = found.rotations[:, 2]
        require_particles(len(given), FEWEST, "do not give a reliable result")
        precision, accuracy = scores(best, given, found.group)
        expected = scores(best, given, found.group, simulated=True)
        known, expected_known = (np.isfinite(one) & np.isfinite(other)
                                 for one, other in ((precision, accuracy), expected))
        _require_clear(known, expected_known)
        chance = _chance(best, given, found.group, evidence.run.seed)
        metrics = {}
        for name, values, simulated in (("precision_below_05", precision, expected[0]),
                                        ("accuracy_below_05", accuracy, expected[1])):
            metrics.update(excess(name, values[known] < _BAD, simulated[expected_known] < _BAD))
        right = int(np.sum(accuracy[known] >= _BAD))
        metrics.update({
            "median_precision": np.median(precision[known]),
            "median_accuracy": np.median(accuracy[known]), "chance_percentage": 100 * chance,
            "p_value": binomial_p_value(right, int(known.sum()), chance), "snr": best.snr,
            "simulated_particles": int(expected_known.sum()),
            "particles_used": int(known.sum())})
        require_signal(metrics["expected_accuracy_below_05_percentage"], metrics["p_value"])
        content = [Paragraph(_sentence(metrics, len(known)))]
        content.append(_course({
            "precision": precision[known], "accuracy": accuracy[known],
            "precision, simulated": expected[0][expected_known],
            "accuracy, simulated": expected[1][expected_known]}))
        content += _worst(found, precision, accuracy)
        rows = found.sample.rows
        return Findings(plain(metrics), content, [
            ParticleValues("vrsAlignabilityPrecision", "Alignability precision", "", rows,
                           precision),
            ParticleValues("vrsAlignabilityAccuracy", "Alignability accuracy", "", rows, accuracy)])


def _require_clear(known, simulated):
    """Raise NotMeasured where the map itself does not tell orientations."""
    if known.sum() < FEWEST or not simulated.any():
        raise NotMeasured(
            "Of the %d particles %d have reprojections with a clear maximum; at least %d are "
            "needed. Check the pixel sizes and the symmetry." % (len(known), known.sum(), FEWEST))


def scores(best, given, group, simulated=False):
    """Precision and accuracy of particles.

    Parameters
    ----------
    best : vrs.checks.level_4.best_views.BestViews
    given : numpy.ndarray, (n, 3)
        Directions of view of the particles.
    group : numpy.ndarray, (g, 3, 3)
    simulated : bool
        Whether of the simulated particles.

    Returns
    -------
    precision, accuracy : numpy.ndarray of float64, (n,) or (simulated,)
        NaN where the reprojection has no clear maximum itself.
    """
    views, weights = best.views, best.correlations
    clean = best.clean_views, best.clean_correlations
    if simulated:
        views, weights = best.simulated_views, best.simulated_correlations
        clean, given = [part[best.simulated] for part in clean], given[best.simulated]
    return (alignability(spread(views, weights, group), spread(*clean, group),
                         best.random_distance),
            alignability(deviation(views, weights, given, group),
                         deviation(*clean, given, group), best.random_distance))


def _chance(best, given, group, seed):
    """Share of particles that would be accurate with the angles of others."""
    rng = np.random.default_rng(seed)
    order = [rng.permutation(len(given)) for _ in range(_SHUFFLES)]
    clean = deviation(best.clean_views, best.clean_correlations, given, group)
    found = [alignability(deviation(best.views, best.correlations, given[other], group),
                          clean[other], best.random_distance) for other in order]
    hits = np.sum(np.array(found) >= _BAD)
    return (hits + 1) / (_SHUFFLES * len(given) + 1)


def _sentence(metrics, count):
    text = ("The median precision of the particles is %.2f and their median accuracy %.2f."
            % (metrics["median_precision"], metrics["median_accuracy"]))
    for name in ("precision", "accuracy"):
        key = name + "_below_05"
        text += (" The %s is below 0.5 for %.1f %% of the particles (95 %% interval %s %%), and "
                 "for %.1f %% of the simulated ones."
                 % (name, metrics[key + "_percentage"],
                    printed_interval(metrics[key + "_interval"], 1),
                    metrics["expected_%s_percentage" % key]))
    text += " %s particles were compared, and %s simulated with a signal-to-noise ratio of %.2g." \
        % (format(metrics["particles_used"], ","), format(metrics["simulated_particles"], ","),
           metrics["snr"])
    if count > metrics["particles_used"]:
        text += (" %d more have no value, as their reprojections have no clear maximum."
                 % (count - metrics["particles_used"]))
    return text


def _course(scored):
    """Cumulative histograms."""
    series = [Series(label, _EDGES[1:], 100 * np.cumsum(np.histogram(values, _EDGES)[0])
                     / len(values), "dashed" if "simulated" in label else "line")
              for label, values in scored.items()]
    return Plot("Fraction of the particles up to each precision and accuracy: 1 is the value of "
                "the reprojections, 0 that of random directions.",
                "Cumulative histograms of precision and accuracy; few particles should be on the "
                "left of the limit.", "Alignability", "Particles up to here (%)", series,
                marks=[Mark(_BAD, "limit")])


def _worst(found, precision, accuracy):
    """The particles of lowest accuracy: a table, and pictures beside their reprojections."""
    sample = found.sample
    order = np.argsort(accuracy, kind="stable")[:_LISTED]
    table = sample.table
    rows = [["%d" % (sample.rows[row] + 1), _micrograph(table, row), "%.2f" % precision[row],
             "%.2f" % accuracy[row]] for row in order]
    batch = sample.batch(np.sort(order[:_SHOWN]))
    local = LocalSearch(found.projector, sample.diameter, FIRST_SHELL,
                        sample.shell(max(_SHOWN_DETAIL, DETAIL)))
    images = local.centred(batch.images, batch.shifts)
    models = local.reprojections(found.rotations[batch.rows], batch.contrast)
    panels = [Slice("row %d" % (sample.rows[row] + 1),
                    np.hstack([image / image.std(), model / model.std()])[::-1], sample.sampling)
              for row, image, model in zip(batch.rows, images, models)]
    return [Table(["Row", "Micrograph", "Precision", "Accuracy"], rows,
                  "The particles of lowest accuracy, by their rows in the table."),
            Slices("Particles of lowest accuracy, low-pass filtered to %g Å, each to the left of "
                   "its reprojection in the given orientation." % _SHOWN_DETAIL,
                   "Images of %d particles next to their reprojections." % len(images), panels)]


def _micrograph(table, row):
    if table.micrograph is None or not table.micrograph_names:
        return "–"
    return table.micrograph_names[table.micrograph[row]]
