"""Where the atomic model lies in the map, and whether it fits there at all."""

from dataclasses import dataclass
from typing import List, Tuple

import gemmi
import numpy as np

from vrs.checks.shared import Shared
from vrs.inputs.map import MAP
from vrs.inputs.model import MODEL
from vrs.numerics.placement import FITS, POOR, RANDOM, candidate_frames, find_placement
from vrs.results import INFORMATIVE, MINOR, SERIOUS, Note, Paragraph, Table, travels

# Smaller shifts (Å), turns (°) and scales are not worth words.
_SMALLEST_SHIFT, _SMALLEST_TURN, _SMALLEST_SCALE = 0.05, 0.5, 0.002


@travels
@dataclass
class Placement:
    """Where a model lies in a map.

    Attributes
    ----------
    shift : list of float
        What brings it into the frame in which the first voxel is at the origin: x, y, z, Å.
    name : str
        Of the convention that was taken, in the middle of a sentence.
    correlation : float
        Of the map with the model's density, around the model.
    tried : list of (str, float)
        Conventions with their correlations.
    random : tuple of float
        Mean, deviation and maximum of the correlation over random placements.
    problem : str
        Why the model does not fit; empty when it does.
    advice : str
        What would make it fit, or fit better, at the end of a sentence; empty where nothing does.
    """

    shift: List[float]
    name: str
    correlation: float
    tried: List[Tuple[str, float]]
    random: Tuple[float, float, float]
    problem: str = ""
    advice: str = ""


@dataclass
class PlacedModel:
    """A model in the frame of a map.

    Attributes
    ----------
    structure : gemmi.Structure
        The first voxel is at the origin.
    placement : Placement
    """

    structure: gemmi.Structure
    placement: Placement


def place_model(data):
    """Find the frame in which a model fits the map, see :mod:`vrs.numerics.placement`.

    A fit is a correlation of at least 0.5; one of 0.3 to 0.5 counts as poor, a lower one or one
    that random orientations and positions of the model reach as well as none.

    Parameters
    ----------
    data : vrs.inputs.Evidence
        With a map and a model.

    Returns
    -------
    Placement
    """
    frames = candidate_frames(data.map.box, data.map.sampling, data.map.start,
                              data.map.header_origin)
    found = find_placement(data.map.volume, data.map.sampling, data.model.structure[0], frames,
                           data.reported.resolution, data.run.seed, data.run.workers)
    return Placement(
        list(found.frame.shift), found.frame.name, found.correlation,
        [(frame.name, value) for frame, value in found.tried], found.random, _problem(found),
        _advice(found.correction) if found.correction else "")


def _placed(data, placement):
    return PlacedModel(_moved(data.model.structure, placement.shift), placement)


def _described(placed):
    placement = placed.placement
    table = Table(["Frame of the model", "Correlation"],
                  [[name[0].upper() + name[1:], "%.3f" % value] for name, value in placement.tried]
                  + [["%d random placements, mean and deviation" % RANDOM,
                      "%.3f ± %.3f" % tuple(placement.random[:2])],
                     ["%d random placements, best" % RANDOM, "%.3f" % placement.random[2]]],
                  "Correlation of the map with the density of the model, around the model.")
    return _verdicts(placement), [
        Paragraph("Before anything else is asked of a model, it has to lie in the map. Programs do "
                  "not agree on what a map's header says of its position, so all conventions in "
                  "use are tried; where the model fits in none, or not well, a movement, another "
                  "voxel size and the mirror image are tried too."), table]


PLACED_MODEL = Shared(
    "placement", "placing the model in the map", (MAP, MODEL), place_model, _placed,
    lambda placed: placed.placement.problem, _described)


def model_of(data):
    """The model in the frame of the map.

    Parameters
    ----------
    data : vrs.inputs.Evidence
        With a map and a model.

    Returns
    -------
    gemmi.Structure
        The first voxel is at the origin.
    """
    return data.shared(PLACED_MODEL).structure


def _problem(found):
    if found.fits:
        return ""
    if found.correlation < POOR:
        return ("The model does not fit the map in any of the usual frames: the best correlation "
                "is %.2f, and at least %g is needed." % (found.correlation, POOR))
    return ("The model does not fit the map: its correlation, %.2f, is not better than that of "
            "random placements, up to %.2f." % (found.correlation, found.random[2]))


def _advice(correction):
    """What a correction does, in words."""
    changes = []
    if correction.mirrored:
        changes.append("as its mirror image")
    if abs(correction.scale - 1) >= _SMALLEST_SCALE:
        changes.append("with a voxel size that is %.1f %% %s than the map's"
                       % (100 * abs(1 / correction.scale - 1),
                          "smaller" if correction.scale > 1 else "larger"))
    if correction.angle >= _SMALLEST_TURN:
        changes.append("after a turn by %.1f°" % correction.angle)
    if np.abs(correction.shift).max() >= _SMALLEST_SHIFT and not correction.mirrored:
        changes.append("after a shift by (%.1f, %.1f, %.1f) Å" % tuple(correction.shift))
    text = "%s (correlation %.2f)" % (" and ".join(changes), correction.correlation)
    if correction.mirrored:
        text += ", which means that the map or the model has the wrong hand"
    return text


def _verdicts(placement):
    if placement.problem:
        advice = " It fits %s." % placement.advice if placement.advice else ""
        return [Note(placement.problem + advice, SERIOUS)]
    by_header = placement.tried[0][0] == placement.name
    how = "" if placement.correlation >= FITS else "poorly "
    value = "%.2f" % placement.correlation
    if how:
        value += ", usual is %g or more" % FITS
    text = "The model fits the map %s(correlation %s)" % (how, value)
    if not by_header:
        text += ", but not by the header: it fits %s" % placement.name
    text += "."
    if placement.advice:
        text += " It fits better %s." % placement.advice
    if placement.advice:
        return [Note(text, SERIOUS)]
    return [Note(text, INFORMATIVE if by_header and not how else MINOR)]


def _moved(structure, shift):
    moved = structure.clone()
    moved[0].transform_pos_and_adp(gemmi.Transform(gemmi.Mat33(), gemmi.Vec3(*shift)))
    return moved
