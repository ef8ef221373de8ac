"""Shares of particles, classes and the like as metrics, each with its 95 % interval.

The share ``NAME_percentage`` has its interval beside it as ``NAME_interval``, a mapping of
``lower`` and ``upper``; a criterion reaches an end as ``"NAME_interval.lower"``.
"""

from vrs.checks.quantities import MAPPING, Quantity
from vrs.numerics.statistics import wilson_interval

_ENDS = ("lower", "upper")


def share_quantities(name, words):
    """Quantities of a share.

    Parameters
    ----------
    name : str
        ``NAME_percentage`` is the share.
    words : str
        What is counted.

    Returns
    -------
    tuple of vrs.checks.Quantity
    """
    share = name + "_percentage"
    return Quantity(share, "%", words), interval_quantity(name, share, "%")


def interval_quantity(name, metric, unit):
    """The quantity ``NAME_interval``, the 95 % interval of a metric."""
    return Quantity(name + "_interval", unit, "95 %% interval of %s" % metric, MAPPING, _ENDS)


def share_metrics(name, count, total):
    """A share and its 95 % interval (Wilson's) in percent.

    Parameters
    ----------
    name : str
    count, total : float
        What is counted, and among how many.

    Returns
    -------
    dict
        ``NAME_percentage`` and ``NAME_interval``.
    """
    return {name + "_percentage": 100 * count / total,
            name + "_interval": interval_metric(wilson_interval(count, total), 100)}


def interval_metric(ends, scale=1):
    """The value of an interval from its two ends, which are multiplied by a number."""
    return dict(zip(_ENDS, (scale * end for end in ends)))


def printed_interval(interval, digits=0):
    """An interval as sentences have it, "12 to 34"."""
    return " to ".join("%.*f" % (digits, interval[end]) for end in _ENDS)
