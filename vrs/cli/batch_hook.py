"""What ``vrs batch`` runs after each entry: a command of the user's."""

import contextlib
import os
import signal
import subprocess
import tempfile

_SECONDS = 60
_MOST_SAID = 300  # characters


def run_hook(command, text):
    """Run a command that gets a text on its standard input.

    Parameters
    ----------
    command : str
        For the shell.
    text : str

    Returns
    -------
    str
        Why it failed; empty where it did not.
    """
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, shell=True, stdin=subprocess.PIPE, stdout=said,
                                   stderr=said, start_new_session=True)
        try:
            process.communicate(text.encode(), timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            return "it was ended after %d seconds" % _SECONDS
        finally:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.returncode == 0:
            return ""
        said.seek(0)
        words = said.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(words) if line.strip()), "")
        return "it ended with code %d%s" % (process.returncode,
                                            last and ": " + last[:_MOST_SAID])
