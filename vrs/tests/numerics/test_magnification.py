"""Models that were made larger or smaller than their maps."""

import gemmi
import numpy as np
import pytest

from vrs.io.maps import read_map
from vrs.io.models import atom_positions, read_model
from vrs.numerics.fourier import filtered
from vrs.numerics.magnification import common_growth, magnification
from vrs.numerics.model_map import model_map
from vrs.tests.checks.level_A import models

BOX, SAMPLING, RESOLUTION = 72, 1.6, 4.0


@pytest.fixture(scope="module")
def structure():
    return models.moved(models.walk(400, 1), ((BOX * SAMPLING - models.BOX * models.SAMPLING) / 2,)
                        * 3)


@pytest.fixture(scope="module")
def volume(structure):
    density = model_map(structure, (BOX,) * 3, SAMPLING, RESOLUTION)
    rng = np.random.default_rng(3)
    return density + rng.normal(0, 0.3 * density.std(), density.shape).astype(np.float32)


def grown(structure, factor, shift=0.0):
    copy = structure.clone()
    centre = atom_positions(structure).mean(axis=0)
    copy[0].transform_pos_and_adp(gemmi.Transform(
        gemmi.Mat33((np.eye(3) * factor).tolist()),
        gemmi.Vec3(*(1 - factor) * centre + shift)))
    return copy


@pytest.mark.parametrize("factor, shift", [(1.0, 0), (0.99, 0), (1.01, 0.2), (0.995, -0.3)])
def test_growth_is_found_with_its_error(structure, volume, factor, shift):
    found = magnification(volume, SAMPLING, grown(structure, factor, shift), RESOLUTION)
    assert found.error < 0.0015 and found.pieces >= 40
    # Large displacements are underestimated, as slopes hold for small ones; the rest is noise.
    growth = 1 / factor - 1
    assert found.growth == pytest.approx(growth, abs=3 * found.error + 0.15 * abs(growth))


def test_maps_that_fade_say_the_same(structure, volume):
    """The pieces of a blurred map seem to be drawn together, by more than 1 % here."""
    grown_model = grown(structure, 0.99)
    blurred = filtered(volume, SAMPLING, lambda squared: np.exp(-300 * squared / 4))
    sharp, faded = (magnification(one, SAMPLING, grown_model, RESOLUTION).growth
                    for one in (volume, blurred))
    assert faded == pytest.approx(sharp, abs=1e-4)


def test_line_through_displacements_by_its_closed_form():
    rng = np.random.default_rng(4)
    arms = rng.normal(0, 20, (60, 3))
    arms -= arms.mean(axis=0)
    moved = 0.01 * arms + np.cross([0.003, -0.01, 0.02], arms) + [0.3, -0.2, 0.1]
    exact = common_growth(arms + 50, moved)
    assert exact.growth == pytest.approx(0.01) and exact.error < 1e-12
    growths = [common_growth(arms, moved + rng.normal(0, 0.3, arms.shape)) for _ in range(200)]
    # Of a slope: the deviation over the root of the sum of squares.
    expected = 0.3 / np.sqrt(np.square(arms).sum())
    assert np.std([one.growth for one in growths]) == pytest.approx(expected, rel=0.15)
    assert np.median([one.error for one in growths]) == pytest.approx(expected, rel=0.1)
    # One domain that moved aside does not count.
    moved[:5] += 4
    assert common_growth(arms, moved).growth == pytest.approx(0.01, abs=1e-6)


def test_too_small_a_model_tells_nothing(structure, volume):
    part = structure.clone()
    for chain in part[0]:
        for _ in range(len(chain) - 60):
            del chain[-1]
    assert magnification(volume, SAMPLING, part, RESOLUTION) is None


def test_deposited_models_have_the_size_of_their_maps(test_data):
    found = read_map(test_data("map_model", "emd_2513_frh", "emd_2513.mrc"))
    model = read_model(test_data("map_model", "emd_2513_frh", "rank1_daq_score_w9.pdb.gz"))
    model.structure[0].transform_pos_and_adp(gemmi.Transform(
        gemmi.Mat33(), gemmi.Vec3(*-np.array(found.origin))))
    one = magnification(found.volume, found.sampling, model.structure, 3.4)
    assert abs(one.growth) < 0.002 and one.error < 0.001
    other = magnification(found.volume, 1.01 * found.sampling, grown(
        model.structure, 1, 0.005 * found.sampling * found.volume.shape[0]), 3.4)
    # Far from the centre displacements by a large part of the detail are underestimated.
    assert other.growth == pytest.approx(0.01 + one.growth, abs=0.003)
