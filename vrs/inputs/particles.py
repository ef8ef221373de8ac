"""The particles: a table of them, with the angles that they were given."""

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Optional

import numpy as np

from vrs.errors import InputError
from vrs.images.particles import ParticleTable
from vrs.images.symmetry import point_group
from vrs.inputs import FOLDER, NUMBER, Kind, Loaded, Option, Source, read_value, register
from vrs.inputs.symmetry import SYMMETRY, symmetry_remarks
from vrs.io.particles import probe_particles, read_particles
from vrs.io.problems import collected, to_number
from vrs.results import Note, Status


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
    """

    table: ParticleTable
    symmetry: str = "C1"
    diameter: Optional[float] = None

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


class _ParticlesKind(Kind):
    name = "particles"
    title = "Particles"
    words = "a table of particles"
    place = 30
    help = ("The particles that the map was reconstructed from, with their angles; a table of them "
            "is enough for the items on the orientation distribution.")
    options = (
        Option("particles", "particle table: RELION STAR, cryoSPARC .cs or .csg; may be given "
               "without a map", "Table of the particles",
               "A STAR file of RELION 3.0 or newer, or a .cs or .csg file of cryoSPARC."),
        Option("images_folder", "where the stacks of the table are, if not beside it",
               "Folder of the images",
               "Where the stacks that the table names are, if neither beside it nor above.",
               FOLDER, advanced=True),
        SYMMETRY,
        Option("diameter", "diameter of the particle in Å (default: from the mask, else half of "
               "the box)", "Diameter of the particle (Å)",
               "When it is left empty: that of the mask, or half of the box.", NUMBER, "D",
               _to_diameter, advanced=True),
    )

    def probe(self, given, probed):
        problems, found, diameter = [], None, None
        folder = given.get("images_folder")
        if folder and not os.path.isdir(folder):
            problems.append("There is no folder %s; check its name." % folder)
        _, _, symmetry, size = self.options
        with collected(problems):
            read_value(symmetry, given)
        with collected(problems):
            diameter = read_value(size, given)
        with collected(problems):
            found = probe_particles(given["particles"], folder)
            problems += found.problems
            box = _largest_box(found.table) if found.table else None
            if diameter and box and diameter > box:
                problems.append("The diameter, %.4g Å, is larger than the images of the particles, "
                                "%.4g Å; give that of the particle." % (diameter, box))
        if problems:
            raise InputError(problems)
        return found

    def load(self, given, evidence):
        table, notes = read_particles(given["particles"], given.get("images_folder"))
        notes = notes + symmetry_remarks(given)
        _, _, symmetry, diameter = (read_value(option, given) for option in self.options)
        return Loaded(ParticleEvidence(table, symmetry, diameter),
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
        return Status.NOT_RUN, ("The table gives the particles no angles with respect to a map; "
                                "give that of a 3D refinement.")


ANGLES = _Angles()


def particle_diameter(evidence):
    """Diameter of the particle and where it comes from.

    Parameters
    ----------
    evidence : vrs.inputs.Evidence
        With particles.

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
    if particles.diameter:
        return particles.diameter, "as it was given"
    if evidence.map is not None:
        places = np.argwhere(evidence.map.hard_mask)
        distances = np.linalg.norm(places - places.mean(axis=0), axis=1)
        # A few specks far away are no part of the particle.
        radius = np.percentile(distances, 99)
        return float(2 * radius * evidence.map.sampling), "that of the mask"
    box = _largest_box(particles.table)
    if box is None:
        raise InputError("The table does not tell the size of the images; give the particle's "
                         "diameter by --diameter.")
    return box / 2, "half of the box, as none was given"


def _largest_box(table):
    """Side of the largest images in Å, None where it is not known."""
    return max((optics.image_size * optics.sampling for optics in table.optics
                if optics.image_size and optics.sampling), default=None)
