"""Importing tables of particles and class averages as Scipion's sets."""

import os

import numpy as np
from pwem.constants import ALIGN_2D, ALIGN_NONE, ALIGN_PROJ
from pwem.objects import (Acquisition, Class2D, Coordinate, CTFModel, Particle, SetOfAverages,
                          SetOfClasses2D, SetOfParticles, Transform)
from pwem.protocols import EMProtocol
from pyworkflow.object import Integer, String
from pyworkflow.protocol import params
from pyworkflow.utils import createAbsLink

from vrs.errors import InputError
from vrs.inputs import read_value
from vrs.inputs.classes import CLASSES
from vrs.inputs.particles import PARTICLES
from vrs.io.classes import probe_classes, read_classes
from vrs.io.particles import missing_stacks, probe_particles, read_particles
from vrs.io.problems import collected
from vrs.io.stacks import write_stack

# Relative difference of pixel sizes from which images cannot be in one set.
_SAME_SAMPLING = 1e-3


class ProtVrsImportParticles(EMProtocol):
    """Imports a table of particles (RELION's STAR, .cs or .csg of cryoSPARC) with orientations,
    CTF, coordinates and half sets, and class averages, as sets of the project. Members of 2D
    classes become classes. The images stay where they are; the project has links to them."""

    _label = "import particles"
    _possibleOutputs = {"outputParticles": SetOfParticles, "outputClasses": SetOfClasses2D,
                        "outputAverages": SetOfAverages}

    def _defineParams(self, form):
        table, folder = PARTICLES.options[:2]
        averages, sampling = CLASSES.options
        form.addSection(label="Input")
        form.addParam("particlesFile", params.FileParam, default="", important=True,
                      label=table.label, help=table.form_help)
        form.addParam("imagesFolder", params.FolderParam, default="", label=folder.label,
                      expertLevel=params.LEVEL_ADVANCED, help=folder.form_help)
        form.addParam("classesFile", params.FileParam, default="",
                      label=averages.label, help=averages.form_help)
        form.addParam("classesSampling", params.FloatParam, allowsNull=True,
                      expertLevel=params.LEVEL_ADVANCED, label=sampling.label,
                      help=sampling.form_help)

    # --------------------------- STEPS ---------------------------------------
    def _insertAllSteps(self):
        self._insertFunctionStep(self.importStep, needsGPU=False)

    def importStep(self):
        """Read the files and make the sets."""
        outputs, averages, table = {}, None, None
        if self.classesFile.get(""):
            averages, notes = read_classes(self.classesFile.get(), self._classes_sampling())
            self._tell(notes)
        if self.particlesFile.get(""):
            table, notes = read_particles(self.particlesFile.get(), self._folder())
            self._tell(notes)
            _require_images(table)
            stacks = self._linked(table.files)
            outputs["outputParticles"] = self._create_particles(table, stacks)
        if averages is not None:
            outputs["outputAverages"] = self._create_averages(averages)
        if table is not None and table.has_classes:
            outputs["outputClasses"] = self._create_classes(
                table, stacks, outputs["outputParticles"], averages)
        self._defineOutputs(**outputs)

    # --------------------------- INFORMATION ---------------------------------
    def _validate(self):
        problems = []
        if not self.particlesFile.get("") and not self.classesFile.get(""):
            return ["Choose a table of particles, class averages, or both."]
        if self.particlesFile.get(""):
            with collected(problems):
                found = probe_particles(self.particlesFile.get(), self._folder())
                problems += found.problems
                if found.table is not None:
                    _require_images(found.table)
        with collected(problems):
            sampling = self._classes_sampling()
            if self.classesFile.get(""):
                probe_classes(self.classesFile.get(), sampling)
        return problems

    def _summary(self):
        if not self.isFinished():
            return ["Nothing has been imported yet."]
        return ["%s: %d" % (words, getattr(self, name).getSize()) for name, words in (
            ("outputParticles", "Particles"), ("outputClasses", "Classes"),
            ("outputAverages", "Class averages")) if hasattr(self, name)]

    def _methods(self):
        return ["%s were imported from %s." % (words, os.path.basename(path)) for words, path in (
            ("Particles", self.particlesFile.get("")),
            ("Class averages", self.classesFile.get(""))) if path and self.isFinished()]

    def _citations(self):
        return ["Sorzano2022"]

    # --------------------------- HELPERS -------------------------------------
    def _folder(self):
        return self.imagesFolder.get("") or None

    def _classes_sampling(self):
        option = CLASSES.options[1]
        return read_value(option, {option.name: self.classesSampling.get()})

    def _tell(self, notes):
        for note in notes:
            self.info("Note: %s" % note)

    def _create_particles(self, table, stacks):
        made = self._createSetOfParticles()
        made.setSamplingRate(_sampling(table))
        made.setAcquisition(_acquisition(table.optics[0]))
        made.setHasCTF(table.has_ctf)
        made.setIsPhaseFlipped(all(bool(optics.phase_flipped) for optics in table.optics))
        made.setAlignment(ALIGN_PROJ if table.has_angles else
                          ALIGN_2D if table.psi is not None else ALIGN_NONE)
        matrices = (projection_matrices(table) if table.has_angles else
                    plane_matrices(table) if table.psi is not None else None)
        for row in range(len(table)):
            made.append(_particle(table, row, stacks, None if matrices is None else matrices[row],
                                  table.class_number))
        return made

    def _linked(self, paths):
        """Links in the project, with names by which programs tell stacks from volumes."""
        links = []
        for number, path in enumerate(paths):
            stem, ending = os.path.splitext(os.path.basename(path))
            link = self._getExtraPath("%04d_%s%s" % (
                number + 1, stem, ".mrcs" if ending in (".mrc", ".mrcs") else ending))
            createAbsLink(os.path.abspath(path), link)
            links.append(link)
        return links

    def _create_averages(self, averages):
        path = self._getExtraPath("class_averages.mrcs")
        write_stack(path, averages.images, averages.sampling)
        made = self._createSetOfAverages()
        made.setSamplingRate(averages.sampling)
        for place, number in enumerate(averages.numbers):
            average = Particle(location=(place + 1, path))
            average.setObjId(int(number))
            average.setSamplingRate(averages.sampling)
            made.append(average)
        return made

    def _create_classes(self, table, stacks, particles, averages):
        made = self._createSetOfClasses2D(particles)
        matrices = plane_matrices(table)
        places = {} if averages is None else {
            int(number): place for place, number in enumerate(averages.numbers)}
        for number in np.unique(table.plane_class[table.plane_class > 0]).tolist():
            found = Class2D(objId=number)
            found.copyInfo(particles)
            found.setAlignment2D()
            if number in places:
                representative = Particle(location=(
                    places[number] + 1, self._getExtraPath("class_averages.mrcs")))
                representative.setSamplingRate(averages.sampling)
                found.setRepresentative(representative)
            made.append(found)
            for row in np.flatnonzero(table.plane_class == number).tolist():
                found.append(_particle(table, row, stacks, matrices[row], table.plane_class))
            made.update(found)
        return made


def _require_images(table):
    """Raise InputError for a table that cannot become a set of images."""
    problems = []
    if not table.has_images:
        raise InputError("The table names no images of the particles; Scipion's sets need them.")
    missing = missing_stacks(table)
    if missing:
        problems.append("%s and its images cannot be found%s; give their folder." % (
            missing[0], "" if len(missing) == 1 else ", nor can %d other stacks" % (
                len(missing) - 1)))
    samplings = [table.optics[group].sampling for group in np.unique(table.group)]
    if min(samplings) < (1 - _SAME_SAMPLING) * max(samplings):
        problems.append("The table has images of %.4g and of %.4g Å per pixel, but a set of "
                        "Scipion has one pixel size; import the optics groups one by one." % (
                            min(samplings), max(samplings)))
    if problems:
        raise InputError(problems)


def _sampling(table):
    return table.optics[table.group[0]].sampling


def _acquisition(optics):
    made = Acquisition(voltage=optics.voltage, sphericalAberration=optics.spherical_aberration,
                       amplitudeContrast=optics.amplitude_contrast)
    made.opticsGroupName = String(optics.name)
    return made


def projection_matrices(table):
    """The matrices by which Scipion keeps a three-dimensional assignment.

    The rotation is A transposed and the translation Aᵀ s, in pixels, for the orientation A and
    the shift s of a :class:`vrs.images.particles.ParticleTable`.

    Parameters
    ----------
    table : vrs.images.particles.ParticleTable
        With angles.

    Returns
    -------
    numpy.ndarray of float64, (n, 4, 4)
    """
    rotations = table.rotations.astype(float)
    matrices = np.tile(np.eye(4), (len(table), 1, 1))
    matrices[:, :3, :3] = rotations.transpose(0, 2, 1)
    if table.shifts is not None:
        moved = table.shifts / _sampling(table)
        matrices[:, :3, 3] = np.einsum("nji,nj->ni", rotations[:, :2], moved)
    return matrices


def plane_matrices(table):
    """The matrices by which Scipion keeps an alignment in the plane: the turn by psi, then the
    shift in pixels.

    Parameters
    ----------
    table : vrs.images.particles.ParticleTable
        With psi.

    Returns
    -------
    numpy.ndarray of float64, (n, 4, 4)
    """
    angles = np.radians(table.psi)
    matrices = np.tile(np.eye(4), (len(table), 1, 1))
    matrices[:, 0, 0] = matrices[:, 1, 1] = np.cos(angles)
    matrices[:, 1, 0] = np.sin(angles)
    matrices[:, 0, 1] = -matrices[:, 1, 0]
    if table.plane_shifts is not None:
        matrices[:, :2, 3] = table.plane_shifts / _sampling(table)
    return matrices


def _particle(table, row, stacks, matrix, numbers):
    made = Particle(objId=row + 1)
    made.setLocation(int(table.frame[row]) + 1, stacks[table.file[row]])
    made.setSamplingRate(_sampling(table))
    made.setAcquisition(_acquisition(table.optics[table.group[row]]))
    if table.has_ctf:
        u, v, angle = table.defocus[row].tolist()
        made.setCTF(CTFModel(defocusU=u, defocusV=v, defocusAngle=angle))
        if table.phase_shift is not None:
            made.getCTF().setPhaseShift(float(table.phase_shift[row]))
    if matrix is not None:
        made.setTransform(Transform(matrix))
    if numbers is not None:
        made.setClassId(int(numbers[row]))
    if table.subset is not None:
        made._rlnRandomSubset = Integer(int(table.subset[row]))
    _place(made, table, row)
    return made


def _place(made, table, row):
    """Where the particle was picked."""
    number = -1 if table.micrograph is None else int(table.micrograph[row])
    if number < 0:
        return
    made.setMicId(number + 1)
    if table.coordinates is not None:
        # In Scipion a particle has its own copy of where it lies, with the name of the micrograph.
        place = Coordinate(x=float(table.coordinates[row, 0]), y=float(table.coordinates[row, 1]))
        place.setMicId(number + 1)
        place.setMicName(table.micrograph_names[number])
        made.setCoordinate(place)
