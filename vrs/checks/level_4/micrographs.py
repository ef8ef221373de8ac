"""Micrographs whose particles are unlike those of the others."""

import numpy as np
from scipy.special import ndtr

from vrs.numerics.statistics import enrichment_p_value
from vrs.results import MicrographValues

# Probability that a sound set has a micrograph that is held for suspicious.
CHANCE = 0.05
# Particles that tell of a micrograph, and the part of the usual signal that is weak.
_FEWEST, _WEAK = 5, 0.75


def bad_by_micrograph(table, bad, name, description, label):
    """Share of bad particles of each micrograph.

    Micrographs are suspicious that have significantly more of them than the others: Fisher's
    exact test of each against the rest, at 5 % over all of them (Bonferroni).

    Parameters
    ----------
    table : vrs.images.particles.ParticleTable
    bad : numpy.ndarray of bool, (n,)
    name, description, label : str
        See :class:`vrs.results.MicrographValues`.

    Returns
    -------
    list of vrs.results.MicrographValues
        One, or none where the table names no micrographs.
    """
    if table.micrograph is None:
        return []
    numbers, part = np.unique(table.micrograph, return_inverse=True)
    counts, bad_counts = np.bincount(part), np.bincount(part, bad).astype(int)
    p_values = enrichment_p_value(bad_counts, counts, int(bad.sum()), len(bad))
    return [MicrographValues(name, description, "%", label, _names(table, numbers),
                             100 * bad_counts / counts, -p_values,
                             p_values * len(numbers) < CHANCE)]


def signal_by_micrograph(table, signal, name, description, label):
    """Mean relative signal of the particles of each micrograph.

    Micrographs are suspicious that have less than three quarters of the usual signal, and
    significantly less than it, at 5 % over all of them (Bonferroni).

    Parameters
    ----------
    table : vrs.images.particles.ParticleTable
    signal : numpy.ndarray of float64, (n,)
        1 is usual.
    name, description, label : str
        See :class:`vrs.results.MicrographValues`.

    Returns
    -------
    list of vrs.results.MicrographValues
        One, or none where no micrograph has five particles.
    """
    if table.micrograph is None:
        return []
    numbers, part, counts = np.unique(table.micrograph, return_inverse=True, return_counts=True)
    told = counts >= _FEWEST
    if not told.any():
        return []
    means = np.bincount(part, signal)[told] / counts[told]
    p_values = ndtr((means - 1) * np.sqrt(counts[told]) / max(signal.std(), 1e-9))
    return [MicrographValues(name, description, "", label, _names(table, numbers[told]), means,
                             -means, (means < _WEAK) & (p_values * told.sum() < CHANCE))]


def _names(table, numbers):
    names = table.micrograph_names
    return [names[number] if names else str(number + 1) for number in numbers.tolist()]
