import numpy as np
import pytest

from vrs.checks import get_check, run_check
from vrs.io.maps import read_map
from vrs.report.views3d import AXES, ViewError
from vrs.tests.evidence import evidence
from vrs.wizards import contour
from vrs.wizards.contour import Contour, written

SAMPLING = 2.0
RADIUS = 11.0


def ball(box=(40, 44, 48), seed=0, noise=0.05):
    """A ball of density 1 in noise, float32 (z, y, x)."""
    z, y, x = np.indices(box, sparse=True)
    distance = np.sqrt((z - box[0] / 2) ** 2 + (y - box[1] / 2) ** 2 + (x - box[2] / 2) ** 2)
    sharp = np.clip(RADIUS + 0.5 - distance, 0, 1)
    return (sharp + np.random.default_rng(seed).normal(0, noise, box)).astype(np.float32)


@pytest.fixture(scope="module", params=["whole", "averaged"])
def made(request):
    """A map and its contour, also where the preview is averaged."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "averaged":
            patch.setattr(contour, "_PREVIEW_SIDE", 20)
        volume = ball()
        return volume, Contour(volume, SAMPLING)


def test_voxels_are_counted_exactly_at_any_threshold(made):
    volume, ready = made
    on_voxels = np.random.default_rng(1).choice(volume.ravel(), 20).astype(float)
    for threshold in [-9.0, 9.0, 0.1, ready.low, ready.high, *np.linspace(-0.2, 1.2, 30),
                      *on_voxels, *np.nextafter(on_voxels, 9)]:
        enclosed = ready.enclosed(threshold)
        assert enclosed.voxels == np.count_nonzero(volume >= float(threshold))
        assert enclosed.percentage == pytest.approx(100 * enclosed.voxels / volume.size)


def test_volume_and_mass_are_those_of_the_mask_analysis(made):
    volume, ready = made
    threshold = float(np.sort(volume.ravel())[-5000])  # a value of the map
    result, _ = run_check(get_check("0.b"), evidence(volume, SAMPLING, threshold))
    enclosed = ready.enclosed(threshold)
    assert enclosed.voxels == result.metrics["raw_voxels"].value
    assert enclosed.volume == pytest.approx(result.metrics["raw_volume"].value)


def test_a_ball_has_the_mass_of_its_volume(made):
    enclosed = made[1].enclosed(0.5)
    volume = 4 / 3 * np.pi * (RADIUS * SAMPLING) ** 3
    # The surface of a ball on a grid is off by some voxels.
    assert enclosed.volume == pytest.approx(volume, rel=0.01)
    assert enclosed.mass == pytest.approx(volume / 1207, rel=0.01)
    assert enclosed.residues == pytest.approx(volume / 1.207 / 110, rel=0.01)


def test_what_is_enclosed_is_said_in_words():
    volume = np.zeros((10, 10, 10), np.float32)
    volume[:5, :5, :5] = 1
    ready = Contour(volume, 10.0)
    assert str(ready.enclosed(0.5)) == ("Encloses 125,000 Å³ (12.5 % of the box), enough for 103.6 "
                                        "kDa of protein (941 residues).")
    assert str(ready.enclosed(2)) == "No voxel of the map reaches this threshold."


def test_the_automatic_threshold_lies_between_noise_and_molecule(made):
    ready = made[1]
    assert ready.low < 0.25 < ready.automatic < 0.75 < ready.high
    truth = 4 / 3 * np.pi * (RADIUS * SAMPLING) ** 3
    assert ready.enclosed(ready.automatic).volume == pytest.approx(truth, rel=0.05)


@pytest.mark.parametrize("place, mass", [
    (("map_model", "emd_1883_polii", "emd_1883.map.mrc"), 514),
    (("map_model", "betagal_8bk7", "betaGal.mrc"), 465)])
def test_the_automatic_threshold_encloses_about_the_mass_of_real_molecules(test_data, place, mass):
    # All of yeast RNA polymerase II, and the tetramer of beta-galactosidase. The contour
    # levels that depositors recommend differ from the true mass by as much.
    map_file = read_map(test_data(*place))
    ready = Contour(map_file.volume, map_file.sampling)
    assert 2 / 3 < ready.enclosed(ready.automatic).mass / mass < 3 / 2


@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1, 1e4, 1e30])
def test_the_range_depends_on_the_scale_of_the_map_alone(scale):
    volume, plain = ball(), Contour(ball(), SAMPLING)
    ready = Contour((volume * scale).astype(np.float32), SAMPLING)
    for name in ("low", "automatic", "high"):
        assert getattr(ready, name) == pytest.approx(scale * getattr(plain, name), rel=1e-3,
                                                     abs=1e-4 * scale)


@pytest.mark.parametrize("box", [(120, 9, 9), (9, 120, 9), (9, 9, 120)])
def test_long_boxes_are_no_images_of_three_colours(monkeypatch, recwarn, box):
    monkeypatch.setattr(contour, "_PREVIEW_SIDE", 40)
    ready = Contour(ball(box), SAMPLING)
    assert ready.low < ready.automatic < ready.high
    assert not recwarn.list


def test_a_background_of_zeros_takes_no_memory_and_is_counted():
    volume = np.where(ball() > 0.5, ball(), 0).astype(np.float32)
    ready = Contour(volume, SAMPLING)
    assert ready._upper.size == np.count_nonzero(volume)
    for threshold in (-0.1, 0, 1e-9, 0.7):
        assert ready.enclosed(threshold).voxels == np.count_nonzero(volume >= threshold)


def test_a_map_of_two_values_has_a_range():
    volume = np.zeros((30, 30, 30), np.float32)
    volume[3, 4, 5] = 1
    ready = Contour(volume, SAMPLING)
    assert (ready.low, ready.high) == (0, 1)
    assert ready.enclosed(0.5).voxels == 1


def test_slices_lie_as_their_labels_say():
    """A bright voxel that is off the middle along each axis is where it should be."""
    volume = np.zeros((24, 30, 36), np.float32)
    position = dict(X=30, Y=6, Z=18)
    volume[position["Z"], position["Y"], position["X"]] = 1
    ready, side = Contour(volume, SAMPLING), 360
    box = dict(X=36, Y=30, Z=24)
    for view in range(3):
        count, axis, others = ready.slices(view)
        assert count == box[axis]
        right, up = others.replace(",", "").split()[::2]
        image = np.asarray(ready.section(view, position[axis], 0.5, side).convert("RGB"), float)
        bright = (image.min(axis=2) > 200) & _inside(box[right], box[up], side)
        row, column = np.argwhere(bright).mean(axis=0) / side * max(box.values())
        assert column - (36 - box[right]) / 2 == pytest.approx(position[right] + 0.5, abs=0.3)
        assert 36 - row - (36 - box[up]) / 2 == pytest.approx(position[up] + 0.5, abs=0.3)
        other = np.asarray(ready.section(view, 0, 0.5, side).convert("RGB"), float)
        assert not ((other.min(axis=2) > 200) & _inside(box[right], box[up], side)).any()


def _inside(width, height, side):
    """Pixels of an image that belong to the slice and not to its margin."""
    across, down = (abs(np.arange(side) + 0.5 - side / 2) < length * side / 72 - 4
                    for length in (width, height))
    return down[:, None] & across


def test_the_contour_is_where_the_map_crosses_the_threshold():
    """In a map that rises along X the contour moves along X with the threshold."""
    volume = np.broadcast_to(np.arange(50, dtype=np.float32), (50, 50, 50)).copy()
    ready, side = Contour(volume, SAMPLING), 200
    view = AXES.index((0, 1, 2))
    for threshold in (10.0, 30.25):
        image = np.asarray(ready.section(view, 25, threshold, side)).astype(int)
        orange = image[..., 0] - image[..., 2] > 60
        columns = np.flatnonzero(orange.any(axis=0))
        # A voxel is 4 pixels wide and has its value in its middle.
        assert columns.mean() + 0.5 == pytest.approx(4 * (threshold + 0.5), abs=1)
        assert orange[:, columns].any(axis=1).all()
        assert 1 <= columns.size <= 2


def test_surfaces_are_seen_from_three_sides(made):
    images = made[1].surfaces(0.5, 60)
    assert [image.size for image in images] == [(60, 60)] * 3
    for image in images:
        drawn = (np.asarray(image) < 250).any(axis=2)
        # A ball that nearly fills the view.
        assert 0.5 < drawn.mean() < np.pi / 4


def test_without_surface_it_is_said_why(made):
    with pytest.raises(ViewError, match="No voxel of the map is above 9"):
        made[1].surfaces(9.0, 60)


def test_thresholds_are_written_without_exponent():
    assert [written(value) for value in (0.0123456, 1.23456e-6, 123456.7, 2, -0.5)] == [
        "0.01235", "0.000001235", "123500", "2", "-0.5"]
    assert written(0.0123456, 7) == "0.0123456"
