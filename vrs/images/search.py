"""Best orientation and shift of particle images among all references of a gallery.

For each image, shift and reference, the correlation at all in-plane angles at once is an
inverse Fourier transform over the orders of the rings: C(psi) = Σ_m exp(i m psi) Σ_r r·
conj(X̂_m(r))·Ŷ_m(r), X being the image's samples times its CTF and Y those of the reference. The
inner sum is a matrix product per order. The reference's norm is Σ_r P(r)·⟨CTF²⟩(r), P(r) being
its power on a ring, as if neither depended on the angle.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy import fft

from vrs.images.agreement import soft_disc, within
from vrs.images.plane import shifted

# Rows and bytes of the products that are at work at a time, so that they stay in the cache.
_ROWS = 50
_BYTES = 500_000


def shift_grid(reach, step):
    """Shifts on a square grid.

    Parameters
    ----------
    reach, step : float
        Pixels; the grid goes as far as whole steps go within the reach.

    Returns
    -------
    numpy.ndarray of float64, (shifts, 2)
        x and y.
    """
    steps = int(np.floor(reach / step + 1e-9))
    axis = step * np.arange(-steps, steps + 1)
    return np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)


@dataclass(frozen=True, eq=False)
class Matches:
    """References that images agree with best, in order.

    Attributes
    ----------
    direction : numpy.ndarray of int, (n, count)
        Index in the gallery's directions.
    psi : numpy.ndarray of float64, (n, count)
        Degrees.
    shifts : numpy.ndarray of float64, (n, count, 2)
        Pixels.
    correlations : numpy.ndarray of float64, (n, count)
        0 for images that are constant in the particle's disc.
    """

    direction: np.ndarray
    psi: np.ndarray
    shifts: np.ndarray
    correlations: np.ndarray


class Search:
    """Compares images with all references of a gallery.

    Parameters
    ----------
    gallery : vrs.images.gallery.Gallery
    diameter : float
        Of the particle, pixels. Correlations are those within its disc.
    sampling : float
        Å/pixel of the images.
    shifts : numpy.ndarray, (s, 2)
        That are tried, pixels, beside the shift that is known of each image; (0, 0) only
        when not given. See :func:`shift_grid`.
    workers : int
        Threads.
    """

    def __init__(self, gallery, diameter, sampling, shifts=((0.0, 0.0),), workers=1):
        self.gallery, self._workers = gallery, workers
        rings = gallery.rings
        self.shifts = np.asarray(shifts, float)
        self._moves = rings.moves(self.shifts)
        self._disc = soft_disc(rings.box, diameter)
        self._frequencies = rings.wave_numbers / (rings.box * sampling)

    def correlations(self, images, contrast=None, known_shifts=None):
        """Correlation with each direction at its best in-plane angle and shift.

        Parameters
        ----------
        images : numpy.ndarray of float32, (n, box, box)
        contrast : vrs.images.ctf.Contrast
            Of n particles; none when not given.
        known_shifts : numpy.ndarray, (n, 2)
            Pixels; 0 when not given.

        Returns
        -------
        numpy.ndarray of float32, (n, directions)
        """
        found = self._map(lambda *part: self._scores(*part)[0].max(axis=1), images, contrast,
                          known_shifts)
        return np.concatenate(found)

    def best(self, images, contrast=None, known_shifts=None, count=1):
        """The directions that images agree with best.

        Parameters
        ----------
        images, contrast, known_shifts
            As in :meth:`correlations`.
        count : int
            How many directions for each image.

        Returns
        -------
        Matches
            Shifts include the known ones. In-plane angles are interpolated.
        """
        found = self._map(lambda *part: self._best(count, *part), images, contrast, known_shifts)
        direction, psi, shift, correlation = (np.concatenate(part) for part in zip(*found))
        shifts = self.shifts[shift]
        if known_shifts is not None:
            shifts = shifts + np.asarray(known_shifts)[:, None]
        return Matches(direction, psi, shifts, correlation)

    def _map(self, function, images, contrast, known_shifts):
        """The function's results for a few images at a time."""
        step = max(1, _ROWS // (len(self.shifts) * (1 + self.gallery.mirrored)))

        def part(start):
            chosen = slice(start, start + step)
            return function(images[chosen],
                            None if contrast is None else contrast.take(chosen),
                            None if known_shifts is None else np.asarray(known_shifts)[chosen])

        with ThreadPoolExecutor(self._workers) as pool:
            return list(pool.map(part, range(0, len(images), step)))

    def _prepared(self, images, contrast, known_shifts):
        """Orders of the images for all shifts, (orders, n, shifts, rings), and mean CTF²."""
        rings = self.gallery.rings
        shape = (len(images), len(rings.radii), rings.angles // 2)
        moved = images if known_shifts is None else shifted(images, known_shifts)
        samples = rings.samples(within(moved, self._disc))
        norms = np.sqrt(rings.power(samples).sum(axis=1))
        samples /= np.where(norms > 0, norms, np.inf)[:, None, None]
        mean_ctf2 = np.ones(shape[:2], np.float32)
        if contrast is not None:
            ctf = contrast.values(self._frequencies).reshape(shape)
            samples *= ctf
            mean_ctf2 = np.mean(ctf ** 2, axis=2)
        samples *= rings.radii[:, None].astype(np.float32)
        orders = rings.transformed(samples[:, None] * self._moves)
        return np.ascontiguousarray(np.moveaxis(orders, 3, 0)), mean_ctf2

    def _scores(self, images, contrast, known_shifts):
        """Correlations (n, shifts, directions), the orders of the images, and norms."""
        gallery = self.gallery
        orders, mean_ctf2 = self._prepared(images, contrast, known_shifts)
        norms = np.sqrt(mean_ctf2 @ gallery.power)
        norms = np.where(norms > 0, norms, np.inf)
        left = orders.conj().reshape(len(orders), -1, orders.shape[3])
        if gallery.mirrored:
            left = np.concatenate([left, orders.reshape(left.shape)], axis=1)
        scores = largest_over_angles(left, gallery.orders, gallery.rings.angles)
        count = gallery.orders.shape[2]
        scores = scores.reshape((-1, len(images), len(self.shifts), count))
        scores /= norms[:, None]
        return np.concatenate(list(scores), axis=2), orders, norms

    def _best(self, count, images, contrast, known_shifts):
        gallery, angles = self.gallery, self.gallery.rings.angles
        scores, orders, norms = self._scores(images, contrast, known_shifts)
        shift_of = scores.argmax(axis=1)
        of_direction = scores.max(axis=1)
        direction = np.argsort(-of_direction, axis=1, kind="stable")[:, :count]
        image = np.arange(len(images))[:, None]
        shift = shift_of[image, direction]
        references = gallery.orders.shape[2]
        opposite, reference = np.divmod(direction, references)
        products = orders[:, image, shift].conj() * self._views(reference, opposite)
        curves = fft.irfft(products.sum(axis=3), angles, axis=0) / norms[image, reference]
        place, height = peak(curves)
        return direction, place * 360 / angles, shift, height

    def _views(self, reference, opposite):
        """Orders of views, (orders, ..., rings)."""
        values = np.moveaxis(self.gallery.orders[:, :, reference], 1, -1)
        sign = np.where(np.arange(len(values)) % 2, -1, 1).astype(np.float32)
        mirrored = np.conj(values) * sign[(slice(None),) + (None,) * (values.ndim - 1)]
        return np.where(opposite[..., None], mirrored, values)


def largest_over_angles(left, right, angles):
    """Largest value over the in-plane angle of sums over orders.

    Parameters
    ----------
    left : numpy.ndarray of complex64, (orders, rows, rings)
    right : numpy.ndarray of complex64, (orders, rings, columns)
    angles : int
        Of the rings.

    Returns
    -------
    numpy.ndarray of float32, (rows, columns)
        Maximum over psi of Σ_m exp(i m psi) Σ_r left·right, over all orders m.
    """
    largest = np.empty((left.shape[1], right.shape[2]), np.float32)
    step = max(8, _BYTES // (8 * len(left) * left.shape[1]))
    for start in range(0, right.shape[2], step):
        part = slice(start, start + step)
        products = np.matmul(left, right[:, :, part])
        fft.irfft(products, angles, axis=0, overwrite_x=True).max(axis=0, out=largest[:, part])
    return largest


def peak(curves):
    """Place and height of the maximum of periodic curves along the first axis, by a parabola."""
    size, highest = len(curves), curves.argmax(axis=0)
    before, at, after = (np.take_along_axis(curves, ((highest + step) % size)[None], 0)[0]
                         for step in (-1, 0, 1))
    bend = before - 2 * at + after
    offset = np.divide((before - after) / 2, bend, out=np.zeros(bend.shape), where=bend < 0)
    return (highest + offset) % size, at - (before - after) / 4 * offset
