"""Results to look at, and a screen to look at them."""

import tkinter

import numpy as np
import pytest

from vrs.io.maps import write_map
from vrs.results import write_json
from vrs.tests.protocols.conftest import domain, pytest_unconfigure  # noqa: F401
from vrs.tests.report.conftest import full_results  # noqa: F401
from vrs.tests.screen import screen  # noqa: F401


@pytest.fixture(scope="package")
def results_path(full_results, tmp_path_factory):
    """The results file of a level with all statuses and kinds of figures, beside its maps."""
    folder = tmp_path_factory.mktemp("level")
    z, y, x = np.indices((16, 18, 20))
    ball = (5.0 - np.hypot(np.hypot(z - 8, y - 9), x - 10)).astype(np.float32)
    write_map(str(folder / "map.mrc"), ball, 2.0)
    write_map(str(folder / "own.mrc"), np.maximum(ball, 0), 2.0)
    write_json(folder / "results.json", [full_results])
    return folder / "results.json"


@pytest.fixture
def said(monkeypatch):
    """What messages told the user, instead of dialogs."""
    from pyworkflow.viewer import MessageView
    sentences = []
    monkeypatch.setattr(MessageView, "show", lambda view: sentences.append(view.getMessage()))
    return sentences


@pytest.fixture
def main_window(screen, domain, monkeypatch):
    """A window of Scipion that others are opened from."""
    from pyworkflow.gui import Window

    # What other tests left may be gone by now.
    monkeypatch.setattr(tkinter, "_default_root", None)
    window = Window("Main")
    yield window
    window.root.master.destroy()
