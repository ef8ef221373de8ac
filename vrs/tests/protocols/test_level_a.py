"""Level A in Scipion's engine."""

import gemmi
import numpy as np
import pytest

from vrs.checks import checks_of_level
from vrs.io.maps import sha256, write_map
from vrs.io.models import write_model
from vrs.results import Status
from vrs.tests.checks.level_A import models
from vrs.tests.protocols.conftest import run


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """A map, its half maps and its model; another model."""
    folder = tmp_path_factory.mktemp("model")
    structure = models.walk()
    paths = {name: str(folder / (name + ".mrc")) for name in ("map", "half1", "half2")}
    halves = [models.noisy_map(structure, 0.15, seed) for seed in (1, 2)]
    for path, volume in zip(paths.values(), [(halves[0] + halves[1]) / 2] + halves):
        write_map(path, volume, models.SAMPLING)
    for name, made in (("model", structure), ("other", models.walk(seed=8))):
        paths[name] = str(folder / (name + ".cif"))
        write_model(paths[name], made)
    return paths


@pytest.fixture
def new_level_a(project, files):
    from pwem.protocols import ProtImportVolumes

    from vrs.protocols import ProtVrsLevelA
    importing = project.newProtocol(ProtImportVolumes, filesPath=files["map"],
                                    samplingRate=models.SAMPLING)
    project.launchProtocol(importing, wait=True)

    def make(**parameters):
        protocol = project.newProtocol(ProtVrsLevelA, threshold=0.2, resolution=4.0,
                                       **parameters)
        protocol.inputVolume.set(importing)
        protocol.inputVolume.setExtended("outputVolume")
        return protocol

    return make


def from_files(files, name="model"):
    return dict(modelFrom=1, modelFile=files[name], halfMapsFrom=2,
                half1File=files["half1"], half2File=files["half2"])


def test_model_and_half_maps(project, new_level_a, files):
    protocol = new_level_a(**from_files(files))
    results = run(project, protocol)
    assert [item.id for item in results.items] == [check.id for check in checks_of_level("A")]
    assert [(entry.term, entry.sha256) for entry in results.added.files] == [
        ("Model", sha256(files["model"])), ("Half map 1", sha256(files["half1"])),
        ("Half map 2", sha256(files["half2"]))]
    assert any("The model fits the map" in note.text for note in results.added.notes)
    statuses = {item.id: item.status for item in results.items}
    # 60 residues of alanine have no side chains to turn.
    assert statuses["A.f"] is Status.NOT_APPLICABLE
    assert statuses["A.e"] in (Status.OK, Status.WARNINGS)
    assert statuses["A.b"] in (Status.OK, Status.WARNINGS)


def test_values_of_atoms_become_a_structure(project, new_level_a, files):
    protocol = new_level_a(**from_files(files))
    results = run(project, protocol)
    [item] = [item for item in results.items if item.id == "A.e"]
    found = gemmi.read_structure(protocol.qScore.getFileName())
    values = np.array([site.atom.b_iso for site in found[0].all()])
    assert len(values) == 300
    # The file has fewer digits.
    assert values.mean() == pytest.approx(item.metrics["mean"].value, abs=0.006)


def test_a_model_that_does_not_fit(project, new_level_a, files):
    results = run(project, new_level_a(**from_files(files, "other")))
    by_id = {item.id: item for item in results.items}
    assert by_id["A.c"].status is Status.NOT_RUN
    assert by_id["A.d"].status is Status.NOT_APPLICABLE
    assert "does not fit the map" in by_id["A.a"].serious_warnings[0]
    assert any(note.severity == "serious" for note in results.added.notes)


def test_structure_of_the_project_and_no_half_maps(project, new_level_a, files):
    from pwem.protocols import ProtImportPdb
    importing = project.newProtocol(ProtImportPdb, inputPdbData=ProtImportPdb.IMPORT_FROM_FILES,
                                    pdbFile=files["model"])
    project.launchProtocol(importing, wait=True)
    assert importing.isFinished(), importing.getErrorMessage()
    protocol = new_level_a()
    assert protocol._validate() == ["Choose an atomic model."]
    protocol.inputModel.set(importing)
    protocol.inputModel.setExtended("outputPdb")
    assert protocol._validate() == []
    results = run(project, protocol)
    assert [entry.term for entry in results.added.files] == ["Model"]
    statuses = {item.id: item for item in results.items}
    assert statuses["A.c"].status is Status.NOT_RUN and "form" in statuses["A.c"].reason
    assert statuses["A.b"].status is Status.NOT_RUN and "half map" in statuses["A.b"].reason


def test_what_is_not_chosen_is_asked_for_at_once(new_level_a):
    protocol = new_level_a(halfMapsFrom=1)
    assert protocol._validate() == ["Choose an atomic model.", "Choose two half maps."]


def test_one_refinement_is_not_enough(new_level_a, files):
    [problem] = new_level_a(multimodel=1, **from_files(files))._validate()
    assert "at least 2" in problem
