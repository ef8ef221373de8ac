"""Directions on the sphere, where a direction and its opposite are one.

Directions are unit vectors (x, y, z).
"""

import numpy as np
from scipy.spatial import ConvexHull


def geodesic_directions(subdivisions=3):
    """Evenly spread directions: the corners of a subdivided icosahedron.

    Parameters
    ----------
    subdivisions : int
        How often each edge is halved: 2 gives 81 directions, 3 gives 321 (neighbours
        about 8° apart).

    Returns
    -------
    numpy.ndarray of float64, (directions, 3)
        One of each pair of opposites, z not negative, the first along z.
    """
    tilt = np.arctan(2)
    azimuth = np.radians(36 + 72 * np.arange(5))
    ring = np.column_stack([np.sin(tilt) * np.cos(azimuth), np.sin(tilt) * np.sin(azimuth),
                            np.full(5, np.cos(tilt))])
    corners = np.concatenate([[[0.0, 0.0, 1.0]], ring, -ring, [[0.0, 0.0, -1.0]]])
    for _ in range(subdivisions):
        triangles = ConvexHull(corners).simplices
        edges = np.unique(np.sort(np.concatenate(
            [triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1), axis=0)
        middles = corners[edges].sum(axis=1)
        corners = np.concatenate([corners, middles / np.linalg.norm(middles, axis=1)[:, None]])
    return corners[_is_first(corners)]


def directions_46():
    """Directions about 21° apart: corners of an icosahedron whose edges are cut in three.

    Returns
    -------
    numpy.ndarray of float64, (46, 3)
        x, y, z; one of each pair of opposites.
    """
    half = geodesic_directions(0)
    corners = np.concatenate([half, -half])
    triangles = ConvexHull(corners).simplices
    pairs = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    first, second = corners[pairs[:, 0]], corners[pairs[:, 1]]
    points = np.concatenate([corners, 2 * first + second, first + 2 * second,
                             corners[triangles].sum(axis=1)])
    points /= np.linalg.norm(points, axis=1)[:, None]
    points = points[_is_first(points)]
    return points[np.unique(np.round(points, 6), axis=0, return_index=True)[1]]


def _is_first(directions):
    """Which of each pair of opposites to keep."""
    x, y, z = np.round(directions, 6).T
    return (z > 0) | ((z == 0) & ((y > 0) | ((y == 0) & (x > 0))))


def spiral(count, offset=0.5, whole=False):
    """Any number of directions spread evenly over half of the sphere, or the whole of it.

    A Fibonacci spiral: z_j = (j + offset)/count, azimuth 2π (j + offset)/φ, φ the golden
    ratio; on the whole sphere z_j = 1 - 2 (j + offset)/count.

    Parameters
    ----------
    count : int
    offset : float
        The published sampling compensation factor takes 0.
    whole : bool

    Returns
    -------
    numpy.ndarray of float64, (count, 3)
    """
    places = np.arange(count) + offset
    z, azimuth = places / count, np.pi * (np.sqrt(5) - 1) * places
    z = 1 - 2 * z if whole else z
    radius = np.sqrt(1 - z ** 2)
    return np.column_stack([radius * np.cos(azimuth), radius * np.sin(azimuth), z])


def axis_angles(directions, axis):
    """Angle of each direction to an axis, whatever their signs.

    Parameters
    ----------
    directions : numpy.ndarray, (..., 3)
        Unit vectors.
    axis : sequence of float, (3,)
        Of any length.

    Returns
    -------
    numpy.ndarray of float64, (...)
        Degrees, 0 to 90.
    """
    axis = np.asarray(axis, float) / np.linalg.norm(axis)
    return np.degrees(np.arccos(np.clip(np.abs(np.asarray(directions) @ axis), 0, 1)))


def cell_centres(per_side):
    """Centres of the cells by which :func:`cells` sorts directions.

    Parameters
    ----------
    per_side : int
        Cells along the side of a face of the cube, 90° wide; when it is odd the axes
        are centres.

    Returns
    -------
    numpy.ndarray of float64, (3 per_side², 3)
    """
    steps = np.tan(np.pi / 4 * ((2 * np.arange(per_side) + 1) / per_side - 1))
    u, v = (axis.ravel() for axis in np.meshgrid(steps, steps, indexing="ij"))
    one = np.ones_like(u)
    # The faces of a cube about the sphere that look along x, y and z.
    points = np.concatenate([np.column_stack(face) for face in (
        (one, u, v), (v, one, u), (u, v, one))])
    return points / np.linalg.norm(points, axis=1)[:, None]


def cells(x, y, z, per_side):
    """The cell that each direction belongs to.

    The cells are squares on the faces of a cube about the sphere, of equal angles; a
    direction and its opposite share one.

    Parameters
    ----------
    x, y, z : numpy.ndarray of float32
        Vectors of any length but 0, broadcast against each other.
    per_side : int
        As in :func:`cell_centres`.

    Returns
    -------
    numpy.ndarray of int
        Row in :func:`cell_centres`.
    """
    x, y, z = np.broadcast_arrays(x, y, z)
    ax, ay, az = np.abs(x), np.abs(y), np.abs(z)
    along_x = (ax >= ay) & (ax >= az)
    along_y = ~along_x & (ay >= az)
    height = np.where(along_x, x, np.where(along_y, y, z))
    u = np.where(along_x, y, np.where(along_y, z, x))
    v = np.where(along_x, z, np.where(along_y, x, y))
    face = np.where(along_x, 0, np.where(along_y, 1, 2))
    row, column = (_step(slope / height, per_side) for slope in (u, v))
    return (face * per_side + row) * per_side + column


def _step(slope, per_side):
    place = (np.arctan(slope) * np.float32(4 / np.pi) + 1) * np.float32(per_side / 2)
    return np.minimum(place.astype(np.intp), per_side - 1)


def bingham(directions):
    """How far directions are from uniform: Bingham's statistic and an effect size.

    With T the mean of d dᵀ over n directions, S = ½ p (p + 2) 2n (tr T² - 1/3), p = 3, as
    Vilas and Tagare 2023 (doi 10.1038/s41592-023-01874-3) count each direction and its
    opposite. For independent directions S/2 follows a χ² of five degrees of freedom.

    Parameters
    ----------
    directions : numpy.ndarray, (n, 3)
        Unit vectors, one of each pair of opposites.

    Returns
    -------
    statistic : float
        0 without directions.
    effect : float
        √(3/2 (tr T² - 1/3)), which does not grow with n: 0 when the directions are
        spread evenly, 1 when they are all one.
    """
    if len(directions) == 0:
        return 0.0, 0.0
    moments = directions.T @ directions / len(directions)
    excess = max(0.0, float(np.sum(moments ** 2)) - 1 / 3)
    return 7.5 * 2 * len(directions) * excess, float(np.sqrt(1.5 * excess))
