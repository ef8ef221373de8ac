"""0.a: is the macromolecule centred, with enough space around it?"""

import numpy as np

from vrs.checks import Check, Criterion, Findings, Metric, Paragraph, Table, register
from vrs.checks.references import VALIDATION_LEVELS

# Below this ratio of the sum of densities to the sum of their absolute values
# positive and negative density cancel, and their centre of mass can be anywhere.
_LEAST_NET_MASS = 0.01


@register
class MassAnalysis(Check):
    """Support of the mask and centre of mass of the map within the box."""

    id = "0.a"
    title = "Mass analysis"
    needs = "map, threshold"
    explanation = (
        "The macromolecule should stand in the middle of its box, with free space on every side: "
        "without that space the CTF, which spreads the signal of each point over a neighbourhood, "
        "cannot be corrected well. The space is measured between the mask with hard borders and "
        "the sides of the box. Maps of a focused refinement or of a part cut out of a larger map "
        "are expected to give warnings here.")
    references = (VALIDATION_LEVELS,)
    criteria = (
        Criterion("decentering", "decentering", "the decentering on each axis", "<=", 20.0,
                  "The macromolecule is off centre along {axis}: the free spaces on its two sides "
                  "differ by {value:.1f} % of the box (at most {bound} %).", "%"),
        Criterion("centre_of_mass", "centre_of_mass_offset",
                  "the distance of the centre of mass from the box centre on each axis", "<=",
                  20.0, "The centre of mass is {value:.1f} % of the box off its centre along "
                  "{axis} (at most {bound} %).", "%"),
        Criterion("left_gap", "left_gap", "the free space on the left of each axis", ">=", 20.0,
                  "There are only {value:.1f} Å free on the left along {axis} (at least {bound} "
                  "Å), which may be too little for the correction of the CTF.", "Å"),
        Criterion("right_gap", "right_gap", "the free space on the right of each axis", ">=",
                  20.0, "There are only {value:.1f} Å free on the right along {axis} (at least "
                  "{bound} Å), which may be too little for the correction of the CTF.", "Å"),
    )
    summary_ok = "The map is well centred and has enough space around it."
    summary_warnings = "The map may be off centre or have too little space around it."

    def compute(self, data):
        sizes = np.array(data.box)
        left, right = mask_gaps(data.hard_mask, data.sampling)
        decentering = 100 * np.abs(right - left) / (data.sampling * sizes)
        centre = centre_of_mass(data.volume)
        masked_centre = centre_of_mass(np.where(data.hard_mask, data.volume, 0))
        metrics = {
            "left_gap": Metric(left, "Å", "Free space between the box and the mask on the left of "
                               "X, Y and Z: sampling × first slice of the mask"),
            "right_gap": Metric(right, "Å", "Free space on the right of X, Y and Z: sampling × "
                                "(box size − last slice of the mask)"),
            "decentering": Metric(decentering, "%", "|right − left| / box size on X, Y and Z"),
            "centre_of_mass": Metric(centre, "voxels", "Centre of mass of the whole map along X, "
                                     "Y and Z, counted from 0"),
            "centre_of_mass_offset": Metric(
                _offset(centre, sizes), "%", "|centre of mass − size/2| / size on X, Y and Z"),
            "masked_centre_of_mass": Metric(
                masked_centre, "voxels", "Centre of mass of the density within the mask"),
            "masked_centre_of_mass_offset": Metric(
                _offset(masked_centre, sizes), "%", "The same as the offset above, for the "
                "density within the mask"),
        }
        return Findings(metrics, [_table(metrics)] + _remarks(centre))


def mask_gaps(mask, sampling):
    """Free space between a mask and the sides of its box.

    Parameters
    ----------
    mask : numpy.ndarray of bool, (z, y, x)
        Not empty.
    sampling : float
        Å/voxel.

    Returns
    -------
    left, right : numpy.ndarray of float64, (3,)
        Å along x, y, z: Ts·first and Ts·(size - last), as the box centre is at size/2.
    """
    left, right = [], []
    for axis in (2, 1, 0):
        others = tuple(other for other in range(3) if other != axis)
        occupied = np.flatnonzero(mask.any(axis=others))
        left.append(occupied[0])
        right.append(mask.shape[axis] - occupied[-1])
    return sampling * np.array(left), sampling * np.array(right)


def centre_of_mass(volume):
    """Centre of mass of a density.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)

    Returns
    -------
    numpy.ndarray of float64, (3,), or None
        Voxels x, y, z from 0; None when positive and negative densities cancel, as
        the quotient is then at the mercy of the noise.
    """
    profile_zy = volume.sum(axis=2, dtype=np.float64)
    in_z, in_y = profile_zy.sum(axis=1), profile_zy.sum(axis=0)
    in_x = volume.sum(axis=0, dtype=np.float64).sum(axis=0)
    total = in_x.sum()
    absolute = sum(np.abs(plane).sum(dtype=np.float64) for plane in volume)
    if abs(total) <= _LEAST_NET_MASS * absolute:
        return None
    return np.array([profile @ np.arange(profile.size) / total for profile in (in_x, in_y, in_z)])


def _offset(centre, sizes):
    return None if centre is None else 100 * np.abs(centre - sizes / 2) / sizes


def _table(metrics):
    def row(name, form):
        values = metrics[name].value
        return [form % value for value in values] if values else ["undefined"] * 3

    return Table(
        ["", "X", "Y", "Z"],
        [["Free on the left (Å)"] + row("left_gap", "%.2f"),
         ["Free on the right (Å)"] + row("right_gap", "%.2f"),
         ["Decentering (%)"] + row("decentering", "%.2f"),
         ["Centre of mass (voxels)"] + row("centre_of_mass", "%.2f"),
         ["Centre of mass off the box centre (%)"] + row("centre_of_mass_offset", "%.2f"),
         ["The same within the mask (%)"] + row("masked_centre_of_mass_offset", "%.2f")],
        "Position of the macromolecule in its box.")


def _remarks(centre):
    if centre is not None:
        return []
    return [Paragraph(
        "The positive and negative densities of this map cancel, so the centre of mass of the "
        "whole map is undefined and its criterion is not evaluated; the one within the mask is "
        "given.")]
