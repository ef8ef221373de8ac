"""The pages of the documentation say what is there."""

import contextlib
import importlib
import importlib.util
import io
import json
import re
import textwrap
from pathlib import Path

import pytest

import vrs
from vrs import inputs, levels
from vrs.bibliography import cited_as
from vrs.checks import (LIST, MAPPING, NUMBER, TEXT, VECTOR, Check, Criterion, Findings, Overrides,
                        Quantity, all_checks, registry, run_check)
from vrs.cli import _parser, _row_options
from vrs.cli.batch_table import read_table
from vrs.errors import InputError
from vrs.inputs.particles import ParticleEvidence
from vrs.io.maps import write_map
from vrs.report.json_report import SCHEMA, render_json
from vrs.results import InputReport, LevelResults, Status
from vrs.tests.checks.level_4.orientations import rotations_of, table_of
from vrs.tests.checks.level_A import models
from vrs.tests.evidence import evidence

_DOCS = Path(vrs.__file__).parent.parent / "docs"
if not _DOCS.is_dir():
    pytest.skip("an installation without the documentation", allow_module_level=True)

_PAGES = sorted(_DOCS.glob("*.rst"))
_MOST_FIGURES = 1.5e6  # bytes
_MADE_BY_THE_READER = ("vrs/checks/level_D", "vrs/tests/checks/level_0/test_clipping.py")
_OWN_OPTIONS = [page for page in _PAGES if page.name != "facility_guide.rst"]


def _module(name):
    specification = importlib.util.spec_from_file_location(name, str(_DOCS / (name + ".py")))
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


make_reference = _module("make_reference")


def _text(name):
    return (_DOCS / name).read_text(encoding="utf-8")


def _blocks(text, language):
    """Code blocks of a language, without their indentation."""
    found = re.findall(r"^\.\. code-block:: %s\n\n((?:    .*\n|\n)+)" % language, text,
                       re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


def _section(guide, check):
    """The section of an item, up to the next heading."""
    title = "%s %s" % (check.id, check.title)
    heading = "\n%s\n%s\n" % (title, "-" * len(title))
    assert guide.count(heading) == 1, "the user guide needs one section %r" % title
    return re.split(r"\n.+\n(?:-{3,}|={3,})\n", guide.split(heading)[1])[0]


# --- links and figures

@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"<([^<>`]+)>`_", text)
    targets += re.findall(r"\.\. (?:figure|image):: (\S+)", text)
    local = [target for target in targets if not re.match(r"https?:", target)]
    assert [target for target in local
            if not (page.parent / target.split("#")[0].strip()).exists()] == []


@pytest.mark.parametrize("page", [make_reference.README] + _PAGES, ids=lambda page: page.name)
def test_modules_and_files_that_are_named_exist(page):
    literals = re.findall(r"``([^`\n]+)``", page.read_text(encoding="utf-8"))
    top = _DOCS.parent
    paths = [name for name in literals if name not in _MADE_BY_THE_READER and re.match(
        r"(vrs|docs|scripts|training|benchmarks|packaging|\.ci)/[\w./*-]+$", name)]
    assert [name for name in paths if not list(top.glob(name))] == []
    names = [name for name in literals if re.match(r"vrs(\.\w+)+$", name)]
    assert [name for name in names if not _is_there(name)] == []


def _is_there(name):
    """Whether a dotted name is a module or something in one."""
    module, _, last = name.rpartition(".")
    try:
        if importlib.util.find_spec(name) is not None:
            return True
    except ImportError:
        pass
    return hasattr(importlib.import_module(module), last)


def test_the_index_has_all_pages():
    index = _text("README.rst")
    assert [page.name for page in _PAGES
            if page.name != "README.rst" and "<%s>`__" % page.name not in index] == []


def test_figures_are_shown_and_small():
    figures = sorted((_DOCS / "figures").glob("*"))
    pages = "".join(page.read_text(encoding="utf-8") for page in _PAGES)
    assert [figure.name for figure in figures if "figures/" + figure.name not in pages] == []
    assert sum(figure.stat().st_size for figure in figures) < _MOST_FIGURES


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_pages_are_well_formed(page):
    core = pytest.importorskip("docutils.core")
    complaints = io.StringIO()
    core.publish_doctree(page.read_text(encoding="utf-8"), source_path=str(page),
                         settings_overrides={"warning_stream": complaints, "report_level": 2,
                                             "syntax_highlight": "none"})
    assert complaints.getvalue() == ""


# --- the command

def _commands():
    """Options of each command."""
    [commands] = [action for action in _parser()._actions if action.dest == "name"]
    return {name: {option for action in command._actions for option in action.option_strings}
            for name, command in commands.choices.items()}


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_commands_have_the_options_that_are_named(page):
    commands = _commands()
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for command, rest in re.findall(r"^ +(?:\S*/)?vrs (\S+)(.*)$", text, re.MULTILINE):
        assert command in commands
        assert set(re.findall(r"(?<!\S)--[a-z]\S*", rest)) <= commands[command], command


@pytest.mark.parametrize("page", _OWN_OPTIONS, ids=lambda page: page.name)
def test_options_exist(page):
    known = {"--version"}.union(*_commands().values())
    text = page.read_text(encoding="utf-8")
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", text)) <= known


def test_tables_of_the_facility_guide_can_be_read(tmp_path):
    commands = _row_options(_parser().parse_args(["batch", "x.csv"]).commands)
    tables = re.findall(r"::\n\n((?: +#.*\n)?(?: +)name,map,(?:.*\n)(?: +.*\n)+)",
                        _text("facility_guide.rst"))
    names = []
    for table in tables:
        (tmp_path / "table.csv").write_text(textwrap.dedent(table), encoding="utf-8")
        names.append([row.name for row in read_table(str(tmp_path / "table.csv"), commands)])
    assert names == [["apoferritin", "ribosome", "map"],
                     ["whole", "level1", "hurried", "cancelled", "missing"]]


# --- the user guide

def test_items_have_their_sections_in_order():
    guide = _text("user_guide.rst")
    places = [guide.index(_section(guide, check)) for check in all_checks()]
    assert places == sorted(places)


@pytest.mark.parametrize("check", all_checks(), ids=lambda check: check.id)
def test_sections_tell_what_the_item_declares(check):
    section = _section(_text("user_guide.rst"), check)
    assert make_reference.part(section, "facts " + check.id) == make_reference.facts(check), (
        "run docs/make_reference.py")
    prose = section.split(".. end")[1]
    assert "**Reading it.**" in prose and "**Limits.**" in prose
    if check.criteria:
        assert "**When it warns.**" in prose


@pytest.mark.parametrize("key, text", [
    ("Storey2002", "Storey 2002"), ("VanHeel2005", "van Heel and Schatz 2005"),
    ("Vilas2018", "Vilas et al. 2018")])
def test_publications_are_cited_by_their_authors(key, text):
    assert cited_as(key) == text


def test_bounds_of_the_guide_can_be_given(tmp_path):
    [bounds] = re.findall(r"^ +(\{\"0\.a.+\})$", _text("user_guide.rst"), re.MULTILINE)
    (tmp_path / "bounds.json").write_text(bounds)
    assert len(Overrides.read(str(tmp_path / "bounds.json"), all_checks()).bounds) == 2


# --- the reference of report.json

def test_fields_are_those_of_the_schema():
    fields = make_reference.fields(json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert make_reference.part(_text("report_json.rst"), "fields") == fields
    assert "     - –\n" not in fields, "a field without a description"


def test_fields_reach_into_lists_and_mappings():
    schema = {"properties": {"a": {"type": "array", "items": {"$ref": "#/$defs/b"}}},
              "required": ["a"], "$defs": {"b": {
                  "type": "object", "additionalProperties": {"type": "object", "properties": {
                      "c": {"type": ["number", "null"], "description": "Å."}}}}}}
    table = make_reference.fields(schema)
    assert "   * - ``a``\n     - list of mappings\n     - –\n" in table
    assert "   * - ``a[].*.c``\n     - number or null\n     - Å. May be absent.\n" in table


def test_metrics_are_those_that_items_declare():
    assert make_reference.part(_text("report_json.rst"), "metrics") == make_reference.metrics(), (
        "run docs/make_reference.py")


def test_the_tables_of_readme_are_the_declarations():
    page = make_reference.README.read_text(encoding="utf-8")
    assert make_reference.part(page, "levels") == make_reference.level_table()
    assert make_reference.part(page, "items") == make_reference.item_table()


def test_forms_of_metrics_are_as_declared():
    """On a small map with half maps, model and workflow, so far as that can be measured."""
    structure = models.walk()
    halves = [models.noisy_map(structure, 0.15, seed) for seed in (1, 2)]
    data = evidence((halves[0] + halves[1]) / 2, models.SAMPLING, 0.2, 4.0, half1=halves[0],
                    half2=halves[1], model=structure, refinements=2,
                    particles=ParticleEvidence(table_of(rotations_of("uniform", 2500))))
    measured = 0
    for check in all_checks():
        declared = {quantity.name: quantity for quantity in check.quantities}
        metrics = run_check(check, data)[0].metrics
        measured += bool(metrics)
        for name, metric in metrics.items():
            if metric.value is not None:
                assert _has_form(metric.value, declared[name]), (check.id, name)
    assert measured >= sum(not _lacks_evidence(check, data) for check in all_checks()) - 2


def _lacks_evidence(check, data):
    unmet = check.unmet(data)
    return unmet is not None and unmet[0] is Status.NOT_RUN


def _has_form(value, quantity):
    if quantity.form == MAPPING:
        return isinstance(value, dict) and set(value) == set(quantity.keys or value)
    if quantity.form == VECTOR:
        return isinstance(value, list) and len(value) == 3
    return isinstance(value, {NUMBER: (int, float), TEXT: str, LIST: list}[quantity.form])


def test_metrics_that_the_guide_names_exist():
    guide = _text("user_guide.rst")
    for check in all_checks():
        prose = _section(guide, check).split(".. end")[1]
        named = set(re.findall(r"``([a-z0-9_]+)``", prose))
        assert named <= {quantity.name for quantity in check.quantities}, check.id


def test_the_guide_names_all_columns_of_particles():
    sources = "".join(path.read_text(encoding="utf-8")
                      for path in (_DOCS.parent / "vrs" / "checks").rglob("*.py"))
    columns = set(re.findall(r'"(vrs[A-Z]\w+)"', sources))
    guide = _text("user_guide.rst")
    assert columns and [name for name in sorted(columns) if "``%s``" % name not in guide] == []


def test_json_on_the_page_is_json():
    texts = _blocks(_text("report_json.rst"), "json")
    assert len(texts) == 2
    assert json.loads(texts[0])["id"] == "0.d"
    assert json.loads(texts[1])["chains"]


def test_the_excerpt_follows_the_schema():
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    item = dict(schema["$defs"]["item"], **{"$defs": schema["$defs"]})
    jsonschema.validate(json.loads(_blocks(_text("report_json.rst"), "json")[0]), item)


def test_the_code_that_reads_a_report_runs(tmp_path, monkeypatch):
    [code] = _blocks(_text("report_json.rst"), "python")
    monkeypatch.chdir(tmp_path)
    Path("report.json").write_text(json.dumps({
        "grade": "1A", "score": {"passed": 1, "evaluable": 2},
        "items": [{"id": "0.a", "warnings": [
            {"severity": "minor", "text": "It is off."}]}, {"id": "0.b", "warnings": []}]}))
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})
    assert printed.getvalue() == "Levels assessed: 1A\n1 of 2 items passed\n0.a minor It is off.\n"


# --- the developer guide

@pytest.fixture
def example_item(monkeypatch):
    """The item of the page, registered as long as the test runs, and its test module."""
    # Whoever follows the page has it already.
    monkeypatch.setattr(registry, "_CHECKS", {
        check.id: check for check in all_checks() if check.id != "0.x"})
    item, test = _blocks(_text("developer_guide.rst"), "python")[:2]
    exec(item, {"__name__": "vrs.checks.level_0.clipping"})
    return registry.get_check("0.x"), test


def test_the_example_item_passes_its_own_test(example_item):
    _, test = example_item
    names = {}
    exec(test, names)
    tests = [function for name, function in names.items() if name.startswith("test_")]
    assert tests
    for function in tests:
        function()


def test_the_example_item_is_found_and_reported(example_item, tmp_path):
    check, _ = example_item
    assert check in registry.checks_of_level("0")
    volume = models.noisy_map(models.walk()).clip(0, 1)
    result, _ = run_check(check, evidence(volume, models.SAMPLING, 0.2))
    given = InputReport("map.mrc", "ab" * 32, [48] * 3, models.SAMPLING, 0.2, None)
    report = json.loads(render_json([(LevelResults("0", given, [result], 0), tmp_path)], {},
                                    "A map", tmp_path))
    assert report["score"] == {"passed": 0, "evaluable": 1}
    assert report["items"][0]["warnings"][0]["text"].endswith("the map was clipped.")


@pytest.fixture
def example_level(monkeypatch):
    """The kind of evidence and the level of the page, and an item, as long as the test runs."""
    all_checks(), inputs.all_kinds()
    monkeypatch.setattr(registry, "_CHECKS", dict(registry._CHECKS))
    monkeypatch.setattr(inputs, "_KINDS", dict(inputs._KINDS))
    kind, level = _blocks(_text("developer_guide.rst"), "python")[2:]
    names = {"__name__": "vrs.inputs.doses"}
    exec(kind, names)
    made = eval(level.strip(), dict(names, Level=levels.Level))
    monkeypatch.setattr(levels, "_LEVELS", levels._LEVELS + [made])

    @registry.register
    class Total(Check):
        """The dose of all frames."""

        id = "D.a"
        title = "Total dose"
        requires = (names["DOSES"],)
        explanation = "The sum over the frames."
        quantities = (Quantity("total", "e/Å²", "Dose of all frames"),)
        criteria = (Criterion(name="total", subject="the dose", relation="<=", bound=100.0,
                              warning="The dose is {value:.0f} e/Å²."),)

        def compute(self, evidence):
            return Findings({"total": sum(evidence.doses.frames)})

    return made


def test_the_example_level_needs_no_other_change(example_level, tmp_path):
    volume = models.noisy_map(models.walk())
    write_map(str(tmp_path / "map.mrc"), volume, models.SAMPLING)
    (tmp_path / "doses.txt").write_text("30\n40\n50\n")
    given = dict(map=tmp_path / "map.mrc", threshold=0.2, doses=tmp_path / "doses.txt")
    # The command, tables and README.
    options = _parser().parse_args(["validate"] + ["--%s=%s" % pair for pair in given.items()])
    assert options.doses == str(tmp_path / "doses.txt")
    assert "doses" in _row_options(_parser().parse_args(["batch", "x.csv"]).commands)["validate"]
    assert "doses of the frames" in make_reference.level_table()
    assert [level.id for level in levels.levels_for(given)] == ["0", "D"]
    # The library and the report.
    report = vrs.validate(**given)
    assert report.grade == "0D"
    assert report.items["D.a"].warnings == ["The dose is 120 e/Å²."]
    [added] = [result.added for result in report.levels if result.added]
    assert (added.title, added.notes[0].text) == ("Doses", "There are 3 frames.")
    paths = report.save(tmp_path / "report")
    written = json.loads(paths.json.read_text(encoding="utf-8"))
    assert written["grade"] == "0D" and written["items"][-1]["id"] == "D.a"
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(written, json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_the_example_kind_tells_its_problems(example_level, tmp_path):
    with pytest.raises(InputError, match="doses .*none.txt cannot be read"):
        inputs.probe({"doses": str(tmp_path / "none.txt")})
    (tmp_path / "map.mrc").write_bytes(b"")
    (tmp_path / "doses.txt").write_text("many\n")
    found = inputs.load({"doses": str(tmp_path / "doses.txt")})
    assert "doses" in found.failures
