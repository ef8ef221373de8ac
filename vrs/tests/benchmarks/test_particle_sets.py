"""Sets of particles of the bench are what they say."""

from dataclasses import replace

import numpy as np
import pytest

from vrs.io.maps import read_map
from vrs.io.particles import read_particles

particle_sets = pytest.importorskip("benchmarks.verdicts.particle_sets")
particle_making = pytest.importorskip("benchmarks.verdicts.particle_making")

SETS = particle_sets.SETS
# Of one name, and so with the same random numbers, whatever the fault.
ONE = replace(SETS["rcc1-0.1-plain"], count=60)


@pytest.fixture(scope="module")
def written(test_data, tmp_path_factory):
    """Writes a set; gives what is said of it, and its table."""
    test_data("structures")

    def of(one):
        given = particle_making.write(one, str(tmp_path_factory.mktemp("set")))
        return given, read_particles(given["particles"])[0]
    return of


@pytest.fixture(scope="module")
def sound(written):
    return written(ONE)


def test_both_parts_have_sound_sets_and_all_faults_are_planted():
    assert len(SETS) == len(particle_sets.SOUND) + len(particle_sets.FAULTY)
    assert {one.fault for one in particle_sets.FAULTY} == set(particle_sets.FAULTS)
    for sets in (particle_sets.SOUND, particle_sets.FAULTY):
        parts = [one.part for one in sets]
        assert 0.3 < parts.count("setting") / len(parts) < 0.7


def test_the_table_has_its_fault_and_no_other(written, sound):
    _, right = sound
    _, defocus = written(replace(ONE, fault="defocus"))
    error = defocus.defocus[:, 0] - right.defocus[:, 0]
    assert set(np.round(error)) == {0, 1000}
    assert len(set(right.micrograph[error > 500])) == 1
    np.testing.assert_array_equal(defocus.rotations, right.rotations)
    _, angles = written(replace(ONE, fault="angles20"))
    wrong = np.any(angles.rotations != right.rotations, axis=(1, 2)).sum()
    # 12 ± 3.1 of 60.
    assert 3 <= wrong <= 21
    np.testing.assert_array_equal(angles.defocus, right.defocus)
    _, pixel = written(replace(ONE, fault="pixel"))
    assert pixel.optics[0].sampling == pytest.approx(1.03 * right.optics[0].sampling, rel=1e-5)


def test_the_map_is_mirrored(written, sound):
    given, table = written(replace(ONE, fault="mirrored"))
    right, mirrored = (read_map(one["map"]).volume for one in (sound[0], given))
    # x = -x about voxel N/2.
    np.testing.assert_array_equal(mirrored[:, :, 1:], right[:, :, 1:][:, :, ::-1])
    np.testing.assert_array_equal(table.rotations, sound[1].rotations)


def test_a_quarter_is_missing_in_the_second_state():
    shown = particle_making.shown(ONE)
    whole = particle_making.scene_of(shown).density()
    part = particle_making.second_state(replace(ONE, fault="missing"), None)
    assert part.sum() / whole.sum() == pytest.approx(0.75, abs=0.08)


def test_views_alone(written):
    given, table = written(SETS["tolb-0-table-top"])
    assert "map" not in given and len(table) == 4000
    # All lie within 35° of z.
    assert table.rotations[:, 2, 2].min() > np.cos(np.radians(35.01))
