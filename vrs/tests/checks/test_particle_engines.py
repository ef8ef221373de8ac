"""Items that programs of others compute from particles and class averages."""

from dataclasses import replace

import numpy as np
import pytest

from vrs.checks import NotMeasured, get_check, run_check
from vrs.checks.level_4 import independent
from vrs.checks.particle_engines import by_row, in_box, with_particles
from vrs.checks.particle_images import CLASS_MEMBERS
from vrs.engines.external import AssignedParticles
from vrs.images.agreement import correlations, soft_disc
from vrs.images.projector import Projector
from vrs.images.symmetry import orientation_distance
from vrs.io.classes import ClassAverages
from vrs.results import Engine, Status, to_json
from vrs.simulation.particle_sets import class_set, particle_set
from vrs.tests.checks.particle_sets import SAMPLING, evidence_of, volume_of


class Stated:
    """An engine of an item whose answer follows from what it is given."""

    engine = Engine("stated", "1.0")

    def __init__(self, item, name, answer):
        self._external, = (one for one in get_check(item).external if one.name == name)
        self._answer = answer

    def compute(self, evidence):
        given = self._external.prepare(evidence)
        return self._external.findings(evidence, *self._answer(given))


def run(item, name, answer, evidence):
    result, _ = run_check(get_check(item), evidence, external=Stated(item, name, answer))
    to_json(result)
    return result, {key: metric.value for key, metric in result.metrics.items()}


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    return class_set(tmp_path_factory.mktemp("sound"), volume_of(), SAMPLING, 6, 40, 0.2, seed=1)


@pytest.fixture(scope="module")
def particles(tmp_path_factory):
    return particle_set(tmp_path_factory.mktemp("set"), volume_of(), SAMPLING, 80, 0.1)


def test_a_map_in_the_box_of_images_projects_as_before():
    volume = volume_of()
    box, sampling = 50, 4.1
    moved = in_box(volume, SAMPLING, box, sampling)
    rotation = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))[0]
    rotation *= np.linalg.det(rotation)
    one, other = (Projector(found, step, box, sampling).images(rotation[None])[0]
                  for found, step in ((volume, SAMPLING), (moved, sampling)))
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.995


def in_turn(given, table):
    """An answer in another order than that of the particles."""
    rows = np.random.default_rng(3).permutation(len(given.particles))
    return AssignedParticles(rows, table.take(rows))


@pytest.mark.parametrize("name", ["relion", "cryosparc"])
def test_classes_that_a_program_finds_again(classes, name):
    def answer(given):
        assert given.parameters["numberOfClasses"] == 6 and len(given.runs) == 2
        # Numbers of classes are the program's own, and a class may be empty.
        numbers = np.array([0, 9, 3, 7, 1, 4, 2])
        return [in_turn(given, replace(given.particles, plane_class=order[
            given.particles.plane_class])) for order in (numbers, numbers[[0, 2, 3, 1, 6, 5, 4]])]
    result, found = run("3.c", name, answer, evidence_of(classes.table))
    assert result.status is Status.OK and found["matched_percentage"] == 100
    assert found["particles_used"] == len(classes.table) and found["median_match"] > 0.95


def test_classes_of_something_else_that_a_program_finds(classes):
    def answer(given):
        return [in_turn(given, classes.table.take(rows)) for _ in range(2)]
    rng = np.random.default_rng(0)
    # What the table says is of other particles; the program finds what is there.
    wrong = replace(classes.table, psi=rng.permutation(classes.table.psi),
                    plane_class=rng.permutation(classes.table.plane_class))
    rows = np.argsort(wrong.plane_class, kind="stable")
    result, found = run("3.c", "relion", answer, evidence_of(wrong))
    # The two agree with each other, but with none of the given classes.
    assert found["expected_percentage"] > 80 and found["matched_percentage"] == 0
    assert result.status is Status.WARNINGS


def test_orientations_that_a_program_finds_again(particles, monkeypatch):
    monkeypatch.setattr(independent, "_SIMULATED", 40)
    monkeypatch.setattr(independent, "_CORRECTIONS", 1)

    def answer(given):
        assert given.volume.shape == (64, 64, 64) and given.sampling == SAMPLING
        assert given.parameters["symmetryGroup"] == "C1"
        assert given.parameters["numberOfMpi"] == 3 and given.parameters["doCTF"]
        return [in_turn(given, given.particles)]
    result, found = run("4.d", "relion", answer, evidence_of(particles.table, volume_of()))
    assert result.status is Status.OK and found["median_angle"] < 0.01
    assert found["median_shift"] < 0.01 and found["hand"] == "same"
    assert "RELION refined" in result.content[0].text


def test_other_orientations_that_a_program_finds(particles, monkeypatch):
    monkeypatch.setattr(independent, "_SIMULATED", 40)
    monkeypatch.setattr(independent, "_CORRECTIONS", 1)
    wrong = np.arange(80) < 40

    def answer(given):
        assert given.parameters["symmetryGroup"] == 0 and given.parameters["symmetryOrder"] == 1
        rotations = np.where(wrong[:, None, None], particles.truth.rotations[::-1],
                             particles.truth.rotations)
        return [in_turn(given, replace(given.particles, rotations=rotations))]
    result, found = run("4.d", "cryosparc", answer, evidence_of(particles.table, volume_of()))
    far = orientation_distance(particles.truth.rotations.astype(float),
                               particles.truth.rotations[::-1].astype(float),
                               np.eye(3)[None])[0] > 5
    assert found["beyond_5_degrees_percentage"] == pytest.approx(100 * np.mean(far & wrong), abs=5)
    assert result.status is Status.WARNINGS


@pytest.mark.parametrize("symmetry, expected", [("C1", (0, 1)), ("D7", (1, 7)), ("T", (2, 1)),
                                                ("O", (3, 1))])
def test_symmetries_of_cryosparc(symmetry, expected):
    assert independent._cryosparc_symmetry(symmetry) == expected


@pytest.mark.parametrize("symmetry", ["I", "I2"])
def test_symmetries_whose_axes_may_differ_are_refused(symmetry):
    with pytest.raises(NotMeasured, match="orientation of its axes"):
        independent._cryosparc_symmetry(symmetry)


def test_correlations_of_xmipp(particles):
    rotations = particles.truth.rotations[:5]
    averages = Projector(volume_of(), SAMPLING, 64, SAMPLING).images(rotations)
    evidence = evidence_of(particles.table, volume_of(), classes=ClassAverages(
        -averages.astype(np.float32), np.arange(1, 6), ("",) * 5, SAMPLING,
        np.array([0.1, 0.2, 0.3, 0.3, 0.1])))

    def answer(given):
        images, sampling = given.averages
        assert given.volume.shape == (images.shape[-1],) * 3 and given.sampling == sampling
        # Both show the same protein in the same contrast.
        seen = Projector(given.volume, sampling, images.shape[-1], sampling).images(rotations)
        assert correlations(images, seen, soft_disc(images.shape[-1], 40.0)).min() > 0.95
        return [{"itemId": np.array([2.0, 1, 3, 4, 5]),
                 "maxCC": np.array([0.65, 0.95, 0.9, 0.8, 0.5])}]
    result, found = run("2.a", "xmipp", answer, evidence)
    assert found["poor_percentage"] == pytest.approx(30) and found["classes"] == 5
    assert found["poor_classes_percentage"] == pytest.approx(40)
    assert found["median_correlation"] == 0.8 and result.status is Status.OK


def test_cores_of_xmipp(classes):
    truth = classes.table.plane_class

    def answer(given):
        assert set(np.unique(given.particles.class_number)) == set(range(1, 7))
        assert given.averages[0].shape[0] == 6 and given.particles.rotations is None
        # Half of the first class and all of the others.
        rows = np.flatnonzero((given.particles.class_number != 1)
                              | (np.arange(len(truth)) % 2 == 0))
        return [AssignedParticles(rows, given.particles.take(rows))]
    result, found = run("3.a", "xmipp", answer, evidence_of(classes.table))
    assert found["poor_classes_percentage"] == pytest.approx(100 / 6)
    assert found["core_percentage"] == pytest.approx(100 * (5 + 0.5) / 6, abs=0.5)
    assert result.content[1].rows[0][2] in ("48", "50", "52")
    [core] = result.particles
    assert core.values.sum() == found["core_percentage"] * found["particles_used"] / 100


def test_dark_protein_and_missing_particles_are_told(classes):
    evidence = evidence_of(replace(classes.table, contrast=np.full(
        len(classes.table), -1, np.int8)))
    with pytest.raises(NotMeasured, match="bright protein"):
        with_particles(evidence.shared(CLASS_MEMBERS).sample, np.arange(3))
    with pytest.raises(NotMeasured, match="returned 2 of the 3 particles"):
        by_row(AssignedParticles(np.array([0, 2]), classes.table.take([0, 2])), 3, "RELION")
