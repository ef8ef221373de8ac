"""What 0.f and 0.g share: the map limited to its resolution, in bands of frequency."""

from dataclasses import dataclass
from typing import Tuple

import numpy as np

from vrs.checks import NotMeasured, resolution
from vrs.engines.external import EngineInput
from vrs.numerics.masks import hard_mask
from vrs.numerics.resample import fourier_resample, resized_shape
from vrs.numerics.riesz import MonogenicBands

LOWEST_FREQUENCY = 1 / 15.0
_BANDWIDTH = 4.8
_MOST_ZEROS = 0.5

# They compare frequencies between 1/(15 Å) and the reported resolution.
BANDS = resolution(0, 1 / LOWEST_FREQUENCY, below=True)


@dataclass
class ResizedMap:
    """A map whose voxels are half its resolution wide.

    Attributes
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    sampling : tuple of float
        Å/voxel along z, y, x.
    bands : MonogenicBands
    mask : numpy.ndarray of bool, (z, y, x)
        Hard mask on the coarse grid.
    background : numpy.ndarray of bool, (z, y, x)
        Outside the mask and inside the sphere that fits into the box; empty when the
        background of the map was set to zero.
    width : float
        Width of a band, 4.8 / box length, 1/Å.
    highest : float
        1/R, 1/Å; at most the map's Nyquist frequency.
    """

    volume: np.ndarray
    sampling: Tuple[float, ...]
    bands: MonogenicBands
    mask: np.ndarray
    background: np.ndarray
    width: float
    highest: float


def resize(data):
    """Bring the map to voxels of half the reported resolution and rebuild its mask there.

    Parameters
    ----------
    data : vrs.inputs.Evidence

    Returns
    -------
    ResizedMap

    Raises
    ------
    NotMeasured
        If nothing reaches the threshold at that resolution.
    """
    resolution = max(data.reported.resolution, 2 * data.map.sampling)
    shape = resized_shape(data.map.volume.shape, data.map.sampling, resolution / 2)
    sampling = _samplings(data, shape)
    volume = fourier_resample(data.map.volume, shape, data.run.workers)
    if data.map.mask is None:
        mask = hard_mask(volume, data.map.threshold, float(np.mean(sampling)))
    else:
        mask = fourier_resample(data.map.mask.astype(np.float32), shape, data.run.workers) >= 0.5
    if not mask.any():
        raise NotMeasured("No voxel of the map reaches the threshold when the map is limited to "
                          "its reported resolution.")
    width = _BANDWIDTH / (max(data.map.volume.shape) * data.map.sampling)
    return ResizedMap(volume, sampling, MonogenicBands(volume, sampling, width, data.run.workers),
                      mask, _background(data, mask), width, 1 / resolution)


def input_for_ucm(data, **parameters):
    """What the protocols of UCM are given: the resized map and its mask.

    Parameters
    ----------
    data : vrs.inputs.Evidence
    **parameters
        Further parameters of the protocol.

    Returns
    -------
    EngineInput

    Raises
    ------
    NotMeasured
        If the box is not cubic, which these protocols cannot deal with.
    """
    if len(set(data.map.volume.shape)) > 1:
        raise NotMeasured("UCM needs a cubic box and this one has %d x %d x %d voxels; choose the "
                          "built-in engine." % data.map.box)
    resized = resize(data)
    return EngineInput(resized.volume, resized.sampling[0], resized.mask,
                       dict(parameters, max_res=1 / resized.highest))


def values_from_ucm(local_map, resized):
    """Values within the resized mask of a map made by UCM.

    Parameters
    ----------
    local_map : numpy.ndarray of float32, (z, y, x)
    resized : ResizedMap

    Returns
    -------
    numpy.ndarray of float32, (voxels in the mask,)

    Raises
    ------
    NotMeasured
        If the map has another box or values that are no numbers.
    """
    if local_map.shape != resized.mask.shape:
        raise NotMeasured("UCM returned a map of %s voxels instead of %s."
                          % (local_map.shape[::-1], resized.mask.shape[::-1]))
    values = local_map[resized.mask]
    if not np.isfinite(values).all():
        raise NotMeasured("UCM returned values that are not numbers.")
    return values


def _samplings(data, shape) -> Tuple[float, ...]:
    return tuple(old * data.map.sampling / new for old, new in zip(data.map.volume.shape, shape))


def _background(data, mask):
    outside = ~data.map.hard_mask
    zeros = outside.sum() - np.count_nonzero(data.map.volume[outside])
    if zeros > _MOST_ZEROS * outside.sum():
        return np.zeros_like(mask)
    return ~mask & _inscribed_sphere(mask.shape)


def _inscribed_sphere(shape):
    radius = min(shape) / 2
    axes = np.ogrid[tuple(slice(-(n // 2), n - n // 2) for n in shape)]
    return sum(axis ** 2 for axis in axes) < radius ** 2
