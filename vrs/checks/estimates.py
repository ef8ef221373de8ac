"""What the items that estimate the resolution of the whole map share."""

from vrs.checks.criteria import Criterion
from vrs.results import MINOR


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


def ratio_criterion(metric, method, severity=MINOR, service=None):
    """Criterion that the reported resolution is not much better than an estimate.

    Parameters
    ----------
    metric : str
        Of :func:`reported_ratio`.
    method : str
        What gave the estimate, in the middle of a sentence: "the FSC".
    severity, service
        As those of Criterion.

    Returns
    -------
    Criterion
        Named as the metric.
    """
    return Criterion(
        name=metric, subject="the reported resolution over that of %s" % method, relation=">=",
        bound=0.8,
        warning="The reported resolution may be overestimated: it is {value:.2f} times that of %s "
        "(at least {bound})." % method, needs_resolution=True,
        warning_at_zero="No resolution was found by %s, so that nothing here supports the "
        "reported one." % method, severity=severity, service=service)
