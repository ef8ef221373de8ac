"""The levels and their grade."""

import pytest

from vrs import levels


@pytest.mark.parametrize("names, expected", [
    ("0", "0"), ("01A", "1A"), ("A0", "0A"), ("OWA543210", "5AWO"), ("W", "W")])
def test_grade_is_the_highest_digit_then_the_letters(monkeypatch, names, expected):
    monkeypatch.setattr(levels, "_LEVELS", [levels.Level(name, "", "") for name in "012345AWO"])
    assert levels.grade(names) == expected


@pytest.mark.parametrize("names, expected", [("WA10", "1AW"), ("10", "1"), ("", "")])
def test_grade_of_the_levels_that_there_are(names, expected):
    assert levels.grade(iter(names)) == expected
