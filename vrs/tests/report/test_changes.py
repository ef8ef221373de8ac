"""What changed from one report to another."""

import copy
import json

import pytest

from vrs.cli import main
from vrs.errors import InputError
from vrs.report.changes import changes, read_report


@pytest.fixture
def before(written):
    return json.loads(written[1].json.read_text(encoding="utf-8"))


@pytest.fixture
def after(before):
    """A warning with another number, one that is gone, a new one, a criterion that is met now."""
    report = copy.deepcopy(before)
    first, second = report["items"][:2]
    first.update(status="warnings", warnings=[
        {"text": "It is 3.5 Å off.", "severity": "minor", "criterion": "0.a.x"}])
    second["warnings"][1:] = []
    second["warnings"][0]["text"] += " 12"
    second["metrics"]["b"]["value"] = [1, 2.5, 3]
    second["metrics"]["a"]["value"] = 1.250001  # the same in print
    second["criteria"][1]["outcome"] = "met"
    report["items"][5:] = []
    first["curves"][0]["values"] = [1.0, 0.25]
    return report


def test_a_report_is_like_itself(before):
    found = changes(before, before)
    assert found.sentence() == "Nothing changed."
    assert not (found.items or found.came or found.went or found.numbers)
    assert [(pair.item, list(pair.before[1])) for pair in found.curves] == [("0.a", [1.0, 0.5])]


def test_what_changed_is_found_both_ways(before, after):
    before["items"][1]["warnings"][0]["text"] += " 11"
    found, back = changes(before, after), changes(after, before)
    assert [(change.id, change.printed) for change in found.items] == [
        ("0.a", ("OK", "1 warning")), ("0.b", ("2 warnings", "1 warning")),
        ("0.f", ("Not run", "–"))]
    # "11" became "12" in what is otherwise the same.
    assert [finding.text for finding in found.came] == ["It is 3.5 Å off."]
    assert [finding.text for finding in found.went] == ["Second warning."]
    assert (back.came, back.went) == (found.went, found.came)
    [number] = found.numbers
    assert (number.item, number.metric, number.outcomes) == ("0.b", "b", ("broken", "met"))
    assert (number.before, number.after) == ("1, 2.5, no value", "1, 2.5, 3")
    assert [list(pair.after[1]) for pair in found.curves] == [[1.0, 0.25]]
    assert found.sentence() == ("2 items with another status, 1 item in only one of the reports, "
                                "1 new finding, 1 finding gone, 1 number changed.")


def test_a_finding_that_became_serious_is_new(before):
    report = copy.deepcopy(before)
    report["input"]["notes"][1]["severity"] = "serious"
    found = changes(before, report)
    assert [(finding.place, finding.severity) for finding in found.came] == [("Map", "serious")]
    assert [finding.severity for finding in found.went] == ["minor"]


@pytest.mark.parametrize("text, told", [
    (None, "cannot be read"), ("{", "not valid JSON"), ("[1]", "not a report.json of vrs"),
    ('{"score": 1}', "not a report.json of vrs"),
    ('{"schema_version": "1.1", "items": []}', "only those with 2.x can be compared")])
def test_what_is_no_report_is_refused(tmp_path, text, told):
    path = tmp_path / "report.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_report(path)
    [problem] = caught.value.problems
    assert told in problem and str(path) in problem


def test_command_prints_and_writes_a_page(before, after, tmp_path, capfd):
    for name, report in (("a", before), ("b", after)):
        (tmp_path / name).write_text(json.dumps(report), encoding="utf-8")
    out = tmp_path / "new" / "folder"
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b"), "--output", str(out)]) == 0
    said = capfd.readouterr().out
    assert "0.b  Title" in said and ": 2 warnings -> 1 warning" in said
    assert "b: 1, 2.5, no value -> 1, 2.5, 3 (met)" in said
    page = (out / "comparison.html").read_text(encoding="utf-8")
    assert str(out / "comparison.html") in said
    assert "It is 3.5 Å off." in page and "before: broken" in page
    assert page.count("data:image/svg+xml") == 1  # the curves
    assert "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
    assert "<script>1</script>" not in page and "Level" not in page
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "c")]) == 2
    assert len(capfd.readouterr().err.splitlines()) == 1
