"""Level W in Scipion's engine."""

import json

import pytest

from vrs.io.maps import sha256
from vrs.results import Status
from vrs.tests.protocols import maps
from vrs.tests.protocols.conftest import import_map, run


@pytest.fixture
def new_level_w(project, imported):
    from vrs.protocols import ProtVrsLevelW

    def make(**parameters):
        protocol = project.newProtocol(ProtVrsLevelW, threshold=maps.THRESHOLD,
                                       resolution=maps.RESOLUTION, **parameters)
        protocol.inputVolume.set(imported)
        protocol.inputVolume.setExtended("outputVolume")
        return protocol

    return make


def content_of(results):
    [item] = results.items
    assert item.status is Status.INFORMATIVE
    graph, table = item.content[0], item.content[-1]
    return item, graph, {row[0]: row for row in table.rows}


def test_the_workflow_of_the_project(project, imported, new_level_w, new_level):
    import pwem
    from pwem.protocols import ProtUserSubSet
    project.launchProtocol(new_level(), wait=True)
    whole = project.newProtocol(ProtUserSubSet)
    whole.inputObject.set(imported)  # the protocol, and none of its outputs
    project.saveProtocol(whole)
    protocol = new_level_w()
    results = run(project, protocol)
    item, graph, rows = content_of(results)
    assert protocol.summary() == ["W Workflow: Informative"]
    own = rows[imported.strId()]
    assert own[2:] == ["ProtImportVolumes", "pwem", pwem.__version__, "–"]
    assert rows[whole.strId()][5] == imported.strId()
    assert not any(row[2].startswith("ProtVrs") for row in rows.values())
    marked = [node.label.split()[0] for node in graph.nodes if node.marked]
    assert marked == [imported.strId()]
    path = protocol._getExtraPath("workflow.json")
    assert item.metrics["sha256"].value == results.added.files[0].sha256 == sha256(path)
    with open(path) as handle:
        assert {step["object.id"] for step in json.load(handle)} == set(rows)


def test_another_map_has_another_workflow(project, imported, new_level_w, map_path):
    protocol = new_level_w()
    run(project, protocol)
    other = import_map(project, map_path)
    protocol.inputVolume.set(other)
    protocol.inputVolume.setExtended("outputVolume")
    _, graph, rows = content_of(run(project, protocol))
    assert set(rows) == {other.strId()} and [node.marked for node in graph.nodes] == [True]


def test_the_version_is_the_one_that_ran(project, imported, new_level_w):
    path = imported.getStdoutLog()
    with open(path, "a") as log:
        log.write("plugin v: 0.0.7 (devel)\n")
    _, _, rows = content_of(run(project, new_level_w()))
    assert rows[imported.strId()][4] == "0.0.7"


def test_a_protocol_whose_plugin_is_missing(project, imported, new_level_w):
    from pyworkflow.object import Pointer
    from pyworkflow.protocol import LegacyProtocol
    missing = project.newProtocol(LegacyProtocol)
    missing.inputVolume = Pointer(imported, extended="outputVolume")
    project.saveProtocol(missing)
    missing.setWorkingDir("Runs/%06d_ProtOfNobody" % missing.getObjId())
    project.mapper.store(missing)
    project.mapper.commit()
    item, _, rows = content_of(run(project, new_level_w()))
    assert rows[missing.strId()][2:] == ["ProtOfNobody", "not known", "not known",
                                         imported.strId()]
    assert item.metrics["plugins"].value == 1
    from vrs.protocols import provenance
    described = provenance._described(missing)
    assert (described["class"], described["plugin"]) == ("ProtOfNobody", "")


def test_an_exported_workflow(project, new_level_w, tmp_path):
    import pwem
    path = tmp_path / "exported.json"
    path.write_text(json.dumps([
        {"object.id": "4", "object.className": "ProtImportVolumes", "object.label": "one"},
        {"object.id": "9", "object.className": "ProtOfNobody", "object.label": "two",
         "inputVolume": "4.outputVolume", "inputMask": "7.outputMask"}]))
    protocol = new_level_w(workflowFrom=1)
    assert protocol._validate() == ["Choose the processing workflow."]
    protocol.workflowFile.set(str(path))
    assert protocol._validate() == []
    results = run(project, protocol)
    item, graph, rows = content_of(results)
    assert rows == {"4": ["4", "one", "ProtImportVolumes", "pwem", pwem.__version__, "–"],
                    "9": ["9", "two", "ProtOfNobody", "not known", "not known", "4"]}
    assert not any(node.marked for node in graph.nodes)
    assert "need not be the ones that were used" in item.content[-2].text
    assert item.metrics["sha256"].value == sha256(str(path))
    [warning] = [note.text for note in results.added.notes if note.severity == "minor"]
    assert "(ids 7)" in warning
