import numpy as np
import pytest

from vrs.simulation import orientations


@pytest.mark.parametrize("kind", orientations.DESCRIPTIONS)
def test_rot_and_psi_are_uniform(kind):
    angles = orientations.draw_angles(kind, 20000, np.random.default_rng(0))
    for column in (0, 2):
        counts, _ = np.histogram(angles[:, column], 8, (-180, 180))
        # Each of 2500, with a deviation of 47.
        assert np.all(np.abs(counts - 2500) < 4 * 47)


def test_uniform_views_have_a_uniform_cosine():
    tilt = orientations.draw_angles("uniform", 20000, np.random.default_rng(1))[:, 1]
    counts, _ = np.histogram(np.cos(np.radians(tilt)), 8, (-1, 1))
    assert np.all(np.abs(counts - 2500) < 4 * 47)


def test_top_views_fill_their_cap_and_no_more():
    tilt = orientations.draw_angles("top", 20000, np.random.default_rng(2))[:, 1]
    assert 0 <= tilt.min() and 59.9 < tilt.max() <= 60
    # Half of the cap's area lies where the cosine is above 3/4.
    assert np.mean(np.cos(np.radians(tilt)) > 0.75) == pytest.approx(0.5, abs=0.015)


def test_side_views_are_about_90_degrees():
    tilt = orientations.draw_angles("side", 20000, np.random.default_rng(3))[:, 1]
    assert tilt.mean() == pytest.approx(90, abs=0.2) and tilt.std() == pytest.approx(5, abs=0.15)
