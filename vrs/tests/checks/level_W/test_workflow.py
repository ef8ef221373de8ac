import pytest

from vrs.checks import checks_of_level, run_check
from vrs.inputs import compose
from vrs.io.workflows import Step, Workflow
from vrs.results import Status


def run(steps):
    [check] = checks_of_level("W")
    workflow = Workflow("file.json", "ab" * 32, steps, version_source="Of the day.")
    result, volumes = run_check(check, compose(workflow=workflow))
    assert volumes == []
    return result


def chain(count):
    return [Step(str(number), "label %d" % number, "ProtSome",
                 [str(number - 1)] if number else [], "pwem", "3.%d" % number)
            for number in range(count)]


def test_metrics_and_table():
    steps = chain(3) + [Step("7", "ProtOther", "ProtOther", ["0"], leads_to_map=True)]
    result = run(steps)
    assert result.id == "W" and result.status is Status.INFORMATIVE
    assert {name: metric.value for name, metric in result.metrics.items()} == {
        "protocols": 4, "links": 3, "longest_chain": 3, "plugins": 1, "sha256": "ab" * 32}
    graph, paragraph, table = result.content
    assert paragraph.text == "Of the day."
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["1"] == ["label 1", "ProtSome", "pwem", "3.1", "0"]
    assert rows["7"] == ["ProtOther", "ProtOther", "not known", "not known", "0"]
    assert [node.label.split()[0] for node in graph.nodes if node.marked] == ["7"]
    assert "7 ProtOther from 0 label 0." in graph.alt
    # The name of the protocol is not said twice.
    assert {node.detail for node in graph.nodes} == {"ProtSome", ""}


@pytest.mark.parametrize("count, parts", [(1, [1]), (40, [40]), (41, [21, 20]),
                                          (100, [34, 34, 32])])
def test_large_graphs_come_in_parts(count, parts):
    *graphs, _, table = run(chain(count)).content
    assert [len(graph.nodes) for graph in graphs] == parts
    assert [graph.rows[1] - graph.rows[0] + 1 for graph in graphs] == parts
    assert len(table.rows) == count
    # What is cut is in both parts.
    for above, below in zip(graphs, graphs[1:]):
        assert above.links[-1] == below.links[0]


def test_without_a_workflow_it_is_not_run():
    [check] = checks_of_level("W")
    result, _ = run_check(check, compose())
    assert result.status is Status.NOT_RUN and "not given" in result.reason
