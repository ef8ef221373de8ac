from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vrs.checks import get_check, run_check
from vrs.checks.level_4 import independent
from vrs.results import Status
from vrs.simulation.particle_sets import particle_set
from vrs.tests.checks.particle_sets import SAMPLING, evidence_of, volume_of

CHECK, COUNT = get_check("4.d"), 60


@pytest.fixture(scope="module", autouse=True)
def few():
    """Fewer simulated particles, directions and corrections: enough where noise is weak."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(independent, "_SIMULATED", 40)
        patch.setattr(independent, "_CORRECTIONS", 1)
        patch.setattr(independent, "_SPACING", 1.8)
        yield


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return particle_set(tmp_path_factory.mktemp("set"), volume_of(), SAMPLING, COUNT, 0.1)


def run(table):
    result, _ = run_check(CHECK, evidence_of(table, volume_of()))
    return result, {name: metric.value for name, metric in result.metrics.items()}


def test_right_orientations_are_found_again(made):
    result, found = run(made.table)
    assert result.status is Status.OK and not result.warnings
    assert found["beyond_5_degrees_percentage"] < 5 and found["median_angle"] < 2
    assert found["beyond_5_angstrom_percentage"] < 5 and found["median_shift"] < 1.5
    # Simulated particles go as far astray as those: medians of 40 are known to a fifth.
    assert found["expected_median_angle"] == pytest.approx(found["median_angle"], rel=0.35)
    assert found["expected_median_shift"] == pytest.approx(found["median_shift"], rel=0.35)
    assert found["hand"] == "same" and found["common_rotation"] < 1
    assert found["particles_used"] == COUNT and found["particles_simulated"] == 40
    interval = found["beyond_5_degrees_interval"]
    assert interval["lower"] <= found["beyond_5_degrees_percentage"] < interval["upper"]
    angles, shifts = result.particles
    assert np.median(angles.values) == pytest.approx(found["median_angle"])
    assert len(shifts.values) == COUNT and list(shifts.rows) == list(range(COUNT))


def test_wrong_angles_are_found_and_named(made):
    wrong = np.arange(COUNT) % 3 == 0
    rotations = np.where(wrong[:, None, None], Rotation.random(COUNT, random_state=3).as_matrix(),
                         made.table.rotations)
    result, found = run(replace(made.table, rotations=rotations.astype(np.float32)))
    assert result.status is Status.WARNINGS and len(result.warnings) == 1
    assert "another orientation" in result.warnings[0]
    assert found["beyond_5_degrees_percentage"] == pytest.approx(100 / 3, abs=5)
    # What is expected is not raised by wrong angles.
    assert found["expected_beyond_5_degrees_percentage"] < 8
    assert np.median(result.particles[0].values[wrong]) > 60


def test_wrong_shifts_are_found(made):
    shifts = made.table.shifts + np.where(np.arange(COUNT) % 2, 9.0, 0.0)[:, None]
    result, found = run(replace(made.table, shifts=shifts))
    assert result.status is Status.WARNINGS
    assert [("another shift" in warning) for warning in result.warnings] == [True]
    assert found["beyond_5_degrees_percentage"] < 5 < 40 < found["beyond_5_angstrom_percentage"]


def test_an_assignment_to_a_turned_map_is_no_fault(made):
    turn = Rotation.from_rotvec([0.1, 0.3, -0.2]).as_matrix()
    rotations = made.table.rotations @ turn.astype(np.float32)
    result, found = run(replace(made.table, rotations=rotations))
    assert result.status is Status.OK
    assert found["common_rotation"] == pytest.approx(np.degrees(np.sqrt(0.14)), abs=0.7)
    assert any("rotated by 21" in part.text for part in result.content[:2])


def test_images_without_signal_are_not_judged(tmp_path):
    noise = particle_set(tmp_path, volume_of(), SAMPLING, 60, 0.1, junk=1.0)
    result, _ = run(noise.table)
    assert result.status is Status.NOT_MEASURED and "too noisy" in result.reason


def test_few_particles_are_not_judged(made):
    result, _ = run(made.table.take(np.arange(30)))
    assert result.status is Status.NOT_MEASURED and "at least 50" in result.reason


@pytest.mark.parametrize("share, chance, low, high", [
    (0.099, 0.0, 0, 0), (0.25, 0.24, 0, 0), (0.25, 0.02, 5, 12), (1.0, 0.0, 100, 400),
    # Of 24 % one in ten is wrong if 15.6 % go astray by themselves, and none if 24 % do.
    (0.24, 0.157, 0, 0), (0.24, 0.155, 2, 3)])
def test_only_many_that_are_wrong_count(share, chance, low, high):
    assert low <= independent._excess(share, 200, chance, 500) <= high
