"""Where the atomic model lies in the map, and whether it fits there at all."""

import itertools
from dataclasses import dataclass
from typing import List, Tuple

import gemmi
import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from vrs.checks.shared import Shared
from vrs.inputs.map import MAP
from vrs.inputs.model import MODEL
from vrs.results import Note, Paragraph, Table, travels

FITS, POOR = 0.5, 0.3
# Random placements scatter about 0; this many deviations above their mean is no chance.
_DEVIATIONS = 5.0
_RANDOM = 100
_POINTS = 50_000
# A Gaussian of this width in units of the resolution falls to 1/e there in Fourier space.
_WIDTH = 0.225
_USUAL_RESOLUTION = 3.0
_MASK_PART = 0.05


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
    """

    shift: List[float]
    name: str
    correlation: float
    tried: List[Tuple[str, float]]
    random: Tuple[float, float, float]
    problem: str = ""


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
    """Find the frame in which a model fits the map.

    The convention of the header comes first. When the model fits poorly there, the other
    usual ones are tried and the best one is taken. A fit is a correlation of at least
    0.5; one of 0.3 to 0.5 counts as poor, a lower one or one that random orientations and
    positions of the model reach as well as none.

    Parameters
    ----------
    data : vrs.inputs.Evidence
        With a map and a model.

    Returns
    -------
    Placement
    """
    blurred = _BlurredModel(data)
    candidates = _conventions(data, np.asarray(data.map.origin, float))
    tried = [(name, blurred.correlation(shift)) for name, shift in candidates[:1]]
    if tried[0][1] < FITS:
        tried += [(name, blurred.correlation(shift)) for name, shift in candidates[1:]]
    best = int(np.argmax([correlation for _, correlation in tried]))
    name, correlation = tried[best]
    random = blurred.random_correlations(np.random.default_rng(data.run.seed))
    spread = float(random.mean()), float(random.std()), float(random.max())
    return Placement(candidates[best][1].tolist(), name, correlation, tried, spread,
                     _problem(correlation, spread))


def _placed(data, placement):
    return PlacedModel(_moved(data.model.structure, placement.shift), placement)


def _described(placed):
    placement = placed.placement
    table = Table(["Frame of the model", "Correlation"],
                  [[name[0].upper() + name[1:], "%.3f" % value] for name, value in placement.tried]
                  + [["%d random placements, mean and deviation" % _RANDOM,
                      "%.3f ± %.3f" % tuple(placement.random[:2])],
                     ["%d random placements, best" % _RANDOM, "%.3f" % placement.random[2]]],
                  "Correlation of the map with the density of the model, around the model.")
    return [_verdict(placement)], [
        Paragraph("Before anything else is asked of a model, it has to lie in the map. Programs do "
                  "not agree on what a map's header says of its position; where the model does "
                  "not fit by the header, the other conventions in use are tried."), table]


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


def _conventions(data, origin):
    """Names of the frames that programs use, and the shifts (x, y, z, Å) into the map's."""
    half = np.array(data.map.box) // 2 * data.map.sampling
    found = [("by the header of the map", -origin)]
    others = [("with the origin at the first voxel", 0 * origin),
              ("by the header with the opposite sign", origin),
              ("with the origin in the middle of the box", half),
              ("with the middle of the box at minus the origin", -half)]
    for name, shift in others:
        if not any(np.allclose(shift, known, atol=0.01) for _, known in found):
            found.append((name, shift))
    return found


def _problem(correlation, random):
    mean, deviation, highest = random
    if correlation < POOR:
        return ("The model does not fit the map in any of the usual frames: the best correlation "
                "is %.2f, and at least %g is needed." % (correlation, POOR))
    if correlation <= highest or correlation < mean + _DEVIATIONS * deviation:
        return ("The model does not fit the map: its correlation, %.2f, is not better than that of "
                "random placements, up to %.2f." % (correlation, highest))
    return ""


def _verdict(placement):
    if placement.problem:
        return Note(placement.problem, "warning")
    by_header = placement.tried[0][0] == placement.name
    where = "" if by_header else ", but not by the header: it fits %s" % placement.name
    if placement.correlation < FITS:
        return Note("The model fits the map poorly (correlation %.2f, usual is %g or more)%s."
                    % (placement.correlation, FITS, where), "warning")
    return Note("The model fits the map (correlation %.2f)%s." % (placement.correlation, where),
                "note" if by_header else "warning")


def _moved(structure, shift):
    moved = structure.clone()
    moved[0].transform_pos_and_adp(gemmi.Transform(gemmi.Mat33(), gemmi.Vec3(*shift)))
    return moved


class _BlurredModel:
    """Density of a model at the resolution of the map, and its correlation with the map.

    Atoms count by their electrons and are Gaussians of 0.225 times the resolution, as is
    usual for such maps; the correlation is over where the model has density.
    """

    def __init__(self, data):
        self._map, self._seed = data.map, data.run.seed
        sites = [site.atom for site in data.model.structure[0].all()]
        positions = np.array([atom.pos.tolist() for atom in sites])
        weights = np.array([atom.occ * atom.element.atomic_number for atom in sites])
        resolution = data.reported.resolution or _USUAL_RESOLUTION * data.map.sampling
        density, start = _density(positions / data.map.sampling, weights,
                                  _WIDTH * resolution / data.map.sampling)
        strong = np.percentile(density[density > 0.01 * density.max()], 95)
        places = np.argwhere(density > _MASK_PART * strong)
        if len(places) > _POINTS:
            rng = np.random.default_rng(data.run.seed)
            places = places[rng.choice(len(places), _POINTS, replace=False)]
        self._values = density[tuple(places.T)]
        self._points = (places[:, ::-1] + start) * data.map.sampling

    def correlation(self, shift):
        """Correlation when the model is moved by a shift (x, y, z, Å)."""
        return self._correlation(self._points + shift)

    def random_correlations(self, rng):
        """Correlations of random orientations whose centre lies anywhere in the box."""
        centred = self._points - self._points.mean(axis=0)
        size = np.array(self._map.box) * self._map.sampling
        return np.array([
            self._correlation(rotation.apply(centred) + rng.uniform(0, size))
            for rotation in Rotation.random(_RANDOM, random_state=self._seed)])

    def _correlation(self, points):
        found = ndimage.map_coordinates(
            self._map.volume, (points / self._map.sampling)[:, ::-1].T, order=1, mode="constant")
        if found.std() == 0:
            return 0.0
        return float(np.corrcoef(self._values, found)[0, 1])


def _density(positions, weights, width):
    """Gaussians at positions (x, y, z, voxels), on a grid of their own.

    Returns the density, (z, y, x), and the place (x, y, z) of its first voxel.
    """
    margin = int(np.ceil(4 * width)) + 2
    start = np.floor(positions.min(axis=0)).astype(int) - margin
    size = np.ceil(positions.max(axis=0)).astype(int) + margin + 1 - start
    density = np.zeros(size[::-1], np.float32)
    places = (positions - start)[:, ::-1]
    corners = np.floor(places).astype(int)
    for corner in itertools.product((0, 1), repeat=3):
        # Each atom is shared out to the eight voxels around it.
        shares = np.abs(1 - np.array(corner) - (places - corners)).prod(axis=1)
        np.add.at(density, tuple((corners + corner).T), weights * shares)
    return ndimage.gaussian_filter(density, width, mode="constant"), start
