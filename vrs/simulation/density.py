"""Density of an atomic model on the grid of a map."""

import gemmi

from vrs.numerics.model_map import density_of_atoms


def model_density(structure, box, sampling):
    """Density that electrons see, as the sum of atoms at their B factors.

    Atoms are sums of Gaussians (electron scattering factors of Peng 1996,
    doi 10.1107/S0108767395014371), each with its occupancy and isotropic B; there is no solvent.

    Parameters
    ----------
    structure : gemmi.Structure
        In the frame of the map: the first voxel is at the origin.
    box : int
        Even number of voxels of the side of the cubic map.
    sampling : float
        Å/voxel.

    Returns
    -------
    numpy.ndarray of float32, (z, y, x)
        Periodic.
    """
    return density_of_atoms(structure[0], (box,) * 3, (box * sampling,) * 3)


def centre_in_box(structure, box, sampling):
    """Move a model centred at the origin to the middle of a box, voxel box/2.

    Parameters
    ----------
    structure : gemmi.Structure
        Changed in place.
    box : int
    sampling : float
        Å/voxel.
    """
    middle = box // 2 * sampling
    for model in structure:
        for chain in model:
            for residue in chain:
                for atom in residue:
                    atom.pos += gemmi.Position(middle, middle, middle)
