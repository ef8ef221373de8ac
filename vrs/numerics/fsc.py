"""Fourier shell correlation, and where such curves cross a threshold."""

from dataclasses import dataclass
from typing import Optional

import numpy as np

from vrs.numerics.fourier import shell_sums


def shell_correlation(transform1, transform2, shape):
    """Fourier shell correlation of two maps.

    FSC = Re Σ F1 F2* / √(Σ |F1|² Σ |F2|²) over each shell of all of Fourier space
    (Harauz and van Heel 1986).

    Parameters
    ----------
    transform1, transform2 : numpy.ndarray of complex64, (z, y, x // 2 + 1)
        From ``scipy.fft.rfftn``.
    shape : tuple of int
        Box (z, y, x) in voxels.

    Returns
    -------
    numpy.ndarray of float64, (N // 2 + 1,)
        For the shells of :func:`vrs.numerics.fourier.shell_frequencies`; 0 in shells
        without power.
    """
    cross, power1, power2 = shell_sums(shape, lambda z: cross_and_powers(
        transform1[z], transform2[z]))
    return correlation(cross, power1, power2)


def cross_and_powers(transform1, transform2):
    """Re F1 F2*, |F1|² and |F2|², real arrays of the transforms' shape."""
    return ((transform1 * transform2.conj()).real, np.square(np.abs(transform1)),
            np.square(np.abs(transform2)))


def correlation(cross, power1, power2):
    """Cross term over the geometric mean of the powers, 0 where these vanish."""
    scale = np.sqrt(power1 * power2)
    return np.divide(cross, scale, out=np.zeros_like(scale), where=scale > 0)


@dataclass
class Crossing:
    """Where a curve falls below a threshold for the first time.

    Attributes
    ----------
    frequency : float or None
        In the unit of the frequencies; the last one when it never falls, None when
        the curve is never above the threshold.
    falls : bool
        Whether it falls below the threshold at all.
    returns : bool
        Whether it comes back above the threshold after that.
    """

    frequency: Optional[float]
    falls: bool
    returns: bool

    @property
    def resolution(self):
        """1 / frequency; None without."""
        return 1 / self.frequency if self.frequency else None


def first_crossing(frequencies, curve, threshold):
    """Where a curve falls below a threshold for the first time.

    Parameters
    ----------
    frequencies : numpy.ndarray, (shells,)
        Increasing. The first is the origin, where there is nothing to correlate.
    curve : numpy.ndarray, (shells,)
    threshold : float or numpy.ndarray, (shells,)

    Returns
    -------
    Crossing
        Linearly interpolated between the last sample above and the first below; the
        curve counts from its second sample on.
    """
    excess = np.asarray(curve, float)[1:] - np.broadcast_to(threshold, np.shape(curve))[1:]
    frequencies = np.asarray(frequencies, float)[1:]
    below = np.flatnonzero(excess < 0)
    if below.size == 0:
        return Crossing(float(frequencies[-1]), False, False)
    first = below[0]
    returns = bool((excess[first:] >= 0).any())
    if first == 0:
        return Crossing(None, True, returns)
    above, under = excess[first - 1], excess[first]
    step = frequencies[first] - frequencies[first - 1]
    return Crossing(float(frequencies[first - 1] + step * above / (above - under)), True, returns)
