"""Reading maps from MRC and CCP4 files, and writing them."""

import hashlib
import math
import os
import re
import stat
from dataclasses import dataclass, field
from typing import List, Tuple

import mrcfile
import numpy as np

from vrs.errors import InputError
from vrs.io import files, headers
from vrs.io.problems import collected, to_sampling
from vrs.results import Note

# Other programs sum in single precision, which moves means by up to 1e-4 of the range.
_STATISTICS_TOLERANCE = 1e-3
_LONG_FILE = "The file is longer than its header says; what follows the map was ignored."
# Packed maps are rarely so much smaller; the size in the header may be an invention.
_STRONGEST_PACKING = 1000
# Fourier transforms of larger or smaller values leave the range of single precision.
_LARGEST, _SMALLEST = 1e10, 1e-15
_STATISTICS_NAMES = ("minimum", "maximum", "mean", "deviation")


@dataclass
class MapFile:
    """A map that was read from a file.

    Attributes
    ----------
    path : str
    volume : numpy.ndarray of float32, (z, y, x)
        C-contiguous; bool where the file was read as a mask.
    sampling : float
        Å/voxel.
    origin : tuple of float
        Position (x, y, z) of the first voxel, Å.
    notes : list of Note
        What the reader of a report should know.
    start : tuple of int
        Voxels (x, y, z) from the header's start fields, whether the origin comes from them
        or not.
    header_origin : tuple of float
        What the header's origin fields hold (x, y, z): Å by the format, voxels from some
        programs.
    """

    path: str
    volume: np.ndarray
    sampling: float
    origin: Tuple[float, float, float]
    notes: List[Note] = field(default_factory=list)
    start: Tuple[int, int, int] = (0, 0, 0)
    header_origin: Tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass
class MapProbe:
    """What the header of a map tells.

    Attributes
    ----------
    path : str
    box : tuple of int
        Size (x, y, z) in voxels.
    sampling : float
        Å/voxel.
    """

    path: str
    box: Tuple[int, int, int]
    sampling: float


def read_map(path, sampling=None):
    """Read a map and check it.

    Parameters
    ----------
    path : str
        MRC or CCP4 file, perhaps packed by gzip, bzip2, xz or zip; never written to.
    sampling : float or str, optional
        Å/voxel; overrides the header's.

    Returns
    -------
    MapFile

    Raises
    ------
    InputError
        If the file cannot be read, is not one complete volume of finite and
        differing real numbers on an orthogonal grid, they are too large or small to be
        computed with, or its voxel size is unknown or differs by more than 1 % between
        axes; all that was found.
    """
    path = str(path)
    problems = []
    given = header = volume = None
    with collected(problems):
        if sampling is not None:
            given = _plausible(to_sampling(sampling))
    with collected(problems):
        header = headers.read_header(path)
        if sampling is None:
            problems += headers.voxel_problems(header)
        problems += headers.cell_problems(header)
        volume, remarks = read_volume(header)
        problems += _constant(header, volume) or _out_of_range(header, volume)
    if problems:
        raise InputError(problems)
    sampling = given or header.sampling
    notes = ([Note(remark) for remark in remarks] + headers.header_notes(header)
             + _sampling_notes(header, given) + _position_notes(header, sampling)
             + _data_notes(header, volume))
    return MapFile(path, volume, sampling, header.position(sampling), notes,
                   header.start_xyz, header.origin)


def probe_map(path, sampling=None):
    """Check what the header of a map tells, without reading its data.

    Parameters
    ----------
    path, sampling
        As of :func:`read_map`.

    Returns
    -------
    MapProbe

    Raises
    ------
    InputError
        With all problems of the header and the sampling.
    """
    problems = []
    given = header = None
    with collected(problems):
        if sampling is not None:
            given = to_sampling(sampling)
    with collected(problems):
        header = headers.read_header(str(path))
        if sampling is None:
            problems += headers.voxel_problems(header)
        problems += headers.cell_problems(header) + headers.volume_problems(header)
    if problems:
        raise InputError(problems)
    return MapProbe(str(path), header.box, given or header.sampling)


def read_volume(header):
    """Read the data that belong to a header.

    Parameters
    ----------
    header : vrs.io.headers.MapHeader

    Returns
    -------
    volume : numpy.ndarray of float32, (z, y, x)
        C-contiguous.
    remarks : list of str
        What was odd about the data block.

    Raises
    ------
    InputError
        If it is not one complete volume of finite real numbers.
    """
    problems = headers.volume_problems(header)
    if problems:
        raise InputError(problems)
    volume, remarks = _data(header)
    wrong = volume.size - np.count_nonzero(np.isfinite(volume))
    if wrong:
        raise InputError("%s has %d voxel%s that %s not finite (NaN or infinite); give a map "
                         "without such voxels." % (header.path, wrong, "" if wrong == 1 else "s",
                                                   "is" if wrong == 1 else "are"))
    return volume, remarks


def write_map(path, volume, sampling, origin=(0, 0, 0)):
    """Write a map as an MRC2014 file; the same map always gives the same bytes.

    The file appears under its name only when it is complete.

    Parameters
    ----------
    path : str
    volume : numpy.ndarray, (z, y, x)
        Masks (bool) are stored as 8-bit integers, all else as float32.
    sampling : float
        Å/voxel.
    origin : tuple of float
        Position (x, y, z) of the first voxel, Å.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    path = str(path)
    kind = np.int8 if volume.dtype == bool else np.float32
    with files.completed(path) as part:
        with mrcfile.new(part, overwrite=True) as mrc:
            mrc.set_data(np.ascontiguousarray(volume, dtype=kind))
            mrc.voxel_size = sampling
            header = mrc.header
            header.origin.x, header.origin.y, header.origin.z = origin
            header.dmin, header.dmax, header.dmean, header.rms = _statistics(mrc.data)
            # The library's own label carries the time of writing.
            header.label[0] = "Written by vrs"


def sha256(path):
    """SHA-256 of a file as it is, compressed or not.

    Returns
    -------
    str
        Hexadecimal.
    """
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(2 ** 20), b""):
            digest.update(block)
    return digest.hexdigest()


def folder_sha256(folder):
    """SHA-256 of the names and sizes of the files in a folder and those below.

    Their contents may be too large to be read for it.

    Returns
    -------
    str
        Hexadecimal.
    """
    digest = hashlib.sha256()
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(place, name)
            size = os.path.getsize(path) if os.path.isfile(path) else 0
            digest.update(("%s\0%d\n" % (os.path.relpath(path, folder), size)).encode(
                "utf-8", "surrogateescape"))
    return digest.hexdigest()


def file_state(path):
    """What tells whether a file is still the one that was read, without reading it.

    Returns
    -------
    list of int or None
        Its size and the time of its last change; None without the file.
    """
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]


def is_plain(path):
    """Whether Scipion can import and show a map file as it is.

    Its importer takes the format from the name and special characters in a path for
    wildcards; its readers open files for writing and know neither permuted axes nor
    other byte orders, take the box from the grid of the cell, and a file marked as
    images for a stack.

    Parameters
    ----------
    path : str

    Returns
    -------
    bool
        False when a copy made by :func:`write_map` has to stand in.

    Raises
    ------
    InputError
        If there is no readable map.
    """
    path = os.path.abspath(str(path))
    header = headers.read_header(path)
    return (path.endswith((".mrc", ".map"))
            and re.search(r"[*?\[\]#$%@:]|\s$", path) is None
            and not header.compressed
            and not header.foreign
            and not header.remarks
            and header.axes == (1, 2, 3)
            and header.mode in (0, 1, 2, 6)
            and not header.unsigned
            and header.space_group == 1
            and header.grid == header.size
            and _writable(path))


def _writable(path):
    # Whoever is root may write to everything, whatever the owner meant.
    return bool(os.stat(path).st_mode & stat.S_IWUSR) and os.access(path, os.W_OK)


def _plausible(sampling):
    if headers.SMALLEST_SAMPLING <= sampling <= headers.LARGEST_SAMPLING:
        return sampling
    raise InputError("The sampling, %g Å, cannot be right; give the voxel size in Å, for example "
                     "1.06." % sampling)


def _data(header):
    """The volume (z, y, x), float32, and remarks; what was stored is freed on return."""
    try:
        with files.plain_errors(header.path):
            stored, more = _stored(header)
    except MemoryError:
        raise InputError("%s needs more memory than there is, %.3g GB; give a smaller map."
                         % (header.path, header.data_bytes / 1e9)) from None
    stored = stored.reshape(header.size[::-1]).transpose(header.transposition)
    with np.errstate(over="ignore"):
        volume = np.ascontiguousarray(stored, dtype=np.float32)
    return volume, [_LONG_FILE] if more else []


def _stored(header):
    """Numbers as they are in the file, and whether anything comes after them."""
    if header.data_bytes > _STRONGEST_PACKING * os.path.getsize(header.path):
        problems = headers.truncation(header)
        if problems:
            raise InputError(problems)
    with files.unpacked(header.path, header.packing) as stream:
        stream.seek(header.data_offset)
        stored = np.empty(math.prod(header.size), header.kind)
        free = memoryview(stored).cast("B")
        while free:
            count = stream.readinto(free)
            if not count:
                raise InputError(headers.truncation(header))
            free = free[count:]
        return stored, bool(stream.read(1))


def _constant(header, volume):
    value = volume.flat[0]
    if value != volume.min() or value != volume.max():
        return []
    return ["%s has the same value, %g, in every voxel; give a map that shows the macromolecule."
            % (header.path, value)]


def _out_of_range(header, volume):
    largest = float(max(volume.max(), -volume.min()))
    if _SMALLEST <= largest <= _LARGEST:
        return []
    return ["The values of %s reach %.3g, too %s to be computed with; scale the map to values "
            "about 1, its half maps and its threshold alike."
            % (header.path, largest, "large" if largest > 1 else "small")]


def _sampling_notes(header, given):
    if header.spacing is None:
        return [Note("The header has no voxel size; %g Å is used." % given)]
    if given is not None:
        if all(abs(value / given - 1) <= headers.SAME_SAMPLING for value in header.spacing):
            return []
        return [Note("The voxel size given, %g Å, is used instead of the header's, %s Å."
                     % (given, _printed(header.spacing)))]
    if header.anisotropy > headers.SAME_SAMPLING:
        return [Note("The voxels are not quite cubes (%s Å); their mean, %g Å, is used."
                     % (_printed(header.spacing), header.sampling))]
    return []


def _printed(spacing):
    if max(spacing) / min(spacing) - 1 <= headers.SAME_SAMPLING:
        return "%g" % spacing[0]
    return "%g × %g × %g" % spacing


def _position_notes(header, sampling):
    position = header.position(sampling)
    if not any(position):
        return []
    return [Note("The header places the first voxel at (%g, %g, %g) Å (x, y, z)." % position)]


def _data_notes(header, volume):
    notes = []
    zeros = 1 - np.count_nonzero(volume) / volume.size
    if zeros > 0.5:
        notes.append(Note("%.1f %% of the voxels are exactly zero; the background was masked "
                          "away or the map was cut out of a larger one." % (100 * zeros)))
    wrong = _wrong_statistics(header.statistics, _statistics(volume))
    if wrong:
        notes.append(Note("The header's statistics disagree with those of the data, which are used "
                          "(%s)."
                          % "; ".join(wrong)))
    return notes


def _wrong_statistics(claimed, actual):
    """Statistics that the header claims to know and that differ from the data's."""
    minimum, maximum, mean, deviation = claimed
    # The format marks unknown values by an impossible order; zeros are never filled in.
    known = (minimum <= maximum and any(claimed[:3]),) * 2
    known += (known[0] and mean >= minimum, known[0] and deviation > 0)
    tolerance = _STATISTICS_TOLERANCE * (actual[1] - actual[0])
    return ["%s %g, in the data %g" % (name, says, is_)
            for name, is_known, says, is_ in zip(_STATISTICS_NAMES, known, claimed, actual)
            if is_known and not abs(says - is_) <= tolerance]


def _statistics(volume):
    """Minimum, maximum, mean and standard deviation, in double precision."""
    mean = float(volume.mean(dtype=np.float64))
    # By section, as the deviations of a whole map would be another map in memory.
    squares = sum(float(np.square(np.subtract(section, mean, dtype=np.float64)).sum())
                  for section in volume)
    return (float(volume.min()), float(volume.max()), mean, math.sqrt(squares / volume.size))
