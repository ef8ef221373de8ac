"""What the command answers at once."""

import json
import os
import shutil
import signal
import subprocess
import sys

import mrcfile
import numpy as np
import pytest

import vrs
from vrs import bundles
from vrs.checks import all_checks
from vrs.cli import FAULTS, ORIENTATIONS, _parser, main
from vrs.cli.validate import (check_request, claim_project, given_by, map_stem,
                              stopped_as_by_keys, summary)
from vrs.scipion import is_installed
from vrs.simulation import orientations, particle_faults
from vrs.tests.protocols import maps


@pytest.fixture
def map_path(tmp_path):
    return maps.write_blob(tmp_path / "ball.mrc")


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Runs ``vrs validate`` on bad input and returns the complaints."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def run(*arguments):
        assert main(["validate"] + [str(argument) for argument in arguments]) == 2
        assert os.listdir(folder) == []
        assert "pyworkflow" not in sys.modules or not os.path.exists("ScipionUserData")
        return capsys.readouterr().err.splitlines()

    return run


def test_all_problems_are_told_at_once(refused, tmp_path):
    path = str(tmp_path / "nan.mrc")
    volume = maps.blob()
    volume[3, 4, 5] = np.nan
    with mrcfile.new(path) as mrc:
        mrc.set_data(volume)
    (tmp_path / "criteria.json").write_text('{"0.z": 1}')
    (tmp_path / "file").write_text("")
    lines = refused("--map", path, "--threshold", "high", "--resolution", "-3", "--threads", "0",
                    "--mask", tmp_path / "mask.mrc", "--criteria", tmp_path / "criteria.json",
                    "--output", tmp_path / "file", "--project", "a/b")
    for word in ("NaN", "high", "-3", "threads", "mask.mrc", "0.z", "a/b", "voxel size",
                 "output folder"):
        assert sum(word in line for line in lines) >= 1, word
    assert all(line.startswith("vrs: ") for line in lines)


def test_missing_map(refused):
    lines = refused("--map", "no.mrc", "--threshold", "1", "--output", "a/b/c")
    assert len(lines) == 1 and "no.mrc" in lines[0]


def test_names_in_other_encodings(refused, map_path, tmp_path):
    name = str(tmp_path / "m\udce9.mrc")  # as Python gives what is not UTF-8
    shutil.copy(map_path, name)
    lines = refused("--map", name, "--threshold", maps.THRESHOLD)
    assert len(lines) == 1 and "letters that are not UTF-8" in lines[0]


def test_one_half_map_only(refused, map_path):
    lines = refused("--map", map_path, "--threshold", "0.5", "--half2", map_path)
    assert len(lines) == 1 and "give both with --half1 and --half2" in lines[0]


def test_refinements_need_a_model_and_are_at_least_two(refused, map_path):
    lines = refused("--map", map_path, "--threshold", maps.THRESHOLD, "--multimodel", "1")
    assert len(lines) == 1 and "at least 2" in lines[0]
    lines = refused("--map", map_path, "--threshold", maps.THRESHOLD, "--multimodel", "5")
    assert len(lines) == 1 and "--model" in lines[0]


def test_threshold_above_the_maximum_names_the_maximum(refused, map_path):
    lines = refused("--map", map_path, "--threshold", "7")
    assert len(lines) == 1 and "%g" % maps.blob().max() in lines[0]


def test_chimerax_that_is_not_there_is_refused(refused, map_path, monkeypatch):
    monkeypatch.setattr("vrs.cli.validate.find_chimerax", lambda: None)
    lines = refused("--map", map_path, "--threshold", "0.5", "--renderer", "chimerax")
    assert len(lines) == 1 and "VRS_CHIMERAX" in lines[0]


def test_engines_that_are_not_there_are_refused(refused, map_path, monkeypatch):
    monkeypatch.setattr("vrs.engines.external.ExternalEngine.version", None)
    lines = refused("--map", map_path, "--threshold", "7", "--engine", "0.f=ucm",
                    "--engine", "0.e=xmipp")
    assert len(lines) == 3
    for item, package in ("0.f", "scipion-em-ucm"), ("0.e", "scipion-em-xmipp"):
        line, = [line for line in lines if item in line]
        assert package in line and "not installed" in line


def test_engines_that_do_not_exist_are_refused(refused, map_path):
    lines = refused("--map", map_path, "--threshold", "0.5", "--engine", "0.a=xmipp",
                    "--engine", "ucm")
    assert len(lines) == 2
    assert "0.a" in lines[0] and "builtin" in lines[0] and "item=engine" in lines[1]


@pytest.mark.parametrize("arguments", [
    [], ["validate", "--thresh", "1"], ["judge"]])
def test_wrong_use_exits_with_2(arguments):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2


@pytest.mark.parametrize("number", ["-3e-3", "-7E-2", "-.5e1", "-2", "-0.07"])
def test_negative_numbers_are_no_options(refused, number):
    lines = refused("--map", "/no/map.mrc", "--resolution", number)
    assert any("The resolution, %g, is not positive" % float(number) in line for line in lines)


def test_long_names(refused, map_path, tmp_path):
    lines = refused("--map", map_path, "--threshold", maps.THRESHOLD, "--project", "p" * 201)
    assert len(lines) == 1 and "is too long" in lines[0]
    lines = refused("--map", map_path, "--threshold", maps.THRESHOLD, "--output", "o" * 300)
    assert len(lines) == 1 and "give another folder" in lines[0]
    folder = claim_project(str(tmp_path), None, "ä" * 125)
    assert os.path.isdir(folder)


def test_checking_a_request_leaves_no_folder_behind(map_path, tmp_path):
    """A run that is killed must not leave one that looks like a report."""
    output = str(tmp_path / "a" / "b")
    options = _parser().parse_args(["validate", "--map", str(map_path), "--threshold",
                                    str(maps.THRESHOLD), "--output", output])
    assert check_request(options, bundles.filled(given_by(options))).output == output
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("option", ["--map", "--mask", "--half1", "--model", "--crosslinks",
                                    "--workflow", "--particles", "--criteria"])
def test_pipes_do_not_block(refused, map_path, tmp_path, option):
    pipe = tmp_path / "pipe.star"
    os.mkfifo(str(pipe))
    given = {"--map": map_path, "--threshold": maps.THRESHOLD, "--half2": map_path,
             option: pipe}
    if option != "--half1":
        del given["--half2"]
    lines = refused(*[text for pair in given.items() for text in pair])
    assert len(lines) == 1 and "pipe.star is not an ordinary file" in lines[0]


@pytest.mark.parametrize("arguments", [[], ["--map", "/no/map.mrc"]])
def test_what_is_missing_is_told(refused, arguments):
    [line] = refused(*arguments)
    assert "give" in line or "check" in line


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == "vrs %s\n" % vrs.__version__


def test_items_lists_every_check(capfd):
    assert main(["items"]) == 0
    lines = capfd.readouterr().out.splitlines()
    for check in all_checks():
        assert any(line.startswith(check.id) and check.title in line and check.needs in line
                   for line in lines)
        for engine in check.external:
            assert any("%s=%s" % (check.id, engine.name) in line for line in lines)


def test_example_says_how_to_go_on(tmp_path, monkeypatch, capfd):
    def write(folder):
        (tmp_path / folder / "truth.json").write_text('{"threshold": 0.1, "resolution": 3.5}')
        return {name: "%s/%s" % (folder, file) for name, file in (
            ("map", "map.mrc"), ("half1", "1.mrc"), ("half2", "2.mrc"), ("model", "m.cif"),
            ("truth", "truth.json"))}

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vrs.cli.example.write_example", write)
    assert main(["example", "my data"]) == 0
    output = capfd.readouterr().out
    assert str(tmp_path / "my data" / "map.mrc") in output
    assert ("vrs validate --map 'my data/map.mrc' --half1 'my data/1.mrc' --half2 'my data/2.mrc' "
            "--model 'my data/m.cif' --threshold 0.1 --resolution 3.5") in output


def test_example_with_particles(tmp_path, monkeypatch, capfd):
    asked = {}

    def write(folder, kind, uneven, workers, say, faults):
        asked.update(kind=kind, uneven=uneven, faults=faults)
        say("Half done")
        (tmp_path / folder / "truth.json").write_text(
            '{"threshold": 0.02, "resolution": 5.1, '
            '"particles": {"point_group": "C2", "diameter": 92.0}}')
        return {name: "%s/%s" % (folder, file) for name, file in (
            ("map", "map.mrc"), ("half1", "1.mrc"), ("half2", "2.mrc"), ("model", "m.cif"),
            ("particles", "p.star"), ("classes", "c.mrcs"), ("class_members", "c.star"),
            ("truth", "truth.json"))}

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vrs.cli.example.write_particle_example", write)
    assert main(["example", "set", "--particles", "--orientations", "top", "--uneven"]) == 0
    assert asked == {"kind": "top", "uneven": True, "faults": ()}
    output = capfd.readouterr().out
    assert "Half done" in output
    [command] = [line for line in output.splitlines() if line.startswith("To validate it")]
    for part in ("--map set/map.mrc", "--half1 set/1.mrc", "--half2 set/2.mrc",
                 "--model set/m.cif", "--particles set/p.star", "--classes set/c.mrcs",
                 "--threshold 0.02 --resolution 5.1", "--symmetry C2"):
        assert part in command
    assert "vrs validate --particles set/c.star --diameter 92 --resolution 5.1" in output
    assert main(["example", "set", "--particles", "--faults", "junk, pixel"]) == 0
    assert asked == {"kind": "uniform", "uneven": False, "faults": ("junk", "pixel")}


def test_example_with_everything(tmp_path, monkeypatch, capfd):
    def write(folder, workers, say):
        (tmp_path / folder / "truth.json").write_text(
            '{"threshold": 0.12, "resolution": 4.1, "particles": {"point_group": "C2"}, '
            '"tilt_pairs": {"angle": 40.0, "axis": 85.0}}')
        return {name: "%s/%s" % (folder, file) for name, file in (
            ("map", "map.mrc"), ("particles", "p.cs"), ("micrographs", "mics"),
            ("untilted", "u.star"), ("tilted", "t.star"), ("truth", "truth.json"))}

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("vrs.cli.example.write_full_example", write)
    assert main(["example", "set", "--all"]) == 0
    [command] = [line for line in capfd.readouterr().out.splitlines()
                 if line.startswith("To validate it")]
    for part in ("--map set/map.mrc", "--particles set/p.cs", "--micrographs set/mics",
                 "--untilted set/u.star --tilted set/t.star", "--symmetry C2",
                 "--threshold 0.12 --resolution 4.1", "--tilt-angle 40 --tilt-axis 85"):
        assert part in command
    assert main(["example", "set", "--all", "--particles"]) == 2
    assert "leave --particles out" in capfd.readouterr().err


@pytest.mark.parametrize("option", [["--uneven"], ["--faults", "junk"]])
def test_example_options_of_particles_need_particles(option, tmp_path, capsys):
    assert main(["example", str(tmp_path / "set")] + option) == 2
    assert "--particles" in capsys.readouterr().err
    assert not (tmp_path / "set").exists()


def test_example_refuses_unknown_faults(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["example", str(tmp_path / "set"), "--particles", "--faults", "junk,typo"])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert "typo" in error and "permuted" in error


def test_example_knows_what_can_be_simulated():
    assert set(ORIENTATIONS) == set(orientations.DESCRIPTIONS)
    assert set(FAULTS) == set(particle_faults.FAULTS)


def test_example_in_a_place_that_cannot_be(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["example", str(tmp_path / "file")]) == 2
    assert "file" in capsys.readouterr().err


@pytest.mark.parametrize("path, stem", [
    ("/a/emd_1.map.gz", "emd_1"), ("emd_1883.map.mrc", "emd_1883.map"), ("x.CCP4", "x"),
    ("b.mrc.bz2", "b"), ("noext", "noext"), ("dir.mrc/a.b.map", "a.b"), (".mrc", "map")])
def test_stem_of_a_map(path, stem):
    assert map_stem(path) == stem


def test_summary_tells_warnings_reasons_and_places():
    def item(name, status, reason="", warnings=()):
        return dict(id=name, title="Title", status=status, reason=reason, warnings=[
            dict(text=text, severity=severity) for text, severity in warnings])

    lines = summary({
        "grade": "0", "score": {"passed": 1, "evaluable": 2},
        "input": {"notes": [{"severity": "informative", "text": "Said in the report."},
                            {"severity": "minor", "text": "Too fine."}],
                  "added": [{"title": "Half maps",
                             "notes": [{"severity": "serious", "text": "Masked."}]}]},
        "items": [item("0.a", "ok"), item("0.b", "warnings", warnings=[
            ("First.", "minor"), ("Second.", "serious")]),
                  item("0.c", "not_applicable", "No background."),
                  item("0.d", "not_applicable", "No background.")]}, "/out", "/project")
    text = "\n".join(lines)
    for part in ("0.b   Title  2 warnings", "0.c   Title  Does not apply", "  Map  Too fine.",
                 "  Half maps  Serious: Masked.", "  0.b  First.", "  0.c, 0.d  No background.",
                 "Levels assessed: 0; 1 of 2 items passed, 2 serious findings", "/out/report.pdf",
                 "/project"):
        assert part in text
    # What is serious comes first.
    assert text.index("0.b  Serious: Second.") < text.index("Map  Too fine.")
    assert "Said in the report" not in text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_asks_a_command_to_end_stops_it_as_ctrl_c_does(number):
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with stopped_as_by_keys():
            os.kill(os.getpid(), number)  # with nohup it goes on
        signal.signal(number, signal.SIG_DFL)
        with pytest.raises(KeyboardInterrupt), stopped_as_by_keys():
            os.kill(os.getpid(), number)
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)


def test_every_run_gets_a_project_of_its_own(tmp_path):
    folders = [claim_project(str(tmp_path), None, "a b.ö") for _ in range(3)]
    assert folders == [str(tmp_path / name)
                       for name in ("vrs_a-b-ö", "vrs_a-b-ö_2", "vrs_a-b-ö_3")]
    assert len(os.listdir(tmp_path)) == 3


def test_a_named_project_is_used_again(tmp_path):
    for _ in range(2):
        assert claim_project(str(tmp_path), "mine", "x") == str(tmp_path / "mine")


def test_unexpected_errors_show_no_traceback(monkeypatch, capsys):
    monkeypatch.setattr("vrs.cli.items.all_checks", lambda: 1 / 0)
    assert main(["items"]) == 1
    error = capsys.readouterr().err
    assert "Traceback" not in error and "ZeroDivisionError" in error
    path = error.split("); ")[1].split(" has")[0]
    with open(path) as log:
        assert "Traceback" in log.read()
    os.remove(path)


@pytest.mark.skipif(not is_installed(), reason="Scipion is not installed")
def test_without_tkinter_it_says_so(map_path, tmp_path):
    program = ("import sys; sys.modules['tkinter'] = None\n"
               "from vrs.cli import main; sys.exit(main())")
    done = subprocess.run(
        [sys.executable, "-c", program, "validate", "--map", str(map_path), "--threshold", "0.5"],
        cwd=str(tmp_path), stderr=subprocess.PIPE, universal_newlines=True)
    assert done.returncode == 1
    assert "python3-tk" in done.stderr and "Traceback" not in done.stderr
    assert os.listdir(tmp_path) == ["ball.mrc"]


def test_a_facility_can_read_the_criteria_it_may_change(refused, map_path, tmp_path):
    (tmp_path / "criteria.json").write_text(json.dumps({"0.b.nothing": 1}))
    lines = refused("--map", map_path, "--threshold", "0.5", "--criteria",
                    tmp_path / "criteria.json")
    assert len(lines) == 1 and "0.b.overlap" in lines[0]
