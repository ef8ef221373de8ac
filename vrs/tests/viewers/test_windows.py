"""The windows on a screen."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from pyworkflow.protocol import STATUS_FAILED, STATUS_FINISHED, STATUS_RUNNING

from vrs.io.maps import write_map
from vrs.results import Status, write_json
from vrs.results.content import Plot, Range, Ranges, Series
from vrs.tests.report.conftest import make_item, make_level
from vrs.tests.waiting import wait_for


def wait(window, condition):
    """Let a window work until something is true."""
    wait_for(condition, window.root.update)


def press(window, widget, *keys):
    widget.focus_force()
    window.root.update()
    for key in keys:
        widget.event_generate("<%s>" % key)
        window.root.update()


def text_of(window):
    return window.page.text.get("1.0", "end")


@pytest.fixture
def results(main_window, results_path):
    """The window of the results, without ChimeraX."""
    from vrs.viewers import programs
    from vrs.viewers.results_window import ResultsWindow
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(programs, "chimerax", lambda: None)
        window = ResultsWindow(results_path, main_window)
    window.open()
    window.root.update()
    yield window
    if window.root.winfo_exists():
        window.close()


def test_arrows_go_from_item_to_item(results):
    assert "Could not be measured" not in text_of(results)
    press(results, results.tree, "Down", "Down")
    wait(results, lambda: "0.d" in text_of(results)[:5])
    assert "Could not be measured" in text_of(results) and "It failed." in text_of(results)
    press(results, results.tree, "Up", "Up")
    assert "First warning." in text_of(results) and "2.5: 1, 50: 4" in text_of(results)


def test_window_fits_a_small_screen(results):
    root = results.root
    assert root.winfo_width() <= 1280 and root.winfo_height() <= 800
    for widget in (results.tree, results.page):
        assert widget.winfo_width() > 300 and widget.winfo_height() > 400


def test_long_titles_leave_room_for_the_status(main_window, tmp_path):
    from vrs.viewers.results_window import ResultsWindow
    item = make_item("0.a", Status.NOT_MEASURED, reason="It failed.")
    item.title = "A title that is rather longer than the titles of all the other items " * 2
    write_json(tmp_path / "results.json", [make_level([item])])
    window = ResultsWindow(tmp_path / "results.json", main_window)
    window.open()
    wait(window, lambda: window.tree.winfo_width() > 200)
    widths = [window.tree.column(name, "width") for name in ("#0", "title", "status")]
    assert sum(widths) <= window.tree.winfo_width()
    assert window.fonts["plain"].measure("Could not be measured") < widths[2]
    window.close()


def test_figures_are_drawn_in_their_place_and_enlarge(results):
    results.select(1)
    results.root.update()
    pictures = [block for _, blocks in results.page._parts for block in blocks
                if hasattr(block, "is_drawn")]
    assert len(pictures) == 10
    assert text_of(results).count("Curves. ") == 1
    wait(results, lambda: all(picture.is_drawn for picture in pictures[:3]))
    canvas = results.page._drawings[id(pictures[0])]
    wait(results, lambda: canvas.find_all() and canvas.type(canvas.find_all()[0]) == "image")
    assert canvas.winfo_reqheight() > 100
    press(results, canvas, "Return")
    curves = results.root.winfo_children()[-1]
    assert curves.winfo_class() and curves.winfo_toplevel() is curves
    press(results, curves, "Escape")
    wait(results, lambda: results.root.focus_get() is canvas)
    assert not curves.winfo_exists()


def test_sections_of_the_chosen_map_open(results):
    results.select(1)
    results.root.update()
    assert results._file.get().endswith("(own.mrc)")
    window = results.open_sections()
    assert window.slices.count(0) == 20
    window.close()


def test_chosen_map_opens_in_chimerax(main_window, results_path, monkeypatch):
    from vrs.viewers import programs
    from vrs.viewers.results_window import ResultsWindow
    started = []
    monkeypatch.setattr(programs, "chimerax", lambda: "/opt/ChimeraX")
    monkeypatch.setattr(programs, "start_chimerax", lambda *what: started.append(what))
    window = ResultsWindow(results_path, main_window)
    window.open()
    window.select(1)
    window.root.update()
    window.open_in_chimerax()
    window.close()
    (program, script, folder), = started
    assert program == "/opt/ChimeraX" and "own.mrc" in script and folder.is_dir()


def test_absence_of_chimerax_is_said_where_there_are_maps(results):
    def sentences(widget):
        own = [str(widget.cget("text"))] if widget.winfo_class() == "Label" else []
        return own + [text for child in widget.winfo_children() for text in sentences(child)]

    assert any("ChimeraX" in text and "was not found" in text for text in sentences(results._bar))
    assert not results._bar_content.winfo_manager()  # the page of 0.b has no maps
    results.select(1)
    results.root.update()
    assert results._bar_content.winfo_manager()


def test_escape_closes_the_window_and_ends_the_drawing(results):
    results.select(1)
    results.root.update()
    press(results, results.tree, "Escape")
    assert not results.root.winfo_exists()
    results.artist._thread.join(timeout=60)
    assert not results.artist._thread.is_alive()


def test_resizing_wraps_the_tables_anew(results):
    lines = results.page.text.count("1.0", "end", "lines")
    results.root.geometry("900x500")
    wait(results, lambda: results.page.text.count("1.0", "end", "lines") != lines)
    assert results.page.text.winfo_width() < 700


@pytest.mark.parametrize("change,words", [
    (lambda path: path.unlink(), "is missing; run this level again."),
    (lambda path: path.write_text("{"), "cannot be read"),
    (lambda path: path.write_text("[1]"), "cannot be read"),
    (lambda path: path.write_text('{"kind": "LevelResults"}'), "cannot be read")])
def test_results_that_cannot_be_read_are_said(main_window, tmp_path, said, change, words):
    from vrs.objects import SetOfVrsItemResults
    from vrs.viewers.results import VrsItemResultsViewer
    path = tmp_path / "results.json"
    path.touch()
    change(path)
    found = SetOfVrsItemResults(filename=":memory:")
    found.setResultsFile(str(path))
    assert VrsItemResultsViewer(project=object(), parent=main_window).visualize(found) is None
    assert len(said) == 1 and words in said[0] and str(path) in said[0]


@pytest.mark.parametrize("status,words", [(STATUS_RUNNING, "Try again later"),
                                          (STATUS_FAILED, "Output Log"), (None, "not started")])
@pytest.mark.parametrize("name", ["ProtVrsLevel0", "ProtVrsValidateMap"])
def test_level_without_results_says_so(domain, said, status, words, name):
    from vrs import protocols
    from vrs.viewers.results import VrsItemResultsViewer
    run = getattr(protocols, name)(workingDir="none")
    run.setStatus(status)
    assert VrsItemResultsViewer(project=object()).visualize(run) is None
    assert len(said) == 1 and words in said[0]


@pytest.fixture
def run(domain, full_results, tmp_path, monkeypatch):
    """A run of level 0 that has done its first item, in the working folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run" / "extra").mkdir(parents=True)
    level = running_level()
    for part, content in (("added_0", None), ("input", full_results.input),
                          ("0.a", full_results.items[0])):
        keep(level, part, content)
    return level


def running_level():
    from pwem.objects import Volume

    from vrs.protocols import ProtVrsLevel0
    level = ProtVrsLevel0(workingDir="run")
    level.inputVolume.set(Volume("map.mrc"))
    level.setStatus(STATUS_RUNNING)
    return level


def keep(run, part, content):
    """What a run does when a part of its validation is done."""
    write_json("%s/extra/part_%s.json" % (run.getWorkingDir(), part), content)


def test_items_of_a_run_are_shown_as_they_get_done(main_window, full_results, run, monkeypatch):
    from vrs.objects import SetOfVrsItemResults
    from vrs.viewers import results_window
    from vrs.viewers.results import VrsItemResultsViewer
    monkeypatch.setattr(results_window, "_LOOK", 50)
    # Scipion's window replaces the runs that it knows when it looks for news.
    known = running_level()
    window = VrsItemResultsViewer(project=SimpleNamespace(runs=[known]),
                                  parent=main_window).visualize(run)
    window.root.update()
    assert window.tree.selection() == ("1",)
    assert [window.tree.set(str(number), "status") for number in range(9)] == [
        "", "OK"] + ["Not done yet"] * 7
    assert window._progress.cget("text") == (
        "Items done: 1 of 8. The others follow as they are computed.")
    window.select(2)
    wait(window, lambda: "Not done yet" in text_of(window))
    keep(run, "0.b", full_results.items[1])
    wait(window, lambda: "First warning." in text_of(window))
    assert window.tree.set("2", "status") == "2 warnings" and window.tree.selection() == ("2",)
    known.setStatus(STATUS_FAILED)
    wait(window, lambda: "start it again with Continue" in window._progress.cget("text"))
    for item in full_results.items[2:] + [make_item(name) for name in ("0.g", "0.h")]:
        keep(run, item.id, item)
    known.outputResults = SetOfVrsItemResults(filename=":memory:")
    known.setStatus(STATUS_FINISHED)
    wait(window, lambda: not window._progress.winfo_manager())
    assert "Not done yet" not in [window.tree.set(str(number), "status") for number in range(9)]
    window.close()


def test_run_that_starts_anew_leaves_its_window_in_peace(main_window, run, monkeypatch):
    from vrs.viewers import results_window
    from vrs.viewers.results import VrsItemResultsViewer
    monkeypatch.setattr(results_window, "_LOOK", 50)
    window = VrsItemResultsViewer(project=SimpleNamespace(runs=None),
                                  parent=main_window).visualize(run)
    for path in Path("run/extra").iterdir():  # as a run does that is started anew
        path.unlink()
    wait(window, lambda: not window._progress.cget("text"))
    assert window.tree.set("1", "status") == "OK"
    window.close()


def test_keys_go_through_a_map(main_window, tmp_path):
    from vrs.viewers.map_slices import MapSlices
    from vrs.viewers.map_window import MapWindow
    volume = np.arange(4 * 20 * 6, dtype=np.float32).reshape(4, 20, 6)
    write_map(str(tmp_path / "map.mrc"), volume, 1.5)
    window = MapWindow(MapSlices(tmp_path / "map.mrc"), "A map", main_window)
    window.open()
    root, shown = window.root, lambda: np.asarray(window._image.get_array())
    assert window._image.origin == "lower"
    assert np.array_equal(shown(), volume[2])
    press(window, root, "Up")
    assert np.array_equal(shown(), volume[3])
    press(window, root, "Up", "Up")
    assert window.index == 3
    press(window, root, "y", "Prior")
    assert np.array_equal(shown(), volume[:, 19].T)
    press(window, root, "Next", "Down")
    assert np.array_equal(shown(), volume[:, 8].T)
    press(window, root, "x")
    assert np.array_equal(shown(), volume[:, :, 3])
    press(window, root, "Escape")
    assert not root.winfo_exists()


def test_pictures_that_are_higher_than_the_screen_scroll(main_window, tmp_path):
    from vrs.report.artist_process import OrderedPicture
    from vrs.report.document import Panel
    from vrs.viewers.picture_window import open_picture
    Image.new("RGB", (600, 3000)).save(str(tmp_path / "high.png"))
    picture = OrderedPicture("A caption.", [Panel("high.png", "")], folder=tmp_path)
    window = open_picture(picture, "High", main_window)
    wait(window, lambda: window.canvas.winfo_height() > 300)
    assert window.root.winfo_height() <= window.root.winfo_screenheight()
    assert window.canvas.yview()[0] == 0 and window.canvas.yview()[1] < 0.5
    press(window, window.root, *["Next"] * 9)
    assert window.canvas.yview()[1] == 1
    window.close()


def test_places_among_curves_in_words(domain):
    from vrs.viewers.picture_window import place_in_words
    fsc = Plot("", "", "Spatial frequency (1/Å)", "FSC", [Series("", [0, 1], [0, 1])])
    assert place_in_words(fsc, 0.25, 0.5) == "Spatial frequency (1/Å): 0.25 (4 Å)   FSC: 0.5"
    assert place_in_words(fsc, 0.0, 1.0) == "Spatial frequency (1/Å): 0   FSC: 1"
    ranges = Ranges("", "", "Resolution (Å)", [Range("first", 1.0), Range("second", 2.0)])
    assert place_in_words(ranges, 3.0, 1.2) == "Resolution (Å): 3   second"


def test_signs_of_the_status_differ_in_form(domain):
    from vrs.viewers.icons import status_icon
    styles = ("status-ok", "status-warnings", "status-failed", "status-neutral", "plain")
    forms = [np.asarray(status_icon(style, 16))[..., 3] > 128 for style in styles]
    assert not forms[-1].any()
    for number, form in enumerate(forms):
        for other in forms[:number]:
            assert (form != other).sum() > 15
