"""Local resolution by the Fourier shell correlation of two maps in a moving window."""

import functools

import numpy as np
from scipy import fft, ndimage

from vrs.numerics.fourier import squared_frequencies
from vrs.numerics.fsc import correlation
from vrs.numerics.masks import bounding_box

_FINER = 4  # points per shell at which the response of the shells is tabulated


def fsc_resolution(volume1, volume2, mask, sampling, cutoff, box=20, workers=1):
    """Resolution at which the local Fourier shell correlation falls below a cutoff.

    By definition (Cardone, Heymann and Steven 2013, doi 10.1016/j.jsb.2013.08.002) a box
    is cut out about each voxel and tapered, here by a Hann window w along each axis, and
    the two boxes are correlated over the shells round(|f|·box·Ts) = 1 to box/2. All
    voxels are done at once: the coefficients of a shell of tapered boxes respond to the
    frequencies within the taper's own transform about them, so both maps are filtered by
    the root of that power response, and the products and squares of the filtered maps
    are summed in a window about each voxel. As filtering spreads over part of a box, this
    window, w³, is narrower than the w² of boxes that are cut out.

    Parameters
    ----------
    volume1, volume2 : numpy.ndarray of float32, (z, y, x)
    mask : numpy.ndarray of bool, (z, y, x)
        Voxels at which the resolution is wanted.
    sampling : float
        Å/voxel.
    cutoff : float
        The first crossing counts, linearly interpolated between the shells.
    box : int
        Side of the box in voxels, even.
    workers : int

    Returns
    -------
    numpy.ndarray of float32, (z, y, x)
        Å; 0 outside the mask. Nyquist, 2·Ts, where the correlation never falls below the
        cutoff; the length of the box where it is below it in the first shell, and where
        one of the maps is constant throughout the box.
    """
    around = bounding_box(mask)
    if around is None:
        return np.zeros(mask.shape, np.float32)
    # What is further away than a box has no influence.
    region = np.ix_(*[places_with_margin(axis, box, size)
                      for axis, size in zip(around, mask.shape)])
    inside = mask[region]
    wanted = inside & _varies(volume1[region], box) & _varies(volume2[region], box)
    shells = _crossings([_transform(volume, region, workers) for volume in (volume1, volume2)],
                        wanted, cutoff, box, workers)
    local = inside * np.float32(box * sampling)
    local[wanted] /= shells
    result = np.zeros(mask.shape, np.float32)
    result[region] = local
    return result


def places_with_margin(axis, margin, size):
    """Places along an axis of a slice and its surroundings, for Fourier transforms.

    Parameters
    ----------
    axis : slice
        With start and stop.
    margin : int
        Places wanted on either side; there may be more on the far one.
    size : int
        Length of the axis, which is periodic.

    Returns
    -------
    numpy.ndarray of int
        Each place once, the whole axis at most.
    """
    start = axis.start - margin
    length = fft.next_fast_len(axis.stop + margin - start, real=True)
    return np.arange(size) if length >= size else np.arange(start, start + length) % size


def _varies(volume, box):
    """Whether there is anything but a constant in the box about each voxel."""
    changes = volume != np.roll(volume, 1, axis=2)
    return ndimage.maximum_filter(changes, box - 1, mode="wrap")


def _transform(volume, region, workers):
    # Without the mean, which would leak into the first shells.
    return fft.rfftn(volume[region] - volume.mean(dtype=np.float64).astype(np.float32),
                     workers=workers)


def _crossings(transforms, wanted, cutoff, box, workers):
    """Shell, interpolated, at which the correlation falls below the cutoff: 1 to box/2.

    Returns
    -------
    numpy.ndarray of float32, (wanted voxels,)
    """
    around = bounding_box(wanted)
    if around is None:
        return np.ones(0, np.float32)
    window, within = _taper(box) ** 3, wanted[around]
    z2, y2, x2 = squared_frequencies(wanted.shape, 1.0)
    radius = np.sqrt((z2[:, None] + y2 + x2).astype(np.float32))
    shells = np.ones(np.count_nonzero(wanted), np.float32)
    above = np.ones(shells.shape, bool)
    before = None
    for shell, response in enumerate(_responses(box), 1):
        radii = np.arange(len(response)) / (_FINER * box)
        gain = np.interp(radius, radii, response, right=0).astype(np.float32)
        bands = [_band(transform * gain, wanted.shape, workers) for transform in transforms]
        del gain
        excess = correlation(*(_windowed(product, window, around)[within]
                               for product in _products(bands)))
        excess -= np.float32(cutoff)
        falls = above & (excess < 0)
        above &= ~falls
        if before is not None:
            shells[falls] = shell - 1 + before[falls] / (before[falls] - excess[falls])
        shells[above] = shell
        before = excess
        if not above.any():
            break
    return shells


def _band(transform, shape, workers):
    # In two steps, as in one it would need memory for a further copy.
    transform = fft.ifftn(transform, axes=(0, 1), workers=workers, overwrite_x=True)
    return fft.irfft(transform, shape[2], workers=workers)


def _products(bands):
    """The product of both and their squares; the bands are used up."""
    yield bands[0] * bands[1]
    while bands:
        yield np.square(bands[0], out=bands[0])
        del bands[0]


def _windowed(values, window, around):
    """Sums in the window about the voxels of a block; the values are used up."""
    for axis, part in enumerate(around):
        ndimage.correlate1d(values, window, axis, output=values, mode="wrap")
        values = values[(slice(None),) * axis + (part,)]
    return values


def _taper(box):
    """Hann window at the voxels -box/2 + 1 to box/2 - 1."""
    return np.cos(np.pi * np.arange(1 - box // 2, box // 2) / box) ** 2


@functools.lru_cache(maxsize=4)
def _responses(box):
    """Amplitude of the filters that stand for the shells of tapered boxes.

    The power that a coefficient of a tapered box takes in from a frequency is that of the
    taper's transform at the difference of both. Summed over the coefficients of a shell
    it depends little on the direction, so that the mean over directions is taken.

    Returns
    -------
    list of numpy.ndarray of float64
        For the shells 1 to box/2, at the radii 0, 1, 2, ... / (_FINER · box) cycles/voxel.
    """
    size = _FINER * box
    steps = np.abs(fft.fftfreq(size, 1 / size))
    radii = np.sqrt(steps[:, None, None] ** 2 + steps[:, None] ** 2 + steps ** 2)
    bins = np.rint(radii).astype(np.intp).ravel()
    shells = np.rint(radii / _FINER)
    coefficients = np.zeros(radii.shape, bool)
    coefficients[::_FINER, ::_FINER, ::_FINER] = True
    power = np.abs(fft.fft(_taper(box), size)) ** 2
    # Convolution with the taper's power, which is a product along each axis.
    factors = fft.fft(power).real
    spectrum = factors[:, None, None] * factors[:, None] * factors[:size // 2 + 1]
    responses = []
    for shell in range(1, box // 2 + 1):
        comb = (coefficients & (shells == shell)).astype(float)
        taken_in = fft.irfftn(fft.rfftn(comb) * spectrum, s=radii.shape)
        mean = np.bincount(bins, taken_in.ravel()) / np.bincount(bins)
        responses.append(np.sqrt(np.maximum(mean, 0) / mean.max()))
    return responses
