"""``vrs open``."""

import os
import shutil

import pytest

from vrs.cli import main, window
from vrs.cli.window import find_project
from vrs.errors import InputError
from vrs.tests.protocols.conftest import domain, pytest_unconfigure  # noqa: F401
from vrs.tests.screen import screen  # noqa: F401


@pytest.fixture
def projects(tmp_path, monkeypatch):
    """Two projects, of which vrs_b was used last, and a folder that is none."""
    folder = tmp_path / "projects"
    monkeypatch.setattr(window, "prepare_environment", lambda: str(folder))
    for age, name in ((0, "vrs_b"), (60, "vrs_a")):
        (folder / name).mkdir(parents=True)
        database = folder / name / "project.sqlite"
        database.write_bytes(b"")
        os.utime(str(database), (1e9 - age, 1e9 - age))
    (folder / "other").mkdir()
    return str(folder)


def test_projects_are_found(projects):
    assert find_project(projects) == os.path.join(projects, "vrs_b")
    for name in ("vrs_a", os.path.join(projects, "vrs_a"), "vrs_a/"):
        assert find_project(projects, name) == os.path.join(projects, "vrs_a")


def test_a_folder_is_the_project_that_it_holds(projects, tmp_path, monkeypatch):
    copy = tmp_path / "copy" / "vrs_a"
    shutil.copytree(os.path.join(projects, "vrs_a"), str(copy))
    monkeypatch.chdir(copy.parent.parent)
    for name in (str(copy), os.path.join("copy", "vrs_a", "")):
        assert find_project(projects, name) == str(copy)
    with pytest.raises(InputError, match="no project copy/vrs_b in"):
        find_project(projects, os.path.join("copy", "vrs_b"))


def test_a_project_that_cannot_be_written_is_refused(projects, monkeypatch, capsys):
    monkeypatch.setattr(window.os, "access", lambda path, mode: False)
    assert main(["open", "vrs_a"]) == 1
    assert "vrs_a cannot be written; copy that folder" in capsys.readouterr().err


def test_what_is_no_project_is_told(projects, tmp_path):
    with pytest.raises(InputError, match="no project other in .*; it has vrs_a, vrs_b"):
        find_project(projects, "other")
    with pytest.raises(InputError, match="'vrs validate' makes one"):
        find_project(str(tmp_path))


def test_without_a_screen(projects, monkeypatch, capsys):
    monkeypatch.setenv("DISPLAY", "")
    assert main(["open"]) == 1
    assert capsys.readouterr().err.startswith("vrs: Scipion's window needs a screen (")


def test_the_window_of_the_project(projects, screen, domain, monkeypatch):
    from pyworkflow.gui import project
    opened = []

    class Window:
        def __init__(self, folder):
            opened.append(folder)

        def show(self):
            opened.append("shown")

    monkeypatch.setattr(project, "ProjectWindow", Window)
    assert main(["open", "vrs_a"]) == 0
    assert opened == [os.path.join(projects, "vrs_a"), "shown"]
