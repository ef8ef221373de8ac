"""Point groups, and orientations and directions of view modulo them.

An orientation A takes a point X of the map to A X, whose x and y are those of the image; its
third row is the direction of view. A map of symmetry S is the same at X and S X, so that A and
A S give the same image; the direction of view v becomes Sᵀ v. The view from the opposite
direction is the mirror image.
"""

import re

import numpy as np
from scipy.spatial.transform import Rotation

from vrs.errors import InputError
from vrs.numerics.sphere import spiral

_GOLDEN = (1 + np.sqrt(5)) / 2
# Turns about y from setting I2 to the others, degrees.
_FROM_I2 = {"I": 0.0, "I1": 90.0, "I2": 0.0, "I3": -np.degrees(np.arctan(1 / _GOLDEN)),
            "I4": np.degrees(np.arctan(1 / _GOLDEN))}
# Lies within an asymmetric unit: on no axis and no plane of any group.
_INNER = np.array([0.30, 0.19, 0.93]) / np.linalg.norm([0.30, 0.19, 0.93])
_CHUNK = 1_000_000


def point_group(name):
    """Rotations of a point group, in the setting that RELION gives it.

    Cn: n-fold axis along z. Dn: also 2-fold axis along x. T: 3-fold axis along z, 2-fold axis
    along (0, √2, 1). O: 4-fold axes along x, y and z. I, I2: 2-fold axes along x, y and z,
    5-fold axis along (1, 0, φ), φ the golden ratio. I1: the same with the 5-fold axis along
    (φ, 0, -1). I3: 5-fold axis along z, 2-fold axis along (-1, 0, φ). I4: the same with the
    2-fold axis along (1, 0, φ).

    Parameters
    ----------
    name : str
        C1 to C99, D1 to D99, T, O, I, I1, I2, I3 or I4, in upper or lower case.

    Returns
    -------
    numpy.ndarray of float64, (rotations, 3, 3)
        The identity first.

    Raises
    ------
    InputError
        If there is no group of this name.
    """
    wanted = str(name).strip().upper()
    order = re.fullmatch(r"[CD]0?([1-9][0-9]?)", wanted)
    if order:
        turns = 2 * np.pi / int(order[1]) * np.arange(int(order[1]))
        group = Rotation.from_rotvec(np.outer(turns, [0, 0, 1])).as_matrix()
        if wanted[0] == "D":
            group = np.concatenate([group, group @ np.diag([1.0, -1.0, -1.0])])
    elif wanted == "T":
        # To z the 3-fold axis (1, 1, 1) of scipy's setting.
        frame = np.array([np.array([0, 1, -1]) / np.sqrt(2), np.array([2, -1, -1]) / np.sqrt(6),
                          np.array([1, 1, 1]) / np.sqrt(3)])
        group = frame @ Rotation.create_group("T").as_matrix() @ frame.T
    elif wanted == "O":
        group = Rotation.create_group("O").as_matrix()
    elif wanted in _FROM_I2:
        # scipy's setting has the 5-fold axis along (0, 1, φ).
        turn = Rotation.from_euler("zy", [90, _FROM_I2[wanted]], degrees=True).as_matrix()
        group = turn @ Rotation.create_group("I").as_matrix() @ turn.T
    else:
        raise InputError("The symmetry %s is not known. Give C1, C2, ..., D1, D2, ..., T, O, I, "
                         "I1, I2, I3 or I4, as RELION names them." % name)
    return group[np.argsort(-np.trace(group, axis1=1, axis2=2), kind="stable")]


def equivalent_orientations(rotations, group):
    """All orientations that give the same images.

    Parameters
    ----------
    rotations : numpy.ndarray, (n, 3, 3)
    group : numpy.ndarray, (g, 3, 3)
        Of :func:`point_group`.

    Returns
    -------
    numpy.ndarray of float64, (g, n, 3, 3)
        A S; the first are those given.
    """
    return np.asarray(rotations, float)[None] @ group[:, None]


def equivalent_views(views, group):
    """All directions of view that give the same images.

    Parameters
    ----------
    views : numpy.ndarray, (n, 3)
    group : numpy.ndarray, (g, 3, 3)
        Of :func:`point_group`.

    Returns
    -------
    numpy.ndarray of float64, (g, n, 3)
        Sᵀ v; the first are those given.
    """
    return np.asarray(views, float) @ group


def view_distance(one, other, group, mirror=False):
    """Angle between directions of view modulo symmetry.

    Parameters
    ----------
    one, other : numpy.ndarray, (..., 3)
        Unit vectors, broadcast against each other.
    group : numpy.ndarray, (g, 3, 3)
        Of :func:`point_group`.
    mirror : bool
        Whether opposite views count as the same, as where mirrored images do.

    Returns
    -------
    numpy.ndarray of float64, (...)
        Degrees.
    """
    one, other = np.asarray(one, float), np.asarray(other, float)
    nearest = np.full(np.broadcast_shapes(one.shape, other.shape)[:-1], -1.0)
    for rotation in group:
        cosines = np.einsum("...i,...i->...", one, other @ rotation)
        np.maximum(nearest, np.abs(cosines) if mirror else cosines, out=nearest)
    return np.degrees(np.arccos(np.minimum(nearest, 1)))


def mean_view_distance(views, group, mirror=False):
    """Mean angle between two different ones of some directions of view, modulo symmetry.

    For evenly spread ones and no symmetry 90°, and 57.3° (1 radian) with mirrors.

    Parameters
    ----------
    views : numpy.ndarray, (n, 3)
        Unit vectors, two at least.
    group, mirror
        As of :func:`view_distance`.

    Returns
    -------
    float
        Degrees.
    """
    rows = max(1, _CHUNK // len(views))
    total = sum(view_distance(views[start:start + rows, None], views, group, mirror).sum()
                for start in range(0, len(views), rows))
    return float(total / (len(views) * (len(views) - 1)))


def orientation_distance(one, other, group):
    """Angle of the rotation between orientations, modulo symmetry.

    Parameters
    ----------
    one, other : numpy.ndarray, (n, 3, 3)
    group : numpy.ndarray, (g, 3, 3)
        Of :func:`point_group`.

    Returns
    -------
    angles : numpy.ndarray of float64, (n,)
        Degrees.
    nearest : numpy.ndarray of int, (n,)
        Rows S of the group for which A S is nearest to the other orientation.
    """
    between = np.swapaxes(one, 1, 2) @ other
    traces = between.reshape(-1, 9) @ group.reshape(-1, 9).T
    nearest = traces.argmax(axis=1)
    cosines = (np.take_along_axis(traces, nearest[:, None], 1)[:, 0] - 1) / 2
    return np.degrees(np.arccos(np.clip(cosines, -1, 1))), nearest


def asymmetric_unit(group, spacing, mirror=False):
    """Evenly spread directions of view, about one of each set of equivalent ones.

    Points of a Fibonacci spiral that lie in one asymmetric unit or no further from it than
    half the spacing, so that no direction is without a neighbour modulo symmetry.

    Parameters
    ----------
    group : numpy.ndarray, (g, 3, 3)
        Of :func:`point_group`.
    spacing : float
        Degrees: the square root of the area of a direction. Every direction of view has one
        within 0.8 of it.
    mirror : bool
        Whether opposite views count as the same.

    Returns
    -------
    numpy.ndarray of float64, (directions, 3)
        Unit vectors.
    """
    count = int(np.ceil(4 * np.pi / np.radians(spacing) ** 2))
    views = spiral(count, whole=True)
    # Of the images of an inner point those nearer than itself lie beyond a border.
    images = group @ _INNER
    images = np.concatenate([images, -images]) if mirror else images
    borders = _INNER - images[1:]
    borders /= np.linalg.norm(borders, axis=1)[:, None]
    beyond = np.sin(np.radians(spacing / 2))
    return views[(views @ borders.T > -beyond).all(axis=1)]
