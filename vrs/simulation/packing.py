"""A sequence and its side chains for a given backbone.

Residues are taken from the most buried outwards. Each draws a few amino acids that suit its
place and secondary structure, and takes the one, with the rotamer, that touches least;
where nothing larger fits it becomes alanine or glycine.
"""

from dataclasses import dataclass
from typing import Dict, List

import numpy as np
from scipy.spatial import cKDTree

from vrs.simulation import geometry
from vrs.simulation.assembly import copy_of
from vrs.simulation.residues import RESIDUES, side_chain

# Amino acids for the innermost third, the next and the surface; repeated where more frequent.
_SUITED = {
    "H": ("LEU LEU ILE ALA VAL MET PHE", "LEU ALA GLU LYS GLN ARG ILE TYR",
          "GLU LYS ARG GLU LYS GLN ASP ALA"),
    "E": ("VAL ILE LEU VAL PHE ALA", "VAL ILE THR TYR LEU", "THR LYS VAL TYR GLU SER ARG"),
    "L": ("ALA VAL LEU SER", "SER THR ASP ASN VAL", "LYS ASP SER ASN GLU THR"),
}
_DRAWN = 4
_NEAR = 3.2
# Between the CA of residues whose side chains may touch, Å.
_REACH = 16.0
_BURIAL_RADIUS = 10.0
# A later choice must be better by this much of squared overlap (Å²) to be preferred.
_RANK_PENALTY = 0.05
_SWEEPS = 3


@dataclass
class Chain:
    """One chain, atom by atom.

    Attributes
    ----------
    sequence : list of str
        Three-letter codes.
    atoms : list of dict of str to numpy.ndarray, (3,)
        Positions of the heavy atoms by name, for each residue, Å.
    structure : str
        One letter per residue: H helix, E strand, L loop.
    """

    sequence: List[str]
    atoms: List[Dict[str, np.ndarray]]
    structure: str


def pack(backbone, rng):
    """Choose a sequence and place the side chains, free of the chain's copy about z.

    Parameters
    ----------
    backbone : vrs.simulation.fold.Backbone
    rng : numpy.random.Generator

    Returns
    -------
    Chain
        With a terminal oxygen OXT.
    """
    chain = backbone.atoms
    oxygens = geometry.carbonyl_oxygens(chain, backbone.last_psi)
    burial = _burial(chain)
    candidates = _candidates(chain, backbone.structure, burial, rng)
    chosen = _choose(chain, oxygens, candidates, np.argsort(-burial, kind="stable"))
    sequence, atoms = [], []
    for residue, oxygen, (name, names, positions) in zip(chain, oxygens, chosen):
        sequence.append(name)
        atoms.append(dict(zip(["N", "CA", "C", "O"] + names,
                              np.concatenate([residue, oxygen[None], positions]))))
    atoms[-1]["OXT"] = geometry.place_atom(*chain[-1], 1.25, 117.0, backbone.last_psi)
    return Chain(sequence, atoms, backbone.structure)


def _burial(chain):
    """Number of CB around each CB."""
    tree = cKDTree(geometry.beta_carbons(chain))
    return tree.query_ball_point(tree.data, _BURIAL_RADIUS, return_length=True) - 1


def _candidates(chain, structure, burial, rng):
    """For each residue its (name, atom names, positions), the preferred ones first."""
    shapes = {name: [side_chain(name, rotamer) for rotamer in residue.rotamers]
              for name, residue in RESIDUES.items()}
    frames = geometry.residue_frames(chain)
    limits = np.quantile(burial, [2 / 3, 1 / 3])
    phi, _ = geometry.torsions(chain)
    found = []
    for residue, letter in enumerate(structure):
        suited = _SUITED[letter][int(np.sum(burial[residue] < limits))].split()
        drawn = list(dict.fromkeys(rng.permutation(suited)))[:_DRAWN] + ["ALA", "GLY"]
        if phi[residue] > 0:
            drawn = ["GLY"]
        found.append([(str(name), names, positions @ frames[residue].T + chain[residue, 1])
                      for name in drawn for names, positions in shapes[name]])
    return found


def _choose(chain, oxygens, candidates, order):
    main_chain = np.concatenate([chain, oxygens[:, None]], axis=1)
    chosen = [("GLY", [], np.empty((0, 3)))] * len(chain)
    tree = cKDTree(chain[:, 1])
    near = tree.query_ball_point(chain[:, 1], _REACH)
    near_copies = tree.query_ball_point(copy_of(chain[:, 1]), _REACH)
    for _ in range(_SWEEPS):
        for residue in order:
            others = [other for other in near[residue] if other != residue]
            copies = near_copies[residue]
            tree = cKDTree(np.concatenate(
                [main_chain[others].reshape(-1, 3), copy_of(main_chain[copies]).reshape(-1, 3)]
                + [chosen[other][2] for other in others]
                + [copy_of(chosen[other][2]) for other in copies]))
            costs = [_RANK_PENALTY * rank + _overlap(tree, positions)
                     + (_overlap_with_own_copy(positions) if residue in copies else 0.0)
                     for rank, (_, _, positions) in enumerate(candidates[residue])]
            chosen[residue] = candidates[residue][int(np.argmin(costs))]
    return chosen


def _overlap(tree, positions):
    if len(positions) == 0:
        return 0.0
    distances, _ = tree.query(positions, k=3)
    return float(np.sum(np.maximum(0, _NEAR - distances) ** 2))


def _overlap_with_own_copy(positions):
    return _overlap(cKDTree(copy_of(positions)), positions) if len(positions) else 0.0
