import os
import threading

import numpy as np
import pytest

import vrs
from vrs.cli import main
from vrs.errors import InputError
from vrs.io.folders import alone_in
from vrs.io.maps import write_map
from vrs.io.models import write_model
from vrs.io.particles import write_particles_star
from vrs.io.saxs import write_saxs
from vrs.numerics.saxs import SaxsCurve
from vrs.tests.checks.level_4.orientations import rotations_of, table_of
from vrs.tests.checks.level_A import models
from vrs.tests.io.files import blob, save
from vrs.tests.io.test_particles import relion


@pytest.fixture
def star(tmp_path):
    path = tmp_path / "particles.star"
    write_particles_star(str(path), table_of(rotations_of("uniform", 300)))
    return str(path)


@pytest.fixture
def half_paths(tmp_path):
    return [save(tmp_path / ("half%d.mrc" % number), blob((9, 8, 7), seed=number))
            for number in (1, 2)]


def problems(**given):
    with pytest.raises(InputError) as caught:
        vrs.validate(**given)
    return caught.value.problems


def test_particles_without_angles_are_no_validation(tmp_path, capsys):
    flat_star = relion(tmp_path / "flat.star", AngleRot=None, AngleTilt=None)
    problem = ("Nothing that was given can be validated: the table gives no angles of the "
               "particles with respect to a map; give the table of a 3D refinement.")
    assert problem in problems(particles=flat_star)
    assert main(["validate", "--particles", flat_star, "--output", str(tmp_path / "out")]) == 2
    assert problem in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_what_is_lacking_for_other_items_is_not_told(tmp_path):
    q = np.linspace(0.01, 0.3, 50)
    write_saxs(str(tmp_path / "a.dat"), SaxsCurve(q, np.exp(-100 * q ** 2), 0.01 + 0 * q))
    write_model(str(tmp_path / "model.cif"), models.walk())
    for added in ({}, {"model": str(tmp_path / "model.cif")}):
        [problem] = problems(saxs=str(tmp_path / "a.dat"), **added)
        assert "it needs a map" in problem


def test_what_no_level_takes_is_told(star, half_paths, tmp_path):
    [problem] = problems(particles=star, half_maps=half_paths)
    assert problem == ("Two half maps can only be judged with a map; give it with --map.")
    write_model(str(tmp_path / "model.cif"), models.walk())
    found = problems(model=str(tmp_path / "model.cif"), half_maps=half_paths)
    assert [text.split(" can only")[0] for text in found] == ["Two half maps", "An atomic model"]
    assert problems() == ["Nothing was given that can be validated; give a map with --map, or a "
                          "table of particles with --particles."]


def test_projects_and_queues_are_for_maps(star, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("vrs.cli.validate.require_queue", lambda name: None)
    monkeypatch.setattr("vrs.cli.validate.is_installed", lambda: True)
    assert main(["validate", "--particles", star, "--output", str(tmp_path / "out"),
                 "--project", "mine", "--queue", "long"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert [line.split(" is for validations in a Scipion project")[0] for line in said] == [
        "vrs: --project", "vrs: --queue"]
    assert not (tmp_path / "out").exists()


def test_one_report_is_one_run(star, tmp_path):
    """Nothing of an earlier report stays, and nothing else is touched."""
    write_map(str(tmp_path / "map.mrc"), models.noisy_map(models.walk()), models.SAMPLING)
    report = vrs.validate(map=str(tmp_path / "map.mrc"), threshold=0.2)
    folder = tmp_path / "report"
    report.save(folder)
    made = os.listdir(str(folder / "files"))
    assert "hard_mask.mrc" in made
    (folder / "emv_daq.json").write_text("{}")
    (folder / "notes.txt").write_text("mine")
    (folder / "files" / "mine.mrc").write_text("mine")
    (folder / "files" / "vrs_particles.star").write_text("values of the earlier particles")
    vrs.validate(particles=star, resolution=4).save(folder)
    assert sorted(os.listdir(str(folder))) == ["files", "notes.txt", "report.html", "report.json",
                                               "report.pdf"]
    assert sorted(os.listdir(str(folder / "files"))) == ["mine.mrc", "results.json"]


def test_rules_of_the_service(star, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = vrs.validate(particles=star, resolution=4, criteria="service")
    assert {level.criteria_source for level in report.levels} == {"service"}
    (tmp_path / "service").write_text('{"4.g.efficiency": 0.9}')
    report = vrs.validate(particles=star, resolution=4, criteria="./service")
    assert {level.criteria_source for level in report.levels} == {str(tmp_path / "service")}
    assert report.items["4.g"].criteria[1].bound == 0.9


def test_reports_are_written_one_after_the_other(tmp_path):
    order = []

    def write(name, started, ready):
        started.wait()
        with alone_in(tmp_path):
            order.append(name)
            ready.set()

    started, ready = threading.Event(), threading.Event()
    other = threading.Thread(target=write, args=("second", started, ready))
    other.start()
    with alone_in(tmp_path):
        started.set()
        assert not ready.wait(0.2)
        order.append("first")
    other.join()
    assert order == ["first", "second"]


def test_a_folder_to_send(star, tmp_path, capfd):
    out = tmp_path / "out"
    assert main(["validate", "--particles", star, "--resolution", "4", "--zip", "--output",
                 str(out)]) == 0
    assert str(out / "vrs_report.zip") in capfd.readouterr().out
    assert (out / "vrs_report.zip").stat().st_size > (out / "report.pdf").stat().st_size / 2
