import numpy as np

from vrs.numerics.interpolation import values_at


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
