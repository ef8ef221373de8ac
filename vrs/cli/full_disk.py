"""Full disks, told in words."""

import errno
import os

_LITTLE = 2 ** 20  # bytes that no map fits into
_WORDS = ("No space left on device", "database or disk is full", "Disk quota exceeded")
_TAIL = 20000


def is_full(error):
    """Whether an error says that there is no space left.

    Parameters
    ----------
    error : Exception
        Of the system, or of a database, which has no number for it.

    Returns
    -------
    bool
    """
    return (getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
            or any(words in str(error) for words in _WORDS))


def no_space(folder, logs=()):
    """Say that a disk is full, if it is.

    Parameters
    ----------
    folder : str
        One on that disk.
    logs : sequence of str
        Files in which programs that wrote there may have complained; a quota that is
        used up is seen only by them.

    Returns
    -------
    str
        A sentence, empty when there is space.
    """
    return full_disk(folder) if _is_used_up(folder) or any(map(_complains, logs)) else ""


def full_disk(folder):
    """The sentence that says so of the disk of a folder."""
    return "There is no space left on the disk of %s; free some space, and run it again." % folder


def _is_used_up(folder):
    try:
        disk = os.statvfs(folder)
    except OSError:  # somebody removed it, or its server is gone
        return False
    return disk.f_bavail * disk.f_frsize < _LITTLE or (disk.f_files and not disk.f_favail)


def _complains(log):
    try:
        with open(log, errors="replace") as handle:
            handle.seek(max(0, os.path.getsize(log) - _TAIL))
            tail = handle.read()
    except OSError:
        return False
    return any(words in tail for words in _WORDS)
