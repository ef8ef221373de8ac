"""STAR tables: reading those of any size, looking into them, and writing them.

A file holds named blocks (``data_particles``); a block is one table, either a loop with a row
per line, as all programs of electron microscopy write it, or pairs of names and values, which
count as a table of one row. Files may be packed as maps may. Columns are named without the leading
underscore, blocks without ``data_``.
"""

import gzip
import io
import os
import re
from dataclasses import dataclass
from typing import Dict

import numpy as np

from vrs.errors import InputError
from vrs.io.files import (UNPACKING_ERRORS, completed, damaged, packing, refuse_special,
                          unpacked)

_CHUNK = 2 ** 22  # bytes that are split at a time, about ten thousand rows
_PROBED = 2 ** 16
_PEEKED = 4096
_WRITTEN_ROWS = 10000
_POOLED = 100000  # texts of a column among which equal ones are sought
_TOKEN = re.compile(rb"'(.*?)'(?=\s|$)|\"(.*?)\"(?=\s|$)|(#.*)|(\S+)")
_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Excerpt:
    """The beginning and the end of a table.

    Attributes
    ----------
    columns : dict of str to numpy.ndarray
        As :func:`read_star` gives them, with the first and the last rows only.
    rows : int
        Of the whole table.
    exact : bool
        Whether the rows were counted; otherwise their number was estimated from the
        size of the file.
    """

    columns: Dict[str, np.ndarray]
    rows: int
    exact: bool


def read_star(path, columns=None):
    """Read all tables of a STAR file.

    Parameters
    ----------
    path : str
    columns : collection of str, optional
        Names of the columns that are wanted; all without.

    Returns
    -------
    dict of str to dict of str to numpy.ndarray
        The columns of each block, in the order of the file, of equal length within a block:
        int64 where all values are whole numbers, else float64 where all are numbers, else
        str objects. Columns whose name ends with "Name" are texts always, so that a name
        may be made of digits.

    Raises
    ------
    InputError
        If the file cannot be read, or is no such file, or a row has not one value for
        each column.
    """
    path, texts = str(path), set()
    while True:
        reader = _Reader(path, columns, texts)
        try:
            with _opened(path) as stream:
                for lines in _chunks(stream):
                    reader.add(lines)
            return {block: table.arrays() for block, table in reader.finished().items()}
        except _IsText as found:
            # What was turned into numbers is lost as text: once more from the beginning.
            texts.add(found.column)
        except UNPACKING_ERRORS:
            raise InputError(damaged(path)) from None


def probe_star(path, rows=1000):
    """Names of the columns, first and last rows of all tables of a STAR file.

    Of a large table only these rows are read. Of a file packed by gzip there are no last
    rows, as it can be read from its beginning only; other archives are read to their end.

    Parameters
    ----------
    path : str
    rows : int
        How many at either end.

    Returns
    -------
    dict of str to Excerpt

    Raises
    ------
    InputError
        As :func:`read_star`, for what was read.
    """
    path, texts = str(path), set()
    while True:
        try:
            return _probe(path, rows, texts)
        except _IsText as found:
            texts.add(found.column)
        except UNPACKING_ERRORS:
            raise InputError(damaged(path)) from None


def write_star(path, blocks):
    """Write tables as a STAR file; it appears under its name only when it is complete.

    Parameters
    ----------
    path : str
    blocks : dict of str to dict of str to array_like
        Columns of each block, of equal length. Numbers are written so that they are read
        back unchanged.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    # Without this line RELION takes a file with optics groups for one of an older version.
    version = "# version 30001\n\n" if "optics" in blocks else ""
    with completed(path) as part:
        with open(part, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as stream:
            for block, columns in blocks.items():
                columns = {name: np.asarray(values) for name, values in columns.items()}
                lengths = {len(values) for values in columns.values()}
                if len(lengths) > 1:
                    raise ValueError("the columns of block %s differ in length" % block)
                stream.write("\n%sdata_%s\n\nloop_\n" % (version, block))
                for number, name in enumerate(columns, 1):
                    stream.write("_%s #%d\n" % (name, number))
                for start in range(0, max(lengths, default=0), _WRITTEN_ROWS):
                    parts = [_formatted(values[start:start + _WRITTEN_ROWS])
                             for values in columns.values()]
                    stream.write("\n".join(map(" ".join, zip(*parts))) + "\n")
                stream.write("\n")


def unreadable(path, error):
    """The problem that a file cannot be opened, from the OSError."""
    return ("%s cannot be read (%s); check its name, its folder and its permissions."
            % (path, error.strerror or error))


class _IsText(Exception):
    """A column that began with numbers holds other values as well."""

    def __init__(self, column):
        super().__init__(column)
        self.column = column


class _Column:
    """The values of a column, chunk by chunk."""

    def __init__(self, key, is_text):
        self._key, self._kind, self._parts = key, str if is_text else None, []
        self._pool = {}

    def add(self, values):
        if self._kind is None:
            self._kind = _kind(values)
        if self._kind is int:
            part = _converted(values, int, np.int64)
            if part is None:
                self._kind, self._parts = float, [old.astype(float) for old in self._parts]
            else:
                self._parts.append(part)
        if self._kind is float:
            part = _converted(values, float, np.float64)
            if part is None:
                raise _IsText(self._key)
            self._parts.append(part)
        if self._kind is str:
            self._parts.append(self._texts(values))

    def array(self):
        if not self._parts:
            return np.empty(0, object if self._kind is str else np.float64)
        whole = self._parts[0] if len(self._parts) == 1 else np.concatenate(self._parts)
        self._parts = [whole]
        return whole

    def _texts(self, values):
        texts = b"\n".join(values).decode("utf-8", "surrogateescape").split("\n")
        part = np.empty(len(texts), object)
        # Names of micrographs occur a hundred times, those of images once.
        part[:] = ([self._pool.setdefault(text, text) for text in texts]
                   if len(self._pool) < _POOLED else texts)
        return part


class _Table:
    def __init__(self, block, wanted, texts):
        self._block, self._wanted, self._texts = block, wanted, texts
        self.names, self.rows, self.is_loop, self._columns = [], 0, False, {}

    def name(self, name):
        self.names.append(name)
        if self._wanted is None or name in self._wanted:
            key = (self._block, name)
            self._columns[name] = _Column(key, name.endswith("Name") or key in self._texts)

    def add(self, rows):
        self.rows += len(rows)
        for name, values in zip(self.names, zip(*rows)):
            if name in self._columns:
                self._columns[name].add(values)

    def pair(self, value):
        """Give the column named last its only value."""
        self.rows = 1
        if self.names[-1] in self._columns:
            self._columns[self.names[-1]].add([value])

    def arrays(self):
        return {name: column.array() for name, column in self._columns.items()}


class _Reader:
    """Takes the lines of a file in any portions."""

    def __init__(self, path, wanted, texts):
        self._path, self._wanted, self._texts = path, wanted, texts
        self.tables, self.table = {}, None
        self._looping, self._line = None, 0

    def add(self, lines):
        done = 0
        while done < len(lines):
            if self._looping == "rows":
                done += self._rows(lines[done:] if done else lines)
            elif self._header(lines[done]):
                self._line, done = self._line + 1, done + 1
            else:
                self._looping = "rows"

    def finished(self):
        if not self.tables:
            raise InputError("%s is not a STAR file: it has no line that begins with data_; give "
                             "a file of that format." % self._path)
        return self.tables

    @property
    def in_rows(self):
        return self._looping == "rows"

    def _header(self, line):
        """Take a line that is no row; returns whether it was one."""
        tokens, number = _tokens(line), self._line + 1
        if not tokens:
            return True
        first = tokens[0]
        if self._looping == "names" and len(tokens) == len(self.table.names) > 2:
            return False
        if first[:5].lower() == b"data_":
            self._begin(first[5:].decode("utf-8", "surrogateescape"))
        elif self.table is None:
            self.finished()
        elif self.table.rows and (first.lower() == b"loop_" or self.table.is_loop):
            raise InputError("Line %d of %s continues after the table of its block, which cryo-EM "
                             "programs do not write; start a new block there."
                             % (number, self._path))
        elif first.lower() == b"loop_":
            self._looping, self.table.is_loop = "names", True
        elif first[:1] == b"_" and len(first) > 1:
            name = first[1:].decode("utf-8", "surrogateescape")
            if name in self.table.names:
                raise InputError("Line %d of %s names the column %s for the second time; remove "
                                 "one of the two." % (number, self._path, name))
            self.table.name(name)
            if self._looping is None:
                self.table.pair(tokens[1] if len(tokens) > 1 else b"")
        elif self._looping == "names" and self.table.names:
            return False
        else:
            raise InputError("Line %d of %s is neither a name nor a row of a table; the file is "
                             "damaged or not a STAR file." % (number, self._path))
        return True

    def _begin(self, block):
        if block in self.tables:
            raise InputError("%s has two blocks that are named data_%s; rename one."
                             % (self._path, block))
        self.table = self.tables[block] = _Table(block, self._wanted, self._texts)
        self._looping = None

    def _rows(self, lines):
        """Add the rows at the beginning of the lines; returns how many lines these are."""
        rows, width = [line.split() for line in lines], len(self.table.names)
        taken = len(rows)
        special = [b'"' in line or b"'" in line or b"#" in line for line in lines]
        if set(map(len, rows)) != {width} or width < 3 or any(special):
            kept = []
            for number, row in enumerate(rows):
                if _ends_rows(row, width):
                    taken, self._looping = number, None
                    break
                if special[number]:
                    row = _tokens(lines[number])
                if row:
                    kept.append(row)
                    if len(row) != width:
                        raise InputError(
                            "Line %d of %s has %d value%s where the table has %d columns; the "
                            "file is cut short or damaged: copy it again."
                            % (self._line + number + 1, self._path, len(row),
                               "" if len(row) == 1 else "s", width))
            rows = kept
        if rows:
            self.table.add(rows)
        self._line += taken
        return taken


def _ends_rows(row, width):
    """Whether a line within a loop begins something else."""
    if not row or len(row) == width > 2:
        return False
    first = row[0].lower()
    return (first[:5] == b"data_" and len(row) == 1) or first == b"loop_" or first[:4] == b"_rln"


def _tokens(line):
    return [quoted or double or plain
            for quoted, double, comment, plain in _TOKEN.findall(line) if not comment]


def _kind(values):
    for kind, dtype in ((int, np.int64), (float, np.float64)):
        if _converted(values, kind, dtype) is not None:
            return kind
    return str


def _converted(values, kind, dtype):
    """The values as numbers; None if they are not."""
    try:
        array = np.fromiter(map(kind, values), dtype, len(values))
    except (ValueError, OverflowError):
        return None
    # Python reads 1_000 as a number, in a table it is a name.
    return None if b"_" in b"".join(values) else array


def _opened(path):
    refuse_special(path, "a STAR file")
    try:
        stream = unpacked(path, packing(path))
    except OSError as error:
        raise InputError(unreadable(path, error)) from None
    if b"\x00" in stream.peek(_PEEKED)[:_PEEKED]:
        stream.close()
        raise InputError("%s is a binary file and not a STAR file; give a STAR file." % path)
    return stream


def _chunks(stream, size=_CHUNK):
    """Lines, about so many bytes at a time."""
    first = True
    while True:
        chunk = stream.read(size)
        if not chunk:
            return
        chunk += stream.readline()
        if first and chunk.startswith(_MARK):
            chunk = chunk[len(_MARK):]
        first = False
        lines = chunk.split(b"\n")
        if not lines[-1]:
            lines.pop()
        yield lines


def _probe(path, rows, texts):
    reader = _Reader(path, None, texts)
    with _opened(path) as stream:
        # Of other archives only reading all of it tells how long the file is.
        sized = isinstance(stream, (io.BufferedReader, gzip.GzipFile))
        for lines in _chunks(stream, _PROBED):
            reader.add(lines)
            if sized and reader.in_rows and reader.table.rows > rows:
                break
        else:
            return {block: _excerpt(table, rows) for block, table in reader.finished().items()}
        large, position = reader.table, stream.tell()
        row_bytes = _mean_length(lines[-rows:])
        if isinstance(stream, gzip.GzipFile):
            skipped = _uncompressed_size(path) - position
        else:
            end = os.path.getsize(path) - int(1.5 * rows * row_bytes)
            if end > position:
                stream.seek(end)
                stream.readline()
            skipped = stream.tell() - position
            try:
                for number, lines in enumerate(_chunks(stream)):
                    reader.add(lines)
                    if number == 0:
                        row_bytes = (row_bytes + _mean_length(lines[:rows])) / 2
            except InputError:
                # The end belongs to another table, or is damaged: only all of it tells.
                skipped, reader = 0, _Reader(path, None, texts)
                stream.seek(0)
                for lines in _chunks(stream):
                    reader.add(lines)
                large = None
    return {block: _excerpt(table, rows, skipped / row_bytes if table is large else 0)
            for block, table in reader.tables.items()}


def _mean_length(lines):
    return sum(map(len, lines)) / len(lines) + 1


def _excerpt(table, rows, skipped=0):
    columns = {name: values if len(values) <= 2 * rows
               else np.concatenate([values[:rows], values[-rows:]])
               for name, values in table.arrays().items()}
    return Excerpt(columns, table.rows + max(int(round(skipped)), 0), skipped == 0)


def _uncompressed_size(path):
    with open(path, "rb") as stream:
        stream.seek(-4, os.SEEK_END)
        return int.from_bytes(stream.read(4), "little")


def _formatted(values):
    """Texts of the values of a column."""
    if values.dtype == bool or np.issubdtype(values.dtype, np.integer):
        return ["%d" % value for value in values.tolist()]
    if values.dtype == np.float32:
        return ["%.9g" % value for value in values.tolist()]
    if np.issubdtype(values.dtype, np.floating):
        return [repr(value) for value in values.astype(np.float64).tolist()]
    return [_quoted(str(value)) for value in values.tolist()]


def _quoted(text):
    if text and not re.search(r"\s", text) and text[0] not in "'\"#_;" and not re.match(
            "(?i)data_|loop_", text):
        return text
    return "'%s'" % text if '"' in text else '"%s"' % text
