"""The Scipion runs behind ``vrs validate``; imported once Scipion is ready."""

import contextlib
import logging
import os
import re

import psutil
from pwem.protocols import ProtImportVolumes
from pyworkflow.object import Pointer
from pyworkflow.project import Manager

from vrs import inputs
from vrs.checks import get_check
from vrs.cli.full_disk import no_space
from vrs.constants import RENDERERS
from vrs.inputs.model import MODEL
from vrs.io.folders import alone_in
from vrs.io.maps import write_map
from vrs.protocols import ProtVrsImportEntry, ProtVrsReport, ProtVrsValidateMap, forms
from vrs.protocols.launch import failure, run_to_end
from vrs.protocols.level import engine_parameter
from vrs.protocols.queues import job_logs, use_queue
from vrs.scipion import ScipionError

_LAST_SECONDS = 2


@contextlib.contextmanager
def open_project(folder, console):
    """Open a Scipion project, or make it, and work in its folder.

    What Scipion has to say goes to ``vrs.log`` there.

    Parameters
    ----------
    folder : str
        The project's, which exists.
    console : vrs.cli.console.Console
    """
    log, name = os.path.join(folder, "vrs.log"), os.path.basename(folder)
    handler = logging.FileHandler(log)
    logger = logging.getLogger()
    handlers, level, before = logger.handlers[:], logger.level, os.getcwd()
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    try:
        with console.quiet(log):
            manager = Manager()
            with alone_in(folder):  # of several commands, one makes it
                exists = os.path.exists(os.path.join(folder, "project.sqlite"))
                project = manager.loadProject(name) if exists else manager.createProject(name)
            os.chdir(project.path)
            yield project
            project.closeMapper()
    finally:
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
    if request.entry:
        importing = project.newProtocol(ProtVrsImportEntry, **request.entry)
    else:
        importing = project.newProtocol(
            ProtImportVolumes, filesPath=_importable_file(project, request),
            samplingRate=request.map.sampling)
    # The run reads the map itself: it need not be in memory twice.
    request.map = None
    _launch(project, importing, "import " + request.stem, console)

    validating = project.newProtocol(
        ProtVrsValidateMap,
        **forms.parameters_of(ProtVrsValidateMap, _given_to_validation(request)),
        **_engine_parameters(request), criteriaFile=request.criteria,
        numberOfThreads=request.threads,
        # The map of an entry knows its original file.
        sourceFile="" if request.is_plain or request.entry else request.given["map"])
    _connect(validating.inputVolume, importing, "outputVolume")
    if request.entry and hasattr(importing, "outputModel"):
        sources = forms.sources_of(MODEL, needed=False)
        validating.modelFrom.set(sources.index(forms.OBJECTS))
        _connect(validating.inputModel, importing, "outputModel")
    _launch(project, validating, "validate " + request.stem, console,
            _Progress(validating, console), request.queue)

    # The results on an entry know its title.
    title = request.given.get("title", "" if request.entry else request.stem)
    report = project.newProtocol(ProtVrsReport, title=title,
                                 renderer=RENDERERS.index(request.renderer))
    report.inputResults.append(Pointer(validating, extended="outputResults"))
    _launch(project, report, "report on " + request.stem, console, queue=request.queue)
    return os.path.dirname(os.path.abspath(report.outputReport.getJson()))


def _given_to_validation(request):
    """What the validation is given; an entry's files come with its map."""
    brought = [option.name for option in inputs.all_options() if option.of_entry]
    return {name: value for name, value in request.given.items()
            if not (request.entry and name in brought)}


def _connect(pointer, protocol, output):
    pointer.set(protocol)
    pointer.setExtended(output)


def _engine_parameters(request):
    return {engine_parameter(item): 1 + get_check(item).external.index(engine)
            for item, engine in request.engines.items()}


class _Progress:
    """Says which check is running and how each of them ended."""

    def __init__(self, protocol, console):
        self._protocol, self._console = protocol, console
        self._pending = self._announced = None
        self._total = 0

    def __call__(self):
        if self._pending is None:
            self._pending = self._protocol.checks()
            self._total = len(self._pending)
        while self._pending:
            check = self._pending[0]
            if self._announced is not check:
                self._console.say("[%d/%d] %s %s ... " % (
                    self._total - len(self._pending) + 1, self._total, check.id, check.title), "")
                self._announced = check
            result = self._protocol.result_of(check.id)
            if result is None:
                return
            self._console.say(result.printed_status())
            self._pending.pop(0)


def _importable_file(project, request):
    """The map's file, or a copy in the project where Scipion could not read it."""
    if request.is_plain:
        return request.given["map"]
    name = re.sub(r"[^\w-]", "_", request.stem)
    # Relative, as Scipion would take special characters of the whole path for wildcards.
    path = os.path.join(project.uploadPath, name + ".mrc")
    number = 1
    while os.path.exists(path):
        number += 1
        path = os.path.join(project.uploadPath, "%s_%d.mrc" % (name, number))
    write_map(path, request.map.volume, request.map.sampling, request.map.origin)
    return path


def _launch(project, protocol, label, console, progress=None, queue=None):
    """Run a protocol to its end, here or in a queue."""
    protocol.setObjLabel(label)
    use_queue(project, protocol, queue)
    if progress is None:
        console.say("%s ... " % (label[0].upper() + label[1:]), "")
    try:
        run_to_end(project, protocol, progress, console.leave)
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
