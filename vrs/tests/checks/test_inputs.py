import numpy as np
import pytest

from vrs.checks import ValidationInput
from vrs.errors import InputError
from vrs.checks.input_data import describe_input


def blob(shape=(20, 24, 28)):
    volume = np.zeros(shape, np.float32)
    volume[8:12, 9:14, 10:16] = 1
    return volume


def test_threshold_above_the_maximum_names_both():
    with pytest.raises(InputError, match="2.5.*above the maximum of the map, 1"):
        ValidationInput(blob(), 1.0, 2.5)


def test_threshold_at_the_maximum_is_legal():
    assert ValidationInput(blob(), 1.0, 1.0).raw_mask.sum() == 120


def test_own_mask_takes_the_place_of_the_constructed_one():
    mask = np.zeros((20, 24, 28), bool)
    mask[5:9] = True
    data = ValidationInput(blob(), 1.0, 0.5, mask=mask)
    assert data.hard_mask is mask
    assert not np.array_equal(data.constructed_mask, mask)
    assert data.soft_mask[5:9].mean() > 0.5 > data.soft_mask[9:].mean()


def test_description():
    data = ValidationInput(blob(), 1.5, 0.5, 4.0)
    report, volumes = describe_input(data, "a.mrc", "ff")
    assert report.shape == [28, 24, 20]
    assert set(volumes) == {"hard_mask", "soft_mask"}
    labels = [panel.label for block in report.content for panel in getattr(block, "panels", [])]
    assert labels[:3] == ["X slice 14 (Y right, Z up)", "Y slice 12 (Z right, X up)",
                          "Z slice 10 (X right, Y up)"]
    assert "X projection (Y right, Z up)" in labels


def test_description_says_that_the_mask_is_the_users():
    mask = np.ones((20, 24, 28), bool)
    report, _ = describe_input(ValidationInput(blob(), 1.5, 0.5, mask=mask), "a", "b", (), "m", "c")
    assert report.mask_file_name == "m"
    assert any("the user gave" in getattr(block, "text", "") for block in report.content)
