import numpy as np
import pytest
from scipy import fft

from vrs.numerics import fsc
from vrs.numerics.fourier import shell_counts, shell_frequencies, shell_sums
from vrs.tests.checks import phantoms

SHAPES = [(16, 16, 16), (15, 15, 15), (12, 16, 20), (18, 13, 15)]


def pair(shape, seed=0):
    rng = np.random.default_rng(seed)
    common, one, two = rng.normal(size=(3,) + shape).astype(np.float32)
    return common + one, common + 2 * two


def full_space(volume):
    """All coefficients, and the shell of each."""
    shape = volume.shape
    squares = np.meshgrid(*(np.fft.fftfreq(n) ** 2 for n in shape), indexing="ij")
    return (np.fft.fftn(volume.astype(float)),
            np.rint(np.sqrt(sum(squares)) * max(shape)).astype(int))


def by_shell(shell, shape, function):
    return np.array([function(shell == k) for k in range(max(shape) // 2 + 1)])


def sums(volume1, volume2):
    one, two = fft.rfftn(volume1), fft.rfftn(volume2)
    return shell_sums(volume1.shape, lambda z: fsc.cross_and_powers(one[z], two[z]))


@pytest.mark.parametrize("shape", SHAPES)
def test_fsc_is_that_of_all_coefficients(shape):
    half1, half2 = pair(shape)
    (one, shell), (two, _) = full_space(half1), full_space(half2)
    expected = by_shell(shell, shape, lambda s: np.vdot(two[s], one[s]).real / np.sqrt(
        np.vdot(one[s], one[s]).real * np.vdot(two[s], two[s]).real))
    curve = fsc.shell_correlation(fft.rfftn(half1), fft.rfftn(half2), shape)
    # Single precision against double.
    np.testing.assert_allclose(curve, expected, atol=1e-5)
    counts = by_shell(shell, shape, np.count_nonzero)
    np.testing.assert_array_equal(shell_counts(shape), counts)


@pytest.mark.parametrize("shape", SHAPES)
def test_phase_residual_is_that_of_all_coefficients(shape):
    half1, half2 = pair(shape)
    (one, shell), (two, _) = full_space(half1), full_space(half2)
    difference = np.angle(one) - np.angle(two)
    difference -= 2 * np.pi * np.rint(difference / (2 * np.pi))
    weights = np.abs(one) + np.abs(two)
    expected = by_shell(shell, shape, lambda s: np.degrees(np.sqrt(
        np.average(difference[s] ** 2, weights=weights[s]))))
    one, two = fft.rfftn(half1), fft.rfftn(half2)
    found = fsc.phase_residual(*shell_sums(shape, lambda z: fsc.phase_terms(one[z], two[z])))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_phases_of_noise_have_the_residual_of_the_threshold():
    one, two = (fft.rfftn(np.random.default_rng(seed).normal(size=(40, 40, 40))
                          .astype(np.float32)) for seed in (1, 2))
    found = fsc.phase_residual(*shell_sums((40, 40, 40), lambda z: fsc.phase_terms(
        one[z], two[z])))
    counts = shell_counts((40, 40, 40))
    # Deviation of the residual of n independent phases, about 70°/√n; five of them.
    assert (np.abs(found - 103.92) < 5 * 70 / np.sqrt(counts))[1:].all()
    assert fsc.DPR_THRESHOLD == pytest.approx(103.923, abs=1e-3)


def test_a_constant_phase_difference():
    one = np.exp(1j * np.linspace(0, 6, 50))
    weighted, weights = fsc.phase_terms(one, 3 * one * np.exp(0.5j))
    residual = fsc.phase_residual(np.array([weighted.sum(), 0]), np.array([weights.sum(), 0]))
    # The empty shell has the worst there is.
    np.testing.assert_allclose(residual, [np.degrees(0.5), 180])


@pytest.mark.parametrize("shape", SHAPES)
def test_ssnr_is_the_power_of_the_mean_over_that_of_the_half_difference(shape):
    half1, half2 = pair(shape)
    # The same power in all, as is needed for the scale to be 1.
    half1, half2 = ((h - h.mean()) / h.std() for h in (half1, half2))
    cross, power1, power2 = sums(half1, half2)
    scale = np.sqrt(power1[1:].sum() / power2[1:].sum())
    (mean, shell), (difference, _) = (full_space(half1 + s * scale * half2) for s in (1, -1))
    expected = by_shell(shell, shape, lambda s: np.sum(np.abs(mean[s]) ** 2)
                        / np.sum(np.abs(difference[s]) ** 2) - 1)
    found = fsc.signal_to_noise(cross, power1, power2)
    np.testing.assert_allclose(found[1:], expected[1:], rtol=1e-3, atol=1e-4)


def test_ssnr_follows_from_the_fsc_where_powers_agree():
    curve = np.array([1.0, 0.9, 0.5, 1 / 3, 0.143, 0.0, -0.2])
    power = np.array([9.0, 8, 3, 5, 1, 2, 4])
    found = fsc.signal_to_noise(curve * power, power, power)
    np.testing.assert_allclose(found[1:], 2 * curve[1:] / (1 - curve[1:]))
    # Amplitudes would give √2 - 1 here.
    assert found[3] == pytest.approx(1)


def test_ssnr_of_known_signal():
    shape = (64, 64, 64)
    rng = np.random.default_rng(0)
    signal, noise1, noise2 = rng.normal(size=(3,) + shape).astype(np.float32)
    found = fsc.signal_to_noise(*sums(signal + 0.5 * noise1, signal + 0.5 * noise2))
    # The noise of the mean has half the power of that of a half; thousands per shell.
    np.testing.assert_allclose(found[12:], 1 / 0.125, rtol=0.1)


def test_ssnr_of_halves_of_different_scale():
    half1, half2 = pair((16, 16, 16))
    one, other = (fsc.signal_to_noise(*sums(half1, np.float32(s) * half2)) for s in (1, 100))
    np.testing.assert_allclose(one, other, rtol=1e-4)


def test_ssnr_of_identical_and_of_empty_shells():
    power = np.array([1.0, 2.0, 0.0])
    np.testing.assert_allclose(fsc.signal_to_noise(power, power, power), [1e6, 1e6, 0])
    np.testing.assert_allclose(fsc.signal_to_noise(0 * power, 0 * power, 0 * power), 0)


def test_correlation_of_empty_shells_is_zero():
    np.testing.assert_array_equal(
        fsc.correlation(np.array([0.0, 0, 1]), np.array([0.0, 1, 1]), np.array([0.0, 0, 4])),
        [0, 0, 0.5])


def test_noise_is_above_two_deviations_as_often_as_it_should():
    shape = (24, 24, 24)
    above = []
    for seed in range(60):
        half1, half2 = np.random.default_rng(seed).normal(size=(2,) + shape).astype(np.float32)
        curve = fsc.shell_correlation(fft.rfftn(half1), fft.rfftn(half2), shape)
        above.append(curve[3:] > fsc.noise_level(shell_counts(shape))[3:])
    # 2.3 % of a normal distribution; of 600 shells with a deviation of 0.6 %.
    assert np.mean(above) == pytest.approx(0.0228, abs=0.02)
    assert np.mean(above) > 0.005


def test_half_bit():
    # n without bound leaves the SNR of half a bit, 0.2071 / 1.2071.
    np.testing.assert_allclose(fsc.half_bit(np.array([1, 100, 1e12])),
                               [1.0, 0.39812 / 1.29812, 0.17157], atol=1e-5)


def test_halves_of_known_fsc():
    half1, half2, truth = phantoms.half_maps((64, 60, 72), 1.5, 5.0)
    shape = half1.shape
    curve = fsc.shell_correlation(fft.rfftn(half1), fft.rfftn(half2), shape)
    expected = truth(shell_frequencies(shape, 1.5))
    # Four deviations of the FSC of noise, the largest that it can have.
    assert (np.abs(curve - expected) < 4 / np.sqrt(shell_counts(shape)) + 0.01)[1:].all()


FREQUENCIES = np.arange(7) / 10


@pytest.mark.parametrize("curve, frequency, falls, returns", [
    ([1, 1, 0.8, 0.4, 0.2, 0, 0], 0.275, True, False),
    ([1, 1, 0.8, 0.4, 0.6, 0.7, 0], 0.275, True, True),
    ([1, 1, 1, 1, 1, 1, 0.6], 0.6, False, False),
    ([1, 0, 0, 0, 0, 0, 0], None, True, False),
    ([1, 0.4, 0.6, 0, 0, 0, 0], None, True, True),
    ([0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5], 0.6, False, False),
])
def test_first_crossing(curve, frequency, falls, returns):
    crossing = fsc.first_crossing(FREQUENCIES, np.array(curve), 0.5)
    assert crossing.frequency == (None if frequency is None else pytest.approx(frequency))
    assert (crossing.falls, crossing.returns) == (falls, returns)
    assert crossing.resolution == (None if frequency is None else pytest.approx(1 / frequency))


def test_first_crossing_after_shells_that_do_not_count():
    crossing = fsc.first_crossing(FREQUENCIES, np.array([0, 0, 0, 0.9, 0.9, 0.1, 0]), 0.5, 3)
    assert crossing.frequency == pytest.approx(0.45)


def test_first_crossing_of_a_threshold_that_varies():
    threshold = np.array([1, 0.9, 0.8, 0.6, 0.4, 0.3, 0.2])
    crossing = fsc.first_crossing(FREQUENCIES, np.array([1, 1, 0.9, 0.8, 0.2, 0.1, 0]), threshold)
    assert crossing.frequency == pytest.approx(0.35)


def test_first_shell_that_tells():
    # Shells 1 to 3 have 18, 62 and 98 coefficients: chance reaches above 0.143.
    assert fsc.first_telling_shell(shell_counts((32, 32, 32))) == 4
    assert fsc.first_telling_shell(np.array([1, 18, 62])) == 2


def test_noise_does_not_correlate():
    counts = shell_counts((32, 32, 32))
    curve = np.full(17, 0.25)
    curve[:4] = 0
    assert fsc.correlates(curve, counts)
    assert not fsc.correlates(curve, counts, independent=0.2)
    curve[5] = 0.1
    assert not fsc.correlates(curve, counts)
