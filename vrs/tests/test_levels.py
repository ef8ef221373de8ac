"""The levels and their grade."""

import pytest

from vrs import inputs, levels
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


@pytest.mark.parametrize("given, expected", [
    ({"crosslinks": "x"}, "O"), ({"saxs": "x"}, "O"), ({"untilted": "x", "tilted": "y"}, "O"),
    ({"map": "x", "saxs": "y", "crosslinks": "z"}, "0O"), ({"map": "x", "model": "y"}, "0A"),
    ({"model": "x"}, ""), ({"half1": "x", "half2": "y"}, "")])
def test_what_is_given_decides_the_levels(given, expected):
    assert "".join(level.id for level in levels.levels_for(given)) == expected


def test_one_kind_of_several_is_enough():
    one, two, three = (inputs.get_kind(name) for name in ("saxs", "crosslinks", "model"))
    level = levels.Level("X", "", "", kinds=(three,), alternatives=(one, two))
    assert (level.needed, level.added) == ((three,), (three, one, two))
    assert level.is_possible([three, two]) and level.is_possible([one, three, two])
    assert not level.is_possible([three]) and not level.is_possible([one, two])


def test_levels_in_print():
    assert levels.printed(_items("A10")) == "0, 1, A" and levels.printed([]) == "none"
    items = [{"id": "A.a", "status": "ok"}, {"id": "1.a", "status": "not_run"},
             {"id": "0.a", "status": "not_applicable"}, {"id": "0.b", "status": "ok"}]
    assert levels.printed_of_report({"items": items}) == "0, A"
