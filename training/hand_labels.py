"""Where the alpha helices of a structure are, and which voxels lie in them.

A residue is helical when its backbone torsions are those of the alpha helix and it
stands in a run of at least six such residues (Ramachandran region about
(-63°, -42°), after G.N. Ramachandran et al. 1963, doi 10.1016/S0022-2836(63)80023-6).
"""

import math

import gemmi
import numpy as np
from scipy.spatial import cKDTree

_PHI = (-105.0, -35.0)
_PSI = (-75.0, -5.0)
_SHORTEST_RUN = 6
_SHORTEST_RIM = 4
_BACKBONE = ("N", "CA", "C")
# A cylinder along the helix that holds its backbone, and a rim that belongs to no class.
_INSIDE = 2.0
_RIM = 3.5

OTHER, HELIX, RIM = 0, 1, 2


def helix_runs(model):
    """Runs of helical residues.

    Parameters
    ----------
    model : gemmi.Model

    Returns
    -------
    list of list of gemmi.Residue
        Each at least four residues, consecutive and linked by peptide bonds.
    """
    runs = []
    for chain in model:
        residues = [residue for residue in chain.first_conformer() if residue.find_atom("CA", "*")]
        run = []
        for i, residue in enumerate(residues):
            before = residues[i - 1] if i else None
            after = residues[i + 1] if i + 1 < len(residues) else None
            if run and not _linked(before, residue):
                runs.append(run)
                run = []
            if _is_helical(before, residue, after):
                run.append(residue)
            else:
                runs.append(run)
                run = []
        runs.append(run)
    return [run for run in runs if len(run) >= _SHORTEST_RIM]


def label_voxels(model, centres):
    """Class of voxels: in a helix, at its rim, or neither.

    Parameters
    ----------
    model : gemmi.Model
    centres : numpy.ndarray of float, (voxels, 3)
        Å, in the frame of the model.

    Returns
    -------
    numpy.ndarray of uint8, (voxels,)
        ``HELIX`` within 2 Å of a backbone atom N, CA or C of a helix of six residues or
        more, its first and last left out; else ``RIM`` within 3.5 Å of the backbone of
        any run; else ``OTHER``.
    """
    labels = np.full(len(centres), OTHER, np.uint8)
    runs = helix_runs(model)
    if not runs:
        return labels
    labels[_near_backbone((residue for run in runs for residue in run), centres, _RIM)] = RIM
    cores = [residue for run in runs if len(run) >= _SHORTEST_RUN for residue in run[1:-1]]
    if cores:
        labels[_near_backbone(cores, centres, _INSIDE)] = HELIX
    return labels


def _near_backbone(residues, centres, distance):
    atoms = [atom.pos.tolist() for residue in residues for atom in residue
             if atom.name in _BACKBONE]
    nearest, _ = cKDTree(atoms).query(centres, distance_upper_bound=distance)
    return np.isfinite(nearest)


def _linked(first, second):
    if first is None or second is None:
        return False
    c, n = first.find_atom("C", "*"), second.find_atom("N", "*")
    return bool(c and n) and c.pos.dist(n.pos) < 1.8


def _is_helical(before, residue, after):
    if not (_linked(before, residue) and _linked(residue, after)):
        return False
    phi, psi = (math.degrees(angle) for angle in gemmi.calculate_phi_psi(before, residue, after))
    return _PHI[0] <= phi <= _PHI[1] and _PSI[0] <= psi <= _PSI[1]
