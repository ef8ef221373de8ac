"""Figures of sections of maps, shared by the checks."""

import numpy as np

from vrs.numerics import sections
from vrs.results.content import Slice, Slices

_AXES = ("X", "Y", "Z")
# As in the 3D views: the axis that is looked along points to the viewer.
_DIRECTIONS = {"X": "Y right, Z up", "Y": "Z right, X up", "Z": "X right, Y up"}


def central_slices(volume, sampling, caption, alt):
    """Figure of the slices through the centre of the box.

    Parameters
    ----------
    volume : numpy.ndarray, (z, y, x)
    sampling : float
        Å/voxel.
    caption, alt : str

    Returns
    -------
    Slices
    """
    return _figure(sections.central_slices(volume), sampling, caption, alt, "density")


def maximum_variance_slices(volume, sampling, caption, alt, colours="density"):
    """Figure of the slices of largest variance along each axis."""
    return _figure(sections.maximum_variance_slices(volume), sampling, caption, alt, colours)


def projections(volume, sampling, caption, alt):
    """Figure of the projections along X, Y and Z."""
    panels = [_panel(axis, "projection", image, sampling)
              for axis, image in zip(_AXES, sections.projections(volume))]
    return Slices(caption=caption, alt=alt, panels=panels)


def deviation_projections(volume, sampling, caption, alt):
    """Figure of the standard deviations along X, Y and Z."""
    panels = [_panel(axis, "deviation", image, sampling)
              for axis, image in zip(_AXES, sections.deviations(volume))]
    return Slices(caption=caption, alt=alt, panels=panels)


def _figure(indexed_images, sampling, caption, alt, colours):
    panels = [_panel(axis, "slice %d" % index, image, sampling)
              for axis, (index, image) in zip(_AXES, indexed_images)]
    return Slices(caption=caption, alt=alt, panels=panels, colours=colours)


def _panel(axis, what, image, sampling):
    image, pixel_size = sections.bin_image(image, sampling)
    upright = (image.T if axis == "Y" else image)[::-1]
    return Slice("%s %s (%s)" % (axis, what, _DIRECTIONS[axis]), np.ascontiguousarray(upright),
                 pixel_size)
