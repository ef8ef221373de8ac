"""The ``vrs`` command."""

import argparse
import os
import re
import sys
import tempfile
import traceback

import vrs
from vrs import bundles, inputs, levels
from vrs.cli.full_disk import is_full
from vrs.constants import RENDERERS
from vrs.errors import DownloadError, InputError
from vrs.scipion import ScipionError

DONE, FAILED, BAD_INPUT = 0, 1, 2
ORIENTATIONS = ("uniform", "side", "top")
FAULTS = ("junk", "angles", "defocus", "states", "permuted", "pixel")


def main(arguments=None):
    """Run the command.

    Parameters
    ----------
    arguments : list of str, optional
        Those of the process by default.

    Returns
    -------
    int
        0 when all was done, 2 when the input has to be mended, 1 otherwise, also when only
        some of the entries of a table were reported on.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    options = _parser().parse_args(_with_numbers(arguments))
    try:
        code = options.command(options)
    except InputError as error:
        return _complain(BAD_INPUT, error.problems)
    except (ScipionError, DownloadError) as error:
        return _complain(FAILED, [str(error)])
    except KeyboardInterrupt:
        return _complain(FAILED, [options.when_stopped])
    except Exception as error:  # nobody should have to read a traceback
        if is_full(error):
            return _complain(FAILED, ["There is no space left on the disk (%s); free some space, "
                                      "and run it again." % error])
        handle, path = tempfile.mkstemp(prefix="vrs_", suffix=".log")
        with open(handle, "w") as log:
            traceback.print_exc(file=log)
        return _complain(FAILED, ["It failed unexpectedly (%s: %s); %s has the details."
                                  % (type(error).__name__, error, path)])
    return code or DONE


def _with_numbers(arguments):
    """Arguments with numbers such as -3e-3, which look like options, joined to their options."""
    joined = []
    for argument in arguments:
        if joined and joined[-1].startswith("--") and "=" not in joined[-1] and re.fullmatch(
                r"-(\d+\.?\d*|\.\d+)[eE][+-]?\d+", argument):
            joined[-1] += "=" + argument
        else:
            joined.append(argument)
    return joined


def _complain(code, problems):
    for problem in problems:
        print("vrs: %s" % problem, file=sys.stderr)
    return code


def _parser():
    parser = argparse.ArgumentParser(
        prog="vrs", allow_abbrev=False,
        description="Validates cryo-EM maps and writes one report on each.")
    parser.add_argument("--version", action="version", version="vrs %s" % vrs.__version__)
    commands = parser.add_subparsers(dest="name", required=True, metavar="COMMAND")
    parser.set_defaults(when_stopped="Stopped; nothing was reported.")
    _add_validate(commands)
    _add_entry(commands)
    _add_batch(commands)
    _add_compare(commands)
    _add_open(commands)
    _add_example(commands)
    _add_items(commands)
    return parser


def _add_validate(commands):
    command = commands.add_parser(
        "validate", allow_abbrev=False, help="validate a map and write the report",
        description="Validates a map and writes report.pdf, report.html and report.json. Runs in a "
                    "Scipion project, which keeps the maps and models that were made and can be "
                    "opened in Scipion; its folder is printed at the end.")
    for bundle in bundles.all_bundles():
        command.add_argument(bundle.option.flag, metavar=bundle.option.placeholder,
                             help=bundle.option.help + "; options given explicitly take precedence")
    _add_evidence(command)
    _add_choices(command)
    command.set_defaults(command=_validate)


def _add_entry(commands):
    command = commands.add_parser(
        "entry", allow_abbrev=False, help="validate an entry of EMDB",
        description="Fetches a map from the Electron Microscopy Data Bank, with its half maps if "
                    "they are public and the model that is fitted to it, if there is one, and "
                    "validates them as 'vrs validate' does. Downloaded files are kept and not "
                    "downloaded again.")
    command.add_argument("entry", metavar="EMD-NNNNN", help="the entry")
    _add_evidence(command, {
        "threshold": "contour level that shows the macromolecule (default: the one that the entry "
                     "recommends)",
        "resolution": "reported resolution in Å (default: the entry's)"})
    command.add_argument("--pdb", metavar="ID",
                         help="which of the entry's models to use (default: the first)")
    command.add_argument("--cache", metavar="DIR",
                         help="folder for the downloaded files (default: vrs_archive in Scipion's "
                              "folder for user data)")
    command.add_argument("--offline", action="store_true",
                         help="use only that folder, without network access")
    command.add_argument("--server", metavar="URL", default=os.environ.get("VRS_ARCHIVE", ""),
                         help="server to ask instead of www.ebi.ac.uk and ftp.ebi.ac.uk, with the "
                              "same paths (default: the variable VRS_ARCHIVE, if it is set)")
    _add_choices(command)
    command.set_defaults(command=_entry)


def _add_evidence(command, of_entry=None):
    """The options for what is to be validated, as the kinds of evidence declare them.

    For a command that takes an entry of an archive, ``of_entry`` has the help of those that
    need not be given then; what an entry brings along is left out.
    """
    defaults, done = of_entry or {}, set()
    # What nothing can be said without comes first.
    for kind in sorted(inputs.all_kinds(), key=lambda kind: not kind.files):
        for option in kind.options:
            if option in done or of_entry is not None and option.of_entry:
                continue
            done.add(option)
            text = defaults.get(option.name, option.help)
            added = [level.id for level in levels.all_levels()
                     if kind in level.needed[:1] + level.alternatives]
            if option is kind.options[0] and added and not kind.is_indispensable:
                text += "; adds level%s %s" % ("s" * (len(added) > 1), " and ".join(
                    [", ".join(added[:-1])] * (len(added) > 1) + added[-1:]))
            command.add_argument(option.flag, metavar=option.placeholder, help=text)


def _add_choices(command):
    """The options of all commands that validate."""
    command.add_argument("--output", metavar="DIR",
                         help="folder for the report (default: the map's name and _vrs)")
    _add_queue(command)
    command.add_argument("--project", metavar="NAME",
                         help="Scipion project to use; made if there is none (default: a new one, "
                              "named after the map)")
    command.add_argument("--threads", metavar="N", default=str(len(os.sched_getaffinity(0))),
                         help="threads for the calculations (default: as many as there are "
                              "processors, here %(default)s)")
    command.add_argument("--criteria", metavar="FILE|service",
                         help="JSON file with bounds that replace the default ones, or the word "
                              "service for the rules of the public validation service (a file of "
                              "that name is ./service)")
    command.add_argument("--engine", action="append", default=[], metavar="ITEM=ENGINE",
                         help="what computes an item, 0.e=xmipp for instance; may be repeated "
                              "(default: the built-in engine; see 'vrs items')")
    command.add_argument("--renderer", choices=RENDERERS, default=RENDERERS[0],
                         help="what draws the 3D views (default: %(default)s)")
    command.add_argument("--zip", action="store_true",
                         help="also write vrs_report.zip, a folder to send: the report with the "
                              "map and all maps and models that were made")


def _add_queue(command):
    command.add_argument("--queue", metavar="NAME",
                         help="submit the runs to this queue of Scipion's hosts configuration "
                              "(default: they run here)")


def _add_batch(commands):
    command = commands.add_parser(
        "batch", allow_abbrev=False, help="validate many maps or entries, and summarise them",
        description="Validates the maps and entries of a table, each as 'vrs validate' or 'vrs "
                    "entry' does, and writes a summary of all. When it is run again, it continues "
                    "where it stopped and retries what failed.",
        epilog="The columns of the table are the options of 'vrs validate' and 'vrs entry' without "
               "their dashes (except output and project), entry for the number of an EMDB entry, "
               "and name for the folder of its report. Each row has a map, another input that can "
               "be validated without one, or an entry. The exit code is 0 if there is a report on "
               "each, 1 if some failed and 2 if the table is wrong.")
    command.add_argument("table", nargs="?", metavar="FILE.csv",
                         help="the table, with a row for each entry")
    command.add_argument("--watch", metavar="FOLDER",
                         help="instead of a table, validate what appears in a folder until it is "
                              "stopped: rows of tables, and finished jobs of RELION and cryoSPARC")
    command.add_argument("--output", metavar="DIR",
                         help="folder for the reports and the summary (default: the name of the "
                              "table or the folder, and _vrs)")
    command.add_argument("--jobs", metavar="N",
                         help="how many entries to validate at once (default: 1, or 8 with "
                              "--queue)")
    command.add_argument("--threads", metavar="N",
                         help="threads for the calculations of each entry (default: the processors "
                              "here are shared by the entries that run at once)")
    command.add_argument("--hook", metavar="COMMAND",
                         help="run this shell command after each entry, with its outcome as JSON "
                              "on the standard input")
    _add_queue(command)
    command.set_defaults(command=_batch, when_stopped="Stopped; run the same command to "
                                                      "continue.", commands=commands.choices)


def _add_compare(commands):
    command = commands.add_parser(
        "compare", allow_abbrev=False, help="show what changed between two reports",
        description="Shows what changed between two reports: items with another status, findings "
                    "that appeared or disappeared, the numbers by which items are judged, and the "
                    "curves of both in one plot. Prints it and writes comparison.html.")
    command.add_argument("before", metavar="BEFORE/report.json", help="the first report")
    command.add_argument("after", metavar="AFTER/report.json", help="the second report")
    command.add_argument("--output", metavar="DIR", default=".",
                         help="folder for comparison.html (default: the current folder)")
    command.set_defaults(command=_compare)


def _add_open(commands):
    command = commands.add_parser(
        "open", allow_abbrev=False, help="open a project in Scipion's window",
        description="Opens the Scipion project of a validation in its window, to look at the "
                    "results or to run more.")
    command.add_argument("project", nargs="?", metavar="PROJECT",
                         help="name of the project, as 'vrs validate' printed it, or its folder "
                              "(default: the project that was used last)")
    command.set_defaults(command=_open)


def _add_example(commands):
    command = commands.add_parser(
        "example", allow_abbrev=False, help="write a synthetic data set to try things with",
        description="Writes a synthetic but realistic data set whose truth is known.")
    command.add_argument("folder", nargs="?", default="vrs_example", metavar="DIR",
                         help="folder to write to (default: %(default)s)")
    command.add_argument("--particles", action="store_true",
                         help="also write particle images, their 2D classes, and maps "
                              "reconstructed from them (about 25 s and 130 MB)")
    command.add_argument("--all", action="store_true",
                         help="write everything that can be validated: also particles with their "
                              "classes and micrographs, a workflow, cross-links, a SAXS curve and "
                              "tilt pairs (about 40 s and 200 MB)")
    command.add_argument("--orientations", choices=ORIENTATIONS,
                         help="how the particles are seen: from everywhere, from the side, or "
                              "from the top, which leaves a missing cone (default: %s)"
                              % ORIENTATIONS[0])
    command.add_argument("--uneven", action="store_true",
                         help="let one half of the protein move from particle to particle, so that "
                              "its resolution is lower")
    command.add_argument("--faults", type=_faults, default=(), metavar="LIST",
                         help="what is wrong with the particles, separated by commas: %s; "
                              "truth.json says with which" % ", ".join(FAULTS))
    command.set_defaults(command=_example)


def _faults(text):
    names = tuple(name.strip() for name in text.split(","))
    unknown = [name for name in names if name not in FAULTS]
    if unknown:
        raise argparse.ArgumentTypeError("there is no fault '%s'; there are %s" % (
            unknown[0], ", ".join(FAULTS)))
    return names


def _add_items(commands):
    command = commands.add_parser(
        "items", allow_abbrev=False, help="list what can be measured here",
        description="Lists the validation items, what they need and what can compute them here.")
    command.set_defaults(command=_items)


# The commands are imported when they run: a wrong option is answered at once.
def _validate(options):
    from vrs.cli.validate import validate
    validate(options)


def _entry(options):
    from vrs.cli.entry import entry
    from vrs.cli.queues import require_queue
    require_queue(options.queue)  # before anything is fetched
    entry(options)


def _batch(options):
    from vrs.cli.batch import batch
    return DONE if batch(options, _row_options(options.commands)) else FAILED


def _row_options(commands):
    """The options that a row of a table may give: actions by name, for each command."""
    return {name: {text[2:]: action for action in commands[name]._actions
                   for text in action.option_strings if text.startswith("--")}
            for name in ("validate", "entry")}


def _compare(options):
    from vrs.cli.compare import compare
    compare(options)


def _open(options):
    from vrs.cli.window import open_window
    open_window(options)


def _example(options):
    from vrs.cli.example import example
    example(options)


def _items(options):
    from vrs.cli.items import items
    items(options)
