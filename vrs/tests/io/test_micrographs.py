import bz2
import gzip
import struct

import mrcfile
import numpy as np
import pytest
import tifffile

from vrs.errors import InputError
from vrs.io.micrographs import find_micrograph, probe_micrograph, read_micrograph

SHAPE = (30, 40)


@pytest.fixture
def image():
    return np.random.default_rng(1).normal(100, 10, SHAPE).astype(np.float32)


def write(path, data, sampling=1.25):
    with mrcfile.new(path, overwrite=True) as mrc:
        mrc.set_data(data)
        if sampling:
            mrc.voxel_size = sampling
    return str(path)


def patch(path, offset, values, format="<i"):
    with open(path, "r+b") as stream:
        stream.seek(offset)
        stream.write(b"".join(struct.pack(format, value) for value in values))


def problems(path, reader=read_micrograph):
    with pytest.raises(InputError) as caught:
        reader(str(path))
    return caught.value.problems


@pytest.mark.parametrize("kind", ["int8", "int16", "uint16", "float32", "float16"])
def test_kinds_of_numbers(tmp_path, image, kind):
    data = image.astype(kind)
    read = read_micrograph(write(tmp_path / "a.mrc", data))
    assert read.image.dtype == np.float32 and read.image.flags["C_CONTIGUOUS"]
    np.testing.assert_array_equal(read.image, data.astype(np.float32))
    assert read.sampling == 1.25


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("flags, unsigned", [(0, True), (1, False), (16, True), (17, False)])
def test_mark_of_imod_tells_whether_bytes_are_signed(tmp_path, flags, unsigned, order):
    data = np.arange(256, dtype=np.uint8).reshape(16, 16)
    path = write(tmp_path / "a.mrc", data.view(np.int8))
    if order == ">":
        with mrcfile.open(path, "r+") as mrc:
            mrc.header.byteswap(inplace=True)
            mrc._header = mrc.header.newbyteorder()
            mrc.header.machst = [17, 17, 0, 0]
    patch(path, 152, [1146047817, flags], order + "i")
    expected = data if unsigned else data.view(np.int8)
    np.testing.assert_array_equal(read_micrograph(path).image, expected)


def test_bytes_without_mark_are_unsigned_if_the_header_says_so(tmp_path):
    data = np.arange(256, dtype=np.uint8).reshape(16, 16)
    path = write(tmp_path / "a.mrc", data.view(np.int8))
    np.testing.assert_array_equal(read_micrograph(path).image, data.view(np.int8))
    patch(path, 76, [0, 255], "<f")  # minimum and maximum
    np.testing.assert_array_equal(read_micrograph(path).image, data)


@pytest.mark.parametrize("package, ending", [(gzip, ".gz"), (bz2, ".bz2")])
def test_compressed(tmp_path, image, package, ending):
    plain = write(tmp_path / "a.mrc", image)
    packed = tmp_path / ("a.mrc" + ending)
    packed.write_bytes(package.compress(open(plain, "rb").read()))
    np.testing.assert_array_equal(read_micrograph(packed).image, image)
    assert probe_micrograph(packed).shape == SHAPE


def test_probe_reads_the_header_alone(tmp_path, image):
    path = write(tmp_path / "a.mrc", image)
    header = probe_micrograph(path)
    assert (header.path, header.shape, header.sampling) == (path, SHAPE, 1.25)


def test_sampling_comes_from_the_axes_of_the_image(tmp_path, image):
    path = write(tmp_path / "a.mrc", image, 1.25)
    patch(path, 48, [0.0], "<f")  # length of the cell along z
    assert probe_micrograph(path).sampling == 1.25
    patch(path, 44, [60.0], "<f")  # along y, which makes the pixels oblong
    assert probe_micrograph(path).sampling is None
    assert probe_micrograph(write(tmp_path / "b.mrc", image, None)).sampling is None


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_tiff_begins_with_the_highest_row(tmp_path, image, kind, compression):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, image.astype(kind), compression=compression,
                     resolution=((125000000, 1), (125000000, 1)), resolutionunit="CENTIMETER")
    read = read_micrograph(path)
    np.testing.assert_array_equal(read.image, image.astype(kind)[::-1])
    assert read.sampling == 0.8
    assert probe_micrograph(path).shape == SHAPE


def test_resolution_for_printing_is_no_sampling(tmp_path, image):
    tifffile.imwrite(tmp_path / "a.tif", image, resolution=(300, 300), resolutionunit="INCH")
    assert read_micrograph(tmp_path / "a.tif").sampling is None


def test_movies_are_refused(tmp_path, image):
    movie = np.stack([image, image])
    for reader in (read_micrograph, probe_micrograph):
        assert "holds 2 images" in problems(write(tmp_path / "a.mrc", movie), reader)[0]
        tifffile.imwrite(tmp_path / "a.tif", movie)
        assert "holds 2 images" in problems(tmp_path / "a.tif", reader)[0]


def test_what_cannot_be_read_is_said(tmp_path, image):
    assert "no file" in problems(tmp_path / "none.mrc")[0]
    assert "is not an MRC or TIFF file" in problems(__file__, probe_micrograph)[0]
    path = write(tmp_path / "complex.mrc", image.astype(np.complex64))
    assert "mode 4" in problems(path)[0]
    path = write(tmp_path / "short.mrc", image)
    with open(path, "r+b") as stream:
        stream.truncate(3000)
    assert "cut short" in problems(path, probe_micrograph)[0]
    image[3, 4] = np.inf
    assert "1 pixel that is not finite" in problems(write(tmp_path / "infinite.mrc", image))[0]
    assert "same value, 3," in problems(write(tmp_path / "flat.mrc", 0 * image[:3, :3] + 3))[0]
    (tmp_path / "a.tif").write_bytes(b"II*\0" + bytes(100))
    assert len(problems(tmp_path / "a.tif")) == 1
    tifffile.imwrite(tmp_path / "colour.tif", np.zeros((8, 8, 3), np.uint8), photometric="rgb")
    assert "colour" in problems(tmp_path / "colour.tif")[0]


def test_names_are_found_from_the_table_upwards(tmp_path):
    table = tmp_path / "project" / "Extract" / "job9" / "particles.star"
    micrograph = tmp_path / "project" / "MotionCorr" / "a.mrc"
    for path in (table, micrograph):
        path.parent.mkdir(parents=True)
        path.touch()
    assert find_micrograph("MotionCorr/a.mrc", table) == str(micrograph)
    assert find_micrograph(">MotionCorr/a.mrc", table) == str(micrograph)
    assert find_micrograph(str(micrograph), table) == str(micrograph)
    assert find_micrograph("MotionCorr/b.mrc", table) is None
    beside = table.parent / "a.tif"
    beside.touch()
    assert find_micrograph("elsewhere/a.tif", table) == str(beside)
    assert find_micrograph("a", table) == str(beside)


def test_a_given_folder_comes_first(tmp_path):
    table = tmp_path / "x" / "particles.cs"
    for path in (table, tmp_path / "x" / "a.mrc", tmp_path / "y" / "a.mrc"):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    name = "J2/imported/012345678901234567890_a.mrc"
    assert find_micrograph(name, table) == str(tmp_path / "x" / "a.mrc")
    assert find_micrograph(name, table, tmp_path / "y") == str(tmp_path / "y" / "a.mrc")


def test_real_micrograph(test_data):
    read = read_micrograph(test_data("micrograph", "Ucsf_stack_1142_DW.mrc"))
    assert read.image.shape == (927, 959) and read.sampling == 1
    assert read.image.min() == pytest.approx(6768.2026)
