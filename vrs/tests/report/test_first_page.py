"""What the first page is made from: key numbers, residues over all items, places."""

import numpy as np
import pytest

from vrs.checks import all_checks
from vrs.io.maps import write_map
from vrs.report import lines
from vrs.report.figures import Artist
from vrs.report.key_numbers import KEY_NUMBERS, key_numbers
from vrs.report.lines_process import LineArtist
from vrs.report.numbering import Numbering
from vrs.report.places import places
from vrs.report.residue_ranks import judged_columns, ranked_residues
from vrs.report.sections.front import first_page
from vrs.results import (CriterionOutcome, Curve, FileEntry, Metric, Plot, ResidueValues, Series,
                         Status, Track, Tracks)
from vrs.results.content import FREQUENCY
from vrs.tests.report.conftest import make_item, make_level


def test_key_numbers_are_declared_by_their_items():
    declared = {check.id: {quantity.name for quantity in check.quantities}
                for check in all_checks()}
    for key in KEY_NUMBERS:
        assert {key.metric.partition(".")[0], key.archive} - {""} <= declared[key.item], key
        assert key.low < key.high


def _judged(value, relation, bound, outcome):
    return make_item("A.a", metrics={"bad_residue_percentage": Metric(value, "%", "")}, criteria=[
        CriterionOutcome("a", "bad_residue_percentage", "", relation, bound, bound, outcome)])


def test_key_numbers_show_what_their_criterion_allows():
    [row] = key_numbers([_judged(12.5, "<", 10.0, "broken")]).rows
    assert (row.value, row.text, row.is_met, row.allowed) == (12.5, "12.5 %", False, [0, 10])
    [row] = key_numbers([_judged(3, ">=", 2.0, "met")]).rows
    assert row.is_met and row.allowed == [2, 30]
    [row] = key_numbers([_judged(3, ">=", 2.0, "not_evaluated")]).rows
    assert row.is_met and row.allowed is None
    assert key_numbers([_judged(None, "<", 10.0, "not_evaluated"), make_item("0.a")]) is None


def test_key_numbers_stand_beside_those_of_the_archive():
    levels = {"2.5": 0.3, "25": 0.4, "50": 0.5, "75": 0.6, "97.5": 0.7}
    item = make_item("A.e", metrics={"mean": Metric(0.55, "", ""),
                                     "archive": Metric(levels, "", "")})
    scales = key_numbers([item])
    assert scales.rows[0].archive == [0.3, 0.4, 0.5, 0.6, 0.7]
    assert "EMDB (March 2024)" in scales.caption
    assert scales.alt == "Q-score, mean: 0.55 (public archive: median 0.5, 0.3 to 0.7)"
    drawing = lines.line_drawing(scales)
    grey = [line for line in drawing.axes[0].lines if line.get_color() == "#767676"]
    # On an axis from 0.5 to 0.8 of the width for 0 to 1.
    assert np.ravel([line.get_xdata() for line in grey]) == pytest.approx([0.59, 0.71, 0.62, 0.68])
    assert key_numbers([make_item("A.e", metrics={"mean": Metric(0.55, "", "")})]
                       ).rows[0].archive is None


def test_without_half_maps_the_power_spectrum_is_shown(tmp_path):
    spectrum = Plot("Power of the map.", "a", FREQUENCY, "y", [Series("Map", [0, .1], [2, 1])])
    other = Plot("Masses.", "a", "Threshold", "y", [Series("Map", [0, .1], [2, 1])])
    level = make_level([make_item("0.a")], content=[other, spectrum])
    artist = Artist(tmp_path, (20, 18, 16), 2.0)
    numbering = Numbering([level], artist, has_appendix=True)
    assert first_page(numbering, [(level, tmp_path)]).fsc.caption == "Power of the map."
    curve = Curve("fsc", "FSC", np.array([0.0, 0.1]), np.array([1.0, 0.5]))
    level.items.append(make_item("1.a", curves=[curve]))
    assert "half maps" in first_page(Numbering([level], artist, has_appendix=True),
                                     [(level, tmp_path)]).fsc.caption


def _residues(name, numbers, values, worst, bound, x=0.0):
    count = len(numbers)
    positions = np.zeros((count, 3), np.float32) + 20
    positions[:, 0] += 12 * np.array(numbers) + x
    return ResidueValues(name, name, "", ["A"] * count, list(map(str, numbers)), ["ALA"] * count,
                         np.array(values, float), "", positions, name, worst, bound)


@pytest.fixture
def items():
    return [make_item("A.a", residues=[_residues("cc", [1, 2, 3, 4], [.9, .4, .3, .8], "low", .5)]),
            make_item("A.b", residues=[_residues("f", [1, 2, 3], [-2, -.1, 1.9], "far", 1.5)]),
            make_item("A.g", residues=[_residues("none", [1], [1], "", None)])]


def test_residues_beyond_most_bounds_come_first(items):
    columns = judged_columns(items)
    assert [item.id for item, _ in columns] == ["A.a", "A.b"]
    ranked = ranked_residues(columns)
    # 3 is beyond both bounds, 1 and 2 beyond one. In units of the median distance, 0.25 from 0.6
    # and 0.1 from 1.9, 2 is worse than the median by 0.8 and -10 (at most), 1 by -1.2 and 1.
    assert [residue.number for residue in ranked] == ["3", "1", "2", "4"]
    assert ranked[0].outside == {0, 1} and ranked[3].outside == set()
    assert ranked[0].departure == pytest.approx((0.3 / 0.25 + 0) / 1.4826 / 2)
    assert ranked[3].values == {0: 0.8} and ranked[0].title == "Ala 3, chain A"


def test_places_are_those_that_depart_most(tmp_path):
    values = [.8, .82, .81, .79, .7, .75, .83, .8]
    item = make_item("A.a", residues=[_residues("cc", list(range(8)), values, "low", .5)])
    write_map(tmp_path / "map.mrc", np.zeros((40, 40, 120), np.float32), 1.0)
    for status, heading in ((Status.OK, "Worst places; no item warns of them"),
                            (Status.WARNINGS, "Look here first")):
        item.status = status
        level = make_level([item], "A", shape=[120, 40, 40], sampling=1.0, files=[
            FileEntry("map", "map.mrc", "")])
        told, found = places([(level, tmp_path)], Artist(tmp_path, (120, 40, 40), 1.0))
        assert told == heading
        assert [place.title for place in found] == [
            "Ala 4, chain A", "Ala 5, chain A", "Ala 3, chain A"]


def test_places_show_the_residue_in_the_middle(items, tmp_path):
    volume = np.zeros((40, 40, 80), np.float32)
    volume[20, 20, 56] = 1  # residue 3
    write_map(tmp_path / "map.mrc", volume, 1.0)
    level = make_level(items, "A", shape=[80, 40, 40], sampling=1.0, files=[
        FileEntry("map", "map.mrc", "")])
    _, found = places([(level, tmp_path)], Artist(tmp_path, (80, 40, 40), 1.0))
    assert [place.title for place in found] == [
        "Ala 3, chain A", "Ala 1, chain A", "Ala 4, chain A"]
    assert found[0].text == "cc 0.30 (A.a, median 0.60), f 1.90 (A.b, median -0.10)"
    assert found[0].link == "item-A-a"
    from PIL import Image
    image = np.asarray(Image.open(str(tmp_path / found[0].panel.file)).convert("L")).astype(int)
    rows, columns = np.nonzero(image == 255)
    middle = (len(image) - 1) / 2
    assert rows.mean() == pytest.approx(middle, abs=3)
    assert columns.mean() == pytest.approx(middle, abs=3)


def test_without_a_model_the_worst_regions_are_shown(tmp_path):
    local = np.zeros((40, 40, 40), np.float32)
    local[8:32, 8:32, 8:32] = 3
    local[8:16, 16:24, 24:32] = 7
    for name, volume in (("map", local), ("local", local)):
        write_map(tmp_path / (name + ".mrc"), volume, 1.0)
    item = make_item("1.e", metrics={"percentiles": Metric({"50": 3.0}, "Å", "")}, files=[
        FileEntry("local", "local.mrc", "", "volume", "Local resolution", "Å", "local")])
    level = make_level([item], "1", shape=[40, 40, 40], sampling=1.0,
                       files=[FileEntry("map", "map.mrc", "")])
    first = places([(level, tmp_path)], Artist(tmp_path, (40, 40, 40), 1.0))[1][0]
    assert first.title == "Region at 28, 20, 12 Å"
    assert first.text == "local resolution 7.0 Å (1.e), median of the map 3.0 Å"


def test_nothing_stands_out_without_local_values(tmp_path):
    level = make_level([make_item(status=Status.WARNINGS)])
    assert places([(level, tmp_path)], Artist(tmp_path, (20, 18, 16), 2.0))[1] == []


def _plots(count):
    x = np.linspace(0, 1, 5)
    return [Plot("c", "a", "x", "y", [Series("b", x, x ** k)]) for k in range(count)]


@pytest.mark.parametrize("processors", [1, 2])
def test_drawings_are_the_same_whoever_makes_them(tmp_path, monkeypatch, processors):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(processors)))
    artist = LineArtist(tmp_path, "svg")
    figures = _plots(10)
    for index, figure in enumerate(figures):
        artist.order("%d.svg" % index, figure)
    artist.finish()
    for index, figure in enumerate(figures):
        assert (tmp_path / ("%d.svg" % index)).read_bytes() == lines.saved(
            lines.line_drawing(figure), "svg")


def test_a_process_that_ends_costs_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr("sys.executable", "/bin/false")
    artist = LineArtist(tmp_path, "svg")
    for index, figure in enumerate(_plots(9)):
        artist.order("%d.svg" % index, figure)
    artist.finish()
    assert len(list(tmp_path.iterdir())) == 9


def test_tracks_share_their_axis_of_values():
    drawing = lines.line_drawing(Tracks("c", "a", "Residue", "Value", [
        Track("Chain A", np.arange(3), np.array([0.0, 1.0, 2.0])),
        Track("Chain B", np.arange(3), np.array([5.0, 6.0, 7.0]))], 0.5))
    assert len({axes.get_ylim() for axes in drawing.axes}) == 1
