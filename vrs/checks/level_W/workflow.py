"""W: how was the map obtained?"""

from vrs.checks import TEXT, Check, Findings, Quantity, register
from vrs.checks.level_W.layout import depth, place_steps
from vrs.inputs.workflow import WORKFLOW
from vrs.results import Paragraph, Table, plain
from vrs.results.content import Graph, GraphNode

_ROWS = 40
_UNKNOWN = "not known"
_DIGIT_SPACE = "\u2007"


@register
class ProcessingWorkflow(Check):
    """The steps that were taken, with the programs and their versions."""

    id = "W"
    title = "Workflow"
    requires = (WORKFLOW,)
    explanation = (
        "The workflow is the record of how the data were processed: which protocols were run, and "
        "which of them took the output of which others. It lets others repeat the processing, and "
        "lets a reviewer see where decisions were taken: how particles were discarded, whether a "
        "mask was used, when the two halves of the data were separated. The SHA-256 is a "
        "fingerprint of the file that holds the workflow (with all parameters if Scipion exported "
        "it): a copy of the file has the same one only if nothing in it was changed. This item "
        "informs; it has no rule to pass, as there is more than one good way to a map.")
    quantities = (
        Quantity("links", "", "Pairs of protocols of which one takes the output of the other"),
        Quantity("longest_chain", "", "Protocols in the longest chain of them"),
        Quantity("plugins", "", "Plugins that the protocols are known to come from"),
        Quantity("protocols", "", "Protocols in the workflow"),
        Quantity("sha256", "", "SHA-256 of the file of the workflow", TEXT),
    )

    def compute(self, data):
        workflow = data.workflow
        steps = workflow.steps
        places, links = place_steps(steps)
        metrics = plain({
            "protocols": len(steps),
            "links": len(links),
            "longest_chain": depth(steps),
            "plugins": len({step.plugin for step in steps} - {""}),
            "sha256": workflow.sha256,
        })
        content = _graphs(places, links) + [
            Paragraph(workflow.version_source),
            Table(["Id", "Label", "Protocol", "Plugin", "Version", "Input from"],
                  [_row(place.step) for place in places],
                  "The protocols of the workflow, in the order of the graph.")]
        return Findings(metrics, content)


def _row(step):
    return [step.id, step.label, step.protocol, step.plugin or _UNKNOWN, step.version or _UNKNOWN,
            ", ".join(step.parents) or "–"]


def _graphs(places, links):
    """The graph, in as many parts as it takes to be legible."""
    count = -(-len(places) // _ROWS)
    size = -(-len(places) // count)
    return [_graph(places, links, part, count, size) for part in range(count)]


def _graph(places, links, part, count, size):
    first, last = part * size, min((part + 1) * size, len(places)) - 1
    caption = ("The workflow%s. Each row is a protocol, with its id and label; lines lead down to "
               "the protocols that take its output." % (
                   "" if count == 1 else ", part %d of %d" % (part + 1, count)))
    if any(place.step.leads_to_map for place in places):
        caption += " Filled dots are the protocols that the map follows from."
    if count > 1:
        caption += " Lines that leave at the bottom go on in the next part."
    shown = places[first:last + 1]
    digits = max(len(place.step.id) for place in places)
    names = {place.step.id: place.step.label for place in places}
    alt = "Graph of the workflow. " + " ".join(
        "%s %s%s." % (place.step.id, place.step.label, _source(place.step, names))
        for place in shown)
    return Graph(
        caption, alt,
        [GraphNode(place.row, place.column,
                   "%s  %s" % (place.step.id.rjust(digits, _DIGIT_SPACE), place.step.label),
                   "" if place.step.label == place.step.protocol else place.step.protocol,
                   place.step.leads_to_map) for place in shown],
        [link for link in links if link.first_row <= last and link.last_row >= first],
        [first, last])


def _source(step, names):
    if not step.parents:
        return ""
    return " from " + ", ".join("%s %s" % (parent, names[parent]) for parent in step.parents)
