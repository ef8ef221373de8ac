"""Drawings with lines made by a process of their own, beside the 3D views."""

import logging
import os
import pickle
import queue
import subprocess
import sys
import threading
from pathlib import Path

from vrs.report.lines import line_drawing, saved

logger = logging.getLogger(__name__)

# Fewer drawings are made here sooner than another process has started.
_WORTH_A_PROCESS = 8


class LineArtist:
    """Draws figures with lines into a folder, in another process where there is a processor for
    it.

    Parameters
    ----------
    folder : path
    form : str
        "svg" or "png".
    """

    def __init__(self, folder, form):
        self._folder, self._form = Path(folder), form
        self._jobs = queue.Queue()
        self._thread = None

    def order(self, name, figure):
        """Have a figure drawn under a name, by the end of :meth:`finish` at the latest."""
        self._jobs.put((name, figure))
        if (self._thread is None and self._jobs.qsize() >= _WORTH_A_PROCESS
                and len(os.sched_getaffinity(0)) > 1):
            self._thread = threading.Thread(target=self._feed, daemon=True)
            self._thread.start()

    def finish(self):
        """Draw what is left, and wait for the rest."""
        self._draw_rest()
        if self._thread is not None:
            self._thread.join()
            self._draw_rest()  # what the other process could not
        self._thread = None

    def _draw_rest(self):
        while True:
            try:
                name, figure = self._jobs.get_nowait()
            except queue.Empty:
                return
            (self._folder / name).write_bytes(saved(line_drawing(figure), self._form))

    def _feed(self):
        """Give the other process one figure after the other."""
        job = None
        try:
            with subprocess.Popen([sys.executable, "-m", __name__, str(self._folder), self._form],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
                while True:
                    job = self._jobs.get_nowait()
                    pickle.dump(job, process.stdin)
                    process.stdin.flush()
                    if process.stdout.read(1) != b".":
                        raise OSError("the process ended")
        except queue.Empty:
            pass
        except OSError:
            logger.exception("figures are drawn in this process")
            self._jobs.put(job)


def main(folder, form):
    """Draw what is asked for until there is nothing more; a dot for each."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever is printed must not get into it
    while True:
        try:
            name, figure = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        (Path(folder) / name).write_bytes(saved(line_drawing(figure), form))
        answers.write(b".")
        answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
