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


def test_whole_protocols_are_written_with_a_dot(write):
    workflow = read_workflow(write([protocol(2), protocol(3, xmippParticlePicking="2."),
                                    protocol(4, inputProtocol="17.")]))
    assert [step.parents for step in workflow.steps] == [[], ["2"], []]
    assert workflow.absent == ["17"]


def test_links_of_older_versions(write):
    workflow = read_workflow(write([protocol(2), protocol(
        3, inputMovies="2.__attribute__outputMovies", inputB="2.outputAverages.__item__3")]))
    assert workflow.steps[1].parents == ["2"] and workflow.absent == []


def test_sentences_are_no_links(write):
    workflow = read_workflow(write([protocol(2), protocol(
        3, note="2.Use this mask", list="2.a 3.b", other="12.A, then 13.B")]))
    assert workflow.steps[1].parents == [] and workflow.absent == []


@pytest.mark.parametrize("label, shown", [
    ("a\nb\t c ", "a b c"), ("null\0 bell\a end\uffff", "null\ufffd bell\ufffd end\ufffd"),
    ("half a pair \ud800", "half a pair \ufffd"), ("导入 импорт 🧬", "导入 импорт 🧬")])
def test_labels_are_one_line_that_every_report_can_hold(write, label, shown):
    [step] = read_workflow(write([protocol(2, **{"object.label": label})])).steps
    assert step.label == shown


def test_the_mark_that_some_editors_put_first(write):
    path = write([protocol(2)])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    workflow = read_workflow(path)
    assert len(workflow.steps) == 1
    assert workflow.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_long_workflows(write):
    steps = [protocol(2)] + [protocol(number, inputA="%d.out" % (number - 1))
                             for number in range(3, 1500)]
    assert len(read_workflow(write(steps)).steps) == len(steps)


def test_what_is_not_in_the_circle_is_not_blamed(write):
    path = write([protocol(2), protocol(3, inputA="2.a", inputB="5.a"), protocol(4, inputA="3.a"),
                  protocol(5, inputA="4.a"), protocol(6, inputA="5.a")])
    with pytest.raises(InputError, match="the protocols 3, 4, 5 take"):
        read_workflow(path)


def test_what_the_file_does_not_hold_is_named(write):
    workflow = read_workflow(write([protocol(5, inputMask="12.outputMask", inputB="4.output")]))
    assert workflow.steps[0].parents == []
    assert workflow.absent == ["4", "12"]


@pytest.mark.parametrize("content, reason", [
    ("[\n{", "is not JSON from its line 2 on; export"),
    ({}, "holds no protocols"), ([], "holds no protocols"),
    ([{"object.id": "2"}], "without the id or the name"),
    ([{"object.id": "two", "object.className": "A"}], "without the id or the name"),
    (["text"], "without the id or the name"), ([[]], "without the id or the name"),
    ([{"object.id": "2", "object.className": None}], "without the id or the name"),
    ([{"object.id": "9" * 20, "object.className": "A"}], "without the id or the name"),
    ([protocol(2), protocol(2)], "same id"),
    ([protocol(2, inputA="3.a"), protocol(3, inputA="4.a"), protocol(4, inputA="3.b")],
     "protocols 3, 4 take")])
def test_files_that_are_no_workflows(write, content, reason):
    with pytest.raises(InputError, match=reason):
        read_workflow(write(content))


def test_brackets_without_end(write):
    with pytest.raises(InputError, match="is not JSON"):
        read_workflow(write("[" * 100000))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        read_workflow(tmp_path / "none.json")


def test_a_binary_file(tmp_path):
    path = tmp_path / "map.mrc"
    path.write_bytes(bytes(range(256)))
    with pytest.raises(InputError, match="is not JSON; export"):
        read_workflow(path)
