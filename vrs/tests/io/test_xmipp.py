"""Tables of particles in Xmipp's metadata files, with stacks of SPIDER and TIFF files."""

import numpy as np
import pytest
import tifffile

from vrs.errors import InputError
from vrs.io.classes import probe_classes, read_classes
from vrs.io.particles import open_particles, probe_particles, read_particles
from vrs.io.stacks import read_stack
from vrs.tests.io.test_classes import images, spider

COUNT = 6
COLUMNS = {
    "image": ["%06d@Extract/a.stk" % (number + 1) for number in range(COUNT)],
    "itemId": range(1, COUNT + 1), "micrograph": ["Mics/m1.mrc"] * 4 + ["Mics/m2.mrc"] * 2,
    "enabled": [1] * COUNT, "xcoor": range(COUNT), "ycoor": range(10, 10 + COUNT),
    "ctfDefocusU": [15000.5] * COUNT, "ctfDefocusV": [14000.5] * COUNT,
    "ctfDefocusAngle": [30.5] * COUNT, "ctfVoltage": [300.0] * COUNT,
    "ctfSphericalAberration": [2.7] * COUNT, "ctfQ0": [0.1] * COUNT, "flip": [0] * COUNT,
    "angleRot": [10.0 * row for row in range(COUNT)], "angleTilt": [50.0] * COUNT,
    "anglePsi": [-20.0] * COUNT, "shiftX": [1.0] * COUNT, "shiftY": [-2.0] * COUNT,
    "ref": [1] * COUNT, "samplingRate": [1.5] * COUNT}


def written(folder, **changes):
    """A table as Xmipp writes it, in a folder above that of its stack; None takes a column away."""
    columns = {name: list(values) for name, values in dict(COLUMNS, **changes).items()
               if values is not None}
    lines = ["# XMIPP_STAR_1 * ", "# ", "data_noname", "loop_"] + [" _" + name for name in columns]
    for row in zip(*columns.values()):
        lines.append(" ".join("%12s" % value for value in row) + " ")
    path = folder / "particles.xmd"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "Extract").mkdir()
    spider(tmp_path / "Extract" / "a.stk", images(COUNT, (8, 8)), stack=True)
    return tmp_path


def test_a_refinement_of_xmipp(folder):
    table, notes = read_particles(written(folder))
    # Angles are RELION's, shifts count in pixels.
    assert table.angles == pytest.approx(np.column_stack(
        [COLUMNS[name] for name in ("angleRot", "angleTilt", "anglePsi")]), abs=1e-4)
    assert table.shifts.tolist() == [[1.5, -3.0]] * COUNT
    assert table.has_ctf and table.defocus[0].tolist() == [15000.5, 14000.5, 30.5]
    optics, = table.optics
    assert (optics.sampling, optics.image_size, optics.voltage) == (1.5, 8, 300)
    assert table.micrograph_names == ("Mics/m1.mrc", "Mics/m2.mrc")
    assert table.coordinates[:, 1].tolist() == list(range(10, 16)) and not notes
    particles = open_particles(table)
    found = np.zeros((COUNT, 8, 8), np.float32)
    for rows, batch in particles.batches(8, 2 ** 22):
        found[rows] = batch
    assert found == pytest.approx(images(COUNT, (8, 8)), abs=1e-5)
    probe = probe_particles(written(folder))
    assert probe.rows == COUNT and "angleRot" in probe.columns and not probe.problems


def test_disabled_particles_are_told(folder):
    _, notes = read_particles(written(folder, enabled=[1, -1, -1, 1, 1, 1]))
    assert notes == ["2 of the 6 particles are disabled in the table; they are used."]


@pytest.mark.parametrize("changes, words", [
    ({"flip": [0, 1, 0, 0, 0, 0]}, "mirrored images (column flip)"),
    ({"ctfVPPphaseshift": [1.5] * COUNT}, "phase plate"),
    ({"angleTilt": None}, "has angleRot and anglePsi but not angleTilt"),
    ({"shiftX": ["a"] * COUNT}, "Column shiftX of"),
    ({"samplingRate": None}, "add the column samplingRate"),
    ({"image": ["000009@Extract/a.stk"] * COUNT}, "names image 9")])
def test_what_cannot_be_used_is_told_in_words_of_xmipp(folder, changes, words):
    path = written(folder, **changes)
    with pytest.raises(InputError) as caught:
        read_particles(path)
    sentence, = caught.value.problems
    assert words in sentence and "rln" not in sentence and sentence.endswith(".")
    assert probe_particles(path).problems == (sentence,)


@pytest.mark.parametrize("order", "<>")
def test_stacks_of_spider_are_mapped(tmp_path, order):
    pictures = images(5, (7, 7))
    stack = read_stack(spider(tmp_path / "a.stk", pictures, order, stack=True))
    assert (stack.count, stack.size, stack.sampling) == (5, 7, None)
    np.testing.assert_array_equal(stack.open(), pictures)
    np.testing.assert_array_equal(stack.open()[[3, 1]], pictures[[3, 1]])


def test_a_spider_stack_that_is_cut_short(tmp_path):
    path = tmp_path / "a.stk"
    spider(path, images(5), stack=True)
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(InputError, match="cut short"):
        read_stack(path)


def test_tiff_stacks_begin_with_the_highest_row(tmp_path):
    pictures = images(5, (8, 8))
    path = str(tmp_path / "a.tif")
    tifffile.imwrite(path, pictures[:, ::-1], photometric="minisblack")
    stack = read_stack(path)
    assert (stack.count, stack.size) == (5, 8)
    np.testing.assert_array_equal(stack.open()[[4, 2]], pictures[[4, 2]])
    classes, _ = read_classes(path, 2.0)
    np.testing.assert_array_equal(classes.images, pictures)
    probe_classes(path, 2.0)
    with pytest.raises(InputError, match="sampling-classes|pixel size"):
        read_classes(path)


@pytest.mark.parametrize("shape, options, words", [
    ((5, 8, 8), {"compression": "zlib"}, "compressed"), ((5, 8, 6), {}, "not square"),
    ((8, 8, 3), {"photometric": "rgb"}, "coloured")])
def test_tiff_stacks_that_cannot_be_used(tmp_path, shape, options, words):
    path = str(tmp_path / "a.tif")
    tifffile.imwrite(path, np.zeros(shape, np.uint8), **dict(
        {"photometric": "minisblack"}, **options))
    with pytest.raises(InputError, match=words):
        read_stack(path)
