"""The header of a map file: what it says, and what about it is wrong or odd.

Field meanings follow the MRC2014 format (Cheng 2015, doi 10.1016/j.jsb.2015.04.002):
columns, rows and sections are the axes as stored, and the header names which of
x, y and z each of them is; cell, grid and origin are given along x, y and z.
"""

import io
import math
import os
import warnings
from dataclasses import dataclass
from typing import List, Optional, Tuple

import numpy as np
from mrcfile.dtypes import HEADER_DTYPE, get_ext_header_dtype
from mrcfile.mrcinterpreter import MrcInterpreter
from mrcfile.utils import dtype_from_mode, normalise_byte_order, spacegroup_is_volume_stack

from vrs.errors import InputError
from vrs.io import files
from vrs.results import MINOR, Note

MAX_ANISOTROPY = 0.01
# Voxel sizes closer than this differ by less than a tenth of a voxel over a box of 1000.
SAME_SAMPLING = 1e-4

# Å/voxel; what is beyond comes from fields that hold something else, or from nanometres.
SMALLEST_SAMPLING, LARGEST_SAMPLING = 0.05, 200.0

_REAL_MODES = (0, 1, 2, 6, 12)
COMPLEX_MODES = (3, 4)
_XYZ = (1, 2, 3)
_HEADER_BYTES = HEADER_DTYPE.itemsize
_LARGEST_AXIS, _MOST_SECTIONS = 2 ** 16, 2 ** 24  # Stacks may hold millions of images.
_MAX_TILT = 0.1  # degrees by which cell angles may differ from 90
_ELONGATED = 4  # longest over shortest side; single macromolecules stay below
# IMOD leaves this number and flags in the header; without the flag, bytes are unsigned.
_IMOD_STAMP, _IMOD_SIGNED = 1146047817, 1
_IMOD_PLACE = slice(40, 48)  # of the second block of extra bytes
# Positions beyond (Å) are no positions but remains of other uses of the fields.
_FARTHEST = 1e6

# What mrcfile warns of, by the beginning of its sentence, in the report's words.
_REMARKS = (
    ("Map ID string not found",
     "The file has no MAP identifier; it was read as MRC because its size matches its header."),
    ("Unrecognised machine stamp",
     "The header does not say in which byte order the file was written; the one in which the "
     "header makes sense was taken."),
    ("Machine stamp",
     "The header names the wrong byte order; the one in which the header makes sense was taken."),
)
_LONG_EXTENSION = ("The additional header of the file has a size that its kind cannot have; it was "
                   "skipped.")


@dataclass
class MapHeader:
    """What the header of a map file says.

    Attributes
    ----------
    path : str
    packing : str
        By its content, "gz", "bz2", "xz", "zip" or "" for none.
    size : tuple of int
        Columns, rows, sections.
    mode : int
        Kind of the stored numbers.
    axes : tuple of int
        Which of x, y, z (1, 2, 3) the columns, rows and sections are.
    grid, cell : tuple
        Intervals of the unit cell along x, y, z, and its lengths in Å.
    angles : tuple of float
        Angles of the unit cell, degrees.
    start : tuple of int
        Columns, rows, sections between the cell's corner and the first voxel.
    origin : tuple of float
        Position (x, y, z) in Å from the origin fields.
    space_group : int
        0 for images; 401 to 630 for several volumes.
    statistics : tuple of float
        Minimum, maximum, mean and deviation; not necessarily those of the data.
    data_offset : int
        Bytes before the data.
    foreign : bool
        Whether the byte order is not this computer's.
    unsigned : bool
        Whether the bytes of mode 0 are unsigned, against the format, as IMOD marks it.
    remarks : list of str
        What the reading library found odd, in plain words.
    """

    path: str
    packing: str
    size: Tuple[int, int, int]
    mode: int
    axes: Tuple[int, int, int]
    grid: Tuple[int, int, int]
    cell: Tuple[float, float, float]
    angles: Tuple[float, float, float]
    start: Tuple[int, int, int]
    origin: Tuple[float, float, float]
    space_group: int
    statistics: Tuple[float, float, float, float]
    data_offset: int
    foreign: bool
    unsigned: bool
    remarks: List[str]

    @property
    def compressed(self):
        """Whether the file is packed."""
        return bool(self.packing)

    @property
    def kind(self):
        """numpy.dtype of the stored numbers, for a mode that can be read."""
        kind = np.dtype(np.uint8) if self.unsigned else np.dtype(dtype_from_mode(self.mode))
        return kind.newbyteorder() if self.foreign else kind

    @property
    def effective_axes(self):
        """The axes, where a header without any stands for the usual x, y, z."""
        return _XYZ if self.axes == (0, 0, 0) else self.axes

    @property
    def transposition(self):
        """Order of the stored array's axes that gives (z, y, x)."""
        stored = self.effective_axes[::-1]
        return tuple(stored.index(axis) for axis in _XYZ[::-1])

    @property
    def box(self):
        """Box size (x, y, z) in voxels."""
        return self._along_xyz(self.size)

    @property
    def spacing(self) -> Optional[Tuple[float, float, float]]:
        """Å between voxels along x, y, z; None when the header does not say."""
        if min(self.grid) <= 0 or not all(math.isfinite(c) and c > 0 for c in self.cell):
            return None
        return tuple(_seven_digits(c / n) for c, n in zip(self.cell, self.grid))

    @property
    def sampling(self) -> Optional[float]:
        """Mean of the spacing, Å/voxel; None when the header does not say."""
        return _seven_digits(np.mean(self.spacing)) if self.spacing else None

    @property
    def anisotropy(self) -> float:
        """Largest less smallest spacing, over their mean."""
        if self.spacing is None:
            return 0.0
        return (max(self.spacing) - min(self.spacing)) / float(np.mean(self.spacing))

    @property
    def data_bytes(self):
        """Bytes that the data take, for a mode that can be read."""
        return math.prod(self.size) * self.kind.itemsize

    @property
    def start_xyz(self):
        """The start along x, y and z, voxels."""
        return self._along_xyz(self.start)

    def position(self, sampling):
        """Position (x, y, z) of the first voxel in Å: the origin, else the start."""
        if any(self.origin):
            return self.origin
        return tuple(_seven_digits(sampling * start) for start in self.start_xyz)

    def _along_xyz(self, stored):
        return tuple(stored[self.effective_axes.index(axis)] for axis in _XYZ)


def read_header(path, what="MRC or CCP4 map"):
    """Read the header of a map file.

    Parameters
    ----------
    path : str
        MRC or CCP4 file, perhaps packed by gzip, bzip2, xz or zip whatever its name.
    what : str
        What the file should be, for messages.

    Returns
    -------
    MapHeader

    Raises
    ------
    InputError
        If there is no such file, it cannot be read, or it is no MRC or CCP4 map.
    """
    files.check_file(path, "a map file")
    with files.plain_errors(path):
        # A map whose first number happens to look like a packed file is still a map.
        packing = files.packing(path, lambda start: start[208:212] == b"MAP ")
        with files.unpacked(path, packing) as stream:
            start = stream.read(_HEADER_BYTES)
        if not _plausible(start):
            raise InputError(_other_format(path, what))
        header = _from_record(path, packing, *_header_record(start))
        if not _sensible(header.size) or header.data_offset < _HEADER_BYTES or (
                _lacks_mark(start) and (header.mode not in _REAL_MODES or content_size(header)
                                        != header.data_offset + header.data_bytes)):
            raise InputError(_other_format(path, what))
    return header


def volume_problems(header):
    """What rules the file out as a single volume of real numbers.

    Returns
    -------
    list of str
    """
    problems = []
    columns, rows, sections = header.size
    if header.mode in COMPLEX_MODES:
        problems.append("%s holds complex numbers (a Fourier transform); give the map itself."
                        % header.path)
    elif header.mode not in _REAL_MODES:
        problems.append("%s holds numbers of a type that cannot be read (mode %d); save it again "
                        "as 32-bit real numbers (mode 2)." % (header.path, header.mode))
    elif not header.packing:
        problems += truncation(header)
    if sorted(header.effective_axes) != list(_XYZ):
        problems.append("The header of %s names its axes %d, %d, %d, where 1, 2 and 3 should each "
                        "occur once; save the map again with another program."
                        % ((header.path,) + header.axes))
    if min(header.size) == 1:
        problems.append("%s holds a single image (%d × %d × %d) and not a volume; give a map in "
                        "three dimensions." % (header.path, columns, rows, sections))
    elif spacegroup_is_volume_stack(header.space_group) and header.grid[2] != sections:
        count = sections / header.grid[2] if header.grid[2] > 0 else 0
        problems.append("%s is a stack of %s volumes; save the one to be validated in a file of "
                        "its own." % (header.path, "%d" % count if count >= 1 else "several"))
    elif header.space_group == 0 and header.grid[2] == 1:
        problems.append("%s is a stack of %d images and not a volume; give a map in three "
                        "dimensions." % (header.path, sections))
    elif _named_as_stack(header.path):
        problems.append("%s is a stack of images by its name (.mrcs); give a map, and name it .mrc "
                        "if this is one." % header.path)
    return problems


def voxel_problems(header):
    """What is wrong with the voxel size of the header.

    Returns
    -------
    list of str
    """
    if header.spacing is None:
        return ["The header of %s has no voxel size; give the sampling in Å/voxel." % header.path]
    if not all(SMALLEST_SAMPLING <= value <= LARGEST_SAMPLING for value in header.spacing):
        return ["The voxel size in the header of %s, %g × %g × %g Å, cannot be right; give the "
                "sampling in Å/voxel." % ((header.path,) + header.spacing)]
    if header.anisotropy > MAX_ANISOTROPY:
        return ["The voxels of %s are not cubes (%g × %g × %g Å); resample the map onto cubic "
                "voxels, or give the sampling in Å/voxel if the header is wrong."
                % ((header.path,) + header.spacing)]
    return []


def cell_problems(header):
    """What is wrong with the angles of the unit cell; angles of 0 stand for 90.

    Returns
    -------
    list of str
    """
    angles = [90.0 if angle == 0 else angle for angle in header.angles]
    if all(abs(angle - 90) <= _MAX_TILT for angle in angles):
        return []
    return ["The axes of %s are not at right angles (%g, %g, %g degrees); resample the map onto an "
            "orthogonal grid, for example with \"vol resample\" in ChimeraX."
            % ((header.path,) + tuple(angles))]


def truncation(header):
    """The problem that the file is shorter than its header says, if it is.

    Returns
    -------
    list of str
    """
    expected = header.data_offset + header.data_bytes
    with files.plain_errors(header.path):
        present = content_size(header)
    if present >= expected:
        return []
    return ["%s is cut short: %d of its %d bytes are missing%s; copy or download it again."
            % (header.path, expected - present, expected,
               " after decompression" if header.packing else "")]


def header_notes(header):
    """What is odd about the header, besides voxel size, position and statistics.

    Returns
    -------
    list of Note
    """
    notes = [Note(remark) for remark in header.remarks]
    if header.unsigned:
        notes.append(Note("The header marks the bytes as unsigned, as IMOD does; they were read as "
                          "0 to 255."))
    if header.axes == (0, 0, 0):
        notes.append(Note("The header does not name its axes; columns, rows and sections were "
                          "taken as x, y and z."))
    elif header.axes != _XYZ:
        notes.append(Note("The axes are permuted in the file (columns, rows and sections are %s, "
                          "%s and %s); the map was reordered to x, y, z."
                          % tuple(" xyz"[axis] for axis in header.axes)))
    if header.foreign:
        notes.append(Note("The file was written with the byte order of another type of computer; "
                          "its numbers were converted."))
    if header.space_group == 0:
        notes.append(Note("The header marks the file as images (space group 0); it was read as "
                          "one volume."))
    return notes + _box_notes(header.box)


def content_size(header):
    """Bytes of a file after decompression.

    Parameters
    ----------
    header : MapHeader

    Raises
    ------
    OSError, EOFError, zlib.error, lzma.LZMAError
        If it cannot be decompressed to its end.
    """
    if not header.packing:
        return os.path.getsize(header.path)
    with files.unpacked(header.path, header.packing) as stream:
        return sum(len(block) for block in iter(lambda: stream.read(2 ** 20), b""))


def in_plain_words(caught):
    """mrcfile's warnings as sentences for the report.

    Parameters
    ----------
    caught : list of warnings.WarningMessage

    Returns
    -------
    list of str
    """
    sentences = []
    for text in (str(warning.message) for warning in caught):
        known = [sentence for start, sentence in _REMARKS if text.startswith(start)]
        sentences += known[:1] or ["The library that reads the file warns: %s." % text]
    return sentences


def _plausible(start):
    """Whether bytes can be a map's header, so that no other file is taken for one."""
    if len(start) < _HEADER_BYTES:
        return False
    for order in "<>":
        record = np.frombuffer(start, HEADER_DTYPE.newbyteorder(order))[0]
        if _sensible([record[name] for name in ("nx", "ny", "nz")]) and record["nsymbt"] >= 0:
            # Without the mark, only a mode that can be read is believed.
            if not _lacks_mark(start) or record["mode"] in _REAL_MODES:
                return True
    return False


def _sensible(size):
    columns, rows, sections = size
    return min(size) > 0 and max(columns, rows) <= _LARGEST_AXIS and sections <= _MOST_SECTIONS


def _lacks_mark(start):
    return start[208:211] != b"MAP"


def _header_record(start):
    """The header in the byte order in which it makes sense, and remarks."""
    # Additional headers may claim any size, and nobody asks for them.
    alone = start[:92] + bytes(4) + start[96:]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        order = MrcInterpreter(io.BytesIO(alone), permissive=True,
                               header_only=True).header.dtype["nx"].byteorder
    record = np.frombuffer(start, HEADER_DTYPE.newbyteorder(order)).reshape(())
    remarks = in_plain_words(caught)
    extension = get_ext_header_dtype(bytes(record["exttyp"]), order)
    if extension is not None and record["nsymbt"] % extension.itemsize:
        remarks.append(_LONG_EXTENSION)
    return record, remarks


def _from_record(path, packing, record, remarks):
    def integers(*names):
        return tuple(int(record[name]) for name in names)

    def floats(field):
        return tuple(float(record[field][name]) for name in record[field].dtype.names)

    origin = floats("origin")
    if not all(abs(value) <= _FARTHEST for value in origin):
        origin = (0.0, 0.0, 0.0)
    return MapHeader(
        path=path, packing=packing, size=integers("nx", "ny", "nz"),
        mode=int(record["mode"]), axes=integers("mapc", "mapr", "maps"),
        grid=integers("mx", "my", "mz"), cell=floats("cella"), angles=floats("cellb"),
        start=integers("nxstart", "nystart", "nzstart"),
        origin=tuple(_seven_digits(value) for value in origin),
        space_group=int(record["ispg"]),
        statistics=tuple(float(record[name]) for name in ("dmin", "dmax", "dmean", "rms")),
        data_offset=_HEADER_BYTES + int(record["nsymbt"]),
        foreign=(normalise_byte_order(record["mode"].dtype.byteorder)
                 != normalise_byte_order("=")),
        unsigned=_unsigned(record), remarks=remarks)


def _unsigned(record):
    stamp, flags = np.frombuffer(record["extra2"].tobytes()[_IMOD_PLACE],
                                 np.dtype("i4").newbyteorder(record["mode"].dtype.byteorder))
    return bool(record["mode"] == 0 and stamp == _IMOD_STAMP and not flags & _IMOD_SIGNED)


def _seven_digits(value):
    # Headers hold seven digits, more is noise of conversions; adding 0 turns -0 into 0.
    return float("%.7g" % value) + 0.0


def _other_format(path, what):
    return "%s is not an %s; give a file of that format." % (path, what)


def _named_as_stack(path):
    name = path.lower()
    for ending in (".gz", ".bz2", ".xz", ".zip"):
        if name.endswith(ending):
            name = name[:-len(ending)]
    return name.endswith(".mrcs")


def _box_notes(box):
    if len(set(box)) == 1:
        return []
    if max(box) >= _ELONGATED * min(box):
        return [Note("The box is much longer than wide (%d × %d × %d voxels); a file that holds "
                     "images or several volumes would give a meaningless report." % box,
                     MINOR)]
    return [Note("The box is not a cube (%d × %d × %d voxels)." % box)]
