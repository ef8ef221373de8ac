import numpy as np
import pytest

from vrs import inputs
from vrs.checks import get_check, run_check
from vrs.checks.level_4 import compensation
from vrs.checks.level_4.orientations import sphere_maps
from vrs.images.sampling import SamplingFactor, TiltedSampling
from vrs.images.symmetry import point_group
from vrs.numerics import sphere
from vrs.results import Status
from vrs.tests.checks.level_4.orientations import evidence_of, rotations_of

CHECK = get_check("4.h")


def run(*args, **kwargs):
    result, _ = run_check(CHECK, evidence_of(*args, **kwargs))
    return result, {name: metric.value for name, metric in result.metrics.items()}


@pytest.mark.parametrize("kind, scf_star", [
    # Figures of the authors' program for 10,000 views; 8/π² for views from the side.
    ("uniform", 0.990), ("side", 0.804), (45, 0.0470), (60, 0.1158)])
def test_known_distributions(kind, scf_star):
    _, found = run(kind, 10000)
    assert found["scf_star"] == pytest.approx(scf_star, abs=0.005)


def test_verdicts():
    assert run("uniform", 5000)[0].status is Status.OK
    assert run("side", 5000)[0].status is Status.OK
    result, found = run("top", 5000)
    assert result.status is Status.WARNINGS and found["scf_star"] < 0.01
    assert "0.81" in result.warnings[0]


def test_no_more_than_10000_are_taken_but_all_are_told():
    _, found = run(60, 30000)
    assert found["particles_used"] == 10000 and found["particles"] == 30000
    # With an empty region it falls like 1/n: three times as many give a third.
    assert found["scf_star_of_all"] == pytest.approx(found["scf_star"] / 3, rel=0.2)


def test_the_tilt_that_helps_is_computed():
    result, found = run(20, 5000)
    assert 20 <= found["helpful_tilt"] <= 60
    assert ("tilted by %.0f°, which would bring SCF* to %.2f" % (
        found["helpful_tilt"], found["tilted_scf_star"])) in result.warnings[0]
    assert found["tilted_scf_star"] >= 0.5
    tilted = TiltedSampling(np.array([5.0, 10.0, 15.0]), np.array([0.2, 0.3, 0.25]), 10.0, None)
    assert compensation._reached(tilted) == 0.3


def test_too_few_particles_are_not_judged():
    result, _ = run("uniform", 1999)
    assert result.status is Status.NOT_MEASURED and "2000" in result.reason


def test_symmetry_counts():
    # Views along one axis of the octahedral group are views along all three.
    assert run("top", 3000, symmetry="O")[1]["empty_percentage"] < (
        run("top", 3000)[1]["empty_percentage"])


def test_a_real_table(test_data):
    found = inputs.load({"particles": str(test_data("particles", "starfile.star"))})
    result, _ = run_check(CHECK, found)
    # The authors' program gives 0.4693 for the same particles.
    assert result.metrics["scf_star"].value == pytest.approx(0.4693, abs=0.0005)
    assert np.isclose(result.metrics["empty_percentage"].value, 0)


def test_a_tilt_that_does_not_help_is_not_advised():
    tilted = TiltedSampling(np.array([5.0, 10.0]), np.array([0.7, 0.6]), 5.0, None)
    found = SamplingFactor(0.75, 0.75, 0.0, np.zeros((1, 3)), np.ones(1), 3000, 1)
    assert "would not raise" in compensation._advice(found, tilted)


def test_one_particle_is_singular():
    result, _ = run("uniform", 1)
    assert result.reason.startswith("The table has 1 particle;")


@pytest.mark.parametrize("count", [5000, 60000])
def test_views_are_shown_over_the_whole_sphere(count):
    """Within 45° of Z, so evenly over (1 - cos 45°)/2 of the sphere; with C2 about Z no others."""
    views = rotations_of(45, count)[:, 2]
    directions = sphere.spiral(100)
    figure = sphere_maps(views, point_group("C2"), directions, np.arange(100.0))
    seen, sampled = figure.panels
    inside = seen.directions[:, 2] > np.cos(np.radians(40))
    outside = seen.directions[:, 2] < np.cos(np.radians(50))
    assert seen.values[inside].mean() == pytest.approx(2 / (1 - np.cos(np.radians(45))), rel=0.03)
    assert not seen.values[outside].any()
    np.testing.assert_array_equal(sampled.values, np.tile(np.arange(100.0), 2))
    np.testing.assert_array_equal(sampled.directions[100:], -directions)
    # With D2 they are seen from below as well.
    below = sphere_maps(views, point_group("D2"), directions, np.ones(100)).panels[0]
    assert below.values[below.directions[:, 2] < -np.cos(np.radians(40))].mean() == pytest.approx(
        1 / (1 - np.cos(np.radians(45))), rel=0.03)
