"""What the user sees in the terminal."""

import contextlib
import errno
import os
import sys


class Console:
    """The terminal, which stays ours while all else that prints is sent elsewhere."""

    def __init__(self):
        for name, descriptor in (("stdout", 1), ("stderr", 2)):
            if getattr(sys, name) is None:  # it was closed
                nowhere = os.open(os.devnull, os.O_WRONLY)
                if nowhere != descriptor:
                    os.dup2(nowhere, descriptor)
                    os.close(nowhere)
                setattr(sys, name, os.fdopen(descriptor, "w"))
        sys.stdout.flush()
        # Text that the terminal cannot show must not end a run.
        self._stream = os.fdopen(os.dup(1), "w", encoding=sys.stdout.encoding, errors="replace")
        self._saved = ()

    def say(self, text, end="\n"):
        """Print a text at once, unless nobody reads it any more: that does not end a run."""
        try:
            self._stream.write(text + end)
            self._stream.flush()
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.EIO):  # a pipe, a terminal that is gone
                raise
            with open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), self._stream.fileno())

    def leave(self):
        """Let go of the terminal, in a fork: it is whose it was.

        Whoever reads what the other process prints would else wait for both to end.
        """
        self._stream.close()
        for descriptor in self._saved:
            os.close(descriptor)

    @contextlib.contextmanager
    def quiet(self, path):
        """Append what this process and those it starts print to a file meanwhile.

        Parameters
        ----------
        path : str
        """
        sys.stdout.flush()
        sys.stderr.flush()
        self._saved = saved = os.dup(1), os.dup(2)
        with open(path, "a") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for target, original in enumerate(saved, 1):
                os.dup2(original, target)
                os.close(original)


def table(columns, rows):
    """Lay out a table as text, columns side by side.

    Parameters
    ----------
    columns : sequence of str
    rows : list of sequence of str

    Returns
    -------
    str
    """
    lines = [columns] + list(rows)
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
                     for line in lines)
