import json

import numpy as np
import pytest

from vrs.checks import Criterion, Overrides
from vrs.results import (UNREADABLE, Bars, Engine, FileEntry, InputReport, ItemResult, LevelResults,
                         Mark, Metric, Note, Paragraph, Plot, Reference, Series, Slice, Slices,
                         Status, Surface, Table, from_json, read_results, to_json, write_json)


def full_results():
    """Results that use every class there is."""
    metric = Metric({"50": np.float32(0.1), "97.5": np.nan}, "Å", "percentiles")
    outcome = Criterion(name="c", metric="m.50", subject="it", relation="within", bound=(0, 1),
                        warning="w").evaluate(
        "0.x", {"m": metric}, Overrides())
    x = np.linspace(0, 1, 5)
    content = [
        Paragraph("α < 2 & \"quoted\""),
        Table(["a"], [["1"]], "caption"),
        Plot("c", "a", "x", "y", [Series("s", x, np.full(5, np.nan), "dashed")], True,
             [Mark(0.5, "m")]),
        Bars("c", "a", "x", "y", x, np.arange(4)),
        Slices("c", "a", [Slice("X slice 1", np.eye(3, dtype=np.float32), 1.5)], "mask", "Å"),
        Surface("c", "a", "map", 0.5, "local", "label", "Å", [1.0, 2.0])]
    item = ItemResult("0.x", "Title", "0", Status.WARNINGS, Engine("builtin", "1"), "", "e", "s",
                      ["w"], {"m": metric}, [outcome], content, [FileEntry("map", "m.mrc", "d")],
                      [Reference("k", "t", "10.1/x")], [4.5])
    report = InputReport("a b.mrc", "00", [1, 2, 3], 1.5, 0.1, None, notes=[Note("n", "serious")])
    return LevelResults("0", report, [item], 7, "criteria.json")


def assert_same(a, b):
    assert type(a) is type(b)
    if isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    elif hasattr(a, "__dict__") and not isinstance(a, Status):
        assert_same(vars(a), vars(b))
    elif isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for one, other in zip(a, b):
            assert_same(one, other)
    else:
        assert a == b


def test_json_round_trip_is_lossless(tmp_path):
    results = full_results()
    # Intervals are pairs in the declaration and lists in JSON.
    for outcome in results.items[0].criteria:
        outcome.bound, outcome.default_bound = list(outcome.bound), list(outcome.default_bound)
    path = tmp_path / "results.json"
    write_json(path, [results])
    assert_same(read_results(path), [results])


def test_mappings_may_have_any_keys(tmp_path):
    metric = Metric({"kind": 1, "Volume": {"kind": "ndarray"}}, "", "")
    assert from_json(to_json(metric)) == metric


@pytest.mark.parametrize("text", ["", "{}", "[]", "[1]", '{"levels": 3}'])
def test_what_is_no_results_file(tmp_path, text):
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(UNREADABLE):
        read_results(tmp_path / "results.json")


def test_json_is_standard():
    json.loads(to_json(full_results()), parse_constant=lambda name: 1 / 0)


def test_metric_values_become_plain():
    metric = Metric(np.array([1, 2.5]), "", "")
    assert metric.value == [1.0, 2.5] and type(metric.value[0]) is float
    assert Metric(np.float32(2), "", "").value == 2.0
    assert Metric(float("inf"), "", "").value is None
    assert Metric((1, np.nan), "", "").value == [1, None]


def test_arrays_come_back_writable():
    array = from_json(to_json(np.arange(3)))
    array[0] = 1


def test_printed_statuses():
    assert Status.OK.printed() == "OK"
    assert Status.WARNINGS.printed(1) == "1 warning"
    assert Status.WARNINGS.printed(2) == "2 warnings"
    assert Status.NOT_APPLICABLE.printed() == "Does not apply"
    assert Status.NOT_MEASURED.printed() == "Could not be measured"
    assert Status.INFORMATIVE.printed() == "Informative"
