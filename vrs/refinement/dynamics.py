"""Refinement by damped dynamics in the density of a map, slowly cooled down."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from vrs.numerics.interpolation import values_at

# Widths (Å) by which the map is blurred, the temperatures at their beginning, and steps.
_STAGES = ((2.0, 0.5, 300), (1.2, 0.3, 200), (0.7, 0.3, 300))
_FINEST = 0.7  # voxels; a narrower Gaussian has no derivative on the grid
_PULL = 5.0  # root mean square force of the density on an atom, 1/Å
_REPULSION = 100.0
_TIME_STEP = 0.02
# While there is heat, and for the last part of a stage, in which the atoms come to rest.
_FRICTION, _BRAKE = 2.0, 3.0
_COLD = 0.6
_LONGEST_STEP = 0.1  # Å
_RENEWED = 20  # steps between searches for contacts; _SKIN (Å) is what atoms may come nearer
_SKIN = 1.0
_MARGIN = 8.0  # Å of the map around the model
_PROBE = 1.0  # Å from the atoms, where the slopes of the map are measured


@dataclass
class Problem:
    """What is refined, and against what.

    Attributes
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
        The map.
    sampling : float
        Å/voxel.
    positions : numpy.ndarray of float64, (atoms, 3)
        x, y, z in Å from the first voxel: where the model lies.
    weights : numpy.ndarray of float64, (atoms,)
        How strongly the density pulls each atom; about 1.
    restraints : vrs.refinement.restraints.Restraints
    """

    volume: np.ndarray
    sampling: float
    positions: np.ndarray
    weights: np.ndarray
    restraints: object


def refine_all(problem, starts, seed, workers=1):
    """Refine a model from several starts, independently of each other.

    Langevin dynamics of atoms of unit mass in the potential
    ``-weight · density + Σ k (d - d0)² / 2 + repulsion``, by stages: the map is blurred by
    Gaussians of 2, 1.2 and 0.7 Å (not less than 0.7 voxels) one after the other, and in each
    stage the temperature falls to 0. The density is scaled such that its mean square force
    around the model is the same in each stage, whatever the units of the map.

    Parameters
    ----------
    problem : Problem
    starts : list of numpy.ndarray of float64, (atoms, 3)
        x, y, z in Å from the first voxel.
    seed : int
        Of the random forces.
    workers : int
        Threads; the result does not depend on them.

    Returns
    -------
    list of numpy.ndarray of float64, (atoms, 3)

    Raises
    ------
    ValueError
        If the map is constant around the model.
    """
    found = list(starts)
    generators = [np.random.default_rng([seed, number]) for number in range(len(starts))]
    with ThreadPoolExecutor(workers) as pool:
        for width, heat, steps in _STAGES:
            density = _Density(problem, width, seed)
            found = list(pool.map(
                lambda start, rng: _cooled(problem, density, start, heat, steps, rng),
                found, generators))
    return found


class _Density:
    """Force of a blurred map on atoms."""

    def __init__(self, problem, width, seed):
        sampling = problem.sampling
        size = np.array(problem.volume.shape[::-1])
        first = np.floor((problem.positions.min(axis=0) - _MARGIN) / sampling).astype(int)
        last = np.ceil((problem.positions.max(axis=0) + _MARGIN) / sampling).astype(int)
        first, last = np.clip(first, 0, size - 1), np.clip(last, 0, size - 1)
        region = problem.volume[tuple(slice(a, b + 1) for a, b in zip(first[::-1], last[::-1]))]
        self._sampling, self._corner = sampling, first * sampling
        deviation = max(width / sampling, _FINEST)
        self._slopes = [ndimage.gaussian_filter(region, deviation, order, mode="nearest")
                        for order in ((0, 0, 1), (0, 1, 0), (1, 0, 0))]
        self._scale = 1.0
        rng = np.random.default_rng(seed)
        around = problem.positions + rng.normal(0, _PROBE, problem.positions.shape)
        strength = np.sqrt(np.mean(np.sum(self.forces(around) ** 2, axis=1)))
        if not strength > 0:
            raise ValueError("the map is constant around the model")
        self._scale = _PULL / strength

    def forces(self, positions):
        """(atoms, 3); none outside the map."""
        places = positions - self._corner
        return self._scale * np.stack([values_at(slope, self._sampling, places, 0.0)
                                       for slope in self._slopes], axis=1)


def _cooled(problem, density, positions, heat, steps, rng):
    """Positions after dynamics whose temperature falls to 0."""
    positions, velocities = positions.copy(), np.zeros_like(positions)
    weights = problem.weights[:, None]
    for step in range(steps):
        if step % _RENEWED == 0:
            contacts = _contacts(positions, problem.restraints)
        forces = weights * density.forces(positions)
        forces += _restraint_forces(positions, problem.restraints)
        forces += _contact_forces(positions, problem.restraints.radii, contacts)
        temperature = heat * max(0.0, 1 - step / (_COLD * steps))
        keep = np.exp(-_TIME_STEP * (_FRICTION if temperature else _BRAKE))
        velocities = keep * velocities + _TIME_STEP * forces
        velocities += np.sqrt(temperature * (1 - keep ** 2)) * rng.standard_normal(
            positions.shape)
        lengths = np.linalg.norm(velocities, axis=1, keepdims=True) * _TIME_STEP
        velocities *= np.minimum(1, _LONGEST_STEP / np.maximum(lengths, 1e-12))
        positions += _TIME_STEP * velocities
    return positions


def _restraint_forces(positions, restraints):
    one, other = restraints.pairs.T
    offsets = positions[one] - positions[other]
    distances = np.maximum(np.sqrt(np.einsum("ij,ij->i", offsets, offsets)), 1e-6)
    pulls = restraints.strengths * (restraints.lengths / distances - 1)
    return _pair_sum(one, other, offsets * pulls[:, None], len(positions))


def _contacts(positions, restraints):
    """Pairs that may come too near to each other before the next search."""
    reach = 2 * restraints.radii.max(initial=0) + _SKIN
    pairs = cKDTree(positions).query_pairs(reach, output_type="ndarray")
    offsets = positions[pairs[:, 0]] - positions[pairs[:, 1]]
    near = np.einsum("ij,ij->i", offsets, offsets) < (
        restraints.radii[pairs].sum(axis=1) + _SKIN) ** 2
    pairs = pairs[near]
    keys = pairs[:, 0].astype(np.int64) * len(positions) + pairs[:, 1]
    return pairs[~np.isin(keys, restraints.excluded)]


def _contact_forces(positions, radii, pairs):
    one, other = pairs.T
    offsets = positions[one] - positions[other]
    squared = np.einsum("ij,ij->i", offsets, offsets)
    limits = radii[one] + radii[other]
    close = squared < limits ** 2
    one, other, offsets = one[close], other[close], offsets[close]
    distances = np.maximum(np.sqrt(squared[close]), 1e-6)
    pushes = _REPULSION * (limits[close] / distances - 1)
    return _pair_sum(one, other, offsets * pushes[:, None], len(positions))


def _pair_sum(one, other, forces, count):
    """Sum over pairs of forces on the one atom and their opposites on the other, (count, 3)."""
    return np.stack([np.bincount(one, part, count) - np.bincount(other, part, count)
                     for part in forces.T], axis=1)
