import numpy as np

from vrs.numerics.interpolation import lattice_step, spread_over, values_at


def test_linear_maps_are_exact():
    z, y, x = np.indices((7, 9, 11)).astype(np.float32)
    volume = 2 * x - 3 * y + 0.5 * z
    positions = np.random.default_rng(0).uniform(0, 1, (50, 3)) * (10, 8, 6) * 1.7
    found = values_at(volume, 1.7, positions)
    # Single precision of values up to 30.
    np.testing.assert_allclose(found, positions @ (2, -3, 0.5) / 1.7, atol=1e-4)


def test_outside_the_map():
    volume = np.ones((4, 4, 4), np.float32)
    positions = np.array([(-0.1, 1, 1), (1, 3.1, 1), (3, 3, 3)])
    found = values_at(volume, 1.0, positions)
    np.testing.assert_array_equal(np.isnan(found), [True, True, False])
    np.testing.assert_array_equal(values_at(volume, 1.0, positions, 0.0), [0, 0, 1])
    assert values_at(volume, 1.0, np.empty((0, 3))).shape == (0,)


def test_axes_may_have_their_own_sampling():
    volume = np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32)
    found = values_at(volume, np.array([1.0, 2.0, 4.0]), np.array([[5.0, 8.0, 12.0], [0, 2, 4.0]]))
    np.testing.assert_array_equal(found, [volume[3, 4, 5], volume[1, 1, 0]])


def test_lattice_has_bounded_points_and_misses_no_mask():
    mask = np.ones((100,) * 3, bool)
    assert lattice_step(mask, 60000) == 3 and lattice_step(mask, 60000, 5) == 5
    single = np.zeros((9,) * 3, bool)
    single[5, 5, 5] = True
    assert lattice_step(single, 60000, 4) == 1 and lattice_step(single, 60000, 5) == 5


def test_lattice_is_spread_linearly():
    mask = np.ones((10, 12, 14), bool)
    z, y, x = np.indices(mask.shape)
    plane = (1 + z + 2 * y + 3 * x).astype(np.float32)
    lattice = mask[::3, ::3, ::3]
    found = spread_over(plane[::3, ::3, ::3][lattice], lattice, 3, mask)
    np.testing.assert_allclose(found[:10, :10, :13], plane[:10, :10, :13], rtol=1e-5)
