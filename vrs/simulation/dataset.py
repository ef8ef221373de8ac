"""What all synthetic data sets have in common."""

import json
import os

import gemmi
import numpy as np
from scipy import fft

from vrs.errors import InputError
from vrs.io.maps import write_map
from vrs.numerics import masks
from vrs.simulation import protein

# Of main-chain atoms, by how much it rises with each bond along side chains, and that
# which the sharpening of the map takes off, Å².
B_FACTOR = 80.0
SIDE_CHAIN_RISE = 60.0
SHARPENING = 90.0
FILES = {"map": "map.mrc", "half1": "half1.mrc", "half2": "half2.mrc", "model": "model.cif",
         "truth": "truth.json", "readme": "README.txt"}
# From atoms to the sides of the box, Å: 20 from the mask, which reaches beyond the atoms.
_ROOM = 25.0
# Protein of 1.35 g/cm³, Å³/Da.
_VOLUME_PER_DALTON = 1.21


def room(structure, box, sampling):
    """The box asked for, or the one that the protein needs.

    Parameters
    ----------
    structure : gemmi.Structure
        Centred at the origin.
    box : int or None
    sampling : float
        Å/voxel.

    Returns
    -------
    int

    Raises
    ------
    InputError
        If the box is too small.
    """
    reach = max(abs(coordinate) for site in structure[0].all() for coordinate in site.atom.pos)
    needed = int(np.ceil((reach + _ROOM) / sampling))
    if box is None:
        return 2 * fft.next_fast_len(needed)
    if box < 2 * needed:
        raise InputError("The protein of the example needs a box of at least %d voxels of %g Å; "
                         "give a larger box or a larger sampling." % (2 * needed, sampling))
    return box


def enclosed_volume(structure, resolution):
    """Volume that the contour encloses, part of the protein's, Å³.

    In a detailed map flexible side chains lie below the contour; without detail all that is
    seen is the envelope.
    """
    part = 0.45 * max(1.0, resolution / 3.5) ** 1.5
    return _VOLUME_PER_DALTON * protein.mass(structure) * 1000 * part


def measured_volume(volume, threshold, sampling):
    """Volume at or above a threshold, Å³."""
    return round(float(np.sum(volume >= threshold)) * sampling ** 3, 1)


def bring_background_to_zero(volume, halves, sampling, enclosed):
    """Shift maps, in place, to zero mean around the protein.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    halves : list of numpy.ndarray of float32, (z, y, x)
    sampling : float
        Å/voxel.
    enclosed : float
        Volume that the threshold encloses, Å³.

    Returns
    -------
    float
        The threshold, to three digits.
    """
    count = int(round(enclosed / sampling ** 3))
    threshold = float(np.partition(volume.ravel(), -count)[-count])
    outside = ~masks.hard_mask(volume, threshold, sampling)
    for half in halves:
        half -= half[outside].mean(dtype=np.float64)
    background = volume[outside].mean(dtype=np.float64)
    volume -= background
    return float("%.3g" % (threshold - background))


def protein_truth(structure, letters):
    """What is known of the protein.

    Parameters
    ----------
    structure : gemmi.Structure
    letters : str
        Secondary structure of a chain.

    Returns
    -------
    dict
    """
    chains = {chain.name: {"residues": len(chain), "secondary_structure": letters,
                           "sequence": gemmi.one_letter_code([residue.name for residue in chain])}
              for chain in structure[0]}
    return {"mass": round(protein.mass(structure), 3),
            "residues": sum(len(chain) for chain in structure[0]),
            "atoms": structure[0].count_atom_sites(), "symmetry": "C2 about z",
            "hand": "right", "chains": chains}


def rounded(values):
    """Numbers of six digits."""
    return [float("%.6g" % value) for value in values]


def write_files(folder, names, maps, structure, truth, readme):
    """Write the files that every data set has.

    Parameters
    ----------
    folder : str
        Made when it does not exist.
    names : dict of str to str
        File of each kind.
    maps : dict of str to numpy.ndarray
        By kind.
    structure : gemmi.Structure
    truth : dict
    readme : str

    Returns
    -------
    dict of str to str
        Path of each kind.
    """
    os.makedirs(folder, exist_ok=True)
    paths = {kind: os.path.join(folder, name) for kind, name in names.items()}
    for kind, data in maps.items():
        write_map(paths[kind], data, truth["sampling"])
    texts = {"model": structure.make_mmcif_document().as_string(),
             "truth": json.dumps(truth, indent=1, ensure_ascii=False) + "\n",
             "readme": readme}
    for kind, text in texts.items():
        with open(paths[kind], "w", encoding="utf-8") as file:
            file.write(text)
    return paths
