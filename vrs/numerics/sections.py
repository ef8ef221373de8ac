"""Sections and projections of a map.

Images along X are (z, y), along Y (z, x) and along Z (y, x); all functions return
three, for X, Y and Z in this order.
"""

import numpy as np

_ARRAY_AXES = (2, 1, 0)


def central_slices(volume):
    """The slices through the box centre, index size // 2.

    Parameters
    ----------
    volume : numpy.ndarray, (z, y, x)

    Returns
    -------
    list of (int, numpy.ndarray)
        Index and image of each.
    """
    return [_slice(volume, axis, volume.shape[axis] // 2) for axis in _ARRAY_AXES]


def maximum_variance_slices(volume):
    """The slice of largest variance along each axis, the first when several tie.

    Parameters
    ----------
    volume : numpy.ndarray, (z, y, x)

    Returns
    -------
    list of (int, numpy.ndarray)
        Index and image of each.
    """
    variances = slice_variances(volume)
    return [_slice(volume, axis, int(np.argmax(variances[axis]))) for axis in _ARRAY_AXES]


def slice_variances(volume):
    """Variance of every slice along the array axes 0, 1 and 2 (z, y, x).

    Goes through the map once, plane by plane, so that no copy of it is made.

    Returns
    -------
    list of numpy.ndarray of float64
    """
    sums = [np.zeros(size) for size in volume.shape]
    squares = [np.zeros(size) for size in volume.shape]
    for z, plane in enumerate(volume):
        plane = plane.astype(np.float64)
        square = plane ** 2
        for total, values in ((sums, plane), (squares, square)):
            total[1] += values.sum(axis=1)
            in_x = values.sum(axis=0)
            total[2] += in_x
            total[0][z] = in_x.sum()
    counts = [volume.size / size for size in volume.shape]
    return [square / n - (total / n) ** 2 for total, square, n in zip(sums, squares, counts)]


def projections(volume):
    """Sums of the map along X, Y and Z.

    Returns
    -------
    list of numpy.ndarray of float64
    """
    return [volume.sum(axis=axis, dtype=np.float64) for axis in _ARRAY_AXES]


def deviations(volume):
    """Standard deviations of the map along X, Y and Z.

    Returns
    -------
    list of numpy.ndarray of float64
    """
    found = []
    for axis in _ARRAY_AXES:
        mean = volume.mean(axis=axis, dtype=np.float64)
        # The mean is taken off first, so that a large one costs no digits.
        squares = np.zeros_like(mean)
        for index in range(volume.shape[axis]):
            squares += (np.take(volume, index, axis=axis) - mean) ** 2
        found.append(np.sqrt(squares / volume.shape[axis]))
    return found


def bin_image(image, pixel_size, max_size=480):
    """Average blocks of pixels so that no side exceeds a size.

    Parameters
    ----------
    image : numpy.ndarray, (rows, columns)
        NaN where there is no value; averages are over the others.
    pixel_size : float
        Å/pixel.
    max_size : int

    Returns
    -------
    image : numpy.ndarray of float32, (rows, columns)
    pixel_size : float
        Å/pixel afterwards.
    """
    factor = -(-max(image.shape) // max_size)
    rows, columns = (size // factor for size in image.shape)
    blocks = np.asarray(image[:rows * factor, :columns * factor], dtype=np.float32)
    blocks = blocks.reshape(rows, factor, columns, factor)
    known = ~np.isnan(blocks)
    with np.errstate(invalid="ignore"):  # a block without values has no average
        binned = blocks.sum(axis=(1, 3), where=known) / known.sum(axis=(1, 3), dtype=np.float32)
    return binned, pixel_size * factor


def _slice(volume, axis, index):
    return index, np.take(volume, index, axis=axis)
