"""How evenly the views of particles sample Fourier space, and what unevenness costs.

Each image fills a slab through the origin of Fourier space, perpendicular to its direction of
view. Directions are unit vectors x, y, z in the frame of the map, one of each pair of opposites
where both are the same.
"""

from dataclasses import dataclass
from typing import Optional

import numpy as np
from scipy.spatial import cKDTree

from vrs.images.symmetry import asymmetric_unit, equivalent_views
from vrs.numerics.sphere import spiral

RADIUS = 50
MOST_VIEWS = 10_000
DRAWS = 5
B_FACTOR = 160.0
TILTS = np.arange(0, 65, 5)
_MOST_DIRECTIONS = 5000
# Directions that are taken together, and how many groups of them at most.
_TOGETHER, _MOST_GROUPS = 50, 1500
_CHUNK = 100_000
_ROUNDING = 1e-5
# Of the sampling table: shells, and spacing of directions (degrees; 4000 on half of the sphere).
_SHELLS, _SPACING = 12, 2.27
_PSF_DIRECTIONS = 600
_PLANES, _DISTANCES = 1024, 500
_SHARE_POINTS = 100_000


def slab_counts(views, group, directions, half_widths):
    """How many slabs pass through directions of Fourier space.

    Parameters
    ----------
    views : numpy.ndarray, (n, 3)
        Directions of view.
    group : numpy.ndarray, (g, 3, 3)
        Of :func:`vrs.images.symmetry.point_group`; each view counts with all its copies.
    directions : numpy.ndarray, (m, 3)
    half_widths : sequence of float, (w,)
        A slab counts where the sine of the angle to it is below this.

    Returns
    -------
    numpy.ndarray of int64, (w, m)
    """
    half_widths = np.asarray(half_widths, np.float32)
    narrow = np.flatnonzero(half_widths <= 1)
    # Copies of a view pass through a direction as often as the view through its copies. Of many
    # directions those near each other are taken together, as few slabs reach any of them.
    copies = equivalent_views(directions, group).reshape(-1, 3)
    middles = spiral(min(max(len(copies) // _TOGETHER, 1), _MOST_GROUPS))
    nearest = cKDTree(np.concatenate([middles, -middles])).query(copies)[1]
    copies[nearest >= len(middles)] *= -1
    nearest %= len(middles)
    order = np.argsort(nearest, kind="stable")
    starts = np.searchsorted(nearest[order], np.arange(len(middles) + 1))
    views = np.ascontiguousarray(np.transpose(views), np.float32)
    counts = np.full((len(half_widths), len(copies)), views.shape[1])
    for middle, start, stop in zip(middles, starts[:-1], starts[1:]):
        own = order[start:stop]
        if own.size and narrow.size:
            extent = np.arccos(np.clip(copies[own] @ middle, -1, 1).min())
            reach = np.sin(min(np.arcsin(half_widths[narrow].max()) + extent, np.pi / 2))
            heights = sum(np.float32(part) * views[axis] for axis, part in enumerate(middle))
            near = np.flatnonzero(np.abs(heights) < reach + _ROUNDING)
            counts[np.ix_(narrow, own)] = _counts_within(
                views.take(near, axis=1), copies[own].astype(np.float32), half_widths[narrow])
    return counts.reshape(len(half_widths), len(group), -1).sum(axis=1)


def _counts_within(views, directions, half_widths):
    """Counts for views (3, n) and directions (m, 3), float32; (widths, m)."""
    counts = np.zeros((len(half_widths), len(directions)), np.int64)
    columns = max(1, _CHUNK // len(directions))
    for start in range(0, views.shape[1], columns):
        heights = np.abs(directions @ views[:, start:start + columns])
        for count, half_width in zip(counts, half_widths):
            within = (heights < half_width).view(np.uint8)
            count += np.add.reduce(within, axis=1, dtype=np.int32)
    return counts


@dataclass(frozen=True)
class SamplingFactor:
    """Sampling compensation factor of a distribution of views.

    Attributes
    ----------
    scf : float
        Above 1 where much is empty: not to be judged alone.
    scf_star : float
        With a penalty for empty directions; 1 when all directions are sampled evenly.
    empty_fraction : float
        Part of the directions that no slab passes through.
    directions : numpy.ndarray, (m, 3)
        Of Fourier space, on half of the sphere.
    sampling : numpy.ndarray, (m,)
        Slabs that pass through each, relative to their mean.
    views_used : int
        In each draw.
    draws : int
        Over which all is averaged.
    """

    scf: float
    scf_star: float
    empty_fraction: float
    directions: np.ndarray
    sampling: np.ndarray
    views_used: int
    draws: int


def sampling_factor(views, group, radius=RADIUS, most=MOST_VIEWS, seed=0):
    """Sampling compensation factor (SCF and SCF*).

    With s(u) the number of slabs within half a pixel of the direction u at a Fourier radius ρ,
    |u·v| < 1/(2ρ), SCF = 1/(⟨1/s⟩ ⟨s⟩), ⟨1/s⟩ over the directions that are not empty, and
    SCF* = SCF/(1 + (Q/P) ⟨s⟩ SCF/2), Q and P the empty and filled parts. Directions are
    min(5000, 2πρ²) points of a spiral. Baldwin and Lyumkis 2020 (doi
    10.1016/j.pbiomolbio.2019.09.002), whose program takes 10,000 views at most: where there
    are empty directions the result depends on the number.

    Closed forms for many views: 1 for uniform ones, 8/π² for views from the side.

    Parameters
    ----------
    views : numpy.ndarray, (n, 3)
        Directions of view, one at least.
    group : numpy.ndarray, (g, 3, 3)
        Of :func:`vrs.images.symmetry.point_group`; each view counts with all its copies.
    radius : float
        ρ, pixels.
    most : int or None
        If there are more views, the mean over five random draws of so many; None takes all.
    seed : int
        Of the draws.

    Returns
    -------
    SamplingFactor
    """
    views = np.asarray(views, float)
    directions = spiral(int(min(_MOST_DIRECTIONS, 2 * np.pi * radius ** 2)), offset=0)
    draws, used = 1, len(views)
    if most is not None and len(views) > most:
        draws, used = DRAWS, most
    rng = np.random.default_rng(seed)
    results, sampling = [], np.zeros(len(directions))
    for _ in range(draws):
        drawn = views if draws == 1 else views[rng.choice(len(views), used, replace=False)]
        counts = slab_counts(drawn, group, directions, [1 / (2 * radius)])[0]
        results.append(_factors(counts))
        sampling += counts / counts.mean() / draws
    scf, scf_star, empty = np.mean(results, axis=0)
    return SamplingFactor(float(scf), float(scf_star), float(empty), directions, sampling, used,
                          draws)


def _factors(counts):
    """SCF, SCF* and empty part from the slabs in each direction."""
    filled = counts > 0
    mean, part = counts.mean(), filled.mean()
    scf = 1 / (np.mean(1 / counts[filled]) * mean)
    return scf, scf / (1 + (1 - part) / part * mean * scf / 2), 1 - part


@dataclass(frozen=True)
class TiltedSampling:
    """What a tilt of the specimen would do to the sampling.

    Attributes
    ----------
    tilts : numpy.ndarray, (t,)
        Degrees.
    scf_star : numpy.ndarray, (t,)
        SCF* at each.
    best : float
        Tilt with the largest SCF*, degrees.
    sufficient : float or None
        Smallest tilt that brings SCF* to the limit, degrees, None if none does.
    """

    tilts: np.ndarray
    scf_star: np.ndarray
    best: float
    sufficient: Optional[float]


def tilted_sampling(views, group, limit, radius=RADIUS, tilts=TILTS, seed=0):
    """SCF* as it would be with the specimen tilted.

    In the grid particles lie with any angle about the beam. A tilt by α turns each view by α
    towards a direction that is random for each particle (Tan et al. 2017, doi
    10.1038/nmeth.4347).

    Parameters
    ----------
    views, group, radius, seed
        As of :func:`sampling_factor`; 10,000 views at most are drawn.
    limit : float
        SCF* to be reached.
    tilts : sequence of float
        Rising, degrees.

    Returns
    -------
    TiltedSampling
    """
    views, rng = np.asarray(views, float), np.random.default_rng(seed)
    if len(views) > MOST_VIEWS:
        views = views[rng.choice(len(views), MOST_VIEWS, replace=False)]
    aside = np.cross(views, rng.standard_normal(views.shape))
    aside /= np.linalg.norm(aside, axis=1)[:, None]
    tilts = np.asarray(tilts, float)
    values = np.array([
        sampling_factor(np.cos(tilt) * views + np.sin(tilt) * aside, group, radius).scf_star
        for tilt in np.radians(tilts)])
    enough = np.flatnonzero(values >= limit)
    return TiltedSampling(tilts, values, float(tilts[values.argmax()]),
                          float(tilts[enough[0]]) if enough.size else None)


@dataclass(frozen=True)
class Efficiency:
    """Efficiency of a distribution of orientations.

    Attributes
    ----------
    efficiency : float
        E = 1 - 2σ/mean of the resolutions over directions.
    mean_resolution, worst_resolution : float
        Å.
    worst_direction : numpy.ndarray, (3,)
    empty_fraction : float
        Part of Fourier space up to the resolution that no slab fills.
    directions : numpy.ndarray, (600, 3)
        Of real space, on half of the sphere.
    resolutions : numpy.ndarray, (600,)
        Along each, Å.
    """

    efficiency: float
    mean_resolution: float
    worst_resolution: float
    worst_direction: np.ndarray
    empty_fraction: float
    directions: np.ndarray
    resolutions: np.ndarray


def orientation_efficiency(views, group, resolution, diameter, b_factor=B_FACTOR):
    """Efficiency of a distribution of orientations, and resolution by direction.

    The transfer function T(k) is the number of slabs |k·v| < 1/(2D) at each point of Fourier
    space times exp(-B k²/4), up to 1/R. The width at half height of its Fourier transform, the
    point spread function, is the resolution in a direction, scaled so that a uniform
    distribution gives R. E = 1 - 2σ/mean over 600 directions (Naydenova and Russo 2017, doi
    10.1038/s41467-017-00782-3). T is unweighted, whereas reconstructions weigh their data so
    that well-sampled directions gain less.

    Parameters
    ----------
    views : numpy.ndarray, (n, 3)
        Directions of view, one at least.
    group : numpy.ndarray, (g, 3, 3)
        Of :func:`vrs.images.symmetry.point_group`; each view counts with all its copies.
    resolution : float
        R, Å.
    diameter : float
        D of the particle, Å.
    b_factor : float
        B, Å².

    Returns
    -------
    Efficiency
    """
    nodes, node_weights = np.polynomial.legendre.leggauss(_SHELLS)
    shells = (nodes + 1) / (2 * resolution)
    half_widths = 1 / (2 * diameter * shells)
    directions, shares = _table_directions(group)
    table = slab_counts(views, group, directions, half_widths)
    volumes = node_weights * shells ** 2
    falloff = volumes * np.exp(-b_factor * shells ** 2 / 4)
    farthest = max(1.5 * diameter / resolution, 10)
    distances = resolution * np.append(0, np.geomspace(0.05, farthest, _DISTANCES))
    uniform = (falloff * np.minimum(half_widths, 1)) @ np.sinc(2 * np.outer(shells, distances))
    transfer = np.tile(falloff[:, None] * table * shares, len(group))
    everywhere = equivalent_views(directions, group).reshape(-1, 3)
    along = spiral(_PSF_DIRECTIONS)
    spreads = _spread_functions(transfer, shells, everywhere, along, distances)
    resolutions = resolution * (_half_height(spreads, distances)
                                / _half_height(uniform[None], distances))
    worst = int(resolutions.argmax())
    empty = float(np.sum((volumes[:, None] * shares)[table == 0]) / (volumes.sum() * shares.sum()))
    return Efficiency(float(1 - 2 * resolutions.std() / resolutions.mean()),
                      float(resolutions.mean()), float(resolutions[worst]), along[worst], empty,
                      along, resolutions)


def _table_directions(group):
    """Directions of one asymmetric unit, and the part of the sphere that belongs to each."""
    directions = asymmetric_unit(group, _SPACING, mirror=True)
    copies = equivalent_views(directions, group).reshape(-1, 3)
    points = spiral(_SHARE_POINTS)
    nearest = cKDTree(np.concatenate([copies, -copies])).query(points)[1] % len(directions)
    return directions, np.bincount(nearest, minlength=len(directions)) / _SHARE_POINTS


def _spread_functions(transfer, shells, directions, along, distances):
    """Point spread functions along lines through the origin, (lines, distances).

    That along a line is the cosine transform of the transfer function projected onto it.
    """
    step = shells[-1] / (_PLANES - 1)
    waves = np.cos(2 * np.pi * step * np.outer(np.arange(_PLANES), distances))
    projected = np.empty((len(along), _PLANES))
    for row, cosines in zip(projected, np.abs(along @ directions.T)):
        places = np.outer(shells / step, cosines)
        planes = places.astype(np.intp)
        upper = (places - planes) * transfer
        row[:] = np.bincount(planes.ravel(), (transfer - upper).ravel(), _PLANES)
        row[1:] += np.bincount(planes.ravel(), upper.ravel(), _PLANES)[:-1]
    return projected @ waves


def _half_height(spreads, distances):
    """Where functions first fall to half of their beginning; the last distance if never."""
    spreads = spreads / spreads[:, :1]
    below = spreads < 0.5
    falls, after = below.any(axis=1), np.maximum(below.argmax(axis=1), 1)
    rows = np.arange(len(spreads))
    high, low = spreads[rows, after - 1], spreads[rows, after]
    start, end = distances[after - 1], distances[after]
    crossing = start + (end - start) * (high - 0.5) / np.where(falls, high - low, 1)
    return np.where(falls, crossing, distances[-1])
