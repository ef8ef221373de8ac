"""What a contour threshold selects of a map: how much, where, and how it looks."""

from dataclasses import dataclass

import numpy as np
from PIL import Image
from skimage.measure import block_reduce

from vrs.checks.level_0.mask import mass_of
from vrs.numerics.contour import suggest_threshold
from vrs.report import views3d
from vrs.report.wording import number

_PREVIEW_SIDE = 200
_HIGHEST = 99.99
_SORTED = 90  # % of the map that is left out of what is sorted: most of it is background
_SUPERSAMPLING = 2
_CONTRAST = (0.5, 99.9)
_LINE = (255, 150, 0)
_AXES = "XYZ"

# Significant digits of a value that somebody gave, and not a slider.
AS_GIVEN = 7


@dataclass
class Enclosed:
    """What a threshold encloses.

    Attributes
    ----------
    voxels : int
        At or above the threshold, as in the raw mask of 0.b.
    volume : float
        Å³.
    mass : float
        kDa of protein that fill this volume.
    residues : float
    percentage : float
        Of the box.
    """

    voxels: int
    volume: float
    mass: float
    residues: float
    percentage: float

    def __str__(self):
        if not self.voxels:
            return "No voxel of the map reaches this threshold."
        return ("Encloses %s Å³ (%.3g %% of the box), enough for %s kDa of protein (%s residues)."
                % (number(round(self.volume)), self.percentage, number(self.mass),
                   number(round(self.residues))))


class Contour:
    """A map, made ready to show quickly what any threshold selects of it.

    Beside the map it keeps its highest values, sorted, and a copy that is averaged over
    cubes, of at most 200 voxels a side.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
        Not constant.
    sampling : float
        Å/voxel.
    mass : float, optional
        Of the specimen, kDa.

    Attributes
    ----------
    box : tuple of int
        x, y, z in voxels.
    reduction : int
        The surfaces are those of the map averaged over cubes of this side, in voxels.
    automatic : float
        The threshold that is suggested where none is recommended; the middle of the useful
        range where nothing stands out of the surroundings.
    low, high : float
        Useful range of thresholds: half of the box is above the lower one, 1 voxel in
        10000 above the upper one.
    """

    def __init__(self, volume, sampling, mass=None):
        self.box, self._volume, self._sampling = volume.shape[::-1], volume, sampling
        self.reduction = -(-max(self.box) // _PREVIEW_SIDE)
        self._preview = _averaged(volume, self.reduction)
        # In double precision, as squares of values may be beyond the range of single precision.
        sample = volume[(slice(None, None, self.reduction),) * 3].ravel().astype(np.float64)
        self.low, self.high = (float(value) for value in np.percentile(sample, (50, _HIGHEST)))
        suggested = suggest_threshold(volume, sampling, mass)
        self.automatic = suggested.threshold if suggested else (self.low + self.high) / 2
        if not self.low < self.automatic < self.high:
            self.low, self.high = float(volume.min()), float(volume.max())
        self._beyond = np.float32(np.percentile(sample, _SORTED))
        self._upper = volume[volume > self._beyond]
        self._upper.sort()
        self._grey = np.percentile(sample, _CONTRAST)
        self._planes = {}

    def enclosed(self, threshold):
        """What a threshold encloses, exactly.

        Parameters
        ----------
        threshold : float

        Returns
        -------
        Enclosed
        """
        # Compared in the precision of the map, as the checks do.
        threshold = np.float32(threshold)
        if threshold > self._beyond:
            voxels = self._upper.size - int(np.searchsorted(self._upper, threshold))
        else:
            voxels = int(np.count_nonzero(self._volume >= threshold))
        return Enclosed(voxels, voxels * self._sampling ** 3, *mass_of(voxels, self._sampling),
                        percentage=100 * voxels / self._volume.size)

    def slices(self, view):
        """Number of slices of a view, and its axes in words.

        Parameters
        ----------
        view : int
            Index into :data:`vrs.report.views3d.AXES`.

        Returns
        -------
        int, str, str
            The number, the axis it looks along, and how the others lie.
        """
        right, up, towards = views3d.AXES[view]
        return self.box[towards], _AXES[towards], "%s right, %s up" % (_AXES[right], _AXES[up])

    def section(self, view, index, threshold, side):
        """A slice with the contour drawn on it.

        Parameters
        ----------
        view : int
            As for :meth:`slices`.
        index : int
            Of the slice, from 0.
        threshold : float
        side : int
            Of the image, pixels; the longest side of the box fills it.

        Returns
        -------
        PIL.Image.Image
        """
        plane, grey = self._plane(view, index, side)
        inside = plane >= threshold
        border = np.zeros_like(inside)
        across, down = np.diff(inside, axis=1), np.diff(inside, axis=0)
        for beside in (border[:, 1:], border[:, :-1]):
            beside |= across
        for beside in (border[1:], border[:-1]):
            beside |= down
        pixels = np.repeat(grey[..., None], 3, axis=2)
        pixels[border] = _LINE
        image = Image.new("RGB", (side, side), "white")
        tile = Image.fromarray(pixels).reduce(_SUPERSAMPLING)
        image.paste(tile, [(side - size) // 2 for size in tile.size])
        return image

    def surfaces(self, threshold, side):
        """The isosurface, in the order of :data:`vrs.report.views3d.AXES`.

        Parameters
        ----------
        threshold : float
        side : int
            Of each image, pixels.

        Returns
        -------
        list of PIL.Image.Image

        Raises
        ------
        vrs.report.views3d.ViewError
            If there is no surface that could be drawn.
        """
        mesh = views3d.surface_mesh(self._preview, self._sampling * self.reduction, threshold)
        return views3d.draw_views(mesh, pixels=side).images

    def _plane(self, view, index, side):
        """A slice interpolated to the pixels of an image, and its grey values."""
        key = (index, side)
        if self._planes.get(view, (None,))[0] != key:
            right, up, towards = views3d.AXES[view]
            plane = np.take(self._volume, index, axis=2 - towards)
            # The arrays are (z, y, x): rows are the axis that comes later in x, y, z.
            plane = (plane if up > right else plane.T)[::-1]
            scale = side / max(self.box)
            size = [_SUPERSAMPLING * max(1, round(self.box[axis] * scale))
                    for axis in (right, up)]
            plane = np.asarray(Image.fromarray(np.ascontiguousarray(plane)).resize(
                size, Image.Resampling.BILINEAR))
            low, high = self._grey
            grey = np.clip((plane - low) / ((high - low) or 1) * 255, 0, 255).astype(np.uint8)
            self._planes[view] = key, plane, grey
        return self._planes[view][1:]


def written(value, digits=4):
    """A threshold as it stands in a form: as many significant digits, no exponent.

    >>> written(0.0123456), written(12345.6)
    ('0.01235', '12350')
    """
    return np.format_float_positional(float(value), precision=digits, fractional=False, trim="-")


def _averaged(volume, side):
    """Mean over cubes; what does not fill a cube at the end of an axis is left out."""
    if side == 1:
        return volume
    whole = volume[tuple(slice(size // side * side or None) for size in volume.shape)]
    return block_reduce(whole, side, np.mean).astype(np.float32, copy=False)
