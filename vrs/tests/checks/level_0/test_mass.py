import numpy as np
import pytest
from scipy import ndimage

from vrs.checks import SERVICE, Overrides, get_check, run_check
from vrs.checks.level_0 import mass
from vrs.io.maps import read_map
from vrs.tests.evidence import evidence


def box(shape, region, value=1.0):
    volume = np.zeros(shape, np.float32)
    volume[region] = value
    return volume


def run(volume, sampling=10.0, mask=None):
    # At 10 Å/voxel the mask is dilated by one voxel.
    return run_check(get_check("0.a"), evidence(volume, sampling, 0.5, mask=mask))[0]


def test_gaps_count_from_the_slices_of_the_mask():
    mask = np.zeros((10, 12, 14), bool)
    mask[2:5, 3:9, 6:8] = True
    left, right = mass.mask_gaps(mask, 2.0)
    assert list(left) == [12, 6, 4]
    # Right: size - last, so that a mask about size/2 is centred.
    assert list(right) == [2 * (14 - 7), 2 * (12 - 8), 2 * (10 - 4)]


def test_centred_about_half_the_size():
    volume = box((16, 16, 16), np.s_[6:11, 6:11, 6:11])
    metrics = run(volume).metrics
    assert metrics["left_gap"].value == metrics["right_gap"].value == [50, 50, 50]
    assert metrics["decentering"].value == [0, 0, 0]
    assert metrics["centre_of_mass"].value == [8, 8, 8]
    assert metrics["centre_of_mass_offset"].value == [0, 0, 0]


def test_each_axis_and_side_warns_by_itself():
    # Along x from 1 to 5 of 20: the dilated mask is 0 to 6, gaps 0 and 140 Å.
    volume = box((20, 20, 20), np.s_[8:13, 8:13, 1:6])
    result = run(volume)
    assert result.metrics["decentering"].value == [70, 0, 0]
    assert result.metrics["centre_of_mass"].value == [3, 10, 10]
    assert result.metrics["centre_of_mass_offset"].value == [35, 0, 0]
    texts = " ".join(result.warnings)
    assert len(result.warnings) == 3
    assert all("X" in warning for warning in result.warnings)
    assert "left" in texts and "right" not in texts


def test_bounds_are_inclusive():
    # Free spaces of 20 Å and 60 Å in a box of 200 Å.
    volume = box((20, 20, 20), np.s_[3:14, 3:14, 3:14])
    result = run(volume)
    assert result.metrics["left_gap"].value == [20, 20, 20]
    assert result.metrics["decentering"].value == pytest.approx([20, 20, 20])
    assert result.status.value == "ok"


def test_centre_of_mass_is_the_one_of_the_whole_map():
    volume = np.random.default_rng(3).random((9, 10, 11)).astype(np.float32)
    expected = ndimage.center_of_mass(volume.astype(float))[::-1]
    np.testing.assert_allclose(mass.centre_of_mass(volume), expected, rtol=1e-7)


def test_centre_of_mass_of_cancelling_densities_is_undefined():
    volume = box((16, 16, 16), np.s_[6:11, 6:11, 6:11])
    volume[0, 0, 0] = -125
    result = run(volume)
    assert result.metrics["centre_of_mass"].value is None
    assert result.metrics["masked_centre_of_mass"].value == [8, 8, 8]
    outcomes = {outcome.name: outcome.outcome for outcome in result.criteria}
    assert outcomes["0.a.centre_of_mass"] == "not_evaluated"
    assert result.status.value == "ok"


def test_own_mask_is_used():
    volume = box((16, 16, 16), np.s_[6:11, 6:11, 6:11])
    mask = np.zeros(volume.shape, bool)
    mask[3:, 6:11, 6:11] = True
    assert run(volume, mask=mask).metrics["left_gap"].value == [60, 60, 30]


def test_reference_value_of_a_real_map(test_data):
    # EMD-5168: a filament along Z that runs through the whole box.
    import mrcfile
    volume = mrcfile.open(test_data("map_model", "emd_5168_actin", "emd_5168.map")).data
    result = run_check(get_check("0.a"), evidence(
        volume.astype(np.float32), 1.742, 10.0, 6.6))[0]
    assert result.metrics["left_gap"].value[2] == 0
    assert result.metrics["centre_of_mass"].value == pytest.approx(
        ndimage.center_of_mass(volume.astype(float))[::-1], abs=1e-6)


def test_a_box_cut_around_a_part_is_not_judged_but_by_the_service():
    # Density that goes on to three sides of a box that is no cube.
    volume = box((20, 22, 24), np.s_[:12, :12, :12])
    result = run(volume)
    assert result.status.value == "not_applicable" and "cut" in result.reason
    by_service = run_check(get_check("0.a"), evidence(volume, 10.0, 0.5),
                           Overrides(source=SERVICE))[0]
    assert len(by_service.warnings) > 3


@pytest.mark.parametrize("name, threshold, cut", [
    (("emd_20026_apoferritin", "emd20026_prot.mrc"), 0.02, True),
    (("emd_30342_integrin", "390_emd_30342_A_z4.mrc"), 0.05, True),
    (("emd_2513_frh", "emd_2513.mrc"), 0.12, True),
    (("emd_5168_actin", "emd_5168.map"), 10.0, False),
    (("betagal_8bk7", "betaGal.mrc"), 0.03, False)])
def test_real_maps_that_were_cut_out(test_data, name, threshold, cut):
    found = read_map(str(test_data("map_model", *name)))
    assert evidence(found.volume, found.sampling, threshold).map.is_cut_out == cut
