"""Reading and writing of maps."""

import bz2
import gzip
import hashlib
import itertools
import lzma
import os
import shutil
import tracemalloc
import zipfile

import mrcfile
import numpy as np
import pytest

from vrs.errors import InputError
from vrs.io import maps
from vrs.io.maps import is_plain, read_map, sha256, write_map
from vrs.tests.io.files import blob, save


def problems_of(path, **kwargs):
    with pytest.raises(InputError) as caught:
        read_map(path, **kwargs)
    assert all(sentence.endswith(".") for sentence in caught.value.problems)
    return caught.value.problems


def only_problem(path, **kwargs):
    (problem,) = problems_of(path, **kwargs)
    assert os.path.basename(str(path)) in problem
    return problem


def only_note(map_file):
    (note,) = map_file.notes
    return note


def cube():
    return blob((8, 8, 8))


# Reading

def test_plain_map_has_no_notes(tmp_path):
    volume = cube()
    found = read_map(save(tmp_path / "a.mrc", volume, 1.06))
    np.testing.assert_array_equal(found.volume, volume)
    assert found.volume.dtype == np.float32 and found.volume.flags.c_contiguous
    assert found.volume.flags.writeable
    assert found.sampling == 1.06  # as typed, though the header has single precision
    assert found.origin == (0, 0, 0)
    assert found.notes == []


@pytest.mark.parametrize("axes", list(itertools.permutations((1, 2, 3))))
def test_permuted_axes_give_the_same_map(tmp_path, axes):
    volume = blob()
    mapc, mapr, maps_ = axes
    # Axes of the stored array are sections, rows, columns; z, y, x are 0, 1, 2 in the volume.
    stored = np.ascontiguousarray(volume.transpose(3 - maps_, 3 - mapr, 3 - mapc))
    starts = (10, 20, 30)
    path = save(tmp_path / "a.map", stored, mapc=mapc, mapr=mapr, maps=maps_,
                mx=7, my=8, mz=9, cella=(10.5, 12.0, 13.5), nxstart=starts[mapc - 1],
                nystart=starts[mapr - 1], nzstart=starts[maps_ - 1])
    found = read_map(path)
    np.testing.assert_array_equal(found.volume, volume)
    assert found.volume.flags.c_contiguous
    assert found.sampling == 1.5
    assert found.origin == (15, 30, 45)
    permuted = [note for note in found.notes if "permuted" in note.text]
    assert len(permuted) == (axes != (1, 2, 3))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", ["i1", "i2", "f4", "u2", "f2"])
def test_modes_and_byte_orders(tmp_path, kind, order):
    values = np.abs(cube() * 100).astype(kind)
    found = read_map(save(tmp_path / "a.ccp4", values.astype(np.dtype(kind).newbyteorder(order))))
    np.testing.assert_array_equal(found.volume, values.astype(np.float32))
    assert found.volume.dtype == np.dtype("=f4")


def test_foreign_byte_order_is_noted(tmp_path):
    foreign = np.dtype("f4").newbyteorder()
    found = read_map(save(tmp_path / "a.mrc", cube().astype(foreign)))
    assert "another type of computer" in only_note(found).text


@pytest.mark.parametrize("compression", ["gzip", "bzip2"])
def test_compression_is_seen_whatever_the_name(tmp_path, compression):
    path = save(tmp_path / "a.map", cube(), compression=compression)
    found = read_map(path)
    np.testing.assert_array_equal(found.volume, cube())
    assert found.notes == []
    plain = save(tmp_path / "b.map.gz", cube())
    np.testing.assert_array_equal(read_map(plain).volume, cube())


def test_packed_by_xz_and_zip(tmp_path):
    plain = save(tmp_path / "a.map", cube())
    with open(plain, "rb") as stream:
        (tmp_path / "b.map").write_bytes(lzma.compress(stream.read()))
    np.testing.assert_array_equal(read_map(tmp_path / "b.map").volume, cube())
    with zipfile.ZipFile(str(tmp_path / "c"), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(plain)
    found = read_map(tmp_path / "c")
    np.testing.assert_array_equal(found.volume, cube())
    assert found.notes == [] and not is_plain(tmp_path / "b.map")
    with zipfile.ZipFile(str(tmp_path / "c"), "a") as archive:
        archive.writestr("more", "x")
    assert "zip archive of 2 files" in only_problem(tmp_path / "c")


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("flags, signed", [(0, False), (1, True), (4, False), (5, True)])
def test_bytes_that_imod_marks_as_unsigned(tmp_path, order, flags, signed):
    values = (np.abs(cube()) * 200).astype(np.uint8)
    assert values.max() > 127
    path = save(tmp_path / "a.mrc", values.view(np.int8), dmin=0, dmax=-1)
    with open(path, "r+b") as stream:
        content = bytearray(stream.read())
        content[:1024] = np.frombuffer(content[:1024], "u1").tobytes()
        if order == ">":
            words = np.frombuffer(content[:1024], "<u4").copy()
            words[:52] = words[:52].byteswap()
            content[:1024] = words.tobytes()
            content[104:108], content[208:212] = b"    ", b"MAP "
            content[212:216] = b"\x11\x11\0\0"
        content[152:160] = np.array([1146047817, flags], order + "i4").tobytes()
        stream.seek(0)
        stream.write(content)
    found = read_map(path)
    np.testing.assert_array_equal(found.volume, values.view(np.int8) if signed else values)
    assert any("unsigned, as IMOD" in note.text for note in found.notes) is not signed
    assert is_plain(path) is (signed and order == "<")


@pytest.mark.parametrize("factor, word", [(1e37, "large"), (1e12, "large"), (1e-20, "small")])
def test_values_that_cannot_be_computed_with(tmp_path, factor, word):
    path = save(tmp_path / "a.mrc", cube() * np.float32(factor))
    assert "too %s to be computed with" % word in only_problem(path)


@pytest.mark.parametrize("factor", [1e8, 1e-12])
def test_values_that_can(tmp_path, factor):
    path = save(tmp_path / "a.mrc", cube() * np.float32(factor))
    assert read_map(path).notes == []


@pytest.mark.parametrize("sampling", [1e-6, 1e6])
def test_voxel_sizes_that_cannot_be(tmp_path, sampling):
    path = save(tmp_path / "a.mrc", cube(), sampling)
    assert "cannot be right; give the sampling" in only_problem(path)
    assert read_map(path, 1.5).sampling == 1.5
    (problem,) = problems_of(path, sampling=sampling)
    assert problem.startswith("The sampling, ") and "cannot be right" in problem


def test_all_that_the_header_says_of_the_place_is_kept(tmp_path):
    path = save(tmp_path / "a.mrc", blob().transpose(2, 0, 1), mapc=2, mapr=3, maps=1,
                mx=7, my=8, mz=9, cella=(10.5, 12, 13.5), nxstart=20, nystart=30, nzstart=-10,
                origin=(-10.0, 20.0, 30.0))
    found = read_map(path)
    assert found.start == (-10, 20, 30)
    assert found.origin == found.header_origin == (-10, 20, 30)
    by_start = read_map(save(tmp_path / "b.mrc", cube(), nxstart=-4))
    assert by_start.start == (-4, 0, 0) and by_start.header_origin == (0, 0, 0)
    assert by_start.origin == (-6, 0, 0)


def test_origins_that_no_map_has_are_ignored(tmp_path):
    assert read_map(save(tmp_path / "a.mrc", cube(), origin=(1e20, 0, 0))).origin == (0, 0, 0)


@pytest.mark.parametrize("fields", [{"nsymbt": 2 ** 31 - 1}, {"nx": 60000, "ny": 60000,
                                                             "nz": 60000}])
@pytest.mark.parametrize("compression", [None, "gzip"])
def test_sizes_that_the_header_invents_cost_nothing(tmp_path, fields, compression):
    path = save(tmp_path / "a.mrc", cube(), compression=compression, **fields)
    tracemalloc.start()
    problems_of(path, sampling=1.5)
    assert tracemalloc.get_traced_memory()[1] < 2e7
    tracemalloc.stop()


def test_read_only_file_is_read_and_left_alone(tmp_path):
    path = save(tmp_path / "a.mrc", cube())
    os.chmod(path, 0o444)
    before = sha256(path)
    read_map(path)
    assert sha256(path) == before


def test_grid_of_the_cell_gives_the_voxel_size_of_a_crop(tmp_path):
    found = read_map(save(tmp_path / "a.mrc", cube(), mx=16, my=20, mz=24,
                          cella=(32.0, 40.0, 48.0)))
    assert found.sampling == 2


def test_extended_header_is_skipped(tmp_path):
    path = tmp_path / "a.mrc"
    with mrcfile.new(str(path)) as mrc:
        mrc.set_data(cube())
        mrc.set_extended_header(np.zeros(160, dtype="S1"))
        mrc.voxel_size = 1
    np.testing.assert_array_equal(read_map(path).volume, cube())


# Refusals

def test_missing_file(tmp_path):
    assert "no file" in only_problem(tmp_path / "none.mrc")


def test_file_taken_for_a_folder(tmp_path):
    (tmp_path / "file").write_text("x")
    assert "no file" in only_problem(tmp_path / "file" / "a.mrc")


def test_folder(tmp_path):
    assert "is a folder" in only_problem(tmp_path)


def test_special_file(tmp_path):
    os.mkfifo(str(tmp_path / "pipe"))
    assert "not an ordinary file" in only_problem(tmp_path / "pipe")


def test_name_that_no_file_can_have(tmp_path):
    assert "cannot be opened" in only_problem(str(tmp_path / ("a" * 300)))


def test_unreadable_file(ordinary_user, open_folder):
    path = save(open_folder / "a.mrc", cube())
    os.chmod(path, 0)
    with ordinary_user():
        assert "permission to read" in only_problem(path)
    os.chmod(str(open_folder), 0)
    with ordinary_user():
        assert "permission to read the folder" in only_problem(path)


def test_empty_file(tmp_path):
    (tmp_path / "a.mrc").touch()
    assert "is empty" in only_problem(tmp_path / "a.mrc")


@pytest.mark.parametrize("content", [
    b"short", b"PDB text, long enough for a header. " * 100, bytes(5000),
    np.random.default_rng(1).bytes(5000)])
def test_other_files(tmp_path, content):
    (tmp_path / "a.map").write_bytes(content)
    assert "is not an MRC or CCP4 map" in only_problem(tmp_path / "a.map")
    (tmp_path / "a.map.gz").write_bytes(gzip.compress(content))
    assert "is not an MRC or CCP4 map" in only_problem(tmp_path / "a.map.gz")


def test_impossible_size_in_a_marked_header(tmp_path):
    assert "is not an MRC or CCP4 map" in only_problem(save(tmp_path / "a.mrc", cube(), nx=-8))


def test_truncated_file(tmp_path):
    path = save(tmp_path / "a.mrc", cube())
    os.truncate(path, 1024 + 4 * 512 - 100)
    assert "100 of its 3072 bytes are missing;" in only_problem(path)


def test_nothing_but_a_header(tmp_path):
    path = save(tmp_path / "a.mrc", cube())
    os.truncate(path, 1024)
    assert "2048 of its 3072 bytes are missing;" in only_problem(path)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
def test_truncated_before_compression(tmp_path, compress):
    path = save(tmp_path / "a.mrc", cube())
    with open(path, "rb") as stream:
        content = stream.read()
    (tmp_path / "b.mrc").write_bytes(compress(content[:-100]))
    assert ("100 of its 3072 bytes are missing after decompression"
            in only_problem(tmp_path / "b.mrc"))


@pytest.mark.parametrize("compression", ["gzip", "bzip2"])
def test_truncated_after_compression(tmp_path, compression):
    path = save(tmp_path / "a.map.gz", blob((40, 40, 40)), compression=compression)
    os.truncate(path, os.path.getsize(path) // 2)
    assert "cannot be read to its end" in only_problem(path)
    os.truncate(path, 12)
    assert "cannot be read to its end" in only_problem(path)


def test_damaged_compressed_file(tmp_path):
    path = save(tmp_path / "a.map.gz", cube(), compression="gzip")
    with open(path, "r+b") as stream:
        stream.seek(-6, os.SEEK_END)  # within the check sum
        stream.write(b"xx")
    assert "damaged" in only_problem(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_voxels_that_are_not_finite(tmp_path, value):
    volume = cube()
    volume[2, 3, 4:6] = value
    with pytest.warns(RuntimeWarning):  # from the writer
        path = save(tmp_path / "a.mrc", volume)
    assert "2 voxels that are not finite" in only_problem(path)


@pytest.mark.parametrize("value", [0, 3.5])
def test_constant_map(tmp_path, value):
    path = save(tmp_path / "a.mrc", np.full((5, 6, 7), value, np.float32))
    assert "the same value, %g, in every voxel" % value in only_problem(path)


def test_stack_of_images(tmp_path):
    path = save(tmp_path / "a.mrc", blob(), ispg=0, mz=1, cella=(10.5, 12, 1.5))
    assert "stack of 9 images" in only_problem(path)


@pytest.mark.parametrize("name", ["a.mrcs", "A.MRCS", "a.mrcs.gz"])
def test_stack_of_images_by_its_name(tmp_path, name):
    assert "by its name" in only_problem(save(tmp_path / name, cube()))


def test_stack_of_volumes(tmp_path):
    path = tmp_path / "a.mrc"
    with mrcfile.new(str(path)) as mrc:
        mrc.set_data(np.stack([cube(), cube()]))
        mrc.voxel_size = 1.5
    assert "stack of 2 volumes" in only_problem(path)


def test_stack_of_an_unknown_number_of_volumes(tmp_path):
    path = save(tmp_path / "a.mrc", cube(), ispg=401, mz=0)
    assert "stack of several volumes" in only_problem(path, sampling=1.5)


def test_stack_of_one_volume_is_a_map(tmp_path):
    path = save(tmp_path / "a.mrc", cube(), ispg=401)
    np.testing.assert_array_equal(read_map(path).volume, cube())


@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (8, 8, 1)])
def test_single_image(tmp_path, shape):
    path = save(tmp_path / "a.mrc", np.random.default_rng(0).random(shape, np.float32))
    assert "a single image" in only_problem(path)


def test_complex_numbers(tmp_path):
    path = save(tmp_path / "a.mrc", cube().astype(np.complex64))
    assert "complex numbers" in only_problem(path)
    assert "complex numbers" in only_problem(save(tmp_path / "b.mrc", cube(), mode=3))


def test_unknown_mode(tmp_path):
    assert "(mode 101)" in only_problem(save(tmp_path / "a.mrc", cube(), mode=101))


def test_senseless_axes(tmp_path):
    assert "1, 1, 3" in only_problem(save(tmp_path / "a.mrc", cube(), mapr=1))


@pytest.mark.parametrize("fields", [
    {"cella": (0, 0, 0)}, {"cella": (12, 0, 12)}, {"cella": (12, -12, 12)},
    {"cella": (np.nan, 12, 12)}, {"mx": 0}])
def test_no_voxel_size(tmp_path, fields):
    path = save(tmp_path / "a.mrc", cube(), **fields)
    assert "no voxel size; give the sampling" in only_problem(path)
    found = read_map(path, sampling=1.5)
    assert found.sampling == 1.5
    assert "no voxel size; 1.5 Å is used" in only_note(found).text


def test_strong_anisotropy(tmp_path):
    path = save(tmp_path / "a.mrc", cube(), (1.5, 1.5, 1.6))
    assert "not cubes (1.5 × 1.5 × 1.6 Å)" in only_problem(path)
    found = read_map(path, sampling=1.5)
    assert found.sampling == 1.5
    assert "instead of the header's, 1.5 × 1.5 × 1.6 Å" in only_note(found).text


def test_skewed_cell(tmp_path):
    path = save(tmp_path / "a.mrc", cube(), cellb=(90, 94.3, 90))
    assert "(90, 94.3, 90 degrees)" in only_problem(path)
    assert "right angles" in only_problem(path, sampling=1.5)


@pytest.mark.parametrize("angles", [(0, 0, 0), (90.05, 90, 89.95)])
def test_usable_angles(tmp_path, angles):
    assert read_map(save(tmp_path / "a.mrc", cube(), cellb=angles)).notes == []


@pytest.mark.parametrize("sampling, word", [
    (0, "not positive"), (-1.0, "not positive"), ("abc", "abc, is not a number"),
    ("1,5", "not a number"), (float("nan"), "not a number"), ("inf", "not a number"),
    ("", "nothing, is not a number")])
def test_senseless_sampling(tmp_path, sampling, word):
    (problem,) = problems_of(save(tmp_path / "a.mrc", cube(), 0), sampling=sampling)
    assert problem.startswith("The sampling, ") and word in problem


def test_all_problems_together(tmp_path):
    volume = cube()
    volume[0] = np.nan
    with pytest.warns(RuntimeWarning):
        path = save(tmp_path / "a.mrc", volume, (1, 2, 3), cellb=(80, 90, 90))
    assert [word for problem in problems_of(path)
            for word in ("not cubes", "right angles", "not finite") if word in problem] == [
                "not cubes", "right angles", "not finite"]
    path = save(tmp_path / "b.mrcs", cube(), 0)
    os.truncate(path, 2000)
    assert len(problems_of(path)) == 3  # voxel size, cut short, stack
    assert len(problems_of(tmp_path / "none.mrc", sampling="x")) == 2


# Notes

def test_given_sampling_wins(tmp_path):
    path = save(tmp_path / "a.mrc", cube(), 1.5)
    found = read_map(path, sampling="1.42")
    assert found.sampling == 1.42
    assert only_note(found).severity == "informative"
    assert only_note(found).text == ("The voxel size given, 1.42 Å, is used instead of the "
                                     "header's, 1.5 Å.")
    assert read_map(path, sampling=1.5).notes == []


def test_little_anisotropy_is_averaged(tmp_path):
    found = read_map(save(tmp_path / "a.mrc", cube(), (1.5, 1.5, 1.509)))
    assert found.sampling == pytest.approx(1.503, abs=1e-6)  # single precision
    assert "not quite cubes (1.5 × 1.5 × 1.509 Å)" in only_note(found).text


def test_box_that_is_no_cube(tmp_path):
    found = read_map(save(tmp_path / "a.mrc", blob((9, 8, 7))))
    assert "7 × 8 × 9" in only_note(found).text and only_note(found).severity == "informative"
    found = read_map(save(tmp_path / "a.mrc", blob((32, 8, 8))))
    assert "longer than wide" in only_note(found).text and only_note(found).severity == "minor"


def test_zero_background(tmp_path):
    volume = cube()
    volume[:5] = 0
    found = read_map(save(tmp_path / "a.mrc", volume))
    assert only_note(found).text.startswith("62.5 % of the voxels are exactly zero")


@pytest.mark.parametrize("fields, names", [
    ({"dmin": -5}, ["minimum"]), ({"dmax": 7}, ["maximum"]), ({"dmean": 0.5}, ["mean"]),
    ({"rms": 2}, ["deviation"]), ({"dmin": -5, "dmax": 7}, ["minimum", "maximum"]),
    ({"dmax": np.nan}, []),
    ({"dmin": 0, "dmax": -1, "dmean": -2, "rms": -1}, []),  # how the format says unknown
    ({"dmin": 0, "dmax": 0, "dmean": 0, "rms": 0}, []), ({"rms": 0}, [])])
def test_statistics_that_disagree(tmp_path, fields, names):
    found = read_map(save(tmp_path / "a.mrc", cube(), **fields))
    if not names:
        assert found.notes == []
    else:
        assert "statistics disagree" in only_note(found).text
        assert [name for name in maps._STATISTICS_NAMES
                if name in only_note(found).text] == names


def test_space_group_of_images(tmp_path):
    found = read_map(save(tmp_path / "a.mrc", cube(), ispg=0))
    assert "space group 0" in only_note(found).text


def test_origin_and_start(tmp_path):
    found = read_map(save(tmp_path / "a.mrc", cube(), nxstart=-4, nystart=-3, nzstart=2))
    assert found.origin == (-6, -4.5, 3)
    assert "(-6, -4.5, 3) Å" in only_note(found).text
    found = read_map(save(tmp_path / "a.mrc", cube(), nxstart=-4, origin=(1, 2, 3)))
    assert found.origin == (1, 2, 3)
    assert read_map(save(tmp_path / "a.mrc", cube(), nxstart=-4), sampling=2).origin == (-8, 0, 0)
    assert read_map(save(tmp_path / "a.mrc", cube(), origin=(np.nan, 0, 0))).origin == (0, 0, 0)


def test_header_without_axes(tmp_path):
    found = read_map(save(tmp_path / "a.mrc", cube(), mapc=0, mapr=0, maps=0))
    np.testing.assert_array_equal(found.volume, cube())
    assert "does not name its axes" in only_note(found).text


def test_map_without_the_mark(tmp_path):
    path = save(tmp_path / "a.mrc", cube(), map=b"", machst=(0, 0, 0, 0))
    found = read_map(path)
    np.testing.assert_array_equal(found.volume, cube())
    assert [note.text[:15] for note in found.notes] == ["The file has no", "The header does"]
    with open(path, "ab") as stream:
        stream.write(b"more")  # no longer the size that its header asks for
    assert "is not an MRC or CCP4 map" in only_problem(path)


@pytest.mark.parametrize("order, stamp", [("<", (0x11, 0x11, 0, 0)), (">", (0x44, 0x44, 0, 0))])
def test_wrong_byte_order_mark(tmp_path, order, stamp):
    path = save(tmp_path / "a.mrc", cube().astype(order + "f4"), machst=stamp)
    found = read_map(path)
    np.testing.assert_array_equal(found.volume, cube())
    assert "names the wrong byte order" in found.notes[0].text


def test_file_that_is_too_long(tmp_path):
    path = save(tmp_path / "a.mrc", cube())
    with open(path, "ab") as stream:
        stream.write(b"more")
    assert "longer than its header says" in only_note(read_map(path)).text


def test_odd_extended_header(tmp_path):
    path = tmp_path / "a.mrc"
    with mrcfile.new(str(path)) as mrc:
        mrc.set_data(cube())
        mrc.set_extended_header(np.zeros(10, dtype="S1"))
        mrc.voxel_size = 1
        mrc.header.exttyp = b"FEI1"
    assert "size that its kind cannot have" in only_note(read_map(path)).text


# Writing

@pytest.mark.parametrize("shape", [(8, 8, 8), (5, 6, 7)])
def test_round_trip(tmp_path, shape):
    volume = blob(shape)
    path = tmp_path / "a.mrc"
    write_map(path, volume.transpose(2, 1, 0), 1.06, (1, -2, 3.5))
    found = read_map(path)
    np.testing.assert_array_equal(found.volume, volume.transpose(2, 1, 0))
    assert (found.sampling, found.origin) == (1.06, (1, -2, 3.5))
    assert os.listdir(str(tmp_path)) == ["a.mrc"]


def test_header_of_a_written_map(tmp_path):
    rng = np.random.default_rng(0)
    # A large offset shows whether the statistics were summed in double precision.
    volume = (1000 + rng.standard_normal((30, 30, 30))).astype(np.float32)
    path = str(tmp_path / "a.mrc")
    write_map(path, volume, 1.5)
    with mrcfile.open(path) as mrc:
        header = mrc.header
        assert (header.mode, header.ispg, header.mx, header.mz) == (2, 1, 30, 30)
        assert float(header.cella.x) == 45
        assert (float(header.dmin), float(header.dmax)) == (volume.min(), volume.max())
        exact = volume.astype(np.float64)
        assert float(header.dmean) == pytest.approx(exact.mean(), rel=1e-7)
        assert float(header.rms) == pytest.approx(exact.std(), rel=1e-6)
        assert bytes(header.label[0]).strip() == b"Written by vrs"
    assert mrcfile.validate(path)


def test_mask_is_stored_in_bytes(tmp_path):
    mask = cube() > 0.3
    path = str(tmp_path / "a.mrc")
    write_map(path, mask, 1.5)
    with mrcfile.open(path) as mrc:
        assert mrc.header.mode == 0
        np.testing.assert_array_equal(mrc.data, mask)
    np.testing.assert_array_equal(read_map(path).volume, mask)


def test_writing_is_repeatable_and_replaces(tmp_path):
    first, second = str(tmp_path / "a.mrc"), str(tmp_path / "b.mrc")
    write_map(second, cube() + 1, 2.0)
    for path in (first, second):
        write_map(path, cube(), 1.5)
    assert sha256(first) == sha256(second)


def test_failed_writing_leaves_the_old_map(tmp_path, monkeypatch):
    path = str(tmp_path / "a.mrc")
    write_map(path, cube(), 1.5)
    before = sha256(path)

    def fail(volume):
        raise OSError("no space")
    monkeypatch.setattr(maps, "_statistics", fail)
    with pytest.raises(OSError):
        write_map(path, cube() + 1, 1.5)
    assert sha256(path) == before
    assert os.listdir(str(tmp_path)) == ["a.mrc"]


def test_sha256(tmp_path):
    content = b"0123456789" * 300000  # more than one block
    (tmp_path / "a").write_bytes(content)
    assert sha256(tmp_path / "a") == hashlib.sha256(content).hexdigest()


# What Scipion's importer takes

@pytest.mark.parametrize("name", ["a.mrc", "a.map"])
def test_written_maps_are_plain(tmp_path, name):
    for volume in (cube(), cube() > 0.3):
        write_map(tmp_path / name, volume, 1.5)
        assert is_plain(tmp_path / name)


def test_voxel_size_does_not_matter_for_plain(tmp_path):
    assert is_plain(save(tmp_path / "a.mrc", cube(), 0))


@pytest.mark.parametrize("name", ["a.ccp4", "a.MRC", "a.mrc.gz", "a#1.mrc", "a[1].mrc", "a:1.mrc",
                                  "1@a.mrc", "$a.mrc"])
def test_names_that_are_not_plain(tmp_path, name):
    assert not is_plain(save(tmp_path / name, cube()))


@pytest.mark.parametrize("fields", [
    {"mapc": 2, "mapr": 1}, {"ispg": 0}, {"mx": 16}, {"machst": (0, 0, 0, 0)},
    {"compression": "gzip"}])
def test_headers_that_are_not_plain(tmp_path, fields):
    assert not is_plain(save(tmp_path / "a.mrc", cube(), **fields))


def test_numbers_that_are_not_plain(tmp_path):
    assert not is_plain(save(tmp_path / "a.mrc", cube().astype(">f4")))
    assert not is_plain(save(tmp_path / "b.mrc", cube().astype(np.float16)))


def test_read_only_is_not_plain(tmp_path):
    path = save(tmp_path / "a.mrc", cube())
    os.chmod(path, 0o444)
    assert not is_plain(path)


def test_plain_needs_a_map(tmp_path):
    with pytest.raises(InputError):
        is_plain(tmp_path / "none.mrc")


# Real files

_NO_NOTES = ()
_IMAGES, _NO_CUBE, _PLACED, _ZEROS = ("space group 0", "not a cube", "places the first voxel",
                                      "exactly zero")


@pytest.mark.parametrize("parts, box, sampling, origin, words", [
    (("map_only", "EMD-3197.map"), (20, 20, 20), 11.4, (-22.8, 0, 0), (_PLACED,)),
    (("map_only", "emd_1832.map"), (64, 64, 64), 5.7, (-182.4,) * 3, (_PLACED, _ZEROS)),
    (("map_only", "emd_5170.map"), (100, 100, 100), 2.38, (-116.62,) * 3, (_PLACED,)),
    (("map_only", "emd_5625.map"), (56, 56, 56), 4.23, (-118.44,) * 3, (_PLACED,)),
    (("map_model", "betagal_8bk7", "betaGal.mrc"), (100, 100, 100), 3.54, (0, 0, 0), (_IMAGES,)),
    (("map_model", "betagal_8bk7", "localResolution_vox3.54.mrc"), (100, 100, 100), 3.54,
     (0, 0, 0), (_IMAGES,)),
    (("map_model", "emd_1883_polii", "emd_1883.map.mrc"), (70, 70, 70), 3.71, (0, 0, 0),
     _NO_NOTES),
    (("map_model", "emd_20026_apoferritin", "emd20026_prot.mrc"), (94, 104, 112), 0.65,
     (117, 65.65, 101.4), (_IMAGES, _NO_CUBE, _PLACED, _ZEROS)),
    (("map_model", "emd_2513_frh", "emd_2513.mrc"), (76, 74, 80), 1.32, (114.84, 62.04, 52.8),
     (_IMAGES, _NO_CUBE, _PLACED, _ZEROS)),
    (("map_model", "emd_30342_integrin", "390_emd_30342_A_z4.mrc"), (89, 81, 63), 1.113,
     (145.825, 112.825, 120.517), (_IMAGES, _NO_CUBE, _PLACED, _ZEROS)),
    (("map_model", "emd_5168_actin", "emd_5168.map"), (100, 100, 100), 1.742, (-87.1,) * 3,
     (_PLACED,)),
])
def test_real_maps(test_data, parts, box, sampling, origin, words):
    found = read_map(test_data(*parts))
    assert found.volume.shape[::-1] == box
    assert found.sampling == pytest.approx(sampling, rel=1e-6)  # seven digits in the header
    assert found.origin == pytest.approx(origin, abs=1e-4)
    assert len(found.notes) == len(words)
    assert all(word in note.text for word, note in zip(words, found.notes))


@pytest.mark.parametrize("name, voxel, angles", [
    ("EMD-3001.map", "0.44825 × 0.3925 × 0.45875", "90, 94.326, 90"),
    ("emd_8216.map.gz", "0.36775 × 0.311875 × 0.357404", "90, 111.55, 90"),
])
def test_real_crystals_are_refused(test_data, name, voxel, angles):
    path = test_data("map_only", name)
    first, second = problems_of(path)
    assert "not cubes (%s Å)" % voxel in first
    assert "not at right angles (%s degrees)" % angles in second
    assert "right angles" in only_problem(path, sampling=0.4)


def test_real_image_and_stack_are_refused(test_data, tmp_path):
    assert "a single image" in only_problem(test_data("micrograph", "Ucsf_stack_1142_DW.mrc"))
    stack = test_data("particles", "trpv1_small", "example_image_stack.mrcs")
    copy = tmp_path / "stack.mrc"  # the header alone has to give it away
    shutil.copy(str(stack), str(copy))
    assert any("stack of" in problem for problem in problems_of(copy))


def test_the_digest_of_a_folder_is_that_of_its_names_and_sizes(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "one").write_bytes(b"ab")
    first = maps.folder_sha256(str(tmp_path))
    (tmp_path / "below" / "one").write_bytes(b"cd")
    assert maps.folder_sha256(str(tmp_path)) == first
    (tmp_path / "below" / "one").write_bytes(b"abc")
    second = maps.folder_sha256(str(tmp_path))
    (tmp_path / "below" / "one").rename(tmp_path / "one")
    assert len({first, second, maps.folder_sha256(str(tmp_path))}) == 3
