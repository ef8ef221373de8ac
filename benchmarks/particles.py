"""Time and memory of the items on particles, of reading their table, and of a large set.

Usage: python benchmarks/particles.py [items] [tables] [memory] [--counts N N] [--only 4.a 4.b]
                                      [--rows N] [--large N] [--large-item ITEM]

All three parts are run when none is named. ``items`` runs each item of levels 3 and 4 that needs
images in a process of its own on sets of two sizes: the last column is the cost per particle in the
larger set over that in the smaller, at most about 1 where it does not grow. ``tables`` times 4.g
and 4.h on 100,000 views, and the reading of a table of a million rows. ``memory`` runs one item on
all of a large set, whose images are those of a small one over and over. Images are of 64 pixels.
Times are CPU seconds on one thread (set OPENBLAS_NUM_THREADS=1), of this machine; memory is that
at its peak, without the pages of mapped files.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace

import mrcfile
import numpy as np
import psutil
from scipy.spatial.transform import Rotation

from vrs import inputs
from vrs.checks import checks_of_level, get_check, run_check
from vrs.checks.particle_images import ASSIGNED_PARTICLES, CLASS_MEMBERS
from vrs.inputs.map import MapEvidence
from vrs.inputs.particles import IMAGES, ParticleEvidence
from vrs.inputs.reported import Reported
from vrs.io.particles import read_particles, write_particles_star
from vrs.simulation.particle_sets import class_set, particle_set
from vrs.simulation.particles import close_stack, new_stack

BOX, SAMPLING, RESOLUTION, DIAMETER, SNR = 64, 3.5, 8.0, 140.0, 0.05
PER_MICROGRAPH, PER_CLASS = 50, 50
TABLE_ITEMS, VIEWS = ("4.g", "4.h"), 100000


def phantom(seed=0):
    """A lumpy body without symmetry, float32 (64, 64, 64)."""
    random, axis = np.random.default_rng(seed), np.arange(BOX) - BOX // 2
    volume = np.zeros((BOX,) * 3, np.float32)
    for place in random.normal(0, 8, (150, 3)):
        if np.linalg.norm(place) < 18:
            z, y, x = (np.exp(-0.5 * ((axis - at) / 1.1) ** 2) for at in place)
            volume += z[:, None, None] * y[:, None] * x
    return volume


def evidence_of(table, used=None):
    """Evidence as the items of levels 3 and 4 take it."""
    volume = phantom()
    seen = MapEvidence(volume, SAMPLING, float(0.1 * volume.max()), (0.0, 0.0, 0.0),
                       header_origin=(0.0, 0.0, 0.0))
    return inputs.compose(inputs.Run(1, 0), map=seen, reported=Reported(RESOLUTION),
                          particles=ParticleEvidence(table, "C1", DIAMETER, used))


def image_items():
    """The items of levels 3 and 4 that need images."""
    return [check.id for level in "34" for check in checks_of_level(level)
            if IMAGES in check.requires]


def write_set(folder, level, count):
    """Particles of a refinement (4) or members of classes (3), and their table."""
    if level == "4":
        table = particle_set(folder, phantom(), SAMPLING, count, SNR, seed=1,
                             micrographs=max(1, count // PER_MICROGRAPH)).table
    else:
        classes = max(5, count // PER_CLASS)
        table = class_set(folder, phantom(), SAMPLING, classes, count // classes, SNR, seed=1).table
    path = os.path.join(folder, "particles.star")
    write_particles_star(path, table)
    return path


def write_large_set(folder, level, count, distinct=500):
    """A set of many particles, whose images are those of a few over and over."""
    with tempfile.TemporaryDirectory() as small:
        table, _ = read_particles(write_set(small, level, distinct))
        images = np.array(mrcfile.read(table.files[0]))
    rows = np.arange(count) % len(table)
    stack = new_stack(os.path.join(folder, "particles.mrcs"), count, BOX, SAMPLING)
    for start in range(0, count, distinct):
        stack.data[start:start + distinct] = images[rows[start:start + distinct]]
    close_stack(stack)
    path = os.path.join(folder, "particles.star")
    write_particles_star(path, replace(table.take(rows), frame=np.arange(count, dtype=np.int32)))
    return path


def write_views(path, count):
    """A table with nothing but angles, shifts, defocus and coordinates."""
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as small:
        table, _ = read_particles(write_set(small, "4", PER_MICROGRAPH))
    defocus = np.repeat(random.uniform(9000, 20000, (count, 1)), 3, axis=1)
    write_particles_star(path, replace(
        table.take(np.zeros(count, int)), frame=np.arange(count, dtype=np.int32),
        rotations=Rotation.random(count, random_state=0).as_matrix().astype(np.float32),
        shifts=random.normal(0, 3, (count, 2)), defocus=defocus,
        coordinates=random.uniform(0, 4000, (count, 2)),
        micrograph=(np.arange(count) // 200).astype(np.int32),
        micrograph_names=tuple("mic%05d.mrc" % number for number in range(count // 200 + 1))))


def measure_in_process(task, path):
    """Run one task and print its CPU seconds and peak memory as JSON."""
    status = ""
    if task == "read":
        run = lambda: read_particles(path)
    else:
        evidence = evidence_of(read_particles(path)[0])
        if task == "shared":
            run = lambda: evidence.shared(shared_of(evidence))
        elif task in TABLE_ITEMS:
            run = lambda: run_check(get_check(task), evidence)
        else:
            evidence.shared(shared_of(evidence))
            run = lambda: run_check(get_check(task), evidence)
    start = time.process_time()
    with Peak() as peak:
        result = run()
    seconds = time.process_time() - start
    if "." in task:
        status = result[0].printed_status()
    print(json.dumps({"seconds": seconds, "peak": peak.bytes, "status": status}))


class Peak:
    """The most memory that this process takes meanwhile, without the files that are mapped.

    Pages of mapped files are given back when memory is wanted elsewhere.
    """

    def __init__(self):
        self.bytes, self._done = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._done.set()
        self._thread.join()

    def _watch(self):
        process = psutil.Process()
        while not self._done.wait(0.05):
            found = process.memory_info()
            self.bytes = max(self.bytes, found.rss - found.shared)


def shared_of(evidence):
    """What all items on the images of a table use."""
    return ASSIGNED_PARTICLES if evidence.particles.table.has_angles else CLASS_MEMBERS


def measured(task, path):
    """CPU seconds, peak memory and status of one task in a process of its own."""
    output = subprocess.run([sys.executable, __file__, "--task", task, path], check=True,
                            stdout=subprocess.PIPE).stdout
    return json.loads(output.splitlines()[-1])


def show_items(folder, counts, only):
    """Cost per particle of each item in sets of two sizes."""
    print("%-10s %s %8s  %s" % ("", " ".join("%22s" % ("%d particles" % count)
                                             for count in counts), "ratio", "status"))
    print("%-10s %s" % ("", " ".join(["%12s %9s" % ("s per 1000", "MB")] * len(counts))))
    for level in "34":
        items = [item for item in image_items() if item[0] == level and item in (only or [item])]
        if not items:
            continue
        paths = []
        for count in counts:
            place = os.path.join(folder, "%s_%d" % (level, count))
            os.makedirs(place)
            paths.append(write_set(place, level, count))
        for task in ["shared"] + items:
            found = [measured(task, path) for path in paths]
            costs = [1000 * one["seconds"] / count for one, count in zip(found, counts)]
            print("%-10s %s %8.2f  %s" % (
                task if "." in task else "level " + level, " ".join(
                    "%12.1f %9.0f" % (cost, one["peak"] / 1e6)
                    for cost, one in zip(costs, found)), costs[-1] / costs[0],
                ", ".join(dict.fromkeys(one["status"] for one in found))), flush=True)


def show_tables(folder, rows):
    """4.g and 4.h on 100,000 views; reading of a large table."""
    path = os.path.join(folder, "views.star")
    write_views(path, VIEWS)
    found = {task: measured(task, path) for task in TABLE_ITEMS}
    print("%d views: %s; together %.1f s" % (
        VIEWS, ", ".join("%s %.1f s and %.0f MB" % (task, one["seconds"], one["peak"] / 1e6)
                         for task, one in found.items()),
        sum(one["seconds"] for one in found.values())), flush=True)
    write_views(path, rows)
    found = measured("read", path)
    print("reading %d rows (%.0f MB): %.1f s and %.0f MB" % (
        rows, os.path.getsize(path) / 1e6, found["seconds"], found["peak"] / 1e6), flush=True)
    os.remove(path)


def show_memory(folder, item, count):
    """Peak memory of an item on all images of a large set."""
    path = write_large_set(folder, item[0], count)
    found = measured(item, path)
    stored = count * BOX ** 2 * 4
    print("%s on %d particles, %.0f MB of images: %.0f MB, %.1f s per 1000, %s" % (
        item, count, stored / 1e6, found["peak"] / 1e6, 1000 * found["seconds"] / count,
        found["status"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", choices=[[], "items", "tables", "memory"])
    parser.add_argument("--counts", nargs=2, type=int, default=[500, 1000])
    parser.add_argument("--only", nargs="+", help="items (default: all of levels 3 and 4)")
    parser.add_argument("--rows", type=int, default=1000000)
    parser.add_argument("--large", type=int, default=20000)
    parser.add_argument("--large-item", default="3.a")
    parser.add_argument("--task", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        measure_in_process(*arguments.task)
        return
    parts = arguments.parts or ["items", "tables", "memory"]
    with tempfile.TemporaryDirectory() as folder:
        if "items" in parts:
            show_items(folder, arguments.counts, arguments.only)
        if "tables" in parts:
            show_tables(folder, arguments.rows)
        if "memory" in parts:
            show_memory(folder, arguments.large_item, arguments.large)


if __name__ == "__main__":
    main()
