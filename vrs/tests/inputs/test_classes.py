import numpy as np
import pytest

from vrs import inputs
from vrs.errors import InputError
from vrs.inputs.classes import CLASSES
from vrs.tests.inputs.reading import texts
from vrs.tests.io.files import save


@pytest.fixture
def map_path(tmp_path):
    z, y, x = np.ogrid[:24, :24, :24]
    ball = np.exp(-((z - 12) ** 2 + (y - 12) ** 2 + (x - 12) ** 2) / 50.0).astype(np.float32)
    return save(tmp_path / "map.mrc", ball, 2.0)


def stack(tmp_path, sampling, size=(16, 16)):
    images = np.random.default_rng(0).standard_normal((3,) + size).astype(np.float32)
    return save(tmp_path / "classes.mrcs", images, sampling, ispg=0)


def given(map_path, classes, **others):
    return dict(others, map=map_path, threshold=0.3, classes=classes)


def test_classes_are_read(map_path, tmp_path):
    options = given(map_path, stack(tmp_path, 2.5))
    inputs.probe(options)
    evidence = inputs.load(options)
    assert evidence.classes.images.shape == (3, 16, 16) and evidence.classes.sampling == 2.5
    assert [source.path for source in evidence.sources("classes")] == [options["classes"]]
    notes, _ = CLASSES.describe(evidence)
    assert texts(notes) == ["There are 3 class averages of 16 pixels, 2.5 Å each."]


def test_a_pixel_size_that_is_given_overrides_the_header(map_path, tmp_path):
    options = given(map_path, stack(tmp_path, 0), sampling_classes="3.1")
    inputs.probe(options)
    assert inputs.load(options).classes.sampling == 3.1


@pytest.mark.parametrize("sampling, others, words", [
    (0, {}, "give it in Å with --sampling-classes"),
    (2.5, {"sampling_classes": "-1"}, "pixel size of the classes"),
    (2.5, {"sampling_classes": "x"}, "give the pixel size of the class averages"),
    (2.5, {"size": (16, 12)}, "give square ones"),
    (2.5, {"classes": "/no/classes.mrcs"}, "/no/classes.mrcs")])
def test_what_is_wrong_is_told(map_path, tmp_path, sampling, others, words):
    others = dict(others)
    path = stack(tmp_path, sampling, others.pop("size", (16, 16)))
    with pytest.raises(InputError, match=words):
        inputs.probe(dict(given(map_path, path), **others))


def test_a_pixel_size_without_classes_is_refused(map_path):
    with pytest.raises(InputError, match="--sampling-classes was given"):
        inputs.probe({"map": map_path, "threshold": 0.3, "sampling_classes": "2"})
