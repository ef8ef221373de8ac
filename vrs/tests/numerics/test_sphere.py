import numpy as np
import pytest
from scipy import stats

from vrs.numerics import sphere


@pytest.mark.parametrize("subdivisions, number", [(2, 81), (3, 321)])
def test_directions_are_evenly_spread(subdivisions, number):
    directions = sphere.geodesic_directions(subdivisions)
    assert len(directions) == number
    np.testing.assert_allclose(np.linalg.norm(directions, axis=1), 1)
    np.testing.assert_allclose(directions[0], [0, 0, 1])
    cosines = np.abs(directions @ directions.T) - 2 * np.eye(number)
    nearest = np.degrees(np.arccos(cosines.max(axis=1)))
    # No two are one, and the densest spot (a corner) has not much more than the thinnest.
    assert 0.8 * nearest.max() < nearest.min()
    assert sphere.bingham(directions)[1] < 1e-6


def test_directions_are_those_of_the_published_program():
    # Some of its 321 directions: azimuth and tilt in degrees.
    published = np.radians([(0, 0), (324, 63.4349), (36, 15.8587), (346.3862, 43.6469),
                            (350.2677, 73.9549), (324, 7.9294), (18.467, 59.6208), (9, 90)])
    azimuth, tilt = published.T
    vectors = np.column_stack([np.sin(tilt) * np.cos(azimuth), np.sin(tilt) * np.sin(azimuth),
                               np.cos(tilt)])
    cosines = np.abs(vectors @ sphere.geodesic_directions().T)
    np.testing.assert_allclose(cosines.max(axis=1), 1, atol=1e-9)


def test_angles_ignore_signs_and_lengths():
    angles = sphere.axis_angles(np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0]]), (3, 3, 0))
    np.testing.assert_allclose(angles, [45, 45, 45])


@pytest.mark.parametrize("per_side", [9, 49])
def test_cells_hold_the_directions_near_their_centres(per_side):
    centres = sphere.cell_centres(per_side)
    np.testing.assert_array_equal(sphere.cells(*centres.T, per_side), np.arange(len(centres)))
    vectors = np.random.default_rng(0).normal(size=(5000, 3)).astype(np.float32)
    cells = sphere.cells(*vectors.T, per_side)
    np.testing.assert_array_equal(cells, sphere.cells(*-vectors.T, per_side))
    directions = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    cosines = np.abs(np.sum(directions * centres[cells], axis=1))
    # Half the diagonal of a cell in the middle of a face, where cells are largest.
    assert np.degrees(np.arccos(np.clip(cosines, 0, 1))).max() < 90 / per_side / np.sqrt(2) * 1.05


def test_axes_are_centres_of_cells():
    centres = sphere.cell_centres(9)
    for axis in np.eye(3):
        np.testing.assert_allclose(centres[sphere.cells(*axis, 9)], axis, atol=1e-12)


def test_bingham_statistic_of_random_directions_has_five_degrees_of_freedom():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(4000, 60, 3))
    vectors /= np.linalg.norm(vectors, axis=-1)[..., None]
    halved = np.array([sphere.bingham(sample)[0] for sample in vectors]) / 2
    limit = stats.chi2(5).ppf(0.95)
    assert limit == pytest.approx(11.07, abs=0.01)
    # Deviation of the share 0.0034; small-sample terms of order 1/n come on top.
    assert np.mean(halved > limit) == pytest.approx(0.05, abs=0.012)
    assert halved.mean() == pytest.approx(5, abs=0.2)
    assert np.mean(halved > stats.chi2(10).ppf(0.95)) < 0.01


def test_bingham_closed_forms():
    assert sphere.bingham(np.eye(3)) == pytest.approx((0, 0), abs=1e-6)
    statistic, effect = sphere.bingham(np.tile([[0.6, 0, 0.8]], (7, 1)))
    assert (statistic, effect) == (pytest.approx(10 * 7), pytest.approx(1))
    assert sphere.bingham(np.empty((0, 3))) == (0, 0)


def test_spiral_is_that_of_the_published_program():
    points = sphere.spiral(5000, 0)
    golden_angle = 2 * np.pi * ((1 + np.sqrt(5)) / 2 - 1)
    for j in (0, 1, 777, 4999):
        z = j / 5000
        azimuth = np.exp(1j * golden_angle * j) * np.sqrt(1 - z ** 2)
        np.testing.assert_allclose(points[j], [azimuth.real, azimuth.imag, z], atol=1e-9)


def test_spiral_is_even():
    directions = sphere.spiral(500)
    assert np.linalg.norm(directions, axis=1) == pytest.approx(1)
    # Over half of the sphere the mean of x² is 1/3 for each axis, that of z is 1/2.
    assert (directions ** 2).mean(axis=0) == pytest.approx(1 / 3, abs=1e-3)
    assert directions[:, 2].mean() == pytest.approx(0.5, abs=1e-3)
    whole = sphere.spiral(1000, whole=True)
    assert whole.mean(axis=0) == pytest.approx(0, abs=1e-3) and whole[0, 2] == 0.999
    for directions in (directions, whole):
        nearest = np.sort(directions @ directions.T, axis=1)[:, -2]
        assert np.degrees(np.arccos(nearest)).min() > 4


def test_46_directions_are_even():
    directions = sphere.directions_46()
    assert directions.shape == (46, 3)
    cosines = np.abs(directions @ directions.T) - 2 * np.eye(46)
    nearest = np.degrees(np.arccos(cosines.max(axis=0)))
    assert nearest.min() > 20 and nearest.max() < 24
