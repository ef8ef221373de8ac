"""Monogenic amplitudes of a map in bands of spatial frequency (spiral transform)."""

import numpy as np
from scipy import fft

from vrs.numerics.fourier import hermitian_weights, squared_frequencies

_RADII = 4096  # of the tabulated density of coefficients, far finer than any band


class MonogenicBands:
    """Monogenic amplitudes of a map in Gaussian shells of Fourier space.

    The shell at f_k is G = exp(-(|f| - f_k)²/2w²). With F the transform of the map, the
    band-passed map v = IFFT(G F) and its Riesz components r_j = IFFT(-i f_j/|f| G F)
    give the amplitude √(v² + |r_x|² + |r_y|² + |r_z|²), the local strength of the map at
    that frequency whatever its phase (Kaur et al. 2021, doi 10.1038/s41467-021-21509-5).
    The r_j are real but for the Nyquist planes of boxes of even size.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    sampling : float or tuple of float
        Å/voxel, of all axes or of (z, y, x).
    width : float
        w, 1/Å.
    workers : int
    """

    def __init__(self, volume, sampling, width, workers=1):
        self._shape = volume.shape
        self._width = width
        self._workers = workers
        self._transform = fft.rfftn(volume, workers=workers)
        z2, y2, x2 = squared_frequencies(self._shape, sampling)
        self._radius = np.sqrt(z2[:, None] + y2 + x2).astype(np.float32)
        self._weights = hermitian_weights(self._shape[2])
        self._density = None
        self._nyquist = [np.float32(0.5 / spacing) for spacing in np.broadcast_to(sampling, 3)]
        self._axes = riesz_axes(self._shape, sampling)

    def amplitude(self, frequency):
        """Monogenic amplitude at a frequency.

        Parameters
        ----------
        frequency : float
            f_k, 1/Å.

        Returns
        -------
        numpy.ndarray of float32, (z, y, x)
            With the shell as defined above, its peak being 1.
        """
        band = self._shell(self._radius, np.float32(frequency)) * self._transform
        squared = self._inverse(band) ** 2
        with np.errstate(invalid="ignore", divide="ignore"):
            band /= self._radius
        band[0, 0, 0] = 0
        for dimension, axis in enumerate(self._axes):
            squared += self._inverse(band * axis) ** 2
            if self._shape[dimension] % 2 == 0:
                squared += np.expand_dims(self._at_nyquist(band, dimension) ** 2, dimension)
        return np.sqrt(squared, out=squared)

    def shell_sum(self, frequency, power=1, b_factor=0.0):
        """Sum of a shell, to a power, over all of Fourier space.

        Parameters
        ----------
        frequency : float
            f_k, 1/Å.
        power : int
        b_factor : float
            Weighs each coefficient by the intensity exp(B f²/2) of a map with this
            B-factor, Å².

        Returns
        -------
        float
        """
        radii, counts = self._radial_density()
        shell = self._shell(radii, frequency) ** power
        return float((counts * shell * np.exp(b_factor * radii ** 2 / 2)).sum())

    def _shell(self, radius, frequency):
        return np.exp(-0.5 * ((radius - frequency) / np.float32(self._width)) ** 2)

    def _radial_density(self):
        """Radii of narrow shells and how many coefficients each of them has."""
        if self._density is None:
            highest = float(self._radius.max())
            counts = np.zeros(_RADII)
            for plane in self._radius:
                bins = np.rint(plane * ((_RADII - 1) / highest)).astype(np.intp)
                counts += np.bincount(bins.ravel(), np.broadcast_to(
                    self._weights, plane.shape).ravel(), _RADII)
            self._density = np.linspace(0, highest, _RADII), counts
        return self._density

    def _at_nyquist(self, band, dimension):
        """Modulus of what the Nyquist plane of an axis adds to its Riesz component.

        The plane stands for both signs of the frequency at once; taken as the negative
        one it gives an imaginary part that alternates along the axis.
        """
        size = self._shape[dimension]
        plane = np.take(band, size // 2, axis=dimension) * self._nyquist[dimension] / size
        if dimension == 2:
            return fft.ifft2(plane).real
        return fft.irfftn(plane, s=tuple(np.delete(self._shape, dimension)))

    def _inverse(self, transform):
        return fft.irfftn(transform, s=self._shape, workers=self._workers, overwrite_x=True)


def riesz_axes(shape, sampling):
    """-i times the frequencies along the axes of the half space.

    An odd response has to vanish at Nyquist.

    Parameters
    ----------
    shape : tuple of int
        Box (z, y, x) in voxels.
    sampling : float or tuple of float
        Å/voxel, of all axes or of (z, y, x).

    Returns
    -------
    list of numpy.ndarray of complex64
        1/Å, shapes (z, 1, 1), (y, 1) and (x // 2 + 1,).
    """
    (nz, ny, nx), (tz, ty, tx) = shape, np.broadcast_to(sampling, 3)
    axes = [(-1j * axis).astype(np.complex64)
            for axis in (fft.fftfreq(nz, tz), fft.fftfreq(ny, ty), fft.rfftfreq(nx, tx))]
    for axis, size in zip(axes, shape):
        if size % 2 == 0:
            axis[size // 2] = 0
    return [axes[0][:, None, None], axes[1][:, None], axes[2]]
