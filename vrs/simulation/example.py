"""A complete synthetic data set of which everything is known."""

import json
import os

import gemmi
import numpy as np
from scipy import fft

from vrs import __version__
from vrs.errors import InputError
from vrs.io.maps import write_map
from vrs.numerics import masks
from vrs.simulation import density, protein, reconstruction

_B_FACTOR = 80.0
_SIDE_CHAIN_RISE = 60.0
_SHARPENING = 90.0
_COARSEST = 6.0
# From atoms to the sides of the box, Å: 20 from the mask, which reaches beyond the atoms.
_ROOM = 25.0
# Protein of 1.35 g/cm³, Å³/Da.
_VOLUME_PER_DALTON = 1.21
_FILES = {"map": "map.mrc", "half1": "half1.mrc", "half2": "half2.mrc", "model": "model.cif",
          "truth": "truth.json", "readme": "README.txt"}
_README = """\
Synthetic example made by %(made_by)s, seed %(seed)d. Nothing in it was measured.

An idealised protein of two chains (%(residues)d residues, %(mass).1f kDa, %(symmetry)s) and maps of
it as an electron microscope might have given them.

%(map)-11s  the map, %(box)d x %(box)d x %(box)d voxels of %(sampling)g Å, %(resolution)g Å:
             mean of the half maps, weighted by its figure of merit, sharpened, low-passed
%(half1)-11s  first half map, neither sharpened nor filtered
%(half2)-11s  second half map, the same density with noise of its own
%(model)-11s  the protein, in the frame of the maps
%(truth)-11s  all that is known: FSC, noise, B factors, threshold, secondary structure

To validate the map, go to this folder and run

    vrs validate --map %(map)s --threshold %(threshold)g --resolution %(resolution)g
"""


def write_example(folder, resolution=3.5, sampling=1.1, box=None, seed=5, workers=1):
    """Write a map, its half maps, the model and the truth about them.

    The half maps are the same density of an idealised protein, each with its own Gaussian
    noise of known spectrum, so that their Fourier shell correlation is S / (S + N). The map is
    their mean, weighted by its figure of merit, sharpened and low-passed. In all three, the mean
    around the protein is zero. The same arguments give the same bytes.

    Parameters
    ----------
    folder : str
        Made when it does not exist; files of the same names are replaced.
    resolution : float
        Å, where the half maps correlate to 0.143; from 2.2 times the sampling to 6 Å.
    sampling : float
        Å/voxel.
    box : int, optional
        Even number of voxels of the side of the cubic maps; by default what leaves 20 Å free
        around the protein.
    seed : int
        Seed of the protein and of the noise.
    workers : int
        Threads.

    Returns
    -------
    dict of str to str
        Paths of ``map``, ``half1``, ``half2``, ``model``, ``truth`` and ``readme``.

    Raises
    ------
    InputError
        If box, sampling and resolution do not go together.
    OSError
        If the folder cannot be written to.
    """
    _check_numbers(resolution, sampling, box)
    structure, letters = protein.build_protein(seed, _B_FACTOR, _SIDE_CHAIN_RISE)
    box = _room(structure, box, sampling)
    density.centre_in_box(structure, box, sampling)
    signal = density.model_density(structure, box, sampling)
    spectra = reconstruction.spectra_at(signal, sampling, resolution, workers)
    rng = np.random.default_rng(seed)
    halves = [reconstruction.half_map(signal, sampling, spectra, rng, workers) for _ in range(2)]
    volume = reconstruction.final_map(*halves, sampling, spectra, resolution, _SHARPENING, workers)
    enclosed = _VOLUME_PER_DALTON * protein.mass(structure) * 1000 * _enclosed_part(resolution)
    threshold = _bring_background_to_zero(volume, halves, sampling, enclosed)
    truth = {
        "made_by": "vrs %s" % __version__,
        "seed": seed,
        "sampling": sampling,
        "box": box,
        "resolution": resolution,
        "threshold": threshold,
        "enclosed_volume": round(float(np.sum(volume >= threshold)) * sampling ** 3, 1),
        "protein": _protein_truth(structure, letters),
        "half_maps": _half_map_truth(spectra),
        "map": {
            "made_from": "mean of the half maps, times figure of merit, sharpening and low-pass; "
                         "then a constant is taken off",
            "figure_of_merit": "sqrt(2 FSC / (1 + FSC))",
            "sharpening_b_factor": -_SHARPENING,
            "low_pass": "raised cosine, 1 to 1/%g 1/Å, then falling to 0 within %g 1/Å"
                        % (resolution, reconstruction.LOW_PASS_WIDTH),
        },
        "units": "Å, Å², 1/Å and kDa; power is the mean squared modulus of the discrete Fourier "
                 "coefficients of a shell",
    }
    return _write(folder, volume, halves, sampling, structure, truth)


def _write(folder, volume, halves, sampling, structure, truth):
    os.makedirs(folder, exist_ok=True)
    paths = {kind: os.path.join(folder, name) for kind, name in _FILES.items()}
    for kind, data in zip(("map", "half1", "half2"), [volume] + halves):
        write_map(paths[kind], data, sampling)
    texts = {"model": structure.make_mmcif_document().as_string(),
             "truth": json.dumps(truth, indent=1, ensure_ascii=False) + "\n",
             "readme": _readme(truth)}
    for kind, text in texts.items():
        with open(paths[kind], "w", encoding="utf-8") as file:
            file.write(text)
    return paths


def _check_numbers(resolution, sampling, box):
    problems = []
    if not sampling > 0:
        problems.append("The sampling must be positive; give the voxel size in Å.")
    elif not 2.2 * sampling <= resolution <= _COARSEST:
        problems.append("The resolution of the example must be between %.3g Å, 2.2 times the "
                        "sampling, and %g Å; give one in that range."
                        % (2.2 * sampling, _COARSEST))
    if box is not None and (box < 2 or box % 2):
        problems.append("The box of the example must be an even number of voxels.")
    if problems:
        raise InputError(problems)


def _room(structure, box, sampling):
    """The box asked for, or the one that the protein needs."""
    reach = max(abs(coordinate) for site in structure[0].all() for coordinate in site.atom.pos)
    needed = int(np.ceil((reach + _ROOM) / sampling))
    if box is None:
        return 2 * fft.next_fast_len(needed)
    if box < 2 * needed:
        raise InputError("The protein of the example needs a box of at least %d voxels of %g Å; "
                         "give a larger box or a larger sampling." % (2 * needed, sampling))
    return box


def _enclosed_part(resolution):
    """Part of the protein's volume that the contour encloses.

    In a detailed map flexible side chains lie below the contour; without detail all that is
    seen is the envelope.
    """
    return 0.45 * max(1.0, resolution / 3.5) ** 1.5


def _enclosing_threshold(volume, sampling, enclosed):
    """The threshold above which a volume (Å³) lies."""
    count = int(round(enclosed / sampling ** 3))
    return float(np.partition(volume.ravel(), -count)[-count])


def _bring_background_to_zero(volume, halves, sampling, enclosed):
    """Shift maps, in place, to zero mean around the protein; gives the map's threshold."""
    threshold = _enclosing_threshold(volume, sampling, enclosed)
    outside = ~masks.hard_mask(volume, threshold, sampling)
    for half in halves:
        half -= half[outside].mean(dtype=np.float64)
    background = volume[outside].mean(dtype=np.float64)
    volume -= background
    return float("%.3g" % (threshold - background))


def _protein_truth(structure, letters):
    chains = {chain.name: {"residues": len(chain), "secondary_structure": letters,
                           "sequence": gemmi.one_letter_code([residue.name for residue in chain])}
              for chain in structure[0]}
    return {"mass": round(protein.mass(structure), 3),
            "residues": sum(len(chain) for chain in structure[0]),
            "atoms": structure[0].count_atom_sites(), "symmetry": "C2 about z",
            "hand": "right", "chains": chains}


def _half_map_truth(spectra):
    return {"main_chain_b_factor": _B_FACTOR,
            "side_chain_b_factor_rise_per_bond": _SIDE_CHAIN_RISE,
            "noise": "Gaussian, independent in each half, the same everywhere",
            "fsc_0.143_resolution": round(spectra.resolution, 4),
            "frequencies": _rounded(spectra.frequencies), "fsc": _rounded(spectra.fsc),
            "signal_power": _rounded(spectra.signal), "noise_power": _rounded(spectra.noise)}


def _rounded(values):
    return [float("%.6g" % value) for value in values]


def _readme(truth):
    facts = dict(_FILES, **truth["protein"])
    facts.update((key, truth[key]) for key in ("made_by", "seed", "box", "sampling", "resolution",
                                               "threshold"))
    return _README % facts
