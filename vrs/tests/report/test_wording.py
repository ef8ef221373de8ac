"""Numbers as printed."""

import pytest

from vrs.report.wording import cell, number


@pytest.mark.parametrize("value, text", [
    (0.0, "0"), (3, "3"), (1234567, "1,234,567"), (0.123456, "0.1235"), (12345.67, "12,345.7"),
    (-2.5e-7, "-2.5 × 10⁻⁷"), (1e6, "1 × 10⁶"), (True, "yes")])
def test_number(value, text):
    assert number(value) == text


def test_cell_has_a_word_for_everything():
    assert cell([1, 2.5, None]) == "1, 2.5, no value"
    assert cell({"a": 1}) == "a: 1"
    assert cell("text") == "text"
