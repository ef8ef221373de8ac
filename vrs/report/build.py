"""From results to the document."""

from vrs import levels
from vrs.report import quality
from vrs.report.document import Document, Section
from vrs.report.numbering import Numbering, input_anchor, level_anchor, paths
from vrs.report.sections import front
from vrs.report.sections.comparison import comparison
from vrs.report.sections.given import added_blocks, input_blocks
from vrs.report.sections.items import item_section
from vrs.report.sections.provenance import provenance_section


def build_document(results, provenance, title, artist):
    """Build the document of a report.

    Parameters
    ----------
    results : list of (LevelResults, path)
        In the order of their levels, each with the folder its files are relative to.
    provenance : dict
    title : str
        By default the name of the file.
    artist : vrs.report.figures.Artist

    Returns
    -------
    Document
    """
    found = [result for result, _ in results]
    given = found[0].input
    items = [item for result in found for item in result.items]
    numbering = Numbering(found, artist)
    before = [front.context(numbering), front.quality_section(numbering, found),
              front.statuses(numbering, items), front.warnings(numbering, found)]
    body = [Section("input", "Input data", numbering.sections["input"],
                    input_blocks(numbering, given, results[0][1]))]
    body += [_level_section(numbering, *pair) for pair in results]
    compared = comparison(numbering, items, given.resolution)
    if compared:
        body.append(Section("comparison", "Resolution estimates compared", str(len(body) + 1),
                            compared))
    body.append(provenance_section(numbering, found, provenance, str(len(body) + 1)))
    body.append(numbering.references.section(str(len(body) + 1)))
    return Document(title or given.file_name, levels.grade(items) or "none",
                    "%d of %d" % quality.score(items), str(provenance.get("date", "")),
                    front.front_facts(numbering, found, provenance), before, body)


def _level_section(numbering, result, folder):
    title = "Level %s: %s" % (result.level, levels.get_level(result.level).title)
    sections = []
    if result.added:
        anchor = input_anchor(result)
        sections = [Section(anchor, result.added.title, numbering.sections[anchor], added_blocks(
            numbering, result.added, paths(result.input.files, folder)))]
    sections += [item_section(numbering, item, result, folder) for item in result.items]
    return Section(level_anchor(result), title, numbering.sections[level_anchor(result)],
                   sections=sections)
