"""4.a: how similar are the particles to the reprojections of the map?"""

from dataclasses import dataclass

import numpy as np

from vrs.checks import VECTOR, Check, Findings, Quantity, register
from vrs.checks.level_4.micrographs import signal_by_micrograph
from vrs.checks.level_4.orientations import direction_map, require_particles
from vrs.checks.particle_images import (ASSIGNED_PARTICLES, DETAIL, FIRST_SHELL, projector_of,
                                        spread_rows)
from vrs.checks.shares import (interval_metric, interval_quantity, printed_interval,
                               share_metrics, share_quantities)
from vrs.errors import NotMeasured
from vrs.images.agreement import correlations, image_distances
from vrs.images.refine import LocalSearch
from vrs.images.symmetry import equivalent_views
from vrs.numerics.random_phases import with_random_phases
from vrs.numerics.sphere import geodesic_directions
from vrs.numerics.statistics import two_populations
from vrs.results import Mark, ParticleValues, Paragraph, Plot, Series, plain

_FEWEST = 50
_DELTA_BIC, _SEPARATION = 10.0, 2.0
_DEGREE = 2
_NORMAL = 1.96  # Standard errors to either end of a 95 % interval.
_NULL_PERCENTILE = 97.5
_BINS = 40
# Particles count for directions of view up to this far from theirs, degrees, where there are some.
_CAP, _FEWEST_SEEN = 15.0, 10
_POINTS = 1500


@register
class SimilarityCriteria(Check):
    """Correlation and image distance of particles and reprojections."""

    id = "4.a"
    title = "Similarity criteria"
    requires = ASSIGNED_PARTICLES.requires
    uses = (ASSIGNED_PARTICLES,)
    explanation = (
        "Each particle is compared with the reprojection of the map in its orientation, multiplied "
        "by its CTF, within the particle's disc and up to %g Å, in two ways: by the correlation, "
        "and by the image Euclidean distance (IMED) after a fit of the grey values, which "
        "tolerates details displaced by a pixel. The values that a good particle reaches depend on "
        "noise, defocus and size. The comparison is therefore repeated with a map that has the "
        "same power spectrum and mask but random phases; orientations and shifts are refined "
        "locally in both cases, so that both gain equally from fitting noise. Correlations that "
        "fall into two groups, once their dependence on the defocus is removed, suggest two kinds "
        "of particles: two normal distributions have to describe them better (BIC lower by more "
        "than %g) and to be well separated (Ashman's D above %g). The relative signal of a "
        "direction of view is the mean, over the particles seen within %g° of it, of the "
        "correlation in the given orientation divided by what particles of the same defocus have "
        "on average." % (DETAIL, _DELTA_BIC, _SEPARATION, _CAP))
    quantities = (
        Quantity("median_correlation", "", "Median correlation with the reprojections in the given "
                 "orientations"),
        Quantity("median_imed", "", "Median IMED of images of variance 1 from the reprojections "
                 "in the given orientations"),
        Quantity("refined_median_correlation", "", "Median correlation after a local refinement"),
        Quantity("null_median_correlation", "",
                 "The same with the random-phase map"),
        Quantity("refined_median_imed", "", "Median IMED after the local refinement"),
        Quantity("null_median_imed", "", "The same with the random-phase map"),
        Quantity("advantage", "", "Mean correlation with the map minus that with the random-phase "
                 "map, both refined"),
        interval_quantity("advantage", "advantage", ""),
        *share_quantities("above_null", "Particles that correlate better with the map than 97.5 % "
                          "of them do with the random-phase map"),
        Quantity("weakest_signal", "", "Relative signal of the direction of view that has least; 1 "
                 "is the mean"),
        Quantity("weakest_direction", "", "That direction in the map (x, y, z)", VECTOR),
        Quantity("unseen_percentage", "%", "Directions of view with fewer than %d particles within "
                 "%g°, which have no value" % (_FEWEST_SEEN, _CAP)),
        Quantity("defocus_change", "1/µm", "Change of the correlation with the defocus"),
        Quantity("populations", "", "Populations of the correlations, 1 or 2"),
        Quantity("delta_bic", "", "BIC of one normal distribution minus that of two"),
        Quantity("separation", "", "Ashman's D (separation) of the two"),
        Quantity("lower_population_percentage", "%", "Particles in the lower of two populations"),
        Quantity("particles_used", "", "Particles that were compared"),
    )
    references = ("Wang2005", "Ashman1994")

    def compute(self, evidence):
        found = evidence.shared(ASSIGNED_PARTICLES)
        require_particles(len(found.sample), _FEWEST, "do not give a reliable result")
        given, refined, null = _compare(evidence, found)
        defocus = _defocus(found.sample.table)
        expected, change = _by_defocus(given.correlations, defocus)
        if np.ptp(given.correlations - expected) == 0:
            raise NotMeasured("All particles have the same correlation with the map, %.3f, as if "
                              "they had the same image or the same CTF without any contrast; check "
                              "the table." % given.correlations[0])
        mixture = two_populations(given.correlations - expected)
        two = mixture.delta_bic > _DELTA_BIC and mixture.separation > _SEPARATION
        gain = refined.correlations - null.correlations
        error = _NORMAL * gain.std(ddof=1) / np.sqrt(len(gain))
        bound = np.percentile(null.correlations, _NULL_PERCENTILE)
        above = refined.correlations > bound
        metrics = {
            "median_correlation": np.median(given.correlations),
            "median_imed": np.median(given.distances),
            "refined_median_correlation": np.median(refined.correlations),
            "null_median_correlation": np.median(null.correlations),
            "refined_median_imed": np.median(refined.distances),
            "null_median_imed": np.median(null.distances),
            "advantage": gain.mean(),
            "advantage_interval": interval_metric((gain.mean() - error, gain.mean() + error)),
            **share_metrics("above_null", int(above.sum()), len(above)),
            "defocus_change": change, "populations": 2 if two else 1,
            "delta_bic": mixture.delta_bic, "separation": mixture.separation,
            "lower_population_percentage": 100 * mixture.weights[0] if two else None,
            "particles_used": len(gain)}
        usable = np.flatnonzero(expected > 0)
        relative = given.correlations[usable] / expected[usable]
        signal = _by_direction(found.rotations[usable, 2], found.group, relative)
        metrics.update(_weakest(*signal))
        content = [Paragraph(_sentence(metrics)), _histogram(refined, null, bound)]
        if metrics["weakest_signal"] is not None:
            content.append(direction_map(
                "Relative signal of the particles by direction of view; grey where fewer than %d "
                "were seen." % _FEWEST_SEEN, "The sphere of directions of view coloured by the "
                "relative signal of the particles.", *signal, "Relative signal", "",
                metrics["weakest_direction"]))
        if change is not None:
            content.append(_against_defocus(given.correlations, defocus, expected))
        rows = found.sample.rows
        micrographs = signal_by_micrograph(
            found.sample.table.take(usable), relative, "vrsRelativeSignal", "Mean correlation of "
            "the particles over what those of the same defocus have on average",
            "relative signal")
        return Findings(plain(metrics), content, micrographs + [
            ParticleValues("vrsCorrelation", "Correlation with the reprojection", "", rows,
                           given.correlations),
            ParticleValues("vrsIMED", "IMED from the reprojection", "", rows, given.distances)])


@dataclass(frozen=True, eq=False)
class _Similarities:
    """Correlations and image distances of the particles, (n,) each."""

    correlations: np.ndarray
    distances: np.ndarray


def _compare(evidence, found):
    """Similarities in the given orientations, and in those refined with map and null."""
    sample, given_map = found.sample, evidence.map
    random_map = with_random_phases(given_map.volume, given_map.soft_mask,
                                    np.random.default_rng(evidence.run.seed), evidence.run.workers)
    local, null = (LocalSearch(projector, sample.diameter, FIRST_SHELL, sample.shell(DETAIL),
                               sample.workers)
                   for projector in (found.projector, projector_of(evidence, sample, random_map)))
    parts = []
    for batch in sample.batches():
        rotations = found.rotations[batch.rows]
        part = [_similarity(local, batch, rotations, batch.shifts)]
        for search in (local, null):
            poses = search.best(batch.images, rotations, batch.shifts, batch.contrast)
            part.append(_similarity(search, batch, poses.rotations, poses.shifts))
        parts.append(part)
    return [_Similarities(*np.concatenate(part, axis=1)) for part in zip(*parts)]


def _similarity(local, batch, rotations, shifts):
    """Correlations and image distances, (2, b)."""
    images = local.centred(batch.images, shifts)
    references = local.reprojections(rotations, batch.contrast)
    return np.array([correlations(images, references, local.disc),
                     image_distances(images, references, local.disc)])


def _defocus(table):
    """Mean defocus of the particles, µm; None where it is not known."""
    return table.defocus[:, :2].mean(axis=1) / 1e4 if table.has_ctf else None


def _by_defocus(values, defocus):
    """What values are on average at each defocus, by a parabola, and their change per µm."""
    degree = 0 if defocus is None else min(_DEGREE, len(np.unique(defocus)) - 1)
    if not degree:
        return np.full(len(values), values.mean()), None
    middle = defocus.mean()
    fit = np.polyfit(defocus - middle, values, degree)
    return np.polyval(fit, defocus - middle), np.polyfit(defocus, values, 1)[0]


def _by_direction(views, group, values):
    """Mean of the particles' values for each direction of view.

    Parameters
    ----------
    views : numpy.ndarray, (n, 3)
    group : numpy.ndarray, (g, 3, 3)
    values : numpy.ndarray, (n,)

    Returns
    -------
    directions : numpy.ndarray, (m, 3)
        One of each pair of opposites, whose images are mirror images of each other.
    means : numpy.ndarray, (m,)
        Of the particles seen within 15°; NaN where fewer than ten were.
    """
    directions = geodesic_directions()
    counts, sums = np.zeros(len(directions)), np.zeros(len(directions))
    for copies in equivalent_views(np.asarray(views, float), group):
        for row, direction in enumerate(directions):
            near = np.abs(copies @ direction) >= np.cos(np.radians(_CAP))
            counts[row] += np.count_nonzero(near)
            sums[row] += values[near].sum()
    return directions, np.where(counts >= _FEWEST_SEEN, sums / np.maximum(counts, 1), np.nan)


def _weakest(directions, means):
    """What is told of the relative signal by direction, as metrics."""
    unseen = 100 * float(np.mean(np.isnan(means)))
    if unseen == 100:
        return {"weakest_signal": None, "weakest_direction": None, "unseen_percentage": unseen}
    weakest = int(np.nanargmin(means))
    return {"weakest_signal": means[weakest], "weakest_direction": directions[weakest],
            "unseen_percentage": unseen}


def _sentence(metrics):
    text = ("The median correlation of the %s particles with their reprojections is %.3f. After a "
            "local refinement it is %.3f, and %.3f with a random-phase map: the map is better by "
            "%.3f on average (95 %% interval %s). %.1f %% of the particles (%s %%) correlate "
            "better with the map than 97.5 %% of them do with the random-phase map. The median "
            "IMED is %.2f; after refinement it is %.2f, and %.2f with the random-phase map. " % (
                format(metrics["particles_used"], ","), metrics["median_correlation"],
                metrics["refined_median_correlation"], metrics["null_median_correlation"],
                metrics["advantage"], printed_interval(metrics["advantage_interval"], 3),
                metrics["above_null_percentage"],
                printed_interval(metrics["above_null_interval"], 1), metrics["median_imed"],
                metrics["refined_median_imed"], metrics["null_median_imed"]))
    numbers = "(BIC %s by %.0f, Ashman's D %.1f)" % (
        "lower" if metrics["delta_bic"] > 0 else "higher", abs(metrics["delta_bic"]),
        metrics["separation"])
    if metrics["populations"] == 1:
        return text + ("The correlations form one population: two describe them no better, or are "
                       "not separated %s.") % numbers
    return text + ("The correlations form two populations %s, the lower of which has %.0f %% of "
                   "the particles: these may be something else, or have wrong angles."
                   % (numbers, metrics["lower_population_percentage"]))


def _histogram(refined, null, bound):
    values = np.concatenate([refined.correlations, null.correlations])
    edges = np.linspace(values.min(), values.max(), _BINS + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    return Plot(
        "Correlation of the particles with the map and with a random-phase map, both after a local "
        "refinement.", "Histograms of both correlations; sound particles correlate better "
        "with the map.", "Correlation", "Particles",
        [Series("map", middles, np.histogram(refined.correlations, edges)[0]),
         Series("random phases", middles, np.histogram(null.correlations, edges)[0], "dashed")],
        marks=[Mark(float(bound), "97.5 % of random")])


def _against_defocus(values, defocus, expected):
    some = spread_rows(len(values), _POINTS)
    order = np.argsort(defocus, kind="stable")
    return Plot("Correlation of the particles in the given orientations against their defocus, and "
                "its trend.", "Scatter plot of the correlation against the defocus.",
                "Defocus (µm)", "Correlation",
                [Series("particles", defocus[some], values[some], "points"),
                 Series("mean", defocus[order], expected[order])])
