"""Values of a map at any positions."""

import numpy as np
from scipy import ndimage

_CHUNK = 1_000_000


def values_at(volume, sampling, positions, outside=np.nan):
    """Values of a map at positions, by trilinear interpolation.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    sampling : float
        Å/voxel.
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
        ndimage.map_coordinates(volume, (positions[part, ::-1] / sampling).T, order=1,
                                output=values[part], mode="constant", cval=outside)
    return values
