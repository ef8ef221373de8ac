"""The archive as Scipion's side asks it, and what the levels take from a map's entry."""

import json
import os

import pyworkflow

from vrs.io.archive import Archive
from vrs.io.entries import CACHE, compared_numbers
from vrs.objects import VrsArchivedVolume
from vrs.results import Note


def open_archive(folder="", server="", offline=False, say=lambda text: None):
    """The archive, with Scipion's folder for what was fetched where none is chosen.

    Parameters
    ----------
    folder, server : str
        As for :class:`vrs.io.archive.Archive`. Empty for the usual folder, and for the
        server that the variable VRS_ARCHIVE names, if it is set; none is asked offline.
    offline, say
        As there.

    Returns
    -------
    vrs.io.archive.Archive

    Raises
    ------
    InputError
        If the server is not an address.
    """
    folder = folder or os.path.join(pyworkflow.Config.SCIPION_USER_DATA, CACHE)
    return Archive(folder, server or os.environ.get("VRS_ARCHIVE", ""), offline, say)


def recommended(volume):
    """Contour level and resolution that the entry of a map gives.

    Parameters
    ----------
    volume : pwem.objects.Volume

    Returns
    -------
    threshold, resolution : float or None
        None where the entry gives none, or the map has no entry.
    """
    if not isinstance(volume, VrsArchivedVolume):
        return None, None
    return volume.getThreshold(), volume.getResolution()


def missing_resolution(volume, resolution, has_resolution):
    """A sentence where neither the user nor the entry gives the resolution.

    Parameters
    ----------
    volume : pwem.objects.Volume
    resolution : float or None
        What is to be used.
    has_resolution : bool
        False where the resolution is said to be unknown.

    Returns
    -------
    list of str
        Empty where it is given, or said to be unknown.
    """
    if not has_resolution or resolution is not None:
        return []
    if not isinstance(volume, VrsArchivedVolume):
        return ["Give the reported resolution, or say that it is not known."]
    return ["%s states no resolution; give the reported resolution, or say that it is not known."
            % volume.getEmdbId()]


def read_entry(volume):
    """What a report says of the entry of a map, as :func:`vrs.report.write_report` takes it.

    Parameters
    ----------
    volume : pwem.objects.Volume

    Returns
    -------
    dict
        Empty without an entry.
    """
    if not isinstance(volume, VrsArchivedVolume):
        return {}
    with open(volume.getEntryFile(), encoding="utf-8") as handle:
        return json.load(handle)


def entry_notes(volume, threshold, resolution):
    """Where the numbers come from, seen beside what the entry of the map gives.

    Parameters
    ----------
    volume : pwem.objects.Volume
    threshold : float
    resolution : float or None
        What was used.

    Returns
    -------
    list of Note
        Empty without an entry.
    """
    if not isinstance(volume, VrsArchivedVolume):
        return []
    notes = compared_numbers(volume.getEmdbId(), (threshold, volume.getThreshold()),
                             (resolution, volume.getResolution()))
    if not volume.getOriginals():
        notes.append("The files that were downloaded from the archive are missing; project copies "
                     "were used.")
    return [Note(text) for text in notes]
