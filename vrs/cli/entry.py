"""``vrs entry``: from an entry of EMDB to the report on it."""

import argparse
import os

from vrs import bundles, inputs
from vrs.cli.console import Console
from vrs.cli.validate import check_request, given_by, run
from vrs.errors import InputError
from vrs.inputs.model import to_refinements
from vrs.io.archive import Archive, to_emdb_id
from vrs.io.entries import CACHE, choose_model, fetch_files, keep_usable
from vrs.io.problems import collected, to_resolution, to_sampling, to_threshold
from vrs.scipion import user_data_folder


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
    _check_numbers(options)
    console = Console()
    cache = os.path.abspath(options.cache or os.path.join(user_data_folder(), CACHE))
    archive = Archive(cache, options.server, options.offline, console.say)
    archived = archive.entry(emdb_id)
    console.say("%s, %s" % (emdb_id, archived.title))
    pdb_id = _chosen_model(archived, options)
    options = _completed(options, archived)
    request, fetched = keep_usable(
        fetch_files(archive, archived, pdb_id),
        lambda files: _readable(_checked(_with_files(options, files))))
    for remark in fetched.remarks:
        console.say("Note: %s" % remark)
    # All has been fetched: the run in the project only takes it over.
    request.entry = {"emdbId": emdb_id, "pdbId": pdb_id, "samplingRate": options.sampling,
                     "cacheFolder": cache, "offline": True}
    request.fetched = fetched
    run(request, console)


def _checked(options):
    return check_request(options, bundles.filled(given_by(options)))


def _readable(request):
    """A request all of whose files can be read, as what cannot is left out of an entry."""
    failures = inputs.load(request.given).failures
    if failures:
        raise InputError(list(failures.values()))
    return request


def _check_numbers(options):
    """Tell of wrong numbers before much is fetched for nothing."""
    problems = []
    for text, to_value in ((options.threshold, to_threshold), (options.resolution, to_resolution),
                           (options.sampling, to_sampling)):
        with collected(problems):
            if text is not None:
                to_value(text)
    with collected(problems):
        to_refinements(options.multimodel or 0)
    if problems:
        raise InputError(problems)


def _chosen_model(archived, options):
    """PDB id of the model to take, empty without one."""
    chosen = choose_model(archived, options.pdb or "")
    if not chosen and options.multimodel not in (None, "0"):
        raise InputError("%s has no fitted model that could be refined; leave --multimodel out."
                         % archived.emdb_id)
    return chosen


def _completed(options, archived):
    """The options, with the archive's numbers where the user gave none."""
    threshold = archived.threshold if options.threshold is None else options.threshold
    return _changed(options, threshold=threshold,
                    resolution=options.resolution or archived.resolution)


def _with_files(options, fetched):
    """The options of a validation of the files."""
    half1, half2 = fetched.halves or (None, None)
    return _changed(options, map=fetched.map, half1=half1, half2=half2,
                    model=fetched.model or None)


def _changed(options, **values):
    return argparse.Namespace(**dict(vars(options), **values))
