from dataclasses import replace

import numpy as np
import pytest

from vrs.checks import get_check, run_check
from vrs.checks.estimates import reported_ratio
from vrs.checks.level_1.fsc3d import sphericity
from vrs.numerics import sphere
from vrs.results import Status
from vrs.tests.checks.level_1.test_fourier_shell_occupancy import data_for, noise, values
from vrs.tests.checks.phantoms import directional_halves, half_maps
from vrs.tests.evidence import by_name


def run(*arguments, **more):
    return run_check(get_check("1.h"), data_for(*arguments, **more))


def ellipsoid(shape, semi_axes):
    """1 within an ellipsoid of semi-axes z, y, x in voxels, falling off linearly beyond."""
    grid = np.meshgrid(*[np.arange(n) - n // 2 for n in shape], indexing="ij")
    radius = np.sqrt(sum((axis / semi) ** 2 for axis, semi in zip(grid, semi_axes)))
    return np.clip(1.5 - radius, 0, 1).astype(np.float32)


@pytest.mark.parametrize("semi_axes, expected", [
    ((24, 24, 24), 1.0), ((12, 24, 24), 0.9137), ((24, 24, 8), 0.7854)])
def test_sphericity_of_ellipsoids(semi_axes, expected):
    # Oblate: A = 2πa²(1 + (1 - e²) artanh(e) / e). The steps of voxels add 1 to 3 % to the area.
    found = sphericity(ellipsoid((64, 64, 64), semi_axes), 1.0, 0.5)
    assert found == pytest.approx(expected, abs=0.03)


def test_sphericity_knows_the_sides_of_the_box():
    assert sphericity(ellipsoid((64, 48, 32), (24, 18, 12)), 1.0, 0.5) == pytest.approx(1, abs=0.03)


def test_sphericity_ignores_islands():
    volume = ellipsoid((64, 64, 64), (20, 20, 20))
    expected = sphericity(volume, 1.0, 0.5)
    volume[2:6, 2:6, 2:6] = 1
    assert sphericity(volume, 1.0, 0.5) == expected


@pytest.fixture(scope="module")
def isotropic():
    half1, half2, fsc = half_maps((80, 72, 80), 1.5, 6)
    return run((half1, half2), 6.0), fsc


def test_isotropic_halves(isotropic):
    (result, volumes), _ = isotropic
    found = values(result)
    assert result.status is Status.OK
    assert found["resolution"] == pytest.approx(6, rel=0.04)
    for axis in "xyz":
        assert found["resolution_" + axis] == pytest.approx(6, rel=0.15)
    assert found["cfar"] > 0.7 and found["sphericity"] > 0.85
    assert found["worst_snr_upper"] > 0.4
    fsc3d = by_name(volumes)["fsc3d"]
    assert fsc3d.shape == (80, 72, 80) and fsc3d.dtype == np.float32


def test_known_curve_in_all_directions(isotropic):
    (result, volumes), fsc = isotropic
    curves = {curve.name: curve for curve in result.curves}
    assert set(curves) == {"fsc_global", "fsc_x", "fsc_y", "fsc_z"}
    for curve in curves.values():
        np.testing.assert_allclose(curve.frequencies, np.arange(41) / (80 * 1.5))
    shells = np.arange(12, 41)
    known = fsc(curves["fsc_global"].frequencies[shells])
    # Deviation 0.02 in the smallest of these shells.
    np.testing.assert_allclose(curves["fsc_global"].values[shells], known, atol=0.06)
    for axis in "xyz":
        # Deviations of some 0.1 in a cone of 20° at these shells.
        error = curves["fsc_" + axis].values[shells] - known
        assert abs(error.mean()) < 0.04 and np.abs(error).max() < 0.3
    row = by_name(volumes)["fsc3d"][40, 36, 40:]
    np.testing.assert_allclose(row[12:40], curves["fsc_x"].values[12:40], atol=0.02)


def test_bad_direction_is_found():
    # The signal-to-noise ratio goes with the fourth power of the resolution: 0.06 times.
    result, _ = run(directional_halves((80, 80, 80), 1.5, 4.5, 9, (1, 0, 0)))
    found = values(result)
    assert len(result.serious_warnings) == 1 and "Views are missing" in result.warnings[0]
    assert found["worst_snr"] < 0.15 and found["worst_snr_upper"] < 0.3
    assert sphere.axis_angles(np.array(found["least_sampled_direction"]), (1, 0, 0)) < 20
    assert result.service is None
    assert sphere.axis_angles(np.array(found["worst_direction"]), (1, 0, 0)) < 10
    # The noise of single cones moves their crossings.
    assert found["resolution_x"] > 1.6 * found["resolution_y"]
    assert found["resolution_y"] == pytest.approx(4.5, rel=0.2)
    assert found["cfar"] < 0.6


def test_noise_resolves_nothing():
    result, _ = run(noise((48, 48, 48)), 5.0)
    found = values(result)
    assert found["resolution"] is None and found["reported_ratio"] == 0 and "cfar" not in found
    assert result.status is Status.WARNINGS


def test_identical_halves_reach_nyquist():
    half = noise((40, 40, 40))[0]
    result, _ = run([half, half], 3.0)
    found = values(result)
    assert found["resolution"] == pytest.approx(3) and found["cfar"] == pytest.approx(1)
    assert result.status is Status.OK


def test_overestimated_resolution_warns(isotropic):
    (result, _), _ = isotropic
    metrics = dict(result.metrics)
    assert get_check("1.h").judge(metrics).status is Status.OK
    ratio = reported_ratio(data_for(noise((20, 20, 20)), 4.0), metrics["resolution"].value)
    metrics["reported_ratio"] = replace(metrics["reported_ratio"], value=ratio)
    judged = get_check("1.h").judge(metrics)
    assert judged.status is Status.WARNINGS and len(judged.warnings) == 1
