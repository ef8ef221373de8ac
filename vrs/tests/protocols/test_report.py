import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from pyworkflow.object import Pointer

from vrs.report import views3d
from vrs.results import read_results
from vrs.tests.protocols import maps
from vrs.tests.protocols.conftest import run


@pytest.fixture
def new_report(project, new_level):
    level = new_level()
    project.launchProtocol(level, wait=True)

    def make(**parameters):
        from vrs.protocols import ProtVrsReport
        protocol = project.newProtocol(ProtVrsReport, **parameters)
        protocol.inputResults.append(Pointer(level, extended="outputResults"))
        return protocol

    return make


@pytest.fixture
def no_3d_views(monkeypatch):
    """Spares the drawing, which takes longer than all else."""
    def draw(*_, **__):
        raise views3d.ViewError("Not drawn in this test.")

    monkeypatch.setattr(views3d.SeenSurface, "draw", draw)


def test_the_report_and_where_it_comes_from(project, new_report, no_3d_views):
    protocol = new_report(title="Ball")
    project.launchProtocol(protocol, wait=True)
    assert protocol.isFinished(), protocol.getErrorMessage()
    report = protocol.outputReport
    for path in report.getFiles():
        assert os.path.getsize(path) > 1000
    with open(report.getJson()) as handle:
        written = json.load(handle)
    assert written["grade"] == report.getGrade() == "0"
    assert (written["score"]["passed"], written["score"]["evaluable"]) == report.getScore()
    assert written["input"]["threshold"] == maps.THRESHOLD
    provenance = written["provenance"]
    assert provenance["project"]["path"] == project.path
    assert [run["class"] for run in provenance["protocols"]] == ["ProtImportVolumes",
                                                                 "ProtVrsLevel0"]
    assert {"scipion-em", "scipion-pyworkflow", "numpy", "scipy", "mrcfile"} <= set(
        provenance["packages"])
    assert "Levels assessed: *0*;" in protocol.summary()[0]


@pytest.fixture
def thresholds(monkeypatch):
    """The thresholds of the reports that were written, instead of reports."""
    found = []

    def write_report(files, folder, *_, **__):
        found.append(read_results(files[0])[0].input.threshold)
        paths = {form: os.path.join(folder, "report." + form) for form in ("json", "pdf", "html")}
        for path in paths.values():
            Path(path).touch()
        return SimpleNamespace(**paths)

    monkeypatch.setattr("vrs.protocols.report.write_report", write_report)
    return found


def test_a_level_that_ran_again_is_reported_anew(project, quick, new_report, thresholds):
    protocol = new_report()
    level = project.getProtocol(protocol.inputResults[0].getObjValue().getObjId())

    def launch(*runs):
        for again in runs:
            project.launchProtocol(again, wait=True)
            assert again.isFinished(), again.getErrorMessage()

    launch(protocol, protocol)
    assert thresholds == [maps.THRESHOLD]
    level.threshold.set(0.6)
    launch(level, protocol)
    assert thresholds == [maps.THRESHOLD, 0.6]
    os.remove(protocol.outputReport.getHtml())
    launch(protocol)
    assert thresholds == [maps.THRESHOLD, 0.6, 0.6]


def test_chimerax_that_is_not_there_is_refused(quick, new_report, monkeypatch):
    monkeypatch.setattr("vrs.protocols.report.find_chimerax", lambda: None)
    assert any("VRS_CHIMERAX" in problem for problem in new_report(renderer=1).validate())
    assert new_report(renderer=0).validate() == []


def test_results_that_cannot_be_reported_are_refused(project, quick, new_report, new_level):
    protocol = new_report()
    assert protocol.validate() == []
    other = new_level(threshold=0.6)
    project.saveProtocol(other)
    protocol.inputResults.append(Pointer(other, extended="outputResults"))
    assert "no results yet" in protocol.validate()[-1]
    run(project, other)
    assert "different thresholds" in " ".join(protocol.validate())
    path = Path(other.outputResults.getResultsFile())
    path.write_text("{")
    (problem,) = protocol.validate()
    assert str(path) in problem and "with Restart" in problem
    path.unlink()
    (problem,) = protocol.validate()
    assert "missing; run that level again" in problem
