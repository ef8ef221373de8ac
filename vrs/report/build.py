"""From results to the document."""

from vrs import levels
from vrs.report import quality
from vrs.report.document import Document, Section
from vrs.report.numbering import Numbering, input_anchor, level_anchor, paths
from vrs.report.sections import front
from vrs.report.sections.comparison import comparison
from vrs.report.sections.given import added_blocks, input_blocks
from vrs.report.sections.items import item_section
from vrs.report.sections.micrographs import micrographs_section
from vrs.report.sections.provenance import provenance_section
from vrs.report.sections.residues import residues_section


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
    numbering = Numbering(found, artist, has_appendix=True)
    first = front.first_page(numbering, results)
    body = [Section("input", "Input data", numbering.sections["input"],
                    input_blocks(numbering, given, results[0][1]))]
    body += [_level_section(numbering, *pair) for pair in results]
    residues = residues_section(numbering, items, str(len(body) + 1))
    if residues:
        body.append(residues)
    micrographs = micrographs_section(numbering, items, str(len(body) + 1))
    if micrographs:
        body.append(micrographs)
    compared = comparison(numbering, items, given.resolution)
    if compared:
        body.append(Section("comparison", "Resolution estimates compared", str(len(body) + 1),
                            compared))
    others = body[len(results) + 1:]
    body.append(provenance_section(numbering, found, provenance, str(len(body) + 1)))
    context = front.context(numbering, str(len(body) + 1))
    body += [context, numbering.references.section(str(len(body) + 2))]
    appendix = []
    if numbering.appendix:
        appendix.append(Section("appendix", "Appendix: all metrics and long lists", "A",
                                list(numbering.appendix)))
    before = [front.quality_section(numbering, found,
                                    body[:1] + others + body[-3:] + appendix),
              front.warnings(numbering, found)]
    assessed = levels.printed(items)
    return Document(title or given.file_name, assessed,
                    "%d of %d" % quality.score(items), str(provenance.get("date", "")), first,
                    front.front_facts(found, provenance), before, body, appendix)


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
