"""Models that were moved, scaled or mirrored by known amounts against their map."""

import gemmi
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vrs.io.maps import read_map
from vrs.io.models import atom_positions, read_model
from vrs.numerics import placement
from vrs.numerics.model_map import model_map
from vrs.numerics.placement import Correction, candidate_frames, find_placement
from vrs.tests.checks.level_A import models

BOX, SAMPLING, RESOLUTION = 72, 1.6, 4.0
# Of the model in its map: random courses have no solvent that would make the contrast.
SOUND = 0.65
MIDDLE = BOX * SAMPLING / 2


def chain(seed=1):
    """A chain of random course, 30 Å in its radius of gyration, in the middle of the box."""
    return models.moved(models.walk(400, seed), (MIDDLE - models.BOX * models.SAMPLING / 2,) * 3)


@pytest.fixture(scope="module")
def structure():
    return chain()


@pytest.fixture(scope="module")
def volume(structure):
    density = model_map(structure, (BOX,) * 3, SAMPLING, RESOLUTION)
    rng = np.random.default_rng(3)
    return density + rng.normal(0, 0.3 * density.std(), density.shape).astype(np.float32)


def moved(structure, matrix=np.eye(3), vector=(0, 0, 0)):
    copy = structure.clone()[0]
    copy.transform_pos_and_adp(gemmi.Transform(gemmi.Mat33(np.asarray(matrix).tolist()),
                                               gemmi.Vec3(*vector)))
    return copy


def turned(structure, degrees):
    """A model turned about its centre by a rotation vector."""
    centre = atom_positions(structure).mean(axis=0)
    matrix = Rotation.from_rotvec(np.radians(degrees)).as_matrix()
    return moved(structure, matrix, centre - matrix @ centre)


def placed(volume, model, sampling=SAMPLING, start=(0, 0, 0), origin=(0, 0, 0), **options):
    frames = candidate_frames(volume.shape[::-1], sampling, start, origin)
    return find_placement(volume, sampling, model, frames, RESOLUTION, **options)


# Frames

def test_frames_are_named_once():
    assert [frame.key for frame in candidate_frames((40, 40, 40), 1.5, (0, 0, 0), (0, 0, 0))] == [
        "header", "middle", "minus middle"]
    frames = {frame.key: frame.shift for frame in candidate_frames(
        (40, 50, 61), 2.0, (10, 0, -4), (3.0, 0.0, 8.0))}
    assert frames == {
        "header": (-3, 0, -8), "start": (-20, 0, 8), "origin in voxels": (-6, 0, -16),
        "both": (-23, 0, 0), "first voxel": (0, 0, 0), "opposite": (3, 0, 8),
        "opposite start": (20, 0, -8), "opposite voxels": (6, 0, 16), "middle": (40, 50, 60),
        "minus middle": (-40, -50, -60), "middle and header": (37, 50, 52),
        "middle and opposite": (43, 50, 68)}


def test_without_origin_the_start_is_the_header():
    first = candidate_frames((40, 40, 40), 1.5, (10, -2, 0), (0, 0, 0))[0]
    assert (first.key, first.shift) == ("header", (-15, 3, 0))


@pytest.mark.parametrize("shift, start, origin, key", [
    ((0, 0, 0), (0, 0, 0), (0, 0, 0), "header"),
    ((16, -8, 4.8), (10, -5, 3), (0, 0, 0), "header"),
    ((30, -8, 4), (10, -5, 3), (30.0, -8.0, 4.0), "header"),
    ((16, -8, 4.8), (10, -5, 3), (10.0, -5.0, 3.0), "start"),
    ((16, -8, 4.8), (0, 0, 0), (10.0, -5.0, 3.0), "origin in voxels"),
    ((0, 0, 0), (10, -5, 3), (30.0, -8.0, 4.0), "first voxel"),
    ((-30, 8, -4), (0, 0, 0), (30.0, -8.0, 4.0), "opposite"),
    ((-57.6, -57.6, -57.6), (0, 0, 0), (0, 0, 0), "middle")])
def test_frames_that_programs_use_are_found(volume, structure, shift, start, origin, key):
    found = placed(volume, moved(structure, vector=shift), start=start, origin=origin)
    assert found.frame.key == key and found.fits
    assert found.correlation == pytest.approx(SOUND, abs=0.02)
    assert found.correction is None and found.searched is None
    assert found.correlation == max(value for _, value in found.tried)


# What would make it fit

@pytest.mark.parametrize("shift", [(1.1, 0, 0), (-0.7, 1.5, 0.4), (3.0, -2.0, 3.5)])
def test_shifts(volume, structure, shift):
    found = placed(volume, moved(structure, vector=shift))
    correction = found.correction
    assert found.correlation < correction.correlation - 0.05
    # A fifteenth of a voxel.
    np.testing.assert_allclose(correction.shift, -np.array(shift), atol=0.1)
    assert (correction.angle, correction.scale, correction.mirrored) == (0, 1, "")


def test_a_far_shift_is_found_too(volume, structure):
    found = placed(volume, moved(structure, vector=(40.0, -25.0, 31.0)))
    assert not found.fits
    np.testing.assert_allclose(found.correction.shift, (-40, 25, -31), atol=0.1)


@pytest.mark.parametrize("degrees", [(0, 3, 0), (2.0, -2.5, 3.5)])
def test_rotations(volume, structure, degrees):
    correction = placed(volume, turned(structure, degrees)).correction
    np.testing.assert_allclose(correction.rotation, -np.array(degrees), atol=0.2)
    # The centre of the points is up to 2 Å from that of the atoms.
    np.testing.assert_allclose(correction.shift, 0, atol=0.2)
    assert correction.scale == 1
    assert correction.correlation == pytest.approx(SOUND, abs=0.02)


@pytest.mark.parametrize("factor", [0.98, 1.02, 1.04])
def test_voxel_sizes(volume, structure, factor):
    """The header says more, or less, than what the voxels are."""
    found = placed(volume, structure[0], SAMPLING * factor)
    # At a radius of 30 Å, 0.3 % is a twentieth of a voxel.
    assert found.correction.scale == pytest.approx(factor, abs=0.003)
    assert found.correction.angle == 0
    # The first voxel is where it was, whatever the voxel size.
    np.testing.assert_allclose(found.correction.shift, 0, atol=0.2)


def test_all_at_once(volume, structure):
    model = turned(structure, (0, 0, 3))
    model.transform_pos_and_adp(gemmi.Transform(gemmi.Mat33(), gemmi.Vec3(1.5, -1.0, 0.5)))
    correction = placed(volume, model, SAMPLING * 1.02).correction
    assert correction.scale == pytest.approx(1.02, abs=0.003)
    np.testing.assert_allclose(correction.rotation, (0, 0, -3), atol=0.2)
    assert correction.correlation == pytest.approx(SOUND, abs=0.02)


def test_the_correction_moves_positions_to_where_they_were(volume, structure):
    model = turned(structure, (1.0, 2.0, -2.0))
    found = placed(volume, model)
    matrix, vector = found.correction.transform()
    positions = np.array([site.atom.pos.tolist() for site in model.all()]) + found.frame.shift
    np.testing.assert_allclose(positions @ matrix.T + vector, atom_positions(structure),
                               atol=0.25)  # 0.2° at 60 Å


def test_the_formula_of_a_correction():
    correction = Correction((1.0, 2.0, 3.0), (0.0, 0.0, 90.0), 2.0, "x", (10.0, 0.0, 0.0), 0.5)
    matrix, vector = correction.transform()
    # (11, 1, 0) is (1, 1, 0) from the centre, (-1, 1, 0) mirrored, (-1, -1, 0) turned.
    np.testing.assert_allclose(matrix @ (11.0, 1.0, 0.0) + vector,
                               2 * np.array([9.0, -1.0, 0.0]) + (1, 2, 3), atol=1e-12)


@pytest.mark.parametrize("axis", [0, 2])
def test_mirror_images(volume, structure, axis):
    """Of the map: it was flipped, the model was not."""
    found = placed(np.flip(volume, 2 - axis), structure[0])
    assert not found.fits
    correction = found.correction
    assert correction.mirrored == "xyz"[axis] and correction.angle < 0.5
    assert correction.correlation == pytest.approx(SOUND, abs=0.02) and found.searched[2] < 0.4
    matrix, vector = correction.transform()
    expected = atom_positions(structure)
    # Voxels 0 and BOX - 1 changed places.
    expected[:, axis] = (BOX - 1) * SAMPLING - expected[:, axis]
    np.testing.assert_allclose(atom_positions(structure) @ matrix.T + vector, expected, atol=0.3)


def test_another_model_fits_nowhere(volume):
    found = placed(volume, chain(seed=8)[0], seed=5)
    assert not found.fits and found.correction is None
    assert found.searched is not None and found.correlation < 0.3
    assert placed(volume, chain(seed=8)[0], seed=5) == found


def test_an_empty_map_fits_no_model(structure):
    found = placed(np.zeros((40, 40, 40), np.float32), structure[0])
    assert not found.fits and found.correction is None and found.correlation == 0


def test_an_atom_far_away_sizes_no_array(volume, structure):
    model = moved(structure)
    model[0][3][0].pos = gemmi.Position(9999.0, -5e4, 0.0)
    found = placed(volume, model)
    assert found.left_out == 1 and found.fits and found.correction is None


def test_halves_of_a_model_far_apart_size_no_array(structure, volume):
    model = moved(structure)
    other = moved(structure, vector=(8e4, 0, 0))[0].clone()
    other.name = "B"
    model.add_chain(other)
    assert placed(volume, model).left_out == 2000


def test_models_larger_than_the_box(structure, volume):
    """A map that was cut out."""
    part = np.ascontiguousarray(volume[:, :, BOX // 2:])
    found = placed(part, structure[0], start=(BOX // 2, 0, 0))
    assert found.fits and found.frame.key == "header"


def test_coarse_levels_of_large_boxes():
    assert placement._coarser(3.5, 200.0) == [14.0, 7.0]
    assert placement._coarser(20.0, 200.0) == []
    # No more than 96 voxels of a 3.5th of the resolution.
    assert placement._coarser(3.5, 960.0) == [35.0, 17.5, 8.75]


# Real maps: what the notes on the data say of them, and nothing to correct

@pytest.mark.parametrize("folder, map_name, model, resolution, correlation", [
    ("emd_1883_polii", "emd_1883.map.mrc", "1WCM_map_fitted.pdb.gz", 20, 0.85),
    ("emd_5168_actin", "emd_5168.map", "3MFP.pdb.gz", 6.6, 0.61),
    ("emd_5168_actin", "emd_5168.map", "1J6Z.pdb.gz", 6.6, 0.49),
    ("emd_30342_integrin", "390_emd_30342_A_z4.mrc", "390_7cec_A.cif.gz", 3.9, 0.64),
    ("betagal_8bk7", "betaGal.mrc", "8bk7_docked.cif.gz", 8.5, 0.84)])
def test_real_models_fit(test_data, folder, map_name, model, resolution, correlation):
    found = read_map(test_data("map_model", folder, map_name))
    frames = candidate_frames(found.volume.shape[::-1], found.sampling, found.start,
                              found.header_origin)
    result = find_placement(found.volume, found.sampling,
                            read_model(test_data("map_model", folder, model)).structure[0],
                            frames, resolution)
    assert result.fits and result.correction is None and result.frame.key == "header"
    assert result.correlation == pytest.approx(correlation, abs=0.03)


def test_a_model_that_was_never_fitted_is_fitted(test_data):
    found = read_map(test_data("map_model", "emd_1883_polii", "emd_1883.map.mrc"))
    frames = candidate_frames(found.volume.shape[::-1], found.sampling, found.start,
                              found.header_origin)
    result = find_placement(found.volume, found.sampling, read_model(
        test_data("map_model", "emd_1883_polii", "1WCM.pdb.gz")).structure[0], frames, 20)
    assert not result.fits and result.correlation == pytest.approx(0.05, abs=0.03)
    # As well as the model that was fitted by hand.
    assert result.correction.correlation > 0.84 and result.correction.angle > 90
