import functools

import numpy as np
import pytest

from vrs.checks import get_check, run_check
from vrs.checks.level_4 import best_views
from vrs.checks.level_4.alignability import scores
from vrs.checks.level_4.best_views import BEST_VIEWS, excess, require_signal
from vrs.checks.particle_images import ASSIGNED_PARTICLES
from vrs.errors import NotMeasured
from vrs.images.symmetry import view_distance
from vrs.results import Plot, Slices, Status, Table, from_json, to_json
from vrs.simulation.particle_sets import particle_set
from vrs.tests.checks.particle_sets import SAMPLING, evidence_of, volume_of
from vrs.tests.images.test_gallery import D2
from vrs.tests.images.test_search import protein

COUNT = 80
SMOOTHNESS, ALIGNABILITY = get_check("4.b"), get_check("4.c")
# The cropped images have 48 of 64 pixels, and the noise of the band that is left.
FEWER_PIXELS = (64 / 48) ** 2


@functools.lru_cache(maxsize=None)
def symmetric_volume():
    return protein(0, D2, atoms=30)


def evidence_of_table(table, symmetry="D2"):
    if symmetry == "C1":
        return evidence_of(table, volume_of(), resolution=12.0)
    return evidence_of(table, symmetric_volume(), resolution=12.0, symmetry=symmetry)


def evidence_with(folder, snr=0.05, count=COUNT, symmetry="D2", **faults):
    volume = volume_of() if symmetry == "C1" else symmetric_volume()
    made = particle_set(folder, volume, SAMPLING, count, snr, **faults)
    return made, evidence_of_table(made.table, symmetry)


def run(check, evidence):
    result, _ = run_check(check, evidence)
    return result, {name: metric.value for name, metric in result.metrics.items()}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return evidence_with(tmp_path_factory.mktemp("sound"))


@pytest.mark.parametrize("symmetry, count, limit, chance", [
    ("C1", 50, 10.0, 0.76), ("D2", COUNT, 9.94, 3.0)])
def test_sound_particles_pass(tmp_path, symmetry, count, limit, chance):
    _, evidence = evidence_with(tmp_path, count=count, symmetry=symmetry)
    result, found = run(SMOOTHNESS, evidence)
    assert result.status is Status.OK
    assert found["beyond_limit_percentage"] <= 3
    assert found["limit"] == pytest.approx(limit, abs=0.01)
    assert found["chance_percentage"] == pytest.approx(chance, abs=0.01)
    assert 0 <= found["beyond_limit_interval"]["lower"] <= found["beyond_limit_percentage"]
    # Half of the grid step on average, and noise.
    assert 1 < found["median_distance"] < 4
    assert found["snr"] == pytest.approx(0.05 * FEWER_PIXELS, rel=0.2)
    assert found["particles_used"] == found["simulated_particles"] == count
    [values] = result.particles
    assert values.name == "vrsViewDistance" and len(values.values) == count
    result, found = run(ALIGNABILITY, evidence)
    assert result.status is Status.OK
    assert found["median_precision"] > 0.95 and found["median_accuracy"] > 0.95


def test_wrong_angles_are_found_and_told_particle_by_particle(tmp_path):
    made, evidence = evidence_with(tmp_path, wrong_angles=0.3)
    planted = view_distance(made.table.rotations[:, 2], made.truth.rotations[:, 2], D2) > 8
    result, found = run(SMOOTHNESS, evidence)
    assert result.status is Status.WARNINGS and len(result.warnings) == 1
    assert found["beyond_limit_percentage"] == pytest.approx(100 * planted.mean(), abs=4)
    # Wrong angles weaken the signal that is measured, which is made up for.
    assert found["expected_beyond_limit_percentage"] <= 4
    assert found["snr"] == pytest.approx(0.05 * FEWER_PIXELS, rel=0.35)
    distances = result.particles[0].values
    assert np.mean((distances > 10) == planted) >= 0.96
    result, found = run(ALIGNABILITY, evidence)
    assert result.status is Status.WARNINGS
    assert [outcome.name for outcome in result.criteria if outcome.outcome == "broken"] == [
        "4.c.accuracy"]
    # The images are as good as ever.
    assert found["precision_below_05_percentage"] <= 4
    precision, accuracy = result.particles
    assert np.median(accuracy.values[planted]) < 0.4 < 0.95 < np.median(accuracy.values[~planted])
    assert accuracy.values.min() >= -1 and precision.values.max() <= 1
    [listed] = [block for block in result.content if isinstance(block, Table)]
    rows = [int(cells[0]) - 1 for cells in listed.rows]
    assert planted[rows].all() and float(listed.rows[0][3]) == round(accuracy.values.min(), 2)
    [pictures] = [block for block in result.content if isinstance(block, Slices)]
    assert len(pictures.panels) == 3
    [course] = [block for block in result.content if isinstance(block, Plot)]
    assert course.series[1].y[29] == pytest.approx(found["accuracy_below_05_percentage"], abs=0.1)
    assert course.series[1].y[-1] == pytest.approx(100)


def test_angles_of_other_particles_are_no_better_than_chance(tmp_path):
    _, evidence = evidence_with(tmp_path, permuted=True)
    for check in (SMOOTHNESS, ALIGNABILITY):
        result, found = run(check, evidence)
        assert result.status is Status.WARNINGS and found["p_value"] > 0.01
        assert any("do not belong to these images" in text for text in result.warnings)


def test_images_without_a_particle_do_not_determine_an_orientation(tmp_path):
    made, evidence = evidence_with(tmp_path, snr=0.2, count=60, junk=0.5)
    precision = run(ALIGNABILITY, evidence)[0].particles[0].values
    assert np.mean(precision[made.junk] < 0.5) > 0.4
    assert np.mean(precision[~made.junk] < 0.5) < 0.05


def test_views_travel_and_are_modulo_symmetry(sound):
    made, evidence = sound
    kept = from_json(to_json(evidence.shared(BEST_VIEWS)))
    # Two random ones of four equivalent directions.
    assert kept.random_distance == pytest.approx(44.3, abs=0.5)
    given = made.truth.rotations[:, 2]
    equivalent = np.einsum("ni,nij->nj", given, D2[np.arange(len(given)) % 4])
    assert np.abs(given - equivalent).max() > 0.5
    for one, other in zip(scores(kept, given, D2), scores(kept, equivalent, D2)):
        np.testing.assert_allclose(one, other, atol=1e-5)
        assert np.median(one) > 0.95


def test_too_few_particles_are_not_judged(tmp_path):
    _, evidence = evidence_with(tmp_path, count=30)
    for check in (SMOOTHNESS, ALIGNABILITY):
        result, _ = run(check, evidence)
        assert result.status is Status.NOT_MEASURED and "at least 50" in result.reason


def test_noise_is_not_taken_for_wrong_angles():
    with pytest.raises(NotMeasured, match="60 % of simulated particles"):
        require_signal(60.0, 1e-9)
    require_signal(60.0, 0.5)  # Worse than noise explains.
    require_signal(40.0, 1e-9)


def test_what_noise_explains_does_not_count():
    bad, expected = np.arange(1000) < 400, np.arange(1000) < 380
    found = excess("beyond_limit", bad, expected)
    assert found["beyond_limit_percentage"] == pytest.approx(40)
    # Of 620 particles that noise leaves in place 20 are not there.
    assert found["beyond_limit_excess"] == pytest.approx(2 / 0.62)
    # The error of a difference of such shares is 2.2 %.
    assert found["beyond_limit_excess_interval"] == pytest.approx(
        {"lower": (2 - 1.96 * 2.18) / 0.62, "upper": (2 + 1.96 * 2.18) / 0.62}, abs=0.15)
    all_bad = np.ones(1000, bool)
    assert excess("beyond_limit", all_bad, all_bad)["beyond_limit_excess"] == 0


def test_scale_of_a_signal_that_was_measured_too_weak(sound):
    found = sound[1].shared(ASSIGNED_PARTICLES)
    comparison = best_views._Comparison(found)
    simulation = best_views._Simulation(found, comparison, 5)
    assert simulation.scale(simulation.best(1.0)[2][:, 0]) == 1.0
    stronger = best_views._Simulation(found, comparison, 6).best(2.0)[2][:, 0]
    assert simulation.scale(stronger) == pytest.approx(2.0, rel=0.15)
