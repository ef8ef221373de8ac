"""What the items that estimate the resolution of the whole map share."""

from vrs.checks.criteria import Criterion
from vrs.results import MINOR

# The public validation service bears this ratio of all estimates.
_OF_SERVICE = 0.8


def reported_ratio(data, estimate):
    """The reported resolution over an estimate of it.

    Parameters
    ----------
    data : vrs.inputs.Evidence
    estimate : float or None
        Å; None when the map shows no resolution at all, which makes the ratio 0.

    Returns
    -------
    float or None
        None when no resolution was reported.
    """
    if data.reported.resolution is None:
        return None
    return data.reported.resolution / estimate if estimate else 0.0


def ratio_criterion(metric, method, severity=MINOR, least=_OF_SERVICE, service=None):
    """Criterion that the reported resolution is not much better than an estimate.

    Parameters
    ----------
    metric : str
        Of :func:`reported_ratio`.
    method : str
        What gave the estimate, in the middle of a sentence: "the FSC".
    severity : str
        As that of Criterion.
    least : float
        The bound.
    service : tuple of Criterion, optional
        As that of Criterion; by default the same with the bound of the service.

    Returns
    -------
    Criterion
        Named as the metric.
    """
    if service is None and least != _OF_SERVICE:
        service = (ratio_criterion(metric, method),)
    return Criterion(
        name=metric, subject="the reported resolution divided by that of %s" % method,
        relation=">=", bound=least,
        warning="The reported resolution may be overestimated: in Å, it is {value:.2f} times that "
        "of %s (at least {bound} times expected). Find out why the two differ, or report a more "
        "cautious value." % method, needs_resolution=True,
        warning_at_zero="No resolution was found by %s, so nothing here supports the reported "
        "one." % method, severity=severity, service=service)
