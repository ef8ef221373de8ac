"""``vrs example``: data to try things with."""

import json
import os
import shlex

from vrs.cli.console import Console, table
from vrs.io.inputs import check_output_folder
from vrs.simulation.example import write_example


def example(options):
    """Write the example data set and say how to validate it.

    Parameters
    ----------
    options : argparse.Namespace

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    check_output_folder(options.folder)
    paths = write_example(options.folder)
    with open(paths["truth"]) as handle:
        truth = json.load(handle)
    console = Console()
    console.say(table(["File", "Path"], [(name, os.path.abspath(path))
                                         for name, path in paths.items()]))
    console.say("")
    console.say("To validate it: vrs validate --map %s --threshold %g --resolution %g" % (
        shlex.quote(paths["map"]), truth["threshold"], truth["resolution"]))
