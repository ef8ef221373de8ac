from dataclasses import replace

import mrcfile
import numpy as np
import pytest

from vrs.checks import get_check, run_check
from vrs.checks.level_4 import overfitting
from vrs.images.ctf import Contrast
from vrs.images.gallery import Rings, gallery_of_map
from vrs.images.halves import Growth
from vrs.images.projector import Projector
from vrs.images.refine import LocalSearch, align
from vrs.images.search import Search, shift_grid
from vrs.images.symmetry import asymmetric_unit, point_group
from vrs.results import Status
from vrs.simulation.particle_sets import particle_set
from vrs.tests.checks.particle_sets import SAMPLING, evidence_of, volume_of
from vrs.tests.images.test_search import protein

CHECK = get_check("4.f")
COUNT = 240
# Of the reported resolution, so that the images are small: 36 pixels.
RESOLUTION = 16.0


@pytest.fixture(scope="module", autouse=True)
def coarse():
    """Directions farther apart than the item's are enough up to 20 Å."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overfitting, "_SPACING", 10.0)
        yield


def run(table, volume, **kwargs):
    result, _ = run_check(CHECK, evidence_of(table, volume, RESOLUTION, **kwargs))
    return result, {name: metric.value for name, metric in result.metrics.items()}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return particle_set(tmp_path_factory.mktemp("sound"), volume_of(), SAMPLING, COUNT, 0.1, seed=3)


@pytest.fixture(scope="module")
def judged(sound):
    return run(sound.table, volume_of())


def aligned(table, volume):
    """The table of images that were aligned to the map to 20 Å."""
    projector = Projector(volume, SAMPLING, 64)
    gallery = gallery_of_map(projector, Rings(64, 2, 11),
                             asymmetric_unit(point_group("C1"), 10.0, mirror=True))
    with mrcfile.open(table.files[0]) as stack:
        poses = align(Search(gallery, 40, SAMPLING, shift_grid(1.5, 1.5)),
                      LocalSearch(projector, 40, 2, 11), np.array(stack.data), Contrast.of(table))
    return replace(table, rotations=poses.rotations.astype(np.float32),
                   shifts=poses.shifts * SAMPLING)


def test_a_sound_set_resolves_beyond_the_noise(judged):
    result, found = judged
    assert result.status is Status.OK, (result.reason, result.warnings)
    assert found["sizes"] == [7, 24, 72, 180, 240] and found["particles_used"] == COUNT
    assert found["judged_sizes"] >= 2 and found["not_better_sizes"] == 0
    assert found["resolutions"][-1] < 15 < 18 < found["noise_resolutions"][-1]
    # Angles are found again from coarse detail.
    assert found["realigned_resolutions"][-1] == pytest.approx(found["resolutions"][-1], abs=1.5)
    assert found["permuted_resolutions"][-1] > 25
    # 0 but for chance: a shell has about 300 independent coefficients, and there are five shells.
    assert abs(found["fixed_noise_fsc"]) < 0.08


def test_figures_show_particles_and_controls(judged):
    _, growth, curves = judged[0].content
    assert [series.label for series in growth.series] == [
        "particles", "particles, aligned again", "aligned noise", "particles, others' angles"]
    assert len(curves.series) == 6 and curves.zone[1] == 1 / 20


def test_permuted_angles_are_found(sound):
    rotations = sound.table.rotations[np.random.default_rng(1).permutation(COUNT)]
    result, found = run(replace(sound.table, rotations=rotations), volume_of())
    assert result.status is Status.WARNINGS
    assert found["not_better_sizes"] == found["judged_sizes"] > 0
    assert found["realigned_advantage"] > 5  # The images are good.


def test_a_shell_that_all_directions_share_is_no_fault(tmp_path):
    axis = SAMPLING * (np.arange(64) - 32)
    radius = np.sqrt(axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis ** 2)
    lumps = volume_of() / volume_of().max() * np.exp(-(radius / 60) ** 8)
    volume = (2 * lumps + np.exp(-(radius - 50) ** 2 / (2 * 4.0 ** 2))).astype(np.float32)
    table = particle_set(tmp_path, volume, SAMPLING, COUNT, 0.5, seed=3).table
    result, found = run(table, volume)
    assert result.status is Status.OK, (result.reason, result.warnings)
    # Those of others resolve nearly as much: the shell is the same with any angles.
    assert found["permuted_resolutions"][-1] < found["resolutions"][-1] + 1.5
    permuted = np.random.default_rng(1).permutation(COUNT)
    result, found = run(replace(table, rotations=table.rotations[permuted]), volume)
    assert result.status is Status.WARNINGS and found["not_better_sizes"] > 1


def test_noise_that_was_aligned_to_the_map_is_found(tmp_path):
    made = particle_set(tmp_path, volume_of(), SAMPLING, COUNT, 0.1, seed=3, junk=1.0)
    result, found = run(aligned(made.table, volume_of()), volume_of())
    assert result.status is Status.WARNINGS, result.reason
    # It does look like a map within the band.
    assert found["resolutions"][-1] < 20
    assert found["resolutions"][-1] == pytest.approx(found["noise_resolutions"][-1], abs=1)


def test_symmetry_counts(tmp_path):
    volume = protein(0, point_group("D2"), 40)
    made = particle_set(tmp_path, volume, SAMPLING, 200, 0.05, seed=5)
    result, found = run(made.table, volume, symmetry="D2")
    assert result.status is Status.OK, (result.reason, result.warnings)
    assert found["resolutions"][-1] < 15


def test_halves_of_the_table_are_kept(sound):
    table = replace(sound.table, subset=np.where(np.arange(COUNT) < 168, 1, 2).astype(np.int8))
    result, _ = run(table, volume_of())
    assert result.status is Status.NOT_MEASURED and "168 and 72" in result.reason


def test_coarse_images_are_not_judged(sound):
    result, _ = run_check(CHECK, evidence_of(sound.table, volume_of(), 22.0))
    assert result.status is Status.NOT_MEASURED and "finer detail" in result.reason


def test_few_particles_are_not_judged(sound):
    result, _ = run(sound.table.take(np.arange(199)), volume_of())
    assert result.status is Status.NOT_MEASURED and "at least 200" in result.reason


def growth(resolutions, error=1e-4, falls=True):
    frequencies = 1 / np.array(resolutions, float)
    count = len(frequencies)
    return Growth(frequencies, np.full(count, error), np.full(count, falls), np.zeros((count, 9)),
                  {})


def test_the_b_factor_is_that_of_the_law():
    sizes = np.array([300, 1000, 3000, 7500, 10000])
    # N = exp(B/(2 d²)) particles times a constant, B = 150 Å².
    particles = growth(np.sqrt(150 / 2 / (np.log(sizes) - 4)))
    slope, intercept, error = overfitting._fit(sizes, particles, 0.05)
    assert 2 / slope == pytest.approx(150, rel=1e-6) and error > 0
    assert intercept == pytest.approx(-4 * slope)
    assert overfitting._fit(sizes, growth([30, 25, 21, 19, 15]), 0.05) is None
    assert overfitting._fit(sizes, growth([9, 8, 7, 7, 7], falls=False), 0.05) is None


class Trial:
    edges = np.full(5, 1 / 19)

    def __init__(self, twin):
        self.twin = twin

    def growth(self, name):
        assert name == "twin"
        return growth(self.twin)


NOISE, GOOD = [45, 23, 21, 20, 19.5], [21, 18, 15, 13, 12]


@pytest.mark.parametrize("user, excess, realigned, twin, better, advantage, is_open", [
    (GOOD, [9] * 5, [22, 19, 15, 13, 12], None, 4, True, False),
    # Beyond the noise only as its angles were fitted to fine detail.
    (GOOD, [9] * 5, NOISE, GOOD, 4, False, False),
    # Just beyond the band with a part of the particles.
    ([21, 20, 18.99, 17, 15], [9] * 5, [21, 20, 18.99, 17, 15], None, 2, True, False),
    # So few that right angles would not be found either.
    ([21, 20, 20, 19, 15], [9] * 5, NOISE, NOISE, 1, None, True),
    # Many good particles with the angles of others add up to something, too.
    ([50, 45, 35, 30, 16], [1, 1, -1, 0, 1], GOOD, None, 0, True, False)])
def test_verdicts(user, excess, realigned, twin, better, advantage, is_open):
    found = overfitting._judged(Trial(twin), growth(user), growth(NOISE), growth(realigned),
                                np.array(excess))
    assert (found.better & found.judged).sum() == better and found.is_open is is_open
    assert (found.advantage is None) if advantage is None else (
        (found.advantage >= 2) is advantage)
