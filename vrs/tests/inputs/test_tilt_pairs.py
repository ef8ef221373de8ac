import json

import numpy as np
import pytest

import vrs
from vrs import inputs
from vrs.cli import main
from vrs.errors import InputError
from vrs.inputs.tilt_pairs import TILT_PAIRS
from vrs.io.particles import write_particles_star
from vrs.tests.checks.level_4.orientations import table_of
from vrs.tests.images.test_tilt_pairs import pairs


def write(folder, *rotations):
    paths = []
    for name, part in zip(("untilted", "tilted"), rotations):
        paths.append(str(folder / (name + ".star")))
        write_particles_star(paths[-1], table_of(part))
    return dict(zip(("untilted", "tilted"), paths), tilt_angle="45")


@pytest.fixture
def given(tmp_path):
    return write(tmp_path, *pairs(40, np.random.default_rng(0), 20, 45))


def test_pairs_are_read_and_described(given):
    given = dict(given, tilt_axis="20", symmetry="d2")
    inputs.probe(given)
    found = inputs.load(given)
    part = found.tilt_pairs
    assert (part.angle, part.axis, part.symmetry) == (45.0, 20.0, "D2")
    assert part.group.shape == (4, 3, 3) and len(part.untilted) == len(part.tilted) == 40
    assert [source.term for source in found.sources("tilt_pairs")] == [
        "Untilted images", "Tilted images"]
    (note,), _ = TILT_PAIRS.describe(found)
    assert "40 tilt pairs" in note.text and "at 20° in the images" in note.text


def test_an_axis_along_x_is_an_axis(given):
    found = inputs.load(dict(given, tilt_axis=0))
    assert found.tilt_pairs.axis == 0
    assert "was not given" in TILT_PAIRS.describe(inputs.load(given))[0][0].text


def test_a_symmetry_that_was_not_given_is_told(given):
    for symmetry, told in ((None, True), ("C1", False)):
        notes = inputs.load(dict(given, symmetry=symmetry)).notes("tilt_pairs")
        assert any("as none was given" in note.text for note in notes) is told


@pytest.mark.parametrize("changes, words", [
    (dict(tilted=None), "^One table of tilt pairs was given; give both"),
    (dict(untilted=None), "^One table of tilt pairs was given; give both"),
    (dict(tilt_angle=None), "^The tilt between the images of a pair was not given"),
    (dict(tilt_angle="many"), "^The tilt angle, many, is not a number"),
    (dict(tilt_angle="10"), "^The tilt is 10°; it must be between 15 and 165°"),
    (dict(tilt_axis="north"), "^The tilt axis, north, is not a number"),
    (dict(tilt_axis="1e30"), "between -360 and 360°"),
    (dict(symmetry="Q7"), "Q7"), (dict(tilted="/no/table.star"), "/no/table.star"),
    (dict(tilted=__file__), "is not a ")])
def test_what_is_wrong_is_told_in_a_sentence(given, changes, words):
    with pytest.raises(InputError, match=words) as caught:
        inputs.probe(dict(given, **changes))
    assert len(caught.value.problems) == 1 and caught.value.problems[0].endswith(".")


def test_all_problems_are_told_at_once(given):
    with pytest.raises(InputError) as caught:
        inputs.probe(dict(given, tilt_angle="0", tilt_axis="x", symmetry="Q7", tilted=None))
    assert len(caught.value.problems) == 4


def test_the_same_file_twice_is_refused(given):
    with pytest.raises(InputError, match="are the same file"):
        inputs.probe(dict(given, tilted=given["untilted"]))


def test_tables_of_other_lengths_are_refused(tmp_path):
    untilted, tilted = pairs(40, np.random.default_rng(0))
    given = write(tmp_path, untilted, tilted[:39])
    with pytest.raises(InputError, match="^There are 40 untilted and 39 tilted images"):
        inputs.probe(given)
    assert "same rows" in inputs.load(given).failures["tilt_pairs"]


def test_the_same_angles_are_refused(tmp_path):
    untilted, _ = pairs(40, np.random.default_rng(0))
    found = inputs.load(write(tmp_path, untilted, untilted))
    assert "have the same angles" in found.failures["tilt_pairs"]


def test_tables_without_angles_are_refused(given, test_data):
    path = str(test_data("particles", "relion5_betagal", "particles_21-25.star"))
    with pytest.raises(InputError) as caught:
        inputs.probe(dict(given, untilted=path))
    assert caught.value.problems[0] == (
        "%s gives no angles of its particles with respect to a map; give a table of a 3D "
        "refinement or alignment." % path)


@pytest.mark.parametrize("left, words", [
    (dict(tilt_axis="3"), "^--tilt-axis was given, but two tables of tilt pairs were not; give "
                          "them with --untilted and --tilted.$"),
    (dict(symmetry="D2"), "^--symmetry was given, but a table of particles was not")])
def test_options_without_their_evidence_are_told_once(left, words):
    with pytest.raises(InputError, match=words) as caught:
        inputs.probe(left)
    assert len(caught.value.problems) == 1


def test_an_option_is_shared_as_one_object(given):
    names = [option.name for option in inputs.all_options()]
    assert len(set(names)) == len(names) and "symmetry" in names

    class Other(inputs.Kind):
        name = "other"
        options = (inputs.Option("symmetry", "another", type=inputs.TEXT),)

    with pytest.raises(ValueError, match="taken"):
        inputs.register(Other())


def test_the_command_reports_on_pairs_alone(given, tmp_path, capfd):
    out = tmp_path / "out"
    assert main(["validate", "--untilted", given["untilted"], "--tilted", given["tilted"],
                 "--tilt-angle", "-45", "--tilt-axis", "20", "--output", str(out)]) == 0
    said = capfd.readouterr().out
    assert "Levels assessed: O; 0 of 1 items passed" in said and "mirror image" in said
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["input"]["file_name"] == "untilted.star" and report["input"]["box"] is None
    (added,) = report["input"]["added"]
    assert added["level"] == "O" and added["title"] == "Tilt pairs"
    assert [entry["file_name"] for entry in added["files"]] == ["untilted.star", "tilted.star"]
    jsonschema = pytest.importorskip("jsonschema")
    from vrs.report.json_report import SCHEMA
    jsonschema.validate(report, json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_evidence_that_cannot_be_read_and_nothing_else_is_refused(tmp_path):
    untilted, _ = pairs(40, np.random.default_rng(0))
    with pytest.raises(InputError, match="have the same angles"):
        vrs.validate(**write(tmp_path, untilted, untilted))
