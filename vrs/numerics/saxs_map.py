"""Small-angle X-ray scattering of the particle in a map.

A map is not the density of electrons: its solvent level, its lowest frequencies and its sharpness
are arbitrary, and its own transform fits no curve. The map's shape is reliable: a contour, filled
with protein in water.
"""

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

from vrs.numerics.masks import bounding_box, dilate, label_components, largest_component
from vrs.numerics.saxs import SaxsFit, fit_particle, highest_q
from vrs.numerics.scattering import (SHELL_THICKNESS, WATER_DENSITY, Lattice, blurred_samples,
                                     largest_distance, padded, shell_around, solvated_particle)

VOLUME_PER_DALTON = 1.21
# Electrons of protein per dalton; 0.442 e/Å³, 0.108 more than water.
_ELECTRONS_PER_DALTON = 0.535
_EXCESS = _ELECTRONS_PER_DALTON / VOLUME_PER_DALTON - WATER_DENSITY
# Contours that are tried, as volumes: over the expected one, where the mass is known and where
# it is not; and how far off it usually is, as standard deviation of the logarithm.
_VOLUMES = {True: (0.8, 1.25), False: (0.6, 1.5)}
_VOLUME_SPREAD = {True: 0.15, False: 0.3}
_CONTOURS = 9
# The given level shows the particle, if perhaps not all or more than all of it: the volume is
# within this factor. A contour may grow this far beyond the given one, Å.
_TRUSTED, _GROWTH = 2.0, 8.0
_SAMPLING = 1.6
# Contours of finer detail than this (Å) are those of side chains, and no surface for water.
_COARSEST = 5.0
_GAUSSIAN = 1 / (np.pi * np.sqrt(2))
_LARGEST_HOLE = 0.01


@dataclass(frozen=True)
class MapFit:
    """How the particle in a map fits a curve.

    Attributes
    ----------
    fit : vrs.numerics.saxs.SaxsFit
        At the best contour.
    volume : float
        Enclosed by it, Å³.
    threshold : float
        Contour level of the map that encloses as much.
    given_volume : float
        Enclosed by the given level, Å³.
    expected_volume : float
        1.21 Å³ per dalton; without a mass, that at the given level.
    volumes, chi2 : numpy.ndarray of float64, (contours,)
        Of all contours that were tried.
    """

    fit: SaxsFit
    volume: float
    threshold: float
    given_volume: float
    expected_volume: float
    volumes: np.ndarray
    chi2: np.ndarray


def fit_map(curve, volume, sampling, threshold, resolution=None, mass=None, workers=1):
    """Fit the scattering of the particle in a map to a curve.

    Contours of different volumes are filled with protein of constant density in water, with a
    hydration shell of 3 Å. The best one has the least χ²·(1 + (ln(V/V₀)/s)²): if the mass is known,
    V₀ is 1.21 Å³ per dalton, s = 0.15 and V lies between 0.8 and 1.25 V₀; else V₀ is the volume
    at the given contour level, s = 0.3 and V between 0.6 and 1.5 V₀. In any case the volume is
    within a factor of 2 of that at the given level. The term of the volume lets the curve, whose
    errors are rarely known well, move the contour only where it gains much. Maps finer than 5 Å
    are blurred to 5 Å first.

    Parameters
    ----------
    curve : vrs.numerics.saxs.SaxsCurve
        Used up to :func:`vrs.numerics.saxs.highest_q`.
    volume : numpy.ndarray of float32, (z, y, x)
    sampling : float
        Å/voxel.
    threshold : float
        Contour level that shows the particle. Only what it holds, and what is connected to
        that at lower levels within 12 Å, belongs to the particle.
    resolution : float, optional
        Å.
    mass : float, optional
        Of the particle in the map, Da.
    workers : int

    Returns
    -------
    MapFit

    Raises
    ------
    ValueError
        If nothing is above the threshold, no contour can enclose such a volume, the curve has
        too few points or the particle is too large.
    """
    curve = curve.up_to(highest_q(resolution))
    contours = _Contours(volume, sampling, threshold, resolution)
    known = mass is not None
    expected = VOLUME_PER_DALTON * mass if known else contours.given_volume
    fits, volumes, scores = [], [], []
    for wanted in _volumes(expected, contours.given_volume, known):
        mask = contours.mask(wanted)
        if mask is None:
            continue
        enclosed = np.count_nonzero(mask) * contours.sampling ** 3
        particle = solvated_mask(mask, contours.sampling, curve.q[-1], workers)
        # The contour is one more parameter.
        fits.append(fit_particle(curve, particle, further=1))
        volumes.append(enclosed)
        off = np.log(enclosed / expected) / _VOLUME_SPREAD[known]
        scores.append(fits[-1].chi2 * (1 + off ** 2))
    if not fits:
        raise ValueError("No contour of the map encloses a volume near %.3g Å³; check the "
                         "threshold and the mass." % expected)
    best = int(np.argmin(scores))
    return MapFit(fits[best], volumes[best], contours.level(volumes[best]),
                  contours.given_volume, float(expected), np.array(volumes),
                  np.array([fit.chi2 for fit in fits]))


def solvated_mask(mask, sampling, q_max, workers=1):
    """Scattering of a mask filled with protein, in water.

    Parameters
    ----------
    mask : numpy.ndarray of bool, (z, y, x)
        Holes that are smaller than 1 % of it are filled too.
    sampling : float
        Å/voxel.
    q_max : float
        1/Å, up to which intensities will be right; at most 1 / sampling.
    workers : int

    Returns
    -------
    vrs.numerics.scattering.SolvatedParticle

    Raises
    ------
    ValueError
        If the mask is empty or the particle is too large.
    """
    box = bounding_box(mask)
    if box is None:
        raise ValueError("The mask is empty.")
    lattice = Lattice.for_q(q_max, sampling)
    margin = int(np.ceil((lattice.reach + SHELL_THICKNESS) / sampling)) + 2
    body = _without_holes(np.pad(mask[box], margin))
    inside = np.argwhere(body & ~ndimage.binary_erosion(body)) * sampling
    samples = [blurred_samples(density, sampling, lattice)
               for density in (np.float32(_EXCESS) * body, shell_around(body, sampling))]
    shape = padded(samples[0].shape)
    transforms = [fft.rfftn(density, s=shape, workers=workers) for density in samples]
    return solvated_particle(*transforms, shape, lattice,
                             np.count_nonzero(body) * sampling ** 3,
                             largest_distance(inside) + sampling, workers)


class _Contours:
    """Masks of a particle at different levels, from those parts that belong to it."""

    def __init__(self, volume, sampling, threshold, resolution):
        core = largest_component(volume >= threshold)
        box = bounding_box(core)
        if box is None:
            raise ValueError("No voxel of the map reaches the threshold %g; its maximum is %g."
                             % (threshold, volume.max()))
        growth = int(np.ceil(_GROWTH / sampling)) + 1
        box = tuple(slice(max(0, axis.start - growth), axis.stop + growth) for axis in box)
        self._original, core = volume[box], core[box]
        self.given_volume = np.count_nonzero(core) * sampling ** 3
        self._original_near = dilate(core, _GROWTH, sampling)
        self._original_sampling = sampling
        detail = _COARSEST ** 2 - min(resolution or 2 * sampling, _COARSEST) ** 2
        smooth = self._original.astype(np.float32)
        if detail > 0:
            smooth = ndimage.gaussian_filter(smooth, _GAUSSIAN * np.sqrt(detail) / sampling)
        self._volume, self.sampling = _at_medium_sampling(smooth, sampling)
        self._core = _at_medium_sampling(core.astype(np.float32), sampling)[0] >= 0.5
        self._near = dilate(self._core, _GROWTH, self.sampling)
        self._sorted = np.sort(self._volume[self._near])[::-1]

    def mask(self, wanted):
        """What a contour encloses of about the wanted volume (Å³); None without one."""
        place = int(round(wanted / self.sampling ** 3)) - 1
        if not 0 <= place < len(self._sorted):
            return None
        labels, _ = label_components(self._near & (self._volume >= self._sorted[place]))
        kept = np.zeros(labels.max() + 1, bool)
        kept[labels[self._core]] = True
        kept[0] = False
        mask = kept[labels]
        return mask if mask.any() else None

    def level(self, enclosed):
        """The level of the map as it was given that encloses a volume (Å³)."""
        values = self._original[self._original_near]
        place = int(round(enclosed / self._original_sampling ** 3)) - 1
        place = min(max(place, 0), len(values) - 1)
        return float(-np.partition(-values, place)[place])


def _volumes(expected, given, known):
    """Volumes to try, Å³; the nearest trusted one where none is near the expected one."""
    low, high = (expected * factor for factor in _VOLUMES[known])
    low, high = (np.clip(value, given / _TRUSTED, given * _TRUSTED) for value in (low, high))
    return np.geomspace(low, high, _CONTOURS) if high > low else np.array([low])


def _at_medium_sampling(volume, sampling):
    """A map in voxels of about 1.6 Å, and their size: means of blocks, or by splines."""
    finer, coarser = round(sampling / _SAMPLING), round(_SAMPLING / sampling)
    if finer > 1:
        shape = tuple((count - 1) * finer + 1 for count in volume.shape)
        resampled = ndimage.affine_transform(volume, np.eye(3) / finer, output_shape=shape,
                                             mode="nearest")
        return resampled, sampling / finer
    if coarser <= 1:
        return volume, sampling
    full = np.pad(volume, [(0, -count % coarser) for count in volume.shape], mode="edge")
    z, y, x = (count // coarser for count in full.shape)
    blocks = full.reshape(z, coarser, y, coarser, x, coarser)
    return blocks.mean(axis=(1, 3, 5)), sampling * coarser


def _without_holes(mask):
    """A mask with its small holes filled, as they come from noise and not from water."""
    labels, _ = ndimage.label(~mask)
    sizes = np.bincount(labels.ravel())
    small = sizes <= _LARGEST_HOLE * np.count_nonzero(mask)
    small[0] = False
    return mask | small[labels]
