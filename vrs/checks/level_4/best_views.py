"""Which directions of view each particle agrees with best, whatever its angles say."""

from dataclasses import dataclass, replace

import numpy as np

from vrs.checks import Criterion, NotMeasured, Quantity
from vrs.checks.particle_images import ASSIGNED_PARTICLES, DETAIL, FIRST_SHELL, spread_rows
from vrs.checks.shared import Shared
from vrs.checks.shares import interval_metric, interval_quantity, share_metrics, share_quantities
from vrs.images.gallery import Rings, gallery_of_map
from vrs.images.noise import measure_spectra, simulate
from vrs.images.poses import (alignment_limit, distinct_best, neighbours, smoothed_maxima,
                              smoothing_basis, smoothing_degree)
from vrs.images.search import Search
from vrs.images.symmetry import asymmetric_unit, mean_view_distance
from vrs.numerics.statistics import difference_interval
from vrs.results import SERIOUS, travels

# Orientations of each particle that count.
COUNT = 7
# Particles that items of these orientations need at least.
FEWEST = 50
# Probability that a result is due to chance which is borne.
CHANCE = 0.01
# What more than the expectation is borne, and the expectation beyond which data are too noisy to
# be judged, per cent.
_BORNE, _TOO_NOISY = 10.0, 50.0
# Per cent of all particles that the public validation service bears.
_BORNE_BY_SERVICE = 30.0
# Degrees between the directions of the gallery, and by how many such steps distinct ones differ.
_STEP, _DISTINCT = 3.0, 1.6
# Degrees times wave numbers: on outer rings neighbours in the gallery have little in common.
_REACH = 60.0
_SIMULATED = 1000
# How the signal is found of particles whose orientations may be wrong: even if four in five are.
_SCALED, _ERRORS, _LARGEST_SCALE, _BISECTIONS = 250, 3, 5.0, 5


@travels
@dataclass
class BestViews:
    """Directions of view that images agree with best.

    Attributes
    ----------
    maxima : numpy.ndarray of float32, (n, 3)
        Where the smoothed correlation of each particle is largest.
    views : numpy.ndarray of float32, (n, 7, 3)
        The seven best distinct directions.
    correlations : numpy.ndarray of float32, (n, 7)
        There.
    clean_views, clean_correlations : numpy.ndarray of float32
        The same of the noise-free reprojections in the given orientations.
    simulated : numpy.ndarray of int, (m,)
        Particles that were simulated with the given orientations.
    simulated_maxima, simulated_views, simulated_correlations : numpy.ndarray of float32
        The same of these.
    random_distance : float
        Mean distance of random directions, degrees.
    snr : float
        Signal-to-noise ratio of the simulated images.
    """

    maxima: np.ndarray
    views: np.ndarray
    correlations: np.ndarray
    clean_views: np.ndarray
    clean_correlations: np.ndarray
    simulated: np.ndarray
    simulated_maxima: np.ndarray
    simulated_views: np.ndarray
    simulated_correlations: np.ndarray
    random_distance: float
    snr: float


class _Comparison:
    """Compares images, centred by their shifts, with a gallery over the asymmetric unit."""

    def __init__(self, found):
        sample, group = found.sample, found.group
        step = min(_STEP, alignment_limit(len(group)) / 2)
        last = min(sample.shell(DETAIL), int(round(_REACH / step)))
        gallery = gallery_of_map(found.projector, Rings(sample.box, FIRST_SHELL, last),
                                 asymmetric_unit(group, step, mirror=True))
        self.directions = gallery.directions.astype(np.float32)
        self._search = Search(gallery, sample.diameter, sample.sampling, workers=sample.workers)
        self._basis = smoothing_basis(gallery.directions, group, smoothing_degree(len(group)))
        self._near = neighbours(gallery.directions, group, _DISTINCT * step)

    def best(self, images, contrast, shifts=None):
        """Smoothed maximum, best distinct directions and their correlations."""
        correlations = self._search.correlations(images, contrast, shifts)
        maxima = smoothed_maxima(correlations, self._basis)
        rows = distinct_best(correlations, self._near, COUNT)
        return (self.directions[maxima], self.directions[rows],
                np.take_along_axis(correlations, rows, axis=1))


def _compare(evidence):
    found = evidence.shared(ASSIGNED_PARTICLES)
    sample, rotations = found.sample, found.rotations
    comparison = _Comparison(found)
    parts = []
    for batch in sample.batches():
        reprojections = found.projector.images(rotations[batch.rows], contrast=batch.contrast)
        parts.append(comparison.best(batch.images, batch.contrast, batch.shifts)
                     + comparison.best(reprojections, batch.contrast)[1:])
    data = [np.concatenate(part) for part in zip(*parts)]
    simulation = _Simulation(found, comparison, evidence.run.seed)
    if not np.isfinite(simulation.spectra.snr):
        raise NotMeasured("Signal and noise of the images could not be separated; check the stacks "
                          "and the CTF in the table.")
    scale = simulation.scale(data[2][simulation.batch.rows, 0])
    return BestViews(*data, simulation.batch.rows, *simulation.best(scale),
                     mean_view_distance(comparison.directions, found.group),
                     scale ** 2 * simulation.spectra.snr)


class _Simulation:
    """Particles that have the given orientations, as noisy as the data."""

    def __init__(self, found, comparison, seed):
        sample = found.sample
        self._found, self._comparison, self._seed = found, comparison, seed
        self.batch = sample.batch(spread_rows(len(sample), _SIMULATED))
        self.spectra = measure_spectra(
            self.batch.images, found.rotations[self.batch.rows], self.batch.shifts,
            found.projector, sample.diameter, self.batch.contrast)

    def best(self, scale=1.0, few=slice(None)):
        """Their best views, if their signal is a multiple of the measured one."""
        shifts, contrast = self.batch.shifts[few], self.batch.contrast
        contrast = None if contrast is None else contrast.take(few)
        spectra = replace(self.spectra, signal=scale * self.spectra.signal)
        images = simulate(self._found.rotations[self.batch.rows[few]], shifts,
                          self._found.projector, spectra, np.random.default_rng(self._seed),
                          contrast)
        return self._comparison.best(images, contrast, shifts)

    def scale(self, correlations):
        """By how much the signal was measured too weak, as wrong orientations make it.

        Parameters
        ----------
        correlations : numpy.ndarray, (m,)
            The best ones of the data, which do not depend on the orientations given.

        Returns
        -------
        float
            1, or where the simulated particles correlate significantly less than the data the
            factor, 1 to 5, that makes up for it on average.
        """
        few = spread_rows(len(correlations), _SCALED)

        def gap(scale):
            return correlations[few] - self.best(scale, few)[2][:, 0]

        gaps = gap(1.0)
        if gaps.mean() <= _ERRORS * gaps.std(ddof=1) / np.sqrt(len(gaps)):
            return 1.0
        low, high = 0.0, np.log(_LARGEST_SCALE)
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            low, high = (middle, high) if gap(np.exp(middle)).mean() > 0 else (low, middle)
        return float(np.exp((low + high) / 2))


BEST_VIEWS = Shared("best_views", "comparing the particles with projections from all directions",
                    ASSIGNED_PARTICLES.requires, _compare)


def excess_quantities(name, words):
    """Quantities of a share of particles that is compared with simulated ones.

    Parameters
    ----------
    name : str
        ``NAME_percentage`` is the share.
    words : str
        What particles are counted.

    Returns
    -------
    tuple of vrs.checks.Quantity
    """
    return (
        *share_quantities(name, "Particles %s" % words),
        Quantity("expected_%s_percentage" % name, "%",
                 "The same for simulated particles as noisy as the data"),
        Quantity(name + "_excess", "%", "Particles that noise does not explain: (s - c)/(1 - c), s "
                 "being their share and c that of the simulated particles, of at most one half"),
        interval_quantity(name + "_excess", name + "_excess", "%"),
    )


def excess(name, bad, expected):
    """Metrics of these quantities.

    Parameters
    ----------
    name : str
    bad, expected : numpy.ndarray of bool
        Which of the particles count, and which of the simulated ones.

    Returns
    -------
    dict
    """
    counts = int(bad.sum()), len(bad), int(expected.sum()), len(expected)
    simulated = expected.mean()
    # Of the wrong ones noise would have taken its share, too.
    scale = 100 / (1 - min(simulated, _TOO_NOISY / 100))
    return {**share_metrics(name, *counts[:2]), "expected_%s_percentage" % name: 100 * simulated,
            name + "_excess": scale * (bad.mean() - simulated),
            name + "_excess_interval": interval_metric(difference_interval(*counts), scale)}


def excess_criterion(name, subject, warning, metric=""):
    """The criterion on the share of particles that noise does not explain.

    The service judges the share itself.
    """
    metric = metric or name
    service = Criterion(
        name=name, metric=metric + "_percentage", subject=subject, relation="<=",
        bound=_BORNE_BY_SERVICE, unit="%",
        warning="%s is {value:.0f} %% (at most {bound} %% expected)."
        % (subject[0].upper() + subject[1:]))
    return Criterion(
        name=name, metric=metric + "_excess_interval.lower", service=(service,),
        subject=subject + " that noise does not explain (lower end of the 95 % interval)",
        relation="<=", bound=_BORNE, unit="%", warning=warning, severity=SERIOUS)


def require_signal(expected, p_value):
    """Raise NotMeasured where even right angles would mostly seem wrong.

    Parameters
    ----------
    expected : float
        Percentage of the simulated particles that seem wrong.
    p_value : float
        Probability that random angles would seem right as often as those of the data; where it
        is large the angles are wrong however noisy the images are.
    """
    if expected > _TOO_NOISY and p_value < CHANCE:
        raise NotMeasured(
            "The images are too noisy to judge the angles of single particles: %.0f %% of "
            "simulated particles with the same noise would seem wrong although their angles are "
            "right. If the specimen has a symmetry that was not given, give it by --symmetry."
            % expected)
