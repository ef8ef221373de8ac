"""A synthetic single-particle data set of which everything is known."""

import os

import numpy as np
from scipy import fft

from vrs import __version__
from vrs.errors import InputError
from vrs.numerics import fourier, masks
from vrs.numerics.ctf import contrast_transfer
from vrs.numerics.projection import CentralSections, Reconstruction, rotation_matrices
from vrs.numerics.sphere import spiral
from vrs.simulation import (dataset, density, expected, orientations, particles, protein,
                            reconstruction)

# Displacement of the moving domain along each axis, Å (standard deviation), which adds
# 8 π² of its square to the B factors.
MOVEMENT = 1.5
# What brings the fall-off of the map to what is usual for maps, Å².
_SHARPENING = 120.0
_BATCH = 250
_DIRECTIONS = 200
_FILES = dict(dataset.FILES, particles="particles.star", stack="particles.mrcs")
_README = """\
Synthetic particles made by %(made_by)s, seed %(seed)d. Nothing in them was measured.

%(count)d images of an idealised protein of two chains (%(residues)d residues, %(mass).1f kDa,
%(symmetry)s), with the CTF of a microscope, noise and known orientations (%(orientations)s),
and the maps reconstructed from them.
%(domains)s
%(map)-14s  the map, %(box)d x %(box)d x %(box)d voxels of %(sampling)g Å, %(resolution)g Å:
                mean of the half maps, weighted by its figure of merit, sharpened, low-passed
%(half1)-14s  reconstruction from the first half of the particles, not filtered
%(half2)-14s  reconstruction from the second half
%(model)-14s  the protein, in the frame of the maps
%(particles)-14s  angles, shifts and CTF of each particle, and its half (RELION 3.1)
%(stack)-14s  the images; protein is bright
%(truth)-14s  all that is known: FSC, noise, directions, domains, threshold

To validate the map and its halves, go to this folder and run

    vrs validate --map %(map)s --half1 %(half1)s --half2 %(half2)s --model %(model)s \\
        --threshold %(threshold)g --resolution %(resolution)g
"""
_DOMAINS = """
Chain B is displaced in each particle, so that the map shows it at lower resolution than chain A.
"""


def write_particle_example(folder, kind="uniform", uneven=False, resolution=5.0, sampling=1.4,
                           particle_count=3000, seed=5, workers=1, say=lambda text: None):
    """Write particle images, the maps reconstructed from them, and the truth about them.

    Images are projections of the protein times the CTF, with white noise of variance 1; half
    maps are direct Fourier inversions with the true angles and CTFs. As reconstruction is
    linear, signal and noise of the half maps are each known by themselves, and with them the
    FSC that is to be expected: everywhere, in a direction, within a mask. The same arguments
    give the same bytes.

    Parameters
    ----------
    folder : str
        Made when it does not exist; files of the same names are replaced.
    kind : str
        Orientations, a key of ``orientations.DESCRIPTIONS``.
    uneven : bool
        Whether chain B is displaced from particle to particle.
    resolution : float
        Å, near which the half maps correlate to 0.143 when orientations are uniform and
        nothing moves; from 2.2 times the sampling to 8 Å.
    sampling : float
        Å/voxel.
    particle_count : int
    seed : int
        Seed of all that is random.
    workers : int
        Threads.
    say : callable
        Takes a line that says how far it is.

    Returns
    -------
    dict of str to str
        Paths of ``map``, ``half1``, ``half2``, ``model``, ``truth``, ``readme``,
        ``particles`` and ``stack``.

    Raises
    ------
    InputError
        If sampling and resolution do not go together.
    OSError
        If the folder cannot be written to.
    """
    if not 2.2 * sampling <= resolution <= 8:
        raise InputError("The resolution of the particles must be between %.3g Å, 2.2 times the "
                         "sampling, and 8 Å; give one in that range." % (2.2 * sampling))
    structure, letters = protein.build_protein(seed, dataset.B_FACTOR, dataset.SIDE_CHAIN_RISE)
    box = dataset.room(structure, None, sampling)
    density.centre_in_box(structure, box, sampling)
    rng = np.random.default_rng(seed)
    movement = MOVEMENT if uneven else 0.0
    known = particles.draw_parameters(particle_count, kind, movement, rng)
    scale = _scale(density.model_density(structure, box, sampling), known, resolution, sampling)
    sections = CentralSections(box, workers=workers)
    camera = _camera(structure, sections, sampling, known, scale, uneven)
    os.makedirs(folder, exist_ok=True)
    halves = _images_and_halves(os.path.join(folder, _FILES["stack"]), camera, sections, known,
                                sampling, rng, say)
    particles.write_star(os.path.join(folder, _FILES["particles"]), _FILES["stack"], known, box,
                         sampling)
    _add_movement(structure[0][-1], movement)
    say("Working out what the half maps have to show")
    spectra = halves.spectra()
    reached = round(spectra.resolution, 2)
    maps = [signal + noise for signal, noise in zip(halves.signals, halves.noises)]
    volume = reconstruction.final_map(*maps, sampling, spectra, reached, _SHARPENING,
                                      workers)
    threshold = dataset.bring_background_to_zero(
        volume, maps, sampling, dataset.enclosed_volume(structure, reached))
    mask = masks.soft_mask(masks.hard_mask(volume, threshold, sampling))
    truth = {
        "made_by": "vrs %s" % __version__, "seed": seed, "sampling": sampling, "box": box,
        "resolution": reached, "threshold": threshold,
        "enclosed_volume": dataset.measured_volume(volume, threshold, sampling),
        "protein": dataset.protein_truth(structure, letters),
        "half_maps": _half_map_truth(halves, spectra, structure, scale, mask),
        "domains": _domain_truth(halves, structure, movement),
        "orientations": _orientation_truth(kind, halves, known, mask),
        "particles": _particle_truth(known, scale),
        "map": {"figure_of_merit": "sqrt(2 FSC / (1 + FSC))",
                "sharpening_b_factor": -_SHARPENING},
        "units": "Å, Å², 1/Å, degrees and kDa; vectors are (x, y, z); power is the mean squared "
                 "modulus of the discrete Fourier coefficients of a shell",
    }
    maps = dict(zip(("map", "half1", "half2"), [volume] + maps))
    return dataset.write_files(folder, _FILES, maps, structure, truth, _readme(truth, uneven))


def _scale(signal, known, resolution, sampling):
    """By how much to multiply the density so that halves correlate to 0.143 at a resolution.

    At wave number k, n images give n/(2k) coefficients in a unit of volume, of which each has
    the noise power box² and the weight CTF²: noise has the power 2k box² / (n ⟨CTF²⟩).
    """
    box = signal.shape[0]
    frequencies = fourier.shell_frequencies(signal.shape, sampling)
    ctf = contrast_transfer([[1 / resolution, 0]], known.defocus, particles.OPTICS)
    wave_number = box * sampling / resolution
    noise = 2 * wave_number * box ** 2 / (len(known) / 2 * np.mean(ctf ** 2))
    power = fourier.mean_amplitudes(np.abs(fft.rfftn(signal)) ** 2, signal.shape)
    wanted = noise * 0.143 / (1 - 0.143)
    return float(np.sqrt(wanted / np.interp(1 / resolution, frequencies, power)))


def _camera(structure, sections, sampling, known, scale, uneven):
    """A camera for the whole protein, or for chains of which the last one moves."""
    def transform(chosen):
        return sections.transform(scale * density.model_density(chosen, sections.box, sampling))

    if not uneven:
        return particles.Camera(sections, sampling, known, transform(structure))
    parts = []
    for left_out in (structure[0][-1].name, structure[0][0].name):
        part = structure.clone()
        part[0].remove_chain(left_out)
        parts.append(transform(part))
    return particles.Camera(sections, sampling, known, *parts)


def _add_movement(chain, movement):
    """Raise B factors: what moves is seen as if its atoms vibrated more."""
    for residue in chain:
        for atom in residue:
            atom.b_iso += 8 * np.pi ** 2 * movement ** 2


def _images_and_halves(path, camera, sections, known, sampling, rng, say):
    """Write the images, and reconstruct the halves from them."""
    stack = particles.new_stack(path, len(known), sections.box, sampling)
    signals, noises, done = [], [], 0
    for subset in (1, 2):
        made = Reconstruction(sections, 2)
        members = np.flatnonzero(known.subsets == subset)
        for first in range(0, len(members), _BATCH):
            chosen = members[first:first + _BATCH]
            images, clean, noisy, ctf, placement = camera.take(chosen, rng)
            made.insert(placement, [clean, noisy - clean], ctf)
            stack.data[chosen] = images
            done += len(chosen)
            say("Imaging and reconstructing: %d of %d particles" % (done, len(known)))
        signals.append(made.volume(0))
        noises.append(made.volume(1))
    particles.close_stack(stack)
    return expected.KnownHalves(signals, noises, sampling, sections.workers)


def _half_map_truth(halves, spectra, structure, scale, mask):
    truth = scale * density.model_density(structure, mask.shape[0], halves.sampling)
    masked = halves.spectra(mask)
    return {
        "made_by": "direct Fourier inversion; signal and noise are known by themselves",
        "main_chain_b_factor": dataset.B_FACTOR,
        "side_chain_b_factor_rise_per_bond": dataset.SIDE_CHAIN_RISE,
        "fsc_resolutions": expected.resolutions(spectra),
        "masked_fsc_resolutions": expected.resolutions(masked),
        "frequencies": dataset.rounded(spectra.frequencies),
        "fsc": dataset.rounded(spectra.fsc),
        "masked_fsc": dataset.rounded(masked.fsc),
        "fsc_of_a_half_with_the_model": dataset.rounded(halves.agreement(truth)),
        "signal_power": dataset.rounded(spectra.signal),
        "noise_power": dataset.rounded(spectra.noise),
    }


def _domain_truth(halves, structure, movement):
    """What the soft-masked halves of each chain have to show."""
    nearest = expected.nearest_chain(structure, halves.signals[0].shape[0], halves.sampling)
    facts = {}
    for number, chain in enumerate(structure[0]):
        spectra = halves.spectra(masks.soft_mask(nearest == number))
        moves = movement > 0 and number == len(structure[0]) - 1
        facts[chain.name] = {
            "voxels": "those whose nearest atom, within %g Å, is of this chain" % expected.REACH,
            "displacement_along_each_axis": movement if moves else 0.0,
            "masked_fsc_resolutions": expected.resolutions(spectra),
            "masked_fsc": dataset.rounded(spectra.fsc),
        }
    return facts


def _orientation_truth(kind, halves, known, mask):
    directions = spiral(_DIRECTIONS)
    resolutions = zip(halves.directional(directions), halves.directional(directions, mask))
    views = rotation_matrices(*known.angles.T)[:, 2]
    sections = orientations.relative_sampling(views, directions)
    rows = [dict(direction=dataset.rounded(direction), relative_sections=round(number, 3),
                 **{name: round(value, 3) if np.isfinite(value) else None  # JSON has no infinity
                    for name, value in zip(("resolution", "masked_resolution"), pair)})
            for direction, number, pair in zip(directions, sections, resolutions)]
    return dict({"kind": kind}, **orientations.DESCRIPTIONS[kind], directional=rows)


def _particle_truth(known, scale):
    optics = particles.OPTICS
    return {"count": len(known), "noise_variance": 1.0, "density_scale": float("%.6g" % scale),
            "voltage": optics.voltage, "spherical_aberration": optics.spherical_aberration,
            "amplitude_contrast": optics.amplitude_contrast,
            "defocus_range": dataset.rounded([known.defocus[:, :2].min(),
                                              known.defocus[:, :2].max()])}


def _readme(truth, uneven):
    facts = dict(_FILES, **truth["protein"])
    facts.update((key, truth[key]) for key in ("made_by", "seed", "box", "sampling", "resolution",
                                               "threshold"))
    facts.update(count=truth["particles"]["count"], domains=_DOMAINS if uneven else "",
                 orientations=truth["orientations"]["kind"])
    return _README % facts
