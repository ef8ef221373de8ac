"""An entry of EMDB with its files, as far as they are of use.

A map can be validated without half maps and without a model: where these are missing or
cannot be used, the entry goes on without them, and a remark tells the reader why.
"""

import math
from dataclasses import dataclass, field, replace
from typing import List

from vrs.errors import InputError
from vrs.io.archive import ArchiveEntry
from vrs.io.download import NotThere

# Name of the folder for what was fetched, in Scipion's folder for user data.
CACHE = "vrs_archive"
# What can be left out when it is of no use, and what that is in words.
_OPTIONAL = (({"halves": []}, "the half maps"), ({"model": ""}, "the model"),
             ({"halves": [], "model": ""}, "the half maps and the model"))


@dataclass
class FetchedEntry:
    """An entry and its files on this computer.

    Attributes
    ----------
    archived : vrs.io.archive.ArchiveEntry
    map : str
    halves : list of str
        The two half maps, or none.
    model : str
        The atomic model, empty without.
    remarks : list of str
        What the reader of a report should know of the entry.
    """

    archived: ArchiveEntry
    map: str
    halves: List[str] = field(default_factory=list)
    model: str = ""
    remarks: List[str] = field(default_factory=list)

    def front_page(self):
        """What a report says of the entry, as :func:`vrs.report.write_report` takes it."""
        archived = self.archived
        return {"id": archived.emdb_id, "title": "%s: %s" % (archived.emdb_id, archived.title),
                "pdb_ids": archived.models, "authors": archived.authors,
                "deposited": archived.deposited, "remarks": self.remarks}


def choose_model(archived, pdb_id=""):
    """Which of the models of an entry to take.

    Parameters
    ----------
    archived : vrs.io.archive.ArchiveEntry
    pdb_id : str
        The one that the user wants; empty for the first one that is fitted to the map.

    Returns
    -------
    str
        Its PDB id, empty when there is none.

    Raises
    ------
    InputError
        If the entry has no such model.
    """
    wanted = pdb_id.strip().lower()
    if wanted and wanted not in archived.models:
        raise InputError("%s has no model %s; its models are: %s." % (
            archived.emdb_id, pdb_id, ", ".join(archived.models) or "none"))
    return wanted or next(iter(archived.fitted), "")


def fetch_files(archive, archived, pdb_id, halves=True, model=True):
    """Fetch the files of an entry.

    Parameters
    ----------
    archive : vrs.io.archive.Archive
    archived : vrs.io.archive.ArchiveEntry
    pdb_id : str
        The model to take, see :func:`choose_model`; empty without.
    halves, model : bool
        Whether half maps and model are wanted.

    Returns
    -------
    FetchedEntry

    Raises
    ------
    InputError
        If the map is not public.
    DownloadError
        If the map cannot be fetched, or half maps or model that the archive does have.
    """
    fetched = FetchedEntry(archived, str(archive.map(archived)))
    if archived.resolution is None:
        fetched.remarks.append("The entry states no resolution.")
    if halves:
        _fetch_halves(archive, fetched)
    if model:
        _fetch_model(archive, fetched, pdb_id)
    return fetched


def compared_numbers(emdb_id, thresholds, resolutions):
    """Say where the numbers come from, seen beside what the entry gives.

    Parameters
    ----------
    emdb_id : str
    thresholds, resolutions : (float or None, float or None)
        What is used and what the entry gives, None for nothing; resolutions in Å.

    Returns
    -------
    list of str
        Two sentences.
    """
    return [_compared("threshold", "", "contour level", emdb_id + " recommends", *thresholds),
            _compared("reported resolution", " Å", "resolution", emdb_id + " states",
                      *resolutions)]


def _compared(name, unit, called, entry_gives, used, given):
    if used is not None and given is not None and math.isclose(used, given, rel_tol=1e-6):
        return "The %s, %g%s, is the %s that %s." % (name, used, unit, called, entry_gives)
    return "%s; %s %s." % (
        "No %s was given" % name if used is None else "The %s, %g%s, was given" % (
            name, used, unit),
        entry_gives, "no " + called if given is None else "%g%s" % (given, unit))


def keep_usable(fetched, attempt):
    """Leave out half maps or model, if nothing can be done with them.

    Parameters
    ----------
    fetched : FetchedEntry
    attempt : callable
        Does with a FetchedEntry what is to be done, and raises InputError if that
        cannot be.

    Returns
    -------
    result
        What ``attempt`` returned.
    FetchedEntry
        The entry with what could be used, and remarks on the rest.

    Raises
    ------
    InputError
        If it cannot be done without half maps and model either, or what is wrong has
        nothing to do with them.
    """
    try:
        return attempt(fetched), fetched
    except InputError as error:
        problems = error.problems
    for absent, words in _OPTIONAL:
        if all(getattr(fetched, name) for name in absent):
            rest = replace(fetched, remarks=fetched.remarks + [
                "This is validated without %s: %s" % (words, problem) for problem in problems],
                **absent)
            try:
                return attempt(rest), rest
            except InputError:
                continue
    raise InputError(problems)


def _fetch_halves(archive, fetched):
    if not fetched.archived.halves:
        fetched.remarks.append("The entry has no pair of half maps; level 1 is left out.")
        return
    try:
        fetched.halves = [str(path) for path in archive.halves(fetched.archived)]
    except NotThere as error:
        fetched.remarks.append("The half maps are not available, so level 1 is left out: "
                               "%s" % error)


def _fetch_model(archive, fetched, pdb_id):
    if not pdb_id:
        others = ", ".join(fetched.archived.models).upper()
        fetched.remarks.append(
            "The entry does not say that its models (%s) are fitted to the map; level A is left "
            "out. If one is, choose it by its PDB id." % others if others else
            "The entry has no model that is fitted to the map; level A is left out.")
        return
    try:
        fetched.model = str(archive.model(fetched.archived, pdb_id))
    except NotThere as error:
        fetched.remarks.append("The model %s is not available, so level A is left out: %s"
                               % (pdb_id.upper(), error))
