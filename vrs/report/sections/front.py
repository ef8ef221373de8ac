"""The front matter: what the report says before its contents."""

import numpy as np

from vrs.bibliography import reference
from vrs.report import quality
from vrs.report.document import Fact, First, Grid, Listing, Minor, Run, Section, Text
from vrs.report.key_numbers import KEY_NUMBERS, key_numbers
from vrs.report.numbering import item_anchor, paths, plain
from vrs.report.places import places
from vrs.report.sections.comparison import estimates_of
from vrs.report.sections.given import suspicions
from vrs.report.sections.items import status
from vrs.report.wording import angstroms
from vrs.results import SERIOUS, content

_CONTEXT = (
    "A cryo-EM map is the end of a long chain of decisions, and no single number shows whether it "
    "can be trusted. This report puts many independent measures side by side. It states for each "
    "what it looks at, what it found, by which rule it was judged, and which program computed it.",
    "How much can be checked depends on what is at hand. Each level from 0 to 5 builds on those "
    "below it: 0 takes the map alone, 1 adds two half maps, 2 the 2D classes, 3 the particles, 4 "
    "their angular assignment, and 5 the micrographs with the coordinates of the particles. Three "
    "letters may follow: A stands for an atomic model, W for the processing workflow, and O for "
    "other techniques such as cross-links, SAXS or tilt pairs. The levels assessed say how deep "
    "the examination went, not how good the map is. How good it is can be read "
    "from the items and from the score, which counts the items without warnings among those that "
    "have a rule to pass and could be measured.",
    "A warning is a reason to look closer and not yet an error: a focused refinement, for example, "
    "may rightly be off centre in its box.")
_EMDB = "https://www.ebi.ac.uk/emdb/%s"
_PDB = "https://www.ebi.ac.uk/pdbe/entry/pdb/%s"
_MOST_WARNINGS, _MOST_REASONS = 5, 4
_NO_HALVES = ("No half maps were given, so the resolution could not be tested by a Fourier shell "
              "correlation.")


def first_page(numbering, results):
    """Whether the map can be trusted, why, and where to look.

    Parameters
    ----------
    numbering : vrs.report.numbering.Numbering
    results : list of (LevelResults, path)

    Returns
    -------
    First
    """
    levels_found = [result for result, _ in results]
    items = [item for result in levels_found for item in result.items]
    serious, minor = _weighed(levels_found)
    verdict, style = _verdict(items, serious, minor)
    told = serious or minor
    shown = {}  # what one item says in several ways is said once
    for anchor, text in told:
        shown.setdefault(anchor, text)
    shown = list(shown.items())[:_MOST_WARNINGS]
    warnings = [[Run(text + " "), numbering.link(anchor)] for anchor, text in shown]
    if len(told) > len(shown):
        warnings.append([Run("%d more in the list of " % (len(told) - len(shown))),
                         Run("warnings", "#warnings"), Run(".")])
    given = levels_found[0].input
    scales, curves = key_numbers(items), _correlation(items, given.resolution) or _spectrum(given)
    return First(
        verdict, style, _statements(numbering, levels_found, items), _views(numbering, results),
        numbering.artist.draw(curves, {}) if curves else None,
        numbering.artist.draw(scales, {}) if scales else None,
        "Serious warnings" if serious else "Worth a look", warnings,
        *places(results, numbering.artist))


def _verdict(items, serious, minor):
    """The answer in a line, and its style."""
    passed, evaluable = quality.score(items)
    if serious:
        return ("%s: not everything that is claimed is "
                "supported." % _count(serious, "serious warning"),
                "status-failed")
    if not evaluable:
        return "No item could judge these data.", "status-neutral"
    if minor:
        return ("No serious warning; %s worth a look." % _count(minor, "point"),
                "status-warnings")
    return "No warnings: what could be measured supports the map.", "status-ok"


def _count(found, noun):
    return "%d %s%s" % (len(found), noun, "" if len(found) == 1 else "s")


def _resolution(results, items):
    """The sentence on the estimates that depend on the map alone; empty without any."""
    return quality.resolution_sentence(
        results[0].input.resolution, [estimate.value for _, estimate in estimates_of(items)
                                      if not estimate.of_model])


def _statements(numbering, results, items):
    """What the verdict rests on."""
    by_id = {item.id: item for item in items}
    statements = []
    resolution = _resolution(results, items)
    if resolution:
        statements.append(plain(resolution))
    for item_id in dict.fromkeys(key.item for key in KEY_NUMBERS):
        item = by_id.get(item_id)
        if item and item.summary and len(statements) < _MOST_REASONS:
            statements.append([Run(item.summary + " "), numbering.link(item_anchor(item_id))])
    if not any(item.level == "1" for item in items) and results[0].input.shape:
        statements.append(plain(_NO_HALVES))
    return statements


def _views(numbering, results):
    """The map with the model in it, or the map alone; None without a map."""
    first, folder = results[0]
    files = paths(first.input.files, folder)
    drawn = [block for result, _ in results if result.added for block in result.added.content
             if isinstance(block, content.Overlay)]
    drawn += [block for block in first.input.content if isinstance(block, content.Surface)]
    return numbering.artist.draw(drawn[0], files) if drawn else None


def _correlation(items, reported):
    """The Fourier shell correlations of the half maps, else that of map and model; None
    without."""
    curves = {curve.name: curve for item in items for curve in item.curves
              if item.id in ("1.a", "A.a")}
    shown = [(name, label) for name, label in (
        ("fsc", "without mask"), ("fsc_masked", "within the mask"),
        ("fsc_random_phases", "random phases"), ("fsc_corrected", "corrected")) if name in curves]
    limit, what = 0.143, "half maps"
    if not shown and "map_model_fsc" in curves:
        shown, limit, what = [("map_model_fsc", "map and model")], 0.5, "map and model"
    if not shown:
        return None
    series = [content.Series(label, curves[name].frequencies[1:], curves[name].values[1:])
              for name, label in shown]
    ends = series[0].x[[0, -1]]
    series.append(content.Series("%g" % limit, ends, np.full(2, limit), "dashed"))
    marks = [content.Mark(1 / reported, "reported, %g Å" % reported)] if reported else []
    return content.Plot(
        "Fourier shell correlation of the %s." % what,
        "Correlation of the %s against spatial frequency: %s." % (
            what, ", ".join(label for _, label in shown)),
        content.FREQUENCY, "Fourier shell correlation", series, marks=marks)


def _spectrum(given):
    """The power spectrum of the map, None without."""
    return next((block for block in given.content if isinstance(block, content.Plot)
                 and block.x_label == content.FREQUENCY), None)


def front_facts(results, provenance):
    """What was examined, a list of Fact."""
    given = results[0].input
    facts = _entry_facts(provenance.get("entry")) + [
        ("Map" if given.shape else "Data", plain(given.file_name))]
    if given.shape:
        facts += [("Box", plain("%s voxels of %g Å" % (
            " × ".join(map(str, given.shape)), given.sampling))),
            ("Threshold", plain("%g" % given.threshold))]
    facts += [("Reported resolution", plain(angstroms(given.resolution)))]
    files = [entry for result in results if result.added for entry in result.added.files]
    facts += [(entry.term, plain(entry.file_name))
              for entry in dict((entry.term, entry) for entry in files).values()]
    facts += [("Date", plain(_readable_date(provenance.get("date", ""))))]
    return [Fact(term, runs) for term, runs in facts]


def _weighed(results):
    """Serious and other findings and warnings, each a list of (anchor, text)."""
    serious, minor = [], []
    for anchor, notes in suspicions(results).items():
        for note in notes:
            (serious if note.severity == SERIOUS else minor).append((anchor, note.text))
    for result in results:
        for item in result.items:
            for text in item.warnings:
                (serious if text in item.serious_warnings else minor).append(
                    (item_anchor(item.id), text))
    return serious, minor


def _entry_facts(entry):
    """What the archive says, where the map comes from one."""
    if not entry:
        return []
    models = [[Run(", ")] * bool(position) + [Run(pdb_id.upper(), _PDB % pdb_id)]
              for position, pdb_id in enumerate(entry["pdb_ids"])]
    facts = [("Entry", [Run(entry["id"], _EMDB % entry["id"])]),
             ("Models of the entry", sum(models, []) or plain("none")),
             ("Deposited", plain(_readable_date(entry["deposited"]))),
             ("Authors", plain(", ".join(entry["authors"]) or "not given"))]
    return facts + [("Remark", plain(remark)) for remark in entry["remarks"]]


def context(numbering, number):
    """What validation is about."""
    blocks = [Text([Run(text)]) for text in _CONTEXT]
    blocks[1].runs += [Run(" The levels are those proposed in "),
                       numbering.references.cite(reference("Sorzano2022")), Run(".")]
    return Section("context", "How to read this report", number, blocks)


def quality_section(numbering, results, others):
    """Resolution and score in sentences, and the status of each item with what it says.

    Parameters
    ----------
    numbering : vrs.report.numbering.Numbering
    results : list of LevelResults
    others : list of Section
        What the report has beside the items.

    Returns
    -------
    Section
    """
    items = [item for result in results for item in result.items]
    resolution = _resolution(results, items)
    texts = [plain(resolution) if resolution else [],
             [Run(quality.score_sentences(items), style="strong")],
             _input_sentence(numbering, results)]
    rows = [[[Run("%s %s" % (item.id, item.title), "#" + item_anchor(item.id))],
             [status(item)], plain(item.summary or item.reason),
             [Run(numbering.sections[item_anchor(item.id)], "#" + item_anchor(item.id), "page")]]
            for item in items]
    elsewhere = [Run("Also in this report: ")]
    for section in others:
        elsewhere += [Run(", ")] * (len(elsewhere) > 1) + [
            Run(section.title.lower(), "#" + section.anchor)]
    blocks = [Text(runs) for runs in texts if runs]
    blocks += [Grid(["Item", "Status", "What it says", "Where"], rows, [False] * 3 + [True],
                    [3.2, 1.5, 5, 0.7], sortable=True, broad=True),
               Text(elsewhere + [Run(".")])]
    return Section("quality", "Summarised quality", blocks=blocks)


def _input_sentence(numbering, results):
    runs = []
    for anchor in suspicions(results):
        runs += [Run(", " if runs else "Input warnings do not affect the score; see "),
                 numbering.link(anchor)]
    return runs + [Run(".")] if runs else []


def warnings(numbering, results):
    """All warnings and findings, the serious ones first."""
    names = {item_anchor(item.id): "%s %s" % (item.id, item.title)
             for result in results for item in result.items}
    blocks = []
    for heading, found in zip(("Serious", "Worth a look"), _weighed(results)):
        blocks += [Minor(heading)] * bool(found)
        for anchor in dict.fromkeys(anchor for anchor, _ in found):
            blocks += [Text([Run("Section %s, %s" % (
                numbering.sections[anchor], names.get(anchor, "findings on the input")),
                "#" + anchor, "strong")]), Listing(
                    [plain(text) for place, text in found if place == anchor], ordered=True)]
    return Section("warnings", "Warnings",
                   blocks=blocks or [Text(plain("No item gave a warning."))])


def _readable_date(date):
    """``2025-11-21 06:41`` of an ISO 8601 date."""
    return date[:16].replace("T", " ") if date else "not given"
