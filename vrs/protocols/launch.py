"""Running protocols of a project from start to end."""

import contextlib
import os
import re
import time

_POLL_SECONDS = 0.3
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def run_to_end(project, protocol, meanwhile=None):
    """Launch a protocol as a process of its own and wait for its end.

    Parameters
    ----------
    project : pyworkflow.project.Project
        Opened with its folder as the working folder.
    protocol : pyworkflow.protocol.Protocol
        Up to date afterwards, whether it finished or failed.
    meanwhile : callable, optional
        Called again and again.
    """
    project.launchProtocol(protocol, wait=False)
    while protocol.isActive():
        time.sleep(_POLL_SECONDS)
        _reap(protocol.getPid())
        _update(project, protocol)
        if meanwhile:
            meanwhile()
    # Its last words may have come between reading and noting the time of reading.
    protocol.lastUpdateTimeStamp.set(None)
    _update(project, protocol)


def failure(protocol):
    """Why a protocol failed, in its own words."""
    text = _COLOURS.sub("", protocol.getErrorMessage()).replace("Protocol failed: ", "")
    return text.strip() or "no reason given"


def _update(project, protocol):
    project._updateProtocol(protocol)
    # Until then the project is locked for all other processes.
    project.mapper.commit()


def _reap(pid):
    # Scipion takes a run that was killed for alive as long as nobody has waited for it.
    with contextlib.suppress(ChildProcessError, TypeError):
        os.waitpid(pid, os.WNOHANG)
