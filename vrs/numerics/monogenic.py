"""Local resolution by monogenic amplitudes: of all directions together, and one by one."""

import numpy as np
from scipy import fft, ndimage, stats

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
        self._region = tuple(slice(max(0, axis.start - _MARGIN), axis.stop + _MARGIN)
                             for axis in bounding_box(mask))
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
        squared = self._inverse(band) ** 2
        band /= np.maximum(self._radius, np.float32(1e-12))
        for axis in self._axes:
            squared += self._inverse(band * axis) ** 2
        amplitude = np.sqrt(squared, out=squared)
        return _low_passed(amplitude, frequency, (self._sampling,) * 3,
                           _AMPLITUDE_TRANSITION / self._sampling, self._workers)[self._mask]

    def _inverse(self, transform):
        """Inverse transform, only where it is needed: axis by axis."""
        z, y, x = self._region
        part = fft.ifft(transform, axis=0, workers=self._workers)[z]
        part = fft.ifft(part, axis=1, workers=self._workers)[:, y]
        return fft.irfft(part, self._shape[2], axis=2, workers=self._workers)[:, :, x]


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
        if left.mean() < _WEAKEST * strongest or z < stats.norm.ppf(SIGNIFICANCE):
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
    signal, noise = (_centred(volume * scale, [order for order, _ in kept], workers)
                     for volume in (half1 + half2, half1 - half2))
    directions = directions_46()
    local = np.empty((len(directions), len(points)), np.float32)
    for found, direction in zip(local, directions):
        found[:] = _along(signal, noise, axes, direction, frequencies, mask, points, sampling,
                          workers)
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
    p_value = stats.f.sf(between / chance, directions - 1, directions * (independent - 1))
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


def _along(signal, noise, axes, direction, frequencies, mask, points, sampling, workers):
    """Resolution at points in one direction."""
    z, y, x = np.ix_(*axes)
    radius = np.sqrt(z * z + y * y + x * x)
    along = (z * np.float32(direction[2]) + y * np.float32(direction[1])
             + x * np.float32(direction[0])) / np.maximum(radius, np.float32(1e-12))
    width = np.float32(_BAND * (frequencies[-1] - frequencies[0]))
    inside = ((along >= _COS_CONE) & (radius <= frequencies[-1])
              & (radius > frequencies[0] - width))
    region = bounding_box(inside)
    inside, radius = inside[region], radius[region]
    cone = inside * np.exp(-4 * ((along[region] - 1) / np.float32(_COS_CONE - 1)) ** 2)
    parts = [(part[region] * cone) for part in (signal, noise)]
    size = [fft.next_fast_len(n) for n in inside.shape]
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
        amplitudes = []
        for part in parts:
            amplitude = np.abs(fft.ifftn(part * response, s=size, workers=workers,
                                         overwrite_x=True))
            if frequency < 0.5 / min(spacings):
                amplitude = _low_passed(amplitude, frequency, spacings, width, workers)
            amplitudes.append(amplitude[tested])
        amplitude, other = amplitudes
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


def _low_passed(array, frequency, spacings, width, workers):
    """Low-pass that falls as a raised cosine above a frequency, borders being mirrored."""
    transform = fft.dctn(array, workers=workers, overwrite_x=True)
    squared = np.ix_(*((np.arange(size) / (2 * size * spacing)).astype(np.float32) ** 2
                       for size, spacing in zip(array.shape, spacings)))
    for plane, z2 in zip(transform, squared[0].ravel()):
        plane *= raised_cosine(np.sqrt(z2 + (squared[1] + squared[2])[0]), frequency, width)
    return fft.idctn(transform, workers=workers, overwrite_x=True)
