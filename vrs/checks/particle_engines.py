"""What the items share that programs of others can compute from particles and class averages."""

import numpy as np
from scipy import ndimage

from vrs.engines.external import EngineInput
from vrs.errors import NotMeasured
from vrs.images.projector import centred_cube
from vrs.numerics.resample import fourier_resample

# Diameter of the mask that programs lay over the images, over that of the particle.
_ROOM = 1.1


def with_particles(sample, rows, **given):
    """What an engine that takes particles is given.

    Parameters
    ----------
    sample : vrs.checks.particle_images.Sample
    rows : numpy.ndarray of int, (n,)
        Which of its particles.
    **given
        As those of :class:`vrs.engines.external.EngineInput`.

    Returns
    -------
    vrs.engines.external.EngineInput

    Raises
    ------
    NotMeasured
        If the protein is dark in the images, which programs take for the background.
    """
    table = sample.table.take(rows)
    if (np.where(table.contrast == 0, sample.sign, table.contrast) < 0).any():
        raise NotMeasured("Other programs expect bright protein in the images of the particles; "
                          "invert them, or choose the built-in engine.")
    return EngineInput(particles=table, **given)


def mask_diameter_of(sample):
    """Diameter of the mask that a program lays over the images, Å, a whole number."""
    return int(np.ceil(min(_ROOM * sample.size, sample.box * sample.sampling)))


def in_box(volume, sampling, box, wanted, workers=1):
    """A map in the box and with the sampling of images, its centre at their centre.

    Detail that the new sampling cannot show is removed; the rest is interpolated by cubic
    splines.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    sampling : float
        Å/voxel.
    box : int
        Side of the images, pixels.
    wanted : float
        Å/pixel.
    workers : int

    Returns
    -------
    numpy.ndarray of float32, (box, box, box)
    """
    side = 2 * int(np.ceil(max(volume.shape) / 2))
    cube = centred_cube(volume, side)
    coarse = 2 * int(np.ceil(side * sampling / wanted / 2))
    if coarse < side:
        cube = fourier_resample(cube, (coarse,) * 3, workers)
        sampling *= side / coarse
    step = wanted / sampling
    start = cube.shape[0] // 2 - box // 2 * step
    return ndimage.affine_transform(cube, np.full(3, step), start, (box,) * 3, np.float32)


def by_row(found, count, program):
    """The table of an engine in the order of the particles that it was given.

    Parameters
    ----------
    found : vrs.engines.external.AssignedParticles
    count : int
        How many it was given.
    program : str
        Its name for messages.

    Returns
    -------
    vrs.images.particles.ParticleTable
        (count,)

    Raises
    ------
    NotMeasured
        If some are missing.
    """
    if len(found.rows) != count or not np.array_equal(np.sort(found.rows), np.arange(count)):
        raise NotMeasured("%s returned %d of the %d particles; choose the built-in engine." % (
            program, len(np.unique(found.rows)), count))
    return found.table.take(np.argsort(found.rows))
