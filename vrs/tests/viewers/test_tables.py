"""Columns share a width so that nothing is lost."""

import pytest

from vrs.viewers.tables import column_widths, wrapped


@pytest.mark.parametrize("text", ["", "one", "one two three four", "averyverylongword",
                                  "a averyverylongword b", "  spaces   between  "])
@pytest.mark.parametrize("width", [1, 5, 8, 100])
def test_lines_fit_and_lose_nothing(text, width):
    lines = wrapped(text, width, len)
    assert all(len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert lines


def cells(*texts):
    return [(text, len) for text in texts]


def test_words_are_broken_only_when_longer_than_a_line():
    assert wrapped("of the half maps", 8, len) == ["of the", "half", "maps"]


def test_columns_with_room_are_as_wide_as_their_text():
    assert column_widths([cells("ab", "abcd"), cells("a")], 50) == [4, 1]


def test_columns_without_room_share_it_and_keep_words_whole():
    columns = [cells("name", "number"), cells("a long sentence of many short words"), cells("Å")]
    widths = column_widths(columns, 24)
    assert sum(widths) == pytest.approx(24)
    for column, width in zip(columns, widths):
        assert width >= max(len(word) for text, _ in column for word in text.split())


def test_words_that_cannot_all_be_whole_are_broken_alike():
    widths = column_widths([cells("x" * 40), cells("y" * 40)], 20)
    assert widths == pytest.approx([10, 10])


def test_empty_column_takes_no_width():
    assert column_widths([cells("", ""), cells("a b c d e f")], 5)[0] == 0


def test_cells_are_measured_in_their_own_font():
    wide = [("ab", lambda text: 3 * len(text)), ("abc", len)]
    assert column_widths([wide], 50) == [6]
