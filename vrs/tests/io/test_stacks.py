"""Stacks of particle images."""

import gzip
import shutil

import numpy as np
import pytest

from vrs.errors import InputError
from vrs.io.stacks import read_stack
from vrs.tests.io.files import save


def images(kind="f4", count=5, size=8):
    return np.random.default_rng(0).integers(0, 100, (count, size, size)).astype(kind)


def problem(path):
    with pytest.raises(InputError) as caught:
        read_stack(path)
    (sentence,) = caught.value.problems
    assert sentence.endswith(".") and str(path) in sentence
    return sentence


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", ["i1", "i2", "u2", "f2", "f4"])
def test_kinds_of_numbers_and_byte_orders(tmp_path, kind, order):
    stored = images(kind)
    path = save(tmp_path / "a.mrcs", stored.astype(np.dtype(kind).newbyteorder(order)), 1.06,
                ispg=0)
    stack = read_stack(path)
    assert (stack.count, stack.size, stack.sampling) == (5, 8, 1.06)
    np.testing.assert_array_equal(np.asarray(stack.open(), np.float32), stored)


@pytest.mark.parametrize("fields", [
    {"ispg": 0, "mz": 1}, {"ispg": 1, "mz": 5}, {"ispg": 401, "mz": 1}, {"ispg": 0, "mz": 5}])
def test_images_whatever_the_header_says_of_volumes(tmp_path, fields):
    stored = images()
    stack = read_stack(save(tmp_path / "a.mrc", stored, **fields))
    np.testing.assert_array_equal(stack.open(), stored)


@pytest.mark.parametrize("order", "<>")
def test_more_images_than_maps_have_sections(tmp_path, order):
    stored = images(np.dtype("i2").newbyteorder(order), 100000, 2)
    stack = read_stack(save(tmp_path / "a.mrcs", stored, ispg=0))
    assert stack.count == 100000
    np.testing.assert_array_equal(stack.open()[-1], stored[-1])


def test_one_image(tmp_path):
    stack = read_stack(save(tmp_path / "a.mrcs", images()[0]))
    assert stack.count == 1 and stack.open().shape == (1, 8, 8)


@pytest.mark.parametrize("cell, sampling", [
    ((0, 0, 0), None), ((16, 16, 1), 2.0), ((16, 16, 0), 2.0), ((np.nan, 1, 1), None)])
def test_pixel_size_is_that_of_the_first_axis(tmp_path, cell, sampling):
    assert read_stack(save(tmp_path / "a.mrcs", images(), cella=cell)).sampling == sampling


def test_file_is_never_changed(tmp_path):
    path = save(tmp_path / "a.mrcs", images())
    before = open(path, "rb").read()
    opened = read_stack(path).open()
    assert not opened.flags.writeable
    with pytest.raises(ValueError):
        opened[0] = 0
    assert open(path, "rb").read() == before


def test_identity_changes_with_the_file(tmp_path):
    path = save(tmp_path / "a.mrcs", images())
    first = read_stack(path).identity
    assert read_stack(path).identity == first
    assert read_stack(save(tmp_path / "a.mrcs", images(count=6))).identity != first


def test_files_without_the_mark(tmp_path, test_data):
    stack = read_stack(test_data("particles", "hand_tilt_sim", "hand.5.mrcs"))
    assert (stack.count, stack.size) == (5, 64)
    whole = read_stack(test_data("particles", "hand_tilt_sim", "hand.mrcs"))
    np.testing.assert_array_equal(stack.open(), whole.open()[:5])


def test_what_cannot_be_read(tmp_path):
    path = save(tmp_path / "a.mrcs", images())
    cut = tmp_path / "cut.mrcs"
    cut.write_bytes(open(path, "rb").read()[:-10])
    assert "10 of its" in problem(cut)
    packed = tmp_path / "a.mrcs.gz"
    with gzip.open(str(packed), "wb") as stream, open(path, "rb") as source:
        shutil.copyfileobj(source, stream)
    assert "gunzip" in problem(packed)
    assert "8 × 6" in problem(save(tmp_path / "b.mrcs", images()[:, :6]))
    assert "mode 4" in problem(save(tmp_path / "c.mrcs", images("c8")))
    assert "no file" in problem(tmp_path / "none.mrcs")
    (tmp_path / "d.mrcs").write_bytes(b"not an image" * 200)
    assert "not an MRC" in problem(tmp_path / "d.mrcs")
