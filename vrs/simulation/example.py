"""A complete synthetic data set of which everything is known."""

import numpy as np

from vrs import __version__
from vrs.errors import InputError
from vrs.simulation import dataset, density, protein, reconstruction

_COARSEST = 6.0
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

    vrs validate --map %(map)s --half1 %(half1)s --half2 %(half2)s --model %(model)s \\
        --threshold %(threshold)g --resolution %(resolution)g
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
    structure, letters = protein.build_protein(seed, dataset.B_FACTOR, dataset.SIDE_CHAIN_RISE)
    box = dataset.room(structure, box, sampling)
    density.centre_in_box(structure, box, sampling)
    signal = density.model_density(structure, box, sampling)
    spectra = reconstruction.spectra_at(signal, sampling, resolution, workers)
    rng = np.random.default_rng(seed)
    halves = [reconstruction.half_map(signal, sampling, spectra, rng, workers) for _ in range(2)]
    volume = reconstruction.final_map(*halves, sampling, spectra, resolution,
                                      dataset.SHARPENING, workers)
    enclosed = dataset.enclosed_volume(structure, resolution)
    threshold = dataset.bring_background_to_zero(volume, halves, sampling, enclosed)
    truth = {
        "made_by": "vrs %s" % __version__,
        "seed": seed,
        "sampling": sampling,
        "box": box,
        "resolution": resolution,
        "threshold": threshold,
        "enclosed_volume": dataset.measured_volume(volume, threshold, sampling),
        "protein": dataset.protein_truth(structure, letters),
        "half_maps": _half_map_truth(spectra),
        "map": {
            "made_from": "mean of the half maps, times figure of merit, sharpening and low-pass; "
                         "then a constant is taken off",
            "figure_of_merit": "sqrt(2 FSC / (1 + FSC))",
            "sharpening_b_factor": -dataset.SHARPENING,
            "low_pass": "raised cosine, 1 to 1/%g 1/Å, then falling to 0 within %g 1/Å"
                        % (resolution, reconstruction.LOW_PASS_WIDTH),
        },
        "units": "Å, Å², 1/Å and kDa; power is the mean squared modulus of the discrete Fourier "
                 "coefficients of a shell",
    }
    maps = dict(zip(("map", "half1", "half2"), [volume] + halves))
    return dataset.write_files(folder, dataset.FILES, maps, structure, truth, _readme(truth))


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


def _half_map_truth(spectra):
    return {"main_chain_b_factor": dataset.B_FACTOR,
            "side_chain_b_factor_rise_per_bond": dataset.SIDE_CHAIN_RISE,
            "noise": "Gaussian, independent in each half, the same everywhere",
            "fsc_0.143_resolution": round(spectra.resolution, 4),
            "frequencies": dataset.rounded(spectra.frequencies),
            "fsc": dataset.rounded(spectra.fsc),
            "signal_power": dataset.rounded(spectra.signal),
            "noise_power": dataset.rounded(spectra.noise)}


def _readme(truth):
    facts = dict(dataset.FILES, **truth["protein"])
    facts.update((key, truth[key]) for key in ("made_by", "seed", "box", "sampling", "resolution",
                                               "threshold"))
    return _README % facts
