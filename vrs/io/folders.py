"""Folders for results."""

import errno
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


def _folder_problem(path, error):
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return ("The output folder %s cannot be made because a file of that name is in the way; "
                "give another folder." % path)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "You are not allowed to write to the output folder %s; give another folder." % path
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ("There is no space left for the output folder %s; free some, or give another "
                "folder." % path)
    return ("The output folder %s cannot be written to (%s); give another folder."
            % (path, error.strerror))
