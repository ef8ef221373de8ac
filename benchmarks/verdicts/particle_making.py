"""From a declared set of particles to its files: images, table, map and the truth."""

import json
import os
from dataclasses import asdict, replace

import numpy as np
from scipy.spatial.transform import Rotation

from benchmarks.verdicts import structures
from benchmarks.verdicts.faults import wrong_domain
from benchmarks.verdicts.making import draw_views, scene_of
from benchmarks.verdicts.sets import VerdictSet
from vrs.images.ctf import Contrast
from vrs.images.gallery import Rings, gallery_of_map, view_matrices
from vrs.images.projector import Projector
from vrs.images.refine import LocalSearch, align
from vrs.images.search import Search, shift_grid
from vrs.images.symmetry import asymmetric_unit, point_group
from vrs.io.maps import write_map
from vrs.io.models import atom_positions
from vrs.io.particles import open_particles, write_particles_star
from vrs.simulation.particle_faults import with_pixel_size
from vrs.simulation.particle_sets import particle_set

# Of the map: Å, Å/voxel, and Å from the atoms to the sides of the box.
_RESOLUTION, _VOXEL, _MARGIN = 4.5, 2.1, 28.0
# Å/pixel of images that have the signal-to-noise ratio that is told of a set.
_TOLD_AT = 3.2
# Shares of images without a particle, and of random angles.
_JUNK, _WRONG_ANGLES = {"junk20": 0.2, "junk40": 0.4, "bias": 1.0}, {"angles20": 0.2}
_WRONG_DEFOCUS, _WRONG_PIXEL = 1000.0, 1.03
_MISSING = 0.25  # Of the residues.
# What noise is aligned with: detail in Å, degrees between directions, shifts in pixels.
_DETAIL, _SPACING, _REACH = 8.0, 6.0, 2.0


def write(one, folder):
    """Write a set into a folder.

    Parameters
    ----------
    one : benchmarks.verdicts.particle_sets.ParticleVerdictSet
    folder : str

    Returns
    -------
    dict of str to object
        What ``vrs.validate`` takes.
    """
    rng = np.random.default_rng(one.seed)
    os.makedirs(folder, exist_ok=True)
    fold = structures.STRUCTURES[one.structure].fold
    given = {"particles": os.path.join(folder, "particles.star"), "symmetry": "C%d" % fold,
             "resolution": _RESOLUTION}
    rotations = _rotations(one, rng)
    if one.images:
        table = _with_images(one, folder, given, rotations, rng)
    else:
        table = particle_set(folder, np.zeros((16,) * 3, np.float32), 10.0, one.count, 1.0,
                             rotations=rotations).table
    write_particles_star(given["particles"], table)
    with open(os.path.join(folder, "truth.json"), "w", encoding="utf-8") as handle:
        json.dump({"set": asdict(one), "given": given}, handle, indent=1)
    return given


def _rotations(one, rng):
    """Orientations of the particles, (count, 3, 3)."""
    if one.views == "uniform":
        return Rotation.random(one.count, random_state=int(rng.integers(2 ** 31))).as_matrix()
    turns = Rotation.from_euler("Z", rng.uniform(0, 360, one.count), degrees=True).as_matrix()
    return turns @ view_matrices(draw_views(one.views, one.count, rng))


def _with_images(one, folder, given, rotations, rng):
    """Write images and map; the table, and in ``given`` what is said of the map."""
    scene = scene_of(shown(one))
    volume, noises = scene.evenly_sampled(rng)
    final = scene.final_map(*(volume + noise for noise in noises), _RESOLUTION)
    given.update(map=os.path.join(folder, "map.mrc"), threshold=scene.threshold(final))
    table = particle_set(
        folder, volume, _VOXEL, one.count, one.snr * (_VOXEL / _TOLD_AT) ** 2, one.seed,
        rotations, one.micrographs, _JUNK.get(one.fault, 0.0),
        _WRONG_ANGLES.get(one.fault, 0.0), one.fault == "permuted",
        {one.micrographs // 3: _WRONG_DEFOCUS} if one.fault == "defocus" else None,
        second_state(one, rng)).table
    if one.fault == "bias":
        table = _aligned_to(final, scene, table)
    if one.fault == "pixel":
        table = with_pixel_size(table, _WRONG_PIXEL)
    if one.fault == "mirrored":
        final = np.roll(final[:, :, ::-1], 1, axis=2)
    write_map(given["map"], final, _VOXEL)
    return table


def shown(one):
    """What the map of a set shows, as a set of maps."""
    return VerdictSet(one.structure, _RESOLUTION, _VOXEL, margin=_MARGIN)


def second_state(one, rng):
    """Density of the second state of a set, None where it has but one."""
    if one.fault == "states":
        return scene_of(shown(one), change=lambda made: wrong_domain(made, one, rng)).density()
    if one.fault == "missing":
        return scene_of(shown(one), change=_without_end).density()
    return None


def _without_end(structure):
    """The structure without the residues at one end of its longest axis."""
    positions = atom_positions(structure)
    centred = positions - positions.mean(0)
    axis = np.linalg.svd(centred, full_matrices=False)[2][0]
    numbers = structures.residue_numbers(structure)
    along = np.bincount(numbers, centred @ axis) / np.bincount(numbers)
    return structures.part_of(structure, along <= np.quantile(along, 1 - _MISSING))


def _aligned_to(volume, scene, table):
    """The table with the poses at which its images agree best with a map."""
    particles = open_particles(table)
    box = int(2 * np.ceil(len(volume) * _VOXEL / _TOLD_AT / 2))
    sampling = len(volume) * _VOXEL / box
    places = atom_positions(scene.structure)
    diameter = 2 * np.linalg.norm(places - places.mean(0), axis=1).max() / sampling
    projector = Projector(volume * scene.mask, _VOXEL, box, sampling)
    last = int(box * sampling / _DETAIL)
    group = point_group("C%d" % scene.fold)
    gallery = gallery_of_map(projector, Rings(box, 2, last),
                             asymmetric_unit(group, _SPACING, mirror=True))
    search = Search(gallery, diameter, sampling, shift_grid(_REACH, 1.0))
    local = LocalSearch(projector, diameter, 2, last)
    rotations, shifts = np.array(table.rotations), np.array(table.shifts)
    for places, images in particles.batches(box, 2 ** 26):
        poses = align(search, local, images, Contrast.of(table.take(places)))
        rotations[places], shifts[places] = poses.rotations, poses.shifts * sampling
    return replace(table, rotations=rotations, shifts=shifts)
