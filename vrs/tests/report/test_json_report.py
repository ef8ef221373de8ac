"""The contract of report.json."""

import copy
import json

import jsonschema
import pytest

from vrs.report.json_report import SCHEMA, input_findings, render_json
from vrs.report.sections.given import suspicions
from vrs.results import CriterionOutcome, FileEntry, LevelInput, Note, ServiceOutcome, Status
from vrs.tests.report.conftest import LONG, ODD, make_item, make_level


@pytest.fixture(scope="module")
def validator():
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.fixture(scope="module")
def report(written):
    return json.loads(written[1].json.read_text(encoding="utf-8"))


def test_follows_the_schema(report, validator):
    validator.validate(report)


def test_says_what_the_results_say(report):
    assert report["schema_version"] == "2.0"
    assert report["grade"] == "0"
    assert report["score"] == {"passed": 1, "evaluable": 2}
    assert report["resolution"] == {"reported": 4.3, "estimates": [
        {"item": "0.a", "metric": "percentiles.50", "value": 6.0},
        {"item": "0.b", "metric": "resolution", "value": 5.0},
        {"item": "0.b", "metric": "model", "value": 20.0}]}
    assert report["input"]["file_name"] == LONG and report["input"]["title"] == ODD
    assert report["input"]["added"] == [{
        "level": "0", "title": "Half maps",
        "files": [{"term": "Half map 1", "file_name": "half.mrc", "sha256": "ef" * 32}],
        "notes": [{"severity": "serious", "text": "They share noise."}]}]
    assert report["items"][0]["residues"] == [
        {"name": "q", "description": "Q-score", "unit": "", "chains": ["A"], "numbers": ["1a"],
         "names": ["ALA"], "values": [0.5]}]
    assert report["items"][0]["curves"] == [{"name": "fsc", "description": "FSC",
                                             "frequencies": [0.0, 0.1], "values": [1.0, 0.5]}]
    assert [item["status"] for item in report["items"]] == [
        "ok", "warnings", "not_applicable", "not_measured", "informative", "not_run"]
    second = report["items"][1]
    assert second["metrics"]["b"] == {"value": [1, 2.5, None], "unit": "",
                                      "description": "A vector"}
    assert second["metrics"]["c"]["value"] is None
    assert second["criteria"][0]["default_bound"] == 1.0
    assert [(warning["severity"], warning["criterion"]) for warning in second["warnings"]] == [
        ("serious", "0.b.two")] * 2
    assert second["warnings"][1]["text"] == "Second warning."
    assert second["criteria"][1]["bound"] == [0.0, 1.0]
    assert report["provenance"]["levels"]["0"]["seed"] == 7


def test_paths_lead_from_the_report_to_the_maps(report, written):
    results_file, paths = written
    [entry] = report["input"]["files"]
    assert entry["name"] == "map" and entry["description"] == "The map" and entry["unit"] == ""
    assert (paths.json.parent / entry["path"]).resolve() == results_file.parent / "map.mrc"


def test_maps_have_units_and_models_have_none(validator, tmp_path):
    files = [FileEntry("local", "local.mrc", "Local resolution", "volume", "Resolution", "Å",
                       "local", [2.0, 5.0]),
             FileEntry("coloured", "coloured.cif", "FSC-Q of the atoms", "model", "FSC-Q", "Å")]
    level = make_level([make_item("0.a", files=files)])
    report = json.loads(render_json([(level, tmp_path / "run")], {}, "", tmp_path))
    validator.validate(report)
    assert report["items"][0]["files"] == [
        {"name": "local", "path": "run/local.mrc", "description": "Local resolution", "unit": "Å"},
        {"name": "coloured", "path": "run/coloured.cif", "description": "FSC-Q of the atoms"}]


def test_has_no_nan(written):
    json.loads(written[1].json.read_text(encoding="utf-8"), parse_constant=pytest.fail)


def test_same_results_give_the_same_report_but_for_paths(written, rewritten):
    def rest(path):
        report = json.loads(path.read_text(encoding="utf-8"))
        for part in [report["input"]] + report["items"]:
            part.pop("files")
        return report
    assert json.dumps(rest(rewritten.json)) == json.dumps(rest(written[1].json))


def test_levels_of_one_report(full_results, validator, tmp_path):
    model = make_level([make_item("A.a")], "A")
    report = json.loads(render_json([(full_results, tmp_path), (model, tmp_path)], {}, "",
                                    tmp_path))
    validator.validate(report)
    assert report["grade"] == "0A"
    assert set(report["provenance"]["levels"]) == {"0", "A"}


@pytest.mark.parametrize("spoil", [
    lambda report: report.pop("score"),
    lambda report: report.update(extra=1),
    lambda report: report["items"][0].update(status="fine"),
    lambda report: report["items"][1].update(warnings=[]),
    lambda report: report["items"][2].update(reason=""),
    lambda report: report["items"][5].update(reason=""),
    lambda report: report["items"][0]["files"][0].update(unit=None),
    lambda report: report["items"][1]["criteria"][0].update(outcome="maybe")])
def test_schema_refuses(report, validator, spoil):
    spoilt = copy.deepcopy(report)
    spoil(spoilt)
    assert not validator.is_valid(spoilt)


def test_the_outcome_of_the_service(validator, tmp_path):
    items = [make_item("0.a", service=ServiceOutcome(Status.WARNINGS, ["Too large."])),
             make_item("0.b")]
    report = json.loads(render_json([(make_level(items), tmp_path)], {}, "", tmp_path))
    validator.validate(report)
    assert [item.get("service") for item in report["items"]] == [
        {"status": "warnings", "warnings": ["Too large."]}, None]


def test_every_relation_is_in_the_schema(validator, tmp_path):
    from vrs.checks.criteria import _RELATIONS
    outcomes = [CriterionOutcome("0.a.x", "x", "x", relation, 1.0, 1.0, "met")
                for relation in list(_RELATIONS) + ["within"]]
    level = make_level([make_item("0.a", Status.OK, criteria=outcomes)])
    validator.validate(json.loads(render_json([(level, tmp_path)], {}, "", tmp_path)))


def test_a_finding_that_several_levels_tell_counts_once(tmp_path):
    """Particles are described at each level that takes them."""
    levels = [make_level([make_item(level + ".a")], level) for level in "34"]
    for level in levels:
        level.added = LevelInput("Particles", [], [
            Note("The images are dark."), Note("They are too small.", "minor"),
            Note("The symmetry is not known.", "serious")], [])
    report = json.loads(render_json([(level, tmp_path) for level in levels], {}, "", tmp_path))
    assert input_findings(report) == [
        ("Particles", "They are too small.", "minor"),
        ("Particles", "The symmetry is not known.", "serious")]
    [(_, notes)] = suspicions(levels).items()
    assert [note.text for note in notes] == ["They are too small.", "The symmetry is not known."]
