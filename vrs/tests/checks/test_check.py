import numpy as np
import pytest

from vrs.checks import (SERVICE, AskedFor, Check, Criterion, Findings, NotApplicable, NotMeasured,
                        Overrides, Quantity, Shared, SharedOutcome, all_checks, checks_of_level,
                        get_check, register, resolution, run_check)
from vrs.inputs import Evidence, Run, compose
from vrs.inputs.reported import Reported
from vrs.results import (Estimate, Metric, Paragraph, ServiceOutcome, Status, Volume, from_json,
                         read_json, to_json)
from vrs.tests.evidence import evidence
from vrs.validation import Validation


class Refusing:
    """A requirement that is never met."""

    words = "what nobody has"

    def unmet(self, evidence):
        return Status.NOT_RUN, "No data."


class Example(Check):
    id = "0.z"
    title = "Example"
    quantities = (Quantity("size", "Å", "How large it is"), Quantity("guard", "", "A guard"))
    criteria = (Criterion(name="size", subject="the size", relation="<=", bound=2.0,
                          warning="It is {value}."),)
    estimates = {"size": "size"}
    summary_ok = "Good."
    summary_warnings = "Bad."

    def __init__(self, value=1.0, error=None, requires=(), uses=()):
        self.value, self.error = value, error
        self.requires, self.uses = requires, uses

    def compute(self, data):
        if self.error:
            raise self.error
        return Findings({"size": self.value}, [Paragraph("p")], [
            Volume("map", np.zeros((2, 2, 2), np.float32), "d")])


def run(check, evidence=Evidence()):
    return run_check(check, evidence)


def test_ok():
    result, volumes = run(Example())
    assert (result.status, result.summary, result.estimates) == (
        Status.OK, "Good.", [Estimate("size", "size", 1.0)])
    assert result.content == [Paragraph("p")] and [volume.name for volume in volumes] == ["map"]
    assert (result.id, result.level, result.engine.name) == ("0.z", "0", "builtin")


def test_warnings():
    result, _ = run(Example(3.0))
    assert (result.status, result.summary) == (Status.WARNINGS, "Bad.")
    assert result.warnings == ["It is 3.0."]


class Differing(Example):
    """The service asks for something else in its size, and nothing of its guard."""

    criteria = (
        Criterion(name="size", subject="the size", relation="<=", bound=2.0,
                  warning="It is {value}.", service=(
                      Criterion(name="size", subject="the size", relation="<=", bound=4.0,
                                warning="{value} is above {bound}."),)),
        Criterion(name="guard", subject="the guard", relation=">=", bound=0.0, warning="No.",
                  service=()))


@pytest.mark.parametrize("size, guard, ours, of_service", [
    (1.0, 1.0, "OK", None), (3.0, 1.0, "1 warning", (Status.OK, [])),
    (3.0, -1.0, "2 warnings", (Status.OK, [])),
    (5.0, 1.0, "1 warning", None),
    (5.0, -1.0, "2 warnings", (Status.WARNINGS, ["5.0 is above 4."]))])
def test_the_outcome_of_the_service_where_it_differs(size, guard, ours, of_service):
    metrics = {"size": Metric(size, "Å", ""), "guard": Metric(guard, "", "")}
    check = Differing()
    result = check.judge(metrics)
    assert result.printed_status() == ours
    assert result.service == (of_service and ServiceOutcome(*of_service))
    asked = check.judge(metrics, Overrides(source=SERVICE))
    assert asked.service is None and len(asked.criteria) == 1
    assert (asked.status is Status.OK) == (size < 4)


def test_applicability_by_the_service():
    wide = resolution(0, 15)
    check = Example(requires=(resolution(0, 8, service=wide),))
    evidence = compose(reported=Reported(9.0))
    assert check.unmet(evidence)[0] is Status.NOT_APPLICABLE
    assert check.unmet(evidence, Overrides(source=SERVICE)) is None
    assert run_check(check, evidence, Overrides(source=SERVICE))[0].status is Status.OK


@pytest.mark.parametrize("check, status, reason", [
    (Example(requires=(Refusing(),)), Status.NOT_RUN, "No data."),
    (Example(error=NotApplicable("Zeroed.")), Status.NOT_APPLICABLE, "Zeroed."),
    (Example(error=NotMeasured("Too small.")), Status.NOT_MEASURED, "Too small."),
    (Example(value=None), Status.NOT_MEASURED, None),
])
def test_without_result(check, status, reason):
    result, _ = run(check)
    assert result.status is status
    assert result.reason == reason if reason else result.reason
    assert not result.estimates and not result.warnings


def test_a_failure_is_not_measured(caplog):
    result, volumes = run(Example(error=ZeroDivisionError("by zero")))
    assert result.status is Status.NOT_MEASURED
    assert "by zero" in result.reason and "0.z" in caplog.text
    assert volumes == []


def test_too_little_memory_is_told_with_what_to_do(caplog):
    result, _ = run(Example(error=MemoryError("Unable to allocate 36.0 MiB")))
    assert result.status is Status.NOT_MEASURED and "one thread" in result.reason
    assert "36.0 MiB" in caplog.text


def test_without_criteria_it_is_informative():
    class Informative(Example):
        criteria = ()

    assert run(Informative())[0].status is Status.INFORMATIVE


def test_registry_finds_the_modules():
    assert [check.id for check in checks_of_level("0")][:4] == ["0.a", "0.b", "0.c", "0.d"]
    assert get_check("0.c").title == "Background analysis"
    for check in all_checks():
        assert check.title and check.explanation and check.needs


def test_a_guard_alone_does_not_make_an_item_ok():
    class Guarded(Example):
        criteria = Example.criteria + (Criterion(
            name="guard", subject="the guard", relation=">=", bound=1.0, warning="It failed.",
            guards=True),)

    def status(size, guard):
        result = Guarded().judge({"size": Metric(size, "", ""), "guard": Metric(guard, "", "")})
        return result.status, result.warnings

    assert status(1.0, 2.0) == (Status.OK, [])
    assert status(None, 2.0) == (Status.NOT_MEASURED, [])
    assert status(None, 0.0) == (Status.WARNINGS, ["It failed."])
    assert status(1.0, 0.0) == (Status.WARNINGS, ["It failed."])


def test_criteria_that_others_settle():
    """A deviation counts where both of two tests find one, neither of which warns by itself."""
    class Tested(Example):
        criteria = (
            Criterion(name="size", subject="the size", relation="<=", bound=5.0,
                      warning="It is {value:.0f}.", unless=(
                          Criterion(name="first", subject="the first", relation="<=", bound=3.0),
                          Criterion(name="second", subject="the second", relation=">=",
                                    bound=0.01))),)

    def judged(size, first, second, bounds=None):
        return Tested().judge({name: Metric(value, "", "") for name, value in (
            ("size", size), ("first", first), ("second", second))}, Overrides(bounds))

    assert judged(9.0, 4.0, 0.001).warnings == ["It is 9."]
    assert judged(9.0, 4.0, 0.001).status is Status.WARNINGS
    for result in (judged(9.0, 2.0, 0.001), judged(9.0, 4.0, 0.02), judged(4.0, 4.0, 0.001),
                   judged(9.0, 4.0, 0.001, {"0.z.first": 5.0})):
        assert result.status is Status.OK and not result.warnings
        assert result.criteria[0].outcome == "met"
    assert judged(None, 4.0, 0.001).status is Status.NOT_MEASURED
    [criterion] = judged(9.0, 4.0, 0.001, {"0.z.first": 3.5}).criteria
    assert criterion.text == ("the size is at most 5, or the first is at most 3.5, or the second "
                              "is at least 0.01")


def test_values_get_unit_and_description_from_the_declaration():
    assert run(Example())[0].metrics == {"size": Metric(1.0, "Å", "How large it is")}


def test_a_value_that_is_not_declared_fails():
    class Careless(Example):
        def compute(self, data):
            return Findings({"length": 1.0})

    result, _ = run(Careless())
    assert result.status is Status.NOT_MEASURED and "length" in result.reason


# Declarations

def declared(**attributes):
    """A class of checks that is not registered yet."""
    return type("Declared", (Example,), dict(attributes, __init__=lambda self: None))


@pytest.mark.parametrize("attributes, problem", [
    (dict(id="0.a"), "two checks have the id 0.a"),
    (dict(quantities=()), "declares no metric size"),
    (dict(estimates={"lenght.50": "length"}), "declares no metric lenght.50"),
    (dict(quantities=Example.quantities * 2), "declares size twice"),
    (dict(references=("Nobody1999",)), "no Nobody1999"),
    (dict(criteria=(Criterion(name="size", subject="the size", relation="<", bound=1.0,
                              warning="No.", service=(
                                  Criterion(name="old", subject="it", relation="<", bound=1.0,
                                            warning="No."),)),)), "declares no metric old"),
])
def test_a_wrong_declaration_fails_at_registration(attributes, problem):
    all_checks()
    with pytest.raises(ValueError, match=problem):
        register(declared(**attributes))
    assert "0.z" not in [check.id for check in all_checks()]


def test_criteria_take_keywords_only():
    with pytest.raises(TypeError):
        Criterion("size", "size", "the size", "<=", 2.0, "It is {value}.")


# Shared results

def counted():
    calls = []

    def compute(evidence):
        calls.append(evidence)
        return {"x": 1}

    return Shared("counted", "counting", (), compute), calls


def test_a_shared_result_is_computed_once():
    shared, calls = counted()
    evidence = Evidence()
    for _ in range(2):
        assert run(Example(uses=(shared,)), evidence)[0].status is Status.OK
    assert calls == [evidence] and evidence.shared(shared) == {"x": 1}


def test_a_shared_result_that_fails_is_the_reason_of_all_that_use_it(caplog):
    def fail(evidence):
        raise ZeroDivisionError("by zero")

    shared = Shared("failing", "dividing", (), fail)
    for _ in range(2):
        result, _ = run(Example(uses=(shared,)))
        assert result.status is Status.NOT_MEASURED
        assert "dividing, failed (ZeroDivisionError: by zero)" in result.reason


def test_what_another_result_has_asked_for_is_not_computed_again():
    shared, calls = counted()
    outer = Shared("outer", "adding", (), lambda evidence: evidence.shared(shared)["x"] + 1)
    evidence = Evidence()
    assert evidence.outcome(outer).value == 2 and evidence.outcome(shared).value == {"x": 1}
    assert evidence.shared(outer) == 2 and calls == [evidence]


def test_an_outcome_that_cannot_be_kept_is_a_failed_step(tmp_path):
    evidence, shared = Evidence(), Shared("odd", "dividing", (), lambda evidence: float("nan"))
    validation = Validation(tmp_path, [], lambda: evidence)
    validation.share(shared)
    with pytest.raises(NotMeasured, match="dividing, failed"):
        evidence.shared(shared)
    assert "failed" in read_json(tmp_path / "part_shared_odd.json").reason


def test_a_kept_outcome_takes_the_place_of_the_computation():
    shared, calls = counted()
    evidence = Evidence()
    evidence.remember(shared, from_json(to_json(SharedOutcome({"x": 2}))))
    assert evidence.shared(shared) == {"x": 2} and not calls
    evidence.remember(shared, SharedOutcome(reason="It was dark."))
    assert run(Example(uses=(shared,)), evidence)[0].reason == "It was dark."


# The part of the macromolecule

class WithinMask(Example):
    within_mask = True


def in_two_parts():
    """A map of two bodies, of 144 and of 125 voxels."""
    volume = np.zeros((24, 24, 24), np.float32)
    volume[14:19, 14:19, 14:19] = 1
    volume[2:6, 2:8, 2:8] = 1
    return evidence(volume, 2.0, 0.5)


def test_items_say_on_which_part_they_were_measured():
    result, _ = run(WithinMask(), in_two_parts())
    assert result.status is Status.OK and "holds 54 %" in result.content[-1].text
    assert "holds" not in run(Example(), in_two_parts())[0].content[-1].text


def test_the_smaller_part_is_not_called_ok():
    volume = np.zeros((24, 24, 24), np.float32)
    for corner in (2, 9, 16):
        volume[corner:corner + 5, 2:7, 2:7] = 1
    found = evidence(volume, 2.0, 0.5)
    result, _ = run(WithinMask(), found)
    assert result.status is Status.NOT_MEASURED and "33 %" in result.reason
    assert result.estimates == [] and result.service.status is Status.OK
    assert run(WithinMask(3.0), found)[0].warnings == ["It is 3.0."]
    assert run_check(WithinMask(), found, Overrides(source=SERVICE))[0].status is Status.OK
    # One's own mask was chosen.
    mask = np.zeros(volume.shape, bool)
    mask[2:7, 2:7, 2:7] = True
    assert run(WithinMask(), evidence(volume, 2.0, 0.5, mask=mask))[0].status is Status.OK


# Requirements

@pytest.mark.parametrize("given, status, word", [
    (None, Status.NOT_RUN, "not given"), (4.0, None, ""), (2.0, None, ""), (8.0, None, ""),
    (1.9, Status.NOT_APPLICABLE, "between 2 and 8 Å"),
    (8.1, Status.NOT_APPLICABLE, "between 2 and 8 Å")])
def test_a_range_of_the_resolution(given, status, word):
    found = resolution(2, 8).unmet(compose(reported=Reported(given)))
    assert found is None if status is None else found[0] is status and word in found[1]


def test_better_than_leaves_the_limit_out():
    requirement = resolution(0, 15, below=True)
    assert requirement.unmet(compose(reported=Reported(14.9))) is None
    assert "better than 15 Å" in requirement.unmet(compose(reported=Reported(15.0)))[1]


def test_what_has_to_be_asked_for():
    requirement = AskedFor("when asked for", lambda evidence: evidence.run.seed > 0, "Ask for it.")
    assert requirement.unmet(Evidence()) == (Status.NOT_RUN, "Ask for it.")
    assert requirement.unmet(Evidence(run=Run(1, 3))) is None
