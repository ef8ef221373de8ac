"""Two copies of a chain around a twofold axis."""

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from vrs.simulation import geometry

# Backbones come no nearer than this (Å), which leaves room for side chains between them.
_GAP = 4.6
# CB this near to each other (Å) belong to residues in contact.
_CONTACT = 8.0
_ORIENTATIONS = 200
_TILT = 25.0


def copy_of(positions):
    """The other copy of positions (..., 3): half a turn about z."""
    return positions * [-1, -1, 1]


def place_beside_axis(chain, rng):
    """Move a backbone so that it and its copy about z touch.

    The chain is turned about its own y, which becomes z but for a small tilt. Of a number of
    such orientations, the one with most contacts is taken.

    Parameters
    ----------
    chain : numpy.ndarray, (n, 3, 3)
        N, CA and C.
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray, (n, 3, 3)
        The two copies together are centred at the origin.
    """
    betas = geometry.beta_carbons(chain)
    atoms = np.concatenate([betas, chain.reshape(-1, 3)])
    centre = atoms.mean(axis=0)
    angles = np.column_stack([rng.uniform(0, 360, _ORIENTATIONS),
                              90 + rng.uniform(-_TILT, _TILT, _ORIENTATIONS),
                              rng.uniform(-_TILT, _TILT, _ORIENTATIONS)])
    best, most = None, -1
    for rotation in Rotation.from_euler("yxy", angles, degrees=True).as_matrix():
        turned = (atoms - centre) @ rotation.T
        shift = np.array([_touching_shift(turned), 0, 0])
        turned_betas = turned[:len(betas)] + shift
        contacts = cKDTree(turned_betas).count_neighbors(cKDTree(copy_of(turned_betas)), _CONTACT)
        if contacts > most:
            best, most = (chain - centre) @ rotation.T + shift, contacts
    return best


def _touching_shift(positions):
    """How far along x a chain must be from z for its copy to touch it, Å."""
    pairs = cKDTree(positions[:, 1:] * [-1, 1]).sparse_distance_matrix(
        cKDTree(positions[:, 1:]), _GAP, output_type="ndarray")
    along = positions[pairs["i"], 0] + positions[pairs["j"], 0]
    return np.max(np.sqrt(_GAP ** 2 - pairs["v"] ** 2) - along) / 2
