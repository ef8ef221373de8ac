"""Class averages and the projections of a map that they resemble."""

import logging
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Optional

import numpy as np

from vrs.checks.particle_images import DETAIL
from vrs.errors import NotMeasured
from vrs.images.agreement import covariances, grey_fit, within
from vrs.images.conventions import MAGNIFICATIONS, MagnificationScan, magnification_scan
from vrs.images.gallery import Gallery, Rings, gallery_of_map
from vrs.images.particles import fourier_cropped
from vrs.images.projector import Projector, centred_cube
from vrs.images.refine import LocalSearch, Poses, align
from vrs.images.search import Search, shift_grid
from vrs.images.symmetry import asymmetric_unit, point_group
from vrs.inputs.particles import mask_diameter
from vrs.numerics.fourier import filtered, raised_cosine
from vrs.numerics.random_phases import with_random_phases
from vrs.numerics.resample import fourier_resample

SPACING = 5.0  # Of the gallery, degrees.
NULLS, PERCENTILE = 20, 97.5
# Detail that is compared where the resolution of a class is not known, Å.
UNKNOWN = 15.0
LIMIT = 0.7
_FIRST, _FEWEST_SHELLS = 1, 3
# Neighbours of the gallery differ by more than a wave number beyond this shell.
_SEARCHED = 16
_REACH = 0.1  # How far classes may be off the centre, of the box.
_STARTS = 3
_ROOM = 1.2  # Disc over diameter of the mask: the outline of a particle tells it, too.
_EDGE = 3.0  # Of the ball that is cut out of the map, voxels.
# Frequency up to which all is background, and width over which detail comes in, times the diameter
# of the mask. A sharp limit would depend on where the coefficients of a box happen to lie.
_BACKGROUND, _COMES_IN = 0.85, 0.8
_MARGIN = 1.4  # Box over disc.
_PIXELS_PER_DETAIL, _LARGEST_BOX = 2.5, 128
_TRIED = 20  # Classes that decide on the contrast.
_SCANNED, _FEWEST_SCANNED = 20, 5
# Coarser classes, by part of the finest detail, are blurred, which makes them look large.
_SHARP = 0.75

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class WorkingClasses:
    """Class averages as they are compared.

    Attributes
    ----------
    images : numpy.ndarray of float32, (n, box, box)
    sampling : float
        Å/pixel.
    diameter : float
        Of the disc, pixels: the particle's as it was given, else with some room about the mask.
    last : numpy.ndarray of int, (n,)
        Last shell of each that is compared.
    occupancy : numpy.ndarray of float64, (n,)
    sign : int
        -1 where the images had to be inverted.
    workers : int
    """

    images: np.ndarray
    sampling: float
    diameter: float
    last: np.ndarray
    occupancy: np.ndarray
    sign: int
    workers: int

    def __len__(self):
        return len(self.images)

    @property
    def box(self):
        """Pixels of the side of the images."""
        return self.images.shape[-1]

    @property
    def reach(self):
        """How far they may be off the centre along x and y, pixels."""
        return _REACH * self.box

    def take(self, rows):
        """Some of them."""
        return replace(self, images=self.images[rows], last=self.last[rows],
                       occupancy=self.occupancy[rows])

    def inverted(self):
        """The same with inverted contrast."""
        return replace(self, images=-self.images, sign=-self.sign)

    def bands(self):
        """Last shells, and the rows of the classes that each belongs to."""
        return [(int(last), np.flatnonzero(self.last == last)) for last in np.unique(self.last)]


def working_classes(averages, evidence):
    """Class averages cut to the particle, with as few pixels as show their detail.

    Parameters
    ----------
    averages : vrs.checks.class_averages.Averages
    evidence : vrs.inputs.Evidence
        With a map.

    Returns
    -------
    WorkingClasses
    """
    needed = mask_diameter(evidence.map)
    size = evidence.particles.diameter if evidence.has("particles") else None
    size = size or _ROOM * needed
    images, sampling = averages.images, averages.sampling
    extent = images.shape[-1] * sampling
    if extent < needed:
        raise NotMeasured(
            "The class averages are %.4g Å wide, and the particle in the map %.4g Å; check both "
            "pixel sizes, and give averages that show the whole particle." % (extent, needed))
    side = min(images.shape[-1] // 2 * 2, 2 * int(np.ceil(_MARGIN * size / sampling / 2)))
    start = images.shape[-1] // 2 - side // 2
    images = images[:, start:start + side, start:start + side]
    reported = evidence.reported.resolution if evidence.has("reported") else None
    detail = max(DETAIL, 2 * evidence.map.sampling, reported or 0)
    box = min(side, _LARGEST_BOX,
              2 * int(np.ceil(side * sampling * _PIXELS_PER_DETAIL / detail / 2)))
    fewest = int((_BACKGROUND + _COMES_IN) * side * sampling / needed) + _FEWEST_SHELLS
    if box < 2 * (fewest + 1):
        raise NotMeasured(
            "The particle spans only %.0f Å, or %d pixels of the class averages, which show no "
            "detail finer than %.1f Å; give averages with a smaller pixel size, or check the pixel "
            "size and the resolution." % (side * sampling, side, max(detail, 2 * sampling)))
    resolution = np.where(np.isfinite(averages.resolution), averages.resolution, UNKNOWN)
    last = (side * sampling / np.maximum(resolution, detail)).astype(int)
    last = np.clip(last, fewest, box // 2 - 1)
    sampling *= side / box
    images = fourier_cropped(np.ascontiguousarray(images), box, evidence.run.workers)
    images = np.array([_without_background(image[None], sampling, needed)[0] for image in images])
    return WorkingClasses(images, sampling, min(size / sampling, box - 4.0), last,
                          averages.occupancy, 1, evidence.run.workers)


def _without_background(values, sampling, diameter, workers=1):
    """A map or a plane of it without waves that are longer than the particle."""
    return filtered(values, sampling, lambda squared: 1 - raised_cosine(
        np.sqrt(squared), _BACKGROUND / diameter, _COMES_IN / diameter), workers)


class Matching:
    """Searches for the projections of a map that class averages resemble.

    Parameters
    ----------
    classes : WorkingClasses
    volume : numpy.ndarray of float32, (z, y, x)
        Zero outside the particle.
    sampling : float
        Å/voxel.
    directions : numpy.ndarray, (d, 3)
        Of view, in the gallery.
    """

    def __init__(self, classes, volume, sampling, directions):
        self._classes = classes
        self._projector = Projector(volume, sampling, classes.box, classes.sampling,
                                    classes.workers)
        last = min(_SEARCHED, int(classes.last.max()))
        self._gallery = gallery_of_map(self._projector, Rings(classes.box, _FIRST, last),
                                       directions)
        self._shifts = shift_grid(classes.reach, max(1.0, classes.box / (2 * last)))

    def local(self, last):
        """Comparison at given poses up to a shell, a LocalSearch."""
        return LocalSearch(self._projector, self._classes.diameter, _FIRST, last,
                           self._classes.workers)

    def best(self, classes):
        """Best poses of classes and their correlations.

        Parameters
        ----------
        classes : WorkingClasses

        Returns
        -------
        vrs.images.refine.Poses
        """
        count = len(classes)
        found = Poses(np.empty((count, 3, 3)), np.empty((count, 2)), np.empty(count))
        for last, rows in classes.bands():
            coarse = min(last, _SEARCHED)
            search = Search(self._up_to(coarse), classes.diameter, classes.sampling, self._shifts,
                            classes.workers)
            images = classes.images[rows]
            poses = align(search, self.local(coarse), images, count=_STARTS)
            if last > coarse:
                poses = self.local(last).best(images, poses.rotations, poses.shifts)
            for name in ("rotations", "shifts", "correlations"):
                getattr(found, name)[rows] = getattr(poses, name)
        return found

    def _up_to(self, last):
        """The gallery without rings beyond a shell."""
        whole = self._gallery
        rings = Rings(whole.rings.box, _FIRST, last, whole.rings.angles)
        count = len(rings.radii)
        return Gallery(rings, np.ascontiguousarray(whole.orders[:, :count]), whole.power[:count],
                       whole.views, whole.mirrored)


@dataclass(frozen=True, eq=False)
class Comparison:
    """How class averages agree with a map.

    Attributes
    ----------
    classes : WorkingClasses
        With the contrast that agrees with the map.
    poses : vrs.images.refine.Poses
        Of the best projections, with the correlations.
    null : numpy.ndarray of float64, (maps, n)
        Best correlations with maps of random phases.
    scan : vrs.images.conventions.MagnificationScan or None
        None where too few sharp classes agree with the map.
    shown, reprojections : numpy.ndarray of float32, (n, box, box)
        Averages within their bands, centred, and projections with their grey values; both less
        the mean of the average in the disc, and zero outside.
    residual_covariance : numpy.ndarray of float64, (n,)
        Of neighbouring pixels of their difference, over the variance of the average in the disc.
    group : numpy.ndarray of float64, (g, 3, 3)
    """

    classes: WorkingClasses
    poses: Poses
    null: np.ndarray
    scan: Optional[MagnificationScan]
    shown: np.ndarray
    reprojections: np.ndarray
    residual_covariance: np.ndarray
    group: np.ndarray

    @property
    def correlations(self):
        """With the best projection, (n,)."""
        return self.poses.correlations

    @cached_property
    def null_limits(self):
        """What maps of random phases reach, (n,)."""
        return np.percentile(self.null, PERCENTILE, axis=0)

    @property
    def unsupported(self):
        """Which classes agree no better with the map than with such maps."""
        return self.correlations <= self.null_limits

    @property
    def poor(self):
        """Which are unsupported or below the limit."""
        return self.unsupported | (self.correlations < LIMIT)


def compare(classes, evidence):
    """Compare class averages with a map and with maps of random phases.

    Parameters
    ----------
    classes : WorkingClasses
    evidence : vrs.inputs.Evidence
        With the map, and the symmetry where there are particles.

    Returns
    -------
    Comparison
    """
    group = _group(evidence)
    directions = asymmetric_unit(group, SPACING, mirror=True)
    volume, around, sampling = working_map(evidence, classes)
    matching = Matching(classes, volume, sampling, directions)
    classes = _in_contrast(classes, matching)
    logger.info("Comparing %d classes with projections of the map", len(classes))
    poses = matching.best(classes)
    null = np.empty((NULLS, len(classes)))
    for number in range(NULLS):
        logger.info("Comparing with random-phase map %d of %d", number + 1, NULLS)
        rng = np.random.default_rng((evidence.run.seed, number))
        random = with_random_phases(volume, around, rng, classes.workers)
        null[number] = Matching(classes, random, sampling, directions).best(classes).correlations
    supported = np.flatnonzero(poses.correlations > np.maximum(
        np.percentile(null, PERCENTILE, axis=0), LIMIT))
    scan = _scan(classes, matching, poses, supported)
    return Comparison(classes, poses, null, scan, *_side_by_side(classes, matching, poses), group)


def _group(evidence):
    return evidence.particles.group if evidence.has("particles") else point_group("C1")


def in_contrast_of_map(classes, evidence):
    """The classes with the contrast in which they agree with the map.

    Parameters
    ----------
    classes : WorkingClasses
    evidence : vrs.inputs.Evidence
        With a map.

    Returns
    -------
    WorkingClasses
    """
    volume, around, sampling = working_map(evidence, classes)
    directions = asymmetric_unit(_group(evidence), SPACING, mirror=True)
    return _in_contrast(classes, Matching(classes, volume, sampling, directions))


def _ball(found):
    """Where the particle of a map is, and some room about it; 0 beyond.

    The mask would cut off what the classes show as well: weak density, and the halo that the loss
    of low frequencies leaves.
    """
    centre = np.argwhere(found.hard_mask).mean(axis=0)
    z, y, x = (np.square(np.arange(size) - middle, dtype=np.float32)
               for size, middle in zip(found.volume.shape, centre))
    distances = np.sqrt(z[:, None, None] + y[:, None] + x)
    return raised_cosine(distances, _ROOM * mask_diameter(found) / found.sampling / 2, _EDGE)


def working_map(evidence, classes):
    """The map as it is compared with class averages: what they show of it, in their band.

    Parameters
    ----------
    evidence : vrs.inputs.Evidence
        With a map.
    classes : WorkingClasses

    Returns
    -------
    volume : numpy.ndarray of float32, (side, side, side)
    around : numpy.ndarray of float32, (side, side, side)
        Where it is not cut off.
    sampling : float
        Å/voxel, of the map or coarser.
    """
    found, sampling = evidence.map, evidence.map.sampling
    around = _ball(found)
    side = max(max(found.volume.shape), classes.box * classes.sampling / sampling)
    side = 2 * int(np.ceil(side / 2))
    cubes = [centred_cube(values, side) for values in (found.volume * around, around)]
    coarse = 2 * int(np.ceil(side * sampling / classes.sampling / 2))
    if coarse < side:
        cubes = [fourier_resample(cube, (coarse,) * 3, evidence.run.workers) for cube in cubes]
        sampling *= side / coarse
    volume = _without_background(cubes[0], sampling, mask_diameter(found), evidence.run.workers)
    return volume, np.clip(cubes[1], 0, 1), sampling


def _in_contrast(classes, matching):
    """The classes with the contrast in which they agree with the map."""
    some = classes.take(np.argsort(-classes.occupancy, kind="stable")[:_TRIED])
    as_given, inverted = (matching.best(tried).correlations.mean()
                          for tried in (some, some.inverted()))
    return classes if as_given >= inverted else classes.inverted()


def _scan(classes, matching, poses, supported):
    """Magnification at which the sharpest of the supported classes agree best with the map."""
    finest = classes.last[supported].max(initial=0)
    sharp = supported[classes.last[supported] >= _SHARP * finest]
    if len(sharp) < _FEWEST_SCANNED:
        return None
    best = sharp[np.argsort(-poses.correlations[sharp], kind="stable")][:_SCANNED]
    chosen = classes.take(best)
    curves = np.empty((len(MAGNIFICATIONS), len(best)))
    for last, rows in chosen.bands():
        curves[:, rows] = matching.local(last).scan(
            chosen.images[rows], poses.rotations[best[rows]], poses.shifts[best[rows]],
            MAGNIFICATIONS)
    return magnification_scan(curves)


def _side_by_side(classes, matching, poses):
    """Averages, their reprojections, and the covariance of the residuals."""
    shown, fitted = np.empty((2,) + classes.images.shape, np.float32)
    covariance = np.empty(len(classes))
    for last, rows in classes.bands():
        local = matching.local(last)
        centred = local.centred(classes.images[rows], poses.shifts[rows])
        projected = local.reprojections(poses.rotations[rows])
        scale, _ = grey_fit(centred, projected, local.disc)
        shown[rows] = within(centred, local.disc)
        fitted[rows] = within(scale.astype(np.float32)[:, None, None] * projected, local.disc)
        _, variance, _ = covariances(centred, projected, local.disc)
        residual = shown[rows] - fitted[rows]
        products = [residual * np.roll(residual, 1, axis) for axis in (1, 2)]
        covariance[rows] = np.mean(products, axis=0).sum(axis=(1, 2)) / (
            local.disc.sum() * variance)
    return shown, fitted, covariance
