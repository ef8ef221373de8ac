"""What the window of a level shows."""

import numpy as np
import pytest

from vrs.inputs.map import describe_map
from vrs.report.document import Grid, Picture, to_plain
from vrs.results import (FileEntry, InputFile, LevelInput, Status, Surface, read_results,
                         write_json)
from vrs.tests.evidence import evidence
from vrs.tests.report.conftest import make_item, make_level
from vrs.viewers.pages import MapScale, ResultPages, map_scale


class NoArtist:
    """Draws nothing, and keeps what it was asked for."""

    def __init__(self):
        self.asked = []

    def draw(self, figure, files):
        self.asked.append((figure, files))
        return Picture(figure.caption)


@pytest.fixture
def pages(domain, results_path):
    return ResultPages(results_path, NoArtist())


def text_of(page):
    return str([(heading, [to_plain(block) for block in blocks]) for heading, blocks in page])


def test_every_item_has_a_line_with_its_status_in_words(pages):
    lines = [(entry.name, entry.status, entry.style) for entry in pages.entries()]
    assert lines == [("Input", "", "plain"), ("0.a", "OK", "status-ok"),
                     ("0.b", "2 warnings", "status-warnings"),
                     ("0.c", "Does not apply", "status-neutral"),
                     ("0.d", "Could not be measured", "status-failed"),
                     ("0.e", "Informative", "status-neutral"),
                     ("0.f", "Not run", "status-neutral")]


def test_it_begins_with_the_first_warning(pages):
    assert pages.first() == 2


@pytest.mark.parametrize("items,first", [([], 0), ([make_item("0.c"), make_item("0.a")], 1)])
def test_without_warnings_it_begins_with_the_first_item(domain, tmp_path, items, first):
    write_json(tmp_path / "results.json", [make_level(items)])
    pages = ResultPages(tmp_path / "results.json", NoArtist())
    assert pages.first() == first
    assert [entry.name for entry in pages.entries()][1:] == sorted(item.id for item in items)


def test_levels_of_one_file_are_shown_together(domain, tmp_path, full_results):
    one = make_level([make_item("1.b", Status.NOT_RUN, reason="It needs two half maps."),
                      make_item("1.a")], "1")
    one.added = LevelInput("Two half maps", [InputFile("Half map 1", "first.mrc", "ef" * 32)])
    write_json(tmp_path / "results.json", [full_results, one])
    pages = ResultPages(tmp_path / "results.json", NoArtist())
    assert pages.title == "Levels 0, 1" and "2 of 3 items passed" in pages.summary
    assert [entry.name for entry in pages.entries()] == [
        "Input", "0.a", "0.b", "0.c", "0.d", "0.e", "0.f", "1.a", "1.b"]
    assert [heading for heading, _ in pages.page(0)] == ["", "Half maps", "Two half maps"]
    assert "first.mrc" in text_of(pages.page(0))
    assert "It needs two half maps." in text_of(pages.page(8))


def test_page_has_warnings_criteria_quantities_and_references(pages):
    page = pages.page(2)
    assert [heading for heading, _ in page] == ["", "Automatic criteria", "Results",
                                                "Engine and references"]
    text = text_of(page)
    for part in ("First warning.", "Second warning.", "the second is between 0 and 1", "Broken",
                 "2.5: 1, 50: 4", "A vector", "1, 2.5, no value", "Å", "A. One.",
                 "https://doi.org/10.1000/one#1", "vrs (built in)"):
        assert part in text


def test_figures_are_ordered_with_the_files_they_need(pages, results_path):
    pages.page(1)
    surfaces = [files for figure, files in pages.artist.asked if isinstance(figure, Surface)]
    assert len(pages.artist.asked) == 10 and len(surfaces) == 4
    assert all(files["map"] == results_path.parent / "map.mrc" for files in surfaces)


@pytest.mark.parametrize("number,reason", [(3, "The background was masked out."),
                                           (4, "It failed."),
                                           (6, "It needs the reported resolution.")])
def test_reason_is_said_once_and_first(pages, number, reason):
    page = pages.page(number)
    assert text_of(page).count(reason) == 1 and reason in text_of(page[:1])


def test_first_page_has_the_input_and_what_the_level_adds(pages):
    page = pages.page(0)
    assert [heading for heading, _ in page] == ["", "Half maps"]
    for part in ("SHA-256", "Look at this.", "They share noise.", "The halves differ by noise."):
        assert part in text_of(page)


def test_every_table_has_a_place_in_each_column(pages):
    grids = [block for number in range(7) for _, blocks in pages.page(number)
             for block in blocks if isinstance(block, Grid)]
    assert grids
    for grid in grids:
        assert all(len(row) == len(grid.numeric) == len(grid.columns) for row in grid.rows)


def test_files_that_are_gone_are_not_offered(domain, results_path, tmp_path):
    [results] = read_results(results_path)
    results.items[0].files.append(FileEntry("gone", "gone.mrc", "Gone"))
    path = results_path.parent / "more.json"
    write_json(path, [results])
    assert [kept.path.name for kept in ResultPages(path).files(1)] == ["own.mrc"]


def test_owner_of_a_file_is_its_item(pages, results_path):
    assert pages.owner_of(results_path.parent / "own.mrc") == 1
    assert pages.owner_of(results_path.parent / "map.mrc") == 0


def test_local_map_is_shown_in_its_scale():
    entry = FileEntry("local", "local.mrc", "", "volume", "Local resolution", "Å", "local",
                      [2.0, 5.0])
    assert map_scale(entry) == MapScale("Local resolution", "Å", [2.0, 5.0], "local")


def test_map_without_limits_has_its_unit():
    entry = FileEntry("other", "other.mrc", "", "volume", "Value", "Å²", "local")
    assert map_scale(entry) == MapScale("Value", "Å²", None, "local")


@pytest.mark.parametrize("kind", ["density", "mask", "local", "part", "signed"])
def test_every_kind_of_map_can_be_looked_at(domain, kind):
    from vrs.viewers.map_window import _COLOURS
    assert map_scale(FileEntry("map", "map.mrc", "", scale=kind)).kind == kind
    assert kind in _COLOURS


def test_masks_are_shown_from_0_to_1(tmp_path):
    volume = np.zeros((12, 12, 12), np.float32)
    volume[4:8, 4:8, 4:8] = 1
    _, products = describe_map(evidence(volume, 2.0, 0.5))
    assert {product.name: (product.scale, product.limits) for product in products} == {
        "hard_mask": ("mask", (0.0, 1.0)), "soft_mask": ("mask", (0.0, 1.0))}


def test_models_have_no_scale(domain, tmp_path):
    (tmp_path / "q.cif").write_text("data_\n")
    item = make_item("0.a", Status.OK, files=[FileEntry("q", "q.cif", "Q-score", "model")])
    write_json(tmp_path / "results.json", [make_level([item])])
    kept, = ResultPages(tmp_path / "results.json").files(1)
    assert kept.scale is None
