"""The residues of the model by what all items say of them, the worst first."""

from dataclasses import dataclass
from typing import Dict, List

import numpy as np


@dataclass
class Ranked:
    """A residue.

    Attributes
    ----------
    chain, number, name : str
    values : dict of int to float
        By the place of the column.
    outside : set of int
        Columns whose bound it is beyond.
    rank : float
        Mean over the columns of the fraction of the residues that are better there.
    position : numpy.ndarray, (3,), or None
        x, y, z in Å from the centre of the first voxel of the map.
    """

    chain: str
    number: str
    name: str
    values: Dict[int, float]
    outside: set
    rank: float
    position: object

    @property
    def title(self):
        """How it is called: ``Leu 123, chain A``."""
        return "%s %s, chain %s" % (self.name.capitalize(), self.number, self.chain)


def judged_columns(items):
    """The values of residues by which they can be compared.

    Parameters
    ----------
    items : list of ItemResult

    Returns
    -------
    list of (ItemResult, ResidueValues)
    """
    return [(item, values) for item in items for values in item.residues if values.worst]


def ranked_residues(columns) -> List[Ranked]:
    """All residues, those beyond the bounds of most items first, then by their mean rank.

    Parameters
    ----------
    columns : list of (ItemResult, ResidueValues)

    Returns
    -------
    list of Ranked
    """
    found, ranks = {}, {}
    for column, (_, values) in enumerate(columns):
        if not len(values.values):
            continue
        badness, outside = values.badness(), values.outside()
        better = np.searchsorted(np.sort(badness), badness) / len(badness)
        for index, key in enumerate(zip(values.chains, values.numbers, values.residues)):
            residue = found.setdefault(key, Ranked(
                *key, {}, set(), 0.0,
                None if values.positions is None else values.positions[index]))
            residue.values[column] = float(values.values[index])
            residue.outside |= {column} if outside[index] else set()
            ranks.setdefault(key, []).append(better[index])
    for key, residue in found.items():
        residue.rank = float(np.mean(ranks[key]))
    return sorted(found.values(), key=lambda residue: (-len(residue.outside), -residue.rank))
