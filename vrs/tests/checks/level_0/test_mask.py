import numpy as np
import pytest

from vrs.checks import get_check, run_check
from vrs.checks.level_0 import mask as mask_analysis
from vrs.tests.evidence import evidence


def run(volume, sampling=2.0, threshold=0.5, mask=None, resolution=None):
    return run_check(get_check("0.b"), evidence(volume, sampling, threshold, resolution,
                                                mask=mask))[0]


def specks(n, body=(10, 10, 10)):
    """A body of 1000 voxels and some single voxels far from it and each other."""
    volume = np.zeros((40, 40, 40), np.float32)
    volume[tuple(slice(2, 2 + side) for side in body)] = 1
    grid = [(z, y, x) for z in range(20, 40, 3) for y in range(20, 40, 3) for x in range(20, 40, 3)]
    for index in grid[:n]:
        volume[index] = 2
    return volume


def test_one_body():
    result = run(specks(0))
    metrics = {name: metric.value for name, metric in result.metrics.items()}
    assert result.status.value == "ok"
    assert metrics["components"] == metrics["components_95"] == 1
    assert metrics["raw_voxels"] == 1000 and metrics["raw_volume"] == 8000
    assert metrics["remaining_mean_voxels"] is metrics["remaining_mean_volume"] is None
    assert metrics["overlap"] == 1
    # One step of the 18-neighbour element adds six faces and twelve edges.
    assert metrics["constructed_voxels"] == 1000 + 6 * 100 + 12 * 10


def test_mean_volume_of_the_rest_is_in_cubic_angstroms():
    # 40 specks of one voxel and 8 Å³ each.
    result = run(specks(40))
    assert result.metrics["components"].value == 41
    assert result.metrics["components_95"].value == 1
    assert result.metrics["remaining_mean_voxels"].value == 1
    assert result.metrics["remaining_mean_volume"].value == 8
    # Specks are noise; the service takes each of 5 Å³ or more for too large.
    assert result.printed_status() == "OK" and len(result.service.warnings) == 1
    assert run(specks(40), sampling=1.0).service is None


def test_two_voxels_of_less_than_the_limit_each_are_above_it_together():
    # Voxels of 3.4 Å³, blobs of two: the mean is 6.8 Å³ where one voxel's volume is not.
    volume = specks(20)
    volume[20:, 20:, 20:] = np.maximum(volume[20:, 20:, 20:], np.roll(volume[20:, 20:, 20:], 1, 2))
    result = run(volume, sampling=1.5)
    assert result.metrics["remaining_mean_volume"].value == pytest.approx(2 * 1.5 ** 3)
    assert len(result.service.warnings) == 1


@pytest.mark.parametrize("resolution, warnings", [(3.0, 0), (1.8, 1), (None, 0)])
def test_what_remains_is_compared_with_the_resolution(resolution, warnings):
    # Three blocks of 64 Å³, 2.4 and 11 times the resolution to the third power.
    volume = specks(0)
    for corner in (20, 26, 32):
        volume[corner:corner + 2, corner:corner + 2, corner:corner + 2] = 1
    result = run(volume, resolution=resolution)
    assert result.metrics["remaining_mean_volume"].value == 64
    assert len(result.warnings) == warnings


def test_specks_of_noise_are_no_pieces():
    volume = specks(200, (10, 10, 10))
    result = run(volume)
    assert result.metrics["components_95"].value > 100
    assert result.metrics["large_components"].value == 1
    assert result.status.value == "ok" and result.service.warnings


def test_pieces():
    volume = np.zeros((30, 30, 30), np.float32)
    for k in range(10):
        volume[3 * k, 5:15, 5:15] = 1
    result = run(volume)
    assert result.metrics["components"].value == 10
    # 9 of 10 equal pieces hold 90 %.
    assert result.metrics["components_95"].value == 10
    # Dilation reaches half the way to the neighbours, not into them.
    assert result.metrics["overlap"].value == pytest.approx(0.1)
    assert len(result.warnings) == 2


def test_exactly_95_percent_is_enough():
    metrics = mask_analysis.component_metrics(np.array([95, 5]), 1.0)
    assert metrics["components_95"] == 1


def test_mass_table():
    volume = np.zeros((20, 20, 20), np.float32)
    volume[:10] = 0.3
    volume[:2, :10, :10] = 25.0
    table = mask_analysis.mass_table(volume, 1.207 ** (1 / 3) * 10)
    assert [row[0] for row in table] == [pytest.approx(k) for k in range(1, 25)]
    # 200 voxels of 1207 Å³ each are 200 kDa.
    assert table[0][1:] == (200, pytest.approx(200), pytest.approx(200 / 0.11))


def test_voxels_at_a_threshold_are_not_above_it():
    volume = np.array([[[1.0, 12.5, 25.0]]], np.float32)
    assert [row[1] for row in mask_analysis.mass_table(volume, 1.0)][:1] == [2]


def test_own_mask_does_not_enter():
    volume = specks(0)
    assert run(volume, mask=np.ones(volume.shape, bool)).metrics == run(volume).metrics


def test_long_lists_end_at_100_components():
    volume = np.zeros((40, 40, 40), np.float32)
    volume[::3, ::3, ::3] = 1
    result = run(volume)
    assert len(result.content[0].rows) == 100
    assert result.metrics["components"].value == 14 ** 3


def protein(noise=0.02):
    """A body of 2 % of the box, in noise."""
    z, y, x = np.ogrid[:48, :48, :48]
    body = (z - 24) ** 2 + (y - 24) ** 2 + (x - 24) ** 2 < 8 ** 2
    return (body + np.random.default_rng(2).normal(scale=noise, size=body.shape)).astype(np.float32)


def test_an_inverted_map():
    sound = run(protein())
    assert sound.status.value == "ok"
    # A share p of ones among zeros has the skewness (1 - 2p)/√(p (1 - p)).
    part = sound.metrics["raw_percentage"].value / 100
    assert part == pytest.approx(4 / 3 * np.pi * 8 ** 3 / 48 ** 3, rel=0.03)
    skewness = (1 - 2 * part) / np.sqrt(part * (1 - part))
    assert sound.metrics["skewness"].value == pytest.approx(skewness, rel=0.05)
    inverted = run(-protein(), threshold=-0.5)
    assert inverted.metrics["skewness"].value == pytest.approx(-skewness, rel=0.05)
    assert len(inverted.warnings) == 2
    assert "occupies 98 % of the box" in inverted.warnings[0]
    assert "The density looks inverted" in inverted.warnings[1]
    # With the sign of a threshold that selects noise only.
    assert any("looks inverted" in text for text in run(-protein(), threshold=0.03).warnings)


def test_a_threshold_in_the_background():
    [text] = [text for text in run(protein(), threshold=-0.01).warnings if "of the box" in text]
    assert "takes in the background" in text


@pytest.mark.parametrize("part, outcome", [(0.05, "broken"), (0.5, "met"), (2.4, "met"),
                                           (4.0, "broken")])
def test_threshold_against_the_mass_of_the_specimen(part, outcome):
    # 1000 voxels of 8 Å³; protein of a kDa fills 1207 Å³.
    enclosed = 8000 / 1207
    result = run_check(get_check("0.b"), evidence(specks(0), 2.0, 0.5, mass=enclosed / part))[0]
    assert result.metrics["mass_ratio"].value == pytest.approx(part)
    criterion, = [found for found in result.criteria if found.metric == "mass_ratio"]
    assert (criterion.outcome, criterion.severity) == (outcome, "serious")
    assert result.serious_warnings == criterion.warnings


def test_without_the_mass_of_the_specimen_it_is_not_judged():
    result = run(specks(0))
    criterion, = [found for found in result.criteria if found.metric == "mass_ratio"]
    assert criterion.outcome == "not_evaluated" and result.status.value == "ok"
