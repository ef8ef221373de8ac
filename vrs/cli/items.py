"""``vrs items``: what can be measured here."""

import vrs
from vrs.checks import all_checks
from vrs.cli.console import Console, table
from vrs.cli.availability import why_unavailable
from vrs.engines.chimerax import find_chimerax
from vrs.engines.external import BUILTIN
from vrs.scipion import ScipionError


def items(options):
    """Print the items, what they need and what computes them."""
    chimerax = find_chimerax() or "not found (the variable VRS_CHIMERAX can name it)"
    console = Console()
    console.say(table(["Item", "Title", "Needs", "Engines"], [
        (check.id, check.title, check.needs,
         ", ".join([BUILTIN] + [engine.name for engine in check.external]))
        for check in all_checks()]))
    console.say("")
    console.say("The engine %s, version %s, is always available; select others with "
                "--engine ITEM=ENGINE:" % (BUILTIN, vrs.__version__))
    for check in all_checks():
        for engine in check.external:
            console.say("  %s=%s  %s" % (check.id, engine.name, _availability(engine)))
    console.say("")
    console.say("3D views are drawn by the built-in renderer, or by ChimeraX: %s" % chimerax)


def _availability(engine):
    try:
        reason = why_unavailable(engine)
    except ScipionError as error:
        reason = str(error)
    return "not here: %s" % reason if reason else "%s %s" % (engine.package, engine.version)
