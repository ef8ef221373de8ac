"""A contour level where none was recommended: from noise, connectivity and mass."""

from dataclasses import dataclass
from typing import Optional

import numpy as np

from vrs.numerics.masks import label_components

# Volume that protein fills, Å³ per kDa.
VOLUME_PER_KDA = 1207.0
# Share of a map that has one and the same value where it was masked.
_FILLED, _MASKED = 0.1, 0.5
_DEVIATIONS = 3.0
_ROUNDS = 100
_CONVERGED = 1e-4
_CONNECTED, _IN_PIECES = 0.9, 0.5
_STEPS = 8
_SAMPLED = 2_000_000
_MODE = 100  # values that a mode is the median of
# Side of the largest grid that components are sought on.
_SIDE = 200
# As wide as the tail of a normal distribution beyond its mean, per deviation.
_NORMAL = 1.4826


@dataclass(frozen=True)
class Solvent:
    """What surrounds a macromolecule.

    Attributes
    ----------
    level : float
        Its most frequent density.
    deviation : float or None
        Of its noise; None where the surroundings were masked out.
    """

    level: float
    deviation: Optional[float]


@dataclass(frozen=True)
class Suggestion:
    """A contour level, and how it was found.

    Attributes
    ----------
    threshold : float
    solvent : Solvent
    connected : float
        Share of the voxels at or above it that are one body.
    by : str
        "contrast": half of the way from the solvent to the mean density of what is above it;
        "connectivity": lower than that, as it left separate parts; "mass": where it encloses the
        volume of the specimen; "noise": 3 deviations of the noise above the solvent, as lower
        levels would enclose noise.
    volume : float
        Å³ at or above it.
    in_pieces : bool
        Whether the mass was not followed, as the map is in pieces at its level.
    """

    threshold: float
    solvent: Solvent
    connected: float
    by: str
    volume: float
    in_pieces: bool = False


def suggest_threshold(volume, sampling, mass=None):
    """A contour level for a map that comes without one.

    The density of the solvent and the deviation of its noise come from the densities up to the
    most frequent one, as macromolecules add to those above it. The level is the fixed point
    t = s + (m(t) - s) / 2, s being the solvent and m(t) the mean density of all voxels at or above
    t, found from 3 deviations above the solvent upwards (Ridler & Calvard 1978, doi
    10.1109/TSMC.1978.4310039, with the background known). Where less than 90 % of these voxels
    are one body, the highest lower level with so many is taken, if there is one above the noise.
    If the mass is known, the level is where the map encloses 1.207 Å³ per dalton, but not below
    3 deviations of the noise; the mass is not followed where less than half of these voxels would
    be one body, as if it were that of a part. Without the mass the level encloses 0.5 to 2 times
    the volume of simulated proteins at 4.5 to 15 Å (1.1 and 1.25 times that of the models of two
    public maps), and about 0.4 times at 3 Å and better, as contours of such maps usually do.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    sampling : float
        Å/voxel.
    mass : float, optional
        Of the specimen, kDa.

    Returns
    -------
    Suggestion or None
        None where nothing stands out of the surroundings.
    """
    solvent = find_solvent(volume)
    floor = solvent.level + _DEVIATIONS * (solvent.deviation or 0.0)
    above = _values_above(volume, floor)
    if above.size < 2:
        return None
    found = None
    if mass is not None:
        by, threshold = _enclosing(above, mass * VOLUME_PER_KDA / sampling ** 3)
        connected = _connected_share(volume, threshold)
        if connected >= _IN_PIECES:
            found = by, threshold, connected
    by, threshold, connected = found or _one_body(volume, above, solvent.level, floor)
    threshold = _rounded(threshold)
    return Suggestion(threshold, solvent, connected, by,
                      float(np.count_nonzero(volume >= threshold) * sampling ** 3),
                      mass is not None and found is None)


def find_solvent(volume):
    """Density and noise of what surrounds a macromolecule, without knowing where it is.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)

    Returns
    -------
    Solvent
    """
    step = max(1, volume.size // _SAMPLED)
    values, counts = np.unique(volume.ravel()[::step], return_counts=True)
    most = int(np.argmax(counts))
    share = counts[most] / counts.sum()
    if share > _MASKED:
        return Solvent(float(values[most]), None)
    if share > _FILLED:  # what was filled in at the corners, for instance
        counts[most] = 0
    values = np.repeat(values.astype(np.float64), counts)
    level = _mode(values)
    deviation = _NORMAL * float(np.median(level - values[values <= level]))
    return Solvent(level, deviation if deviation > 0 else None)


def _mode(values):
    """Half-sample mode of sorted values (Robertson & Cryer 1974, doi 10.2307/2286172)."""
    while values.size > _MODE:
        half = values.size // 2
        first = int(np.argmin(values[half:] - values[:values.size - half]))
        values = values[first:first + half]
    return float(np.median(values))


def _values_above(volume, floor):
    """Densities above a floor, sorted."""
    above = volume[volume > np.float32(floor)]
    above.sort()
    return above


def _enclosing(above, voxels):
    """How a level for a number of voxels was found, and the level, above the noise."""
    wanted = min(max(int(round(voxels)), 1), above.size)
    return "mass" if wanted < above.size else "noise", float(above[above.size - wanted])


def _one_body(volume, above, level, floor):
    """The level by contrast, lowered where the map falls apart, and the share of one body."""
    threshold = _half_way(above, level)
    connected = _connected_share(volume, threshold)
    lower = _connected_level(volume, floor, threshold) if connected < _CONNECTED else None
    return ("contrast", threshold, connected) if lower is None else ("connectivity",) + lower


def _half_way(above, level):
    """The fixed point of half of the way from a level to the mean of what is above it."""
    sums = np.cumsum(above[::-1], dtype=np.float64)[::-1]
    threshold = float(above[0])
    for _ in range(_ROUNDS):
        first = min(int(np.searchsorted(above, np.float32(threshold))), above.size - 1)
        mean = sums[first] / (above.size - first)
        following = max(level + (mean - level) / 2, float(above[0]))
        if abs(following - threshold) <= _CONVERGED * abs(following - level):
            return following
        threshold = following
    return threshold


def _connected_share(volume, threshold):
    """Share of the voxels at or above a threshold that are in the largest component.

    Large maps are looked at in blocks, which count as above the threshold when one of their
    voxels is.
    """
    mask = volume >= np.float32(threshold)
    side = -(-max(mask.shape) // _SIDE)
    counts = mask
    if side > 1:
        blocks = mask[tuple(slice(size // side * side) for size in mask.shape)]
        z, y, x = (size // side for size in blocks.shape)
        counts = blocks.reshape(z, side, y, side, x, side).sum(axis=(1, 3, 5))
        mask = counts > 0
    labels, _ = label_components(mask)
    sizes = np.bincount(labels.ravel(), weights=counts.ravel())[1:]
    return float(sizes.max() / sizes.sum()) if sizes.size else 0.0


def _connected_level(volume, floor, threshold):
    """The highest of some lower levels at which the map is one body, and its share."""
    for step in range(1, _STEPS + 1):
        level = threshold + (floor - threshold) * step / (_STEPS + 1)
        share = _connected_share(volume, level)
        if share >= _CONNECTED:
            return level, share
    return None


def _rounded(value):
    """With three digits that count, as reports give it."""
    return float("%.3g" % value)
