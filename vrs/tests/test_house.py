"""The shape of the code: imports go one way, and what is declared is spelled nowhere else."""

import ast
import re
from pathlib import Path

import vrs
from vrs import inputs, levels

_ROOT = Path(vrs.__file__).parent
_SOURCES = sorted(path for path in _ROOT.rglob("*.py")
                  if path.relative_to(_ROOT).parts[0] != "tests")

# From the ground up: a room imports from its own floor and from those before it.
_FLOORS = (("errors", "constants", "bibtex", "threads"), ("results", "numerics"), ("bibliography", "images"),
           ("io", "engines", "refinement"), ("inputs",), ("levels", "checks", "bundles"),
           ("simulation", "validation", "provenance"), ("report",), ("library",), ("scipion",),
           ("objects",), ("protocols",), ("viewers", "wizards", "plugin", "cli"))
_FLOOR = {room: number for number, rooms in enumerate(_FLOORS) for room in rooms}
# What the library and Scipion ask of the package itself.
_LAZY = {"__init__"}


def _room(path):
    return path.relative_to(_ROOT).parts[0].replace(".py", "")


def _imported(path):
    """Rooms that a file imports from."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            parts = node.module.split(".")
            if parts[0] == "vrs":
                names = [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
                yield from names


def test_every_room_has_a_floor():
    assert {_room(path) for path in _SOURCES} - _LAZY <= set(_FLOOR)


def test_imports_go_one_way():
    upwards = [(str(path.relative_to(_ROOT)), name) for path in _SOURCES
               if _room(path) not in _LAZY for name in _imported(path)
               if name in _FLOOR and _FLOOR[name] > _FLOOR[_room(path)]]
    assert upwards == []


def test_checks_know_nothing_of_scipion_and_of_drawing():
    for path in _SOURCES:
        if _room(path) in ("checks", "inputs", "images", "numerics", "io", "results"):
            text = path.read_text(encoding="utf-8")
            assert not re.search(r"^\s*(from|import) (pyworkflow|pwem|matplotlib)", text,
                                 re.MULTILINE), path


def test_levels_and_kinds_are_listed_once():
    """Three of them in quotes beside each other are a list."""
    for names in ([level.id for level in levels.all_levels()],
                  [kind.name for kind in inputs.all_kinds()],
                  [option.name for option in inputs.all_options()]):
        quoted = r"[\"'](?:%s)[\"']" % "|".join(map(re.escape, names))
        listed = re.compile(r"%s(?:\s*[,:][^\"'\n]{0,30}%s){2}" % (quoted, quoted))
        # The simulation has names for the files that it writes.
        found = [(path.name, match.group()) for path in _SOURCES
                 if path.name != "levels.py" and _room(path) != "simulation"
                 for match in listed.finditer(path.read_text(encoding="utf-8"))]
        assert found == []
