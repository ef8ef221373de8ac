"""Maps of nothing, as strong at every frequency as a given one."""

import numpy as np
from scipy import fft

from vrs.numerics.fourier import shell_planes, shell_powers


def with_random_phases(volume, mask, rng, workers=1):
    """A map of the same power spectrum whose phases are those of noise.

    The amplitudes of the map within its mask are kept and the phases are drawn. What that spreads
    over the box is masked again, and the shells are scaled back to the power that they had.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    mask : numpy.ndarray of float32, (z, y, x)
        In [0, 1].
    rng : numpy.random.Generator
    workers : int

    Returns
    -------
    numpy.ndarray of float32, (z, y, x)
        Next to nothing outside the mask.
    """
    shape = volume.shape
    transform = fft.rfftn(volume * mask, workers=workers)
    power = shell_powers(transform, shape)
    noise = fft.rfftn(rng.standard_normal(shape, np.float32), workers=workers)
    noise *= np.abs(transform) / np.maximum(np.abs(noise), np.finfo(np.float32).tiny)
    drawn = fft.irfftn(noise, s=shape, workers=workers, overwrite_x=True)
    drawn *= mask
    noise = fft.rfftn(drawn, workers=workers, overwrite_x=True)
    spread = shell_powers(noise, shape)
    factors = np.sqrt(np.divide(power, spread, out=np.zeros_like(power), where=spread > 0))
    for plane, (shell, inside, _) in zip(noise, shell_planes(shape)):
        scaled = np.zeros(plane.size, np.float32)
        scaled[inside] = factors[shell]
        plane *= scaled.reshape(plane.shape)
    return fft.irfftn(noise, s=shape, workers=workers, overwrite_x=True)
