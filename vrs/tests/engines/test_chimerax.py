"""ChimeraX, played by a program that records its script and writes images."""

import stat
import sys

import numpy as np
import pytest

from vrs.engines import chimerax
from vrs.io.maps import write_map
from vrs.report.figures import Artist
from vrs.results import Surface

_FAKE = """#!%s
import re, shutil, sys
from pathlib import Path
from PIL import Image, ImageDraw
if "--version" in sys.argv:
    print("UCSF ChimeraX version: 1.8 (2024-06-25)")
    sys.exit()
assert sys.argv[1:4] == ["--offscreen", "--nogui", "--exit"], sys.argv
text = Path(sys.argv[4]).read_text()
shutil.copy(sys.argv[4], %r)
for name in re.findall(r'open "(.+?)"', text):
    assert Path(name).is_file()
for name, width, height in re.findall(r'save "(.+?)" width (\\d+) height (\\d+)', text):
    image = Image.new("RGB", (int(width), int(height)), "white")
    ImageDraw.Draw(image).rectangle([200, 200, 599, 599], fill="red")
    image.save(name)
"""


@pytest.fixture
def script(tmp_path):
    return tmp_path / "script.cxc"


@pytest.fixture
def program(tmp_path, script, monkeypatch):
    return _program(tmp_path, _FAKE % (sys.executable, str(script)), monkeypatch)


@pytest.fixture
def cube(tmp_path):
    volume = np.zeros((20, 20, 20), np.float32)
    volume[5:15, 5:15, 5:15] = 1
    path = tmp_path / 'a "map".mrc'
    write_map(path, volume, 2.0)
    return path


def _program(folder, text, monkeypatch):
    path = folder / "ChimeraX"
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("VRS_CHIMERAX", str(path))
    return str(path)


def _draw(folder, cube, **more):
    return Artist(folder, (20, 20, 20), 2.0, "chimerax").draw(
        Surface("Cube.", "A cube.", "m", 0.5, **more), {"m": cube})


def test_program_is_found_by_its_variable(program):
    assert chimerax.find_chimerax() == program
    assert chimerax.version(program) == "1.8"


def test_program_is_found_by_its_home_and_in_path(program, tmp_path, monkeypatch):
    monkeypatch.delenv("VRS_CHIMERAX")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHIMERAX_HOME", raising=False)
    assert chimerax.find_chimerax() == program
    monkeypatch.setenv("PATH", "")
    assert chimerax.find_chimerax() is None
    (tmp_path / "bin").mkdir()
    (tmp_path / "ChimeraX").rename(tmp_path / "bin" / "ChimeraX")
    monkeypatch.setenv("CHIMERAX_HOME", str(tmp_path))
    assert chimerax.find_chimerax() == str(tmp_path / "bin" / "ChimeraX")


def test_views_of_chimerax_get_a_scale(program, script, cube, tmp_path):
    picture = _draw(tmp_path, cube)
    assert not picture.missing and "ChimeraX 1.8" in picture.caption
    # 20 Å are drawn on 400 of 720 pixels, so that the images are 36 Å wide.
    scale = picture.panels[0].scale
    assert scale.text == "10 Å" and scale.share == pytest.approx(10 / 36, rel=0.01)
    lines = script.read_text().splitlines()
    assert lines[1].startswith("volume #1 style surface level 0.5")
    assert [line for line in lines if "camera " in line and "matrix" in line] == [
        "view matrix camera 0,0,1,0,1,0,0,0,0,1,0,0",
        "view matrix camera 0,1,0,0,0,0,1,0,1,0,0,0",
        "view matrix camera 1,0,0,0,0,1,0,0,0,0,1,0"]
    assert not any(line.startswith("color sample") for line in lines)


def test_colours_have_the_range_of_the_legend(program, script, cube, tmp_path):
    picture = _draw(tmp_path, cube, colour_by="m", colour_label="Value", colour_range=[0.25, 0.75])
    assert (picture.legend.low, picture.legend.high) == ("0.25", "0.75")
    [line] = [line for line in script.read_text().splitlines() if line.startswith("color sample")]
    assert line.startswith("color sample #1 map #2") and line.endswith("range 0.25,0.75")


@pytest.mark.parametrize("body, reason", [
    ("import sys; print('no graphics'); sys.exit(3)", "failed with code 3 (no graphics)"),
    ("pass", "without writing view_0.png, view_1.png, view_2.png")])
def test_failure_takes_the_place_of_the_figure(body, reason, cube, tmp_path, monkeypatch):
    _program(tmp_path, "#!%s\n%s\n" % (sys.executable, body), monkeypatch)
    picture = _draw(tmp_path, cube)
    assert reason in picture.missing and not picture.panels
