"""The residues that stand out in the items on the model, in one table."""

import numpy as np

from vrs.report.document import Grid, Run, Section, Target, Text
from vrs.report.numbering import item_anchor, plain
from vrs.report.residue_ranks import judged_columns, ranked_residues

_SHOWN, _LISTED = 12, 200
_TEXTS = ("Each item judges the residues by a different criterion: whether they are in density, "
          "whether the half maps agree there, whether their side chains are visible. A residue "
          "that stands out in several is more likely to be wrong than one that stands out in a "
          "single one. Values beyond the bound of their item are in bold; residues beyond most "
          "bounds come first, and among equals those that are furthest from the median residue.")


def residues_section(numbering, items, number):
    """The worst residues over all items; None where no two items judge residues.

    Parameters
    ----------
    numbering : vrs.report.numbering.Numbering
    items : list of ItemResult
    number : str

    Returns
    -------
    Section or None
    """
    columns = judged_columns(items)
    if len(columns) < 2:
        return None
    residues = ranked_residues(columns)
    outliers = sum(bool(residue.outside) for residue in residues)
    text = "%d of %d residues are beyond the bound of at least one item, %d of at least two." % (
        outliers, len(residues), sum(len(residue.outside) > 1 for residue in residues))
    blocks = [Text(plain(_TEXTS)), Text(plain(text)), numbering.numbered(_grid(
        columns, residues[:_SHOWN],
        "The %d worst residues over all items on the model." % min(_SHOWN, len(residues))))]
    if len(residues) > _SHOWN:
        listed = residues[:max(_SHOWN, min(_LISTED, max(outliers, 3 * _SHOWN)))]
        blocks.append(numbering.aside(_grid(
            columns, listed, "The %d worst residues over all items on the model." % len(listed))))
    return Section("residues", "Residues over all items", number, blocks)


def _grid(columns, residues, caption):
    names = [_with_unit("%s %s" % (item.id, values.label or values.name), values.unit)
             for item, values in columns]
    rows = [[plain(residue.chain), [_named(residue)], plain(residue.name)]
            + [_value(residue, column) for column in range(len(columns))]
            + [plain(str(len(residue.outside)))] for residue in residues]
    return Grid(["Chain", "Residue", "Name"] + names + ["Bounds broken"], rows,
                [False, True, False] + [True] * (len(columns) + 1),
                [1, 1.2, 1] + [2] * len(columns) + [1.3], caption, sortable=True, broad=True)


def _named(residue):
    """The number of a residue, with its place if that is known."""
    if residue.position is None:
        return Run(residue.number)
    return Run(residue.number, target=Target(residue.title, [
        round(float(value), 2) for value in residue.position]))


def _value(residue, column):
    if column not in residue.values:
        return plain("–")
    text = "%.3f" % residue.values[column]
    return [Run(text, style="strong" if column in residue.outside else "plain")]


def _with_unit(label, unit):
    return "%s (%s)" % (label, unit) if unit else label


def in_words(columns, residue):
    """What the items found at a residue: ``correlation 0.31 (A.a, median 0.80)``."""
    order = sorted(residue.values, key=lambda column: column not in residue.outside)
    return ", ".join("%s %.2f (%s, median %.2f)" % (
        _in_sentence(columns[column][1].label), residue.values[column], columns[column][0].id,
        np.median(columns[column][1].values))
        for column in order[:3])


def _in_sentence(label):
    return label[0].lower() + label[1:] if label[1:2].islower() else label


def links_to(columns, residue):
    """Anchor of the item that finds most at a residue."""
    column = min(residue.outside or residue.values)
    return item_anchor(columns[column][0].id)
