"""Folders for results."""

import contextlib
import errno
import fcntl
import os
import tempfile

from vrs.errors import InputError


def check_output_folder(path):
    """Make a folder for results and prove that it can be written to.

    Parameters
    ----------
    path : str
        Made with its parents when it does not exist.

    Raises
    ------
    InputError
        If it cannot be made or written to.
    """
    path = str(path)
    try:
        os.makedirs(path, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path, prefix=".vrs_probe_") as probe:
            probe.write(b"probe")
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        raise InputError(_folder_problem(path, error)) from None


@contextlib.contextmanager
def alone_in(folder):
    """Wait until no other validation writes to a folder, and keep others waiting.

    Parameters
    ----------
    folder : path
        One that exists. Disks without locks, as some clusters have, do not keep others out.
    """
    handle = os.open(str(folder), os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _folder_problem(path, error):
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return ("The output folder %s cannot be made because there is a file of that name; give "
                "another folder." % path)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ("You do not have permission to write to the output folder %s; give another "
                "folder.") % path
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ("There is no space left for the output folder %s; free some space, or give another "
                "folder." % path)
    return ("The output folder %s cannot be written to (%s); give another folder."
            % (path, error.strerror))
