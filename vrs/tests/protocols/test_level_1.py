"""Level 1 in Scipion's engine."""

import numpy as np
import pytest
from scipy import fft

from vrs.checks import checks_of_level
from vrs.io.maps import sha256
from vrs.numerics.fsc import shell_correlation
from vrs.results import Status
from vrs.tests.protocols import maps
from vrs.tests.protocols.conftest import run


@pytest.fixture(scope="session")
def half_paths(tmp_path_factory):
    return maps.write_halves(tmp_path_factory.mktemp("halves"))


@pytest.fixture
def new_level_1(project, imported):
    from vrs.protocols import ProtVrsLevel1

    def make(source, **parameters):
        protocol = project.newProtocol(ProtVrsLevel1, threshold=maps.THRESHOLD,
                                       resolution=maps.RESOLUTION, **parameters)
        protocol.inputVolume.set(source)
        protocol.inputVolume.setExtended("outputVolume")
        return protocol

    return make


@pytest.fixture
def with_halves(project, map_path, half_paths):
    """The run that imported the small map with its halves."""
    from pwem.protocols import ProtImportVolumes
    protocol = project.newProtocol(
        ProtImportVolumes, filesPath=str(map_path), samplingRate=maps.SAMPLING, setHalfMaps=True,
        half1map=half_paths[0], half2map=half_paths[1])
    project.launchProtocol(protocol, wait=True)
    assert protocol.isFinished(), protocol.getErrorMessage()
    return protocol


def test_half_maps_that_the_map_brings_along(project, with_halves, new_level_1, half_paths):
    protocol = new_level_1(with_halves)
    results = run(project, protocol)
    assert [item.id for item in results.items] == [check.id for check in checks_of_level("1")]
    assert [(entry.term, entry.file_name, entry.sha256) for entry in results.added.files] == [
        ("Half map 1", "half1.mrc", sha256(half_paths[0])),
        ("Half map 2", "half2.mrc", sha256(half_paths[1]))]
    frequencies, values = (np.array(column, float)
                           for column in protocol.fscs1a.getFirstItem().getData())
    expected = shell_correlation(*(fft.rfftn(half) for half in maps.halves()), (maps.BOX,) * 3)
    np.testing.assert_allclose(values, expected[:len(values)], atol=1e-4)
    assert frequencies[-1] == pytest.approx(1 / (2 * maps.SAMPLING))
    assert protocol.monores.getDim() == (maps.BOX,) * 3


def test_half_maps_from_files(project, imported, new_level_1, half_paths):
    protocol = new_level_1(imported, halfMapsFrom=2, half1File=half_paths[0],
                           half2File=half_paths[1])
    assert protocol._validate() == []
    protocol.half2File.set("/no/half.mrc")
    (problem,) = protocol._validate()
    assert "/no/half.mrc" in problem


def test_identical_half_maps_are_the_reason_of_the_level(project, imported, new_level_1,
                                                         half_paths):
    results = run(project, new_level_1(imported, halfMapsFrom=2, half1File=half_paths[0],
                                       half2File=half_paths[0]))
    assert {item.status for item in results.items} == {Status.NOT_MEASURED}
    assert all("identical" in item.reason for item in results.items)
    [note] = results.added.notes
    assert note.severity == "serious" and "identical" in note.text


def test_half_maps_of_the_project(project, imported, new_level_1, half_paths):
    from vrs.protocols.forms import given_values
    from vrs.tests.protocols.conftest import import_map
    protocol = new_level_1(imported, halfMapsFrom=1)
    assert protocol._validate() == ["Choose two half maps."]
    for number, path in enumerate(half_paths, 1):
        pointer = getattr(protocol, "inputHalf%d" % number)
        pointer.set(import_map(project, path))
        pointer.setExtended("outputVolume")
    assert protocol._validate() == []
    given = given_values(protocol)
    assert [given["half1"], given["half2"]] == half_paths


def test_a_map_without_half_maps(imported, new_level_1):
    (problem,) = new_level_1(imported)._validate()
    assert problem.startswith("The map comes without half maps")
