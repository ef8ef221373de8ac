"""Fourier shell correlation within cones of directions."""

import numpy as np
from scipy import fft

from vrs.numerics import sphere
from vrs.numerics.fourier import half_space, shell_planes
from vrs.numerics.fsc import FSC_THRESHOLD, correlation, cross_and_powers

LOWEST_SHELL = 5  # below, a cone holds too few coefficients to say anything
# FSC of shells whose signal-to-noise ratio is well known, and how many such shells it takes.
_WELL_KNOWN, _FEWEST_SHELLS = (FSC_THRESHOLD, 0.95), 5
# A cone's ratio can come out as anything where its FSC is close to 1.
_HIGHEST_FSC = 0.98
_CHUNK = 512
# Per side of a cube's face: for sums, far finer than cones; for the 3D FSC, as fine as
# its cones are smooth.
_FINE, _COARSE = 99, 39


class DirectionalSums:
    """What two maps share, sorted by shell and direction.

    Cross term, powers and numbers of coefficients are summed over all of Fourier space
    once, in small cells of direction; the sums over a cone are then weighted sums of
    cells. As cells (1°) are far smaller than cones, this hardly differs from weighing
    each coefficient by itself.

    Parameters
    ----------
    transform1, transform2 : numpy.ndarray of complex64, (z, y, x // 2 + 1)
        From ``scipy.fft.rfftn``.
    shape : tuple of int
        Box (z, y, x) in voxels.
    """

    def __init__(self, transform1, transform2, shape):
        self._centres = sphere.cell_centres(_FINE).astype(np.float32)
        self.shells = max(shape) // 2 + 1
        places, values = [], []
        for z, (shell, inside, weights, cell) in enumerate(_cells_of_planes(shape, _FINE)):
            places.append(cell * self.shells + shell)
            pair = transform1[z].ravel()[inside], transform2[z].ravel()[inside]
            values.append([(value * weights).astype(np.float32)
                           for value in cross_and_powers(*pair)] + [weights.astype(np.float32)])
        places = np.concatenate(places)
        terms = [np.concatenate(parts) for parts in zip(*values)]
        del values
        shell = places % self.shells
        self._totals = np.array([np.bincount(shell, term, self.shells) for term in terms])
        # Single precision from here on: of order 1 whatever the scale of the maps.
        scale = np.sqrt(self._totals[1] * self._totals[2])
        scale = np.where(scale > 0, scale, 1)
        self._sums = np.empty((len(self._centres), 4, self.shells), np.float32)
        for index, term in enumerate(terms):
            sums = np.bincount(places, term, self._sums[:, 0].size).reshape(-1, self.shells)
            self._sums[:, index] = sums if index == 3 else sums / scale

    def global_curve(self):
        """Ordinary FSC, float64 (shells,); 1 at the origin, 0 in shells without power."""
        curve = correlation(*self._totals[:3])
        curve[0] = 1
        return curve

    def curves(self, directions, cone):
        """FSC along directions.

        Parameters
        ----------
        directions : numpy.ndarray, (directions, 3)
            Unit vectors x, y, z.
        cone : callable
            Weights from the cosines (float32, 0 to 1) of the angles to the direction.

        Returns
        -------
        numpy.ndarray of float32, (directions, shells)
            1 below :data:`LOWEST_SHELL`, 0 where there is no power, interpolated where a
            cone holds no coefficient at all.
        """
        result = np.empty((len(directions), self.shells), np.float32)
        for start in range(0, len(directions), _CHUNK):
            chunk = slice(start, start + _CHUNK)
            cross, power1, power2, count = self._within(directions[chunk], cone)
            curves = correlation(cross, power1, power2)
            result[chunk] = _bridged(curves, count > 0)
        result[:, :LOWEST_SHELL] = 1
        return result

    def mean_powers(self, directions, cone):
        """Mean power of the two maps along directions, relative to its largest value.

        Parameters
        ----------
        directions, cone
            As in :meth:`curves`.

        Returns
        -------
        numpy.ndarray of float64, (directions, shells)
            NaN where a cone holds no coefficient.
        """
        _, power1, power2, count = self._within(directions, cone)
        scale = np.sqrt(self._totals[1] * self._totals[2])
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = scale * (power1 + power2) / 2 / count
        return mean / np.nanmax(mean) if np.nanmax(mean) > 0 else mean

    def _within(self, directions, cone):
        """Sums of the four terms over cones, (terms, directions, shells)."""
        weights = cone(np.abs(np.asarray(directions, np.float32) @ self._centres.T))
        sums = weights @ self._sums.reshape(len(self._centres), -1)
        return sums.reshape(-1, 4, self.shells).transpose(1, 0, 2)


def _bridged(curves, known):
    shells = np.arange(curves.shape[1])
    for curve, here in zip(curves, known):
        if here.any():
            curve[~here] = np.interp(shells[~here], shells[here], curve[here])
    return curves


def _cells_of_planes(shape, per_side):
    """As :func:`vrs.numerics.fourier.shell_planes`, with the cell of each coefficient."""
    fz, fy, fx = (fft.fftfreq(shape[0]).astype(np.float32),
                  fft.fftfreq(shape[1]).astype(np.float32)[:, None],
                  fft.rfftfreq(shape[2]).astype(np.float32))
    fy, fx = (np.broadcast_to(axis, half_space(shape)[1:]).ravel() for axis in (fy, fx))
    for z, (shell, inside, weights) in zip(fz, shell_planes(shape)):
        if z == 0:  # the origin, first of its plane, has no direction
            shell, inside, weights = shell[1:], inside[1:], weights[1:]
        yield shell, inside, weights, sphere.cells(fx[inside], fy[inside], z, per_side)


def soft_cone(half_angle):
    """Weights exp(-4 ((cos θ - 1) / (cos α - 1))²) up to the angle α, 0 beyond.

    Vilas and Tagare 2023, doi 10.1038/s41592-023-01874-3.

    Parameters
    ----------
    half_angle : float
        α, degrees.

    Returns
    -------
    callable
        For :meth:`DirectionalSums.curves`.
    """
    edge = np.float32(np.cos(np.radians(half_angle)))

    def weights(cosines):
        return np.exp(-4 * ((1 - cosines) / (1 - edge)) ** 2) * (cosines >= edge)

    return weights


def hard_cone(half_angle):
    """Weight 1 up to an angle, 0 beyond; parameters and result as :func:`soft_cone`."""
    edge = np.float32(np.cos(np.radians(half_angle)))
    return lambda cosines: (cosines >= edge).astype(np.float32)


def limits(frequencies, curves, threshold):
    """Where each of many curves falls below a threshold for the first time.

    As :func:`vrs.numerics.fsc.first_crossing`, from :data:`LOWEST_SHELL` on.

    Parameters
    ----------
    frequencies : numpy.ndarray, (shells,)
    curves : numpy.ndarray, (..., shells)
    threshold : float

    Returns
    -------
    numpy.ndarray of float64, (...)
        The last frequency where a curve never falls, NaN where it is never above.
    """
    excess = np.asarray(curves, float)[..., LOWEST_SHELL:] - threshold
    frequencies = np.asarray(frequencies, float)[LOWEST_SHELL:]
    below = excess < 0
    first = below.argmax(axis=-1)
    before = np.maximum(first - 1, 0)
    above, under = (np.take_along_axis(excess, place[..., None], -1)[..., 0]
                    for place in (before, first))
    with np.errstate(invalid="ignore", divide="ignore"):
        crossing = frequencies[before] + (
            frequencies[first] - frequencies[before]) * above / (above - under)
    crossing = np.where(first == 0, np.nan, crossing)
    return np.where(below.any(axis=-1), crossing, frequencies[-1])


def relative_snr(curves):
    """Signal-to-noise ratio along directions, relative to the usual one.

    With FSC/(1 - FSC) the ratio of signal and noise of a half map, that of a direction over
    that of the median FSC of all directions is taken in each shell from :data:`LOWEST_SHELL` to
    the first fall of the median FSC below 0.143 where this FSC is 0.95 at most; the median over
    the shells counts. As it grows with the number of views, this is how well a direction is
    sampled: 0 where views are missing, 1 where it is usual. Its standard error is 1.25 s/√(n/2),
    s the standard deviation over n shells, of which neighbours are alike.

    Parameters
    ----------
    curves : numpy.ndarray, (directions, shells)
        FSC along directions, spread over the sphere.

    Returns
    -------
    snr, error : numpy.ndarray of float64, (directions,)
        Or None where fewer than five shells can be used.
    """
    median = np.median(curves, axis=0)
    beyond = np.flatnonzero(median[LOWEST_SHELL:] < _WELL_KNOWN[0])
    end = LOWEST_SHELL + beyond[0] if beyond.size else len(median)
    shells = np.arange(LOWEST_SHELL, end)
    shells = shells[median[shells] <= _WELL_KNOWN[1]]
    if len(shells) < _FEWEST_SHELLS:
        return None
    usual = median[shells] / (1 - median[shells])
    along = np.clip(np.asarray(curves, float)[:, shells], -0.5, _HIGHEST_FSC)
    ratios = along / (1 - along) / usual
    error = 1.25 * ratios.std(axis=1, ddof=1) / np.sqrt(len(shells) / 2)
    return np.median(ratios, axis=1), error


def volume(sums, cone, shape, change=None):
    """3D FSC: the FSC of each shell about the direction of each Fourier voxel.

    Tan et al. 2017, doi 10.1038/nmeth.4347.

    Parameters
    ----------
    sums : DirectionalSums
    cone : callable
        As in :meth:`DirectionalSums.curves`.
    shape : tuple of int
        Box (z, y, x) of the maps.
    change : callable, optional
        Applied to the curves (directions, shells) before they are spread.

    Returns
    -------
    numpy.ndarray of float32, shape
        Zero frequency at index N // 2 of each axis; 0 beyond the last shell.
    """
    curves = sums.curves(sphere.cell_centres(_COARSE), cone)
    curves = curves if change is None else change(curves)
    nz, ny, nx = shape
    half = np.zeros(half_space(shape), np.float32)
    half[0, 0, 0] = 1
    for plane, (shell, inside, _, cell) in zip(half, _cells_of_planes(shape, _COARSE)):
        plane.ravel()[inside] = curves[cell, shell]
    result = np.empty(shape, np.float32)
    result[..., nx // 2:] = fft.fftshift(half, (0, 1))[..., :nx - nx // 2]
    # The other half holds the opposites.
    opposite = half[-np.arange(nz) % nz][:, -np.arange(ny) % ny, nx // 2:0:-1]
    result[..., :nx // 2] = fft.fftshift(opposite, (0, 1))
    return result
