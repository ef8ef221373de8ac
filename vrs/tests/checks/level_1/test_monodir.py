import numpy as np
import pytest

from vrs.checks import get_check, run_check
from vrs.checks.level_1.monodir import radial_means
from vrs.numerics import sphere
from vrs.results import Status
from vrs.tests.checks.level_1.test_fourier_shell_occupancy import data_for, noise, values
from vrs.tests.checks.phantoms import directional_halves, structure, two_domain_halves
from vrs.tests.evidence import by_name


def run(halves, resolution):
    mask = structure(halves[0].shape, 1.5)[1]
    return run_check(get_check("1.f"), data_for(halves, resolution, mask=mask))


@pytest.mark.parametrize("direction", [(0, 0, 1), (1, 0, 0), (1, 1, 0.5), (-0.3, 0.8, 0.4)])
def test_bad_direction_is_found(direction):
    result, _ = run(directional_halves((64, 68, 72), 1.5, 4.5, 9.0, direction), 5.0)
    found = values(result)
    assert sphere.axis_angles(found["worst_direction"], direction) < 10
    assert found["anisotropy"] > 0.17 and found["p_value"] < 1e-4
    assert result.status is Status.WARNINGS
    assert any("anisotropy" in warning for warning in result.warnings)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_isotropic_is_called_isotropic(seed):
    result, _ = run(directional_halves((64, 64, 64), 1.5, 5, 5, (0, 0, 1), seed=seed), 5.0)
    found = values(result)
    assert found["anisotropy"] < 0.08 and found["p_value"] > 1e-3
    assert found["significant_anisotropy"] == 0
    assert not any("anisotropy" in warning for warning in result.warnings)


def test_two_domains_and_repeatability():
    *halves, fine, coarse = two_domain_halves((64, 64, 64), 1.5, 4.0, 8.0)
    result, volumes = run(halves, 4.0)
    mean, best, worst = (by_name(volumes)["monodir_" + name] for name in ("mean", "best", "worst"))
    assert np.median(mean[fine]) == pytest.approx(4, rel=0.2)
    # The response of a cone is some 15 Å long: strong detail of the fine domain leaks over.
    assert np.median(mean[coarse]) > 1.4 * np.median(mean[fine])
    inside = mean > 0
    assert (best[inside] <= mean[inside] + 1e-3).all()
    assert (mean[inside] <= worst[inside] + 1e-3).all()
    assert values(result)["anisotropy"] < 0.1
    assert result.status is Status.OK
    assert values(run(halves, 4.0)[0]) == values(result)


def test_permuted_axes_and_scale():
    halves = directional_halves((48, 56, 64), 1.5, 4.5, 9.0, (0, 0, 1))
    known, turned = (values(run(pair, 5.0)[0]) for pair in (
        halves, [1e9 * half.transpose(1, 0, 2) for half in halves]))
    # The directions of the grid are not the same about Y as about Z.
    assert turned["mean_resolution"] == pytest.approx(known["mean_resolution"], rel=0.05)
    assert sphere.axis_angles(turned["worst_direction"], (0, 1, 0)) < 10


def test_noise_has_no_bad_direction():
    result, _ = run(noise((48, 48, 48)), 5.0)
    found = values(result)
    assert found["anisotropy"] < 0.1 and found["mean_resolution"] > 15
    assert found["reported_ratio"] < 0.8 and result.status is Status.WARNINGS


def test_same_halves_are_not_measured():
    half = noise((32, 32, 32))[0]
    result, _ = run([half, half], 5.0)
    assert result.status is Status.NOT_MEASURED and "identical" in result.reason


def test_coarse_maps_do_not_apply():
    assert run(noise((16, 16, 16)), 12.0)[0].status is Status.NOT_APPLICABLE


def test_radial_means_count_voxels():
    rng = np.random.default_rng(0)
    positions, values_ = rng.normal(size=(500, 3)), rng.normal(size=500)
    radii, means, counts = radial_means(positions, {"a": values_}, 0.5)
    assert counts.sum() == 500
    assert np.average(means["a"], weights=counts) == pytest.approx(values_.mean())
    radius = np.linalg.norm(positions - positions.mean(axis=0), axis=1)
    first = (radius < 0.5)
    assert radii[0] == 0.25 and means["a"][0] == pytest.approx(values_[first].mean())
