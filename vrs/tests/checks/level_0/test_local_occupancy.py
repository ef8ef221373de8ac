import numpy as np
import pytest

from vrs.checks import get_check, run_check
from vrs.checks.level_0 import local_occupancy, monogenic
from vrs.tests.checks.phantoms import central_box, noise_with_b
from vrs.tests.evidence import by_name, evidence


def data_for(volume, mask, resolution=3.0):
    return evidence(volume, 1.5, float(volume.max()) * 0.9, resolution, mask=mask)


def body_in_noise(strength, shape=(80, 80, 80)):
    """Detail of a strength (relative to the noise) in the middle of a noisy box."""
    mask = central_box(shape)
    signal = np.where(mask, noise_with_b(0, shape, seed=7), 0)
    return (noise_with_b(0, shape) + strength * signal).astype(np.float32), mask


def test_published_mean_is_three_quarters_whatever_the_map():
    for strength in (0, 20):
        volume, mask = body_in_noise(strength)
        published, _ = local_occupancy.local_occupancies(monogenic.resize(data_for(volume, mask)))
        assert published.mean() == pytest.approx(0.75, abs=1e-3)


def test_noise_alone_gives_five_percent_above_the_noise():
    volume, mask = body_in_noise(0)
    result, _ = run_check(get_check("0.g"), data_for(volume, mask))
    _, above = local_occupancy.local_occupancies(monogenic.resize(data_for(volume, mask)))
    # 27³ voxels hold some hundred independent places.
    assert above.mean() == pytest.approx(0.05, abs=0.02)
    assert len(result.warnings) == 1 and "noise" in result.warnings[0]
    assert result.metrics["signal_ratio"].value == pytest.approx(1, abs=0.1)


def test_signal_ratio_is_that_of_the_powers():
    volume, mask = body_in_noise(np.sqrt(3))
    result, _ = run_check(get_check("0.g"), data_for(volume, mask))
    # Signal of three times the power of the noise, of which the band blurs a third away.
    assert 2.7 < result.metrics["signal_ratio"].value < 4
    assert result.status.value == "ok"


def test_signal_at_all_frequencies():
    volume, mask = body_in_noise(20)
    result, volumes = run_check(get_check("0.g"), data_for(volume, mask))
    assert result.metrics["noise_referenced_percentiles"].value["50"] == 1
    assert result.status.value == "ok"
    assert by_name(volumes)["local_occupancy"].shape == volume.shape


def test_signal_at_low_frequencies_only():
    shape = (80, 80, 80)
    mask = central_box(shape)
    # A body that ends at 6 Å in noise to 3 Å: half of the bands hold nothing.
    from scipy import fft

    from vrs.numerics import fourier
    transform = fft.rfftn(np.where(mask, noise_with_b(0, shape, seed=7), 0).astype(np.float32))
    fourier.filter_in_place(transform, shape, 1.5, lambda f2: f2 < 1 / 36)
    volume = noise_with_b(0, shape) + 40 * fft.irfftn(transform, s=shape)
    _, above = local_occupancy.local_occupancies(monogenic.resize(data_for(
        volume.astype(np.float32), mask)))
    bands = np.linspace(1 / 15, 1 / 3, 6)  # the range is 6.7 widths
    # A band reaches 1.5 widths beyond its frequency before the signal drowns.
    expected = np.count_nonzero(bands < 1 / 6 + 1.5 * 4.8 / 120) / len(bands)
    assert np.median(above) == pytest.approx(expected, abs=1.01 / len(bands))


def test_zeroed_background_has_no_noise_to_refer_to():
    volume, mask = body_in_noise(20)
    result, _ = run_check(get_check("0.g"), data_for(np.where(mask, volume, 0), mask))
    assert "noise_referenced_percentiles" not in result.metrics
    outcomes = {outcome.name: outcome.outcome for outcome in result.criteria}
    assert outcomes == {"0.g.median": "met", "0.g.signal_ratio": "not_evaluated",
                        "0.g.spread": "met"}


def test_direct_computation_agrees():
    volume, mask = body_in_noise(3, (40, 40, 40))
    resized = monogenic.resize(data_for(volume, mask))
    published, above = local_occupancy.local_occupancies(resized)
    # The range is 3.3 times the width of a band, 4.8/60.
    bands = [resized.bands.amplitude(f) for f in np.linspace(1 / 15, 1 / 3, 3)]
    expected = np.mean([m[mask] >= np.quantile(m[mask], 0.25) for m in bands], axis=0)
    np.testing.assert_allclose(published, expected, atol=1e-6)
    assert 0 < above.mean() < 1


def test_reference_program():
    # Percentiles that the UCM plugin (scipion-em-ucm 1.0) gives for this map.
    volume = noise_with_b(-100, (64, 64, 64))
    data = data_for(volume, central_box(volume.shape))
    published, _ = local_occupancy.local_occupancies(monogenic.resize(data))
    np.testing.assert_allclose(np.percentile(published, (2.5, 25, 50, 75, 97.5)),
                               [0.2, 0.6, 0.8, 1, 1], atol=1e-6)


def test_unknown_resolution():
    volume, mask = body_in_noise(1)
    assert run_check(get_check("0.g"), data_for(volume, mask, None))[0].status.value == (
        "not_run")
