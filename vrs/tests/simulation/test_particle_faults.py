import filecmp
import json
from types import SimpleNamespace

import gemmi
import mrcfile
import numpy as np
import pytest

from vrs.errors import InputError
from vrs.images.agreement import correlations, soft_disc
from vrs.images.ctf import Contrast
from vrs.images.projector import Projector
from vrs.images.symmetry import orientation_distance, point_group
from vrs.io.classes import read_classes
from vrs.io.particles import read_particles
from vrs.simulation import density, particle_faults
from vrs.simulation.particle_classes import aligned_to_classes
from vrs.simulation.particle_example import write_particle_example
from vrs.tests import proteins

# A coarse set is quick.
SAMPLING = 2.8
ARGUMENTS = dict(resolution=8.0, sampling=SAMPLING, particle_count=400, seed=5)
TABLE_FAULTS = ("angles", "defocus", "pixel")


def load(folder, faults=()):
    paths = write_particle_example(str(folder), workers=2, faults=faults, **ARGUMENTS)
    with open(paths["truth"], encoding="utf-8") as file:
        truth = json.load(file)
    return SimpleNamespace(paths=paths, truth=truth, faults=truth["faults"],
                           table=read_particles(paths["particles"])[0],
                           members=read_particles(paths["class_members"])[0],
                           images=np.array(mrcfile.read(paths["stack"])))


@pytest.fixture(scope="module", autouse=True)
def built_once():
    with proteins.built_once():
        yield


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return load(tmp_path_factory.mktemp("sound"))


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory):
    """With faults of the images and a permutation."""
    return load(tmp_path_factory.mktemp("spoiled"), ("states", "junk", "permuted"))


@pytest.fixture(scope="module")
def mistaken(tmp_path_factory):
    """With faults of the table."""
    return load(tmp_path_factory.mktemp("mistaken"), TABLE_FAULTS)


def members_of(rows, count):
    chosen = np.zeros(count, bool)
    chosen[np.array(rows) - 1] = True
    return chosen


def with_the_map(case, sound):
    """Correlations of a set's images with the sound map at the true poses."""
    projector = Projector(mrcfile.read(sound.paths["map"]), SAMPLING, sound.images.shape[-1])
    expected = projector.images(sound.table.rotations.astype(float), sound.table.shifts / SAMPLING,
                                Contrast.of(sound.table))
    disc = soft_disc(sound.images.shape[-1], sound.truth["particles"]["diameter"] / SAMPLING)
    return correlations(case.images, expected, disc)


def test_maps_know_nothing_of_the_faults(sound, spoiled, mistaken):
    for kind in ("map", "half1", "half2", "model"):
        for case in (spoiled, mistaken):
            assert filecmp.cmp(sound.paths[kind], case.paths[kind], shallow=False)
    assert sound.faults == {} and set(spoiled.faults) == {"states", "junk", "permuted"}


def test_images_of_the_truth_are_those_that_changed(sound, spoiled):
    count = len(sound.images)
    junk, displaced = (members_of(spoiled.faults[name]["particles"], count)
                       for name in ("junk", "states"))
    changed = (spoiled.images != sound.images).any(axis=(1, 2))
    assert np.array_equal(changed, junk | displaced) and not (junk & displaced).any()
    # Binomial shares of 400.
    assert junk.mean() == pytest.approx(0.25, abs=0.06) == spoiled.faults["junk"]["share"]
    assert displaced.mean() == pytest.approx(0.4 * 0.75, abs=0.06)


def test_junk_shows_nothing_and_the_second_state_less(sound, spoiled):
    junk, displaced = (members_of(spoiled.faults[name]["particles"], len(sound.images))
                       for name in ("junk", "states"))
    before, after = with_the_map(sound, sound), with_the_map(spoiled, sound)
    assert abs(after[junk].mean()) < 4 * after[junk].std() / np.sqrt(junk.sum())
    # Half of the protein is where it was.
    assert 0.4 * before[displaced].mean() < after[displaced].mean() < 0.85 * before[
        displaced].mean()
    assert spoiled.images[junk].var() == pytest.approx(1, abs=0.01)


def test_the_displaced_chain_is_where_the_truth_says(sound, spoiled):
    """Images of the second state less the model with its chain moved are noise of variance 1."""
    displaced = members_of(spoiled.faults["states"]["particles"], len(sound.images))
    rotations = sound.table.rotations[displaced].astype(float)
    shifts = sound.table.shifts[displaced] / SAMPLING
    moved, residuals = np.array(spoiled.faults["states"]["displacement"]), {}
    for sign in (1, 0, -1):
        structure = gemmi.read_structure(sound.paths["model"])
        for atom in (atom for residue in structure[0][-1] for atom in residue):
            atom.pos += gemmi.Position(*sign * moved)
        box = sound.images.shape[-1]
        volume = density.model_density(structure, box, SAMPLING)
        projector = Projector(volume * sound.truth["particles"]["density_scale"], SAMPLING, box)
        expected = projector.images(rotations, shifts,
                                    Contrast.of(sound.table).take(displaced))
        residuals[sign] = (spoiled.images[displaced] - expected).var()
    # Some 300,000 pixels of noise; interpolation differs by less than 1 % of the signal.
    assert residuals[1] == pytest.approx(1, abs=0.01)
    assert residuals[0] > 1.03 and residuals[-1] > 1.03


def test_permuted_angles_are_those_of_others(sound, spoiled):
    others = np.array(spoiled.faults["permuted"]["has_the_angles_of"]) - 1
    assert sorted(others) == list(range(len(others)))
    assert np.allclose(spoiled.table.rotations, sound.table.rotations[others], atol=1e-6)
    assert np.allclose(spoiled.table.shifts, sound.table.shifts)


def test_faults_of_the_table_leave_the_images(sound, mistaken):
    assert np.array_equal(sound.images, mistaken.images)
    angles = orientation_distance(sound.table.rotations.astype(float),
                                  mistaken.table.rotations.astype(float), point_group("C1"))[0]
    wrong = members_of(mistaken.faults["angles"]["particles"], len(angles))
    assert np.all(angles[~wrong] < 0.05) and wrong.mean() == pytest.approx(0.3, abs=0.06)
    # Random rotations are 126° apart in the mean.
    assert angles[wrong].mean() == pytest.approx(126.5, abs=10)


def test_defocus_and_pixels_are_off_by_what_the_truth_says(sound, mistaken):
    facts, count = mistaken.faults["defocus"], len(sound.images)
    chosen = [name in facts["micrographs"] for name in sound.table.micrograph_names]
    assert sum(chosen) == np.ceil(0.2 * len(chosen))
    off = np.array(chosen)[sound.table.micrograph]
    factor = mistaken.faults["pixel"]["factor"]
    expected = (sound.table.defocus[:, :2] + facts["error"] * off[:, None]) * factor ** 2
    assert mistaken.table.defocus[:, :2] == pytest.approx(expected, rel=1e-9)
    assert mistaken.table.defocus[:, 2] == pytest.approx(sound.table.defocus[:, 2])
    assert mistaken.faults["pixel"]["said"] == pytest.approx(factor * SAMPLING, rel=1e-6)
    assert mistaken.table.optics[0].sampling == mistaken.faults["pixel"]["said"]
    assert mistaken.table.shifts / mistaken.table.optics[0].sampling == pytest.approx(
        sound.table.shifts / SAMPLING, rel=1e-6)
    for kind in ("stack", "classes"):
        with mrcfile.mmap(mistaken.paths[kind]) as stack:
            size = float(stack.voxel_size.x) * stack.data.shape[-1]
        assert size == pytest.approx(factor * SAMPLING * sound.images.shape[-1], rel=1e-5)
    assert len(mistaken.table) == count


def test_a_pixel_size_with_its_defocus_leaves_the_ctf(sound):
    """At the same coefficients, but for what the spherical aberration contributes."""
    table = sound.table
    off = particle_faults.with_pixel_size(table, 1.03)
    frequencies = np.array([[wave / (50 * 2.2), 0] for wave in range(1, 15)])
    values = Contrast.of(table).values(frequencies)
    assert np.abs(Contrast.of(off).values(frequencies / 1.03) - values).max() < 0.01
    wrong = Contrast.of(table).values(frequencies / 1.03)
    assert np.abs(wrong - values).max() > 0.3


def test_one_fault_hits_the_same_particles_whatever_else_is_planted(sound):
    alone = particle_faults.plant(sound.table, ("angles",), 5)
    among = particle_faults.plant(sound.table, ("junk", "angles", "states"), 5)
    assert alone.truth["angles"] == among.truth["angles"]
    assert not alone.junk.any() and among.junk.any()
    assert particle_faults.plant(sound.table, ("angles",), 6).truth != alone.truth


def test_same_faults_give_the_same_bytes(spoiled, tmp_path):
    again = write_particle_example(str(tmp_path), workers=1,
                                   faults=("states", "junk", "permuted"), **ARGUMENTS)
    for kind, path in spoiled.paths.items():
        assert filecmp.cmp(path, again[kind], shallow=False), kind


def test_unknown_faults_are_refused(tmp_path):
    with pytest.raises(InputError, match="typo.*junk"):
        write_particle_example(str(tmp_path / "none"), faults=("typo",))
    assert not (tmp_path / "none").exists()


def test_readme_says_what_was_planted(spoiled):
    with open(spoiled.paths["readme"], encoding="utf-8") as file:
        text = file.read()
    for part in ("--particles particles.star --symmetry C2 --classes classes.mrcs",
                 "--particles classes.star", "junk: ", "permuted: "):
        assert part in text
    assert max(map(len, text.splitlines())) < 101


# Two-dimensional classes.

def test_members_are_turned_as_their_class(sound):
    """A particle is its class seen from up to half the spacing away, turned by psi."""
    table, group = sound.table, point_group("C2")
    members, views = aligned_to_classes(table, group, 22.0)
    psi = np.radians(members.psi)
    turn = np.zeros((len(table), 3, 3))
    turn[:, 0, 0] = turn[:, 1, 1] = np.cos(psi)
    turn[:, 0, 1], turn[:, 1, 0], turn[:, 2, 2] = np.sin(psi), -np.sin(psi), 1
    given = turn @ views[members.plane_class - 1]
    angles = orientation_distance(table.rotations.astype(float), given, group)[0]
    # Every direction has a class within 0.8 of the spacing; psi leaves that only.
    assert angles.max() < 0.85 * 22 and 5 < np.median(angles) < 12
    assert members.has_classes and not members.has_angles
    assert np.array_equal(np.unique(members.plane_class), np.arange(1, len(views) + 1))


def test_the_table_of_classes_is_read_as_such(sound):
    members = sound.members
    assert members.has_classes and not members.has_angles and members.has_images
    again = aligned_to_classes(sound.table, point_group("C2"), 22.0)[0]
    assert np.array_equal(members.plane_class, again.plane_class)
    assert np.abs(np.angle(np.exp(1j * np.radians(members.psi - again.psi)))).max() < 1e-4
    assert sound.table.has_angles and not sound.table.has_classes
    assert sound.truth["classes"]["members"] == np.bincount(members.plane_class)[1:].tolist()


def test_averages_are_projections_from_the_directions_of_their_classes(sound):
    classes, _ = read_classes(sound.paths["classes"])
    assert len(classes) == sound.truth["classes"]["count"]
    views = aligned_to_classes(sound.table, point_group("C2"), 22.0)[1]
    assert np.allclose(views[:, 2], sound.truth["classes"]["directions_of_view"], atol=1e-5)
    box = classes.images.shape[-1]
    assert classes.sampling * box == pytest.approx(SAMPLING * sound.images.shape[-1], rel=1e-5)
    projector = Projector(mrcfile.read(sound.paths["map"]), SAMPLING, box, classes.sampling)
    disc = soft_disc(box, sound.truth["particles"]["diameter"] / classes.sampling)
    right = correlations(classes.images, projector.images(views), disc)
    mirrored = correlations(classes.images, projector.images(views)[:, ::-1], disc)
    others = correlations(classes.images, projector.images(np.roll(views, 7, axis=0)), disc)
    # Compact bodies look alike at this resolution.
    assert np.median(right) > 0.9
    assert np.median(right) > max(np.median(mirrored), np.median(others)) + 0.2
