"""Sections of maps as they are on the disk."""

import gzip

import mrcfile
import numpy as np
import pytest

from vrs.errors import InputError
from vrs.io.maps import write_map


@pytest.fixture
def modules(domain):
    from vrs.viewers import map_slices
    from vrs.viewers.pages import MapScale
    return map_slices.MapSlices, MapScale


@pytest.fixture
def volume():
    """Every voxel of (z, y, x) differs from all others."""
    return np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)


@pytest.fixture
def path(tmp_path, volume):
    write_map(str(tmp_path / "map.mrc"), volume, 1.5)
    return tmp_path / "map.mrc"


def check(slices, volume):
    assert [slices.count(axis) for axis in range(3)] == [6, 5, 4]
    assert np.array_equal(slices.section(0, 2), volume[:, :, 2])
    assert np.array_equal(slices.section(1, 2), volume[:, 2].T)
    assert np.array_equal(slices.section(2, 2), volume[2])


def test_sections_are_those_of_the_axes(modules, path, volume):
    slices = modules[0](path)
    check(slices, volume)
    assert slices.sampling == pytest.approx(1.5)
    assert isinstance(slices.volume, np.memmap)


def test_axes_may_be_stored_in_any_order(modules, tmp_path, volume):
    path = tmp_path / "permuted.mrc"
    with mrcfile.new(str(path)) as mrc:
        mrc.set_data(np.ascontiguousarray(volume.transpose(2, 0, 1)))  # sections x, rows z
        mrc.header.mapc, mrc.header.mapr, mrc.header.maps = 2, 3, 1
        mrc.voxel_size = 1.5
    check(modules[0](path), volume)


def test_compressed_maps_are_read(modules, path, volume):
    packed = path.with_suffix(".mrc.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    check(modules[0](packed), volume)


def test_other_byte_order_is_read(modules, tmp_path, volume):
    path = tmp_path / "foreign.mrc"
    with mrcfile.new(str(path)) as mrc:
        mrc.set_data(volume.astype(">f4"))
        mrc.voxel_size = 1.5
    check(modules[0](path), volume)


def test_file_that_ends_too_early_is_refused(modules, path):
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError):
        modules[0](path)


def test_places_are_described_as_x_y_z_with_their_values(modules, path, volume):
    slices = modules[0](path, scale=modules[1]("Local resolution", "Å", None, "local"))
    for axis, index, row, column, (x, y, z) in ((0, 5, 3, 1, (5, 1, 3)), (1, 4, 3, 2, (3, 4, 2)),
                                                (2, 3, 4, 2, (2, 4, 3))):
        assert slices.describe(axis, index, row, column) == "x, y, z = %d, %d, %d   %.4g Å" % (
            x, y, z, volume[z, y, x])
    assert slices.describe(2, 0, 0, 0) == "x, y, z = 0, 0, 0   no value"
    assert slices.describe(2, 0, 5, 0) == slices.describe(2, 0, 0, -1) == ""


@pytest.mark.parametrize("axis", range(3))
def test_sections_show_the_hand_of_the_figures(modules, path, volume, axis):
    from vrs.results.sections import central_slices
    slices = modules[0](path)
    figure = central_slices(volume, 1.5, "", "")
    assert np.array_equal(slices.section(axis, slices.first(axis))[::-1],
                          figure.panels[axis].image)


def test_local_properties_have_no_value_where_they_are_zero(modules, tmp_path):
    volume = np.zeros((8, 8, 8), np.float32)
    volume[2:6, 2:6, 2:6] = np.linspace(3, 5, 64).reshape(4, 4, 4)
    write_map(str(tmp_path / "local.mrc"), volume, 1.0)
    slices = modules[0](tmp_path / "local.mrc", scale=modules[1]("", "Å", None, "local"))
    section = slices.section(2, 3)
    assert section.mask.sum() == 48 and section.min() >= 3
    low, high = slices.limits()
    assert 3 <= low < 3.1 and 4.9 < high <= 5
    assert modules[0](tmp_path / "local.mrc").limits()[0] == 0


def test_declared_limits_are_kept(modules, path):
    scale = modules[1]("", "", [1.0, 2.0], "local")
    assert modules[0](path, scale=scale).limits() == (1.0, 2.0)


def test_constant_map_has_limits(modules, tmp_path):
    write_map(str(tmp_path / "zero.mrc"), np.zeros((4, 4, 4), np.float32), 1.0)
    for kind in ("density", "local"):
        assert modules[0](tmp_path / "zero.mrc", scale=modules[1](kind=kind)).limits() == (0, 0)


def test_map_without_numbers_has_limits(modules, tmp_path):
    write_map(str(tmp_path / "nan.mrc"), np.full((4, 4, 4), np.nan, np.float32), 1.0)
    low, high = modules[0](tmp_path / "nan.mrc").limits()
    assert low < high
