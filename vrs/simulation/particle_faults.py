"""Faults of particles that checks have to find, planted in tables and images."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from vrs.images.particles import ParticleTable

# What the example can plant, and what the truth says of it.
FAULTS = {
    "junk": "images of nothing but noise",
    "angles": "particles with random angles",
    "defocus": "micrographs whose defocus is said to be larger than it is",
    "states": "particles of which one chain lies elsewhere than in the map",
    "permuted": "each particle has the angles of another",
    "pixel": "a pixel size that is said to be larger than it is",
}
# Shares of the particles, and of the micrographs.
_JUNK, _WRONG_ANGLES, _SECOND_STATE, _MICROGRAPHS = 0.25, 0.3, 0.4, 0.2
_DEFOCUS_ERROR = 1500.0  # Å
DISPLACEMENT = (0.0, 0.0, 10.0)  # of the chain along x, y and z of the map, Å
_PIXEL_FACTOR = 1.03


def with_random_angles(table, wrong, seed):
    """The table with random orientations of some particles.

    Parameters
    ----------
    table : vrs.images.particles.ParticleTable
    wrong : numpy.ndarray of bool, (n,)
    seed : int

    Returns
    -------
    vrs.images.particles.ParticleTable
    """
    rotations = np.array(table.rotations)
    rotations[wrong] = Rotation.random(len(table), random_state=seed).as_matrix()[wrong]
    return replace(table, rotations=rotations)


def with_angles_of(table, others):
    """The table with each particle's orientation replaced by that of another.

    Parameters
    ----------
    table : vrs.images.particles.ParticleTable
    others : numpy.ndarray of int, (n,)
        Rows that orientations are taken from.

    Returns
    -------
    vrs.images.particles.ParticleTable
    """
    return replace(table, rotations=table.rotations[others])


def with_defocus_errors(table, errors):
    """The table with the defocus of some micrographs too large.

    Parameters
    ----------
    table : vrs.images.particles.ParticleTable
    errors : dict of int to float
        Å by micrograph.

    Returns
    -------
    vrs.images.particles.ParticleTable
    """
    defocus = np.array(table.defocus)
    for number, error in errors.items():
        defocus[table.micrograph == number, :2] += error
    return replace(table, defocus=defocus)


def with_pixel_size(table, factor):
    """The table as if the pixel size had been taken for another from the beginning.

    The shifts are the same in pixels, and the defocus, fitted at frequencies that are too small
    by the factor, is too large by its square.

    Parameters
    ----------
    table : vrs.images.particles.ParticleTable
    factor : float
        By which the pixels are said to be larger than they are.

    Returns
    -------
    vrs.images.particles.ParticleTable
    """
    optics = tuple(replace(group, sampling=float("%.7g" % (factor * group.sampling)))
                   for group in table.optics)
    return replace(table, optics=optics, shifts=factor * table.shifts,
                   defocus=table.defocus * (factor ** 2, factor ** 2, 1))


@dataclass(frozen=True, eq=False)
class PlantedFaults:
    """Particles with faults.

    Attributes
    ----------
    table : vrs.images.particles.ParticleTable
        What is said of them.
    junk, displaced : numpy.ndarray of bool, (n,)
        Images of nothing but noise, and of the second state.
    truth : dict of str to dict
        What was planted, by fault; rows of particles count from 1.
    """

    table: ParticleTable
    junk: np.ndarray
    displaced: np.ndarray
    truth: dict


def plant(table, faults, seed):
    """Decide which particles have which faults, and plant those of the table.

    What one fault hits does not depend on the others, but for images of noise, which have no
    state.

    Parameters
    ----------
    table : vrs.images.particles.ParticleTable
        The true one.
    faults : collection of str
        Keys of ``FAULTS``.
    seed : int

    Returns
    -------
    PlantedFaults
    """
    count, truth = len(table), {}
    draws = {name: np.random.default_rng([seed, number]) for number, name in enumerate(FAULTS)}
    junk, wrong, displaced = (
        (draws[name].random(count) < share) & (name in faults) for name, share in (
            ("junk", _JUNK), ("angles", _WRONG_ANGLES), ("states", _SECOND_STATE)))
    displaced &= ~junk
    if "junk" in faults:
        truth["junk"] = _rows(junk)
    if "states" in faults:
        truth["states"] = dict(_rows(displaced), displacement=list(DISPLACEMENT))
    if "permuted" in faults:
        others = draws["permuted"].permutation(count)
        table = with_angles_of(table, others)
        truth["permuted"] = {"has_the_angles_of": (others + 1).tolist()}
    if "angles" in faults:
        table = with_random_angles(table, wrong, seed + 2)
        truth["angles"] = _rows(wrong)
    if "defocus" in faults:
        names = table.micrograph_names
        chosen = np.sort(draws["defocus"].permutation(len(names))[
            :int(np.ceil(_MICROGRAPHS * len(names)))]).tolist()
        table = with_defocus_errors(table, dict.fromkeys(chosen, _DEFOCUS_ERROR))
        truth["defocus"] = {"error": _DEFOCUS_ERROR, "share": round(len(chosen) / len(names), 4),
                            "micrographs": [names[number] for number in chosen]}
    if "pixel" in faults:
        [optics] = table.optics
        table = with_pixel_size(table, _PIXEL_FACTOR)
        truth["pixel"] = {"true": optics.sampling, "said": table.optics[0].sampling,
                          "factor": _PIXEL_FACTOR}
    for name, facts in truth.items():
        facts["what"] = FAULTS[name]
    return PlantedFaults(table, junk, displaced, truth)


def _rows(chosen):
    rows = np.flatnonzero(chosen) + 1
    return {"share": round(len(rows) / len(chosen), 4), "count": len(rows),
            "particles": rows.tolist()}
