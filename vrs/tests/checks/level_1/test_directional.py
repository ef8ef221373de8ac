import numpy as np
import pytest

from vrs.checks.level_1.directional import by_region
from vrs.numerics import sphere


@pytest.mark.parametrize("axis", [(0, 0, 1), (1, 1, 1), (1, -2, 0.5)])
def test_the_middle_of_a_bad_cone(axis):
    axis = np.array(axis) / np.linalg.norm(axis)
    directions = sphere.geodesic_directions()
    axes, means = by_region(directions, np.where(np.abs(directions @ axis) > 0.87, 1.0, 2.0))
    # The grid of regions is some 5° apart.
    assert sphere.axis_angles(axes[means.argmin()], axis) < 5
    assert means.min() == pytest.approx(1.0, abs=0.3) and means.max() == pytest.approx(2.0)


def test_a_single_direction_does_not_decide():
    directions = sphere.geodesic_directions()
    values = np.where(np.abs(directions[:, 2]) > 0.87, 1.0, 2.0)
    values[np.abs(directions[:, 0]).argmax()] = 0.1
    axes, means = by_region(directions, values)
    assert sphere.axis_angles(axes[means.argmin()], (0, 0, 1)) < 5
