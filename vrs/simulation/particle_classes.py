"""Two-dimensional classes of simulated particles, as a classification would have them."""

from dataclasses import replace

import numpy as np

from vrs.images.classify2d import Classification, class_averages
from vrs.images.ctf import Contrast
from vrs.images.gallery import view_matrices
from vrs.images.particles import fourier_cropped
from vrs.images.symmetry import asymmetric_unit, equivalent_orientations
from vrs.simulation.particles import close_stack, new_stack

_BATCH = 500


def aligned_to_classes(table, group, spacing):
    """The table of a two-dimensional classification that follows from orientations.

    Classes are directions of view. A particle belongs to that which is nearest to its own, and
    its angle in the plane is the one that brings it closest to the view of its class: of all
    psi, R(psi)ᵀ A Vᵀ has the largest trace, A and V being the orientations of both.

    Parameters
    ----------
    table : vrs.images.particles.ParticleTable
        With orientations and shifts.
    group : numpy.ndarray, (g, 3, 3)
        Symmetry of the specimen.
    spacing : float
        Between classes, degrees.

    Returns
    -------
    table : vrs.images.particles.ParticleTable
        With psi, plane_shifts and plane_class in place of the orientations.
    views : numpy.ndarray of float64, (classes, 3, 3)
        Orientations of the classes; those that nobody belongs to are left out.
    """
    views = view_matrices(asymmetric_unit(group, spacing))
    copies = equivalent_orientations(table.rotations.astype(float), group)
    nearness = np.einsum("gni,ci->ngc", copies[:, :, 2], views[:, 2])
    copy, nearest = np.divmod(nearness.reshape(len(table), -1).argmax(axis=1), len(views))
    own = copies[copy, np.arange(len(table))]
    turns = np.einsum("nij,nkj->nik", own, views[nearest])
    psi = np.degrees(np.arctan2(turns[:, 0, 1] - turns[:, 1, 0],
                                turns[:, 0, 0] + turns[:, 1, 1]))
    psi = np.round(psi, 6)  # the rest differs from run to run
    filled, numbers = np.unique(nearest, return_inverse=True)
    numbers = (numbers + 1).astype(np.int32)
    return replace(table, rotations=None, psi=psi, plane_shifts=table.shifts,
                   plane_class=numbers, class_number=numbers), views[filled]


def write_class_averages(path, table, images, box, workers=1):
    """Write the averages of classes, made with angles, shifts and CTF of their members' table.

    Parameters
    ----------
    path : str
    table : vrs.images.particles.ParticleTable
        Of :func:`aligned_to_classes`.
    images : numpy.ndarray of float32, (n, size, size)
        In the order of the table.
    box : int
        Pixels of the averages' side, an even number.
    workers : int
    """
    size = images.shape[-1]
    sampling = table.optics[0].sampling * size / box
    small = np.empty((len(images), box, box), np.float32)
    for start in range(0, len(images), _BATCH):
        small[start:start + _BATCH] = fourier_cropped(images[start:start + _BATCH], box, workers)
    labels = table.plane_class - 1
    found = Classification(labels.max() + 1, labels, table.psi, table.plane_shifts / sampling,
                           np.zeros(len(table)))
    averages = class_averages(small, found, sampling, Contrast.of(table), workers)
    stack = new_stack(path, len(averages), box, sampling)
    stack.data[:] = averages
    close_stack(stack)
