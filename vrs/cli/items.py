"""``vrs items``: what can be measured here."""

import vrs
from vrs.checks import all_checks
from vrs.cli.console import Console, table
from vrs.engines.chimerax import find_chimerax


def items(options):
    """Print the items, what they need and what computes them."""
    engine = "builtin %s" % vrs.__version__
    chimerax = find_chimerax() or "not found (the variable VRS_CHIMERAX can name it)"
    console = Console()
    console.say(table(["Item", "Title", "Needs", "Engines"], [
        (check.id, check.title, check.needs, engine) for check in all_checks()]))
    console.say("")
    console.say("3D views are drawn by the built in renderer, or by ChimeraX: %s" % chimerax)
