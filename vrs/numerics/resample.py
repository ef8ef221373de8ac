"""Maps on finer and coarser grids."""

import numpy as np
from scipy import fft


def fourier_resample(volume, shape, workers=1):
    """Resample a periodic map by cropping or padding its Fourier transform.

    The box keeps its physical size, grey values keep their scale. Voxel 0 stays
    where it is.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    shape : tuple of int
        New box (z, y, x).
    workers : int

    Returns
    -------
    numpy.ndarray of float32, shape
    """
    transform = fft.rfftn(volume, workers=workers)
    resized = np.zeros(tuple(shape[:2]) + (shape[2] // 2 + 1,), transform.dtype)
    kept = [min(old, new) for old, new in zip(volume.shape, shape)]
    columns = kept[2] // 2 + 1
    for z in _halves(kept[0]):
        for y in _halves(kept[1]):
            resized[z, y, :columns] = transform[z, y, :columns]
    del transform
    resized *= np.float32(np.prod(shape, dtype=float) / volume.size)
    return fft.irfftn(resized, s=shape, workers=workers, overwrite_x=True)


def resized_shape(shape, sampling, wanted):
    """Even box of the same physical size whose voxels are closest to a wanted size.

    Parameters
    ----------
    shape : tuple of int
    sampling : float
        Å/voxel.
    wanted : float
        Å/voxel.

    Returns
    -------
    tuple of int
    """
    return tuple(max(2, 2 * round(size * sampling / wanted / 2)) for size in shape)


def _halves(count):
    """Slices of the non-negative and the negative frequencies of an axis."""
    negative = count // 2
    return [slice(0, count - negative)] + ([slice(-negative, None)] if negative else [])
