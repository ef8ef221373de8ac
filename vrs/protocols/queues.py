"""The queues of Scipion's hosts configuration, and the jobs that run in them."""

import glob
import os
import re
import subprocess
from collections import deque

from pyworkflow import Config
from pyworkflow.protocol import HostConfig

from vrs.errors import InputError
from vrs.scipion import ScipionError

_HOST = "localhost"
_NEEDED = ("SUBMIT_COMMAND", "SUBMIT_TEMPLATE", "CANCEL_COMMAND", "CHECK_COMMAND", "QUEUES")
_ANSWER_SECONDS = 60
# Slurm tells of memory that ran out in several, in any order.
_LAST_LINES = 4
# What commands say, of Slurm, PBS, LSF and Grid Engine, when their server cannot be reached.
_OUT_OF_REACH = re.compile(
    r"unable to contact|(cannot|failed to|could not) connect|connection refused|LSF is down",
    re.IGNORECASE)


def check_queue(name):
    """Check that runs can be submitted to a queue.

    Parameters
    ----------
    name : str

    Raises
    ------
    InputError
        If the hosts configuration describes no queue system, describes it in part only, or
        has no queue of that name.
    ScipionError
        If the hosts configuration cannot be read.
    """
    path = os.path.abspath(Config.SCIPION_HOSTS)
    try:
        hosts = HostConfig.load(path)
    except SystemExit as error:  # so Scipion tells it
        raise ScipionError("Scipion's hosts configuration cannot be used. %s" % error)
    system = hosts.get(_HOST, next(iter(hosts.values()))).getQueueSystem()
    if not system.hasName():
        raise InputError(
            "No queue system is configured in %s: describe it there by NAME, %s, or set "
            "SCIPION_HOSTS to a file that does; the facility guide shows one for Slurm."
            % (path, " and ".join([", ".join(_NEEDED[:-1]), _NEEDED[-1]])))
    given = dict(zip(_NEEDED, (system.getSubmitCommand(), system.getSubmitTemplate(),
                               system.getCancelCommand(), system.getCheckCommand(),
                               system.getQueues())))
    missing = [variable for variable in _NEEDED if not given[variable]]
    if missing:
        raise InputError("The queue system in %s lacks %s." % (path, ", ".join(missing)))
    if system.jobDoneRegex.get() == "":
        raise InputError("JOB_DONE_REGEX in %s is empty, so every job would seem to have ended; "
                         "give what CHECK_COMMAND answers for a job that ended, or leave the line "
                         "out." % path)
    if name not in system.getQueues():
        raise InputError("There is no queue %s in %s; it has %s."
                         % (name, path, ", ".join(sorted(system.getQueues()))))


def use_queue(project, protocol, name):
    """Let a protocol run as a job, with the parameters that the configuration gives the queue.

    Without a queue it runs as a process here, also where Scipion would choose otherwise.

    Parameters
    ----------
    project : pyworkflow.project.Project
    protocol : pyworkflow.protocol.Protocol
        Not launched yet.
    name : str or None
        A queue that :func:`check_queue` accepts; None for none.
    """
    protocol._useQueue.set(name is not None)
    if name is None:
        return
    queues = project.getHostConfig(protocol.getHostName()).getQueueSystem().getQueues()
    values = {parameter[0]: str(parameter[1]) for parameter in queues[name]}
    # The run as a whole is the job, not each of its steps.
    protocol.setQueueParams([name, dict(values, QUEUE_FOR_JOBS="N")])


def answer(protocol):
    """What the queue system says of the job of a protocol, empty when it says nothing."""
    return _ask(protocol)[0]


def is_reachable(protocol):
    """Whether the queue system can be asked about the job of a protocol now."""
    return not is_out_of_reach(_ask(protocol)[1])


def is_out_of_reach(words):
    """Whether a command of a queue system complains that its server cannot be reached."""
    return bool(_OUT_OF_REACH.search(words))


def how_job_ended(protocol):
    """What became of a job that ended before its run did, in words.

    Parameters
    ----------
    protocol : pyworkflow.protocol.Protocol
        Submitted to a queue; the working folder must be that of the project.

    Returns
    -------
    str
        With the answer of the queue system and the last lines in the logs of the job.
    """
    queue, _ = protocol.getQueueParams()
    said = answer(protocol)
    text = "job %s in the queue %s ended before the run did, and the queue %s" % (
        _job(protocol), queue, "says: %s" % said if said else "no longer knows it")
    words = [line for path in job_logs(protocol) for line in _last_words(path)]
    return "%s; its last output: %s" % (text, " / ".join(words)) if words else text


def job_logs(protocol):
    """The files that the queue system wrote the output of a job to.

    Parameters
    ----------
    protocol : pyworkflow.protocol.Protocol

    Returns
    -------
    list of str
        Absolute paths; empty for a protocol that was no job or where the configuration
        keeps them elsewhere.
    """
    if not protocol.useQueue():
        return []
    submitted = protocol.getSubmitDict()
    others = [os.path.abspath(submitted[name]) for name in ("JOB_SCRIPT", "JOB_NODEFILE")]
    paths = map(os.path.abspath, glob.glob(glob.escape(submitted["JOB_LOGS"]) + ".*"))
    return sorted(path for path in paths if path not in others)


def _ask(protocol):
    """What CHECK_COMMAND prints of the job of a protocol, and what it complains of."""
    command = protocol.getHostConfig().getCheckCommand() % {"JOB_ID": _job(protocol)}
    try:
        done = subprocess.run(command, shell=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=_ANSWER_SECONDS)
    except subprocess.TimeoutExpired:
        return "", ""
    return tuple(text.decode(errors="replace").strip() for text in (done.stdout, done.stderr))


def _job(protocol):
    return protocol.getJobIds()[0]


def _last_words(path):
    """The last line of a log, and what is called an error in those just before it."""
    with open(path, errors="replace") as handle:
        lines = deque((line.strip() for line in handle if line.strip()), _LAST_LINES)
    return list(dict.fromkeys(line for line in lines if "error:" in line or line is lines[-1]))
