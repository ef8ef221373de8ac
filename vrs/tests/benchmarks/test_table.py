"""Counts of the bench, from documents whose verdicts are known."""

import pytest

sets = pytest.importorskip("benchmarks.verdicts.sets")
table = pytest.importorskip("benchmarks.verdicts.table")

SERIOUS_NOTE = {"severity": "serious", "text": "The half maps were masked."}


def document(b_factor, notes=()):
    """A report of 0.d alone, with a B factor within the mask and findings on the half maps."""
    metrics = {"masked_relative_b_factor": {"value": b_factor, "unit": "R²", "description": ""},
               "relative_b_factor": {"value": -10.0, "unit": "R²", "description": ""}}
    return {"report": {
        "input": {"notes": [{"severity": "informative", "text": "The map."}],
                  "added": [{"level": "1", "notes": list(notes)}]},
        "items": [{"id": "0.d", "status": "ok", "reason": "", "warnings": [], "metrics": metrics,
                   "criteria": []}]}}


def outcomes():
    sound = [one for one in sets.SOUND if one.part == "reporting" and not one.expected][:4]
    faulty = [one for one in sets.FAULTY if one.fault == "halves_masked"]
    return ([table.outcome(one, document(5.0 if number == 0 else -10.0))
             for number, one in enumerate(sound)]
            + [table.outcome(one, document(-10.0, [SERIOUS_NOTE] if number else []))
               for number, one in enumerate(faulty)])


def test_present_criteria_judge_stored_metrics():
    one = sets.SETS["rcc1-3.5-plain"]
    [warned] = table.outcome(one, document(5.0)).warned
    assert (warned.source, warned.criterion, warned.value) == ("0.d", "0.d.over_sharpened", 5.0)
    assert table.outcome(one, document(5.0), stored=True).warned == []


def test_false_alarms_and_faults_are_counted():
    found = outcomes()
    rows = {row[0]: row[1:] for row in table.item_rows(found)}
    # Wilson's interval of 1 in 4 is 4.6 to 69.9 %.
    assert rows["0.d"][2] == "1/4 (5 to 70 %)"
    masked = len([one for one in sets.FAULTY if one.fault == "halves_masked"])
    [row] = table.fault_rows(found)
    assert row[:2] == ["half maps masked", "%d/%d" % (masked - 1, masked)]
    assert row[4] == "half maps (findings) (%d)" % (masked - 1)
    assert [row[2] for row in table.report_rows(found)][:2] == ["4/4 (51 to 100 %)",
                                                               "3/4 (30 to 95 %)"]


def test_a_minor_warning_that_is_right_is_no_false_alarm():
    blunt = next(one for one in sets.SOUND if "0.d" in one.expected)
    found = table.outcome(blunt, document(5.0))
    assert len(found.warned) == 1 and found.counted == []


def test_page_takes_the_tables():
    text = table.tables(outcomes())
    assert "4 sound and 3 faulty sets" in text and "half maps masked" in text
