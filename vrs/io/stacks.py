"""Stacks of particle images in MRC, SPIDER and TIFF files, opened as memory maps."""

import os
import warnings
from dataclasses import dataclass
from typing import Callable, Optional

import mrcfile
from mrcfile.utils import dtype_from_mode

from vrs.errors import InputError
from vrs.io import headers
from vrs.io.problems import collected
from vrs.io.spider import spider_images
from vrs.io.tiff import is_tiff, tiff_images


@dataclass(frozen=True)
class Stack:
    """A stack of square images.

    Attributes
    ----------
    path : str
    count : int
        Images.
    size : int
        Pixels of their side.
    sampling : float or None
        Å/pixel; None when the header does not say.
    identity : str
        Path, size and time of the last change of the file.
    reader : callable
        Gives its images as a memory map.
    """

    path: str
    count: int
    size: int
    sampling: Optional[float]
    identity: str
    reader: Callable

    def open(self):
        """The images as they are stored.

        Returns
        -------
        numpy.memmap, (count, size, size)
            Read-only, of whatever kind of number the file holds.
        """
        return self.reader(self.path).reshape(self.count, self.size, self.size)


def read_stack(path):
    """Read the header of a stack.

    Parameters
    ----------
    path : str
        MRC file that is not compressed, whose sections are images whatever its header says of
        volumes; or a SPIDER or TIFF file.

    Returns
    -------
    Stack

    Raises
    ------
    InputError
        If there is no such file, or it holds no complete stack of square images of
        real numbers.
    """
    path = str(path)
    for belongs, reader in (is_tiff, tiff_images), (spider_images, _spider):
        if belongs(path):
            count, rows, columns = reader(path).shape
            _require_square(path, rows, columns)
            return Stack(path, count, rows, None, _identity(path), reader)
    header = headers.read_header(path)
    columns, rows, sections = header.size
    if header.compressed:
        raise InputError("%s is compressed, and its images cannot be read one by one; unpack it "
                         "first, with gunzip for instance." % path)
    try:
        unreadable = header.mode in headers.COMPLEX_MODES
        dtype_from_mode(header.mode)
    except ValueError:
        unreadable = True
    problems = []
    if unreadable:
        problems.append("%s holds numbers of a kind that cannot be read as images (mode %d); save "
                        "it again as 32-bit real numbers (mode 2)." % (path, header.mode))
    else:
        problems += headers.truncation(header)
    with collected(problems):
        _require_square(path, rows, columns)
    if problems:
        raise InputError(problems)
    return Stack(path, sections, columns, _sampling(header), _identity(path), _mrc)


def _require_square(path, rows, columns):
    if columns != rows:
        raise InputError("The images of %s are not square (%d × %d pixels); extract them in a "
                         "square box." % (path, columns, rows))


def _identity(path):
    status = os.stat(path)
    return "%s %d %d" % (path, status.st_size, status.st_mtime_ns)


def _mrc(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with mrcfile.mmap(path, mode="r", permissive=True) as mrc:
            return mrc.data


def _spider(path):
    return spider_images(path).open()


def write_stack(path, images, sampling):
    """Write images as an MRC stack.

    Parameters
    ----------
    path : str
    images : numpy.ndarray of float32, (n, y, x)
    sampling : float
        Å/pixel.
    """
    with mrcfile.new(path) as mrc:
        mrc.set_data(images)
        mrc.set_image_stack()
        mrc.voxel_size = sampling


def _sampling(header):
    # The third axis counts images; what its length is set to differs between programs.
    if header.grid[0] <= 0 or not header.cell[0] > 0:
        return None
    return float("%.7g" % (header.cell[0] / header.grid[0]))
