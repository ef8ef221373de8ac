import gemmi
import numpy as np
import pytest
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation

from vrs.checks import SharedOutcome, get_check, run_check
from vrs.checks.level_A.placement import PLACED_MODEL
from vrs.io.maps import read_map
from vrs.io.models import atom_positions, read_model
from vrs.numerics import fourier
from vrs.report import score
from vrs.results import Status, from_json, to_json
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
    # What level A measures is measured there.
    np.testing.assert_allclose(atom_positions(found.structure), atom_positions(structure),
                               atol=0.15)
    assert found.placement.fits and found.placement.margin < 0
    result, _ = run_check(get_check("A.a"), changed(data, model=models.moved(
        structure, (20, 15, -18)), placed=False))
    right, _ = run_check(get_check("A.a"), changed(data, model=structure))
    [text] = result.warnings
    assert text == text_of(found) and text.endswith("Level A measures it there.")
    assert right.status is Status.OK and right.metrics["fit"].value == "The model fits the map "\
        "(correlation 1.00)."
    assert result.metrics["cc_mask"].value == pytest.approx(right.metrics["cc_mask"].value,
                                                            abs=0.01)


def test_a_model_beside_its_place_is_told(data, structure):
    """Poor fits are measured where they lie, and A.a says where they fit."""
    for shift, told in ((3.0, True), (0.2, False)):
        asked = changed(data, model=models.moved(structure, (shift, 0, 0)), placed=False)
        blurred = changed(asked, volume=fourier.filtered(
            data.map.volume, models.SAMPLING, lambda f2: np.exp(-60 * f2)), resolution=9.0,
            placed=False)
        result, _ = run_check(get_check("A.a"), blurred)
        found = blurred.shared(PLACED_MODEL)
        assert found.placement.problem == "" and found.placement.movement == []
        assert any("It fits better after a shift by (-3.0, " in text
                   for text in result.warnings) is told
        assert result.metrics["fit_gain"].value == pytest.approx(found.placement.gain)
        assert (found.placement.gain > 0.1) is told


def test_a_turned_model_is_measured_where_it_fits(data, structure):
    turn = Rotation.from_rotvec(np.radians((0, 30, 20)))
    turned, centre = structure.clone(), atom_positions(structure).mean(axis=0)
    for site in turned[0].all():
        place = turn.apply(np.array(site.atom.pos.tolist()) - centre) + centre + (4, 0, 9)
        site.atom.pos = gemmi.Position(*place)
    found = placed(data, turned)
    assert found.placement.fits and "It fits after a turn by 36." in text_of(found)
    np.testing.assert_allclose(atom_positions(found.structure), atom_positions(structure),
                               atol=0.15)


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
    assert not found.placement.fits and "not better than chance" in text_of(found)
    # The best place is a rigid movement, better than where the model lay.
    moved = atom_positions(found.structure)
    given = atom_positions(models.walk(seed=8))
    np.testing.assert_allclose(pdist(moved[::20]), pdist(given[::20]), atol=1e-3)
    assert found.placement.correlation < found.placement.found < 0.5


def test_another_model_lowers_the_score(data, structure):
    """Items that would pass for the right model warn or do not apply, and A.a warns."""
    def outcomes(model):
        asked = changed(data, model=model, placed=False)
        return {item: run_check(get_check(item), asked)[0] for item in ("A.a", "A.d", "A.e")}

    wrong, right = outcomes(models.walk(seed=8)), outcomes(structure)
    assert [right[item].status for item in right] == [Status.OK] * 3
    assert wrong["A.a"].status is Status.WARNINGS
    assert wrong["A.a"].warnings[0].startswith("The model does not fit the map")
    assert wrong["A.d"].status is Status.NOT_APPLICABLE
    assert wrong["A.e"].status is Status.WARNINGS
    passed, judged = score(wrong.values())
    assert passed == 0 and judged == 2


def test_the_mirror_image_does_not_fit_and_is_told(data, structure):
    found = placed(data, models.moved(structure, (0, 0, 0), mirrored=True))
    assert "does not fit" in found.placement.problem
    assert "It fits as its mirror image (correlation 0." in text_of(found)
    assert text_of(found).count("wrong hand.") == 1


def test_model_outside_the_box(data, structure):
    placement = placed(data, models.moved(structure, (500, 0, 0))).placement
    assert placement.correlation == 0 and placement.problem
    assert placement.fits and placement.found > 0.8


def test_an_atom_far_away_is_told(data, structure):
    far = structure.clone()
    far[0][0][0][0].pos = gemmi.Position(9999, 9999, 9999)
    found = placed(data, far)
    assert not found.placement.problem and found.placement.left_out == 1
    assert notes_of(found)[0].text.startswith("1 atom lies so far from the others")


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
    if not fits:
        assert placement.fits and placement.found == pytest.approx(0.85, abs=0.02)


@pytest.mark.parametrize("model, correlation", [("3MFP.pdb.gz", 0.61), ("1J6Z.pdb.gz", 0.49)])
def test_origin_in_nstart(test_data, model, correlation):
    found = read_map(test_data("map_model", "emd_5168_actin", "emd_5168.map"))
    data = evidence(found.volume, found.sampling, 15.0, 6.6)
    placement = placed(data, read_model(
        test_data("map_model", "emd_5168_actin", model)).structure, found.origin).placement
    assert placement.name == "by the header of the map" and not placement.problem
    assert placement.correlation == pytest.approx(correlation, abs=0.025)
