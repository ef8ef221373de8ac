"""The levels and their grade."""

import pytest

from vrs import levels
from vrs.results import Engine, ItemResult, Status


def _items(names, status=Status.OK):
    return [ItemResult(name + ".a", "", name, status, Engine("built-in", "1")) for name in names]


@pytest.mark.parametrize("names, expected", [
    ("0", "0"), ("01A", "1A"), ("A0", "0A"), ("OWA543210", "5AWO"), ("W", "W")])
def test_grade_is_the_highest_digit_then_the_letters(monkeypatch, names, expected):
    monkeypatch.setattr(levels, "_LEVELS", [levels.Level(name, "", "") for name in "012345AWO"])
    assert levels.grade(_items(names)) == expected


@pytest.mark.parametrize("names, expected", [("WA10", "1AW"), ("10", "1"), ("", "")])
def test_grade_of_the_levels_that_there_are(names, expected):
    assert levels.grade(iter(_items(names))) == expected


def test_a_level_that_was_left_out_does_not_count():
    items = _items("0") + _items("1", Status.NOT_RUN) + _items("A", Status.NOT_MEASURED)
    assert levels.grade(items) == "0A"
