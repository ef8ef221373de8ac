"""``vrs validate --relion``, and jobs in the tables of ``vrs batch``."""

import os

import pytest

import vrs
from vrs.cli import _parser, _row_options, main, validate
from vrs.cli.batch_table import read_table
from vrs.tests.bundles.relion_projects import whole_project
from vrs.tests.protocols import maps


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return whole_project(tmp_path_factory.mktemp("relion") / "project", "5.0")


@pytest.fixture
def requests(monkeypatch, tmp_path):
    """What the command would run."""
    found = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(validate, "run", lambda request, _: found.append(request))
    return found


def test_a_job_is_enough(project, requests, tmp_path, capfd):
    job = project.path("PostProcess/job012")
    assert main(["validate", "--relion", str(job)]) == 0
    [request] = requests
    top = os.path.realpath(str(project.folder))
    assert request.given["map"] == os.path.join(top, "PostProcess/job012/postprocess.mrc")
    assert request.given["resolution"] == 6.25 and request.given["symmetry"] == "D2"
    # The threshold was suggested: the report, which is made from the same options, says so.
    assert "threshold" not in request.given and 0 < request.map.threshold < 1
    assert request.output == str(tmp_path / "PostProcess_job012_vrs")
    told = capfd.readouterr().out.splitlines()
    assert len(told) == 10 and told[0].startswith("map: %s" % top)
    assert "resolution: 6.25 (PostProcess/job012/postprocess.star)" in told


def test_what_is_given_wins(project, requests, tmp_path, capfd):
    other = str(maps.write_blob(tmp_path / "other.mrc"))
    assert main(["validate", "--relion", str(project.path("PostProcess/job012")), "--map", other,
                 "--threshold", "0.4", "--title", "My map"]) == 0
    [request] = requests
    assert request.given["map"] == other and request.given["title"] == "My map"
    assert request.map.threshold == 0.4
    assert "map: as given, instead of" in capfd.readouterr().out


def test_what_is_wrong_is_told(project, requests, capfd):
    assert main(["validate", "--relion", str(project.folder)]) == 2
    assert "is a project of RELION" in capfd.readouterr().err and not requests


def table(folder, text):
    (folder / "list.csv").write_text(text)
    commands = next(action for action in _parser()._actions if action.dest == "name").choices
    return read_table(str(folder / "list.csv"), _row_options(commands))


def test_a_table_of_jobs(tmp_path):
    rows = table(tmp_path, "relion,cryosparc,map,title,entry-xml,mask\np/PostProcess/job012,,,,,\n"
                 ",q/J10,,A title,,none\n,,a.mrc,,emd.xml,\n")
    assert [row.name for row in rows] == ["PostProcess_job012", "q_J10", "a"]
    assert rows[0].arguments() == ["validate", "--relion=%s" % (tmp_path / "p/PostProcess/job012")]
    assert rows[1].options["mask"] == "none" and rows[1].files == [str(tmp_path / "q/J10")]
    assert rows[1].options["title"] == "A title" and rows[1].command == "validate"
    # Another run of the job makes another row of it.
    assert rows[0].files == [str(tmp_path / "p/PostProcess/job012")]
    assert rows[2].files == [str(tmp_path / "a.mrc"), str(tmp_path / "emd.xml")]


def test_the_library_takes_jobs(project):
    report = vrs.validate(relion=project.path("Class2D/job008"))
    assert report.grade == "5W"
    assert report.items["W"].metrics["protocols"].value == 4
    assert report.taken[0].startswith("particles: ") and "run_it025_data.star" in report.taken[0]
