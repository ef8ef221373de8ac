"""Protein backbones from bond lengths, bond angles and torsions.

Atoms are laid one after the other by the natural extension of the reference
frame (Parsons 2005, doi 10.1002/jcc.20237); the ideal bond geometry is that of
Engh and Huber 1991 (doi 10.1107/S0108767391001071). Coordinates are in Å, angles in
degrees, and a chain is an array (residues, 3, 3) of the atoms N, CA and C.
"""

import numpy as np

BOND_N_CA = 1.458
BOND_CA_C = 1.525
BOND_C_N = 1.329
ANGLE_N_CA_C = 111.0
ANGLE_CA_C_N = 117.2
ANGLE_C_N_CA = 121.7

# N, CA and C of a residue alone, CA at the origin and N on -x.
_BEND = np.radians(180 - ANGLE_N_CA_C)
IDEAL_RESIDUE = np.array([[-BOND_N_CA, 0, 0], [0, 0, 0],
                          [BOND_CA_C * np.cos(_BEND), BOND_CA_C * np.sin(_BEND), 0]])


def place_atom(first, second, third, length, angle, torsion):
    """The atom bonded to the third of three atoms.

    Parameters
    ----------
    first, second, third : numpy.ndarray, (..., 3)
    length : float or numpy.ndarray, (...)
        Bond between the third and the new atom, Å.
    angle : float or numpy.ndarray, (...)
        Second, third, new atom.
    torsion : float or numpy.ndarray, (...)
        First, second, third, new atom.

    Returns
    -------
    numpy.ndarray, (..., 3)
    """
    frame = _frame(first, second, third)
    step = _turn(angle, torsion)[..., 0]
    return third + np.asarray(length)[..., None] * np.einsum("...ij,...j->...i", frame, step)


def extend_chain(stem, psi, phi):
    """Residues that continue a chain, peptide bonds trans.

    Parameters
    ----------
    stem : numpy.ndarray, (3, 3)
        N, CA and C of the residue before.
    psi : numpy.ndarray, (..., n)
        Torsions N-CA-C-N, that of the stem first; leading axes are chains.
    phi : numpy.ndarray, (..., n)
        Torsions C-N-CA-C of the new residues.

    Returns
    -------
    numpy.ndarray, (..., n, 3, 3)
        N, CA and C of the new residues.
    """
    chains, count = psi.shape[:-1], psi.shape[-1]
    torsions = np.stack([psi, np.full(psi.shape, 180.0), phi], -1).reshape(chains + (3 * count,))
    turns = _turn(np.tile([ANGLE_CA_C_N, ANGLE_C_N_CA, ANGLE_N_CA_C], count), torsions)
    lengths = np.tile([BOND_C_N, BOND_N_CA, BOND_CA_C], count)
    frame, position = _frame(*stem), stem[2]
    atoms = np.empty(chains + (3 * count, 3))
    for k in range(3 * count):
        frame = frame @ turns[..., k, :, :]
        position = position + lengths[k] * frame[..., 0]
        atoms[..., k, :] = position
    return atoms.reshape(chains + (count, 3, 3))


def regular_chain(count, phi, psi):
    """A chain of equal torsions, its axis along y and its middle at the origin.

    Parameters
    ----------
    count : int
        Residues, at least four.
    phi, psi : float

    Returns
    -------
    numpy.ndarray, (count, 3, 3)
        The chain runs towards +y, turned about y so that the middle residue's
        carbonyl lies in the plane x, y and points to +x.
    """
    rest = extend_chain(IDEAL_RESIDUE, np.full(count - 1, psi), np.full(count - 1, phi))
    chain = np.concatenate([IDEAL_RESIDUE[None], rest])
    rotation, axis, _, _ = screw(chain[0], chain[1])
    point = _point_on_axis(rotation, chain[1][1] - rotation @ chain[0][1])
    centred = chain - point
    centred -= axis * np.mean(centred[:, 1] @ axis)
    carbonyl = carbonyl_oxygens(chain, psi)[(count - 1) // 2] - chain[(count - 1) // 2, 2]
    across = carbonyl - axis * (carbonyl @ axis)
    across /= np.linalg.norm(across)
    return centred @ np.column_stack([across, axis, cross(across, axis)])


def screw(first, second):
    """The screw motion that takes one residue to the next.

    Parameters
    ----------
    first, second : numpy.ndarray, (3, 3)
        N, CA and C.

    Returns
    -------
    rotation : numpy.ndarray, (3, 3)
    axis : numpy.ndarray, (3,)
        Unit vector along which the motion proceeds.
    turn : float
        Degrees, positive for a right-handed screw.
    rise : float
        Å, not negative.
    """
    rotation = _frame(*second) @ _frame(*first).T
    axis = np.array([rotation[2, 1] - rotation[1, 2], rotation[0, 2] - rotation[2, 0],
                     rotation[1, 0] - rotation[0, 1]])
    turn = np.degrees(np.arctan2(np.linalg.norm(axis), np.trace(rotation) - 1))
    axis /= np.linalg.norm(axis)
    rise = (second[1] - first[1]) @ axis
    if rise < 0:
        axis, turn, rise = -axis, -turn, -rise
    return rotation, axis, turn, rise


def carbonyl_oxygens(chain, last_psi):
    """Carbonyl oxygens of a chain, in the plane of the peptide.

    Parameters
    ----------
    chain : numpy.ndarray, (n, 3, 3)
    last_psi : float
        Torsion psi that the last residue has or would have.

    Returns
    -------
    numpy.ndarray, (n, 3)
    """
    psi = np.append(dihedral(chain[:-1, 0], chain[:-1, 1], chain[:-1, 2], chain[1:, 0]), last_psi)
    return place_atom(chain[:, 0], chain[:, 1], chain[:, 2], 1.231, 120.1, psi + 180)


def residue_frames(chain):
    """Rotations that bring ``IDEAL_RESIDUE`` onto residues; CA is the origin.

    Parameters
    ----------
    chain : numpy.ndarray, (n, 3, 3)

    Returns
    -------
    numpy.ndarray, (n, 3, 3)
    """
    return _frame(*np.moveaxis(chain, 1, 0)) @ _frame(*IDEAL_RESIDUE).T


def beta_carbons(chain):
    """CB of L amino acids.

    Parameters
    ----------
    chain : numpy.ndarray, (n, 3, 3)

    Returns
    -------
    numpy.ndarray, (n, 3)
    """
    return place_atom(chain[:, 0], chain[:, 2], chain[:, 1], 1.53, 110.3, 122.5)


def torsions(chain):
    """Backbone torsions.

    Parameters
    ----------
    chain : numpy.ndarray, (n, 3, 3)

    Returns
    -------
    phi, psi : numpy.ndarray, (n,)
        NaN where a neighbour is missing.
    """
    phi, psi = np.full(len(chain), np.nan), np.full(len(chain), np.nan)
    phi[1:] = dihedral(chain[:-1, 2], chain[1:, 0], chain[1:, 1], chain[1:, 2])
    psi[:-1] = dihedral(chain[:-1, 0], chain[:-1, 1], chain[:-1, 2], chain[1:, 0])
    return phi, psi


def cross(first, second):
    """Vector product of arrays (..., 3); for few vectors much faster than NumPy's."""
    return (first[..., [1, 2, 0]] * second[..., [2, 0, 1]]
            - first[..., [2, 0, 1]] * second[..., [1, 2, 0]])


def dihedral(first, second, third, fourth):
    """Torsion of four atoms, -180 to 180 degrees, for arrays (..., 3)."""
    b1, b2, b3 = second - first, third - second, fourth - third
    n1, n2 = cross(b1, b2), cross(b2, b3)
    b2 = b2 / np.linalg.norm(b2, axis=-1, keepdims=True)
    return np.degrees(np.arctan2(np.sum(cross(n1, n2) * b2, -1), np.sum(n1 * n2, -1)))


def rotation_about_x(angle):
    """Right-handed rotation about x, (3, 3)."""
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def rotation_about_y(angle):
    """Right-handed rotation about y, (3, 3)."""
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _frame(first, second, third):
    along = third - second
    along = along / np.linalg.norm(along, axis=-1, keepdims=True)
    normal = cross(second - first, along)
    normal = normal / np.linalg.norm(normal, axis=-1, keepdims=True)
    return np.stack([along, cross(normal, along), normal], axis=-1)


def _turn(angle, torsion):
    """How the frame of one bond turns to that of the next."""
    angle, torsion = np.broadcast_arrays(np.radians(angle), np.radians(torsion))
    ca, sa, ct, st = np.cos(angle), np.sin(angle), np.cos(torsion), np.sin(torsion)
    turn = np.zeros(angle.shape + (3, 3))
    turn[..., 0, 0], turn[..., 0, 1] = -ca, -sa
    turn[..., 1, 0], turn[..., 1, 1], turn[..., 1, 2] = sa * ct, -ca * ct, -st
    turn[..., 2, 0], turn[..., 2, 1], turn[..., 2, 2] = sa * st, -ca * st, ct
    return turn


def _point_on_axis(rotation, translation):
    # The part of the motion along the axis has no fixed point: least squares leaves it out.
    return np.linalg.lstsq(np.eye(3) - rotation, translation, rcond=1e-8)[0]
