"""What a check is, and how one is run."""

import logging
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple

import numpy as np

import vrs
from vrs.checks.criteria import Criterion, Overrides, metric_value
from vrs.checks.results import (Curve, Engine, Estimate, ItemResult, Metric, Reference,
                                ResidueValues, Status)
from vrs.engines.external import BUILTIN, ExternalEngine

RESOLUTION_UNKNOWN = "It needs the reported resolution, which was not given."

logger = logging.getLogger(__name__)


class NotApplicable(Exception):
    """Raised by a check that finds the data rule it out; says why."""


class NotMeasured(Exception):
    """Raised by a check that tried and failed for a known reason; says why."""


@dataclass
class Findings:
    """What a check computes.

    ``volumes`` are float32 or bool arrays (z, y, x) by name, with a description
    each; whoever runs the check stores them, and figures refer to them by name.
    ``curves`` are Fourier shell correlations by name: frequencies (1/Å),
    correlations and a description. ``residues`` are values of residues of the model;
    ``atoms`` are values (NaN where there is none) of its atoms, in the order of
    ``data.model[0].all()``, by name, with a description each: they are stored as a
    copy of the model that viewers can colour by them.
    """

    metrics: Dict[str, Metric]
    content: List[Any] = field(default_factory=list)
    volumes: Dict[str, Tuple[np.ndarray, str]] = field(default_factory=dict)
    curves: Dict[str, Tuple[np.ndarray, np.ndarray, str]] = field(default_factory=dict)
    residues: List[ResidueValues] = field(default_factory=list)
    atoms: Dict[str, Tuple[np.ndarray, str]] = field(default_factory=dict)


class Check:
    """One validation measure.

    A subclass declares the attributes, computes in :meth:`compute` and is
    decorated with :func:`vrs.checks.registry.register`.

    Attributes
    ----------
    id, title : str
        ``"0.a"`` and the title as printed.
    needs : str
        What it needs, in words, for listings.
    explanation : str
        What the reader should know to understand the result.
    criteria : tuple of Criterion
        Without any, the item is informative.
    references : tuple of Reference
    estimates : dict of str to str
        Metrics that estimate the map's resolution, ``"percentiles.50"`` for
        instance, and how figures call them: "DeepRes, median".
    summary_ok, summary_warnings : str
        Sentence for the summarised quality in either case; may be empty.
    resolutions : tuple of float, optional
        Best and worst reported resolution (Å) that it applies to, the best being 0
        when there is no such limit; None when it does not need one.
    external : tuple of ExternalEngine
        Programs of others that can compute it instead.
    """

    id = ""
    title = ""
    needs = ""
    explanation = ""
    criteria: Tuple[Criterion, ...] = ()
    references: Tuple[Reference, ...] = ()
    estimates: Dict[str, str] = {}
    summary_ok = ""
    summary_warnings = ""
    resolutions: Optional[Tuple[float, float]] = None
    external: Tuple[ExternalEngine, ...] = ()

    @property
    def level(self) -> str:
        """The level it belongs to: what stands before the dot of its id."""
        return self.id.partition(".")[0]

    def not_applicable(self, data) -> Optional[str]:
        """The reason why it does not apply to this input, None when it does."""
        if self.resolutions is None:
            return None
        if data.resolution is None:
            return RESOLUTION_UNKNOWN
        best, worst = self.resolutions
        if best <= data.resolution <= worst:
            return None
        limits = "between %g and %g Å" % (best, worst) if best else "of %g Å or better" % worst
        return "It applies to maps with a reported resolution %s." % limits

    def compute(self, data) -> Findings:
        """Compute the item from a :class:`vrs.checks.inputs.ValidationInput`."""
        raise NotImplementedError

    def judge(self, metrics, overrides=None) -> ItemResult:
        """Status, warnings and estimates that follow from metrics.

        Parameters
        ----------
        metrics : dict of str to Metric
        overrides : Overrides, optional

        Returns
        -------
        ItemResult
            Without content and files.
        """
        outcomes = [criterion.evaluate(self.id, metrics, overrides or Overrides())
                    for criterion in self.criteria]
        warnings = [warning for outcome in outcomes for warning in outcome.warnings]
        result = self._result(Status.INFORMATIVE)
        result.estimates = [estimate for estimate in (
            _estimate(metrics, name, label) for name, label in self.estimates.items())
            if estimate is not None]
        deciding = [(criterion, outcome) for criterion, outcome in zip(self.criteria, outcomes)
                    if not criterion.guards]
        if warnings:
            result.status, result.summary = Status.WARNINGS, self.summary_warnings
        elif deciding and all(outcome.outcome == "not_evaluated" for _, outcome in deciding):
            if all(criterion.needs_resolution for criterion, _ in deciding):
                result.reason = ("The reported resolution was not given, so that there is nothing "
                                 "to judge this by.")
            else:
                result.status = Status.NOT_MEASURED
                result.reason = ("None of the quantities that the criteria need has a value in "
                                 "this map.")
        elif outcomes:
            result.status, result.summary = Status.OK, self.summary_ok
        result.warnings = warnings
        result.criteria = outcomes
        result.metrics = metrics
        return result

    def _result(self, status, reason="") -> ItemResult:
        return ItemResult(
            id=self.id, title=self.title, level=self.level, status=status, reason=reason,
            engine=Engine(BUILTIN, vrs.__version__), explanation=self.explanation,
            references=list(self.references))


def _estimate(metrics, name, label):
    """An estimate with the range of its percentiles, if it has some; None without value."""
    value = metric_value(metrics, name)
    if value is None:
        return None
    among = metrics[name.partition(".")[0]].value
    interval = [among["2.5"], among["97.5"]] if isinstance(among, dict) else None
    return Estimate(name, label, value, interval)


def run_check(check, data, overrides=None, external=None):
    """Run one check; whatever happens, there is a result.

    Parameters
    ----------
    check : Check
    data : ValidationInput
    overrides : Overrides, optional
    external : optional
        What computes it instead of the check itself: an object with ``engine``, an
        :class:`Engine`, and ``compute``, as that of the check.

    Returns
    -------
    result : ItemResult
    arrays : dict of str to (numpy.ndarray, str)
        What is to be stored, with descriptions: maps (z, y, x) and values of the
        model's atoms (atoms,).
    """
    compute = check.compute if external is None else external.compute
    result, arrays = _attempt(check, data, overrides, compute)
    if external is not None:
        result.engine = external.engine
    return result, arrays


def _attempt(check, data, overrides, compute):
    try:
        reason = check.not_applicable(data)
        if reason:
            raise NotApplicable(reason)
        findings = compute(data)
        result = check.judge(findings.metrics, overrides)
        result.content = findings.content
        result.residues = findings.residues
        result.curves = [Curve(name, description, np.asarray(frequencies), np.asarray(values))
                         for name, (frequencies, values, description) in findings.curves.items()]
        return result, dict(findings.volumes, **findings.atoms)
    except NotApplicable as error:
        return check._result(Status.NOT_APPLICABLE, str(error)), {}
    except NotMeasured as error:
        return check._result(Status.NOT_MEASURED, str(error)), {}
    except Exception as error:  # one failing check never takes down the level
        logger.exception("%s %s failed", check.id, check.title)
        return check._result(Status.NOT_MEASURED, "The computation failed (%s: %s); the log of "
                             "the level has the details." % (type(error).__name__, error)), {}
