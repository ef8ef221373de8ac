"""Every command on the pages of the documentation is given as it stands there."""

import os
import re
import shlex
import shutil
import textwrap
from pathlib import Path

import numpy as np
import pytest

import vrs
from vrs.cli import _parser, _row_options, main, validate
from vrs.cli.batch_table import read_table
from vrs.io import download
from vrs.io.maps import write_map
from vrs.io.models import write_model
from vrs.report.json_report import render_json
from vrs.results import InputReport, LevelResults
from vrs.simulation.workflows import write_workflow
from vrs.tests.bundles import test_cryosparc as cryosparc
from vrs.tests.bundles.relion_projects import whole_project
from vrs.tests.bundles.test_emdb_header import HEADER
from vrs.tests.checks.level_A import models
from vrs.tests.io import archive_server
from vrs.tests.protocols import maps

_TOP = Path(vrs.__file__).parent.parent
if not (_TOP / "docs").is_dir():
    pytest.skip("an installation without the documentation", allow_module_level=True)

# Commands that compute for long, open a window or need other programs: only their options.
_ONLY_PARSED = ("batch", "example", "items", "open")


def _commands(page):
    text = (_TOP / page).read_text(encoding="utf-8").replace("\\\n", " ")
    return [(page, " ".join(line.split())) for line in
            re.findall(r"^ +(?:\S*/)?vrs (\S.*)$", text, re.MULTILINE) if "$" not in line]


_PAGES = ["README.rst", "docs/user_guide.rst", "docs/tutorial_relion.rst",
          "docs/tutorial_emdb.rst"]
_COMMANDS = sorted({command for page in _PAGES for command in _commands(page)})


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder that is a project of RELION and has all files that the pages name."""
    folder = tmp_path_factory.mktemp("documented")
    whole_project(folder, "5.0")
    whole_project(folder / "PROJECT", "5.0")
    maps.write_blob(folder / "map.mrc")
    for number, path in enumerate(maps.write_halves(folder), 1):
        os.rename(path, str(folder / ("half_%d.mrc" % number)))
    for name in ("map.mrc", "half_1.mrc", "half_2.mrc"):
        target = "emd_1234.map" if name == "map.mrc" else name.replace("mrc", "map")
        shutil.copy(str(folder / name), str(folder / (target + ".gz")))
    write_map(str(folder / "my_mask.mrc"), np.float32(maps.blob() > 0.2), maps.SAMPLING)
    write_model(str(folder / "model.cif"), models.walk())
    write_workflow(str(folder / "workflow.json"))
    shutil.copy(str(folder / "Refine3D/job010/run_data.star"), str(folder / "run_data.star"))
    shutil.copytree(str(folder / "MotionCorr/job002/Movies"), str(folder / "micrographs"))
    (folder / "picks").mkdir()
    for number in range(2):
        (folder / ("picks/mic%d.box" % number)).write_text("30 40 10 10\n60 70 10 10\n")
    (folder / "chains.fasta").write_text(">A\n" + 100 * "GAVL" + "\n")
    (folder / "emd-1234.xml").write_text(HEADER % "")
    cryosparc.whole_project(folder / "CS-project", cryosparc.VERSIONS[-1])
    exported = folder / "exports/groups/P1_J10_volume"
    (exported / "J10").mkdir(parents=True)
    table = cryosparc.write_volumes(exported / "J10", "J10", ">")
    (exported / "J10" / table).rename(exported / "P1_J10_volume_exported.cs")
    cryosparc.group(exported, "volume", "volume", [("map", "P1_J10_volume_exported.cs")])
    given = InputReport("map.mrc", "ab" * 32, [48] * 3, 2.0, 0.2, None)
    report = render_json([(LevelResults("0", given, [], 0), folder)], {}, "A map", folder)
    for name in ("first", "second"):
        (folder / name).mkdir()
        (folder / name / "report.json").write_text(report, encoding="utf-8")
    return folder


@pytest.fixture
def archive(workplace, monkeypatch, tmp_path):
    """A server that has the entry that the pages name."""
    monkeypatch.setattr(download, "PAUSE", 0)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("vrs.cli.entry.user_data_folder", lambda: str(tmp_path))
    volumes = [(workplace / name).read_bytes() for name in ("map.mrc", "half_1.mrc", "half_2.mrc")]
    with archive_server.serving() as server:
        archive_server.fill(server, volumes, (workplace / "model.cif").read_bytes())
        monkeypatch.setenv("VRS_ARCHIVE", server.url)
        yield server


def test_the_table_of_entries_can_be_read(tmp_path):
    text = (_TOP / "docs/tutorial_emdb.rst").read_text(encoding="utf-8")
    [table] = re.findall(r"^( +name,entry\n(?: +.+\n)+)", text, re.MULTILINE)
    (tmp_path / "entries.csv").write_text(textwrap.dedent(table))
    rows = read_table(str(tmp_path / "entries.csv"),
                      _row_options(_parser().parse_args(["batch", "x.csv"]).commands))
    assert [(row.name, row.command) for row in rows] == [("first", "entry"), ("second", "entry")]


@pytest.mark.parametrize("page, command", _COMMANDS,
                         ids=lambda value: value.replace("docs/", ""))
def test_commands_do_what_the_page_says(page, command, workplace, archive, monkeypatch, capfd):
    requests = []
    monkeypatch.setattr(validate, "run", lambda request, _: requests.append(request))
    monkeypatch.setattr("vrs.cli.entry.run", lambda request, _: requests.append(request))
    monkeypatch.chdir(workplace)
    arguments = shlex.split(command)
    options = _parser().parse_args(arguments)
    if arguments[0] in _ONLY_PARSED or options.name == "validate" and options.engine:
        return
    if "--offline" in arguments:
        assert main([arguments[0], arguments[1]]) == 0
    code = main(arguments)
    assert (code, capfd.readouterr().err) == (0, "")
    if arguments[0] in ("validate", "entry"):
        given = requests[-1].given
        assert "map" in given or "particles" in given or "micrographs" in given
        if options.name == "validate" and options.relion:
            assert {"map", "half1", "half2", "resolution", "workflow"} <= set(given)
            assert ("particles" in given) is ("--particles none" not in command)
            assert ("mask" in given) is ("--mask none" not in command)
    else:
        assert (workplace / "compared" / "comparison.html").exists()
