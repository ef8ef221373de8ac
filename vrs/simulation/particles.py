"""Particle images of a map: their parameters, their formation and their files."""

import os
from dataclasses import dataclass

import mrcfile
import numpy as np

from vrs.images.particles import OpticsGroup, ParticleTable
from vrs.numerics.ctf import Optics, contrast_transfer
from vrs.numerics.projection import rotation_matrices
from vrs.simulation import orientations

OPTICS = Optics(voltage=300.0, spherical_aberration=2.7, amplitude_contrast=0.1)
_PER_MICROGRAPH = 50
# Å: range of micrographs, then standard deviations of astigmatism and of particles.
_DEFOCUS = (8000.0, 22000.0)
_ASTIGMATISM = 150.0
_HEIGHT = 100.0
_OFFSET = 2.0


@dataclass
class Parameters:
    """What is known of each particle.

    Attributes
    ----------
    angles : numpy.ndarray, (particles, 3)
        rot, tilt and psi, degrees.
    origins : numpy.ndarray, (particles, 2)
        By how much an image has to be moved along x and y to be centred, Å.
    defocus : numpy.ndarray, (particles, 3)
        U, V (Å) and the angle of U, degrees.
    micrographs : numpy.ndarray of int, (particles,)
    subsets : numpy.ndarray of int, (particles,)
        1 or 2: the half that a particle belongs to.
    movements : numpy.ndarray, (particles, 3)
        By how much the moving domain is displaced along x, y and z of the map, Å.
    """

    angles: np.ndarray
    origins: np.ndarray
    defocus: np.ndarray
    micrographs: np.ndarray
    subsets: np.ndarray
    movements: np.ndarray

    def __len__(self):
        return len(self.angles)


def draw_parameters(count, kind, movement, rng):
    """Parameters of particles.

    Parameters
    ----------
    count : int
    kind : str
        Of orientations, a key of ``orientations.DESCRIPTIONS``.
    movement : float
        Standard deviation of the moving domain's displacement along each axis, Å.
    rng : numpy.random.Generator

    Returns
    -------
    Parameters
    """
    angles = orientations.draw_angles(kind, count, rng)
    # Files give six decimals at least; nobody needs more.
    angles, origins = np.round(angles, 6), np.round(_OFFSET * rng.standard_normal((count, 2)), 6)
    micrographs = np.arange(count) // _PER_MICROGRAPH
    mean, astigmatism, angle = (values[micrographs] for values in (
        rng.uniform(*_DEFOCUS, micrographs[-1] + 1),
        np.abs(_ASTIGMATISM * rng.standard_normal(micrographs[-1] + 1)),
        rng.uniform(0, 180, micrographs[-1] + 1)))
    mean = mean + _HEIGHT * rng.standard_normal(count)
    defocus = np.round(np.column_stack([mean + astigmatism, mean - astigmatism, angle]), 6)
    subsets = rng.permutation(np.arange(count) % 2 + 1)
    return Parameters(angles, origins, defocus, micrographs, subsets,
                      movement * rng.standard_normal((count, 3)))


class Camera:
    """Takes images of a map, part of which may move from particle to particle.

    Parameters
    ----------
    sections : vrs.numerics.projection.CentralSections
    sampling : float
        Å/voxel.
    parameters : Parameters
    fixed, moving : numpy.ndarray of complex64
        Transforms from ``sections``; ``moving`` may be None.
    """

    def __init__(self, sections, sampling, parameters, fixed, moving=None):
        self._sections, self._sampling, self._parameters = sections, sampling, parameters
        self._fixed, self._moving = fixed, moving
        self._frequencies = sections.wave_numbers / (sections.box * sampling)

    def take(self, chosen, rng):
        """Images of some particles, with the microscope's CTF and white noise of variance 1.

        Parameters
        ----------
        chosen : numpy.ndarray of int
            Numbers of the particles.
        rng : numpy.random.Generator

        Returns
        -------
        images : numpy.ndarray of float32, (particles, box, box)
        clean, noisy : numpy.ndarray of complex64, (particles, coefficients)
            Centred, without noise and with it.
        ctf : numpy.ndarray of float32, (particles, coefficients)
        placement : vrs.numerics.projection.Placement
        """
        sections, known = self._sections, self._parameters
        rotations = rotation_matrices(*known.angles[chosen].T)
        placement = sections.place(rotations)
        clean = sections.cut(self._fixed, placement)
        if self._moving is not None:
            seen = np.einsum("nij,nj->ni", rotations[:, :2], known.movements[chosen])
            clean += (sections.cut(self._moving, placement)
                      * sections.shifts(seen / self._sampling))
        ctf = contrast_transfer(self._frequencies, known.defocus[chosen], OPTICS)
        clean *= ctf
        back = sections.shifts(known.origins[chosen] / self._sampling)
        images = sections.images(clean * back.conj())
        images += rng.standard_normal(images.shape, dtype=np.float32)
        return images, clean, sections.coefficients(images) * back, ctf, placement


def new_stack(path, count, box, sampling):
    """A file for particle images, to be filled image by image.

    Returns
    -------
    mrcfile.mrcmemmap.MrcMemmap
        To be closed with :func:`close_stack`.
    """
    if os.path.exists(path):
        os.remove(path)
    stack = mrcfile.new_mmap(path, (count, box, box), mrc_mode=2)
    stack.set_image_stack()
    stack.voxel_size = sampling
    return stack


def close_stack(stack):
    """Give a stack the statistics of its images and close it.

    Parameters
    ----------
    stack : mrcfile.mrcmemmap.MrcMemmap
    """
    stack.update_header_stats()
    # The library's own label carries the time of writing.
    stack.header.label[0] = "Written by vrs"
    stack.close()


def table_of(parameters, path, box, sampling):
    """What a table says of particles.

    Parameters
    ----------
    parameters : Parameters
    path : str
        Of the stack of images, which lies beside the table.
    box : int
        Pixels of the images' side.
    sampling : float
        Å/pixel.

    Returns
    -------
    vrs.images.particles.ParticleTable
    """
    count = len(parameters)
    optics = OpticsGroup(
        voltage=OPTICS.voltage, spherical_aberration=OPTICS.spherical_aberration,
        amplitude_contrast=OPTICS.amplitude_contrast, sampling=sampling, image_size=box,
        phase_flipped=False, premultiplied=False)
    return ParticleTable(
        optics=(optics,), group=np.zeros(count, np.int32), contrast=np.ones(count, np.int8),
        files=(path,), file_names=(os.path.basename(path),), file=np.zeros(count, np.int32),
        frame=np.arange(count, dtype=np.int32), defocus=parameters.defocus,
        rotations=rotation_matrices(*parameters.angles.T).astype(np.float32),
        shifts=parameters.origins, subset=parameters.subsets.astype(np.int8),
        micrograph=parameters.micrographs.astype(np.int32),
        micrograph_names=tuple("micrograph_%03d.mrc" % (number + 1)
                               for number in range(parameters.micrographs.max() + 1)))
