"""What a check is, and how one is run."""

import logging
from dataclasses import dataclass, field
from typing import Any, Dict, List, Tuple

import vrs
from vrs.bibliography import reference
from vrs.checks.criteria import SERVICE, Criterion, Overrides, metric_value
from vrs.checks.quantities import Quantity
from vrs.checks.shared import Shared
from vrs.engines.external import BUILTIN, ExternalEngine
from vrs.errors import NotApplicable, NotMeasured
from vrs.inputs.map import COVERED
from vrs.inputs.model import MODEL
from vrs.results import (Curve, Engine, Estimate, ItemResult, Metric, MicrographValues, Paragraph,
                         ParticleValues, ResidueValues, ServiceOutcome, Status)


logger = logging.getLogger(__name__)


@dataclass
class Findings:
    """What a check computes.

    Attributes
    ----------
    metrics : dict of str to object
        Values of the quantities that the check declares, by their names.
    content : list
        Paragraphs, tables and figures for the report.
    products : list
        Of :class:`vrs.results.Volume` and :class:`vrs.results.AtomValues`, which whoever
        runs the check stores and figures may refer to by name, :class:`vrs.results.Curve`,
        :class:`vrs.results.ResidueValues`, :class:`vrs.results.ParticleValues` and
        :class:`vrs.results.MicrographValues`.
    """

    metrics: Dict[str, Any]
    content: List[Any] = field(default_factory=list)
    products: List[Any] = field(default_factory=list)


class Check:
    """One validation measure.

    A subclass declares the attributes, computes in :meth:`compute` and is
    decorated with :func:`vrs.checks.registry.register`.

    Attributes
    ----------
    id, title : str
        ``"0.a"`` and the title as printed.
    requires : tuple
        What it cannot do without: kinds of evidence, ranges of the resolution and the like
        (``vrs.inputs``, ``vrs.checks.requirements``).
    uses : tuple of Shared
        Results that it shares with other items.
    explanation : str
        What the reader should know to understand the result.
    quantities : tuple of Quantity
        All that it measures.
    criteria : tuple of Criterion
        Without any, the item is informative.
    references : tuple of str
        Keys of ``vrs/bibtex.py``.
    estimates : dict of str to str
        Metrics that estimate the map's resolution, ``"percentiles.50"`` for
        instance, and how figures call them: "DeepRes, median".
    within_mask : bool
        Whether what it says of the map was measured within the mask: it states which part of the
        macromolecule that is, and is not OK where it is the smaller one.
    undecided : str
        The reason that is given where none of the criteria has a value.
    summary_ok, summary_warnings : str
        Sentence for the summarised quality in either case; may be empty.
    external : tuple of ExternalEngine
        Programs of others that can compute it instead.
    """

    id = ""
    title = ""
    requires: Tuple[Any, ...] = ()
    uses: Tuple[Shared, ...] = ()
    explanation = ""
    quantities: Tuple[Quantity, ...] = ()
    criteria: Tuple[Criterion, ...] = ()
    references: Tuple[str, ...] = ()
    estimates: Dict[str, str] = {}
    within_mask = False
    undecided = "The metrics used by the criteria have no value for this map."
    summary_ok = ""
    summary_warnings = ""
    external: Tuple[ExternalEngine, ...] = ()

    @property
    def level(self) -> str:
        """The level it belongs to: what stands before the dot of its id."""
        return self.id.partition(".")[0]

    @property
    def needs(self) -> str:
        """What it needs, in words, for listings."""
        return ", ".join(requirement.words for requirement in self.requires)

    def criteria_of(self, overrides) -> Tuple[Criterion, ...]:
        """The criteria in force: its own, or those of the public validation service."""
        if not overrides.of_service:
            return self.criteria
        return tuple(dict.fromkeys(
            rule for criterion in self.criteria for rule in criterion.service))

    def unmet(self, evidence, overrides=None):
        """Why it cannot be computed from this evidence.

        Parameters
        ----------
        evidence : vrs.inputs.Evidence
        overrides : Overrides, optional

        Returns
        -------
        (Status, str) or None
            The status that it gets, and the reason; None when it can.
        """
        for requirement in self.requires:
            if overrides is not None and overrides.of_service:
                requirement = getattr(requirement, "service", None) or requirement
            found = requirement.unmet(evidence)
            if found:
                return found
        for shared in self.uses:
            try:
                evidence.shared(shared)
            except NotMeasured as error:
                return Status.NOT_MEASURED, str(error)
        return None

    def compute(self, evidence) -> Findings:
        """Compute the item from :class:`vrs.inputs.Evidence`."""
        raise NotImplementedError

    def measured(self, values) -> Dict[str, Metric]:
        """The values that it computed, with what it declares of them.

        Parameters
        ----------
        values : dict of str to object

        Returns
        -------
        dict of str to Metric

        Raises
        ------
        KeyError
            If one is not declared.
        """
        declared = {quantity.name: quantity for quantity in self.quantities}
        return {name: Metric(value, declared[name].unit, declared[name].description)
                for name, value in values.items()}

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
        overrides = overrides or Overrides()
        result = self._judged(metrics, overrides)
        if not overrides.of_service:
            found = self._judged(metrics, Overrides(source=SERVICE))
            judged = found.status in (Status.OK, Status.WARNINGS)
            if judged and found.printed_status() != result.printed_status():
                result.service = ServiceOutcome(found.status, found.warnings)
        return result

    def _judged(self, metrics, overrides):
        criteria = self.criteria_of(overrides)
        outcomes = [criterion.evaluate(self.id, metrics, overrides) for criterion in criteria]
        warnings = [warning for outcome in outcomes for warning in outcome.warnings]
        result = self._result(Status.INFORMATIVE)
        result.estimates = [estimate for estimate in (
            _estimate(metrics, name, label, MODEL in self.requires)
            for name, label in self.estimates.items())
            if estimate is not None]
        deciding = [(criterion, outcome) for criterion, outcome in zip(criteria, outcomes)
                    if not criterion.guards]
        if warnings:
            result.status, result.summary = Status.WARNINGS, self.summary_warnings
        elif deciding and all(outcome.outcome == "not_evaluated" for _, outcome in deciding):
            if all(criterion.needs_resolution for criterion, _ in deciding):
                result.reason = ("No resolution was reported; the criteria cannot be evaluated.")
            else:
                result.status = Status.NOT_MEASURED
                result.reason = self.undecided
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
            references=[reference(key) for key in self.references])


def _estimate(metrics, name, label, of_model):
    """An estimate with the range of its percentiles, if it has some; None without value."""
    value = metric_value(metrics, name)
    if value is None:
        return None
    among = metrics[name.partition(".")[0]].value
    interval = [among["2.5"], among["97.5"]] if isinstance(among, dict) else None
    return Estimate(name, label, value, interval, of_model)


def run_check(check, evidence, overrides=None, external=None):
    """Run one check; whatever happens, there is a result.

    Parameters
    ----------
    check : Check
    evidence : vrs.inputs.Evidence
    overrides : Overrides, optional
    external : optional
        What computes it instead of the check itself: an object with ``engine``, an
        :class:`vrs.results.Engine`, and ``compute``, as that of the check.

    Returns
    -------
    result : ItemResult
    products : list of vrs.results.Volume and vrs.results.AtomValues
        What is to be stored.
    """
    compute = check.compute if external is None else external.compute
    result, products = _attempt(check, evidence, overrides, compute)
    if external is not None:
        result.engine = external.engine
    return result, products


def _tell_coverage(result, data, overrides):
    """Say on which part of the macromolecule an item was measured; no OK for the smaller one."""
    part = "the mask, which holds %.0f %% of the voxels at or above the threshold" % (
        100 * data.coverage)
    result.content = result.content + [Paragraph("Measured within %s." % part)]
    by_service = overrides is not None and overrides.of_service
    if data.coverage >= COVERED or data.mask is not None or by_service:
        return
    result.estimates = []
    if result.status is Status.OK:
        result.service = result.service or ServiceOutcome(Status.OK, [])
        result.status, result.summary = Status.NOT_MEASURED, ""
        result.reason = ("No problem was found within %s, but that says nothing about the rest. "
                         "Give another threshold, or a mask of your own." % part)


def _attempt(check, evidence, overrides, compute):
    try:
        unmet = check.unmet(evidence, overrides)
        if unmet:
            return check._result(*unmet), []
        findings = compute(evidence)
        result = check.judge(check.measured(findings.metrics), overrides)
        result.content = findings.content
        if check.within_mask:
            _tell_coverage(result, evidence.map, overrides)
        stored = []
        for product in findings.products:
            if isinstance(product, ResidueValues):
                result.residues.append(product)
            elif isinstance(product, ParticleValues):
                result.particles.append(product)
            elif isinstance(product, MicrographValues):
                result.micrographs.append(product)
            elif isinstance(product, Curve):
                result.curves.append(product)
            else:
                stored.append(product)
        return result, stored
    except NotApplicable as error:
        return check._result(Status.NOT_APPLICABLE, str(error)), []
    except NotMeasured as error:
        return check._result(Status.NOT_MEASURED, str(error)), []
    except MemoryError:
        logger.exception("%s %s needs more memory", check.id, check.title)
        return check._result(Status.NOT_MEASURED, "There was not enough memory. Use a machine with "
                             "more, or one thread: items are then computed one after the "
                             "other."), []
    except Exception as error:  # one failing check never takes down the level
        logger.exception("%s %s failed", check.id, check.title)
        return check._result(Status.NOT_MEASURED, "The computation failed (%s: %s); the log of "
                             "the level has the details." % (type(error).__name__, error)), []
