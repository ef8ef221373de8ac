"""A validation in a folder: its parts are computed one by one and kept there.

The protocols run the parts as steps of Scipion, the library one after the other; both leave
the same files.
"""

import logging
import os
from pathlib import Path

import numpy as np

from vrs import levels
from vrs.checks import Overrides, SharedOutcome, checks_of_level, run_check, shared_of_level
from vrs.inputs import Run
from vrs.inputs.map import describe_map, identity
from vrs.io.maps import write_map
from vrs.io.models import write_coloured
from vrs.io.particles import write_particles_star
from vrs.results import (MINOR, SERIOUS, AtomValues, FileEntry, InputFile, LevelInput,
                         LevelResults, Note, read_json, write_json)
from vrs.threads import Workers

RESULTS = "results.json"
# Particles with the values that items gave them.
PARTICLES_FILE = "vrs_particles.star"
_INPUT = "input"
_MISSING_INPUT = "What it is made from is missing."
# Items that are computed at once; an item takes up to so many times the memory of the map, and
# all of them together at most so many bytes.
_MOST_AT_ONCE = 4
_TIMES_THE_MAP = 12
_MEMORY = 4e9

logger = logging.getLogger(__name__)


class Validation:
    """The parts of a validation and what is known of them.

    Parameters
    ----------
    folder : path
        Where the parts are kept; made if it does not exist.
    names : sequence of str
        Ids of the levels, in the order of a grade.
    load : callable, optional
        Reads the evidence; called at most once, when a part is to be computed.
    overrides : callable, optional
        Gives bounds that replace the usual ones, vrs.checks.Overrides; called as that.
    criteria_source : str
        The file that these come from.

    Attributes
    ----------
    folder : pathlib.Path
    levels : list of vrs.levels.Level
    """

    def __init__(self, folder, names, load=None, overrides=Overrides, criteria_source=""):
        self.folder = Path(folder)
        self.levels = [levels.get_level(name) for name in names]
        self._load = load
        self._read_overrides = overrides
        self._criteria_source = criteria_source
        self._evidence = self._overrides = self._workers = None
        self._begun = {}

    # ------------------------------------------------------------ what there is to do
    def checks(self):
        """The checks of its levels, in order."""
        return [check for level in self.levels for check in checks_of_level(level.id)]

    def shared(self):
        """The shared results that they use, each once."""
        return list(dict.fromkeys(shared for level in self.levels
                                  for shared in shared_of_level(level.id)))

    @property
    def evidence(self):
        """The evidence, with the shared results that are done."""
        if self._evidence is None:
            self._evidence = self._load()
            for shared in self.shared():
                if self._is_done(_shared_part(shared)):
                    self._evidence.remember(shared, self._read(_shared_part(shared)))
        return self._evidence

    # ------------------------------------------------------------ the parts
    def describe(self, map_path, notes=(), entry=None):
        """Describe the input, and forget what an earlier run found with other input.

        Parameters
        ----------
        map_path : path or None
            The map that figures are to be drawn of, if there is one.
        notes : sequence of Note
            Further findings on the map.
        entry : dict, optional
            What is known of the map's entry in a public archive.

        Returns
        -------
        path
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.forget()
        report, products = describe_map(self.evidence)
        report.notes += notes
        report.entry = entry or {}
        report.files = self._keep(products)
        if map_path is not None:
            report.files.insert(0, FileEntry("map", os.path.relpath(
                str(map_path), str(self.folder)), "The map", label="Density"))
        path = self._write(_INPUT, report)
        self._describe_levels()
        return path

    def share(self, shared):
        """Compute a shared result; returns the file that keeps it."""
        outcome = SharedOutcome(reason=_MISSING_INPUT)
        if not any(requirement.unmet(self.evidence) for requirement in shared.requires):
            outcome = self.evidence.outcome(shared)
        try:
            path = self._write(_shared_part(shared), outcome)
        except ValueError as error:  # of values that are no numbers
            logger.exception("%s cannot be kept", shared.title)
            outcome = shared.failed(error)
            path = self._write(_shared_part(shared), outcome)
        self.evidence.remember(shared, outcome)
        self._describe_levels()
        return path

    def compute(self, check, external=None, following=()):
        """Compute an item; returns the file that keeps its result.

        Parameters
        ----------
        check : vrs.checks.Check
        external : optional
            As that of :func:`vrs.checks.run_check`.
        following : sequence of vrs.checks.Check
            Items that will be asked for next. Some of them are computed meanwhile, as many as
            there are threads and memory for.
        """
        if self._overrides is None:
            self._overrides = self._read_overrides()
        if self._workers is None:
            self._workers = Workers(_items_at_once(self.evidence))
        try:
            if external is not None:
                return self._compute(check, external)
            for other in (check, *following):
                if other.id not in self._begun:
                    self._begun[other.id] = self._workers.submit(self._compute, other)
            return self._begun.pop(check.id).result()
        except BaseException:
            self._call_off()
            raise

    def finish(self):
        """Put the results together.

        Returns
        -------
        results : list of LevelResults
        path : pathlib.Path
            The file that holds them.
        """
        results = self.results()
        self._write_particles(results)
        write_json(self.folder / RESULTS, results)
        return results, self.folder / RESULTS

    def run(self, map_path, say=lambda check: None):
        """All parts, one after the other.

        Parameters
        ----------
        map_path : path or None
            As that of :meth:`describe`.
        say : callable
            Called with each check before it is computed, and with None after the last.

        Returns
        -------
        results, path
            As those of :meth:`finish`.
        """
        self.describe(map_path)
        for shared in self.shared():
            self.share(shared)
        checks = self.checks()
        try:
            for place, check in enumerate(checks):
                say(check)
                self.compute(check, following=checks[place + 1:])
        except BaseException:
            self._call_off()
            raise
        say(None)
        return self.finish()

    # ------------------------------------------------------------ what is known
    def result(self, item):
        """The result of an item that is done, else None."""
        return self._read(item) if self._is_done(item) else None

    def items_done(self):
        """The ids of the items that are done, None when the input was not even described."""
        if not self._is_done(_INPUT):
            return None
        return [check.id for check in self.checks() if self._is_done(check.id)]

    def results(self):
        """The results of the items that are done.

        Returns
        -------
        list of LevelResults

        Raises
        ------
        OSError
            When the input was not even described.
        """
        report = self._read(_INPUT)
        done = self.items_done() or []
        return [LevelResults(
            level.id, report, [self._read(check.id) for check in checks_of_level(level.id)
                               if check.id in done],
            Run().seed, self._criteria_source, self._read(_added_part(level)) if self._is_done(
                _added_part(level)) else None) for level in self.levels]

    def forget(self):
        """Remove what an earlier run found."""
        self._call_off()
        for path in self.folder.glob("part_*.json"):
            path.unlink()

    # ------------------------------------------------------------ helpers
    def _call_off(self):
        """Compute nothing ahead any more."""
        if self._workers is not None:
            self._workers.stop()
        self._begun, self._workers = {}, None

    def _compute(self, check, external=None):
        result, products = run_check(check, self.evidence, self._overrides, external)
        result.files = self._keep(products)
        return self._write(check.id, result)

    def _describe_levels(self):
        """Describe what the levels take on top of the map, once all is there that it needs."""
        for level in self.levels:
            ready = all(self._is_done(_shared_part(shared)) for shared in shared_of_level(level.id))
            if ready and not self._is_done(_added_part(level)):
                self._write(_added_part(level), self._level_input(level))

    def _level_input(self, level):
        """What a level takes on top of the map, None where that is nothing."""
        kinds = [kind for kind in level.added
                 if kind not in level.alternatives or self._was_given(kind)]
        if not kinds:
            return None
        notes, content, files = [], [], []
        for kind in kinds:
            notes += self._described(kind, content)
        for kind in kinds + list(level.optional):
            files += [InputFile(source.term, *identity(source))
                      for source in self.evidence.sources(kind.name)]
        for shared in shared_of_level(level.id):
            notes += self._shared_notes(shared, content)
        once = [note for place, note in enumerate(notes) if note not in notes[:place]]
        return LevelInput("; ".join(kind.title for kind in kinds), files, once, content)

    def _was_given(self, kind):
        return self.evidence.has(kind.name) or kind.name in self.evidence.failures

    def _described(self, kind, content):
        if kind.name in self.evidence.failures:
            # What was given and cannot be used belongs on the first page.
            return [Note(self.evidence.failures[kind.name], SERIOUS)]
        if not self.evidence.has(kind.name):
            return []
        try:
            notes, figures = kind.describe(self.evidence)
        except Exception as error:  # the items can still be computed
            logger.exception("describing %s failed", kind.name)
            return self.evidence.notes(kind.name) + [Note(
                "%s could not be described (%s: %s)." % (kind.title, type(error).__name__, error),
                MINOR)]
        content += figures
        return self.evidence.notes(kind.name) + notes

    def _shared_notes(self, shared, content):
        if any(requirement.unmet(self.evidence) for requirement in shared.requires):
            return []
        outcome = self._read(_shared_part(shared))
        if outcome.reason:
            return [Note(outcome.reason, MINOR)]
        notes, figures = shared.describe(self.evidence.shared(shared))
        content += figures
        return notes

    def _keep(self, products):
        """Write maps, and models coloured by values of their atoms."""
        entries = []
        for product in products:
            if isinstance(product, AtomValues):
                entry = FileEntry(product.name, product.name + ".cif", product.description,
                                  "model", product.label, product.unit)
                write_coloured(str(self.folder / entry.path), self.evidence.model.structure,
                               product.values)
            else:
                limits = list(product.limits) if product.limits else None
                entry = FileEntry(product.name, product.name + ".mrc", product.description,
                                  "volume", product.label, product.unit, product.scale, limits)
                write_map(str(self.folder / entry.path), product.values,
                          self.evidence.map.sampling, self.evidence.map.origin)
            entries.append(entry)
        return entries

    def _write_particles(self, results):
        """Write the table of the particles that items gave values, with these as columns."""
        found = [values for result in results for item in result.items
                 for values in item.particles]
        path = self.folder / PARTICLES_FILE
        if not found:
            path.unlink(missing_ok=True)
            return
        rows = np.unique(np.concatenate([values.rows for values in found]))
        columns = {}
        for values in found:
            column = columns.setdefault(values.name, np.full(len(rows), np.nan))
            column[np.searchsorted(rows, values.rows)] = values.values
        write_particles_star(str(path), self.evidence.particles.table.take(rows), columns)

    def _is_done(self, part):
        return self._part_file(part).exists()

    def _part_file(self, part):
        return self.folder / ("part_%s.json" % part)

    def _write(self, part, result):
        path = self._part_file(part)
        # Whoever follows the run must never see half a file.
        write_json(path, result)
        return str(path)

    def _read(self, part):
        return read_json(self._part_file(part))


def _items_at_once(evidence):
    """How many items there are threads and memory for, one at least."""
    size = evidence.map.volume.nbytes if evidence.has("map") else 0
    fitting = int(_MEMORY / (_TIMES_THE_MAP * size)) if size else _MOST_AT_ONCE
    return max(1, min(evidence.run.workers, _MOST_AT_ONCE, fitting))


def _shared_part(shared):
    return "shared_" + shared.name


def _added_part(level):
    return "added_" + level.id
