"""Sections of a map file, without a window."""

import os

import numpy as np

from vrs.errors import InputError
from vrs.io.headers import read_header, truncation, volume_problems
from vrs.io.maps import read_volume
from vrs.viewers.pages import MapScale

AXES = ("X", "Y", "Z")
_ARRAY_AXES = (2, 1, 0)
_SAMPLES = 200_000


class MapSlices:
    """A map file that is read as far as it is looked at.

    Parameters
    ----------
    path : path
    sampling : float, optional
        Å/voxel, by default what the header says, and 1 where it says nothing.
    scale : MapScale, optional
        How the values are shown, by default as a density.

    Raises
    ------
    InputError
        If there is no readable map.
    """

    def __init__(self, path, sampling=None, scale=None):
        header = read_header(str(path))
        self.volume = _lazily(header)
        self.sampling = sampling or header.sampling or 1.0
        self.scale = scale or MapScale()

    def count(self, axis):
        """How many sections there are along an axis: 0, 1, 2 for X, Y, Z."""
        return self.volume.shape[_ARRAY_AXES[axis]]

    def section(self, axis, index):
        """A section.

        Parameters
        ----------
        axis : int
            0, 1, 2 for X, Y, Z.
        index : int

        Returns
        -------
        numpy.ma.MaskedArray of float32, (rows, columns)
            Along X (z, y), along Y (x, z) and along Z (y, x). With the first row at the bottom,
            as in the report, the axis points to the viewer. Where a map of a local property has
            no value, it is masked.
        """
        image = np.asarray(np.take(self.volume, index, axis=_ARRAY_AXES[axis]), np.float32)
        image = image.T if AXES[axis] == "Y" else image
        return np.ma.masked_equal(image, 0) if self.scale.kind == "local" else (
            np.ma.masked_invalid(image))

    def limits(self):
        """Values at the ends of the colour scale: what was declared, else percentiles 0.5 and
        99.5 of values from all over the map.

        Returns
        -------
        (float, float)
        """
        if self.scale.limits:
            return tuple(self.scale.limits)
        step = max(1, int(np.ceil((self.volume.size / _SAMPLES) ** (1 / 3))))
        values = np.asarray(self.volume[::step, ::step, ::step], np.float32)
        values = values[np.isfinite(values)]
        if self.scale.kind == "local" and values.any():
            values = values[values != 0]
        if not values.size:
            return 0.0, 1.0
        low, high = np.percentile(values, (0.5, 99.5))
        return (float(low), float(high)) if low < high else (float(values.min()),
                                                             float(values.max()))

    def first(self, axis):
        """Index of the section to begin with: the middle of the box."""
        return self.count(axis) // 2

    def describe(self, axis, index, row, column):
        """A place in a section, and the value there.

        Parameters
        ----------
        axis, index : int
        row, column : int
            Of the section.

        Returns
        -------
        str
            Empty outside the section.
        """
        image = self.section(axis, index)
        if not (0 <= row < image.shape[0] and 0 <= column < image.shape[1]):
            return ""
        place = {0: (index, column, row), 1: (row, index, column), 2: (column, row, index)}[axis]
        value = image[row, column]
        text = "no value" if value is np.ma.masked else "%.4g" % value
        unit = "" if value is np.ma.masked or not self.scale.unit else " " + self.scale.unit
        return "x, y, z = %d, %d, %d   %s%s" % (place + (text, unit))


def _lazily(header):
    """The volume (z, y, x), which stays on the disk where the file is not compressed."""
    if header.compressed:
        return read_volume(header)[0]
    problems = volume_problems(header)
    if problems:
        raise InputError(problems)
    if os.path.getsize(header.path) < header.data_offset + header.data_bytes:
        raise InputError(truncation(header))
    stored = np.memmap(header.path, header.kind, "r", header.data_offset, header.size[::-1])
    return stored.transpose(header.transposition)
