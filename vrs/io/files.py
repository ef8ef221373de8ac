"""Files: whether there is one to read, what it is packed in, and writing whole ones only."""

import bz2
import gzip
import lzma
import os
import stat
import zipfile
import zlib
from contextlib import contextmanager

from vrs.errors import InputError

# What reading a damaged or cut archive raises.
UNPACKING_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile,
                    NotImplementedError)
# First bytes of what can be unpacked; block sizes follow those of bzip2.
_MAGIC = ((b"\x1f\x8b", "gz"), (b"BZh", "bz2"), (b"\xfd7zXZ\x00", "xz"), (b"PK\x03\x04", "zip"))
_START = 1024


def check_file(path, what):
    """Refuse what cannot be read without blocking: folders, pipes, devices, empty files.

    Parameters
    ----------
    path : str
    what : str
        What the user should give: "a map file".

    Raises
    ------
    InputError
        Saying why.
    """
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise InputError("There is no file %s; check its name and folder." % path) from None
    except PermissionError:
        raise InputError("You do not have permission to read the folder of %s; ask its owner for "
                         "permission, or give a copy of your own." % path) from None
    except (OSError, ValueError) as error:
        raise InputError("%s cannot be opened (%s); check its name and folder."
                         % (path, getattr(error, "strerror", None) or error)) from None
    if stat.S_ISDIR(status.st_mode):
        raise InputError("%s is a folder; give %s." % (path, what))
    refuse_special(path, what)
    if status.st_size == 0:
        raise InputError("%s is empty; copy or download it again." % path)


def refuse_special(path, what):
    """Refuse pipes and devices, reading of which waits or never ends.

    Parameters
    ----------
    path : str
        Folders, and files that are not there, are left to the reader.
    what : str
        As that of :func:`check_file`.

    Raises
    ------
    InputError
    """
    if os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path):
        raise InputError("%s is not an ordinary file; give %s." % (path, what))


@contextmanager
def plain_errors(path):
    """Turn what reading a file raises into sentences.

    Parameters
    ----------
    path : str

    Raises
    ------
    InputError
        If it must not be read, or is cut short or damaged.
    """
    try:
        yield
    except PermissionError:
        raise InputError("You do not have permission to read %s; ask its owner for permission, or "
                         "give a copy of your own." % path) from None
    except UNPACKING_ERRORS:
        raise InputError(damaged(path)) from None


def damaged(path):
    """The problem that a file, packed as a rule, cannot be read to its end."""
    return ("%s is cut short or damaged and cannot be read to its end; copy or download it again."
            % path)


@contextmanager
def completed(path):
    """Write a file that appears under its name only when it is complete.

    Parameters
    ----------
    path : str

    Yields
    ------
    str
        Where to write it; what is left there when writing fails is removed.

    Raises
    ------
    OSError
        If it cannot be given its name.
    """
    part = "%s.%d.part" % (path, os.getpid())
    try:
        yield part
        os.replace(part, path)
    finally:
        if os.path.exists(part):
            os.remove(part)


def packing(path, is_plain=lambda start: False):
    """What a file is packed in, by its content.

    Parameters
    ----------
    path : str
    is_plain : callable
        Takes the first 1024 bytes and says that they are no archive, whatever they begin with.

    Returns
    -------
    str
        "gz", "bz2", "xz", "zip", or "" for none.
    """
    with open(path, "rb") as stream:
        start = stream.read(_START)
    if is_plain(start):
        return ""
    return next((kind for magic, kind in _MAGIC if start.startswith(magic)), "")


def unpacked(path, kind):
    """A file opened for reading, without its packing.

    Parameters
    ----------
    path : str
    kind : str
        From :func:`packing`.

    Returns
    -------
    binary file

    Raises
    ------
    InputError
        If a zip archive holds anything but one file.
    """
    if kind == "zip":
        return _only_member(path)
    return {"gz": gzip.open, "bz2": bz2.open, "xz": lzma.open, "": open}[kind](path, "rb")


def _only_member(path):
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) != 1:
            raise InputError("%s is a zip archive of %d files; unpack it and give one of them."
                             % (path, len(members)))
        if members[0].flag_bits & 1:
            raise InputError("%s is a zip archive with a password; unpack it first." % path)
        return archive.open(members[0])
