import numpy as np
import pytest
from scipy import ndimage

from vrs.numerics import masks


def test_components_touch_by_corners():
    mask = np.zeros((6, 6, 6), bool)
    mask[0, 0, 0] = mask[1, 1, 1] = mask[4, 4, 4] = True
    labels, sizes = masks.label_components(mask)
    assert sorted(sizes) == [1, 2]
    assert labels[0, 0, 0] == labels[1, 1, 1] != labels[4, 4, 4]
    np.testing.assert_array_equal(masks.largest_component(mask),
                                  mask & (np.indices(mask.shape).sum(axis=0) < 6))


def test_no_component():
    assert not masks.largest_component(np.zeros((3, 3, 3), bool)).any()


@pytest.mark.parametrize("sampling, steps", [(2.82, 1), (1.08, 2), (1.0, 2), (0.5, 4), (0.1, 20)])
def test_dilation_takes_as_many_steps_as_cover_two_angstroms(sampling, steps):
    mask = np.zeros((47, 47, 47), bool)
    mask[23, 23, 23] = True
    dilated = masks.dilate(mask, 2.0, sampling)
    np.testing.assert_array_equal(dilated, ndimage.binary_dilation(
        mask, ndimage.generate_binary_structure(3, 2), steps))
    assert dilated[23, 23, 23 + steps] and not dilated[23, 23, 23 + steps + 1:].any()


def test_dilation_at_the_border():
    mask = np.zeros((5, 6, 7), bool)
    mask[0, 0, 0] = mask[-1, -1, -1] = True
    np.testing.assert_array_equal(masks.dilate(mask, 2.0, 1.0), ndimage.binary_dilation(
        mask, ndimage.generate_binary_structure(3, 2), 2))


def test_dilation_of_nothing():
    assert not masks.dilate(np.zeros((3, 3, 3), bool), 2.0, 1.0).any()


def test_soft_mask_is_the_gaussian_of_the_definition():
    mask = np.zeros((40, 44, 48), bool)
    mask[15:22, 16:25, 17:30] = True
    f2 = sum(np.meshgrid(*(np.fft.fftfreq(n) ** 2 for n in mask.shape), indexing="ij"))
    expected = np.fft.ifftn(np.fft.fftn(mask) * np.exp(-np.pi ** 2 * f2 * 2 ** 2)).real
    # Sampling the Gaussian in space instead of frequency differs by its alias, 5e-5.
    np.testing.assert_allclose(masks.soft_mask(mask), np.clip(expected, 0, 1), atol=2e-4)


def test_soft_mask_does_not_reach_round_the_box():
    mask = np.zeros((16, 16, 16), bool)
    mask[:2] = True
    assert masks.soft_mask(mask)[-1].max() == 0
