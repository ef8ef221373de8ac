"""Images in files of SPIDER, which Xmipp calls ``.stk`` and ``.xmp`` as well.

Each file begins with a header of numbers; in a stack every image has one of its own.
"""

import os
from dataclasses import dataclass

import numpy as np

from vrs.errors import InputError

# Words of the header, counted from 0.
_SLICES, _ROWS, _KIND, _COLUMNS, _HEADER_BYTES, _IS_STACK, _IN_STACK = 0, 1, 4, 11, 21, 23, 25
_WORDS, _IMAGE, _VOLUME = 256, 1, 3


@dataclass(frozen=True)
class SpiderImages:
    """What the header of a file says.

    Attributes
    ----------
    path : str
    rows, columns : int
    order : str
        Of the bytes, "<" or ">".
    is_volume : bool
    head : int
        Words of a header.
    in_stack : int
        Images of a stack; 0 where the file is a single image.
    """

    path: str
    rows: int
    columns: int
    order: str
    is_volume: bool
    head: int
    in_stack: int

    @property
    def count(self):
        """How many images there are."""
        return self.in_stack or 1

    def open(self):
        """The images as they are stored.

        Returns
        -------
        numpy.ndarray of float32, (count, rows, columns)
            A read-only memory map.

        Raises
        ------
        InputError
            If the file is a volume or cut short.
        """
        if self.is_volume:
            raise InputError("%s is a volume of SPIDER; give images." % self.path)
        size = self.rows * self.columns
        first = self.head if self.in_stack else 0
        words = first + self.count * (self.head + size)
        if self.in_stack < 0 or os.path.getsize(self.path) < 4 * words:
            raise InputError("%s is cut short or a kind of SPIDER file that cannot be read; save "
                             "the images as an MRC stack." % self.path)
        stored = np.memmap(self.path, self.order + "f4", "r", 4 * first,
                           (self.count, self.head + size))
        return stored[:, self.head:].reshape(self.count, self.rows, self.columns)


def spider_images(path):
    """What a file holds, a SpiderImages; None for files that are not SPIDER's."""
    try:
        with open(path, "rb") as stream:
            start = stream.read(4 * _WORDS)
    except OSError:
        return None  # the reader of headers says what is wrong with the file
    if len(start) < 4 * _WORDS:
        return None
    for order in "<>":
        words = np.frombuffer(start, order + "f4")
        slices, rows, kind, columns, size = words[[_SLICES, _ROWS, _KIND, _COLUMNS, _HEADER_BYTES]]
        with np.errstate(invalid="ignore"):
            plain = all(value == np.rint(value) and 1 <= value <= 2 ** 16
                        for value in (slices, rows, columns))
        if plain and kind in (_IMAGE, _VOLUME) and size == -(-1024 // (4 * columns)) * 4 * columns:
            stacked = words[_IS_STACK]
            return SpiderImages(
                path, int(rows), int(columns), order, kind == _VOLUME or slices != 1,
                int(size) // 4, int(words[_IN_STACK]) if stacked > 0 else 0 if stacked == 0 else -1)
    return None
