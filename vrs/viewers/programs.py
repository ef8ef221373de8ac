"""ChimeraX, where it is installed, to look at maps and models."""

import os
import subprocess
import tempfile

from pwem.viewers import Chimera

from vrs.engines.chimerax import find_chimerax

CHIMERAX_ABSENT = ("ChimeraX, which shows maps and models in 3D, was not found: install Scipion's "
                   "plugin for it, or name its program in the variable VRS_CHIMERAX.")
_LOCAL = "#440154:#3b528b:#21918c:#5ec962:#fde725"
_COLOURS = {"local": _LOCAL, "part": _LOCAL,
            "signed": "#2166ac:#f7f7f7:#b2182b"}


def chimerax():
    """The ChimeraX program of Scipion's plugin, else another one.

    Returns
    -------
    str or None
    """
    program = Chimera.getProgram()
    return program if program and os.path.isfile(program) else find_chimerax()


def chimerax_script(kept, limits=None, surface=None, level=None):
    """What ChimeraX has to do to show a file: a model coloured by the values it carries, the
    map's surface coloured by a local property, or any other map as it is.

    Parameters
    ----------
    kept : vrs.viewers.pages.KeptFile
    limits : (float, float), optional
        Values at the ends of the colours of a local property.
    surface : path, optional
        The map whose surface a local property colours.
    level : float, optional
        Of that surface.

    Returns
    -------
    str
    """
    if kept.scale is None:
        lines = ['open "%s"' % kept.path, "cartoon", "color bfactor palette " + _LOCAL]
    elif kept.scale.kind in _COLOURS and surface is not None:
        lines = ['open "%s"' % surface,
                 "volume #1 style surface level %r step 1" % float(level),
                 'open "%s"' % kept.path, "volume #2 hide",
                 "color sample #1 map #2 palette %s range %r,%r"
                 % ((_COLOURS[kept.scale.kind],) + tuple(map(float, limits)))]
    else:
        lines = ['open "%s"' % kept.path]
    return "\n".join(lines + ["view"]) + "\n"


def start_chimerax(program, script, folder):
    """Open ChimeraX and go on.

    Parameters
    ----------
    program : str
    script : str
        What it has to do.
    folder : path
        Where the script is kept.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".cxc", dir=str(folder), delete=False,
                                     encoding="utf-8") as file:
        file.write(script)
    subprocess.Popen([program, file.name])
