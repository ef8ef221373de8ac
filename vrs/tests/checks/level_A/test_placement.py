import numpy as np
import pytest

from vrs.checks import SharedOutcome
from vrs.checks.level_A.placement import PLACED_MODEL
from vrs.io.maps import read_map
from vrs.io.models import atom_positions, read_model
from vrs.results import from_json, to_json
from vrs.tests.checks.level_A import models
from vrs.tests.evidence import changed, evidence

HALF = models.BOX // 2 * models.SAMPLING


@pytest.fixture(scope="module")
def structure():
    return models.walk()


@pytest.fixture(scope="module")
def data(structure):
    volume = models.noisy_map(structure)
    return evidence(volume, models.SAMPLING, float(np.percentile(volume, 97)), 4.0)


def placed(data, structure, origin=(0.0, 0.0, 0.0)):
    return changed(data, model=structure, origin=tuple(map(float, origin)),
                   placed=False).shared(PLACED_MODEL)


def notes_of(found):
    return PLACED_MODEL.describe(found)[0]


def text_of(found):
    """The verdict, which has to be a warning."""
    (note,) = notes_of(found)
    assert note.severity == "serious"
    return note.text


def test_model_in_the_frame_of_the_map(data, structure):
    found = placed(data, structure)
    assert found.placement.correlation > 0.9 and found.placement.problem == ""
    np.testing.assert_allclose(atom_positions(found.structure), atom_positions(structure))
    assert [name for name, value in found.placement.tried if value > 0.1] == [
        "by the header of the map"]
    assert found.placement.advice == ""
    assert [note.severity for note in notes_of(found)] == ["informative"]


def test_what_is_kept_is_enough(data, structure):
    found = placed(data, models.moved(structure, (12.0, 0, 0)), (12.0, 0, 0))
    kept = from_json(to_json(SharedOutcome(found.placement)))
    again = changed(data, model=models.moved(structure, (12.0, 0, 0)), placed=False)
    again.remember(PLACED_MODEL, kept)
    np.testing.assert_allclose(atom_positions(again.shared(PLACED_MODEL).structure),
                               atom_positions(structure), atol=1e-6)


@pytest.mark.parametrize("origin, shift, words", [
    ((12.0, -30.5, 4.0), (12.0, -30.5, 4.0), "by the header of the map"),
    ((12.0, -30.5, 4.0), (0, 0, 0), "with the origin at the first voxel"),
    ((12.0, -30.5, 4.0), (-12.0, 30.5, -4.0), "opposite sign"),
    ((0, 0, 0), (-HALF, -HALF, -HALF), "in the middle of the box")])
def test_usual_frames_are_found(data, structure, origin, shift, words):
    found = placed(data, models.moved(structure, shift), origin)
    assert words in found.placement.name and found.placement.problem == ""
    np.testing.assert_allclose(atom_positions(found.structure), atom_positions(structure),
                               atol=1e-6)
    by_header = words == "by the header of the map"
    assert ("but not by the header" in notes_of(found)[-1].text) is not by_header


def test_elsewhere_it_does_not_fit_and_the_way_back_is_told(data, structure):
    found = placed(data, models.moved(structure, (20, 15, -18)))
    assert "does not fit" in found.placement.problem
    assert "It fits after a shift by (-20.0, -15.0, 18.0) Å" in text_of(found)


def test_a_small_shift_is_a_warning(data, structure):
    found = placed(data, models.moved(structure, (1.1, 0, 0)))
    assert not found.placement.problem
    assert "It fits better after a shift by (-1.1, " in text_of(found)


@pytest.mark.parametrize("factor, words", [(1.03, "2.9 % smaller"), (0.97, "3.1 % larger")])
def test_a_wrong_voxel_size_is_told(data, structure, factor, words):
    wrong = changed(data, sampling=data.map.sampling * factor, model=structure, placed=False)
    assert "with a voxel size that is %s than the map's" % words in text_of(
        wrong.shared(PLACED_MODEL))


def test_another_model_does_not_fit(data):
    found = placed(data, models.walk(seed=8))
    assert "does not fit" in found.placement.problem and "It fits" not in text_of(found)


def test_the_mirror_image_does_not_fit_and_is_told(data, structure):
    found = placed(data, models.moved(structure, (0, 0, 0), mirrored=True))
    assert "does not fit" in found.placement.problem
    assert "It fits as its mirror image (correlation 0." in text_of(found)
    assert text_of(found).count("wrong hand.") == 1


def test_model_outside_the_box(data, structure):
    placement = placed(data, models.moved(structure, (500, 0, 0))).placement
    assert placement.correlation == 0 and placement.problem


def test_without_resolution(structure, data):
    unknown = evidence(data.map.volume, data.map.sampling, data.map.threshold)
    assert placed(unknown, structure).placement.correlation > 0.8


def test_same_twice(data, structure):
    one, two = (placed(data, structure).placement for _ in range(2))
    assert one.random == two.random


@pytest.mark.parametrize("model, fits", [("1WCM.pdb.gz", False),
                                         ("1WCM_map_fitted.pdb.gz", True)])
def test_polymerase_fits_only_where_it_was_fitted(test_data, model, fits):
    found = read_map(test_data("map_model", "emd_1883_polii", "emd_1883.map.mrc"))
    data = evidence(found.volume, found.sampling, 1e-3, 20.0)
    placement = placed(data, read_model(
        test_data("map_model", "emd_1883_polii", model)).structure, found.origin).placement
    assert (placement.problem == "") is fits
    # The correlations that the notes on the data give.
    assert placement.correlation == pytest.approx(0.85 if fits else 0.05, abs=0.02)


@pytest.mark.parametrize("model, correlation", [("3MFP.pdb.gz", 0.61), ("1J6Z.pdb.gz", 0.49)])
def test_origin_in_nstart(test_data, model, correlation):
    found = read_map(test_data("map_model", "emd_5168_actin", "emd_5168.map"))
    data = evidence(found.volume, found.sampling, 15.0, 6.6)
    placement = placed(data, read_model(
        test_data("map_model", "emd_5168_actin", model)).structure, found.origin).placement
    assert placement.name == "by the header of the map" and not placement.problem
    assert placement.correlation == pytest.approx(correlation, abs=0.025)
