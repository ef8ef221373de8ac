"""Tables of cryoSPARC: .cs files, the passthrough files beside them, and .csg groups.

A .cs file is a structured NumPy array with a column "uid". What a job did not change lies in a
passthrough file of the same job, with the same uids. A .csg file is YAML and tells which of the
job's files holds what.
"""

import glob
import os
import re
import tokenize
import zipfile

import numpy as np

from vrs.errors import InputError
from vrs.io.files import refuse_special
from vrs.io.star import unreadable

_NEEDED = ("blob/path", "location/micrograph_path")
_COMPRESSED = b"\x94CSDAT"
# What numpy raises for a file whose header is damaged.
_DAMAGED = (ValueError, EOFError, SyntaxError, TypeError, OverflowError, MemoryError,
            tokenize.TokenError, zipfile.BadZipFile)
_GROUPED = re.compile(r"^(\s*)([\w./-]+):\s*(.*?)\s*$")


def read_cs(path):
    """Open a .cs file.

    Parameters
    ----------
    path : str

    Returns
    -------
    numpy.ndarray, (n,)
        Structured and mapped into memory: a column is read when it is asked for.

    Raises
    ------
    InputError
        If it cannot be read or is no such file.
    """
    path = str(path)
    refuse_special(path, "a table of cryoSPARC (.cs)")
    try:
        with open(path, "rb") as stream:
            start = stream.read(6)
        rows = None if start == _COMPRESSED else _loaded(path)
    except OSError as error:
        raise InputError(unreadable(path, error)) from None
    except _DAMAGED:
        rows = None
    if start == _COMPRESSED:
        raise InputError("%s was saved in cryoSPARC's compressed form; save it with the format "
                         "NUMPY_FORMAT, or export the job." % path)
    if not isinstance(rows, np.ndarray) or rows.ndim != 1 or "uid" not in (rows.dtype.names or ()):
        raise InputError("%s is damaged or not a table of cryoSPARC (.cs); export it again."
                         % path)
    return rows


def read_group(path):
    """Which .cs files a .csg file names.

    Parameters
    ----------
    path : str

    Returns
    -------
    list of str
        Their paths, the one with most results first.

    Raises
    ------
    InputError
        If it cannot be read or names none.
    """
    path, folder = str(path), os.path.dirname(str(path))
    refuse_special(path, "a group of cryoSPARC (.csg)")
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            lines = stream.read(2 ** 20).splitlines()
    except OSError as error:
        raise InputError(unreadable(path, error)) from None
    names = []
    for line in lines:
        found = _GROUPED.match(line)
        if found and found.group(2) == "metafile":
            names.append(found.group(3).strip("'\""))
    if not names:
        raise InputError("%s is not a group of cryoSPARC (.csg), or names no file; export it again."
                         % path)
    # A leading > stands for the folder of the group.
    ordered = sorted(dict.fromkeys(names), key=names.count, reverse=True)
    paths = [os.path.join(folder, name.lstrip(">")) for name in ordered]
    return [path if os.path.isfile(path) else os.path.join(folder, os.path.basename(path))
            for path in paths]


def read_columns(path, rows=None):
    """Columns of the particles of a .cs or .csg file, with what passthrough files add.

    Parameters
    ----------
    path : str
        Where a .cs file names no images or no micrographs, the passthrough files in its folder
        that have the same particles are read as well.
    rows : int, optional
        Only so many of the first and of the last ones.

    Returns
    -------
    columns : dict of str to numpy.ndarray
        "blob/path" and so on, mapped into memory where that is possible.
    count : int
        Particles in the file.
    files : list of str
        What was read.

    Raises
    ------
    InputError
        If a file cannot be read, or lacks some of the particles.
    """
    path = str(path)
    named = read_group(path) if path.lower().endswith(".csg") else [path]
    files = [read_cs(name) for name in named]
    first = files[0]
    chosen = slice(None)
    if rows is not None and len(first) > 2 * rows:
        chosen = np.r_[:rows, len(first) - rows:len(first)]
    if len(named) == 1 and not set(_NEEDED) <= set(first.dtype.names) and len(first):
        found = _passthrough(path, first, chosen)
        named, files = named + [name for name, _ in found], files + [part for _, part in found]
    columns, problems = {}, []
    for name, part in zip(named, files):
        place = chosen if part is first else _places(first, part, chosen)
        if place is None:
            problems.append("%s lacks some of the particles of %s; give files of the same job and "
                            "output." % (name, named[0]))
            continue
        for column in part.dtype.names:
            if column not in columns:
                columns[column] = part[column][place]
    if problems:
        raise InputError(problems)
    return columns, len(first), named


def _loaded(path):
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError:
        # Nothing can be mapped of a table without rows, which is as good a table.
        return np.load(path, allow_pickle=False)


def _passthrough(path, table, chosen):
    found = []
    for name in sorted(glob.glob(os.path.join(glob.escape(os.path.dirname(path) or "."),
                                              "*passthrough*.cs"))):
        try:
            part = read_cs(name)
        except InputError:
            continue
        if len(part) == len(table) and _places(table, part, chosen) is not None:
            found.append((name, part))
    return found


def _places(table, part, chosen):
    """Where the chosen particles of a table are in another one; None if some are missing."""
    if len(table) == len(part) and np.array_equal(table["uid"][chosen], part["uid"][chosen]):
        return chosen
    wanted, uids = table["uid"][chosen], np.array(part["uid"])
    order = np.argsort(uids)
    places = np.searchsorted(uids, wanted, sorter=order)
    if len(uids) == 0 or (places == len(uids)).any():
        return None
    places = order[places]
    return places if np.array_equal(uids[places], wanted) else None
