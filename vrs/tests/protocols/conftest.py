"""Scipion's engine for the tests of the protocols."""

import os
import shutil
import tempfile

import pytest

from vrs.scipion import load_domain, prepare_environment
from vrs.tests.protocols import maps

# Scipion reads these when it is first imported, which happens when tests are collected.
_USER_DATA = tempfile.mkdtemp(prefix="vrs_tests_")
os.environ["SCIPION_USER_DATA"] = _USER_DATA
prepare_environment()


def pytest_unconfigure():
    """Remove the projects of the tests."""
    shutil.rmtree(_USER_DATA, ignore_errors=True)


@pytest.fixture(scope="session")
def domain():
    """Scipion's domain with all protocols."""
    return load_domain()


@pytest.fixture(scope="session")
def engine(domain):
    """Lets protocols run in this process, where tests can reach into them."""
    import pyworkflow.protocol as module

    def launch(protocol, wait):
        module.runProtocolMain(protocol.getProject().path, protocol.getDbPath(),
                               protocol.getObjId())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "launch", launch)
        yield


@pytest.fixture(scope="session")
def session_project(domain):
    """A project, outside of which the working folder is left as it was."""
    from pyworkflow.project import Manager
    return Manager().createProject("tests")


@pytest.fixture
def project(session_project, engine, monkeypatch):
    """The project, with its folder as the working folder."""
    monkeypatch.chdir(session_project.path)
    return session_project


@pytest.fixture(scope="session")
def map_path(tmp_path_factory):
    """A small map with a molecule-like ball in noise."""
    return maps.write_blob(tmp_path_factory.mktemp("maps") / "ball.mrc")


@pytest.fixture
def imported(project, map_path):
    """The run that imported the small map."""
    return import_map(project, map_path)


def import_map(project, path):
    """Import a map with Scipion's own protocol and return the finished run."""
    from pwem.protocols import ProtImportVolumes
    protocol = project.newProtocol(ProtImportVolumes, filesPath=str(path),
                                   samplingRate=maps.SAMPLING)
    project.launchProtocol(protocol, wait=True)
    assert protocol.isFinished(), protocol.getErrorMessage()
    return protocol


@pytest.fixture
def new_level(project, imported):
    """Makes a level 0 run on the small map, to be launched."""
    from vrs.protocols import ProtVrsLevel0

    def make(**parameters):
        values = dict(threshold=maps.THRESHOLD, resolution=maps.RESOLUTION)
        values.update(parameters)
        protocol = project.newProtocol(ProtVrsLevel0, **values)
        protocol.inputVolume.set(imported)
        protocol.inputVolume.setExtended("outputVolume")
        return protocol

    return make
