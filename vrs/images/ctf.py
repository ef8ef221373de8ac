"""What optics and earlier processing did to the projections that particle images are.

An image's coefficients are those of the projection, displaced by minus the shift, times
:meth:`Contrast.values`, times exp(i φ) with the phases φ of antisymmetrical aberrations, at
frequencies that the microscope's magnification may distort. :func:`straighten` takes the last
two away, so that all that follows need not know of them.
"""

from dataclasses import dataclass, replace
from typing import Optional, Tuple

import numpy as np

from vrs.images.plane import PaddedTransforms
from vrs.numerics.ctf import Optics, antisymmetric_phases, contrast_transfer

# As recorded · multiplied by the sign of the CTF · multiplied by the CTF · divided by it.
STATES = ("raw", "phase-flipped", "premultiplied", "corrected")
# Of each particle.
_COLUMNS = ("group", "defocus", "phase_shift", "b_factor", "scale")


@dataclass(frozen=True, eq=False)
class Contrast:
    """The contrast transfer of particle images.

    Attributes
    ----------
    optics : tuple of vrs.numerics.ctf.Optics
        One for each optics group.
    group : numpy.ndarray of int, (n,)
        Index of each particle's optics group.
    defocus : numpy.ndarray of float64, (n, 3)
        U and V in Å, positive for underfocus, and the angle of U from x towards y, degrees.
    phase_shift : numpy.ndarray of float64, (n,)
        Of a phase plate, degrees; None for 0.
    b_factor : numpy.ndarray of float64, (n,)
        Å²; None for 0.
    scale : numpy.ndarray of float64, (n,)
        None for 1.
    states : tuple of str
        One of ``STATES`` for each optics group.
    """

    optics: Tuple[Optics, ...]
    group: np.ndarray
    defocus: np.ndarray
    phase_shift: Optional[np.ndarray] = None
    b_factor: Optional[np.ndarray] = None
    scale: Optional[np.ndarray] = None
    states: Tuple[str, ...] = ("raw",)

    def __post_init__(self):
        if len(self.states) != len(self.optics) or not set(self.states) <= set(STATES):
            raise ValueError("each optics group needs one of the states %s" % (STATES,))

    @classmethod
    def of(cls, table):
        """Contrast of the particles of a table.

        Parameters
        ----------
        table : vrs.images.particles.ParticleTable
            With defocus, voltages, aberrations and amplitude contrasts. Where nothing says what
            was done to the images they count as raw.

        Returns
        -------
        Contrast
        """
        optics = tuple(
            Optics(group.voltage, group.spherical_aberration, group.amplitude_contrast,
                   group.beam_tilt or (0.0, 0.0), group.odd_zernike or (),
                   group.even_zernike or (), group.magnification) for group in table.optics)
        states = tuple("premultiplied" if group.premultiplied
                       else "phase-flipped" if group.phase_flipped else "raw"
                       for group in table.optics)
        return cls(optics, table.group, table.defocus, table.phase_shift, table.ctf_b_factor,
                   table.ctf_scale, states)

    @classmethod
    def joined(cls, contrasts):
        """The contrasts of several sets of particles of the same optics groups, as one.

        Parameters
        ----------
        contrasts : sequence of Contrast

        Returns
        -------
        Contrast
        """
        columns = {name: None if getattr(contrasts[0], name) is None else np.concatenate(
            [getattr(one, name) for one in contrasts]) for name in _COLUMNS}
        return replace(contrasts[0], **columns)

    def __len__(self):
        return len(self.group)

    def take(self, chosen):
        """The contrast of some of the particles.

        Parameters
        ----------
        chosen : slice or array_like of int or bool

        Returns
        -------
        Contrast
        """
        columns = {name: getattr(self, name) for name in _COLUMNS}
        return replace(self, **{name: None if values is None else np.asarray(values)[chosen]
                                for name, values in columns.items()})

    def in_state(self, state):
        """The same particles if all of their images were in a state, one of ``STATES``."""
        return replace(self, states=(state,) * len(self.optics))

    def values(self, frequencies):
        """Factors of the coefficients of the images.

        They are CTF·scale·exp(-B s²/4) for raw images, its modulus for phase-flipped ones, its
        square for premultiplied ones, and 1 for corrected ones.

        Parameters
        ----------
        frequencies : numpy.ndarray, (coefficients, 2)
            Along x and y of the image, 1/Å.

        Returns
        -------
        numpy.ndarray of float32, (n, coefficients)
        """
        frequencies = np.asarray(frequencies, float)
        values = np.ones((len(self), len(frequencies)), np.float32)
        for number, (optics, state) in enumerate(zip(self.optics, self.states)):
            members = np.flatnonzero(self.group == number)
            if state == "corrected" or members.size == 0:
                continue
            phase_shift = 0.0 if self.phase_shift is None else self.phase_shift[members]
            ctf = contrast_transfer(frequencies, self.defocus[members], optics, phase_shift)
            if self.b_factor is not None:
                squared = np.sum(frequencies ** 2, axis=1)
                ctf *= np.exp(-self.b_factor[members, None] * squared / 4).astype(np.float32)
            if self.scale is not None:
                ctf *= self.scale[members, None].astype(np.float32)
            values[members] = {"raw": ctf, "phase-flipped": np.abs(ctf),
                               "premultiplied": ctf ** 2}[state]
        return values

    @property
    def is_straight(self):
        """Whether no group has a distorted magnification or antisymmetrical aberrations."""
        return not any(optics.is_antisymmetric or optics.magnification is not None
                       for optics in self.optics)


def straighten(images, shifts, contrast, samplings, sampling, workers=1):
    """Images as an ideal lens would have given them, at one sampling.

    The phases of antisymmetrical aberrations are taken away, and coefficients are read
    where the inverse of the magnification matrix puts them (bilinear, padded twofold).

    Parameters
    ----------
    images : numpy.ndarray of float32, (n, box, box)
    shifts : numpy.ndarray, (n, 2)
        Pixels.
    contrast : Contrast
    samplings : sequence of float
        Å/pixel of the images of each optics group.
    sampling : float
        Å/pixel of the result.
    workers : int

    Returns
    -------
    images : numpy.ndarray of float32, (n, box, box)
        The very same where there is nothing to do.
    shifts : numpy.ndarray, (n, 2)
        Pixels of the new images.
    contrast : Contrast
        Without what was taken away.
    """
    shifts = np.array(shifts, float)
    if contrast.is_straight and np.allclose(np.asarray(samplings)[contrast.group], sampling):
        return images, shifts, contrast
    box = images.shape[-1]
    transforms = PaddedTransforms(box, workers=workers)
    plane = transforms.plane
    straight = np.empty_like(images)
    for number, optics in enumerate(contrast.optics):
        members = np.flatnonzero(contrast.group == number)
        if members.size == 0:
            continue
        matrix = np.eye(2) if optics.magnification is None else np.asarray(optics.magnification)
        # Wave numbers of the new image to those of the old one.
        inverse = np.linalg.inv(matrix) * samplings[number] / sampling
        places = plane.wave_numbers @ inverse.T
        values = transforms.at(transforms.of(images[members]), places)
        phases = antisymmetric_phases(places / (box * samplings[number]), optics)
        straight[members] = plane.images(values * np.exp(-1j * phases).astype(np.complex64))
        shifts[members] = shifts[members] @ inverse
    ideal = tuple(replace(optics, beam_tilt=(0.0, 0.0), odd_zernike=(), magnification=None)
                  for optics in contrast.optics)
    return straight, shifts, replace(contrast, optics=ideal)
