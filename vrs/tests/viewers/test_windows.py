"""The windows on a screen."""

import time

import numpy as np
import pytest

from vrs.checks.content import Plot, Range, Ranges, Series
from vrs.io.maps import write_map


def wait(window, condition, seconds=60):
    """Let a window work until something is true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        window.root.update()
        time.sleep(0.02)


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
    assert "First warning." in text_of(results) and "percentiles.2.5" in text_of(results)


def test_window_fits_a_small_screen(results):
    root = results.root
    assert root.winfo_width() <= 1280 and root.winfo_height() <= 800
    for widget in (results.tree, results.page):
        assert widget.winfo_width() > 300 and widget.winfo_height() > 400


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
    curves.destroy()


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
    results.artist._thread.join(timeout=30)
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


def test_unfinished_level_is_said(domain, said):
    from vrs.protocols import ProtVrsLevel0
    from vrs.viewers.results import VrsItemResultsViewer
    assert VrsItemResultsViewer(project=object()).visualize(ProtVrsLevel0()) is None
    assert said == ["The validation has not finished yet."]


def test_keys_go_through_a_map(main_window, tmp_path):
    from vrs.viewers.map_slices import MapSlices
    from vrs.viewers.map_window import MapWindow
    volume = np.arange(4 * 20 * 6, dtype=np.float32).reshape(4, 20, 6)
    write_map(str(tmp_path / "map.mrc"), volume, 1.5)
    window = MapWindow(MapSlices(tmp_path / "map.mrc"), "A map", main_window)
    window.open()
    root, shown = window.root, lambda: np.asarray(window._image.get_array())
    assert np.array_equal(shown(), volume[2])
    press(window, root, "Up")
    assert np.array_equal(shown(), volume[3])
    press(window, root, "Up", "Up")
    assert window.index == 3
    press(window, root, "y", "Prior")
    assert np.array_equal(shown(), volume[:, 19])
    press(window, root, "Next", "Down")
    assert np.array_equal(shown(), volume[:, 8])
    press(window, root, "x")
    assert np.array_equal(shown(), volume[:, :, 3])
    press(window, root, "Escape")
    assert not root.winfo_exists()


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
