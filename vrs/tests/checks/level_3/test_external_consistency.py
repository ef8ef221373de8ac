from dataclasses import replace
from types import SimpleNamespace

import mrcfile
import numpy as np
import pytest

from vrs.checks import get_check, run_check
from vrs.checks.level_3.external_consistency import _Matches, _metrics, resampled
from vrs.images.agreement import soft_disc, within
from vrs.inputs import Run, compose
from vrs.inputs.particles import ParticleEvidence
from vrs.io.classes import ClassAverages, read_classes
from vrs.io.particles import read_particles
from vrs.numerics.image_plane import ImagePlane
from vrs.results import Slices, Status
from vrs.simulation.particle_sets import class_set
from vrs.tests.checks.particle_sets import SAMPLING, evidence_of, volume_of
from vrs.tests.images.test_plane import blobs

CHECK = get_check("3.c")


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return class_set(tmp_path_factory.mktemp("sound"), volume_of(), SAMPLING, 6, 40, 0.2, seed=1)


def run(table, **options):
    result, _ = run_check(CHECK, evidence_of(table, **options))
    return result, {name: metric.value for name, metric in result.metrics.items()}


def test_sound_classes_are_found_again(sound):
    result, found = run(sound.table)
    assert result.status is Status.OK
    assert (found["classes"], found["particles_used"]) == (6, 240)
    assert found["matched_percentage"] > 80 and found["expected_percentage"] > 80
    interval = found["matched_interval"]
    assert interval["lower"] <= found["matched_percentage"] <= interval["upper"]
    assert found["match_p_value"] > 0.05 and found["p_value"] is None
    [pictures] = [block for block in result.content if isinstance(block, Slices)]
    one, other = (panel.image for panel in pictures.panels[::3])
    # They are shown in the same position.
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.7


def test_classes_that_particles_were_not_sorted_into_do_not_match(sound):
    rng = np.random.default_rng(0)
    result, found = run(replace(sound.table, plane_class=rng.permutation(sound.table.plane_class),
                                psi=rng.permutation(sound.table.psi)))
    assert result.status is Status.WARNINGS
    assert found["matched_percentage"] == 0 and found["expected_percentage"] > 80


def test_averages_of_something_else_do_not_match(sound, tmp_path):
    other = class_set(tmp_path, volume_of(7), SAMPLING, 6, 1, 100.0, seed=2, spread=0.0)
    averages = mrcfile.read(other.table.files[0]).astype(np.float32)
    result, found = run(sound.table, classes=ClassAverages(averages, np.arange(1, 7), ("",) * 6,
                                                           SAMPLING))
    assert result.status is Status.WARNINGS and found["match_p_value"] < 0.01
    assert "they may belong to other particles" in result.warnings[0]
    few, _ = run(sound.table, classes=ClassAverages(averages[:4], np.arange(1, 5), ("",) * 4,
                                                    SAMPLING))
    assert few.status is Status.NOT_MEASURED and "lack class 5, 6" in few.reason


def test_too_few_classes_are_not_compared(sound):
    one, _ = run(sound.table.take(sound.table.plane_class == 1))
    assert one.status is Status.NOT_MEASURED and "Only 1 class has enough" in one.reason
    rows = [np.flatnonzero(sound.table.plane_class == number)[:number] for number in (1, 2, 3)]
    few, _ = run(sound.table.take(np.concatenate(rows)))
    assert few.status is Status.NOT_MEASURED and "at least 20 are needed" in few.reason


def test_averages_are_brought_to_the_sampling_of_the_particles():
    """Gaussians at 2 Å in 112 pixels and at 3.5 Å in 64."""
    places = np.array([(40.0, 12.0), (-50.0, 30.0), (10.0, -45.0)])

    def drawn(size, sampling):
        grid = sampling * (np.mgrid[:size, :size] - size // 2)
        return blobs(grid, places, 9.0).astype(np.float32)[None]

    band = ImagePlane(64, last=11)
    compared = SimpleNamespace(box=64, sampling=3.5, diameter=50.0, band=band)
    expected = band.images(band.coefficients(within(drawn(64, 3.5), soft_disc(64, 50.0))))[0]
    for size, sampling in ((112, 2.0), (80, 3.5), (64, 3.0), (65, 3.5)):
        found = resampled(drawn(size, sampling), sampling, compared)[0]
        assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.99, size


def test_classes_are_compared_with_own_ones_of_their_size():
    own = np.array([0.9] * 10 + [0.6] * 10)
    matches = _Matches(np.array([0.9, 0.6]), np.array([100, 30]), own,
                       np.array([100] * 10 + [30] * 10))
    assert matches.chances == pytest.approx([5.5 / 6, 0.5 / 6])
    assert matches.p_value(0) == pytest.approx((1 - 5.5 / 6) * (1 - 0.5 / 6))
    assert matches.p_value(2) == pytest.approx(1)


def test_matches_that_are_lower_by_next_to_nothing_do_not_warn():
    """Of many classes, the test of the distributions finds differences that do not matter."""
    rng, sizes = np.random.default_rng(0), np.full(50, 40)
    own = 0.985 + 0.002 * rng.standard_normal(100)
    for lower, status in ((0.003, Status.OK), (0.1, Status.WARNINGS)):
        matches = _Matches(own[:50] - lower, sizes, own, np.tile(sizes, 2))
        values = _metrics(matches, 2000, 0)
        assert values["p_value"] < 1e-3
        assert values["match_shortfall"] == pytest.approx(lower, abs=0.001)
        assert CHECK.judge(CHECK.measured(values)).status is status


def betagal(test_data, classes=None):
    table, _ = read_particles(test_data("particles", "relion5_betagal", "particles_21-25.star"))
    table = table.take(np.isin(table.plane_class, (26, 28, 50, 38, 47, 22, 20)))
    result, _ = run_check(CHECK, compose(Run(1, 0), classes=classes,
                                         particles=ParticleEvidence(table, "D2", 180.0)))
    return result, {name: metric.value for name, metric in result.metrics.items()}


def test_classes_of_real_particles_are_found_again(test_data):
    result, found = betagal(test_data)
    assert result.status is Status.OK and found["match_p_value"] > 0.05


def test_classes_of_a_lysate_are_not(test_data):
    lysate, _ = read_classes(test_data("particles", "slicem_classes", "mixture_2D.mrcs"), 3.54)
    result, found = betagal(test_data, lysate)
    assert result.status is Status.WARNINGS
    assert found["matched_percentage"] < 20 and found["match_p_value"] < 0.01
