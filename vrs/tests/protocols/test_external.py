"""Items computed by protocols of other plugins, in Scipion's engine."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from vrs.checks import NotMeasured, get_check
from vrs.engines.external import Companion, EngineInput, ExternalEngine
from vrs.inputs.micrographs import PickedMicrograph
from vrs.io.classes import read_classes
from vrs.io.maps import read_map, write_map
from vrs.io.models import atom_positions, read_model, write_model
from vrs.io.particles import read_particles, write_particles_star
from vrs.protocols.external import ExternalRun, why_unavailable
from vrs.protocols.level import engine_parameter
from vrs.simulation.micrographs import write_micrograph
from vrs.simulation.particle_sets import class_set
from vrs.tests.checks.level_A import models
from vrs.tests.checks.particle_sets import SAMPLING as FINE
from vrs.tests.checks.particle_sets import volume_of
from vrs.tests.engines.test_external import (RECORDED, RESOLUTION, SAMPLING, THRESHOLD, ball,
                                             recorded_resolution)

_PLUGINS = Path(__file__).parent / "plugins"
_PROGRAM = "import sys; from vrs.cli import main; sys.exit(main())"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a map, plugins in the place of others' and their home without programs."""
    folder = tmp_path_factory.mktemp("external")
    for plugin, package, version in ("xmipp3", "xmipp", "29.0.1"), ("mapq", "mapq", "1.0.0"):
        shutil.copytree(str(_PLUGINS / plugin), str(folder / "packages" / plugin))
        information = folder / "packages" / ("scipion_em_%s-%s.dist-info" % (package, version))
        information.mkdir()
        (information / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: scipion-em-%s\nVersion: %s\n" % (package, version))
        (information / "entry_points.txt").write_text(
            "[pyworkflow.plugin]\n%s = %s\n" % (plugin, plugin))
    write_map(str(folder / "ball.mrc"), ball(), SAMPLING)
    (folder / "home").mkdir()
    return folder


@pytest.fixture(scope="module")
def vrs_command(folder):
    """Runs ``vrs`` where the plugin is installed."""
    def run(*arguments):
        environment = {name: value for name, value in os.environ.items()
                       if not name.startswith("SCIPION")}
        environment.update(
            SCIPION_USER_DATA=str(folder / "data"), XMIPP_HOME=str(folder / "home"),
            MAPQ_HOME=str(folder / "home"),
            VRS_RECORDED_RESOLUTION=str(RECORDED / "deepRes_resolution.vol"),
            PYTHONPATH=os.pathsep.join([str(folder / "packages")] + [p for p in sys.path if p]))
        return subprocess.run(
            [sys.executable, "-c", _PROGRAM] + [str(argument) for argument in arguments],
            cwd=str(folder), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            universal_newlines=True)
    return run


@pytest.fixture(scope="module")
def validate(vrs_command):
    def run(*arguments):
        return vrs_command("validate", "--map", "ball.mrc", "--threshold", THRESHOLD,
                           "--resolution", RESOLUTION, "--engine", "0.e=xmipp",
                           "--engine", "0.h=xmipp", *arguments)
    return run


@pytest.fixture(scope="module")
def report(folder, validate):
    """What the report says of a validation with both engines of Xmipp."""
    programs = [folder / "home" / name for item in ("0.e", "0.h")
                for engine in get_check(item).external for name in engine.files]
    for path in programs:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    done = validate()
    for path in programs:
        path.unlink()
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((folder / "ball_vrs" / "report.json").read_text(encoding="utf-8"))
    return {item["id"]: item for item in report["items"]}


def test_output_of_an_engine_becomes_a_result(report):
    item = report["0.e"]
    assert item["engine"] == {"name": "xmipp", "version": "29.0.1"}
    assert item["status"] in ("ok", "warnings")
    # The recorded values rise from 3 Å by 0.2 Å per voxel, inside a ball of 9 voxels.
    assert 3.5 < item["metrics"]["percentiles"]["value"]["2.5"] < 4.5
    assert item["metrics"]["percentiles"]["value"]["50"] == pytest.approx(5.3, abs=0.2)


def test_a_failing_engine_takes_down_its_item_only(report, folder):
    item = report["0.h"]
    assert item["engine"]["name"] == "xmipp"
    assert item["status"] == "not_measured"
    assert "no hand at threshold 0.5" in item["reason"]
    log = next(word for word in item["reason"].split() if word.endswith("run.stderr"))
    assert (folder / "data" / "projects" / "vrs_ball" / log).exists()
    assert report["0.a"]["engine"]["name"] == "builtin"
    assert report["0.a"]["status"] in ("ok", "warnings")


def test_the_engine_was_a_run_of_the_project(report, folder):
    runs = folder / "data" / "projects" / "vrs_ball" / "Runs"
    names = sorted(path.name.split("_")[1] for path in runs.iterdir())
    assert names.count("XmippProtDeepRes") == names.count("XmippProtDeepHand") == 1
    with mrcfile.open(str(next(runs.glob("*_ProtImportMask/extra/*.mrc")))) as mrc:
        assert mrc.data.shape == ball().shape and set(mrc.data.ravel()) == {0, 1}


def test_missing_programs_are_named_with_all_other_problems(validate, folder):
    done = validate("--threads", "none", "--output", "nowhere")
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    for part in ("0.e cannot be computed by Xmipp here: bin/xmipp_deepRes_resolution",
                 "0.h cannot be computed by Xmipp here: bin/xmipp_deep_hand", "none"):
        assert sum(part in line for line in lines) == 1, (part, lines)
    assert str(folder / "home") in done.stderr
    assert not (folder / "nowhere").exists()


def test_atoms_have_the_values_at_their_places(vrs_command, folder):
    structure = models.walk()
    structure[0][0].name = "Long"
    volume = models.noisy_map(structure)
    write_map(str(folder / "walk.mrc"), volume, models.SAMPLING, (30.0, -15.0, 6.0))
    write_model(str(folder / "walk.cif"), models.moved(structure, (30.0, -15.0, 6.0)))
    for name in get_check("A.e").external[0].files:
        (folder / "home" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "home" / name).touch()
    done = vrs_command("validate", "--map", "walk.mrc", "--threshold", 0.2, "--resolution", 5.0,
                       "--model", "walk.cif", "--engine", "A.e=mapq")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((folder / "walk_vrs" / "report.json").read_text(encoding="utf-8"))
    item, = [item for item in report["items"] if item["id"] == "A.e"]
    assert item["engine"] == {"name": "mapq", "version": "1.0.0"}
    voxels = np.rint(atom_positions(structure)[:, ::-1] / models.SAMPLING).astype(int)
    expected = 0.4 * volume[tuple(voxels.T)].astype(float)
    assert item["metrics"]["mean"]["value"] == pytest.approx(expected.mean(), abs=1e-5)
    assert item["metrics"]["percentiles"]["value"]["97.5"] == pytest.approx(
        np.percentile(expected, 97.5), abs=1e-5)


def test_items_lists_the_engines(vrs_command):
    done = vrs_command("items")
    assert done.returncode == 0
    line, = [line for line in done.stdout.splitlines() if "0.e=xmipp" in line]
    assert "not here" in line and "bin/xmipp_deepRes_resolution" in line


@pytest.mark.parametrize("item", ["0.e", "0.f", "0.g", "0.h"])
def test_the_form_refuses_an_engine_that_is_not_there(new_level, monkeypatch, item):
    monkeypatch.setattr(ExternalEngine, "version", None)
    problems = new_level(resolution=-1, **{engine_parameter(item): 1}).validate()
    assert len(problems) == 2
    assert any(problem.startswith("%s cannot be computed by " % item) for problem in problems)


def test_a_plugin_that_does_not_load_is_not_available(domain, monkeypatch):
    monkeypatch.setattr(ExternalEngine, "version", "1.0")
    engine = ExternalEngine("no", "No", "scipion-em-no", "no_such_plugin", "ProtNo", ("x.txt",),
                            None, None)
    assert "scipion-em-no does not load (ModuleNotFoundError" in why_unavailable(engine)


class _Finished:
    """A run whose outputs are the recorded ones, or those of another folder."""

    def __init__(self, folder=RECORDED):
        self._folder = folder

    def _getExtraPath(self, name=""):
        return str(self._folder / name)

    def getStdoutLog(self):
        return "run.stdout"

    def getStderrLog(self):
        return "run.stderr"


def _read(item):
    output, = ExternalRun(get_check(item).external[0], item, None)._read_outputs(_Finished())
    return output


def test_recorded_formats_are_read(domain):
    np.testing.assert_array_equal(_read("0.e"), recorded_resolution())
    for item, name in ("0.f", "bmap.mrc"), ("0.g", "omap.mrc"):
        with mrcfile.open(str(RECORDED / name)) as mrc:
            np.testing.assert_array_equal(_read(item), mrc.data)
    assert _read("0.h") == pytest.approx(0.314, abs=1e-3)


_TABLE = """# XMIPP_STAR_1 *
#
data_noname
loop_
 _resolutionFRC
 _resolutionFreqFourier
    1.000000     0.100000
    -nan         0.200000
    -0.500000    0.300000
"""


@pytest.mark.parametrize("name", ["fsc.xmd", "fsc.star"])
def test_outputs_are_read_in_their_order(domain, tmp_path, name):
    (tmp_path / "extra").mkdir()
    (tmp_path / name).write_text(_TABLE)
    (tmp_path / "extra" / "rows.csv").write_text("0.0,1.0\r\n0.5,-0.25\r\n")
    shutil.copy(str(RECORDED / "hand.txt"), str(tmp_path / "extra"))
    engine = ExternalEngine("no", "No", "scipion-em-no", "no", "ProtNo",
                            ("../" + name, "hand.txt", "rows.csv"), None, None)
    table, number, rows = ExternalRun(engine, "1.a", None)._read_outputs(
        _Finished(tmp_path / "extra"))
    np.testing.assert_array_equal(rows, [[0, 1], [0.5, -0.25]])
    assert number == pytest.approx(0.314, abs=1e-3)
    assert list(table) == ["resolutionFRC", "resolutionFreqFourier"]
    np.testing.assert_array_equal(table["resolutionFRC"], [1, np.nan, -0.5])
    np.testing.assert_array_equal(table["resolutionFreqFourier"], [0.1, 0.2, 0.3])


def test_atoms_and_words_are_read(domain, tmp_path):
    structure = models.walk(3)
    for index, site in enumerate(structure[0].all()):
        site.atom.b_iso, site.atom.occ = index - 2.5, -0.25
    write_model(str(tmp_path / "m_1.cif"), structure)
    structure.write_pdb(str(tmp_path / "m.pdb"))
    (tmp_path / "rows.csv").write_text("ALA A1,chi1,0.5\nALA A2,chi1,1.5\n")
    (tmp_path / "report.txt").write_text('{"score": 1.5}')
    outputs = ("m_*.cif", "m.pdb", "rows.csv", "report.txt")
    engine = ExternalEngine("no", "No", "scipion-em-no", "no", "ProtNo", outputs, None, None)
    *tables, rows, report = ExternalRun(engine, "A.e", None)._read_outputs(_Finished(tmp_path))
    for table in tables:
        np.testing.assert_allclose(table.positions, atom_positions(structure), atol=6e-4)
        np.testing.assert_allclose(table.values["B_iso_or_equiv"], np.arange(15) - 2.5)
        np.testing.assert_allclose(table.values["occupancy"], -0.25)
    assert np.isnan(tables[0].values["label_atom_id"]).all()
    assert rows == [["ALA A1", "chi1", "0.5"], ["ALA A2", "chi1", "1.5"]]
    assert report == {"score": 1.5}
    (tmp_path / "m_2.cif").touch()
    with pytest.raises(NotMeasured, match="without its output .*m_"):
        ExternalRun(engine, "A.e", None)._read_outputs(_Finished(tmp_path))


class _Recorder(ExternalRun):
    """Runs nothing and notes what it was to run."""

    def _run(self, project, purpose, protocol_class, inputs=None, **parameters):
        self.runs = getattr(self, "runs", [])
        self.runs.append((purpose, inputs, parameters))
        return purpose


def test_an_engine_is_handed_what_it_has_parameters_for(domain, tmp_path):
    engine = ExternalEngine(
        "no", "No", "scipion-em-no", "no", "ProtNo", ("x.txt",), None, None, map_parameter="full",
        mask_parameter="mask", half_parameters=("one", "two"))
    rng = np.random.default_rng(0)
    volume, one, two = rng.normal(size=(3, 8, 9, 10)).astype(np.float32)
    recorder = _Recorder(engine, "1.e", _Finished(tmp_path))
    recorder._run_engine(None, EngineInput(volume, 1.5, volume > 0, {"step": 3}, (one, two)))
    *imports, (label, inputs, parameters) = recorder.runs
    assert label == "No" and parameters == {"step": 3}
    assert inputs == {"one": ("half 1", "outputVolume"), "two": ("half 2", "outputVolume"),
                      "full": ("map", "outputVolume"), "mask": ("mask", "outputMask")}
    for (purpose, _, given), expected in zip(imports, (one, two, volume, volume > 0)):
        assert given["samplingRate"] == 1.5
        with mrcfile.open(given.get("filesPath") or given["maskPath"]) as mrc:
            np.testing.assert_array_equal(mrc.data, expected, err_msg=purpose)
            assert mrc.data.dtype == np.float32


def test_particles_and_averages_go_through_an_import(domain, tmp_path):
    table = class_set(tmp_path, volume_of(), FINE, 2, 3, 1.0).table
    averages = np.random.default_rng(0).normal(size=(2, 8, 8)).astype(np.float32)
    engine = ExternalEngine("no", "No", "scipion-em-no", "no", "ProtNo", (), None, None,
                            classes_parameter="classes", averages_parameter="averages")
    recorder = _Recorder(engine, "3.a", _Finished(tmp_path))
    recorder._run_engine(None, EngineInput(
        particles=table, averages=(averages, 4.0), parameters={"step": 3},
        runs=({"seed": 1}, {"seed": 2})))
    (purpose, _, given), *runs = recorder.runs
    assert purpose == "images" and [parameters for _, _, parameters in runs] == [
        {"step": 3, "seed": 1}, {"step": 3, "seed": 2}]
    assert all(inputs == {"classes": ("images", "outputClasses"),
                          "averages": ("images", "outputAverages")} for _, inputs, _ in runs)
    found, _ = read_particles(given["particlesFile"])
    assert found.files == table.files and found.plane_class.tolist() == table.plane_class.tolist()
    averages_found, _ = read_classes(given["classesFile"])
    np.testing.assert_array_equal(averages_found.images, averages)
    assert averages_found.sampling == 4.0


def test_classes_of_a_program_become_a_table(project, monkeypatch, tmp_path):
    """A set of the project goes to a protocol of another plugin, and its classes come back."""
    from vrs.protocols import ProtVrsImportParticles
    from vrs.tests.protocols.plugins.relion.protocols import ProtRelionClassify2D
    table = class_set(tmp_path, volume_of(), FINE, 2, 6, 1.0).table
    write_particles_star(str(tmp_path / "in.star"), table)
    # RELION writes particles in an order of its own.
    order = np.random.default_rng(0).permutation(12)
    psi = np.random.default_rng(1).uniform(-180, 180, 12)
    answer = replace(table, psi=psi, class_number=3 - table.class_number,
                     plane_class=3 - table.plane_class).take(order)
    write_particles_star(str(tmp_path / "run_it025_data.star"), answer,
                         {"rlnImageId": order + 1})
    monkeypatch.setenv("VRS_RECORDED_CLASSES", str(tmp_path / "run_it025_data.star"))
    source = project.newProtocol(ProtVrsImportParticles, particlesFile=str(tmp_path / "in.star"))
    project.launchProtocol(source, wait=True)
    protocol = project.newProtocol(ProtRelionClassify2D, numberOfClasses=2, doCTF=True)
    protocol.inputParticles.set(source)
    protocol.inputParticles.setExtended("outputParticles")
    protocol.setWorkingDir("Runs/classes")
    protocol.makePathsAndClean()
    protocol.classifyStep()
    engine, = (one for one in get_check("3.c").external if one.name == "relion")
    found, = ExternalRun(engine, "3.c", None)._read_outputs(protocol)
    back = found.table.take(np.argsort(found.rows))
    assert sorted(found.rows) == list(range(12))
    assert back.plane_class.tolist() == (3 - table.plane_class).tolist()
    turns = (back.psi - psi + 180) % 360 - 180
    assert np.abs(turns).max() < 1e-3
    assert back.plane_shifts == pytest.approx(table.plane_shifts, abs=1e-4)
    del protocol.outputClasses
    with pytest.raises(NotMeasured, match="RELION finished without its output outputClasses"):
        ExternalRun(engine, "3.c", None)._read_outputs(protocol)


def test_coordinates_go_to_a_program_and_come_back_with_scores(project, tmp_path):
    """Micrographs of one name in several folders are told apart."""
    from vrs.tests.protocols.plugins.xmipp3.protocols import XmippProtDeepMicrographScreen
    rng, picked = np.random.default_rng(0), []
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        path = str(tmp_path / str(number) / "a.mrc")
        write_micrograph(path, rng.normal(size=(40, 50)), 3.0)
        picked.append(PickedMicrograph(path, rng.uniform(0, 40, (3 + number, 2)), 3.0, 60.0))
    engine, = get_check("5.a").external
    level = _Finished(tmp_path)
    level.getObjLabel = lambda: "level 5"
    run = ExternalRun(engine, "5.a", level)
    source, output = run._import_picks(project, EngineInput(picked=tuple(picked)))[
        "inputCoordinates"]
    protocol = project.newProtocol(XmippProtDeepMicrographScreen, useGpu=False)
    protocol.inputCoordinates.set(source)
    protocol.inputCoordinates.setExtended(output)
    protocol.setWorkingDir("Runs/scores")
    protocol.makePathsAndClean()
    protocol.scoreStep()
    assert protocol.outputCoordinates_Full.getBoxSize() == 20
    found, = run._read_outputs(protocol)
    for number, one in enumerate(picked):
        rows = found.micrographs == number
        np.testing.assert_array_equal(found.points[rows], np.rint(one.points))
    np.testing.assert_allclose(found.scores, found.points[:, 0] / 1000)


def test_model_and_maps_have_the_same_origin(domain, tmp_path):
    engine = ExternalEngine("no", "No", "scipion-em-no", "no", "ProtNo", ("x.txt",), None, None,
                            map_parameter="full", model_parameter="model",
                            model_map_parameter="calculated")
    rng = np.random.default_rng(0)
    volume, one, two, calculated = rng.normal(size=(4, 8, 9, 10)).astype(np.float32)
    structure = models.walk(5)
    recorder = _Recorder(engine, "A.b", _Finished(tmp_path))
    recorder._run_engine(None, EngineInput(volume, 1.5, halves=(one, two), model=structure,
                                           model_map=calculated))
    (_, _, full), (_, _, of_model), (_, _, model), (_, inputs, _) = recorder.runs
    assert inputs == {"full": ("map", "outputVolume"), "model": ("model", "outputPdb"),
                      "calculated": ("map of the model", "outputVolume")}
    for given in full, of_model:
        assert given["setOrigCoord"] and given["x"] == given["y"] == given["z"] == 0
    assert full["setHalfMaps"] and "setHalfMaps" not in of_model
    for name, expected in ((full["filesPath"], volume), (full["half1map"], one),
                           (full["half2map"], two), (of_model["filesPath"], calculated)):
        np.testing.assert_array_equal(read_map(name).volume, expected)
    np.testing.assert_allclose(atom_positions(read_model(model["pdbFile"]).structure),
                               atom_positions(structure), atol=6e-4)


def test_files_may_be_named_by_a_variable_of_the_plugin(domain, monkeypatch, tmp_path):
    class Plugin:
        getHome = staticmethod(lambda: str(tmp_path))
        getVar = staticmethod({"PROGRAM": "other"}.get)

    class Package:
        pass

    Package.Plugin = Plugin
    monkeypatch.setattr(ExternalEngine, "version", "1.0")
    monkeypatch.setattr(domain, "getPlugins", lambda: {"no": Package})
    engine = ExternalEngine("no", "No", "scipion-em-no", "no", "ProtNo", ("x.txt",), None, None,
                            files=("bin/{PROGRAM}",))
    assert why_unavailable(engine) == "bin/other is missing in %s" % tmp_path
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "other").touch()
    assert "ProtNo of scipion-em-no does not load" in why_unavailable(engine)


def test_other_plugins_and_programs_are_needed_too(domain, monkeypatch, tmp_path):
    class Package:
        class Plugin:
            getHome = staticmethod(lambda: str(tmp_path))
            _folder = str(tmp_path / "deep")

    monkeypatch.setattr(ExternalEngine, "version", "1.0")
    monkeypatch.setattr(domain, "getPlugins", lambda: {"no": Package, "other": Package})
    engine = ExternalEngine(
        "no", "No", "scipion-em-no", "no", "ProtNo", ("x.txt",), None, None,
        files=("{_folder}/net*.pth",), programs=("no-such-program",),
        companions=(Companion("scipion-em-other", "other", ("bin/other",)),))
    assert "net*.pth is missing" in why_unavailable(engine)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "net7.pth").touch()
    assert why_unavailable(engine) == "the Scipion plugin scipion-em-other is not installed"
    monkeypatch.setattr(Companion, "version", "1.0")
    assert why_unavailable(engine) == "bin/other is missing in %s" % tmp_path
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "other").touch()
    assert why_unavailable(engine) == "no-such-program is not in the search path for programs"


def test_a_run_without_its_output_is_not_a_result(domain):
    engine = ExternalEngine("no", "No", "scipion-em-no", "no", "ProtNo",
                            ("hand.txt", "lost.mrc"), None, None)
    with pytest.raises(NotMeasured, match="lost.mrc; its logs are run.stdout"):
        ExternalRun(engine, "0.e", None)._read_outputs(_Finished())
