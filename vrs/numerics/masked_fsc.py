"""Correlation of two maps within a mask, and what the mask alone adds to it."""

import numpy as np
from scipy import fft

from vrs.numerics.fourier import half_space, squared_frequencies

# Phases are randomised from where the halves agree less than this.
RANDOMISE_BELOW = 0.8
# The mask blurs the border between what keeps its phases and what does not.
_BORDER = 2


def randomise_phases(transform, shape, first, rng):
    """Give random phases to all coefficients from a shell on.

    Amplitudes stay as they are and conjugate coefficients stay conjugate, so that the
    map remains real.

    Parameters
    ----------
    transform : numpy.ndarray of complex64, (z, y, x // 2 + 1)
        From ``scipy.fft.rfftn``; changed in place.
    shape : tuple of int
        Box (z, y, x) in voxels.
    first : int
        Shell round(|f|·N) from which on, N being the longest side.
    rng : numpy.random.Generator
    """
    z2, y2, x2 = squared_frequencies(shape, 1.0)
    in_plane = y2 + x2
    own = _columns_with_conjugates(shape)
    # The difference of two uniform angles is uniform, and changes its sign at the conjugate.
    angles = rng.uniform(0, 2 * np.pi, shape[:2] + (len(own),)).astype(np.float32)
    angles -= np.roll(angles[::-1, ::-1], 1, axis=(0, 1))
    for z, plane in enumerate(transform):
        phases = rng.random(half_space(shape)[1:], dtype=np.float32) * np.float32(2 * np.pi)
        phases[:, own] = angles[z]
        beyond = np.rint(np.sqrt(in_plane + z2[z]) * max(shape)) >= first
        plane[beyond] *= np.exp(1j * phases[beyond])


def _columns_with_conjugates(shape):
    """Columns of the half space that hold the conjugates of their coefficients."""
    return [0] if shape[2] % 2 else [0, shape[2] // 2]


def masked_transform(volume, mask, workers=1):
    """Transform of a map within a mask.

    Parameters
    ----------
    volume, mask : numpy.ndarray of float32, (z, y, x)
        The mean of the map is taken away first, as the mask would be seen in it.
    workers : int

    Returns
    -------
    numpy.ndarray of complex64, (z, y, x // 2 + 1)
    """
    masked = volume - np.float32(volume.mean(dtype=np.float64))
    masked *= mask
    return fft.rfftn(masked, workers=workers, overwrite_x=True)


def randomised_transform(transform, mask, first, rng, workers=1):
    """Transform of a map within a mask, after its phases were randomised.

    Parameters
    ----------
    transform : numpy.ndarray of complex64, (z, y, x // 2 + 1)
        Of the map without mask; overwritten.
    mask : numpy.ndarray of float32, (z, y, x)
    first : int
        As in :func:`randomise_phases`.
    rng : numpy.random.Generator
    workers : int

    Returns
    -------
    numpy.ndarray of complex64, (z, y, x // 2 + 1)
    """
    randomise_phases(transform, mask.shape, first, rng)
    volume = fft.irfftn(transform, s=mask.shape, workers=workers, overwrite_x=True)
    return masked_transform(volume, mask, workers)


def randomised_map(volume, mask, rng, workers=1):
    """A map of the same power spectrum and random phases, within a mask.

    Parameters
    ----------
    volume, mask : numpy.ndarray of float32, (z, y, x)
    rng : numpy.random.Generator
    workers : int

    Returns
    -------
    numpy.ndarray of float32, (z, y, x)
        The mean stays as it is before the mask is applied.
    """
    transform = fft.rfftn(volume, workers=workers)
    randomise_phases(transform, volume.shape, 1, rng)
    return fft.irfftn(transform, s=volume.shape, workers=workers, overwrite_x=True) * mask


def without_mask(masked, randomised, first):
    """Correlation within a mask, freed of what the mask adds.

    FSC = (FSC_masked - FSC_random) / (1 - FSC_random) (Chen et al. 2013,
    doi 10.1016/j.ultramic.2013.06.004), from two shells beyond the first randomised one
    on; before, the correlation within the mask.

    Parameters
    ----------
    masked, randomised : numpy.ndarray, (shells,)
        FSC within the mask, of the maps and after their phases were randomised.
    first : int
        First randomised shell.

    Returns
    -------
    numpy.ndarray of float64, (shells,)
    """
    corrected = masked.copy()
    beyond = slice(first + _BORDER, None)
    own = 1 - randomised[beyond]
    # A mask that explains all of the correlation leaves none.
    corrected[beyond] = np.divide(masked[beyond] - randomised[beyond], own,
                                  out=np.zeros_like(own), where=own > 1e-6)
    return corrected


def independent_part(mask):
    """Part of the coefficients of a shell that stay independent within a mask.

    The transform of a mask that fills the part v of the box makes 1/v coefficients
    alike. A shell is thin, so that v^(2/3) of its coefficients count; for soft masks
    v = (Σ w²)² / (voxels · Σ w⁴).

    Parameters
    ----------
    mask : numpy.ndarray of float32, (z, y, x)

    Returns
    -------
    float
    """
    squares = np.square(mask).ravel()
    fourths = float(np.vdot(squares, squares))
    filled = float(squares.sum(dtype=np.float64)) ** 2 / (squares.size * fourths)
    return filled ** (2 / 3)
