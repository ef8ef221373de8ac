"""Level W in the report: its only item has the name of the level."""

import re

from vrs.report import write_report
from vrs.results import InputFile, LevelInput, Status, write_json
from vrs.results.content import Graph, GraphLink, GraphNode
from vrs.tests.report.conftest import PROVENANCE, make_item, make_level


def test_sections_of_level_w_are_numbered(tmp_path):
    graph = Graph("Graph of all.", "1 one. 2 two from 1 one.",
                  [GraphNode(0, 0, "1 one"), GraphNode(1, 0, "2 two")], [GraphLink(0, 0, 1, 0)],
                  [0, 1])
    levels = [make_level([make_item()]),
              make_level([make_item("W", Status.INFORMATIVE, content=[graph])], "W")]
    levels[1].added = LevelInput("File of the workflow",
                                 [InputFile("Workflow", "workflow.json", "ef" * 32)])
    for level in levels:
        write_json(tmp_path / (level.level + ".json"), [level])
    paths = write_report([tmp_path / "W.json", tmp_path / "0.json"], tmp_path / "out", PROVENANCE)
    html = paths.html.read_text(encoding="utf-8")
    numbers = dict(re.findall(r'<h\d id="([\w-]+)-title"><span class="number">([\d.]+)</span>',
                              html))
    assert numbers["level-W"] == "3"
    assert numbers["input-W"] == "3.1"
    assert numbers["item-W"] == "3.2"
    assert 'alt="1 one. 2 two from 1 one."' in html and "Graph of all." in html
    assert '"grade": "0W"' in paths.json.read_text(encoding="utf-8")
