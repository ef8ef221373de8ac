"""The table of ``vrs batch``: one row for each entry, its columns the options of the commands."""

import csv
import functools
import io
import os
import re
from dataclasses import dataclass, field
from typing import Dict, List

from vrs import bundles, inputs, levels
from vrs.checks import checks_of_level
from vrs.cli.batch_summary import SUMMARIES
from vrs.cli.validate import map_stem
from vrs.errors import InputError
from vrs.inputs.kind import LEFT_OUT
from vrs.inputs.map import MAP
from vrs.io.archive import to_emdb_id
from vrs.io.maps import file_state
from vrs.io.problems import collected

# What the batch decides itself, for each entry.
_DECIDED = ("help", "output", "project")
_PATHS = ("FILE", "DIR", "PATH")
_YES, _NO = ("yes", "true", "1", "x"), ("no", "false", "0")
# How and where something is computed is not what is computed.
_CIRCUMSTANCES = ("threads", "queue", "cache", "offline")
_NAME = r"\w[\w.-]*"


@dataclass
class Row:
    """A row that can be tried.

    Attributes
    ----------
    name : str
        For its folder.
    source : str
        The map, the job or the entry, as the table gives it.
    command : str
        Of ``vrs``.
    options : dict
        Values by option, without dashes; a list of them where it may be repeated, True for
        one that takes none. Paths are absolute.
    files : list of str
        Those of the options that are paths of files.
    """

    name: str
    source: str
    command: str
    options: Dict[str, object]
    files: List[str] = field(default_factory=list)

    def arguments(self, **decided):
        """Arguments of ``vrs``.

        Parameters
        ----------
        **decided : str or None
            Further options, which do not replace those of the row; None for none.

        Returns
        -------
        list of str
        """
        given = {name: value for name, value in decided.items() if value is not None}
        given.update(self.options)
        texts = [self.command]
        for name, value in given.items():
            values = value if isinstance(value, list) else [value]
            texts += ["--%s" % name if text is True else "--%s=%s" % (name, text)
                      for text in values]
        return texts + (["--", self.source] if self.command == "entry" else [])

    def has_map(self):
        """Whether there is a map, without which there is no project of Scipion."""
        if self.command == "entry":
            return True
        known = inputs.all_options() + [bundle.option for bundle in bundles.all_bundles()]
        given = {option.name: self.options[option.flag[2:]] for option in known
                 if option.flag[2:] in self.options}
        try:
            return "map" in bundles.filled(given).given
        except InputError:  # what is wrong is told by the command
            return True

    def identity(self):
        """What makes another row of it, as plain data: entry, options, size and time of files."""
        what = {name: value for name, value in self.options.items() if name not in _CIRCUMSTANCES}
        return {"command": self.command, "source": self.source, "options": what,
                "files": {path: file_state(path) for path in self.files}}


def read_table(path, commands):
    """Read the table.

    Parameters
    ----------
    path : str
        CSV, separated by commas, semicolons or tabs. Lines that begin with # are comments;
        relative paths start at the folder of the file.
    commands : dict
        The options of ``validate`` and of ``entry``: their argparse actions by name.

    Returns
    -------
    list of Row

    Raises
    ------
    InputError
        With all problems of the table. A file that is missing is none.
    """
    columns, records, separator = _read_records(path)
    known = {"name", "entry"}.union(*commands.values()).difference(_DECIDED)
    problems = ["The column %s is given twice." % column
                for column in sorted(set(columns)) if column and columns.count(column) > 1]
    problems += ["There is no column %s; there are %s." % (column, ", ".join(sorted(known)))
                 for column in columns if column and column not in known]
    if not records:
        problems.append("The table %s has no rows." % path)
    if not set(_sources() + ["entry"]).intersection(columns):
        # Each of its rows would say so.
        raise InputError(problems + ["The table %s has none of the columns %s; its first line "
                                     "names the columns." % (path, _any_of(_sources()))])
    rows = []
    reader = _Reader(os.path.dirname(os.path.abspath(path)), commands, known, separator != ",")
    for line, cells in records:
        here = []
        with collected(here):
            if any(cells[len(columns):]):
                raise InputError("there are more cells than columns.")
            rows.append((line, reader.row(dict(zip(columns, cells)))))
        problems += ["Line %d: %s" % (line, problem) for problem in here]
    problems += _same_names(rows)
    if problems:
        raise InputError(problems)
    return [row for _, row in rows]


def _read_records(path):
    """Names of the columns, cells with the number of their line, and the separator."""
    try:
        with open(path, "rb") as handle:
            content = handle.read()
        # Spreadsheets write "Unicode text" as UTF-16.
        wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except OSError as error:
        raise InputError("The table %s cannot be read (%s)." % (path, error.strerror))
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise InputError("The table %s is not UTF-8 text; save it as CSV in UTF-8." % path)
    # Spreadsheets put a comment that has a separator in it in quotes.
    lines = ["\n" if re.match(r'\s*"?#', line) else line
             for line in io.StringIO(text, newline=None)]
    header = next((line for line in lines if line.strip()), "")
    separator = max(",;\t", key=header.count)
    reader = csv.reader(lines, delimiter=separator, skipinitialspace=True, strict=True)
    try:
        records = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise InputError("The table %s cannot be read: line %d, %s."
                         % (path, reader.line_num, error))
    records = [(line, cells) for line, cells in records if any(cells)]
    if not records:
        raise InputError("The table %s is empty." % path)
    return [column.lower().lstrip("-") for column in records[0][1]], records[1:], separator


class _Reader:
    """Makes rows of cells."""

    def __init__(self, folder, commands, known, decimal_commas):
        self._folder, self._commands, self._known = folder, commands, known
        self._decimal_commas = decimal_commas

    def row(self, cells):
        cells = {name: text for name, text in cells.items() if text and name in self._known}
        sources = _given_sources(cells)
        command = "entry" if "entry" in cells else "validate"
        alone = [option for option in sources if option in _maps()]
        if command == "entry" and alone:
            raise InputError("give either %s." % _any_of(alone))
        if command == "validate" and not sources:
            raise InputError("give %s." % _any_of(_sources()))
        problems = []
        source = cells.pop("entry") if command == "entry" else cells[sources[0]]
        name = cells.pop("name", None)
        actions = self._commands[command]
        problems += ["%s cannot be given together with %s." % (
            option, "entry" if command == "entry" else sources[0])
            for option in cells if option not in actions]
        row = Row("", source, command, {})
        with collected(problems):
            if command == "entry":
                row.source = to_emdb_id(source)
        for option, text in cells.items():
            if text.lower() == LEFT_OUT:
                row.options[option] = LEFT_OUT
            elif option in actions:
                with collected(problems):
                    self._set(row, option, actions[option], text)
        with collected(problems):
            row.name = _checked(name or _default_name(row))
        if problems:
            raise InputError(problems)
        return row

    def _set(self, row, option, action, text):
        kind, _, word = (action.metavar or "").partition("|")
        if word and text == word:
            row.options[option] = text
        elif kind in _PATHS:
            row.options[option] = os.path.abspath(os.path.join(self._folder, text))
            if kind != "DIR":
                row.files.append(row.options[option])
        elif action.nargs == 0:
            if text.lower() not in _YES + _NO:
                raise InputError("%s is %s; give yes or no." % (option, text))
            if text.lower() in _YES:
                row.options[option] = True
        elif isinstance(action.default, list):
            row.options[option] = re.split(r"[\s;,]+", text)
        elif option in _numbers() and self._decimal_commas:
            row.options[option] = text.replace(",", ".")
        else:
            row.options[option] = text


def _maps():
    """The options that give a map: its file, or a job in which it is found."""
    return ["map"] + [bundle.option.name for bundle in bundles.all_bundles()
                      if bundle.option.type == inputs.FOLDER]


@functools.lru_cache(maxsize=1)
def _sources():
    """The options that a row is known by: a map, or what can be validated without one."""
    return _maps() + [kind.files[0].name for kind in inputs.all_kinds()
                      if kind.files and _can_be_alone(kind)]


def _can_be_alone(kind):
    """Whether items can be measured on evidence of a kind without a map."""
    found = levels.levels_for({kind.files[0].name: "given"})
    return any(kind in check.requires and MAP not in check.requires
               for level in found for check in checks_of_level(level.id))


def _given_sources(values):
    return [option for option in _sources()
            if str(values.get(option, LEFT_OUT)).lower() != LEFT_OUT]


def _any_of(names):
    return ", ".join(names) + " or entry"


def _numbers():
    """The options whose values are numbers."""
    return {option.name for option in inputs.all_options() if option.type == inputs.NUMBER}


def _checked(name):
    if not re.fullmatch(_NAME, name):
        raise InputError("the name, %s, may only have letters, digits, ., - and _, and begins with "
                         "one of the first two." % name)
    if name in SUMMARIES:
        raise InputError("the name, %s, is that of a file of the summary." % name)
    return name


def _default_name(row):
    if row.command == "entry":
        return row.source
    option = _given_sources(row.options)[0]
    source = row.options[option]
    is_job = option in _maps() and option != "map"
    named = "_".join(source.split(os.sep)[-2:]) if is_job else map_stem(source)
    return re.sub(r"[^\w.-]", "_", named).lstrip(".-") or "map"


def _same_names(rows):
    lines = {}
    for line, row in rows:
        lines.setdefault(row.name.casefold(), []).append((line, row.name))
    return ["The lines %s have the same name, %s; give them different names in the column name."
            % (", ".join(str(line) for line, _ in found), found[0][1])
            for found in lines.values() if len(found) > 1]
