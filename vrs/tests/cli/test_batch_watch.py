"""``vrs batch --watch``: tables and jobs that appear in a folder."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from vrs.cli import _parser, _row_options, main
from vrs.cli.batch_watch import WatchedFolder
from vrs.tests.bundles import test_cryosparc as cryosparc
from vrs.tests.bundles.relion_projects import whole_project
from vrs.tests.cli.test_batch import _STUB, _summary
from vrs.tests.waiting import LIMIT, wait_for

_HEADER = "map,threshold\n"


@pytest.fixture
def watched(tmp_path):
    """A folder, and what is complete in it."""
    (tmp_path / "queue").mkdir()
    commands = _row_options(_parser().parse_args(["batch", "x.csv"]).commands)
    return tmp_path / "queue", WatchedFolder(
        str(tmp_path / "queue"), commands, str(tmp_path / "queue" / "out"))


def _names(folder):
    rows, told = folder.look()
    return [row.name for row in rows], told


def test_tables_and_files_that_are_still_being_written_wait(watched):
    place, folder = watched
    (place / "november.csv").write_text(_HEADER + "a.mrc,1\n")
    assert _names(folder) == ([], [])
    # The table is complete now, the map is not there yet.
    assert _names(folder) == ([], ["november_a waits for %s." % (place / "a.mrc")])
    (place / "a.mrc").write_text("half of")
    assert _names(folder) == ([], [])
    (place / "a.mrc").write_text("half of it and the rest")
    assert _names(folder) == ([], [])
    assert _names(folder) == (["november_a"], [])
    with open(str(place / "november.csv"), "a") as table:
        table.write("b.mrc,1\n")
    (place / "b.mrc").write_text("b")
    assert _names(folder)[0] == ["november_a"]  # what the table said before
    _names(folder)
    assert _names(folder) == (["november_a", "november_b"], [])


def test_a_table_that_is_wrong_is_told_once_and_the_others_go_on(watched):
    place, folder = watched
    (place / "bad.csv").write_text("colour\nred\n")
    (place / "good.csv").write_text("entry\nEMD-1234\n")
    (place / "other.csv").write_text("name,entry\nx_y,EMD-1235\n")
    (place / "other_x.csv").write_text("name,entry\ny,EMD-1236\n")
    _names(folder)
    names, told = _names(folder)
    assert names == ["good_EMD-1234", "other_x_y"]
    assert all("bad.csv is left out until it is corrected: " in sentence for sentence in told[:-1])
    assert "There is no column colour" in told[0]
    assert told[-1] == "other_x_y is left out: another entry has that name."
    assert _names(folder) == (names, [])
    (place / "bad.csv").write_text("entry\nEMD-1237\n")
    _names(folder)
    assert _names(folder)[0][0] == "bad_EMD-1237"


def test_finished_jobs_that_made_a_map(watched, tmp_path):
    place, folder = watched
    project = whole_project(tmp_path / "project", "5.0")
    shutil.copytree(str(project.folder), str(place / "krios"), symlinks=True)
    (place / "krios" / "PostProcess" / "sharp").symlink_to("job012")
    finished = place / "krios" / "PostProcess" / "job012" / "RELION_JOB_EXIT_SUCCESS"
    assert finished.exists()
    finished.unlink()
    (finished.parent / "RELION_JOB_EXIT_FAILURE").touch()
    _names(folder)
    before = _names(folder)[0]
    assert "krios_PostProcess_job012" not in before
    (finished.parent / "RELION_JOB_EXIT_FAILURE").unlink()
    finished.touch()
    _names(folder)
    rows, _ = folder.look()
    added = [row for row in rows if row.name not in before]
    assert [row.name for row in added] == ["krios_PostProcess_job012"]
    assert added[0].arguments() == ["validate", "--relion=%s" % finished.parent]
    assert all(row.has_map() for row in rows)
    # Masks and classes are no maps of their own.
    assert {row.name.split("_")[1] for row in rows} <= {
        "PostProcess", "Refine3D", "Class3D"}


def test_jobs_of_cryosparc(watched):
    place, folder = watched
    cryosparc.whole_project(place / "P1", "v5.0.2")
    _names(folder)
    rows, _ = folder.look()
    assert rows and all(list(row.options) == ["cryosparc"] for row in rows)
    assert all(row.has_map() for row in rows)
    assert len(rows) < len(list((place / "P1").glob("J*")))


def test_a_job_that_is_still_being_copied_waits(watched):
    place, folder = watched
    cryosparc.whole_project(place / "P1", "v5.0.2")
    files = {name: place / "P1" / "J10" / ("J10_003_" + name) for name in (
        "volume_map_sharp.mrc", "volume_map_half_B.mrc", "volume.cs")}
    whole = {name: path.read_bytes() for name, path in files.items()}
    files["volume_map_half_B.mrc"].unlink()
    files["volume.cs"].write_bytes(whole["volume.cs"][:100])
    assert _names(folder) == _names(folder) == ([], [])
    files["volume.cs"].write_bytes(whole["volume.cs"])
    names, told = _names(folder)
    assert names == [] and len(told) == 1
    assert told[0].startswith("P1_J10 waits: ") and "half_B.mrc is not there" in told[0]
    files["volume_map_half_B.mrc"].write_bytes(whole["volume_map_half_B.mrc"])
    for count in (1000, 2000):
        files["volume_map_sharp.mrc"].write_bytes(whole["volume_map_sharp.mrc"][:count])
        assert _names(folder) == ([], [])
    files["volume_map_sharp.mrc"].write_bytes(whole["volume_map_sharp.mrc"])
    assert _names(folder) == ([], [])
    [row] = folder.look()[0]
    before = row.identity()
    files["volume_map_sharp.mrc"].write_bytes(whole["volume_map_half_B.mrc"])
    _names(folder)
    [row] = folder.look()[0]
    assert row.name == "P1_J10" and row.identity() != before  # it is done again


def test_the_output_and_what_is_no_job_are_left_alone(watched):
    place, folder = watched
    for name in ("out/a", "data/run", ".hidden"):
        (place / name).mkdir(parents=True)
    assert _names(folder) == _names(folder) == ([], [])
    shutil.rmtree(str(place))
    assert _names(folder) == ([], ["There is no folder %s." % place])


@pytest.mark.parametrize("arguments, words", [
    (["x.csv", "--watch", "."], "Give either a table or, with --watch, a folder."),
    ([], "Give either a table"), (["--watch", "none"], "There is no folder none to watch"),
    (["--watch", ".", "--output", "../work"], "--output is the folder that is watched")])
def test_wrong_options(tmp_path, monkeypatch, capfd, arguments, words):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    (tmp_path / "work" / "x.csv").write_text("entry\nEMD-1\n")
    assert main(["batch"] + arguments) == 2
    assert words in capfd.readouterr().err and os.listdir(".") == ["x.csv"]


@pytest.fixture
def watching(tmp_path):
    """A batch that watches a folder, as a process of its own, in which a stub runs."""
    (tmp_path / "stub.py").write_text(_STUB)
    for name in ("projects", "queue"):
        (tmp_path / name).mkdir()
    program = ("import sys; from vrs.cli import batch, main; batch.PROGRAM = %r; "
               "batch._LOOK_SECONDS = 0.3; batch.prepare_environment = lambda: %r; "
               "batch.is_installed = lambda: True; sys.exit(main())" % (
                   [sys.executable, str(tmp_path / "stub.py")], str(tmp_path / "projects")))
    process = subprocess.Popen(
        [sys.executable, "-c", program, "batch", "--watch", "queue", "--hook", "cat >> told"],
        cwd=str(tmp_path), env=dict(os.environ, PROJECTS=str(tmp_path / "projects")),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    yield process, tmp_path
    process.kill()
    process.communicate(timeout=LIMIT)


def _states(place):
    try:
        return {name: row["state"] for name, row in _summary(place / "queue_vrs").items()}
    except OSError:
        return {}


@pytest.mark.parametrize("last, code", [("", 0), ("long", 1)])
def test_rows_that_appear_are_validated_until_it_is_stopped(watching, last, code):
    process, place = watching
    (place / "queue" / "a.mrc").write_text("")
    (place / "queue" / "t.csv").write_text(_HEADER + "a.mrc,1\n")
    wait_for(lambda: _states(place) == {"t_a": "done"})
    with open(str(place / "queue" / "t.csv"), "a") as table:
        table.write("b.mrc,1\n")
    (place / "queue" / "b.mrc").write_text("fail")
    wait_for(lambda: _states(place) == {"t_a": "done", "t_b": "failed"})
    # What failed is tried again when its files have changed, not before.
    (place / "queue" / "b.mrc").write_text(last)
    wait_for(lambda: _states(place)["t_b"] == ("running" if last else "done"))
    notes = place / "queue" / "b.mrc.tried"
    wait_for(lambda: len(notes.read_text().splitlines()) == 2)
    process.send_signal(signal.SIGTERM)
    output, complaints = process.communicate(timeout=LIMIT)
    assert (process.returncode, complaints) == (code, ""), output
    assert output.startswith("Watching %s; Ctrl-C stops\n" % (place / "queue"))
    assert "Stopping\n" in output and output.rstrip().endswith("summary.json")
    assert _states(place)["t_b"] == ("stopped" if last else "done")
    tried = notes.read_text().splitlines()
    assert len(tried) == 2 and "--project=vrs_queue_t_b" in json.loads(tried[0])[2]
    assert (place / "told").read_text().count('"folder"') == (2 if last else 3)
