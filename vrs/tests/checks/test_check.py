import numpy as np
import pytest

from vrs.checks import (Check, Criterion, Estimate, Findings, Metric, NotApplicable, NotMeasured,
                        Paragraph, Status, all_checks, checks_of_level, get_check, run_check)


class Example(Check):
    id = "0.z"
    title = "Example"
    criteria = (Criterion("size", "size", "the size", "<=", 2.0, "It is {value}."),)
    estimates = {"size": "size"}
    summary_ok = "Good."
    summary_warnings = "Bad."

    def __init__(self, value=1.0, error=None, reason=None):
        self.value, self.error, self.reason = value, error, reason

    def not_applicable(self, data):
        return self.reason

    def compute(self, data):
        if self.error:
            raise self.error
        return Findings({"size": Metric(self.value, "Å", "")}, [Paragraph("p")],
                        {"map": (np.zeros((2, 2, 2), np.float32), "d")})


def test_ok():
    result, volumes = run_check(Example(), None)
    assert (result.status, result.summary, result.estimates) == (
        Status.OK, "Good.", [Estimate("size", "size", 1.0)])
    assert result.content == [Paragraph("p")] and list(volumes) == ["map"]
    assert (result.id, result.level, result.engine.name) == ("0.z", "0", "builtin")


def test_warnings():
    result, _ = run_check(Example(3.0), None)
    assert (result.status, result.summary) == (Status.WARNINGS, "Bad.")
    assert result.warnings == ["It is 3.0."]


@pytest.mark.parametrize("check, status, reason", [
    (Example(reason="No data."), Status.NOT_APPLICABLE, "No data."),
    (Example(error=NotApplicable("Zeroed.")), Status.NOT_APPLICABLE, "Zeroed."),
    (Example(error=NotMeasured("Too small.")), Status.NOT_MEASURED, "Too small."),
    (Example(value=None), Status.NOT_MEASURED, None),
])
def test_without_result(check, status, reason):
    result, _ = run_check(check, None)
    assert result.status is status
    assert result.reason == reason if reason else result.reason
    assert not result.estimates and not result.warnings


def test_a_failure_is_not_measured(caplog):
    result, volumes = run_check(Example(error=ZeroDivisionError("by zero")), None)
    assert result.status is Status.NOT_MEASURED
    assert "by zero" in result.reason and "0.z" in caplog.text
    assert volumes == {}


def test_without_criteria_it_is_informative():
    class Informative(Example):
        criteria = ()

    assert run_check(Informative(), None)[0].status is Status.INFORMATIVE


def test_registry_finds_the_modules():
    assert [check.id for check in checks_of_level("0")][:4] == ["0.a", "0.b", "0.c", "0.d"]
    assert get_check("0.c").title == "Background analysis"
    for check in all_checks():
        assert check.title and check.explanation and check.needs


def test_a_guard_alone_does_not_make_an_item_ok():
    class Guarded(Example):
        criteria = Example.criteria + (
            Criterion("guard", "guard", "the guard", ">=", 1.0, "It failed.", guards=True),)

    def status(size, guard):
        result = Guarded().judge({"size": Metric(size, "", ""), "guard": Metric(guard, "", "")})
        return result.status, result.warnings

    assert status(1.0, 2.0) == (Status.OK, [])
    assert status(None, 2.0) == (Status.NOT_MEASURED, [])
    assert status(None, 0.0) == (Status.WARNINGS, ["It failed."])
    assert status(1.0, 0.0) == (Status.WARNINGS, ["It failed."])
