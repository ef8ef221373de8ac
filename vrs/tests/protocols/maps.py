"""Small maps to run protocols on."""

import numpy as np

from vrs.io.maps import write_map

BOX = 48
SAMPLING = 2.0
THRESHOLD = 0.5
RESOLUTION = 6.0


def blob(seed=0):
    """A noisy ball, float32 (z, y, x)."""
    axis = np.arange(BOX) - BOX / 2
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij", sparse=True)
    noise = np.random.default_rng(seed).normal(0, 0.02, (BOX,) * 3)
    return (np.exp(-(x * x + y * y + z * z) / 100) + noise).astype(np.float32)


def halves():
    """Two half maps of the ball: the same ball with more noise."""
    rng = np.random.default_rng(7)
    return [blob() + rng.normal(0, 0.03, (BOX,) * 3).astype(np.float32) for _ in range(2)]


def write_halves(folder):
    """Write the half maps to a folder and return their paths as text."""
    paths = [str(folder / ("half%d.mrc" % number)) for number in (1, 2)]
    for path, half in zip(paths, halves()):
        write_map(path, half, SAMPLING)
    return paths


def write_blob(path):
    """Write the ball to a file and return its path."""
    write_map(str(path), blob(), SAMPLING)
    return path
