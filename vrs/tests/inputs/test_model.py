import pytest

from vrs import inputs
from vrs.errors import InputError
from vrs.inputs.model import to_refinements
from vrs.io.maps import write_map
from vrs.io.models import write_model
from vrs.tests.checks.level_A import models


def test_number_of_refinements():
    assert [to_refinements(value) for value in (0, "0", "2", 5, "12")] == [0, 0, 2, 5, 12]
    for value in ("1", -3, "five", "", None, "2.5", "02"):
        with pytest.raises(InputError, match="at least 2"):
            to_refinements(value)


@pytest.fixture
def given(tmp_path):
    paths = dict(map=str(tmp_path / "map.mrc"), model=str(tmp_path / "model.cif"))
    write_map(paths["map"], models.noisy_map(models.walk()), models.SAMPLING)
    write_model(paths["model"], models.walk())
    return dict(paths, threshold=0.2)


def test_a_model_is_read_in_its_own_frame(given):
    inputs.probe(given)
    found = inputs.load(dict(given, multimodel="3"))
    assert found.model.structure[0].count_atom_sites() == 300
    assert found.model.refinements == 3
    assert [(source.term, source.path) for source in found.sources("model")] == [
        ("Model", given["model"])]


@pytest.mark.parametrize("change, words", [
    (dict(model="/no/model.cif"), "no file /no/model.cif"),
    (dict(multimodel=1), "at least 2"), (dict(model="", multimodel=5), "--model")])
def test_what_probing_finds(given, change, words):
    with pytest.raises(InputError, match=words):
        inputs.probe(dict(given, **change))


def test_a_model_that_cannot_be_read_is_a_reason(given, tmp_path):
    (tmp_path / "bad.cif").write_text("data_x\n")
    given["model"] = str(tmp_path / "bad.cif")
    inputs.probe(given)
    found = inputs.load(given)
    assert found.map is not None and found.model is None
    assert "bad.cif" in found.failures["model"]
