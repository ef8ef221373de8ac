"""1.f: does each place of the map resolve alike in all directions?"""

import math
from dataclasses import replace

import numpy as np
from scipy import ndimage

from vrs.checks import (Check, Criterion, Findings, Mark, Metric, NotMeasured, Paragraph, Plot,
                        Reference, Series, SphereMap, Spot, Table, register)
from vrs.checks.estimates import ratio_criterion, reported_ratio
from vrs.checks.level_1.directional import by_region
from vrs.checks.local import local_figures, percentiles
from vrs.checks.sections import central_slices
from vrs.numerics.monogenic import anisotropy, directional_resolution

_METHOD = "the mean directional resolution"
_MOST_POINTS = 20000
_SHELL = 2  # points of the lattice
_SIGNIFICANT = 0.001


@register
class MonoDir(Check):
    """Local resolution by direction from monogenic amplitudes."""

    id = "1.f"
    title = "Local and directional resolution, MonoDir"
    needs = "map, threshold, two half maps, reported resolution of 10 Å or better"
    explanation = (
        "As in item 1.e, the strength of the signal at each voxel is compared with the noise, here "
        "for the detail along one direction at a time: what lies in Fourier space within 20° of "
        "it, and in a band about each step, as noise that rises with frequency would hide what is "
        "coarser. There are 46 directions over half a sphere, about 21° apart. When particles were "
        "seen from a few sides only, some directions resolve worse than others all over the map. "
        "The anisotropy is how much the mean resolutions of the directions differ, relative to their "
        "mean and without the part that chance adds; in simulated maps it stays below 0.12 when "
        "all directions resolve alike and exceeds 0.17 when a cone of 30° resolves half as well. "
        "It counts only when an analysis of variance, with the number of independent places in "
        "the mask, leaves chance a probability below 0.001. Values are coarser than those of a "
        "Fourier shell correlation, as a place has to exceed 95 % of the noise, and directions "
        "are told apart at the cost of place: a voxel feels its surroundings of some 10 to 20 Å.")
    references = (Reference(
        "Vilas2020",
        "J.L. Vilas, H.D. Tagare, J. Vargas, J.M. Carazo, C.O.S. Sorzano. Measuring local-"
        "directional resolution and local anisotropy in cryo-EM maps. Nature Communications 11 "
        "(2020) 55.", "10.1038/s41467-019-13742-w"),)
    criteria = (
        Criterion("uniform", "significant_anisotropy",
                  "the anisotropy (the deviation of the directions' mean resolutions over their "
                  "mean; 0 when chance explains it, p ≥ 0.001)", "<=", 0.12,
                  "The resolution is not uniform over the directions: the anisotropy is "
                  "{value:.2f} (at most {bound})."),
        ratio_criterion("reported_ratio", _METHOD),
    )
    estimates = {"mean_resolution": "MonoDir, mean"}
    resolutions = (0, 10.0)
    summary_ok = "The resolution is uniform over the directions and agrees with the reported one."
    summary_warnings = ("The resolution by direction is not uniform or does not support the "
                        "reported one.")

    def compute(self, data):
        step = _lattice_step(data.hard_mask)
        lattice = data.hard_mask[::step, ::step, ::step]
        if np.array_equal(data.half1, data.half2):
            raise NotMeasured("The half maps are identical, so that their difference holds no "
                              "noise to compare the signal with.")
        directions, local = directional_resolution(
            data.half1, data.half2, data.hard_mask, step * np.argwhere(lattice),
            data.sampling, data.resolution, data.workers)
        return _findings(data, directions, local, lattice, step)


def _lattice_step(mask):
    """Voxels between the points at which the resolution is looked at."""
    step = max(1, math.ceil((np.count_nonzero(mask) / _MOST_POINTS) ** (1 / 3)))
    while not mask[::step, ::step, ::step].any():
        step -= 1
    return step


def _findings(data, directions, local, lattice, step):
    means = local.mean(axis=1, dtype=np.float64)
    axes, reached = by_region(directions, 1 / means)
    worst = axes[reached.argmin()]
    p_value, effect, independent = anisotropy(
        local, np.count_nonzero(data.hard_mask) * data.sampling ** 3, data.sampling,
        data.resolution)
    by_voxel = {"mean": local.mean(axis=0), "best": local.min(axis=0), "worst": local.max(axis=0)}
    profile = radial_means(np.argwhere(lattice) * step * data.sampling, by_voxel,
                           _SHELL * step * data.sampling)
    mean = float(means.mean())
    metrics = {
        "mean_resolution": Metric(mean, "Å", "Mean over directions and voxels"),
        "reported_ratio": reported_ratio(data, mean, _METHOD),
        "worst_direction": Metric(worst, "", "Middle of the 45° region of Fourier space that "
                                  "resolves worst (x, y, z)"),
        "worst_tilt": Metric(np.degrees(np.arccos(worst[2])), "°", "Its angle to Z"),
        "worst_rotation": Metric(np.degrees(np.arctan2(worst[1], worst[0])), "°",
                                 "Its angle about Z, from X"),
        "worst_resolution": Metric(means.max(), "Å", "Mean over the voxels in the worst of the "
                                   "46 directions"),
        "best_resolution": Metric(means.min(), "Å", "Mean over the voxels in the best of the 46 "
                                  "directions"),
        "anisotropy": Metric(effect, "", "Deviation of the directions' mean resolutions over "
                             "their mean, without the part that chance adds"),
        "significant_anisotropy": Metric(effect if p_value < _SIGNIFICANT else 0.0, "",
                                         "The anisotropy, 0 when chance explains it"),
        "p_value": Metric(p_value, "", "Probability of means as different as these when all "
                          "directions resolve alike"),
        "independent_places": Metric(independent, "", "Independent places in the mask"),
    }
    for name, values in by_voxel.items():
        key = "percentiles" if name == "mean" else "percentiles_" + name
        metrics[key] = percentiles(values, "Å", "Percentiles of the %s over the directions of "
                                   "each voxel" % name)
    volumes = {"monodir_" + name: (spread_over(values, lattice, step, data.hard_mask),
                                   "%s resolution over the directions (Å), 0 outside the mask"
                                   % name.capitalize()) for name, values in by_voxel.items()}
    return Findings(metrics, _content(data, metrics, directions, local, by_voxel, profile, volumes),
                    volumes)


def spread_over(values, lattice, step, mask):
    """Linear interpolation of values on a lattice at all voxels of the mask.

    Parameters
    ----------
    values : numpy.ndarray of float32, (points,)
    lattice : numpy.ndarray of bool, (z, y, x)
        ``mask[::step, ::step, ::step]``, the points in it.
    step : int
    mask : numpy.ndarray of bool, (z, y, x)

    Returns
    -------
    numpy.ndarray of float32, (z, y, x)
        0 outside the mask.
    """
    filled = np.zeros(lattice.shape, np.float32)
    filled[lattice] = values
    nearest = ndimage.distance_transform_edt(~lattice, return_distances=False,
                                             return_indices=True)
    result = ndimage.affine_transform(filled[tuple(nearest)], np.diag(np.full(3, 1 / step)),
                                      output_shape=mask.shape, order=1, mode="nearest")
    result[~mask] = 0
    return result


def radial_means(positions, values, width):
    """Means over the voxels of shells about the centre of the mask.

    Parameters
    ----------
    positions : numpy.ndarray, (points, 3)
        Å.
    values : dict of str to numpy.ndarray, (points,)
    width : float
        Of a shell, Å.

    Returns
    -------
    radii : numpy.ndarray, (shells,)
        Å, middles of those shells that hold points.
    means : dict of str to numpy.ndarray, (shells,)
    counts : numpy.ndarray of int, (shells,)
        Points in each: weighted by them, the means of the shells give that of all points.
    """
    radius = np.linalg.norm(positions - positions.mean(axis=0), axis=1)
    shell = (radius / width).astype(int)
    counts = np.bincount(shell)
    held = np.flatnonzero(counts)
    return (held + 0.5) * width, {name: np.bincount(shell, of)[held] / counts[held]
                                  for name, of in values.items()}, counts[held]


def _content(data, metrics, directions, local, by_voxel, profile, volumes):
    worst = metrics["worst_direction"].value
    spots = [Spot(worst, "worst")]
    preferred = 100 * np.bincount(local.argmin(axis=0), minlength=len(directions)) / local.shape[1]
    mean, _ = volumes["monodir_mean"]
    slices = central_slices(np.where(data.hard_mask, mean, np.float32(np.nan)), data.sampling,
                            "Mean directional resolution within the mask, central slices; the "
                            "darkest colour is the best resolution.",
                            "Three sections of the mean directional resolution.")
    _, bars, surface = local_figures(
        data, by_voxel["mean"], metrics["percentiles"], "monodir_mean",
        "mean directional resolution", [Mark(data.resolution, "reported")])
    radii, means, _ = profile
    return [
        Paragraph("The mean over directions and voxels is %.2f Å; single directions range from "
                  "%.2f to %.2f Å. The worst direction is (%.2f, %.2f, %.2f) in x, y, z."
                  % ((metrics["mean_resolution"].value, metrics["best_resolution"].value,
                      metrics["worst_resolution"].value) + tuple(worst))),
        _percentile_rows(metrics),
        SphereMap("Mean resolution over the voxels of the mask, by direction.",
                  "The sphere of directions coloured by the mean resolution.",
                  directions, local.mean(axis=1), "Mean resolution", "Å", spots),
        SphereMap("Preferred directions: part of the voxels that resolve best in each direction.",
                  "The sphere of directions coloured by the part of the voxels.",
                  directions, preferred, "Voxels", "%"),
        Plot("Mean over the voxels at a distance from the centre of the mask.",
             "Curves of the mean, best and worst directional resolution against the distance.",
             "Distance from the centre (Å)", "Resolution (Å)",
             [Series(name, radii, means[name]) for name in ("best", "mean", "worst")]),
        bars, replace(slices, unit="Å"), surface]


def _percentile_rows(metrics):
    found = [(label, metrics[key].value) for label, key in (
        ("Best", "percentiles_best"), ("Mean", "percentiles"), ("Worst", "percentiles_worst"))]
    return Table(["Over the directions (Å)"] + ["%s %%" % key for key in found[0][1]],
                 [[label] + ["%.2f" % value for value in row.values()] for label, row in found],
                 "Percentiles of the best, mean and worst directional resolution of the voxels.")
