"""What changed from one report to another, by their JSON forms."""

import json
import re
from dataclasses import dataclass
from typing import Any, List, Optional

import numpy as np

from vrs import levels
from vrs.errors import InputError
from vrs.report.json_report import SCHEMA_VERSION, input_findings
from vrs.report.key_numbers import KEY_NUMBERS
from vrs.report.wording import OUTCOMES, cell
from vrs.results import Status

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*(?:e[+-]?\d+)?")
_KEY_METRICS = {(key.item, key.metric) for key in KEY_NUMBERS}


@dataclass
class ItemChange:
    """An item with another status, or one that only one of the reports has.

    Attributes
    ----------
    id, title : str
    before, after : str or None
        Status as one of ``vrs.results.Status``; None where the report lacks the item.
    printed : tuple of str
        Both in print.
    """

    id: str
    title: str
    before: Optional[str]
    after: Optional[str]
    printed: tuple


@dataclass
class Finding:
    """A warning of an item, or a finding on the input."""

    place: str
    text: str
    severity: str


@dataclass
class NumberChange:
    """A number by which an item is judged, or that stands on the first page, with another value.

    ``outcomes`` are those of its criterion, "met", "broken" or "not_evaluated"; None without.
    """

    item: str
    metric: str
    unit: str
    before: str
    after: str
    outcomes: tuple


@dataclass
class CurvePair:
    """A curve that both reports have; each is (frequencies, values)."""

    item: str
    description: str
    before: tuple
    after: tuple


@dataclass
class Changes:
    """What changed from the report ``before`` to the report ``after``, both in JSON form."""

    before: Any
    after: Any
    items: List[ItemChange]
    came: List[Finding]
    went: List[Finding]
    numbers: List[NumberChange]
    curves: List[CurvePair]

    def sentence(self):
        """All of it in one line."""
        moved = sum(change.before is not None and change.after is not None
                    for change in self.items)
        only = len(self.items) - moved
        parts = [_count(moved, "item") + " with another status" if moved else "",
                 _count(only, "item") + " in only one of the reports" if only else "",
                 _count(len(self.came), "new finding") if self.came else "",
                 _count(len(self.went), "finding") + " gone" if self.went else "",
                 _count(len(self.numbers), "number") + " changed" if self.numbers else ""]
        parts = [part for part in parts if part]
        return (", ".join(parts) or "Nothing changed") + "."


def read_report(path):
    """The JSON form of a report.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict

    Raises
    ------
    InputError
        If it is none, or one of another version of the contract.
    """
    try:
        with open(str(path), encoding="utf-8") as handle:
            report = json.load(handle)
    except OSError as error:
        raise InputError("%s cannot be read (%s)." % (path, error.strerror))
    except ValueError:
        raise InputError("%s is not a report.json: it is not valid JSON." % path)
    version = report.get("schema_version") if isinstance(report, dict) else None
    if not isinstance(version, str) or "items" not in report:
        raise InputError("%s is not a report.json of vrs." % path)
    if version.partition(".")[0] != SCHEMA_VERSION.partition(".")[0]:
        raise InputError("%s has the schema version %s, and only those with %s can be compared; "
                         "validate the map again." % (
                             path, version, SCHEMA_VERSION.partition(".")[0] + ".x"))
    return report


def changes(before, after) -> Changes:
    """Compare two reports.

    Parameters
    ----------
    before, after : dict
        Their JSON forms, as :func:`read_report` gives them.

    Returns
    -------
    Changes
        Numbers count as changed when they are different in print; findings that differ in
        their numbers only are the same.
    """
    old = {item["id"]: item for item in before["items"]}
    new = {item["id"]: item for item in after["items"]}
    both = [(old[name], new[name]) for name in sorted(set(old) & set(new))]
    return Changes(
        before, after,
        [change for change in (_item(old.get(name), new.get(name))
                               for name in sorted(set(old) | set(new))) if change],
        _missing_in(before, after), _missing_in(after, before),
        [change for pair in both for change in _numbers(*pair)],
        [curves for pair in both for curves in _curves(*pair)])


def _count(number, noun):
    return "%d %s%s" % (number, noun, "" if number == 1 else "s")


def _item(old, new):
    known = new or old
    statuses = [item and item["status"] for item in (old, new)]
    printed = tuple(Status(item["status"]).printed(len(item["warnings"])) if item else "–"
                    for item in (old, new))
    if printed[0] == printed[1]:
        return None
    return ItemChange(known["id"], known["title"], *statuses, printed)


def _findings(report):
    """Findings by what they say, without its numbers."""
    found = [Finding(*finding) for finding in input_findings(report)]
    found += [Finding(item["id"], warning["text"], warning["severity"])
              for item in report["items"] for warning in item["warnings"]]
    return {(finding.place, finding.severity, _NUMBER.sub("#", finding.text)): finding
            for finding in found}


def _missing_in(report, other):
    """Findings of the other report that a report does not have."""
    known = _findings(report)
    return [finding for key, finding in _findings(other).items() if key not in known]


def _numbers(old, new):
    """The changed numbers of an item."""
    criteria = [{outcome["metric"]: outcome["outcome"] for outcome in item["criteria"]}
                for item in (old, new)]
    wanted = list(dict.fromkeys(
        list(criteria[1]) + [metric for item, metric in sorted(_KEY_METRICS)
                             if item == new["id"]]))
    for metric in wanted:
        values = [_printed(item, metric) for item in (old, new)]
        if values[0] != values[1]:
            name = metric.partition(".")[0]
            unit = (new["metrics"].get(name) or old["metrics"].get(name))["unit"]
            yield NumberChange(new["id"], metric, unit, *values,
                               tuple(known.get(metric) for known in criteria))


def _printed(item, metric):
    """The value of a metric; a dash where the item does not have it."""
    name, _, key = metric.partition(".")
    if name not in item["metrics"]:
        return "–"
    value = item["metrics"][name]["value"]
    return cell(value.get(key) if key and isinstance(value, dict) else value)


def _curves(old, new):
    """The curves that an item has in both reports."""
    known = {curve["name"]: curve for curve in old.get("curves", [])}
    for curve in new.get("curves", []):
        if curve["name"] in known:
            pair = [(np.array(part["frequencies"], float), np.array(part["values"], float))
                    for part in (known[curve["name"]], curve)]
            yield CurvePair(new["id"], curve["description"], *pair)


def changes_text(found):
    """The changes as lines for the terminal.

    Parameters
    ----------
    found : Changes

    Returns
    -------
    list of str
    """
    lines = ["Before: %s" % described(found.before), "After:  %s" % described(found.after), "",
             found.sentence()]
    if found.items:
        lines += ["", "Items with another status"]
        lines += ["  %s  %s: %s -> %s" % (change.id, change.title, *change.printed)
                  for change in found.items]
    for heading, findings in (("New findings", found.came), ("Findings that disappeared",
                                                            found.went)):
        if findings:
            lines += ["", heading]
            lines += ["  %s  %s%s" % (finding.place, severity(finding), finding.text)
                      for finding in findings]
    if found.numbers:
        lines += ["", "Numbers"]
        lines += ["  %s  %s: %s -> %s%s%s" % (
            change.item, change.metric, change.before, change.after,
            " " + change.unit if change.unit else "", _judged(change))
            for change in found.numbers]
    return lines


def described(report):
    """A report in a line: title, levels and score."""
    return "%s (levels %s; %d of %d items passed)" % (
        report["input"]["title"], levels.printed_of_report(report), report["score"]["passed"],
        report["score"]["evaluable"])


def severity(finding):
    """What stands before a finding."""
    return "Serious: " if finding.severity == "serious" else ""


def _judged(change):
    old, new = change.outcomes
    if new is None or old == new:
        return ""
    return " (%s)" % OUTCOMES[new][0].lower()
