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


def write_blob(path):
    """Write the ball to a file and return its path."""
    write_map(str(path), blob(), SAMPLING)
    return path
