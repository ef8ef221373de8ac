"""``vrs example``: data to try things with."""

import json
import os
import shlex

from vrs import inputs
from vrs.cli.console import Console, table
from vrs.errors import InputError
from vrs.io.folders import check_output_folder
from vrs.simulation.example import write_example
from vrs.simulation.full_example import write_full_example
from vrs.simulation.particle_example import write_particle_example


def example(options):
    """Write the example data set and say how to validate it.

    Parameters
    ----------
    options : argparse.Namespace

    Raises
    ------
    InputError
        If the folder cannot be written, or options are given that only particles have.
    """
    if not options.particles and (options.orientations or options.uneven or options.faults):
        raise InputError("--orientations, --uneven and --faults apply to particles; add "
                         "--particles.")
    if options.all and options.particles:
        raise InputError("--all has particles of its own; leave --particles out.")
    check_output_folder(options.folder)
    console = Console()
    workers = len(os.sched_getaffinity(0))
    if options.all:
        paths = write_full_example(options.folder, workers=workers, say=console.say)
        console.say("")
    elif options.particles:
        paths = write_particle_example(
            options.folder, options.orientations or "uniform", options.uneven, workers=workers,
            say=console.say, faults=options.faults)
        console.say("")
    else:
        paths = write_example(options.folder)
    with open(paths["truth"], encoding="utf-8") as handle:
        truth = json.load(handle)
    console.say(table(["File", "Path"], [(name, os.path.abspath(path))
                                         for name, path in paths.items()]))
    console.say("")
    files = ["%s %s" % (option.flag, shlex.quote(paths[option.name]))
             for option in inputs.all_options() if option.name in paths]
    console.say("To validate it: vrs validate " + " ".join(files + _numbers(truth)))
    if options.particles:
        console.say("To validate the members of its classes: vrs validate --particles %s "
                    "--diameter %g --resolution %g" % (
                        shlex.quote(paths["class_members"]), truth["particles"]["diameter"],
                        truth["resolution"]))


def _numbers(truth):
    """What goes with the files, as options."""
    found = ["--threshold %g --resolution %g" % (truth["threshold"], truth["resolution"])]
    if "particles" in truth:
        found.append("--symmetry %s" % truth["particles"]["point_group"])
    if "tilt_pairs" in truth:
        found.append("--tilt-angle %(angle)g --tilt-axis %(axis)g" % truth["tilt_pairs"])
    return found
