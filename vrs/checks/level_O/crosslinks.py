"""O.a: are the residues that a chemical linker joined near enough to each other in the model?"""

import numpy as np

from vrs.checks import Check, Criterion, Findings, NotMeasured, Quantity, register
from vrs.checks.shares import printed_interval, share_metrics, share_quantities
from vrs.inputs.crosslinks import CROSSLINKS
from vrs.inputs.model import MODEL
from vrs.numerics.crosslinks import (BETWEEN_CHAINS, DEPTH_LIMIT, LONGEST_PATH, PATH_LIMIT,
                                     STRAIGHT, STRAIGHT_FLEXIBLE, assess, tally)
from vrs.results import SERIOUS, Bars, Mark, Paragraph, Table, plain

_FEWEST = 5
_SHARE, _CHANCE = 50.0, 0.01
_USUAL_AMINES = 0.5
_LISTED = 20
_BIN = 3.0


@register
class CrossLinkSatisfaction(Check):
    """Cross-links measured through the solvent around the model."""

    id = "O.a"
    title = "Mass spectrometry cross-links"
    requires = (MODEL, CROSSLINKS)
    explanation = (
        "Chemical linkers join residues that are near to each other in solution. For each link the "
        "shortest path through the solvent between the two alpha carbons is measured, as a linker "
        "cannot pass through the protein. A link is satisfied up to %g Å within a chain and %g Å "
        "between chains (DSS and BS3; other linkers by the length of their spacers, or by the "
        "limit in the table). Mass spectrometry cannot tell copies of a protein apart, so the "
        "nearest ones count. Residues close in sequence are close in any model; the satisfied "
        "links are therefore compared with random residues of the same types, equally far apart in "
        "sequence. Links with a residue that the model lacks are listed and not counted. A residue "
        "that was changed without being joined (a mono-link) is satisfied if it lies no deeper "
        "than %g Å below the surface." % (PATH_LIMIT, PATH_LIMIT + BETWEEN_CHAINS, DEPTH_LIMIT))
    quantities = (
        Quantity("links", "", "Distinct cross-links in the table"),
        Quantity("mapped_links", "", "Cross-links whose residues are both in the model"),
        *share_quantities("satisfied", "Mapped links that are short enough"),
        Quantity("expected_percentage", "%", "Percentage that random residues would satisfy"),
        Quantity("enrichment", "", "Ratio of satisfied links to those expected by chance"),
        Quantity("enrichment_p_value", "",
                 "Probability that random residues satisfy at least as many"),
        Quantity("straight_percentage", "%", "Mapped links of at most %g Å in a straight line"
                 % STRAIGHT),
        Quantity("flexible_percentage", "%", "Mapped links of at most %g Å in a straight line"
                 % STRAIGHT_FLEXIBLE),
        Quantity("between_links", "", "Mapped links between different proteins"),
        Quantity("between_satisfied_percentage", "%",
                 "Percentage of these that is satisfied, where there are at least %d" % _FEWEST),
        Quantity("mono_links", "", "Mono-links whose residue is in the model"),
        Quantity("mono_satisfied_percentage", "%", "Mono-links close enough to the surface"),
    )
    references = ("Bullock2016", "Sinnott2020")
    criteria = (
        Criterion(name="satisfied", metric="satisfied_percentage",
                  subject="the fraction of the cross-links that is satisfied", relation=">",
                  bound=_SHARE, unit="%",
                  warning="Only {value:.0f} % of the cross-links are short enough in the model for "
                  "their linker (more than {bound} % expected): the model, its numbering or the "
                  "assignment of its chains may be wrong.",
                  severity=SERIOUS),
        Criterion(name="enrichment", metric="enrichment_p_value",
                  subject="the probability that random residues satisfy as many", relation="<",
                  bound=_CHANCE,
                  warning="Random residues would satisfy as many cross-links (p = {value:.2g}, "
                  "below {bound} expected): the links do not support the model.",
                  severity=SERIOUS, service=()),
        Criterion(name="between", metric="between_satisfied_percentage",
                  subject="the fraction of the cross-links between different proteins that is "
                  "satisfied", relation=">", bound=_SHARE, unit="%",
                  warning="Only {value:.0f} % of the cross-links between different proteins are "
                  "short enough (more than {bound} % expected): the proteins may be arranged "
                  "wrongly.", service=()),
    )
    summary_ok = "The model satisfies the cross-links."
    summary_warnings = "The model does not satisfy the cross-links."

    def compute(self, evidence):
        found = assess(evidence.model.structure, evidence.crosslinks, evidence.run.workers,
                       evidence.run.seed)
        total = tally(found.links)
        _refuse(total)
        between = tally(found.links, ~found.links.same_protein)
        distances = found.links.distances[found.links.mapped]
        depths = found.depths[np.isfinite(found.depths) | (found.mono_residues >= 0)]
        metrics = {
            "links": len(evidence.crosslinks.names), "mapped_links": total.links,
            **share_metrics("satisfied", total.satisfied, total.links),
            "expected_percentage": 100 * total.expected / total.links,
            "enrichment": total.enrichment, "enrichment_p_value": total.p_value,
            "straight_percentage": 100 * np.mean(distances <= STRAIGHT),
            "flexible_percentage": 100 * np.mean(distances <= STRAIGHT_FLEXIBLE),
            "between_links": between.links, "mono_links": len(depths),
            "between_satisfied_percentage": (100 * between.share if between.links >= _FEWEST
                                             else None),
            "mono_satisfied_percentage": (100 * np.mean(depths <= DEPTH_LIMIT) if len(depths)
                                          else None)}
        return Findings(plain(metrics), _content(evidence.crosslinks, found, total, metrics))


def _refuse(total):
    """What cannot be judged is not measured."""
    if not total.links:
        raise NotMeasured("None of the linked residues is in the model; check the names of its "
                          "chains, or give the chains of each protein in a JSON file beside the "
                          "table.")
    if total.links < _FEWEST:
        raise NotMeasured("Only %d of the cross-links have both residues in the model; at least "
                          "%d are needed." % (total.links, _FEWEST))
    if (100 * total.share > _SHARE and total.p_value >= _CHANCE
            and total.sound_p_value >= _CHANCE):
        raise NotMeasured("The links cannot test this model: given its size, even three quarters "
                          "of them could be satisfied by chance.")


def _content(table, found, total, metrics):
    content = [Paragraph(
        "%d of %d cross-links are satisfied (%.0f %%; 95 %% interval %s %%), where "
        "random residues would satisfy %.1f. %s" % (
            total.satisfied, total.links, 100 * total.share,
            printed_interval(metrics["satisfied_interval"]), total.expected,
            _left_out(found)))]
    if found.amine_share is not None and found.amine_share < _USUAL_AMINES:
        content.append(Paragraph(
            "Only %.0f %% of the linked residues can react with the linker; the table probably "
            "numbers residues differently from the model." % (100 * found.amine_share)))
    if found.unknown_linkers:
        content.append(Paragraph("The length of %s is not known; that of DSS was used."
                                 % ", ".join(found.unknown_linkers)))
    content.append(_histogram(found))
    rows = _violated(table, found)
    if rows:
        content.append(Table(["Residues", "Path (Å)", "Straight (Å)", "Limit (Å)"], rows[:_LISTED],
                             "Cross-links that are not satisfied, longest first%s."
                             % (" (%d of %d)" % (_LISTED, len(rows)) if len(rows) > _LISTED
                                else "")))
    return content


def _left_out(found):
    missing = [words for words in found.links.missing if words]
    if not missing:
        return "All linked residues are in the model."
    examples = list(dict.fromkeys(missing))
    return "%d link%s not counted, as the model lacks %s%s." % (
        len(missing), " was" if len(missing) == 1 else "s were", ", ".join(examples[:5]),
        " and others" if len(examples) > 5 else "")


def _histogram(found):
    paths = found.links.paths[found.links.mapped]
    edges = np.arange(0, LONGEST_PATH + 2 * _BIN, _BIN)
    # The last bar is of links without a path.
    counts, _ = np.histogram(np.minimum(paths, edges[-1] - _BIN / 2), edges)
    return Bars("Lengths of the cross-links through the solvent; the last bar counts those beyond "
                "%g Å." % LONGEST_PATH, "Histogram of the lengths of the cross-links.",
                "Path (Å)", "Cross-links", edges, counts,
                [Mark(PATH_LIMIT, "limit within a chain"),
                 Mark(PATH_LIMIT + BETWEEN_CHAINS, "limit between chains")])


def _violated(table, found):
    links = found.links
    rows = sorted(np.flatnonzero(links.mapped & ~links.satisfied),
                  key=lambda row: (-links.paths[row], -links.distances[row]))
    return [["%s %d – %s %d" % (table.names[row, 0], table.numbers[row, 0], table.names[row, 1],
                                table.numbers[row, 1]),
             "%.1f" % links.paths[row] if np.isfinite(links.paths[row])
             else "beyond %g" % LONGEST_PATH,
             "%.1f" % links.distances[row], "%.1f" % links.limits[row]] for row in rows]
