"""The fold: a twisted parallel sheet between two layers of helices.

Strands run along y, follow each other along x and the layers lie at ±z. The
sheet is left-handed seen across its strands, helices run against the strands, and every
strand-helix-strand crossover is right-handed, as in proteins (Richardson 1981,
doi 10.1016/S0065-3233(08)60520-3).
"""

from dataclasses import dataclass

import numpy as np

from vrs.simulation import geometry, loops

HELIX_TORSIONS = (-65.0, -41.0)
STRAND_TORSIONS = (-115.0, 125.0)

_STRAND_SPACING = 4.8
_SHEET_TWIST = -15.0
_LAYER_DISTANCE = 10.2
_STRAND_LENGTH = 8
# A multiple of 3.6 residues from end to end, so that both ends face the sheet.
_HELIX_LENGTH = 19
# In the order of the sequence: place of each strand in the sheet, and for the helix that
# follows it the side of the sheet and the place along x (Å). Moving to -x, a right-handed
# crossover passes at -z.
STRAND_PLACES = (2, 1, 0, 3, 4, 5, 6)
_HELICES = ((-1, -4.6), (-1, -14.2), (1, -11.5), (1, -1.5), (1, 8.5), (1, 18.5), (-1, 5.2))
# Cost below which no longer loop is tried.
_GOOD_LOOP = 14.0


@dataclass
class Backbone:
    """Backbone of one chain.

    Attributes
    ----------
    atoms : numpy.ndarray, (residues, 3, 3)
        N, CA and C, Å.
    structure : str
        One letter per residue: H helix, E strand, L loop.
    last_psi : float
        Torsion that places the last residue's oxygen.
    """

    atoms: np.ndarray
    structure: str
    last_psi: float = 135.0


def sandwich(rng):
    """Backbone of an alpha/beta/alpha sandwich of seven strands and seven helices.

    Parameters
    ----------
    rng : numpy.random.Generator
        Chooses among the loops.

    Returns
    -------
    Backbone
        Chain without breaks.
    """
    pieces, letters = _regular_pieces()
    obstacles = {2 * k: _with_branches(piece) for k, piece in enumerate(pieces)}
    chain, structure = [pieces[0]], [letters[0] * len(pieces[0])]
    for k in range(1, len(pieces)):
        before, after = pieces[k - 1:k + 1]
        # The residues that the loop starts and ends on are bonded to it.
        ends = {2 * k - 2: slice(0, -1), 2 * k: slice(1, None)}
        around = np.concatenate([atoms[ends.get(place, slice(None))].reshape(-1, 3)
                                 for place, atoms in obstacles.items()])
        loop = _easiest_loop(before, after, around, rng)
        obstacles[2 * k - 1] = _with_branches(np.concatenate([loop, after[:1]]))[:-1]
        chain += [loop, after]
        structure += ["L" * len(loop), letters[k] * len(after)]
    return Backbone(np.concatenate(chain), "".join(structure))


def _regular_pieces():
    pieces, letters = [], []
    middle = (len(STRAND_PLACES) - 1) / 2
    strand = geometry.regular_chain(_STRAND_LENGTH, *STRAND_TORSIONS)
    helix = _ends_below(geometry.regular_chain(_HELIX_LENGTH, *HELIX_TORSIONS))
    # Against the strands, its ends towards the sheet.
    above = helix @ np.diag([-1, -1, 1])
    below = helix @ np.diag([1, -1, -1])
    for place, (side, across) in zip(STRAND_PLACES, _HELICES):
        x = (place - middle) * _STRAND_SPACING
        pieces.append(_in_sheet(strand, x, 0))
        pieces.append(_in_sheet(above if side > 0 else below, across, side * _LAYER_DISTANCE))
        letters += ["E", "H"]
    return pieces, letters


def _ends_below(helix):
    """The helix turned about its axis, y, so that its two ends are at the lowest z."""
    ends = helix[0, 1] + helix[-1, 1]
    return helix @ geometry.rotation_about_y(np.degrees(np.arctan2(ends[0], -ends[2])))


def _in_sheet(piece, x, z):
    """A piece at a place of the twisted sheet, z above it."""
    turn = geometry.rotation_about_x(_SHEET_TWIST * x / _STRAND_SPACING)
    return (piece + [0, 0, z]) @ turn.T + [x, 0, 0]


def _easiest_loop(before, after, obstacles, rng):
    """A loop of few residues and little strain."""
    shortest = max(3, int(np.ceil(np.linalg.norm(after[0, 1] - before[-1, 1]) / 3.0)))
    found = []
    for count in range(shortest, shortest + 5):
        try:
            found.append(loops.close_loop(before, after, count, obstacles, rng, _GOOD_LOOP))
        except RuntimeError:
            continue
        if found[-1][1] < _GOOD_LOOP:
            break
    return min(found, key=lambda loop: loop[1])[0]


def _with_branches(chain):
    """N, CA, C, CB and O, (n, 5, 3); the last O as if the torsions went on unchanged."""
    _, psi = geometry.torsions(chain)
    branches = [geometry.beta_carbons(chain), geometry.carbonyl_oxygens(chain, psi[-2])]
    return np.concatenate([chain, np.stack(branches, axis=1)], axis=1)
