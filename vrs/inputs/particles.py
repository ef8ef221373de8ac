"""The particles: a table of them, with the angles that they were given."""

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Optional

import numpy as np

from vrs.errors import InputError
from vrs.images.particles import ParticleTable
from vrs.images.symmetry import point_group
from vrs.inputs import FOLDER, NUMBER, TEXT, Kind, Loaded, Option, Source, read_value, register
from vrs.inputs.symmetry import SYMMETRY, symmetry_remarks
from vrs.io.particles import missing_stacks, probe_particles, read_particles
from vrs.io.problems import collected, to_number
from vrs.results import Note, Status

# Particles that the items on their images take, unless more are asked for.
USED = 5000
_COARSEST = 4  # pixels across a particle


@dataclass(frozen=True)
class ParticleEvidence:
    """Particles and what is said of the specimen.

    Attributes
    ----------
    table : vrs.images.particles.ParticleTable
    symmetry : str
        Point group of the specimen, as RELION names it.
    diameter : float or None
        Of the particle, Å.
    used : int or None
        How many of them the items on their images take at most; None for all.
    """

    table: ParticleTable
    symmetry: str = "C1"
    diameter: Optional[float] = None
    used: Optional[int] = USED

    @cached_property
    def group(self):
        """Rotations of the point group, float64 (g, 3, 3)."""
        return point_group(self.symmetry)

    @property
    def views(self):
        """Directions of view in the frame of the map, float32 (n, 3)."""
        return self.table.rotations[:, 2]


def _to_diameter(value):
    return to_number(value, "The diameter", "give that of the particle in Å, for example 180",
                     positive=True)


def _to_used(value):
    if str(value).strip().lower() == "all":
        return None
    name, advice = "The number of particles to be used", "give a whole number, for example 5000, " \
        "or all"
    number = to_number(value, name, advice, positive=True)
    if number != int(number):
        raise InputError("%s, %g, is not a whole number; %s." % (name, number, advice))
    return int(number)


class _ParticlesKind(Kind):
    name = "particles"
    title = "Particles"
    words = "a table of particles"
    place = 30
    help = ("The particles that the map was reconstructed from, with their angles; a table of them "
            "is enough for the items on the orientation distribution.")
    options = (
        Option("particles", "particle table: RELION STAR, cryoSPARC .cs or .csg, Xmipp .xmd; may "
               "be given without a map", "Table of the particles",
               "The particles of a refinement, or the members of 2D classes; as a file, the STAR "
               "table of RELION 3.0 or newer, a .cs or .csg file of cryoSPARC, or an .xmd file of "
               "Xmipp.",
               pointer="SetOfParticles, SetOfClasses2D"),
        Option("images_folder", "folder of the image stacks, if they are not next to the table",
               "Folder of the images",
               "Folder of the image stacks that the table names, if they are neither next to it "
               "nor in a folder above.",
               FOLDER, advanced=True),
        SYMMETRY,
        Option("diameter", "diameter of the particle in Å (default: from the mask, else half of "
               "the box)", "Diameter of the particle (Å)",
               "If left empty, that of the mask, or half of the box.", NUMBER, "D",
               _to_diameter, advanced=True),
        Option("particles_used", "number of particles for the items that compare images, or all "
               "(default: %d)" % USED, "Particles used",
               "This number of particles, drawn from all micrographs, is compared with the map or "
               "with their class averages; all takes longer.", TEXT, "N", _to_used, default=USED,
               advanced=True),
    )

    def probe(self, given, probed):
        problems, found, diameter = [], None, None
        folder = given.get("images_folder")
        if folder and not os.path.isdir(folder):
            problems.append("There is no folder %s; check its name." % folder)
        _, _, symmetry, size, used = self.options
        for option in (symmetry, used):
            with collected(problems):
                read_value(option, given)
        with collected(problems):
            diameter = read_value(size, given)
        with collected(problems):
            found = probe_particles(given["particles"], folder)
            problems += found.problems
            box = _largest_box(found.table) if found.table else None
            finest = min((optics.sampling for optics in found.table.optics if optics.sampling),
                         default=None) if found.table else None
            if diameter and finest and diameter < _COARSEST * finest:
                problems.append("The diameter, %.4g Å, is less than %d pixels of the images; give "
                                "that of the particle in Å." % (diameter, _COARSEST))
            if diameter and box and diameter > box:
                problems.append("The diameter, %.4g Å, is larger than the images of the particles, "
                                "%.4g Å; give that of the particle." % (diameter, box))
        if problems:
            raise InputError(problems)
        return found

    def load(self, given, evidence):
        table, notes = read_particles(given["particles"], given.get("images_folder"))
        if not table.has_images:
            notes = notes + ["The table names no images; only what needs no images can be "
                             "examined."]
        notes = notes + symmetry_remarks(given)
        _, _, symmetry, diameter, used = (read_value(option, given) for option in self.options)
        return Loaded(ParticleEvidence(table, symmetry, diameter, used),
                      (Source("Particles", given["particles"]),), tuple(map(Note, notes)))

    def describe(self, evidence):
        particles = evidence.particles
        count = len(particles.table)
        return [Note("The table has %s %s, and the symmetry is %s." % (
            "1 particle" if count == 1 else "%s particles" % format(count, ","),
            "with angles" if particles.table.has_angles else
            "without angles with respect to a map", particles.symmetry))], []


PARTICLES = register(_ParticlesKind())


class _Angles:
    """The requirement that the particles were assigned to directions of view."""

    words = "their angles"

    def unmet(self, evidence):
        """Why an item that requires it cannot be computed, None when it can."""
        if evidence.particles.table.has_angles:
            return None
        return Status.NOT_RUN, ("The table gives no angles of the particles with respect to a map; "
                                "give the table of a 3D refinement.")


ANGLES = _Angles()


class _Images:
    """The requirement that the particles' images are there."""

    words = "their images"

    def unmet(self, evidence):
        """Why an item that requires it cannot be computed, None when it can."""
        table = evidence.particles.table
        if not table.has_images:
            return Status.NOT_RUN, "The table names no images of the particles."
        missing = missing_stacks(table)
        if missing:
            return Status.NOT_RUN, (
                "It needs the images of the particles, of which %s %s not found; give their folder "
                "with --images-folder." % (
                    missing[0] if len(missing) == 1 else
                    "%s and %d other stacks" % (missing[0], len(missing) - 1),
                    "was" if len(missing) == 1 else "were"))
        return None


IMAGES = _Images()


class _Members:
    """The requirement that the particles are aligned to class averages."""

    words = "their classes"

    def unmet(self, evidence):
        """Why an item that requires it cannot be computed, None when it can."""
        if evidence.particles.table.has_classes:
            return None
        return Status.NOT_RUN, ("The table does not align the particles to class averages; give "
                                "the table of a 2D classification.")


MEMBERS = _Members()


class _Contrast:
    """The requirement that the contrast transfer of the images is known."""

    words = "their CTF"

    def unmet(self, evidence):
        """Why an item that requires it cannot be computed, None when it can."""
        if evidence.particles.table.has_ctf:
            return None
        return Status.NOT_RUN, ("The table gives no defocus, voltage or spherical aberration of "
                                "the images.")


CTF = _Contrast()


def particle_diameter(evidence):
    """Diameter of the particle and where it comes from.

    Parameters
    ----------
    evidence : vrs.inputs.Evidence
        With particles or a map.

    Returns
    -------
    diameter : float
        Å.
    source : str
        In the middle of a sentence.

    Raises
    ------
    vrs.errors.InputError
        If nothing tells it.
    """
    particles = evidence.particles
    if particles is not None and particles.diameter:
        return particles.diameter, "as it was given"
    if evidence.map is not None:
        return mask_diameter(evidence.map), "that of the mask"
    box = _largest_box(particles.table) if particles is not None else None
    if box is None:
        raise InputError("The table does not give the size of the images; give the particle's "
                         "diameter with --diameter.")
    return box / 2, "half of the box, as none was given"


def mask_diameter(found):
    """Diameter of what a map's mask holds, Å.

    Parameters
    ----------
    found : vrs.inputs.map.MapEvidence

    Returns
    -------
    float
    """
    places = np.argwhere(found.hard_mask)
    distances = np.linalg.norm(places - places.mean(axis=0), axis=1)
    # A few specks far away are no part of the particle.
    return float(2 * np.percentile(distances, 99) * found.sampling)


def _largest_box(table):
    """Side of the largest images in Å, None where it is not known."""
    return max((optics.image_size * optics.sampling for optics in table.optics
                if optics.image_size and optics.sampling), default=None)
