"""Every command on the pages of the documentation is given as it stands there."""

import json
import os
import re
import shlex
import shutil
import subprocess
import textwrap
from pathlib import Path

import numpy as np
import pytest

import vrs
from vrs.cli import _parser, batch, main, validate
from vrs.cli.batch_hook import run_hook
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
_ONLY_PARSED = ("example", "items", "open")
# Where the facility guide has its files.
_PLACES = re.compile(r"(?<!\S)/(data|tmp/try)/")


def _commands(page):
    """The commands of a page, wherever they stand in a line of code."""
    text = (_TOP / page).read_text(encoding="utf-8").replace("\\\n", " ")
    return [(page, " ".join(line.split())) for line in
            re.findall(r"^ +(?:.* )?(?:\S*/)?vrs ((?:%s) .*?|items)(?: >>.*)?$"
                       % "|".join(_COMMAND_NAMES), text, re.MULTILINE) if "$" not in line]


_COMMAND_NAMES = ("validate", "entry", "batch", "compare", "open", "example")
_PAGES = ["README.rst"] + sorted("docs/" + path.name for path in (_TOP / "docs").glob("*.rst"))
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
        (folder / ("half%d.mrc" % number)).symlink_to("half_%d.mrc" % number)
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
    cryosparc.add_picking(folder / "CS-project", cryosparc.VERSIONS[-1])
    exported = folder / "exports/groups/P1_J10_volume"
    (exported / "J10").mkdir(parents=True)
    table = cryosparc.write_volumes(exported / "J10", "J10", ">")
    (exported / "J10" / table).rename(exported / "P1_J10_volume_exported.cs")
    cryosparc.group(exported, "volume", "volume", [("map", "P1_J10_volume_exported.cs")])
    given = InputReport("map.mrc", "ab" * 32, [48] * 3, 2.0, 0.2, None)
    report = render_json([(LevelResults("0", given, [], 0), folder)], {}, "A map", folder)
    for name in ("data/krios1", "data/facility"):
        (folder / name).mkdir(parents=True)
    _write_tables(folder)
    for name in ("first", "second"):
        (folder / name).mkdir()
        (folder / name / "report.json").write_text(report, encoding="utf-8")
    return folder


def _text(page):
    return (_TOP / "docs" / page).read_text(encoding="utf-8")


def _write_tables(folder):
    """The tables of the pages, and those into which one splits a list of numbers."""
    guide = _text("facility_guide.rst")
    for name, page, begins in (("entries.csv", "tutorial_emdb.rst", "name,entry"),
                               ("data/facility/queue.csv", "facility_guide.rst", "name,map")):
        table = re.search(r"^( +%s.*\n(?: +.+\n)+)" % begins, _text(page), re.MULTILINE)[0]
        (folder / name).write_text(textwrap.dedent(table), encoding="utf-8")
    (folder / "numbers.txt").write_text("".join("%d\n" % number for number in range(1000, 2500)))
    commands = re.search(r"^ +split .+\n +sed .+$", guide, re.MULTILINE)[0]
    subprocess.run(commands, shell=True, cwd=str(folder), check=True)


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


@pytest.fixture
def batches(workplace, monkeypatch):
    """Names of the entries that batches would run, or what they would watch."""
    found = []
    queues = re.findall(r'"(\w+)": \[\["PARTITION"', _text("facility_guide.rst"))
    monkeypatch.setattr(batch, "prepare_environment", lambda: str(workplace))
    monkeypatch.setattr(batch, "require_queue", queues.index)
    monkeypatch.setattr(batch._Batch, "run", lambda batch, jobs: found.append(
        sorted(batch._entries)) or True)
    monkeypatch.setattr(batch._Batch, "watch", lambda batch, folder, jobs: found.append(
        folder.path) or True)
    return found


@pytest.mark.parametrize("page, command", _COMMANDS,
                         ids=lambda value: value.replace("docs/", ""))
def test_commands_do_what_the_page_says(page, command, workplace, archive, batches, monkeypatch,
                                        capfd):
    requests = []
    monkeypatch.setattr(validate, "run", lambda request, _: requests.append(request))
    monkeypatch.setattr("vrs.cli.entry.run", lambda request, _: requests.append(request))
    monkeypatch.chdir(workplace)
    arguments = shlex.split(_PLACES.sub(r"%s/\1/" % workplace, command))
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
        assert "map" not in given or requests[-1].map.threshold > 0
        if options.name == "validate" and options.relion:
            assert {"map", "half1", "half2", "resolution", "workflow"} <= set(given)
            assert ("particles" in given) is ("--particles none" not in command)
            assert ("mask" in given) is ("--mask none" not in command)
    elif options.name == "batch":
        [found] = batches
        assert found == {
            "entries.csv": ["first", "second"],
            "part_aa.csv": ["EMD-%d" % number for number in range(1000, 2000)],
            str(workplace / "data/facility/queue.csv"): ["apoferritin", "map", "ribosome"],
            None: str(workplace / "data/krios1")}[options.table]
    else:
        assert (workplace / "compared" / "comparison.html").exists()


def test_the_hook_of_the_guide_tells_what_failed(tmp_path, monkeypatch):
    script = re.search(r"^    #!/usr/bin/env python3\n(?:    .+\n)+", _text("facility_guide.rst"),
                       re.MULTILINE)[0]
    (tmp_path / "mail").write_text('#!/bin/sh\necho "$@" >> mails\ncat >> mails\n')
    (tmp_path / "told.py").write_text(textwrap.dedent(script))
    for name in ("mail", "told.py"):
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", "%s:%s" % (tmp_path, os.environ["PATH"]))
    monkeypatch.chdir(tmp_path)
    for name, reason, serious in (("sound", "", 0), ("odd", "", 2), ("gone", "No file.", 0)):
        state = "failed" if reason else "done"
        assert run_hook("./told.py", json.dumps(dict(
            name=name, state=state, reason=reason, serious=serious, folder="/f/" + name))) == ""
    assert (tmp_path / "mails").read_text() == (
        "-s vrs: odd facility@example.org\n2 serious findings\n/f/odd"
        "-s vrs: gone facility@example.org\nNo file.\n/f/gone")
