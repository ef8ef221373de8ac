"""Local resolution by its definition, for the tests of what computes it faster."""

import numpy as np

from vrs.numerics.fsc import first_crossing

BOX = 20


def in_boxes_cut_out(volume1, volume2, voxels, sampling, cutoff):
    """Boxes of 20 voxels cut out of two periodic maps, tapered, transformed and compared.

    Parameters
    ----------
    volume1, volume2 : numpy.ndarray of float, (z, y, x)
    voxels : numpy.ndarray of int, (places, 3)
        Their middles.
    sampling : float
        Å/voxel.
    cutoff : float
        Of the Fourier shell correlation.

    Returns
    -------
    numpy.ndarray of float, (places,)
        Å; the size of the box where the correlation is never above the cutoff.
    """
    taper = 0.5 + 0.5 * np.cos(2 * np.pi * np.arange(-BOX // 2, BOX // 2) / BOX)
    taper = taper[:, None, None] * taper[:, None] * taper
    axis = np.fft.fftfreq(BOX, 1 / BOX)
    shell = np.rint(np.sqrt(axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis ** 2))
    found = []
    for voxel in voxels:
        box = np.ix_(*[np.arange(place - BOX // 2, place + BOX // 2) % size
                       for place, size in zip(voxel, volume1.shape)])
        f1, f2 = (np.fft.fftn(volume[box] * taper) for volume in (volume1, volume2))
        cross, power1, power2 = (
            np.bincount(shell.astype(int).ravel(), values.ravel())[:BOX // 2 + 1]
            for values in ((f1 * f2.conj()).real, np.abs(f1) ** 2, np.abs(f2) ** 2))
        crossing = first_crossing(np.arange(BOX // 2 + 1) / (BOX * sampling),
                                  cross / np.sqrt(power1 * power2), cutoff)
        found.append(crossing.resolution or BOX * sampling)
    return np.array(found)
