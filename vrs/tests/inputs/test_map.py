import numpy as np
import pytest

from vrs.errors import InputError
from vrs.inputs.map import MAP, MapEvidence, describe_map
from vrs.io.maps import write_map
from vrs.numerics.contour import suggest_threshold
from vrs.results import INFORMATIVE, MINOR, SERIOUS
from vrs.tests.evidence import evidence
from vrs.tests.inputs.reading import read
from vrs.tests.io.files import blob, save
from vrs.tests.protocols import maps

SHAPE = (9, 8, 7)


@pytest.fixture
def map_path(tmp_path):
    path = str(tmp_path / "map.mrc")
    write_map(path, blob(SHAPE), 1.5)
    return path


@pytest.fixture
def mask():
    return (blob(SHAPE) > 0.3).astype(np.float32)


def problems_of(*args, **kwargs):
    with pytest.raises(InputError) as caught:
        read(*args, **kwargs)
    assert all(sentence.endswith(".") for sentence in caught.value.problems)
    return caught.value.problems


def mask_problem(map_path, path):
    (problem,) = problems_of(map_path, 0.3, mask=path)
    assert str(path) in problem
    return problem


@pytest.mark.parametrize("threshold, resolution, sampling", [
    (0.3, 4, None), ("0.3", " 4.0 ", "1.5"), ("3e-1", "4", 1.5)])
def test_numbers_or_text(map_path, threshold, resolution, sampling):
    found = read(map_path, threshold, 2, 7, resolution=resolution, sampling=sampling)
    assert (found.map.threshold, found.reported.resolution, found.map.sampling) == (0.3, 4, 1.5)
    assert (found.run.workers, found.run.seed, found.map.mask) == (2, 7, None)
    assert [source.path for source in found.sources("map")] == [map_path]


def test_resolution_may_be_missing(map_path):
    assert read(map_path, 0.3).reported.resolution is None


@pytest.mark.parametrize("value", ["", None])
def test_a_threshold_that_is_missing_is_suggested_and_told(tmp_path, value):
    found = read(str(maps.write_blob(tmp_path / "ball.mrc")), value)
    volume = maps.blob()
    assert found.map.threshold == suggest_threshold(volume, found.map.sampling).threshold
    (note,) = [note for note in found.notes("map") if "No threshold was given" in note.text]
    assert note.severity == "informative"
    assert "this program suggests %g" % found.map.threshold in note.text


def test_a_mass_that_is_given_wins_over_that_of_the_sequences(map_path, tmp_path):
    fasta = tmp_path / "chains.fasta"
    fasta.write_text(">1\nMKVLL\n")
    found = read(map_path, 0.3, sequence=str(fasta), mass="465")
    assert found.map.mass == 465
    assert [source.term for source in found.sources("map")] == ["Map", "Sequences"]
    fasta.write_text(">1\nM!\n")
    (problem,) = problems_of(map_path, 0.3, sequence=str(fasta))
    assert "is not a residue" in problem


def test_nothing_is_suggested_where_nothing_stands_out(map_path):
    write_map(map_path, np.pad(np.full((4, 4, 4), -1, np.float32), 6), 1.5)
    (problem,) = problems_of(map_path, None)
    assert "nothing stands out" in problem


def test_the_mass_of_the_sequences_decides_where_it_is_known(tmp_path):
    fasta = tmp_path / "chains.fasta"
    fasta.write_text(">1|Chains A, B|made\n" + "AL" * 300 + "\n")
    found = read(str(maps.write_blob(tmp_path / "ball.mrc")), None, sequence=str(fasta))
    # A chain has residues of 71.08 and 113.16 Da, 300 times each, and water at its ends.
    assert found.map.mass == pytest.approx(2 * (300 * 184.24 + 18.015) / 1000, rel=1e-3)
    wanted = found.map.mass * 1207 / found.map.sampling ** 3
    assert np.count_nonzero(found.map.raw_mask) == pytest.approx(wanted, rel=0.02)
    (note,) = [note for note in found.notes("map") if "No threshold was given" in note.text]
    assert "where the map encloses the volume of the specimen's mass" in note.text


@pytest.mark.parametrize("value", ["abc", "0,3", float("nan"), "inf"])
def test_threshold_that_is_no_number(map_path, value):
    (problem,) = problems_of(map_path, value)
    assert problem.startswith("The threshold, ") and "is not a number" in problem


def test_threshold_above_the_maximum_is_said_once(map_path):
    (problem,) = problems_of(map_path, 50)
    assert "above the maximum of the map, %g" % blob(SHAPE).max() in problem


def test_mass_of_the_specimen(map_path):
    assert read(map_path, 0.3).map.mass is None
    assert read(map_path, 0.3, mass="465").map.mass == 465


@pytest.mark.parametrize("value", ["0", "-3", "465 kDa"])
def test_mass_that_is_none(map_path, value):
    (problem,) = problems_of(map_path, 0.3, mass=value)
    assert problem.startswith("The mass, ")


def test_negative_threshold_is_a_threshold(map_path):
    assert read(map_path, -0.02).map.threshold == -0.02


def test_threshold_below_the_minimum(map_path):
    (note,) = [n for n in MAP.describe(read(map_path, -5))[0] if "whole box" in n.text]
    assert note.severity == "minor"


@pytest.mark.parametrize("value, word", [
    ("x", "not a number"), ("nan", "not a number"), (0, "not positive"), ("-3", "not positive")])
def test_senseless_resolution(map_path, value, word):
    (problem,) = problems_of(map_path, 0.3, resolution=value)
    assert problem.startswith("The resolution, ") and word in problem


def test_resolution_beyond_the_box(map_path):
    (problem,) = problems_of(map_path, 0.3, resolution=13.6)  # 9 voxels of 1.5 Å
    assert "beyond the length of the box, 13.5 Å" in problem
    read(map_path, 0.3, resolution=13.4)


@pytest.mark.parametrize("resolution, expected", [(2.9, 1), (3, 0)])
def test_resolution_beyond_nyquist(map_path, resolution, expected):
    notes = [n for n in MAP.describe(read(map_path, 0.3, resolution=resolution))[0]
             if "at best" in n.text]
    assert len(notes) == expected
    assert all(note.severity == "minor" and "3 Å at best" in note.text for note in notes)


def test_map_and_numbers_are_reported_together(tmp_path, map_path):
    missing = str(tmp_path / "none.mrc")
    found = problems_of(missing, "abc", resolution=-1, sampling="zero", mask=missing + "2")
    starts = ["The resolution", "The threshold", "The sampling", "There is no file " + missing,
              "There is no file " + missing + "2"]
    assert len(found) == 5
    assert all(text.startswith(start) for text, start in zip(found, starts))
    assert len(problems_of(map_path, 50, resolution=-1, mask=missing)) == 2  # found by probing


# The user's mask

def test_mask(tmp_path, map_path, mask):
    path = save(tmp_path / "mask.mrc", mask)
    found = read(map_path, 0.3, mask=path)
    assert found.map.mask.dtype == bool
    np.testing.assert_array_equal(found.map.mask, mask == 1)
    assert found.map.hard_mask is found.map.mask
    assert [source.path for source in found.sources("map")] == [map_path, path]
    assert not any("mask" in note.text for note in found.notes("map"))


def test_own_masks_are_masks(tmp_path, map_path, mask):
    write_map(tmp_path / "mask.mrc", mask == 1, 1.5)
    found = read(map_path, 0.3, mask=tmp_path / "mask.mrc")
    np.testing.assert_array_equal(found.map.mask, mask == 1)


def test_mask_without_voxel_size(tmp_path, map_path, mask):
    path = save(tmp_path / "mask.mrc", mask, 0)
    assert read(map_path, 0.3, mask=path).map.mask.any()


def test_soft_mask(tmp_path, map_path):
    soft = np.clip(blob(SHAPE), 0, 1)
    found = read(map_path, 0.3, mask=save(tmp_path / "mask.mrc", soft))
    np.testing.assert_array_equal(found.map.mask, soft >= 0.5)
    assert any("soft borders" in note.text for note in found.notes("map"))


def test_mask_of_another_voxel_size(tmp_path, map_path, mask):
    found = read(map_path, 0.3, mask=save(tmp_path / "mask.mrc", mask, 1.6))
    assert any("1.6 Å, is not the map's, 1.5 Å" in note.text for note in found.notes("map"))
    found = read(map_path, 0.3, mask=save(tmp_path / "mask.mrc", mask, 1.51))
    assert not any("mask" in note.text for note in found.notes("map"))


def test_mask_of_another_box(tmp_path, map_path):
    path = save(tmp_path / "mask.mrc", (blob((9, 9, 9)) > 0.3).astype(np.int8))
    assert "9 × 9 × 9 voxels and the map one of 7 × 8 × 9" in mask_problem(map_path, path)


def test_mask_values(tmp_path, map_path, mask):
    assert "values from 0 to 255" in mask_problem(
        map_path, save(tmp_path / "mask.mrc", 255 * mask))
    assert "values from -1 to 1" in mask_problem(
        map_path, save(tmp_path / "mask.mrc", 2 * mask - 1))
    rounded = mask * np.float32(1.0001)
    read(map_path, 0.3, mask=save(tmp_path / "mask.mrc", rounded))


def test_empty_and_full_masks(tmp_path, map_path, mask):
    assert "is empty" in mask_problem(map_path, save(tmp_path / "mask.mrc", 0.4 * mask))
    assert "covers the whole box" in mask_problem(
        map_path, save(tmp_path / "mask.mrc", np.ones_like(mask)))


def test_unusable_mask_files(tmp_path, map_path, mask):
    assert "by its name" in mask_problem(map_path, save(tmp_path / "mask.mrcs", mask))
    mask[0] = np.nan
    with pytest.warns(RuntimeWarning):
        path = save(tmp_path / "mask.mrc", mask)
    assert "not finite" in mask_problem(map_path, path)


def test_problems_of_map_and_mask_together(tmp_path, mask):
    flat = save(tmp_path / "flat.mrc", np.zeros(SHAPE, np.float32))
    bad = save(tmp_path / "mask.mrc", 255 * mask)
    assert len(problems_of(flat, "x", mask=bad)) == 3


# The evidence and its description

def box(shape=(20, 24, 28)):
    volume = np.zeros(shape, np.float32)
    volume[8:12, 9:14, 10:16] = 1
    return volume


def test_threshold_above_the_maximum_names_both():
    with pytest.raises(InputError, match="2.5.*above the maximum of the map, 1"):
        MapEvidence(box(), 1.0, 2.5)


def test_threshold_at_the_maximum_is_legal():
    assert MapEvidence(box(), 1.0, 1.0).raw_mask.sum() == 120


def test_own_mask_takes_the_place_of_the_constructed_one():
    mask = np.zeros((20, 24, 28), bool)
    mask[5:9] = True
    data = MapEvidence(box(), 1.0, 0.5, mask=mask)
    assert data.hard_mask is mask
    assert not np.array_equal(data.constructed_mask, mask)
    assert data.soft_mask[5:9].mean() > 0.5 > data.soft_mask[9:].mean()


def test_description():
    report, products = describe_map(evidence(box(), 1.5, 0.5, 4.0))
    assert report.shape == [28, 24, 20]
    assert [product.name for product in products] == ["hard_mask", "soft_mask"]
    labels = [panel.label for block in report.content for panel in getattr(block, "panels", [])]
    assert labels[:3] == ["X slice 14 (Y right, Z up)", "Y slice 12 (Z right, X up)",
                          "Z slice 10 (X right, Y up)"]
    assert "X projection (Y right, Z up)" in labels


def test_description_says_that_the_mask_is_the_users(tmp_path, map_path, mask):
    path = save(tmp_path / "mask.mrc", mask)
    report, _ = describe_map(read(map_path, 0.3, mask=path))
    assert (report.file_name, report.mask_file_name) == ("map.mrc", "mask.mrc")
    assert len(report.mask_sha256) == 64 != report.sha256
    assert any("the user gave" in getattr(block, "caption", "") for block in report.content)


def in_noise(body, shape=(48, 48, 48), seed=0):
    """A map of the height 20 within a body, in noise of deviation 1."""
    volume = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    volume[body] += 20
    return volume


def suspicious(volume, threshold, mask=None):
    notes, _ = MAP.describe(evidence(volume, 2.0, threshold, mask=mask))
    return [note for note in notes if note.severity != INFORMATIVE]


BODY = np.s_[20:28, 20:28, 20:28]


def test_a_sound_map_is_not_suspicious():
    assert suspicious(in_noise(BODY), 10.0) == []
    # Filaments touch two sides.
    assert suspicious(in_noise(np.s_[:, 20:28, 20:28]), 10.0) == []


def test_a_threshold_within_the_noise_is_serious():
    # 6.7 % of normal deviates are above 1.5, 16 % above 1, which hang together.
    [note] = suspicious(in_noise(BODY), 1.5)
    assert note.severity == SERIOUS and "noise" in note.text
    [note] = suspicious(in_noise(BODY), 0.8)
    assert note.severity == SERIOUS and "fills" in note.text


def test_a_mask_of_a_small_part_is_serious():
    volume = in_noise(BODY)
    corners = [(z, y, x) for z in (8, 35) for y in (8, 35) for x in (8, 35)]

    def with_bodies(count):
        parted = volume.copy()
        for corner in corners[:count]:
            parted[tuple(slice(start, start + 6) for start in corner)] += 20
        return parted

    found = evidence(with_bodies(3), 2.0, 10.0).map
    assert found.coverage == pytest.approx(512 / (512 + 3 * 216))
    # The threshold may part two or three bodies of a sound map.
    [note] = suspicious(with_bodies(3), 10.0)
    assert note.severity == MINOR and "holds 44 %" in note.text
    [note] = suspicious(with_bodies(6), 10.0)
    assert note.severity == SERIOUS and "holds 28 %" in note.text
    own = np.zeros(volume.shape, bool)
    own[BODY] = True
    [note] = suspicious(with_bodies(6), 10.0, own)
    assert note.severity == MINOR and note.text.startswith("Your mask")


def test_a_box_cut_around_a_part_is_one_finding():
    axes = np.ogrid[:40, :44, :48]
    near = sum(((axis - size / 2) / (size / 2 - 4)) ** 2
               for axis, size in zip(axes, (40, 44, 48))) < 1
    volume = np.where(near, in_noise(np.s_[15:25, 15:29, 15:33], near.shape), 0)
    # Zeros around, up to 4 voxels from the sides.
    [note] = suspicious(volume.astype(np.float32), 10.0)
    assert note.severity == MINOR and "cut around" in note.text
    assert suspicious(in_noise(np.s_[15:25, 15:29, 15:33], near.shape), 10.0) == []
    # Density that goes on to three sides.
    [note] = suspicious(in_noise(np.s_[:20, :20, :20], near.shape), 10.0)
    assert "cut around" in note.text
