"""Small map files with whatever header a test needs."""

import mrcfile
import numpy as np


def blob(shape=(9, 8, 7), seed=0):
    """Noise around a Gaussian, float32 (z, y, x), without exact zeros."""
    rng = np.random.default_rng(seed)
    grid = np.meshgrid(*(np.linspace(-2, 2, n) for n in shape), indexing="ij")
    volume = np.exp(-sum(axis ** 2 for axis in grid)) + 0.05 * rng.standard_normal(shape)
    return volume.astype(np.float32)


def save(path, data, sampling=1.5, compression=None, **fields):
    """Write an MRC file and overwrite header fields; returns the path as text.

    Fields are named as in mrcfile; ``cella`` and such take a tuple.
    """
    with mrcfile.new(str(path), compression=compression, overwrite=True) as mrc:
        mrc.set_data(data)
        mrc.voxel_size = sampling
        for name, value in fields.items():
            mrc.header[name] = value
    return str(path)
