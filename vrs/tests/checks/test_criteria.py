import json
import os
from collections import defaultdict

import pytest

from vrs.checks import SERVICE, Check, Criterion, Overrides, all_checks
from vrs.errors import InputError
from vrs.results import Metric


def criterion(relation, bound, metric="m"):
    return Criterion(name="c", metric=metric, subject="the size", relation=relation, bound=bound,
                     warning="{axis}{value:g} against {bound}",
                     unit="Å")


def judge(condition, value, overrides=None):
    return condition.evaluate("0.x", {"m": Metric(value, "Å", "")}, overrides or Overrides())


@pytest.mark.parametrize("relation, bound, good, bad", [
    ("<=", 2, 2, 2.1), ("<", 2, 1.9, 2), (">=", 2, 2, 1.9), (">", 2, 2.1, 2),
    ("within", (-1, 1), -1, -1.1), ("within", (-1, 1), 1, 1.1)])
def test_relations(relation, bound, good, bad):
    assert judge(criterion(relation, bound), good).outcome == "met"
    assert judge(criterion(relation, bound), bad).outcome == "broken"


def test_text_and_decision_share_the_bound():
    outcome = judge(criterion("<=", 2), 3, Overrides({"0.x.c": 4}))
    assert outcome.text == "the size is at most 4 Å"
    assert outcome.outcome == "met"
    assert (outcome.bound, outcome.default_bound) == (4, 2)


def test_one_warning_per_axis():
    outcome = judge(criterion("<=", 2), [1, 3, 4])
    assert outcome.warnings == ["Y3 against 2", "Z4 against 2"]


@pytest.mark.parametrize("relation, value, shown", [
    (">=", 1.996, "1.996"), (">=", 1.94, "1.9"), ("<", 2.03, "2.03"), ("<=", 2.03, "2.03"),
    ("<", 2.0, "Exactly 2.0"), (">", 2.0, "Exactly 2.0"), ("<", 2.24, "2.2"),
    (">=", 2 - 1e-14, "2.0"), ("<=", 1e7, "10000000.0")])
def test_no_rounding_up_to_the_bound(relation, value, shown):
    declared = Criterion(name="size", metric="m", subject="the size", relation=relation, bound=2,
                         warning="{value:.1f} against {bound}.")
    assert judge(declared, value).warnings == [shown + " against 2."]


def test_powers_of_ten_as_in_print():
    declared = Criterion(name="p", metric="m", subject="the p-value", relation=">=", bound=0.001,
                         warning="{value:.2g}")
    assert judge(declared, 5.04e-9).warnings == ["5 × 10⁻⁹"]
    assert judge(declared, 0.0).warnings == ["0"]


def test_warnings_may_hold_other_metrics():
    declared = Criterion(name="size", subject="the size", relation="<=", bound=2.0,
                         warning="{metrics[what]} is {value}.")
    metrics = {"size": Metric(3.0, "", ""), "what": Metric("The box", "", "")}
    assert declared.evaluate("0.x", metrics, Overrides()).warnings == ["The box is 3.0."]


def test_zero_may_have_a_warning_of_its_own():
    declared = Criterion(name="r", metric="m", subject="the ratio", relation=">=", bound=0.8,
                         warning="{value:.2f}", warning_at_zero="None.")
    assert judge(declared, 0.0).warnings == ["None."]
    assert judge(declared, 0.1).warnings == ["0.10"]


def test_mapping_is_reached_into():
    outcome = judge(criterion(">=", 2, "m.50"), {"25": 3, "50": 1})
    assert outcome.warnings == ["1 against 2"]


@pytest.mark.parametrize("value", [None, float("nan")])
def test_no_value_is_not_evaluated(value):
    outcome = judge(criterion("<=", 2), value)
    assert (outcome.outcome, outcome.warnings) == ("not_evaluated", [])


def test_missing_metric_is_not_evaluated():
    assert criterion("<=", 2).evaluate("0.x", {}, Overrides()).outcome == "not_evaluated"


class Ranged(Check):
    id = "0.x"
    criteria = (criterion("within", (-300, 0)),)


def read(tmp_path, text):
    path = tmp_path / "criteria.json"
    path.write_text(text)
    return Overrides.read(str(path), list(all_checks()) + [Ranged()])


def test_overrides_from_file(tmp_path):
    overrides = read(tmp_path, '{"0.a.decentering": 25, "0.x.c": [-200, 0]}')
    assert overrides.bounds == {"0.a.decentering": 25, "0.x.c": (-200, 0)}
    assert overrides.source.endswith("criteria.json")


def test_the_service_is_not_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "service").write_text('{"0.a.decentering": 25}')
    assert Overrides.read("service", all_checks()).of_service
    for path in ("./service", tmp_path / "service"):
        overrides = Overrides.read(path, all_checks())
        assert not overrides.of_service and overrides.bounds == {"0.a.decentering": 25}


def test_all_problems_of_overrides_together(tmp_path):
    with pytest.raises(InputError) as error:
        read(tmp_path, json.dumps({"0.a.size": 2, "0.a.decentering": "x",
                                   "0.x.c": [0, -300], "0.c.offset": True}))
    assert len(error.value.problems) == 4


@pytest.mark.parametrize("text", ["{", "[1]", "[" * 100000 + "]" * 100000])
def test_overrides_that_are_no_json_object(tmp_path, text):
    with pytest.raises(InputError):
        read(tmp_path, text)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400])
def test_bounds_are_finite_numbers(tmp_path, number):
    with pytest.raises(InputError) as error:
        read(tmp_path, '{"0.a.decentering": %s, "0.x.c": [-300, %s]}' % (number, number))
    assert [problem.split(" must give ")[1] for problem in error.value.problems] == [
        "one finite number for 0.a.decentering.",
        "two finite numbers, the lower first, for 0.x.c."]


def test_overrides_with_a_byte_order_mark(tmp_path):
    assert read(tmp_path, '\ufeff{"0.a.decentering": 25}').bounds == {"0.a.decentering": 25}


def test_a_pipe_as_overrides_does_not_block(tmp_path):
    os.mkfifo(str(tmp_path / "pipe"))
    with pytest.raises(InputError) as error:
        Overrides.read(str(tmp_path / "pipe"), all_checks())
    assert "is not an ordinary file" in error.value.problems[0]


class _Either(float):
    """A metric that may be a number or a sentence."""

    def __str__(self):
        return "It is so."

    def __format__(self, spec):
        return super().__format__(spec) if spec else str(self)


def test_every_declared_criterion_prints_and_warns():
    for check in all_checks():
        for declared in check.criteria + check.criteria_of(Overrides(source=SERVICE)):
            assert declared.text(check.id, Overrides()).startswith(declared.subject)
            assert not any(rule.warning for rule in declared.unless)
            text = declared.warning.format(value=1.5, bound="2", axis="X",
                                           metrics=defaultdict(lambda: _Either(1.5)))
            assert text.endswith(".") and "{" not in text


def test_names_of_the_rules_of_the_service_are_unique():
    for check in all_checks():
        names = [rule.name for rule in check.criteria_of(Overrides(source=SERVICE))]
        assert len(set(names)) == len(names), check.id
