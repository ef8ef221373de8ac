"""Two-dimensional class averages: those that were given, or made from the particles."""

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import List

import numpy as np

from vrs.checks.particle_images import CLASS_MEMBERS, FIRST_SHELL, spread_rows
from vrs.checks.shared import Shared
from vrs.errors import NotMeasured
from vrs.images.agreement import soft_disc, within
from vrs.images.classify2d import Classification, class_averages
from vrs.inputs.classes import CLASSES
from vrs.inputs.particles import IMAGES, MEMBERS, PARTICLES
from vrs.numerics.image_plane import ImagePlane
from vrs.results import Note, Status, Table

# Averages of fewer particles show their noise more than the protein.
FEWEST_MEMBERS = 12
# More members of a class than this make its average hardly better.
_MOST_MEMBERS = 500
# Correlation of halves whose average has as much signal as noise: SNR = 2 F / (1 - F).
_HALVES_LIMIT = 1 / 3
_LISTED = 30

logger = logging.getLogger(__name__)


def class_table(columns, rows, caption):
    """A table of classes, which lists the first of them.

    Parameters
    ----------
    columns : list of str
    rows : list of list of str
        Of all classes.
    caption : str
        With %s where it is to say how many are listed.

    Returns
    -------
    vrs.results.Table
    """
    part = " (%d of %d)" % (_LISTED, len(rows)) if len(rows) > _LISTED else ""
    return Table(columns, rows[:_LISTED], caption % part)


class _Averages:
    """The requirement that there are class averages, or that they can be made."""

    words = "class averages, or particles aligned to classes"

    def unmet(self, evidence):
        """Why an item that requires it cannot be computed, None when it can."""
        if CLASSES.unmet(evidence) is None:
            return None
        if CLASSES.name in evidence.failures:
            return CLASSES.unmet(evidence)
        if PARTICLES.name in evidence.failures:
            return PARTICLES.unmet(evidence)
        if PARTICLES.unmet(evidence) or MEMBERS.unmet(evidence):
            return Status.NOT_RUN, ("Give class averages with --classes, or a table of particles "
                                    "that are aligned to classes.")
        return IMAGES.unmet(evidence)


AVERAGES = _Averages()


@dataclass(frozen=True, eq=False)
class Averages:
    """Class averages that show something.

    Attributes
    ----------
    images : numpy.ndarray of float32, (n, box, box)
    numbers : numpy.ndarray of int, (n,)
        Of the classes, from 1.
    sampling : float
        Å/pixel.
    occupancy : numpy.ndarray of float64, (n,)
        Share of the particles in each class; of all of them 1.
    resolution : numpy.ndarray of float64, (n,)
        Estimated resolution, Å; NaN where it is not known.
    left_out : int
        Classes that are empty or have too few members.
    source : str
        Where averages and shares come from, a sentence or two.
    """

    images: np.ndarray
    numbers: np.ndarray
    sampling: float
    occupancy: np.ndarray
    resolution: np.ndarray
    left_out: int
    source: str


class AveragesOf:
    """The class averages of evidence, which are made when they are first asked for."""

    def __init__(self, evidence, notes):
        self._evidence, self.notes = evidence, notes

    @cached_property
    def averages(self):
        """What there is, an Averages."""
        return _given(self._evidence) if self._evidence.has("classes") else _made(self._evidence)


def _given(evidence):
    classes = evidence.classes
    shows = classes.images.min(axis=(1, 2)) < classes.images.max(axis=(1, 2))
    shares, where = _shares(evidence)
    resolution = (np.full(len(classes), np.nan) if classes.resolution is None
                  else classes.resolution)
    empty = int(np.count_nonzero(~shows))
    idle = int(np.count_nonzero(shares[shows] == 0)) if shares[shows].any() else 0
    source = "The class averages were given; %s.%s%s" % (
        where, "" if not empty else (
            " %d empty one%s left out." % (empty, " was" if empty == 1 else "s were")),
        "" if not idle else " %d of them ha%s no members and no weight." % (
            idle, "s" if idle == 1 else "ve"))
    return Averages(classes.images[shows], classes.numbers[shows], classes.sampling,
                    _normalised(shares[shows]), resolution[shows], empty, source)


def _shares(evidence):
    """Shares of the given classes, and where they come from."""
    classes = evidence.classes
    if classes.occupancy is not None and classes.occupancy.sum() > 0:
        return classes.occupancy, "their shares of the particles come from RELION's model file"
    if evidence.has("particles") and evidence.particles.table.has_classes:
        counts = _counts(evidence.particles.table, classes.numbers)
        if counts.sum():
            return counts, "their shares are those of the particles in the table"
    return np.ones(len(classes)), ("their shares of the particles are not known, so all are "
                                   "weighted equally")


def _counts(table, numbers):
    """How many particles of a table each class has."""
    return np.array([np.count_nonzero(table.plane_class == number) for number in numbers])


def _normalised(shares):
    shares = np.asarray(shares, float)
    return shares / shares.sum() if shares.sum() > 0 else np.full(len(shares), 1 / len(shares))


def _made(evidence):
    members = evidence.shared(CLASS_MEMBERS)
    numbers, counts = members.sizes
    chosen = numbers[counts >= FEWEST_MEMBERS]
    if not len(chosen):
        raise NotMeasured(
            "No class has the %d particles that an average needs; give more particles, or class "
            "averages with --classes." % FEWEST_MEMBERS)
    logger.info("Averaging the members of %d classes", len(chosen))
    images, resolution = zip(*(_average(members, number) for number in chosen))
    left_out = len(numbers) - len(chosen)
    source = ("The class averages were made from the %d particles used, with the angles and shifts "
              "in their table%s. Their shares are those of all particles in the table, and the "
              "resolution of each is where the averages of two halves of its members have a "
              "correlation of 1/3.%s" % (
                  len(members.labels), " and with their CTF" if members.sample.table.has_ctf
                  else "", "" if not left_out else " %d class%s with fewer than %d members %s left "
                  "out." % (left_out, "" if left_out == 1 else "es", FEWEST_MEMBERS,
                            "was" if left_out == 1 else "were")))
    return Averages(np.array(images), chosen, members.sample.sampling,
                    _normalised(_counts(evidence.particles.table, chosen)), np.array(resolution),
                    left_out, source)


def _average(members, number):
    """Average of the members of a class, and its resolution."""
    rows = np.flatnonzero(members.labels == number)
    rows = rows[spread_rows(len(rows), _MOST_MEMBERS)]
    sample, batch = members.sample, members.sample.batch(rows)
    images = [class_averages(
        batch.images, Classification(count, np.arange(len(rows)) % count, members.psi[rows],
                                     batch.shifts, np.zeros(len(rows))),
        sample.sampling, batch.contrast, sample.workers) for count in (1, 2)]
    disc = soft_disc(sample.box, sample.diameter)
    return images[0][0], _resolution(within(images[1], disc), sample.sampling)


def _resolution(halves, sampling):
    """Where noise and signal of an average are alike, from the averages of its halves, Å."""
    plane = ImagePlane(halves.shape[-1])
    one, other = plane.coefficients(halves)
    count = plane.box // 2 - 1
    cross, power, other_power = (np.bincount(plane.shells, values)[:count + 1] for values in (
        (one * other.conj()).real, np.abs(one) ** 2, np.abs(other) ** 2))
    below = cross[FIRST_SHELL:] < _HALVES_LIMIT * np.sqrt(power * other_power)[FIRST_SHELL:]
    first = FIRST_SHELL + below.argmax() if below.any() else count + 1
    return plane.box * sampling / max(first - 1, 1)


def _prepared(evidence) -> List[Note]:
    """Findings; that the particles cannot be averaged is the reason of all that needs them."""
    return [] if evidence.has("classes") else list(evidence.shared(CLASS_MEMBERS).notes)


CLASS_AVERAGES = Shared(
    "class_averages", "preparing the class averages", (AVERAGES,), _prepared, AveragesOf,
    describe=lambda found: (found.notes, []))
