"""The residues of the model by what all items say of them, the worst first."""

from dataclasses import dataclass
from typing import Dict, List

import numpy as np

# Deviation of a normal distribution over its median distance from the median.
_OF_NORMAL = 1.4826
_MOST_EXCESS = 10.0


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
    departure : float
        Mean over the columns of how much worse than the median residue it is, in deviations.
    position : numpy.ndarray, (3,), or None
        x, y, z in Å from the centre of the first voxel of the map.
    """

    chain: str
    number: str
    name: str
    values: Dict[int, float]
    outside: set
    departure: float
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
    """All residues, those beyond the bounds of most items first, then by their departure.

    Parameters
    ----------
    columns : list of (ItemResult, ResidueValues)

    Returns
    -------
    list of Ranked
    """
    found, departures = {}, {}
    for column, (_, values) in enumerate(columns):
        if not len(values.values):
            continue
        badness, outside = values.badness(), values.outside()
        excess = _excess(badness)
        for index, key in enumerate(zip(values.chains, values.numbers, values.residues)):
            residue = found.setdefault(key, Ranked(
                *key, {}, set(), 0.0,
                None if values.positions is None else values.positions[index]))
            residue.values[column] = float(values.values[index])
            residue.outside |= {column} if outside[index] else set()
            departures.setdefault(key, []).append(excess[index])
    for key, residue in found.items():
        residue.departure = float(np.mean(departures[key]))
    return sorted(found.values(), key=lambda residue: (-len(residue.outside), -residue.departure))


def _excess(badness):
    """Distances from the median in deviations that single residues do not decide, up to 10."""
    distance = badness - np.median(badness)
    deviation = _OF_NORMAL * np.median(np.abs(distance)) or np.std(badness)
    return np.clip(distance / deviation, -_MOST_EXCESS, _MOST_EXCESS) if deviation else distance
