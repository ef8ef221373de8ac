"""Local resolution by monogenic amplitudes: of all directions together, and one by one."""

import numpy as np
from scipy import fft, ndimage
from scipy.special import fdtrc, ndtri

from vrs.numerics.fourier import raised_cosine, squared_frequencies
from vrs.numerics.masks import bounding_box
from vrs.numerics.riesz import riesz_axes
from vrs.numerics.sphere import directions_46

SIGNIFICANCE = 0.95
STEPS = 32
_TRANSITION = 0.02  # cycles/voxel
_AMPLITUDE_TRANSITION = 0.01
_FEWEST = 0.025
_WEAKEST = 0.001
_MARGIN = 16
# The noise changes slowly with frequency: between every third step it is interpolated.
_NOISE_EVERY = 3
_COS_CONE = np.float32(np.cos(np.radians(20)))
_DIRECTIONAL_STEPS = 16
_BEYOND = 0.6
_BAND = 0.1


class MonogenicHighPass:
    """Monogenic amplitude of what a map holds beyond a frequency, near a mask.

    With F the transform of the map and H a high-pass that rises as a raised cosine over
    0.02 cycles/voxel and is 1 from f on, the amplitude of v = IFFT(H F) and of its Riesz
    components IFFT(-i f_j/|f| H F), √(v² + Σ r_j²), is low-passed at f (Vilas et al.
    2018, doi 10.1016/j.str.2017.12.018). The low-pass treats the surroundings of the
    mask as mirrored at their sides.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    mask : numpy.ndarray of bool, (z, y, x)
        Not empty.
    sampling : float
        Å/voxel.
    workers : int
    """

    def __init__(self, volume, mask, sampling, workers=1):
        self._shape, self._sampling, self._workers = volume.shape, sampling, workers
        self._region = tuple(_with_margin(axis, size)
                             for axis, size in zip(bounding_box(mask), mask.shape))
        self._mask = mask[self._region]
        self._transform = fft.rfftn(volume, workers=workers)
        self._radius = np.sqrt(sum(np.ix_(*(axis.ravel().astype(np.float32) for axis in
                                            squared_frequencies(volume.shape, sampling)))))
        self._axes = riesz_axes(volume.shape, sampling)

    def amplitude(self, frequency):
        """Low-passed amplitude in the mask beyond a frequency.

        Parameters
        ----------
        frequency : float
            f, 1/Å.

        Returns
        -------
        numpy.ndarray of float32, (voxels in the mask,)
        """
        width = _TRANSITION / self._sampling
        band = (1 - raised_cosine(self._radius, frequency - width, width)) * self._transform
        squared = self._along_x(self._along_y(self._along_z(band))) ** 2
        band /= np.maximum(self._radius, np.float32(1e-12))
        z, y, x = self._axes
        squared += self._along_x(self._along_y(self._along_z(band * z))) ** 2
        # A factor along one axis does not matter to the transforms along others.
        band = self._along_z(band)
        squared += self._along_x(self._along_y(band * y)) ** 2
        squared += self._along_x(self._along_y(band) * x) ** 2
        amplitude = np.sqrt(squared, out=squared)
        return _low_passed(amplitude, frequency, (self._sampling,) * 3,
                           _AMPLITUDE_TRANSITION / self._sampling, self._workers)[self._mask]

    # The inverse transform, only where it is needed, axis by axis.
    def _along_z(self, transform):
        return fft.ifft(transform, axis=0, workers=self._workers)[self._region[0]]

    def _along_y(self, transform):
        return fft.ifft(transform, axis=1, workers=self._workers)[:, self._region[1]]

    def _along_x(self, transform):
        return fft.irfft(transform, self._shape[2], axis=2,
                         workers=self._workers)[:, :, self._region[2]]


def step_frequencies(sampling, resolution=None, steps=STEPS):
    """Frequencies at which voxels are tested, evenly spaced.

    Parameters
    ----------
    sampling : float
        Å/voxel.
    resolution : float, optional
        Reported one, Å; the first step is at max(10 Å, five times it), at 50 Å when it
        is unknown.
    steps : int

    Returns
    -------
    numpy.ndarray of float64, (steps,)
        1/Å, the last one Nyquist.
    """
    worst = max(10.0, 5 * resolution if resolution else 50.0, 6 * sampling)
    return np.linspace(1 / worst, 0.5 / sampling, steps)


def monogenic_resolution(half1, half2, mask, sampling, resolution=None, workers=1):
    """Local resolution as MonoRes defines it.

    A voxel keeps the highest frequency at which the amplitude of (half1 + half2)/2 exceeds
    the 0.95 quantile of that of (half1 - half2)/2 in the mask; two failures in a row end
    it. The crossing between two steps is interpolated in the logarithm of the amplitude.
    The search stops when less than 2.5 % of the voxels are left, when their mean amplitude
    falls below 0.001 of its maximum or no longer exceeds that of the noise (z < 1.645).
    Vilas et al. 2018, doi 10.1016/j.str.2017.12.018.

    Parameters
    ----------
    half1, half2 : numpy.ndarray of float32, (z, y, x)
    mask : numpy.ndarray of bool, (z, y, x)
        Not empty.
    sampling : float
        Å/voxel.
    resolution : float, optional
        Reported one, Å.
    workers : int

    Returns
    -------
    numpy.ndarray of float32, (z, y, x)
        Å, between the first step and twice the voxel size; 0 outside the mask and at voxels
        that exceed the noise at no step.

    Raises
    ------
    ValueError
        If the halves are the same, so that there is no noise.
    """
    if np.array_equal(half1, half2):
        raise ValueError("The half maps are the same.")
    frequencies = step_frequencies(sampling, resolution)
    # One common scale, so that squares of extreme grey values fit.
    scale = np.float32(0.5 / max(np.abs(half1).max(), np.abs(half2).max()))
    signal = MonogenicHighPass((half1 + half2) * scale, mask, sampling, workers)
    noise = _NoiseByFrequency(MonogenicHighPass((half1 - half2) * scale, mask, sampling, workers),
                              frequencies)
    search = VoxelSearch(np.count_nonzero(mask), frequencies[0])
    strongest = 0.0
    for step, frequency in enumerate(frequencies):
        amplitude = signal.amplitude(frequency)
        left = amplitude[search.alive]
        strongest = max(strongest, float(left.mean()))
        threshold, mean, variance = noise.at(step)
        z = (left.mean() - mean) / max(
            np.sqrt(left.var() / left.size + variance / amplitude.size), 1e-30)
        if left.mean() < _WEAKEST * strongest or z < ndtri(SIGNIFICANCE):
            break
        search.test(frequency, amplitude / np.float32(threshold))
        if search.alive.mean() < _FEWEST:
            break
    local = np.zeros(mask.shape, np.float32)
    local[mask] = search.resolved / search.frequency
    return local


class VoxelSearch:
    """The highest frequency at which each voxel exceeds the noise.

    Parameters
    ----------
    voxels : int
    lowest : float
        Frequency (1/Å) of voxels that never exceed it.

    Attributes
    ----------
    frequency : numpy.ndarray of float32, (voxels,)
    resolved : numpy.ndarray of bool, (voxels,)
        Those that exceed it at any step.
    alive : numpy.ndarray of bool, (voxels,)
        Those without two failures in a row.
    """

    def __init__(self, voxels, lowest):
        self.frequency = np.full(voxels, lowest, np.float32)
        self.alive = np.ones(voxels, bool)
        self.resolved = np.zeros(voxels, bool)
        self._failures = np.zeros(voxels, np.uint8)
        self._before = None

    def test(self, frequency, ratio):
        """Test at the next frequency: ``ratio`` is amplitude over threshold."""
        level = np.log(np.maximum(ratio, np.float32(1e-6)))
        above = level > 0
        if self._before is not None:
            before, last = self._before
            crossed = self.alive & ~above & (self._failures == 0) & (before > 0)
            share = before[crossed] / (before[crossed] - level[crossed])
            self.frequency[crossed] = last + share * np.float32(frequency - last)
        passed = self.alive & above
        self.frequency[passed] = frequency
        self.resolved |= passed
        self._failures = np.where(above, 0, self._failures + 1).astype(np.uint8)
        self.alive &= self._failures < 2
        self._before = level, np.float32(frequency)


class _NoiseByFrequency:
    """Threshold, mean and variance of the noise at steps, computed at some of them."""

    def __init__(self, noise, frequencies):
        self._noise, self._frequencies, self._known = noise, frequencies, {}

    def at(self, step):
        before = step - step % _NOISE_EVERY
        after = min(before + _NOISE_EVERY, len(self._frequencies) - 1)
        if step == before:
            return np.exp(self._logarithms(step))
        share = (step - before) / (after - before)
        return np.exp((1 - share) * self._logarithms(before) + share * self._logarithms(after))

    def _logarithms(self, step):
        if step not in self._known:
            amplitude = self._noise.amplitude(self._frequencies[step])
            self._known[step] = np.log(np.maximum(1e-30, [
                np.quantile(amplitude, SIGNIFICANCE), amplitude.mean(), amplitude.var()]))
        return self._known[step]


def directional_resolution(half1, half2, mask, points, sampling, resolution, workers=1):
    """Local resolution in each of 46 directions, as MonoDir defines it.

    As :func:`monogenic_resolution`, but that the search ends by its voxels only, of what lies
    within 20° of a direction d of Fourier space, weighted by
    exp(-4 ((cos θ - 1)/(cos 20° - 1))²). The high-pass is closed again by another one that
    begins two widths further up, a width being a tenth of the range of frequencies:
    halves whose noise rises with frequency would else tell of its highest part only. In the
    cone, the Riesz components are nearly those of the Hilbert transform along d, so that the
    amplitude is the modulus of the transform of the cone's one side; as its sign and
    place in Fourier space do not matter, the cone is cut out and transformed in a box
    of its own size, which is the grid on which voxels are tested. Frequencies beyond
    1/(0.6 R) are left out. Vilas et al. 2020, doi 10.1038/s41467-019-13742-w.

    Parameters
    ----------
    half1, half2 : numpy.ndarray of float32, (z, y, x)
    mask : numpy.ndarray of bool, (z, y, x)
        Not empty.
    points : numpy.ndarray of int, (n, 3)
        Voxels z, y, x of the mask at which the resolution is wanted.
    sampling : float
        Å/voxel.
    resolution : float
        Reported one, Å.
    workers : int

    Returns
    -------
    directions : numpy.ndarray of float64, (46, 3)
        x, y, z.
    local : numpy.ndarray of float32, (46, n)
        Å.

    Raises
    ------
    ValueError
        If the halves are the same, so that there is no noise.
    """
    if np.array_equal(half1, half2):
        raise ValueError("The half maps are the same.")
    frequencies = _directional_steps(sampling, resolution)
    highest = frequencies[-1]
    scale = np.float32(0.5 / max(np.abs(half1).max(), np.abs(half2).max()))
    kept = [_up_to(highest, size, sampling) for size in mask.shape]
    axes = [frequencies for _, frequencies in kept]
    pair = np.stack([_centred(volume * scale, [order for order, _ in kept], workers)
                     for volume in (half1 + half2, half1 - half2)])
    directions = directions_46()
    local = np.empty((len(directions), len(points)), np.float32)
    for found, direction in zip(local, directions):
        found[:] = _along(pair, axes, direction, frequencies, mask, points, sampling, workers)
    return directions, local


def anisotropy(local, volume, sampling, resolution):
    """Whether the resolution differs between directions more than by chance.

    Analysis of variance of the directions' means over the voxels. A cone's band of the
    width w lets (R̄/(2 sin 20°))²/w be the volume of one independent value, R̄ being the
    mean resolution; n is the volume of the mask over it, halved, as simulated isotropic maps show.

    Parameters
    ----------
    local : numpy.ndarray of float32, (directions, voxels)
        Å.
    volume : float
        Of the mask, Å³.
    sampling, resolution : float
        As given to :func:`directional_resolution`.

    Returns
    -------
    p_value : float
        Of means as different as these when all directions resolve alike.
    effect : float
        Deviation of the means over their mean, without the part that chance adds.
    independent : float
        n, 2 at least.
    """
    frequencies = _directional_steps(sampling, resolution)
    band = 2 * _BAND * (frequencies[-1] - frequencies[0])
    mean = float(local.mean(dtype=np.float64))
    element = (mean / (2 * np.sqrt(1 - float(_COS_CONE) ** 2))) ** 2 / band
    independent = max(2.0, volume / element / 2)
    means = local.mean(axis=1, dtype=np.float64)
    between = float(means.var(ddof=1))
    within = float(np.mean(local.var(axis=1, dtype=np.float64)))
    directions = len(means)
    chance = max(within / independent, 1e-12 * mean ** 2)
    p_value = fdtrc(directions - 1, directions * (independent - 1), between / chance)
    return float(p_value), float(np.sqrt(max(0.0, between - chance)) / mean), independent


def _directional_steps(sampling, resolution):
    highest = min(0.5 / sampling, 1 / (_BEYOND * resolution))
    return np.linspace(1 / max(10.0, 5 * resolution, 6 * sampling), highest, _DIRECTIONAL_STEPS)


def _up_to(highest, size, sampling):
    """Where the frequencies up to a highest one stand, lowest first, and what they are."""
    frequencies = fft.fftshift(fft.fftfreq(size, sampling))
    inside = np.abs(frequencies) <= highest
    return fft.fftshift(np.arange(size))[inside], frequencies[inside].astype(np.float32)


def _centred(volume, orders, workers):
    """Full transform in other orders along its axes."""
    transform = fft.fftn(volume, workers=workers, overwrite_x=True)
    for axis, order in enumerate(orders):
        transform = transform.take(order, axis=axis)
    return transform


def _along(pair, axes, direction, frequencies, mask, points, sampling, workers):
    """Resolution at points in one direction, from the transforms of signal and noise."""
    width = np.float32(_BAND * (frequencies[-1] - frequencies[0]))
    region, cone, radius = _cone(axes, direction, frequencies[0] - width, frequencies[-1])
    pair = pair[(slice(None),) + region] * cone
    size = [fft.next_fast_len(n) for n in cone.shape]
    places = [np.rint(np.arange(n) * (full / n)).astype(int) % full
              for n, full in zip(size, mask.shape)]
    tested = mask[np.ix_(*places)]
    if not tested.any():
        tested[...] = True
    search = VoxelSearch(np.count_nonzero(tested), frequencies[0])
    strongest = 0.0
    spacings = [full * sampling / n for n, full in zip(size, mask.shape)]
    # The last steps would leave too thin a shell.
    for frequency in frequencies[:-1]:
        response = (raised_cosine(radius, frequency + width, width)
                    - raised_cosine(radius, frequency - width, width))
        amplitudes = _amplitudes(pair, response * (cone > 0), size, workers)
        if frequency < 0.5 / min(spacings):
            amplitudes = _low_passed(amplitudes, frequency, spacings, width, workers)
        amplitude, other = amplitudes[:, tested]
        left = amplitude[search.alive]
        strongest = max(strongest, float(left.mean()))
        if left.mean() < _WEAKEST * strongest:
            break
        search.test(frequency, amplitude / max(np.quantile(other, SIGNIFICANCE),
                                               np.float32(1e-30)))
        if search.alive.mean() < _FEWEST:
            break
    grid = np.zeros(size, np.float32)
    grid[tested] = 1 / search.frequency
    known = tested.astype(np.float32)
    at = [points[:, axis] * (n / full) for axis, (n, full) in enumerate(zip(size, mask.shape))]
    weight = ndimage.map_coordinates(known, at, order=1, mode="grid-wrap")
    value = ndimage.map_coordinates(grid, at, order=1, mode="grid-wrap")
    return np.where(weight > 1e-3, value / np.maximum(weight, 1e-3),
                    np.median(1 / search.frequency))


def _cone(axes, direction, lowest, highest):
    """The part of a transform within 20° of a direction, between two frequencies.

    Parameters
    ----------
    axes : list of numpy.ndarray
        Frequencies along z, y, x, rising, 1/Å.
    direction : numpy.ndarray, (3,)
        x, y, z.
    lowest, highest : float
        1/Å.

    Returns
    -------
    region : tuple of slice
        What holds all of it.
    weights, radius : numpy.ndarray of float32
        Of the coefficients in the region; weights are 0 outside of the cone.
    """
    around = tuple(_reach(axis, along, highest) for axis, along in zip(axes, direction[::-1]))
    z, y, x = np.ix_(*(axis[part] for axis, part in zip(axes, around)))
    radius = np.sqrt(z * z + y * y + x * x)
    along = (z * np.float32(direction[2]) + y * np.float32(direction[1])
             + x * np.float32(direction[0])) / np.maximum(radius, np.float32(1e-12))
    inside = (along >= _COS_CONE) & (radius <= highest) & (radius > lowest)
    held = bounding_box(inside)
    weights = inside[held] * np.exp(-4 * ((along[held] - 1) / np.float32(_COS_CONE - 1)) ** 2)
    region = tuple(slice(part.start + own.start, part.start + own.stop)
                   for part, own in zip(around, held))
    return region, weights, radius[held]


def _reach(axis, along, highest):
    """The frequencies of an axis that a cone holds; ``along`` is its direction's component."""
    angle, half = np.arccos(np.clip(along, -1, 1)), np.arccos(_COS_CONE)
    ends = np.cos([min(angle + half, np.pi), max(angle - half, 0)]) * highest
    first, last = np.searchsorted(axis, [min(ends[0], 0), max(ends[1], 0)])
    # One more, so that rounding leaves none out.
    return slice(max(first - 1, 0), last + 1)


def _amplitudes(pair, response, size, workers):
    """Moduli of the inverse transforms of a band of signal and noise, float32 (2, z, y, x).

    The place of the band in Fourier space does not matter to them, so that its lines are
    filled up with zeros only when it is their turn.
    """
    held = bounding_box(response > 0)
    band = pair[(slice(None),) + held] * response[held]
    for axis, length in enumerate(size, 1):
        band = fft.ifft(band, length, axis=axis, workers=workers, overwrite_x=True)
    return np.abs(band)


def _with_margin(axis, size):
    """An axis of a bounding box with its margin, of a length that is transformed fast."""
    start, stop = max(0, axis.start - _MARGIN), min(size, axis.stop + _MARGIN)
    length = min(size, fft.next_fast_len(stop - start, real=True))
    start = min(start, size - length)
    return slice(start, start + length)


def _low_passed(arrays, frequency, spacings, width, workers):
    """Low-pass that falls as a raised cosine above a frequency, borders being mirrored.

    Parameters
    ----------
    arrays : numpy.ndarray of float32, (..., z, y, x)
    frequency, width : float
        1/Å.
    spacings : sequence of float
        Å/voxel along z, y, x.
    workers : int

    Returns
    -------
    numpy.ndarray of float32, (..., z, y, x)
    """
    sizes, squared = arrays.shape[-3:], []
    for axis, (size, spacing) in enumerate(zip(sizes, spacings), -3):
        frequencies = np.arange(size) / (2 * size * spacing)
        # What is beyond the low-pass need not be transformed along the other axes.
        kept = np.count_nonzero(frequencies < frequency + width)
        arrays = fft.dct(arrays, axis=axis, workers=workers, overwrite_x=True)
        arrays = np.moveaxis(np.moveaxis(arrays, axis, 0)[:kept], 0, axis)
        squared.append((frequencies[:kept] ** 2).astype(np.float32))
    z2, y2, x2 = np.ix_(*squared)
    arrays *= raised_cosine(np.sqrt(z2 + y2 + x2), frequency, width)
    for axis, size in zip((-1, -2, -3), sizes[::-1]):
        arrays = fft.idct(arrays, n=size, axis=axis, workers=workers)
    return arrays
