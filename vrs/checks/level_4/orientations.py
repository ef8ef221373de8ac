"""What the items on the distribution of the orientations share."""

import numpy as np

from vrs.numerics import sphere
from vrs.results import SphereMap, Spot

_SPACING = 5  # Directions of a picture.


def view_map(views, group):
    """Figure of how many particles are seen from each direction.

    Parameters
    ----------
    views : numpy.ndarray, (n, 3)
        Directions of view.
    group : numpy.ndarray, (g, 3, 3)
        Rotations of the specimen's symmetry; a view counts with all its copies.

    Returns
    -------
    vrs.results.SphereMap
        Relative to an even distribution: 1 everywhere if all directions were seen alike.
    """
    directions = sphere.geodesic_directions()
    counts = np.zeros(len(directions))
    for rotation in group:
        nearest = np.abs(np.asarray(views, np.float32) @ (rotation @ directions.T).astype(
            np.float32)).argmax(axis=1)
        counts += np.bincount(nearest, minlength=len(directions))
    return SphereMap(
        "Directions from which the particles were seen, relative to an even distribution.",
        "The sphere of directions coloured by the number of particles seen from each.",
        directions, counts / counts.mean(), "Views, relative to their mean")


def direction_map(caption, alt, directions, values, label, unit="", worst=None):
    """Figure of a property by direction, with its worst direction marked."""
    spots = [] if worst is None else [Spot(list(map(float, worst)), "worst")]
    return SphereMap(caption, alt, np.asarray(directions), np.asarray(values), label, unit, spots)
