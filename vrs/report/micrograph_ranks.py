"""The micrographs by what all items say of them, the worst first."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Dict, List

import numpy as np

from vrs.io.micrographs import without_ending

MICROGRAPHS = "vrs_micrographs.star"


@dataclass
class RankedMicrograph:
    """A micrograph.

    Attributes
    ----------
    name : str
        As the first item has it.
    values : dict of int to float
        By the place of the column.
    outside : set of int
        Columns of the items that hold it for suspicious.
    rank : float
        Mean over the columns of the fraction of the micrographs that are better there.
    """

    name: str
    values: Dict[int, float]
    outside: set
    rank: float


def micrograph_columns(items):
    """What items say of micrographs.

    Parameters
    ----------
    items : list of ItemResult

    Returns
    -------
    list of (ItemResult, MicrographValues)
    """
    return [(item, values) for item in items for values in item.micrographs]


def ranked_micrographs(columns) -> List[RankedMicrograph]:
    """All micrographs, those first that most items suspect, then by their mean rank.

    Names of one micrograph may differ in their endings, and in as many folders as are not needed to
    tell the micrographs of an item apart.

    Parameters
    ----------
    columns : list of (ItemResult, MicrographValues)

    Returns
    -------
    list of RankedMicrograph
    """
    found, ranks, depth = {}, {}, _depth(columns)
    for column, (_, values) in enumerate(columns):
        better = np.searchsorted(np.sort(values.badness), values.badness) / len(values.badness)
        for row, name in enumerate(values.names):
            key = _end(name, depth)
            one = found.setdefault(key, RankedMicrograph(name, {}, set(), 0.0))
            one.values[column] = float(values.values[row])
            one.outside |= {column} if values.outside[row] else set()
            ranks.setdefault(key, []).append(better[row])
    for key, one in found.items():
        one.rank = float(np.mean(ranks[key]))
    return sorted(found.values(), key=lambda one: (-len(one.outside), -one.rank))


def _depth(columns):
    """How many parts of their paths tell the micrographs of each item apart."""
    names = [values.names for _, values in columns]
    deepest = max(len(PurePosixPath(name).parts) for own in names for name in own)
    return next((depth for depth in range(1, deepest) if all(
        len({_end(name, depth) for name in own}) == len(own) for own in names)), deepest)


def _end(name, depth):
    return PurePosixPath(without_ending(name)).parts[-depth:]


def micrograph_table(items):
    """Columns of a table of all micrographs, the worst first.

    Parameters
    ----------
    items : list of ItemResult

    Returns
    -------
    dict of str to list
        Names, how many and which items suspect them, and the items' values, NaN where an item
        has none. Empty where no item speaks of micrographs.
    """
    columns = micrograph_columns(items)
    if not columns:
        return {}
    ranked = ranked_micrographs(columns)
    table = {"rlnMicrographName": [one.name for one in ranked],
             "vrsSuspicious": [len(one.outside) for one in ranked],
             "vrsSuspiciousItems": [",".join(columns[column][0].id for column in sorted(
                 one.outside)) or "none" for one in ranked]}
    for column, (_, values) in enumerate(columns):
        table[values.name] = [one.values.get(column, np.nan) for one in ranked]
    return table
