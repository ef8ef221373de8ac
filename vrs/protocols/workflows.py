"""Level W's evidence from Scipion: the workflow of the project, and the versions of plugins."""

import os
import re
from dataclasses import replace

from pyworkflow.protocol import Protocol

from vrs.inputs import Loaded
from vrs.protocols.provenance import class_name, owner, plugin_of
from vrs.results import Note

_LOGGED_VERSION = re.compile(r"plugin v: (\S+?)(?: *\(\w+\))?\s*$")
_OF_PROJECT = (
    "The versions are those of the plugins as the protocols noted them when they ran; of a "
    "protocol that has not run, that of the plugin installed here.")
_OF_FILE = (
    "Scipion does not keep versions in the workflows that it exports. Those given here are the "
    "versions of the plugins on the computer that made this report, and need not be the ones that "
    "were used. Protocols without a version belong to plugins that it does not have.")


def exported_file(protocol):
    """Where a protocol keeps the workflow of its project."""
    return protocol._getExtraPath("workflow.json")


def forget(protocol):
    """Remove the workflow that an earlier run exported."""
    if os.path.exists(exported_file(protocol)):
        os.remove(exported_file(protocol))


def export(protocol):
    """Export the workflow of the project about the map of a protocol, unless that was done.

    Parameters
    ----------
    protocol : vrs.protocols.level.ProtVrsLevel
    """
    # A run that goes on after an interruption must not describe two workflows.
    path = exported_file(protocol)
    if not os.path.exists(path):
        project = protocol.getProject()
        runs, _ = _runs_about(project, owner(project, protocol.inputVolume))
        project.exportProtocols(runs, path + ".new")
        os.replace(path + ".new", path)


def annotated(evidence, protocol, of_project):
    """Evidence whose workflow tells plugins and versions, as far as Scipion knows them.

    Parameters
    ----------
    evidence : vrs.inputs.Evidence
    protocol : vrs.protocols.level.ProtVrsLevel
    of_project : bool
        Whether the workflow is that of the protocol's project.

    Returns
    -------
    vrs.inputs.Evidence
    """
    if not evidence.has("workflow"):
        return evidence
    project, found = protocol.getProject(), evidence.loaded["workflow"]
    if not of_project:
        classes = project.getDomain().getProtocols()
        steps = [_of_plugin(step, classes[step.protocol]) if step.protocol in classes else step
                 for step in found.part.steps]
        workflow = replace(found.part, steps=steps, version_source=_OF_FILE)
        return evidence.replaced("workflow", Loaded(workflow, found.sources, found.notes))
    runs, leading = _runs_about(project, owner(project, protocol.inputVolume))
    known = {run.strId(): run for run in runs}
    steps = [_of_run(replace(step, leads_to_map=step.id in leading), known.get(step.id))
             for step in found.part.steps]
    note = Note("The workflow is that of the project %s: what led to the map and what else "
                "followed from it, without the validation. It was exported to the file %s, which "
                "Scipion can import." % (project.getShortName(), exported_file(protocol)))
    return evidence.replaced("workflow", Loaded(
        replace(found.part, steps=steps, version_source=_OF_PROJECT), found.sources,
        (note,) + tuple(found.notes)))


def _of_plugin(step, protocol_class):
    plugin, version = plugin_of(protocol_class)
    return replace(step, plugin=plugin, version=version)


def _of_run(step, run):
    if run is None:
        return step
    plugin, installed = plugin_of(type(run))
    return replace(step, protocol=class_name(run), plugin=plugin,
                   version=_logged_version(run) or installed)


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
             if not getattr(node.run, "IS_VALIDATION", False)}
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
