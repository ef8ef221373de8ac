"""A screen, a form on it and an archive, for the tests of the wizards."""

import json
import tkinter as tk
from types import SimpleNamespace

import pytest

from vrs.io import download
from vrs.tests.io import archive_server
from vrs.tests.protocols.conftest import (domain, engine, import_map, map_path,  # noqa: F401
                                          pytest_unconfigure)
from vrs.tests.screen import screen  # noqa: F401


@pytest.fixture
def archive(monkeypatch, tmp_path):
    """An archive on this computer with one entry, of which nothing was fetched yet."""
    import pyworkflow
    monkeypatch.setattr(download, "PAUSE", 0)
    monkeypatch.setattr(pyworkflow.Config, "SCIPION_USER_DATA", str(tmp_path))
    monkeypatch.setenv("no_proxy", "*")
    with archive_server.serving() as server:
        monkeypatch.setenv("VRS_ARCHIVE", server.url)
        server.files[archive_server.METADATA] = json.dumps(archive_server.metadata(4000)).encode()
        yield server


@pytest.fixture(scope="session")
def wizard_project(domain):
    """A project."""
    from pyworkflow.project import Manager
    return Manager().createProject("wizards")


@pytest.fixture(scope="session")
def imported(wizard_project, engine, map_path):
    """The run that imported the small map."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(wizard_project.path)
        return import_map(wizard_project, map_path)


@pytest.fixture(scope="package")
def master(screen, domain):
    """The window that the forms belong to; nothing of other tests' windows is in its way."""
    # The modules import each other, and this has to be first.
    import pyworkflow.gui.project  # noqa: F401
    from pyworkflow.gui import gui
    with pytest.MonkeyPatch.context() as patch:
        root = tk.Tk()
        root.withdraw()
        patch.setattr(tk, "_default_root", root)
        patch.setattr(gui, "image_cache", {})
        yield SimpleNamespace(getRoot=lambda: root, _images={})
        root.destroy()


@pytest.fixture
def open_form(master, wizard_project, imported, monkeypatch):
    """Opens the form of a protocol, with the small map or without; gives the window."""
    from pyworkflow.gui.form import FormWindow
    monkeypatch.chdir(wizard_project.path)
    forms = []

    def make(protocol_class, with_map=True, **parameters):
        protocol = wizard_project.newProtocol(protocol_class, **parameters)
        if with_map:
            protocol.inputVolume.set(imported)
            protocol.inputVolume.setExtended("outputVolume")
        forms.append(FormWindow("Form", protocol, lambda *_: None, master))
        forms[-1].root.deiconify()
        forms[-1].root.update()
        return forms[-1]

    yield make
    for form in forms:
        form.root.destroy()
