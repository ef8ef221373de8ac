"""Reference projections of a map on rings of Fourier space, for all directions of view.

On a ring of radius r, of n angles, the transform of an image has the samples X(r, φ), and these
the Fourier coefficients X̂_m(r) = Σ_φ X(r, φ) exp(-i m φ), its orders. Those of a real image obey
X̂_-m = (-1)^m conj(X̂_m). A reference of in-plane angle psi has the samples Y(r, φ + psi), and the
view from the opposite direction Y(r, -φ), so that its orders are Ŷ_-m: a direction and its
opposite share one entry.
"""

from dataclasses import dataclass

import numpy as np
from scipy import fft

from vrs.images.plane import PaddedTransforms
from vrs.numerics.projection import rotation_matrices

# References that are projected at a time.
_CHUNK = 200


class Rings:
    """Concentric rings in the transforms of images.

    Parameters
    ----------
    box : int
        Even number of pixels of the images' side.
    first, last : int
        Radii of the inner and the outer ring, in wave numbers; each whole number between is
        one, too.
    angles : int
        Samples of a ring, a multiple of 4; when not given so many that they are at most one
        wave number apart.

    Attributes
    ----------
    radii : numpy.ndarray of int, (rings,)
    angles : int
    wave_numbers : numpy.ndarray of float64, (rings·angles / 2, 2)
        (kx, ky) of the samples of half of each ring; the other half is their conjugates.
    """

    def __init__(self, box, first, last, angles=None):
        self.box, self.radii = box, np.arange(first, last + 1)
        self.angles = angles or 4 * fft.next_fast_len(int(np.ceil(np.pi / 2 * last)), real=True)
        turns = 2 * np.pi * np.arange(self.angles // 2) / self.angles
        self.wave_numbers = (self.radii[:, None, None] * np.stack(
            [np.cos(turns), np.sin(turns)], axis=-1)).reshape(-1, 2)
        self._transforms = PaddedTransforms(box)

    @property
    def orders(self):
        """How many orders there are, 0 to angles / 2."""
        return self.angles // 2 + 1

    def samples(self, images):
        """Samples of images on half of each ring.

        Parameters
        ----------
        images : numpy.ndarray of float32, (n, box, box)

        Returns
        -------
        numpy.ndarray of complex64, (n, rings, angles / 2)
        """
        values = self._transforms.at(self._transforms.of(images), self.wave_numbers)
        return values.reshape(len(images), len(self.radii), -1)

    def transformed(self, samples):
        """Orders of samples.

        Parameters
        ----------
        samples : numpy.ndarray of complex64, (..., rings, angles / 2)

        Returns
        -------
        numpy.ndarray of complex64, (..., rings, orders)
        """
        whole = np.concatenate([samples, samples.conj()], axis=-1)
        return fft.fft(whole, axis=-1, overwrite_x=True)[..., :self.orders]

    def moves(self, shifts):
        """Factors of the samples that move images.

        Parameters
        ----------
        shifts : numpy.ndarray, (n, 2)
            Pixels.

        Returns
        -------
        numpy.ndarray of complex64, (n, rings, angles / 2)
        """
        turns = np.asarray(shifts, float) @ self.wave_numbers.T / self.box
        return np.exp(-2j * np.pi * turns).astype(np.complex64).reshape(
            len(turns), len(self.radii), -1)

    def power(self, samples):
        """Sum of the squared moduli over each whole ring, times its radius.

        Parameters
        ----------
        samples : numpy.ndarray of complex64, (..., rings, angles / 2)

        Returns
        -------
        numpy.ndarray of float32, (..., rings)
        """
        squared = samples.real ** 2 + samples.imag ** 2
        return 2 * self.radii.astype(np.float32) * squared.sum(axis=-1)


def view_matrices(directions):
    """Orientations of in-plane angle 0 with given directions of view.

    Parameters
    ----------
    directions : numpy.ndarray, (n, 3)
        Unit vectors.

    Returns
    -------
    numpy.ndarray of float64, (n, 3, 3)
    """
    x, y, z = np.asarray(directions, float).T
    tilt = np.degrees(np.arctan2(np.hypot(x, y), z))
    return rotation_matrices(np.degrees(np.arctan2(y, x)), tilt, np.zeros(len(x)))


@dataclass(frozen=True, eq=False)
class Gallery:
    """References on rings.

    Attributes
    ----------
    rings : Rings
    orders : numpy.ndarray of complex64, (orders, rings, references)
    power : numpy.ndarray of float32, (rings, references)
        Of each ring, see :meth:`Rings.power`.
    views : numpy.ndarray of float64, (directions, 3, 3)
        Orientations of in-plane angle 0: those of the references, and where mirrored then
        those from the opposite directions.
    mirrored : bool
        Whether each reference stands for the view from the opposite direction, too.
    """

    rings: Rings
    orders: np.ndarray
    power: np.ndarray
    views: np.ndarray
    mirrored: bool

    @property
    def directions(self):
        """Directions of view, (directions, 3)."""
        return self.views[:, 2]

    def rotations(self, direction, psi):
        """Orientations.

        Parameters
        ----------
        direction : numpy.ndarray of int
            Index of a direction.
        psi : numpy.ndarray, of the same shape
            Degrees.

        Returns
        -------
        numpy.ndarray of float64, (..., 3, 3)
        """
        psi = np.asarray(psi)
        turns = rotation_matrices(*np.zeros((2, psi.size)), psi.ravel())
        return turns.reshape(psi.shape + (3, 3)) @ self.views[direction]


def gallery_of_map(projector, rings, directions):
    """References that are projections of a map.

    Parameters
    ----------
    projector : vrs.images.projector.Projector
        Of a map that is zero outside the particle.
    rings : Rings
    directions : numpy.ndarray, (n, 3)
        Of view; their opposites are served as well. See
        :func:`vrs.images.symmetry.asymmetric_unit`.

    Returns
    -------
    Gallery
    """
    views = view_matrices(directions)
    shape = (len(views), len(rings.radii), rings.angles // 2)
    orders = np.empty((rings.orders, len(rings.radii), len(views)), np.complex64)
    power = np.empty((len(rings.radii), len(views)), np.float32)
    for start in range(0, len(views), _CHUNK):
        part = slice(start, start + _CHUNK)
        samples = projector.slices(views[part], rings.wave_numbers).reshape((-1,) + shape[1:])
        orders[..., part] = rings.transformed(samples).T
        power[:, part] = rings.power(samples).T
    both = np.concatenate([views, np.diag([1.0, -1.0, -1.0]) @ views])
    return Gallery(rings, orders, power, both, True)


def gallery_of_images(images, rings):
    """References that are images, such as class averages.

    Parameters
    ----------
    images : numpy.ndarray of float32, (n, box, box)
        Zero outside the particle.
    rings : Rings

    Returns
    -------
    Gallery
        Whose views are all along z.
    """
    samples = rings.samples(images)
    return Gallery(rings, np.ascontiguousarray(rings.transformed(samples).T),
                   np.ascontiguousarray(rings.power(samples).T),
                   np.repeat(np.eye(3)[None], len(images), axis=0), False)
