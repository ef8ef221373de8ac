import json

import numpy as np
import pytest

from vrs import inputs
from vrs.cli import main
from vrs.errors import InputError
from vrs.inputs.particles import PARTICLES, ParticleEvidence, particle_diameter
from vrs.io.particles import write_particles_star
from vrs.tests.checks.level_4.orientations import rotations_of, table_of
from vrs.tests.evidence import evidence


@pytest.fixture
def star(tmp_path):
    path = tmp_path / "particles.star"
    write_particles_star(str(path), table_of(rotations_of("side", 2500)))
    return str(path)


def test_particles_alone_are_legal(star):
    given = {"particles": star, "symmetry": "d2", "diameter": "120"}
    inputs.probe(given)
    found = inputs.load(given)
    assert found.map is None and len(found.particles.table) == 2500
    assert (found.particles.symmetry, found.particles.diameter) == ("D2", 120.0)
    assert found.particles.group.shape == (4, 3, 3)
    assert np.abs(found.particles.views[:, 2]).max() < 1e-3
    assert "2,500 particles with angles" in PARTICLES.describe(found)[0][0].text


@pytest.mark.parametrize("given, words", [
    (dict(symmetry="Q7"), "Q7"), (dict(diameter="-3"), "not positive"),
    (dict(particles="/no/table.star"), "/no/table.star"),
    (dict(diameter="1e-9"), "less than 4 pixels of the images"),
    (dict(diameter="301"), "larger than the images of the particles, 300 Å"),
    (dict(particles_used="0.5"), "0.5, is not a whole number"),
    (dict(particles_used="3.7"), "not a whole number"), (dict(particles_used="0"), "not positive"),
    (dict(images_folder="/no/folder"), "no folder /no/folder"),
    (dict(mask="mask.mrc"), "^--mask was given, but a map .* give it with --map.$"),
    (dict(threshold="1", sampling="2"), "^--threshold and --sampling were given")])
def test_what_is_wrong_is_told(star, given, words):
    with pytest.raises(InputError, match=words):
        inputs.probe(dict({"particles": star}, **given))


def test_a_symmetry_that_was_not_given_is_told(star):
    for given, told in (({}, True), ({"symmetry": "C1"}, False)):
        notes = inputs.load(dict({"particles": star}, **given)).notes("particles")
        assert any("as none was given" in note.text for note in notes) is told


def test_all_problems_are_told_at_once(star):
    with pytest.raises(InputError) as caught:
        inputs.probe({"particles": star, "symmetry": "Q7", "diameter": "0"})
    assert len(caught.value.problems) == 2


def test_the_diameter_is_that_of_the_mask_where_there_is_a_map():
    z, y, x = np.ogrid[:40, :40, :40]
    ball = (((z - 20) ** 2 + (y - 20) ** 2 + (x - 20) ** 2) < 100).astype(np.float32)
    whole = evidence(ball, 2.0, 0.5)
    found = whole.replaced("particles", inputs.Loaded(ParticleEvidence(
        table_of(rotations_of("side", 3)))))
    diameter, source = particle_diameter(found)
    # A ball of 20 voxels of 2 Å, and the mask is dilated by 2 Å on each side.
    assert diameter == pytest.approx(44, abs=3) and "mask" in source


def test_the_command_reports_on_a_table(star, tmp_path, capfd):
    out = tmp_path / "out"
    assert main(["validate", "--particles", star, "--resolution", "3", "--output", str(out)]) == 0
    said = capfd.readouterr().out
    assert "Levels assessed: 4; 2 of 2 items passed" in said
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["input"]["box"] is None and report["input"]["file_name"] == "particles.star"
    jsonschema = pytest.importorskip("jsonschema")
    from vrs.report.json_report import SCHEMA
    jsonschema.validate(report, json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_nothing_at_all_is_refused(capsys):
    assert main(["validate", "--threshold", "1"]) == 2
    assert "--particles" in capsys.readouterr().err
