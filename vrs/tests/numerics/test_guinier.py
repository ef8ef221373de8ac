import numpy as np
import pytest

from vrs.numerics import guinier


def test_fit_is_least_squares_within_the_range():
    x = np.array([0.001, 1 / 225, 0.02, 0.05, 1 / 9, 0.2])
    y = np.array([9.0, 3.0, 2.0, 2.5, 1.0, 9.0])
    fit = guinier.fit_guinier(x, y, 3.0)
    slope, intercept = np.polyfit(x[1:5], y[1:5], 1)
    assert (fit.slope, fit.intercept) == (pytest.approx(slope), pytest.approx(intercept))
    assert fit.b_factor == pytest.approx(4 * slope) and fit.points == 4


def test_a_map_without_fall_off_has_a_line():
    """The Fourier transform of a single voxel is the same everywhere."""
    fit = guinier.fit_guinier(np.linspace(0.01, 0.1, 8), np.full(8, 1.3), 3.0)
    assert fit == guinier.GuinierFit(0, pytest.approx(1.3), 0, 0, 0, 8)


def test_empty_shells_are_left_out():
    x = np.array([0.01, 0.02, 0.03, 0.04])
    fit = guinier.fit_guinier(x, np.array([0.0, -1, -2, -np.inf]), 3.0)
    assert fit.points == 3 and fit.slope == pytest.approx(-100)


def test_too_few_shells():
    with pytest.raises(ValueError, match="2 Fourier shells"):
        guinier.fit_guinier(np.array([0.01, 0.02]), np.zeros(2), 3.0)
