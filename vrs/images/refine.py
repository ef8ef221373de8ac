"""Orientations and shifts of particle images, improved from a start.

The correlation c of an image with the projection at a pose, times the CTF, is driven uphill
by damped Gauss-Newton steps (Levenberg 1944, Marquardt 1963). With both of norm 1 within the
particle's disc, and the derivatives D of the projection along the pose's five parameters, less
what changes grey values only, a step δ is c·(DᵀD + λ diag DᵀD) δ = Dᵀ image.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from vrs.images.agreement import correlations, soft_disc
from vrs.numerics.image_plane import ImagePlane

_BATCH = 32
_ROUNDS = 4
# Part of the angle that moves the outer shell by one wave number: of differences, of steps.
_DIFFERENCE, _LONGEST_TURN = 0.25, 1.0
_LONGEST_SHIFT = 1.0  # pixels
_DAMPING, _FIRMER, _LOOSER = 0.02, 5.0, 0.2
# The correlation that a step counts with is not less than this.
_LEAST = 0.02


@dataclass(frozen=True, eq=False)
class Poses:
    """Orientations and shifts of images.

    Attributes
    ----------
    rotations : numpy.ndarray of float64, (n, 3, 3)
    shifts : numpy.ndarray of float64, (n, 2)
        Pixels.
    correlations : numpy.ndarray of float64, (n,)
        Of each image with its reprojection, see :meth:`LocalSearch.correlations`.
    """

    rotations: np.ndarray
    shifts: np.ndarray
    correlations: np.ndarray


class LocalSearch:
    """Compares images with projections of a map at and near given poses.

    Parameters
    ----------
    projector : vrs.images.projector.Projector
    diameter : float
        Of the particle, pixels.
    first, last : int
        Shells of the images' coefficients that are compared, in wave numbers.
    workers : int
        Threads.
    """

    def __init__(self, projector, diameter, first, last, workers=1):
        self.projector, self._workers = projector, workers
        self.plane = ImagePlane(projector.plane.box, first, last)
        self.disc = soft_disc(projector.plane.box, diameter)
        self._frequencies = self.plane.frequencies(projector.image_sampling)
        self._last = last
        self._pixels = np.flatnonzero(self.disc)
        self._weights = np.sqrt(self.disc.ravel()[self._pixels])

    def reprojections(self, rotations, contrast=None):
        """Projections within the band, centred, times their CTF.

        Parameters
        ----------
        rotations : numpy.ndarray, (n, 3, 3)
        contrast : vrs.images.ctf.Contrast
            Of n particles; none when not given.

        Returns
        -------
        numpy.ndarray of float32, (n, box, box)
        """
        slices = self.projector.slices(rotations, self.plane.wave_numbers)
        if contrast is not None:
            slices *= contrast.values(self._frequencies)
        return self.plane.images(slices)

    def centred(self, images, shifts):
        """Images within the band, moved by their shifts.

        Parameters
        ----------
        images : numpy.ndarray of float32, (n, box, box)
        shifts : numpy.ndarray, (n, 2)
            Pixels.

        Returns
        -------
        numpy.ndarray of float32, (n, box, box)
        """
        return self.plane.images(self.plane.coefficients(images) * self.plane.shifts(shifts))

    def correlations(self, images, rotations, shifts, contrast=None):
        """Correlation of images with their reprojections, within band and disc.

        Parameters
        ----------
        images : numpy.ndarray of float32, (n, box, box)
        rotations : numpy.ndarray, (n, 3, 3)
        shifts : numpy.ndarray, (n, 2)
            Pixels.
        contrast : vrs.images.ctf.Contrast
            Of n particles; none when not given.

        Returns
        -------
        numpy.ndarray of float64, (n,)
        """
        return self.scan(images, rotations, shifts, (1.0,), contrast)[0]

    def scan(self, images, rotations, shifts, magnifications, contrast=None):
        """Correlation of images with reprojections of different sampling.

        Parameters
        ----------
        images, rotations, shifts, contrast
            As in :meth:`correlations`.
        magnifications : sequence of float
            See :meth:`vrs.images.projector.Projector.slices`.

        Returns
        -------
        numpy.ndarray of float64, (magnifications, n)
        """
        def part(start):
            chosen = slice(start, start + _BATCH)
            centred = self.centred(images[chosen], shifts[chosen])
            ctf = 1 if contrast is None else contrast.take(chosen).values(self._frequencies)
            return [correlations(centred, self.plane.images(ctf * self.projector.slices(
                rotations[chosen], self.plane.wave_numbers, scale)), self.disc)
                for scale in magnifications]

        return np.concatenate(self._over(part, len(images)), axis=1)

    def best(self, images, rotations, shifts, contrast=None):
        """Poses of higher correlation near given ones.

        Parameters
        ----------
        images : numpy.ndarray of float32, (n, box, box)
        rotations : numpy.ndarray, (n, 3, 3)
        shifts : numpy.ndarray, (n, 2)
            Pixels.
        contrast : vrs.images.ctf.Contrast
            Of n particles; none when not given.

        Returns
        -------
        Poses
        """
        rotations, shifts = np.asarray(rotations, float), np.asarray(shifts, float)

        def part(start):
            chosen = slice(start, start + _BATCH)
            return self._climbed(images[chosen], rotations[chosen], shifts[chosen],
                                 None if contrast is None else contrast.take(chosen))

        found = self._over(part, len(images))
        rotations, shifts = (np.concatenate(values) for values in zip(*found))
        return Poses(rotations, shifts, self.correlations(images, rotations, shifts, contrast))

    def _over(self, function, count):
        with ThreadPoolExecutor(self._workers) as pool:
            return list(pool.map(function, range(0, count, _BATCH)))

    def _climbed(self, images, rotations, shifts, contrast):
        image = self._in_disc(self.centred(images, shifts))
        image -= (image @ self._weights)[:, None] * self._weights / self._weights.dot(self._weights)
        norms = np.linalg.norm(image, axis=1)
        image /= np.where(norms > 0, norms, np.inf)[:, None]
        ctf = 1.0 if contrast is None else contrast.values(self._frequencies)[:, None]
        moves = np.zeros((len(images), 2))
        damping = np.full(len(images), _DAMPING)
        rotations = rotations.copy()
        height, slope, bend = self._at(image, ctf, rotations, moves)
        for _ in range(_ROUNDS):
            turn, move = self._step(height, slope, bend, damping)
            new_rotations = Rotation.from_rotvec(turn).as_matrix() @ rotations
            new_moves = moves + move
            new = self._at(image, ctf, new_rotations, new_moves)
            higher = new[0] > height
            for old, found in zip((rotations, moves, height, slope, bend),
                                  (new_rotations, new_moves) + new):
                old[higher] = found[higher]
            damping *= np.where(higher, _LOOSER, _FIRMER)
        return rotations, shifts + moves

    def _in_disc(self, images):
        """Pixels of the disc, times the root of their weights."""
        return images.reshape(images.shape[:-2] + (-1,))[..., self._pixels] * self._weights

    def _at(self, image, ctf, rotations, moves):
        """Correlation at poses, its slope and its bend along turns about x, y, z and shifts."""
        count, box = len(image), self.plane.box
        step = _DIFFERENCE / self._last
        turns = np.concatenate([np.zeros((1, 3)), step * np.eye(3), -step * np.eye(3)])
        around = Rotation.from_rotvec(turns).as_matrix() @ rotations[:, None]
        slices = self.projector.slices(around.reshape(-1, 3, 3), self.plane.wave_numbers)
        slices = slices.reshape(count, 7, -1)
        slices *= ctf
        slices *= self.plane.shifts(-moves)[:, None]
        model = slices[:, :1]
        waves = (2j * np.pi / box * self.plane.wave_numbers.T).astype(np.complex64)
        vectors = np.concatenate([model, (slices[:, 1:4] - slices[:, 4:]) / np.float32(2 * step),
                                  waves * model], axis=1)
        vectors = self._in_disc(self.plane.images(vectors.reshape(6 * count, -1))).reshape(
            count, 6, -1)
        means = vectors @ (self._weights / np.linalg.norm(self._weights))
        products = (vectors @ vectors.transpose(0, 2, 1)).astype(float)
        products -= means[:, :, None] * means[:, None]
        with_image = (vectors @ image[..., None])[..., 0].astype(float)
        squared = np.where(products[:, 0, 0] > 0, products[:, 0, 0], np.inf)
        with_model = products[:, 0, 1:] / squared[:, None]
        slope = (with_image[:, 1:] - with_image[:, :1] * with_model) / np.sqrt(squared)[:, None]
        bend = products[:, 1:, 1:] / squared[:, None, None]
        bend -= with_model[:, :, None] * with_model[:, None]
        return with_image[:, 0] / np.sqrt(squared), slope, bend

    def _step(self, height, slope, bend, damping):
        """Turn (radians) and shift (pixels) to take."""
        bend = bend * np.maximum(height, _LEAST)[:, None, None]
        diagonal = np.einsum("njj->nj", bend)
        diagonal *= (1 + damping)[:, None]
        # Where a turn changes nothing it is not made.
        diagonal += 1e-12 + 1e-9 * diagonal.max(axis=1, keepdims=True)
        step = np.linalg.solve(bend, slope[..., None])[..., 0]
        turn, move = step[:, :3], step[:, 3:]
        for part, longest in ((turn, _LONGEST_TURN / self._last), (move, _LONGEST_SHIFT)):
            length = np.linalg.norm(part, axis=1, keepdims=True)
            part *= np.minimum(1, longest / np.maximum(length, 1e-12))
        return turn, move


def align(search, local_search, images, contrast=None, known_shifts=None, count=1):
    """Best poses of images: a global search, and local ones from its best directions.

    Parameters
    ----------
    search : vrs.images.search.Search
    local_search : LocalSearch
    images : numpy.ndarray of float32, (n, box, box)
    contrast : vrs.images.ctf.Contrast
        Of n particles; none when not given.
    known_shifts : numpy.ndarray, (n, 2)
        Pixels; 0 when not given.
    count : int
        From how many directions local searches start.

    Returns
    -------
    Poses
    """
    matches = search.best(images, contrast, known_shifts, count)
    starts = search.gallery.rotations(matches.direction, matches.psi)
    found = [local_search.best(images, starts[:, rank], matches.shifts[:, rank], contrast)
             for rank in range(count)]
    best = np.argmax([poses.correlations for poses in found], axis=0)
    image = np.arange(len(images))
    return Poses(*(np.array([getattr(poses, name) for poses in found])[best, image]
                   for name in ("rotations", "shifts", "correlations")))
