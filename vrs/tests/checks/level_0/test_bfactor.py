import numpy as np
import pytest
from scipy import fft

from vrs.checks import get_check, run_check
from vrs.numerics import fourier
from vrs.tests.checks.phantoms import central_box, noise_with_b
from vrs.tests.evidence import by_name, evidence


def map_with_b(b_factor, shape=(96, 96, 96)):
    return noise_with_b(b_factor, shape, 1.2, seed=0)


def run(volume, sampling=1.2, resolution=3.0):
    threshold = float(volume.max()) / 2
    return run_check(get_check("0.d"), evidence(volume, sampling, threshold, resolution,
                                                mask=central_box(volume.shape, 2)))


@pytest.mark.parametrize("shape", [(96, 96, 96), (80, 96, 112), (95, 97, 91)])
@pytest.mark.parametrize("b_factor", [-60.0, -150.0, -280.0])
def test_known_b_factor_is_recovered(b_factor, shape):
    result, _ = run(map_with_b(b_factor, shape))
    assert result.metrics["b_factor"].value == pytest.approx(b_factor, rel=0.02)
    assert result.status.value == "ok"
    assert result.metrics["r_squared"].value > 0.98
    assert abs(result.metrics["b_factor"].value - b_factor) < (
        5 * result.metrics["b_factor_error"].value)


def test_intercept_is_that_of_white_noise():
    # Coefficients of white noise of deviation 1 have Rayleigh amplitudes of mean √(π N³)/2.
    result, _ = run(map_with_b(-100))
    expected = np.log(np.sqrt(np.pi * 96.0 ** 3) / 2 / 96.0 ** 3)
    assert result.metrics["intercept"].value == pytest.approx(expected, abs=0.02)


# -44, -5.6 and 6.7 times the square of the resolution.
@pytest.mark.parametrize("b_factor, words", [(-400.0, "Hardly any signal"), (-50.0, ""),
                                             (60.0, "too much")])
def test_the_resolution_scales_the_bounds(b_factor, words):
    result, _ = run(map_with_b(b_factor))
    metrics = result.metrics
    assert [words in warning for warning in result.warnings] == ([True] if words else [])
    assert metrics["relative_b_factor"].value == pytest.approx(metrics["b_factor"].value / 9)
    assert metrics["masked_relative_b_factor"].value == pytest.approx(
        metrics["masked_b_factor"].value / 9)


def test_noise_around_the_macromolecule_does_not_count():
    # What is outside the mask rises towards high frequencies and makes the whole map rise.
    volume = np.where(central_box((96, 96, 96), 2), map_with_b(-60), map_with_b(15))
    result, _ = run(volume.astype(np.float32))
    assert result.metrics["b_factor"].value > 0
    assert result.metrics["masked_b_factor"].value == pytest.approx(-60, abs=15)
    assert result.status.value == "ok" and result.service.status.value == "warnings"


def test_service_takes_fixed_bounds():
    # An unsharpened map of 6 Å may fade by 400 Å².
    result, _ = run(map_with_b(-400.0), resolution=6.0)
    assert result.status.value == "ok" and result.service.status.value == "warnings"


def test_corrected_map_is_white_up_to_the_resolution():
    _, volumes = run(map_with_b(-150))
    corrected = by_name(volumes)["bfactor_corrected"]
    assert corrected.dtype == np.float32
    profile = fourier.mean_amplitudes(fft.rfftn(corrected), corrected.shape)
    frequencies = fourier.shell_frequencies(corrected.shape, 1.2)
    inside = profile[(frequencies > 0.07) & (frequencies < 0.32)]
    assert inside.std() / inside.mean() < 0.03  # shells of hundreds of coefficients
    assert profile[frequencies > 0.345].max() < 1e-5 * inside.mean()


def test_too_few_shells_are_not_measured():
    result, _ = run(map_with_b(-100, (16, 16, 16)), resolution=8.0)
    assert result.status.value == "not_measured" and "line needs three" in result.reason


@pytest.mark.parametrize("resolution", [None, 8.01])
def test_not_applicable(resolution):
    result, volumes = run(map_with_b(-100, (16, 16, 16)), resolution=resolution)
    expected = "not_run" if resolution is None else "not_applicable"
    assert result.status.value == expected and not volumes


def test_applies_up_to_8_angstroms():
    assert run(map_with_b(-100), resolution=8.0)[0].status.value == "ok"


def test_scale_changes_only_the_intercept():
    volume = map_with_b(-100)
    one, other = (run(volume * np.float32(scale))[0].metrics for scale in (1, 1e4))
    assert other["b_factor"].value == pytest.approx(one["b_factor"].value, rel=1e-4)
    assert other["intercept"].value - one["intercept"].value == pytest.approx(np.log(1e4), abs=1e-4)
