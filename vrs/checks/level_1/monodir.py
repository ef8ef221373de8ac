"""1.f: does each place of the map resolve alike in all directions?"""

from dataclasses import replace

import numpy as np

from vrs.checks import MAPPING, VECTOR, Check, Criterion, Findings, Quantity, register, resolution
from vrs.checks.estimates import ratio_criterion, reported_ratio
from vrs.checks.level_1.directional import by_region
from vrs.checks.level_1.fsc_scale import Scale, calibrated_paragraph
from vrs.checks.level_1.half_map_engines import require_noise
from vrs.checks.level_1.shell_curves import SHELL_CURVES
from vrs.checks.local import PERCENTILES, local_figures, local_volume, percentiles
from vrs.inputs.half_maps import HALF_MAPS
from vrs.inputs.map import MAP
from vrs.numerics.interpolation import lattice_step, spread_over
from vrs.numerics.monogenic import anisotropy, directional_resolution
from vrs.results import Mark, Paragraph, Plot, Series, SphereMap, Spot, Table, plain
from vrs.results.sections import central_slices

_METHOD = "the mean directional resolution"
_MOST_POINTS = 20000
_SHELL = 2  # points of the lattice
_SIGNIFICANT = 0.001
_SCALE = Scale(2.5, 1.03, 0.75)


@register
class MonoDir(Check):
    """Local resolution by direction from monogenic amplitudes."""

    id = "1.f"
    title = "Local and directional resolution (MonoDir method)"
    requires = (MAP, HALF_MAPS, resolution(0, 10))
    uses = (SHELL_CURVES,)
    explanation = (
        "As in item 1.e, the strength of the signal at each voxel is compared with the noise, here "
        "for the detail along one direction at a time: the Fourier coefficients within 20° of it "
        "and in a band around each step in frequency, since noise that rises with frequency would "
        "hide coarser detail. There are 46 directions over half a sphere, about 21° apart. When "
        "particles were seen from a few sides only, some directions resolve worse than others all "
        "over the map. The anisotropy is how much the mean resolutions of the directions differ, "
        "relative to their mean and without the part that chance adds; in simulated maps it stays "
        "below 0.04 when views are spread evenly and exceeds 0.05 when a cone of 20° is missing. "
        "It counts only when an analysis of variance, with the number of independent places in the "
        "mask, leaves chance a probability below 0.001. Values are coarser than those of a Fourier "
        "shell correlation, as a place has to exceed 95 % of the noise. Directions are separated "
        "at the cost of position: a voxel's value reflects its surroundings within some 10 to "
        "20 Å. " + _SCALE.explanation)
    quantities = (
        Quantity("anisotropy", "",
                 "Standard deviation of the directions' mean resolutions over their mean, without "
                 "the part that chance adds"),
        Quantity("best_resolution", "Å", "Mean over the voxels in the best of the 46 directions"),
        Quantity("independent_places", "", "Independent places in the mask"),
        Quantity("mean_resolution", "Å", "Mean resolution over directions and voxels"),
        Quantity("p_value", "",
                 "Probability of means as different as these if all directions resolve equally "
                 "well"),
        Quantity("percentiles", "Å", "Percentiles of the mean over the directions of each voxel",
                 MAPPING, PERCENTILES),
        Quantity("percentiles_best", "Å",
                 "Percentiles of the best over the directions of each voxel", MAPPING, PERCENTILES),
        Quantity("percentiles_worst", "Å",
                 "Percentiles of the worst over the directions of each voxel", MAPPING,
                 PERCENTILES),
        Quantity("reported_ratio", "",
                 "Reported resolution over that of the mean directional resolution; 0 when there "
                 "is none"),
        Quantity("significant_anisotropy", "", "The anisotropy, 0 when chance explains it"),
        Quantity("worst_direction", "",
                 "Middle of the 45° region of Fourier space that resolves worst (x, y, z)", VECTOR),
        Quantity("worst_resolution", "Å", "Mean over the voxels in the worst of the 46 directions"),
        Quantity("worst_rotation", "°", "Its angle about Z, from X"),
        Quantity("worst_tilt", "°", "Its angle to Z"),
    ) + _SCALE.quantities()
    references = ("Vilas2020",)
    criteria = (
        Criterion(name="uniform", metric="significant_anisotropy",
                  subject="the anisotropy (standard deviation of the mean resolution over the "
                  "directions, relative to its mean; 0 where chance explains it, p ≥ 0.001)",
                  relation="<=", bound=0.045,
                  warning="The resolution depends on the direction: the anisotropy is {value:.2f} "
                  "(at most {bound}). Views may be missing; compare 1.g and 1.h, and look at the "
                  "distribution of the orientations.",
                  service=(Criterion(
                      name="uniform", metric="p_value", subject="the probability that all "
                      "directions resolve equally well", relation=">=", bound=_SIGNIFICANT,
                      warning="The resolution is not uniform over the directions "
                      "(p = {value:.2g}, at least {bound} expected)."),)),
        _SCALE.criterion(_METHOD, (ratio_criterion("reported_ratio", _METHOD),)),
    )
    estimates = {"calibrated_resolution": "MonoDir, calibrated"}
    within_mask = True
    summary_ok = "The resolution is uniform over the directions and agrees with the reported one."
    summary_warnings = ("The resolution by direction is not uniform or does not support the "
                        "reported one.")

    def compute(self, data):
        step = lattice_step(data.map.hard_mask, _MOST_POINTS)
        lattice = data.map.hard_mask[::step, ::step, ::step]
        require_noise(data)
        directions, local = directional_resolution(
            *data.half_maps.both, data.map.hard_mask, step * np.argwhere(lattice),
            data.map.sampling, data.reported.resolution, data.run.workers)
        return _findings(data, directions, local, lattice, step)


def _findings(data, directions, local, lattice, step):
    means = local.mean(axis=1, dtype=np.float64)
    axes, reached = by_region(directions, 1 / means)
    worst = axes[reached.argmin()]
    p_value, effect, independent = anisotropy(
        local, np.count_nonzero(data.map.hard_mask) * data.map.sampling ** 3, data.map.sampling,
        data.reported.resolution)
    by_voxel = {"mean": local.mean(axis=0), "best": local.min(axis=0), "worst": local.max(axis=0)}
    profile = radial_means(np.argwhere(lattice) * step * data.map.sampling, by_voxel,
                           _SHELL * step * data.map.sampling)
    mean = float(means.mean())
    metrics = plain({
        "mean_resolution": mean,
        "reported_ratio": reported_ratio(data, mean),
        "worst_direction": worst,
        "worst_tilt": np.degrees(np.arccos(worst[2])),
        "worst_rotation": np.degrees(np.arctan2(worst[1], worst[0])),
        "worst_resolution": means.max(),
        "best_resolution": means.min(),
        "anisotropy": effect,
        "significant_anisotropy": effect if p_value < _SIGNIFICANT else 0.0,
        "p_value": p_value,
        "independent_places": independent,
    })
    metrics.update(_SCALE.metrics(data, by_voxel["mean"]))
    for name, values in by_voxel.items():
        key = "percentiles" if name == "mean" else "percentiles_" + name
        metrics[key] = percentiles(values)
    volumes = [local_volume(
        "monodir_" + name, spread_over(values, lattice, step, data.map.hard_mask),
        "%s resolution over the directions (Å), 0 outside the mask" % name.capitalize(),
        "%s directional resolution" % name.capitalize(), "Å", percentiles(values))
        for name, values in by_voxel.items()]
    content = _content(data, metrics, directions, local, by_voxel, profile, volumes[0])
    return Findings(metrics, content, volumes)


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


def _content(data, metrics, directions, local, by_voxel, profile, mean):
    worst = metrics["worst_direction"]
    spots = [Spot(worst, "worst")]
    preferred = 100 * np.bincount(local.argmin(axis=0), minlength=len(directions)) / local.shape[1]
    slices = central_slices(np.where(data.map.hard_mask, mean.values, np.float32(np.nan)),
                            data.map.sampling, "Mean directional resolution within the mask, "
                            "central slices; dark colours mark the best resolution.",
                            "Three sections of the mean directional resolution.")
    _, bars, surface = local_figures(data, mean, by_voxel["mean"], metrics["percentiles"],
                                     [Mark(data.reported.resolution, "reported")])
    radii, means, _ = profile
    return [
        Paragraph("The mean over directions and voxels is %.2f Å; single directions range from "
                  "%.2f to %.2f Å. The worst direction is (%.2f, %.2f, %.2f) in x, y, z."
                  % ((metrics["mean_resolution"], metrics["best_resolution"],
                      metrics["worst_resolution"]) + tuple(worst))),
        calibrated_paragraph(metrics),
        _percentile_rows(metrics),
        SphereMap("Mean resolution over the voxels of the mask, by direction.",
                  "The sphere of directions coloured by the mean resolution.",
                  directions, local.mean(axis=1), "Mean resolution", "Å", spots),
        SphereMap("Preferred directions: fraction of the voxels that resolve best in each "
                  "direction.",
                  "The sphere of directions coloured by the fraction of the voxels.",
                  directions, preferred, "Voxels", "%"),
        Plot("Mean over the voxels at a distance from the centre of the mask.",
             "Curves of the mean, best and worst directional resolution against the distance.",
             "Distance from the centre (Å)", "Resolution (Å)",
             [Series(name, radii, means[name]) for name in ("best", "mean", "worst")]),
        bars, replace(slices, unit="Å"), surface]


def _percentile_rows(metrics):
    found = [(label, metrics[key]) for label, key in (
        ("Best", "percentiles_best"), ("Mean", "percentiles"), ("Worst", "percentiles_worst"))]
    return Table(["Over the directions (Å)"] + ["%s %%" % key for key in found[0][1]],
                 [[label] + ["%.2f" % value for value in row.values()] for label, row in found],
                 "Percentiles of the best, mean and worst directional resolution of the voxels.")
