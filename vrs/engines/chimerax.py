"""Views of an isosurface drawn by ChimeraX, where it is installed."""

import os
import re
import shutil
import subprocess
from pathlib import Path

PALETTE = "#440154:#3b528b:#21918c:#5ec962:#fde725"
_TIMEOUT = 900


class ChimeraXError(RuntimeError):
    """ChimeraX did not do what was asked; the message is a sentence."""


def find_chimerax():
    """The ChimeraX program.

    ``VRS_CHIMERAX`` names it; else it is looked for in ``CHIMERAX_HOME/bin`` and
    then in ``PATH``.

    Returns
    -------
    str or None
    """
    named = os.environ.get("VRS_CHIMERAX")
    if named:
        return shutil.which(named)
    home = os.environ.get("CHIMERAX_HOME")
    inside = shutil.which(os.path.join(home, "bin", "ChimeraX")) if home else None
    return inside or shutil.which("chimerax") or shutil.which("ChimeraX")


def version(path):
    """Version of a ChimeraX program, "unknown" if it does not tell.

    Parameters
    ----------
    path : str

    Returns
    -------
    str
    """
    done = subprocess.run([path, "--nogui", "--version"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, universal_newlines=True, timeout=_TIMEOUT)
    found = re.search(r"\d+\.\d+\S*", done.stdout)
    return found.group(0) if found else "unknown"


def draw_surface(program, volume, level, axes, folder, pixels, colour_by=None,
                 colour_range=None):
    """Draw an isosurface from several sides.

    Parameters
    ----------
    program : str
        ChimeraX.
    volume : path
        The map.
    level : float
    axes : sequence of (int, int, int)
        Per view, which of the axes x, y, z (0, 1, 2) points to the right, up and
        towards the viewer.
    folder : path
        Where script and images go.
    pixels : int
        Side of the square images.
    colour_by : path, optional
        Map whose values colour the surface.
    colour_range : tuple of float, optional
        Values at the ends of the colour scale; needed with ``colour_by``.

    Returns
    -------
    list of pathlib.Path
        PNG images, one per view.

    Raises
    ------
    ChimeraXError
        If it fails or leaves an image out.
    """
    folder = Path(folder)
    images = [folder / ("view_%d.png" % index) for index in range(len(axes))]
    script = folder / "views.cxc"
    lines = ['open "%s"' % _linked(volume, folder / "surface"),
             "volume #1 style surface level %r step 1 color #8cadd1" % float(level)]
    if colour_by is not None:
        lines += ['open "%s"' % _linked(colour_by, folder / "colours"), "volume #2 hide",
                  "color sample #1 map #2 palette %s range %r,%r"
                  % ((PALETTE,) + tuple(float(end) for end in colour_range))]
    lines += ["set bgColor white", "lighting soft", "camera ortho"]
    for view, image in zip(axes, images):
        lines += ["view matrix camera " + _camera(view), "view",
                  'save "%s" width %d height %d supersample 3' % (image.name, pixels, pixels)]
    script.write_text("\n".join(lines + ["exit"]) + "\n", encoding="utf-8")
    _run(program, script)
    absent = [image.name for image in images if not image.is_file()]
    if absent:
        raise ChimeraXError("ChimeraX ended without writing %s." % ", ".join(absent))
    return images


def _linked(path, stem):
    """Name of a link to a file, so that no odd path reaches the script."""
    path = Path(path).resolve()
    gzipped = path.suffix == ".gz"
    link = stem.with_suffix("".join(path.suffixes[-2:]) if gzipped else path.suffix)
    link.symlink_to(path)
    return link.name


def _camera(axes):
    """Camera matrix (three rows of four numbers) whose columns are the directions
    right, up and towards the viewer."""
    return ",".join("1" if axes[column:column + 1] == (row,) else "0"
                    for row in range(3) for column in range(4))


def _run(program, script):
    try:
        done = subprocess.run(
            [program, "--offscreen", "--nogui", "--exit", script.name], cwd=str(script.parent),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True,
            timeout=_TIMEOUT)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ChimeraXError("ChimeraX could not be run (%s)." % error) from error
    if done.returncode:
        last = (done.stdout.strip().splitlines() or ["it printed nothing"])[-1]
        raise ChimeraXError("ChimeraX failed with code %d (%s)." % (done.returncode, last))
