"""What the items that estimate the resolution of the whole map share."""

from vrs.checks.criteria import Criterion
from vrs.checks.results import Metric


def reported_ratio(data, estimate, method):
    """Metric of the reported resolution over an estimate of it.

    Parameters
    ----------
    data : ValidationInput
    estimate : float or None
        Å; None when the map shows no resolution at all, which makes the ratio 0.
    method : str
        What gave the estimate, in the middle of a sentence: "the FSC".

    Returns
    -------
    Metric
        Without value when no resolution was reported.
    """
    ratio = None
    if data.resolution is not None:
        ratio = data.resolution / estimate if estimate else 0.0
    return Metric(ratio, "", "Reported resolution over that of %s; 0 when there is none" % method)


def ratio_criterion(metric, method):
    """Criterion that the reported resolution is not much better than an estimate.

    Parameters
    ----------
    metric : str
        Of :func:`reported_ratio`.
    method : str
        As there.

    Returns
    -------
    Criterion
        Named as the metric.
    """
    return Criterion(
        metric, metric, "the reported resolution over that of %s" % method, ">=", 0.8,
        "The reported resolution may be overestimated: it is {value:.2f} times that of %s (at "
        "least {bound})." % method, needs_resolution=True,
        warning_at_zero="No resolution was found by %s, so that nothing here supports the "
        "reported one." % method)
