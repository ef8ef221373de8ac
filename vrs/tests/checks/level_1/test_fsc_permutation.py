import numpy as np
import pytest
from scipy import fft

from vrs.checks import get_check, run_check
from vrs.checks.level_1 import fsc_permutation
from vrs.numerics.fourier import shell_counts, shell_frequencies
from vrs.tests.checks import phantoms
from vrs.tests.evidence import evidence

SAMPLING = 1.5


def data_for(half1, half2, resolution=5.0, sampling=SAMPLING, seed=0):
    return evidence((half1 + half2) / 2, sampling, 0.0, resolution, seed=seed,
                    half1=half1, half2=half2)


def run(*args, **kwargs):
    result, _ = run_check(get_check("1.b"), data_for(*args, **kwargs))
    return result, {name: metric.value for name, metric in result.metrics.items()}


def steep_halves(shape=(64, 64, 64), end=6.0, seed=1):
    """Halves that share all up to a frequency and nothing beyond."""
    rng = np.random.default_rng(seed)
    signal, *noises = rng.normal(size=(3,) + shape).astype(np.float32)
    transform = fft.rfftn(signal)
    radius = np.sqrt(fft.fftfreq(shape[0], SAMPLING)[:, None, None] ** 2
                     + fft.fftfreq(shape[1], SAMPLING)[:, None] ** 2
                     + fft.rfftfreq(shape[2], SAMPLING) ** 2)
    transform[radius > 1 / end] = 0
    signal = fft.irfftn(transform, s=shape)
    return tuple(signal + noise for noise in noises)


def test_resolution_is_where_the_common_signal_ends():
    result, values = run(*steep_halves())
    # To one shell: the mask spreads each coefficient over its neighbours.
    shells = 64 * SAMPLING / values["resolution"]
    assert shells == pytest.approx(round(shells)) and abs(shells - 64 * SAMPLING / 6) <= 1.5
    assert result.status.value == "ok" and values["permutations"] >= 10000
    assert values["ratio"] == pytest.approx(5 / values["resolution"])
    assert [estimate.label for estimate in result.estimates] == ["FSC permutation"]
    [curve] = result.curves
    np.testing.assert_allclose(curve.frequencies, shell_frequencies((64, 64, 64), SAMPLING))


def test_known_signal_is_significant_as_far_as_its_deviation_allows():
    half1, half2, truth = phantoms.half_maps((64, 64, 64), SAMPLING, 6.0)
    frequencies = shell_frequencies((64, 64, 64), SAMPLING)
    # The deviation of the FSC from chance, in the effective part of the coefficients.
    strength = truth(frequencies) * np.sqrt(0.7 * shell_counts((64, 64, 64)))
    _, values = run(half1, half2)
    last = 64 * SAMPLING / values["resolution"]
    # The limit of the q-values is between 3 and 4 deviations here, the noise 1.2 about them.
    weak = np.flatnonzero(strength[4:] < 7)
    assert last >= (weak[0] + 3 if weak.size else 32)


@pytest.mark.parametrize("reported, status", [(6.0, "ok"), (4.0, "warnings"),
                                              (None, "informative")])
def test_verdict(reported, status):
    result, values = run(*steep_halves(), resolution=reported)
    assert result.status.value == status
    assert (values["ratio"] is None) == (reported is None)


def test_noise_has_no_resolution_and_hardly_a_significant_shell():
    shape, pairs, found, shells, tested = (32, 32, 32), 150, 0, 0, 0
    for seed in range(pairs):
        halves = np.random.default_rng(seed).normal(size=(2,) + shape).astype(np.float32)
        _, test = fsc_permutation.permute_half_maps(data_for(*halves, seed=seed))
        found += fsc_permutation.last_significant(test.q_values) is not None
        shells += np.sum(test.q_values <= 0.01)
        tested += np.isfinite(test.q_values).sum()
    assert found <= 0.01 * pairs
    assert shells <= 0.01 * tested


def test_report_of_noise():
    halves = np.random.default_rng(1).normal(size=(2, 32, 32, 32)).astype(np.float32)
    result, values = run(*halves)
    assert values["resolution"] is None and values["ratio"] == 0
    assert result.status.value == "warnings" and "no resolution" in result.content[0].text


def test_identical_halves_reach_the_end():
    half = np.random.default_rng(1).normal(size=(32, 32, 32)).astype(np.float32)
    result, values = run(half, half.copy())
    assert values["resolution"] == pytest.approx(3.0)
    assert "every frequency" in result.content[0].text


def test_halves_without_power_have_no_resolution():
    empty = np.zeros((24, 24, 24), np.float32)
    result, values = run(empty, empty.copy())
    assert result.status.value == "warnings" and values["resolution"] is None


def test_a_level_that_the_halves_share_is_no_signal():
    half1, half2 = np.random.default_rng(2).normal(size=(2, 32, 32, 32)).astype(np.float32)
    _, values = run(half1 + 1000, half2 + 1000)
    assert values["resolution"] is None


@pytest.mark.parametrize("change", [
    lambda half: half * np.float32(1e-3) + 7, lambda half: half.transpose(1, 2, 0).copy(),
    lambda half: np.rot90(half, axes=(0, 2)).copy()], ids=["scale", "axes", "rotation"])
def test_invariance(change):
    half1, half2 = steep_halves((48, 48, 48))
    (_, one), (_, other) = run(half1, half2), run(change(half1), change(half2))
    # Other permutations: a shell at the limit may change sides.
    assert abs(48 * SAMPLING / one["resolution"] - 48 * SAMPLING / other["resolution"]) <= 1.01


def test_box_of_unequal_sides():
    _, values = run(*steep_halves((48, 64, 81)))
    assert values["resolution"] == pytest.approx(6, rel=0.08)


def test_seed_decides():
    halves = steep_halves((32, 32, 32))
    one, two, three = (fsc_permutation.permute_half_maps(data_for(*halves, seed=seed))[1].p_values
                       for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, three, equal_nan=True)


@pytest.mark.parametrize("q_values, last", [
    ([np.nan, np.nan, 0.001, 0.002, 0.5, 0.001], 3), ([np.nan, 0.02, 0.001], None),
    ([np.nan, 0.001, 0.01], 2), ([np.nan, np.nan], None)])
def test_last_significant_shell(q_values, last):
    assert fsc_permutation.last_significant(np.array(q_values)) == last


@pytest.mark.parametrize("shape", [(32, 32, 32), (31, 31, 31), (24, 30, 41)])
def test_ball(shape):
    ball = fsc_permutation.inscribed_ball(shape, 4)
    assert ball.dtype == np.float32 and ball.shape == shape
    centre = tuple(n // 2 for n in shape)
    for axis, size in enumerate(shape):
        line = np.moveaxis(ball, axis, 0)[(slice(None),) + tuple(
            c for other, c in enumerate(centre) if other != axis)]
        distance = np.abs(np.arange(size) - size // 2) / (size / 2)
        edge = 1 - 4 / (min(shape) / 2)
        np.testing.assert_allclose(line[distance <= edge], 1, atol=1e-6)
        np.testing.assert_allclose(line[np.isclose(distance, 1)], 0, atol=1e-6)
        middle = np.interp(1 - 2 / (min(shape) / 2), distance[size // 2:], line[size // 2:])
        assert middle == pytest.approx(0.5, abs=0.05)
    assert ball[0, 0, 0] < 1e-12
