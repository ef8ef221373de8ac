"""``vrs compare``: what changed from one report to another."""

import os

from vrs.cli.batch_summary import replace_file
from vrs.cli.console import Console
from vrs.io.folders import check_output_folder
from vrs.report.changes import changes, changes_text, read_report

PAGE = "comparison.html"


def compare(options):
    """Compare two reports as the command line asks.

    Parameters
    ----------
    options : argparse.Namespace

    Raises
    ------
    InputError
        If one is no report, or of another version of the contract, or the folder cannot be
        written to.
    """
    found = changes(read_report(options.before), read_report(options.after))
    folder = os.path.abspath(options.output)
    check_output_folder(folder)
    from vrs.report.changes_page import render_changes  # drawing needs large packages
    path = os.path.join(folder, PAGE)
    replace_file(path, render_changes(found))
    console = Console()
    for line in changes_text(found) + ["", "Page    %s" % path]:
        console.say(line)
