"""The summary of ``vrs batch``: as CSV, as a page, and as JSON for programs."""

import base64
import binascii
import contextlib
import csv
import io
import json
import os
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Dict, List, Optional
from urllib.parse import quote

import jinja2
from PIL import Image, ImageChops, UnidentifiedImageError

from vrs import levels
from vrs.checks import all_checks
from vrs.cli.validate import count_serious, printed_serious
from vrs.report.json_report import input_findings
from vrs.report.key_numbers import KEY_NUMBERS
from vrs.report.wording import STATUS_STYLES
from vrs.results import Status

SUMMARIES = ("summary.html", "summary.csv", "summary.json")
_SIGNS = {Status.OK: "✓", Status.WARNINGS: "▲", Status.NOT_APPLICABLE: "–",
          Status.NOT_RUN: "·", Status.NOT_MEASURED: "✕", Status.INFORMATIVE: "i"}
_STATES = {"done": ("Reported", "status-ok"), "failed": ("Failed", "status-failed"),
           "running": ("Running", "status-neutral"), "waiting": ("Waiting", "status-neutral"),
           "stopped": ("Stopped", "status-warnings")}


# What stands before the first picture of the map, and the picture.
_PICTURE = re.compile(r'<div class="panel"><img src="data:image/png;base64,([A-Za-z0-9+/=]+)"')
_PIECE = 200000  # characters
_THUMBNAIL = (120, 120)  # pixels
_MOST_KEYS = 9


@dataclass(frozen=True)
class Key:
    """A key number of a report.

    Attributes
    ----------
    label, unit : str
    value : float
    is_outside : bool
        Whether a criterion is not met.
    """

    label: str
    value: float
    unit: str
    is_outside: bool

    def printed(self):
        """The value with its unit."""
        return ("%.3g %s" % (self.value, self.unit)).strip()


@dataclass
class Outcome:
    """What became of an entry.

    Attributes
    ----------
    name, source : str
        The name of its folder; its map or the number of the entry.
    state : str
        ``waiting``, ``running``, ``done``, ``failed`` or ``stopped``.
    reason : str
        Why it failed.
    grade : str
        What was assessed, in short.
    passed, evaluable : int or None
        Its score.
    items : dict
        Status and number of warnings by item.
    seconds : int or None
        How long it took.
    suspicions : list of str
        What is suspicious about the input, which the score does not count.
    serious : int
        How many serious findings and warnings its report has.
    keys : dict of str to Key
        Its key numbers, by "item metric".
    thumbnail : str
        A small picture of the map, JPEG in base 64; empty without one.
    levels : str
        What was assessed, in print.
    """

    name: str
    source: str
    state: str = "waiting"
    reason: str = ""
    grade: str = ""
    passed: Optional[int] = None
    evaluable: Optional[int] = None
    items: Dict[str, tuple] = field(default_factory=dict)
    seconds: Optional[int] = None
    suspicions: List[str] = field(default_factory=list)
    serious: int = 0
    keys: Dict[str, Key] = field(default_factory=dict)
    thumbnail: str = ""
    levels: str = ""

    @classmethod
    def of_report(cls, name, source, report, seconds):
        """From the JSON form of its report."""
        score = report["score"]
        return cls(name, source, "done", "", report["grade"], score["passed"],
                   score["evaluable"],
                   {item["id"]: (Status(item["status"]), len(item["warnings"]))
                    for item in report["items"]}, seconds,
                   ["%s: %s" % found[:2] for found in input_findings(report)],
                   count_serious(report), _keys(report), levels=levels.printed_of_report(report))

    def summary(self):
        """Levels and score in words."""
        text = "levels %s; %d of %d items passed" % (self.levels, self.passed, self.evaluable)
        return text + printed_serious(self.serious) + (
            ", suspicious input" if self.suspicions else "")

    def plain(self):
        """All of it as plain data, for JSON."""
        return {
            "name": self.name, "source": self.source, "state": self.state,
            "reason": self.reason, "grade": self.grade, "passed": self.passed,
            "evaluable": self.evaluable, "serious": self.serious,
            "suspicious": self.suspicions, "seconds": self.seconds,
            "report": "%s/report.html" % self.name if self.state == "done" else "",
            "items": {item: {"status": status.value, "warnings": warnings}
                      for item, (status, warnings) in self.items.items()},
            "key_numbers": {name: {"label": key.label, "value": key.value, "unit": key.unit,
                                   "outside": key.is_outside}
                            for name, key in self.keys.items()}}


def _keys(report):
    """The key numbers of a report, in its JSON form, that were measured."""
    items = {item["id"]: item for item in report["items"]}
    keys = {}
    for wanted in KEY_NUMBERS:
        item = items.get(wanted.item, {})
        name, _, part = wanted.metric.partition(".")
        metric = item.get("metrics", {}).get(name, {"value": None})
        value = metric["value"]
        if part and isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and None not in value:  # of several, the one farthest off
            value = max(value, key=abs, default=None)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            keys["%s %s" % (wanted.item, wanted.metric)] = Key(
                wanted.label, value, metric["unit"],
                any(criterion["metric"] == wanted.metric and criterion["outcome"] == "broken"
                    for criterion in item["criteria"]))
    return keys


def write_summaries(folder, title, outcomes):
    """Write ``summary.html``, ``summary.csv`` and ``summary.json``.

    Parameters
    ----------
    folder : str
        In it, each entry has a folder of its name.
    title : str
    outcomes : list of Outcome

    Raises
    ------
    OSError
        If they cannot be written; the earlier ones are left then.
    """
    items = [check.id for check in all_checks()
             if any(check.id in outcome.items for outcome in outcomes)]
    for name, text in zip(SUMMARIES, (render_page(title, outcomes, items),
                                      render_csv(outcomes, items),
                                      render_json(title, outcomes))):
        replace_file(os.path.join(folder, name), text)


def render_json(title, outcomes):
    """The summary for programs.

    Parameters
    ----------
    title : str
    outcomes : list of Outcome

    Returns
    -------
    str
    """
    counts = {state: sum(outcome.state == state for outcome in outcomes) for state in _STATES}
    summary = {"title": title, "written": datetime.now().astimezone().isoformat("T", "seconds"),
               "complete": counts["done"] == len(outcomes), "counts": counts,
               "entries": [outcome.plain() for outcome in outcomes]}
    return json.dumps(summary, indent=1, ensure_ascii=False) + "\n"


def render_csv(outcomes, items):
    """The summary for programs and spreadsheets.

    Parameters
    ----------
    outcomes : list of Outcome
    items : list of str
        Ids of the items, each a column with statuses as in ``report.json``.

    Returns
    -------
    str
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["name", "source", "state", "grade", "passed", "evaluable", "serious"]
                    + items
                    + ["suspicious", "reason", "report", "seconds"])
    for outcome in outcomes:
        statuses = [outcome.items[item][0].value if item in outcome.items else ""
                    for item in items]
        report = "%s/report.html" % outcome.name if outcome.state == "done" else ""
        writer.writerow([outcome.name, outcome.source, outcome.state, outcome.grade,
                         outcome.passed, outcome.evaluable, outcome.serious] + statuses
                        + [" ".join(outcome.suspicions), outcome.reason, report, outcome.seconds])
    return text.getvalue()


def render_page(title, outcomes, items):
    """The summary as a page that needs nothing else and leads to the reports.

    Parameters
    ----------
    title : str
    outcomes : list of Outcome
    items : list of str
        Ids of the items that have a column.

    Returns
    -------
    str
        HTML.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("vrs.report"), autoescape=True, trim_blocks=True,
        lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters["quoted"] = quote
    titles = {check.id: check.title for check in all_checks()}
    keys = [name for name in ("%s %s" % (key.item, key.metric) for key in KEY_NUMBERS)
            if any(name in outcome.keys for outcome in outcomes)][:_MOST_KEYS]
    counts = [(label, sum(outcome.state == state for outcome in outcomes))
              for state, (label, _) in _STATES.items()]
    return environment.get_template("summary.html.j2").render(
        title=title, outcomes=outcomes, keys=[(name, next(
            outcome.keys[name].label for outcome in outcomes if name in outcome.keys))
            for name in keys],
        items=[(item, titles[item]) for item in items],
        states=_STATES, signs={status.value: sign for status, sign in _SIGNS.items()},
        styles=STATUS_STYLES, counts=[(label, count) for label, count in counts if count],
        words={status.value: "warnings, how many" if status is Status.WARNINGS
               else status.printed() for status in Status},
        written=datetime.now().strftime("%Y-%m-%d %H:%M"))


def thumbnail(path):
    """The picture of the map at the beginning of a report, made small.

    Parameters
    ----------
    path : str
        Of the report as HTML.

    Returns
    -------
    str
        JPEG in base 64; empty where the report shows no map.
    """
    beginning, found = "", None
    with open(path, encoding="utf-8") as handle:
        while found is None and "<main>" not in beginning:
            more = handle.read(_PIECE)
            if not more:
                break
            beginning += more
            found = _PICTURE.search(beginning.partition("<main>")[0])
    if found is None:
        return ""
    try:
        with Image.open(io.BytesIO(base64.b64decode(found.group(1)))) as picture:
            small = Image.new("RGB", picture.size, "white")
            small.paste(picture.convert("RGBA"), mask=picture.convert("RGBA"))
    except (binascii.Error, UnidentifiedImageError):  # the page was damaged
        return ""
    white = Image.new("RGB", small.size, "white")
    small = small.crop(ImageChops.difference(small, white).getbbox())
    small.thumbnail(_THUMBNAIL)
    written = io.BytesIO()
    small.save(written, "JPEG", quality=80)
    return base64.b64encode(written.getvalue()).decode()


def replace_file(path, text):
    """Write a file as a whole or not at all.

    Parameters
    ----------
    path, text : str

    Raises
    ------
    OSError
        If it cannot be written; an earlier one is left then.
    """
    new = path + ".new"
    try:
        with open(new, "w", encoding="utf-8") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(new, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.remove(new)
        raise
