"""What the window of results shows, without the window: a page for the input and for each item."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional

from vrs.checks import get_check
from vrs.levels import get_level, order
from vrs.report import score
from vrs.report.document import Listing, Run, Text
from vrs.report.numbering import Numbering, paths
from vrs.report.sections.given import added_blocks, input_blocks
from vrs.report.sections.items import item_parts, warning_runs
from vrs.report.wording import STATUS_STYLES, angstroms
from vrs.results import Status, read_results

_NOT_DONE = "Not done yet"
_PARTS = ("Automatic criteria", "Results", "Explanation")


@dataclass
class Entry:
    """A line of the list; ``style`` is that of the status, as in the report."""

    name: str
    title: str
    status: str = ""
    style: str = "plain"


@dataclass
class MapScale:
    """How the values of a map are shown; ``kind`` is the scale of :class:`vrs.results.Volume`."""

    label: str = "Density"
    unit: str = ""
    limits: Optional[List[float]] = None
    kind: str = "density"


@dataclass
class KeptFile:
    """A map or a model of an item; ``scale`` is None for a model."""

    path: Path
    description: str
    scale: Optional[MapScale] = None


class ResultPages:
    """The pages of the results of levels.

    Parameters
    ----------
    path : path
        The results file.
    artist : optional
        What draws the figures, as :class:`vrs.report.figures.Artist` does; it can be set later.
    run : optional
        The run that is at work, which gives ``results_so_far`` and ``checks``, where that file is
        still to be written.

    Raises
    ------
    OSError, ValueError, KeyError, TypeError, AttributeError
        If the file cannot be read.
    """

    def __init__(self, path, artist=None, run=None):
        self.levels = run.results_so_far() if run else read_results(path)
        self.folder = Path(path).absolute().parent
        self.artist = artist
        done = {item.id: (item, result) for result in self.levels for item in result.items}
        expected = [check.id for check in run.checks()] if run else sorted(
            done, key=lambda name: (order(done[name][1].level), name))
        # The number of an item on its page does not change when others get done.
        self._lines = [(name,) + done.get(name, (None, None)) for name in expected]

    @property
    def title(self):
        """Names of the levels."""
        if len(self.levels) > 1:
            return "Levels %s" % ", ".join(result.level for result in self.levels)
        [result] = self.levels
        return "Level %s: %s" % (result.level, get_level(result.level).title)

    @property
    def input(self):
        """The input as the report describes it."""
        return self.levels[0].input

    @property
    def items(self):
        """The items that are done, in their order."""
        return [item for _, item, _ in self._lines if item]

    @property
    def summary(self):
        """The map and the score in a line."""
        given = self.input
        parts = [given.file_name, "%s Å per voxel" % ("%g" % given.sampling),
                 "threshold %g" % given.threshold]
        parts.append("reported resolution " + angstroms(given.resolution))
        passed, evaluable = score(self.items)
        if evaluable:
            parts.append("%d of %d items passed" % (passed, evaluable))
        return " · ".join(parts)

    def entries(self):
        """The lines of the list: the input, then the items.

        Returns
        -------
        list of Entry
        """
        return [Entry("Input", "Map and what was given with it")] + [
            Entry(name, item.title, item.printed_status(), STATUS_STYLES[item.status.value])
            if item else Entry(name, get_check(name).title, _NOT_DONE)
            for name, item, _ in self._lines]

    def is_done(self, number):
        """Whether the page of an entry has more to tell than that."""
        return number == 0 or self._lines[number - 1][1] is not None

    def first(self):
        """The number of the page to begin with: that of the first item with a warning, else
        that of the first item that is done."""
        done = [(number, item) for number, (_, item, _) in enumerate(self._lines, 1) if item]
        warned = [number for number, item in done if item.status is Status.WARNINGS]
        return (warned or [number for number, _ in done] or [0])[0]

    def page(self, number):
        """All of a page but its title.

        Parameters
        ----------
        number : int
            Of the entry.

        Returns
        -------
        list of (str, list)
            Headings, the first of them empty, with blocks of :mod:`vrs.report.document`.
        """
        numbering = Numbering(self.levels, self.artist)
        if number == 0:
            return self._input_page(numbering)
        _, item, result = self._lines[number - 1]
        if item is None:
            return [("", [Text([Run(_NOT_DONE, style="status-neutral")])])]
        parts = item_parts(numbering, item, result, self.folder)
        if item.reason:
            del parts["Results"][-1]  # the verdict says it
        engine = parts["Engine and reference"][:1]
        if item.references:
            engine += numbering.references.section("").blocks
        page = ([("", _verdict(item))] + [(heading, parts.get(heading)) for heading in _PARTS]
                + [("Engine and references", engine)])
        return [(heading, blocks) for heading, blocks in page if blocks]

    def _input_page(self, numbering):
        page = [("", input_blocks(numbering, self.input, self.folder))]
        files = paths(self.input.files, self.folder)
        return page + [(result.added.title, added_blocks(numbering, result.added, files))
                       for result in self.levels if result.added]

    def files(self, number):
        """The maps and models of a page that are there.

        Parameters
        ----------
        number : int
            Of the entry.

        Returns
        -------
        list of KeptFile
        """
        owner = self._lines[number - 1][1] if number else self.input
        found = []
        if owner is None:
            return found
        for entry in owner.files:
            path = Path(os.path.normpath(str(self.folder / entry.path)))
            if path.is_file():
                found.append(KeptFile(path, entry.description, map_scale(entry)))
        return found

    def owner_of(self, path):
        """The number of the page that has a file; 0, the input, when none of the items has it.

        Parameters
        ----------
        path : path
        """
        for number in range(1, len(self._lines) + 1):
            if any(os.path.samefile(str(entry.path), str(path)) for entry in self.files(number)):
                return number
        return 0

    def scale_of(self, path):
        """How to show a map of these results.

        Parameters
        ----------
        path : path

        Returns
        -------
        MapScale
            That of a density when it is none of theirs.
        """
        for entry in self.files(self.owner_of(path)):
            if entry.scale and os.path.samefile(str(entry.path), str(path)):
                return entry.scale
        return MapScale()


def map_scale(entry):
    """How to show a map, None for a model.

    Parameters
    ----------
    entry : vrs.results.FileEntry

    Returns
    -------
    MapScale or None
    """
    if entry.content == "model":
        return None
    return MapScale(entry.label, entry.unit, entry.limits, entry.scale)


def _verdict(item):
    """Status, reason and warnings."""
    blocks = [Text([Run(item.printed_status(), style=STATUS_STYLES[item.status.value])])]
    if item.reason:
        blocks.append(Text([Run(item.reason)]))
    if item.warnings:
        blocks.append(Listing([warning_runs(item, warning) for warning in item.warnings],
                              len(item.warnings) > 1))
    return blocks
