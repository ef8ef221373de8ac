"""Half maps of known signal and noise, and the map made from them."""

from dataclasses import dataclass

import numpy as np
from scipy import fft

from vrs.numerics import fourier

# Below this frequency (1/Å) noise no longer falls: all central sections meet at the origin.
_NOISE_FLOOR = 1 / 40.0
_CROSSING = 0.143
LOW_PASS_WIDTH = 0.04


@dataclass
class Spectra:
    """What is known of the half maps, by shell.

    Attributes
    ----------
    frequencies : numpy.ndarray, (shells,)
        1/Å.
    signal, noise : numpy.ndarray, (shells,)
        Mean power of a Fourier coefficient of the signal, and expected power of the noise in
        each half map.
    """

    frequencies: np.ndarray
    signal: np.ndarray
    noise: np.ndarray

    @property
    def fsc(self):
        """Expected Fourier shell correlation of the half maps, signal / (signal + noise)."""
        return self.signal / (self.signal + self.noise)

    @property
    def resolution(self):
        """Where the FSC first falls to 0.143, by linear interpolation, Å."""
        after = int(np.argmax(self.fsc < _CROSSING))
        pair = slice(after - 1, after + 1)
        return 1 / np.interp(-_CROSSING, -self.fsc[pair], self.frequencies[pair])

    def figure_of_merit(self, frequencies):
        """Weight of the mean of the halves, sqrt(2 FSC / (1 + FSC)).

        Rosenthal and Henderson 2003, doi 10.1016/j.jmb.2003.07.013.

        Parameters
        ----------
        frequencies : numpy.ndarray
            1/Å, any shape.

        Returns
        -------
        numpy.ndarray
        """
        return np.interp(frequencies, self.frequencies, np.sqrt(2 * self.fsc / (1 + self.fsc)))


def spectra_at(signal, sampling, resolution, workers=1):
    """Noise that brings half maps to a resolution.

    The noise of a reconstruction grows with the frequency as the central sections thin
    out: its power is n·sqrt(f² + f0²), with n such that the FSC is 0.143 at the resolution.

    Parameters
    ----------
    signal : numpy.ndarray of float32, (z, y, x)
    sampling : float
        Å/voxel.
    resolution : float
        Å.
    workers : int
        Threads.

    Returns
    -------
    Spectra
    """
    power = np.abs(fft.rfftn(signal, workers=workers)) ** 2
    signal_power = fourier.mean_amplitudes(power, signal.shape)
    frequencies = fourier.shell_frequencies(signal.shape, sampling)
    at_resolution = np.interp(1 / resolution, frequencies, signal_power)
    level = at_resolution * (1 / _CROSSING - 1) / _noise_shape(resolution ** -2)
    return Spectra(frequencies, signal_power, level * _noise_shape(frequencies ** 2))


def half_map(signal, sampling, spectra, rng, workers=1):
    """The signal with Gaussian noise of the given spectrum.

    Parameters
    ----------
    signal : numpy.ndarray of float32, (z, y, x)
    sampling : float
        Å/voxel.
    spectra : Spectra
    rng : numpy.random.Generator
    workers : int
        Threads.

    Returns
    -------
    numpy.ndarray of float32, (z, y, x)
    """
    white = rng.standard_normal(signal.shape, dtype=np.float32)
    # White noise of unit variance has power equal to the number of voxels.
    level = spectra.noise[-1] / _noise_shape(spectra.frequencies[-1] ** 2) / signal.size
    return signal + fourier.filtered(
        white, sampling, lambda squared: np.sqrt(level * _noise_shape(squared)), workers)


def final_map(half1, half2, sampling, spectra, resolution, sharpening, workers=1):
    """Mean of the halves, weighted by its figure of merit, sharpened and low-passed.

    Parameters
    ----------
    half1, half2 : numpy.ndarray of float32, (z, y, x)
    sampling : float
        Å/voxel.
    spectra : Spectra
    resolution : float
        Å; from here a raised cosine 0.04 1/Å wide falls to zero.
    sharpening : float
        Amplitudes are multiplied by exp(sharpening·f²/4), Å².
    workers : int
        Threads.

    Returns
    -------
    numpy.ndarray of float32, (z, y, x)
    """
    def response(squared):
        frequencies = np.sqrt(squared)
        return (spectra.figure_of_merit(frequencies) * np.exp(sharpening * squared / 4)
                * fourier.raised_cosine(frequencies, 1 / resolution, LOW_PASS_WIDTH))

    return fourier.filtered((half1 + half2) / 2, sampling, response, workers)


def _noise_shape(squared_frequency):
    return np.sqrt(squared_frequency + _NOISE_FLOOR ** 2)
