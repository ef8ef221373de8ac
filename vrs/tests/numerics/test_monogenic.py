import numpy as np
import pytest
from scipy import fft

from vrs.numerics import monogenic
from vrs.numerics.monogenic import MonogenicHighPass, VoxelSearch
from vrs.numerics.sphere import directions_46
from vrs.tests.checks.phantoms import structure, two_domain_halves

SHAPE = (36, 40, 32)
SAMPLING = 1.5


def cosine(radius, low, high):
    """0 up to low, 1 from high on."""
    return 0.5 - 0.5 * np.cos(np.pi * np.clip((radius - low) / (high - low), 0, 1))


def direct_amplitude(volume, frequency, response, low_pass_width):
    """Monogenic amplitude from the full complex transform, low-passed with mirrored sides."""
    f = np.meshgrid(*[fft.fftfreq(n, SAMPLING) for n in volume.shape], indexing="ij")
    radius = np.sqrt(sum(axis ** 2 for axis in f))
    transform = fft.fftn(volume.astype(float)) * response(f, radius)
    squared = fft.ifftn(transform).real ** 2
    for axis in f:
        squared += fft.ifftn(-1j * axis / np.maximum(radius, 1e-12) * transform).real ** 2
    mirrored = np.pad(np.sqrt(squared), [(0, n) for n in volume.shape], "symmetric")
    f = np.meshgrid(*[fft.fftfreq(n, SAMPLING) for n in mirrored.shape], indexing="ij")
    low_pass = 1 - cosine(np.sqrt(sum(axis ** 2 for axis in f)), frequency,
                          frequency + low_pass_width)
    return fft.ifftn(fft.fftn(mirrored) * low_pass).real[tuple(map(slice, volume.shape))]


def high_pass_at(frequency):
    return lambda f, radius: cosine(radius, frequency - 0.02 / SAMPLING, frequency)


def direct_search(signal, noise, mask, frequencies):
    """The definition, voxel by voxel, without interpolation."""
    tables = []
    for f in frequencies:
        s, n = (direct_amplitude(v, f, high_pass_at(f), 0.01 / SAMPLING)[mask]
                for v in (signal, noise))
        tables.append(s > np.quantile(n, 0.95))
    found = np.full(mask.sum(), frequencies[0])
    for voxel, passed in enumerate(np.array(tables).T):
        failures = 0
        for f, above in zip(frequencies, passed):
            failures = 0 if above else failures + 1
            if above:
                found[voxel] = f
            if failures == 2:
                break
    return 1 / found


@pytest.fixture(scope="module")
def halves():
    half1, half2, _, _ = two_domain_halves(SHAPE, SAMPLING, 4.0, 8.0)
    return half1, half2, structure(SHAPE, SAMPLING)[1]


@pytest.mark.parametrize("frequency", [0.08, 0.2, 0.5 / SAMPLING])
def test_amplitude_is_that_of_the_definition(halves, frequency):
    half1, _, mask = halves
    found = MonogenicHighPass(half1, mask, SAMPLING).amplitude(frequency)
    known = direct_amplitude(half1, frequency, high_pass_at(frequency), 0.01 / SAMPLING)[mask]
    assert np.isfinite(found).all()
    # The cut-out surroundings of the mask end a little before the box does.
    assert np.abs(found / known - 1).mean() < 0.01


def test_search_gives_what_the_definition_gives(halves):
    half1, half2, mask = halves
    frequencies = monogenic.step_frequencies(SAMPLING, 4.0)
    known = direct_search((half1 + half2) / 2, (half1 - half2) / 2, mask, frequencies)
    found = monogenic.monogenic_resolution(half1, half2, mask, SAMPLING, 4.0)
    assert not found[~mask].any()
    found = found[mask]
    # Interpolation moves a crossing up to one step further.
    step = frequencies[1] - frequencies[0]
    assert np.mean((1 / found > 1 / known - step / 2) & (1 / found < 1 / known + step)) > 0.95
    assert np.corrcoef(found, known)[0, 1] > 0.9
    assert np.median(found) == pytest.approx(np.median(known), rel=0.05)


def test_two_failures_in_a_row_end_a_voxel():
    search = VoxelSearch(3, 0.1)
    for frequency, ratio in zip((0.1, 0.2, 0.3, 0.4), np.array([
            [2, 2, 0.5], [0.5, 0.5, 0.5], [0.5, 2, 2], [2, 0.5, 2]])):
        search.test(frequency, ratio)
    # ln 2 and -ln 2 cross in the middle.
    np.testing.assert_allclose(search.frequency, [0.15, 0.35, 0.1])
    assert search.alive.tolist() == [False, True, False]
    assert search.resolved.tolist() == [True, True, False]


def test_median_is_not_quantised(halves):
    half1, half2, mask = halves
    found = monogenic.monogenic_resolution(half1, half2, mask, SAMPLING, 4.0)[mask]
    assert len(np.unique(found)) > 0.3 * found.size


@pytest.mark.parametrize("factor, turn", [
    (1e12, lambda volume: volume), (1, lambda volume: volume.transpose(2, 0, 1)),
    (1, lambda volume: np.rot90(volume, axes=(0, 2)))])
def test_invariance(halves, factor, turn):
    half1, half2, mask = halves
    known = monogenic.monogenic_resolution(half1, half2, mask, SAMPLING, 4.0)
    found = monogenic.monogenic_resolution(
        turn(half1) * np.float32(factor), turn(half2) * np.float32(factor), turn(mask), SAMPLING,
        4.0)
    # Single voxels just at the threshold may fall to either side.
    assert np.mean(np.abs(found - turn(known)) > 1e-2) < 1e-3


def test_noise_has_no_resolution():
    half1, half2 = np.random.default_rng(0).normal(size=(2,) + SHAPE).astype(np.float32)
    mask = structure(SHAPE, SAMPLING)[1]
    found = monogenic.monogenic_resolution(half1, half2, mask, SAMPLING, 4.0)[mask]
    # A voxel of noise exceeds 95 % of it at one of the first two steps by chance.
    assert np.mean(found > 0) < 0.12


def test_same_halves_are_refused(halves):
    half, _, mask = halves
    with pytest.raises(ValueError, match="same"):
        monogenic.monogenic_resolution(half, half, mask, SAMPLING, 4.0)
    with pytest.raises(ValueError, match="same"):
        monogenic.directional_resolution(half, half, mask, np.argwhere(mask), SAMPLING, 4.0)


def test_cone_alone_has_the_amplitude_of_the_riesz_transform():
    # A cone of 20°, from the full transform with Riesz components, against one of its sides.
    volume = np.random.default_rng(0).normal(size=(40, 40, 40)).astype(np.float32)
    direction = np.array([0.5, 0.3, 0.8]) / np.linalg.norm([0.5, 0.3, 0.8])

    def along(f, radius):
        return sum(a * d for a, d in zip(f, direction[::-1])) / np.maximum(radius, 1e-12)

    def both_sides(f, radius):
        return (np.abs(along(f, radius)) > np.cos(np.radians(20))) & (radius > 0.1) & (
            radius < 0.3)

    known = direct_amplitude(volume, 9.0, both_sides, 0.1)
    f = np.meshgrid(*[fft.fftfreq(40, SAMPLING)] * 3, indexing="ij")
    radius = np.sqrt(sum(a ** 2 for a in f))
    one_side = both_sides(f, radius) & (along(f, radius) > 0)
    found = 2 * np.abs(fft.ifftn(fft.fftn(volume) * one_side))
    assert np.abs(found - known).mean() < 0.03 * known.mean()


def test_analysis_of_variance_of_independent_places():
    # Isotropic values: p is even over [0, 1] when the places are as many as it assumes.
    rng = np.random.default_rng(0)
    volume, sampling, resolution = 2e6, 1.5, 5.0
    n = monogenic.anisotropy(np.full((46, 9), 8.0), volume, sampling, resolution)[2]
    p = [monogenic.anisotropy(rng.normal(8, 1, (46, int(n))), volume, sampling, resolution)[0]
         for _ in range(200)]
    assert 0.02 < np.mean(np.array(p) < 0.1) < 0.2
    uneven = rng.normal(8, 1, (46, int(n)))
    uneven[:10] *= 1.5
    p_value, effect, _ = monogenic.anisotropy(uneven, volume, sampling, resolution)
    assert p_value < 1e-6
    means = 8 * np.repeat([1.5, 1], [10, 36])
    assert effect == pytest.approx(means.std(ddof=1) / means.mean(), abs=0.02)


@pytest.mark.parametrize("highest", [0.13, 0.33])
def test_region_of_a_cone_holds_all_of_it(highest):
    axes = [fft.fftshift(fft.fftfreq(n, SAMPLING)).astype(np.float32) for n in SHAPE]
    axes = [axis[np.abs(axis) <= highest] for axis in axes]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    radius = np.sqrt(z ** 2 + y ** 2 + x ** 2)
    for direction in directions_46():
        cosine_to = (x * direction[0] + y * direction[1] + z * direction[2]) / np.maximum(
            radius, 1e-9)
        # Those at the very edge are left to rounding.
        inside, outside = (compare(cosine_to, np.cos(np.radians(angle))) for compare, angle in (
            (np.greater, 19.99), (np.less, 20.01)))
        ring = (radius > 0.05) & (radius < highest - 1e-6)
        region, weights, _ = monogenic._cone(axes, direction, 0.05, highest)
        spread = np.zeros(radius.shape)
        spread[region] = weights
        assert (spread[inside & ring] > 0).all() and not spread[outside].any()
        bound = np.exp(-4 * ((cosine_to - 1) / (np.cos(np.radians(20)) - 1)) ** 2)
        np.testing.assert_allclose(spread[inside & ring], bound[inside & ring], rtol=1e-3)
