"""Local resolution as the finest sinusoid that can be told from noise."""

import numpy as np
from scipy import fft, ndimage, special

from vrs.numerics.fourier import (filter_in_place, half_space, hermitian_weights, raised_cosine,
                                  shell_counts, shell_powers, squared_frequencies)
from vrs.numerics.local_fsc import places_with_margin
from vrs.numerics.masks import bounding_box, soft_mask

LONGEST = 20  # wavelength in voxels
_STEP = 0.03  # of the frequencies, cycles/voxel; in between the statistic is interpolated
_STRENGTH_SIGMA = LONGEST / 2  # of the Gaussian in which the local noise is measured
_WINDOW = 0.35  # deviation of the Gaussian window in wavelengths
_HIGH_PASS = (0.8, 1.0)  # where it begins and ends, in units of the frequency
_FALSE_DISCOVERIES = 0.05
_PARAMETERS = 16  # harmonics of the degrees 0 to 3
# Deviation, cycles/voxel, of the Gaussian that smooths the spectrum of the noise: at most the
# first, the second being over the voxels of the mask: some 200 coefficients at the lowest shell.
_MOST_SMOOTHING, _KNOWN_ENOUGH = 0.02, 1800
_NO_POWER = 1e-10  # relative to the strongest shell, what rounding leaves
_REACH = 3.0  # deviations of the window's transform that are kept
_OVERSAMPLING = 1.25  # of the coarse grids on which low frequencies are done
_THRESHOLDS = 1000  # tried for the rate of false discoveries
_RADII = 4096  # at which responses are tabulated
# Real spherical harmonics as polynomials, the squares of a degree l summing up to 2l + 1.
_HARMONICS = (
    (lambda x, y, z: np.float32(1),),
    tuple(lambda x, y, z, axis=axis: np.float32(3 ** 0.5) * (x, y, z)[axis] for axis in range(3)),
    (lambda x, y, z: np.float32(15 ** 0.5) * x * y,
     lambda x, y, z: np.float32(15 ** 0.5) * y * z,
     lambda x, y, z: np.float32(15 ** 0.5) * x * z,
     lambda x, y, z: np.float32(1.25 ** 0.5) * (2 * z * z - x * x - y * y),
     lambda x, y, z: np.float32(3.75 ** 0.5) * (x * x - y * y)),
    (lambda x, y, z: np.float32(1.75 ** 0.5) * z * (2 * z * z - 3 * (x * x + y * y)),
     lambda x, y, z: np.float32(2.625 ** 0.5) * x * (4 * z * z - x * x - y * y),
     lambda x, y, z: np.float32(2.625 ** 0.5) * y * (4 * z * z - x * x - y * y),
     lambda x, y, z: np.float32(26.25 ** 0.5) * z * (x * x - y * y),
     lambda x, y, z: np.float32(105 ** 0.5) * x * y * z,
     lambda x, y, z: np.float32(4.375 ** 0.5) * x * (x * x - 3 * y * y),
     lambda x, y, z: np.float32(4.375 ** 0.5) * y * (3 * x * x - y * y)),
)


def sinusoid_resolution(half1, half2, mask, sampling, workers=1):
    """Smallest wavelength at which a local sinusoid is detected.

    After Kucukelbir, Sigworth and Tagare 2014 (doi 10.1038/nmeth.2727). The mean of the
    half maps is whitened by half their difference within the mask: by its local
    strength and by its spectrum. At each wavelength λ a sum of sinusoids of any
    direction and phase, in a Gaussian window about the voxel, is fitted by least
    squares: exp(-u²/2s²) Σ β_lm j_l(2πu/λ) Y_lm, s = 0.35 λ, with the 16 steerable
    functions of the degrees 0 to 3, freed of what longer wavelengths explain. In white
    noise of known variance the likelihood ratio leaves a statistic, the sum of the
    squared coefficients on an orthonormal basis, that is distributed as χ² with 16
    degrees of freedom; divided by them, and the variance being estimated in the mask,
    as F. The Benjamini-Hochberg procedure at 5 % over the mask gives the threshold at
    that wavelength.

    Parameters
    ----------
    half1, half2 : numpy.ndarray of float32, (z, y, x)
    mask : numpy.ndarray of bool, (z, y, x)
        Not empty.
    sampling : float
        Å/voxel.
    workers : int

    Returns
    -------
    local : numpy.ndarray of float32, (z, y, x)
        Å; 0 outside the mask. Between the last wavelength that passes and the next one
        the logarithm of statistic over threshold is interpolated linearly in frequency.
        20 voxels, the longest wavelength, where none passes, and where the halves are
        equal, as in surroundings that were set to a constant: the noise is not known there.
    resolved : numpy.ndarray of bool, (z, y, x)
        Where any wavelength passes.

    Raises
    ------
    ValueError
        If the half maps do not differ within the mask.
    """
    shape = mask.shape
    region = np.ix_(*[places_with_margin(axis, LONGEST, size)
                      for axis, size in zip(bounding_box(mask), shape)])
    inside = mask[region]
    known = inside & ndimage.maximum_filter(half1[region] != half2[region], 3, mode="wrap")
    if not known.any():
        raise ValueError("The half maps do not differ within the mask.")
    whitened = _whitened(half1[region], half2[region], known, workers)
    found = _finest(whitened, known, workers)
    local = inside * np.float32(LONGEST * sampling)
    local[known] = sampling / np.where(found > 0, found, 1 / LONGEST)
    resolved = np.zeros(shape, bool)
    result = np.zeros(shape, np.float32)
    result[region] = local
    known[known] = found > 0
    resolved[region] = known
    return result, resolved


def _finest(whitened, inside, workers):
    """Highest frequency that is detected at the voxels of the mask, cycles/voxel; 0 if none."""
    frequencies = np.linspace(1 / LONGEST, 0.5, round((0.5 - 1 / LONGEST) / _STEP) + 1)
    found = np.zeros(np.count_nonzero(inside), np.float32)
    before = np.full(found.shape, -1, np.float32)
    for last, frequency in zip(np.append(0, frequencies), frequencies):
        excess = _excess(*_statistic(whitened, inside, frequency, workers))
        passes = excess >= 0
        ended = (before >= 0) & ~passes
        found[ended] = last + (frequency - last) * before[ended] / (before[ended] - excess[ended])
        found[passes] = frequency
        before = excess
    return found


def _whitened(half1, half2, inside, workers):
    """Transform of the mean of the halves, its noise being white with a variance of 1.

    The noise is half the difference of the halves within the mask. Both are divided by the
    local strength of the noise, then the mean by its power spectrum, shell by shell; shells
    without noise are left out.
    """
    shape = inside.shape
    soft = soft_mask(inside)
    noise = half1 - half2
    noise -= noise[inside].mean(dtype=np.float64).astype(np.float32)
    noise *= np.float32(0.5)
    strength = _strength(noise, soft)
    noise *= soft
    noise /= strength
    power = shell_powers(fft.rfftn(noise, workers=workers), shape)
    del noise
    counts = shell_counts(shape)
    # Small masks know too little of a single shell.
    width = max(shape) * min(_MOST_SMOOTHING, _KNOWN_ENOUGH / np.count_nonzero(inside))
    power = (ndimage.gaussian_filter1d(power, width, mode="constant")
             / ndimage.gaussian_filter1d(counts, width, mode="constant"))
    power /= np.sum(np.square(soft), dtype=np.float64)
    del soft
    radii = np.arange(len(power)) / max(shape)
    gains = np.zeros(len(power))
    np.power(power, -0.5, out=gains, where=power > _NO_POWER * power.max())
    mean = half1 + half2
    mean -= mean.mean(dtype=np.float64).astype(np.float32)
    mean *= np.float32(0.5)
    mean /= strength
    del strength
    whitened = fft.rfftn(mean, workers=workers)
    filter_in_place(whitened, shape, 1.0, lambda squared: np.interp(
        np.sqrt(squared), radii, gains, right=0))
    return whitened


def _strength(noise, weights):
    """Standard deviation of the noise about each voxel, relative to all of the mask."""
    # Scaled, so that squares of extreme values fit.
    squares = np.square(noise / np.float32(np.sqrt(np.average(
        np.square(noise, dtype=np.float64), weights=weights))))
    squares *= weights
    for_each = ndimage.gaussian_filter(weights, _STRENGTH_SIGMA, mode="wrap", truncate=3)
    ndimage.gaussian_filter(squares, _STRENGTH_SIGMA, output=squares, mode="wrap", truncate=3)
    near = for_each > 1e-3
    strength = np.ones_like(squares)
    np.divide(squares, for_each, out=strength, where=near)
    return np.sqrt(strength, out=strength)


def _excess(statistic, freedom):
    """Logarithm of statistic over threshold (Benjamini and Hochberg 1995).

    As the noise is known from as many degrees of freedom as the mask holds at this
    frequency, the statistic has an F distribution, for large masks that of χ².
    The threshold is the lowest at which the false discoveries that noise would give are
    at most 5 % of those made.
    """
    total = len(statistic)
    probabilities = np.geomspace(_FALSE_DISCOVERIES / total, _FALSE_DISCOVERIES, _THRESHOLDS)
    thresholds = _PARAMETERS * special.fdtri(_PARAMETERS, freedom, 1 - probabilities)
    discoveries = total - np.searchsorted(np.sort(statistic), thresholds.astype(np.float32))
    allowed = np.flatnonzero(total * probabilities <= _FALSE_DISCOVERIES * discoveries)
    threshold = np.float32(thresholds[allowed[-1] if allowed.size else 0])
    return np.log(np.maximum(statistic, np.finfo(np.float32).tiny) / threshold)


def _statistic(whitened, inside, frequency, workers):
    """Likelihood ratio statistic of the sinusoid at the voxels of the mask, χ² in noise.

    Returns
    -------
    statistic : numpy.ndarray of float32, (voxels in the mask,)
    freedom : float
        Degrees of freedom of the noise within the mask at the frequencies that it takes in.
    """
    shape = inside.shape
    around = bounding_box(inside)
    deviation = _WINDOW / frequency
    highest = frequency + _REACH / (2 * np.pi * deviation)
    grid = tuple(_grid(size, highest) for size in shape)
    whitened = _cropped(whitened, shape, grid)
    spacing = np.divide(shape, grid)
    radii = np.linspace(0, highest, _RADII)
    bins = _bins(grid, spacing, highest)
    counts = _counts(bins, whitened, grid)
    x, y, z = _directions(grid, spacing, frequency)
    # On a grid of its own it is needed between the voxels of the mask as well.
    wanted = around if grid == shape else tuple(slice(0, size) for size in grid)
    statistic = np.zeros([axis.stop - axis.start for axis in wanted], np.float32)
    turned = whitened * np.complex64(1j)
    taken_in = np.zeros(_RADII)
    for degree, functions in enumerate(_HARMONICS):
        response = _response(radii, frequency, deviation, degree)
        norm = np.sqrt(counts @ response ** 2 / np.prod(shape))
        if norm == 0:  # nothing known at these frequencies
            break
        taken_in += (2 * degree + 1) * (response / norm) ** 2
        # Divided by the power of the radius that the harmonics have as polynomials.
        response[1:] /= (radii[1:] / frequency) ** degree * norm
        radial = np.append(response, 0).astype(np.float32)[bins]
        for function in functions:
            band = (turned if degree % 2 else whitened) * (radial * function(x, y, z))
            coefficient = _inverse(band, grid[2], wanted, workers)
            statistic += np.square(coefficient, out=coefficient)
    statistic *= np.float32((np.prod(grid) / np.prod(shape)) ** 2)
    if grid != shape:
        statistic = ndimage.affine_transform(
            statistic, np.diag(1 / spacing), [axis.start for axis in around] / spacing,
            inside[around].shape, order=1, mode="grid-wrap")
    found = statistic[inside[around]]
    if not counts @ taken_in:
        return found, 1.0
    independent = (counts @ taken_in) ** 2 / (counts @ taken_in ** 2)
    return found, max(1.0, independent * inside.mean())


def _inverse(band, columns, wanted, workers):
    """Inverse transform of a half space where it is wanted, axis by axis."""
    z, y, x = wanted
    band = fft.ifft(band, axis=0, workers=workers, overwrite_x=True)[z]
    band = fft.ifft(band, axis=1, workers=workers)[:, y]
    return fft.irfft(band, columns, workers=workers)[:, :, x]


def _bins(grid, spacing, highest):
    """Place of each coefficient in the tabulated radii, one beyond the last if higher."""
    z2, y2, x2 = squared_frequencies(grid, spacing)
    bins = np.sqrt((z2[:, None] + y2 + x2).astype(np.float32))
    bins *= (_RADII - 1) / highest
    return np.minimum(np.rint(bins, out=bins), _RADII, out=bins).astype(np.uint16)


def _directions(grid, spacing, frequency):
    """Frequencies along the axes x, y, z in units of the sinusoid's."""
    return tuple(np.float32(1 / frequency) * axis.astype(np.float32) for axis in (
        fft.rfftfreq(grid[2], spacing[2]), fft.fftfreq(grid[1], spacing[1])[:, None],
        fft.fftfreq(grid[0], spacing[0])[:, None, None]))


def _grid(size, highest):
    """Length of an axis on which frequencies up to the highest are well sampled."""
    return min(size, fft.next_fast_len(int(np.ceil(2 * _OVERSAMPLING * highest * size)),
                                       real=True))


def _cropped(transform, shape, grid):
    """The low frequencies of a transform, as that of a map on a coarser grid."""
    if grid == shape:
        return transform
    planes = [fft.ifftshift(np.arange(-(coarse // 2), coarse - coarse // 2))
              for coarse in grid[:2]]
    return transform[np.ix_(*planes, np.arange(half_space(grid)[2]))]


def _counts(bins, whitened, grid):
    """How many coefficients with power there are at each radius, all of Fourier space."""
    weights = np.broadcast_to(hermitian_weights(grid[2]), bins.shape[1:])
    counts = sum(np.bincount(plane.ravel(), (weights * (values != 0)).ravel(), _RADII + 1)
                 for plane, values in zip(bins, whitened))
    return counts[:_RADII]


def _response(radii, frequency, deviation, degree):
    """Transform of exp(-u²/2s²) j_l(2πfu) Y_lm along the radius, high-passed.

    It is exp(-(κ - k)² s²/2) exp(-z) i_l(z) but for a factor, z = kκs², with κ and k the
    angular frequencies of the radius and of the sinusoid (Weber's second integral).
    """
    response = np.zeros(len(radii))
    begin, end = _HIGH_PASS
    passed = 1 - raised_cosine(radii / frequency, begin, end - begin)
    use = passed > 0
    z = (2 * np.pi * deviation) ** 2 * frequency * radii[use]
    gaussian = np.exp(-0.5 * (2 * np.pi * deviation * (radii[use] - frequency)) ** 2)
    response[use] = gaussian * special.ive(degree + 0.5, z) / np.sqrt(z)
    return response * passed
