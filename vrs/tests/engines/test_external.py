"""Outputs of external engines, recorded in their formats, become the findings of the items."""

from pathlib import Path

import mrcfile
import numpy as np
import pytest

from vrs.checks import NotMeasured, all_checks, get_check, run_check
from vrs.engines.external import read_choices
from vrs.errors import InputError
from vrs.results import Engine
from vrs.tests.checks.phantoms import central_box, noise_with_b
from vrs.tests.evidence import by_name, evidence

RECORDED = Path(__file__).parent.parent / "data" / "engines"
SAMPLING, THRESHOLD, RESOLUTION = 1.0, 0.5, 4.5


def ball():
    """A noisy ball in the box of the recorded local resolution, float32 (z, y, x)."""
    squares = sum((axis - 11.5) ** 2 for axis in np.indices((24, 24, 24)))
    noise = np.random.default_rng(0).normal(0, 0.02, squares.shape)
    return (np.exp(-squares / 36) + noise).astype(np.float32)


def recorded_resolution():
    """What the recorded volume of DeepRes holds: 3 Å and more along x, in a ball of 9 voxels."""
    grid = np.indices((24, 24, 24))
    inside = sum((axis - 11.5) ** 2 for axis in grid) < 81
    return np.where(inside, 3 + 0.2 * grid[2], 0).astype(np.float32)


class Recorded:
    """An engine whose output was kept."""

    engine = Engine("recorded", "1.0")

    def __init__(self, item, output):
        self._findings = lambda data: get_check(item).external[0].findings(data, output)

    def compute(self, data):
        return self._findings(data)


def noise_data():
    """The map that the recorded outputs of UCM belong to."""
    volume = noise_with_b(-100, (36, 36, 36), 1.0)
    return evidence(volume, 1.0, 0.4, 3.0, mask=central_box(volume.shape))


def ball_data():
    return evidence(ball(), SAMPLING, THRESHOLD, RESOLUTION)


def run(item, output, data):
    return run_check(get_check(item), data, external=Recorded(item, output))


@pytest.mark.parametrize("item, name", [("0.f", "bmap.mrc"), ("0.g", "omap.mrc")])
def test_ucm_agrees_with_the_built_in_engine(item, name):
    data = noise_data()
    builtin, volumes = run_check(get_check(item), data)
    with mrcfile.open(str(RECORDED / name)) as mrc:
        external, external_volumes = run(item, mrc.data.astype(np.float32), data)
    assert external.engine == Recorded.engine
    assert external.status == builtin.status
    assert list(external.metrics) == list(builtin.metrics)
    assert [type(part) for part in external.content][:3] == [
        type(part) for part in builtin.content][:3]
    for metric, found in builtin.metrics.items():
        # The two treat the Nyquist planes otherwise.
        expected = np.array(list(found.value.values()) if isinstance(found.value, dict)
                            else found.value, float)
        value = external.metrics[metric].value
        value = np.array(list(value.values()) if isinstance(value, dict) else value, float)
        np.testing.assert_allclose(value, expected, rtol=0.02, err_msg=metric)
    assert by_name(external_volumes).keys() == by_name(volumes).keys()


@pytest.mark.parametrize("item", ["0.f", "0.g"])
def test_ucm_is_given_the_resized_map(item):
    data = noise_data()
    given = get_check(item).external[0].prepare(data)
    assert given.volume.shape == given.mask.shape == (24, 24, 24)
    assert given.sampling == 1.5
    assert given.parameters["max_res"] == pytest.approx(3.0)


@pytest.mark.parametrize("item", ["0.f", "0.g"])
def test_ucm_cannot_deal_with_other_boxes(item):
    data = evidence(noise_with_b(0, (36, 40, 36), 1.0), 1.0, 0.4, 3.0)
    with pytest.raises(NotMeasured, match="36 x 40 x 36"):
        get_check(item).external[0].prepare(data)


@pytest.mark.parametrize("output, word", [(np.zeros((3, 3, 3), np.float32), "3, 3, 3"),
                                          (np.full((24, 24, 24), np.nan, np.float32), "numbers")])
def test_unusable_output_of_ucm(output, word):
    result, volumes = run("0.f", output, noise_data())
    assert result.status == "not_measured" and word in result.reason
    assert volumes == []


def test_deepres_values_are_read_within_the_mask():
    result, volumes = run("0.e", recorded_resolution(), ball_data())
    local = by_name(volumes)["local_resolution"]
    mask = ball_data().map.hard_mask
    assert (local[~mask] == 0).all()
    # The mask lies within the ball, where interpolation changes nothing.
    np.testing.assert_allclose(local[mask], recorded_resolution()[mask], atol=0.02)
    assert result.metrics["network_range"].value == [2.5, 13]
    assert result.metrics["reported_percentile"].value == pytest.approx(
        100 * np.mean(local[mask] <= RESOLUTION))
    assert [estimate.value for estimate in result.estimates] == [
        result.metrics["percentiles"].value["50"]]


def test_deepres_without_values_in_the_mask():
    result, _ = run("0.e", np.zeros((24, 24, 24), np.float32), ball_data())
    assert result.status == "not_measured" and "Xmipp" in result.reason


@pytest.mark.parametrize("resolution, network", [(3.9, 1), (4.5, 0)])
def test_deepres_is_given_the_range_that_fits(resolution, network):
    data = evidence(ball(), SAMPLING, THRESHOLD, resolution)
    given = get_check("0.e").external[0].prepare(data)
    assert given.parameters == {"range": network}
    np.testing.assert_array_equal(given.mask, data.map.hard_mask)


@pytest.mark.parametrize("score, status", [(0.3141592741012573, "ok"), (0.45, "warnings"),
                                           (float("nan"), "not_measured")])
def test_hand_score(score, status):
    result, volumes = run("0.h", score, ball_data())
    assert result.status == status
    assert volumes == []
    if status != "not_measured":
        assert result.metrics["score"].value == score


def test_choices():
    chosen = read_choices(["0.e=xmipp", "0.f=builtin", "0.e=xmipp"], all_checks())
    assert list(chosen) == ["0.e"] and chosen["0.e"].name == "xmipp"


def test_all_wrong_choices_are_told():
    with pytest.raises(InputError) as caught:
        read_choices(["0.z=xmipp", "xmipp", "0.a=xmipp", "0.e=", "0.f=ucm", "0.f=builtin"],
                     all_checks())
    for problem, words in zip(caught.value.problems, [
            ("0.z=xmipp", "0.h"), ("xmipp", "item=engine"), ("0.a", "xmipp", "builtin"),
            ("0.e", "builtin or xmipp"), ("0.f", "Two")]):
        assert all(word in problem for word in words), problem
    assert len(caught.value.problems) == 5
