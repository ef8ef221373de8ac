"""CPU time per image of the image engine, on one core.

Usage: python benchmarks/particle_images.py [BOX ...]   (64, 96 and 128 by default)

Set OPENBLAS_NUM_THREADS=1. The map is noise within a sphere; poses are random, and images have a
CTF. Times are the least of three.
"""

import sys
import time

import numpy as np
from scipy.spatial.transform import Rotation

from vrs.images.classify2d import aligned_images, classify
from vrs.images.ctf import Contrast
from vrs.images.gallery import Rings, gallery_of_map
from vrs.images.projector import Projector
from vrs.images.reconstruction import ParticleReconstruction
from vrs.images.refine import LocalSearch
from vrs.images.search import Search, shift_grid
from vrs.images.symmetry import asymmetric_unit
from vrs.numerics.ctf import Optics

COUNT, EXTENT, DIAMETER = 48, 224.0, 0.78  # images, Å, part of the box
D2 = np.array([np.diag(signs) for signs in ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))],
              float)
NONE = D2[:1]


def show(text, function, count=COUNT, repeats=3):
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    print("  %-62s %8.2f ms" % (text, 1e3 * min(times) / count), flush=True)


def particles(box, rng):
    axis = np.arange(box) - box // 2
    radius = np.sqrt(axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis ** 2)
    volume = rng.standard_normal((box,) * 3, dtype=np.float32) * (radius < 0.38 * box)
    projector = Projector(volume, EXTENT / box, box)
    contrast = Contrast((Optics(300.0, 2.7, 0.1),), np.zeros(COUNT, int),
                        np.repeat(rng.uniform(9000, 20000, (COUNT, 1)), 3, axis=1))
    rotations = Rotation.random(COUNT, random_state=0).as_matrix()
    shifts = rng.uniform(-3, 3, (COUNT, 2))
    return projector, rotations, shifts, contrast, projector.images(rotations, shifts, contrast)


def main():
    for box in [int(text) for text in sys.argv[1:]] or [64, 96, 128]:
        print("box %d" % box)
        projector, rotations, shifts, contrast, images = particles(box, np.random.default_rng(0))
        diameter, sampling = DIAMETER * box, projector.image_sampling
        last, fine = 14 * box // 64, 20 * box // 64
        for name, group in (("C1", NONE), ("D2", D2)):
            directions = asymmetric_unit(group, 6.4, mirror=True)
            gallery = gallery_of_map(projector, Rings(box, 2, last), directions)
            for grid in (shift_grid(4, 2), shift_grid(6, 2)):
                search = Search(gallery, diameter, sampling, grid)
                show("global search, %s, %d directions, rings to %d, %d shifts" % (
                    name, len(gallery.views), last, len(grid)),
                    lambda: search.best(images, contrast))
        directions = asymmetric_unit(NONE, 3.0, mirror=True)
        gallery = gallery_of_map(projector, Rings(box, 2, fine), directions)
        search = Search(gallery, diameter, sampling)
        show("3° gallery, %d directions, rings to %d, shifts known" % (len(gallery.views), fine),
             lambda: search.correlations(images, contrast, shifts))
        for limit in (last, 24 * box // 64):
            local_search = LocalSearch(projector, diameter, 2, limit)
            show("local search, shells to %d" % limit,
                 lambda: local_search.best(images, rotations, shifts, contrast))
            show("correlation only, shells to %d" % limit,
                 lambda: local_search.correlations(images, rotations, shifts, contrast))
        show("aligned in the plane", lambda: aligned_images(images, shifts[:, 0], shifts))
        made = ParticleReconstruction(box, sampling)
        show("reconstruction", lambda: made.add(images, rotations, shifts, contrast))
        many = np.concatenate([images] * 10)
        many += images.std() * np.random.default_rng(1).standard_normal(many.shape, np.float32)
        contrasts = contrast.take(np.tile(np.arange(COUNT), 10))
        show("classification, 46 classes, rings to %d, a round of 15" % (11 * box // 64),
             lambda: classify(many, sampling, 46, diameter, 2, 11 * box // 64, 4.0, contrasts),
             15 * len(many), 1)


if __name__ == "__main__":
    main()
