"""A screen for the tests of windows."""

import functools
import os
import shutil
import subprocess

import pytest

# The server has to outlive every window: it ends when this process has ended.
_UNTIL_THE_END = '"$@" & read nothing; kill $!'


@pytest.fixture(scope="session")
def screen():
    """A display of 1280 × 800 that nobody sees, or the one there is."""
    program = shutil.which("Xvfb")
    if program is None and not os.environ.get("DISPLAY"):
        pytest.skip("needs a display, or Xvfb")
    number = _display(program) if program else os.environ["DISPLAY"]
    if not number:
        pytest.skip("Xvfb does not start here")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", number)
        yield


@functools.lru_cache(maxsize=None)
def _display(program):
    """Start a server, and give its display; empty when it does not start."""
    read, write = os.pipe()
    server = subprocess.Popen(
        ["sh", "-c", _UNTIL_THE_END, "sh", program, "-displayfd", str(write), "-screen", "0",
         "1280x800x24", "-nolisten", "tcp"], stdin=subprocess.PIPE, pass_fds=[write],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _display.server = server  # the end of its input is what ends it
    os.close(write)
    with os.fdopen(read) as told:
        number = told.readline().strip()
    return ":" + number if number else ""
