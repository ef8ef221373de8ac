"""What the sections of a report share: anchors, and numbers in the order of reading."""

from pathlib import Path

from vrs.report.document import Bibliography, Entry, Grid, Run, Section, Text
from vrs.results import content


class References:
    """Numbers the references in the order in which they are cited."""

    def __init__(self):
        self._cited = {}

    def cite(self, reference):
        """A linked number in brackets for a reference."""
        self._cited.setdefault(reference.key, reference)
        position = list(self._cited).index(reference.key) + 1
        return Run("[%d]" % position, "#reference-%d" % position)

    def section(self, number):
        """The list of what was cited."""
        entries = [Entry("reference-%d" % position, reference.text,
                         "https://doi.org/" + reference.doi if reference.doi else "")
                   for position, reference in enumerate(self._cited.values(), 1)]
        return Section("references", "References", number, [Bibliography(entries)])


class Numbering:
    """Numbers the sections, figures, tables and references of a report.

    Parameters
    ----------
    results : list of LevelResults
        In the order of their levels.
    artist : vrs.report.figures.Artist

    Attributes
    ----------
    references : References
    sections : dict of str to str
        Numbers by anchor.
    """

    def __init__(self, results, artist):
        self._artist = artist
        self._figures = self._tables = 0
        self.references = References()
        self.sections = {"input": "1"}
        for chapter, result in enumerate(results, 2):
            self.sections[level_anchor(result)] = str(chapter)
            # What the level adds to the map comes before its items.
            self.sections[input_anchor(result)] = "%d.1" % chapter
            for position, item in enumerate(result.items, 2 if result.added else 1):
                self.sections[item_anchor(item.id)] = "%d.%d" % (chapter, position)

    def link(self, anchor):
        """A link to a section, by its number."""
        return Run("section %s" % self.sections[anchor], "#" + anchor)

    def blocks(self, contents, files):
        """Paragraphs, tables and figures of the results as blocks of the document.

        Parameters
        ----------
        contents : list
            Of what :mod:`vrs.results.content` has.
        files : dict of str to path
            Maps that the figures may name.
        """
        return [self._block(block, files) for block in contents]

    def _block(self, block, files):
        if isinstance(block, content.Paragraph):
            return Text(plain(block.text))
        if isinstance(block, content.Table):
            rows = [[plain(text) for text in row] for row in block.rows]
            numeric = [all(map(_is_number, column)) for column in zip(*block.rows)]
            return self.grid(block.columns, rows, numeric or [False] * len(block.columns),
                             [0] * len(block.columns), block.caption)
        picture = self._artist.draw(block, files)
        self._figures += 1
        picture.number = self._figures
        return picture

    def grid(self, columns, rows, numeric, weights, caption):
        """A numbered table, see :class:`vrs.report.document.Grid`."""
        self._tables += 1
        return Grid(list(columns), rows, numeric, weights, caption, self._tables)


def plain(text):
    """Text in its plain look."""
    return [Run(text)]


def item_anchor(item_id):
    """Anchor of the section of an item."""
    return "item-" + item_id.replace(".", "-")


def level_anchor(result):
    """Anchor of the chapter of a level; the only item of level W has the name of the level."""
    return "level-" + result.level


def input_anchor(result):
    """Anchor of what the level takes on top of the map."""
    return "input-" + result.level


def paths(entries, folder):
    """Files of results by their names."""
    return {entry.name: Path(folder) / entry.path for entry in entries}


def _is_number(text):
    try:
        float(text.replace(",", ""))
    except ValueError:
        return False
    return True
