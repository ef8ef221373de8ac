"""Outputs of other programs become the findings of the items of level 1."""

import numpy as np
import pytest

from vrs.checks import NotMeasured, all_checks, get_check, run_check
from vrs.numerics import sphere
from vrs.numerics.fourier import shell_frequencies
from vrs.tests.checks.phantoms import directional_halves, half_maps
from vrs.tests.checks.recorded import run, texts, values
from vrs.tests.evidence import by_name, evidence

SHAPE, SAMPLING, RESOLUTION = (48, 48, 48), 1.5, 6.0


def data_of(halves, resolution=RESOLUTION):
    volume = (halves[0] + halves[1]) / 2
    grid = np.indices(volume.shape) - np.reshape(volume.shape, (3, 1, 1, 1)) / 2
    ball = np.sqrt((grid ** 2).sum(axis=0)) < min(volume.shape) / 3
    return evidence(volume, SAMPLING, float(volume.max()), resolution, mask=ball,
                    half1=halves[0], half2=halves[1])


@pytest.fixture(scope="module")
def data():
    return data_of(half_maps(SHAPE, SAMPLING, RESOLUTION)[:2])


@pytest.mark.parametrize("check", [check for check in all_checks() if check.level == "1"
                                   for _ in check.external], ids=lambda check: check.id)
def test_each_engine_is_given_what_it_declares(check, data):
    for engine in check.external:
        given = engine.prepare(data)
        assert engine.outputs and engine.files
        assert bool(engine.half_parameters) == (given.halves is not None)
        assert bool(engine.mask_parameter) == (given.mask is not None)
        assert engine.half_parameters or engine.map_parameter
        assert given.sampling == SAMPLING
        if engine.half_parameters:
            assert all(one is other for one, other in zip(given.halves, data.half_maps.both))


LOCAL = [("1.c", "blocres"), ("1.e", "monores")]


@pytest.mark.parametrize("item, name", LOCAL)
def test_local_resolution_is_read_within_the_mask(data, item, name):
    found = np.broadcast_to(4 + 0.1 * np.arange(48, dtype=np.float32), SHAPE).copy()
    found[0] = np.nan
    result, volumes = run(item, data, found)
    np.testing.assert_array_equal(by_name(volumes)[name], np.where(data.map.hard_mask, found, 0))
    median = np.median(found[data.map.hard_mask])
    assert values(result)["percentiles"]["50"] == pytest.approx(median)
    assert values(result)["reported_percentile"] == pytest.approx(
        100 * np.mean(found[data.map.hard_mask] <= RESOLUTION))
    assert "of the mask" not in texts(result)


@pytest.mark.parametrize("item, name", LOCAL)
def test_the_part_of_the_mask_with_values_is_told(data, item, name):
    found = np.full(SHAPE, 5, np.float32)
    found[:24] = 0
    share = 100 * np.mean(found[data.map.hard_mask] > 0)
    assert "a value to %.1f %% of the mask" % share in texts(run(item, data, found)[0])


@pytest.mark.parametrize("item", ["1.c", "1.d", "1.e"])
@pytest.mark.parametrize("found, words", [(np.zeros(SHAPE, np.float32), "no local resolution"),
                                          (np.ones((9, 8, 7), np.float32), "7 x 8 x 9")])
def test_unusable_local_resolution(data, item, found, words):
    result, volumes = run(item, data, found)
    assert result.status == "not_measured" and words in result.reason
    assert volumes == []


def test_resmap_leaves_the_worst_value_where_nothing_is_found(data):
    found = np.full(SHAPE, 5, np.float32)
    found[:20] = 100
    result, volumes = run("1.d", data, found)
    mask = data.map.hard_mask
    assert set(by_name(volumes)["resmap"][mask]) == {5.0, 20 * SAMPLING}
    assert values(result)["unresolved_percentage"] == pytest.approx(
        100 * np.mean(found[mask] == 100))


@pytest.mark.parametrize("item", ["1.a", "1.d", "1.g", "1.h"])
def test_programs_for_cubes_are_not_given_other_boxes(item):
    data = data_of(half_maps((40, 48, 48), SAMPLING, RESOLUTION)[:2])
    with pytest.raises(NotMeasured, match="48 x 48 x 40"):
        get_check(item).external[0].prepare(data)


def test_fsc_and_dpr_of_xmipp(data):
    builtin, _ = run_check(get_check("1.a"), data)
    fsc = next(curve for curve in builtin.curves if curve.name == "fsc")
    dpr = np.linspace(20, 150, 24)
    result, _ = run("1.a", data, {"resolutionFRC": fsc.values[1:], "resolutionDPR": dpr,
                                  "resolutionFreqFourier": fsc.frequencies[1:]})
    expected, found = values(builtin), values(result)
    for name in ("fsc_resolution", "fsc_05_resolution", "half_bit_resolution", "fsc_ratio"):
        assert found[name] == expected[name]
    # The residual rises by 130/23 degrees per shell from 20 degrees at the first.
    shell = 1 + (180 / np.sqrt(3) - 20) * 23 / 130
    assert found["dpr_resolution"] == pytest.approx(48 * SAMPLING / shell, rel=1e-3)
    assert not any("masked" in name or "ssnr" in name for name in found)
    assert [curve.name for curve in result.curves] == ["fsc"]
    assert {criterion.metric: criterion.outcome for criterion in result.criteria}[
        "masked_fsc_ratio"] == "not_evaluated"
    assert result.status in ("ok", "warnings")


def test_other_shells_are_refused(data):
    table = {"resolutionFRC": np.ones(30), "resolutionDPR": np.ones(30),
             "resolutionFSO": np.ones(30)}
    for item, outputs in ("1.a", (table,)), ("1.g", (table, {})):
        result, _ = run(item, data, *outputs)
        assert result.status == "not_measured" and "30 shells" in result.reason


def distribution(resolution):
    """Table of Xmipp, from the resolution as a function of the unit vector x, y, z."""
    rotation, tilt = [axis.ravel().astype(float) for axis in np.meshgrid(
        np.arange(360), np.arange(91), indexing="ij")]
    sine = np.sin(np.radians(tilt))
    vectors = np.array([sine * np.cos(np.radians(rotation)), sine * np.sin(np.radians(rotation)),
                        np.cos(np.radians(tilt))])
    return {"angleRot": rotation, "angleTilt": tilt, "resolutionFRC": resolution(vectors)}


@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 0.6, 0.8), (0.6, -0.64, 0.48)])
def test_occupancy_and_directions_of_xmipp(data, axis):
    frequencies = shell_frequencies(SHAPE, SAMPLING)
    # 1 up to 1/8 Å, 0 from 1/5 Å on, 0.5 in the middle
    occupancy = np.clip((0.2 - frequencies) / (0.2 - 0.125), 0, 1)
    result, _ = run("1.g", data, {"resolutionFSO": occupancy[1:]}, distribution(
        lambda vectors: 5 + 3 * np.dot(axis, vectors) ** 4))
    found = values(result)
    assert found["resolution"] == pytest.approx(1 / 0.1625, rel=1e-6)
    assert found["fso_09"] == pytest.approx(1 / 0.1325, rel=1e-6)
    assert sphere.axis_angles(found["worst_direction"], axis) < 5
    assert found["worst_resolution"] > 1.1 * found["best_resolution"] > 5
    assert "bingham" not in found
    assert [curve.name for curve in result.curves] == ["fso"]


def test_directions_resolved_to_the_last_shell(data):
    # Xmipp gives -1 to those, so that they must not count as the worst.
    table = distribution(lambda vectors: np.where(np.abs(vectors[0]) > 0.9, -1.0, 6.0))
    frequencies = shell_frequencies(SHAPE, SAMPLING)[1:]
    result, _ = run("1.g", data, {"resolutionFSO": (frequencies < 0.17).astype(float)}, table)
    found = values(result)
    assert sphere.axis_angles(found["best_direction"], (1, 0, 0)) < 8
    assert 2 * SAMPLING <= found["best_resolution"] < found["worst_resolution"] <= 6.01


def test_volume_of_3dfsc_gives_what_the_built_in_engine_gives():
    data = data_of(directional_halves((64, 64, 64), SAMPLING, 5, 8, (0, 0, 1), 40)[:2])
    builtin, volumes = run_check(get_check("1.h"), data)
    curves = {curve.name: curve for curve in builtin.curves}
    overall = curves["fsc_global"]
    rows = np.stack([overall.frequencies * SAMPLING, overall.frequencies, overall.values], 1)
    # The program leaves the outermost planes away.
    result, _ = run("1.h", data, by_name(volumes)["fsc3d"][1:, 1:, 1:], rows)
    expected, found = values(builtin), values(result)
    assert found["resolution"] == expected["resolution"]
    # Read between points of Fourier space instead of along the direction itself.
    for name in ("resolution_x", "resolution_y", "resolution_z", "cfar", "sphericity"):
        assert found[name] == pytest.approx(expected[name], rel=0.06), name
    assert sphere.axis_angles(found["worst_direction"], (0, 0, 1)) < 15
    assert found["resolution_z"] > 1.2 * found["resolution_x"]


def test_3dfsc_is_given_even_boxes_only():
    data = data_of(half_maps((49, 49, 49), SAMPLING, RESOLUTION)[:2])
    with pytest.raises(NotMeasured, match="even"):
        get_check("1.h").external[0].prepare(data)


def test_another_volume_of_3dfsc_is_refused(data):
    result, _ = run("1.h", data, np.ones((48, 48, 48), np.float32), np.ones((25, 3)))
    assert result.status == "not_measured" and "48 x 48 x 48" in result.reason
