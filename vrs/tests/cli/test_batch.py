"""Many entries: the table, what runs when, what becomes of failures, and the summary."""

import base64
import contextlib
import csv
import html
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import jinja2
import psutil
import pytest
from PIL import Image

from vrs.checks import all_checks
from vrs.cli import _parser, _row_options, batch, batch_hook, main
from vrs.cli.batch_hook import run_hook
from vrs.cli.batch_summary import Key, Outcome, replace_file, thumbnail, write_summaries
from vrs.cli.batch_table import read_table
from vrs.cli.full_disk import is_full, no_space
from vrs.results import FileEntry, InputReport, LevelResults, Status, write_json
from vrs.scipion import is_installed
from vrs.tests.io import archive_server
from vrs.tests.protocols import maps
from vrs.tests.waiting import LIMIT, wait_for

_VRS = list(batch.PROGRAM)
# Stands for vrs: what it does is the text of its map, and it notes its arguments next to it.
_STUB = r'''
import json, os, shutil, signal, subprocess, sys, time
options = dict(part[2:].split("=", 1) for part in sys.argv[2:] if "=" in part)
with open(options["map"]) as handle:
    act = handle.read().strip()
with open(options["map"] + ".tried", "a") as notes:
    notes.write(json.dumps(sys.argv[1:]) + "\n")
with open(os.path.join(os.environ["PROJECTS"], options["project"], "map.mrc"), "w") as handle:
    handle.write("voxels")
print("Validating", flush=True)
if act == "fail":
    sys.stderr.write("vrs: The threshold is too high.\nvrs: The mask is empty.\n")
    sys.exit(2)
if act == "misuse":
    sys.stderr.write("usage: vrs\nvrs validate: error: argument --renderer: invalid choice\n")
    sys.exit(2)
if act == "die":
    os.kill(os.getpid(), 9)
if act == "mute":
    sys.exit(7)
if act == "fill":
    with open("../../ballast", "wb", 0) as ballast:
        while True:
            ballast.write(bytes(1000))
if act == "vanish":
    shutil.rmtree(options["output"])
    sys.exit(7)
if act == "long":
    def stop(*_):
        time.sleep(1)
        sys.exit(1)
    signal.signal(signal.SIGTERM, stop)
    subprocess.Popen(["sleep", "600"])
    time.sleep(600)
for name in ("report.pdf", "report.html"):
    open(os.path.join(options["output"], name), "w").close()
items = [dict(id="0.a", status="ok", warnings=[]), dict(id="0.b", status="warnings",
         warnings=[dict(text="Many components.", severity="minor"),
                   dict(text="Little overlap.", severity="minor")]),
         dict(id="0.c", status="not_applicable", warnings=[])]
with open(os.path.join(options["output"], "report.json"), "w") as handle:
    masked = dict(title="Half maps", notes=[dict(severity="serious", text="Masked."),
                                            dict(severity="informative", text="Of 1.5 A.")])
    json.dump(dict(grade="0", score=dict(passed=1, evaluable=2), items=items,
                   input=dict(notes=[], added=[masked] * (act == "masked"))), handle)
'''


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The working folder, in which a stub runs instead of vrs."""
    (tmp_path / "stub.py").write_text(_STUB)
    (tmp_path / "projects").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.setattr(batch, "PROGRAM", [sys.executable, str(tmp_path / "stub.py")])
    monkeypatch.setattr(batch, "prepare_environment", lambda: str(tmp_path / "projects"))
    monkeypatch.setattr(batch, "is_installed", lambda: True)
    monkeypatch.setenv("PROJECTS", str(tmp_path / "projects"))
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def fill(here):
    """Writes maps that say what the stub does, and a table of them."""
    def write(**acts):
        for name, act in acts.items():
            (here / (name + ".mrc")).write_text(act)
        lines = ["map,threshold"] + ["%s.mrc,0.5" % name for name in acts]
        (here / "table.csv").write_text("\n".join(lines) + "\n")
        return "table.csv"
    return write


@pytest.fixture
def told(capfd):
    """Runs the command; gives its exit code, output and complaints."""
    def run(*arguments):
        code = main(["batch"] + [str(argument) for argument in arguments])
        return (code,) + tuple(capfd.readouterr())
    return run


def _tries(path):
    notes = path.parent / (path.name + ".mrc.tried")
    if not notes.exists():
        return []
    return [json.loads(line) for line in notes.read_text().splitlines()]


def _summary(folder):
    with open(str(folder / "summary.csv"), newline="") as handle:
        return {row["name"]: row for row in csv.DictReader(handle)}


# ------------------------------------------------------------------ the table
def test_all_problems_of_a_table_are_told_and_nothing_runs(here, told):
    (here / "list.csv").write_text(
        "# of November\n\nmap,threshold,entry,half1,name,colour,output\n"
        "a.mrc,0.5,,,,,\n,0.5,,,,,\na.mrc,,EMD-1234,,,,\nb.mrc,,,,,,\n,,EMD-1234,h.mrc,,,\n"
        "sub/a.mrc,1,,,,,\nc.mrc,1,,,../c,,\n,,7sgd,,,,\nd.mrc,1,,,,,,,x\n"
        "summary.csv.map,1,,,,,\n")
    code, _, complaints = told("list.csv", "--jobs", "0")
    assert code == 2 and os.listdir(str(here)) == ["list.csv"]
    for words in ("There is no column colour; there are ", "There is no column output",
                  "Line 5: give map, relion, cryosparc, particles, ",
                  "Line 6: give either map or entry",
                  "Line 8: half1 cannot be given together with entry",
                  "The lines 4, 9 have the same name, a", "Line 10: the name, ../c, may only",
                  "Line 11: ", "Line 12: there are more cells than columns",
                  "Line 13: the name, summary.csv, is that of a file of the summary",
                  "The number of entries at once, 0,"):
        assert words in complaints, words
    assert len(complaints.splitlines()) == 11
    assert all(line.startswith("vrs: ") for line in complaints.splitlines())


@pytest.mark.parametrize("content, words", [
    (b"", "is empty"), (b"# nothing\n\n", "is empty"), (b"map,threshold\n", "has no row"),
    (b"map,threshold,map\na,1,b\n", "column map is given twice"),
    (b"map,threshold\n\xe4.mrc,1\n", "UTF-8"), (b"map,threshold\na\0b.mrc,1\n", "UTF-8"),
    ("map,threshold\na.mrc,1\n".encode("utf-16-le"), "UTF-8"),
    (b'map,threshold\n"a.mrc,1\nb.mrc,1\n', "line 3, unexpected end of data"),
    (b"maps,threshold\na.mrc,1\nb.mrc,1\n", "none of the columns map, relion, cryosparc, ")])
def test_files_that_are_no_tables(here, told, content, words):
    (here / "list.csv").write_bytes(content)
    code, _, complaints = told("list.csv")
    assert code == 2 and "Traceback" not in complaints and words in complaints
    assert len(complaints.splitlines()) <= 2


def test_a_table_that_is_not_there(told, here):
    code, _, complaints = told("list.csv")
    assert code == 2 and "list.csv cannot be read" in complaints


@pytest.mark.parametrize("encoding, separator, comma", [
    ("utf-8", ",", "."), ("utf-8-sig", ";", ","), ("utf-16", "\t", ",")])
def test_tables_as_spreadsheets_write_them(here, told, encoding, separator, comma):
    (here / "maps ü").mkdir()
    (here / "maps ü" / "a.mrc").write_text("")
    (here / "maps ü" / "b.mrc").write_text("")
    lines = ["Map|Threshold|Resolution|Name|engine|sampling|", "||||||", "a.mrc|-0#02|3#5||||",
             '"b.mrc"|1||second|0.e=xmipp 0.f=ucm|1#05|', "||||||"]
    text = "\r\n".join(lines).replace("|", separator).replace("#", comma)
    (here / "maps ü" / "list.csv").write_bytes(text.encode(encoding))
    code, output, complaints = told(os.path.join("maps ü", "list.csv"), "--output", "out",
                                    "--threads", "3")
    assert (code, complaints) == (0, "")
    [first], [second] = (_tries(here / "maps ü" / name) for name in "ab")
    assert first == ["validate", "--output=%s" % (here / "out" / "a"), "--project=vrs_list_a",
                     "--threads=3", "--map=%s" % (here / "maps ü" / "a.mrc"), "--threshold=-0.02",
                     "--resolution=3.5"]
    assert second[-4:] == ["--threshold=1", "--engine=0.e=xmipp", "--engine=0.f=ucm",
                           "--sampling=1.05"]
    assert sorted(_summary(here / "out")) == ["a", "second"]


def test_comments_and_spaces_of_spreadsheets(here):
    (here / "list.csv").write_text(
        '"# Krios 1, November",,\n  # again\nmap, threshold, name\n"a,b.mrc", 0.5, "x"\n'
        '"c\nd.mrc",1,\ne\u2028f.mrc,1,', encoding="utf-8")
    rows = read_table(str(here / "list.csv"), _commands())
    assert [(row.name, row.source, row.options["threshold"]) for row in rows] == [
        ("x", "a,b.mrc", "0.5"), ("c_d", "c\nd.mrc", "1"), ("e_f", "e\u2028f.mrc", "1")]


def _commands():
    return _row_options(_parser().parse_args(["batch", "x.csv"]).commands)


def test_paths_of_particles_and_micrographs_begin_at_the_table(here):
    (here / "sub").mkdir()
    (here / "sub" / "list.csv").write_text(
        "map,threshold,particles,images-folder,micrographs,coordinates,classes,particles-used\n"
        "a.mrc,1,p.star,stacks,mics,../c.star,k.mrcs,all\n")
    [row] = read_table(str(here / "sub" / "list.csv"), _commands())
    assert {name: row.options[name] for name in (
        "particles", "images-folder", "micrographs", "coordinates", "classes")} == {
            "particles": str(here / "sub" / "p.star"),
            "images-folder": str(here / "sub" / "stacks"),
            "micrographs": str(here / "sub" / "mics"), "coordinates": str(here / "c.star"),
            "classes": str(here / "sub" / "k.mrcs")}
    assert row.options["particles-used"] == "all"
    assert {str(here / "sub" / "mics"), str(here / "c.star")} <= set(row.files)


def test_rules_of_the_service_in_the_table(here):
    (here / "list.csv").write_text("map,threshold,criteria\na.mrc,1,service\nb.mrc,1,./service\n")
    first, second = read_table(str(here / "list.csv"), _commands())
    assert [row.options["criteria"] for row in (first, second)] == [
        "service", str(here / "service")]
    assert str(here / "service") in second.files and "service" not in first.files


def test_options_of_entries(here):
    (here / "list.csv").write_text("entry,offline,cache,multimodel,threads\n"
                                   "emd_25107,yes,kept,5,2\nEMD-1234,no,,,\n")
    first, second = read_table(str(here / "list.csv"), _commands())
    assert first.arguments(threads=8, queue=None) == [
        "entry", "--threads=2", "--offline", "--cache=%s" % (here / "kept"), "--multimodel=5",
        "--", "EMD-25107"]
    assert (second.name, second.arguments(queue="short")) == (
        "EMD-1234", ["entry", "--queue=short", "--", "EMD-1234"])
    # How and where it is done makes no other entry of it.
    assert first.identity()["options"] == {"multimodel": "5"}


# ------------------------------------------------------------------ entries
def test_failures_are_told_and_the_others_finish(here, fill, told):
    fill(good="", bad="fail", dead="die", odd="misuse", silent="mute", fine="masked")
    code, output, complaints = told("table.csv", "--jobs", "3")
    assert (code, complaints) == (1, "")
    summary = _summary(here / "table_vrs")
    assert {name: row["state"] for name, row in summary.items()} == dict(
        good="done", bad="failed", dead="failed", odd="failed", silent="failed", fine="done")
    assert summary["bad"]["reason"] == "The threshold is too high. The mask is empty."
    assert "SIGKILL, as happens when memory runs out" in summary["dead"]["reason"]
    assert summary["odd"]["reason"] == "argument --renderer: invalid choice"
    log = here / "table_vrs" / "silent" / "log.txt"
    assert summary["silent"]["reason"] == "Its process ended with code 7; its log is %s." % log
    assert log.read_text() == "Validating\n"
    assert "too high" in (here / "table_vrs" / "bad" / "log.txt").read_text()
    assert "bad ... failed: The threshold is too high." in output
    assert "good ... levels 0; 1 of 2 items passed\n" in output
    assert "fine ... levels 0; 1 of 2 items passed, 1 serious finding, suspicious input\n" in output
    assert (summary["good"]["suspicious"], summary["fine"]["suspicious"]) == (
        "", "Half maps: Masked.")
    good = summary["good"]
    assert [good[name] for name in ("grade", "passed", "evaluable", "0.a", "0.b", "0.c", "report")
            ] == ["0", "1", "2", "ok", "warnings", "not_applicable", "good/report.html"]


def test_what_is_done_is_not_done_again(here, fill, told):
    fill(good="", other="", bad="fail")
    assert told("table.csv")[0] == 1
    for name in ("good", "other", "bad"):
        assert len(_tries(here / name)) == 1
    (here / "bad.mrc").write_text("")
    code, output, _ = told("table.csv")
    assert code == 0 and "of which 2 already have a report" in output
    assert [len(_tries(here / name)) for name in ("good", "other", "bad")] == [1, 1, 2]
    # The project of what failed is gone, those of reports are kept.
    assert sorted(os.listdir(os.environ["PROJECTS"])) == [
        "vrs_table_bad_2", "vrs_table_good", "vrs_table_other"]


def test_changed_rows_and_files_and_lost_reports_are_done_again(here, fill, told):
    fill(one="", two="", three="", four="", five="", six="", seven="")
    assert told("table.csv")[0] == 0
    text = (here / "table.csv").read_text()
    (here / "table.csv").write_text(text.replace("one.mrc,0.5", "one.mrc,0.6"))
    os.utime(str(here / "two.mrc"), (1, 1))
    (here / "table_vrs" / "three" / "report.pdf").unlink()
    (here / "table_vrs" / "five" / "report.json").write_text("{")
    (here / "table_vrs" / "six" / "report.json").write_text("null")
    (here / "table_vrs" / "seven" / "state.json").write_text("[1]")
    assert told("table.csv", "--threads", "1")[0] == 0
    assert [len(_tries(here / name)) for name in (
        "one", "two", "three", "four", "five", "six", "seven")] == [2, 2, 2, 1, 2, 2, 2]


def test_a_report_of_another_row_does_not_stay_when_its_entry_fails(here, fill, told):
    fill(one="")
    assert told("table.csv")[0] == 0
    (here / "one.mrc").write_text("fail")
    assert told("table.csv")[0] == 1
    assert sorted(os.listdir(str(here / "table_vrs" / "one"))) == ["log.txt", "state.json"]


def test_maps_of_an_earlier_try_do_not_stay_when_a_row_without_a_map_fails(here, told):
    kept = here / "table_vrs" / "p" / "files"
    kept.mkdir(parents=True)
    described = InputReport("p.star", "", None, None, None, None,
                            files=[FileEntry("m", "m.mrc", "A mask")])
    write_json(kept / "results.json", [LevelResults("0", described, [], 0)])
    (kept / "m.mrc").write_text("voxels")
    (here / "table.csv").write_text("particles\np.star\n")  # the stub wants a map
    assert told("table.csv")[0] == 1
    assert sorted(os.listdir(str(kept.parent))) == ["log.txt", "state.json"]


def test_a_missing_file_fails_its_entry_only(here, fill, told):
    fill(there="")
    with open("table.csv", "a") as table:
        table.write("gone.mrc,1\n")
    code, _, complaints = told("table.csv")
    assert (code, complaints) == (1, "")
    assert [row["state"] for row in _summary(here / "table_vrs").values()] == ["done", "failed"]


def test_a_folder_that_vanishes_fails_its_entry_only(here, fill, told):
    fill(gone="vanish", there="")
    code, _, complaints = told("table.csv")
    assert (code, complaints) == (1, "")
    summary = _summary(here / "table_vrs")
    assert [row["state"] for row in summary.values()] == ["failed", "done"]
    assert "ended with code 7" in summary["gone"]["reason"]


def test_threads_are_shared_by_the_entries_at_once(here, fill, told, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(9))
    fill(one="")
    told("table.csv", "--jobs", "4")
    assert "--threads=2" in _tries(here / "one")[0]


def test_the_folder_of_a_batch_at_work_is_left_alone(here, fill, told):
    fill(one="")
    (here / "table_vrs").mkdir()
    with batch._alone_in(str(here / "table_vrs")):
        code, _, complaints = told("table.csv")
    assert code == 1 and "Another batch is running" in complaints
    assert told("table.csv")[0] == 0


def test_a_disk_without_locks_is_told(fill, told, monkeypatch):
    def refuse(*_):
        raise OSError(38, "Function not implemented")
    fill(one="")
    monkeypatch.setattr(batch.fcntl, "flock", refuse)
    code, _, complaints = told("table.csv")
    assert code == 1 and "cannot be locked" in complaints and "--output" in complaints


def test_rows_without_a_map_have_no_project_and_no_queue(here, told, tmp_path):
    (here / "list.csv").write_text(
        "name,particles,micrographs,coordinates,map\n"
        ",p.star,,,\n,,mics/,c.star,\nwith,q.star,,,a.mrc\nleft,,,,none\n")
    code, _, complaints = told("list.csv")
    assert code == 2 and complaints == (
        "vrs: Line 5: give map, relion, cryosparc, particles, micrographs, crosslinks, untilted, "
        "workflow or entry.\n")
    (here / "list.csv").write_text((here / "list.csv").read_text().replace("left,,,,none\n", ""))
    alone, micrographs, both = read_table(str(here / "list.csv"), _commands())
    assert [row.name for row in (alone, micrographs, both)] == ["p", "mics", "with"]
    assert [row.source for row in (alone, micrographs, both)] == ["p.star", "mics/", "a.mrc"]
    assert [row.has_map() for row in (alone, micrographs, both)] == [False, False, True]
    entry = batch._Entry(alone, str(here / "out"), str(tmp_path / "projects"), "list_p")
    entry.start(dict(threads=1, queue="short"))
    assert entry._process.args[2:] == ["validate", "--output=%s" % (here / "out" / "p"),
                                       "--threads=1", "--particles=%s" % (here / "p.star")]
    entry.await_stop(0)
    assert os.listdir(str(tmp_path / "projects")) == []


def test_an_entry_of_the_archive_takes_further_evidence(here):
    (here / "list.csv").write_text("entry,particles\nEMD-1234,p.star\n")
    [row] = read_table(str(here / "list.csv"), _commands())
    assert row.command == "entry" and row.options == {"particles": str(here / "p.star")}
    assert row.name == "EMD-1234" and row.has_map()


# ------------------------------------------------------------------ hooks
def test_the_hook_gets_each_outcome_once(here, fill, told):
    fill(good="masked", bad="fail")
    assert told("table.csv", "--hook", "cat >> told.txt; echo >> told.txt")[0] == 1
    outcomes = [json.loads(line) for line in (here / "told.txt").read_text().splitlines()]
    assert [(found["name"], found["state"], found["grade"], found["serious"], found["folder"])
            for found in outcomes] == [
                ("good", "done", "0", 1, str(here / "table_vrs" / "good")),
                ("bad", "failed", "", 0, str(here / "table_vrs" / "bad"))]
    assert outcomes[0]["items"]["0.b"] == {"status": "warnings", "warnings": 2}
    assert outcomes[1]["reason"] == "The threshold is too high. The mask is empty."
    # What is done has been told.
    assert told("table.csv", "--hook", "cat >> told.txt; echo >> told.txt")[0] == 1
    assert len((here / "told.txt").read_text().splitlines()) == 3


def test_a_hook_that_fails_fails_nothing(fill, told, monkeypatch):
    fill(good="")
    code, output, complaints = told("table.csv", "--hook", "echo no mail >&2; exit 3")
    assert (code, complaints) == (0, "")
    assert ("good ... the hook failed; the result is not affected: it ended with code 3: no mail"
            in output)
    assert run_hook("exec sleep 0; exit 0", "x" * 200000) == ""  # it need not read what it gets
    monkeypatch.setattr(batch_hook, "_SECONDS", 0.2)
    assert run_hook("sleep 60 & sleep 60", "") == "it was ended after 0 seconds"


# ------------------------------------------------------------------ being stopped
@pytest.fixture
def started(here, fill, tmp_path):
    """A batch as a process of its own, whose second entry takes long; and the stub's process."""
    fill(first="", second="long", third="")
    program = ("import sys; from vrs.cli import batch, main; batch.PROGRAM = %r; "
               "batch.prepare_environment = lambda: %r; batch.is_installed = lambda: True; "
               "sys.exit(main())" % (
                   batch.PROGRAM, str(tmp_path / "projects")))
    with open("said.txt", "wb") as said:
        process = subprocess.Popen([sys.executable, "-c", program, "batch", "table.csv"],
                                   stdout=said, stderr=subprocess.PIPE)
    children = []

    def is_at_work():
        with contextlib.suppress(psutil.Error):
            stub = [child for child in psutil.Process(process.pid).children()
                    if "second.mrc" in " ".join(child.cmdline())]
            # It has a process of its own, as Scipion's runs are.
            children[:] = stub and stub[0].children() + stub
        return len(children) > 1 and _summary(here / "table_vrs")["second"]["state"] == "running"
    wait_for(is_at_work)
    yield process, children
    for left in children + [process]:
        with contextlib.suppress(psutil.Error):
            left.kill()
    process.communicate(timeout=LIMIT)


def _has_ended(process):
    with contextlib.suppress(psutil.NoSuchProcess):
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    return True


def test_a_batch_that_was_killed_goes_on(here, started, told):
    process, [sleeper, stub] = started
    process.kill()
    process.wait(LIMIT)
    # The system ends the entry's process with it.
    wait_for(lambda: _has_ended(stub))
    sleeper.kill()  # a Scipion run would have been ended by its parent
    assert _summary(here / "table_vrs")["second"]["state"] == "running"
    (here / "second.mrc").write_text("")
    code, output, _ = told("table.csv")
    assert code == 0 and "of which 1 already have a report" in output
    assert [len(_tries(here / name)) for name in ("first", "second", "third")] == [1, 2, 1]
    assert {row["state"] for row in _summary(here / "table_vrs").values()} == {"done"}
    assert sorted(os.listdir(os.environ["PROJECTS"])) == [
        "vrs_table_first", "vrs_table_second_2", "vrs_table_third"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_batch_that_is_stopped_stops_its_entries(here, started, number):
    process, children = started
    process.send_signal(number)
    wait_for(lambda: "Stopping\n" in (here / "said.txt").read_text())
    process.send_signal(number)  # the stopping is not stopped
    _, errors = process.communicate(timeout=LIMIT)
    assert process.returncode == 1
    assert errors == b"vrs: Stopped; run the same command to continue.\n"
    wait_for(lambda: all(map(_has_ended, children)))
    assert [row["state"] for row in _summary(here / "table_vrs").values()] == [
        "done", "stopped", "waiting"]


def test_what_a_killed_batch_left_is_ended_before_the_next_try(here, fill, told):
    fill(one="")
    left = subprocess.Popen(["sleep", "600"], start_new_session=True)
    folder = here / "table_vrs" / "one"
    folder.mkdir(parents=True)
    (folder / "state.json").write_text(json.dumps({"process": batch._identity(left.pid)}))
    assert told("table.csv")[0] == 0
    assert left.wait(LIMIT) is not None
    # A number that another process has by now is left alone.
    other = subprocess.Popen(["sleep", "600"], start_new_session=True)
    (folder / "state.json").write_text(json.dumps({"process": [other.pid, 1.0]}))
    assert told("table.csv")[0] == 0
    assert other.poll() is None
    other.kill()
    other.wait()


# ------------------------------------------------------------------ full disks
@pytest.fixture
def small_disk(here):
    """A small disk of its own."""
    place = here / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)],
                      stderr=subprocess.DEVNULL).returncode:
        pytest.skip("needs to mount a small file system, which root may do")
    yield place
    # A run that has told of its end may still be ending.
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_a_full_disk_is_told_and_keeps_the_earlier_summary(here, fill, told, small_disk):
    fill(one="", two="fill", three="")
    code, output, complaints = told("table.csv", "--output", "disk/out")
    assert code == 1 and "Traceback" not in output + complaints
    for name, begin in (("two", "Its process ended with code 1; its log is "), ("three", "There")):
        assert "%s ... failed: %s" % (name, begin) in output
        assert "no space left on the disk of %s" % (small_disk / "out" / name) in output
    assert "The summary could not be updated: There is no space left" in complaints
    # The summary is that from before the disk was full, and whole; entries may be quicker than it.
    assert [row["state"] for row in _summary(small_disk / "out").values()] in (
        ["running", "waiting", "waiting"], ["done", "running", "waiting"],
        ["done", "waiting", "waiting"])
    assert (small_disk / "out" / "summary.html").read_text().endswith("</html>")
    assert not list(small_disk.rglob("*.new"))
    (small_disk / "ballast").unlink()
    (here / "two.mrc").write_text("")
    code, output, _ = told("table.csv", "--output", "disk/out")
    assert code == 0 and "of which 1 already have a report" in output


@pytest.mark.skipif(not is_installed(), reason="Scipion is not installed")
def test_a_disk_that_fills_up_during_a_run(small_disk, tmp_path):
    (small_disk / "ballast").write_bytes(bytes(500000))
    maps.write_blob(tmp_path / "ball.mrc")
    environment = dict(os.environ, SCIPION_USER_DATA=str(small_disk / "data"))
    for name in ("SCIPION_HOME", "SCIPION_HOSTS"):
        environment.pop(name, None)
    done = subprocess.run(
        _VRS + ["validate", "--map", "ball.mrc", "--threshold", "0.5"],
        cwd=str(tmp_path), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        universal_newlines=True, timeout=LIMIT)
    assert done.returncode == 1 and "Import ball ... OK" in done.stdout, done.stderr
    assert "There is no space left on the disk" in done.stderr


def test_the_words_of_programs_tell_a_full_disk(tmp_path):
    log = tmp_path / "run.stderr"
    log.write_text("much\n" * 9000)
    assert no_space(str(tmp_path), [str(log), str(tmp_path / "none")]) == ""
    log.write_text("much\n" * 9000 + "OSError: [Errno 122] Disk quota exceeded\nbye\n")
    assert str(tmp_path) in no_space(str(tmp_path), [str(log)])
    assert no_space(str(tmp_path / "none")) == ""
    assert is_full(OSError(28, "no")) and is_full(Exception("database or disk is full"))
    assert not is_full(OSError(2, "no"))


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "file"
    replace_file(str(path), "ü")
    assert path.read_text(encoding="utf-8") == "ü" and os.listdir(str(tmp_path)) == ["file"]
    (tmp_path / "file.new").symlink_to("/dev/full")
    with pytest.raises(OSError):
        replace_file(str(path), "longer")
    assert path.read_text(encoding="utf-8") == "ü" and os.listdir(str(tmp_path)) == ["file"]


# ------------------------------------------------------------------ the page
def test_the_page_shows_all_and_leads_to_the_reports(tmp_path):
    items = {"0.a": (Status.OK, 0), "1.b": (Status.WARNINGS, 2), "A.c": (Status.NOT_MEASURED, 0)}
    write_summaries(str(tmp_path), "of <November>", [
        Outcome("a b", "a.mrc", "done", "", "1A", 3, 4, items, 60,
                ["Map: <odd>.", "Halves: same."]),
        Outcome("c", "c.mrc", "failed", "Bad & <broken>."), Outcome("d", "d.mrc")])
    page = (tmp_path / "summary.html").read_text(encoding="utf-8")
    for text in ('href="a%20b/report.html"', "of &lt;November&gt;", "Bad &amp; &lt;broken&gt;.",
                 'title="1.b FSC permutation: 2 warnings"', "Could not be measured", "3 of 4",
                 'href="#failed-2"', 'id="failed-2"', 'href="#suspicious-1"',
                 'id="suspicious-1"', "Map: &lt;odd&gt;. Halves: same."):
        assert text in page, text
    assert "0.b" not in page and "http" not in page.split("<script>")[0].split("</style>")[1]


def test_the_summary_for_programs(here, fill, told):
    fill(good="masked", bad="fail")
    assert told("table.csv")[0] == 1
    summary = json.loads((here / "table_vrs" / "summary.json").read_text(encoding="utf-8"))
    assert summary["title"] == "table" and not summary["complete"]
    assert summary["counts"] == dict(done=1, failed=1, running=0, waiting=0, stopped=0)
    good, bad = summary["entries"]
    assert (good["passed"], good["evaluable"], good["suspicious"], good["report"]) == (
        1, 2, ["Half maps: Masked."], "good/report.html")
    assert (bad["state"], bad["passed"], bad["report"]) == ("failed", None, "")
    (here / "bad.mrc").write_text("")
    assert told("table.csv")[0] == 0
    assert json.loads((here / "table_vrs" / "summary.json").read_text())["complete"]


def test_key_numbers_of_a_report():
    item = {"id": "0.a", "status": "ok", "warnings": [], "metrics": {
        "decentering": {"unit": "%", "value": [3.0, -41.0, 2.0]}},
        "criteria": [{"metric": "decentering", "outcome": "broken"}]}
    occupancy = {"id": "0.g", "status": "ok", "warnings": [], "criteria": [], "metrics": {
        "percentiles": {"unit": "", "value": {"25": 0.1, "50": 0.7}}}}
    unknown = {"id": "0.d", "status": "ok", "warnings": [], "criteria": [], "metrics": {
        "b_factor": {"unit": "Å²", "value": None}}}
    report = dict(grade="0", score=dict(passed=2, evaluable=3), items=[item, occupancy, unknown],
                  input=dict(notes=[], added=[]))
    keys = Outcome.of_report("a", "a.mrc", report, 1).keys
    assert {name: (key.value, key.unit, key.is_outside) for name, key in keys.items()} == {
        "0.a decentering": (-41.0, "%", True), "0.g percentiles.50": (0.7, "", False)}


def test_the_page_is_sorted_and_fits_a_phone(tmp_path):
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser",
                                                   "google-chrome", "chrome"))), None)
    if browser is None:
        pytest.skip("needs Chromium or Chrome (Debian package chromium)")
    items = {check.id: (Status.OK, 0) for check in all_checks()}
    picture = io.BytesIO()
    Image.new("RGB", (4, 4)).save(picture, "JPEG")
    small = base64.b64encode(picture.getvalue()).decode()
    key = {value: {"A.e mean": Key("Q-score, mean", value, "", value < 0.5)}
           for value in (0.569, 0.6, -0.2)}
    write_summaries(str(tmp_path), "maps", [
        Outcome("a", "a", "done", "", "0", 4, 5, items, serious=2, keys=key[0.6]),
        Outcome("b" * 60, "b", "done", "", "0", 9, 12, items, keys=key[0.569], thumbnail=small),
        Outcome("c", "c", "done", "", "0", 11, 12, dict(items, **{"0.b": (Status.WARNINGS, 1)}),
                keys=key[-0.2])])
    page = (tmp_path / "summary.html").read_text(encoding="utf-8")
    look = """<script>
      const buttons = document.querySelectorAll("thead th button"), seen = [];
      seen.push(Array.from(buttons).slice(0, 3).map(button => button.textContent));
      for (const column of [3, 5, 7]) {
        buttons[column].click();
        seen.push(Array.from(document.querySelectorAll("tbody th"), cell => cell.textContent[0]));
      }
      seen.push(document.documentElement.scrollWidth <= innerWidth);
      const form = document.querySelector("form.filters"), output = form.querySelector("output");
      for (const [name, value] of [["findings", "serious"], ["findings", "outside"],
                                   ["findings", ""], ["text", "BB"], ["state", "Failed"]]) {
        if (name !== "state") form.elements[name].value = value;
        form.dispatchEvent(new Event("input"));
        seen.push(output.textContent);
      }
      seen.push(document.querySelector("td img").naturalWidth);
      document.title = JSON.stringify(seen);</script></body>"""
    (tmp_path / "summary.html").write_text(page.replace("</body>", look), encoding="utf-8")
    shown = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--window-size=390,800", "--user-data-dir=%s" % (tmp_path / "profile"), "--dump-dom",
         (tmp_path / "summary.html").as_uri()], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        timeout=LIMIT)
    title = re.search("<title>(.*)</title>", shown.stdout.decode("utf-8"))
    assert title, shown.stderr.decode("utf-8", "replace")[-2000:]
    assert json.loads(html.unescape(title[1])) == [
        ["Entry", "State", "Levels"], ["b", "a", "c"], ["c", "b", "a"], ["c", "b", "a"], True,
        "1 of 3 shown", "1 of 3 shown", "3 of 3 shown", "1 of 3 shown", "1 of 3 shown", 4]


def test_the_thumbnail_is_the_first_picture_of_the_map(tmp_path):
    picture, page = io.BytesIO(), tmp_path / "report.html"
    Image.new("RGBA", (600, 300), (255, 0, 0, 128)).save(picture, "PNG")
    panel = '<div class="panel"><img src="data:image/png;base64,%s" alt="">'
    shown = panel % base64.b64encode(picture.getvalue()).decode()
    page.write_text("<body><header>%s</header><main></main>" % (shown + panel % "AAAA"))
    with Image.open(io.BytesIO(base64.b64decode(thumbnail(str(page))))) as small:
        assert small.size == (120, 60)
        red, green, _ = small.getpixel((60, 30))  # half red on white
        assert red > 250 and abs(green - 127) < 6
    # Later pictures are those of items; a page may have none, or be damaged.
    page.write_text("<body><header></header><main>%s</main>" % shown)
    assert thumbnail(str(page)) == ""
    page.write_text("<body><header>%s</header>" % (panel % "AAAA"))
    assert thumbnail(str(page)) == ""


def test_templates_come_with_the_package():
    names = jinja2.PackageLoader("vrs.report").list_templates()
    assert {"summary.html.j2", "summary.css", "tables.js"} <= set(names)


# ------------------------------------------------------------------ the real thing
@pytest.mark.skipif(not is_installed(), reason="Scipion is not installed")
def test_a_real_batch(tmp_path, monkeypatch):
    maps.write_blob(tmp_path / "ball.mrc")
    model = b"data_none\n"
    (tmp_path / "list.csv").write_text(
        "map;threshold;entry;server\nball.mrc;0,5;;\ngone.mrc;1;;\n;;EMD-25107;SERVER\n")
    monkeypatch.setenv("no_proxy", "*")
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith("SCIPION")}
    environment["SCIPION_USER_DATA"] = str(tmp_path / "data")
    with archive_server.serving() as server:
        archive_server.fill(server, [(tmp_path / "ball.mrc").read_bytes()] * 3, model,
                            halves=False, models=(), resolution=None)
        text = (tmp_path / "list.csv").read_text()
        (tmp_path / "list.csv").write_text(text.replace("SERVER", server.url))
        done = subprocess.run(
            _VRS + ["batch", "list.csv", "--jobs", "2"], cwd=str(tmp_path),
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            universal_newlines=True, timeout=2 * LIMIT)
    assert (done.returncode, done.stderr) == (1, ""), done.stdout
    summary = _summary(tmp_path / "list_vrs")
    assert {name: row["state"] for name, row in summary.items()} == {
        "ball": "done", "gone": "failed", "EMD-25107": "done"}
    assert "gone.mrc" in summary["gone"]["reason"] and summary["ball"]["0.a"] == "ok"
    report = json.loads((tmp_path / "list_vrs" / "EMD-25107" / "report.json").read_text(
        encoding="utf-8"))
    assert report["grade"] == "0" and report["provenance"]["entry"]["id"] == "EMD-25107"
    assert sorted(os.listdir(str(tmp_path / "data" / "projects"))) == [
        "vrs_list_EMD-25107", "vrs_list_ball"]
