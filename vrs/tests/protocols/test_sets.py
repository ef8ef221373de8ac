"""Sets of Scipion as tables of particles and classes."""

import os
from pathlib import Path

import numpy as np
import pytest

from vrs import inputs
from vrs.inputs import all_options
from vrs.io.classes import read_classes
from vrs.io.maps import write_map
from vrs.io.particles import read_particles
from vrs.simulation.micrographs import simulate_micrograph, write_micrograph
from vrs.simulation.particle_sets import class_set, particle_set
from vrs.tests.checks.particle_sets import SAMPLING, volume_of
from vrs.tests.protocols import maps
from vrs.tests.protocols.conftest import run

COUNT = 12


@pytest.fixture(scope="module")
def truth(tmp_path_factory):
    return particle_set(tmp_path_factory.mktemp("set"), volume_of(), SAMPLING, COUNT, 0.2,
                        micrographs=3).truth


@pytest.fixture(scope="module")
def plane(tmp_path_factory):
    return class_set(tmp_path_factory.mktemp("classes"), volume_of(), SAMPLING, 3, 4, 0.2).truth


def option(name):
    return next(found for found in all_options() if found.name == name)


def projection_matrix(rotation, shift):
    """As Scipion keeps it: the shift is A·t, in pixels."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation.T
    matrix[:3, 3] = rotation.T @ np.append(shift / SAMPLING, 0)
    return matrix


def plane_matrix(psi, shift):
    matrix = np.eye(4)
    turn = np.radians(psi)
    matrix[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    matrix[:2, 3] = shift / SAMPLING
    return matrix


def particle(table, row, matrix):
    from pwem.objects import Coordinate, CTFModel, Particle, Transform
    made = Particle()
    made.setLocation(int(table.frame[row]) + 1, table.files[0])
    made.setSamplingRate(SAMPLING)
    u, v, angle = table.defocus[row]
    made.setCTF(CTFModel(defocusU=u, defocusV=v, defocusAngle=angle))
    made.setTransform(Transform(matrix))
    place = Coordinate(x=10 * row, y=5)
    place.setMicName(table.micrograph_names[table.micrograph[row]])
    made.setCoordinate(place)
    return made


def set_of(folder, table, matrices, alignment, name="particles.sqlite"):
    from pwem.objects import Acquisition, SetOfParticles
    made = SetOfParticles(filename=str(folder / name))
    made.setSamplingRate(SAMPLING)
    made.setAcquisition(Acquisition(voltage=300.0, sphericalAberration=2.7,
                                    amplitudeContrast=0.1))
    made.setHasCTF(True)
    made.setAlignment(alignment)
    for row, matrix in enumerate(matrices):
        made.append(particle(table, row, matrix))
    made.setDim((64, 64, 1))
    made.write()
    return made


def classes_of(folder, table):
    from pwem.constants import ALIGN_2D
    from pwem.objects import Class2D, Particle, SetOfClasses2D
    members = set_of(folder, table, [plane_matrix(psi, shift) for psi, shift in zip(
        table.psi, table.plane_shifts)], ALIGN_2D)
    classes = SetOfClasses2D(filename=str(folder / "classes.sqlite"))
    classes.setImages(members)
    for number in np.unique(table.plane_class):
        found = Class2D()
        found.setObjId(int(number))
        found.setAlignment2D()
        found.copyInfo(members)
        representative = Particle()
        representative.setLocation(int(number), table.files[0])
        found.setRepresentative(representative)
        classes.append(found)
        for row in np.flatnonzero(table.plane_class == number):
            member = particle(table, row, plane_matrix(table.psi[row], table.plane_shifts[row]))
            member.setObjId(int(row) + 1)
            found.append(member)
        classes.update(found)
    classes.write()
    return classes


def test_particles_of_a_refinement(domain, truth, tmp_path):
    from pwem.constants import ALIGN_PROJ
    from vrs.protocols import sets
    made = set_of(tmp_path, truth, map(projection_matrix, truth.rotations, truth.shifts),
                  ALIGN_PROJ)
    sets.export(made, str(tmp_path / "particles.star"), option("particles"))
    found, notes = read_particles(str(tmp_path / "particles.star"))
    assert found.rotations == pytest.approx(truth.rotations, abs=1e-5)
    assert found.shifts == pytest.approx(truth.shifts, abs=1e-4)
    assert found.defocus[:, :2] == pytest.approx(truth.defocus[:, :2])
    assert found.micrograph_names == truth.micrograph_names
    assert found.coordinates[:, 0].tolist() == [10 * row for row in range(COUNT)]
    assert found.files == truth.files and found.frame.tolist() == truth.frame.tolist()
    assert found.has_ctf and found.optics[0].sampling == SAMPLING


def test_members_of_classes(domain, plane, tmp_path):
    from vrs.protocols import sets
    classes = classes_of(tmp_path, plane)
    sets.export(classes, str(tmp_path / "members.star"), option("particles"))
    found, _ = read_particles(str(tmp_path / "members.star"))
    assert found.plane_class.tolist() == plane.plane_class.tolist()
    turns = (found.psi - plane.psi + 180) % 360 - 180
    assert np.abs(turns).max() < 1e-3
    assert found.plane_shifts == pytest.approx(plane.plane_shifts, abs=1e-4)
    sets.export(classes, str(tmp_path / "classes_model.star"), option("classes"))
    averages, _ = read_classes(str(tmp_path / "classes_model.star"))
    assert averages.numbers.tolist() == [1, 2, 3] and averages.sampling == SAMPLING
    assert averages.occupancy == pytest.approx([1 / 3] * 3)


def test_only_the_beginning_is_looked_at_before_a_run(domain, truth, tmp_path, monkeypatch):
    from pwem.constants import ALIGN_PROJ
    from vrs.protocols import sets
    made = set_of(tmp_path, truth, map(projection_matrix, truth.rotations, truth.shifts),
                  ALIGN_PROJ)
    monkeypatch.setattr(sets, "_PROBED", 5)
    sets.export_beginning(made, str(tmp_path / "probe.star"), option("particles"))
    assert len(read_particles(str(tmp_path / "probe.star"))[0]) == 5


def test_a_level_takes_particles_of_the_project(project, plane, truth, tmp_path):
    from pwem.constants import ALIGN_PROJ
    from pwem.protocols import ProtImportVolumes

    from vrs.protocols import ProtVrsLevel4
    write_map(str(tmp_path / "map.mrc"), volume_of(), SAMPLING)
    importing = project.newProtocol(ProtImportVolumes, filesPath=str(tmp_path / "map.mrc"),
                                    samplingRate=SAMPLING)
    project.launchProtocol(importing, wait=True)
    importing = project.getProtocol(importing.getObjId())
    made = set_of(Path(importing._getPath()), truth,
                  map(projection_matrix, truth.rotations, truth.shifts), ALIGN_PROJ)
    importing._defineOutputs(outputParticles=made)
    importing._store()
    protocol = project.newProtocol(ProtVrsLevel4, threshold=float(0.1 * volume_of().max()),
                                   resolution=8.0)
    for pointer, output in ((protocol.inputVolume, "outputVolume"),
                            (protocol.inputParticles, "outputParticles")):
        pointer.set(importing)
        pointer.setExtended(output)
    assert protocol.validate() == []
    results = run(project, protocol)
    efficiency = next(item for item in results.items if item.id == "4.g")
    # There are fewer particles than can be judged.
    assert "%d particles" % COUNT in efficiency.reason


def picked_set(folder):
    """Two micrographs whose files have other names than they have in the project, and picks."""
    from pwem.objects import Coordinate, Micrograph, SetOfCoordinates, SetOfMicrographs
    micrographs = SetOfMicrographs(filename=str(folder / "micrographs.sqlite"))
    micrographs.setSamplingRate(6.0)
    places = {}
    for number in (1, 2):
        made = simulate_micrograph(number, (440, 480), 6.0)
        path = str(folder / ("%d_aligned_DW.mrc" % number))
        write_micrograph(path, made.image, 1.0)
        micrograph = Micrograph()
        micrograph.setFileName(path)
        micrograph.setMicName("mic%d.tif" % number)
        micrographs.append(micrograph)
        places[micrograph.getObjId()] = np.rint(made.particles).astype(int)
    micrographs.write()
    coordinates = SetOfCoordinates(filename=str(folder / "coordinates.sqlite"))
    coordinates.setMicrographs(micrographs)
    coordinates.setBoxSize(45)
    for micrograph in micrographs.iterItems():
        for x, y in places[micrograph.getObjId()].tolist():
            place = Coordinate(x=x, y=y)
            place.setMicrograph(micrograph)
            coordinates.append(place)
    coordinates.write()
    return micrographs, coordinates, list(places.values())


def test_picks_of_a_project(domain, tmp_path):
    from vrs.protocols import sets
    micrographs, coordinates, places = picked_set(tmp_path)
    given = {"sampling_micrographs": 6.0}
    for name, chosen in (("micrographs", micrographs), ("coordinates", coordinates)):
        assert sets.is_set(chosen)
        given[name] = str(tmp_path / sets.name_of(option(name)))
        sets.export_if_needed(chosen, given[name], option(name))
    inputs.probe(given)
    found = inputs.load(given).micrographs.picked
    assert [Path(one.path).name for one in found] == ["mic1.mrc", "mic2.mrc"]
    for one, expected in zip(found, places):
        np.testing.assert_array_equal(one.points, expected)
        assert one.sampling == 6.0
    # A set that changed since is linked again.
    os.utime(given["micrographs"], (0, 0))
    sets.export_if_needed(micrographs, given["micrographs"], option("micrographs"))
    assert sorted(os.listdir(given["micrographs"])) == ["mic1.mrc", "mic2.mrc"]


def test_a_level_takes_picks_of_the_project(project, imported):
    from vrs.protocols import ProtVrsLevel5
    holder = project.getProtocol(imported.getObjId())
    micrographs, coordinates, places = picked_set(Path(holder._getPath()))
    holder._defineOutputs(outputMicrographs=micrographs, outputCoordinates=coordinates)
    holder._store()
    protocol = project.newProtocol(ProtVrsLevel5, threshold=maps.THRESHOLD,
                                   resolution=maps.RESOLUTION)
    for pointer, output in ((protocol.inputVolume, "outputVolume"),
                            (protocol.inputMicrographs, "outputMicrographs"),
                            (protocol.inputCoordinates, "outputCoordinates")):
        pointer.set(holder)
        pointer.setExtended(output)
    assert protocol.validate() == []
    [item] = run(project, protocol).items
    assert item.metrics["micrographs"].value == 2
    assert item.metrics["coordinates"].value == sum(map(len, places))
