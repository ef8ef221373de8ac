"""The report as JSON: the contract that ``schema/report.schema.json`` publishes."""

import json
import os
from pathlib import Path

from vrs import levels
from vrs.report import quality
from vrs.results import INFORMATIVE

SCHEMA_VERSION = "2.0"
SCHEMA = Path(__file__).parent / "schema" / "report.schema.json"


def render_json(results, provenance, title, folder):
    """The results as JSON text, without figures.

    Parameters
    ----------
    results : list of (LevelResults, path)
        Sorted, each with the folder its files are relative to.
    provenance : dict
    title : str
    folder : path
        Where the report goes; paths of files are relative to it.

    Returns
    -------
    str
        The same results give the same text, but for what ``provenance`` tells and
        for paths.

    Raises
    ------
    ValueError
        If the provenance holds a number that is not finite.
    """
    items = [(item, place) for result, place in results for item in result.items]
    plain = [item for item, _ in items]
    passed, evaluable = quality.score(plain)
    first, place = results[0]
    report = {
        "schema_version": SCHEMA_VERSION,
        "grade": levels.grade(plain),
        "score": {"passed": passed, "evaluable": evaluable},
        "input": _input([result for result, _ in results], title, place, folder),
        "resolution": {
            "reported": first.input.resolution,
            "estimates": [{"item": item.id, "metric": estimate.metric, "value": estimate.value}
                          for item in plain for estimate in item.estimates]},
        "items": [_item(item, place, folder) for item, place in items],
        "provenance": dict(provenance, levels={
            result.level: {"seed": result.seed, "criteria_file": result.criteria_source or None}
            for result, _ in results}),
    }
    return report_text(report)


def report_text(report):
    """A report as JSON text; ValueError where a number is not finite."""
    return json.dumps(report, indent=1, sort_keys=True, ensure_ascii=False,
                      allow_nan=False) + "\n"


def relocate(report, where):
    """Change the paths of the maps and models that a report names.

    Parameters
    ----------
    report : dict
        Its JSON form, which is changed.
    where : callable
        Gives the new path for the id of an item, empty for the input, and the old one.

    Returns
    -------
    dict of str to str
        The new paths by the old ones.
    """
    moved = {}
    for item, part in [("", report["input"])] + [(item["id"], item) for item in report["items"]]:
        for entry in part["files"]:
            entry["path"] = moved.setdefault(entry["path"], where(item, entry["path"]))
    return moved


def input_findings(report):
    """What is more than informative of the findings on the input, each of them once.

    Parameters
    ----------
    report : dict
        The JSON form of a report.

    Returns
    -------
    list of (str, str, str)
        The part of the input, a sentence, and its severity.
    """
    given, found = report["input"], {}
    for title, part in [("Map", given)] + [(added["title"], added) for added in given["added"]]:
        for note in part["notes"]:
            if note["severity"] != INFORMATIVE:
                found.setdefault(note["text"], (title, note["text"], note["severity"]))
    return list(found.values())


def _input(results, title, place, folder):
    given = results[0].input
    mask = {"file_name": given.mask_file_name, "sha256": given.mask_sha256}
    return {
        "title": title or given.file_name,
        "file_name": given.file_name,
        "sha256": given.sha256,
        "box": given.shape,
        "sampling": given.sampling,
        "threshold": given.threshold,
        "mask": mask if given.mask_file_name else None,
        "notes": _notes(given.notes),
        "files": _files(given.files, place, folder),
        "added": [_level_input(result) for result in results if result.added],
    }


def _level_input(result):
    added = result.added
    return {
        "level": result.level,
        "title": added.title,
        "files": [{"term": entry.term, "file_name": entry.file_name, "sha256": entry.sha256}
                  for entry in added.files],
        "notes": _notes(added.notes),
    }


def _notes(notes):
    return [{"severity": note.severity, "text": note.text} for note in notes]


def _item(item, place, folder):
    told = {
        "id": item.id,
        "title": item.title,
        "level": item.level,
        "status": item.status.value,
        "reason": item.reason,
        "engine": {"name": item.engine.name, "version": item.engine.version},
        "warnings": [{"text": text, "severity": outcome.severity, "criterion": outcome.name}
                     for outcome in item.criteria for text in outcome.warnings],
        "metrics": {name: {"value": metric.value, "unit": metric.unit,
                           "description": metric.description}
                    for name, metric in item.metrics.items()},
        "criteria": [{"name": outcome.name, "metric": outcome.metric, "text": outcome.text,
                      "relation": outcome.relation, "bound": outcome.bound,
                      "default_bound": outcome.default_bound, "outcome": outcome.outcome,
                      "severity": outcome.severity} for outcome in item.criteria],
        "curves": [{"name": curve.name, "description": curve.description,
                    "frequencies": curve.frequencies.tolist(), "values": curve.values.tolist()}
                   for curve in item.curves],
        "residues": [{"name": values.name, "description": values.description,
                      "unit": values.unit, "chains": values.chains, "numbers": values.numbers,
                      "names": values.residues, "values": values.values.tolist()}
                     for values in item.residues],
        "particles": [{"name": values.name, "description": values.description,
                       "unit": values.unit} for values in item.particles],
        "files": _files(item.files, place, folder),
        "references": [{"key": reference.key, "text": reference.text, "doi": reference.doi}
                       for reference in item.references],
    }
    if item.service:
        told["service"] = {"status": item.service.status.value, "warnings": item.service.warnings}
    return told


def _files(entries, place, folder):
    return [_file(entry, os.path.relpath(str(place / entry.path), str(folder)))
            for entry in entries]


def _file(entry, path):
    told = {"name": entry.name, "path": path, "description": entry.description}
    return dict(told, unit=entry.unit) if entry.content == "volume" else told
