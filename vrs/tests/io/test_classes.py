"""Two-dimensional class averages from all kinds of files."""

import gzip
import shutil
import sys

import mrcfile
import numpy as np
import pytest

from vrs.errors import InputError
from vrs.io.classes import probe_classes, read_classes
from vrs.io.star import write_star
from vrs.tests.io.files import save


def images(count=4, size=(6, 6), seed=0):
    return np.random.default_rng(seed).standard_normal((count,) + size).astype(np.float32)


def spider(path, pictures, order="<", stack=False):
    """Write SPIDER images; the header is a whole number of rows of 1024 bytes at least."""
    rows, columns = pictures.shape[1:]
    records = -(-1024 // (4 * columns))

    def header(**words):
        values = np.zeros(records * columns, np.float32)
        for word, value in dict({"1": 1, "2": rows, "3": rows + records, "5": 1, "12": columns,
                                 "13": records, "22": 4 * columns * records,
                                 "23": 4 * columns}, **words).items():
            values[int(word) - 1] = value
        return values
    parts = [header(**{"24": 2, "26": len(pictures)})] if stack else []
    for picture in pictures:
        parts += [header(), picture.ravel()]
    np.concatenate(parts).astype(order + "f4").tofile(str(path))
    return str(path)


def problems(*arguments):
    with pytest.raises(InputError) as caught:
        read_classes(*arguments)
    return sentences(caught)


def probed(*arguments):
    with pytest.raises(InputError) as caught:
        probe_classes(*arguments)
    return sentences(caught)


def sentences(caught):
    assert all(sentence.endswith(".") for sentence in caught.value.problems)
    return caught.value.problems


def only_problem(*arguments):
    (sentence,) = problems(*arguments)
    return sentence


# Formats

@pytest.mark.parametrize("kind", ["i2", "f2", ">f4"])
def test_stack(tmp_path, kind):
    stored = (10 * images()).astype(kind)
    classes, notes = read_classes(save(tmp_path / "a.mrcs", stored, 3.5, ispg=0))
    np.testing.assert_array_equal(classes.images, stored.astype(np.float32))
    assert classes.images.dtype == np.float32 and classes.sampling == 3.5 and notes == []
    assert classes.numbers.tolist() == [1, 2, 3, 4] and len(classes) == 4
    assert classes.names[2] == "3@%s" % (tmp_path / "a.mrcs")
    assert classes.occupancy is None and classes.resolution is None


def test_compressed_stack_and_stack_named_as_a_map(tmp_path):
    path = save(tmp_path / "a.mrc", images(), 3.5)
    with open(path, "rb") as source, gzip.open(str(tmp_path / "b.mrcs.gz"), "wb") as stream:
        shutil.copyfileobj(source, stream)
    for name in ("a.mrc", "b.mrcs.gz"):
        np.testing.assert_array_equal(read_classes(tmp_path / name)[0].images, images())


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("size", [(6, 6), (300, 300), (7, 7)])
def test_spider_images_and_stacks(tmp_path, order, size):
    pictures = images(size=size)
    one, _ = read_classes(spider(tmp_path / "a.spi", pictures[:1], order), 2.0)
    np.testing.assert_array_equal(one.images, pictures[:1])
    several, _ = read_classes(spider(tmp_path / "b.stk", pictures, order, stack=True), 2.0)
    np.testing.assert_array_equal(several.images, pictures)
    assert several.sampling == 2.0


def test_folder_and_pattern_in_the_order_of_numbers(tmp_path):
    for number in (1, 2, 10):
        save(tmp_path / ("avg_%d.mrc" % number), images(12)[number], 2.5)
    (tmp_path / "notes.txt").write_text("nothing")
    (tmp_path / ".avg_0.mrc").write_text("nothing")
    for path in (tmp_path, tmp_path / "avg_*.mrc"):
        classes, _ = read_classes(path)
        np.testing.assert_array_equal(classes.images, images(12)[[1, 2, 10]])
        assert classes.sampling == 2.5
        assert [name.rsplit("_", 1)[1] for name in classes.names] == ["1.mrc", "2.mrc", "10.mrc"]


def test_eman_stack(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(str(tmp_path / "a.hdf"), "w") as file:
        for number in (0, 1, 2, 10):
            group = file.create_group("MDF/images/%d" % number)
            group.create_dataset("image", data=images(11)[number])
            group.attrs["EMAN.apix_x"] = 4.5
    classes, _ = read_classes(tmp_path / "a.hdf")
    np.testing.assert_array_equal(classes.images, images(11)[[0, 1, 2, 10]])
    assert classes.sampling == 4.5
    (tmp_path / "b.hdf").write_bytes(b"nothing")
    assert "e2proc2d.py %s/b.hdf %s/b.mrcs" % (tmp_path, tmp_path) in only_problem(
        tmp_path / "b.hdf")


def test_eman_stack_without_its_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "a.hdf").write_bytes(b"nothing")
    assert "h5py" in only_problem(tmp_path / "a.hdf")


# RELION's models

def model(path, names, sampling=3.5, **columns):
    write_star(str(path), {"model_general": {"rlnPixelSize": [sampling]}, "model_classes": dict(
        {"rlnReferenceImage": names}, **columns)})
    return str(path)


@pytest.fixture
def job(tmp_path):
    folder = tmp_path / "Class2D" / "job010"
    folder.mkdir(parents=True)
    save(folder / "run_it025_classes.mrcs", images(), 1.0, ispg=0)
    names = ["%06d@Class2D/job010/run_it025_classes.mrcs" % number for number in (1, 2, 3, 4)]
    path = model(folder / "run_it025_model.star", names,
                 rlnClassDistribution=[0.5, 0.2, 0.3, 0.0],
                 rlnEstimatedResolution=[12.5, 999.0, np.inf, 20.0])
    return folder, path, names


def test_model_of_a_classification(job):
    folder, path, names = job
    for given in ((path,), (folder / "run_it025_classes.mrcs",),
                  (folder / "run_it025_data.star",)):
        classes, notes = read_classes(*given)
        np.testing.assert_array_equal(classes.images, images())
        assert classes.sampling == 3.5
        assert classes.occupancy.tolist() == [0.5, 0.2, 0.3, 0.0]
        np.testing.assert_array_equal(classes.resolution, [12.5, np.nan, np.nan, 20.0])


def test_selected_classes_keep_their_numbers(job):
    folder, _, names = job
    path = folder / "class_averages.star"
    write_star(str(path), {"": {"rlnReferenceImage": [names[3], names[1]],
                                "rlnClassDistribution": [0.0, 0.2]}})
    classes, notes = read_classes(path)
    assert classes.numbers.tolist() == [4, 2] and classes.names == (names[3], names[1])
    np.testing.assert_array_equal(classes.images, images()[[3, 1]])
    assert classes.resolution is None and "1 Å" in notes[0]


def test_stack_and_model_of_another_classification(job, tmp_path):
    _, path, _ = job
    other = save(tmp_path / "other.mrcs", images(3), 3.5, ispg=0)
    assert "3 class averages, the model 4" in only_problem(other, None, path)


@pytest.mark.parametrize("names, words", [
    (["1@none.mrcs"], "not found"), (["5@Class2D/job010/run_it025_classes.mrcs"], "4 images"),
    (["run_class001.mrc"], "maps and not images")])
def test_models_that_cannot_be_used(job, names, words):
    folder, _, _ = job
    assert words in only_problem(model(folder / "a.star", names))


@pytest.mark.parametrize("columns, words", [
    (dict(sampling="x"), "rlnPixelSize of"), (dict(sampling=0.0), "no pixel size"),
    (dict(sampling=-1.0), "no pixel size"), (dict(sampling=np.nan), "no pixel size"),
    (dict(rlnEstimatedResolution=["x"] * 4), "rlnEstimatedResolution of"),
    (dict(rlnClassDistribution=["x"] * 4), "holds text"),
    (dict(rlnClassDistribution=[np.nan] * 4), "no shares of particles"),
    (dict(rlnClassDistribution=[0.5, -0.1, 0.3, 0.3]), "no shares of particles"),
    (dict(rlnClassNumber=["x"] * 4), "holds text"),
    (dict(rlnClassNumber=[1e30] * 4), "no numbers of classes")])
def test_models_with_wrong_values_are_refused(job, columns, words):
    folder, _, names = job
    path = model(folder / "a_model.star", names, **columns)
    assert words in only_problem(path) and words in probed(path)[0]


def test_resolutions_that_are_none_are_not_known(job):
    folder, _, names = job
    classes, _ = read_classes(model(folder / "a.star", names,
                                    rlnEstimatedResolution=[0.0, -5.0, 12.0, 999.0]))
    np.testing.assert_array_equal(classes.resolution, [np.nan, np.nan, 12.0, np.nan])


def test_other_tables(tmp_path):
    write_star(str(tmp_path / "a.star"), {"": {"rlnImageName": ["1@a.mrcs"]}})
    assert "rlnReferenceImage" in only_problem(tmp_path / "a.star")


# Sampling and findings

def test_sampling_that_is_given_wins(job):
    _, path, _ = job
    assert read_classes(path, "2.25")[0].sampling == 2.25


def test_no_sampling(tmp_path):
    path = save(tmp_path / "a.mrcs", images(), 0, ispg=0)
    assert "--sampling-classes" in only_problem(path)
    assert len(problems(path, "x")) == 1 and "not a number" in only_problem(path, "x")
    assert "--sampling-classes" in only_problem(spider(tmp_path / "a.spi", images(1)))


def test_files_that_differ(tmp_path):
    save(tmp_path / "a1.mrc", images()[0], 2.5)
    save(tmp_path / "a2.mrc", images()[1], 2.0)
    assert "--sampling-classes" in only_problem(tmp_path)
    classes, notes = read_classes(tmp_path, 2.2)
    assert classes.sampling == 2.2 and "differ in their pixel sizes" in notes[0]
    save(tmp_path / "a3.mrc", images(size=(8, 8))[1], 2.0)
    assert "differ in size (6 × 6 and 8 × 8 pixels)" in only_problem(tmp_path)


def test_images_that_are_not_square(tmp_path):
    path = save(tmp_path / "a.mrcs", images(size=(6, 8)), 2.5, ispg=0)
    assert "8 × 6 pixels; give square ones" in only_problem(path)


def test_headers_tell_most_of_what_is_wrong(job, tmp_path, monkeypatch):
    folder, path, _ = job
    monkeypatch.setattr("vrs.io.classes.mrcfile", None)  # no image is read
    for sound in (path, folder / "run_it025_classes.mrcs",
                  spider(tmp_path / "s.stk", images(), stack=True)):
        probe_classes(sound, 2.0)
    assert "--sampling-classes" in probed(tmp_path / "s.stk")[0]
    assert "no file" in probed(tmp_path / "none.mrcs")[0]
    assert "not found" in probed(model(tmp_path / "a.star", ["1@none.mrcs"]))[0]
    assert len(probed(tmp_path / "none.mrcs", "x")) == 2


def test_sizes_and_samplings_are_probed(tmp_path):
    save(tmp_path / "a1.mrc", images(size=(6, 8))[0], 2.5)
    save(tmp_path / "a2.mrc", images()[1], 2.5)
    found = probed(tmp_path)
    assert "8 × 6 pixels; give square ones" in found[0] and "differ in size" in found[1]
    (tmp_path / "a1.mrc").unlink()
    probe_classes(tmp_path)
    save(tmp_path / "a3.mrc", images()[1], 2.0)
    assert "--sampling-classes" in probed(tmp_path)[0]


def test_eman_stacks_are_probed(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(str(tmp_path / "a.hdf"), "w") as file:
        file.create_group("MDF/images/0").create_dataset("image", data=images()[0])
    assert "--sampling-classes" in probed(tmp_path / "a.hdf")[0]
    probe_classes(tmp_path / "a.hdf", 2.0)
    (tmp_path / "b.hdf").write_bytes(b"nothing")
    assert "not an HDF stack" in probed(tmp_path / "b.hdf")[0]


@pytest.mark.filterwarnings("ignore:Data array contains NaN")
def test_empty_and_damaged_averages(tmp_path):
    pictures = images()
    pictures[1] = 0
    _, notes = read_classes(save(tmp_path / "a.mrcs", pictures, ispg=0))
    assert notes == ["Class average 2 is empty (the same value everywhere)."]
    pictures[2, 3, 3] = np.nan
    classes, notes = read_classes(save(tmp_path / "a.mrcs", pictures, ispg=0))
    assert [note.split(" (")[0] for note in notes] == [
        "Class average 3 holds values that are not finite", "Class average 2 is empty"]
    assert len(classes) == 4 and not classes.images[2].any() and classes.images[3].any()
    assert "All class averages hold values" in only_problem(
        save(tmp_path / "a.mrcs", np.full((2, 8, 8), np.nan, np.float32), ispg=0))
    for faulty, words in ((images() * np.float32(1e30), "far too large"),
                          (images() * np.float32(1e-30), "too small to be told apart")):
        assert words in only_problem(save(tmp_path / "a.mrcs", faulty, ispg=0))
    assert "All class averages are empty" in only_problem(
        save(tmp_path / "a.mrcs", np.ones((2, 8, 8), np.float32), ispg=0))


def test_a_map_is_suspected(tmp_path):
    _, notes = read_classes(save(tmp_path / "a.mrc", images(8, (8, 8))))
    assert len(notes) == 1 and "map" in notes[0]


def test_files_that_cannot_be_read(tmp_path):
    assert "no file" in only_problem(tmp_path / "none.mrcs")
    assert "no file that matches" in only_problem(tmp_path / "none*.mrcs")
    assert "no images" in only_problem(tmp_path)
    (tmp_path / "a.mrcs").write_bytes(b"hello" * 300)
    assert "not an MRC" in only_problem(tmp_path / "a.mrcs")
    cut = spider(tmp_path / "a.spi", images(2), stack=True)
    with open(cut, "r+b") as stream:
        stream.truncate(2500)
    assert "cut short" in only_problem(cut)
    path = save(tmp_path / "b.mrcs", images())
    with open(path, "r+b") as stream:
        stream.truncate(1500)
    assert "cut short" in only_problem(path)
    path = save(tmp_path / "c.mrcs", images().astype(np.complex64))
    assert "complex" in only_problem(path) and "complex" in probed(path)[0]


# Real files

def test_real_class_averages(test_data):
    classes, notes = read_classes(
        test_data("particles", "relion5_betagal", "Class2D_run_it025_model.star"))
    assert classes.images.shape == (50, 64, 64) and classes.sampling == 3.54
    assert classes.occupancy.sum() == pytest.approx(1, abs=1e-5)
    assert classes.occupancy[0] == 0.009567 and classes.resolution[0] == 37.76
    assert notes == ["Class averages 16, 17, 25 and 45 are empty (the same value everywhere)."]
    # Unmasked averages of the same classes, in another file.
    unmasked, _ = read_classes(
        test_data("particles", "relion5_betagal", "Class2D_run_unmasked_classes.mrcs"))
    full = np.flatnonzero(classes.occupancy > 0.02)
    for masked, whole in zip(classes.images[full, 24:40, 24:40],
                             unmasked.images[full, 24:40, 24:40]):
        assert np.corrcoef(masked.ravel(), whole.ravel())[0, 1] > 0.9


def test_real_spider_images(test_data):
    classes, notes = read_classes(test_data("classes2d"), 2.0)
    assert classes.images.shape == (19, 442, 442) and notes == []
    assert classes.names[2].endswith("no_bg_2.spi")
    # The headers have the largest value of each image.
    for path, image in zip(classes.names, classes.images):
        assert image.max() == np.fromfile(path, "<f4", 7)[6]


def test_real_lysate(test_data):
    path = test_data("particles", "slicem_classes", "mixture_2D.mrcs")
    assert "--sampling-classes" in only_problem(path)
    classes, _ = read_classes(path, 4.4)
    assert classes.images.shape == (100, 96, 96)
    with mrcfile.open(str(path), permissive=True) as mrc:
        np.testing.assert_array_equal(classes.images, mrc.data)


def test_maps_are_no_classes(test_data):
    assert "maps and not images" in only_problem(
        test_data("particles", "rib80s_run003_model_trunc.star"))
