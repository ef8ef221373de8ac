"""Fourier coefficients of square images."""

import numpy as np
from scipy import fft


class ImagePlane:
    """Coefficients of real images about their centre, pixel box // 2.

    Parameters
    ----------
    box : int
        Even number of pixels of the side.
    first, last : int, or None for the last
        Shells round(|k|) of the coefficients that are used; without ``last`` all within
        box/2 - 1.
    workers : int

    Attributes
    ----------
    wave_numbers : numpy.ndarray of int, (coefficients, 2)
        Those of the coefficients (kx, ky) that are used, of which conjugates are left out.

    Raises
    ------
    ValueError
        If the box is odd.
    """

    def __init__(self, box, first=0, last=None, workers=1):
        if box % 2:
            raise ValueError("images of %d pixels have no even side" % box)
        self.box, self.workers = box, workers
        kx, ky = np.meshgrid(np.arange(box // 2), np.arange(1 - box // 2, box // 2))
        squared = kx ** 2 + ky ** 2
        used = (squared < (box // 2 - 1) ** 2) & ((kx > 0) | (ky >= 0))
        shells = np.rint(np.sqrt(squared))
        used &= shells >= first
        if last is not None:
            used &= shells <= last
        self.wave_numbers = np.column_stack([kx[used], ky[used]])
        # Images are centred at pixel box/2, transforms at pixel 0.
        self._centring = np.where(self.wave_numbers.sum(axis=1) % 2, -1, 1).astype(np.float32)

    @property
    def shells(self):
        """Shell round(|k|) of each coefficient, (coefficients,)."""
        return np.rint(np.hypot(*self.wave_numbers.T)).astype(int)

    def frequencies(self, sampling):
        """Frequency of each coefficient along x and y, (coefficients, 2), in 1/Å.

        Parameters
        ----------
        sampling : float
            Å/pixel.
        """
        return self.wave_numbers / (self.box * sampling)

    def images(self, coefficients):
        """Images of given coefficients; all others are zero.

        Parameters
        ----------
        coefficients : numpy.ndarray of complex64, (images, coefficients)

        Returns
        -------
        numpy.ndarray of float32, (images, box, box)
        """
        kx, ky = self.wave_numbers.T
        spectra = np.zeros((len(coefficients), self.box, self.box // 2 + 1), np.complex64)
        spectra[:, ky, kx] = coefficients * self._centring
        axis = kx == 0
        # The column kx = 0 holds both members of each pair.
        spectra[:, -ky[axis], 0] = (coefficients[:, axis] * self._centring[axis]).conj()
        return fft.irfft2(spectra, s=(self.box, self.box), workers=self.workers)

    def coefficients(self, images):
        """Coefficients of images, the reverse of :meth:`images`.

        Parameters
        ----------
        images : numpy.ndarray of float32, (images, box, box)

        Returns
        -------
        numpy.ndarray of complex64, (images, coefficients)
        """
        kx, ky = self.wave_numbers.T
        return fft.rfft2(images, workers=self.workers)[:, ky, kx] * self._centring

    def shifts(self, offsets):
        """Factors that move images.

        Parameters
        ----------
        offsets : numpy.ndarray, (images, 2)
            Along x and y, in pixels.

        Returns
        -------
        numpy.ndarray of complex64, (images, coefficients)
        """
        turns = np.asarray(offsets) @ self.wave_numbers.T / self.box
        return np.exp(-2j * np.pi * turns).astype(np.complex64)
