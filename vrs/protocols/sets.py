"""Scipion's sets as the tables and folders that the kinds of evidence read."""

import os
import shutil
from itertools import islice

import numpy as np
from pwem.constants import ALIGN_2D, ALIGN_PROJ
from pwem.objects import SetOfClasses2D, SetOfCoordinates, SetOfImages

from vrs.images.particles import OpticsGroup, ParticleTable
from vrs.io.micrographs import without_ending
from vrs.io.particles import write_particles_star
from vrs.io.star import write_star

# What a form looks at of a set before a run.
_PROBED = 1000


def is_set(chosen):
    """Whether an object of a project is a set that has to be exported."""
    return isinstance(chosen, (SetOfImages, SetOfClasses2D, SetOfCoordinates))


def exported_file(protocol, option):
    """Where a protocol keeps a set that was chosen for an option."""
    return protocol._getExtraPath(name_of(option))


def name_of(option):
    """Name of the file or folder that stands for a set that was chosen for an option."""
    return option.name if option.name == "micrographs" else option.name + ".star"


def export(chosen, path, option, most=None):
    """Write a set as the STAR file that stands for it, or as a folder of links.

    Particles are those of RELION 3.1 and later; classes are the ``model.star`` of a
    two-dimensional classification, with the shares of the particles as their distribution.
    Micrographs become links, which have the names of the micrographs in the project.

    Parameters
    ----------
    chosen : SetOfParticles, SetOfAverages, SetOfClasses2D, SetOfMicrographs or SetOfCoordinates
    path : str
    option : vrs.inputs.Option
        That the set was chosen for.
    most : int, optional
        Items that are written at most.
    """
    if option.name == "classes":
        _write_classes(chosen, path, most)
    elif option.name == "micrographs":
        _link_micrographs(chosen, path, most)
    elif option.name == "coordinates":
        _write_coordinates(chosen, path, most)
    else:
        write_particles_star(path, particle_table(chosen, most))


def export_if_needed(chosen, path, option):
    """Write a set unless that was done since the set was last changed."""
    if (not os.path.exists(path)
            or os.path.getmtime(path) < os.path.getmtime(chosen.getFileName())):
        shutil.rmtree(path + ".new", ignore_errors=True)
        export(chosen, path + ".new", option)
        if os.path.isdir(path):
            shutil.rmtree(path)
        os.replace(path + ".new", path)


def export_beginning(chosen, path, option):
    """Write as much of a set as tells what is wrong with it."""
    export(chosen, path, option, _PROBED)


def particle_table(chosen, most=None):
    """The table of a set of particles, or of the members of classes.

    The matrix M of a projection alignment has the transposed orientation as rotation, and the
    shift is A·t, t being M's translation; that of an alignment in the plane turns the image onto
    its class, by psi, and its translation is the shift.

    Parameters
    ----------
    chosen : SetOfParticles or SetOfClasses2D
    most : int, optional
        Particles at most.

    Returns
    -------
    vrs.images.particles.ParticleTable
    """
    return numbered_table(chosen, most)[1]


def numbered_table(chosen, most=None):
    """The numbers by which Scipion tells the particles of a set apart, and their table.

    Parameters
    ----------
    chosen, most
        As those of :func:`particle_table`.

    Returns
    -------
    numbers : numpy.ndarray of int, (n,)
    table : vrs.images.particles.ParticleTable
    """
    particles = chosen.getImages() if isinstance(chosen, SetOfClasses2D) else chosen
    rows = _Rows(particles)
    if isinstance(chosen, SetOfClasses2D):
        for member, number in islice(_members(chosen), most):
            rows.add(member, number)
        rows.alignment = ALIGN_2D
    else:
        for particle in islice(chosen.iterItems(), most):
            rows.add(particle, particle.getClassId())
    return np.array(rows.numbers, int), rows.table()


def _members(classes):
    for found in classes.iterItems():
        number = found.getObjId()
        for member in found.iterItems():
            yield member, number


class _Rows:
    """What the particles of a set tell, row by row."""

    def __init__(self, particles):
        self.alignment = particles.getAlignment()
        self._sampling = particles.getSamplingRate()
        self._size = particles.getXDim()
        self._flipped = bool(particles.isPhaseFlipped())
        self.numbers = []
        self._optics, self._files, self._micrographs = {}, {}, {}
        self._columns = {name: [] for name in (
            "group", "file", "frame", "number", "defocus", "phase", "matrix", "micrograph",
            "coordinate", "subset")}

    def add(self, particle, number):
        columns = self._columns
        self.numbers.append(particle.getObjId())
        index, name = particle.getLocation()
        columns["file"].append(_numbered(self._files, os.path.abspath(name)))
        columns["frame"].append(max(int(index or 1), 1) - 1)
        columns["group"].append(_numbered(self._optics, _optics_of(particle.getAcquisition())))
        columns["number"].append(number)
        ctf = particle.getCTF()
        columns["defocus"].append(None if ctf is None else (
            ctf.getDefocusU(), ctf.getDefocusV(), ctf.getDefocusAngle()))
        columns["phase"].append(ctf.getPhaseShift() if ctf is not None and ctf.hasPhaseShift()
                                else None)
        transform = particle.getTransform()
        columns["matrix"].append(None if transform is None else transform.getMatrix())
        subset = getattr(particle, "_rlnRandomSubset", None)
        columns["subset"].append(None if subset is None else subset.get())
        place = particle.getCoordinate()
        columns["coordinate"].append(None if place is None else place.getPosition())
        name = place.getMicName() if place is not None else None
        name = name or (str(particle.getMicId()) if particle.hasMicId() else None)
        columns["micrograph"].append(None if name is None else _numbered(self._micrographs, name))

    def table(self):
        optics = tuple(OpticsGroup(
            name=name, voltage=voltage, spherical_aberration=aberration,
            amplitude_contrast=contrast, sampling=self._sampling, image_size=self._size,
            phase_flipped=self._flipped or None)
            for name, voltage, aberration, contrast in self._optics)
        columns = self._columns
        found = dict(
            group=_array(columns["group"], np.int32),
            contrast=np.zeros(len(columns["group"]), np.int8),
            files=tuple(self._files), file_names=tuple(self._files),
            file=_array(columns["file"], np.int32), frame=_array(columns["frame"], np.int32),
            defocus=_array(columns["defocus"], float),
            phase_shift=_array(columns["phase"], float),
            micrograph=_array(columns["micrograph"], np.int32),
            micrograph_names=tuple(self._micrographs),
            coordinates=_array(columns["coordinate"], float),
            class_number=_array(columns["number"], np.int32),
            subset=_array(columns["subset"], np.int8))
        found.update(self._alignment(_array(columns["matrix"], float)))
        return ParticleTable(optics=optics, **found)

    def _alignment(self, matrices):
        if matrices is None or self.alignment not in (ALIGN_2D, ALIGN_PROJ):
            return {}
        if self.alignment == ALIGN_PROJ:
            rotations = matrices[:, :3, :3].transpose(0, 2, 1)
            moved = np.einsum("nij,nj->ni", rotations, matrices[:, :3, 3])
            return {"rotations": rotations.astype(np.float32),
                    "shifts": moved[:, :2] * self._sampling}
        shifts = matrices[:, :2, 3] * self._sampling
        return {"psi": np.degrees(np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0])),
                "shifts": shifts, "plane_shifts": shifts,
                "plane_class": _array(self._columns["number"], np.int32)}


def _optics_of(acquisition):
    if acquisition is None:
        return "", None, None, None
    name = getattr(acquisition, "opticsGroupName", None)
    return (name.get("") if name is not None else "", acquisition.getVoltage(),
            acquisition.getSphericalAberration(), acquisition.getAmplitudeContrast())


def _numbered(names, name):
    """The number of a name among those that were met, from 0."""
    return names.setdefault(name, len(names))


def _array(values, dtype):
    """A column; None where any of its values is not there."""
    return None if any(value is None for value in values) else np.array(values, dtype)


def _write_classes(chosen, path, most):
    averages, numbers, sizes = [], [], []
    for found in islice(chosen.iterItems(), most):
        image = found.getRepresentative() if isinstance(chosen, SetOfClasses2D) else found
        index, name = image.getLocation()
        averages.append("%06d@%s" % (max(int(index or 1), 1), os.path.abspath(name)))
        numbers.append(found.getObjId())
        sizes.append(found.getSize() if isinstance(chosen, SetOfClasses2D) else 1)
    total = sum(sizes) or 1
    write_star(path, {
        "model_general": {"rlnPixelSize": [chosen.getSamplingRate()],
                          "rlnNrClasses": [len(averages)]},
        "model_classes": {"rlnReferenceImage": averages, "rlnClassNumber": numbers,
                          "rlnClassDistribution": [size / total for size in sizes]}})


def _link_micrographs(chosen, folder, most):
    os.makedirs(folder)
    for micrograph in islice(chosen.iterItems(), most):
        path = os.path.abspath(micrograph.getFileName())
        ending = path[len(without_ending(path)):]
        os.symlink(path, os.path.join(folder, _name_of(micrograph) + ending))


def _write_coordinates(chosen, path, most):
    names = {micrograph.getObjId(): _name_of(micrograph)
             for micrograph in chosen.getMicrographs().iterItems()}
    rows = [(names[place.getMicId()],) + tuple(place.getPosition())
            for place in islice(chosen.iterItems(), most) if place.getMicId() in names]
    columns = zip(*rows) if rows else ((), (), ())
    write_star(path, {"coordinates": dict(zip(
        ("rlnMicrographName", "rlnCoordinateX", "rlnCoordinateY"), map(list, columns)))})


def _name_of(micrograph):
    """What tells a micrograph from the others of a project, whatever was made of its image."""
    return without_ending(os.path.basename(micrograph.getMicName() or micrograph.getFileName()))
