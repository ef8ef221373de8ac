"""Masks around the macromolecule."""

import math

import numpy as np
from scipy import ndimage

_CONNECTIVITY_26 = ndimage.generate_binary_structure(3, 3)
_NEIGHBOURS_18 = ndimage.generate_binary_structure(3, 2)
# From the mask (Å), so that nothing of the macromolecule counts as its surroundings.
MARGIN = 10.0
_INSCRIBED = 0.95


def label_components(mask):
    """26-connected components of a mask.

    Parameters
    ----------
    mask : numpy.ndarray of bool, (z, y, x)

    Returns
    -------
    labels : numpy.ndarray of int32, (z, y, x)
        0 outside the mask.
    sizes : numpy.ndarray of int, (number of components,)
        Voxels of the components; ``sizes[i]`` belongs to label ``i + 1``.
    """
    labels, count = ndimage.label(mask, structure=_CONNECTIVITY_26)
    return labels, np.bincount(labels[mask], minlength=count + 1)[1:]


def largest_component(mask):
    """The largest 26-connected component of a mask.

    Returns
    -------
    numpy.ndarray of bool, (z, y, x)
        The first one found when several are of that size; empty for an empty mask.
    """
    labels, sizes = label_components(mask)
    if sizes.size == 0:
        return np.zeros_like(mask)
    return labels == np.argmax(sizes) + 1


def bounding_box(mask):
    """Smallest block that holds a mask.

    Parameters
    ----------
    mask : numpy.ndarray of bool, (z, y, x)

    Returns
    -------
    tuple of slice, or None
        None for an empty mask.
    """
    found = ndimage.find_objects(mask.view(np.uint8))
    return found[0] if found else None


def faces_touched(mask):
    """How many of the six sides of its box a mask touches.

    Parameters
    ----------
    mask : numpy.ndarray of bool, (z, y, x)

    Returns
    -------
    int
    """
    return sum(bool(np.take(mask, side, axis).any()) for axis in range(3) for side in (0, -1))


def dilate(mask, distance, sampling):
    """Dilate by ``ceil(distance / sampling)`` iterations of the 18-neighbour element.

    Parameters
    ----------
    mask : numpy.ndarray of bool, (z, y, x)
    distance : float
        Å.
    sampling : float
        Å/voxel.

    Returns
    -------
    numpy.ndarray of bool, (z, y, x)
    """
    # Rounded so that 2 Å at 0.1 Å/voxel is 20 iterations and not 21.
    iterations = math.ceil(round(distance / sampling, 6))
    support = bounding_box(mask)
    if support is None or iterations == 0:
        return mask.copy()
    # Only the neighbourhood of the mask can change.
    region = tuple(slice(max(0, axis.start - iterations), axis.stop + iterations)
                   for axis in support)
    dilated = np.zeros_like(mask)
    dilated[region] = ndimage.binary_dilation(mask[region], _NEIGHBOURS_18, iterations)
    return dilated


def hard_mask(volume, threshold, sampling, distance=2.0):
    """Mask of the macromolecule: threshold, largest component, dilation.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    threshold : float
    sampling : float
        Å/voxel.
    distance : float
        How far to dilate, Å.

    Returns
    -------
    numpy.ndarray of bool, (z, y, x)
    """
    return dilate(largest_component(volume >= threshold), distance, sampling)


def soft_mask(mask, sigma=2.0):
    """Mask with soft borders, between 0 and 1.

    The mask is convolved with a Gaussian of transform exp(-π² f² σ²), f in
    cycles/voxel, whose deviation in real space is σ/√2 voxels.

    Parameters
    ----------
    mask : numpy.ndarray of bool, (z, y, x)
    sigma : float
        Voxels.

    Returns
    -------
    numpy.ndarray of float32, (z, y, x)
    """
    soft = ndimage.gaussian_filter(mask.astype(np.float32), sigma / math.sqrt(2),
                                   mode="constant", truncate=5)
    return np.clip(soft, 0, 1, out=soft)


def surroundings(mask, sampling):
    """Voxels around a macromolecule that hold the solvent's noise and nothing else.

    Those beyond 10 Å from the mask and within 0.95 of the inscribed ellipsoid, as some programs
    zero the corners of the box.

    Parameters
    ----------
    mask : numpy.ndarray of bool, (z, y, x)
        Of the macromolecule.
    sampling : float
        Å/voxel.

    Returns
    -------
    numpy.ndarray of bool, (z, y, x)
        Empty where the mask fills the box.
    """
    z, y, x = (((np.arange(count) - count // 2) / (_INSCRIBED * count / 2)) ** 2
               for count in mask.shape)
    around = dilate(mask, MARGIN, sampling)
    np.logical_not(around, out=around)
    for plane, height in zip(around, z):
        plane &= height + y[:, None] + x < 1
    return around
