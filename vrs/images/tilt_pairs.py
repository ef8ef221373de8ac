"""Pairs of images of the same particles, before and after a known tilt of the specimen.

The orientations A and B of a pair, as in :mod:`vrs.images.symmetry`, differ by the tilt
T = B Aᵀ of the experiment, in the x and y of the images. If the map is the mirror image of the
molecule, its best orientations are those of the mirrored molecule, and the rotation vector of
T turns from (wx, wy, wz) to (-wx, -wy, wz). So the tilt tells the hand of the map.
"""

from dataclasses import dataclass
from typing import Optional

import numpy as np
from scipy.spatial.transform import Rotation

from vrs.errors import InputError
from vrs.numerics.statistics import binomial_p_value

RADIUS = 15.0
SIGNIFICANT = 0.01
# Of the pairs, near the tilt in a set that should be recognised.
_SHARE = 0.5
# Axes that are tried where none is given, degrees: closer than the balls are wide.
_AXES = np.arange(0, 180, 10)


@dataclass(frozen=True)
class TiltPairs:
    """What pairs tell of the hand of a map.

    Attributes
    ----------
    vectors : numpy.ndarray, (pairs, 3)
        Tilt of each pair as a rotation vector x, y, z in degrees, the copy by symmetry that is
        nearest to the experiment's tilt in either sense.
    expected : numpy.ndarray, (3,)
        The experiment's tilt, degrees; the axis that was found where none is given.
    near, near_mirrored : int
        Pairs within 15° of the experiment's tilt, and of what the mirrored map makes of it.
    chance : float
        That a random pair is within 15° of one of the two.
    cluster_p_value : float
        Probability that random pairs are as often near one of the two.
    power : float
        Probability that pairs of which half are near would differ from random ones (p < 0.01).
    hand_p_value, mirrored_p_value : float or None
        Probability that pairs of no preferred hand are as often near the experiment's tilt
        rather than the mirrored one, and the other way round; None where its sense is not given.
    hand : str
        "right", "mirrored" or "not decided".
    """

    vectors: np.ndarray
    expected: np.ndarray
    near: int
    near_mirrored: int
    chance: float
    cluster_p_value: float
    power: float
    hand_p_value: Optional[float]
    mirrored_p_value: Optional[float]
    hand: str


def judge_pairs(untilted, tilted, group, tilt, axis=None, signed=True):
    """Whether pairs agree with the tilt of the experiment, and with which hand.

    Rosenthal and Henderson 2003 (doi 10.1016/j.jmb.2003.07.013), with an exact test in place of
    a plot: pairs within 15° of the expected rotation vector, and of its mirrored counterpart,
    are compared with chance and with each other (binomial).

    Parameters
    ----------
    untilted, tilted : numpy.ndarray, (pairs, 3, 3)
        Orientations in the map whose hand is asked for, of one pair at least.
    group : numpy.ndarray, (g, 3, 3)
        Of :func:`vrs.images.symmetry.point_group`.
    tilt : float
        Angle of the experiment, degrees, 15 to 165.
    axis : float, optional
        Direction of the tilt axis in the images, degrees from x towards y. Without it the axis
        is the one of 18 that most pairs agree with, and p values are multiplied by 18.
    signed : bool
        Whether the axis has the sense of the tilt (right-handed about it).

    Returns
    -------
    TiltPairs

    Raises
    ------
    InputError
        If the tilt is too small or too large for the two senses to differ.
    """
    check_tilt(tilt)
    copies = _copies(untilted, tilted, group)
    axes = _AXES if axis is None else [axis]
    expected = max((_tilt_vector(tilt, candidate) for candidate in axes),
                   key=lambda vector: sum(_near(_nearest(copies, vector), vector)))
    vectors = _nearest(copies, expected)
    near, near_mirrored = _near(vectors, expected)
    chance = chance_near(tilt, len(group))
    pairs = len(untilted)
    both = near + near_mirrored
    random = min(2 * chance, 1.0)
    hand_p_value, mirrored_p_value, hand = None, None, "not decided"
    if axis is not None and signed:
        hand_p_value = binomial_p_value(near, both, 0.5)
        mirrored_p_value = binomial_p_value(near_mirrored, both, 0.5)
        for count, p_value, verdict in ((near, hand_p_value, "right"),
                                        (near_mirrored, mirrored_p_value, "mirrored")):
            if max(p_value, binomial_p_value(count, pairs, chance)) < SIGNIFICANT:
                hand = verdict
    return TiltPairs(vectors, expected, near, near_mirrored, random,
                     _cluster_p_value(both, pairs, random, len(axes)),
                     _power(pairs, random, len(axes)), hand_p_value, mirrored_p_value, hand)


def _cluster_p_value(near, pairs, chance, axes):
    """Probability of so many pairs near the best of some axes by chance."""
    return min(axes * binomial_p_value(near, pairs, chance), 1.0)


def _power(pairs, chance, axes):
    """Probability that pairs of which half are near are told from random ones."""
    needed = next((near for near in range(pairs + 1)
                   if _cluster_p_value(near, pairs, chance, axes) < SIGNIFICANT), None)
    return 0.0 if needed is None else binomial_p_value(needed, pairs, _SHARE)


def check_tilt(tilt):
    """Refuse a tilt whose two senses cannot be told apart.

    Parameters
    ----------
    tilt : float
        Degrees.

    Raises
    ------
    InputError
        If it is below 15 or above 165°.
    """
    if not RADIUS <= abs(tilt) <= 180 - RADIUS:
        raise InputError("The tilt is %g°; it must be between %g and %g° so that the two senses of "
                         "the tilt can be distinguished." % (tilt, RADIUS, 180 - RADIUS))


def chance_near(tilt, order, radius=RADIUS):
    """Chance that the tilt of a random pair lies within a ball about a rotation vector.

    c = |G| (1 - cos ω) θ³ / (3π ω²), ω the tilt and θ the radius in radians: the density of
    random rotations at ω times the volume of the ball, over all copies by symmetry.

    Parameters
    ----------
    tilt : float
        ω, degrees.
    order : int
        |G|, of the point group.
    radius : float
        θ, degrees.

    Returns
    -------
    float
    """
    omega, theta = np.radians(tilt), np.radians(radius)
    return min(float(order * (1 - np.cos(omega)) * theta ** 3 / (3 * np.pi * omega ** 2)), 1.0)


def _tilt_vector(tilt, axis):
    angle = np.radians(axis)
    return tilt * np.array([np.cos(angle), np.sin(angle), 0])


def _copies(untilted, tilted, group):
    """Rotation vectors of B S Aᵀ, degrees, (g, pairs, 3)."""
    rotations = np.asarray(tilted, float) @ group[:, None] @ np.swapaxes(untilted, 1, 2)
    vectors = Rotation.from_matrix(rotations.reshape(-1, 3, 3)).as_rotvec(degrees=True)
    return vectors.reshape(len(group), -1, 3)


def _nearest(copies, expected):
    """Of the copies of each pair the one nearest to the expected vector or its opposite."""
    distances = np.minimum(np.linalg.norm(copies - expected, axis=2),
                           np.linalg.norm(copies + expected, axis=2))
    return np.take_along_axis(copies, distances.argmin(axis=0)[None, :, None], 0)[0]


def _near(vectors, expected):
    """How many vectors are within the radius of the expected one, and of its opposite."""
    return tuple(int(np.count_nonzero(np.linalg.norm(vectors - vector, axis=1) <= RADIUS))
                 for vector in (expected, -expected))
