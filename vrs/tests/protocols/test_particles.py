"""Importing tables of particles and class averages as sets of a project."""

import os
from dataclasses import replace

import numpy as np
import pytest

from vrs.inputs import all_options
from vrs.io.classes import read_classes
from vrs.io.particles import read_particles, write_particles_star
from vrs.io.stacks import write_stack
from vrs.simulation.particle_sets import class_set, particle_set
from vrs.tests.checks.particle_sets import SAMPLING, volume_of

COUNT = 12


@pytest.fixture
def launched(project):
    from vrs.protocols import ProtVrsImportParticles

    def launch(**values):
        protocol = project.newProtocol(ProtVrsImportParticles, **values)
        assert protocol.validate() == []
        project.launchProtocol(protocol, wait=True)
        assert protocol.isFinished(), protocol.getErrorMessage()
        return protocol
    return launch


def written(folder, table):
    """A STAR file of a table."""
    path = str(folder / "particles.star")
    write_particles_star(path, table)
    return path


def exported(made, name, folder):
    """What a level is given for a set."""
    from vrs.protocols import sets
    path = str(folder / (name + "_model.star"))
    sets.export(made, path, next(one for one in all_options() if one.name == name))
    return (read_classes if name == "classes" else read_particles)(path)[0]


def test_a_refinement_comes_back_as_it_was(launched, tmp_path):
    from pwem.constants import ALIGN_PROJ
    table = particle_set(tmp_path, volume_of(), SAMPLING, COUNT, 0.2, micrographs=3).table
    places = np.arange(2.0 * COUNT).reshape(COUNT, 2)
    path = written(tmp_path, replace(table, coordinates=places))
    table, _ = read_particles(path)
    protocol = launched(particlesFile=path)
    made = protocol.outputParticles
    assert made.getSize() == COUNT and made.getAlignment() == ALIGN_PROJ and made.hasCTF()
    assert protocol.summary() == ["Particles: %d" % COUNT]
    assert os.path.basename(path) in protocol.methods()[0]
    found = exported(made, "particles", tmp_path)
    # Both are orientations of the same particles, whatever program writes or reads them.
    assert found.rotations == pytest.approx(table.rotations, abs=1e-5)
    assert found.shifts == pytest.approx(table.shifts, abs=1e-4)
    assert found.defocus == pytest.approx(table.defocus)
    assert found.micrograph_names == table.micrograph_names
    assert found.micrograph.tolist() == table.micrograph.tolist()
    assert found.coordinates == pytest.approx(places)
    assert [os.path.realpath(name) for name in found.files] == list(table.files)
    assert found.frame.tolist() == table.frame.tolist()
    assert found.optics[0].voltage == table.optics[0].voltage and found.has_ctf


def test_members_of_classes_with_their_averages(launched, tmp_path):
    path = written(tmp_path, class_set(tmp_path, volume_of(), SAMPLING, 3, 4, 0.2).table)
    table, _ = read_particles(path)
    images = np.random.default_rng(1).normal(size=(3, 16, 16)).astype(np.float32)
    write_stack(str(tmp_path / "averages.mrcs"), images, 4.0)
    protocol = launched(particlesFile=path, classesFile=str(tmp_path / "averages.mrcs"))
    classes = protocol.outputClasses
    assert classes.getSize() == 3 and protocol.outputAverages.getSize() == 3
    found = exported(classes, "particles", tmp_path)
    order = np.argsort(table.plane_class, kind="stable")  # Members follow their class.
    assert found.plane_class.tolist() == table.plane_class[order].tolist()
    turns = (found.psi - table.psi[order] + 180) % 360 - 180
    assert np.abs(turns).max() < 1e-3
    assert found.plane_shifts == pytest.approx(table.plane_shifts[order], abs=1e-4)
    for made in classes, protocol.outputAverages:
        averages = exported(made, "classes", tmp_path)
        assert averages.images == pytest.approx(images)
        assert averages.numbers.tolist() == [1, 2, 3]
    assert exported(protocol.outputAverages, "classes", tmp_path).sampling == 4.0


def test_what_cannot_be_a_set_is_refused_before_the_run(project, tmp_path):
    from vrs.protocols import ProtVrsImportParticles
    table = particle_set(tmp_path, volume_of(), SAMPLING, COUNT, 0.2).table
    os.remove(table.files[0])
    write_stack(str(tmp_path / "averages.mrcs"), np.zeros((2, 8, 8), np.float32), 0)
    protocol = project.newProtocol(ProtVrsImportParticles, particlesFile=written(tmp_path, table),
                                   classesFile=str(tmp_path / "averages.mrcs"))
    one, other = protocol.validate()
    assert "cannot be found" in one and "pixel size" in other


def test_half_sets_are_kept(launched, tmp_path):
    table = particle_set(tmp_path, volume_of(), SAMPLING, COUNT, 0.2).table
    halves = np.arange(COUNT, dtype=np.int8) % 2 + 1
    protocol = launched(particlesFile=written(tmp_path, replace(table, subset=halves)))
    assert exported(protocol.outputParticles, "particles", tmp_path).subset.tolist() == (
        halves.tolist())
