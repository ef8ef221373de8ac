"""The folder of ``vrs batch --watch``: tables and jobs that appear in it."""

import glob
import os
import re
from dataclasses import replace

from vrs import bundles, inputs
from vrs.cli.batch_table import Row, read_table
from vrs.errors import InputError
from vrs.io import cryosparc_jobs, relion
from vrs.io.maps import file_state

# PROJECTS/PROJECT/PostProcess/job020
_DEEPEST = 3


class WatchedFolder:
    """What is complete in a folder: tables with their files, and jobs that came to their end.

    A file is taken to be complete when it has not changed from one look to the next.

    Parameters
    ----------
    folder : str
    commands : dict
        The options of ``vrs validate`` and ``vrs entry``, see :func:`read_table`.
    output : str
        A folder in which nothing is looked for.

    Attributes
    ----------
    path : str
    """

    def __init__(self, folder, commands, output):
        self.path, self._commands = os.path.abspath(folder), commands
        self._output = os.path.realpath(output)
        self._before, self._now = {}, {}
        self._tables, self._jobs = {}, {}
        self._told, self._new = set(), []

    def look(self):
        """Look once.

        Returns
        -------
        rows : list of Row
            All that can be tried, also those of earlier looks.
        told : list of str
            Sentences on what cannot, each of them once.
        """
        self._before, self._now, self._new = self._now, {}, []
        if not os.path.isdir(self.path):
            self._tell("There is no folder %s." % self.path)
        rows, taken = [], set()
        for row in self._rows_of_tables() + self._rows_of_jobs(self.path, _DEEPEST):
            if row.name.casefold() in taken:
                self._tell("%s is left out: another entry has that name." % row.name)
            elif all([self._is_complete(path) for path in row.files]):
                taken.add(row.name.casefold())
                rows.append(row)
            missing = [path for path in row.files if self._now.get(path, True) is None]
            if missing:
                self._tell("%s waits for %s." % (row.name, ", ".join(missing)))
        return rows, self._new

    def _tell(self, sentence):
        if sentence not in self._told:
            self._told.add(sentence)
            self._new.append(sentence)

    def _is_complete(self, path):
        """Whether a file is there and the same as at the last look."""
        self._now[path] = file_state(path)
        return self._now[path] is not None and self._now[path] == self._before.get(path)

    def _rows_of_tables(self):
        rows = []
        for path in sorted(glob.glob(os.path.join(glob.escape(self.path), "*.csv"))):
            if self._is_complete(path):
                state, known = self._now[path], self._tables.get(path)
                if known is None or known[0] != state:
                    self._tables[path] = (state, self._read(path))
                rows += self._tables[path][1]
            elif path in self._tables:  # what it said before it was changed
                rows += self._tables[path][1]
        return rows

    def _read(self, path):
        """The rows of a table, with its name before theirs; none where it has to be mended."""
        stem = re.sub(r"[^\w.-]", "_", os.path.splitext(os.path.basename(path))[0]).lstrip(".-")
        try:
            return [replace(row, name="%s_%s" % (stem, row.name))
                    for row in read_table(path, self._commands)]
        except InputError as error:
            for problem in error.problems:
                self._tell("%s is left out until it is corrected: %s" % (path, problem))
            return []

    def _rows_of_jobs(self, folder, depth):
        """The jobs in a folder; one that holds others is none itself."""
        rows = []
        for path in _folders_in(folder) if depth else ():
            if os.path.realpath(path) == self._output:
                continue
            is_job = relion.is_job(path) or cryosparc_jobs.is_job(path)
            rows += (() if is_job else self._rows_of_jobs(path, depth - 1)) or self._job(path)
        return rows

    def _job(self, path):
        """A row for a job that made a map, if it is finished and all is there that it names."""
        state = [_states_in(path), file_state(
            os.path.join(os.path.dirname(os.path.dirname(path)), relion.PIPELINE))]
        if path in self._jobs and self._jobs[path][0] == state:
            return self._jobs[path][1]
        option, files, missing = _opened(path)
        name = re.sub(r"[^\w.-]", "_", os.path.relpath(path, self.path)).lstrip(".-")
        rows = [Row(name, path, "validate", {option: path}, [path] + files)
                ] if option and name and not missing else []
        for problem in missing:
            self._tell("%s waits: %s" % (name, problem))
        # What is missing may appear in the folder of another job.
        self._jobs[path] = (None if missing else state, rows)
        return rows


def _folders_in(folder):
    """Its folders, without hidden ones and without other names of its folders."""
    try:
        with os.scandir(folder) as found:
            paths = sorted(entry.path for entry in found
                           if entry.is_dir() and not entry.name.startswith("."))
    except OSError:  # it has vanished, or may not be read
        return []
    return [path for path in paths if not os.path.islink(path)
            or os.path.dirname(os.path.realpath(path)) != os.path.realpath(folder)]


def _states_in(folder):
    """The names of the files in a folder, with their sizes and times."""
    try:
        with os.scandir(folder) as found:
            return sorted((entry.name, file_state(entry.path)) for entry in found
                          if entry.is_file())
    except OSError:  # it has vanished, or may not be read
        return []


def _opened(path):
    """What a folder is that has a map of its own.

    Returns
    -------
    option : str
        By which it is taken; empty where it has no map.
    files : list of str
        What is found from there.
    missing : list of str
        Problems with what is not.
    """
    top = os.path.join(os.path.realpath(path), "")
    for bundle in bundles.all_bundles():
        if bundle.option.type != inputs.FOLDER:
            continue
        try:
            contents = bundle.open(path)
        except InputError:  # of another program, not finished, or without a map
            continue
        files = {found.option: os.path.realpath(found.value) for found in contents.found
                 if isinstance(found.value, str) and os.path.isfile(found.value)}
        if files.get("map", "").startswith(top):
            return (bundle.option.name, sorted(set(files.values())),
                    [problem for _, problem in contents.missing])
    return "", [], []
