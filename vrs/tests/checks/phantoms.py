"""Maps of known properties for the tests."""

import numpy as np
from scipy import fft

from vrs.numerics import fourier

_NOISE_RATIO = 1 / 0.143 - 1


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


def structure(shape, sampling, seed=1):
    """White noise within a ball of a quarter of the smallest side: all frequencies alike.

    Parameters
    ----------
    shape : tuple of int
    sampling : float
        Å/voxel.
    seed : int

    Returns
    -------
    volume : numpy.ndarray of float32, shape
        Falling off softly over 2 voxels.
    inside : numpy.ndarray of bool, shape
    """
    axes = np.ogrid[tuple(slice(-(n // 2), n - n // 2) for n in shape)]
    radius = np.sqrt(sum(axis.astype(np.float32) ** 2 for axis in axes))
    edge = min(shape) / 4
    white = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return white * np.clip((edge - radius) / 2, 0, 1).astype(np.float32), radius < edge


def half_maps(shape, sampling, resolution, seed=1):
    """Two half maps of known FSC, over all of the box.

    Signal and noise are white noise, the noise of each half with a power that rises
    with the fourth power of the frequency.

    Parameters
    ----------
    shape : tuple of int
    sampling : float
        Å/voxel.
    resolution : float
        Å, where the FSC is 0.143.
    seed : int

    Returns
    -------
    half1, half2 : numpy.ndarray of float32, shape
    fsc : callable
        The true FSC, 1 / (1 + 5.99 (f·resolution)⁴), at a frequency (1/Å).
    """
    rng = np.random.default_rng(seed)

    def noise():
        white = rng.normal(size=shape).astype(np.float32)
        return fourier.filtered(white, sampling,
                                lambda f2: np.sqrt(_NOISE_RATIO) * f2 * resolution ** 2)

    signal = rng.normal(size=shape).astype(np.float32)
    return signal + noise(), signal + noise(), lambda f: 1 / (
        1 + _NOISE_RATIO * (f * resolution) ** 4)


def two_domain_halves(shape, sampling, fine, coarse, noise=0.05, seed=1):
    """Half maps of a ball whose lower half in x shows finer detail than the other.

    Parameters
    ----------
    shape : tuple of int
    sampling : float
        Å/voxel.
    fine, coarse : float
        Å, where the detail of the two domains ends (raised cosine 0.04 1/Å wide).
    noise : float
        Deviation of the white noise of each half, that of the signal being about 1
        within the ball at full detail.
    seed : int

    Returns
    -------
    half1, half2 : numpy.ndarray of float32, shape
    fine_domain, coarse_domain : numpy.ndarray of bool, shape
        Well inside their domains.
    """
    volume, inside = structure(shape, sampling, seed)
    left, right = (fourier.low_pass(volume, sampling, 1 / d - 0.02, 0.04)
                   for d in (fine, coarse))
    x = np.arange(shape[2]) - shape[2] // 2
    share = np.clip(0.5 - x / 4, 0, 1).astype(np.float32)
    signal = left * share + right * (1 - share)
    rng = np.random.default_rng(seed + 1)
    halves = [signal + rng.normal(scale=noise, size=shape).astype(np.float32) for _ in range(2)]
    margin = min(shape) // 12
    return halves[0], halves[1], inside & (x < -margin), inside & (x > margin)


def directional_halves(shape, sampling, good, bad, direction, half_angle=30.0, seed=1):
    """Half maps that resolve less within a cone of directions.

    As :func:`half_maps`, with an FSC that falls to 0.143 at ``bad`` within a cone about
    a direction, at ``good`` outside it, and a smooth change over 10°.

    Parameters
    ----------
    shape : tuple of int
    sampling : float
        Å/voxel.
    good, bad : float
        Å.
    direction : sequence of float
        x, y, z, in Fourier space.
    half_angle : float
        Of the cone, degrees.
    seed : int

    Returns
    -------
    half1, half2 : numpy.ndarray of float32, shape
    """
    rng = np.random.default_rng(seed)
    fz, fy, fx = (fft.fftfreq(shape[0], sampling)[:, None, None],
                  fft.fftfreq(shape[1], sampling)[:, None], fft.rfftfreq(shape[2], sampling))
    ux, uy, uz = np.asarray(direction, float) / np.linalg.norm(direction)
    radius = np.sqrt(fz ** 2 + fy ** 2 + fx ** 2)
    along = np.abs(fz * uz + fy * uy + fx * ux) / np.maximum(radius, 1e-9)
    angle = np.degrees(np.arccos(np.clip(along, 0, 1)))
    outside = np.clip((angle - half_angle + 5) / 10, 0, 1)
    resolution = bad + (good - bad) * outside
    response = (np.sqrt(_NOISE_RATIO) * (radius * resolution) ** 2).astype(np.float32)
    signal = rng.normal(size=shape).astype(np.float32)

    def noise():
        white = rng.normal(size=shape).astype(np.float32)
        return fft.irfftn(fft.rfftn(white) * response, s=shape)

    return signal + noise(), signal + noise()
