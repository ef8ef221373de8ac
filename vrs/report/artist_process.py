"""Figures drawn one after the other in a process of their own, for a window that must not wait.

The process reads requests from its standard input and writes what it drew to its standard
output, both pickled. What was drawn once is kept as long as this program runs.
"""

import hashlib
import itertools
import os
import pickle
import queue
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Optional

from vrs.report.document import Picture

_ENDED = "The figure could not be drawn: the program that draws figures stopped unexpectedly."


@dataclass
class OrderedPicture(Picture):
    """A picture that is drawn after it was handed out; ``folder`` has its images, and is
    None until then. ``shown`` is the figure that it shows."""

    key: str = ""
    shown: Any = None
    folder: Optional[Path] = None

    @property
    def is_drawn(self):
        """Whether it was drawn, or cannot be."""
        return self.folder is not None


class BackgroundArtist:
    """Draws figures as :class:`vrs.report.figures.Artist` does, lines as PNG, but later.

    Parameters
    ----------
    box : sequence of int
        Box of the map (x, y, z).
    sampling : float
        Å/voxel of maps of that box, whatever their headers say.

    Attributes
    ----------
    finished : queue.Queue of OrderedPicture
        Those that were drawn since they were ordered.
    """

    _drawn = {}  # pictures with their folders, of all artists
    _session = None

    def __init__(self, box, sampling):
        self.box = list(box)
        self.sampling = sampling
        self.finished = queue.Queue()
        self._orders = queue.PriorityQueue()
        self._count = itertools.count()
        self._page = 0
        self._process = None
        self._thread = None
        self._closed = False

    def new_page(self):
        """What is ordered from now on comes before all that was ordered until now."""
        self._page += 1

    def draw(self, figure, files):
        """Order a figure.

        Parameters
        ----------
        figure : vrs.results.content.Figure
        files : dict of str to path
            Maps that a surface may name.

        Returns
        -------
        OrderedPicture
            Drawn already where the same figure was drawn before.
        """
        request = pickle.dumps((figure, {name: str(path) for name, path in files.items()},
                                self.box, self.sampling))
        key = hashlib.sha256(request + repr(_ages(files)).encode()).hexdigest()
        picture = OrderedPicture(figure.caption, key=key, shown=figure)
        if key in self._drawn:
            _complete(picture, *self._drawn[key])
        else:
            self._orders.put((-self._page, next(self._count), request, picture))
            self._start()
        return picture

    def close(self):
        """End the process; what has not been drawn will not be."""
        self._closed = True
        self._orders.put((-self._page - 1, next(self._count), None, None))
        if self._process is not None:
            self._process.kill()

    def _start(self):
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()

    def _work(self):
        while not self._closed:
            _, _, request, picture = self._orders.get()
            if request is None:
                break
            drawn = self._drawn.get(picture.key) or self._ask(request, picture)
            if drawn is None:
                break
            if not drawn[0].missing:
                self._drawn[picture.key] = drawn
            _complete(picture, *drawn)
            self.finished.put(picture)
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def _ask(self, request, picture):
        """The picture and its folder; None when the window was closed meanwhile."""
        folder = self.folder() / picture.key
        folder.mkdir(exist_ok=True)
        try:
            if self._process is None:
                self._process = subprocess.Popen([sys.executable, "-m", __name__],
                                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            pickle.dump((str(folder), request), self._process.stdin)
            self._process.stdin.flush()
            return pickle.load(self._process.stdout), folder
        except (OSError, EOFError, pickle.UnpicklingError):
            if self._closed:
                return None
            if self._process is not None:
                self._process.kill()
                self._process.communicate()
            self._process = None
            return Picture(picture.caption, missing=_ENDED), folder

    @classmethod
    def folder(cls):
        """Where this program keeps images and the like until it ends; a path."""
        if BackgroundArtist._session is None:
            BackgroundArtist._session = tempfile.TemporaryDirectory(prefix="vrs_figures_")
        return Path(BackgroundArtist._session.name)


def _ages(files):
    """When files were written: a run that is repeated writes new ones of the same names."""
    return sorted((name, os.stat(str(path)).st_mtime_ns) for name, path in files.items()
                  if os.path.exists(str(path)))


def _complete(picture, drawn, folder):
    for part in fields(Picture):
        setattr(picture, part.name, getattr(drawn, part.name))
    picture.folder = folder


def main():
    """Draw what is asked for until there is nothing more."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever is printed must not get into it
    from vrs.report.figures import Artist
    while True:
        try:
            folder, request = pickle.load(sys.stdin.buffer)
        except EOFError:
            break
        figure, files, box, sampling = pickle.loads(request)
        artist = Artist(folder, box, sampling, plots="png")
        try:
            pickle.dump(artist.draw(figure, files), answers)
            answers.flush()
        except BrokenPipeError:
            os._exit(1)  # nobody waits for it any more


if __name__ == "__main__":
    main()
