"""Projections of maps, and reconstruction from them, by central sections of Fourier space.

A projection with the angles rot, tilt and psi is the map turned by the matrix of
:func:`rotation_matrices` and summed along z. Its Fourier transform is a plane through the
origin of the map's. Maps and images turn about voxel N // 2.
"""

import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import fft, sparse
from scipy.spatial.transform import Rotation

from vrs.numerics import fourier
from vrs.numerics.image_plane import ImagePlane

# Part of the mean weight of a shell that is added to every weight, which keeps
# coefficients that hardly any image contributes to from being all noise.
_WEIGHT_FLOOR = 0.01


def rotation_matrices(rot, tilt, psi):
    """Matrices that turn the map's frame into that of its projections.

    The convention of RELION, Xmipp and Heymann 2005 (doi 10.1016/j.jsb.2005.06.001): the frame
    turns by rot about z, by tilt about the new y and by psi about the new z.

    Parameters
    ----------
    rot, tilt, psi : array_like, (images,)
        Degrees.

    Returns
    -------
    numpy.ndarray, (images, 3, 3)
        Applied to (x, y, z). Their rows are the image's x, its y and the direction of
        view in the frame of the map.
    """
    angles = np.column_stack([rot, tilt, psi])
    return Rotation.from_euler("ZYZ", angles, degrees=True).as_matrix().transpose(0, 2, 1)


@dataclass(frozen=True)
class Placement:
    """Where the coefficients of some images lie in the transform of a map.

    Attributes
    ----------
    weights : scipy.sparse.csr_matrix of float32, (images · coefficients, transform's size)
        Trilinear interpolation.
    conjugate : numpy.ndarray of bool, (images, coefficients)
        Whether the conjugate of a coefficient lies there.
    """

    weights: sparse.csr_matrix
    conjugate: np.ndarray


class CentralSections(ImagePlane):
    """Sections through the transform of maps in a cubic box, and the images that they are.

    Parameters
    ----------
    box : int
        Even number of voxels of the side.
    padding : int
        By how much the box is enlarged before it is transformed.
    workers : int
    first, last : int
        Shells of the coefficients that are used, as of :class:`ImagePlane`.
    """

    def __init__(self, box, padding=2, workers=1, first=0, last=None):
        super().__init__(box, first, last, workers)
        self.padding = padding
        self.padded = (padding * box,) * 3

    def place(self, rotations):
        """Where the coefficients of images lie.

        Parameters
        ----------
        rotations : numpy.ndarray, (images, 3, 3)
            From :func:`rotation_matrices`.

        Returns
        -------
        Placement
        """
        size = self.padded[0]
        places = (self.padding * self.wave_numbers) @ np.asarray(rotations)[:, :2]
        conjugate = places[..., 0] < 0
        places[conjugate] *= -1
        lower = np.floor(places).astype(np.int32)
        upper_part = (places - lower).astype(np.float32)
        parts = [(1 - upper_part[..., axis], upper_part[..., axis]) for axis in range(3)]
        columns = np.empty(conjugate.shape + (8,), np.int32)
        weights = np.empty(conjugate.shape + (8,), np.float32)
        for corner in range(8):
            dx, dy, dz = corner & 1, corner >> 1 & 1, corner >> 2
            rows = (lower[..., 2] + dz) % size * size + (lower[..., 1] + dy) % size
            columns[..., corner] = rows * (size // 2 + 1) + lower[..., 0] + dx
            weights[..., corner] = parts[0][dx] * parts[1][dy] * parts[2][dz]
        starts = np.arange(0, columns.size + 1, 8, dtype=np.int32)
        shape = (conjugate.size, int(np.prod(fourier.half_space(self.padded))))
        return Placement(sparse.csr_matrix((weights.ravel(), columns.ravel(), starts), shape),
                         conjugate)

    def transform(self, volume):
        """Transform of a map, ready to be cut.

        Parameters
        ----------
        volume : numpy.ndarray of float32, (box, box, box)

        Returns
        -------
        numpy.ndarray of complex64, (size of the padded half space,)
        """
        margin = (self.padded[0] - self.box) // 2
        padded = np.pad(self._corrected(volume), margin)
        return fft.rfftn(fft.ifftshift(padded), workers=self.workers).ravel()

    @cached_property
    def padded_shells(self):
        """Shell of each coefficient of the padded half space, how often those of a plane count in
        all of Fourier space, and how many each shell has; the last one holds all beyond."""
        shape, size = self.padded, self.padded[0]
        z2, y2, x2 = fourier.squared_frequencies(shape, 1.0)
        shells = np.empty(fourier.half_space(shape), np.int16)
        for plane, shell in zip(z2, shells):
            np.minimum(np.rint(np.sqrt(plane + (y2 + x2)) * size), size // 2 + 1, out=shell,
                       casting="unsafe")
        counted = np.broadcast_to(fourier.hermitian_weights(size), shells.shape[1:])
        counts = sum(np.bincount(shell.ravel(), counted.ravel(), size // 2 + 2)
                     for shell in shells)
        return shells, counted, counts

    def cut(self, transform, placement):
        """Coefficients of projections.

        Parameters
        ----------
        transform : numpy.ndarray of complex64
            From :meth:`transform`.
        placement : Placement

        Returns
        -------
        numpy.ndarray of complex64, (images, coefficients)
            With the phases of an image whose centre is its origin.
        """
        parts = transform.view(np.float32).reshape(-1, 2)
        values = (placement.weights @ parts).view(np.complex64).reshape(placement.conjugate.shape)
        np.conj(values, out=values, where=placement.conjugate)
        return values

    def _corrected(self, volume):
        """A map over the transform of the trilinear kernel, which interpolation multiplies by."""
        fall = np.sinc((np.arange(self.box) - self.box // 2) / self.padded[0]) ** 2
        return volume / (fall[:, None, None] * fall[:, None] * fall).astype(np.float32)


class Reconstruction:
    """Direct Fourier inversion of images with known orientations.

    Each coefficient of the map is Σ w CTF·image / (Σ w CTF² + constant), with the trilinear
    weights w of the images' coefficients near it (Penczek 2010,
    doi 10.1016/S0076-6879(10)82001-4). The constant is 1 % of the mean of Σ w CTF² in the shell.
    The fall that trilinear interpolation gives in real space is corrected.

    Parameters
    ----------
    sections : CentralSections
    kinds : int
        How many maps are made from images of the same orientations and CTFs.
    """

    def __init__(self, sections, kinds=1):
        self._sections, self._kinds = sections, kinds
        self._sums = np.zeros((int(np.prod(fourier.half_space(sections.padded))), 2 * kinds + 1),
                              np.float32)

    def insert(self, placement, coefficients, ctf):
        """Add images.

        Parameters
        ----------
        placement : Placement
        coefficients : sequence of numpy.ndarray of complex64, (images, coefficients)
            One for each kind; images centred at their origin.
        ctf : numpy.ndarray of float32, (images, coefficients)
        """
        values = np.empty(ctf.shape + (2 * self._kinds + 1,), np.float32)
        sign = np.where(placement.conjugate, -ctf, ctf)
        for kind, images in enumerate(coefficients):
            values[..., 2 * kind] = images.real * ctf
            values[..., 2 * kind + 1] = images.imag * sign
        values[..., -1] = ctf ** 2
        self._sums += placement.weights.T @ values.reshape(-1, values.shape[-1])

    def combined(self, other, sign=1):
        """The reconstruction from the images of both.

        Parameters
        ----------
        other : Reconstruction
            Of the same sections.
        sign : int
            -1 takes the images of the other away, which have to be among these.

        Returns
        -------
        Reconstruction
        """
        found = copy.copy(self)
        found._sums = self._sums + np.float32(sign) * other._sums
        return found

    @property
    def weights(self):
        """Σ w CTF² in the padded half space, (z, y, x // 2 + 1)."""
        weights = self._sums[:, -1].reshape(fourier.half_space(self._sections.padded)).copy()
        _complete(weights)
        return weights

    def volume(self, kind=0):
        """The map from the images so far.

        Parameters
        ----------
        kind : int

        Returns
        -------
        numpy.ndarray of float32, (box, box, box)
        """
        weights, transform = self.weights, self._sum(kind)
        shells, counted, counts = self._sections.padded_shells
        sums = sum(np.bincount(shell.ravel(), (plane * counted).ravel(), len(counts))
                   for shell, plane in zip(shells, weights))
        floor = (_WEIGHT_FLOOR * sums / counts).astype(np.float32)
        floor[-1] = 0
        for shell, plane in zip(shells, weights):
            plane += floor[shell]
        transform /= np.maximum(weights, np.finfo(np.float32).tiny)
        return self._map(transform)

    def back_projection(self, kind=0):
        """The adjoint of projection, applied to the images so far.

        For all maps V and images I, the sum over maps of V times the back-projection is the
        real part of the sum over images and coefficients of conj(CTF·section of V)·I.

        Parameters
        ----------
        kind : int

        Returns
        -------
        numpy.ndarray of float32, (box, box, box)
        """
        # The inverse transform divides by the number of coefficients, and counts conjugates.
        return self._map(self._sum(kind)) * np.float32(np.prod(self._sections.padded) / 2)

    def _sum(self, kind):
        transform = self._sums[:, 2 * kind:2 * kind + 2].copy().view(np.complex64).reshape(
            fourier.half_space(self._sections.padded))
        _complete(transform)
        return transform

    def _map(self, transform):
        sections = self._sections
        size = sections.padded
        padded = fft.fftshift(fft.irfftn(transform, s=size, workers=sections.workers))
        margin = (size[0] - sections.box) // 2
        inner = slice(margin, margin + sections.box)
        return sections._corrected(padded[inner, inner, inner])


def _complete(half_space):
    """Let coefficients at x = 0 have what their conjugates were given, in place."""
    plane = half_space[..., 0]
    half_space[..., 0] += np.roll(plane[::-1, ::-1], 1, axis=(0, 1)).conj()
