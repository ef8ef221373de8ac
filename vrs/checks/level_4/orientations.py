"""What the items on the distribution of the orientations share."""

import numpy as np
from scipy.spatial import cKDTree

from vrs.errors import NotMeasured
from vrs.numerics import sphere
from vrs.results import SphereMap, SpherePanel, Spot, WholeSpheres

_CHUNK = 50000  # Views that are sorted at a time.
# Directions over the whole sphere: of bins for views, and of those that are shown, 3.5° apart.
_BINS, _SHOWN = 40000, 3000


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


def sphere_maps(views, group, directions, sampling):
    """Figure of the views over the whole sphere beside the sampling of Fourier space.

    Parameters
    ----------
    views : numpy.ndarray, (n, 3)
        Directions of view.
    group : numpy.ndarray, (g, 3, 3)
        A view counts with all its copies by symmetry.
    directions : numpy.ndarray, (m, 3)
        Of Fourier space, one of each pair of opposites.
    sampling : numpy.ndarray, (m,)
        Relative to its mean.

    Returns
    -------
    vrs.results.WholeSpheres
    """
    shown = sphere.spiral(_SHOWN, whole=True)
    nearest = cKDTree(shown).query
    bins, counts = np.asarray(views, float), np.ones(len(views))
    if len(bins) > _BINS:  # all copies of all views would take long
        fine = sphere.spiral(_BINS, whole=True)
        counts = np.bincount(cKDTree(fine).query(bins)[1], minlength=_BINS)
        bins = fine
    found = sum(np.bincount(nearest(bins @ rotation)[1], counts, _SHOWN) for rotation in group)
    return WholeSpheres(
        "Directions of view of the particles, with their copies by symmetry (left), and how often "
        "each direction of Fourier space is sampled (right), both relative to an even "
        "distribution, over the whole sphere in the Mollweide projection, which preserves areas: "
        "the azimuth runs from left to right with X in the middle, the tilt from Z at the top, 0°, "
        "to 180° at the bottom.",
        "Two maps of the whole sphere: views of the particles and sampling of Fourier space.",
        [SpherePanel("Views, relative to their mean", shown, found / found.mean()),
         SpherePanel("Sampling, relative to its mean", np.vstack([directions, -directions]),
                     np.tile(sampling, 2))])


def direction_map(caption, alt, directions, values, label, unit="", worst=None):
    """Figure of a property by direction, with its worst direction marked."""
    spots = [] if worst is None else [Spot(list(map(float, worst)), "worst")]
    return SphereMap(caption, alt, np.asarray(directions), np.asarray(values), label, unit, spots)
