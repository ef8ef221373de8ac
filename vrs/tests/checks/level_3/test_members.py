"""Which members of classes are judged."""

import numpy as np
import pytest

from vrs.checks.level_3.members import rows_by_class
from vrs.checks.particle_images import Members
from vrs.errors import NotMeasured


def members_of(labels):
    return Members(None, np.array(labels), np.zeros(len(labels)), [])


def test_number_0_is_no_class():
    rows = rows_by_class(members_of([0] * 30 + [7] * 25 + [900] * 20 + [901] * 19))
    assert sorted(rows) == [7, 900]
    assert rows[900].tolist() == list(range(55, 75))
    assert members_of([0, 0, 3]).sizes[0].tolist() == [3]


@pytest.mark.parametrize("labels, largest", [([0] * 50, 0), ([1, 2, 3], 1), ([4] * 19, 19)])
def test_classes_that_are_too_small_are_told(labels, largest):
    with pytest.raises(NotMeasured, match="largest class has %d of the particles" % largest):
        rows_by_class(members_of(labels))
