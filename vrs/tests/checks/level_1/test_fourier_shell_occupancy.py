import numpy as np
import pytest
from scipy import stats

from vrs.checks import get_check, run_check
from vrs.numerics import sphere
from vrs.results import SphereMap, Status
from vrs.tests.checks.phantoms import directional_halves, half_maps, structure
from vrs.tests.evidence import evidence

SHAPE = (64, 64, 64)


def data_for(halves, resolution=None, mask=None):
    volume = (halves[0] + halves[1]) / 2
    mask = np.ones(volume.shape, bool) if mask is None else mask
    return evidence(volume, 1.5, float(volume.max()), resolution, mask=mask,
                    half1=halves[0], half2=halves[1])


def run(*arguments, **more):
    return run_check(get_check("1.g"), data_for(*arguments, **more))[0]


def values(result):
    return {name: metric.value for name, metric in result.metrics.items()}


def noise(shape=SHAPE, seed=0):
    return [half.astype(np.float32)
            for half in np.random.default_rng(seed).normal(size=(2,) + shape)]


@pytest.mark.parametrize("shape", [(96, 96, 96), (80, 72, 96)])
def test_isotropic_halves(shape):
    result = run(half_maps(shape, 1.5, 6)[:2], 6.0)
    found = values(result)
    # Half a shell is 2 %; the direction in the middle of 321 has no noise to speak of.
    assert found["resolution"] == pytest.approx(6, rel=0.06)
    assert found["fso_09"] > found["resolution"] > found["fso_01"]
    assert found["anisotropy"] < 1.2 < found["isotropic_limit"]
    assert found["bingham_effect"]["0.9"] < 0.08 and found["bingham_p"]["0.9"] > 0.05
    assert result.status is Status.OK and not result.warnings
    assert any("nearly the same" in getattr(part, "text", "") for part in result.content)
    assert found["worst_snr_upper"] > 0.4


@pytest.mark.parametrize("direction, half_angle", [((1, 1, 1), 30), ((1, 2, 0), 25)])
def test_missing_views_are_a_serious_warning(direction, half_angle):
    result = run(directional_halves((96, 96, 96), 1.5, 5, 15, direction, half_angle), 5.0)
    [warning] = result.serious_warnings
    assert "Views are missing" in warning
    assert sphere.axis_angles(values(result)["least_sampled_direction"], direction) < half_angle


@pytest.mark.parametrize("good, bad, direction, half_angle", [
    (5, 8, (1, 1, 1), 30), (5, 6.5, (0, 0, 1), 30), (4.5, 9, (1, 2, 0), 20), (5, 8, (1, 0, 0), 45)])
def test_bad_direction_is_found(good, bad, direction, half_angle):
    halves = directional_halves((96, 96, 96), 1.5, good, bad, direction, half_angle)
    result = run(halves)
    found = values(result)
    assert sphere.axis_angles(found["worst_direction"], direction) < 10
    assert found["anisotropy"] > found["isotropic_limit"] == 1.25
    assert found["fso_09"] / found["fso_01"] > 1.4
    assert any("depends on the direction" in getattr(part, "text", "") for part in result.content)
    (drawn,) = [part for part in result.content if isinstance(part, SphereMap)]
    near = sphere.axis_angles(drawn.directions, direction) < half_angle / 2
    assert np.median(drawn.values[near]) > 1.15 * np.median(drawn.values)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_small_isotropic_map_is_called_isotropic(seed):
    # So few coefficients that noise alone makes directions differ by a third.
    shape = (96, 96, 96)
    grid = np.ogrid[:96, :96, :96]
    ball = sum((axis - 48) ** 2 for axis in grid) < 21 ** 2
    result = run(half_maps(shape, 1.5, 6, seed)[:2], mask=ball)
    assert values(result)["isotropic_limit"] > 1.3
    assert any("nearly the same" in getattr(part, "text", "") for part in result.content)


def test_p_of_the_bingham_statistic():
    # The published statistic counts each direction twice: its half follows the law.
    found = values(run(directional_halves((96, 96, 96), 1.5, 4.5, 10, (1, 2, 0), 20)))
    expected = stats.chi2.sf(found["bingham"]["0.9"] / 2, 5)
    assert found["bingham_p"]["0.9"] == pytest.approx(expected)


def test_two_bad_directions():
    # The worst of two is told, where a fitted ellipsoid would lie between them.
    one, other = (np.array(directional_halves((96, 96, 96), 1.5, 5, 10, axis, 25, seed))
                  for seed, axis in ((1, (1, 0, 0)), (2, (0, 1, 0))))
    found = values(run(list((one + other).astype(np.float32))))
    assert min(sphere.axis_angles(found["worst_direction"], axis)
               for axis in ((1, 0, 0), (0, 1, 0))) < 12


def test_noise_around_the_macromolecule_does_not_matter():
    shape = (96, 96, 96)
    half1, half2, _ = half_maps(shape, 1.5, 6)
    _, ball = structure(shape, 1.5)
    # What both halves share is taken away outside of the ball.
    outside = np.where(ball, 0, (half1 + half2) / 2).astype(np.float32)
    halves = half1 - outside, half2 - outside + np.where(ball, 0, noise(shape)[0])
    masked, whole = (values(run(halves, mask=mask))["resolution"] for mask in (ball, None))
    assert masked == pytest.approx(6, rel=0.12)
    assert whole > 1.15 * masked


def test_overestimated_resolution_warns():
    halves = half_maps(SHAPE, 1.5, 6)[:2]
    fair, bold = run(halves, 5.8), run(halves, 4.8)
    assert fair.status is Status.OK and bold.status is Status.WARNINGS
    assert values(bold)["reported_ratio"] == pytest.approx(4.8 / values(bold)["resolution"])
    unknown = run(halves)
    # Whether views are missing is known without it.
    assert unknown.status is Status.OK and values(unknown)["reported_ratio"] is None


@pytest.mark.parametrize("offset", [0, 5])
def test_noise_resolves_nothing(offset):
    ball = structure(SHAPE, 1.5)[1]
    result = run([half + np.float32(offset) for half in noise()], 5.0, mask=ball)
    found = values(result)
    assert found["resolution"] is None and found["reported_ratio"] == 0
    assert result.status is Status.WARNINGS and "worst_direction" not in found


def test_identical_halves_reach_nyquist():
    half = noise()[0]
    found = values(run([half, half], 3.0))
    assert found["resolution"] == pytest.approx(3.0) and found["anisotropy"] == pytest.approx(1)


def test_scale_of_either_half_does_not_matter():
    half1, half2 = half_maps(SHAPE, 1.5, 6)[:2]
    expected = values(run([half1, half2], 6.0))
    found = values(run([half1 * np.float32(1e-6), half2 * np.float32(1e5)], 6.0))
    for name in ("resolution", "fso_09", "fso_01", "worst_resolution"):
        assert found[name] == pytest.approx(expected[name], rel=1e-3)


def test_turned_halves_resolve_alike():
    halves = directional_halves((96, 96, 96), 1.5, 5, 8, (1, 2, 3))
    expected = values(run(halves))
    found = values(run([np.ascontiguousarray(half.transpose(1, 2, 0)) for half in halves]))
    # The 321 directions do not turn with the map; a shell is 4 %.
    assert found["resolution"] == pytest.approx(expected["resolution"], rel=0.05)
    assert sphere.axis_angles(np.array(found["worst_direction"]), (3, 1, 2)) < 10


def test_small_boxes_are_refused():
    result = run(noise((16, 16, 16)), 5.0)
    assert result.status is Status.NOT_MEASURED and "too small" in result.reason


def test_same_result_twice():
    halves = half_maps(SHAPE, 1.5, 6)[:2]
    assert values(run(halves)) == values(run(halves))


def test_curves_are_stored():
    result = run(half_maps(SHAPE, 1.5, 6)[:2])
    curves = {curve.name: curve for curve in result.curves}
    assert set(curves) == {"fso", "fsc_worst_direction", "fsc_best_direction"}
    assert all(len(curve.frequencies) == len(curve.values) == 33 for curve in curves.values())
    assert (curves["fso"].values[:5] == 1).all()
