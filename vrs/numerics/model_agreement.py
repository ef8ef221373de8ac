"""Resolutions at which a map and the density of a model agree.

All follow from sums over thin shells of Fourier space, so that no frequency, cut-off or
B factor that is tried needs another pass over the maps (definitions of Afonine et al. 2018,
doi 10.1107/S2059798318009324).
"""

from dataclasses import dataclass

import numpy as np

from vrs.numerics import fourier, fsc

_PARTS = 8  # thin shells in one of usual width
_B_FACTORS = np.arange(-500.0, 501.0, 5.0)
_POWER_KEPT = 0.99 ** 2


@dataclass
class ThinShells:
    """Sums over thin shells of all of Fourier space but its origin, to the corners.

    Attributes
    ----------
    frequencies : numpy.ndarray of float64, (thin shells,)
        At which they end, 1/Å.
    cross, map_power, model_power : numpy.ndarray of float64, (thin shells,)
        Re Σ F1 F2*, Σ |F1|², Σ |F2|², of map and model.
    counts : numpy.ndarray of float64, (thin shells,)
        Coefficients.
    """

    frequencies: np.ndarray
    cross: np.ndarray
    map_power: np.ndarray
    model_power: np.ndarray
    counts: np.ndarray


def thin_shells(map_transform, model_transform, shape, sampling):
    """Sum over thin shells, an eighth of the usual width each.

    Parameters
    ----------
    map_transform, model_transform : numpy.ndarray of complex64, (z, y, x // 2 + 1)
        From ``scipy.fft.rfftn``.
    shape : tuple of int
        Box (z, y, x) in voxels.
    sampling : float
        Å/voxel.

    Returns
    -------
    ThinShells
    """
    step = 1 / (max(shape) * sampling * _PARTS)
    z2, y2, x2 = fourier.squared_frequencies(shape, sampling)
    weights = np.broadcast_to(fourier.hermitian_weights(shape[2]),
                              (shape[1], len(x2))).ravel().astype(float)
    number = int(np.sqrt(z2.max() + y2.max() + x2.max()) / step) + 2
    sums = np.zeros((4, number))
    for one, other, plane_z2 in zip(map_transform, model_transform, z2):
        # The small part keeps the axes, which are multiples of the step, from being rounded down.
        thin = (np.sqrt(plane_z2 + y2 + x2) / step + 1e-6).astype(np.intp).ravel()
        terms = fsc.cross_and_powers(one, other) + (np.ones(one.shape),)
        for row, values in zip(sums, terms):
            row += np.bincount(thin, values.ravel() * weights, number)
    sums[:, 0] = 0
    return ThinShells(np.arange(1, number + 1) * step, *sums)


def shell_curve(shells, shape, sampling):
    """Fourier shell correlation in shells of the usual width.

    Parameters
    ----------
    shells : ThinShells
    shape : tuple of int
        Box (z, y, x) in voxels.
    sampling : float
        Å/voxel.

    Returns
    -------
    frequencies, correlations : numpy.ndarray of float64, (N // 2 + 1,)
    """
    frequencies = fourier.shell_frequencies(shape, sampling)
    starts = np.maximum(_PARTS * np.arange(len(frequencies) + 1) - _PARTS // 2, 0)
    sums = [np.add.reduceat(np.append(values, np.zeros(_PARTS)), starts)[:-1]
            for values in (shells.cross, shells.map_power, shells.model_power)]
    return frequencies, fsc.correlation(*sums)


def d99(shells):
    """Resolution up to which a map is all but the same as up to the corners of its box.

    Its correlation with the whole map is 0.99.

    Parameters
    ----------
    shells : ThinShells

    Returns
    -------
    float
        Å.
    """
    kept = np.cumsum(shells.map_power)
    reached = np.searchsorted(kept, _POWER_KEPT * kept[-1])
    return 1 / shells.frequencies[reached]


def best_cut_off(shells, b_factor, highest=np.inf):
    """Resolution at which the model's map is to be cut off to be most like the map.

    Parameters
    ----------
    shells : ThinShells
        Of a model whose atoms have no B factor.
    b_factor : float
        Å², of all atoms.
    highest : float
        1/Å, beyond which neither map counts.

    Returns
    -------
    float
        Å.
    """
    used = shells.frequencies <= highest
    damping = np.exp(-b_factor * shells.frequencies[used] ** 2 / 4)
    cross = np.cumsum(shells.cross[used] * damping)
    power = np.cumsum(shells.model_power[used] * damping ** 2)
    agreement = np.divide(cross, np.sqrt(power), out=np.full(len(power), -np.inf),
                          where=power > 0)
    return 1 / shells.frequencies[used][np.argmax(agreement)]


def overall_b_factor(shells, highest):
    """B factor of all atoms with which a model is most like the map.

    Parameters
    ----------
    shells : ThinShells
        Of a model whose atoms have no B factor.
    highest : float
        1/Å, up to which the maps are compared.

    Returns
    -------
    float
        Å², -500 to 500 in steps of 5.
    """
    used = shells.frequencies <= highest
    damping = np.exp(-np.outer(_B_FACTORS, shells.frequencies[used] ** 2) / 4)
    cross = damping @ shells.cross[used]
    power = damping ** 2 @ shells.model_power[used]
    return float(_B_FACTORS[np.argmax(cross / np.sqrt(np.maximum(power, np.finfo(float).tiny)))])
