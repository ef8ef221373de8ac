"""Criteria: declared conditions on metrics.

The decision and the sentence that the report prints come from the same
declaration, so that they cannot differ.
"""

import json
import operator
import sys
from typing import Any, List, Tuple, Union

from vrs.errors import InputError
from vrs.io.files import check_file
from vrs.results import MINOR, CriterionOutcome
from vrs.results.wording import judged

_RELATIONS = {
    "<=": (operator.le, "at most"),
    "<": (operator.lt, "below"),
    ">=": (operator.ge, "at least"),
    ">": (operator.gt, "above"),
}
_AXES = ("X", "Y", "Z")
# Where bounds come from when they are those of the public validation service.
SERVICE = "service"

Bound = Union[float, Tuple[float, float]]


class Criterion:
    """A condition on a metric; when it is broken the item gets a warning.

    Attributes
    ----------
    name : str
        Name within the item; ``"0.a.<name>"`` is what overrides refer to.
    metric : str
        Metric it looks at, by default the one of its name; ``"percentiles.50"`` reaches into
        a mapping. A list of three is looked at per axis, each axis that breaks it giving a
        warning.
    subject : str
        What is bounded, in words: "the decentering on each axis".
    relation : str
        ``"<="``, ``"<"``, ``">="``, ``">"`` or ``"within"`` (a closed interval).
    bound : float or tuple of float
        The bound, an interval for ``"within"``.
    warning : str, optional
        Warning, a format string over ``value``, ``bound``, ``axis`` and ``metrics``, the values
        of all metrics by their names. Without one it does not warn by itself: others refer to it.
    severity : str
        Of its warnings, "minor" or "serious": whether what is claimed for the map or the model
        is not supported then.
    warning_at_zero : str, optional
        Warning in its place where the value is 0, which stands for nothing found.
    unit : str, optional
        Unit of the bound.
    guards : bool
        Whether it says no more than that the method worked: meeting it alone does not
        make an item OK.
    needs_resolution : bool
        Whether its metric has no value without a reported resolution.
    unless : tuple of Criterion
        What settles the matter otherwise: where one of them is met, this one counts as met.
        They have no warnings.
    service : tuple of Criterion
        What the public validation service asks in its place; empty where it asks nothing,
        by default the criterion itself.
    """

    def __init__(self, *, name, subject, relation, bound, warning="", metric="", unit="",
                 guards=False, needs_resolution=False, warning_at_zero="", severity=MINOR,
                 unless=(), service=None):
        self.name = name
        self.metric = metric or name
        self.subject = subject
        self.relation = relation
        self.bound = bound
        self.warning = warning
        self.unit = unit
        self.guards = guards
        self.needs_resolution = needs_resolution
        self.warning_at_zero = warning_at_zero
        self.severity = severity
        self.unless = tuple(unless)
        self.service = (self,) if service is None else tuple(service)

    def text(self, item: str, overrides) -> str:
        """The condition as a phrase, with the bounds that are in force."""
        return ", or ".join(rule._phrase(overrides.bound(item, rule))
                            for rule in (self,) + self.unless)

    def _phrase(self, bound):
        phrase = ("between" if self.relation == "within"
                  else _RELATIONS[self.relation][1])
        unit = " " + self.unit if self.unit else ""
        return "%s is %s %s%s" % (self.subject, phrase, format_bound(bound), unit)

    def holds(self, value: float, bound: Bound) -> bool:
        """Whether one value fulfils the condition."""
        if self.relation == "within":
            return bound[0] <= value <= bound[1]
        return _RELATIONS[self.relation][0](value, bound)

    def evaluate(self, item, metrics, overrides):
        """Judge the metrics of an item.

        Parameters
        ----------
        item : str
            Id of the item.
        metrics : dict of str to Metric
        overrides : Overrides

        Returns
        -------
        CriterionOutcome
        """
        bound = overrides.bound(item, self)
        outcome = CriterionOutcome(
            name="%s.%s" % (item, self.name), metric=self.metric, text=self.text(item, overrides),
            relation=self.relation, bound=bound, default_bound=self.bound, outcome="met",
            severity=self.severity)
        values = self._values(metrics)
        if all(value is None for _, value in values):
            outcome.outcome = "not_evaluated"
        for axis, value in values:
            if value is not None and not self.holds(value, bound):
                outcome.outcome = "broken"
                warning = (value == 0 and self.warning_at_zero) or self.warning
                text = warning.format(
                    value=_Printed(value, bound), bound=format_bound(bound), axis=axis,
                    metrics={name: metric.value for name, metric in metrics.items()})
                outcome.warnings.append(text[:1].upper() + text[1:])
        if any(rule.evaluate(item, metrics, overrides).outcome == "met" for rule in self.unless):
            outcome.outcome, outcome.warnings = "met", []
        return outcome

    def _values(self, metrics) -> List[Tuple[str, Any]]:
        value = metric_value(metrics, self.metric)
        if isinstance(value, (list, tuple)):
            return list(zip(_AXES, value))
        return [("", value)]


class _Printed:
    """A value that a warning prints with as many digits as show that the bound is broken."""

    def __init__(self, value, bound):
        self._value = value
        self._bounds = bound if isinstance(bound, (list, tuple)) else (bound,)

    def __format__(self, spec):
        text = judged(self._value, spec, *self._bounds)
        # "10 % (below 10 % expected)" would puzzle.
        return "exactly " + text if self._value in self._bounds else text


class Overrides:
    """What replaces the default criteria: bounds of a facility, or the rules of the service.

    Parameters
    ----------
    bounds : dict of str to float or pair, optional
        By full criterion name, ``"0.a.decentering"``.
    source : str, optional
        File they come from, or ``SERVICE``; the report names it.
    """

    def __init__(self, bounds=None, source=None):
        self.bounds = dict(bounds or {})
        self.source = source

    @property
    def of_service(self) -> bool:
        """Whether all rules are those of the public validation service."""
        return self.source == SERVICE

    def bound(self, item: str, criterion: Criterion) -> Bound:
        """The bound in force for a criterion."""
        return self.bounds.get("%s.%s" % (item, criterion.name), criterion.bound)

    @classmethod
    def read(cls, path, checks):
        """Read a JSON object of bounds by criterion name.

        Parameters
        ----------
        path : path
            ``SERVICE``, a string, stands for the rules of the public validation service; a
            file of this name is ``"./service"``.
        checks : iterable of Check
            All checks; their criteria may be named.

        Raises
        ------
        InputError
            If it is unreadable or names a criterion or bound that cannot be.
        """
        if path == SERVICE:
            return cls(source=SERVICE)
        path = str(path)
        check_file(path, "a JSON file with criteria")
        try:
            # Editors may have put a byte order mark at its beginning.
            with open(path, encoding="utf-8-sig") as handle:
                bounds = json.load(handle)
        except OSError as error:
            raise InputError("The criteria file %s cannot be read (%s); check its name."
                             % (path, error.strerror))
        except (ValueError, RecursionError) as error:
            raise InputError("The criteria file %s is not valid JSON (%s); correct it." % (
                path, "its brackets are nested too deeply" if isinstance(error, RecursionError)
                else error))
        if not isinstance(bounds, dict):
            raise InputError("The criteria file %s must hold one JSON object, such as "
                             '{"0.a.decentering": 25}.' % path)
        known = {"%s.%s" % (check.id, criterion.name): criterion
                 for check in checks for rule in check.criteria
                 for criterion in (rule,) + rule.unless}
        problems = []
        for name, bound in bounds.items():
            if name not in known:
                problems.append("The criteria file %s names an unknown criterion, %s; known are: "
                                "%s." % (path, name, ", ".join(sorted(known))))
            elif not _fits(bound, known[name]):
                problems.append("The criteria file %s must give %s for %s." % (
                    path, "two finite numbers, the lower first," if known[name].relation == "within"
                    else "one finite number", name))
        if problems:
            raise InputError(problems)
        return cls({name: tuple(b) if isinstance(b, list) else b for name, b in bounds.items()},
                   path)


def metric_value(metrics, name):
    """Value of a metric; ``"percentiles.50"`` reaches into a mapping.

    Parameters
    ----------
    metrics : dict of str to Metric
    name : str

    Returns
    -------
    object
        None where there is no such value.
    """
    name, _, key = name.partition(".")
    metric = metrics.get(name)
    value = metric.value if metric is not None else None
    return value.get(key) if key and value is not None else value


def format_bound(bound: Bound) -> str:
    """A bound as printed: ``0.75`` or ``-300 and 0``."""
    if isinstance(bound, (list, tuple)):
        return "%g and %g" % tuple(bound)
    return "%g" % bound


def _fits(bound, criterion) -> bool:
    def is_number(value):
        # Whole numbers of any length are valid JSON.
        return (isinstance(value, (int, float)) and not isinstance(value, bool)
                and abs(value) <= sys.float_info.max)

    if criterion.relation == "within":
        return (isinstance(bound, list) and len(bound) == 2 and all(map(is_number, bound))
                and bound[0] <= bound[1])
    return is_number(bound)
