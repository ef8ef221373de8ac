"""The wizards as a user meets them: behind the wands of a form."""

import json
import os
import shutil
import threading
import time
import tkinter as tk

import numpy as np
import pytest
from pwem.objects import Volume
from pyworkflow.gui import dialog

from vrs.protocols import (ProtVrsLevel0, ProtVrsLevel1, ProtVrsLevelA, ProtVrsLevelW,
                           ProtVrsValidateMap, forms)
from vrs.tests.bundles.relion_projects import whole_project
from vrs.tests.io.archive_server import EMDB_ID, METADATA, metadata
from vrs.tests.protocols import maps
from vrs.wizards import entry
from vrs.wizards.contour import Contour

LEVELS = [ProtVrsLevel0, ProtVrsLevel1, ProtVrsLevelA, ProtVrsLevelW]
_PATIENCE = 60  # s


@pytest.fixture
def meet(monkeypatch):
    """Presses a wand and deals with the windows that open, one after the other.

    A dealer is a generator function of the window: it yields what has to come true before
    it goes on, and ends when it has closed the window.
    """
    def press(form, parameter, *dealers):
        waiting, errors = list(dealers), []
        plain = dialog.Dialog.wait_window

        def wait_window(window, *arguments):
            steps = waiting.pop(0)(window)
            deadline = time.monotonic() + _PATIENCE
            condition = [lambda: True]

            def advance():
                try:
                    assert time.monotonic() < deadline, "it never came true"
                    if condition[0]():
                        condition[0] = next(steps)
                except StopIteration:
                    return
                except BaseException as error:
                    errors.append(error)
                    window.cancel()
                    return
                window.after(20, advance)

            window.after(1, advance)
            plain(window, *arguments)

        monkeypatch.setattr(dialog.Dialog, "wait_window", wait_window)
        form.widgetDict[parameter]._showWizard()
        if errors:
            raise errors[0]
        assert not waiting, "a window did not open"

    return press


def texts(widget):
    """All that can be read in a window."""
    found = [widget.cget("text")] if "text" in (widget.keys() or ()) else []
    if isinstance(widget, tk.Text):
        found.append(widget.get("1.0", tk.END))
    return " ".join(str(part) for part in found + [texts(child)
                                                   for child in widget.winfo_children()])


def press(window, label):
    """Press a button."""
    def search(widget):
        for child in widget.winfo_children():
            if isinstance(child, tk.Button) and child.cget("text") == label:
                yield child
            yield from search(child)
    next(search(window)).invoke()


def key(widget, name):
    """Press a key in a window or on a widget of it."""
    widget.focus_force()
    widget.update()
    widget.event_generate(name)


def ready(window):
    """Whether the window of the threshold shows the map."""
    return lambda: window._panels[0]._slice._shown


def values(form):
    """Threshold and resolution in the form, as text and as parameters."""
    names = ("threshold", "resolution")
    return ([form.widgetDict[name].get() for name in names]
            + [getattr(form.protocol, name).get() for name in names])


@pytest.mark.parametrize("level", LEVELS)
def test_scipion_finds_the_wizards(domain, level):
    found = domain.findWizards(level(), "tkinter")
    assert found["threshold"].__name__ == "VrsThresholdWizard"
    assert found["resolution"].__name__ == "VrsEntryWizard"


def test_the_slider_sets_the_threshold(open_form, meet):
    form = open_form(ProtVrsLevel0)
    volume = maps.blob()

    def deal(window):
        yield ready(window)
        automatic = float(window._threshold.get())
        assert automatic == pytest.approx(Contour(volume, maps.SAMPLING).automatic, rel=1e-3)
        before = window._panels[0]._slice._shown
        window._slider.set(window._slider.get() + 100)
        yield lambda: float(window._threshold.get()) > automatic
        voxels = np.count_nonzero(volume >= np.float32(window._threshold.get()))
        said = "Encloses {:,.0f} Å³".format(voxels * maps.SAMPLING ** 3)
        yield lambda: said in texts(window) and window._panels[0]._slice._shown is not before
        chosen.append(window._threshold.get())
        press(window, "OK")

    chosen = []
    meet(form, "threshold", deal)
    assert values(form) == [chosen[0], "", float(chosen[0]), None]


def test_a_typed_threshold_is_taken_as_it_is(open_form, meet):
    form = open_form(ProtVrsLevel0)

    def deal(window):
        yield ready(window)
        window._threshold.set("0.4567891")
        yield lambda: "Drawing" in texts(window)
        # The slider follows, without rounding what was typed to its steps.
        position = window._slider.get()
        yield lambda: window._panels[0]._surface._shown and "Drawing" not in texts(window)
        assert window._slider.get() == position
        key(window, "<Return>")

    meet(form, "threshold", deal)
    assert values(form)[0] == "0.4567891"


def test_arrow_keys_move_the_slider_and_escape_leaves_the_form_as_it_was(open_form, meet):
    form = open_form(ProtVrsLevel0, threshold=0.3333333)

    def deal(window):
        yield ready(window)
        assert window._threshold.get() == "0.3333333"
        assert "It began at the value in the form." in texts(window)
        key(window._slider, "<Right>")
        yield lambda: float(window._threshold.get()) > 0.3333333
        key(window, "<Escape>")

    meet(form, "threshold", deal)
    assert values(form) == ["0.3333333", "", 0.3333333, None]


@pytest.mark.parametrize("start", ["1e6", "-1e6", "nan"])
def test_from_a_threshold_of_another_scale_the_slider_leads_back(open_form, meet, start):
    form = open_form(ProtVrsLevel0, threshold=start)
    ready_made = Contour(maps.blob(), maps.SAMPLING)

    def deal(window):
        yield ready(window) if start != "nan" else lambda: "is not a number" in texts(window)
        window._slider.set(window._slider.cget("to") // 2)
        yield lambda: ready_made.low < float(window._threshold.get()) < ready_made.high
        press(window, "OK")

    meet(form, "threshold", deal)
    assert ready_made.low < float(values(form)[0]) < ready_made.high


def test_a_threshold_beyond_the_useful_ones_is_on_the_slider(open_form, meet):
    top = float(maps.blob().max()) * 0.999
    form = open_form(ProtVrsLevel0, threshold=top)

    def deal(window):
        yield ready(window)
        assert window._high == top > window._contour.high
        press(window, "Cancel")

    meet(form, "threshold", deal)


def test_a_threshold_that_encloses_nothing_is_not_taken(open_form, meet):
    form = open_form(ProtVrsLevel0)

    def deal(window):
        yield ready(window)
        for text, complaint in (("99", "No voxel of the map reaches this threshold."),
                                ("much", "The threshold, much, is not a number"),
                                ("", "The threshold, nothing, is not a number")):
            window._threshold.set(text)
            yield lambda: complaint in texts(window)
            press(window, "OK")
            assert window.winfo_exists()
        window._threshold.set("99")
        yield lambda: "so there is no surface" in texts(window)
        press(window, "Cancel")

    meet(form, "threshold", deal)
    assert values(form) == ["", "", None, None]


def test_other_slices_can_be_seen(open_form, meet):
    def deal(window):
        yield ready(window)
        yield lambda: "Z slice 24 (X right, Y up)" in texts(window)
        before = window._panels[2]._slice._shown
        window._panels[2].slider.set(3)
        yield lambda: ("Z slice 3 (" in texts(window)
                       and window._panels[2]._slice._shown is not before)
        press(window, "Cancel")

    meet(open_form(ProtVrsLevelA), "threshold", deal)


def test_the_window_fits_a_small_screen(open_form, meet):
    def deal(window):
        yield ready(window)
        right = window.winfo_rootx() + window.winfo_width()
        assert 0 <= window.winfo_rootx() and right <= window.winfo_screenwidth()
        bottom = window.winfo_rooty() + window.winfo_height()
        assert 0 <= window.winfo_rooty() and bottom <= window.winfo_screenheight()
        press(window, "Cancel")

    meet(open_form(ProtVrsLevelW), "threshold", deal)


def test_without_map_the_threshold_wizard_asks_for_it(open_form, meet):
    def deal(window):
        yield lambda: "Choose the map first" in texts(window)
        press(window, "OK")

    meet(open_form(ProtVrsLevel1, with_map=False), "threshold", deal)


def test_a_map_that_is_not_made_yet_has_to_be_made(open_form, meet):
    def deal(window):
        yield lambda: "Run the protocol that makes the map first" in texts(window)
        press(window, "OK")

    form = open_form(ProtVrsLevel1)
    form.protocol.inputVolume.setExtended("outputOfLater")
    meet(form, "threshold", deal)


def test_a_map_behind_a_relative_link_is_shown(open_form, meet, monkeypatch, tmp_path, map_path):
    (tmp_path / "runs").mkdir()
    shutil.copy(str(map_path), str(tmp_path / "map.mrc"))
    (tmp_path / "runs" / "link.mrc").symlink_to("../map.mrc")
    form = open_form(ProtVrsLevel0)
    monkeypatch.setattr(Volume, "getFileName", lambda self: str(tmp_path / "runs" / "link.mrc"))

    def deal(window):
        yield ready(window)
        press(window, "Cancel")

    meet(form, "threshold", deal)


def test_a_map_that_cannot_be_read_is_told_in_one_sentence(open_form, meet, monkeypatch):
    form = open_form(ProtVrsLevel0)
    monkeypatch.setattr(Volume, "getFileName", lambda self: "/nowhere/gone.mrc")

    def wait(window):
        while True:
            yield lambda: False  # closes by itself

    def deal(window):
        yield lambda: ("There is no file /nowhere/gone.mrc; check its name and folder."
                       in texts(window))
        press(window, "OK")

    meet(form, "threshold", wait, deal)
    assert values(form) == ["", "", None, None]


def test_an_entry_gives_resolution_and_threshold(open_form, meet, archive):
    form = open_form(ProtVrsLevel0, resolution=4.5)

    def deal(window):
        assert window._id.get() == ""
        window._id.set("25107")
        key(window, "<Return>")  # looks it up
        yield lambda: "Lassa virus glycoprotein" in texts(window)
        assert "Reported resolution: 3.97 Å (in the form: 4.5 Å)" in texts(window)
        assert "Recommended contour level: 0.5 (in the form: empty)" in texts(window)
        key(window, "<Return>")  # takes the values

    meet(form, "resolution", deal)
    assert values(form) == ["0.5", "3.97", 0.5, 3.97]


def test_only_what_is_ticked_is_taken(open_form, meet, archive):
    form = open_form(ProtVrsLevel0)

    def deal(window):
        window._id.set("EMD-25107")
        press(window, "Look up")
        yield lambda: "Lassa" in texts(window)
        window._offers[1]._box.invoke()
        press(window, "OK")

    meet(form, "resolution", deal)
    assert values(form) == ["", "3.97", None, 3.97]


def test_what_the_entry_does_not_state_cannot_be_taken(open_form, meet, archive):
    archive.files[METADATA] = json.dumps(metadata(4000, level=None)).encode()
    form = open_form(ProtVrsLevel0, threshold=0.25)

    def deal(window):
        window._id.set("EMD-25107")
        press(window, "OK")
        yield lambda: "Recommended contour level: the entry states none" in texts(window)
        assert window._offers[1]._box.cget("state") == tk.DISABLED
        press(window, "OK")

    meet(form, "resolution", deal)
    assert values(form) == ["0.25", "3.97", 0.25, 3.97]


def test_what_goes_wrong_with_an_entry_is_told(open_form, meet, archive):
    archive.faults[METADATA] = [503] * 4

    def deal(window):
        for text, complaint in (("half a map", "half a map is not the number of an EMDB entry"),
                                ("EMD-99999", "EMDB has no entry EMD-99999; check its number."),
                                ("EMD-25107", "Check the network, or try again later.")):
            window._id.set(text)
            press(window, "OK")
            yield lambda: complaint in texts(window)
            assert window.winfo_exists()
        press(window, "Cancel")

    form = open_form(ProtVrsLevel0)
    meet(form, "resolution", deal)
    assert values(form) == ["", "", None, None]


def test_the_entry_of_an_archived_map_is_asked_for_at_once(open_form, meet, archive, monkeypatch):
    monkeypatch.setattr("vrs.wizards.entry.known_id", lambda protocol: EMDB_ID)

    def deal(window):
        yield lambda: "Lassa" in texts(window)
        press(window, "OK")

    form = open_form(ProtVrsLevelW)
    meet(form, "resolution", deal)
    assert values(form)[:2] == ["0.5", "3.97"]


def test_a_slow_archive_does_not_hold_the_window_up(open_form, meet, archive, monkeypatch):
    asked, answer = [], threading.Event()

    def fetch(emdb_id):
        asked.append(emdb_id)
        if emdb_id == "EMD-11111":
            answer.wait()
        return plain(emdb_id)

    plain = entry.fetch
    monkeypatch.setattr(entry, "fetch", fetch)

    def deal(window):
        window._id.set("EMD-11111")
        press(window, "OK")
        yield lambda: "Asking EMDB for EMD-11111" in texts(window)
        press(window, "OK")  # who is impatient does not begin anew
        yield lambda: asked
        window._id.set(EMDB_ID)
        press(window, "OK")
        yield lambda: "Lassa" in texts(window)
        press(window, "Cancel")

    try:
        meet(open_form(ProtVrsLevel0), "resolution", deal)
    finally:
        answer.set()
    assert asked == ["EMD-11111", EMDB_ID]


def test_the_form_is_filled_from_a_job(open_form, meet, tmp_path):
    project = whole_project(tmp_path)
    form = open_form(ProtVrsValidateMap, with_map=False, threshold=0.4)
    form.setVar("jobFolder", str(project.path("PostProcess/job012")))

    def deal(window):
        yield lambda: "postprocess.star" in texts(window)
        press(window, "OK")

    meet(form, "jobFolder", deal)
    given = forms.given_values(form.protocol)
    top = os.path.realpath(str(project.folder)) + os.sep
    found = {name: value.replace(top, "") for name, value in given.items()
             if isinstance(value, str) and value}
    assert found.pop("particles_used") == "5000"  # the form's own default
    assert found == {
        "map": "PostProcess/job012/postprocess.mrc", "mask": "MaskCreate/job011/mask.mrc",
        "half1": "Refine3D/job010/run_half1_class001_unfil.mrc",
        "half2": "Refine3D/job010/run_half2_class001_unfil.mrc",
        "particles": "Refine3D/job010/run_data.star", "symmetry": "D2",
        "classes": "Class2D/job008/run_it025_model.star",
        "micrographs": "MotionCorr/job002/Movies", "workflow": "PostProcess/job012"}
    # What the job does not tell stays as it was.
    assert (given["resolution"], given["threshold"]) == (6.25, 0.4)


@pytest.mark.parametrize("folder, said", [("", "Choose the folder"), ("..", "is not the folder")])
def test_a_job_that_cannot_be_used_is_told(open_form, meet, folder, said):
    form = open_form(ProtVrsValidateMap, with_map=False)
    form.setVar("jobFolder", folder)

    def deal(window):
        yield lambda: said in texts(window)
        window.cancel()

    meet(form, "jobFolder", deal)
    assert form.protocol.inputVolume.get() is None
