import numpy as np
import pytest

from vrs.checks import get_check, run_check
from vrs.checks.level_4 import orientations
from vrs.images.symmetry import point_group
from vrs.inputs import compose
from vrs.inputs.particles import ParticleEvidence
from vrs.inputs.reported import Reported
from vrs.results import Status
from vrs.tests.checks.level_4.orientations import evidence_of, rotations_of, table_of

CHECK = get_check("4.g")


def run(*args, **kwargs):
    result, _ = run_check(CHECK, evidence_of(*args, **kwargs))
    return result, {name: metric.value for name, metric in result.metrics.items()}


@pytest.mark.parametrize("kind, efficiency, tolerance", [
    ("uniform", 0.99, 0.01), ("side", 0.71, 0.02), (30, 0.35, 0.03)])
def test_known_distributions(kind, efficiency, tolerance):
    # The tolerance is the noise of 5000 views.
    _, found = run(kind, 5000)
    assert found["efficiency"] == pytest.approx(efficiency, abs=tolerance)


def test_an_even_distribution_is_ok_and_gives_the_reported_resolution():
    result, found = run("uniform", 5000, resolution=4.0)
    assert result.status is Status.OK
    assert found["mean_resolution"] == pytest.approx(4.0, rel=0.01)
    assert found["reported_ratio"] == pytest.approx(1, abs=0.01)
    assert found["particles_used"] == 5000


def test_views_from_the_top_warn_and_are_worst_along_the_axis():
    result, found = run("top", 3000)
    assert result.status is Status.WARNINGS and found["efficiency"] < 0
    assert abs(found["worst_direction"][2]) > 0.95
    assert found["empty_percentage"] > 50


def test_symmetry_fills_what_one_view_leaves():
    # Views from the side along one axis only; the octahedral group has three of them.
    _, alone = run("top", 3000)
    _, expanded = run("top", 3000, symmetry="O")
    assert expanded["efficiency"] > 0.5 > alone["efficiency"]


def test_the_diameter_is_told_or_half_of_the_box():
    particles = ParticleEvidence(table_of(rotations_of("uniform", 2500)))
    result, _ = run_check(CHECK, compose(reported=Reported(3.0), particles=particles))
    assert result.metrics["diameter"].value == 150.0  # half of 200 pixels of 1.5 Å
    assert "half of the box" in result.content[0].text


@pytest.mark.parametrize("resolution, rotations, words", [
    (None, True, "resolution"), (3.0, False, "no angles")])
def test_what_it_cannot_do_without(resolution, rotations, words):
    table = table_of(rotations_of("uniform", 10))
    if not rotations:
        table = type(table)(optics=table.optics, group=table.group, contrast=table.contrast)
    result, _ = run_check(CHECK, compose(reported=Reported(resolution),
                                         particles=ParticleEvidence(table)))
    assert result.status is Status.NOT_RUN and words in result.reason


def test_too_few_particles_are_not_judged():
    result, _ = run("uniform", 99)
    assert result.status is Status.NOT_MEASURED and "at least 100" in result.reason
    # Chance alone does not break the criterion of so many.
    result, found = run("uniform", 100)
    assert result.status is Status.OK and found["efficiency"] > 0.9


def test_a_particle_below_the_resolution_is_a_mistake():
    result, _ = run("uniform", 200, resolution=4.0, diameter=2.0)
    assert result.status is Status.NOT_MEASURED
    assert "2 Å, as it was given, is not larger" in result.reason


def test_without_any_size_it_says_what_to_give():
    table = table_of(rotations_of("uniform", 200))
    bare = type(table)(optics=(type(table.optics[0])(),), group=table.group,
                       contrast=table.contrast, rotations=table.rotations)
    result, _ = run_check(CHECK, compose(reported=Reported(3.0),
                                         particles=ParticleEvidence(bare)))
    assert result.status is Status.NOT_MEASURED and "--diameter" in result.reason


def test_views_are_drawn_where_they_are():
    _, figure, _ = run_check(CHECK, evidence_of(15, 4000))[0].content
    assert np.abs(figure.directions[figure.values.argmax()][2]) > np.cos(np.radians(20))
    assert figure.values.mean() == pytest.approx(1)


def test_many_views_are_counted_in_pieces(monkeypatch):
    views, group = rotations_of(40, 3000)[:, 2], point_group("D2")
    whole = orientations.view_map(views, group)
    monkeypatch.setattr(orientations, "_CHUNK", 700)
    np.testing.assert_array_equal(orientations.view_map(views, group).values, whole.values)
