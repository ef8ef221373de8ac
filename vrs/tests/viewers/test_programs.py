"""What ChimeraX is asked to show."""

from pathlib import Path

import pytest

from vrs.tests.waiting import wait_for


@pytest.fixture
def modules(domain):
    from vrs.viewers import pages, programs
    return pages, programs


def test_model_is_coloured_by_what_it_carries(modules):
    pages, programs = modules
    script = programs.chimerax_script(pages.KeptFile(Path("/a b/q.cif"), "Q-score"))
    assert script.splitlines() == [
        'open "/a b/q.cif"', "cartoon",
        "color bfactor palette #440154:#3b528b:#21918c:#5ec962:#fde725", "view"]


def test_local_property_colours_the_surface_of_the_map(modules):
    pages, programs = modules
    kept = pages.KeptFile(Path("/r/local.mrc"), "", pages.MapScale("", "Å", None, "local"))
    lines = programs.chimerax_script(kept, (2.5, 6), "/r/map.mrc", 0.02).splitlines()
    assert lines[0] == 'open "/r/map.mrc"' and 'open "/r/local.mrc"' in lines
    assert "volume #1 style surface level 0.02 step 1" in lines
    assert lines[-2].startswith("color sample #1 map #2") and lines[-2].endswith("range 2.5,6.0")


@pytest.mark.parametrize("kind,surface", [("density", "/r/map.mrc"), ("mask", "/r/map.mrc"),
                                          ("local", None)])
def test_any_other_map_is_only_opened(modules, kind, surface):
    pages, programs = modules
    kept = pages.KeptFile(Path("/r/m.mrc"), "", pages.MapScale(kind=kind))
    assert programs.chimerax_script(kept, (0, 1), surface, 1.0) == 'open "/r/m.mrc"\nview\n'


def test_program_is_started_with_the_script(modules, tmp_path):
    program = tmp_path / "Chimera X"
    program.write_text('#!/bin/sh\ncp "$1" "%s/seen"\n' % tmp_path)
    program.chmod(0o755)
    modules[1].start_chimerax(str(program), "open é\n", tmp_path)
    wait_for(lambda: (tmp_path / "seen").exists() and (tmp_path / "seen").read_text("utf-8"))
    assert (tmp_path / "seen").read_text("utf-8") == "open é\n"


def test_plugin_of_scipion_comes_before_other_programs(modules, monkeypatch, tmp_path):
    _, programs = modules
    monkeypatch.setattr(programs, "find_chimerax", lambda: "/other")
    monkeypatch.setattr(programs.Chimera, "getProgram", lambda: str(tmp_path / "ChimeraX"))
    assert programs.chimerax() == "/other"
    (tmp_path / "ChimeraX").touch()
    assert programs.chimerax() == str(tmp_path / "ChimeraX")
    monkeypatch.setattr(programs.Chimera, "getProgram", lambda: None)
    assert programs.chimerax() == "/other"
