"""What the items on the distribution of the orientations share."""

import numpy as np

from vrs.errors import NotMeasured
from vrs.numerics import sphere
from vrs.results import SphereMap, Spot

_CHUNK = 50000  # Views that are sorted at a time.


def require_particles(count, fewest, why):
    """Raise NotMeasured where there are too few particles; ``why`` says what is wrong with them."""
    if count < fewest:
        raise NotMeasured("The table has %s; at least %d are needed, as fewer %s." % (
            "1 particle" if count == 1 else "%d particles" % count, fewest, why))


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
    views = np.asarray(views, np.float32)
    for rotation in group:
        copies = (rotation @ directions.T).astype(np.float32)
        for start in range(0, len(views), _CHUNK):
            heights = views[start:start + _CHUNK] @ copies
            nearest = np.abs(heights, out=heights).argmax(axis=1)
            counts += np.bincount(nearest, minlength=len(directions))
    return SphereMap(
        "Directions from which the particles were seen, relative to an even distribution.",
        "The sphere of directions coloured by the number of particles seen from each.",
        directions, counts / counts.mean(), "Views, relative to their mean")


def direction_map(caption, alt, directions, values, label, unit="", worst=None):
    """Figure of a property by direction, with its worst direction marked."""
    spots = [] if worst is None else [Spot(list(map(float, worst)), "worst")]
    return SphereMap(caption, alt, np.asarray(directions), np.asarray(values), label, unit, spots)
