"""Density of an atomic model on the grid of a map."""

import gemmi
import numpy as np


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
    calculator = gemmi.DensityCalculatorE()
    # Atoms are laid out to where they have faded at this sampling.
    calculator.d_min = 2 * sampling
    calculator.grid.spacegroup = gemmi.SpaceGroup("P 1")
    calculator.grid.set_unit_cell(gemmi.UnitCell(*[box * sampling] * 3, 90, 90, 90))
    calculator.grid.set_size(box, box, box)
    calculator.add_model_density_to_grid(structure[0])
    # gemmi's grids have x first.
    return np.ascontiguousarray(calculator.grid.array.transpose(2, 1, 0), dtype=np.float32)


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
