"""Computing an item by a protocol of another plugin.

Each engine runs as a protocol of the project, in its own folder and with its own
process, after imports that hand it the maps, the mask and the model as the level sees
them. The runs do not depend on the level as Scipion counts it, so that the level can be
repeated or resumed.
"""

import contextlib
import csv
import glob
import importlib
import json
import os
import re
import shutil
from dataclasses import replace

import gemmi
import numpy as np
import pyworkflow
from pwem.emlib.image import ImageHandler
from pwem.objects import Coordinate
from pwem.protocols import (ProtImportMask, ProtImportMicrographs, ProtImportPdb,
                            ProtImportVolumes)
from pyworkflow.object import Pointer, PointerList
from pyworkflow.project import Project

from vrs.checks import NotMeasured
from vrs.engines.external import (AssignedParticles, AtomTable, ScoredCoordinates,
                                  not_installed)
from vrs.io.maps import write_map
from vrs.io.models import atom_positions, write_model
from vrs.io.particles import write_particles_star
from vrs.io.stacks import write_stack
from vrs.protocols.launch import failure, run_to_end
from vrs.protocols.particles import ProtVrsImportParticles
from vrs.protocols.sets import numbered_table
from vrs.results import Engine, Paragraph

_VARIABLE = re.compile(r"{(\w+)}")


def why_unavailable(engine):
    """What an engine lacks in this environment.

    Parameters
    ----------
    engine : vrs.engines.external.ExternalEngine

    Returns
    -------
    str or None
        To be put into a sentence; None when it can run.
    """
    for plugin in (engine,) + engine.companions:
        reason = _why_plugin_unavailable(plugin)
        if reason:
            return reason
    missing = [name for name in engine.programs if shutil.which(name) is None]
    if missing:
        return "%s not in the search path for programs" % _enumerated(missing)
    if _protocol_class(engine) is None:
        return "the protocol %s of %s does not load%s" % (
            engine.protocol, engine.package, _import_error(engine.plugin + ".protocols"))
    return None


def _why_plugin_unavailable(engine):
    if engine.version is None:
        return not_installed(engine)
    package = pyworkflow.Config.getDomain().getPlugins().get(engine.plugin)
    if package is None:
        return "the Scipion plugin %s does not load%s" % (engine.package,
                                                          _import_error(engine.plugin))
    home = package.Plugin.getHome() if engine.files else ""
    files = [_VARIABLE.sub(lambda found: _variable(package.Plugin, found.group(1)), name)
             for name in engine.files]
    missing = [name for name in files if not glob.glob(os.path.join(home, name))]
    if missing:
        return "%s missing%s" % (_enumerated(missing), " in %s" % home if home else "")
    return None


def _variable(plugin, name):
    return str(getattr(plugin, name, None) or plugin.getVar(name))


def _enumerated(names):
    return "%s %s" % (" and ".join(names), "is" if len(names) == 1 else "are")


def _protocol_class(engine):
    found = pyworkflow.Config.getDomain().getProtocols().get(engine.protocol)
    # Class names are global in Scipion: another plugin may have taken this one.
    return found if found and found._package.__name__ == engine.plugin else None


def _import_error(module):
    try:
        importlib.import_module(module)
    except Exception as error:  # whatever it is, it is the answer
        return " (%s: %s)" % (type(error).__name__, error)
    return ""


class ExternalRun:
    """One item, computed by an external engine for a level.

    Parameters
    ----------
    engine : vrs.engines.external.ExternalEngine
    item : str
        Id of the item.
    level : vrs.protocols.level.ProtVrsLevel
        The protocol that is running, with the project's folder as the working folder.

    Attributes
    ----------
    engine : vrs.checks.Engine
    """

    def __init__(self, engine, item, level):
        self.engine = Engine(engine.name, engine.version or "")
        self._external, self._item, self._level = engine, item, level

    def compute(self, data):
        """Run the engine's protocol and turn its output into findings.

        Parameters
        ----------
        data : vrs.inputs.Evidence

        Returns
        -------
        vrs.checks.Findings

        Raises
        ------
        NotMeasured
            If the engine is not there, refuses its input or fails, with its reason and the
            place of its log.
        """
        reason = why_unavailable(self._external)
        if reason:
            raise NotMeasured("%s could not be run: %s." % (self._external.label, reason))
        with _project_of(self._level) as project:
            runs = self._run_engine(project, self._external.prepare(data))
            findings = self._external.findings(data, *(
                output for protocol in runs for output in self._read_outputs(protocol)))
            findings.content.append(Paragraph(
                "Computed by the protocol %s of %s, %s of the project." % (
                    self._external.protocol, self._external.package, " and ".join(
                        "run %s (%s)" % (protocol.strId(), protocol.getWorkingDir())
                        for protocol in runs))))
        return findings

    def _run_engine(self, project, given):
        engine = self._external
        inputs = {}
        maps = list(zip(engine.half_parameters, ("half 1", "half 2"), given.halves or ()))
        maps += [(engine.map_parameter, "map", given.volume),
                 (engine.model_map_parameter, "map of the model", given.model_map)]
        for parameter, what, volume in maps:
            if parameter:
                inputs[parameter] = (self._import_map(project, what, volume, given),
                                     "outputVolume")
        if engine.mask_parameter:
            # Converting a mask of bytes, pwem would shift its values.
            path = self._write("mask", given.mask.astype(np.float32), given.sampling)
            inputs[engine.mask_parameter] = (
                self._run(project, "mask", ProtImportMask, maskPath=path,
                          samplingRate=given.sampling), "outputMask")
        if engine.model_parameter:
            path = self._path("model", ".cif")
            write_model(path, given.model)
            inputs[engine.model_parameter] = (
                self._run(project, "model", ProtImportPdb, pdbFile=path, skipChimera=True,
                          inputPdbData=ProtImportPdb.IMPORT_FROM_FILES), "outputPdb")
        inputs.update(self._import_images(project, given))
        inputs.update(self._import_picks(project, given))
        return [self._run(project, engine.label, _protocol_class(engine), inputs,
                          **dict(given.parameters, **further)) for further in given.runs]

    def _import_images(self, project, given):
        """Particles, classes and averages as sets, for the parameters that take them."""
        outputs = {name: output for name, output in (
            (self._external.particles_parameter, "outputParticles"),
            (self._external.classes_parameter, "outputClasses"),
            (self._external.averages_parameter, "outputAverages")) if name}
        if not outputs:
            return {}
        parameters = {}
        if given.particles is not None:
            parameters["particlesFile"] = self._path("particles", ".star")
            write_particles_star(parameters["particlesFile"],
                                 replace(given.particles, file_names=given.particles.files))
        if given.averages is not None:
            parameters["classesFile"] = self._path("averages", ".mrcs")
            write_stack(parameters["classesFile"], *given.averages)
        source = self._run(project, "images", ProtVrsImportParticles, **parameters)
        return {name: (source, output) for name, output in outputs.items()}

    def _import_picks(self, project, given):
        """Micrographs, linked under numbers, and their coordinates as a set."""
        if not self._external.coordinates_parameter:
            return {}
        folder = self._path("micrographs", "")
        os.makedirs(folder, exist_ok=True)
        for number, one in enumerate(given.picked):
            place = os.path.join(folder, "%06d%s" % (number, os.path.splitext(one.path)[1]))
            if not os.path.lexists(place):
                os.symlink(os.path.abspath(one.path), place)
        source = self._run(project, "micrographs", ProtImportMicrographs, filesPath=folder,
                           filesPattern="*", samplingRate=given.picked[0].sampling)
        coordinates = source._createSetOfCoordinates(source.outputMicrographs)
        coordinates.setBoxSize(int(round(given.picked[0].box / given.picked[0].sampling)))
        for micrograph in source.outputMicrographs.iterItems():
            for x, y in np.rint(given.picked[_number_of(micrograph)].points).astype(int).tolist():
                place = Coordinate(x=x, y=y)
                place.setMicrograph(micrograph)
                coordinates.append(place)
        source._defineOutputs(outputCoordinates=coordinates)
        source._store()
        return {self._external.coordinates_parameter: (source, "outputCoordinates")}

    def _import_map(self, project, what, volume, given):
        parameters = {"filesPath": self._write(what, volume, given.sampling),
                      "samplingRate": given.sampling}
        if what == "map" and given.halves and not self._external.half_parameters:
            parameters.update(
                setHalfMaps=True, half1map=self._write("half 1", given.halves[0], given.sampling),
                half2map=self._write("half 2", given.halves[1], given.sampling))
        if given.model is not None:
            # The model counts from the first voxel, Scipion otherwise from the middle.
            parameters.update(setOrigCoord=True, x=0.0, y=0.0, z=0.0)
        return self._run(project, what, ProtImportVolumes, **parameters)

    def _run(self, project, purpose, protocol_class, inputs=None, **parameters):
        protocol = project.newProtocol(protocol_class, **parameters)
        protocol.setObjLabel("%s of %s: %s" % (self._item, self._level.getObjLabel(), purpose))
        for name, (source, output) in (inputs or {}).items():
            pointer = getattr(protocol, name)
            if isinstance(pointer, PointerList):
                pointer.append(Pointer(source, extended=output))
            else:
                pointer.set(source)
                pointer.setExtended(output)
        problems = protocol.validate()
        if problems:
            raise NotMeasured("%s refuses to run: %s" % (self._external.label, " ".join(problems)))
        run_to_end(project, protocol)
        if not protocol.isFinished():
            raise NotMeasured("%s failed (%s); its logs are %s and %s in the project." % (
                self._external.label, failure(protocol), protocol.getStdoutLog(),
                protocol.getStderrLog()))
        return protocol

    def _read_outputs(self, protocol):
        patterns = [os.path.normpath(protocol._getExtraPath(name))
                    for name in self._external.outputs]
        found = [glob.glob(pattern) for pattern in patterns]
        lost = [pattern for pattern, paths in zip(patterns, found) if len(paths) != 1]
        if lost:
            raise NotMeasured("%s finished without its output %s; its logs are %s and %s in the "
                              "project." % (self._external.label, " and ".join(lost),
                                            protocol.getStdoutLog(), protocol.getStderrLog()))
        return ([_READERS.get(os.path.splitext(path)[1], _read_volume)(path) for path, in found]
                + [self._read_set(protocol, name) for name in self._external.sets])

    def _read_set(self, protocol, name):
        found = getattr(protocol, name, None)
        if found is None or not found.getSize():
            raise NotMeasured("%s finished without its output %s; its logs are %s and %s in the "
                              "project." % (self._external.label, name, protocol.getStdoutLog(),
                                            protocol.getStderrLog()))
        if self._external.score:
            return _scored(found, self._external.score)
        numbers, table = numbered_table(found)
        return AssignedParticles(numbers - 1, table)

    def _path(self, what, extension):
        return self._level._getExtraPath("%s_for_%s_%s%s" % (
            self._item.replace(".", ""), self._external.name, what.replace(" ", ""), extension))

    def _write(self, what, volume, sampling):
        path = self._path(what, ".mrc")
        write_map(path, volume, sampling)
        return path


def _number_of(micrograph):
    """Place of a micrograph among those that were linked under numbers."""
    return int(re.match(r"\d+", os.path.basename(micrograph.getFileName())).group())


def _scored(coordinates, score):
    """Coordinates of a set with one of their attributes."""
    numbers = {micrograph.getObjId(): _number_of(micrograph)
               for micrograph in coordinates.getMicrographs().iterItems()}
    rows = [(numbers[one.getMicId()], one.getX(), one.getY(), float(getattr(one, score).get()))
            for one in coordinates.iterItems()]
    micrographs, x, y, scores = np.array(rows).T
    return ScoredCoordinates(micrographs.astype(int), np.column_stack([x, y]), scores)


def _read_volume(path):
    return np.squeeze(ImageHandler().read(path).getData()).astype(np.float32)


def _read_text(path):
    with open(path) as handle:
        text = handle.read()
    try:
        return float(text)
    except ValueError:
        return json.loads(text)


def _read_table(path):
    """Columns of numbers of the first table of a STAR file, which those of Xmipp are too."""
    loop = next(item.loop for item in gemmi.cif.read(path).sole_block() if item.loop)
    rows = np.array([_number(value) for value in loop.values]).reshape(-1, loop.width())
    return {tag.lstrip("_"): column for tag, column in zip(loop.tags, rows.T)
            if not np.isnan(column).all()}


def _read_rows(path):
    with open(path, newline="") as handle:
        rows = [row for row in csv.reader(handle) if row]
    try:
        return np.array(rows, float)
    except ValueError:
        return rows


def _read_cif_atoms(path):
    block = next(block for block in gemmi.cif.read(path) if block.find_loop("_atom_site.Cartn_x"))
    columns = block.get_mmcif_category("_atom_site.", raw=True)
    values = {name: np.array([_number(text) for text in column])
              for name, column in columns.items()}
    return AtomTable(np.stack([values["Cartn_" + axis] for axis in "xyz"], axis=1), values)


def _number(text):
    value = gemmi.cif.as_number(text)
    return np.nan if value is None else value


def _read_pdb_atoms(path):
    structure = gemmi.read_pdb(path)
    atoms = [site.atom for site in structure[0].all()]
    return AtomTable(atom_positions(structure),
                     {"occupancy": np.array([atom.occ for atom in atoms]),
                      "B_iso_or_equiv": np.array([atom.b_iso for atom in atoms])})


_READERS = {".txt": _read_text, ".xmd": _read_table, ".star": _read_table, ".csv": _read_rows,
            ".cif": _read_cif_atoms, ".pdb": _read_pdb_atoms}


@contextlib.contextmanager
def _project_of(level):
    """The project that a run belongs to; the run itself only has a copy of its database."""
    project = Project(pyworkflow.Config.getDomain(), level.getProject().path)
    project.load(chdir=False)
    try:
        yield project
        project.mapper.commit()
    finally:
        project.closeMapper()
