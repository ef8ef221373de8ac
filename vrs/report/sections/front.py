"""The front matter: what the report says before its contents."""

from vrs import levels
from vrs.bibliography import reference
from vrs.report import quality
from vrs.report.document import Fact, Grid, Listing, Minor, Run, Section, Text
from vrs.report.numbering import item_anchor, plain
from vrs.report.sections.comparison import estimates_of
from vrs.report.sections.given import suspicions
from vrs.report.sections.items import status
from vrs.report.wording import angstroms
from vrs.results import SERIOUS

_CONTEXT = (
    "A cryo-EM map is the end of a long chain of decisions, and no single number shows whether it "
    "can be trusted. This report puts many independent measures side by side. It states for each "
    "what it looks at, what it found, by which rule it was judged, and which program computed it.",
    "How much can be checked depends on what is at hand. Each level from 0 to 5 builds on those "
    "below it: 0 takes the map alone, 1 adds two half maps, 2 the 2D classes, 3 the particles, 4 "
    "their angular assignment, and 5 the micrographs with the coordinates of the particles. Three "
    "letters may follow: A stands for an atomic model, W for the processing workflow, and O for "
    "other techniques such as cross-links, SAXS or tilt pairs. The grade names what was assessed; "
    "it says how deep the examination went, not how good the map is. How good it is can be read "
    "from the items and from the score, which counts the items without warnings among those that "
    "have a rule to pass and could be measured.",
    "A warning is a reason to look closer and not yet an error: a focused refinement, for example, "
    "may rightly stand off centre in its box.")
_EMDB = "https://www.ebi.ac.uk/emdb/%s"
_PDB = "https://www.ebi.ac.uk/pdbe/entry/pdb/%s"


def front_facts(numbering, results, provenance):
    """What stands on the front page, a list of Fact."""
    given = results[0].input
    assessed = ", ".join("%s (%s)" % (result.level, levels.get_level(result.level).title)
                         for result in results)
    facts = _entry_facts(provenance.get("entry")) + [
        ("Map" if given.shape else "Data", plain(given.file_name)),
        ("Levels assessed", plain(assessed)),
        ("Reported resolution", plain(angstroms(given.resolution))),
        ("Date", plain(_readable_date(provenance.get("date", ""))))]
    serious, minor = _weighed(results)
    # Neither grade nor score tell of what is wrong with the input.
    facts.append(("Serious findings", _told(numbering, serious, "status-failed")
                  or plain("none")))
    minor = [(anchor, text) for anchor, text in minor if anchor in suspicions(results)]
    if minor:
        facts.append(("Suspicious input", _told(numbering, minor, "status-warnings")))
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


def _told(numbering, found, style):
    """Texts with links to the sections that tell more."""
    runs = []
    for anchor, text in found:
        runs += [Run(" ")] * bool(runs) + [Run(text, style=style), Run(" ("),
                                           numbering.link(anchor), Run(")")]
    return runs


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


def context(numbering):
    """What validation is about."""
    blocks = [Text([Run(text)]) for text in _CONTEXT]
    blocks[1].runs += [Run(" The levels are those proposed in "),
                       numbering.references.cite(reference("Sorzano2022")), Run(".")]
    return Section("context", "Context", blocks=blocks)


def quality_section(numbering, results):
    """The quality in sentences."""
    items = [item for result in results for item in result.items]
    runs = []
    for sentence, item in quality.quality_sentences(items):
        runs += [Run(sentence.rstrip(".") + " ("), numbering.link(item_anchor(item)), Run("). ")]
    resolution = quality.resolution_sentence(
        results[0].input.resolution, [estimate.value for _, estimate in estimates_of(items)
                                      if not estimate.of_model])
    texts = [runs, [Run(resolution)] if resolution else [],
             [Run(quality.score_sentences(items), style="strong")],
             _input_sentence(numbering, results)]
    return Section("quality", "Summarised quality", blocks=[Text(runs) for runs in texts if runs])


def statuses(numbering, items):
    """The status of each item."""
    rows = [[[Run("%s %s" % (item.id, item.title), "#" + item_anchor(item.id))],
             [numbering.link(item_anchor(item.id))], [status(item)]] for item in items]
    return Section("status", "Status of the items", blocks=[
        Grid(["Item", "Section", "Status"], rows, [False] * 3, [3, 1, 1.6], sortable=True)])


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
