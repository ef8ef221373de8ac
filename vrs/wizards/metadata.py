"""What the archive says of a map, for those who fill in a form."""

import os
import re

from vrs.errors import DownloadError
from vrs.objects import VrsArchivedVolume
from vrs.protocols.emdb_entries import open_archive
from vrs.protocols.forms import original_file, plain_name


def known_id(protocol):
    """The entry of EMDB that the map of a protocol belongs to.

    Parameters
    ----------
    protocol : vrs.protocols.level.ProtVrsLevel

    Returns
    -------
    str
        "EMD-1234", from the map itself or from the name of its file; empty when neither
        tells.
    """
    volume = protocol.inputVolume.get()
    if volume is None:
        return ""
    if isinstance(volume, VrsArchivedVolume):
        return volume.getEmdbId()
    for path in (protocol.sourceFile.get(""), original_file(plain_name(volume))):
        found = re.search(r"(?i)(?<![a-z])emd[-_ ]?(\d{4,6})(?!\d)", os.path.basename(path))
        if found:
            return "EMD-" + found.group(1)
    return ""


def fetch(emdb_id):
    """What EMDB says of an entry, asked now, or kept from earlier when it cannot be reached.

    Parameters
    ----------
    emdb_id : str
        As :func:`vrs.io.archive.to_emdb_id` makes it.

    Returns
    -------
    entry : vrs.io.archive.ArchiveEntry
    remark : str
        What the user should know of it, empty when nothing.

    Raises
    ------
    InputError
        If there is no such entry, or it was withdrawn.
    DownloadError
        If the archive cannot be reached and nothing was kept.
    """
    try:
        return open_archive().entry(emdb_id), ""
    except DownloadError as error:
        try:
            entry = open_archive(offline=True).entry(emdb_id)
        except DownloadError:
            raise error from None
    return entry, "EMDB cannot be reached; these are the values of the last request."
