"""Level 2 in Scipion's engine."""

import numpy as np
import pytest

from vrs.results import Status
from vrs.tests.io.files import save
from vrs.tests.protocols import maps
from vrs.tests.protocols.conftest import run


@pytest.fixture
def new_level_2(project, imported):
    from vrs.protocols import ProtVrsLevel2

    def make(**parameters):
        protocol = project.newProtocol(ProtVrsLevel2, threshold=maps.THRESHOLD,
                                       resolution=maps.RESOLUTION, **parameters)
        protocol.inputVolume.set(imported)
        protocol.inputVolume.setExtended("outputVolume")
        return protocol

    return make


def test_class_averages_or_particles_are_asked_for(new_level_2):
    assert new_level_2().validate() == [
        "Choose at least one of these: class averages, a table of particles."]


def test_class_averages_of_a_file(project, new_level_2, tmp_path, monkeypatch):
    monkeypatch.setattr("vrs.checks.level_2.matching.NULLS", 2)
    # Projections along the axes.
    images = np.array([maps.blob().sum(axis=axis) for axis in range(3)], np.float32)
    path = save(tmp_path / "classes.mrcs", images, maps.SAMPLING, ispg=0)
    protocol = new_level_2(classesFrom=2, classesFile=path)
    assert protocol.validate() == []
    [item] = run(project, protocol).items
    assert item.id == "2.a" and item.status in (Status.OK, Status.WARNINGS)
    assert item.metrics["classes"].value == 3
    assert protocol.summary()[0].startswith("2.a Reprojection consistency")
