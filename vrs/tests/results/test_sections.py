import numpy as np
import pytest

from vrs.results.sections import central_slices, maximum_variance_slices, projections

# Of X, Y and Z: the axes to the right and up, in the order x, y, z.
_AXES = ((1, 2), (2, 0), (0, 1))


@pytest.fixture
def volume():
    """A ball in the middle with an arm along each axis, that of X the longest."""
    z, y, x = np.indices((30, 34, 38)) - np.array([15, 17, 19]).reshape(3, 1, 1, 1)
    ball = x ** 2 + y ** 2 + z ** 2 < 16
    arms = [(abs(one) < 2) & (abs(two) < 2) & (along >= 0) & (along < length)
            for along, one, two, length in ((x, y, z, 14), (y, x, z, 11), (z, x, y, 8))]
    return (ball | np.any(arms, axis=0)).astype(np.float32)


@pytest.mark.parametrize("draw", [central_slices, maximum_variance_slices, projections])
def test_sections_show_the_axes_that_they_name(volume, draw):
    panels = draw(volume, 1.0, "A caption.", "A text.").panels
    for axis, panel in enumerate(panels):
        right, up = _AXES[axis]
        name = "(%s right, %s up)" % ("XYZ"[right], "XYZ"[up])
        assert panel.label.startswith("XYZ"[axis]) and panel.label.endswith(name)
        assert panel.image.shape == (volume.shape[2 - up], volume.shape[2 - right])
        rows, columns = np.nonzero(panel.image)
        middle = [size // 2 for size in volume.shape[::-1]]
        reach = {right: columns.max() - middle[right],
                 up: (panel.image.shape[0] - 1 - rows.min()) - middle[up]}
        assert [reach[right], reach[up]] == [(13, 10, 7)[right], (13, 10, 7)[up]]
