"""Fall-off of the amplitudes of a map with resolution."""

from dataclasses import dataclass

import numpy as np

from vrs.numerics import fourier

LOWEST_RESOLUTION = 15.0


@dataclass
class GuinierFit:
    """A fitted line y = slope·x + intercept and what follows from it."""

    slope: float
    intercept: float
    b_factor: float
    b_factor_error: float
    r_squared: float
    points: int


def guinier_profile(transform, shape, sampling):
    """Guinier profile of a map.

    Parameters
    ----------
    transform : numpy.ndarray of complex64, (z, y, x // 2 + 1)
        ``scipy.fft.rfftn`` of the map.
    shape : tuple of int
        Box (z, y, x) in voxels.
    sampling : float
        Å/voxel.

    Returns
    -------
    x : numpy.ndarray of float64
        1/d² of the shells from the first to Nyquist, 1/Å².
    y : numpy.ndarray of float64
        ln(mean |F| / number of voxels), -inf in empty shells.
    """
    frequencies = fourier.shell_frequencies(shape, sampling)[1:]
    amplitudes = fourier.mean_amplitudes(transform, shape)[1:] / np.prod(shape, dtype=float)
    with np.errstate(divide="ignore"):
        return frequencies ** 2, np.log(amplitudes)


def fit_guinier(x, y, resolution):
    """Least squares line through a Guinier profile for 15 Å ≥ d ≥ resolution.

    B = 4·slope, as the amplitudes fall by exp(B f²/4) (Rosenthal & Henderson 2003,
    doi 10.1016/j.jmb.2003.07.013).

    Parameters
    ----------
    x, y : numpy.ndarray of float64
        From :func:`guinier_profile`.
    resolution : float
        Å.

    Returns
    -------
    GuinierFit

    Raises
    ------
    ValueError
        If fewer than three shells with signal lie in that range.
    """
    margin = 1e-9  # shells at the very ends belong to the range, whatever the rounding
    used = ((x >= (1 - margin) / LOWEST_RESOLUTION ** 2) & (x <= (1 + margin) / resolution ** 2)
            & np.isfinite(y))
    points = int(np.count_nonzero(used))
    if points < 3:
        raise ValueError("Only %d Fourier shells with signal lie between %g Å and the reported "
                          "resolution; a line needs three." % (points, LOWEST_RESOLUTION))
    from scipy.stats import linregress  # takes long to import
    line = linregress(x[used], y[used])
    return GuinierFit(line.slope, line.intercept, 4 * line.slope, 4 * line.stderr,
                      line.rvalue ** 2, points)
