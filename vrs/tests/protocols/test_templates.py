"""Workflow templates, by Scipion's own machinery."""

import importlib.util
import json
import os
import re
from pathlib import Path

import pytest

import vrs
from vrs.io.models import write_model
from vrs.report import views3d
from vrs.results import read_results
from vrs.tests.checks.level_A import models
from vrs.tests.io import archive_server
from vrs.tests.protocols import maps

_OF_ENTRIES = {"level_0": ["0"], "level_0_1": ["0", "1"], "level_0_1_A": ["0", "1", "A"]}
_LEVELS = dict(_OF_ENTRIES, level_0_2_3_4=["0", "2", "3", "4"], level_0_1_5=["0", "1", "5"],
               level_0_1_A_O=["0", "1", "A", "O"])
LEVELS = dict(_LEVELS, **{name + "_entry": levels for name, levels in _OF_ENTRIES.items()})


@pytest.fixture(scope="module")
def given(map_path, tmp_path_factory):
    """What a user gives, as text, by the names of the command line."""
    folder = tmp_path_factory.mktemp("given")
    half1, half2 = maps.write_halves(folder)
    write_model(str(folder / "model.cif"), models.walk())
    others = {name: str(folder / name)
              for name in ("particles", "micrographs", "coordinates", "crosslinks", "saxs")}
    for path in others.values():
        os.mkdir(path)
    return {"map": str(map_path), "sampling": str(maps.SAMPLING), "half1": half1, "half2": half2,
            "threshold": str(maps.THRESHOLD), "resolution": str(maps.RESOLUTION),
            "model": str(folder / "model.cif"), "symmetry": "D2",
            "entry": archive_server.EMDB_ID, **others}


def loaded(domain, project, name, given):
    """The protocols of a template, in its order."""
    template = template_named(domain, name)
    template.replaceEnvVariables()
    template.parseContent()
    for field in list(template.getParams().values()):
        assert template.setParamValue(field.getAlias(), given[field.getAlias()]) == 1
    path = template.createTemplateFile()
    try:
        return list(project.loadProtocols(path).values())
    finally:
        os.remove(path)


def _path(name):
    return os.path.join(os.path.dirname(vrs.__file__), "templates", name + ".json.template")


def written(name):
    """What the file of a template holds, zeros in place of its fields."""
    with open(_path(name), encoding="utf-8") as handle:
        parts = handle.read().split("~")
    text = "".join("0" if number % 2 else part for number, part in enumerate(parts))
    return json.loads(text.partition("\n")[2])


def template_named(domain, name):
    plugin = domain.getPlugins()["vrs"]._pluginInstance
    [template] = [found for found in plugin.getTemplates() if found.getObjId() == "vrs-" + name]
    return template


def test_the_templates_are_those_of_the_declarations(domain):
    path = Path(vrs.__file__).parent.parent / "docs" / "make_templates.py"
    if not path.exists():
        pytest.skip("an installation without the documentation")
    specification = importlib.util.spec_from_file_location("make_templates", str(path))
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    made = module.templates()
    assert set(made) == {name + ".json.template" for name in LEVELS}
    for name, text in made.items():
        assert (module.FOLDER / name).read_text(encoding="ascii") == text, (
            "run docs/make_templates.py")


def test_scipion_finds_the_templates(domain):
    plugin = domain.getPlugins()["vrs"]._pluginInstance
    assert {template.getObjId() for template in plugin.getTemplates()} == {
        "vrs-" + name for name in LEVELS}


@pytest.mark.parametrize("name", LEVELS)
def test_what_a_template_asks_and_sets(domain, project, given, name):
    template = template_named(domain, name)
    assert template.description.endswith("report.")
    protocols = loaded(domain, project, name, given)
    entry = name.endswith("_entry")
    assert [protocol.getClassName() for protocol in protocols] == (
        ["ProtVrsImportEntry" if entry else "ProtImportVolumes", "ProtVrsValidateMap",
         "ProtVrsReport"])
    for protocol, parameters in zip(protocols, written(name)):
        for parameter in parameters:
            assert parameter.startswith("object.") or protocol.getParam(parameter) is not None
    for protocol in protocols[1:-1]:
        assert protocol.threshold.get() == (None if entry else maps.THRESHOLD)
        assert protocol.resolution.get() == (None if entry else maps.RESOLUTION)
        assert protocol.inputVolume.getObjValue() is protocols[0]
    assert [pointer.getObjValue() for pointer in protocols[-1].inputResults] == protocols[1:-1]


@pytest.mark.parametrize("text, number", [(".5", 0.5), ("5.", 5), ("+3", 3), ("1e-2", 0.01)])
def test_numbers_in_all_the_ways_that_people_write_them(domain, project, given, text, number):
    given = dict(given, threshold=text, resolution=text, sampling=text)
    importing, level, _ = loaded(domain, project, "level_0", given)
    assert importing.samplingRate.get() == level.threshold.get() == number
    assert level.resolution.get() == number


@pytest.mark.parametrize("name", LEVELS)
def test_computers_of_any_language_can_read_a_template(name):
    # Scipion reads it in the encoding of the computer, with those of all other plugins.
    with open(_path(name), encoding="ascii") as handle:
        assert handle.read()


@pytest.mark.parametrize("name", _LEVELS)
def test_nothing_that_is_left_out_is_taken_for_granted(domain, name):
    template = template_named(domain, name)
    template.replaceEnvVariables()
    template.parseContent()
    # Of the symmetry the report says that it was taken as C1.
    assert all(field.validate() for field in template.getParams().values()
               if field.getAlias() != "symmetry")


def test_an_entry_that_is_left_out_is_asked_for(domain, project):
    importing, *_ = loaded(domain, project, "level_0_entry", {"entry": ""})
    (problem,) = importing.validate()
    assert "number of the entry" in problem


@pytest.fixture
def no_3d_views(monkeypatch):
    def draw(*_, **__):
        raise views3d.ViewError("Not drawn in this test.")

    monkeypatch.setattr(views3d.SeenSurface, "draw", draw)


def test_from_the_number_of_an_entry_to_its_report(domain, quick, project, given, server,
                                                   monkeypatch, no_3d_views):
    monkeypatch.setenv("VRS_ARCHIVE", server.url)
    protocols = loaded(domain, project, "level_0_1_A_entry", given)
    for protocol in protocols:
        project.launchProtocol(protocol, wait=True)
        assert protocol.isFinished(), protocol.getErrorMessage()
        methods = " ".join(protocol.getParsedMethods())
        assert "[[https://doi.org/" in methods
        # Every key that is cited has become a link.
        assert not re.search(r"(?<!\])\[\w+\](?!\])", methods), methods
    with open(protocols[-1].outputReport.getJson(), encoding="utf-8") as handle:
        report = json.load(handle)
    assert report["grade"] == "1A"
    assert report["input"]["title"] == "EMD-25107: Lassa virus glycoprotein construct"
    assert (report["input"]["threshold"], report["resolution"]["reported"]) == (
        maps.THRESHOLD, maps.RESOLUTION)
    names = [entry["file_name"] for added in report["input"]["added"] for entry in added["files"]]
    halves = ["emd_25107_half_map_1.map.gz", "emd_25107_half_map_2.map.gz"]
    assert [report["input"]["file_name"]] + names == (
        ["emd_25107.map.gz"] + halves + ["7sgd.cif"] + halves)
    provenance = report["provenance"]
    assert provenance["entry"]["pdb_ids"] == ["7sgd"] and provenance["entry"]["remarks"] == []
    assert provenance["protocols"][0]["class"] == "ProtVrsImportEntry"
    with open(protocols[-1].outputReport.getHtml(), encoding="utf-8") as handle:
        page = handle.read()
    for text in ("https://www.ebi.ac.uk/emdb/EMD-25107", "2021-10-05", "7SGD",
                 "Antanasijevic A, Ward AB", "the contour level that EMD-25107 recommends."):
        assert text in page


def test_a_template_runs(domain, quick, project, given, no_3d_views):
    protocols = loaded(domain, project, "level_0_1_A", given)
    for protocol in protocols:
        project.launchProtocol(protocol, wait=True)
        assert protocol.isFinished(), protocol.getErrorMessage()
    found = read_results(protocols[1].outputResults.getResultsFile())
    assert [results.level for results in found] == LEVELS["level_0_1_A"]
    for results in found:
        assert results.input.threshold == maps.THRESHOLD
        assert results.input.resolution == maps.RESOLUTION
    assert protocols[-1].outputReport.getGrade() == "1A"
