import numpy as np
import pytest
from scipy import ndimage, stats

from vrs.checks import get_check, run_check
from vrs.checks.level_0 import background
from vrs.tests.evidence import evidence


def noisy(shape=(48, 48, 48), mean=0.0, seed=0):
    """A bright body in Gaussian noise of deviation 1."""
    volume = np.random.default_rng(seed).normal(mean, 1, shape).astype(np.float32)
    volume[20:28, 20:28, 20:28] = 20
    return volume


def run(volume, mask=None):
    return run_check(get_check("0.c"), evidence(volume, 1.0, 10.0, mask=mask))[0]


def test_plain_noise_is_ok():
    result = run(noisy())
    assert result.status.value == "ok"
    assert result.metrics["standard_deviation"].value == pytest.approx(1, abs=0.01)


def test_statistics_are_those_of_scipy():
    volume = noisy(mean=0.01)
    data = evidence(volume, 1.0, 10.0)
    outside = volume[~data.map.hard_mask].astype(float)
    test = stats.ttest_1samp(outside, 0)
    metrics = run(volume).metrics
    # σ is that of the population there: one part in 2n.
    assert metrics["t_statistic"].value == pytest.approx(test.statistic, rel=1e-4)
    assert metrics["p_value"].value == pytest.approx(test.pvalue, rel=1e-3)
    assert metrics["effect_size"].value == pytest.approx(abs(outside.mean()) / outside.std())


def test_shifted_mean_warns():
    result = run(noisy(mean=0.05))
    assert len(result.warnings) == 1 and "mean" in result.warnings[0]


def test_outliers_are_counted_against_a_gaussian():
    volume = noisy()
    volume[0, 0, :40] = -9
    n = np.count_nonzero(~evidence(volume, 1.0, 10.0).map.hard_mask)
    result = run(volume)
    fraction = 40 / n
    assert result.metrics["outlier_percentage"].value == pytest.approx(100 * fraction)
    assert result.metrics["outlier_ratio"].value == pytest.approx(fraction / 5.733031e-7)
    assert any("5 standard deviations" in warning for warning in result.warnings)


@pytest.mark.parametrize("fill, reason", [(0.0, "constant"), (0.7, "constant")])
def test_flat_background_does_not_apply(fill, reason):
    volume = np.full((24, 24, 24), fill, np.float32)
    volume[10:14, 10:14, 10:14] = 20
    result = run(volume)
    assert result.status.value == "not_applicable" and reason in result.reason


def test_mostly_zeroed_background_does_not_apply():
    volume = noisy()
    volume[:, :, 25:] = 0
    volume[:, :8] = 0
    result = run(volume)
    assert result.status.value == "not_applicable" and "exactly zero" in result.reason


def test_no_background_does_not_apply():
    result = run(noisy(), mask=np.ones((48, 48, 48), bool))
    assert result.status.value == "not_applicable"


def smooth_noise(sigma, shape=(64, 64, 64)):
    white = np.random.default_rng(5).normal(size=shape).astype(np.float32)
    return ndimage.gaussian_filter(white, sigma, mode="wrap")


@pytest.mark.parametrize("sigma", [1.0, 2.0])
def test_effective_sample_size_of_filtered_noise(sigma):
    # White noise filtered by a Gaussian of deviation s has an autocorrelation that is a
    # Gaussian of deviation s√2, so each independent sample takes (2 s √π)³ voxels.
    volume = smooth_noise(sigma)
    region = np.ones(volume.shape, bool)
    size = background.effective_sample_size(volume, region, float(volume.mean()))
    expected = volume.size / (2 * sigma * np.sqrt(np.pi)) ** 3
    # The tail of the autocorrelation that is left out holds 11 % of its sum,
    # and the box holds only hundreds of samples of broad noise.
    assert size == pytest.approx(expected / 0.89, rel=0.2)


def test_effective_sample_size_of_white_noise_in_part_of_the_box():
    volume = np.random.default_rng(2).normal(size=(50, 40, 60)).astype(np.float32)
    region = np.zeros(volume.shape, bool)
    region[5:40, 3:30, 10:55] = True
    size = background.effective_sample_size(volume, region, float(volume[region].mean()))
    assert size == pytest.approx(np.count_nonzero(region), rel=0.05)


def test_effective_p_value_forgives_correlation():
    volume = smooth_noise(2.0)
    volume /= volume.std()
    volume += 0.03 - volume.mean()
    volume[30:34, 30:34, 30:34] = 20
    metrics = run(volume).metrics
    assert metrics["p_value"].value < 1e-6 < 0.05 < metrics["effective_p_value"].value


def test_autocorrelation_is_periodic_and_centred():
    array = np.random.default_rng(1).normal(size=(12, 12, 12)).astype(np.float32)
    lags = background._autocorrelation(array, 2, 1)
    assert lags.shape == (5, 5, 5)
    assert lags[2, 2, 2] == pytest.approx((array.astype(float) ** 2).sum(), rel=1e-5)
    shifted = (array * np.roll(array, (1, 0, -2), (0, 1, 2))).sum()
    assert lags[3, 2, 0] == pytest.approx(shifted, rel=1e-3, abs=1e-3)
