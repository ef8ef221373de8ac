"""``vrs entry``: from an entry of EMDB to the report on it."""

import argparse
import os

from vrs.cli.console import Console
from vrs.cli.validate import check_request, run
from vrs.errors import InputError
from vrs.io.archive import Archive, to_emdb_id
from vrs.io.download import NotThere
from vrs.scipion import prepare_environment

_CACHE = "vrs_archive"
# What can be left out when it is of no use: options, and what they are in words.
_OPTIONAL = ((("half1", "half2"), "the half maps"), (("model",), "the model"),
             (("half1", "half2", "model"), "the half maps and the model"))


def entry(options):
    """Fetch an entry and validate it as the command line asks.

    Parameters
    ----------
    options : argparse.Namespace

    Raises
    ------
    InputError
        If there is no such entry, it lacks what is needed, or cannot be validated.
    DownloadError
        If it cannot be fetched.
    ScipionError
        If Scipion cannot be used or one of its runs failed.
    """
    emdb_id = to_emdb_id(options.entry)
    console = Console()
    user_data = os.path.dirname(prepare_environment())
    archive = Archive(options.cache or os.path.join(user_data, _CACHE), options.server,
                      options.offline, console.say)
    archived = archive.entry(emdb_id)
    console.say("%s, %s" % (emdb_id, archived.title))
    pdb_id = _chosen_model(archived, options)
    options = _completed(options, archived)
    options, remarks = _with_files(options, archive, archived, pdb_id)
    request, more = _usable_request(options)
    remarks += more
    for remark in remarks:
        console.say("Note: %s" % remark)
    request.entry = {
        "id": emdb_id, "title": "%s: %s" % (emdb_id, archived.title), "pdb_ids": archived.models,
        "authors": archived.authors, "deposited": archived.deposited, "remarks": remarks}
    run(request)


def _chosen_model(archived, options):
    """PDB id of the model to take, empty without one."""
    if options.pdb and options.pdb.lower() not in archived.models:
        raise InputError("%s has no model %s; its models are: %s." % (
            archived.emdb_id, options.pdb, ", ".join(archived.models) or "none"))
    chosen = (options.pdb or "").lower() or next(iter(archived.fitted), "")
    if not chosen and options.multimodel != "0":
        raise InputError("%s has no fitted model that could be refined; leave --multimodel out."
                         % archived.emdb_id)
    return chosen


def _completed(options, archived):
    """The options, with the archive's numbers where the user gave none."""
    threshold, resolution = options.threshold, options.resolution
    if threshold is None:
        threshold = archived.threshold
    if threshold is None:
        raise InputError("%s recommends no contour level; give one that shows the macromolecule "
                         "by --threshold." % archived.emdb_id)
    return _changed(options, threshold=threshold, resolution=resolution or archived.resolution)


def _with_files(options, archive, archived, pdb_id):
    """The options of a validation of the files, and what the reader should know of them."""
    files = dict(map=str(archive.map(archived)), half1=None, half2=None, model=None)
    remarks = []
    if options.resolution is None:
        remarks.append("The entry states no resolution; it can be given by --resolution.")
    if not archived.halves:
        remarks.append("The entry has no pair of half maps; level 1 is left out.")
    try:
        files.update(zip(("half1", "half2"), map(str, archive.halves(archived))))
    except NotThere as error:
        remarks.append("The half maps are not at hand, level 1 is left out: %s" % error)
    if not pdb_id:
        remarks.append("The entry has no model that is fitted to the map; level A is left out.")
    else:
        try:
            files["model"] = str(archive.model(archived, pdb_id))
        except NotThere as error:
            remarks.append("The model %s is not at hand, level A is left out: %s"
                           % (pdb_id.upper(), error))
    return _changed(options, **files), remarks


def _usable_request(options):
    """A request that leaves half maps or model out if they cannot be used, and why."""
    try:
        return check_request(options), []
    except InputError as error:
        problems = error.problems
    for names, words in _OPTIONAL:
        if all(getattr(options, name) for name in names):
            try:
                request = check_request(_changed(options, **dict.fromkeys(names)))
            except InputError:
                continue
            return request, ["This is validated without %s: %s" % (words, problem)
                             for problem in problems]
    raise InputError(problems)


def _changed(options, **values):
    return argparse.Namespace(**dict(vars(options), **values))
