"""Maps of known properties for the tests."""

import numpy as np

from vrs.numerics import fourier


def noise_with_b(b_factor, shape=(80, 80, 80), sampling=1.5, seed=1):
    """White noise whose amplitudes fall (B < 0) or rise by exp(B f²/4).

    Parameters
    ----------
    b_factor : float
        Å².
    shape : tuple of int
    sampling : float
        Å/voxel.
    seed : int

    Returns
    -------
    numpy.ndarray of float32, shape
    """
    white = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return fourier.filtered(white, sampling, lambda f2: np.exp(b_factor * f2 / 4))


def central_box(shape, part=3):
    """Mask of the middle of a box, 1/part of its sides wide."""
    mask = np.zeros(shape, bool)
    mask[tuple(slice((n - n // part) // 2, (n + n // part) // 2) for n in shape)] = True
    return mask
