"""Particle images between their pixels, and their transforms between the wave numbers."""

import numpy as np
from scipy import fft

from vrs.numerics.image_plane import ImagePlane


class PaddedTransforms:
    """Transforms of images at any wave numbers, by bilinear interpolation.

    Images are padded with zeros and divided by the transform of the interpolating kernel, which
    interpolation multiplies them by.

    Parameters
    ----------
    box : int
        Even number of pixels of the side.
    padding : int
        By how much the box is enlarged.
    workers : int

    Attributes
    ----------
    plane : vrs.numerics.image_plane.ImagePlane
        Of images of the same box.
    """

    def __init__(self, box, padding=2, workers=1):
        self.plane = ImagePlane(box, workers=workers)
        self._padding, self._workers = padding, workers
        self._size = padding * box
        fall = np.sinc((np.arange(box) - box // 2) / self._size) ** 2
        self._rise = (1 / (fall[:, None] * fall)).astype(np.float32)

    def of(self, images):
        """Transforms of images, to be read by :meth:`at`.

        Parameters
        ----------
        images : numpy.ndarray of float32, (n, box, box)

        Returns
        -------
        numpy.ndarray of complex64, (n, coefficients)
        """
        size, centre = self._size, images.shape[-1] // 2
        rest = images.shape[-1] - centre
        corrected = images * self._rise
        # The centre becomes the first pixel.
        padded = np.zeros((len(images), size, size), np.float32)
        padded[:, :rest, :rest] = corrected[:, centre:, centre:]
        padded[:, :rest, -centre:] = corrected[:, centre:, :centre]
        padded[:, -centre:, :rest] = corrected[:, :centre, centre:]
        padded[:, -centre:, -centre:] = corrected[:, :centre, :centre]
        return fft.rfft2(padded, workers=self._workers).reshape(len(images), -1)

    def at(self, transforms, wave_numbers):
        """Coefficients about the centre of the images.

        Parameters
        ----------
        transforms : numpy.ndarray of complex64
            From :meth:`of`.
        wave_numbers : numpy.ndarray, (coefficients, 2) or (n, coefficients, 2)
            (kx, ky) within box/2, for all images or for each.

        Returns
        -------
        numpy.ndarray of complex64, (n, coefficients)
        """
        places = self._padding * np.asarray(wave_numbers, np.float32)
        conjugate = places[..., 0] < 0
        places = np.where(conjugate[..., None], -places, places)
        lower = np.floor(places).astype(np.intp)
        x, y = np.moveaxis(places - lower, -1, 0).astype(np.float32)
        columns, size = self._size // 2 + 1, self._size
        values = np.zeros((len(transforms),) + places.shape[-2:-1], np.complex64)
        for dy, along_y in ((0, 1 - y), (1, y)):
            first = (lower[..., 1] + dy) % size * columns + lower[..., 0]
            for dx, along_x in ((0, 1 - x), (1, x)):
                values += along_y * along_x * _taken(transforms, first + dx)
        return np.conj(values, out=values, where=np.broadcast_to(conjugate, values.shape))


def shifted(images, shifts):
    """Images moved by whole and broken pixels, around the edges.

    Parameters
    ----------
    images : numpy.ndarray of float32, (n, box, box)
    shifts : numpy.ndarray, (n, 2)
        Along x and y, pixels.

    Returns
    -------
    numpy.ndarray of float32, (n, box, box)
    """
    shifts, box = np.asarray(shifts, float), images.shape[-1]
    along_x = np.exp(-2j * np.pi * shifts[:, :1] * fft.rfftfreq(box)).astype(np.complex64)
    along_y = np.exp(-2j * np.pi * shifts[:, 1:] * fft.fftfreq(box)).astype(np.complex64)
    transform = fft.rfft2(images)
    transform *= along_x[:, None]
    transform *= along_y[:, :, None]
    return fft.irfft2(transform, s=(box, box), overwrite_x=True)


def _taken(transforms, indices):
    if indices.ndim == 1:
        return transforms.take(indices, axis=1)
    return np.take_along_axis(transforms, indices, axis=1)
