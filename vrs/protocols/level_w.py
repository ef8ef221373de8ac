"""Level W: the processing workflow."""

import os
import re

from pyworkflow.protocol import Protocol, params

from vrs.checks.results import InputFile, LevelInput, Note
from vrs.errors import InputError
from vrs.io.maps import trace
from vrs.io.workflows import read_workflow
from vrs.protocols.level import ProtVrsLevel
from vrs.protocols.provenance import class_name, owner, plugin_of
from vrs.protocols.report import ProtVrsReport

WORKFLOW_PROJECT, WORKFLOW_FILE = range(2)
_VALIDATION = (ProtVrsLevel, ProtVrsReport)
_LOGGED_VERSION = re.compile(r"plugin v: (\S+?)(?: *\(\w+\))?\s*$")


class ProtVrsLevelW(ProtVrsLevel):
    """Shows how a map was obtained: the protocols that were run, which took the output of which,
    and their versions. It needs the map, a threshold, and the workflow: that of this project, or
    one that Scipion exported."""

    _label = "describe workflow (level W)"
    LEVEL = "W"

    def _define_added(self, form):
        group = form.addGroup("Workflow")
        group.addParam("workflowFrom", params.EnumParam, default=WORKFLOW_PROJECT,
                       choices=["That of this project", "A file"], label="Workflow to use",
                       help="The protocols that led to the map. Of this project those are shown "
                            "that are connected with the map, without the validation. A file is "
                            "one that Scipion exported: select the protocols in the project where "
                            "the map was made, and press Export.")
        group.addParam("workflowFile", params.FileParam, allowsNull=True,
                       condition="workflowFrom == %d" % WORKFLOW_FILE, label="Workflow file",
                       help="A JSON file that Scipion exported.")

    def _given(self):
        return super()._given() + [self.workflowFrom.get(), self.workflowFile.get(""),
                                   trace(self.workflowFile.get(""))]

    def _forget(self):
        super()._forget()
        if os.path.exists(self._exported_file()):
            os.remove(self._exported_file())
            self._loaded = None  # it was read when the form was checked

    def _added(self):
        if self.workflowFrom == WORKFLOW_FILE:
            if not self.workflowFile.get(""):
                raise InputError("Choose the file of the workflow.")
            read_workflow(self.workflowFile.get())
        return {}

    def _prepare(self, loaded):
        loaded.data.workflow = (self._workflow_of_project()
                                if self.workflowFrom == WORKFLOW_PROJECT
                                else self._workflow_of_file())

    def _describe_added(self, loaded):
        workflow = loaded.data.workflow
        notes = []
        if self.workflowFrom == WORKFLOW_PROJECT:
            notes.append(Note("The workflow is that of the project %s: what led to the map, and "
                              "what else follows from that, without the validation. It was "
                              "exported to the file %s, which Scipion can import."
                              % (self.getProject().getShortName(), self._exported_file())))
        if workflow.absent:
            notes.append(Note("The workflow is not complete: protocols take their input from "
                              "others that the file does not hold, those with the ids %s."
                              % ", ".join(workflow.absent), "warning"))
        return LevelInput("File of the workflow", [
            InputFile("Workflow", workflow.file_name, workflow.sha256)], notes)

    # --------------------------- HELPERS -------------------------------------
    def _exported_file(self):
        return self._getExtraPath("workflow.json")

    def _workflow_of_project(self):
        project, path = self.getProject(), self._exported_file()
        runs, leading = _runs_about(project, owner(project, self.inputVolume))
        # A run that goes on after an interruption must not describe two workflows.
        if not os.path.exists(path):
            project.exportProtocols(runs, path + ".new")
            os.replace(path + ".new", path)
        workflow = read_workflow(path)
        known = {run.strId(): run for run in runs}
        for step in workflow.steps:
            step.leads_to_map = step.id in leading
            if step.id in known:
                step.protocol = class_name(known[step.id])
                step.plugin, installed = plugin_of(type(known[step.id]))
                step.version = _logged_version(known[step.id]) or installed
        workflow.version_source = (
            "The versions are those of the plugins as the protocols noted them when they ran; of a "
            "protocol that has not run, that of the plugin installed here.")
        return workflow

    def _workflow_of_file(self):
        workflow = read_workflow(self.workflowFile.get())
        classes = self.getProject().getDomain().getProtocols()
        for step in workflow.steps:
            if step.protocol in classes:
                step.plugin, step.version = plugin_of(classes[step.protocol])
        workflow.version_source = (
            "Scipion does not keep versions in the workflows that it exports. Those given here are "
            "of the plugins on the computer that made this report, and need not be those that "
            "were used. Protocols without a version are of plugins that it does not have.")
        return workflow


def _runs_about(project, run):
    """What led to a run and what was made of that, and the ids of what led to it.

    The validation is left out, and the protocols that others ran as their parts.
    """
    # Were Scipion to look for them, it would also look after those that are running, and
    # take them for dead.
    project.runs = project.mapper.selectAllBatch(
        objectFilter=lambda found: isinstance(found, Protocol))
    everything = {node.getName(): node for node in project.getRunsGraph().getNodes()
                  if node.run is not None}
    nodes = {name: node for name, node in everything.items()
             if not isinstance(node.run, _VALIDATION)}
    # The map itself may come from a level of the validation.
    leading = _reached(everything, {run.strId()}, lambda node: node.getParents()) & set(nodes)
    connected = _reached(nodes, leading, lambda node: node.getParents() + node.getChildren())
    return [node.run for name, node in nodes.items() if name in connected], leading


def _reached(nodes, names, neighbours):
    """Names of the nodes that can be reached from some of them, with those."""
    reached, waiting = set(), [name for name in names if name in nodes]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += [node.getName() for node in neighbours(nodes[name])
                        if node.getName() in nodes]
    return reached


def _logged_version(run):
    """The version that the last run of a protocol put in its log, empty when there is none."""
    version = ""
    try:
        with open(run.getStdoutLog(), errors="replace") as log:
            for line in log:  # the logs of some programs are larger than memory
                found = _LOGGED_VERSION.search(line)
                version = found.group(1) if found else version
    except OSError:
        pass  # it has not run
    return version
