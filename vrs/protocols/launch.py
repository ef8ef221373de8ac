"""Running protocols of a project from start to end."""

import ast
import contextlib
import gc
import itertools
import multiprocessing
import os
import re
import shutil
import signal
import time

from pyworkflow.exceptions import PyworkflowException
from pyworkflow.protocol import STATUS_LAUNCHED, getProtocolFromDb, runProtocolMain
from pyworkflow.utils import LoggingConfigurator, getFileLastModificationDate

from vrs.protocols import queues
from vrs.scipion import ScipionError

_POLL_SECONDS = 0.3
# A queue system serves many: it is asked ever less often, every 30 s in the end.
_QUEUE_POLL_SECONDS, _QUEUE_POLL_GROWTH, _QUEUE_POLL_LIMIT = 1, 1.2, 30
# When a job that said nothing is gone, its last words may still be on their way. Without any
# answer, the queue system may also be out of order for a moment.
_LAST_LOOKS, _LOOKS_WITHOUT_ANSWER = (1, 2), (1, 2, 5, 10, 15)
# A server of a queue system that is started anew is back after minutes; jobs run on meanwhile.
_WAITS_FOR_SERVER = (5, 10) + (15,) * 39
_LIST = re.compile(r"(?<=queue engine: )(\[.*\])$", re.DOTALL)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def run_to_end(project, protocol, meanwhile=None, at_fork=None):
    """Launch a protocol, as a process of its own or as a job, and wait for its end.

    A process of its own imports Scipion, which takes longer than many a protocol. A fork of this
    process need not: it is for callers that have one thread and use no graphics card.

    Parameters
    ----------
    project : pyworkflow.project.Project
        Opened with its folder as the working folder.
    protocol : pyworkflow.protocol.Protocol
        Up to date afterwards, whether it finished or failed. A job that ended without a
        word counts as failed.
    meanwhile : callable, optional
        Called again and again.
    at_fork : callable, optional
        The process of its own is a fork of this one, and calls it first.

    Raises
    ------
    ScipionError
        If the hosts configuration does not make a job of it.
    """
    if at_fork is not None and not protocol.useQueue():
        _follow(project, protocol, meanwhile, _fork(project, protocol, at_fork))
        return
    _launch(project, protocol)
    for seconds in _WAITS_FOR_SERVER:
        if protocol.isActive() or not queues.is_out_of_reach(protocol.getErrorMessage()):
            break
        time.sleep(seconds)
        _launch(project, protocol)
    if not protocol.isActive():  # the queue did not take it
        return
    _follow(project, protocol, meanwhile)
    while _is_lost(project, protocol):
        if not _comes_back(project, protocol):
            protocol.setFailed(queues.how_job_ended(protocol))
            project.mapper.store(protocol)
            project.mapper.commit()
            return
        _follow(project, protocol, meanwhile)


def failure(protocol):
    """Why a protocol failed, in its own words."""
    text = _COLOURS.sub("", protocol.getErrorMessage()).replace("Protocol failed: ", "")
    # What the queue system answered to a submission, Scipion tells as a list of Python's.
    text = _LIST.sub(lambda found: " ".join(" ".join(ast.literal_eval(found[1])).split()), text)
    return text.strip() or "it stopped without an error message; possibly killed or out of memory"


def _launch(project, protocol):
    if not protocol.useQueue():
        project.launchProtocol(protocol, wait=False)
        return
    # Nothing may come between the submission of a job and taking note of it.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {
        signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    try:
        project.launchProtocol(protocol, wait=False)
    except PyworkflowException as error:  # it quotes all that it knows before the lines
        raise ScipionError("The job could not be made from SUBMIT_TEMPLATE in Scipion's hosts "
                           "configuration: %s" % str(error).rsplit("content.\n", 1)[-1])
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _fork(project, protocol, at_fork):
    """Do as ``Project.launchProtocol`` does, with a fork of this process."""
    project.saveProtocol(protocol)  # numbers it and chooses its folder
    protocol.setStatus(STATUS_LAUNCHED)
    protocol.makePathsAndClean()
    project.mapper.store(protocol)
    project.mapper.commit()
    database = protocol.getDbPath()
    shutil.copyfile(project.getDbPath(), database)
    # Else what is noted below would be overwritten from there.
    protocol.lastUpdateTimeStamp.set(getFileLastModificationDate(database))
    process = multiprocessing.get_context("fork").Process(target=_run, args=(
        at_fork, project.path, database, protocol.getObjId(),
        *(os.path.abspath(log) for log in (protocol.getStdoutLog(), protocol.getStderrLog()))))
    process.start()
    protocol.setPid(process.pid)
    project.mapper.store(protocol)
    project.mapper.commit()
    return process


def _run(at_fork, project_path, database, number, *logs):
    """What a fork does: the same as Scipion's program that runs a protocol."""
    # SQLite forbids to use, or even to close, the connections of the other process.
    gc.freeze()
    for ending in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) is not signal.SIG_IGN:
            signal.signal(ending, signal.SIG_DFL)
    at_fork()
    LoggingConfigurator.setUpProtocolRunLogging(*logs)
    runProtocolMain(project_path, database, number)


def _follow(project, protocol, meanwhile, process=None):
    waits = _waits(protocol)
    while protocol.isActive():
        if process is not None:
            process.join(next(waits))
        else:
            time.sleep(next(waits))
            _reap(protocol.getPid())
        _update(project, protocol)
        if meanwhile:
            meanwhile()
    _read_again(project, protocol)


def _waits(protocol):
    """Seconds to wait before each look."""
    if not protocol.useQueue():
        return itertools.repeat(_POLL_SECONDS)
    return itertools.accumulate(
        itertools.repeat(_QUEUE_POLL_SECONDS),
        lambda seconds, _: min(seconds * _QUEUE_POLL_GROWTH, _QUEUE_POLL_LIMIT))


def _read_again(project, protocol):
    # Its last words may have come between reading and noting the time of reading.
    protocol.lastUpdateTimeStamp.set(None)
    _update(project, protocol)


def _update(project, protocol):
    project._updateProtocol(protocol)
    # Until then the project is locked for all other processes.
    project.mapper.commit()


def _is_lost(project, protocol):
    """Whether it is only the queue that says that a run ended."""
    if not protocol.useQueue() or protocol.isFinished():
        return False
    own = getProtocolFromDb(project.path, protocol.getDbPath(), protocol.getObjId())
    active = own.isActive()
    own.getProject().closeMapper()
    own.closeMappers()
    return active


def _comes_back(project, protocol):
    """Whether a job that seemed to have ended without a word is found after all, or ended well."""
    for seconds in _WAITS_FOR_SERVER:
        if queues.is_reachable(protocol):
            break
        time.sleep(seconds)
    for seconds in _LAST_LOOKS if queues.answer(protocol) else _LOOKS_WITHOUT_ANSWER:
        time.sleep(seconds)
        _read_again(project, protocol)
        if protocol.isActive() or not _is_lost(project, protocol):
            return True
    return False


def _reap(pid):
    # Scipion takes a run that was killed for alive as long as nobody has waited for it.
    with contextlib.suppress(ChildProcessError, TypeError):
        os.waitpid(pid, os.WNOHANG)
