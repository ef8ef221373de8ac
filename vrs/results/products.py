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
    """

    name: str
    description: str
    unit: str
    chains: List[str]
    numbers: List[str]
    residues: List[str]
    values: np.ndarray
    exchange: str = ""


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
