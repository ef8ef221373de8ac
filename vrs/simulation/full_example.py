"""A synthetic data set with everything that can be validated, of which everything is known."""

import itertools
import json
import os
from dataclasses import replace

import gemmi
import numpy as np

from vrs.io.particles import read_particles, write_particles_star
from vrs.io.saxs import write_saxs
from vrs.simulation.crosslinks import write_crosslinks
from vrs.simulation.cryosparc import write_cs
from vrs.simulation.micrographs import simulate_micrograph, write_micrograph
from vrs.simulation.particle_example import write_particle_example
from vrs.simulation.saxs import simulated_curve
from vrs.simulation.tilt_pairs import tables_of, tilted
from vrs.simulation.workflows import write_workflow

_SIDE = 1540.0  # of a micrograph, Å
_CROWDING = 0.4
# What is wrong with some of the micrographs, away from their particles.
_FAULTS = {2: ("carbon",), 5: ("contamination",), 9: ("carbon", "contamination"),
           13: ("hole",), 17: ("crack",)}
_PAIRS, _TILT, _AXIS, _POSE_ERROR, _WRONG_PAIRS = 100, 40.0, 85.0, 4.0, 0.2
_FILES = {"table": "particles.cs", "micrographs": "micrographs", "workflow": "workflow.json",
          "crosslinks": "crosslinks.csv", "saxs": "saxs.dat", "untilted": "untilted.star",
          "tilted": "tilted.star"}
_README = """
With everything else
--------------------

%(table)-14s  the same particles in one table of cryoSPARC, with their alignments in space and in
                the plane, for levels 3 and 4, and their coordinates in the micrographs
%(micrographs)-14s  %(number)d micrographs of good ice, some with carbon, contamination, a hole or
                a crack, which the coordinates avoid; at the coordinates they show other
                particles of the same size
%(workflow)-14s  a workflow as Scipion exports it
%(crosslinks)-14s  cross-links between lysines of the protein, a tenth of which it cannot satisfy
%(saxs)-14s  how the protein scatters X-rays in solution
%(untilted)-14s  orientations of %(pairs)d particles, and
%(tilted)-14s  after a tilt of the specimen by %(angle)g° about an axis at %(axis)g° in the images

To validate all of it, go to this folder and run

    vrs validate --map %(map)s --half1 %(half1)s --half2 %(half2)s --model %(model)s \\
        --particles %(table)s --symmetry %(group)s --classes %(classes)s \\
        --micrographs %(micrographs)s --workflow %(workflow)s --crosslinks %(crosslinks)s \\
        --saxs %(saxs)s --untilted %(untilted)s --tilted %(tilted)s \\
        --tilt-angle %(angle)g --tilt-axis %(axis)g \\
        --threshold %(threshold)g --resolution %(resolution)g
"""


def write_full_example(folder, resolution=3.8, sampling=1.4, particle_count=2000, seed=5,
                       workers=1, say=lambda text: None):
    """Write a data set for all levels, and the truth about it.

    The particles of :func:`vrs.simulation.particle_example.write_particle_example`, and their
    class averages, get micrographs with coordinates, a workflow, cross-links, a SAXS curve and
    tilt pairs. Nothing is wrong with any of it. The same arguments give the same bytes.

    Parameters
    ----------
    folder : str
        Made when it does not exist; files of the same names are replaced.
    resolution, sampling : float
        Å, and Å/voxel and pixel, of map, particles and micrographs.
    particle_count : int
    seed : int
        Seed of all that is random.
    workers : int
        Threads.
    say : callable
        Takes a line that says how far it is.

    Returns
    -------
    dict of str to str
        Paths by the names of options, and of ``truth`` and ``readme``.

    Raises
    ------
    OSError
        If the folder cannot be written to.
    """
    paths = write_particle_example(folder, resolution=resolution, sampling=sampling,
                                   particle_count=particle_count, seed=seed, workers=workers,
                                   say=say)
    with open(paths["truth"], encoding="utf-8") as file:
        truth = json.load(file)
    structure = gemmi.read_structure(paths["model"])
    table, _ = read_particles(paths["particles"])
    members, _ = read_particles(paths["class_members"])
    made = {name: os.path.join(folder, file) for name, file in _FILES.items()}
    say("Imaging %d micrographs" % len(table.micrograph_names))
    coordinates, truth["micrographs"] = _write_micrographs(
        made["micrographs"], table, truth["particles"]["diameter"], seed)
    write_cs(made["table"], replace(table, coordinates=coordinates), members, _shape(sampling))
    say("Simulating other techniques")
    write_workflow(made["workflow"])
    truth["crosslinks"] = write_crosslinks(made["crosslinks"], structure, seed=seed,
                                           workers=workers)
    write_saxs(made["saxs"], simulated_curve(structure, seed), "Simulated scattering")
    truth["tilt_pairs"] = _write_tilt_pairs(made, table, seed)
    with open(paths["truth"], "w", encoding="utf-8") as file:
        file.write(json.dumps(truth, indent=1, ensure_ascii=False) + "\n")
    with open(paths["readme"], "a", encoding="utf-8") as file:
        file.write(_readme(paths, truth))
    paths.update(made, particles=made["table"])
    return {name: path for name, path in paths.items()
            if name not in ("table", "stack", "class_members")}


def _shape(sampling):
    """Rows and columns of the micrographs."""
    return (int(round(_SIDE / sampling)),) * 2


def _write_micrographs(folder, table, diameter, seed):
    """Micrographs with a particle for each row of the table; coordinates, and what is true."""
    os.makedirs(folder, exist_ok=True)
    [optics] = table.optics
    shape = _shape(optics.sampling)
    coordinates = np.empty((len(table), 2))
    for number, name in enumerate(table.micrograph_names):
        rows = np.flatnonzero(table.micrograph == number)
        # Where a fault leaves too little room, another one is drawn.
        for attempt in itertools.count():
            made = simulate_micrograph([seed, number, attempt], shape, optics.sampling,
                                       _FAULTS.get(number, ()), diameter, _CROWDING,
                                       defocus=table.defocus[rows, :2].mean())
            points = made.particles[_inside(made.particles, shape, diameter / optics.sampling)]
            if len(points) >= len(rows):
                break
        coordinates[rows] = points[:len(rows)]
        write_micrograph(os.path.join(folder, name), made.image.astype(np.float16),
                         optics.sampling)
    return coordinates, {"count": len(table.micrograph_names), "faults": {
        name: list(_FAULTS[number]) for number, name in enumerate(table.micrograph_names)
        if number in _FAULTS}}


def _inside(points, shape, diameter):
    """Which particles lie wholly inside a micrograph."""
    farthest = np.array(shape[::-1]) - 1 - points
    return np.minimum(points, farthest).min(axis=1) > diameter / 2


def _write_tilt_pairs(paths, table, seed):
    rng = np.random.default_rng(seed)
    untilted, after, wrong = tilted(table.rotations[:_PAIRS], _TILT, _AXIS, _POSE_ERROR,
                                    _WRONG_PAIRS, rng)
    for name, part in zip(("untilted", "tilted"), tables_of(table, untilted, after)):
        write_particles_star(paths[name], part)
    return {"count": _PAIRS, "angle": _TILT, "axis": _AXIS, "wrong_pairs": int(wrong.sum()),
            "standard_deviation_about_each_axis": _POSE_ERROR}


def _readme(paths, truth):
    facts = {name: os.path.basename(path) for name, path in paths.items()}
    facts.update(_FILES, number=truth["micrographs"]["count"], pairs=_PAIRS, angle=_TILT,
                 axis=_AXIS, group=truth["particles"]["point_group"],
                 threshold=truth["threshold"], resolution=truth["resolution"])
    return _README % facts
