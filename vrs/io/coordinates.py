"""Reading where particles were picked: RELION, cryoSPARC, EMAN2 and Xmipp."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Tuple

import gemmi
import numpy as np

from vrs.errors import InputError
from vrs.io.cryosparc import read_columns, read_cs
from vrs.io.files import refuse_special
from vrs.io.problems import collected

ENDINGS = (".star", ".cs", ".csg", ".box", ".pos")

# What picking programs add to the name of a micrograph.
_SUFFIXES = ("_autopick", "_manualpick", "_topazpicks", "_topaz", "_cryolo", "_picks", "_pick",
             "_extract")
_LOCATION = ("location/micrograph_path", "location/micrograph_shape", "location/center_x_frac",
             "location/center_y_frac")


@dataclass(frozen=True)
class Picks:
    """The particles picked in one micrograph.

    Attributes
    ----------
    micrograph : str
        Its path as the table has it; the name without ending where only the name of the file of
        coordinates tells. :func:`vrs.io.micrographs.find_micrograph` finds it.
    table : str
        File that holds the coordinates, or that names the file that does.
    points : numpy.ndarray of float64, (particles, 2)
        Centres in pixels of the micrograph: x from its first column, y from its first row.
    box : float or None
        Side of the box in pixels where the file has it.
    shape : tuple of int or None
        Rows and columns of the micrograph where the file has them.
    """

    micrograph: str
    table: str
    points: np.ndarray
    box: Optional[float] = None
    shape: Optional[Tuple[int, int]] = None


def read_coordinates(path):
    """Read coordinates of picked particles.

    Known are RELION's files of one micrograph (``*_autopick.star``, ``*_manualpick.star``), its
    lists of such files (``autopick.star``) and tables of particles, cryoSPARC's ``.cs`` and
    ``.csg``, EMAN2's ``.box``, and Xmipp's ``.pos``, of which particles that were disabled are left
    out.

    Parameters
    ----------
    path : str
        File, or a folder with one file for each micrograph, perhaps in folders of its own.

    Returns
    -------
    list of Picks
        In the order of the file; files of a folder by name.

    Raises
    ------
    InputError
        If there are no coordinates or they cannot be read; all that was found.
    """
    path = str(path)
    found, problems = [], []
    for name in _files(path):
        with collected(problems):
            found += _READERS[Path(name).suffix.lower()](name)
    if problems:
        raise InputError(problems)
    if not any(len(picks.points) for picks in found):
        raise InputError("%s holds no coordinates; give the file or folder of the particles that "
                         "were picked." % path)
    return found


def by_micrograph(names, points, table, shapes=None):
    """Divide the rows of a table by micrograph.

    Parameters
    ----------
    names : sequence of str, (particles,)
        Micrograph of each particle.
    points : numpy.ndarray, (particles, 2)
        x and y of the centres, pixels.
    table : str
        File that they come from.
    shapes : numpy.ndarray, (particles, 2), optional
        Rows and columns of each particle's micrograph.

    Returns
    -------
    list of Picks
        Micrographs in the order in which they first occur.
    """
    kinds, first, which = np.unique(np.asarray(names, dtype=str), return_index=True,
                                    return_inverse=True)
    rows = np.argsort(which, kind="stable")
    members = np.split(rows, np.cumsum(np.bincount(which, minlength=len(kinds)))[:-1])
    points = np.asarray(points, float)
    return [Picks(str(kinds[kind]), table, points[members[kind]], shape=None if shapes is None
                  else tuple(int(size) for size in shapes[first[kind]]))
            for kind in np.argsort(first)]


def _files(path):
    if os.path.isdir(path):
        names = sorted(str(name) for name in Path(path).rglob("*")
                       if name.suffix.lower() in ENDINGS and name.is_file())
        names = [name for name in names if _is_of_coordinates(name)]
        kinds = sorted({Path(name).suffix.lower() for name in names})
        if not names:
            raise InputError("The folder %s has no file of coordinates (%s); give the one that "
                             "the picking program wrote to." % (path, ", ".join(ENDINGS)))
        if len(kinds) > 1:
            raise InputError("The folder %s has coordinates of several kinds (%s), which may be "
                             "the same particles twice; give a folder with one kind."
                             % (path, ", ".join(kinds)))
        return names
    if not os.path.exists(path):
        raise InputError("There is no file %s; check its name and folder." % path)
    if Path(path).suffix.lower() not in ENDINGS:
        raise InputError("%s does not have the name of a coordinate file; these end with %s."
                         % (path, ", ".join(ENDINGS)))
    return [path]


def _is_of_coordinates(path):
    """Whether it is not one of the other tables that programs leave beside coordinates."""
    ending = Path(path).suffix.lower()
    if ending == ".star":
        return "_rlnCoordinateX" in _text(path)
    if ending == ".cs":
        return _LOCATION[0] in read_cs(path).dtype.names
    return ending != ".csg"


def _read_star(path):
    blocks = _blocks(path)
    files = _column(blocks, "_rlnMicrographCoordinates")
    if files is not None:
        return _read_list(path, _needed(blocks, path, "_rlnMicrographName"), files)
    points = np.column_stack([_numbers(_needed(blocks, path, name), path)
                              for name in ("_rlnCoordinateX", "_rlnCoordinateY")])
    names = _column(blocks, "_rlnMicrographName")
    if names is None:
        return [Picks(_micrograph_of(path), path, points)]
    return by_micrograph(names, points, path)


def _read_list(path, micrographs, files):
    """The files that a list names, from its folder or one above, such as the project's."""
    found, missing, problems = [], [], []
    for micrograph, name in zip(micrographs, files):
        places = [parent / name for parent in Path(path).resolve().parents]
        place = next((str(place) for place in places if place.is_file()), None)
        reader = _READERS.get(Path(name).suffix.lower())
        if place is None or reader is None:
            missing.append(name)
            continue
        with collected(problems):
            # One file for each micrograph, so that a name inside must not divide it.
            read = reader(place)
            points = np.concatenate([picks.points for picks in read] or [np.zeros((0, 2))])
            found.append(Picks(micrograph, path, points, read[0].box if read else None))
    if missing:
        problems.append("%d of the %d files of coordinates that %s names, such as %s, are not "
                        "found from its folder or those above; keep the folders of the project "
                        "together." % (len(missing), len(files), path, missing[0]))
    if problems:
        raise InputError(problems)
    return found


def _read_cryosparc(path):
    columns, count, _ = read_columns(path)
    lacking = [name for name in _LOCATION if name not in columns]
    if lacking:
        raise InputError("%s lacks %s; give the table of particles with their locations, perhaps "
                         "the passthrough of the job." % (path, ", ".join(lacking)))
    micrographs = columns["location/micrograph_path"]
    if micrographs.dtype.kind == "S":
        micrographs = np.char.decode(micrographs, "utf-8", "replace")
    try:
        shapes = columns["location/micrograph_shape"].astype(float).reshape(count, 2)
        fractions = np.column_stack([columns[name].astype(float) for name in _LOCATION[2:]])
    except ValueError:
        raise InputError("%s cannot be read as a cryoSPARC table: its locations are not numbers; "
                         "export it again." % path) from None
    return by_micrograph(micrographs, _finite(fractions * shapes[:, ::-1], path),
                         path, shapes)


def _read_box(path):
    """Corner and size of each box; a fifth column does not matter."""
    rows = [line.split() for line in _text(path).splitlines() if line.strip()]
    if any(len(row) < 4 for row in rows):
        raise InputError("%s has lines without the corner and the size of a box (x, y, width, "
                         "height); export it again." % path)
    if not rows:
        return [Picks(_micrograph_of(path), path, np.zeros((0, 2)))]
    values = _numbers([value for row in rows for value in row[:4]], path).reshape(-1, 4)
    return [Picks(_micrograph_of(path), path, values[:, :2] + values[:, 2:] / 2,
                  float(values[0, 2]))]


def _read_pos(path):
    blocks = _blocks(path)
    points = np.column_stack([_numbers(_needed(blocks, path, name), path)
                              for name in ("_xcoor", "_ycoor")])
    enabled = _column(blocks, "_enabled")
    if enabled is not None:
        points = points[_numbers(enabled, path) > 0]
    return [Picks(_micrograph_of(path), path, points)]


_READERS = {".star": _read_star, ".cs": _read_cryosparc, ".csg": _read_cryosparc,
            ".box": _read_box, ".pos": _read_pos}


def _micrograph_of(path):
    """Name, without ending, of the micrograph that a file of coordinates belongs to."""
    name = Path(path).stem
    for suffix in _SUFFIXES:
        if name.endswith(suffix):
            return name[:-len(suffix)]
    return name


def _text(path):
    refuse_special(path, "a file of coordinates")
    try:
        with open(path, encoding="utf-8") as stream:
            return stream.read()
    except (OSError, UnicodeDecodeError):
        raise InputError("%s cannot be read as text; copy or export it again." % path) from None


def _blocks(path):
    text = _text(path)
    try:
        return list(gemmi.cif.read_string(text))
    except (ValueError, RuntimeError) as error:
        raise InputError("%s cannot be read as a STAR table (%s); export it again."
                         % (path, str(error).split("\n")[0])) from None


def _column(blocks, name):
    """Values of a column in whichever block has it; None without."""
    for block in blocks:
        column = block.find_values(name)
        if column:  # there, perhaps without rows
            return [gemmi.cif.as_string(value) for value in column]
    return None


def _needed(blocks, path, name):
    values = _column(blocks, name)
    if values is None:
        raise InputError("%s has no column %s; give a file with the coordinates of particles."
                         % (path, name))
    return values


def _numbers(texts, path):
    try:
        values = np.array(texts, dtype=float)
    except ValueError:
        raise InputError("%s has coordinates that are not numbers; export it again."
                         % path) from None
    return _finite(values, path)


def _finite(values, path):
    if not np.isfinite(values).all():
        raise InputError("%s has coordinates that are not finite; export it again." % path)
    return values
