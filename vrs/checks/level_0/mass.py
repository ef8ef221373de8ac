"""0.a: is the macromolecule centred, with enough space around it?"""

import numpy as np

from vrs.checks import VECTOR, Check, Criterion, Findings, Quantity, register
from vrs.checks.requirements import WholeMap
from vrs.inputs.map import MAP
from vrs.results import Paragraph, Table, plain

# Below this ratio of the sum of densities to the sum of their absolute values
# positive and negative density cancel, and their centre of mass can be anywhere.
_LEAST_NET_MASS = 0.01


@register
class MassAnalysis(Check):
    """Support of the mask and centre of mass of the map within the box."""

    id = "0.a"
    title = "Mass analysis"
    requires = (MAP, WholeMap(service=MAP))
    explanation = (
        "The macromolecule should be in the middle of its box, with free space on every side: "
        "without that space the CTF, which spreads the signal of each point over a neighbourhood, "
        "cannot be corrected well. The space is measured between the mask with hard borders and "
        "the sides of the box. Maps of a focused refinement are expected to give warnings here; a "
        "box that was cut around a part of a larger map cannot be judged.")
    quantities = (
        Quantity("centre_of_mass", "voxels",
                 "Centre of mass of the whole map along X, Y and Z, counted from 0", VECTOR),
        Quantity("centre_of_mass_offset", "%", "|centre of mass − size/2| / size on X, Y and Z",
                 VECTOR),
        Quantity("decentering", "%", "|right − left| / box size on X, Y and Z", VECTOR),
        Quantity("left_gap", "Å",
                 "Free space between the box and the mask on the left of X, Y and Z: sampling × "
                 "first slice of the mask", VECTOR),
        Quantity("masked_centre_of_mass", "voxels", "Centre of mass of the density within the "
                 "mask", VECTOR),
        Quantity("masked_centre_of_mass_offset", "%",
                 "The same as the offset above, for the density within the mask", VECTOR),
        Quantity("right_gap", "Å",
                 "Free space on the right of X, Y and Z: sampling × (box size − last slice of the "
                 "mask)", VECTOR),
    )
    references = ("Sorzano2022",)
    criteria = (
        Criterion(name="decentering", subject="the decentering on each axis", relation="<=",
                  bound=20.0,
                  warning="The macromolecule is off centre along {axis}: the free spaces on its "
                  "two sides differ by {value:.1f} % of the box (at most {bound} %).", unit="%"),
        Criterion(name="centre_of_mass", metric="centre_of_mass_offset",
                  subject="the distance of the centre of mass from the box centre on each axis",
                  relation="<=", bound=20.0,
                  warning="The centre of mass is {value:.1f} % of the box off its centre along "
                  "{axis} (at most {bound} %).", unit="%"),
        Criterion(name="left_gap", subject="the free space on the left of each axis", relation=">=",
                  bound=20.0,
                  warning="There is only {value:.1f} Å of free space on the left along {axis} (at "
                  "least {bound} Å), which may be too little for the correction of the "
                  "CTF.", unit="Å"),
        Criterion(name="right_gap", subject="the free space on the right of each axis",
                  relation=">=", bound=20.0,
                  warning="There is only {value:.1f} Å of free space on the right along {axis} (at "
                  "least {bound} Å), which may be too little for the correction of the "
                  "CTF.", unit="Å"),
    )
    summary_ok = "The map is well centred and has enough space around it."
    summary_warnings = "The map may be off centre or have too little space around it."

    def compute(self, data):
        sizes = np.array(data.map.box)
        left, right = mask_gaps(data.map.hard_mask, data.map.sampling)
        decentering = 100 * np.abs(right - left) / (data.map.sampling * sizes)
        centre = centre_of_mass(data.map.volume)
        masked_centre = centre_of_mass(np.where(data.map.hard_mask, data.map.volume, 0))
        metrics = plain({
            "left_gap": left,
            "right_gap": right,
            "decentering": decentering,
            "centre_of_mass": centre,
            "centre_of_mass_offset": _offset(centre, sizes),
            "masked_centre_of_mass": masked_centre,
            "masked_centre_of_mass_offset": _offset(masked_centre, sizes),
        })
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
        values = metrics[name]
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
