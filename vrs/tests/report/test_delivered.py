"""What lies beside the report: commands for ChimeraX, curves, and the folder to send."""

import csv
import json
import re
import zipfile

import numpy as np
import pytest

from vrs.cli.validate import _deliver
from vrs.errors import InputError
from vrs.report import report_files, write_package, write_report
from vrs.report.chimerax_script import chimerax_script, quoted, redirected
from vrs.results import Curve, FileEntry, ResidueValues, write_json
from vrs.tests.report.conftest import PROVENANCE, make_item, make_level

ODD = 'a "b\' \\c'


def _residues(values):
    return ResidueValues("fit", "", "", ["A", "A", "B"], ["1", "2a", "7"], ["ALA"] * 3,
                         np.array(values), label="Fit", worst="low", bound=0.2)


def _level():
    """Residue 7 of B is beyond two bounds, 2a of A beyond one."""
    level = make_level([
        make_item("0.e", files=[
            FileEntry("res", "res.mrc", "Resolution", "volume", "", "Å", "local", [2.0, 5.0]),
            FileEntry("flat", "flat.mrc", "Flat", "volume", "", "Å", "local", [2.0, 2.0]),
            FileEntry("sharp", "sharp.mrc", "Sharpened", "volume")],
            residues=[_residues([0.9, 0.1, 0.1])]),
        make_item("0.f", files=[FileEntry("q", "%s.cif" % ODD, "Q", "model")],
                  residues=[_residues([0.9, 0.8, 0.0])],
                  curves=[Curve("fsc", "FSC", np.array([0.0, 0.25]), np.array([1.0, 0.5]))]),
    ], threshold=0.25, files=[FileEntry("map", "map.mrc", "The map")])
    return level


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A report in a folder beside that of its results."""
    place = tmp_path_factory.mktemp("delivered")
    (place / "run").mkdir()
    write_json(place / "run" / "results.json", [_level()])
    for name in ("map.mrc", "res.mrc", "flat.mrc", "sharp.mrc", "%s.cif" % ODD):
        (place / "run" / name).write_text(name)
    write_report([place / "run" / "results.json"], place / "out", PROVENANCE)
    return place / "out"


def _commands(script):
    return [line for line in script.splitlines() if line and not line.startswith("#")]


def test_chimerax_opens_map_model_and_properties(folder):
    script = (folder / "open_in_chimerax.cxc").read_text(encoding="utf-8")
    commands = _commands(script)
    opened = [line[6:-1] for line in commands if line.startswith("open ")]
    assert opened == ["../run/map.mrc", "../run/" + ODD.replace("\\", "\\\\").replace(
        '"', '\\"') + ".cif", "../run/res.mrc", "../run/flat.mrc"]
    assert "volume #1 style surface step 1 level 0.25 color #8cadd1" in commands
    assert "volume #1 voxelSize 2.0" in commands
    assert [line for line in commands if line.startswith("color #2/")] == [
        "color #2/A:2a #e69f00", "color #2/B:7 #a3195b"]
    [coloured] = [line for line in commands if line.startswith("color sample")]
    assert coloured.startswith("color sample #1 map #3 palette") and coloured.endswith("2,5")
    # What has one value throughout has no scale.
    [other] = re.findall("^# color sample #1 map #4 palette (.*)$", script, re.MULTILINE)
    assert "range" not in other
    assert chimerax_script([(make_level([]), folder)], folder) == ""


def test_curves_are_a_table(folder):
    with open(folder / "vrs_curves.csv", newline="") as handle:
        rows = list(csv.reader(handle))
    assert rows[1:] == [["0.f", "fsc", "0", "", "1"], ["0.f", "fsc", "0.25", "4", "0.5"]]


def test_paths_follow_a_report_that_is_moved(folder, tmp_path):
    assert redirected("open %s\n" % quoted(ODD), {ODD: "x", "x": "y"}) == 'open "x"\n'
    assert redirected("open %s\n" % quoted(ODD), {}) == "open %s\n" % quoted(ODD)
    target = tmp_path / "deep" / "er"
    report = _deliver(str(folder), str(target))
    assert (target / report["input"]["files"][0]["path"]).is_file()
    script = (target / "open_in_chimerax.cxc").read_text(encoding="utf-8")
    opened = re.findall(r'^open "([^"]*)"$', script, re.MULTILINE)
    assert len(opened) == 3 and all((target / path).is_file() for path in opened)


def test_package_holds_all_that_the_report_names(folder, tmp_path):
    path = write_package(folder)
    assert path.name in report_files(folder)
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path)
    write_package(folder)  # the old one is no part of the new one
    with zipfile.ZipFile(path) as archive:
        assert not [name for name in archive.namelist() if name.endswith(".zip")]
    packed = tmp_path / "vrs_report"
    assert set(report_files(packed)) == set(report_files(folder)) - {path.name}
    report = json.loads((packed / "report.json").read_text(encoding="utf-8"))
    named = [entry["path"] for part in [report["input"]] + report["items"]
             for entry in part["files"]]
    assert len(named) == 5
    for name in named:
        # Each holds the name that it had.
        assert name.startswith("files/") and name.endswith((packed / name).read_text())
    script = (packed / "open_in_chimerax.cxc").read_text(encoding="utf-8")
    assert "../run" not in script and 'open "files/0.e_res.mrc"' in script


def test_package_needs_what_the_report_names(folder, tmp_path):
    for name in report_files(folder):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    with pytest.raises(InputError) as caught:
        write_package(tmp_path)
    assert len(caught.value.problems) == 5 and "no longer there" in caught.value.problems[0]
    assert not list(tmp_path.glob("*.new"))


def test_an_earlier_package_goes_with_its_report(folder, tmp_path):
    (tmp_path / "vrs_report.zip").write_bytes(b"old")
    write_report([folder.parent / "run" / "results.json"], tmp_path, PROVENANCE)
    assert not (tmp_path / "vrs_report.zip").exists()
