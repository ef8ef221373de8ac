"""Validation in process: the library beside the protocols and the command."""

import contextlib
import html
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from vrs import bundles, inputs, levels
from vrs.checks import SERVICE, Overrides, all_checks, checks_of_level
from vrs.errors import InputError
from vrs.io.folders import alone_in, check_output_folder
from vrs.provenance import origin
from vrs.report import score, write_report
from vrs.results import UNREADABLE, read_results, write_json
from vrs.validation import PARTICLES_FILE, RESULTS, Validation

_FILES = "files"


class Report:
    """What a validation found.

    Attributes
    ----------
    levels : list of vrs.results.LevelResults
        The results of each level, as reports are made of.
    items : dict of str to vrs.results.ItemResult
        By id: ``report.items["1.a"].metrics["fsc_resolution"].value``.
    folder : pathlib.Path
        The maps and models that were made; they are gone when the report is, unless it was
        saved.
    taken : tuple of str
        What was found in a job or a header file, a line for each input.
    """

    def __init__(self, results, folder, taken=(), title=""):
        self.levels = results
        self.taken, self._title = taken, title
        self._temporary = folder
        self.folder = Path(folder.name)
        self.items = {item.id: item for result in results for item in result.items}

    @property
    def grade(self):
        """The levels that were assessed, "1A" for instance."""
        return levels.grade(self.items.values())

    @property
    def score(self):
        """Items that passed and items that could be judged."""
        return score(self.items.values())

    def save(self, folder, title="", renderer="builtin"):
        """Write report.pdf, report.html and report.json, and the maps and models beside them.

        Parameters
        ----------
        folder : path
            Made if it does not exist.
        title : str
            What the front page calls the map; by default what was given, else the name of
            its file.
        renderer : str
            "builtin" or "chimerax": what makes the 3D views.

        Returns
        -------
        vrs.report.ReportPaths

        Raises
        ------
        InputError
            If the folder cannot be written to.
        """
        check_output_folder(folder)
        kept = Path(folder).absolute() / _FILES
        with alone_in(folder):
            remove_files(folder)
            kept.mkdir(exist_ok=True)
            for path in self.folder.iterdir():
                if path.suffix in (".mrc", ".cif", ".star"):
                    shutil.copy2(str(path), str(kept))
            write_json(kept / RESULTS, [replace(result, input=self._moved(result.input, kept))
                                        for result in self.levels])
            return write_report([kept / RESULTS], folder, origin(), title=title or self._title,
                                renderer=renderer)

    def _moved(self, given, folder):
        """The input with the path of the map seen from another folder."""
        files = [replace(entry, path=os.path.relpath(str(self.folder / entry.path), str(folder)))
                 if entry.name == "map" else entry for entry in given.files]
        return replace(given, files=files)

    def __repr__(self):
        return "<Report: levels %s; %d of %d items passed>" % (
            (levels.printed(self.items.values()),) + self.score)

    def _repr_html_(self):
        """What a notebook shows."""
        rows = "".join("<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>" % tuple(
            html.escape(text) for text in (item.id, item.title, item.printed_status(),
                                           " ".join(item.warnings) or item.reason))
            for item in self.items.values())
        return ("<p>Levels assessed: %s. %d of %d items passed.</p><table><thead><tr><th>Item</th>"
                "<th>Title</th><th>Status</th><th></th></tr></thead><tbody>%s</tbody></table>" % (
                    (levels.printed(self.items.values()),) + self.score + (rows,)))


def remove_files(folder):
    """Remove the maps and models beside a report, and nothing else that may be there.

    Parameters
    ----------
    folder : path
        Of the report.
    """
    kept = Path(folder) / _FILES
    try:
        results = read_results(kept / RESULTS)
    except UNREADABLE:
        return
    (kept / PARTICLES_FILE).unlink(missing_ok=True)
    for part in [result.input for result in results] + [
            item for result in results for item in result.items]:
        for entry in part.files:
            if os.path.basename(entry.path) == entry.path and (kept / entry.path).is_file():
                (kept / entry.path).unlink()
    (kept / RESULTS).unlink()
    with contextlib.suppress(OSError):  # it holds something else
        kept.rmdir()


def levels_of(given):
    """The levels that can be assessed with what is given.

    Parameters
    ----------
    given : dict
        Values by the names of options, see :mod:`vrs.inputs`.

    Returns
    -------
    list of vrs.levels.Level

    Raises
    ------
    InputError
        If there is none, or if something was given that none of them takes.
    """
    found = levels.levels_for(given)
    used = {kind for level in found for kind in level.taken}
    problems = []
    for kind in inputs.given_kinds(given):
        if kind.always or kind in used:
            continue
        lacking = [other for level in levels.all_levels() if kind in level.taken
                   for other in level.kinds or level.alternatives if not other.is_given(given)]
        problems.append("%s can only be judged with %s; give it with %s." % (
            kind.words[0].upper() + kind.words[1:], lacking[0].words,
            lacking[0].decisive[0].flag))
    if not found and not problems:
        problems.append("Nothing was given that can be validated; give a map with --map, or a "
                        "table of particles with --particles.")
    if problems:
        raise InputError(problems)
    return found


def _require_something(evidence, found):
    """Refuse what would make a report without a single measurement."""
    reasons = []
    checks = [check for level in found for check in checks_of_level(level.id)]
    # What merely adds to these, and what is lacking for other items, is of no interest.
    kinds = {kind for level in found for kind in level.kinds + level.alternatives
             if evidence.has(kind.name) or kind.name in evidence.failures}
    concerned = [check for check in checks if any(kind in check.requires for kind in kinds)]
    for check in concerned or checks:
        unmet = next(filter(None, (need.unmet(evidence) for need in check.requires)), None)
        if unmet is None:
            return
        reasons.append(unmet[1])
    raise InputError(["Nothing that was given can be validated: %s" % (
        reason[0].lower() + reason[1:]) for reason in dict.fromkeys(reasons)])


def validate(threads=None, criteria=None, progress=None, **given):
    """Validate a map, or a table of particles, in this process, without a Scipion project.

    Parameters
    ----------
    threads : int, optional
        Threads of the calculations; as many as there are processors by default.
    criteria : path, optional
        A JSON file with bounds that replace the usual ones; ``"service"`` for the rules of the
        public validation service.
    progress : callable, optional
        Called with the id and the title of each item before it is computed.
    **given
        The options of ``vrs validate`` without the dashes before them: ``map``, ``threshold``,
        ``resolution``, ``half_maps=(first, second)`` or ``half1`` and ``half2``, ``model``,
        ``mask`` and so on, ``particles`` without a map, or ``relion``, ``cryosparc`` and
        ``entry_xml``, from which they are found. Paths and numbers; dashes within a name become
        underscores, ``images_folder`` for instance.

    Returns
    -------
    Report

    Raises
    ------
    InputError
        With all problems of the input.
    TypeError
        If there is no such option.
    """
    halves = given.pop("half_maps", None)
    if halves is not None:
        given["half1"], given["half2"] = halves
    for option in inputs.all_options() + [bundle.option for bundle in bundles.all_bundles()]:
        if given.get(option.name):
            given[option.name] = option.placed(given[option.name])
    filled = bundles.filled(given)
    given = filled.given
    inputs.probe(given)
    if criteria and criteria != SERVICE:
        criteria = os.path.abspath(str(criteria))
    overrides = Overrides.read(criteria, all_checks()) if criteria else Overrides()
    found = levels_of(given)
    evidence = inputs.load(given, inputs.Run(threads or len(os.sched_getaffinity(0))))
    _require_something(evidence, found)
    folder = tempfile.TemporaryDirectory(prefix="vrs_")
    validation = Validation(folder.name, [level.id for level in found], lambda: evidence,
                            lambda: overrides, criteria or "")

    def say(check):
        if progress is not None and check is not None:
            progress(check.id, check.title)

    results, _ = validation.run(given.get("map"), say)
    return Report(results, folder, filled.told, given.get("title", filled.stem))
