"""Fourier shell correlation and its kin, and where such curves cross a threshold."""

from dataclasses import dataclass
from typing import Optional

import numpy as np

from vrs.numerics.fourier import shell_sums

FSC_THRESHOLD = 0.143
DPR_THRESHOLD = 180 / np.sqrt(3)
_HIGHEST_SSNR = 1e6


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


def phase_terms(transform1, transform2):
    """Terms of the differential phase residual, real arrays of the transforms' shape.

    Returns
    -------
    weighted : numpy.ndarray
        (|F1| + |F2|) Δφ², Δφ in radians.
    weights : numpy.ndarray
        |F1| + |F2|.
    """
    weights = np.abs(transform1) + np.abs(transform2)
    return weights * np.square(np.angle(transform1 * transform2.conj())), weights


def phase_residual(weighted, weights):
    """Differential phase residual of shells.

    DPR = √(Σ (|F1| + |F2|) Δφ² / Σ (|F1| + |F2|)) (Frank et al. 1981). Phases that have
    nothing in common give 180°/√3 = 103.9°.

    Parameters
    ----------
    weighted, weights : numpy.ndarray, (shells,)
        Sums of :func:`phase_terms`.

    Returns
    -------
    numpy.ndarray of float64, (shells,)
        Degrees; 180 in shells without power.
    """
    mean = np.divide(weighted, weights, out=np.full(len(weights), np.pi ** 2), where=weights > 0)
    return np.degrees(np.sqrt(mean))


def signal_to_noise(cross, power1, power2):
    """Spectral signal-to-noise ratio of the mean of two half maps.

    SSNR = Σ |(F1 + F2)/2|² / Σ |(F1 - F2)/2|² - 1 over each shell: the mean of the halves
    holds the signal and as much noise as their half difference, which holds noise only.
    Where the halves have the same power this is 2 FSC / (1 - FSC), so that an SSNR of 1
    corresponds to an FSC of 1/3. The halves are brought to a common scale first, by their
    power over all shells but the origin.

    Parameters
    ----------
    cross, power1, power2 : numpy.ndarray, (shells,)
        Sums of :func:`cross_and_powers`.

    Returns
    -------
    numpy.ndarray of float64, (shells,)
        0 in shells without power, and at most 10⁶, as of identical halves.
    """
    total1, total2 = power1[1:].sum(), power2[1:].sum()
    scale = np.sqrt(total1 / total2) if total1 > 0 and total2 > 0 else 1.0
    powers, twice_cross = power1 + scale ** 2 * power2, 2 * scale * cross
    noise = np.maximum(powers - twice_cross, powers / _HIGHEST_SSNR)
    ratio = np.divide(powers + twice_cross, noise, out=np.ones(len(noise)), where=noise > 0)
    return np.minimum(ratio - 1, _HIGHEST_SSNR)


def noise_level(counts, deviations=2):
    """FSC that halves without common signal reach by chance: deviations/√n.

    Parameters
    ----------
    counts : numpy.ndarray, (shells,)
        Coefficients of each shell, conjugates included; the deviation of the FSC of
        noise that fills the box is 1/√n.
    deviations : float

    Returns
    -------
    numpy.ndarray of float64, (shells,)
        1 at most.
    """
    return np.minimum(deviations / np.sqrt(np.maximum(counts, 1)), 1)


def half_bit(counts):
    """Half-bit threshold of the FSC.

    (0.2071 + 1.9102/√n) / (1.2071 + 0.9102/√n) (van Heel and Schatz 2005,
    doi 10.1016/j.jsb.2005.05.009).

    Parameters
    ----------
    counts : numpy.ndarray, (shells,)
        As in :func:`noise_level`.

    Returns
    -------
    numpy.ndarray of float64, (shells,)
    """
    chance = 1 / np.sqrt(np.maximum(counts, 1))
    return (0.2071 + 1.9102 * chance) / (1.2071 + 0.9102 * chance)


def first_telling_shell(counts):
    """First shell whose FSC tells 0.143 from what noise reaches by chance (2/√n).

    Shells before have so few coefficients that their FSC falls or rises by chance.

    Parameters
    ----------
    counts : numpy.ndarray, (shells,)
        As in :func:`noise_level`.

    Returns
    -------
    int
        4 in cubic boxes; the last shell if none tells.
    """
    telling = np.flatnonzero(noise_level(counts) < FSC_THRESHOLD)
    return int(telling[0]) if telling.size else len(counts) - 1


def correlates(curve, counts, independent=1.0):
    """Whether two maps have anything in common where they are best.

    Parameters
    ----------
    curve : numpy.ndarray, (shells,)
        FSC.
    counts : numpy.ndarray, (shells,)
        As in :func:`noise_level`.
    independent : float
        Part of the coefficients that are independent.

    Returns
    -------
    bool
        Whether the FSC is above three times its deviation by chance in the first shell
        that tells something and in the next one.
    """
    first = slice(first_telling_shell(counts), first_telling_shell(counts) + 2)
    return bool((curve[first] > noise_level(independent * counts[first], 3)).all())


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


def first_crossing(frequencies, curve, threshold, start=1):
    """Where a curve falls below a threshold for the first time.

    Parameters
    ----------
    frequencies : numpy.ndarray, (shells,)
        Increasing. The first is the origin, where there is nothing to correlate.
    curve : numpy.ndarray, (shells,)
    threshold : float or numpy.ndarray, (shells,)
    start : int
        First sample that counts.

    Returns
    -------
    Crossing
        Linearly interpolated between the last sample above and the first below.
    """
    excess = (np.asarray(curve, float) - threshold)[start:]
    frequencies = np.asarray(frequencies, float)[start:]
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
