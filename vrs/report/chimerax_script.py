"""The commands by which ChimeraX opens the map with what was measured on it."""

import os
import re
from pathlib import Path

from vrs.engines.chimerax import PALETTE
from vrs.report.residue_ranks import judged_columns, ranked_residues

SCRIPT = "open_in_chimerax.cxc"
# How maps are shown that are properties of places, and not densities.
LOCAL_SCALES = ("local", "part", "signed")
# Residues beyond the bound of one item, and of several: told apart by the colour-blind.
_ONE, _SEVERAL = "#e69f00", "#a3195b"
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
# Residues in a line, which must not grow without end.
_MOST = 60


def chimerax_script(results, folder):
    """The commands, for a file in the folder of the report.

    Models are numbered in the order in which they are opened: the map is #1, the model, if there
    is one, #2, and the maps of local properties follow.

    Parameters
    ----------
    results : list of (LevelResults, path)
        In the order of their levels, each with the folder its files are relative to.
    folder : path
        Of the report; paths are relative to it.

    Returns
    -------
    str
        Empty where there is no map.
    """
    first, place = results[0]
    given = next((entry for entry in first.input.files if entry.name == "map"), None)
    if given is None:
        return ""
    items = [item for result, _ in results for item in result.items]
    kept = [(item, entry, os.path.relpath(str(Path(where) / entry.path), str(folder)))
            for result, where in results for item in result.items for entry in item.files]
    models = [part for part in kept if part[1].content == "model"]
    local = [part for part in kept
             if part[1].content == "volume" and part[1].scale in LOCAL_SCALES]
    lines = ["# Open this file in a new window of ChimeraX: the map, the model and what was",
             "# measured on them.",
             "open %s" % quoted(os.path.relpath(str(Path(place) / given.path), str(folder))),
             "volume #1 voxelSize %r" % float(first.input.sampling),
             "volume #1 style surface step 1 level %r color #8cadd1"
             % float(first.input.threshold)]
    if models:
        lines += _model(items, models)
    lines += _colouring(local, 3 if models else 2, bool(models))
    return "\n".join(lines + ["set bgColor white", "lighting soft", "view"]) + "\n"


def _model(items, models):
    """The model with its worst residues in colour, and how to see the values of an item."""
    lines = ["",
             "# The model. Residues beyond the bound of one item are orange, of several purple.",
             "open %s" % quoted(models[0][2]), "hide #2 atoms", "cartoon #2", "color #2 #bbbbbb"]
    residues = ranked_residues(judged_columns(items))
    for colour, wanted in ((_ONE, lambda count: count == 1), (_SEVERAL, lambda count: count > 1)):
        chains = {}
        for residue in residues:
            if wanted(len(residue.outside)):
                chains.setdefault(residue.chain, []).append(residue.number)
        for chain, numbers in sorted(chains.items()):
            for start in range(0, len(numbers), _MOST):
                lines.append("color #2/%s:%s %s" % (
                    chain, ",".join(numbers[start:start + _MOST]), colour))
    lines += ["# The same model with the values of an item in the place of the B factors; open one",
              "# and colour it by: color byattribute bfactor"]
    return lines + ["# %s %s: open %s" % (item.id, entry.description, quoted(path))
                    for item, entry, path in models]


def _colouring(local, first, translucent):
    """The maps of local properties, by the first of which the map is coloured."""
    if not local:
        return ["transparency #1 50"] if translucent else []
    lines = ["",
             "# Local properties, by which the map can be coloured; leave out the # before one."]
    for number, (_, _, path) in enumerate(local, first):
        lines += ["open %s" % quoted(path), "volume #%d hide" % number]
    for number, (item, entry, _) in enumerate(local, first):
        low, high = entry.limits or (None, None)
        ends = "" if None in (low, high) or low == high else " range %.6g,%.6g" % (low, high)
        lines += ["# %s %s" % (item.id, entry.description),
                  "%scolor sample #1 map #%d palette %s%s" % (
                      "# " if number > first else "", number, PALETTE, ends)]
    # Colours bring their own transparency.
    return lines + (["transparency #1 50"] if translucent else [])


def quoted(path):
    """A path as ChimeraX reads it."""
    return '"%s"' % path.replace("\\", "\\\\").replace('"', '\\"')


def redirected(script, moved):
    """The commands with the paths of files that were moved.

    Parameters
    ----------
    script : str
    moved : dict of str to str
        New paths by the old ones.

    Returns
    -------
    str
    """
    def place(match):
        path = re.sub(r"\\(.)", r"\1", match.group(1))
        return quoted(moved.get(path, path))
    return _QUOTED.sub(place, script)
