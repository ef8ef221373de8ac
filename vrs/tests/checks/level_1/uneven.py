"""Half maps whose signal-to-noise ratio falls differently in two domains."""

from collections import namedtuple

import numpy as np

from vrs.numerics.fourier import filtered
from vrs.tests.checks.phantoms import structure
from vrs.tests.evidence import evidence

UnevenHalves = namedtuple("UnevenHalves", "half1 half2 inside fine_domain coarse_domain")

SAMPLING = 1.5
_STEEPNESS = 8
_AT_0143 = 1 / 0.143 - 1


def uneven_halves(shape, sampling, fine, coarse, seed=1):
    """A ball with two domains whose FSC falls smoothly, in the same white noise.

    The signal-to-noise ratio of a half falls with the eighth power of the frequency and
    has a ceiling of 20; the FSC is 0.143 at ``fine`` below the middle in x and at
    ``coarse`` above it.

    Parameters
    ----------
    shape : tuple of int
    sampling, fine, coarse : float
        Å/voxel, Å.
    seed : int

    Returns
    -------
    UnevenHalves
        The halves, float32; the ball and the inner part of its domains, bool.
    """
    volume, inside = structure(shape, sampling, seed)

    def signal(resolution):
        return filtered(volume, sampling, lambda f2: np.sqrt(np.minimum(20, 1 / (
            _AT_0143 * np.maximum(f2 * resolution ** 2, 1e-9) ** (_STEEPNESS / 2)))))

    x = np.arange(shape[2]) - shape[2] // 2
    share = np.clip(0.5 - x / 4, 0, 1).astype(np.float32)
    both = signal(fine) * share + signal(coarse) * (1 - share)
    rng = np.random.default_rng(seed + 1)
    halves = [both + rng.normal(size=shape).astype(np.float32) for _ in range(2)]
    margin = min(shape) // 12
    return UnevenHalves(halves[0], halves[1], inside, inside & (x < -margin),
                        inside & (x > margin))


def resolution_at(fsc, resolution):
    """Where the true FSC of a domain has a value, its resolution at 0.143 being known; Å."""
    return resolution * (_AT_0143 / (1 / fsc - 1)) ** (1 / _STEEPNESS)


def data_for(halves, resolution=None):
    """What the checks take for such halves, with the ball as the mask.

    Parameters
    ----------
    halves : UnevenHalves
        At 1.5 Å/voxel.
    resolution : float, optional
        Reported resolution, Å.

    Returns
    -------
    vrs.inputs.Evidence
    """
    volume = (halves.half1 + halves.half2) / 2
    return evidence(volume, SAMPLING, float(volume.max()) / 2, resolution,
                    mask=halves.inside, half1=halves.half1, half2=halves.half2)
