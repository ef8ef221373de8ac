import numpy as np
import pytest
from scipy import fft

from vrs.numerics import sphere
from vrs.numerics.directional_fsc import (LOWEST_SHELL, DirectionalSums, hard_cone, limits,
                                          relative_snr, soft_cone, volume)
from vrs.numerics.fourier import shell_frequencies
from vrs.numerics.fsc import first_crossing, shell_correlation
from vrs.tests.checks.phantoms import directional_halves, half_maps


def sums_of(half1, half2):
    return DirectionalSums(fft.rfftn(half1), fft.rfftn(half2), half1.shape)


def direct_curves(half1, half2, directions, cone):
    """The definition: every coefficient of the full transforms with its own weight."""
    shape = half1.shape
    one, two = np.fft.fftn(half1), np.fft.fftn(half2)
    f = np.array(np.meshgrid(*[np.fft.fftfreq(n) for n in shape], indexing="ij"))
    f = f.reshape(3, -1)[::-1]
    radius = np.linalg.norm(f, axis=0)
    shell = np.rint(radius * max(shape)).astype(int)
    inside = (shell <= max(shape) // 2) & (shell > 0)
    unit, shell = (f[:, inside] / radius[inside]).T, shell[inside]
    terms = [term.ravel()[inside] for term in (
        (one * two.conj()).real, np.abs(one) ** 2, np.abs(two) ** 2)]
    result = []
    for direction in directions:
        weights = cone(np.minimum(np.abs(unit @ direction), 1))
        cross, power1, power2 = (np.bincount(shell, weights * term, max(shape) // 2 + 1)
                                 for term in terms)
        with np.errstate(invalid="ignore"):
            result.append(cross / np.sqrt(power1 * power2))
    return np.array(result)


@pytest.mark.parametrize("shape", [(48, 48, 48), (40, 33, 50)])
@pytest.mark.parametrize("cone, tolerance", [(soft_cone(17), 0.012), (hard_cone(20), 0.025)])
def test_cells_stand_for_coefficients(shape, cone, tolerance):
    halves = directional_halves(shape, 1.5, 6, 9, (1, 1, 1))
    directions = sphere.geodesic_directions(2)
    curves = sums_of(*halves).curves(directions, cone)[:, LOWEST_SHELL:-1]
    expected = direct_curves(*halves, directions, cone)[:, LOWEST_SHELL:-1]
    # The FSC itself has deviations of 0.05 to 0.3 in such cones.
    assert np.sqrt(np.nanmean((curves - expected) ** 2)) < tolerance


def test_occupancy_equals_that_of_the_definition():
    halves = directional_halves((64, 64, 64), 1.5, 5, 8, (1, 1, 1))
    directions, cone = sphere.geodesic_directions(), soft_cone(17)
    occupancy, expected = ((curves >= 0.143).mean(axis=0)[LOWEST_SHELL:] for curves in (
        sums_of(*halves).curves(directions, cone), direct_curves(*halves, directions, cone)))
    # A few of 321 directions are so near to the threshold that the cells decide.
    assert np.abs(occupancy - expected).max() < 0.013
    assert np.abs(occupancy - expected).mean() < 0.004


def test_soft_cone_is_the_published_one():
    weights = soft_cone(17)(np.cos(np.radians(np.array([0, 10, 16.9, 17.1], np.float32))))
    ratio = (1 - np.cos(np.radians(10))) / (1 - np.cos(np.radians(17)))
    np.testing.assert_allclose(weights[:2], [1, np.exp(-4 * ratio ** 2)], rtol=1e-4)
    assert weights[2] == pytest.approx(np.exp(-4), rel=0.1) and weights[3] == 0


def test_global_curve_is_the_ordinary_fsc():
    halves = half_maps((40, 30, 50), 1.5, 6)[:2]
    expected = shell_correlation(*map(fft.rfftn, halves), halves[0].shape)
    np.testing.assert_allclose(sums_of(*halves).global_curve()[1:], expected[1:], atol=1e-6)


def test_all_directions_follow_the_known_curve():
    half1, half2, fsc = half_maps((96, 96, 96), 1.5, 6)
    curves = sums_of(half1, half2).curves(sphere.geodesic_directions(2), soft_cone(17))
    known = fsc(shell_frequencies(half1.shape, 1.5))
    shells = np.arange(10, 49)
    # Effective number of independent coefficients in a cone of this kind.
    deviation = (1 - known[shells] ** 2) / np.sqrt(2 * 0.17 * shells ** 2)
    error = (curves[:, shells] - known[shells]) / deviation
    assert np.abs(error.mean()) < 0.1
    assert np.sqrt(np.mean(error ** 2)) == pytest.approx(1, abs=0.2)


def test_scale_does_not_matter():
    halves = half_maps((32, 32, 32), 1.5, 8)[:2]
    directions, cone = sphere.geodesic_directions(1), soft_cone(17)
    expected = sums_of(*halves).curves(directions, cone)
    for scale in (1e-12, 1e12):
        found = sums_of(halves[0] * np.float32(scale), halves[1]).curves(directions, cone)
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("turned, axes", [
    (lambda v: v.transpose(1, 2, 0), lambda d: d[:, [2, 0, 1]]),
    (lambda v: np.rot90(v, axes=(1, 2)), lambda d: d[:, [1, 0, 2]] * [1, -1, 1])])
def test_turning_the_map_turns_the_directions(turned, axes):
    # Odd sides, as turning a box of even side moves its Nyquist planes.
    halves = directional_halves((45, 45, 45), 1.5, 6, 10, (1, 2, 3))
    directions = sphere.geodesic_directions(2)
    expected = sums_of(*halves).curves(directions, soft_cone(17))
    found = sums_of(*(np.ascontiguousarray(turned(half)) for half in halves)).curves(
        axes(directions), soft_cone(17))
    # Coefficients between two cells go to either.
    assert np.sqrt(np.mean((found - expected) ** 2)) < 0.01
    np.testing.assert_allclose(found, expected, atol=0.1)


def test_halves_without_power_do_not_correlate():
    half = fft.rfftn(np.random.default_rng(0).normal(size=(32, 32, 32)))
    half[8:25] = half[:, 8:25] = half[:, :, 8:] = 0
    curves = DirectionalSums(half, half, (32, 32, 32)).curves(np.eye(3), soft_cone(17))
    np.testing.assert_allclose(curves[:, :8], 1, atol=1e-5)
    assert (curves[:, 9:] == 0).all()


def test_empty_cones_are_bridged():
    # The short side has a sample on every fourth shell only.
    half = np.random.default_rng(0).normal(size=(80, 80, 20)).astype(np.float32)
    curves = sums_of(half, half).curves(np.array([[1.0, 0, 0]]), hard_cone(4))
    np.testing.assert_allclose(curves, 1, atol=1e-5)


def test_limits_are_first_crossings():
    rng = np.random.default_rng(0)
    frequencies = np.arange(40) / 60
    curves = np.linspace(1, 0, 40) + rng.normal(scale=0.1, size=(50, 40))
    curves[:3] = [[1.0], [0.0], [0.143]]
    for curve, limit in zip(curves, limits(frequencies, curves, 0.143)):
        crossing = first_crossing(frequencies[LOWEST_SHELL - 1:], curve[LOWEST_SHELL - 1:], 0.143)
        if crossing.frequency is None:
            assert np.isnan(limit)
        else:
            assert limit == pytest.approx(crossing.frequency)
    assert limits(frequencies, curves[0], 0.143) == frequencies[-1]


@pytest.mark.parametrize("shape", [(40, 40, 40), (40, 33, 50)])
def test_volume_holds_the_fsc_about_each_voxel(shape):
    halves = directional_halves(shape, 1.5, 6, 10, (1, 1, 1))
    cone = hard_cone(20)
    fsc3d = volume(sums_of(*halves), cone, shape)
    assert fsc3d.shape == shape and fsc3d.dtype == np.float32
    middle = tuple(n // 2 for n in shape)
    assert fsc3d[middle] == 1 and fsc3d[0, 0, 0] == 0
    size, rng = max(shape), np.random.default_rng(0)
    errors = []
    for _ in range(60):
        place = [rng.integers(1, n) for n in shape]
        f = np.array([(p - m) / n for p, m, n in zip(place, middle, shape)])[::-1]
        shell = int(np.rint(np.linalg.norm(f) * size))
        if not LOWEST_SHELL <= shell < size // 2:
            continue
        expected = direct_curves(*halves, [f / np.linalg.norm(f)], cone)[0, shell]
        errors.append(fsc3d[tuple(place)] - expected)
        opposite = tuple(2 * m - p for m, p in zip(middle, place))
        if all(0 <= o < n for o, n in zip(opposite, shape)):
            assert fsc3d[opposite] == fsc3d[tuple(place)]
    # The FSC itself has deviations of 0.05 to 0.2 in such cones.
    assert len(errors) > 10 and np.sqrt(np.mean(np.square(errors))) < 0.04


def test_mean_powers_are_relative():
    half = np.random.default_rng(0).normal(size=(48, 48, 48)).astype(np.float32)
    powers = sums_of(half, half * 2).mean_powers(np.eye(3), hard_cone(20))
    assert np.nanmax(powers) == 1
    # White noise: alike in all shells that hold enough.
    assert powers[:, 10:].std() < 0.15 * powers[:, 10:].mean()


def falling_fsc(factor=1.0, shells=60):
    """FSC whose signal-to-noise ratio falls from 100 to 0.01, times a factor."""
    snr = factor * np.geomspace(100, 0.01, shells)
    return snr / (1 + snr)


def test_relative_snr_is_that_of_the_curves():
    factors = np.array([0, 0.5, 1, 1.1, 1.5])
    snr, error = relative_snr(np.array([falling_fsc(factor) for factor in factors]))
    np.testing.assert_allclose(snr, factors, atol=1e-9)
    np.testing.assert_allclose(error, 0, atol=1e-9)


def test_error_of_the_relative_snr():
    rng = np.random.default_rng(0)
    usual = np.repeat(falling_fsc(shells=41)[None], 2, axis=0)
    found = np.array([relative_snr(np.concatenate(
        [falling_fsc(0.5, 41)[None] + rng.normal(0, 0.05, (1, 41)), usual]))
        for _ in range(300)])[:, :, 0]
    assert found[:, 0].mean() == pytest.approx(0.5, abs=0.05)
    # Shells are independent here, and are taken as alike in pairs.
    assert found[:, 0].std() < found[:, 1].mean() < 3 * found[:, 0].std()


def test_too_few_shells_tell_no_relative_snr():
    sharp = np.where(np.arange(40) < 20, 0.99, 0.0)
    assert relative_snr(sharp[None]) is None
    assert relative_snr(np.ones((3, 40))) is None
