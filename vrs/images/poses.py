"""How sure and how right the orientations of particles are.

Orientations and directions of view are as in :mod:`vrs.images.symmetry`; shifts have RELION's
sign: the content of the image stands at A X - s.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from vrs.images.symmetry import equivalent_views, orientation_distance, view_distance

DEGREE = 14
LIMIT = 10.0
# The chance that a random direction lies within the limit, for groups of more than four.
_CHANCE = 0.03
_STARTS, _SCORED, _ROUNDS = 40, 2000, 50
# Particles beyond this multiple of the lower quartile do not count in the common rotation and
# shift; normal errors hardly reach it.
_OUTLIER = 5
_ROUNDING = 1e-3
_HALF_TURN = np.diag([-1.0, -1.0, 1.0])


@dataclass(frozen=True)
class Comparison:
    """How two assignments of orientations to the same particles differ.

    Attributes
    ----------
    hand : str
        "same", or "mirrored" when the second map is the mirror image of the first.
    median_angles : dict
        Median angle (degrees) under each of the two hands.
    rotation : numpy.ndarray, (3, 3)
        G of A' = A S G or, mirrored, A' = Rz(180°) A S G.
    translation : numpy.ndarray, (3,)
        t of s' - s = (A S t) in x and y, Å, in the frame of the first map.
    angles : numpy.ndarray, (n,)
        Angle that is left between the orientations of each particle, degrees.
    shifts : numpy.ndarray, (n,)
        Distance that is left between its shifts, Å.
    """

    hand: str
    median_angles: dict
    rotation: np.ndarray
    translation: np.ndarray
    angles: np.ndarray
    shifts: np.ndarray


def compare_assignments(rotations, shifts, other_rotations, other_shifts, group):
    """Differences of two assignments that the images could tell.

    Two refinements of the same particles may differ by a rotation and a translation of the map,
    by symmetry, and by the hand, as a map and its mirror image have the same projections. The
    rotation is the mean (principal eigenvector of Σ q qᵀ over quaternions) of those that take
    one orientation to the other, each modulo symmetry, repeated until nothing changes;
    it starts from the particle whose rotation suits the others best. The hand with the smaller
    median angle counts. The translation is a least-squares fit. Particles whose difference is
    more than five times the lower quartile have no part in either.

    Parameters
    ----------
    rotations, other_rotations : numpy.ndarray, (n, 3, 3)
    shifts, other_shifts : numpy.ndarray, (n, 2)
        x and y, Å.
    group : numpy.ndarray, (g, 3, 3)
        Symmetry of the first map, of :func:`vrs.images.symmetry.point_group`.

    Returns
    -------
    Comparison
    """
    rotations, other = np.asarray(rotations, float), np.asarray(other_rotations, float)
    fits = {hand: _common_rotation(turn @ rotations, other, group)
            for hand, turn in (("same", np.eye(3)), ("mirrored", _HALF_TURN))}
    medians = {hand: float(np.median(angles)) for hand, (_, angles, _) in fits.items()}
    hand = min(medians, key=medians.get)
    common, angles, nearest = fits[hand]
    # The mirrored content stands at A X - s too: the half turn is no part of its place.
    frames = (rotations @ group[nearest])[:, :2]
    difference = np.asarray(other_shifts, float) - np.asarray(shifts, float)
    translation = _common_translation(frames, difference, _agreeing(angles))
    left = np.linalg.norm(difference - frames @ translation, axis=1)
    return Comparison(hand, medians, common, translation, angles, left)


def _common_rotation(rotations, other, group):
    """G, angles left and rows of the group for A' = A S G."""
    some = np.unique(np.linspace(0, len(rotations) - 1, _SCORED).astype(int))
    starts = some[np.unique(np.linspace(0, len(some) - 1, _STARTS).astype(int))]
    candidates = np.swapaxes(rotations[starts], 1, 2) @ other[starts]
    medians = [np.median(_angles_left(rotations[some], other[some], common, group)[0])
               for common in candidates]
    common = candidates[np.argmin(medians)]
    before = None
    for _ in range(_ROUNDS):
        angles, nearest = _angles_left(rotations, other, common, group)
        agreeing = _agreeing(angles)
        now = np.where(agreeing, nearest, -1)
        if before is not None and np.array_equal(now, before):
            break
        before = now
        between = np.swapaxes(rotations[agreeing] @ group[nearest[agreeing]], 1, 2)
        common = Rotation.from_matrix(between @ other[agreeing]).mean().as_matrix()
    return (common,) + _angles_left(rotations, other, common, group)


def _angles_left(rotations, other, common, group):
    # The angle between A S G and A' is that between A S and A' Gᵀ.
    return orientation_distance(rotations, other @ common.T, group)


def _agreeing(differences):
    return differences <= _OUTLIER * np.quantile(differences, 0.25) + _ROUNDING


def _common_translation(frames, difference, use):
    for _ in range(_ROUNDS):
        translation = np.linalg.lstsq(frames[use].reshape(-1, 3), difference[use].ravel(),
                                      rcond=1e-6)[0]
        left = np.linalg.norm(difference - frames @ translation, axis=1)
        now = use & (left <= _OUTLIER * np.quantile(left[use], 0.25) + _ROUNDING)
        if np.array_equal(now, use):
            break
        use = now
    return translation


def smoothing_degree(order, mirror=False):
    """Highest degree of the spherical harmonics that smooth a correlation over directions.

    14, the lowest twentieth of the harmonics that a 3° grid can hold; for more than four
    equivalent directions their detail (13°) would be wider than the limit of
    :func:`alignment_limit`, which it has to follow: 14 √(copies/4).

    Parameters
    ----------
    order : int
        Of the point group.
    mirror : bool
        Whether opposite views count as the same.

    Returns
    -------
    int
    """
    copies = order * (2 if mirror else 1)
    return int(DEGREE * np.sqrt(max(copies / 4, 1)))


def smoothing_basis(views, group, degree, mirror=False):
    """Functions on directions of view that have the symmetry and no fine detail.

    Spherical harmonics, averaged over the group, as orthonormal columns: with B the basis and
    c a correlation over the views, c B Bᵀ is its least-squares fit.

    Parameters
    ----------
    views : numpy.ndarray, (n, 3)
        Unit vectors, evenly spread over the sphere or the asymmetric unit.
    group : numpy.ndarray, (g, 3, 3)
        Of :func:`vrs.images.symmetry.point_group`.
    degree : int
        Of :func:`smoothing_degree`.
    mirror : bool
        Whether opposite views count as the same.

    Returns
    -------
    numpy.ndarray of float64, (n, functions)

    Raises
    ------
    ValueError
        If there are not twice as many views as functions.
    """
    degrees = range(0, degree + 1, 2 if mirror else 1)
    functions = sum(spherical_harmonics(copies, degrees)
                    for copies in equivalent_views(views, group)) / len(group)
    # The group leaves of each function all or nothing, so that no square root is too inaccurate.
    squares, axes = np.linalg.eigh(functions.T @ functions)
    kept = squares > 1e-10 * squares[-1]
    basis = functions @ (axes[:, kept] / np.sqrt(squares[kept]))
    if len(views) < 2 * basis.shape[1]:
        raise ValueError("%d directions are too few for %d functions." % basis.shape)
    return basis


def smoothed_maxima(correlations, basis):
    """Where smoothed correlations are largest.

    Parameters
    ----------
    correlations : numpy.ndarray, (particles, n)
        Of each particle with the reprojections in the n directions of the basis.
    basis : numpy.ndarray, (n, functions)
        Of :func:`smoothing_basis`.

    Returns
    -------
    numpy.ndarray of int, (particles,)
        Rows of the directions.
    """
    basis = basis.astype(np.float32)
    return ((np.asarray(correlations, np.float32) @ basis) @ basis.T).argmax(axis=1)


def neighbours(views, group, distance):
    """Which directions of view are nearer to each other than a distance, modulo symmetry.

    Parameters
    ----------
    views : numpy.ndarray, (n, 3)
        Unit vectors.
    group : numpy.ndarray, (g, 3, 3)
        Of :func:`vrs.images.symmetry.point_group`.
    distance : float
        Degrees.

    Returns
    -------
    numpy.ndarray of bool, (n, n)
    """
    near = np.eye(len(views), dtype=bool)
    least = np.float32(np.cos(np.radians(distance)))
    for copies in equivalent_views(views, group).astype(np.float32):
        near |= views.astype(np.float32) @ copies.T > least
    return near


def distinct_best(correlations, near, count):
    """The best directions that are no neighbours of each other.

    The best one counts, then the best of those that are not near to it, and so on.

    Parameters
    ----------
    correlations : numpy.ndarray, (particles, n)
    near : numpy.ndarray of bool, (n, n)
        Of :func:`neighbours`.
    count : int

    Returns
    -------
    numpy.ndarray of int, (particles, count)
        Rows of the directions, best first.
    """
    left = np.array(correlations, np.float32)
    best = np.empty((len(left), count), int)
    for rank in range(count):
        best[:, rank] = left.argmax(axis=1)
        left[near[best[:, rank]]] = -np.inf
    return best


def spherical_harmonics(directions, degrees):
    """Real orthonormal spherical harmonics.

    Parameters
    ----------
    directions : numpy.ndarray, (n, 3)
        Unit vectors.
    degrees : iterable of int

    Returns
    -------
    numpy.ndarray of float64, (n, functions)
        For each degree l, orders 0, 1, -1, 2, -2, ... (positive: cosine, negative: sine).
    """
    degrees = sorted(degrees)
    x, y, z = np.asarray(directions, float).T
    # sin^m θ exp(i m φ) = (x + i y)^m, without division at the poles.
    turned = (x + 1j * y) ** np.arange(degrees[-1] + 1)[:, None]
    columns = {degree: [] for degree in degrees}
    sectoral = 1 / np.sqrt(4 * np.pi)
    for order in range(degrees[-1] + 1):
        if order > 0:
            sectoral *= np.sqrt((2 * order + 1) / (2 * order))
        scale = sectoral * (np.sqrt(2) if order else 1)
        before, now = np.zeros_like(z), np.full_like(z, scale)
        for degree in range(order, degrees[-1] + 1):
            if degree > order:
                step = np.sqrt((4 * degree ** 2 - 1) / (degree ** 2 - order ** 2))
                back = np.sqrt(((degree - 1) ** 2 - order ** 2) / (4 * (degree - 1) ** 2 - 1))
                before, now = now, step * (z * now - back * before)
            if degree in columns:
                columns[degree] += ([now * turned[order].real, now * turned[order].imag]
                                    if order else [now])
    return np.array([column for degree in degrees for column in columns[degree]]).T


def alignment_limit(order, mirror=False):
    """How far the best direction of a particle may be from the given one.

    10°; less where there are so many equivalent directions that a random one would often be
    within 10° of one of them: arccos(1 - 0.06/copies), so that the chance is 3 %.

    Parameters
    ----------
    order : int
        Of the point group.
    mirror : bool
        Whether opposite views count as the same, which doubles the copies.

    Returns
    -------
    float
        Degrees.
    """
    copies = order * (2 if mirror else 1)
    return min(LIMIT, float(np.degrees(np.arccos(1 - 2 * _CHANCE / copies))))


def chance_within(limit, order, mirror=False):
    """Chance that a random direction is so near to a given one, modulo symmetry.

    copies (1 - cos d)/2, exact where the caps round equivalent directions do not overlap.

    Parameters
    ----------
    limit : float
        Degrees.
    order : int
        Of the point group.
    mirror : bool
        Whether opposite views count as the same.

    Returns
    -------
    float
    """
    copies = order * (2 if mirror else 1)
    return min(copies * (1 - float(np.cos(np.radians(limit)))) / 2, 1.0)


def spread(views, weights, group, mirror=False):
    """Mean distance among the best directions of each particle.

    W = Σ_{i≠j} w_i w_j d_ij / Σ_{i≠j} w_i w_j.

    Parameters
    ----------
    views : numpy.ndarray, (particles, n, 3)
        Unit vectors.
    weights : numpy.ndarray, (particles, n)
        Correlations; negative ones count as 0.
    group, mirror
        As of :func:`vrs.images.symmetry.view_distance`.

    Returns
    -------
    numpy.ndarray of float64, (particles,)
        Degrees; NaN where fewer than two weights are positive.
    """
    weights = np.maximum(np.asarray(weights, float), 0)
    one, other = np.triu_indices(views.shape[1], 1)
    distances = view_distance(views[:, one], views[:, other], group, mirror)
    return _weighted_mean(distances, weights[:, one] * weights[:, other])


def deviation(views, weights, given, group, mirror=False):
    """Mean distance of the best directions of each particle from the given one.

    W = Σ w_i d_i / Σ w_i.

    Parameters
    ----------
    views, weights, group, mirror
        As of :func:`spread`.
    given : numpy.ndarray, (particles, 3)
        Unit vectors.

    Returns
    -------
    numpy.ndarray of float64, (particles,)
        Degrees; NaN where no weight is positive.
    """
    distances = view_distance(views, np.asarray(given)[:, None], group, mirror)
    return _weighted_mean(distances, np.maximum(np.asarray(weights, float), 0))


def _weighted_mean(values, weights):
    totals = weights.sum(axis=1)
    return np.divide((weights * values).sum(axis=1), totals, out=np.full(len(values), np.nan),
                     where=totals > 0)


def alignability(measured, projection, noise):
    """Alignability precision or accuracy.

    (W - W_noise)/(W_projection - W_noise): 1 as for the noise-free reprojection, 0 as for
    directions at random, clipped to [-1, 1].

    Parameters
    ----------
    measured : numpy.ndarray, (particles,)
        W of :func:`spread` (precision) or :func:`deviation` (accuracy), degrees.
    projection : numpy.ndarray, (particles,)
        The same of the noise-free reprojections in the given orientations.
    noise : float
        Of :func:`vrs.images.symmetry.mean_view_distance`, degrees.

    Returns
    -------
    numpy.ndarray of float64, (particles,)
        NaN where the reprojection itself is no better than noise.
    """
    span = noise - np.asarray(projection, float)
    score = np.divide(noise - np.asarray(measured, float), span,
                      out=np.full(np.shape(measured), np.nan), where=span > 0)
    return np.clip(score, -1, 1)
