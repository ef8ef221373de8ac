"""Where the numbers of a report come from: programs, machine and protocols."""

import os

from pyworkflow.protocol import LegacyProtocol, Protocol
from pyworkflow.utils import getHostFullName

from vrs.provenance import origin


def provenance(protocol):
    """All that the report says of its origin.

    Parameters
    ----------
    protocol : pyworkflow.protocol.Protocol
        The one that makes the report.

    Returns
    -------
    dict
        ``date``, ``host``, ``platform``, ``python``, ``packages`` (version by
        name), ``project`` (name and path) and ``protocols`` (those the report
        follows from, first to last).
    """
    project = protocol.getProject()
    return dict(
        origin(), host=getHostFullName(),
        project={"name": project.getShortName(), "path": project.path},
        protocols=[_described(ancestor) for ancestor in _chain(protocol)])


def _described(protocol):
    plugin, version = plugin_of(type(protocol))
    return {
        "class": class_name(protocol),
        "id": protocol.getObjId(),
        "label": protocol.getObjLabel(),
        "plugin": plugin,
        "version": version,
        "threads": protocol.numberOfThreads.get(),
    }


def _chain(protocol, seen=None):
    """The protocols that a protocol follows from, first to last, without itself."""
    seen = {protocol.getObjId()} if seen is None else seen
    chain = []
    for _, pointer in protocol.iterInputAttributes():
        parent = owner(protocol.getProject(), pointer)
        if parent is not None and parent.getObjId() not in seen:
            seen.add(parent.getObjId())
            chain += _chain(parent, seen) + [parent]
    return chain


def plugin_of(protocol_class):
    """Name and version of the plugin that a protocol belongs to, empty where it is missing.

    Parameters
    ----------
    protocol_class : type

    Returns
    -------
    name, version : str
    """
    package = protocol_class.getClassPackage()
    return getattr(package, "__name__", ""), getattr(package, "__version__", "")


def class_name(run):
    """The name of a protocol's class, also where the plugin that brings it is missing.

    Parameters
    ----------
    run : pyworkflow.protocol.Protocol

    Returns
    -------
    str
    """
    if not isinstance(run, LegacyProtocol):
        return run.getClassName()
    return os.path.basename(run.getWorkingDir()).partition("_")[2]


def owner(project, pointer):
    """The protocol whose output a pointer refers to.

    Parameters
    ----------
    project : pyworkflow.project.Project
    pointer : pyworkflow.object.Pointer

    Returns
    -------
    pyworkflow.protocol.Protocol or None
    """
    target = pointer.getObjValue()
    if target is None or isinstance(target, Protocol):
        return target
    return project.getProtocol(target.getObjParentId())
