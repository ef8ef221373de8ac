import numpy as np
import pytest

from vrs.numerics.local_fsc import fsc_resolution
from vrs.tests.checks.phantoms import central_box, half_maps, two_domain_halves
from vrs.tests.numerics.boxes import BOX, in_boxes_cut_out

SAMPLING = 1.5
SHAPE = (48, 60, 52)


@pytest.fixture(scope="module")
def smooth_fall():
    return half_maps(SHAPE, SAMPLING, 4.5)[:2]


@pytest.mark.parametrize("cutoff", [0.5, 0.67])
@pytest.mark.parametrize("halves", [half_maps(SHAPE, SAMPLING, 4.5)[:2],
                                    two_domain_halves(SHAPE, SAMPLING, 5.0, 8.0, 0.5)[:2]],
                         ids=["smooth", "two domains"])
def test_agrees_with_boxes_cut_out(halves, cutoff):
    mask = central_box(SHAPE, 2)
    voxels = np.random.default_rng(3).permutation(np.argwhere(mask))[:500]
    local = fsc_resolution(*halves, mask, SAMPLING, cutoff)[tuple(voxels.T)]
    difference = local - in_boxes_cut_out(*halves, voxels, SAMPLING, cutoff)
    # The two differ as estimates from the same few coefficients do.
    assert np.median(np.abs(difference)) < 0.25
    assert abs(np.median(difference)) < 0.05


def test_only_the_mask_has_values(smooth_fall):
    mask = central_box(SHAPE)
    local = fsc_resolution(*smooth_fall, mask, SAMPLING, 0.5)
    assert local.dtype == np.float32 and np.array_equal(local > 0, mask)
    assert not fsc_resolution(*smooth_fall, np.zeros(SHAPE, bool), SAMPLING, 0.5).any()


def test_identical_halves_reach_nyquist_and_not_further(smooth_fall):
    mask = central_box(SHAPE)
    local = fsc_resolution(smooth_fall[0], smooth_fall[0], mask, SAMPLING, 0.5)
    np.testing.assert_allclose(local[mask], 2 * SAMPLING, rtol=1e-6)


def test_noise_has_no_resolution():
    rng = np.random.default_rng(1)
    halves = [rng.normal(size=SHAPE).astype(np.float32) for _ in range(2)]
    local = fsc_resolution(*halves, central_box(SHAPE), SAMPLING, 0.5)
    values = local[local > 0]
    # Few coefficients in the first shell correlate by chance, but hardly in the second as well.
    assert np.mean(values == BOX * SAMPLING) > 0.6 and np.mean(values > 9) > 0.999


@pytest.mark.parametrize("constant", [0.0, 3.0])
def test_constant_surroundings_have_no_resolution(smooth_fall, constant):
    halves = [half.copy() for half in smooth_fall]
    for half in halves:
        half[:, :, :32] = constant
    mask = np.ones(SHAPE, bool)
    local = fsc_resolution(*halves, mask, SAMPLING, 0.5)
    # The map is periodic: both ends of the axis have density.
    assert (local[:, :, 10:22] == BOX * SAMPLING).all()
    assert np.median(local[:, :, 41:43]) < 10
    assert np.isfinite(local).all()


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_scale_of_either_half_does_not_matter(smooth_fall, scale):
    mask = central_box(SHAPE)
    local = fsc_resolution(*smooth_fall, mask, SAMPLING, 0.5)
    scaled = fsc_resolution(smooth_fall[0], smooth_fall[1] * np.float32(scale) + np.float32(
        5 * scale), mask, SAMPLING, 0.5)
    np.testing.assert_allclose(scaled, local, atol=0.01)


@pytest.mark.parametrize("turn", [lambda a: a.transpose(2, 0, 1), lambda a: np.rot90(a, 1, (0, 2)),
                                  lambda a: np.roll(a, (25, 31, 29), (0, 1, 2))],
                         ids=["permuted", "rotated", "shifted"])
def test_orientation_and_place_do_not_matter(smooth_fall, turn):
    mask = central_box(SHAPE)
    expected = turn(fsc_resolution(*smooth_fall, mask, SAMPLING, 0.5))
    turned = fsc_resolution(*(np.ascontiguousarray(turn(a)) for a in smooth_fall + (mask,)),
                            SAMPLING, 0.5)
    # Beyond the margin about the mask other voxels may have been looked at.
    assert np.median(np.abs(turned - expected)[expected > 0]) < 0.01


def test_surroundings_suffice(smooth_fall):
    mask = np.zeros(SHAPE, bool)
    mask[22:26, 26:34, 24:28] = True
    near = fsc_resolution(*smooth_fall, mask, SAMPLING, 0.5)[mask]
    whole = fsc_resolution(*smooth_fall, np.ones(SHAPE, bool), SAMPLING, 0.5)[mask]
    np.testing.assert_allclose(near, whole, atol=0.1)
