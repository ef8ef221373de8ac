"""Scipion's engine for the tests of the protocols."""

import functools
import os
import shutil
import tempfile
from pathlib import Path

import pytest

from vrs.io import download
from vrs.io.models import write_model
from vrs.results import Engine, ItemResult, Status, read_results
from vrs.scipion import load_domain, prepare_environment
from vrs.tests.checks.level_A import models
from vrs.tests.io import archive_server
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


@pytest.fixture(scope="session")
def deposited(tmp_path_factory):
    """Bytes of a map and its two half maps, and of a model, as in an archive."""
    folder = tmp_path_factory.mktemp("deposited")
    write_model(str(folder / "model.cif"), models.walk())
    paths = [str(maps.write_blob(folder / "map.mrc"))] + maps.write_halves(folder)
    return [Path(path).read_bytes() for path in paths], (folder / "model.cif").read_bytes()


@pytest.fixture
def server(monkeypatch, deposited):
    """An archive on this computer, with one entry."""
    monkeypatch.setattr(download, "PAUSE", 0)
    monkeypatch.setenv("no_proxy", "*")
    with archive_server.serving() as server:
        archive_server.fill(server, *deposited, level=maps.THRESHOLD,
                            resolution=str(maps.RESOLUTION))
        yield server


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


def run(project, protocol):
    """Run a level to its end and return its results."""
    project.launchProtocol(protocol, wait=True)
    assert protocol.isFinished(), protocol.getErrorMessage()
    [results] = read_results(protocol.outputResults.getResultsFile())
    return results


def make_level(project, imported, **parameters):
    """A level 0 run on an imported small map, to be launched."""
    from vrs.protocols import ProtVrsLevel0
    values = dict(threshold=maps.THRESHOLD, resolution=maps.RESOLUTION)
    values.update(parameters)
    protocol = project.newProtocol(ProtVrsLevel0, **values)
    protocol.inputVolume.set(imported)
    protocol.inputVolume.setExtended("outputVolume")
    return protocol


@pytest.fixture
def new_level(project, imported):
    """Makes a level 0 run on the small map, to be launched."""
    return functools.partial(make_level, project, imported)


@pytest.fixture
def quick(monkeypatch):
    """Spares the computations; items tell their engine and the bounds that they were given.

    It has to come before the fixtures that run levels.
    """
    from vrs import validation
    from vrs.protocols import level

    def tell(check, data, overrides, external):
        engine = Engine("other" if external else "builtin", "1")
        return ItemResult(check.id, check.title, check.level, Status.INFORMATIVE, engine,
                          summary=str(overrides.bounds)), []

    monkeypatch.setattr(validation, "run_check", tell)
    monkeypatch.setattr(level, "why_unavailable", lambda engine: None)
