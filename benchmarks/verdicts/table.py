"""What the verdicts are worth: tables from the documents that ``run`` kept.

Usage: python -m benchmarks.verdicts.table FOLDER [--page PAGE] [--details] [--stored]

Metrics are judged by the present criteria, so that a criterion can be tried without a new run;
``--stored`` takes the warnings as they were. Findings on the input are those of the run. ``--page``
puts the tables between the comments ``verdicts`` and ``end`` of a page of the documentation;
``--details`` adds what decided in each false alarm and in each fault that was missed.
"""

import argparse
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List

from benchmarks.verdicts.faults import FAULTS
from benchmarks.verdicts.sets import SETS, VerdictSet
from benchmarks.verdicts.structures import REPORTING, SETTING
from vrs.checks import all_checks
from vrs.checks.criteria import metric_value
from vrs.numerics.statistics import wilson_interval
from vrs.results import SERIOUS, Metric

_INPUTS = {"map": "map (findings)", "half_maps": "half maps (findings)",
           "model": "model (findings)", "particles": "particles (findings)"}
_LEVELS = {"1": "half_maps", "A": "model", "4": "particles"}
_PART = r"(\.\. %s\n\n).*?(\.\. end\n)"
_GOAL = 0.05


@dataclass(frozen=True)
class Warned:
    """A warning: who gave it, how severe it is, what decided, and the sentence."""

    source: str
    severity: str
    criterion: str
    value: object
    bound: object
    text: str


@dataclass
class Outcome:
    """What was said of a set.

    Attributes
    ----------
    of : VerdictSet
    judged : list of str
        Items that came to a verdict, and the parts of the input.
    warned : list of Warned
    reasons : dict of str to str
        Of items that came to none.
    metrics : dict of str to dict
    """

    of: VerdictSet
    judged: List[str]
    warned: List[Warned]
    reasons: Dict[str, str]
    metrics: Dict[str, dict]

    def by(self, source, severity=""):
        """Whether a source warned, seriously where that is asked; warnings that are right for a
        sound set do not count."""
        return any(one.source == source and severity in ("", one.severity) for one in self.counted)

    @property
    def counted(self):
        """Warnings but for those minor ones that are right for a sound set."""
        return [one for one in self.warned if one.severity == SERIOUS
                or one.source not in self.of.expected]

    @property
    def serious(self):
        """Whether there is a serious warning."""
        return any(one.severity == SERIOUS for one in self.warned)


def read(folder, stored=False, sets=SETS):
    """Outcomes of the documents in a folder, in the order of the sets.

    Parameters
    ----------
    folder : path
    stored : bool
        Whether the warnings of the run are taken, rather than those of the present criteria.
    sets : dict of str to VerdictSet
        By their names.

    Returns
    -------
    list of Outcome
    """
    paths = {path.stem: path for path in Path(folder).glob("*.json")}
    return [outcome(one, json.loads(paths[name].read_text(encoding="utf-8")), stored)
            for name, one in sets.items() if name in paths]


def outcome(one, document, stored=False):
    """What a document says of its set."""
    report = document["report"]
    checks = {check.id: check for check in all_checks()}
    given = [("map", report["input"]["notes"])] + [
        (_LEVELS[added["level"]], added["notes"]) for added in report["input"]["added"]
        if added["level"] in _LEVELS]
    found = Outcome(one, [source for source, _ in given], [], {}, {})
    for source, notes in given:
        found.warned += [Warned(source, note["severity"], "", "", "", note["text"])
                         for note in notes if note["severity"] != "informative"]
    for item in report["items"]:
        found.metrics[item["id"]] = {name: metric["value"]
                                     for name, metric in item["metrics"].items()}
        if stored or not item["metrics"]:
            status, criteria = item["status"], [
                (name, metric, bound, severity, [w["text"] for w in item["warnings"]
                                                 if w["criterion"] == name])
                for name, metric, bound, severity in (
                    (c["name"], c["metric"], c["bound"], c["severity"]) for c in item["criteria"])]
        else:
            metrics = {name: Metric(**metric) for name, metric in item["metrics"].items()}
            judged = checks[item["id"]].judge(metrics)
            status, criteria = judged.status.value, [
                (c.name, c.metric, c.bound, c.severity, c.warnings) for c in judged.criteria]
        if status in ("ok", "warnings"):
            found.judged.append(item["id"])
        else:
            found.reasons[item["id"]] = "%s %s" % (status, item["reason"])
        metrics = {name: Metric(**metric) for name, metric in item["metrics"].items()}
        for name, metric, bound, severity, texts in criteria:
            found.warned += [Warned(item["id"], severity, name, metric_value(metrics, metric),
                                    bound, text) for text in texts]
    return found


# ------------------------------------------------------------ counts
@dataclass(frozen=True)
class Count:
    """So many of so many."""

    found: int
    of: int

    def __str__(self):
        return "%d/%d" % (self.found, self.of) if self.of else "-"

    @property
    def printed(self):
        """With the share's 95 % interval."""
        if not self.of:
            return "-"
        return "%s (%.0f to %.0f %%)" % ((self,) + tuple(
            100 * end for end in wilson_interval(self.found, self.of)))


def _count(flags):
    flags = list(flags)
    return Count(sum(flags), len(flags))


def _of_part(outcomes, part, faulty):
    return [one for one in outcomes if one.of.part == part and bool(one.of.fault) == faulty]


def item_rows(outcomes):
    """A row for each item and part of the input: false alarms, and its own faults found."""
    sources = sorted({source for one in outcomes for source in one.judged},
                     key=lambda source: ("." in source, source))
    for source in sources:
        row = [_INPUTS.get(source, source)]
        for part in (SETTING, REPORTING):
            sound = [one for one in _of_part(outcomes, part, False) if source in one.judged]
            row.append(_count(one.by(source) for one in sound).printed)
            row.append(str(_count(one.by(source, SERIOUS) for one in sound)))
        own = [one for one in _of_part(outcomes, REPORTING, True) if source in one.of.finds]
        row += [str(_count(one.by(source) for one in own)),
                str(_count(one.by(source, SERIOUS) for one in own))]
        yield row


def fault_rows(outcomes, faults=FAULTS):
    """A row for each fault: by how many of its sets it was found, and by whom."""
    for name, fault in faults.items():
        sets = [one for one in outcomes if one.of.fault == name]
        if not sets:
            continue
        found = {}
        for one in sets:
            for source in {warned.source for warned in one.warned
                           if warned.severity == SERIOUS}:
                found[source] = found.get(source, 0) + 1
        by = ", ".join("%s (%d)" % (_INPUTS.get(source, source), count) for source, count in
                       sorted(found.items(), key=lambda pair: (-pair[1], pair[0])))
        meant = _count(any(one.by(source) for source in fault.finds) for one in sets)
        row = [fault.title, str(meant)]
        for part in (SETTING, REPORTING):
            row.append(str(_count(one.serious for one in sets if one.of.part == part)))
        yield row + [by or "none"]


def report_rows(outcomes):
    """Rows for the report as a whole."""
    rows = []
    for title, faulty, flag in (
            ("sound sets without a serious warning", False, lambda one: not one.serious),
            ("sound sets without any warning", False, lambda one: not one.counted),
            ("faulty sets with a serious warning", True, lambda one: one.serious),
            ("faulty sets of which who should has warned", True,
             lambda one: any(one.by(source) for source in one.of.finds))):
        rows.append([title] + [_count(flag(one) for one in _of_part(outcomes, part, faulty)).printed
                               for part in (SETTING, REPORTING)])
    return rows


def weak_points(outcomes, faults=FAULTS):
    """Sentences on what does not reach the goals, on the structures that are reported on."""
    sentences = []
    for row in item_rows(outcomes):
        match = re.match(r"(\d+)/(\d+)", row[3])
        if match and int(match.group(1)) > _GOAL * int(match.group(2)):
            sentences.append("%s warns about %s of the sound sets." % (row[0], match.group()))
    for row in fault_rows(outcomes, faults):
        match = re.match(r"(\d+)/(\d+)", row[3])
        if match and match.group(1) != match.group(2):
            sentences.append("%s: a serious warning in %s of the sets." % (
                row[0][0].upper() + row[0][1:], match.group()))
    return sentences


# ------------------------------------------------------------ printing
_ITEM_HEADER = ["", "false alarms, setting", "serious", "false alarms, reporting", "serious",
                "own faults found", "seriously"]
_FAULT_HEADER = ["fault", "by who should", "serious, setting", "serious, reporting",
                 "serious warnings from"]
_REPORT_HEADER = ["", "setting", "reporting"]


def tables(outcomes, faults=FAULTS):
    """The tables as reStructuredText."""
    sound = sum(not one.of.fault for one in outcomes)
    text = ["%d sound and %d faulty sets of %d structures." % (
        sound, len(outcomes) - sound, len({one.of.structure for one in outcomes})), ""]
    for title, header, rows in (
            ("The report as a whole", _REPORT_HEADER, report_rows(outcomes)),
            ("Items", _ITEM_HEADER, list(item_rows(outcomes))),
            ("Faults", _FAULT_HEADER, list(fault_rows(outcomes, faults)))):
        text += [title, "-" * len(title), ""] + _grid(header, rows) + [""]
    text += ["Weak spots", "----------", ""]
    text += ["- " + sentence for sentence in weak_points(outcomes, faults)] or ["None."]
    return "\n".join(text) + "\n\n"


def _grid(header, rows):
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in [header] + rows:
        lines += ["   %s - %s" % ("*" if column == 0 else " ", cell)
                  for column, cell in enumerate(row)]
    return [line.rstrip() for line in lines]


def plain(header, rows):
    """A table for a terminal."""
    rows = [header] + [list(row) for row in rows]
    widths = [max(len(str(row[column])) for row in rows) for column in range(len(header))]
    return "\n".join("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip()
                     for row in rows)


def details(outcomes):
    """What decided in each false alarm and in each fault that was missed."""
    lines = ["False alarms"]
    for one in outcomes:
        if not one.of.fault:
            lines += ["  %-30s %-9s %-9s %-8s %s = %s (bound %s) %s" % (
                one.of.name, one.of.part, warned.source, warned.severity, warned.criterion,
                _number(warned.value), _number(warned.bound), warned.text if not warned.criterion
                else "") for warned in one.counted]
    lines += ["", "Missed faults: no serious warning"]
    for one in outcomes:
        if one.of.fault and not one.serious:
            lines.append("  %-30s %-9s %s" % (one.of.name, one.of.part, "; ".join(
                _evidence(one, source) for source in one.of.finds)))
    return "\n".join(lines)


def _evidence(one, source):
    if source in _INPUTS:
        return "%s: %s" % (source, "minor" if one.by(source) else "nothing")
    if source in one.reasons:
        return "%s: %s" % (source, one.reasons[source])
    return "%s%s: %s" % (source, " (minor)" if one.by(source) else "", ", ".join(
        "%s %s" % (name, _number(value)) for name, value in one.metrics.get(source, {}).items()
        if isinstance(value, (int, float))))


def _number(value):
    if isinstance(value, (list, tuple)):
        return "[%s]" % ", ".join(map(_number, value))
    return "%.4g" % value if isinstance(value, (int, float)) else str(value)


def options():
    """Parser of the arguments."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("folder")
    parser.add_argument("--page")
    parser.add_argument("--details", action="store_true")
    parser.add_argument("--stored", action="store_true")
    return parser


def show(outcomes, arguments, faults=FAULTS, part="verdicts"):
    """Print the tables, or put them into a part of a page.

    Parameters
    ----------
    outcomes : list of Outcome
    arguments : argparse.Namespace
        Of :func:`options`.
    faults : dict of str to Fault
    part : str
        The comment of the page that the tables follow.
    """
    if arguments.page:
        page = Path(arguments.page)
        page.write_text(re.sub(_PART % part, lambda match: match.group(1)
                               + tables(outcomes, faults) + match.group(2),
                               page.read_text(encoding="utf-8"), flags=re.DOTALL),
                        encoding="utf-8")
        return
    for header, rows in ((_REPORT_HEADER, report_rows(outcomes)),
                         (_ITEM_HEADER, item_rows(outcomes)),
                         (_FAULT_HEADER, fault_rows(outcomes, faults))):
        print(plain(header, rows), end="\n\n")
    if arguments.details:
        print(details(outcomes))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], parents=[options()])
    arguments = parser.parse_args()
    show(read(arguments.folder, arguments.stored), arguments)


if __name__ == "__main__":
    main()
