import numpy as np
import pytest

from vrs.checks import get_check, run_check
from vrs.checks.level_0 import local_bfactor, monogenic
from vrs.tests.checks.phantoms import central_box, noise_with_b
from vrs.tests.evidence import by_name, evidence


def data_for(volume, resolution=3.0, sampling=1.5, mask=None):
    mask = central_box(volume.shape) if mask is None else mask
    return evidence(volume, sampling, float(volume.max()) * 0.9, resolution, mask=mask)


@pytest.mark.parametrize("b_factor", [0, -50, -100, -200])
def test_corrected_values_recover_a_known_b_factor(b_factor):
    _, corrected = local_bfactor.local_b_factors(monogenic.resize(data_for(
        noise_with_b(b_factor))))
    # The median over some hundred independent places.
    assert np.median(corrected) == pytest.approx(b_factor, abs=6)


@pytest.mark.parametrize("b_factor, reading", [(0, -44), (-50, -91), (-100, -129), (-200, -199)])
def test_published_values_read_what_they_are_known_to_read(b_factor, reading):
    volume = noise_with_b(b_factor, (100, 100, 100), 1.0)
    published, _ = local_bfactor.local_b_factors(monogenic.resize(data_for(volume, sampling=1.0)))
    # Readings of one noise map of the same kind; places are few.
    assert np.median(published) == pytest.approx(reading, abs=8)


def test_reference_program():
    # Percentiles that the UCM plugin (scipion-em-ucm 1.0) gives for this map.
    published, _ = local_bfactor.local_b_factors(monogenic.resize(data_for(
        noise_with_b(-100, (64, 64, 64)))))
    np.testing.assert_allclose(np.percentile(published, (2.5, 25, 50, 75, 97.5)),
                               [-213.34, -161.12, -134.53, -107.50, -55.47], rtol=1e-4)


def test_direct_computation_agrees():
    volume = noise_with_b(-80, (40, 40, 40))
    data = data_for(volume)
    resized = monogenic.resize(data)
    published, _ = local_bfactor.local_b_factors(resized)
    # The definition with full transforms and an ordinary fit.
    transform = np.fft.fftn(volume.astype(float))
    vectors = np.meshgrid(*[np.fft.fftfreq(40, 1.5)] * 3, indexing="ij")
    radius = np.sqrt(sum(f ** 2 for f in vectors))
    frequencies = np.linspace(1 / 15, 1 / 3, 10)
    y = []
    for f_k in frequencies:
        shell = np.exp(-(radius - f_k) ** 2 / 2 / (4.8 / 60) ** 2)
        shell /= shell.sum()
        parts = [shell] + [-1j * f / np.where(radius > 0, radius, 1) * shell for f in vectors]
        m = np.sqrt(sum(np.abs(np.fft.ifftn(part * transform)) ** 2 for part in parts))
        n = np.quantile(m[resized.background], 0.9)
        y.append(np.log(m ** 2 / (m + n))[resized.mask])
    expected = 4 * np.polyfit(frequencies ** 2, np.array(y), 1)[0]
    np.testing.assert_allclose(published, expected, rtol=1e-3, atol=0.05)


def test_places_are_told_apart():
    shape = (80, 80, 80)
    volume = noise_with_b(-40, shape)
    volume[:, :, 40:] = noise_with_b(-160, shape)[:, :, 40:]
    mask = central_box(shape, 2)
    result, volumes = run_check(get_check("0.f"), data_for(volume, mask=mask))
    local = by_name(volumes)["local_bfactor"]
    inner = mask & (np.abs(np.arange(80) - 40) > 6)
    left, right = (np.median(local[inner & side]) for side in (
        np.arange(80) < 40, np.arange(80) >= 40))
    # Where the map falls below the common noise level the logarithm counts twice.
    assert 120 < left - right < 240
    assert result.status.value == "ok"


@pytest.mark.parametrize("b_factor, words", [(-200.0, ""), (120.0, "too much")])
def test_over_sharpening_is_found(b_factor, words):
    volume = noise_with_b(b_factor)
    result, _ = run_check(get_check("0.f"), data_for(volume, mask=central_box(volume.shape, 2)))
    assert [words in warning for warning in result.warnings] == ([True] if words else [])
    assert result.metrics["relative_median"].value == pytest.approx(
        result.metrics["percentiles"].value["50"] / 9)


def test_scale_does_not_matter():
    volume = noise_with_b(-100, (56, 56, 56))
    one, other = (run_check(get_check("0.f"), data_for(volume * np.float32(scale)))[0]
                  for scale in (1e-4, 1e4))
    for key, value in one.metrics["percentiles"].value.items():
        assert other.metrics["percentiles"].value[key] == pytest.approx(value, rel=1e-3)


def test_zeroed_background():
    volume = noise_with_b(-100, (56, 56, 56))
    mask = central_box(volume.shape, 2)
    result, _ = run_check(get_check("0.f"), data_for(np.where(mask, volume, 0), mask=mask))
    assert result.status.value == "ok"


@pytest.mark.parametrize("resolution, word", [(None, "not given"), (8.01, "8 Å or better")])
def test_not_applicable(resolution, word):
    result, _ = run_check(get_check("0.f"), data_for(noise_with_b(-100), resolution))
    expected = "not_run" if resolution is None else "not_applicable"
    assert result.status.value == expected and word in result.reason


def test_own_voxels_finer_than_half_the_resolution_are_merged():
    data = data_for(noise_with_b(-100, (90, 96, 102), 1.0), 3.3, 1.0)
    resized = monogenic.resize(data)
    assert resized.mask.shape == (54, 58, 62)
    assert resized.width == pytest.approx(4.8 / 102)


def test_resolution_beyond_nyquist_ends_there():
    data = data_for(noise_with_b(-100), 2.0)
    resized = monogenic.resize(data)
    assert resized.mask.shape == (80, 80, 80) and resized.highest == pytest.approx(1 / 3.0)


def test_threshold_that_nothing_reaches_at_the_resolution():
    volume = noise_with_b(0)
    volume[40, 40, 40] = 1000
    data = evidence(volume, 1.5, 990.0, 8.0)
    result, _ = run_check(get_check("0.f"), data)
    assert result.status.value == "not_measured" and "threshold" in result.reason
