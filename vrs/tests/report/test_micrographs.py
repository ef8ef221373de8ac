"""One list of the micrographs over all items, in the report and as a file."""

import numpy as np
import pytest

from vrs.io.star import read_star
from vrs.report import write_report
from vrs.report.micrograph_ranks import micrograph_table
from vrs.results import MicrographValues, write_json
from vrs.tests.report.conftest import PROVENANCE, make_item, make_level


def values(name, names, numbers, outside):
    numbers = np.array(numbers, float)
    return MicrographValues(name, "What %s is" % name, "%", "label of " + name, names, numbers,
                            numbers, np.isin(names, outside))


@pytest.fixture
def items():
    """4.b knows three micrographs; 5.a knows one of them, by its path, and one more."""
    return [make_item("4.b", micrographs=[values(
                "vrsB", ["a.mrc", "b.mrc", "c.mrc"], [5, 40, 45], ["b.mrc"])]),
            make_item("5.a", micrographs=[values(
                "vrsA", ["/data/b.tif", "/data/d.tif"], [30, 90], ["/data/b.tif", "/data/d.tif"])])]


def test_those_that_most_items_suspect_come_first(items):
    table = micrograph_table(items)
    assert table["rlnMicrographName"] == ["b.mrc", "/data/d.tif", "c.mrc", "a.mrc"]
    assert table["vrsSuspicious"] == [2, 1, 0, 0]
    assert table["vrsSuspiciousItems"] == ["4.b,5.a", "5.a", "none", "none"]
    np.testing.assert_equal(table["vrsB"], [40, np.nan, 45, 5])
    np.testing.assert_equal(table["vrsA"], [30, 90, np.nan, np.nan])
    assert micrograph_table([make_item("4.g")]) == {}


def test_micrographs_of_the_same_name_in_several_folders_are_several():
    """Data of several sessions often number their micrographs in the same way."""
    table = micrograph_table([
        make_item("4.b", micrographs=[values("vrsB", ["one/a.mrc", "two/a.mrc"], [5, 40],
                                             ["two/a.mrc"])]),
        make_item("5.a", micrographs=[values("vrsA", ["/data/one/a.tif", "/data/two/a.tif"],
                                             [30, 90], ["/data/two/a.tif"])])])
    assert table["rlnMicrographName"] == ["two/a.mrc", "one/a.mrc"]
    assert table["vrsSuspicious"] == [2, 0]
    np.testing.assert_equal(table["vrsA"], [90, 30])


def test_report_lists_them_once(items, tmp_path):
    folder = tmp_path / "report"
    results = tmp_path / "results.json"
    write_json(results, [make_level(items[:1], "4"), make_level(items[1:], "5")])
    page = write_report([results], folder, PROVENANCE).html.read_text(encoding="utf-8")
    assert page.count("Micrographs over all items</h") == 1
    assert "2 of 4 micrographs are suspicious." in page
    found = read_star(str(folder / "vrs_micrographs.star"))["micrographs"]
    assert list(found["vrsSuspicious"]) == [2, 1, 0, 0]
    # A later report of items without micrographs leaves no old list.
    write_json(results, [make_level([make_item("4.g")], "4")])
    write_report([results], folder, PROVENANCE)
    assert not (folder / "vrs_micrographs.star").exists()
