"""Monogenic amplitudes of a map in bands of spatial frequency (spiral transform)."""

import numpy as np
from scipy import fft

from vrs.numerics.fourier import hermitian_weights, squared_frequencies


class MonogenicBands:
    """Monogenic amplitudes of a map in Gaussian shells of Fourier space.

    The shell at f_k is G = exp(-(|f| - f_k)²/2w²). With F the transform of the map, the
    band-passed map v = IFFT(G F) and its Riesz components r_j = IFFT(-i f_j/|f| G F)
    give the amplitude √(v² + r_x² + r_y² + r_z²), the local strength of the map at that
    frequency whatever its phase (Kaur et al. 2021, doi 10.1038/s41467-021-21509-5).

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    sampling : float
        Å/voxel.
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
        nz, ny, nx = self._shape
        self._axes = [_direction(fft.fftfreq(nz, sampling), nz)[:, None, None],
                      _direction(fft.fftfreq(ny, sampling), ny)[:, None],
                      _direction(fft.rfftfreq(nx, sampling), nx)]

    def amplitude(self, frequency):
        """Monogenic amplitude at a frequency.

        Parameters
        ----------
        frequency : float
            f_k, 1/Å.

        Returns
        -------
        amplitude : numpy.ndarray of float32, (z, y, x)
            With the shell as defined above, its peak being 1.
        total : float
            Sum of the shell over all of Fourier space.
        energy : float
            Sum of its squares.
        """
        shell = np.exp(-0.5 * ((self._radius - np.float32(frequency))
                               / np.float32(self._width)) ** 2)
        total = float((shell.sum(axis=(0, 1), dtype=np.float64) * self._weights).sum())
        energy = float((np.square(shell).sum(axis=(0, 1), dtype=np.float64)
                        * self._weights).sum())
        band = shell * self._transform
        squared = self._inverse(band) ** 2
        with np.errstate(invalid="ignore", divide="ignore"):
            band /= self._radius
        band[0, 0, 0] = 0
        for axis in self._axes:
            # -i turns cosines into sines; its sign vanishes in the square.
            squared += self._inverse(band * (1j * axis)) ** 2
        return np.sqrt(squared, out=squared), total, energy

    def _inverse(self, transform):
        return fft.irfftn(transform, s=self._shape, workers=self._workers, overwrite_x=True)


def _direction(frequencies, size):
    """Frequencies along an axis for an odd response, which has to vanish at Nyquist."""
    frequencies = frequencies.astype(np.complex64)
    if size % 2 == 0:
        frequencies[size // 2] = 0
    return frequencies
