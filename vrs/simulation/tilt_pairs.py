"""Tilt pairs of which the tilt, the errors and the hand are known."""

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation


def tilted(rotations, angle, axis, error, wrong, rng):
    """Orientations of the images of particles before and after a tilt, as an alignment finds them.

    Parameters
    ----------
    rotations : numpy.ndarray, (n, 3, 3)
        True orientations before the tilt.
    angle : float
        Degrees, right-handed about the axis.
    axis : float
        Direction of the axis in the images, degrees from x towards y.
    error : float
        Standard deviation of each orientation about each axis, degrees.
    wrong : float
        Share of the pairs whose second orientation is random, 0 to 1.
    rng : numpy.random.Generator

    Returns
    -------
    untilted, tilted : numpy.ndarray of float64, (n, 3, 3)
    is_wrong : numpy.ndarray of bool, (n,)
    """
    count = len(rotations)
    direction = np.radians(axis)
    tilt = Rotation.from_rotvec(
        np.radians(angle) * np.array([np.cos(direction), np.sin(direction), 0])).as_matrix()
    true = np.asarray(rotations, float)
    before, after = (_disturbed(poses, error, rng) for poses in (true, tilt @ true))
    is_wrong = np.arange(count) < round(wrong * count)
    rng.shuffle(is_wrong)
    after[is_wrong] = Rotation.random(count, random_state=rng.integers(1 << 31)).as_matrix()[
        is_wrong]
    return before, after, is_wrong


def _disturbed(rotations, error, rng):
    turns = np.radians(error) * rng.standard_normal((len(rotations), 3))
    return Rotation.from_rotvec(turns).as_matrix() @ rotations


def tables_of(table, untilted, tilted):
    """Tables of tilt pairs, without images.

    Parameters
    ----------
    table : vrs.images.particles.ParticleTable
        Whose optics the pairs have.
    untilted, tilted : numpy.ndarray, (n, 3, 3)

    Returns
    -------
    tuple of two vrs.images.particles.ParticleTable
    """
    count = len(untilted)
    bare = type(table)(optics=table.optics, group=np.zeros(count, np.int32),
                       contrast=np.zeros(count, np.int8))
    return tuple(replace(bare, rotations=np.asarray(poses, np.float32))
                 for poses in (untilted, tilted))
