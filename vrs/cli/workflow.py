"""The Scipion runs behind ``vrs validate``; imported once Scipion is ready."""

import contextlib
import logging
import os
import re
import signal

import psutil
from pwem.protocols import ProtImportVolumes
from pyworkflow.object import Pointer
from pyworkflow.project import Manager

from vrs.checks import checks_of_level, get_check
from vrs.cli.space import no_space
from vrs.cli.validate import levels_of
from vrs.constants import RENDERERS
from vrs.io.maps import write_map
from vrs.protocols import (ProtVrsImportEntry, ProtVrsLevel0, ProtVrsLevel1, ProtVrsLevelA,
                           ProtVrsLevelW, ProtVrsReport)
from vrs.protocols.half_maps import HALVES_FILES, HALVES_OF_MAP
from vrs.protocols.launch import failure, run_to_end
from vrs.protocols.level import MASK_FILE, NO_MASK, engine_parameter
from vrs.protocols.level_a import MODEL_FILE, MODEL_OBJECT
from vrs.protocols.level_w import WORKFLOW_FILE
from vrs.protocols.queues import job_logs, use_queue
from vrs.scipion import ScipionError

_LAST_SECONDS = 2


@contextlib.contextmanager
def open_project(folder, exists, console):
    """Open a Scipion project, or make it, and work in its folder.

    What Scipion has to say goes to ``vrs.log`` there.

    Parameters
    ----------
    folder : str
        The project's, which exists.
    exists : bool
        Whether there is a project in it.
    console : vrs.cli.console.Console
    """
    log, name = os.path.join(folder, "vrs.log"), os.path.basename(folder)
    handler = logging.FileHandler(log)
    logger = logging.getLogger()
    handlers, level, before = logger.handlers[:], logger.level, os.getcwd()
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    terminate = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with console.quiet(log):
            manager = Manager()
            project = manager.loadProject(name) if exists else manager.createProject(name)
            os.chdir(project.path)
            yield project
            project.closeMapper()
    finally:
        signal.signal(signal.SIGTERM, terminate)
        os.chdir(before)
        logger.handlers[:] = handlers
        logger.setLevel(level)
        handler.close()


def run_workflow(project, request, console):
    """Import the map, validate it and write the report.

    Parameters
    ----------
    project : pyworkflow.project.Project
    request : vrs.cli.validate.Request
    console : vrs.cli.console.Console

    Returns
    -------
    str
        The folder of the report in the project.

    Raises
    ------
    ScipionError
        If a run failed.
    """
    common = _common_parameters(request)
    if request.entry:
        importing = project.newProtocol(ProtVrsImportEntry, **request.entry)
    else:
        importing = project.newProtocol(
            ProtImportVolumes, filesPath=_importable_file(project, request),
            samplingRate=request.loaded.data.sampling)
    # The runs read the map themselves: it need not be in memory twice.
    request.loaded = None
    _launch(project, importing, "import " + request.stem, console)

    # The results on an entry know its title.
    report = project.newProtocol(ProtVrsReport, title="" if request.entry else request.stem,
                                 renderer=RENDERERS.index(request.renderer))
    for level in levels_of(request.half_paths, request.model_path, request.workflow_path):
        protocol_class, added = _LEVELS[level]
        protocol = project.newProtocol(protocol_class, **common, **added(request),
                                       **_engine_parameters(request, level))
        _connect(protocol.inputVolume, importing, "outputVolume")
        if level == "A" and request.entry:
            _connect(protocol.inputModel, importing, "outputModel")
        _launch(project, protocol, "validate %s, level %s" % (request.stem, level), console,
                _Progress(protocol, console), request.queue)
        report.inputResults.append(Pointer(protocol, extended="outputResults"))
    _launch(project, report, "report on " + request.stem, console, queue=request.queue)
    return os.path.dirname(os.path.abspath(report.outputReport.getJson()))


# The protocol of each level, and what it is given on top of what all are given.
_LEVELS = {
    "0": (ProtVrsLevel0, lambda request: {}),
    "1": (ProtVrsLevel1, lambda request: _half_parameters(request)),
    "A": (ProtVrsLevelA, lambda request: dict(
        multimodel=request.multimodel, **_model_parameters(request),
        **_half_parameters(request))),
    "W": (ProtVrsLevelW, lambda request: dict(
        workflowFrom=WORKFLOW_FILE, workflowFile=request.workflow_path)),
}


def _connect(pointer, protocol, output):
    pointer.set(protocol)
    pointer.setExtended(output)


def _model_parameters(request):
    if request.entry:
        return dict(modelFrom=MODEL_OBJECT)
    return dict(modelFrom=MODEL_FILE, modelFile=request.model_path)


def _half_parameters(request):
    names = ("half1File", "half2File") if request.half_paths and not request.entry else ()
    return dict(zip(names, request.half_paths), halvesFrom=HALVES_FILES if names else HALVES_OF_MAP)


def _common_parameters(request):
    data = request.loaded.data
    return dict(
        threshold=data.threshold, hasResolution=data.resolution is not None,
        resolution=data.resolution, maskFrom=MASK_FILE if request.mask_path else NO_MASK,
        maskFile=request.mask_path,
        # The map of an entry knows its original file.
        sourceFile="" if request.is_plain or request.entry else request.map_path,
        criteriaFile=request.criteria_path, numberOfThreads=request.threads)


def _engine_parameters(request, level):
    return {engine_parameter(item): 1 + get_check(item).external.index(engine)
            for item, engine in request.engines.items() if get_check(item).level == level}


class _Progress:
    """Says which check is running and how each of them ended."""

    def __init__(self, protocol, console):
        self._protocol, self._console = protocol, console
        self._pending = checks_of_level(protocol.LEVEL)
        self._total = len(self._pending)
        self._announced = None

    def __call__(self):
        while self._pending:
            check = self._pending[0]
            if self._announced is not check:
                self._console.say("[%d/%d] %s %s ... " % (
                    self._total - len(self._pending) + 1, self._total, check.id, check.title), "")
                self._announced = check
            result = self._protocol.results_of(check.id)
            if result is None:
                return
            self._console.say(result.printed_status())
            self._pending.pop(0)


def _importable_file(project, request):
    """The map's file, or a copy in the project where Scipion could not read it."""
    if request.is_plain:
        return request.map_path
    name = re.sub(r"[^\w-]", "_", request.stem)
    # Relative, as Scipion would take special characters of the whole path for wildcards.
    path = os.path.join(project.uploadPath, name + ".mrc")
    number = 1
    while os.path.exists(path):
        number += 1
        path = os.path.join(project.uploadPath, "%s_%d.mrc" % (name, number))
    map_file = request.loaded.map_file
    write_map(path, map_file.volume, map_file.sampling, map_file.origin)
    return path


def _launch(project, protocol, label, console, progress=None, queue=None):
    """Run a protocol to its end, here or in a queue."""
    protocol.setObjLabel(label)
    use_queue(project, protocol, queue)
    if progress is None:
        console.say("%s ... " % (label[0].upper() + label[1:]), "")
    try:
        run_to_end(project, protocol, progress)
    except KeyboardInterrupt:
        console.say("stopping")
        _stop(project, protocol)
        raise
    if not protocol.isFinished():
        console.say("failed")
        logs = [os.path.abspath(log) for log in (protocol.getStdoutLog(), protocol.getStderrLog())
                if os.path.exists(log)] + job_logs(protocol)
        told = "The run '%s' failed (%s)" % (label, failure(protocol))
        if logs:  # else the job was never begun
            told += "; its logs are %s" % " and ".join(logs)
        raise ScipionError(" ".join(filter(None, [told + ".", no_space(project.path, logs)])))
    if progress:
        progress()
    else:
        console.say("OK")


def _stop(project, protocol):
    """Stop a run, also one that Scipion has just started and not yet taken note of."""
    children = psutil.Process().children(recursive=True)
    try:
        project.stopProtocol(protocol)
    except Exception:  # it is gone already, by the same key stroke
        logging.getLogger(__name__).info("Stopping", exc_info=True)
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    psutil.wait_procs(children, timeout=_LAST_SECONDS)
