"""STAR tables: reading, looking into them, and writing."""

import bz2
import gzip
import io

import gemmi
import numpy as np
import pytest

from vrs.errors import InputError
from vrs.io import star
from vrs.io.star import probe_star, read_star, write_star

TABLE = b"""
# version 30001

data_optics

_rlnOpticsGroup          1   # a pair
_rlnOpticsGroupName  'first "group"'
_rlnVoltage      300.000000


data_particles

loop_ 
_rlnImageName #1 
_rlnMicrographName #2 
_rlnDefocusU #3 
_rlnClassNumber #4 
_rlnComment #5
000001@a b.mrcs 7 1.5e4 3 ""
"""


def save(path, content):
    path.write_bytes(content)
    return str(path)


def table(rows, names=("rlnA", "rlnB", "rlnC"), block="x"):
    head = "data_%s\n\nloop_\n%s\n" % (block, "\n".join("_%s" % name for name in names))
    return (head + "\n".join(rows) + "\n").encode()


def problem(path, read=read_star):
    with pytest.raises(InputError) as caught:
        read(str(path))
    (sentence,) = caught.value.problems
    assert sentence.endswith(".") and str(path) in sentence
    return sentence


# Reading

def test_blocks_pairs_quotes_and_comments(tmp_path):
    content = TABLE.replace(b"a b.mrcs", b"a.mrcs") + (
        b"# in between\n\n 2@a.mrcs  007 -2 4 'it''s\ttwo words'   # behind\n"
        b"\"3@with space.mrcs\" m#3.mrc 0 5 o'brien\n\ndata_empty\nloop_\n_rlnAngleRot\n_rlnName\n")
    blocks = read_star(save(tmp_path / "a.star", content))
    assert list(blocks) == ["optics", "particles", "empty"]
    optics, particles = blocks["optics"], blocks["particles"]
    assert {name: values.tolist() for name, values in optics.items()} == {
        "rlnOpticsGroup": [1], "rlnOpticsGroupName": ['first "group"'], "rlnVoltage": [300.0]}
    assert optics["rlnOpticsGroup"].dtype == np.int64
    assert list(particles) == ["rlnImageName", "rlnMicrographName", "rlnDefocusU",
                               "rlnClassNumber", "rlnComment"]
    assert particles["rlnImageName"].tolist() == ["000001@a.mrcs", "2@a.mrcs",
                                                  "3@with space.mrcs"]
    # What is called a name stays a text, leading zeros and all.
    assert particles["rlnMicrographName"].tolist() == ["7", "007", "m#3.mrc"]
    assert particles["rlnDefocusU"].tolist() == [15000.0, -2.0, 0.0]
    assert particles["rlnDefocusU"].dtype == np.float64
    assert particles["rlnClassNumber"].dtype == np.int64
    assert particles["rlnComment"].tolist() == ["", "it''s\ttwo words", "o'brien"]
    assert blocks["empty"]["rlnAngleRot"].shape == blocks["empty"]["rlnName"].shape == (0,)


@pytest.mark.parametrize("change", [
    lambda content: content.replace(b"\n", b"\r\n"), lambda content: b"\xef\xbb\xbf" + content,
    gzip.compress, bz2.compress, lambda content: content.rstrip(b"\n")])
def test_line_ends_marks_and_compression(tmp_path, change):
    content = TABLE.replace(b"a b.mrcs", b"a.mrcs").lstrip()
    expected = read_star(save(tmp_path / "plain.star", content))
    found = read_star(save(tmp_path / "other.star", change(content)))
    assert list(found) == list(expected)
    for block, columns in expected.items():
        for name, values in columns.items():
            np.testing.assert_array_equal(found[block][name], values)


@pytest.mark.parametrize("chunk", [1, 40, 2 ** 22])
def test_kinds_do_not_depend_on_how_the_file_is_cut(tmp_path, monkeypatch, chunk):
    monkeypatch.setattr(star, "_CHUNK", chunk)
    rows = ["%d %d %d" % (i, i, i) for i in range(20)] + ["20 20.5 nan", "21 1e3 B_1", "22 -inf 7"]
    found = read_star(save(tmp_path / "a.star", table(rows) + b"\n" + table(
        ["1_0 99999999999999999999 a", "2_0 1 b"], block="y")))
    columns = found["x"]
    assert columns["rlnA"].dtype == np.int64 and columns["rlnA"].tolist() == list(range(23))
    np.testing.assert_array_equal(columns["rlnB"], list(range(20)) + [20.5, 1000, -np.inf])
    assert columns["rlnC"].tolist() == [str(i) for i in range(20)] + ["nan", "B_1", "7"]
    # An underscore between digits is part of a name, and numbers may be too long for integers.
    assert found["y"]["rlnA"].tolist() == ["1_0", "2_0"]
    assert found["y"]["rlnB"].tolist() == [1e20, 1.0]


def test_wanted_columns_only(tmp_path):
    path = save(tmp_path / "a.star", table(["1 x 2.5", "3 y 4"]))
    found = read_star(path, {"rlnC", "rlnElse"})
    assert list(found["x"]) == ["rlnC"] and found["x"]["rlnC"].tolist() == [2.5, 4.0]


def test_narrow_tables(tmp_path):
    content = table(["3", "4"], ["rlnA"]) + table(["a 1", "data_set 2"], ["rlnB", "rlnC"], "y")
    found = read_star(save(tmp_path / "a.star", content))
    assert found["x"]["rlnA"].tolist() == [3, 4]
    assert found["y"]["rlnB"].tolist() == ["a", "data_set"]


def test_first_column_that_looks_like_a_block(tmp_path):
    found = read_star(save(tmp_path / "a.star", table(["data_2021/a.mrc 1 2", "_b.mrc 3 4"])))
    assert found["x"]["rlnA"].tolist() == ["data_2021/a.mrc", "_b.mrc"]


def test_names_that_are_not_utf8(tmp_path):
    path = save(tmp_path / "a.star", b"data_\nloop_\n_rlnImageName\n_rlnA\n1@\xff.mrcs 2\n")
    name = read_star(path)[""]["rlnImageName"][0]
    assert name.encode("utf-8", "surrogateescape") == b"1@\xff.mrcs"
    write_star(str(tmp_path / "b.star"), {"": {"rlnImageName": [name]}})
    assert read_star(str(tmp_path / "b.star"))[""]["rlnImageName"][0] == name


# What is refused

def test_a_row_without_all_values_is_named(tmp_path):
    sentence = problem(save(tmp_path / "a.star", table(["1 2 3", "1 2", "1 2 3"])))
    assert "Line 8 " in sentence and "2 values" in sentence and "3 columns" in sentence


def test_a_row_without_all_values_in_a_later_chunk(tmp_path, monkeypatch):
    monkeypatch.setattr(star, "_CHUNK", 64)
    rows = ["%d 2 3" % number for number in range(100)]
    rows[80] = "80 2 3 4"
    assert "Line 87 " in problem(save(tmp_path / "a.star", table(rows)))


@pytest.mark.parametrize("content, words", [
    (b"hello\nworld\n", "no line that begins with data_"), (b"", "no line that begins with data_"),
    (b"data_\nloop_\n_a\x00\n", "binary"), (b"data_\nloop_\n_a\n_a\n1 2\n", "second time"),
    (table(["1 2 3"]) + table(["1 2 3"]), "two blocks"),
    (table(["1 2 3"]) + b"loop_\n_rlnD\n4\n", "continues after the table"),
    (table(["1 2 3"]) + b"_rlnD 4\n", "continues after the table"),
    (b"data_\n5 6\n", "neither a name nor a row")])
def test_files_that_are_no_tables(tmp_path, content, words):
    assert words in problem(save(tmp_path / "a.star", content))


def test_missing_folder_and_damaged(tmp_path):
    assert "No such file" in problem(tmp_path / "none.star")
    assert "directory" in problem(tmp_path)
    packed = gzip.compress(table(["1 2 3"] * 1000))
    assert "cut short" in problem(save(tmp_path / "a.star.gz", packed[:-20]))


# Looking into files

@pytest.fixture(scope="module")
def large(tmp_path_factory):
    rng = np.random.default_rng(0)
    columns = {"rlnImageName": ["%06d@Extract/job1/stack_%04d.mrcs" % (i % 100 + 1, i // 100)
                                for i in range(20000)],
               "rlnAngleRot": rng.uniform(-180, 180, 20000).round(6), "rlnNumber": range(20000)}
    path = str(tmp_path_factory.mktemp("star") / "large.star")
    write_star(path, {"optics": {"rlnOpticsGroup": [1]}, "particles": columns})
    return path


class Counted(io.BufferedReader):
    total = 0

    def read(self, size=-1):
        content = super().read(size)
        Counted.total += len(content)
        return content


def test_probe_reads_both_ends_only(large, monkeypatch):
    monkeypatch.setattr(star, "_opened", lambda path: Counted(io.FileIO(path)))
    found = probe_star(large)
    whole = read_star(large)
    particles = found["particles"]
    size = io.FileIO(large).seek(0, 2)
    assert 0 < Counted.total - size < size / 3  # the whole reading counts as well
    assert list(particles.columns) == list(whole["particles"])
    assert not particles.exact and particles.rows == pytest.approx(20000, rel=0.01)
    for name, values in particles.columns.items():
        np.testing.assert_array_equal(values[:1000], whole["particles"][name][:1000])
        np.testing.assert_array_equal(values[-1000:], whole["particles"][name][-1000:])
        assert len(values) == 2000
    assert found["optics"].exact and found["optics"].rows == 1


def test_probe_of_small_and_compressed_files(large, tmp_path):
    small = probe_star(save(tmp_path / "a.star", table(["1 2 3"] * 5)))["x"]
    assert small.exact and small.rows == 5 and small.columns["rlnA"].tolist() == [1] * 5
    with open(large, "rb") as stream:
        packed = save(tmp_path / "b.star.gz", gzip.compress(stream.read()))
    found = probe_star(packed)["particles"]
    # The first rows are a little shorter than the others, whose numbers have more digits.
    assert not found.exact and found.rows == pytest.approx(20000, rel=0.03)
    np.testing.assert_array_equal(found.columns["rlnNumber"][:1000], np.arange(1000))
    with open(large, "rb") as stream:
        packed = save(tmp_path / "b.star.bz2", bz2.compress(stream.read()))
    found = probe_star(packed)["particles"]
    # What was packed otherwise does not tell its size, so that all of it is read.
    assert found.exact and found.rows == 20000


def test_probe_finds_what_follows_the_large_table(tmp_path):
    rows = ["%d %d %d" % (i, i, i) for i in range(20000)]
    after = probe_star(save(tmp_path / "a.star", table(rows) + b"\n" + table(["7 8"], "ab", "y")))
    assert after["y"].columns["a"].tolist() == [7]
    assert after["x"].rows == pytest.approx(20000, rel=0.02)  # for the same reason
    # The end of the file belongs to another large table: counted, rather than guessed.
    both = probe_star(save(tmp_path / "b.star", table(rows) + b"\n" + table(
        ["%d 8" % i for i in range(30000)], "ab", "y")))
    assert [(found.rows, found.exact) for found in both.values()] == [(20000, True), (30000, True)]
    assert both["y"].columns["a"][-1] == 29999


def test_probe_says_what_is_damaged(tmp_path, large):
    with open(large, "rb") as stream:
        content = stream.read()
    assert "cut short" in problem(save(tmp_path / "a.star", content.rstrip()[:-30]), probe_star)


# Writing

def test_what_is_written_is_read_back(tmp_path):
    rng = np.random.default_rng(1)
    columns = {"rlnInt": np.array([3, -4, 0]), "rlnFlag": np.array([True, False, True]),
               "rlnDouble": rng.standard_normal(3) * 1e-7, "rlnSingle": np.float32([0.1, 1e9, -3]),
               "rlnNotFinite": np.array([np.nan, np.inf, 1.5]),
               "rlnText": ["two words", "", "it's"], "rlnOdd": ["_a", "data_b", 'say "no"'],
               "rlnImageName": ["1@a.mrcs", "#2@a.mrcs", ";3"]}
    path = str(tmp_path / "a.star")
    write_star(path, {"optics": {"rlnOpticsGroup": [1]}, "particles": columns, "none": {
        "rlnA": np.zeros(0)}})
    found = read_star(path)["particles"]
    assert list(found) == list(columns)
    for name, values in columns.items():
        values = np.asarray(values)
        np.testing.assert_array_equal(found[name].astype(values.dtype), values)
    assert list(tmp_path.iterdir()) == [tmp_path / "a.star"]


def test_others_read_what_is_written(tmp_path):
    path = str(tmp_path / "a.star")
    write_star(path, {"optics": {"rlnOpticsGroup": [1]},
                      "particles": {"rlnAngleRot": [1.5, -2.0], "rlnImageName": ["1@a b", "2@c"]}})
    document = gemmi.cif.read(path)
    assert [block.name for block in document] == ["optics", "particles"]
    found = document[1].find(["_rlnAngleRot", "_rlnImageName"])
    assert [[row[0], row.str(1)] for row in found] == [["1.5", "1@a b"], ["-2.0", "2@c"]]
    # RELION needs to be told the version of files with optics groups.
    assert open(path).read().count("# version 30001") == 2


def test_nothing_is_left_of_a_failed_writing(tmp_path):
    with pytest.raises(ValueError, match="differ in length"):
        write_star(str(tmp_path / "a.star"), {"x": {"a": [1], "b": [1, 2]}})
    assert list(tmp_path.iterdir()) == []


# Real files

@pytest.mark.parametrize("name, block, rows", [
    ("starfile.star", "", 3796), ("formats/relion31.6opticsgroups.star", "particles", 139),
    ("relion5_betagal/particles_21-25.star", "particles", 1157),
    ("relion5_betagal/20170629_00021_frameImage_autopick.star", "", 242)])
def test_real_tables_agree_with_gemmi(test_data, name, block, rows):
    path = str(test_data("particles", *name.split("/")))
    columns = read_star(path)[block]
    expected = gemmi.cif.read(path).find_block(block) if block else gemmi.cif.read(path)[0]
    assert len(columns) == len(expected.find_loop("_" + next(iter(columns))).get_loop().tags)
    for column, values in columns.items():
        texts = list(expected.find_loop("_" + column))
        assert len(values) == len(texts) == rows
        if values.dtype == object:
            assert values.tolist() == texts
        else:
            np.testing.assert_array_equal(values, np.array(texts, float))


def test_tables_of_models(test_data):
    blocks = read_star(test_data("particles", "relion5_betagal", "Class2D_run_it025_model.star"))
    assert blocks["model_general"]["rlnPixelSize"].tolist() == [3.54]
    assert blocks["model_general"]["rlnNrClasses"].tolist() == [50]
    classes = blocks["model_classes"]
    assert len(classes["rlnReferenceImage"]) == 50
    assert classes["rlnAccuracyRotations"][0] == 999
    assert sum(name.startswith("model_class_") for name in blocks) == 50
    # Shares are printed with six decimals.
    assert classes["rlnClassDistribution"].sum() == pytest.approx(1, abs=1e-5)
    fsc = read_star(test_data("particles", "rib80s_run003_model_trunc.star"))["model_class_1"]
    assert fsc["rlnGoldStandardFsc"][0] == 1 and len(fsc["rlnSpectralIndex"]) == 181
