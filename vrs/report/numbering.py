"""What the sections of a report share: anchors, and numbers in the order of reading."""

from pathlib import Path

from vrs.report.document import Bibliography, Entry, Grid, Run, Section, Text
from vrs.results import content

# Rows of a table that has its place among the text, and letters of a row in a column of it.
_LONGEST, _COLUMN = 12, 78


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
    has_appendix : bool
        Whether long tables are set aside, in ``appendix``.

    Attributes
    ----------
    references : References
    sections : dict of str to str
        Numbers by anchor.
    appendix : list of Grid
    """

    def __init__(self, results, artist, has_appendix=False):
        self.artist = artist
        self.has_appendix = has_appendix
        self.appendix = []
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

    def blocks(self, contents, files, subject=""):
        """Paragraphs, tables and figures of the results as blocks of the document.

        Parameters
        ----------
        contents : list
            Of what :mod:`vrs.results.content` has.
        files : dict of str to path
            Maps that the figures may name.
        subject : str
            What captions begin with, so that they can be read alone.
        """
        start = subject + ": " if subject else ""
        return [self._block(block, files, start) for block in contents]

    def _block(self, block, files, start):
        if isinstance(block, content.Paragraph):
            return Text(plain(block.text))
        if isinstance(block, content.Table):
            rows = [[plain(text) for text in row] for row in block.rows]
            numeric = [all(map(_is_number, column)) for column in zip(*block.rows)]
            grid = Grid(block.columns, rows, numeric or [False] * len(block.columns),
                        [0] * len(block.columns), start + block.caption,
                        broad=_characters(block) > _COLUMN)
            return self.numbered(grid, len(rows) > _LONGEST)
        picture = self.artist.draw(block, files)
        picture.caption = start + picture.caption
        self._figures += 1
        picture.number = str(self._figures)
        return picture

    def grid(self, columns, rows, numeric, weights, caption, **more):
        """A numbered table, see :class:`vrs.report.document.Grid`."""
        return self.numbered(Grid(list(columns), rows, numeric, weights, caption, **more))

    def numbered(self, grid, is_long=False):
        """A table with its number, or where it is long and there is an appendix, a sentence that
        says where it stands."""
        if is_long and self.has_appendix:
            return self.aside(grid)
        self._tables += 1
        grid.number = str(self._tables)
        return grid

    def aside(self, grid):
        """Put a table into the appendix; a sentence that says so and leads to it."""
        return Text([Run("In the appendix: "), self.set_aside(grid), Run(".")], "aside")

    def set_aside(self, grid):
        """Put a table into the appendix and give a link to it."""
        self.appendix.append(grid)
        grid.number = "A%d" % len(self.appendix)
        caption = grid.caption.rstrip(".")
        return Run("table %s, %s" % (grid.number, caption[0].lower() + caption[1:]
                                     if caption[1:2].islower() else caption),
                   "#table-" + grid.number)


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


def _characters(table):
    """About how many letters the widest row of a table has, with the space between columns."""
    return sum(max(len(text) for text in column) + 3
               for column in zip(table.columns, *table.rows))
