from dataclasses import replace

import mrcfile
import numpy as np
import pytest

from vrs.checks.particle_images import ASSIGNED_PARTICLES, CLASS_MEMBERS
from vrs.errors import NotMeasured
from vrs.inputs.particles import IMAGES
from vrs.results import Status
from vrs.simulation.particle_sets import class_set, particle_set
from vrs.tests.checks.particle_sets import SAMPLING, evidence_of, volume_of


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return particle_set(tmp_path_factory.mktemp("set"), volume_of(), SAMPLING, 120, 0.2)


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    return class_set(tmp_path_factory.mktemp("classes"), volume_of(), SAMPLING, 8, 30, 0.2)


def assigned(table):
    return evidence_of(table, volume_of()).shared(ASSIGNED_PARTICLES)


@pytest.fixture(scope="module")
def right(made):
    return assigned(made.table)


def test_what_is_right_is_said_to_be_right(right):
    found = right
    assert len(found.sample) == 120 and found.sample.sampling == pytest.approx(3.5)
    assert [note.severity for note in found.notes] == ["informative"]
    assert "no other convention gives a better one" in found.notes[0].text


@pytest.mark.parametrize("change, words", [
    (lambda table: replace(table, rotations=table.rotations.transpose(0, 2, 1)),
     "transposed matrices"),
    (lambda table: replace(table, shifts=-table.shifts), "opposite shifts"),
    (lambda table: replace(table, contrast=-table.contrast), "dark protein")])
def test_wrong_conventions_are_refused(made, change, words):
    with pytest.raises(NotMeasured, match="agree better with " + words):
        assigned(change(made.table))


def test_unknown_contrast_is_found_out(made, right, tmp_path):
    with mrcfile.open(made.table.files[0]) as stack:
        mrcfile.write(str(tmp_path / "dark.mrcs"), -stack.data, voxel_size=SAMPLING)
    dark = replace(made.table, contrast=np.zeros(120, np.int8),
                   files=(str(tmp_path / "dark.mrcs"),))
    found = assigned(dark)
    assert found.sample.sign == -1 and any("inverted" in note.text for note in found.notes)
    assert np.corrcoef(found.sample.batch([0]).images.ravel(),
                       right.sample.batch([0]).images.ravel())[0, 1] > 0.999


def test_a_wrong_pixel_size_is_a_finding(made):
    optics = (replace(made.table.optics[0], sampling=1.03 * SAMPLING),)
    notes = assigned(replace(made.table, optics=optics)).notes
    [note] = [note for note in notes if "pixel size" in note.text]
    assert note.severity == "serious" and "too large" in note.text
    assert float(note.text.split("seems to be ")[1].split(" %")[0]) == pytest.approx(3, abs=0.6)


def test_an_unknown_ctf_may_look_like_a_wrong_pixel_size(made):
    notes = assigned(replace(made.table, defocus=None)).notes
    assert {note.severity for note in notes} == {"informative", "minor"}
    assert any("or their CTF, which the table does not give" in note.text for note in notes)


def test_optics_groups_of_other_widths_are_refused(made):
    table = replace(made.table, group=(np.arange(120) % 2).astype(np.int32), optics=(
        made.table.optics[0], replace(made.table.optics[0], sampling=10 * SAMPLING)))
    with pytest.raises(NotMeasured, match="are 224 Å wide, those of others 2240 Å"):
        assigned(table)


def test_images_of_something_else_agree_with_nothing(made, right):
    found = evidence_of(made.table, volume_of(7)[::-1]).shared(ASSIGNED_PARTICLES)
    mean = right.notes[0].text.split(" is ")[1]
    other = found.notes[0].text.split(" is ")[1]
    assert float(other.split(" ±")[0]) < 0.5 * float(mean.split(" ±")[0])


def test_what_is_missing_is_named(made):
    gone = replace(made.table, files=("gone.mrcs",), file_names=("gone.mrcs",))
    status, reason = IMAGES.unmet(evidence_of(gone))
    assert status is Status.NOT_RUN and "gone.mrcs was not found" in reason


def test_images_without_values_are_left_out(made, tmp_path):
    with mrcfile.open(made.table.files[0]) as stack:
        images = np.array(stack.data)
    images[3] = 1
    images[5, 4, 4] = np.nan
    mrcfile.write(str(tmp_path / "holes.mrcs"), images, voxel_size=SAMPLING)
    found = assigned(replace(made.table, files=(str(tmp_path / "holes.mrcs"),)))
    assert len(found.sample) == 118 and found.sample.unusable == 2
    assert found.sample.rows[:5].tolist() == [0, 1, 2, 4, 6]
    assert any(note.text.startswith("2 of the images are constant") for note in found.notes)
    assert np.isfinite(found.sample.batch(np.arange(10)).images).all()


@pytest.mark.parametrize("pixels, words", [
    (8, "8 pixels and 28 Å wide, are too small"), (1, "1 pixels and 3.5 Å wide"),
    (20, "are 70 Å wide, and the particle in the map 1[0-9.]+ Å")])
def test_images_that_are_too_small_are_refused(made, tmp_path, pixels, words):
    inner = slice(32 - pixels // 2, 32 - pixels // 2 + pixels)
    with mrcfile.open(made.table.files[0]) as stack:
        mrcfile.write(str(tmp_path / "small.mrcs"), stack.data[:, inner, inner],
                      voxel_size=SAMPLING)
    optics = (replace(made.table.optics[0], image_size=pixels),)
    with pytest.raises(NotMeasured, match=words):
        assigned(replace(made.table, optics=optics, files=(str(tmp_path / "small.mrcs"),)))


def test_a_pixel_size_that_is_far_too_small_is_refused(made):
    optics = (replace(made.table.optics[0], sampling=0.1 * SAMPLING),)
    with pytest.raises(NotMeasured, match="22.4 Å wide.*check their pixel size"):
        assigned(replace(made.table, optics=optics))


@pytest.mark.parametrize("count", [1, 2, 11])
def test_few_particles_do_not_test_the_conventions(made, count):
    found = assigned(made.table.take(np.arange(count)))
    assert [note.severity for note in found.notes] == ["minor"]
    assert "fewer than 12 particles" in found.notes[0].text


def test_fewer_particles_are_drawn_on_request(made):
    sample = evidence_of(made.table, volume_of(), used=60).shared(ASSIGNED_PARTICLES).sample
    assert len(sample) == 60
    assert np.bincount(sample.table.micrograph).tolist() == [3] * 20


def test_a_larger_box_is_cropped(made):
    sample = evidence_of(made.table, volume_of(), resolution=16.0).shared(
        ASSIGNED_PARTICLES).sample
    # 2.5 pixels to 16 Å.
    assert sample.box == 36 and sample.sampling == pytest.approx(64 * 3.5 / 36)


def test_members_of_classes(classes):
    found = evidence_of(classes.table).shared(CLASS_MEMBERS)
    assert np.bincount(found.labels)[1:].tolist() == [30] * 8 and not found.notes


@pytest.mark.parametrize("change, words", [
    (lambda table: replace(table, psi=-table.psi), "opposite angles"),
    (lambda table: replace(table, plane_shifts=-table.plane_shifts), "opposite shifts")])
def test_wrong_signs_in_the_plane_are_refused(classes, change, words):
    with pytest.raises(NotMeasured, match="add up better with " + words):
        evidence_of(change(classes.table)).shared(CLASS_MEMBERS)
