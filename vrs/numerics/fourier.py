"""Shells and filters in the half space of real Fourier transforms.

Frequencies are in 1/Å. Shells have the width 1/(N·Ts), N being the longest side of
the box in voxels and Ts the sampling, and reach to Nyquist. Sums run over all of
Fourier space: in the half space that ``rfftn`` gives, coefficients whose conjugate
is left out count twice.
"""

import numpy as np
from scipy import fft


def shell_frequencies(shape, sampling):
    """Frequencies of the shells 0 to N // 2.

    Parameters
    ----------
    shape : tuple of int
        Box (z, y, x) in voxels.
    sampling : float
        Å/voxel.

    Returns
    -------
    numpy.ndarray of float64, (shells,)
        1/Å.
    """
    size = max(shape)
    return np.arange(size // 2 + 1) / (size * sampling)


def hermitian_weights(nx):
    """How often each column of the half space occurs in all of Fourier space.

    Parameters
    ----------
    nx : int
        Length of the axis that the transform halves.

    Returns
    -------
    numpy.ndarray of int, (nx // 2 + 1,)
    """
    weights = np.full(nx // 2 + 1, 2)
    weights[0] = 1
    if nx % 2 == 0:
        weights[-1] = 1
    return weights


def squared_frequencies(shape, sampling):
    """Squared frequency along each axis of the half space.

    Parameters
    ----------
    shape : tuple of int
        Box (z, y, x) in voxels.
    sampling : float or tuple of float
        Å/voxel, of all axes or of (z, y, x).

    Returns
    -------
    tuple of numpy.ndarray of float64
        1/Å², shapes (z, 1), (y, 1) and (x // 2 + 1,): the second and third
        broadcast to a plane of the half space, the first goes with the planes.
    """
    (nz, ny, nx), (tz, ty, tx) = shape, np.broadcast_to(sampling, 3)
    return (fft.fftfreq(nz, tz)[:, None] ** 2, fft.fftfreq(ny, ty)[:, None] ** 2,
            fft.rfftfreq(nx, tx) ** 2)


def shell_counts(shape):
    """How many coefficients each shell has, all of Fourier space.

    Parameters
    ----------
    shape : tuple of int
        Box (z, y, x) in voxels.

    Returns
    -------
    numpy.ndarray of float64, (N // 2 + 1,)
        For the shells round(|f|·N·Ts) of :func:`shell_frequencies`.
    """
    plane = np.ones((1,) + half_space(shape)[1:], np.float32)
    return shell_sums(shape, lambda _: plane)[0]


def shell_sums(shape, quantities):
    """Sums of quantities over each shell, all of Fourier space.

    Parameters
    ----------
    shape : tuple of int
        Box (z, y, x) in voxels.
    quantities : callable
        Takes the index of a plane of the half space and gives a sequence of real
        arrays (y, x // 2 + 1), which have to be the same for a coefficient and its
        conjugate.

    Returns
    -------
    numpy.ndarray of float64, (quantities, N // 2 + 1)
        For the shells round(|f|·N·Ts) of :func:`shell_frequencies`.
    """
    sums = 0.0
    # Plane by plane, so that no further array of the map's size is needed.
    for z, (shell, inside, weights) in enumerate(shell_planes(shape)):
        sums = sums + np.array([
            np.bincount(shell, values.ravel()[inside] * weights, max(shape) // 2 + 1)
            for values in quantities(z)])
    return sums


def shell_powers(transform, shape):
    """Sum of the squared moduli of each shell, all of Fourier space.

    Parameters
    ----------
    transform : numpy.ndarray of complex64, (z, y, x // 2 + 1)
        As ``scipy.fft.rfftn`` gives it.
    shape : tuple of int
        Box (z, y, x) in voxels.

    Returns
    -------
    numpy.ndarray of float64, (N // 2 + 1,)
    """
    return shell_sums(shape, lambda z: [np.square(np.abs(transform[z]))])[0]


def shell_planes(shape):
    """Which shell each coefficient of the half space belongs to, plane by plane.

    Parameters
    ----------
    shape : tuple of int
        Box (z, y, x) in voxels.

    Yields
    ------
    shell : numpy.ndarray of int, (coefficients,)
        Of those coefficients of the plane that lie within the last shell.
    inside : numpy.ndarray of int, (coefficients,)
        Their places in the flattened plane.
    weights : numpy.ndarray of int, (coefficients,)
        How often they count in all of Fourier space.
    """
    size = max(shape)
    z2, y2, x2 = squared_frequencies(shape, 1.0)
    in_plane = y2 + x2
    weights = np.broadcast_to(hermitian_weights(shape[2]), in_plane.shape).ravel()
    for plane_z2 in z2:
        shell = np.rint(np.sqrt(in_plane + plane_z2) * size).astype(np.intp).ravel()
        inside = np.flatnonzero(shell <= size // 2)
        yield shell[inside], inside, weights[inside]


def half_space(shape):
    """Shape of the half space of a box, (z, y, x // 2 + 1)."""
    return shape[0], shape[1], shape[2] // 2 + 1


def mean_amplitudes(transform, shape):
    """Mean amplitude of the coefficients of each shell, all of Fourier space.

    Parameters
    ----------
    transform : numpy.ndarray of complex64, (z, y, x // 2 + 1)
        From ``scipy.fft.rfftn``.
    shape : tuple of int
        Box (z, y, x) in voxels.

    Returns
    -------
    numpy.ndarray of float64, (N // 2 + 1,)
        For the shells round(|f|·N·Ts) of :func:`shell_frequencies`.
    """
    return (shell_sums(shape, lambda z: [np.abs(transform[z])])[0] / shell_counts(shape))


def filter_in_place(transform, shape, sampling, response):
    """Multiply a transform by an isotropic filter.

    Parameters
    ----------
    transform : numpy.ndarray of complex64, (z, y, x // 2 + 1)
        Changed in place.
    shape : tuple of int
        Box (z, y, x) in voxels.
    sampling : float
        Å/voxel.
    response : callable
        Takes the squared frequencies of a plane (1/Å²) and gives their factors.
    """
    z2, y2, x2 = squared_frequencies(shape, sampling)
    in_plane = y2 + x2
    for plane, plane_z2 in zip(transform, z2):
        plane *= response(in_plane + plane_z2).astype(np.float32)


def filtered(volume, sampling, response, workers=1):
    """A map after an isotropic filter.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    sampling : float
        Å/voxel.
    response : callable
        As in :func:`filter_in_place`.
    workers : int

    Returns
    -------
    numpy.ndarray of float32, (z, y, x)
    """
    transform = fft.rfftn(volume, workers=workers)
    filter_in_place(transform, volume.shape, sampling, response)
    return fft.irfftn(transform, s=volume.shape, workers=workers, overwrite_x=True)


def low_pass(volume, sampling, frequency, width, workers=1):
    """A map without what lies beyond a frequency, from where :func:`raised_cosine` falls.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    sampling : float
        Å/voxel.
    frequency, width : float
        1/Å.
    workers : int

    Returns
    -------
    numpy.ndarray of float32, (z, y, x)
    """
    return filtered(volume, sampling,
                    lambda squared: raised_cosine(np.sqrt(squared), frequency, width), workers)


def raised_cosine(values, start, width):
    """1 up to ``start``, from where it falls as (1 + cos)/2 to 0 at ``start + width``.

    Parameters
    ----------
    values : numpy.ndarray
        Frequencies or distances.
    start, width : float
        In their unit.

    Returns
    -------
    numpy.ndarray of float32 or float64
        As precise as the values.
    """
    phase = np.subtract(values, float(start))
    phase *= np.pi / float(width)
    np.clip(phase, 0, np.pi, out=phase)
    np.cos(phase, out=phase)
    phase += 1
    phase /= 2
    return phase
