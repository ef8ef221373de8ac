"""What checks make beside numbers and figures: maps, curves and values of atoms,
residues and particles.

Each product says how it is to be called, shown and exchanged, so that whoever stores, draws
or exports it need not know which check made it.
"""

from dataclasses import dataclass
from typing import List, Optional, Tuple

import numpy as np


@dataclass
class Volume:
    """A map in the box of the input.

    Attributes
    ----------
    name : str
        Of its file and output, "hard_mask" for instance.
    values : numpy.ndarray of float32 or bool, (z, y, x)
    description : str
    label, unit : str
        Of the colour scale.
    scale : str
        How the values are shown: "density", "mask" (0 to 1), "local" (a local property, 0
        where it has no value), "part" (a local property for which 0 is a value) or "signed"
        (a local property about 0).
    limits : tuple of float, optional
        Ends of the colour scale; the range of the values by default.
    """

    name: str
    values: np.ndarray
    description: str
    label: str = "Density"
    unit: str = ""
    scale: str = "density"
    limits: Optional[Tuple[float, float]] = None


@dataclass
class AtomValues:
    """Values of the atoms of the model, in the order of the structure's first model.

    They are stored as a copy of the model with the values in the place of the B factors;
    atoms whose value is NaN are left out there.
    """

    name: str
    values: np.ndarray
    description: str
    label: str = "Value"
    unit: str = ""


@dataclass
class Curve:
    """A Fourier shell correlation; frequencies are in 1/Å."""

    name: str
    description: str
    frequencies: np.ndarray
    values: np.ndarray


@dataclass
class ResidueValues:
    """Values of those residues of the model that have one.

    Attributes
    ----------
    name, description, unit : str
    chains, numbers, residues : list of str
        Chain, number with insertion code, and name of each residue.
    values : numpy.ndarray of float64, (residues,)
    exchange : str
        What the EMV exchange format of 3DBionotes calls them, "MapQ" for instance; empty
        where it does not know them.
    positions : numpy.ndarray of float32, (residues, 3), optional
        x, y, z of the residues in Å from the centre of the first voxel of the map.
    label : str
        What they are, in few words: of a column or an axis.
    worst : str
        Which values are bad: "low" or "high" ones, or those "far" from 0; empty where
        residues are not to be compared by them.
    bound : float, optional
        Beyond it a residue stands out.
    """

    name: str
    description: str
    unit: str
    chains: List[str]
    numbers: List[str]
    residues: List[str]
    values: np.ndarray
    exchange: str = ""
    positions: Optional[np.ndarray] = None
    label: str = ""
    worst: str = ""
    bound: Optional[float] = None

    def badness(self):
        """The values so that more is worse, float64, (residues,)."""
        return {"low": -self.values, "high": self.values, "far": np.abs(self.values)}[self.worst]

    def outside(self):
        """Whether each residue is beyond the bound, bool, (residues,)."""
        if self.bound is None:
            return np.zeros(len(self.values), bool)
        return self.badness() > (-self.bound if self.worst == "low" else self.bound)


@dataclass
class ParticleValues:
    """Values of particles, by which they can be selected.

    Attributes
    ----------
    name : str
        Of the column, "vrsCorrelation" for instance.
    description, unit : str
    rows : numpy.ndarray of int, (n,)
        Of the table that was given, from 0.
    values : numpy.ndarray of float64, (n,)
        NaN where there is none.
    """

    name: str
    description: str
    unit: str
    rows: np.ndarray
    values: np.ndarray


@dataclass
class MicrographValues:
    """What the particles of micrographs, or their coordinates, say of these.

    Attributes
    ----------
    name : str
        Of the column, "vrsDefocusChange" for instance.
    description, unit : str
    label : str
        What they are, in few words: of a column.
    names : list of str
        Of the micrographs, as the table of the particles has them.
    values : numpy.ndarray of float64, (micrographs,)
    badness : numpy.ndarray of float64, (micrographs,)
        Larger for those that are worse.
    outside : numpy.ndarray of bool, (micrographs,)
        Whether the item holds each for suspicious.
    """

    name: str
    description: str
    unit: str
    label: str
    names: List[str]
    values: np.ndarray
    badness: np.ndarray
    outside: np.ndarray
