"""Members of classes in the position of their class averages, for the items of level 3."""

import numpy as np

from vrs.checks.particle_images import FIRST_SHELL
from vrs.errors import NotMeasured
from vrs.images.agreement import within
from vrs.images.classify2d import averaged, in_class_frame
from vrs.numerics.image_plane import ImagePlane
from vrs.results import Slice, Slices

# Detail that members are compared by, Å.
DETAIL = 20.0
# With fewer members each of them moves the contamination by more than a tenth.
FEWEST = 20
# Of the particles' shifts, how many a search reaches, in per cent; it goes no further than this
# part of the diameter.
_REACHED, _FARTHEST = 95, 0.25


def low_passed(sample):
    """The coefficients of the images up to 20 Å, less those of the background.

    Parameters
    ----------
    sample : vrs.checks.particle_images.Sample

    Returns
    -------
    vrs.numerics.image_plane.ImagePlane
    """
    return ImagePlane(sample.box, FIRST_SHELL, sample.shell(DETAIL), sample.workers)


def rows_by_class(members, fewest=FEWEST):
    """The members of each class that has enough.

    Parameters
    ----------
    members : vrs.checks.particle_images.Members
    fewest : int

    Returns
    -------
    dict of int to numpy.ndarray of int
        Rows of the sample by the number of the class.

    Raises
    ------
    vrs.errors.NotMeasured
        If there is no such class.
    """
    numbers, counts = members.sizes
    if counts.max(initial=0) < fewest:
        raise NotMeasured(
            "The largest class has %d of the particles that were used; at least %d are needed to "
            "distinguish members from chance. Use more particles (--particles-used) or fewer "
            "classes." % (counts.max(initial=0), fewest))
    return {int(number): np.flatnonzero(members.labels == number)
            for number in numbers[counts >= fewest]}


def reach_of(shifts, diameter):
    """How far particles may be off the centre where they are aligned anew, pixels.

    Parameters
    ----------
    shifts : numpy.ndarray, (n, 2)
        That were given, pixels.
    diameter : float
        Pixels.
    """
    return max(min(np.percentile(np.abs(shifts), _REACHED), _FARTHEST * diameter), 2.0)


def in_frame(members, batch, plane, turned=0.0, moved=0.0):
    """Coefficients of members in the position of their class average.

    Parameters
    ----------
    members : vrs.checks.particle_images.Members
    batch : vrs.checks.particle_images.Batch
        Of its sample.
    plane : vrs.numerics.image_plane.ImagePlane
    turned : float or numpy.ndarray, (b,)
        Degrees by which they are turned out of that position.
    moved : float or numpy.ndarray, (b, 2)
        Pixels by which they are moved out of it.

    Returns
    -------
    values : numpy.ndarray of complex64, (b, coefficients)
    ctf : numpy.ndarray of float32, (b, coefficients)
    """
    values = np.empty((len(batch.rows), len(plane.wave_numbers)), np.complex64)
    ctf = np.empty(values.shape, np.float32)
    for part, some, their_ctf in in_class_frame(
            batch.images, members.psi[batch.rows] + turned, batch.shifts + moved, plane,
            members.sample.sampling, batch.contrast):
        values[part], ctf[part] = some, their_ctf
    return values, ctf


def average_of(members, rows, plane):
    """Average of some members, a numpy.ndarray of float32, (box, box)."""
    sums = np.zeros((1, len(plane.wave_numbers)), np.complex64)
    weights = np.zeros(sums.shape, np.float32)
    for batch in members.sample.batches(rows):
        values, ctf = in_frame(members, batch, plane)
        sums += (values * ctf).sum(axis=0)
        weights += np.square(ctf).sum(axis=0)
    return plane.images(averaged(sums, weights))[0]


def pairs_figure(caption, alt, pairs, disc, sampling):
    """Figure of pairs of class averages, the first of each pair above the second.

    Parameters
    ----------
    caption, alt : str
    pairs : list of list of tuple of str and numpy.ndarray
        Labels and images, (box, box). Three pairs or one are shown, as three stand in a row.
    disc : numpy.ndarray of float32, (box, box)
    sampling : float
        Å/pixel.

    Returns
    -------
    vrs.results.Slices
        Within the disc, each image of unit deviation.
    """
    shown = pairs[:3 if len(pairs) >= 3 else 1]
    panels = [pair[row] for row in (0, 1) for pair in shown]
    images = within(np.array([image for _, image in panels]), disc)
    deviations = images.std(axis=(1, 2), keepdims=True)
    images = images / np.where(deviations > 0, deviations, 1)
    return Slices(caption, alt, [Slice(label, image[::-1], sampling)
                                 for (label, _), image in zip(panels, images)])


def left_out_sentence(small):
    """What to say of the classes with too few members; empty without."""
    if not small:
        return ""
    return " %d more %s fewer than %d of the particles used and %s not judged." % (
        small, "class has" if small == 1 else "classes have", FEWEST,
        "was" if small == 1 else "were")
