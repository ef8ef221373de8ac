"""What changed from one report to another as a page."""

import tempfile
from pathlib import Path

import numpy as np

from vrs.report.changes import described, severity
from vrs.report.document import (Document, Fact, First, Grid, Listing, Minor, Run,
                                 Section, Text)
from vrs.report.figures import Artist
from vrs.report.html_report import render_html
from vrs.report.numbering import plain
from vrs.report.wording import OUTCOMES, STATUS_STYLES
from vrs.results import content


def render_changes(found):
    """The changes as one HTML file that needs nothing else.

    Parameters
    ----------
    found : vrs.report.changes.Changes

    Returns
    -------
    str
    """
    with tempfile.TemporaryDirectory() as images:
        artist = Artist(Path(images), (), None)
        return render_html(_document(found, artist), images)


def _document(found, artist):
    parts = [("items", "Items", _items(found)), ("findings", "Findings", _findings(found)),
             ("numbers", "Numbers", _numbers(found)), ("curves", "Curves", _curves(found, artist))]
    body = [Section(anchor, title, str(number), blocks)
            for number, (anchor, title, blocks) in enumerate(parts, 1)]
    facts = [_facts("Before", found.before), _facts("After", found.after)]
    same = found.before["input"]["sha256"] == found.after["input"]["sha256"]
    first = First(found.sentence(), "status-neutral", [plain(
        "Both reports are on the same map." if same else
        "The reports are on different maps.")])
    return Document("%s: before and after" % found.after["input"]["title"], "", "", "", first,
                    facts, [], body, [], "Comparison of two cryo-EM map validation reports")


def _facts(term, report):
    date = report["provenance"].get("date", "")[:16].replace("T", " ")
    return Fact(term, plain("%s: %s%s" % (report["input"]["file_name"], described(report),
                                          ", " + date if date else "")))


def _items(found):
    if not found.items:
        return [Text(plain("No item changed its status."))]
    rows = [[plain("%s %s" % (change.id, change.title)), _status(change.before, change.printed[0]),
             _status(change.after, change.printed[1])] for change in found.items]
    return [Grid(["Item", "Before", "After"], rows, [False] * 3, [4, 2, 2],
                 "Items whose status or number of warnings changed.", "1")]


def _status(status, printed):
    return [Run(printed, style=STATUS_STYLES[status])] if status else plain(printed)


def _findings(found):
    blocks = []
    for heading, findings in (("New", found.came), ("Gone", found.went)):
        if findings:
            blocks += [Minor(heading), Listing([
                [Run(finding.place + " ", style="strong"),
                 Run(severity(finding), style="status-failed"), Run(finding.text)]
                for finding in findings])]
    return blocks or [Text(plain("No findings appeared or disappeared."))]


def _numbers(found):
    if not found.numbers:
        return [Text(plain("None of the numbers by which items are judged changed."))]
    rows = [[plain(change.item), [Run(change.metric, style="code")], plain(change.before),
             plain(change.after), plain(change.unit), _outcome(change)]
            for change in found.numbers]
    return [Grid(["Item", "Quantity", "Before", "After", "Unit", "Criterion"], rows,
                 [False, False, True, True, False, False], [0.7, 3, 1.5, 1.5, 1, 1.7],
                 "Numbers by which items are judged or that are on the first page, where they "
                 "differ as printed.", "2", sortable=True, broad=True)]


def _outcome(change):
    """What became of the criterion."""
    old, new = change.outcomes
    if new is None:
        return plain("–")
    text, style = OUTCOMES[new]
    return [Run(text, style=style),
            Run("" if old in (None, new) else ", before: %s" % OUTCOMES[old][0].lower())]


def _curves(found, artist):
    pictures = []
    for number, pair in enumerate(found.curves, 1):
        series = [content.Series(label, frequencies[1:], values[1:])
                  for label, (frequencies, values) in (("before", pair.before),
                                                       ("after", pair.after))]
        picture = artist.draw(content.Plot(
            "%s: %s, before and after." % (pair.item, pair.description.rstrip(".")),
            "%s of item %s in both reports, against spatial frequency." % (
                pair.description.rstrip("."), pair.item),
            content.FREQUENCY, "Correlation or occupancy", series,
            y_range=_range(series)), {})
        picture.number = str(number)
        pictures.append(picture)
    return pictures or [Text(plain("The reports have no curve in common."))]


def _range(series):
    """From below 0 to 1 for what is a correlation, else all values."""
    values = np.concatenate([part.y for part in series])
    low, high = values.min(), values.max()
    return [min(-0.1, low), 1.02] if high <= 1.02 else [low, high]
