"""Contrast transfer function of the electron microscope."""

from dataclasses import dataclass
from math import factorial, isqrt
from typing import Optional, Tuple

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
    beam_tilt : tuple of float
        Along x and y of the image, mrad.
    odd_zernike, even_zernike : tuple of float
        RELION's coefficients of the antisymmetrical and the symmetrical aberrations.
    magnification : tuple of tuple of float, or None
        Matrix (2, 2) that turns the frequencies (x, y) of an image into those of the specimen.
    """

    voltage: float
    spherical_aberration: float
    amplitude_contrast: float
    beam_tilt: Tuple[float, float] = (0.0, 0.0)
    odd_zernike: Tuple[float, ...] = ()
    even_zernike: Tuple[float, ...] = ()
    magnification: Optional[Tuple[Tuple[float, float], Tuple[float, float]]] = None

    @property
    def wavelength(self):
        """Relativistic wavelength of the electrons, Å."""
        rest = constants.m_e * constants.c ** 2
        energy = self.voltage * 1e3 * constants.e
        return 1e10 * constants.h * constants.c / np.sqrt(energy * (energy + 2 * rest))

    @property
    def is_antisymmetric(self):
        """Whether there is an aberration that shifts phases."""
        return any(self.beam_tilt) or any(self.odd_zernike)


def contrast_transfer(frequencies, defocus, optics, phase_shift=0.0):
    """Contrast transfer function, positive at low frequency as for white particles.

    CTF(s) = sin(π λ Δf s² - π/2 Cs λ³ s⁴ + φ + arcsin w - χ), with the defocus along the
    direction α of s, Δf = (U + V)/2 + (U - V)/2 cos 2(α - angle), λ wavelength, w amplitude
    contrast and φ phase shift (Rohou and Grigorieff 2015, doi 10.1016/j.jsb.2015.08.008). This
    is the sign of RELION: images in which the protein is bright are projections times this
    function. χ is the sum of the symmetrical Zernike polynomials (Zivanov et al. 2020,
    doi 10.1107/S2052252520000081).

    Parameters
    ----------
    frequencies : numpy.ndarray, (coefficients, 2)
        Along x and y of the image, 1/Å.
    defocus : numpy.ndarray, (images, 3)
        U and V in Å, positive for underfocus, and the angle of U from x towards y, degrees.
    optics : Optics
    phase_shift : float or numpy.ndarray, (images,)
        Of a phase plate, degrees.

    Returns
    -------
    numpy.ndarray of float32, (images, coefficients)
    """
    x, y = _of_specimen(frequencies, optics)
    squared, azimuth = x ** 2 + y ** 2, np.arctan2(y, x)
    defocus_u, defocus_v, angle = np.asarray(defocus, float).T[:, :, None]
    along = (defocus_u + defocus_v) / 2 + (defocus_u - defocus_v) / 2 * np.cos(
        2 * (azimuth - np.radians(angle)))
    wavelength = optics.wavelength
    fourth = np.pi / 2 * optics.spherical_aberration * 1e7 * wavelength ** 3 * squared ** 2
    if any(optics.even_zernike):
        fourth += _zernike_sum(optics.even_zernike, _even_orders, x, y)
    constant = np.radians(np.reshape(phase_shift, (-1, 1))) + np.arcsin(optics.amplitude_contrast)
    return np.sin(np.pi * wavelength * along * squared - fourth + constant).astype(np.float32)


def antisymmetric_phases(frequencies, optics):
    """Phases that beam tilt and antisymmetrical aberrations add to an image's coefficients.

    The coefficients are those of the ideal image times exp(i phase), phase = -2π Cs λ² s² (s·t)
    for the tilt t, plus the sum of the antisymmetrical Zernike polynomials; signs are those of
    RELION (Zivanov et al. 2020, doi 10.1107/S2052252520000081).

    Parameters
    ----------
    frequencies : numpy.ndarray, (coefficients, 2)
        As in :func:`contrast_transfer`.
    optics : Optics

    Returns
    -------
    numpy.ndarray of float64, (coefficients,)
        Radians.
    """
    x, y = _of_specimen(frequencies, optics)
    tilt_x, tilt_y = 1e-3 * np.asarray(optics.beam_tilt)
    scale = 2 * np.pi * optics.spherical_aberration * 1e7 * optics.wavelength ** 2
    return (_zernike_sum(optics.odd_zernike, _odd_orders, x, y)
            - scale * (x ** 2 + y ** 2) * (tilt_x * x + tilt_y * y))


def _of_specimen(frequencies, optics):
    x, y = np.asarray(frequencies, float).T
    if optics.magnification is None:
        return x, y
    return np.asarray(optics.magnification, float) @ [x, y]


def _even_orders(index):
    """Azimuthal and radial order of the symmetrical polynomials as RELION counts them."""
    row = isqrt(index)
    return 2 * (index - row ** 2 - row), 2 * row


def _odd_orders(index):
    row = (isqrt(1 + 4 * index) - 1) // 2
    return 2 * (index - row ** 2 - row) - 2 * row - 1, 2 * row + 1


def _zernike_sum(coefficients, orders, x, y):
    """Sum of Zernike polynomials; they are not normalised, and frequencies are in 1/Å."""
    radius, azimuth = np.hypot(x, y), np.arctan2(y, x)
    total = np.zeros(len(radius))
    for index, coefficient in enumerate(coefficients):
        m, n = orders(index)
        radial = sum((-1) ** k * factorial(n - k) / (
            factorial(k) * factorial((n + abs(m)) // 2 - k) * factorial((n - abs(m)) // 2 - k))
            * radius ** (n - 2 * k) for k in range((n - abs(m)) // 2 + 1))
        total += coefficient * radial * (np.cos(m * azimuth) if m >= 0 else -np.sin(m * azimuth))
    return total
