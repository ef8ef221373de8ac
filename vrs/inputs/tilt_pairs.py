"""Pairs of images of the same particles, before and after a tilt of the specimen."""

import os
from dataclasses import dataclass
from typing import Optional

import numpy as np

from vrs.errors import InputError
from vrs.images.particles import ParticleTable
from vrs.images.symmetry import point_group
from vrs.images.tilt_pairs import check_tilt
from vrs.inputs import NUMBER, Kind, Loaded, Option, Source, read_value, register
from vrs.inputs.symmetry import SYMMETRY, symmetry_remarks
from vrs.io.particles import probe_particles, read_particles
from vrs.io.problems import collected, to_number
from vrs.results import Note


@dataclass(frozen=True)
class TiltPairEvidence:
    """Pairs of particles, row by row, and what is said of the experiment.

    Attributes
    ----------
    untilted, tilted : vrs.images.particles.ParticleTable
        With orientations in the same map.
    angle : float
        Tilt of the specimen, degrees, right-handed about the axis.
    axis : float or None
        Direction of the tilt axis in the images, degrees from x towards y.
    symmetry : str
        Point group of the specimen, as RELION names it.
    """

    untilted: ParticleTable
    tilted: ParticleTable
    angle: float
    axis: Optional[float] = None
    symmetry: str = "C1"

    @property
    def group(self):
        """Rotations of the point group, float64 (g, 3, 3)."""
        return point_group(self.symmetry)


def _to_angle(value):
    angle = to_number(value, "The tilt angle", "give that between the two images in degrees, for "
                      "example 45")
    check_tilt(angle)
    return angle


def _to_axis(value):
    axis = to_number(value, "The tilt axis", "give its direction in the images in degrees from x "
                     "towards y, for example 87.5")
    if abs(axis) > 360:
        raise InputError("The tilt axis is %g°; it must be between -360 and 360°." % axis)
    return axis


class _TiltPairsKind(Kind):
    name = "tilt_pairs"
    title = "Tilt pairs"
    words = "two tables of tilt pairs"
    place = 130
    help = ("Two images of each particle, between which the specimen was tilted by a known angle, "
            "both aligned to the map. They show whether the angles are right and whether the map "
            "has the right hand.")
    options = (
        Option("untilted", "particle table of the untilted images of tilt pairs, with angles: "
               "STAR, .cs or .csg", "Table of the untilted images",
               "A table of RELION or cryoSPARC with the angles of the first image of each pair "
               "with respect to the map."),
        Option("tilted", "particle table of the tilted images: the same particles in the same "
               "rows, aligned to the same map", "Table of the tilted images",
               "A table with the same particles in the same rows, and the angles of their second "
               "images with respect to the same map."),
        Option("tilt_angle", "tilt of the specimen between the images of a pair in degrees; "
               "positive when right-handed about the tilt axis", "Tilt between the images (°)",
               "The angle by which the specimen was tilted between the two images. If the axis is "
               "given, the sign matters: positive for a right-handed rotation about the "
               "axis.", NUMBER, "DEG",
               _to_angle),
        Option("tilt_axis", "direction of the tilt axis in the images, degrees from x towards y "
               "(default: found from the pairs, and the hand of the map is not judged)",
               "Tilt axis in the images (°)",
               "Its direction in degrees from the rows of the images (x) towards their columns "
               "(y), in the order in which the file holds them. If left empty, it is found from "
               "the pairs, and the hand of the map is not judged.", NUMBER, "DEG", _to_axis),
        SYMMETRY,
    )

    def probe(self, given, probed):
        problems, paths, found = [], [], []
        with collected(problems):
            _numbers(given)
        with collected(problems):
            paths = _paths(given)
        for path in paths:
            with collected(problems):
                found.append(probe_particles(path))
                problems += [*found[-1].problems, *_without_angles(path, found[-1].table)]
        if len(found) == 2 and all(table.exact and not table.problems for table in found):
            problems += _count_problems(*(table.rows for table in found))
        if problems:
            raise InputError(problems)

    def load(self, given, evidence):
        angle, axis, symmetry = _numbers(given)
        paths, tables, notes, problems = _paths(given), [], [], []
        for path in paths:
            table, remarks = read_particles(path)
            tables.append(table)
            notes += remarks
            problems += _without_angles(path, table)
        problems += _count_problems(*map(len, tables))
        if not problems and np.array_equal(tables[0].rotations, tables[1].rotations):
            problems.append("The untilted and the tilted images have the same angles; give the "
                            "angles of each image from its own alignment.")
        if problems:
            raise InputError(problems)
        notes = dict.fromkeys(notes + symmetry_remarks(given))
        return Loaded(TiltPairEvidence(*tables, angle, axis, symmetry), tuple(
            Source(term, path) for term, path in zip(("Untilted images", "Tilted images"), paths)),
            tuple(map(Note, notes)))

    def describe(self, evidence):
        pairs = evidence.tilt_pairs
        axis = ("the tilt axis was not given" if pairs.axis is None
                else "the tilt axis lies at %g° in the images" % pairs.axis)
        count = len(pairs.untilted)
        return [Note("There %s; the specimen was tilted by %g°, %s, and its symmetry is %s." % (
            "is 1 tilt pair" if count == 1 else "are %s tilt pairs" % format(count, ","),
            pairs.angle, axis, pairs.symmetry))], []


TILT_PAIRS = register(_TiltPairsKind())


def _paths(given):
    paths = [str(given[option.name]) for option in TILT_PAIRS.files if given.get(option.name)]
    if len(paths) == 1:
        raise InputError("One table of tilt pairs was given; give both with --untilted and "
                         "--tilted.")
    if os.path.realpath(paths[0]) == os.path.realpath(paths[1]):
        raise InputError("The tables of the untilted and of the tilted images are the same file; "
                         "give one table for each.")
    return paths


def _numbers(given):
    """Tilt, axis and symmetry; what is wrong with any of them is told at once."""
    problems, found = [], []
    if given.get("tilt_angle") in (None, ""):
        problems.append("The tilt between the images of a pair was not given; give it in degrees "
                        "with --tilt-angle.")
    for option in TILT_PAIRS.options[2:]:
        with collected(problems):
            found.append(read_value(option, given))
    if problems:
        raise InputError(problems)
    return found


def _without_angles(path, table):
    if table is None or table.has_angles:
        return []
    return ["%s gives no angles of its particles with respect to a map; give a table of a 3D "
            "refinement or alignment." % path]


def _count_problems(untilted, tilted):
    if untilted == tilted:
        return []
    return ["There are %d untilted and %d tilted images; the tables must hold the same particles "
            "in the same rows." % (untilted, tilted)]
