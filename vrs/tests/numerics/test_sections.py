import numpy as np
import pytest

from vrs.numerics import sections


@pytest.fixture
def volume():
    return np.random.default_rng(1).normal(size=(5, 6, 7)).astype(np.float32) + 100


def test_variances(volume):
    for axis, variances in enumerate(sections.slice_variances(volume)):
        others = tuple(other for other in range(3) if other != axis)
        # Float64 sums about a mean of 100 leave ten digits.
        np.testing.assert_allclose(variances, volume.var(axis=others, dtype=float), rtol=1e-8)


def test_slices_come_in_the_order_x_y_z(volume):
    (x, in_x), (y, in_y), (z, in_z) = sections.central_slices(volume)
    assert (x, y, z) == (3, 3, 2)
    np.testing.assert_array_equal(in_x, volume[:, :, 3])
    np.testing.assert_array_equal(in_y, volume[:, 3, :])
    np.testing.assert_array_equal(in_z, volume[2])


def test_maximum_variance(volume):
    volume[:, :, 5] *= np.arange(5)[:, None]
    assert sections.maximum_variance_slices(volume)[0][0] == 5


def test_maximum_variance_of_a_mask_takes_the_first_of_equals():
    mask = np.zeros((4, 4, 4), bool)
    mask[1:3, 1:3, 1:3] = True
    assert [index for index, _ in sections.maximum_variance_slices(mask)] == [1, 1, 1]


def test_deviations(volume):
    for axis, found in zip((2, 1, 0), sections.deviations(volume)):
        np.testing.assert_allclose(found, volume.std(axis=axis, dtype=float), rtol=1e-6)


def test_projections(volume):
    in_x, in_y, in_z = sections.projections(volume)
    assert in_x.shape == (5, 6) and in_y.shape == (5, 7) and in_z.shape == (6, 7)
    np.testing.assert_allclose(in_z, volume.sum(axis=0, dtype=float))


def test_binning_keeps_means_and_scale():
    image = np.arange(10 * 7, dtype=float).reshape(10, 7)
    binned, pixel_size = sections.bin_image(image, 1.5, max_size=5)
    assert binned.shape == (5, 3) and pixel_size == 3.0
    assert binned[0, 0] == image[:2, :2].mean()
    same, pixel_size = sections.bin_image(image, 1.5, max_size=10)
    np.testing.assert_array_equal(same, image)
    assert pixel_size == 1.5


def test_binning_averages_the_values_that_there_are():
    image = np.array([[1, np.nan, np.nan, np.nan], [3, 5, np.nan, np.nan]])
    binned, _ = sections.bin_image(image, 1.0, max_size=2)
    np.testing.assert_array_equal(binned, [[3, np.nan]])
