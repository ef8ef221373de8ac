"""Where the atomic model lies in the map, and whether it fits there at all."""

from dataclasses import dataclass, field, replace
from typing import List, Tuple

import gemmi
import numpy as np

from vrs.checks.residues import residues_of
from vrs.checks.shared import Shared
from vrs.errors import NotMeasured
from vrs.inputs.map import MAP
from vrs.inputs.model import MODEL
from vrs.numerics.placement import (DEVIATIONS, FITS, POOR, RANDOM, candidate_frames,
                                     find_placement)
from vrs.results import (INFORMATIVE, MINOR, SERIOUS, Note, Overlay, Paragraph, Status, Table,
                         travels)

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
    movement : list of float
        Where it does not fit, what takes it from there to where it fits, or else correlates best:
        a rotation matrix by rows and a shift, x, y, z, Å; empty where no movement does.
    found : float
        Correlation where the movement takes it, or with what the advice says.
    fits : bool
        Whether it fits, where it lies or where the movement takes it.
    left_out : int
        Atoms too far from the others to be in the map along with them.
    """

    shift: List[float]
    name: str
    correlation: float
    tried: List[Tuple[str, float]]
    random: Tuple[float, float, float]
    problem: str = ""
    advice: str = ""
    movement: List[float] = field(default_factory=list)
    found: float = 0.0
    fits: bool = True
    left_out: int = 0

    @property
    def margin(self):
        """Correlation where it lies, less what a fit needs."""
        mean, deviation, highest = self.random
        return self.correlation - max(POOR, highest, mean + DEVIATIONS * deviation)

    @property
    def gain(self):
        """By how much the correlation rises with what the advice says."""
        return self.found - self.correlation if self.advice else 0.0


@dataclass
class PlacedModel:
    """A model in the frame of a map, where it fits it or else correlates best with it.

    Attributes
    ----------
    structure : gemmi.Structure
        The first voxel is at the origin.
    placement : Placement
    threshold : float
        Of the map.
    """

    structure: gemmi.Structure
    placement: Placement
    threshold: float


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
    problem, correction = _problem(found), found.correction
    placement = Placement(
        list(found.frame.shift), found.frame.name, found.correlation,
        [(frame.name, value) for frame, value in found.tried], found.random, problem,
        _advice(correction) if correction else "",
        found=correction.correlation if correction else found.correlation, fits=not problem,
        left_out=found.left_out)
    if problem:
        placement.fits = bool(correction and _is_rigid(correction))
        movement = correction if placement.fits else found.best
        if movement is not None:
            matrix, vector = _rigid(movement).transform()
            placement.movement = [float(value) for value in (*matrix.ravel(), *vector)]
            placement.found = movement.correlation
    return placement


def _is_rigid(correction):
    return not correction.mirrored and abs(correction.scale - 1) < _SMALLEST_SCALE


def _rigid(correction):
    """A correction without a growth that is too small for words."""
    grown = (correction.scale - 1) * np.array(correction.centre)
    return replace(correction, scale=1.0, shift=tuple(correction.shift + grown))


def _placed(data, placement):
    structure = data.model.structure.clone()
    _move(structure, np.eye(3), placement.shift)
    if placement.movement:
        _move(structure, np.reshape(placement.movement[:9], (3, 3)), placement.movement[9:])
    return PlacedModel(structure, placement, float(data.map.threshold))


def _described(placed):
    placement = placed.placement
    table = Table(["Frame of the model", "Correlation"],
                  [[name[0].upper() + name[1:], "%.3f" % value] for name, value in placement.tried]
                  + [["%d random placements, mean and deviation" % RANDOM,
                      "%.3f ± %.3f" % tuple(placement.random[:2])],
                     ["%d random placements, best" % RANDOM, "%.3f" % placement.random[2]]],
                  "Correlation of the map with the density of the model, around the model.")
    residues = residues_of(placed.structure)
    overlay = Overlay(
        "The model (orange) in the surface of the map at threshold %.4g." % placed.threshold,
        "The chains of the model seen through the surface of the map along X, Y and Z.",
        "map", placed.threshold, residues.positions, residues.pieces)
    return _verdicts(placement), [
        Paragraph("A model has to lie in the map before anything else can be asked of it. Programs "
                  "disagree on how a map's header gives its position, so all conventions in use "
                  "are tried; where the model fits in none, or not well, a movement, another voxel "
                  "size and the mirror image are tried too."), table, overlay]


PLACED_MODEL = Shared(
    "placement", "placing the model in the map", (MAP, MODEL), place_model, _placed, _described)


class _FittingModel:
    """The requirement that the model fits somewhere, for items that cannot tell when it does not.
    """

    words = "a model that fits it"

    def unmet(self, evidence):
        """Why an item that requires it cannot be computed, None when it can."""
        try:
            placement = evidence.shared(PLACED_MODEL).placement
        except NotMeasured as error:
            return Status.NOT_MEASURED, str(error)
        return None if placement.fits else (Status.NOT_APPLICABLE, placement.problem)


FITTING_MODEL = _FittingModel()


def model_of(data):
    """The model in the frame of the map, where it fits it or else correlates best with it.

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


def verdict(placement):
    """Whether a model fits, what would make it fit or fit better, and where it is measured.

    Parameters
    ----------
    placement : Placement

    Returns
    -------
    str
        Sentences.
    """
    if placement.problem:
        return " ".join([placement.problem] + ["It fits %s." % placement.advice] * bool(
            placement.advice) + ["Level A measures it %s." % _measured_at(placement)])
    value = "%.2f" % placement.correlation
    if placement.correlation < FITS:
        value += ", usual is %g or more" % FITS
    text = "The model fits the map %s(correlation %s)" % (
        "" if placement.correlation >= FITS else "poorly ", value)
    if not _is_by_header(placement):
        text += ", but not by the header: it fits %s" % placement.name
    text += "."
    if placement.advice:
        text += " It fits better %s." % placement.advice
    return text


def _measured_at(placement):
    if placement.fits:
        return "there"
    if placement.movement:
        return ("where it correlates best, %.2f, which is not better than chance"
                % placement.found)
    return "where it lies"


def _is_by_header(placement):
    return not placement.tried or placement.tried[0][0] == placement.name


def _verdicts(placement):
    notes = []
    if placement.left_out:
        far = "1 atom lies" if placement.left_out == 1 else "%d atoms lie" % placement.left_out
        notes.append(Note("%s so far from the others that no map of this size can contain all; the "
                          "model was placed without regard to this." % far, MINOR))
    if placement.problem or placement.advice:
        severity = SERIOUS
    elif _is_by_header(placement) and placement.correlation >= FITS:
        severity = INFORMATIVE
    else:
        severity = MINOR
    return notes + [Note(verdict(placement), severity)]


def _move(structure, matrix, shift):
    structure[0].transform_pos_and_adp(gemmi.Transform(gemmi.Mat33(matrix.tolist()),
                                                       gemmi.Vec3(*shift)))
