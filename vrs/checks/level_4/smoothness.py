"""4.b: does each particle agree best with the direction of view that it was given?"""

import numpy as np

from vrs.checks import Check, Criterion, Findings, Quantity, register
from vrs.checks.level_4.best_views import (BEST_VIEWS, CHANCE, FEWEST, excess, excess_criterion,
                                           excess_quantities, require_signal)
from vrs.checks.level_4.micrographs import bad_by_micrograph
from vrs.checks.level_4.orientations import require_particles
from vrs.checks.particle_images import ASSIGNED_PARTICLES, spread_rows
from vrs.checks.shares import printed_interval
from vrs.images.poses import LIMIT, alignment_limit, chance_within
from vrs.images.symmetry import view_distance
from vrs.numerics.sphere import spiral
from vrs.numerics.statistics import binomial_p_value
from vrs.results import SERIOUS, Mark, ParticleValues, Paragraph, Plot, Series, plain

_BINS_TO_LIMIT = 5
_GIVEN, _RANDOM = 50, 2000


@register
class AlignabilitySmoothness(Check):
    """Distance of the smoothed best direction of view from the given one."""

    id = "4.b"
    title = "Alignability smoothness"
    requires = ASSIGNED_PARTICLES.requires
    uses = (ASSIGNED_PARTICLES, BEST_VIEWS)
    explanation = (
        "Each particle is compared with projections of the map from directions 3° apart or less, "
        "over the asymmetric unit and at all in-plane angles. Its correlation, a function of the "
        "direction of view, is smoothed by spherical harmonics (degree 14, or higher for large "
        "symmetry groups), and the place of the maximum is compared with the given direction. They "
        "should be at most %g° apart, or less for symmetry groups of more than four rotations, so "
        "that a random direction is within the limit for at most 3 %% of the particles. Noise "
        "alone moves the maxima of sound particles too, so the same is done with simulated "
        "particles that have the given angles, the CTF of the data and their measured signal and "
        "noise. If noise alone takes a fraction c beyond the limit, and a fraction s is found "
        "there, then (s - c)/(1 - c) of the particles are wrong." % LIMIT)
    quantities = excess_quantities("beyond_limit", "further from their given direction than the "
                                   "limit") + (
        Quantity("median_distance", "°", "Median distance of the maximum from the given direction"),
        Quantity("limit", "°", "Limit for this symmetry"),
        Quantity("chance_percentage", "%", "Random directions that are within the limit"),
        Quantity("p_value", "", "Probability that random directions are within the limit at least "
                                "as often"),
        Quantity("suspicious_micrographs", "",
                 "Micrographs with significantly more particles beyond the limit than the others"),
        Quantity("snr", "", "Signal-to-noise ratio of the simulated particles"),
        Quantity("simulated_particles", "", "Number of simulated particles"),
        Quantity("particles_used", "", "Particles that were compared"),
    )
    references = ("Vargas2017",)
    criteria = (
        excess_criterion(
            "beyond_limit", "the fraction of the particles further from their given direction than "
            "the limit",
            "Beyond what noise explains, at least {value:.0f} % of the particles (at most {bound} "
            "% expected) agree best with a direction of view far from the given one: their angles "
            "may be wrong, or they are not particles; leave them out (vrsViewDistance in "
            "vrs_particles.star) and refine again."),
        Criterion(name="p_value", subject="the probability that random angles are right as often",
                  relation="<", bound=CHANCE,
                  warning="Random angles would be right just as often (p = {value:.2g}, below "
                  "{bound} expected): the angles do not belong to these images or to this map; "
                  "check that the table, the stacks and the map come from the same refinement.",
                  severity=SERIOUS, service=()),
    )
    summary_ok = "The particles agree best with the directions that they were given."
    summary_warnings = "Many particles agree better with other directions than the given ones."

    def compute(self, evidence):
        found, best = evidence.shared(ASSIGNED_PARTICLES), evidence.shared(BEST_VIEWS)
        group, given = found.group, found.rotations[:, 2]
        require_particles(len(given), FEWEST, "do not give a reliable result")
        distances = view_distance(best.maxima, given, group)
        expected = view_distance(best.simulated_maxima, given[best.simulated], group)
        limit = alignment_limit(len(group))
        chance = chance_within(limit, len(group))
        bad = distances > limit
        metrics = excess("beyond_limit", bad, expected > limit)
        metrics.update({
            "median_distance": np.median(distances), "limit": limit,
            "chance_percentage": 100 * chance,
            "p_value": binomial_p_value(np.sum(~bad), len(bad), chance),
            "snr": best.snr, "simulated_particles": len(expected), "particles_used": len(bad)})
        require_signal(metrics["expected_beyond_limit_percentage"], metrics["p_value"])
        content = [Paragraph(_sentence(metrics)),
                   _histogram(distances, expected, given, group, limit)]
        micrographs = bad_by_micrograph(
            found.sample.table, bad, "vrsBeyondLimit", "Particles further from their given "
            "direction than the limit", "beyond the limit")
        for values in micrographs:
            metrics["suspicious_micrographs"] = int(values.outside.sum())
        return Findings(plain(metrics), content, micrographs + [ParticleValues(
            "vrsViewDistance", "Distance of the best direction of view from the given one", "°",
            found.sample.rows, distances)])


def _sentence(metrics):
    return ("For %.1f %% of the %s particles (95 %% interval %s %%) the best direction "
            "is further than %.1f° from the given one; the median distance is %.1f°. The same "
            "holds for %s simulated particles with these angles, CTF, signal and noise "
            "(signal-to-noise ratio %.2g) in %.1f %% of cases, and for random directions in %.1f "
            "%%." % (
                metrics["beyond_limit_percentage"], format(metrics["particles_used"], ","),
                printed_interval(metrics["beyond_limit_interval"], 1), metrics["limit"],
                metrics["median_distance"], format(metrics["simulated_particles"], ","),
                metrics["snr"], metrics["expected_beyond_limit_percentage"],
                100 - metrics["chance_percentage"]))


def _histogram(distances, expected, given, group, limit):
    some = given[spread_rows(len(given), _GIVEN), None]
    random = view_distance(some, spiral(_RANDOM, whole=True), group).ravel()
    width = limit / _BINS_TO_LIMIT
    edges = width * np.arange(int(max(map(np.max, (distances, expected, random))) / width) + 2)
    middles = (edges[1:] + edges[:-1]) / 2
    series = [Series(label, middles, 100 * np.histogram(values, edges)[0] / len(values), style)
              for label, values, style in (("particles", distances, "line"),
                                           ("simulated particles", expected, "dashed"),
                                           ("random directions", random, "dashed"))]
    return Plot("Distance of the particles' best direction of view from the given one, as the "
                "fraction of particles in each %.2g°." % width,
                "Histogram of the distances; most particles should be on the left of the limit.",
                "Distance from the given direction (°)", "Particles (%)", series,
                marks=[Mark(limit, "limit")])
