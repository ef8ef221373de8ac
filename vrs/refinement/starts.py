"""Random starts for refinements."""

import numpy as np
from scipy import ndimage


def perturbed(positions, residues, pieces, size, reach, rng):
    """Displace a model at random, neighbours along a chain by similar amounts.

    Parameters
    ----------
    positions : numpy.ndarray of float64, (atoms, 3)
        Å.
    residues : numpy.ndarray of int, (atoms,)
        Residue of each atom.
    pieces : numpy.ndarray of int, (residues,)
        Residues bonded to each other have the same number and stand together.
    size : float
        Root mean square displacement of an atom, Å.
    reach : float
        Deviation of the Gaussian that smooths the displacements along the chain, residues.
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray of float64, (atoms, 3)
    """
    noise = rng.standard_normal((len(pieces), 3))
    field = np.empty_like(noise)
    ends = np.flatnonzero(np.diff(pieces)) + 1
    for part in np.split(np.arange(len(pieces)), ends):
        field[part] = ndimage.gaussian_filter1d(noise[part], reach, axis=0, mode="nearest")
    field = field[residues]
    return positions + field * (size / np.sqrt(np.mean(np.sum(field ** 2, axis=1))))
