"""The sections of the items."""

import os

from vrs.checks import SERVICE
from vrs.report.document import Grid, Listing, Minor, Run, Section, Text
from vrs.report.numbering import item_anchor, paths, plain
from vrs.report.wording import OUTCOMES, STATUS_STYLES, cell
from vrs.results import Status


def item_section(numbering, item, result, folder):
    """The section of an item; parameters as of :func:`item_parts`."""
    blocks = []
    for heading, part in item_parts(numbering, item, result, folder).items():
        blocks += [Minor(heading)] + part
    return Section(item_anchor(item.id), "%s %s" % (item.id, item.title),
                   numbering.sections[item_anchor(item.id)], blocks, status=status(item))


def item_parts(numbering, item, result, folder):
    """What there is to say of an item.

    Parameters
    ----------
    numbering : vrs.report.numbering.Numbering
    item : vrs.results.ItemResult
    result : vrs.results.LevelResults
        That it belongs to.
    folder : path
        What the files of the results are relative to.

    Returns
    -------
    dict of str to list
        Blocks by heading, in the order of the report.
    """
    files = dict(paths(result.input.files, folder), **paths(item.files, folder))
    subject = "%s %s" % (item.id, item.title) if numbering.has_appendix else ""
    results = numbering.blocks(item.content, files, subject)
    metrics = _metrics(item)
    if metrics and numbering.has_appendix:
        numbering.set_aside(metrics)
    elif metrics:
        results.append(numbering.numbered(metrics))
    if item.reason:
        results.append(Text(plain(item.reason)))
    explained = item.explanation and item.status not in (Status.NOT_APPLICABLE, Status.NOT_RUN)
    parts = [("Explanation", [Text(plain(item.explanation))] if explained else []),
             ("Results", results),
             ("Automatic criteria", _criteria(item, result.criteria_source)),
             _verdict(item), ("Engine and reference", _engine(numbering.references, item))]
    return {heading: blocks for heading, blocks in parts if blocks}


def _metrics(item):
    """The table of all metrics of an item, None where it has none."""
    rows = [[[Run(name, style="code")], plain(cell(metric.value)), plain(metric.unit),
             plain(metric.description)] for name, metric in item.metrics.items()]
    if not rows:
        return None
    return Grid(["Quantity", "Value", "Unit", "Description"], rows, [False] * 4, [2.6, 2, 1, 4.4],
                "Quantities of item %s, under the names they have in report.json." % item.id)


def _criteria(item, source):
    if not item.criteria:
        if item.status is not Status.INFORMATIVE:
            return []
        return [Text(plain("This item is informative; it has no criteria."))]
    rows = []
    for outcome in item.criteria:
        text, style = OUTCOMES[outcome.outcome]
        rows.append([_criterion(outcome), plain(measured(item, outcome)),
                     [Run(text, style=style)]])
    blocks = [Grid(["The item is OK when", "Measured", "Outcome"], rows, [False] * 3,
                   [4, 1.3, 1.2])]
    if source == SERVICE:
        blocks.append(Text(plain("These are the rules of the public validation service."), "note"))
    elif any(_overridden(outcome) for outcome in item.criteria):
        blocks.append(Text(plain("The facility's bounds come from the criteria file %s." % source),
                           "note"))
    return blocks


def measured(item, outcome):
    """The value that a criterion judged, in print."""
    value = item.value(outcome.metric)
    if value is None or isinstance(value, str):
        return "–"
    unit = item.metrics[outcome.metric.partition(".")[0]].unit
    return "%s %s" % (cell(value), unit) if unit else cell(value)


def _engine(references, item):
    name = "vrs (built in)" if item.engine.name == "builtin" else item.engine.name
    runs = [Run("Computed by %s %s." % (name, item.engine.version))]
    if item.references:
        runs.append(Run(" Reference: " if len(item.references) == 1 else " References: "))
        for position, reference in enumerate(item.references):
            runs += [Run(", ")] * bool(position) + [references.cite(reference)]
        runs.append(Run("."))
    blocks = [Text(runs)]
    if item.files:
        kept = ["%s (%s)" % (entry.description, os.path.basename(entry.path))
                for entry in item.files]
        blocks.append(Text(plain("Files kept with the results: %s." % ", ".join(kept))))
    return blocks


def status(item):
    """The status of an item in its colours."""
    return Run(item.printed_status(), style=STATUS_STYLES[item.status.value])


def _verdict(item):
    """Heading and blocks of the status, with the warnings if there are any."""
    if item.status is Status.WARNINGS:
        return "Warnings", [
            Text([status(item)]),
            Listing([warning_runs(item, warning) for warning in item.warnings], True)
        ] + _of_service(item)
    return "Status", [Text([status(item)])] + _of_service(item)


def _of_service(item):
    """What the public validation service would say, where this is something else."""
    if item.service is None:
        return []
    told = "By the rules of the public validation service, the outcome would be: %s" % (
        item.service.printed_status())
    return [Text(plain(" ".join([told + (":" if item.service.warnings else ".")]
                                + item.service.warnings)), "note")]


def warning_runs(item, warning):
    """A warning of an item, which says so if it is serious."""
    serious = [Run("Serious: ", style="status-failed")] if warning in item.serious_warnings else []
    return serious + [Run(warning, style="strong")]


def _criterion(outcome):
    if not _overridden(outcome):
        return plain(outcome.text)
    return [Run(outcome.text), Run(" (facility bound, default %s)" % _bound(outcome.default_bound),
                           style="strong")]


def _overridden(outcome):
    return _bound(outcome.bound) != _bound(outcome.default_bound)


def _bound(bound):
    if isinstance(bound, (list, tuple)):
        return " to ".join("%g" % end for end in bound)
    return "%g" % bound
