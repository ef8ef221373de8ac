"""``vrs validate --workflow``."""

import pytest

from vrs.cli import main
from vrs.levels import levels_for
from vrs.tests.protocols import maps


@pytest.mark.parametrize("content, reason", [("{", "is not JSON"), ("[]", "holds no protocols"),
                                             (None, "cannot be read")])
def test_a_bad_workflow_is_told_with_all_else(tmp_path, monkeypatch, capsys, content, reason):
    monkeypatch.chdir(tmp_path)
    maps.write_blob(tmp_path / "ball.mrc")
    if content is not None:
        (tmp_path / "workflow.json").write_text(content)
    assert main(["validate", "--map", "ball.mrc", "--threshold", "high", "--workflow",
                 "workflow.json"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert any(reason in line and "workflow.json" in line for line in lines)


def test_what_is_given_decides_the_levels():
    def names(**given):
        return [level.id for level in levels_for(dict(given, map="map.mrc"))]

    assert names() == ["0"]
    assert names(workflow="workflow.json") == ["0", "W"]
    assert names(half1="1", half2="2", model="m.cif", workflow="w.json") == ["0", "1", "A", "W"]
