"""Contrast transfer function of the electron microscope."""

from dataclasses import dataclass

import numpy as np
from scipy import constants


@dataclass(frozen=True)
class Optics:
    """What all images of a microscope session share.

    Attributes
    ----------
    voltage : float
        kV.
    spherical_aberration : float
        mm.
    amplitude_contrast : float
        Fraction, 0 to 1.
    """

    voltage: float
    spherical_aberration: float
    amplitude_contrast: float

    @property
    def wavelength(self):
        """Relativistic wavelength of the electrons, Å."""
        rest = constants.m_e * constants.c ** 2
        energy = self.voltage * 1e3 * constants.e
        return 1e10 * constants.h * constants.c / np.sqrt(energy * (energy + 2 * rest))


def contrast_transfer(frequencies, defocus, optics, phase_shift=0.0):
    """Contrast transfer function, positive at low frequency as for white particles.

    CTF(s) = sin(π λ Δf s² - π/2 Cs λ³ s⁴ + φ + arcsin w), with the defocus along the direction
    α of s, Δf = (U + V)/2 + (U - V)/2 cos 2(α - angle), λ wavelength, w amplitude contrast and φ
    phase shift (Rohou and Grigorieff 2015, doi 10.1016/j.jsb.2015.08.008). This is the sign
    of RELION: images in which the protein is bright are projections times this function.

    Parameters
    ----------
    frequencies : numpy.ndarray, (coefficients, 2)
        Along x and y of the image, 1/Å.
    defocus : numpy.ndarray, (images, 3)
        U and V in Å, positive for underfocus, and the angle of U from x towards y, degrees.
    optics : Optics
    phase_shift : float
        Of a phase plate, degrees.

    Returns
    -------
    numpy.ndarray of float32, (images, coefficients)
    """
    x, y = np.asarray(frequencies, float).T
    squared, azimuth = x ** 2 + y ** 2, np.arctan2(y, x)
    defocus_u, defocus_v, angle = np.asarray(defocus, float).T[:, :, None]
    along = (defocus_u + defocus_v) / 2 + (defocus_u - defocus_v) / 2 * np.cos(
        2 * (azimuth - np.radians(angle)))
    wavelength = optics.wavelength
    fourth = np.pi / 2 * optics.spherical_aberration * 1e7 * wavelength ** 3 * squared ** 2
    constant = np.radians(phase_shift) + np.arcsin(optics.amplitude_contrast)
    return np.sin(np.pi * wavelength * along * squared - fourth + constant).astype(np.float32)
