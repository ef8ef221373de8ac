"""The whole way from a map to its report, in Scipion's engine."""

import contextlib
import gzip
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from vrs.checks import checks_of_level
from vrs.io.maps import write_map
from vrs.io.models import write_model
from vrs.tests.checks.level_A import models
from vrs.tests.protocols import maps

_PROGRAM = "import sys; from vrs.cli import main; sys.exit(main())"


@pytest.fixture(scope="module")
def user_data(tmp_path_factory):
    return tmp_path_factory.mktemp("user data ö")


@pytest.fixture(scope="module")
def vrs_process(user_data):
    """Starts the command, in an environment as a user has it."""
    def start(*arguments, cwd):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("SCIPION")}
        environment["SCIPION_USER_DATA"] = str(user_data)
        return subprocess.Popen(
            [sys.executable, "-c", _PROGRAM] + [str(argument) for argument in arguments],
            cwd=str(cwd), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            universal_newlines=True)
    return start


@pytest.fixture(scope="module")
def validated(vrs_process, tmp_path_factory):
    """Folder, output and errors of a validation with default places."""
    folder = tmp_path_factory.mktemp("maps")
    maps.write_blob(folder / "ball.mrc")
    process = vrs_process("validate", "--map", "ball.mrc", "--threshold", maps.THRESHOLD,
                          cwd=folder)
    output, errors = process.communicate()
    assert process.returncode == 0, output + errors
    return folder, output, errors


def test_reports_are_where_they_belong(validated):
    folder, output, _ = validated
    assert sorted(os.listdir(folder / "ball_vrs")) == [
        "open_in_chimerax.cxc", "report.html", "report.json", "report.pdf"]
    assert (folder / "ball_vrs" / "report.pdf").read_bytes().startswith(b"%PDF")
    assert str(folder / "ball_vrs" / "report.pdf") in output


def test_half_maps_and_a_model_add_levels_and_files_for_viewers(vrs_process, tmp_path):
    structure = models.walk()
    volume = models.noisy_map(structure)
    rng = np.random.default_rng(7)
    for name, noise in ("map", 0.0), ("half1", 0.1), ("half2", 0.1):
        write_map(str(tmp_path / (name + ".mrc")), volume + noise * volume.std() * rng.normal(
            size=volume.shape).astype(np.float32), models.SAMPLING)
    write_model(str(tmp_path / "model.cif"), structure)
    with gzip.open(str(tmp_path / "half2.mrc.gz"), "wb") as packed:
        packed.write((tmp_path / "half2.mrc").read_bytes())
    process = vrs_process(
        "validate", "--map", "map.mrc", "--threshold", "0.2", "--resolution", "4", "--half1",
        "half1.mrc", "--half2", "half2.mrc.gz", "--model", "model.cif", "--multimodel", "2",
        "--threads", "2", cwd=tmp_path)
    output, errors = process.communicate()
    assert process.returncode == 0, output + errors
    folder = tmp_path / "map_vrs"
    assert sorted(os.listdir(folder)) == [
        "emv_daq.json", "emv_fscq.json", "emv_mapq.json", "open_in_chimerax.cxc", "report.html",
        "report.json", "report.pdf", "vrs_curves.csv"]
    with open(folder / "report.json", encoding="utf-8") as handle:
        report = json.load(handle)
    assert report["grade"] == "1A"
    assert [item["id"] for item in report["items"]] == [
        check.id for level in "01A" for check in checks_of_level(level)]
    halves = ["half1.mrc", "half2.mrc.gz"]
    assert [entry["file_name"] for added in report["input"]["added"]
            for entry in added["files"]] == halves + ["model.cif"] + halves
    assert {protocol["class"] for protocol in report["provenance"]["protocols"]} == {
        "ProtImportVolumes", "ProtVrsValidateMap"}
    for name in ("q_score", "multimodel_rmsd"):
        [coloured] = [entry for item in report["items"] for entry in item["files"]
                      if entry["name"] == name]
        assert (folder / coloured["path"]).exists()
    script = (folder / "open_in_chimerax.cxc").read_text(encoding="utf-8")
    opened = re.findall(r'^open "(.*)"', script, re.MULTILINE)
    assert len(opened) > 5 and all((folder / path).exists() for path in opened)


def test_json_says_what_the_terminal_says(validated):
    folder, output, _ = validated
    report = json.loads((folder / "ball_vrs" / "report.json").read_text(encoding="utf-8"))
    assert report["input"]["file_name"] == "ball.mrc"
    assert [item["id"] for item in report["items"]] == [
        check.id for check in checks_of_level("0")]
    assert "Levels assessed: 0; %d of %d items passed" % (
        report["score"]["passed"], report["score"]["evaluable"]) in output
    for item in report["items"]:
        for warning in item["warnings"]:
            assert warning["text"] in output


def test_files_that_the_json_names_are_there(validated):
    folder, _, _ = validated
    report = json.loads((folder / "ball_vrs" / "report.json").read_text(encoding="utf-8"))
    files = [entry for part in [report["input"]] + report["items"] for entry in part["files"]]
    assert {"map", "hard_mask", "soft_mask"} <= {entry["name"] for entry in files}
    for entry in files:
        assert (folder / "ball_vrs" / entry["path"]).is_file()


def test_progress_is_shown_and_nothing_else(validated):
    _, output, errors = validated
    total = len(checks_of_level("0"))
    for number, check in enumerate(checks_of_level("0"), 1):
        assert "[%d/%d] %s %s ... " % (number, total, check.id, check.title) in output
    assert errors == ""
    assert "\x1b" not in output and "Scipion" not in output


def test_file_that_scipion_cannot_import_in_an_existing_project(validated, vrs_process, user_data,
                                                                tmp_path):
    folder = tmp_path / "[ä] b"
    folder.mkdir()
    with open(str(validated[0] / "ball.mrc"), "rb") as plain:
        with gzip.open(str(folder / "ball 1.map.gz"), "wb") as packed:
            shutil.copyfileobj(plain, packed)
    (folder / "ball 1.map.gz").chmod(0o444)
    process = vrs_process("validate", "--map", folder / "ball 1.map.gz", "--threshold", "0.5",
                          "--output", "out ü/deep", "--project", "vrs_ball", "--sampling", "2.5",
                          cwd=tmp_path)
    output, errors = process.communicate()
    assert process.returncode == 0, output + errors
    written = (tmp_path / "out ü" / "deep" / "report.json").read_text(encoding="utf-8")
    given = json.loads(written)["input"]
    assert (given["file_name"], given["sampling"]) == ("ball 1.map.gz", 2.5)
    assert len(os.listdir(str(user_data / "projects" / "vrs_ball" / "Runs"))) == 6


def _started_run(process):
    """The Scipion run that a command has started, once it writes its log."""
    while process.poll() is None:
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):  # helpers come and go too
                if any(opened.path.endswith("run.stdout") for opened in child.open_files()):
                    return child
        time.sleep(0.02)
    raise AssertionError("no run was started: %s" % (process.communicate(),))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_interruption_leaves_nothing_running(vrs_process, tmp_path, number):
    maps.write_blob(tmp_path / "stopped.mrc")
    process = vrs_process("validate", "--map", "stopped.mrc", "--threshold", "0.5", cwd=tmp_path)
    run = _started_run(process)
    process.send_signal(number)
    _, errors = process.communicate()
    assert process.returncode == 1
    assert "Stopped" in errors and "Traceback" not in errors
    with contextlib.suppress(psutil.NoSuchProcess):
        assert run.status() == psutil.STATUS_ZOMBIE
    assert not (tmp_path / "stopped_vrs").exists()


def test_run_that_dies_is_told_with_its_logs(vrs_process, tmp_path):
    maps.write_blob(tmp_path / "killed.mrc")
    process = vrs_process("validate", "--map", "killed.mrc", "--threshold", "0.5", cwd=tmp_path)
    _started_run(process).kill()
    _, errors = process.communicate()
    assert process.returncode == 1
    assert "failed" in errors and "run.stdout" in errors and "Traceback" not in errors


def test_command_that_is_killed_lets_go_of_the_terminal(vrs_process, tmp_path):
    maps.write_blob(tmp_path / "orphan.mrc")
    process = vrs_process("validate", "--map", "orphan.mrc", "--threshold", "0.5", cwd=tmp_path)
    run = _started_run(process)
    run.suspend()
    process.kill()
    try:
        process.communicate(timeout=10)  # would wait for the run, if that still held the pipe
        assert run.is_running()
    finally:
        run.kill()
