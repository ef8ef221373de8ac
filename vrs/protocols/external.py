"""Computing an item by a protocol of another plugin.

Each engine runs as a protocol of the project, in its own folder and with its own
process, after two imports that hand it the map and the mask as the level sees them. The
runs do not depend on the level as Scipion counts it, so that the level can be repeated or
resumed.
"""

import contextlib
import importlib
import os

import numpy as np
import pyworkflow
from pwem.emlib.image import ImageHandler
from pwem.protocols import ProtImportMask, ProtImportVolumes
from pyworkflow.project import Project

from vrs.checks import Engine, NotMeasured, Paragraph
from vrs.engines.external import not_installed
from vrs.io.maps import write_map
from vrs.protocols.launch import failure, run_to_end


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
    if engine.version is None:
        return not_installed(engine)
    plugin = pyworkflow.Config.getDomain().getPlugins().get(engine.plugin)
    if plugin is None:
        return "the Scipion plugin %s does not load%s" % (engine.package,
                                                          _import_error(engine.plugin))
    home = plugin.Plugin.getHome() if engine.files else ""
    missing = [name for name in engine.files if not os.path.exists(os.path.join(home, name))]
    if missing:
        return "%s %s missing in %s" % (" and ".join(missing), "is" if len(missing) == 1 else "are",
                                        home)
    if _protocol_class(engine) is None:
        return "the protocol %s of %s does not load%s" % (
            engine.protocol, engine.package, _import_error(engine.plugin + ".protocols"))
    return None


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
        data : vrs.checks.ValidationInput

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
            protocol = self._run_engine(project, self._external.prepare(data))
            findings = self._external.findings(data, self._read_output(protocol))
            findings.content.append(Paragraph(
                "Computed by the protocol %s of %s, run %s of the project (%s)." % (
                    self._external.protocol, self._external.package, protocol.strId(),
                    protocol.getWorkingDir())))
        return findings

    def _run_engine(self, project, given):
        volume = self._path("map.mrc")
        write_map(volume, given.volume, given.sampling)
        inputs = {self._external.map_parameter: (
            self._run(project, "map", ProtImportVolumes, filesPath=volume,
                      samplingRate=given.sampling), "outputVolume")}
        if self._external.mask_parameter:
            mask = self._path("mask.mrc")
            write_map(mask, given.mask, given.sampling)
            inputs[self._external.mask_parameter] = (
                self._run(project, "mask", ProtImportMask, maskPath=mask,
                          samplingRate=given.sampling), "outputMask")
        return self._run(project, self._external.label, _protocol_class(self._external), inputs,
                         **given.parameters)

    def _run(self, project, purpose, protocol_class, inputs=None, **parameters):
        protocol = project.newProtocol(protocol_class, **parameters)
        protocol.setObjLabel("%s of %s: %s" % (self._item, self._level.getObjLabel(), purpose))
        for name, (source, output) in (inputs or {}).items():
            pointer = getattr(protocol, name)
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

    def _read_output(self, protocol):
        path = protocol._getExtraPath(self._external.output)
        if not os.path.exists(path):
            raise NotMeasured("%s finished without its output %s; its logs are %s and %s in the "
                              "project." % (self._external.label, path, protocol.getStdoutLog(),
                                            protocol.getStderrLog()))
        if path.endswith(".txt"):
            with open(path) as handle:
                return float(handle.read())
        return np.squeeze(ImageHandler().read(path).getData()).astype(np.float32)

    def _path(self, name):
        return self._level._getExtraPath("%s_for_%s_%s" % (
            self._item.replace(".", ""), self._external.name, name))


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
