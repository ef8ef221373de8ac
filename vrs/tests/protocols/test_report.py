import json
import os

import pytest
from pyworkflow.object import Pointer

from vrs.report import views3d
from vrs.tests.protocols import maps


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
    assert "Grade *0*" in protocol.summary()[0]


def test_chimerax_that_is_not_there_is_refused(new_report, monkeypatch):
    monkeypatch.setattr("vrs.protocols.report.find_chimerax", lambda: None)
    assert any("VRS_CHIMERAX" in problem for problem in new_report(renderer=1).validate())
    assert new_report(renderer=0).validate() == []


def test_results_that_have_vanished(new_report):
    protocol = new_report()
    os.remove(protocol.inputResults[0].get().getResultsFile())
    assert any("run that level again" in problem for problem in protocol.validate())
