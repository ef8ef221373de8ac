"""From what the user gives to the input of the checks."""

import errno
import os

import numpy as np
import pytest

from vrs.errors import InputError
from vrs.io import check_output_folder, inputs, read_input, write_map
from vrs.tests.io.files import blob, save

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
        read_input(*args, **kwargs)
    assert all(sentence.endswith(".") for sentence in caught.value.problems)
    return caught.value.problems


def mask_problem(map_path, path):
    (problem,) = problems_of(map_path, 0.3, mask_path=path)
    assert str(path) in problem
    return problem


@pytest.mark.parametrize("threshold, resolution, sampling", [
    (0.3, 4, None), ("0.3", " 4.0 ", "1.5"), ("3e-1", "4", 1.5)])
def test_numbers_or_text(map_path, threshold, resolution, sampling):
    found = read_input(map_path, threshold, resolution, sampling, workers=2, seed=7)
    data = found.data
    assert (data.threshold, data.resolution, data.sampling) == (0.3, 4, 1.5)
    assert (data.workers, data.seed, data.mask, found.mask_file) == (2, 7, None, None)
    assert data.volume is found.map_file.volume
    assert found.notes == found.map_file.notes


def test_resolution_may_be_missing(map_path):
    assert read_input(map_path, 0.3).data.resolution is None


@pytest.mark.parametrize("value", ["abc", "", "0,3", None, float("nan"), "inf"])
def test_threshold_that_is_no_number(map_path, value):
    (problem,) = problems_of(map_path, value)
    assert problem.startswith("The threshold, ") and "is not a number" in problem


def test_threshold_above_the_maximum_is_said_once(map_path):
    (problem,) = problems_of(map_path, 50)
    assert "above the maximum of the map, %g" % blob(SHAPE).max() in problem


def test_negative_threshold_is_a_threshold(map_path):
    assert read_input(map_path, -0.02).data.threshold == -0.02


def test_threshold_below_the_minimum(map_path):
    (note,) = [n for n in read_input(map_path, -5).notes if "whole box" in n.text]
    assert note.severity == "warning"


@pytest.mark.parametrize("value, word", [
    ("x", "not a number"), ("nan", "not a number"), (0, "not positive"), ("-3", "not positive")])
def test_senseless_resolution(map_path, value, word):
    (problem,) = problems_of(map_path, 0.3, value)
    assert problem.startswith("The resolution, ") and word in problem


def test_resolution_beyond_the_box(map_path):
    (problem,) = problems_of(map_path, 0.3, 13.6)  # 9 voxels of 1.5 Å
    assert "beyond the length of the box, 13.5 Å" in problem
    read_input(map_path, 0.3, 13.4)


@pytest.mark.parametrize("resolution, expected", [(2.9, 1), (3, 0)])
def test_resolution_beyond_nyquist(map_path, resolution, expected):
    notes = [n for n in read_input(map_path, 0.3, resolution).notes if "at best" in n.text]
    assert len(notes) == expected
    assert all(note.severity == "warning" and "3 Å at best" in note.text for note in notes)


def test_map_and_numbers_are_reported_together(tmp_path, map_path):
    missing = str(tmp_path / "none.mrc")
    found = problems_of(missing, "abc", -1, "zero", mask_path=missing + "2")
    starts = ["The threshold", "The resolution", "The sampling", "There is no file " + missing,
              "There is no file " + missing + "2"]
    assert len(found) == 5
    assert all(text.startswith(start) for text, start in zip(found, starts))
    assert len(problems_of(map_path, 50, -1, mask_path=missing)) == 3


# The user's mask

def test_mask(tmp_path, map_path, mask):
    path = save(tmp_path / "mask.mrc", mask)
    found = read_input(map_path, 0.3, mask_path=path)
    assert found.data.mask.dtype == bool
    np.testing.assert_array_equal(found.data.mask, mask == 1)
    assert found.data.hard_mask is found.data.mask
    assert found.mask_file.path == path and found.mask_file.volume is found.data.mask
    assert found.mask_file.notes == []


def test_own_masks_are_masks(tmp_path, map_path, mask):
    write_map(tmp_path / "mask.mrc", mask == 1, 1.5)
    found = read_input(map_path, 0.3, mask_path=tmp_path / "mask.mrc")
    np.testing.assert_array_equal(found.data.mask, mask == 1)


def test_mask_without_voxel_size(tmp_path, map_path, mask):
    path = save(tmp_path / "mask.mrc", mask, 0)
    assert read_input(map_path, 0.3, mask_path=path).mask_file.sampling == 1.5


def test_soft_mask(tmp_path, map_path):
    soft = np.clip(blob(SHAPE), 0, 1)
    found = read_input(map_path, 0.3, mask_path=save(tmp_path / "mask.mrc", soft))
    np.testing.assert_array_equal(found.data.mask, soft >= 0.5)
    (note,) = found.mask_file.notes
    assert "soft borders" in note.text and note in found.notes


def test_mask_of_another_voxel_size(tmp_path, map_path, mask):
    found = read_input(map_path, 0.3, mask_path=save(tmp_path / "mask.mrc", mask, 1.6))
    (note,) = found.mask_file.notes
    assert "1.6 Å, is not the map's, 1.5 Å" in note.text and note in found.notes
    found = read_input(map_path, 0.3, mask_path=save(tmp_path / "mask.mrc", mask, 1.51))
    assert found.mask_file.notes == []


def test_mask_of_another_box(tmp_path, map_path):
    path = save(tmp_path / "mask.mrc", (blob((9, 9, 9)) > 0.3).astype(np.int8))
    assert "9 × 9 × 9 voxels and the map one of 7 × 8 × 9" in mask_problem(map_path, path)


def test_mask_values(tmp_path, map_path, mask):
    assert "values from 0 to 255" in mask_problem(
        map_path, save(tmp_path / "mask.mrc", 255 * mask))
    assert "values from -1 to 1" in mask_problem(
        map_path, save(tmp_path / "mask.mrc", 2 * mask - 1))
    rounded = mask * np.float32(1.0001)
    read_input(map_path, 0.3, mask_path=save(tmp_path / "mask.mrc", rounded))


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
    assert len(problems_of(flat, "x", mask_path=bad)) == 3


# The output folder

def test_output_folder_is_made_and_left_empty(tmp_path):
    path = tmp_path / "some" / "where"
    check_output_folder(path)
    assert os.listdir(str(path)) == []
    check_output_folder(path)


def test_file_in_the_way(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "sub"):
        with pytest.raises(InputError, match="in the way"):
            check_output_folder(path)


def test_folder_that_is_not_writable(ordinary_user, open_folder):
    os.chmod(str(open_folder), 0o555)
    with ordinary_user():
        for path in (open_folder, open_folder / "sub"):
            with pytest.raises(InputError, match="not allowed to write"):
                check_output_folder(path)


@pytest.mark.parametrize("number, word", [
    (errno.ENOSPC, "no space left"), (errno.EDQUOT, "no space left"),
    (errno.EROFS, "not allowed to write"), (errno.EIO, "cannot be written to")])
def test_disk_that_fails(tmp_path, monkeypatch, number, word):
    def fail(descriptor):
        raise OSError(number, os.strerror(number))
    monkeypatch.setattr(inputs.os, "fsync", fail)
    with pytest.raises(InputError, match=word):
        check_output_folder(tmp_path)
    assert os.listdir(str(tmp_path)) == []


@pytest.fixture
def half_paths(tmp_path):
    return [save(tmp_path / ("half%d.mrc" % number), blob(SHAPE, seed=number))
            for number in (1, 2)]


def test_half_maps(map_path, half_paths):
    found = read_input(map_path, 0.3, half_paths=half_paths)
    np.testing.assert_array_equal(found.data.half1, blob(SHAPE, seed=1))
    np.testing.assert_array_equal(found.data.half2, blob(SHAPE, seed=2))
    assert [half.path for half in found.half_files] == half_paths
    assert not any("half" in note.text for note in found.notes)


def test_without_half_maps(map_path):
    found = read_input(map_path, 0.3)
    assert (found.data.half1, found.data.half2, found.half_files) == (None, None, [])


def test_half_maps_of_another_box(map_path, half_paths, tmp_path):
    other = save(tmp_path / "small.mrc", blob((9, 8, 6)))
    (problem,) = problems_of(map_path, 0.3, half_paths=[half_paths[0], other])
    assert other in problem and "6 × 8 × 9" in problem and "7 × 8 × 9" in problem


def test_half_maps_of_another_sampling(map_path, half_paths, tmp_path):
    other = save(tmp_path / "coarse.mrc", blob(SHAPE, seed=2), sampling=1.6)
    (problem,) = problems_of(map_path, 0.3, half_paths=[half_paths[0], other])
    assert other in problem and "1.6 Å" in problem and "1.5 Å" in problem
    assert read_input(map_path, 0.3, sampling=1.55,
                      half_paths=[half_paths[0], other]).data.sampling == 1.55


def test_a_wrong_sampling_is_told_once(map_path, half_paths):
    (problem,) = problems_of(map_path, 0.3, sampling=-1, half_paths=half_paths)
    assert problem.startswith("The sampling, -1, is not positive")


def test_half_maps_of_nearly_the_same_sampling(map_path, half_paths, tmp_path):
    other = save(tmp_path / "near.mrc", blob(SHAPE, seed=2), sampling=1.505)
    found = read_input(map_path, 0.3, half_paths=[half_paths[0], other])
    assert any("near.mrc is 1.505 Å" in note.text for note in found.notes)


def test_half_map_without_sampling_takes_the_maps(map_path, half_paths, tmp_path):
    other = save(tmp_path / "none.mrc", blob(SHAPE, seed=2), sampling=0)
    found = read_input(map_path, 0.3, half_paths=[half_paths[0], other])
    assert found.half_files[1].sampling == 1.5


def test_identical_half_maps(map_path, half_paths, tmp_path):
    copy = save(tmp_path / "copy.mrc", blob(SHAPE, seed=1))
    (problem,) = problems_of(map_path, 0.3, half_paths=[half_paths[0], copy])
    assert "identical" in problem and copy in problem and half_paths[0] in problem


def test_half_map_that_is_the_map(map_path, half_paths):
    (problem,) = problems_of(map_path, 0.3, half_paths=[map_path, half_paths[0]])
    assert "is the map itself" in problem


def test_problems_of_half_maps_come_with_the_others(half_paths, tmp_path):
    wrong = blob(SHAPE)
    wrong[0, 0, 0] = np.nan
    problems = problems_of(str(tmp_path / "no.mrc"), "high",
                           half_paths=[str(tmp_path / "none.mrc"),
                                       save(tmp_path / "nan.mrc", wrong)])
    for word in ("no.mrc", "high", "none.mrc", "NaN"):
        assert sum(word in problem for problem in problems) == 1, word
