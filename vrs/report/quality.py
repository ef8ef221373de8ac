"""What follows from the results of all items: score and sentences."""

from typing import Optional, Tuple

from vrs.results import Status
from vrs.results.wording import judged

OVERESTIMATED = 0.8
_EVALUABLE = (Status.OK, Status.WARNINGS)


def score(items) -> Tuple[int, int]:
    """Number of items that passed, and of those that could pass or fail.

    Parameters
    ----------
    items : iterable of ItemResult

    Returns
    -------
    passed, evaluable : int
        Items that are OK; items that are OK or have warnings.
    """
    statuses = [item.status for item in items]
    return (statuses.count(Status.OK),
            sum(status in _EVALUABLE for status in statuses))


def resolution_sentence(reported: Optional[float], estimates) -> str:
    """What the estimates say of the reported resolution.

    Parameters
    ----------
    reported : float or None
        Reported resolution, Å.
    estimates : sequence of float
        Those of the map itself, Å: what an atomic model explains of it is no resolution of the
        map, but as good as the model.

    Returns
    -------
    str
        Empty without estimates. The reported resolution may be overestimated
        when it is below 0.8 times their mean.
    """
    estimates = [float(value) for value in estimates]
    if not estimates:
        return ""
    mean = sum(estimates) / len(estimates)
    bounds = [] if reported is None else [reported / OVERESTIMATED]
    shown = judged(mean, ".1f", *bounds)
    if len(estimates) == 1:
        text = "The only estimate of the map's resolution is %s Å." % shown
    else:
        text = ("The %d estimates of the map's resolution range from %.1f Å to %.1f Å, with a "
                "mean of %s Å." % (len(estimates), min(estimates), max(estimates), shown))
    if reported is None:
        return text + " No resolution was reported to compare with."
    text += " The reported resolution is %s Å." % format(reported, ".4g")
    if reported < OVERESTIMATED * mean * (1 - 1e-9):  # equal is equal, whatever the rounding
        text += " The reported resolution may be overestimated."
    return text


def score_sentences(items) -> str:
    """The score, and what became of the items outside it."""
    items = list(items)
    passed, evaluable = score(items)
    text = "The score is %d of %s." % (passed, _count(evaluable, "evaluable item"))
    statuses = [item.status for item in items]
    others = ((Status.NOT_APPLICABLE, "does not apply", "do not apply"),
              (Status.NOT_RUN, "was not run", "were not run"),
              (Status.NOT_MEASURED, "could not be measured", "could not be measured"),
              (Status.INFORMATIVE, "is informative", "are informative"))
    parts = ["%d %s" % (statuses.count(status), singular if statuses.count(status) == 1
                        else plural)
             for status, singular, plural in others if status in statuses]
    if parts:
        text += " Of the other items, %s." % " and ".join(
            filter(None, [", ".join(parts[:-1]), parts[-1]]))
    return text


def _count(number, noun):
    return "%d %s%s" % (number, noun, "" if number == 1 else "s")
