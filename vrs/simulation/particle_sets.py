"""Small sets of particle images of any map, with the faults that checks have to find."""

import os
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from vrs.images.ctf import Contrast
from vrs.images.gallery import view_matrices
from vrs.images.noise import simulate, white_spectra
from vrs.images.particles import OpticsGroup, ParticleTable
from vrs.images.projector import Projector
from vrs.numerics.sphere import spiral
from vrs.simulation.particle_faults import (with_angles_of, with_defocus_errors,
                                            with_random_angles)
from vrs.simulation.particles import close_stack, new_stack

_OPTICS = dict(voltage=300.0, spherical_aberration=2.7, amplitude_contrast=0.1)
_DEFOCUS = (9000.0, 20000.0)
_REACH = 3.0  # Particles are off the centre by up to so many pixels.
_BATCH = 250


@dataclass(frozen=True, eq=False)
class ParticleSet:
    """Particles, and what is true of them.

    Attributes
    ----------
    table : vrs.images.particles.ParticleTable
        What is said of them; their stack is written.
    truth : vrs.images.particles.ParticleTable
        What is true: rotations, shifts and defocus that the images were made with.
    junk : numpy.ndarray of bool, (n,)
        Images of nothing but noise.
    state : numpy.ndarray of int, (n,)
        1 for images of the second map.
    """

    table: ParticleTable
    truth: ParticleTable
    junk: np.ndarray
    state: np.ndarray


def particle_set(folder, volume, sampling, count, snr, seed=0, rotations=None, micrographs=20,
                 junk=0.0, wrong_angles=0.0, permuted=False, defocus_errors=None, second=None,
                 second_share=0.5, workers=1):
    """Particles of a map, with white noise, the CTF of a microscope and an assignment.

    Parameters
    ----------
    folder : path
        Of the stack, ``particles.mrcs``.
    volume : numpy.ndarray of float32, (box, box, box)
        Zero outside the particle; the box of the images is the same.
    sampling : float
        Å/voxel and Å/pixel.
    count : int
    snr : float
        Variance of the signal over that of the noise, over the whole box.
    seed : int
    rotations : numpy.ndarray, (count, 3, 3), optional
        Orientations; uniform ones when not given.
    micrographs : int
        Over which particles are spread; the particles of one have one defocus.
    junk : float
        Share of images without a particle.
    wrong_angles : float
        Share of particles with random orientations in the table.
    permuted : bool
        Whether the table gives each particle the orientation of another.
    defocus_errors : dict of int to float, optional
        Å by which the table's defocus of some micrographs is too large.
    second : numpy.ndarray of float32, (box, box, box), optional
        Map that part of the images show instead.
    second_share : float
        That part.
    workers : int

    Returns
    -------
    ParticleSet
    """
    rng = np.random.default_rng(seed)
    if rotations is None:
        rotations = Rotation.random(count, random_state=seed + 1).as_matrix()
    shifts = rng.uniform(-_REACH, _REACH, (count, 2))
    micrograph = np.arange(count) * micrographs // count
    defocus = np.zeros((count, 3))
    defocus[:, :2] = rng.uniform(*_DEFOCUS, micrographs)[micrograph, None]
    truth = _table(folder, len(volume), sampling, rotations, shifts * sampling, defocus,
                   micrograph)
    is_junk = rng.random(count) < junk
    state = np.where(rng.random(count) < second_share, 1, 0) if second is not None else (
        np.zeros(count, int))
    _write_images(folder, [volume] + ([second] if second is not None else []), sampling, truth,
                  shifts, is_junk, state, snr, rng, workers)
    table = with_random_angles(truth, rng.random(count) < wrong_angles, seed + 2)
    if permuted:
        table = with_angles_of(table, rng.permutation(count))
    table = with_defocus_errors(table, defocus_errors or {})
    return ParticleSet(table, truth, is_junk, state)


def class_set(folder, volume, sampling, classes, members, snr, seed=0, spread=3.0, junk=0.0,
              workers=1):
    """Particles that are aligned to two-dimensional classes.

    Parameters
    ----------
    folder, volume, sampling, snr, seed, junk, workers
        As of :func:`particle_set`.
    classes : int
        Whose views are evenly spread over half of the sphere.
    members : int
        Of each class.
    spread : float
        Standard deviation of the members' views about that of their class, degrees.

    Returns
    -------
    ParticleSet
        Its tables have psi, plane_shifts and plane_class; that of the truth has rotations, too.
    """
    rng = np.random.default_rng(seed)
    count = classes * members
    labels = np.repeat(np.arange(classes), members)
    tilts = rng.normal(0, np.radians(spread), (count, 3)) * (1, 1, 0)
    psi = rng.uniform(0, 360, count)
    views = view_matrices(spiral(classes))[labels]
    # x_image = R x_class - shift: the class is turned in the plane.
    rotations = (Rotation.from_euler("Z", -psi, degrees=True).as_matrix()
                 @ Rotation.from_rotvec(tilts).as_matrix() @ views)
    made = particle_set(folder, volume, sampling, count, snr, seed, rotations, junk=junk,
                        workers=workers)
    plane = dict(psi=psi, plane_shifts=made.truth.shifts, plane_class=labels.astype(np.int32) + 1)
    return replace(made, table=replace(made.table, rotations=None,
                                       class_number=plane["plane_class"], **plane),
                   truth=replace(made.truth, **plane))


def _table(folder, box, sampling, rotations, shifts, defocus, micrograph):
    count = len(rotations)
    path = os.path.join(str(folder), "particles.mrcs")
    names = tuple("mic%03d.mrc" % number for number in range(micrograph.max() + 1))
    return ParticleTable(
        optics=(OpticsGroup(sampling=sampling, image_size=box, phase_flipped=False,
                            premultiplied=False, **_OPTICS),),
        group=np.zeros(count, np.int32), contrast=np.ones(count, np.int8), files=(path,),
        file_names=("particles.mrcs",), file=np.zeros(count, np.int32),
        frame=np.arange(count, dtype=np.int32), defocus=defocus,
        rotations=np.asarray(rotations, np.float32), shifts=shifts,
        subset=(np.arange(count) % 2 + 1).astype(np.int8), micrograph=micrograph.astype(np.int32),
        micrograph_names=names)


def _write_images(folder, volumes, sampling, truth, shifts, junk, state, snr, rng, workers):
    box, contrast = len(volumes[0]), Contrast.of(truth)
    projectors = [Projector(volume, sampling, box, workers=workers) for volume in volumes]
    some = np.arange(min(len(truth), 200))
    spectra = white_spectra(truth.rotations[some].astype(float), projectors[0], snr,
                            contrast.take(some))
    nothing = replace(spectra, signal=np.zeros_like(spectra.signal))
    os.makedirs(str(folder), exist_ok=True)
    stack = new_stack(truth.files[0], len(truth), box, sampling)
    for number, projector in enumerate(projectors):
        for is_junk in (False, True):
            chosen = np.flatnonzero((state == number) & (junk == is_junk))
            for start in range(0, len(chosen), _BATCH):
                rows = chosen[start:start + _BATCH]
                stack.data[rows] = simulate(
                    truth.rotations[rows].astype(float), shifts[rows], projector,
                    nothing if is_junk else spectra, rng, contrast.take(rows))
    close_stack(stack)
