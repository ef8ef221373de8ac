"""Stacks of images in TIFF files."""

import os

from vrs.errors import InputError

_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def is_tiff(path):
    """Whether a file is a TIFF file, whatever its name."""
    try:
        with open(path, "rb") as stream:
            return stream.read(4) in _MARKS
    except OSError:
        return False


def tiff_images(path):
    """The images of a TIFF file, of which each begins with its highest row.

    Parameters
    ----------
    path : str

    Returns
    -------
    numpy.ndarray, (n, y, x)
        A read-only memory map that begins with the lowest row, as other formats do.

    Raises
    ------
    InputError
        If it is damaged, compressed, or holds colours or images of several sizes.
    """
    # Only who has TIFF files should wait for it.
    import tifffile

    try:
        stored = tifffile.memmap(path, mode="r")
    except Exception:  # of many kinds; what can be read is images one after the other
        stored = None
    if stored is None or stored.ndim not in (2, 3) or stored.shape[-1] in (3, 4):
        raise InputError("The images of %s are compressed, coloured, of several sizes, or damaged; "
                         "convert them, with IMOD's 'tif2mrc %s %s' for instance."
                         % (path, path, os.path.splitext(path)[0] + ".mrc"))
    return stored.reshape((-1,) + stored.shape[-2:])[:, ::-1]
