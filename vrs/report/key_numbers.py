"""The numbers by which a report is read at a glance, each with the bound that it is judged by."""

from dataclasses import dataclass
from typing import Optional

from vrs.checks.local import PERCENTILES
from vrs.results.content import ScaleRow, Scales

# As many as have room on the first page.
_MOST = 9


@dataclass(frozen=True)
class KeyNumber:
    """A metric of an item, the ends of the axis that it is shown on, and the metric that has the
    percentiles of the public archive."""

    item: str
    metric: str
    label: str
    low: float
    high: float
    archive: str = ""


# The most telling first.
KEY_NUMBERS = (
    KeyNumber("1.a", "masked_fsc_ratio", "Reported / FSC 0.143", 0.4, 1.6),
    KeyNumber("A.a", "mean_residue_correlation", "Map-model correlation", 0.0, 1.0,
              "mean_residue_correlation_archive"),
    KeyNumber("A.a", "bad_residue_percentage", "Residues that do not fit", 0.0, 30.0),
    KeyNumber("A.e", "mean", "Q-score, mean", 0.0, 1.0, "archive"),
    KeyNumber("A.a", "atom_inclusion", "Atom inclusion", 0.0, 1.0, "atom_inclusion_archive"),
    KeyNumber("A.b", "beyond_percentage", "FSC-Q beyond ±1.5", 0.0, 30.0),
    KeyNumber("1.h", "cfar", "Isotropy (cFAR)", 0.0, 1.0),
    KeyNumber("1.h", "sphericity", "Sphericity (3D FSC)", 0.0, 1.0),
    KeyNumber("4.g", "efficiency", "Angular efficiency", 0.0, 1.0),
    KeyNumber("4.h", "scf_star", "Sampling (SCF*)", 0.0, 1.0),
    KeyNumber("4.d", "beyond_5_degrees_percentage", "Angles not reproduced", 0.0, 60.0),
    KeyNumber("3.a", "poor_classes_percentage", "Contaminated classes", 0.0, 60.0),
    KeyNumber("2.a", "poor_percentage", "Particles unlike the map", 0.0, 60.0),
    KeyNumber("5.a", "suspicious_percentage", "Suspicious picks", 0.0, 60.0),
    KeyNumber("A.f", "score", "EMRinger score", 0.0, 4.0),
    KeyNumber("A.g", "mean", "DAQ score, mean", -1.0, 2.0),
    KeyNumber("0.d", "masked_relative_b_factor", "B-factor in the mask / R²", -40.0, 20.0),
    KeyNumber("0.b", "raw_percentage", "Box within the contour", 0.0, 100.0),
    KeyNumber("0.a", "decentering", "Off the centre", 0.0, 40.0),
    KeyNumber("0.b", "overlap", "Mask in one piece", 0.0, 1.0),
    KeyNumber("0.g", "percentiles.50", "Local occupancy, median", 0.0, 1.0),
)


def key_numbers(items):
    """The key numbers that were measured.

    Parameters
    ----------
    items : list of ItemResult

    Returns
    -------
    Scales or None
        None where nothing was.
    """
    by_id = {item.id: item for item in items}
    rows = [_row(by_id[key.item], key) for key in KEY_NUMBERS if key.item in by_id]
    rows = [row for row in rows if row][:_MOST]
    if not rows:
        return None
    caption = ("Key numbers. Shaded blue is what the criterion of the item allows; orange numbers "
               "are outside.")
    if any(row.archive for row in rows):
        caption += (" Below, in grey: the middle 95 % and, thick, the middle half of the models of "
                    "EMDB (March 2024) at this resolution, with their median.")
    return Scales(caption, "; ".join(map(_told, rows)), rows)


def _told(row):
    """A row in words, for those who cannot see it."""
    text = "%s: %s" % (row.label, row.text)
    if row.archive:
        text += " (public archive: median %.3g, %.3g to %.3g)" % (
            row.archive[2], row.archive[0], row.archive[-1])
    return text


def _row(item, key) -> Optional[ScaleRow]:
    value = item.value(key.metric)
    if isinstance(value, list):
        value = max(value, key=abs, default=None) if None not in value else None
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return None
    unit = item.metrics[key.metric.partition(".")[0]].unit
    outcome = next((outcome for outcome in item.criteria if outcome.metric == key.metric
                    and outcome.outcome != "not_evaluated"), None)
    return ScaleRow(key.label, float(value), ("%.3g %s" % (value, unit)).strip(),
                    key.low, key.high, _allowed(outcome, key),
                    outcome is None or outcome.outcome == "met", _archive(item, key))


def _archive(item, key):
    """The percentiles of the archive, None where they are not known."""
    found = item.value(key.archive) if key.archive else None
    return [found[level] for level in PERCENTILES] if found else None


def _allowed(outcome, key):
    """The part of the axis that a criterion allows."""
    if outcome is None:
        return None
    if outcome.relation == "within":
        return list(outcome.bound)
    if outcome.relation in ("<", "<="):
        return [key.low, outcome.bound]
    return [outcome.bound, key.high]
