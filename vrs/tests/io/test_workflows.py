import hashlib
import json

import pytest

from vrs.errors import InputError
from vrs.io.workflows import read_workflow


def protocol(number, **parameters):
    return dict({"object.className": "ProtSome", "object.id": str(number),
                 "object.label": "step %d" % number, "object.comment": "3.outputVolume",
                 "_useQueue": False, "_queueParams": ["2"]}, **parameters)


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "workflow.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path
    return write


def test_names_links_and_fingerprint(write):
    path = write([protocol(2, filesPath="/data/3.mrc", gpuList="3", sigma=3, none=None),
                  protocol(3, inputMovies="2.outputMovies"),
                  protocol(11, inputProtocols=["2", "3"], **{"object.label": ""}),
                  protocol(20, inputs=["3.outputA", "11.outputB.3"], inputProtocol="2")])
    workflow = read_workflow(path)
    assert [(step.id, step.label, step.protocol) for step in workflow.steps] == [
        ("2", "step 2", "ProtSome"), ("3", "step 3", "ProtSome"), ("11", "ProtSome", "ProtSome"),
        ("20", "step 20", "ProtSome")]
    assert [step.parents for step in workflow.steps] == [[], ["2"], ["2", "3"], ["2", "3", "11"]]
    assert workflow.file_name == "workflow.json" and workflow.absent == []
    assert workflow.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_numbers_and_names_of_files_are_no_links(write):
    [_, step] = read_workflow(write([
        protocol(2), protocol(3, gpu="2", value="2.5", files="2.5.mrc", GPUs=["0", "2"])])).steps
    assert step.parents == []


def test_what_the_file_does_not_hold_is_named(write):
    workflow = read_workflow(write([protocol(5, inputMask="12.outputMask", inputB="4.output")]))
    assert workflow.steps[0].parents == []
    assert workflow.absent == ["4", "12"]


@pytest.mark.parametrize("content, reason", [
    ("[{", "is not JSON"), ({}, "holds no protocols"), ([], "holds no protocols"),
    ([{"object.id": "2"}], "without the id or the name"),
    ([{"object.id": "two", "object.className": "A"}], "without the id or the name"),
    (["text"], "without the id or the name"), ([[]], "without the id or the name"),
    ([protocol(2), protocol(2)], "same id"),
    ([protocol(2, inputA="3.a"), protocol(3, inputA="4.a"), protocol(4, inputA="3.b")],
     "protocols 3, 4 take|protocols 2, 3, 4 take")])
def test_files_that_are_no_workflows(write, content, reason):
    with pytest.raises(InputError, match=reason):
        read_workflow(write(content))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_workflow(tmp_path / "none.json")


def test_a_binary_file(tmp_path):
    path = tmp_path / "map.mrc"
    path.write_bytes(bytes(range(256)))
    with pytest.raises(InputError, match="is not JSON"):
        read_workflow(path)
