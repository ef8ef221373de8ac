"""Values of a map at any positions, and those of a lattice at all voxels."""

import math

import numpy as np
from scipy import ndimage

from vrs.numerics.masks import bounding_box

_CHUNK = 1_000_000


def values_at(volume, sampling, positions, outside=np.nan):
    """Values of a map at positions, by trilinear interpolation.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    sampling : float or numpy.ndarray, (3,)
        Å/voxel, of all axes or of x, y, z.
    positions : numpy.ndarray, (n, 3)
        x, y, z in Å; the first voxel is at the origin.
    outside : float
        Value beyond the centres of the outer voxels.

    Returns
    -------
    numpy.ndarray of float32, (n,)
    """
    values = np.empty(len(positions), np.float32)
    for start in range(0, len(positions), _CHUNK):
        part = slice(start, start + _CHUNK)
        ndimage.map_coordinates(volume, (positions[part] / sampling).T[::-1], order=1,
                                output=values[part], mode="constant", cval=outside)
    return values


def lattice_step(mask, most, least=1):
    """Voxels between the points of a lattice through the box that meets a mask.

    Parameters
    ----------
    mask : numpy.ndarray of bool, (z, y, x)
        Not empty.
    most : int
        Points in the mask, about.
    least : int
        Voxels to begin with; fewer only where the lattice misses a small mask.

    Returns
    -------
    int
    """
    step = max(least, math.ceil((np.count_nonzero(mask) / most) ** (1 / 3)))
    while not mask[::step, ::step, ::step].any():
        step -= 1
    return step


def spread_over(values, lattice, step, mask):
    """Linear interpolation of values on a lattice at all voxels of the mask.

    Parameters
    ----------
    values : numpy.ndarray of float32, (points,)
    lattice : numpy.ndarray of bool, (z, y, x)
        ``mask[::step, ::step, ::step]``, the points in it.
    step : int
    mask : numpy.ndarray of bool, (z, y, x)

    Returns
    -------
    numpy.ndarray of float32, (z, y, x)
        0 outside the mask.
    """
    filled = np.zeros(lattice.shape, np.float32)
    filled[lattice] = values
    nearest = ndimage.distance_transform_edt(~lattice, return_distances=False,
                                             return_indices=True)
    around = bounding_box(mask)
    result = np.zeros(mask.shape, np.float32)
    result[around] = mask[around] * ndimage.affine_transform(
        filled[tuple(nearest)], np.diag(np.full(3, 1 / step)),
        [axis.start / step for axis in around], mask[around].shape, order=1, mode="nearest")
    return result
