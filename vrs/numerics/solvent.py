"""What the surroundings of a macromolecule hold besides plain noise."""

import numpy as np
from scipy import fft

from vrs.numerics import fourier
from vrs.numerics.fsc import FSC_THRESHOLD
from vrs.numerics.masks import MARGIN, dilate, label_components, soft_mask
from vrs.numerics.sphere import spiral

# Wave numbers of the longest side at which straight lines are looked for.
_LOWEST, _HIGHEST = 5, 24
_DIRECTIONS, _AT_ONCE = 1500, 50
# Of the largest mean power of a shell; with less there may be nothing but rounding.
_EMPTY_SHELL = 1e-3
# The resolution is judged by the noise from here to the resolution itself, in units of it.
_BAND = 0.8
# Median of the square of a standard normal deviate.
_MEDIAN_SQUARE = 0.4549


def robust_deviation(values):
    """Standard deviation of noise among which there may be something else.

    Parameters
    ----------
    values : numpy.ndarray, (n,)

    Returns
    -------
    float
        1.4826 times the median distance from the median.
    """
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def line_excess(volume, around, workers=1):
    """Whether straight lines run through the surroundings of a macromolecule.

    The power of lines along a direction lies in the plane through the origin of Fourier space
    that is perpendicular to it. For 1500 directions d, the mean power of the coefficients with
    \\|k·d\\| ≤ 1 is divided by that of their neighbours with 2 < \\|k·d\\| ≤ 5, k being the wave
    number of the longest side (5 to 24) and the power relative to its shell. Noise that changes
    slowly with the direction, as with uneven views, cancels.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    around : numpy.ndarray of bool, (z, y, x)
        The surroundings; not empty.
    workers : int

    Returns
    -------
    ratio : float
        The largest ratio; 1.1 to 1.3 for noise without lines.
    direction : numpy.ndarray of float64, (3,)
        x, y, z, where it is found.
    """
    window = soft_mask(around)
    mean = np.vdot(volume.ravel(), window.ravel()) / window.sum(dtype=np.float64)
    window *= volume - np.float32(mean)
    waves, power = _low_coefficients(window, workers)
    directions = spiral(_DIRECTIONS)
    ratios = np.concatenate([
        _plane_ratios(waves, power, directions[first:first + _AT_ONCE].astype(np.float32))
        for first in range(0, _DIRECTIONS, _AT_ONCE)])
    best = int(np.argmax(ratios))
    return float(ratios[best]), directions[best]


def _low_coefficients(volume, workers):
    """Wave numbers (x, y, z; of the longest side) and powers relative to those of their shell,
    of half of the coefficients."""
    shape, longest = volume.shape, max(volume.shape)
    transform = fft.rfftn(volume, workers=workers, overwrite_x=True)
    z, y, x = (np.rint(step(size) * size) for step, size in zip(
        (fft.fftfreq, fft.fftfreq, fft.rfftfreq), shape))
    places = np.ix_(*(np.flatnonzero(np.abs(axis) * longest <= _HIGHEST * size)
                      for axis, size in zip((z, y, x), shape)))
    power = np.square(np.abs(transform[places])).ravel()
    waves = np.stack([axis.ravel() for axis in np.meshgrid(*(
        axis[place.ravel()] * longest / size
        for axis, place, size in zip((z, y, x), places, shape)), indexing="ij")][::-1], axis=1)
    shells = np.rint(np.linalg.norm(waves, axis=1)).astype(np.intp)
    # The plane x = 0 holds both of two conjugate coefficients.
    kept = (shells >= _LOWEST) & (shells <= min(_HIGHEST, longest // 2 - 1)) & (
        (waves[:, 0] > 0) | (waves[:, 1] > 0) | ((waves[:, 1] == 0) & (waves[:, 2] > 0)))
    waves, power, shells = waves[kept], power[kept], shells[kept]
    means = np.bincount(shells, power) / np.maximum(np.bincount(shells), 1)
    strong = means[shells] > _EMPTY_SHELL * means.max(initial=0)
    return (waves[strong].astype(np.float32),
            (power / means[shells])[strong].astype(np.float32))


def _plane_ratios(waves, power, directions):
    heights = np.abs(waves @ directions.T)
    plane = (heights <= 1).astype(np.float32)
    beside = ((heights > 2) & (heights <= 5)).astype(np.float32)
    means = [power @ chosen / np.maximum(chosen.sum(axis=0), 1) for chosen in (plane, beside)]
    return np.divide(means[0], means[1], out=np.ones_like(means[0]), where=means[1] > 0)


def detached_bodies(volume, mask, around, threshold, sampling):
    """What stands out of the surroundings of a macromolecule without being connected to it.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    mask : numpy.ndarray of bool, (z, y, x)
        Of the macromolecule.
    around : numpy.ndarray of bool, (z, y, x)
        Its surroundings.
    threshold : float
        Contour level of the macromolecule.
    sampling : float
        Å/voxel.

    Returns
    -------
    numpy.ndarray of bool, (z, y, x)
        The largest 26-connected component, of either sign, of the voxels that differ from the
        median of the surroundings by a third of the contour level's difference from it and by
        5 robust deviations, and that lie beyond 10 Å from the mask as a whole; may be empty.
    """
    values = volume[around]
    middle = np.float32(np.median(values))
    level = max(5 * robust_deviation(values), (threshold - middle) / 3)
    near = dilate(mask, MARGIN, sampling)
    largest = np.zeros(mask.shape, bool)
    for sign in (1, -1):
        labels, sizes = label_components(sign * (volume - middle) > level)
        sizes[np.unique(labels[near & (labels > 0)]) - 1] = 0
        if sizes.max(initial=0) > np.count_nonzero(largest):
            largest = labels == np.argmax(sizes) + 1
    return largest


def signal_ratio(volume, mask, around, sampling, resolution, workers=1):
    """Power within a macromolecule relative to that of the noise around it, near a resolution.

    Both in a smooth band from 1.25 R to R; the noise by the median of the squares, which leaves
    out what stands out of it.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    mask, around : numpy.ndarray of bool, (z, y, x)
        Of the macromolecule and of its surroundings; neither empty.
    sampling : float
        Å/voxel.
    resolution : float
        R, Å.
    workers : int

    Returns
    -------
    float
        1 for noise alone, 4/3 where the Fourier shell correlation of the half maps within the
        mask is 0.143; infinite where there is no noise.
    """
    highest = min(1 / resolution, 1 / (2 * sampling))
    lowest = _BAND * highest
    middle, half = (lowest + highest) / 2, (highest - lowest) / 2

    def response(squared):
        # Smooth, as sharp edges would spread what is within the mask.
        distance = np.minimum(np.abs(np.sqrt(squared) - middle) / half, 1)
        return np.cos(np.pi / 2 * distance) ** 2

    band = fourier.filtered(volume, sampling, response, workers)
    np.square(band, out=band)
    noise = float(np.median(band[around])) / _MEDIAN_SQUARE
    return float(band[mask].mean(dtype=np.float64)) / noise if noise > 0 else np.inf


def noise_suppression(ratio, mask):
    """How much weaker the noise around a macromolecule is than its resolution implies.

    At the resolution the Fourier shell correlation of half maps is 0.143, so that the signal has
    2·0.143/(1 - 0.143) = 1/3 of the noise's power in their mean. If that is so for the whole box,
    where the noise is the largest part, the power within the mask is 1 + box / (3 mask) times that
    outside, volumes being meant; and less if the correlation was taken within a mask.

    Parameters
    ----------
    ratio : float
        From :func:`signal_ratio`.
    mask : numpy.ndarray of bool, (z, y, x)
        Of the macromolecule.

    Returns
    -------
    float
        (ratio - 1) · 3 mask / box: about 1 at most for noise that was left as it is.
    """
    return (ratio - 1) * mask.mean() * (1 - FSC_THRESHOLD) / (2 * FSC_THRESHOLD)
