"""Orientations of simulated particles, and what they leave unseen."""

import numpy as np

# Side views tilt from the side by this much, degrees (standard deviation).
_SIDE_SPREAD = 5.0
# Top views lie within this angle of the z axis, degrees.
TOP_CAP = 60.0

# What the truth says of each kind.
DESCRIPTIONS = {
    "uniform": {
        "density": "uniform over all orientations",
        "bad_directions": "none",
        "empty_cone_half_angle": 0.0,
    },
    "side": {
        "density": "views from the side: tilt is normal about 90°, standard deviation %g°; rot and "
                   "psi are uniform" % _SIDE_SPREAD,
        "bad_directions": "all that are perpendicular to z, where images are fewest; z is best",
        "empty_cone_half_angle": 0.0,
    },
    "top": {
        "density": "views from the top: uniform over directions within %g° of z; psi is uniform"
                   % TOP_CAP,
        "bad_directions": "z; nothing is seen within %g° of it" % (90 - TOP_CAP),
        "empty_cone_half_angle": 90 - TOP_CAP,
    },
}


def draw_angles(kind, count, rng):
    """Angles of particles.

    Parameters
    ----------
    kind : str
        A key of ``DESCRIPTIONS``.
    count : int
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray, (count, 3)
        rot, tilt and psi, degrees.
    """
    rot, psi = rng.uniform(-180, 180, (2, count))
    if kind == "side":
        tilt = 90 + _SIDE_SPREAD * rng.standard_normal(count)
    else:
        lowest = {"uniform": -1, "top": np.cos(np.radians(TOP_CAP))}[kind]
        tilt = np.degrees(np.arccos(rng.uniform(lowest, 1, count)))
    return np.column_stack([rot, tilt, psi])


def relative_sampling(views, directions, width=0.05):
    """How many central sections pass through directions of Fourier space, uniform being 1.

    A section holds the directions perpendicular to its view. Counted are the views v with
    abs(d·v) below the width, of which a uniform distribution has that very fraction.

    Parameters
    ----------
    views, directions : numpy.ndarray, (n, 3)
        Unit vectors.
    width : float
        Sine of the angle within which a section counts.

    Returns
    -------
    numpy.ndarray, (directions,)
    """
    seen = [np.mean(np.abs(views @ direction) < width) for direction in directions]
    return np.array(seen) / width
