"""Images of the particles as the items of levels 2 to 4 take them, tested against the table."""

import logging
import tempfile
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import List, Optional

import numpy as np

from vrs.checks.shared import Shared
from vrs.errors import NotMeasured
from vrs.images.conventions import compare_conventions, compare_plane_conventions
from vrs.images.ctf import Contrast, straighten
from vrs.images.projector import Projector
from vrs.images.refine import LocalSearch
from vrs.inputs.map import MAP
from vrs.inputs.particles import (ANGLES, IMAGES, MEMBERS, PARTICLES, mask_diameter,
                                  particle_diameter)
from vrs.io.particles import open_particles
from vrs.results import MINOR, SERIOUS, Note, travels

# Detail that the images are made to show, Å, and pixels to show it.
DETAIL, _PIXELS_PER_DETAIL = 8.0, 2.5
_LARGEST_BOX = 128
# The first shells hold the background rather than the particle.
FIRST_SHELL = 2
_BATCH = 500
_BATCH_BYTES = 2 ** 28
_TESTED = 200
# Fewer particles do not tell whether their angles are those of the map.
_FEWEST_TESTED = 12
# Widest images over narrowest: no merged data differ as much.
_MOST_UNLIKE = 3
# Shells that images have to have for anything to be told from them.
_FEWEST_SHELLS = 3
# Standard errors by which the mean correlation with the map has to exceed 0.
_ERRORS = 3
# Detail that decides on the signs of alignments in the plane, Å.
_PLANE_DETAIL = 20.0
_CLASSES_TESTED, _MEMBERS_TESTED, _FEWEST_MEMBERS = 20, 50, 12

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Batch:
    """Images of some particles of a sample, as an ideal lens would have given them.

    Attributes
    ----------
    rows : numpy.ndarray of int, (b,)
        Which particles of the sample.
    images : numpy.ndarray of float32, (b, box, box)
    shifts : numpy.ndarray of float64, (b, 2)
        Pixels; of the three-dimensional assignment or of the alignment to class averages.
    contrast : vrs.images.ctf.Contrast or None
        None where the CTF is not known.
    """

    rows: np.ndarray
    images: np.ndarray
    shifts: np.ndarray
    contrast: Optional[Contrast]


class _Cropped:
    """Particles whose images are brought to a box when they are first asked for."""

    def __init__(self, drawn, rows, box):
        self.drawn, self._rows, self.box, self._folder = drawn, rows, box, None

    @cached_property
    def usable(self):
        """Those whose images are of use, and their rows in the table that was given."""
        self._folder = tempfile.TemporaryDirectory(prefix="vrs_particles_")
        logger.info("Reading the images of %d particles", len(self.drawn))
        cropped = self.drawn.cached(self.box, Path(self._folder.name) / "images.npy")
        good = ~self.drawn.unusable
        if not good.any():
            raise NotMeasured("All particle images are constant or contain values that are not "
                              "numbers or are far too large; check the stacks.")
        return cropped.take(good), self._rows[good]


@dataclass(frozen=True, eq=False)
class Sample:
    """Particles that the items on their images take.

    Attributes
    ----------
    cropped : _Cropped
    sampling : float
        Å/pixel.
    size : float
        Diameter of the particle, Å.
    in_plane : bool
        Whether shifts are those of the alignment to class averages.
    sign : int
        -1 where the images show dark protein though nothing says so.
    state : str or None
        What was done to the images, one of ``vrs.images.ctf.STATES``, where they tell and the
        table does not.
    workers : int
    """

    cropped: _Cropped
    sampling: float
    size: float
    in_plane: bool = False
    sign: int = 1
    state: Optional[str] = None
    workers: int = 1

    def __len__(self):
        return len(self.cropped.usable[0])

    @property
    def box(self):
        """Pixels of the side of the images."""
        return self.cropped.box

    @property
    def table(self):
        """What the table says of the particles, a ParticleTable."""
        return self.cropped.usable[0].table

    @property
    def rows(self):
        """Their rows in the table that was given, (n,)."""
        return self.cropped.usable[1]

    @property
    def unusable(self):
        """How many more were drawn whose images are of no use."""
        return len(self.cropped.drawn) - len(self)

    @property
    def diameter(self):
        """Of the particle, pixels; no more than leaves room for the soft edge of its disc."""
        return min(self.size / self.sampling, self.box - 4.0)

    def shell(self, resolution):
        """The last shell of the images, in wave numbers, up to a resolution in Å."""
        return int(min(self.box * self.sampling / resolution, self.box // 2 - 1))

    def batch(self, rows):
        """The images of some of the particles.

        Parameters
        ----------
        rows : array_like of int, (b,)

        Returns
        -------
        Batch
        """
        rows = np.asarray(rows)
        chosen = self.cropped.usable[0].take(rows)
        table = chosen.table
        images = np.empty((len(rows), self.box, self.box), np.float32)
        for places, part in chosen.batches(self.box, _BATCH_BYTES):
            images[places] = part
        images *= np.where(table.contrast == 0, self.sign,
                           table.contrast).astype(np.float32)[:, None, None]
        samplings = chosen.sampling(self.box)
        moved = table.plane_shifts if self.in_plane else table.shifts
        shifts = (np.zeros((len(rows), 2)) if moved is None
                  else moved / samplings[table.group][:, None])
        if not table.has_ctf:
            return Batch(rows, images, shifts, None)
        contrast = Contrast.of(table)
        if self.state is not None:
            contrast = contrast.in_state(self.state)
        return Batch(rows, *straighten(images, shifts, contrast, samplings, self.sampling,
                                       self.workers))

    def batches(self, rows=None):
        """The images of some of the particles, a few hundred at a time.

        Parameters
        ----------
        rows : array_like of int, optional
            All when not given.

        Yields
        ------
        Batch
        """
        rows = np.arange(len(self)) if rows is None else np.asarray(rows)
        for start in range(0, len(rows), _BATCH):
            if start:
                logger.info("%d of %d particles done", start, len(rows))
            yield self.batch(rows[start:start + _BATCH])


def _draw(evidence, kept=None):
    found = evidence.particles
    table, workers = found.table, evidence.run.workers
    count = len(table) if found.used is None else found.used
    rows = table.stratified_sample(count, evidence.run.seed)
    particles = open_particles(table, workers).take(rows)
    _require_alike(particles)
    box = _box(evidence, particles)
    if box < 2 * (FIRST_SHELL + _FEWEST_SHELLS + 1):
        raise NotMeasured(
            "The images of the particles, %d pixels and %.3g Å wide, are too small to show "
            "anything; check their pixel size, or extract them in a larger box." % (
                particles.size, _extents(particles).max()))
    samplings = particles.sampling(box)[np.unique(particles.table.group)]
    return Sample(_Cropped(particles, rows, box), float(samplings.mean()),
                  particle_diameter(evidence)[0], workers=workers)


def _extents(particles):
    """Widths of the images of the optics groups, Å."""
    groups = np.unique(particles.table.group)
    return particles.size * particles.sampling(particles.size)[groups]


def _require_alike(particles):
    """Raise NotMeasured where no common box can show the images of all optics groups."""
    extents = _extents(particles)
    if extents.max() > _MOST_UNLIKE * extents.min():
        raise NotMeasured(
            "The images of some optics groups are %.4g Å wide, those of others %.4g Å; check their "
            "pixel sizes." % (extents.min(), extents.max()))


def _box(evidence, particles):
    """As few pixels as show the detail, an even number."""
    detail = DETAIL
    if evidence.has("reported") and evidence.reported.resolution:
        detail = max(detail, evidence.reported.resolution)
    wanted = min(_extents(particles).max() * _PIXELS_PER_DETAIL / detail, _LARGEST_BOX)
    return min(2 * int(np.ceil(wanted / 2)), particles.size // 2 * 2)


# Particles drawn from all micrographs alike; nothing is kept, as drawing is a matter of a moment
# and images are read when they are first asked for.
_SAMPLE = Shared("sample", "drawing particles", (PARTICLES, IMAGES), lambda evidence: None, _draw)


@travels
@dataclass
class TableTest:
    """What images say of the conventions of their table.

    Attributes
    ----------
    sign : int
    state : str or None
        Both as those of :class:`Sample`.
    notes : list of Note
    """

    sign: int
    state: Optional[str]
    notes: List[Note]


@dataclass(frozen=True, eq=False)
class Particles3D:
    """Particles with orientations whose conventions were tested.

    Attributes
    ----------
    sample : Sample
    rotations : numpy.ndarray of float64, (n, 3, 3)
    group : numpy.ndarray of float64, (g, 3, 3)
        Symmetry of the specimen.
    projector : vrs.images.projector.Projector
        Of the map within its soft mask, for the images.
    notes : list of Note
    """

    sample: Sample
    rotations: np.ndarray
    group: np.ndarray
    projector: Projector
    notes: List[Note]


def projector_of(evidence, sample, volume):
    """Projector of a map for the images of a sample.

    Parameters
    ----------
    evidence : vrs.inputs.Evidence
        With a map.
    sample : Sample
    volume : numpy.ndarray of float32, (z, y, x)
        In the box of the map, zero outside the particle.

    Returns
    -------
    vrs.images.projector.Projector
    """
    return Projector(volume, evidence.map.sampling, sample.box, sample.sampling, sample.workers)


# Of the map within its soft mask: the test of the table and the items share it. Nothing is kept,
# as it is made in a moment.
_PROJECTOR = Shared(
    "projector", "projecting the map", (MAP, PARTICLES, IMAGES), lambda evidence: None,
    lambda evidence, kept: projector_of(evidence, evidence.shared(_SAMPLE),
                                        evidence.map.volume * evidence.map.soft_mask))


def spread_rows(count, most):
    """Rows of a table, evenly spread over it: at most so many of count."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(int))


def _require_whole(sample, evidence):
    """Raise NotMeasured where the images are too small for the particle in the map."""
    extent, size = sample.box * sample.sampling, mask_diameter(evidence.map)
    if extent < size:
        raise NotMeasured(
            "The images of the particles are %.4g Å wide, and the particle in the map %.4g Å; "
            "check both pixel sizes, and extract the particles in a larger box." % (extent, size))


def _test_assignment(evidence):
    sample = evidence.shared(_SAMPLE)
    _require_whole(sample, evidence)
    if len(sample) < _FEWEST_TESTED:
        return TableTest(1, None, _image_notes(sample) + [Note(
            "There are fewer than %d particles; the conventions of their table could not be "
            "tested." % _FEWEST_TESTED, MINOR)])
    rows = spread_rows(len(sample), _TESTED)
    batch = sample.batch(rows)
    local = LocalSearch(evidence.shared(_PROJECTOR), sample.diameter, FIRST_SHELL,
                        sample.shell(DETAIL), sample.workers)
    found = compare_conventions(batch.images, sample.table.rotations[rows], batch.shifts, local,
                                batch.contrast)
    geometry, declared = found.geometry, found.declared
    is_told = bool(sample.table.contrast.any())
    if geometry.transposed or geometry.opposite_shifts or (geometry.dark and is_told):
        raise NotMeasured(
            "The images agree better with %s than with what the table says: the mean correlation "
            "with the map is %.3f ± %.3f instead of %.3f ± %.3f. Check which program wrote the "
            "table and how it was converted." % (
                geometry.name, geometry.mean, geometry.error, declared.mean, declared.error))
    if geometry.mean <= _ERRORS * geometry.error:
        return TableTest(1, None, _image_notes(sample) + [Note(
            "The images do not agree with the map, whatever the conventions of the table: the "
            "mean correlation of %d particles is %.3f ± %.3f. Their angles may be those of "
            "another map." % (found.particles, declared.mean, declared.error), SERIOUS)])
    notes = [Note("With the angles, shifts and signs of the table the mean correlation of %d "
                  "particles with the map is %.3f ± %.3f; no other convention gives a better one."
                  % (found.particles, geometry.mean, geometry.error))]
    if geometry.dark:
        notes.append(Note("The protein is dark in the images, although nothing in the table says "
                          "so; they were inverted."))
    state = _state(sample.table, found.state, notes)
    notes += _image_notes(sample)
    notes += _magnification_notes(evidence.particles.table, found.magnification)
    return TableTest(-1 if geometry.dark else 1, state, notes)


def _state(table, found, notes):
    """What was done to the images where they tell and the table does not."""
    if found is None:
        return None
    if any(flag is not None for optics in table.optics
           for flag in (optics.phase_flipped, optics.premultiplied)):
        notes.append(Note(
            "The images agree better with the map if their CTF is taken as %s (mean correlation "
            "%.3f instead of %.3f) than as the table states; the table was followed." % (
                found.name, found.mean, found.mean - found.advantage), MINOR))
        return None
    notes.append(Note("The table does not state whether the CTF of the images was corrected; it is "
                      "taken as %s, since they agree best with the map then." % found.name))
    return found.name


def _image_notes(sample):
    notes = []
    if sample.unusable:
        one = sample.unusable == 1
        notes.append(Note(
            "%d of the images %s constant or %s values that are not numbers or are far too large; "
            "%s left out." % (sample.unusable, "is" if one else "are", "holds" if one else "hold",
                           "it was" if one else "they were"), MINOR))
    if not sample.table.has_ctf:
        notes.append(Note("The table does not give the CTF of the images; they are compared as if "
                          "it had been corrected.", MINOR))
    return notes


def _magnification_notes(table, scan):
    """Whether another pixel size suits the images better; the table is the one that was given."""
    if not scan.is_off:
        return []
    told = table.optics[table.group[0]].sampling
    text = ("The pixel size of the images seems to be %.1f %% too %s for the map: they agree with "
            "it best at %.4g Å instead of %.4g Å" % (
                100 * abs(scan.best - 1), "small" if scan.best > 1 else "large",
                told * scan.best, told))
    if not np.isfinite(scan.best_error):
        return [Note(text + ", the limit of the search. Wrong angles have the same effect.",
                     MINOR)]
    if table.has_ctf:
        return [Note(text + ".", SERIOUS)]
    return [Note(text + ", or their CTF, which the table does not give, is not corrected.", MINOR)]


def _assigned(evidence, kept):
    sample = replace(evidence.shared(_SAMPLE), sign=kept.sign, state=kept.state)
    return Particles3D(sample, sample.table.rotations.astype(float), evidence.particles.group,
                       evidence.shared(_PROJECTOR), kept.notes)


ASSIGNED_PARTICLES = Shared(
    "assigned_particles", "comparing the particles' table with their images",
    (MAP, PARTICLES, IMAGES, ANGLES), _test_assignment, _assigned,
    describe=lambda found: (found.notes, []))


@dataclass(frozen=True, eq=False)
class Members:
    """Particles that are aligned to class averages, whose conventions were tested.

    Attributes
    ----------
    sample : Sample
        With the shifts of that alignment.
    labels : numpy.ndarray of int, (n,)
        Number of the class of each particle, from 1; 0 for none.
    psi : numpy.ndarray of float64, (n,)
        Degrees.
    notes : list of Note
    """

    sample: Sample
    labels: np.ndarray
    psi: np.ndarray
    notes: List[Note]

    @property
    def sizes(self):
        """Numbers of the classes and of their members; number 0 stands for no class."""
        return np.unique(self.labels[self.labels > 0], return_counts=True)


def _test_alignment(evidence):
    sample = replace(evidence.shared(_SAMPLE), in_plane=True)
    labels = sample.table.plane_class
    numbers, counts = np.unique(labels[labels > 0], return_counts=True)
    largest = numbers[np.argsort(-counts, kind="stable")][:_CLASSES_TESTED]
    rows = [np.flatnonzero(labels == number)[:_MEMBERS_TESTED]
            for number in largest[np.sort(counts)[::-1][:_CLASSES_TESTED] >= _FEWEST_MEMBERS]]
    if not rows:
        return TableTest(1, None, _image_notes(sample) + [Note(
            "No class has %d particles; the signs of angles and shifts could not be tested."
            % _FEWEST_MEMBERS, MINOR)])
    rows = np.sort(np.concatenate(rows))
    batch = sample.batch(rows)
    tested = compare_plane_conventions(
        batch.images, sample.table.plane_class[rows], sample.table.psi[rows], batch.shifts,
        sample.diameter, sample.shell(_PLANE_DETAIL))
    best = max(tested, key=lambda geometry: geometry.mean)
    if best is not tested[0] and best.wins:
        raise NotMeasured(
            "The members of classes add up better with %s than with what the table says; check "
            "which program wrote the table and how it was converted." % best.name)
    return TableTest(1, None, _image_notes(sample))


def _members(evidence, kept):
    sample = replace(evidence.shared(_SAMPLE), in_plane=True)
    return Members(sample, sample.table.plane_class, sample.table.psi, kept.notes)


CLASS_MEMBERS = Shared(
    "class_members", "comparing the alignment to classes with the images",
    (PARTICLES, IMAGES, MEMBERS), _test_alignment, _members,
    describe=lambda found: (found.notes, []))
