"""What tells two half maps apart besides their noise, and whether they are what they should be.

The difference of two half maps is noise only where they have the same scale, offset, sign and
place. Transforms are those of ``scipy.fft.rfftn``; vectors are x, y, z.
"""

from dataclasses import dataclass
from typing import Tuple

import numpy as np
from scipy import fft, ndimage

from vrs.numerics import fourier
from vrs.numerics.fsc import (FSC_THRESHOLD, correlates, correlation, cross_and_powers,
                              first_crossing, noise_level, shell_correlation)
from vrs.numerics.masked_fsc import independent_part, masked_transform
from vrs.numerics.masks import soft_mask, surroundings

# Displacements come from the shells up to this one: coefficients enough for a thousandth of a
# voxel.
_HIGHEST_SHELL = 48
_FINER = 1.5
_NEWTON_STEPS = 20
# Below, displacements (voxels), scales and offsets (deviations) are those of sound halves.
_SHIFTED, _SCALED, _OFFSET = 0.25, 1.05, 0.05
_SURE = 5
_WHOLE = 0.02
# Shells with less of the power say nothing: they may be all rounding.
_EMPTY_SHELL = 1e-6
_IDENTICAL, _IDENTICAL_BELOW_A_FILTER = 0.998, 0.9995
_WINDOW = 7
# Planes of which local variances are computed at once.
_SLAB = 16
_ENOUGH = 1000
_NO_NOISE, _MASKED = 0.01, 0.3
_SHARED, _DEVIATIONS = 0.1, 5
_BEYOND, _SMOOTHING, _OUTER = 1.3, 5, 0.9
_OTHER, _SURELY = 0.5, 0.8


@dataclass(frozen=True)
class HalfMatch:
    """How a second half map relates to the first one.

    ``half1 ≈ scale · half2(r + shift) + offset``, noise aside.

    Attributes
    ----------
    scale : float
        Negative where the densities are inverted.
    offset : float
    shift : tuple of float
        Displacement (x, y, z) of half 2, voxels; 0 where the halves are not related.
    shift_error : float
        Its standard deviation from the noise, along the axis where it is largest, voxels.
    correlation : float
        Of the voxels after scale, offset and shift were matched.
    fsc : numpy.ndarray, (shells,)
        Of the matched halves, for the shells of
        :func:`vrs.numerics.fourier.shell_frequencies`.
    smallest_fsc : float
        Of the shells that have power, except the origin.
    relative_offset : float
        Offset over the deviation of half 1.
    related : bool
        Whether the halves have anything in common; without, none of the others is true.
    identical : bool
        Whether they are the same map up to scale, offset, shift and rounding: FSC > 0.998
        (0.9995 where a filter left shells without power) in every shell up to Nyquist.
    shifted : bool
        By more than a quarter of a voxel and five deviations.
    scaled : bool
        By more than 5 %.
    inverted : bool
    """

    scale: float
    offset: float
    shift: Tuple[float, float, float]
    shift_error: float
    correlation: float
    fsc: np.ndarray
    smallest_fsc: float
    relative_offset: float
    related: bool
    identical: bool
    shifted: bool
    scaled: bool
    inverted: bool

    @property
    def is_offset(self):
        """Whether the offset is more than a twentieth of the deviation of half 1."""
        return self.related and self.relative_offset > _OFFSET


def match_halves(half1, half2, workers=1):
    """Find scale, offset, sign and shift between two half maps.

    The place of the largest value, positive or negative, of their cross-correlation starts a
    maximisation of Σ γ²/(1 - γ²) cos φ, φ being the phases of F1 F2* and γ the FSC of their
    shells (Knapp and Carter 1976, doi 10.1109/TASSP.1976.1162830). The scale is the ratio of
    amplitudes in shells weighted by their signal, F1 F2*, as a line fitted through the
    voxels would be too flat from the noise of half 2.

    Parameters
    ----------
    half1, half2 : numpy.ndarray of float32, (z, y, x)
    workers : int

    Returns
    -------
    HalfMatch
    """
    shape = half1.shape
    one, two = (fft.rfftn(half, workers=workers) for half in (half1, half2))
    shift, error, sign = _displacement(one, two, shape)
    cross, power1, power2 = _matched_sums(one, two, shape, shift)
    curve = sign * correlation(cross, power1, power2)
    related = correlates(curve, fourier.shell_counts(shape)) or _identical(curve, power1)
    if not related:
        shift, error, sign = (0.0, 0.0, 0.0), 0.0, 1
        cross, power1, power2 = _matched_sums(one, two, shape, shift)
        curve = correlation(cross, power1, power2)
    scale = sign * _ratio(sign * cross, power1, power2)
    del one, two
    mean1, mean2 = (half.mean(dtype=np.float64) for half in (half1, half2))
    offset = float(mean1 - scale * mean2)
    # Plane by plane, so that no further array of the map's size is needed.
    deviation = np.sqrt(np.mean([np.square(np.subtract(plane, mean1, dtype=np.float64)).mean()
                                 for plane in half1]))
    total = np.sqrt(power1[1:].sum() * power2[1:].sum())
    powerful = power1 > _EMPTY_SHELL * power1[1:].max()
    powerful[0] = False
    return HalfMatch(
        scale=scale, offset=offset, shift=shift, shift_error=error,
        correlation=float(sign * cross[1:].sum() / total) if total > 0 else 0.0,
        fsc=curve, smallest_fsc=float(curve[powerful].min()) if powerful.any() else 0.0,
        relative_offset=float(abs(offset) / deviation) if deviation > 0 else 0.0,
        related=related, identical=related and _identical(curve, power1),
        shifted=bool(np.linalg.norm(shift) > max(_SHIFTED, _SURE * error)),
        scaled=related and bool(abs(np.log(abs(scale))) > np.log(_SCALED)), inverted=sign < 0)


def matched(half2, match, workers=1):
    """Half 2 as it would be with the scale, offset, sign and place of half 1.

    Only what differs beyond the bounds of :class:`HalfMatch` is changed: sound halves come
    back as they are. Shifts by whole voxels move voxels, others turn phases; what leaves the
    box comes in on the other side.

    Parameters
    ----------
    half2 : numpy.ndarray of float32, (z, y, x)
        Not changed.
    match : HalfMatch
    workers : int

    Returns
    -------
    numpy.ndarray of float32, (z, y, x)
    """
    volume = half2
    if match.shifted:
        volume = _moved(volume, match.shift, workers)
    if match.scaled or match.inverted or match.is_offset:
        volume = np.float32(match.scale) * volume + np.float32(match.offset)
    return volume


@dataclass(frozen=True)
class Masking:
    """Whether half maps were masked before.

    Attributes
    ----------
    empty : float
        Part of the surroundings of the macromolecule that has next to no noise; NaN without
        surroundings.
    noise_ratio : float
        Median variance of the noise there, over that within the mask.
    masked : bool
        Whether more than 30 % are empty.
    """

    empty: float
    noise_ratio: float
    masked: bool


def find_masking(half1, half2, mask, sampling):
    """Whether the noise of two half maps ends around the macromolecule.

    The noise of a reconstruction fills the box. Its local variance is that of the half
    difference in windows of 7³ voxels; the surroundings are what is beyond 10 Å from the mask
    and within 0.95 of the inscribed ellipsoid, as some programs zero the corners.

    Parameters
    ----------
    half1, half2 : numpy.ndarray of float32, (z, y, x)
        Matched.
    mask : numpy.ndarray of bool, (z, y, x)
        Of the macromolecule.
    sampling : float
        Å/voxel.

    Returns
    -------
    Masking
    """
    around = surroundings(mask, sampling)
    if np.count_nonzero(around) < _ENOUGH:
        return Masking(np.nan, np.nan, False)
    within, outside = [], []
    for planes, variance in _local_variances(half1, half2):
        within.append(variance[mask[planes]])
        outside.append(variance[around[planes]])
    del around
    within, outside = (np.concatenate(values) for values in (within, outside))
    inside = float(np.median(within))
    empty = float(np.mean(outside <= _NO_NOISE * inside))
    ratio = float(np.median(outside, overwrite_input=True)) / inside if inside > 0 else np.nan
    return Masking(empty, ratio, empty > _MASKED)


@dataclass(frozen=True)
class SharedNoise:
    """Whether half maps have noise in common.

    Attributes
    ----------
    outside : float
        Correlation of the fine details (beyond half of Nyquist) around the macromolecule;
        NaN without noise there.
    beyond : float
        Mean FSC, without mask, beyond 1.3 times the frequency where it falls below 0.143;
        NaN without such shells.
    nyquist : float
        Mean FSC, without mask, of the outer tenth of the shells.
    shared : bool
        Whether ``outside`` or, without it, ``beyond`` is above 0.1 and five times its
        deviation by chance.
    """

    outside: float
    beyond: float
    nyquist: float
    shared: bool


def find_shared_noise(half1, half2, mask, sampling, workers=1, masking=None):
    """Whether what lies around the macromolecule is the same in both half maps.

    Parameters
    ----------
    half1, half2 : numpy.ndarray of float32, (z, y, x)
        Matched.
    mask : numpy.ndarray of bool, (z, y, x)
        Of the macromolecule.
    sampling : float
        Å/voxel.
    workers : int
    masking : Masking, optional
        Of :func:`find_masking`, where it is known already.

    Returns
    -------
    SharedNoise
    """
    shape = half1.shape
    one, two = (fft.rfftn(half, workers=workers) for half in (half1, half2))
    curve, counts = shell_correlation(one, two, shape), fourier.shell_counts(shape)
    shells = np.arange(len(curve))
    del one, two
    outer = shells >= _OUTER * (len(curve) - 1)
    nyquist = float(np.average(curve[outer], weights=counts[outer]))
    beyond, beyond_error = _mean_beyond(curve, counts)
    if masking is None:
        masking = find_masking(half1, half2, mask, sampling)
    around = surroundings(mask, sampling)
    if np.count_nonzero(around) < _ENOUGH or (masking.masked
                                              and not _same_noise(half1, half2, around)):
        shared = bool(beyond > max(_SHARED, _DEVIATIONS * beyond_error))
        return SharedNoise(np.nan, beyond, nyquist, shared)
    # What is fine in the macromolecule must not leak into its surroundings: it goes first.
    window = soft_mask(around)
    del around
    one, two = (masked_transform(half, window, workers) for half in (half1, half2))
    fine = shells >= len(curve) // 2
    sums = fourier.shell_sums(shape, lambda z: cross_and_powers(one[z], two[z]))[:, fine]
    outside = float(correlation(*sums.sum(axis=1)))
    error = np.sqrt(2 / (counts[fine].sum() * independent_part(window)))
    return SharedNoise(outside, beyond, nyquist,
                       bool(outside > max(_SHARED, _DEVIATIONS * error)))


@dataclass(frozen=True)
class OfMap:
    """Whether half maps are those of a map.

    Attributes
    ----------
    agreement : float
        Median FSC, within the mask and up to the limit, of the map and the mean of the
        halves, in the place, sign and hand in which they agree best.
    shift : tuple of float
        Displacement (x, y, z) of the halves from the map, voxels.
    shifted : bool
        By more than a quarter of a voxel and five deviations.
    inverted : bool
    mirrored : str
        The axis, "x", "y" or "z", along which the mean has to be mirrored; empty for none.
    other : bool
        Whether the agreement is below 0.5, so that they belong to another map.
    """

    agreement: float
    shift: Tuple[float, float, float]
    shifted: bool
    inverted: bool
    mirrored: str
    other: bool


def compare_with_map(half1, half2, volume, mask, sampling, limit=None, workers=1):
    """Compare the mean of two half maps with a map.

    Filters and sharpening do not change the FSC, so that it tells the maps apart as such.

    Parameters
    ----------
    half1, half2 : numpy.ndarray of float32, (z, y, x)
        Matched.
    volume : numpy.ndarray of float32, (z, y, x)
    mask : numpy.ndarray of float32, (z, y, x)
        Soft mask of the macromolecule in the map.
    sampling : float
        Å/voxel.
    limit : float, optional
        1/Å, up to which they are compared; by default where the FSC of the halves falls
        below 0.143.
    workers : int

    Returns
    -------
    OfMap
    """
    shape = volume.shape
    frequencies = fourier.shell_frequencies(shape, sampling)
    if limit is None:
        transforms = [fft.rfftn(half, workers=workers) for half in (half1, half2)]
        limit = first_crossing(frequencies, _smoothed(shell_correlation(*transforms, shape)),
                               FSC_THRESHOLD).frequency or frequencies[-1]
        del transforms
    within = (frequencies <= limit) & (np.arange(len(frequencies)) > 0)
    mean = half1 + half2
    mean /= 2

    def transform(values):
        return fft.rfftn(values * mask, workers=workers, overwrite_x=True)

    def compared(mean, mirrored):
        match = match_halves(volume, mean, workers)
        curve = shell_correlation(transform(volume), transform(matched(mean, match, workers)),
                                  shape)
        agreement = float(np.median(curve[within]))
        return OfMap(agreement, match.shift, match.shifted, match.inverted, mirrored,
                     agreement < _OTHER)

    found = compared(mean, "")
    if found.other:
        mirrors = [compared(np.flip(mean, axis), name) for axis, name in enumerate("zyx")]
        best = max(mirrors, key=lambda one: one.agreement)
        found = best if best.agreement > _SURELY else found
    return found


def _displacement(one, two, shape):
    """Displacement of the second map, voxels (x, y, z), its error, and the sign of the
    correlation."""
    places = [np.arange(-count, count + 1) for count in _reach(shape)]
    places[2] = places[2][places[2] >= 0]
    block = np.ix_(*places)
    cross = one[block].astype(np.complex128) * two[block].conj()
    power1, power2 = (np.square(np.abs(transform[block])).astype(float)
                      for transform in (one, two))
    radii = np.sqrt(sum((axis / count * max(shape)) ** 2
                        for axis, count in zip(np.ix_(*places), shape)))
    shells = np.rint(radii).astype(np.intp)
    weights = np.broadcast_to(np.where(places[2] == 0, 1.0, 2.0), cross.shape)
    weights = weights * ((shells > 0) & (shells <= _HIGHEST_SHELL))
    chance = noise_level(np.bincount(shells.ravel(), weights.ravel()))
    shift, sign = _coarse(cross, weights, places, shape)
    waves = [2 * np.pi * axis / count for axis, count in zip(places, shape)]
    for _ in range(2):
        turned = sign * (cross * _phases(waves, -shift)).real
        curve = correlation(*(np.bincount(shells.ravel(), (weights * values).ravel())
                              for values in (turned, power1, power2)))
        gamma = np.where(curve > chance, np.clip(curve, 0, 0.999), 0)[shells] ** 2
        size = np.abs(cross)
        telling = np.divide(weights * gamma / (1 - gamma), size, out=np.zeros_like(size),
                            where=size > 0)
        shift, curvature = _climbed(sign * telling * cross, waves, shift)
    # The curvature of the likelihood of phases, whose Fisher information is 2 γ²/(1 - γ²).
    error = 1 / np.sqrt(max(np.linalg.eigvalsh(curvature)[0], 1e-12))
    return tuple(float(step) for step in shift[::-1]), float(error), sign


def _reach(shape):
    """Highest wave numbers along the axes."""
    return [min(_HIGHEST_SHELL * count // max(shape), (count - 1) // 2) for count in shape]


def _coarse(cross, weights, places, shape):
    """Where the cross-correlation of the maps, half whitened, is largest in size."""
    grid = [fft.next_fast_len(int(np.ceil(_FINER * (2 * axis[-1] + 1)))) for axis in places]
    size = np.sqrt(np.abs(cross))
    spectrum = np.zeros((grid[0], grid[1], grid[2] // 2 + 1), complex)
    spectrum[np.ix_(places[0], places[1], places[2])] = np.divide(
        cross.conj() * (weights > 0), size, out=np.zeros_like(cross), where=size > 0)
    found = fft.irfftn(spectrum, s=grid)
    peak = np.unravel_index(np.argmax(np.abs(found)), grid)
    shift = np.array([(place + count // 2) % count - count // 2
                      for place, count in zip(peak, grid)], float)
    return shift * np.array(shape) / grid, (1 if found[peak] >= 0 else -1)


def _climbed(terms, waves, shift):
    """Maximum of Σ Re terms exp(-i k·shift) that is reached from a start, by Newton's method,
    and the curvature there."""
    z, y, x = np.ix_(*waves)
    longest = 1 / max(axis[-1] for axis in waves)
    for _ in range(_NEWTON_STEPS):
        turned = terms * _phases(waves, -shift)
        gradient = np.array([(axis * turned.imag).sum() for axis in (z, y, x)])
        hessian = -np.array([[(one * other * turned.real).sum() for other in (z, y, x)]
                             for one in (z, y, x)])
        if not np.all(np.linalg.eigvalsh(hessian) < 0):
            break
        step = -np.linalg.solve(hessian, gradient)
        step *= min(1, longest / max(np.linalg.norm(step), 1e-12))
        shift = shift + step
        if np.abs(step).max() < 1e-4:
            break
    return shift, -hessian


def _phases(waves, shift):
    z, y, x = (np.exp(1j * axis * step) for axis, step in zip(waves, shift))
    return z[:, None, None] * y[:, None] * x


def _matched_sums(one, two, shape, shift):
    """Cross term and powers by shell, after the second map was moved back."""
    z, y, x = (np.exp(2j * np.pi * waves * step).astype(np.complex64) for waves, step in zip(
        (fft.fftfreq(shape[0]), fft.fftfreq(shape[1]), fft.rfftfreq(shape[2])), shift[::-1]))
    turn = y[:, None] * x

    def products(plane):
        first, second = one[plane], two[plane] * (z[plane] * turn)
        return ((first * second.conj()).real, np.square(np.abs(first)), np.square(np.abs(second)))

    return fourier.shell_sums(shape, products)


def _identical(curve, power):
    powerful = power > _EMPTY_SHELL * power[1:].max()
    powerful[0] = False
    # A filter takes away what tells good halves apart; copies still differ by their rounding, and
    # by what it does to their place.
    limit = _IDENTICAL if powerful[1:].all() else _IDENTICAL_BELOW_A_FILTER
    return bool(powerful.any() and curve[powerful].min() > limit)


def _ratio(signal, power1, power2):
    """Ratio of amplitudes, by the signal that the shells have."""
    weights = np.maximum(signal, 0)
    weights[0] = 0
    usable = (weights > 0) & (power2 > 0)
    if not usable.any():
        total1, total2 = power1[1:].sum(), power2[1:].sum()
        return float(np.sqrt(total1 / total2)) if total1 > 0 and total2 > 0 else 1.0
    return float(np.sqrt(np.average(power1[usable] / power2[usable], weights=weights[usable])))


def _moved(volume, shift, workers):
    back = -np.array(shift[::-1])
    whole = np.rint(back).astype(int)
    if np.abs(back - whole).max() < _WHOLE:
        return np.roll(volume, whole, axis=(0, 1, 2))
    transform = ndimage.fourier_shift(fft.rfftn(volume, workers=workers), back,
                                      n=volume.shape[2])
    return fft.irfftn(transform.astype(np.complex64), s=volume.shape, workers=workers,
                      overwrite_x=True)


def _same_noise(half1, half2, around):
    """Whether halves are the same at some places, though not empty there: then there is no
    difference that could tell noise from none."""
    lowest, highest = np.inf, -np.inf
    for one, two, chosen in zip(half1, half2, around):
        values = one[chosen]
        if not np.array_equal(values, two[chosen]):
            return False
        lowest, highest = (min(lowest, values.min(initial=lowest)),
                           max(highest, values.max(initial=highest)))
    return bool(lowest < highest)


def _local_variances(half1, half2):
    """Variance of the half difference in windows around voxels, a slab of planes at a time."""
    beyond = _WINDOW // 2
    for first in range(0, len(half1), _SLAB):
        low, end = max(first - beyond, 0), min(first + _SLAB, len(half1))
        difference = half1[low:end + beyond] - half2[low:end + beyond]
        mean = ndimage.uniform_filter(difference, _WINDOW)
        square = ndimage.uniform_filter(np.square(difference), _WINDOW)
        yield slice(first, end), (square - np.square(mean))[first - low:end - low]


def _smoothed(curve):
    # Single shells near the origin have few coefficients and may dip by chance.
    return ndimage.uniform_filter1d(curve, _SMOOTHING)


def _mean_beyond(curve, counts):
    """Mean of the FSC well beyond where it falls, and its deviation by chance."""
    shells = np.arange(len(curve))
    crossing = first_crossing(shells, _smoothed(curve), FSC_THRESHOLD)
    if not crossing.falls or not crossing.frequency:
        return np.nan, np.nan
    beyond = shells > _BEYOND * crossing.frequency
    if np.count_nonzero(beyond) < 3:
        return np.nan, np.nan
    # Coefficients come in conjugate pairs.
    return (float(np.average(curve[beyond], weights=counts[beyond])),
            float(np.sqrt(2 / counts[beyond].sum())))
