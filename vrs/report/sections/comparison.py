"""The estimates of the resolution side by side."""

from vrs.report.document import Run, Text
from vrs.report.numbering import item_anchor, plain
from vrs.report.quality import OVERESTIMATED
from vrs.results import content
from vrs.results.wording import judged


def estimates_of(items):
    """Pairs of an item and one of its estimates."""
    return [(item, estimate) for item in items for estimate in item.estimates]


def comparison(numbering, items, reported):
    """All estimates of the resolution side by side; nothing when there are fewer than two."""
    estimates = estimates_of(items)
    if len(estimates) < 2:
        return []
    rows = [content.Range("%s %s" % (item.id, estimate.label), estimate.value,
                          estimate.interval) for item, estimate in estimates]
    figure = content.Ranges(
        "Every estimate of the resolution (dots); for local resolutions the median, with a bar "
        "from percentile 2.5 to percentile 97.5.",
        "The estimates of the resolution on one axis, one row for each.", "Resolution (Å)",
        rows, [content.Mark(reported, "reported, %g Å" % reported)] if reported else [])
    texts = ("Finer resolutions are on the left. The estimates measure different things: global "
             "ones describe the map as a whole, local ones each position, and directional ones "
             "each direction. Estimates that agree support each other. If one differs from the "
             "rest, see its section. Those from an atomic model are only as good as the model, and "
             "do not count in the mean in the summarised quality.",)
    table = numbering.grid(
        ["Item", "Estimate", "Å", "Reported / estimate"],
        [[[Run(item.id, "#" + item_anchor(item.id))], plain(estimate.label),
          plain("%.2f" % estimate.value),
          plain(judged(reported / estimate.value, ".2f", OVERESTIMATED) if reported else "–")]
         for item, estimate in estimates], [False, False, True, True], [1, 3, 1, 1.5],
        "The estimates of the resolution. A ratio below 0.8 means that the reported "
        "resolution is much better than the estimate.")
    return [Text(plain(text)) for text in texts] + numbering.blocks([figure], {}) + [table]
