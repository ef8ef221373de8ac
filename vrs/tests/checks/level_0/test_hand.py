import json

import numpy as np
import pytest

from vrs.checks import get_check, run_check
from vrs.checks.level_0 import hand
from vrs.io.maps import read_map
from vrs.numerics import masks
from vrs.results import Metric
from vrs.simulation.example import write_example
from vrs.tests import proteins
from vrs.tests.evidence import by_name, evidence


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """Right-handed alpha helices and beta strands at 3.5 Å, with noise."""
    with proteins.built_once():
        paths = write_example(str(tmp_path_factory.mktemp("example")), workers=2)
    with open(paths["truth"]) as handle:
        threshold = json.load(handle)["threshold"]
    map_file = read_map(paths["map"])
    return map_file.volume, map_file.sampling, threshold


@pytest.fixture(scope="module")
def measured(example):
    """Result and volumes of the example."""
    return run(*example)


def run(volume, sampling, threshold, resolution=3.5):
    return run_check(get_check("0.h"), evidence(
        volume, sampling, threshold, resolution, workers=2))


def values(result):
    return {name: metric.value for name, metric in result.metrics.items()}


def mirror(volume):
    return np.ascontiguousarray(volume[::-1])


def test_right_hand_and_mirror(example, measured):
    volume, sampling, threshold = example
    result, volumes = measured
    found = values(result)
    assert result.status.value == "ok" and found["score"] < 0.4
    assert 0 < found["score_error"] < 0.1
    assert found["right_handed_percentage"] + found["mirrored_percentage"] == pytest.approx(100)
    mapped = by_name(volumes)["helix_hand"]
    assert mapped.shape == volume.shape and mapped.dtype == np.float32
    assert 0 <= mapped.min() and mapped.max() <= 1
    other, _ = run(mirror(volume), sampling, threshold)
    assert other.printed_status() == "1 warning" and values(other)["score"] > 0.6
    assert "mirrored" in other.content[0].text
    assert found["score"] + values(other)["score"] == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("factor", [1e-4, 1e4])
def test_units_of_the_map_do_not_matter(example, measured, factor):
    volume, sampling, threshold = example
    one = values(measured[0])
    scaled = values(run(volume * np.float32(factor), sampling, threshold * factor)[0])
    assert scaled["score"] == pytest.approx(one["score"], abs=1e-3)
    assert scaled["helical_voxels"] == pytest.approx(one["helical_voxels"], rel=1e-2)


def test_solvent_of_zero(example):
    volume, sampling, threshold = example
    mask = masks.hard_mask(volume, threshold, sampling)
    result, _ = run(np.where(mask, volume, np.float32(0)), sampling, threshold)
    assert result.status.value == "ok"


def test_same_result_twice(example, measured):
    assert values(run(*example)[0]) == values(measured[0])


@pytest.mark.parametrize("sigmas", [0.8, 2.0])  # a mask of everything, a mask of specks
def test_noise_has_no_hand(sigmas):
    noise = np.random.default_rng(0).normal(size=(64, 64, 64)).astype(np.float32)
    noise = hand.low_pass(noise, 1.2)
    result, volumes = run(noise, 1.2, sigmas * float(noise.std()))
    assert result.status.value == "not_measured" and not volumes
    assert "at least 300" in result.reason


@pytest.mark.parametrize("resolution", [None, 5.01, 6.0])
def test_not_applicable(resolution):
    volume = np.zeros((8, 8, 8), np.float32)
    volume[4, 4, 4] = 1
    result, _ = run(volume, 1.0, 0.5, resolution)
    expected = "not_run" if resolution is None else "not_applicable"
    assert result.status.value == expected and "resolution" in result.reason


@pytest.mark.parametrize("score, status", [
    (0.298, "OK"), (0.4, "OK"), (0.467, "1 warning"), (0.7, "1 warning")])
def test_criterion(score, status):
    assert get_check("0.h").judge({"score": Metric(score, "", "")}).printed_status() == status


@pytest.mark.parametrize("folder, name, level, resolution", [
    ("emd_2513_frh", "emd_2513.mrc", 4.0, 3.4),
    ("emd_20026_apoferritin", "emd20026_prot.mrc", 2.0, 1.75)])
def test_real_maps(test_data, folder, name, level, resolution):
    map_file = read_map(test_data("map_model", folder, name))
    volume = map_file.volume
    threshold = level * float(volume.std())
    right = values(run(volume, map_file.sampling, threshold, resolution)[0])
    wrong = values(run(mirror(volume), map_file.sampling, threshold, resolution)[0])
    assert right["score"] < 0.4 and wrong["score"] > 0.6
    assert right["score"] + wrong["score"] == pytest.approx(1, abs=0.1)


def test_real_map_without_helices(test_data):
    # The model of this chain has no alpha helix, so neither hand may be claimed.
    map_file = read_map(test_data("map_model", "emd_30342_integrin", "390_emd_30342_A_z4.mrc"))
    volume = map_file.volume
    for one in (volume, mirror(volume)):
        result, _ = run(one, map_file.sampling, 2 * float(volume.std()), 3.9)
        if result.status.value != "not_measured":
            assert values(result)["score"] == pytest.approx(0.5, abs=0.1)
            assert "the hand is uncertain" in result.content[0].text


@pytest.mark.parametrize("score, error, verdict", [
    (0.1, 0.01, "has the right hand"), (0.45, 0.01, "uncertain"), (0.53, 0.02, "uncertain"),
    (0.55, 0.02, "probably mirrored"), (0.55, None, "probably mirrored")])
def test_verdict(score, error, verdict):
    assert verdict in hand._verdict(score, error, 1000)


@pytest.mark.parametrize("voxels, blocks, score, enough", [
    (304, 8, 0.5, True), (296, 8, 0.1, False), (1600, 7, 0.3, False), (1600, 7, 0.2, True),
    (1600, 4, 0.8, True), (1600, 3, 0.1, False), (784, 7, 0.1, False)])
def test_how_many_voxels_tell_the_hand(voxels, blocks, score, enough):
    count = voxels // 8
    positions = np.column_stack([16.0 * (np.arange(count) % blocks), np.zeros((count, 2))])
    helices = hand.Helices(positions, np.full(count, score, np.float64))
    assert (helices.volume, helices.blocks) == (voxels, blocks)
    assert helices.tell_the_hand is enough


def test_error_of_independent_blocks():
    # One voxel per block of 16 Å: the standard error of a mean of n values is σ/√n.
    rng = np.random.default_rng(3)
    positions = 16.0 * np.stack(np.unravel_index(np.arange(400), (8, 8, 8)), axis=1) + 4
    hands = rng.uniform(size=400).astype(np.float32)
    error = hand.score_error(hand.Helices(positions, hands), rng)
    # 1000 bootstraps give the deviation to about 2 %.
    assert error == pytest.approx(hands.std() / 20, rel=0.1)


def test_error_needs_two_blocks():
    one = hand.Helices(np.full((9, 3), 5.0), np.linspace(0, 1, 9).astype(np.float32))
    assert hand.score_error(one, np.random.default_rng(0)) is None


def test_interpolation_of_a_wave():
    sampling, wavelength = 1.3, 6.0
    x = np.arange(60) * sampling
    wave = np.cos(2 * np.pi * x / wavelength).astype(np.float32)
    volume = np.broadcast_to(wave, (40, 50, 60)) * np.ones((40, 50, 1), np.float32)
    answers = [20.0, 25.0, 30.0]
    weights = [hand._sinc_weights((start + np.arange(20)) / sampling, size)
               for start, size in zip(answers, volume.shape)]
    part = hand._interpolate(volume, weights)
    assert part.shape == (20, 20, 20)
    expected = np.cos(2 * np.pi * (30.0 + np.arange(20)) / wavelength)
    assert part == pytest.approx(np.broadcast_to(expected, part.shape), abs=0.02)


def test_hand_volume():
    helices = hand.Helices(np.array([[10.0, 10.0, 10.0], [10.0, 10.0, 30.0]]),
                           np.array([0.1, 0.9], np.float32))
    volume = hand.hand_volume(helices, (20, 20, 40), 1.0)
    assert volume[10, 10, 10] == volume[10, 10, 13] == np.float32(0.1)
    assert volume[10, 13, 30] == np.float32(0.9)
    assert volume[10, 10, 20] == 0.5
    # Balls of 4 Å radius.
    assert np.count_nonzero(volume != 0.5) == pytest.approx(2 * 4 / 3 * np.pi * 64, rel=0.1)
