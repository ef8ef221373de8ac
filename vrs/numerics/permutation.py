"""Which shells of two maps correlate more than chance allows."""

import math
from dataclasses import dataclass

import numpy as np
from scipy import fft

from vrs.numerics.fourier import half_space, shell_planes

_CHANCE = 0.99


@dataclass
class PermutationTest:
    """Result of :func:`permutation_test`, a value per shell.

    Attributes
    ----------
    p_values, q_values : numpy.ndarray of float64, (shells,)
        Without and with the correction for the number of shells; NaN in shells that
        were not tested.
    chance : numpy.ndarray of float64, (shells,)
        Correlation that one of a hundred permutations reaches; NaN likewise.
    permutations : int
        How many each shell had, at least.
    """

    p_values: np.ndarray
    q_values: np.ndarray
    chance: np.ndarray
    permutations: int


def permutation_test(transform1, transform2, shape, curve, start, effective, level, rng):
    """Test the correlation of each shell by permutations.

    In each shell, the coefficients of one map are permuted against those of the other:
    p = (k + 1) / (n + 1), k of n permutations giving at least the correlation found. As
    a mask makes neighbouring coefficients alike, only a random part of them is
    permuted. The p-values are corrected for the number of shells by
    :func:`benjamini_yekutieli` (Beckers and Sachse 2020, doi 10.1016/j.jsb.2020.107579).

    There are so many permutations that a single shell can be significant. They are
    computed many at a time: all cyclic shifts of a random order are random permutations,
    hardly dependent on each other, and their correlations are one Fourier transform.

    Parameters
    ----------
    transform1, transform2 : numpy.ndarray of complex64, (z, y, x // 2 + 1)
        From ``scipy.fft.rfftn``.
    shape : tuple of int
        Box (z, y, x) in voxels.
    curve : numpy.ndarray, (shells,)
        Fourier shell correlation of the two.
    start : int
        First shell that is tested.
    effective : float
        Part of the coefficients that counts as independent.
    level : float
        False discovery rate that the q-values are to be compared with.
    rng : numpy.random.Generator

    Returns
    -------
    PermutationTest
    """
    places, starts = independent_coefficients(shape)
    sizes = (effective * np.diff(starts)).astype(int)
    tested = np.arange(start, len(curve))
    p_values, q_values, chance = np.full((3, len(curve)), np.nan)
    wanted = math.ceil(len(tested) * harmonic(len(tested)) / level)
    flat1, flat2 = transform1.reshape(-1), transform2.reshape(-1)
    for shell in tested:
        part = rng.choice(places[starts[shell]:starts[shell + 1]], sizes[shell], replace=False)
        permuted = permuted_correlations(flat1[part], flat2[part], wanted, rng)
        p_values[shell] = ((permuted >= curve[shell]).sum() + 1) / (permuted.size + 1)
        chance[shell] = np.quantile(permuted, _CHANCE)
    q_values[tested] = benjamini_yekutieli(p_values[tested])
    return PermutationTest(p_values, q_values, chance, wanted)


def independent_coefficients(shape):
    """Coefficients of the half space, sorted by shell, none with its conjugate.

    Coefficients that are their own conjugates, which are real, are left out.

    Parameters
    ----------
    shape : tuple of int
        Box (z, y, x) in voxels.

    Returns
    -------
    places : numpy.ndarray of int, (coefficients,)
        In the flattened half space.
    starts : numpy.ndarray of int, (N // 2 + 2,)
        Shell i has ``places[starts[i]:starts[i + 1]]``.
    """
    nz, ny, nx = half_space(shape)
    shells, places = [], []
    for z, (shell, inside, weights) in enumerate(shell_planes(shape)):
        y = inside // nx
        first = z * ny + y < (-z) % nz * ny + (-y) % ny
        kept = (weights == 2) | first
        shells.append(shell[kept].astype(np.int16))
        places.append(inside[kept] + z * ny * nx)
    shells = np.concatenate(shells)
    starts = np.searchsorted(np.sort(shells, kind="stable"), np.arange(max(shape) // 2 + 2))
    return np.concatenate(places)[np.argsort(shells, kind="stable")], starts


def permuted_correlations(values1, values2, wanted, rng):
    """Correlations after random permutations of one of two sequences.

    Parameters
    ----------
    values1, values2 : numpy.ndarray of complex64, (coefficients,)
    wanted : int
        Permutations, at least.
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray of float32, (permutations,)
        Re Σ a b* / √(Σ |a|² Σ |b|²); 0 where one of them vanishes.
    """
    size = len(values1)
    scale = math.sqrt(np.vdot(values1, values1).real * np.vdot(values2, values2).real)
    orders = math.ceil(wanted / size)
    if scale == 0:
        return np.zeros(orders * size, np.float32)
    shuffled = rng.permuted(np.broadcast_to(values2, (orders, size)), axis=1)
    # One row holds the sums for all cyclic shifts of one order.
    sums = fft.ifft(fft.fft(values1) * fft.fft(shuffled, overwrite_x=True).conj(),
                    overwrite_x=True)
    return sums.real.ravel() / np.float32(scale)


def benjamini_yekutieli(p_values):
    """p-values corrected for their number, whatever their dependence.

    q of the i-th smallest is the least p_j·m·(1 + 1/2 + ... + 1/m)/j over j ≥ i, 1 at most
    (Benjamini and Yekutieli 2001, doi 10.1214/aos/1013699998).

    Parameters
    ----------
    p_values : numpy.ndarray, (tests,)

    Returns
    -------
    numpy.ndarray of float64, (tests,)
        Among tests with q below a level, the expected part of false ones is below it.
    """
    count = len(p_values)
    order = np.argsort(p_values)
    scaled = p_values[order] * count * harmonic(count) / np.arange(1, count + 1)
    q_values = np.empty(count)
    q_values[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1)
    return q_values


def harmonic(count):
    """1 + 1/2 + ... + 1/count."""
    return float(np.sum(1 / np.arange(1, count + 1)))
