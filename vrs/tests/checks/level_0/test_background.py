import numpy as np
import pytest
from scipy import ndimage, stats

from vrs.checks import get_check, run_check
from vrs.checks.level_0 import background
from vrs.numerics.masks import surroundings
from vrs.tests.evidence import evidence


def noisy(shape=(48, 48, 48), mean=0.0, seed=0):
    """A bright body in Gaussian noise of deviation 1."""
    volume = np.random.default_rng(seed).normal(mean, 1, shape).astype(np.float32)
    volume[20:28, 20:28, 20:28] = 20
    return volume


def run(volume, mask=None, resolution=None, sampling=1.0):
    return run_check(get_check("0.c"), evidence(volume, sampling, 10.0, resolution, mask=mask))[0]


def ball(centre, radius, shape=(48, 48, 48)):
    axes = np.ogrid[tuple(slice(size) for size in shape)]
    return sum((axis - place) ** 2 for axis, place in zip(axes, centre)) < radius ** 2


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


def test_a_small_offset_is_no_warning_and_rejected_by_the_service():
    result = run(noisy(mean=0.05))
    assert result.status.value == "ok" and result.metrics["p_value"].value < 1e-10
    assert len(result.service.warnings) == 1 and "mean" in result.service.warnings[0]


@pytest.mark.parametrize("offset", [2.0, -2.0])
def test_an_offset_that_is_notable_at_the_contour_warns(offset):
    # 20 % of the contour level, 10.
    result = run(noisy(mean=offset))
    assert result.metrics["offset_percentage"].value == pytest.approx(20, abs=0.5)
    assert len(result.warnings) == 1 and "contour level" in result.warnings[0]


def test_an_offset_that_chance_explains_is_none():
    # So smooth that the box holds some ten independent values.
    volume = ndimage.gaussian_filter(np.random.default_rng(4).normal(size=(48, 48, 48)), 7,
                                     mode="wrap").astype(np.float32)
    volume *= 3 / volume.std()
    body = np.zeros(volume.shape, np.float32)
    body[20:28, 20:28, 20:28] = 20
    around = surroundings(evidence(body, 1.0, 10.0).map.hard_mask, 1.0)
    volume += 2 - volume[around].mean()
    volume[body > 0] = 20
    metrics = run(volume).metrics
    assert metrics["surroundings_mean"].value == pytest.approx(2, abs=0.5)
    assert metrics["offset_percentage"].value == 0


def test_density_beside_the_macromolecule_is_no_structure_of_the_background():
    volume = noisy()
    volume[ball((24, 24, 24), 13) & (volume < 10)] += 4
    assert run(volume).status.value == "ok"


def test_a_second_body_warns():
    volume = noisy()
    body = ball((24, 24, 41), 3.5)
    volume[body] += 8
    result = run(volume, sampling=2.0)
    assert len(result.warnings) == 1 and "second body" in result.warnings[0]
    volume[body] -= 6
    assert run(volume, sampling=2.0).status.value == "ok"


def test_lines_through_the_surroundings_warn():
    volume = noisy()
    for sign, x, y in ((1, 8, 13), (-1, 40, 38), (1, 12, 39), (-1, 37, 9)):
        volume[:, y - 1:y + 2, x - 1:x + 2] += sign * 4
    result = run(volume, sampling=2.0)
    assert len(result.warnings) == 1 and "lines" in result.warnings[0]
    assert abs(result.metrics["line_direction"].value[2]) > 0.99


def test_a_flattened_background_warns():
    volume = noisy()
    volume[ball((24, 24, 24), 8)] += np.random.default_rng(1).normal(
        0, 3, np.count_nonzero(ball((24, 24, 24), 8)))
    assert run(volume, resolution=3.0).status.value == "ok"
    volume[~ball((24, 24, 24), 12)] *= 0.1
    result = run(volume, resolution=3.0)
    assert len(result.warnings) == 1 and "flattened" in result.warnings[0]
    # Without a resolution nothing is known of what the noise should be.
    assert run(volume).status.value == "ok"


def test_outliers_are_counted_against_a_gaussian():
    volume = noisy()
    volume[0, 0, :40] = -9
    n = np.count_nonzero(~evidence(volume, 1.0, 10.0).map.hard_mask)
    result = run(volume)
    fraction = 40 / n
    assert result.metrics["outlier_percentage"].value == pytest.approx(100 * fraction)
    assert result.metrics["outlier_ratio"].value == pytest.approx(fraction / 5.733031e-7)
    assert any("5 standard deviations" in warning for warning in result.service.warnings)


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


def test_a_mask_that_fills_the_box_does_not_apply():
    volume = noisy()
    volume[6:42, 6:42, 6:42] = 20
    result = run(volume)
    assert result.status.value == "not_applicable" and "10 Å" in result.reason


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
