"""Projections of a map for images of any box and sampling.

The projection of a particle of matrix A (rows: the image's x, its y and the direction of view)
has at the frequency (kx, ky) the map's coefficient at kx·row 1 + ky·row 2. Its content is
displaced from the centre, pixel box // 2, by minus the particle's shift. Maps turn about voxel
N // 2. The adjoint, from images to a map, is :class:`vrs.numerics.projection.Reconstruction`.
"""

import numpy as np
from scipy import fft

from vrs.numerics.image_plane import ImagePlane
from vrs.numerics.resample import fourier_resample

_PADDING = 2
# Points that are interpolated at a time.
_CHUNK = 20_000


class Projector:
    """Central sections through the transform of a map, by trilinear interpolation.

    The map is padded twofold with zeros and divided by the transform of the interpolating
    kernel. What of it lies outside the cube that the images show is cut off.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    sampling : float
        Å/voxel.
    box : int
        Even number of pixels of the images' side.
    image_sampling : float
        Å/pixel; the map's when not given.
    workers : int

    Attributes
    ----------
    plane : vrs.numerics.image_plane.ImagePlane
        Of the images.
    image_sampling : float
    """

    def __init__(self, volume, sampling, box, image_sampling=None, workers=1):
        self.image_sampling = sampling if image_sampling is None else image_sampling
        self.plane = ImagePlane(box, workers=workers)
        self._extent = box * self.image_sampling
        shown = 2 * int(np.ceil(self._extent / sampling / 2))
        side = min(max(volume.shape) + max(volume.shape) % 2, shown)
        cube = centred_cube(np.asarray(volume, np.float32), side)
        coarse = 2 * int(np.ceil(side * sampling / self.image_sampling / 2))
        if coarse < side:
            cube = fourier_resample(cube, (coarse,) * 3, workers)
            sampling, side = side * sampling / coarse, coarse
        self._map_sampling = sampling
        self._keep(self._transform(cube, workers))

    def _transform(self, cube, workers):
        side = len(cube)
        self._size = _PADDING * side
        fall = np.sinc((np.arange(side) - side // 2) / self._size) ** 2
        rise = (1 / fall).astype(np.float32)
        padded = np.zeros((self._size,) * 3, np.float32)
        margin = (self._size - side) // 2
        inner = slice(margin, margin + side)
        padded[inner, inner, inner] = cube * rise * rise[:, None] * rise[:, None, None]
        # Grey values of images are line integrals over the length of a pixel.
        padded *= np.float32((self._map_sampling / self.image_sampling) ** 3)
        return fft.rfftn(fft.ifftshift(padded), workers=workers, overwrite_x=True)

    def _keep(self, transform):
        """Keep the coefficients that images can see, with the origin in the middle."""
        size = self._size
        self._reach = min(size // 2 - 1, int(np.ceil(self._ratio(1.0) * self.plane.box / 2)))
        self._columns, self._side = self._reach + 2, 2 * self._reach + 2
        rows = np.arange(-self._reach, self._reach + 2) % size
        self._coefficients = transform[rows[:, None], rows, :self._columns].ravel()

    def _ratio(self, magnification):
        """Padded wave numbers of the map per wave number of the image."""
        return self._size * self._map_sampling / (self._extent * magnification)

    def slices(self, rotations, wave_numbers=None, magnification=1.0):
        """Coefficients of projections, about the images' centre.

        Parameters
        ----------
        rotations : numpy.ndarray, (n, 3, 3)
        wave_numbers : numpy.ndarray, (coefficients, 2)
            (kx, ky) of the images, whole or not; those of ``plane`` when not given.
        magnification : float
            By how much the images' sampling is larger than it is said to be.

        Returns
        -------
        numpy.ndarray of complex64, (n, coefficients)
            0 beyond the Nyquist frequency of the map.
        """
        if wave_numbers is None:
            wave_numbers = self.plane.wave_numbers
        places = (self._ratio(magnification) * np.asarray(wave_numbers)).astype(np.float32)
        rows = np.asarray(rotations, np.float32)[:, :2]
        values = np.empty((len(rows), len(places)), np.complex64)
        step = max(1, _CHUNK // len(places))
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            values[part] = self._at(np.moveaxis(rows[part], 2, 0) @ places.T)
        beyond = np.hypot(*places.T) > self._reach
        if beyond.any():
            values[:, beyond] = 0
        return values

    def _at(self, places):
        """Coefficients at places (x, y, z) of the padded transform, by trilinear interpolation."""
        shape, (x, y, z) = places.shape[1:], places.reshape(3, -1)
        sign = np.where(x < 0, np.float32(-1), np.float32(1))
        x, y, z = x * sign, y * sign + self._reach, z * sign + self._reach
        lower = [axis.astype(np.intp) for axis in (x, y, z)]
        for axis, below in zip((x, y, z), lower):
            axis -= below
        corner = (lower[2] * self._side + lower[1]) * self._columns + lower[0]

        def along_x(offset):
            # Places beyond the reach are clipped to any other.
            return _between(self._coefficients.take(corner + offset, mode="clip"),
                            self._coefficients.take(corner + (offset + 1), mode="clip"), x)

        row, plane = self._columns, self._columns * self._side
        values = _between(_between(along_x(0), along_x(row), y),
                          _between(along_x(plane), along_x(plane + row), y), z)
        values.imag *= sign
        return values.reshape(shape)

    def images(self, rotations, shifts=None, contrast=None, magnification=1.0):
        """Projections as particle images.

        Parameters
        ----------
        rotations : numpy.ndarray, (n, 3, 3)
        shifts : numpy.ndarray, (n, 2)
            Pixels; 0 when not given.
        contrast : vrs.images.ctf.Contrast
            Of n particles; none when not given.
        magnification : float
            As in :meth:`slices`.

        Returns
        -------
        numpy.ndarray of float32, (n, box, box)
        """
        coefficients = self.slices(rotations, magnification=magnification)
        if contrast is not None:
            coefficients *= contrast.values(self.plane.frequencies(self.image_sampling))
        if shifts is not None:
            coefficients *= self.plane.shifts(-np.asarray(shifts))
        return self.plane.images(coefficients)


def _between(lower, upper, part):
    upper -= lower
    upper *= part
    upper += lower
    return upper


def centred_cube(volume, side):
    """The volume in a cube, its voxel N // 2 at side // 2; cut off or filled with zeros.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    side : int

    Returns
    -------
    numpy.ndarray of float32, (side, side, side)
        The volume itself where it is that cube.
    """
    if volume.shape == (side,) * 3:
        return volume
    cube = np.zeros((side,) * 3, np.float32)
    to, of = [], []
    for size in volume.shape:
        offset = side // 2 - size // 2
        to.append(slice(max(0, offset), min(side, offset + size)))
        of.append(slice(max(0, -offset), min(size, side - offset)))
    cube[tuple(to)] = volume[tuple(of)]
    return cube
