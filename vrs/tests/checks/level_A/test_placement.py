import numpy as np
import pytest

from vrs.checks import InputFile, ValidationInput
from vrs.checks.level_A.placement import describe_model, place_model
from vrs.io.maps import read_map
from vrs.io.models import atom_positions, read_model
from vrs.tests.checks.level_A import models

HALF = models.BOX // 2 * models.SAMPLING


@pytest.fixture(scope="module")
def structure():
    return models.walk()


@pytest.fixture(scope="module")
def data(structure):
    volume = models.noisy_map(structure)
    return ValidationInput(volume, models.SAMPLING, float(np.percentile(volume, 97)), 4.0)


def test_model_in_the_frame_of_the_map(data, structure):
    placement = place_model(data, structure, (0, 0, 0))
    assert placement.correlation > 0.9 and placement.problem == ""
    np.testing.assert_allclose(atom_positions(placement.structure), atom_positions(structure))
    assert len(placement.tried) == 1
    assert [note.severity for note in describe_model(placement, [], []).notes] == ["note"]


@pytest.mark.parametrize("origin, shift, words", [
    ((12.0, -30.5, 4.0), (12.0, -30.5, 4.0), "by the header of the map"),
    ((12.0, -30.5, 4.0), (0, 0, 0), "with the origin at the first voxel"),
    ((12.0, -30.5, 4.0), (-12.0, 30.5, -4.0), "opposite sign"),
    ((0, 0, 0), (-HALF, -HALF, -HALF), "in the middle of the box")])
def test_usual_frames_are_found(data, structure, origin, shift, words):
    placement = place_model(data, models.moved(structure, shift), origin)
    assert words in placement.name and placement.problem == ""
    np.testing.assert_allclose(atom_positions(placement.structure), atom_positions(structure),
                               atol=1e-6)
    described = describe_model(placement, [InputFile("Model", "m.cif", "0")], [])
    by_header = words == "by the header of the map"
    assert ("but not by the header" in described.notes[-1].text) is not by_header


def test_elsewhere_it_does_not_fit(data, structure):
    placement = place_model(data, models.moved(structure, (20, 15, -18)), (0, 0, 0))
    assert "does not fit" in placement.problem
    assert len(placement.tried) == 3
    assert describe_model(placement, [], []).notes[-1].severity == "warning"


def test_another_model_does_not_fit(data):
    assert "does not fit" in place_model(data, models.walk(seed=8), (0, 0, 0)).problem


def test_the_mirror_image_does_not_fit(data, structure):
    mirrored = models.moved(structure, (0, 0, 0), mirrored=True)
    assert "does not fit" in place_model(data, mirrored, (0, 0, 0)).problem


def test_model_outside_the_box(data, structure):
    placement = place_model(data, models.moved(structure, (500, 0, 0)), (0, 0, 0))
    assert placement.correlation == 0 and placement.problem


def test_without_resolution(structure, data):
    unknown = ValidationInput(data.volume, data.sampling, data.threshold)
    assert place_model(unknown, structure, (0, 0, 0)).correlation > 0.8


def test_same_twice(data, structure):
    one, two = (place_model(data, structure, (0, 0, 0)) for _ in range(2))
    assert one.random == two.random


@pytest.mark.parametrize("model, fits", [("1WCM.pdb.gz", False),
                                         ("1WCM_map_fitted.pdb.gz", True)])
def test_polymerase_fits_only_where_it_was_fitted(test_data, model, fits):
    found = read_map(test_data("map_model", "emd_1883_polii", "emd_1883.map.mrc"))
    data = ValidationInput(found.volume, found.sampling, 1e-3, 20.0)
    placement = place_model(data, read_model(
        test_data("map_model", "emd_1883_polii", model)).structure, found.origin)
    assert (placement.problem == "") is fits
    # The correlations that the notes on the data give.
    assert placement.correlation == pytest.approx(0.85 if fits else 0.05, abs=0.02)


@pytest.mark.parametrize("model, correlation", [("3MFP.pdb.gz", 0.61), ("1J6Z.pdb.gz", 0.49)])
def test_origin_in_nstart(test_data, model, correlation):
    found = read_map(test_data("map_model", "emd_5168_actin", "emd_5168.map"))
    data = ValidationInput(found.volume, found.sampling, 15.0, 6.6)
    placement = place_model(data, read_model(
        test_data("map_model", "emd_5168_actin", model)).structure, found.origin)
    assert placement.name == "by the header of the map" and not placement.problem
    assert placement.correlation == pytest.approx(correlation, abs=0.02)
