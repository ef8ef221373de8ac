"""The micrographs that items suspect, in one table."""

from vrs.report.document import Grid, Run, Section, Text
from vrs.report.micrograph_ranks import MICROGRAPHS, micrograph_columns, ranked_micrographs
from vrs.report.numbering import plain

_SHOWN, _LISTED = 12, 200
_TEXT = ("Each item judges the micrographs by something else: how much signal their particles "
         "have, whether these agree with their angles, whether the defocus is right, and whether "
         "they were picked from good ice. Values for which an item holds a micrograph for "
         "suspicious are in bold; micrographs that most items suspect come first, and among "
         "equals those that rank worst on average. Look at the first ones, and leave out those "
         "that are bad; all are listed in %s." % MICROGRAPHS)


def micrographs_section(numbering, items, number):
    """The worst micrographs over all items; None where no item speaks of micrographs.

    Parameters
    ----------
    numbering : vrs.report.numbering.Numbering
    items : list of ItemResult
    number : str

    Returns
    -------
    Section or None
    """
    columns = micrograph_columns(items)
    if not columns:
        return None
    ranked = ranked_micrographs(columns)
    count = sum(bool(one.outside) for one in ranked)
    blocks = [Text(plain(_TEXT)), Text(plain(
        "%s of %s %s suspicious." % (count or "None", _counted(len(ranked)),
                                     "is" if count < 2 else "are")))]
    if count:
        blocks.append(numbering.numbered(_grid(
            columns, ranked[:_SHOWN], "The worst micrographs over all items.")))
    if count > _SHOWN:
        blocks.append(numbering.aside(_grid(
            columns, ranked[:min(count, _LISTED)], "Suspicious micrographs%s." % (
                " (%d of %d)" % (_LISTED, count) if count > _LISTED else ""))))
    return Section("micrographs", "Micrographs over all items", number, blocks)


def _counted(count):
    return "1 micrograph" if count == 1 else "%s micrographs" % format(count, ",")


def _grid(columns, micrographs, caption):
    names = ["%s %s%s" % (item.id, values.label, " (%s)" % values.unit if values.unit else "")
             for item, values in columns]
    rows = [[plain(one.name)] + [_value(one, columns, column) for column in range(len(columns))]
            + [plain(str(len(one.outside)))] for one in micrographs]
    return Grid(["Micrograph"] + names + ["Items"], rows, [False] + [True] * (len(columns) + 1),
                [3] + [1.6] * len(columns) + [1], caption, sortable=True, broad=True)


def _value(one, columns, column):
    if column not in one.values:
        return plain("–")
    style = "strong" if column in one.outside else "plain"
    return [Run(_printed(one.values[column]), style=style)]


def _printed(value):
    return "%.0f" % value if abs(value) >= 10 else "%.2f" % value
