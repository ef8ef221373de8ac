"""Amino acids: ideal internal coordinates and common side-chain rotamers.

Bond lengths and angles follow Engh and Huber 1991 (doi 10.1107/S0108767391001071), rotamers
the common ones of Lovell 2000 (doi 10.1002/1097-0134(20000815)40:3<389::AID-PROT50>3.0.CO;2-2),
most frequent first. Heavy atoms only.
"""

from dataclasses import dataclass
from typing import Tuple

import numpy as np

from vrs.simulation import geometry


@dataclass(frozen=True)
class SideChainAtom:
    """An atom bonded to the last of three others.

    Attributes
    ----------
    name : str
    after : tuple of str
        The three atoms.
    length, angle : float
        Å and degrees.
    chi : int
        Which side-chain torsion turns it; 0 for none.
    offset : float
        Degrees added to that torsion, or the torsion itself.
    """

    name: str
    after: Tuple[str, str, str]
    length: float
    angle: float
    chi: int = 0
    offset: float = 0.0


@dataclass(frozen=True)
class Residue:
    """An amino acid: atoms beyond CB in the order of placing, and rotamers (chi1, ...)."""

    atoms: Tuple[SideChainAtom, ...] = ()
    rotamers: Tuple[Tuple[float, ...], ...] = ((),)


def _atom(name, after, length, angle, chi=0, offset=0.0):
    return SideChainAtom(name, tuple(after.split()), length, angle, chi, offset)


_GAMMA = _atom("CG", "N CA CB", 1.520, 114.1, 1)
_RING = (_atom("CG", "N CA CB", 1.502, 113.8, 1),
         _atom("CD1", "CA CB CG", 1.384, 120.7, 2), _atom("CD2", "CA CB CG", 1.384, 120.7, 2, 180),
         _atom("CE1", "CB CG CD1", 1.382, 120.7, 0, 180),
         _atom("CE2", "CB CG CD2", 1.382, 120.7, 0, 180),
         _atom("CZ", "CG CD1 CE1", 1.382, 120.0, 0, 0))
_RING_ROTAMERS = ((-65, -85), (-177, 80), (62, 90))

RESIDUES = {
    "GLY": Residue(),
    "ALA": Residue(),
    "SER": Residue((_atom("OG", "N CA CB", 1.417, 111.1, 1),), ((62,), (-65,), (178,))),
    "THR": Residue((_atom("OG1", "N CA CB", 1.433, 109.6, 1),
                    _atom("CG2", "N CA CB", 1.521, 110.5, 1, -120.5)),
                   ((62,), (-65,), (-175,))),
    "VAL": Residue((_atom("CG1", "N CA CB", 1.521, 110.5, 1),
                    _atom("CG2", "N CA CB", 1.521, 110.5, 1, 122.2)),
                   ((175,), (-60,), (63,))),
    "LEU": Residue((_atom("CG", "N CA CB", 1.530, 116.3, 1),
                    _atom("CD1", "CA CB CG", 1.521, 110.7, 2),
                    _atom("CD2", "CA CB CG", 1.521, 110.7, 2, 122.5)),
                   ((-65, 175), (-177, 65))),
    "ILE": Residue((_atom("CG1", "N CA CB", 1.530, 110.4, 1),
                    _atom("CG2", "N CA CB", 1.521, 110.5, 1, -122.4),
                    _atom("CD1", "CA CB CG1", 1.513, 113.8, 2)),
                   ((-65, 170), (62, 170), (-57, -60))),
    "MET": Residue((_GAMMA, _atom("SD", "CA CB CG", 1.803, 112.7, 2),
                    _atom("CE", "CB CG SD", 1.791, 100.9, 3)),
                   ((-65, -65, -70), (-67, 180, 75), (-67, 180, 180), (-177, 65, 75))),
    "LYS": Residue((_GAMMA, _atom("CD", "CA CB CG", 1.520, 111.3, 2),
                    _atom("CE", "CB CG CD", 1.520, 111.3, 3),
                    _atom("NZ", "CG CD CE", 1.489, 111.9, 4)),
                   ((-67, 180, 180, 180), (-62, -68, 180, 180), (-177, 180, 180, 180),
                    (-177, 68, 180, 180), (62, 180, 180, 180))),
    "ARG": Residue((_GAMMA, _atom("CD", "CA CB CG", 1.520, 111.3, 2),
                    _atom("NE", "CB CG CD", 1.461, 112.0, 3),
                    _atom("CZ", "CG CD NE", 1.329, 124.2, 4),
                    _atom("NH1", "CD NE CZ", 1.326, 120.0, 0, 0),
                    _atom("NH2", "CD NE CZ", 1.326, 120.0, 0, 180)),
                   ((-67, 180, 180, 180), (-67, 180, 65, 175), (-177, 180, 180, 180),
                    (-177, 180, 65, 175), (62, 180, 180, 180))),
    "ASP": Residue((_atom("CG", "N CA CB", 1.516, 112.6, 1),
                    _atom("OD1", "CA CB CG", 1.249, 118.4, 2),
                    _atom("OD2", "CA CB CG", 1.249, 118.4, 2, 180)),
                   ((-70, -15), (-177, 0), (62, -10))),
    "ASN": Residue((_atom("CG", "N CA CB", 1.516, 112.6, 1),
                    _atom("OD1", "CA CB CG", 1.231, 120.8, 2),
                    _atom("ND2", "CA CB CG", 1.328, 116.4, 2, 180)),
                   ((-65, -20), (-174, -20), (62, 30))),
    "GLU": Residue((_GAMMA, _atom("CD", "CA CB CG", 1.516, 112.6, 2),
                    _atom("OE1", "CB CG CD", 1.249, 118.4, 3),
                    _atom("OE2", "CB CG CD", 1.249, 118.4, 3, 180)),
                   ((-67, 180, -10), (-177, 180, 0), (-65, -65, -40), (-177, 65, 10),
                    (62, 180, 20))),
    "GLN": Residue((_GAMMA, _atom("CD", "CA CB CG", 1.516, 112.6, 2),
                    _atom("OE1", "CB CG CD", 1.231, 120.8, 3),
                    _atom("NE2", "CB CG CD", 1.328, 116.4, 3, 180)),
                   ((-67, 180, -25), (-177, 180, 0), (-65, -65, -40), (-177, 65, -60),
                    (62, 180, 20))),
    "PHE": Residue(_RING, _RING_ROTAMERS),
    "TYR": Residue(_RING + (_atom("OH", "CD1 CE1 CZ", 1.376, 119.9, 0, 180),), _RING_ROTAMERS),
}


def side_chain(name, rotamer):
    """Side-chain atoms of one residue in the frame of its backbone.

    Parameters
    ----------
    name : str
        A key of ``RESIDUES``.
    rotamer : tuple of float
        Torsions chi1, chi2, ...

    Returns
    -------
    names : list of str
        CB first; empty for glycine.
    positions : numpy.ndarray, (atoms, 3)
        In the frame of ``geometry.residue_frames``, Å.
    """
    if name == "GLY":
        return [], np.empty((0, 3))
    placed = dict(zip(("N", "CA", "C"), geometry.IDEAL_RESIDUE))
    placed["CB"] = geometry.beta_carbons(geometry.IDEAL_RESIDUE[None])[0]
    for atom in RESIDUES[name].atoms:
        torsion = atom.offset + (rotamer[atom.chi - 1] if atom.chi else 0)
        placed[atom.name] = geometry.place_atom(*(placed[other] for other in atom.after),
                                                atom.length, atom.angle, torsion)
    names = list(placed)[3:]
    return names, np.array([placed[other] for other in names])
