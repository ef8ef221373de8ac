"""Reading micrographs: one aligned image in an MRC or TIFF file."""

import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Tuple

import mrcfile
import numpy as np

from vrs.errors import InputError
from vrs.io import files, headers
from vrs.io.tiff import is_tiff

ENDINGS = (".mrc", ".tif", ".tiff", ".mrc.gz", ".mrc.bz2", ".map")

_IMOD_STAMP = 1146047817
_REAL_MODES = (0, 1, 2, 6, 12)
# Å in the units of a TIFF's resolution: inch and centimetre.
_TIFF_UNITS = {2: 2.54e8, 3: 1e8}
# Å/pixel; outside of it, a TIFF's resolution is about printing.
_BELIEVED = (0.05, 100.0)
_UNIQUE_PREFIX = re.compile(r"^\d{12,21}_")  # of cryoSPARC, before a file's own name


@dataclass(frozen=True)
class MicrographHeader:
    """What is known of a micrograph without reading it.

    Attributes
    ----------
    path : str
    shape : tuple of int
        Rows and columns.
    sampling : float or None
        Å/pixel; None when the header does not say.
    """

    path: str
    shape: Tuple[int, int]
    sampling: Optional[float]


@dataclass(frozen=True)
class Micrograph:
    """A micrograph.

    Attributes
    ----------
    path : str
    image : numpy.ndarray of float32, (rows, columns)
        The first row is that of the MRC format, the lowest on the screens of most programs.
    sampling : float or None
        Å/pixel; None when the header does not say.
    """

    path: str
    image: np.ndarray
    sampling: Optional[float]


def probe_micrograph(path):
    """Read the header of a micrograph.

    Parameters
    ----------
    path : str
        MRC file, perhaps compressed by gzip or bzip2, or TIFF file.

    Returns
    -------
    MicrographHeader

    Raises
    ------
    InputError
        If there is no such file, or it does not hold one image of real numbers.
    """
    path = str(path)
    if is_tiff(path):
        with _TiffImage(path) as tiff:
            return MicrographHeader(path, tiff.shape, tiff.sampling)
    header = _mrc_header(path)
    return MicrographHeader(path, header.size[1::-1], _mrc_sampling(header))


def read_micrograph(path):
    """Read a micrograph.

    Bytes (mode 0) of an MRC file are signed, as the format says, unless IMOD's mark in the header
    or a maximum above 127 says that they are not. TIFF files begin with the highest row and are
    turned over, as IMOD, EMAN2, MotionCor2 and RELION do, so that coordinates fit.

    Parameters
    ----------
    path : str
        MRC file, perhaps compressed by gzip or bzip2, or TIFF file.

    Returns
    -------
    Micrograph

    Raises
    ------
    InputError
        If the file cannot be read, or does not hold one complete image of finite and differing
        real numbers.
    """
    path = str(path)
    if is_tiff(path):
        with _TiffImage(path) as tiff:
            image, sampling = tiff.read()[::-1], tiff.sampling
    else:
        header = _mrc_header(path)
        image, sampling = _mrc_image(header), _mrc_sampling(header)
    image = np.ascontiguousarray(image, dtype=np.float32)
    wrong = image.size - np.count_nonzero(np.isfinite(image))
    if wrong:
        raise InputError("%s has %d pixel%s that %s not finite (NaN or infinite); make it again "
                         "from its movie." % (path, wrong, "" if wrong == 1 else "s",
                                              "is" if wrong == 1 else "are"))
    if image.min() == image.max():
        raise InputError("%s has the same value, %g, in every pixel; make it again from its "
                         "movie." % (path, image.flat[0]))
    return Micrograph(path, image, sampling)


def without_ending(path):
    """The path of a micrograph without what stands for its format.

    Parameters
    ----------
    path : str

    Returns
    -------
    str
    """
    ending = next((ending for ending in sorted(ENDINGS, key=len, reverse=True)
                   if path.lower().endswith(ending)), "")
    return path[:len(path) - len(ending)]


def find_micrograph(name, table, folder=None):
    """Find the file of a micrograph that a table names.

    Parameters
    ----------
    name : str
        Path as the table has it, or the file's name without its ending.
    table : str
        File that names it. Relative paths are looked up from its folder and all folders above,
        one of which is the project's.
    folder : str, optional
        Where the micrographs are, whatever the table says; comes first.

    Returns
    -------
    str or None
        None if there is no such file.
    """
    name = name.lstrip(">")
    base = os.path.basename(name)
    bare = _UNIQUE_PREFIX.sub("", base)
    places = [Path(folder, tail)
              for tail in (name, base, bare, without_ending(base))] if folder else []
    above = Path(table).resolve().parents
    places += [parent / name for parent in above]
    places += [above[0] / base, above[0] / bare]
    for place in places:
        # Names without an ending come from files of coordinates.
        for path in [place] + [Path("%s%s" % (place, ending)) for ending in ENDINGS]:
            if path.is_file():
                return str(path)
    return None


def _mrc_header(path):
    header = headers.read_header(path, "MRC or TIFF file")
    columns, rows, sections = header.size
    problems = []
    if header.mode not in _REAL_MODES:
        problems.append("%s holds numbers of a type that cannot be read (mode %d); save it again "
                        "as 32-bit real numbers (mode 2)." % (path, header.mode))
    if sections > 1:
        problems.append(_several(path, sections))
    if not problems and not header.compressed:
        problems = headers.truncation(header)
    if problems:
        raise InputError(problems)
    return header


def _several(path, count):
    return ("%s holds %d images, as a movie or a stack of particles does; give the micrograph that "
            "was aligned from the movie." % (path, count))


def _mrc_sampling(header):
    """From x and y alone: programs leave nonsense along z in the header of an image."""
    if min(header.grid[:2]) <= 0 or min(header.cell[:2]) <= 0:
        return None
    x, y = (cell / grid for cell, grid in zip(header.cell[:2], header.grid[:2]))
    if not np.isfinite(x + y) or abs(x - y) > headers.MAX_ANISOTROPY * (x + y) / 2:
        return None
    return float("%.7g" % ((x + y) / 2))


def _mrc_image(header):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd headers, which do not concern an image
            with mrcfile.open(header.path, mode="r", permissive=True) as mrc:
                stored, record = mrc.data, mrc.header
    except files.UNPACKING_ERRORS:
        raise InputError(files.damaged(header.path)) from None
    if stored is None:
        raise InputError(headers.truncation(header))
    if header.mode == 0 and _unsigned(record):
        stored = stored.view(np.uint8)
    return stored.reshape(header.size[1::-1])


def _unsigned(record):
    stamp, flags = (record["extra2"].tobytes()[start:start + 4] for start in (40, 44))
    for order in ("little", "big"):
        if int.from_bytes(stamp, order) == _IMOD_STAMP:
            return int.from_bytes(flags, order) % 2 == 0
    return bool(record["dmin"] >= 0 and record["dmax"] > 127)


class _TiffImage:
    """A TIFF file of one image, a context."""

    def __init__(self, path):
        # Only who has TIFF files should wait for it.
        import tifffile

        self._path = path
        try:
            self._file = tifffile.TiffFile(path)
            count = len(self._file.pages)
        except Exception:  # of many kinds, none of which says more to a user
            raise InputError(files.damaged(path)) from None
        self._page = self._file.pages[0] if count else None
        problems = []
        if count != 1:
            problems.append(_several(path, count))
        elif len(self._page.shape) != 2 or self._page.dtype is None:
            problems.append("%s holds a colour picture or numbers of a type that cannot be read; "
                            "give the micrograph as an MRC file." % path)
        if problems:
            self._file.close()
            raise InputError(problems)
        self.shape = tuple(self._page.shape)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    @property
    def sampling(self):
        """Å/pixel from the resolution; None when it does not say."""
        unit = _TIFF_UNITS.get(self._value("ResolutionUnit"))
        resolution = self._value("XResolution")
        if unit is None or not resolution or 0 in tuple(resolution):
            return None
        sampling = unit * resolution[1] / resolution[0]
        return float("%.7g" % sampling) if _BELIEVED[0] < sampling < _BELIEVED[1] else None

    def read(self):
        """Rows and columns, as stored."""
        try:
            return self._page.asarray()
        except Exception as error:
            if "imagecodecs" in str(error):
                raise InputError("%s is compressed in a way that cannot be read here; save it "
                                 "without compression, or as an MRC file."
                                 % self._path) from None
            raise InputError(files.damaged(self._path)) from None

    def _value(self, name):
        tag = self._page.tags.get(name)
        return tag.value if tag is not None else None
