"""A synthetic single-particle data set of which everything is known."""

import os
from dataclasses import replace

import numpy as np
from scipy import fft

from vrs import __version__
from vrs.errors import InputError
from vrs.images.symmetry import point_group
from vrs.io.particles import write_particles_star
from vrs.numerics import fourier, masks
from vrs.numerics.ctf import contrast_transfer
from vrs.numerics.projection import CentralSections, Reconstruction, rotation_matrices
from vrs.numerics.sphere import spiral
from vrs.simulation import (dataset, density, expected, orientations, particle_classes,
                            particle_faults, particles, protein, reconstruction)

# Displacement of the moving domain along each axis, Å (standard deviation), which adds
# 8 π² of its square to the B factors.
MOVEMENT = 1.5
# What brings the fall-off of the map to what is usual for maps, Å².
_SHARPENING = 120.0
_BATCH = 250
_DIRECTIONS = 200
_CLASS_SPACING = 22.0  # degrees
_FILES = dict(dataset.FILES, particles="particles.star", stack="particles.mrcs",
              classes="classes.mrcs", class_members="classes.star")
_README = """\
Synthetic particles made by %(made_by)s, seed %(seed)d. Nothing in them was measured.

%(count)d images of an idealised protein of two chains (%(residues)d residues, %(mass).1f kDa,
%(symmetry)s), with the CTF of a microscope, noise and known orientations (%(orientations)s),
and the maps reconstructed from them.
%(domains)s%(faults)s
%(map)-14s  the map, %(box)d x %(box)d x %(box)d voxels of %(sampling)g Å, %(resolution)g Å:
                mean of the half maps, weighted by its figure of merit, sharpened, low-passed
%(half1)-14s  reconstruction from the first half of the particles, not filtered
%(half2)-14s  reconstruction from the second half
%(model)-14s  the protein, in the frame of the maps
%(particles)-14s  angles, shifts and CTF of each particle, and its half (RELION 3.1)
%(stack)-14s  the images; protein is bright
%(class_members)-14s  the same particles in %(classes_count)d two-dimensional classes
%(classes)-14s  the averages of these classes
%(truth)-14s  all that is known: FSC, noise, directions, domains, threshold, faults

The particles have two tables, as a table of RELION holds one alignment only: psi, origins and
class numbers refer to class averages where there is no angle rot or tilt, and to a map where there
is. %(particles)s is that of a 3D refinement, for level 4; %(class_members)s is that of a 2D
classification, for level 3.

To validate the map, its halves, the class averages (level 2) and the particles (level 4), go to
this folder and run

    vrs validate --map %(map)s --half1 %(half1)s --half2 %(half2)s --model %(model)s \\
        --particles %(particles)s --symmetry %(group)s --classes %(classes)s \\
        --threshold %(threshold)g --resolution %(resolution)g

and to validate the classes and their members (level 3)

    vrs validate --particles %(class_members)s --diameter %(diameter)g --resolution %(resolution)g
"""
_DOMAINS = """
Chain B is displaced in each particle, so that the map shows it at lower resolution than chain A.
"""
_FAULTS = """
Particles and classes have faults, of which the maps know nothing: they were reconstructed before.
%s
%s says which particles or micrographs have them.
"""


def write_particle_example(folder, kind="uniform", uneven=False, resolution=5.0, sampling=1.4,
                           particle_count=3000, seed=5, workers=1, say=lambda text: None,
                           faults=()):
    """Write particle images, the maps reconstructed from them, and the truth about them.

    Images are projections of the protein times the CTF, with white noise of variance 1; half
    maps are direct Fourier inversions with the true angles and CTFs. As reconstruction is
    linear, signal and noise of the half maps are each known by themselves, and with them the
    FSC that is to be expected: everywhere, in a direction, within a mask. Faults are planted in
    the particles afterwards, and classes follow from what the table then says. The same
    arguments give the same bytes.

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
    faults : collection of str
        Keys of ``particle_faults.FAULTS``.

    Returns
    -------
    dict of str to str
        Paths of ``map``, ``half1``, ``half2``, ``model``, ``truth``, ``readme``,
        ``particles``, ``stack``, ``classes`` and ``class_members``.

    Raises
    ------
    InputError
        If sampling and resolution do not go together, or a fault is not known.
    OSError
        If the folder cannot be written to.
    """
    if not 2.2 * sampling <= resolution <= 8:
        raise InputError("The resolution of the particles must be between %.3g Å, 2.2 times the "
                         "sampling, and 8 Å; give one in that range." % (2.2 * sampling))
    _check_faults(faults)
    structure, letters = protein.build_protein(seed, dataset.B_FACTOR, dataset.SIDE_CHAIN_RISE)
    box = dataset.room(structure, None, sampling)
    density.centre_in_box(structure, box, sampling)
    rng = np.random.default_rng(seed)
    movement = MOVEMENT if uneven else 0.0
    known = particles.draw_parameters(particle_count, kind, movement, rng)
    scale = _scale(density.model_density(structure, box, sampling), known, resolution, sampling)
    sections = CentralSections(box, workers=workers)
    os.makedirs(folder, exist_ok=True)
    paths = {name: os.path.join(folder, file) for name, file in _FILES.items()}
    planted = particle_faults.plant(
        particles.table_of(known, paths["stack"], box, sampling), faults, seed)
    stack = particles.new_stack(paths["stack"], len(known), box,
                                planted.table.optics[0].sampling)
    camera = _camera(structure, sections, sampling, known, scale, parts=uneven)
    halves = _images_and_halves(stack.data, camera, sections, known, sampling, rng, say)
    _spoil(stack.data, planted, lambda: _camera(
        structure, sections, sampling, _displaced(known), scale, parts=True), rng)
    group = "C1" if uneven else "C2"
    say("Averaging two-dimensional classes")
    members = _write_classes(paths, planted.table, stack.data, point_group(group), workers)
    particles.close_stack(stack)
    write_particles_star(paths["particles"], planted.table)
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
        "particles": dict(_particle_truth(known, scale), point_group=group,
                          diameter=_diameter(structure, box, sampling)),
        "classes": members,
        "faults": planted.truth,
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


def _check_faults(faults):
    unknown = [name for name in faults if name not in particle_faults.FAULTS]
    if unknown:
        raise InputError("There is no fault %s; there are %s." % (
            ", ".join(unknown), ", ".join(particle_faults.FAULTS)))


def _camera(structure, sections, sampling, known, scale, parts):
    """A camera for the whole protein, or for its parts, of which the last chain moves."""
    def transform(chosen):
        return sections.transform(scale * density.model_density(chosen, sections.box, sampling))

    if not parts:
        return particles.Camera(sections, sampling, known, transform(structure))
    transforms = []
    for left_out in (structure[0][-1].name, structure[0][0].name):
        part = structure.clone()
        part[0].remove_chain(left_out)
        transforms.append(transform(part))
    return particles.Camera(sections, sampling, known, *transforms)


def _add_movement(chain, movement):
    """Raise B factors: what moves is seen as if its atoms vibrated more."""
    for residue in chain:
        for atom in residue:
            atom.b_iso += 8 * np.pi ** 2 * movement ** 2


def _images_and_halves(stack, camera, sections, known, sampling, rng, say):
    """Fill the stack with images, and reconstruct the halves from them."""
    signals, noises, done = [], [], 0
    for subset in (1, 2):
        made = Reconstruction(sections, 2)
        members = np.flatnonzero(known.subsets == subset)
        for first in range(0, len(members), _BATCH):
            chosen = members[first:first + _BATCH]
            images, clean, noisy, ctf, placement = camera.take(chosen, rng)
            made.insert(placement, [clean, noisy - clean], ctf)
            stack[chosen] = images
            done += len(chosen)
            say("Imaging and reconstructing: %d of %d particles" % (done, len(known)))
        signals.append(made.volume(0))
        noises.append(made.volume(1))
    return expected.KnownHalves(signals, noises, sampling, sections.workers)


def _displaced(known):
    return replace(known, movements=known.movements + particle_faults.DISPLACEMENT)


def _spoil(stack, planted, second_camera, rng):
    """Put images of noise, and of the second state, in place of others."""
    junk = np.flatnonzero(planted.junk)
    for first in range(0, len(junk), _BATCH):
        chosen = junk[first:first + _BATCH]
        stack[chosen] = rng.standard_normal((len(chosen),) + stack.shape[1:], dtype=np.float32)
    displaced = np.flatnonzero(planted.displaced)
    camera = second_camera() if len(displaced) else None
    for first in range(0, len(displaced), _BATCH):
        chosen = displaced[first:first + _BATCH]
        stack[chosen] = camera.take(chosen, rng)[0]


def _write_classes(paths, table, images, group, workers):
    """Write class averages and the table of their members; returns what is true of them."""
    members, views = particle_classes.aligned_to_classes(table, group, _CLASS_SPACING)
    particle_classes.write_class_averages(paths["classes"], members, images,
                                          images.shape[-1] // 4 * 2, workers)
    write_particles_star(paths["class_members"], members)
    return {"count": len(views), "members": np.bincount(members.plane_class)[1:].tolist(),
            "directions_of_view": [dataset.rounded(view) for view in views[:, 2]]}


def _diameter(structure, box, sampling):
    """Twice the distance of the outermost atom from the centre of the box, in whole Å."""
    middle = box // 2 * sampling
    places = np.array([site.atom.pos.tolist() for site in structure[0].all()])
    return float(np.ceil(2 * np.linalg.norm(places - middle, axis=1).max()))


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
                 orientations=truth["orientations"]["kind"],
                 classes_count=truth["classes"]["count"], diameter=truth["particles"]["diameter"],
                 group=truth["particles"]["point_group"], faults=_fault_lines(truth["faults"]))
    return _README % facts


def _fault_lines(planted):
    if not planted:
        return ""
    lines = ["- %s: %s" % (name, facts["what"]) for name, facts in planted.items()]
    return _FAULTS % ("\n".join(lines), _FILES["truth"])
