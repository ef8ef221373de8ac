"""1.h: the Fourier shell correlation about every direction of Fourier space."""

import numpy as np
from scipy import integrate, ndimage
from skimage import measure

from vrs.checks import VECTOR, Check, Findings, NotMeasured, Quantity, register
from vrs.checks.estimates import ratio_criterion, reported_ratio
from vrs.checks.level_1.directional import (SAMPLED_DIRECTIONS, SAMPLING_EXPLAINED,
                                            MaskedHalves, by_region, sampled_criterion,
                                            sampled_directions)
from vrs.checks.level_1.half_map_engines import require_cube, with_halves
from vrs.checks.level_1.shell_curves import LEAST_OF_FSC
from vrs.engines.external import ExternalEngine
from vrs.inputs.half_maps import HALF_MAPS
from vrs.inputs.map import MAP
from vrs.numerics import sphere
from vrs.numerics.directional_fsc import LOWEST_SHELL, hard_cone, limits, volume
from vrs.numerics.fourier import shell_frequencies
from vrs.numerics.fsc import FSC_THRESHOLD
from vrs.numerics.masks import bounding_box
from vrs.results import (SERIOUS, Bars, Curve, Mark, Paragraph, Plot, Series, SphereMap, Table,
                         Volume, plain)

_METHOD = "the global FSC"
_CONE = 20.0
_SPHERICITY = 0.5
_AXES = {"X": (1.0, 0.0, 0.0), "Y": (0.0, 1.0, 0.0), "Z": (0.0, 0.0, 1.0)}
_BINS = 30
_PREFERRED, _EVEN = 0.5, 0.7


@register
class ThreeDimensionalFsc(Check):
    """Conical FSCs over the sphere, their sphericity and area ratio."""

    id = "1.h"
    title = "3D Fourier Shell Correlation"
    requires = (MAP, HALF_MAPS)
    explanation = (
        "The 3D FSC gives, for every point of Fourier space, the correlation of the half maps "
        "over the part of its shell within 20° of it. Preferred orientations of the particles "
        "leave directions in which it falls early and the map looks smeared. The sphericity "
        "compares the surface on which the 3D FSC is 0.5 with a sphere: 1 is isotropic, and noise "
        "alone lowers it somewhat. The conical FSC area ratio (cFAR) divides the area under the "
        "worst directional curve by that under the best, each up to where it falls to 0.143; "
        "below 0.5 preferred orientations are likely. The original program expects halves that "
        "the user has masked; here the soft mask is applied and what it adds is removed by phase "
        "randomisation. " + SAMPLING_EXPLAINED)
    quantities = (
        Quantity("best_directional_resolution", "Å", "Best resolution of the 321 directions"),
        Quantity("cfar", "", "Conical FSC area ratio: worst over best direction; 1 is isotropic"),
        Quantity("reported_ratio", "",
                 "Reported resolution over that of the global FSC; 0 when there is none"),
        Quantity("resolution", "Å", "Global FSC at 0.143"),
        Quantity("resolution_x", "Å", "FSC within 20° of X at 0.143"),
        Quantity("resolution_y", "Å", "FSC within 20° of Y at 0.143"),
        Quantity("resolution_z", "Å", "FSC within 20° of Z at 0.143"),
        Quantity("sphericity", "", "Sphericity of the 3D FSC at 0.5; 1 is isotropic"),
        Quantity("worst_direction", "",
                 "Middle of the 45° region of Fourier space with the smallest areas (x, y, z)",
                 VECTOR),
        Quantity("worst_directional_resolution", "Å",
                 "Worst resolution of the 321 directions; none if one never reaches 0.143"),
    ) + SAMPLED_DIRECTIONS
    references = ("Tan2017", "Chen2013")
    criteria = (ratio_criterion("reported_ratio", _METHOD, SERIOUS, LEAST_OF_FSC),
                sampled_criterion())
    estimates = {"resolution": "3D FSC, global"}
    summary_ok = ("The half maps agree to the reported resolution over all directions together, "
                  "and no views are missing.")
    summary_warnings = ("The half maps may not agree to the reported resolution, or views are "
                        "missing.")

    def compute(self, data):
        shape = data.map.volume.shape
        frequencies = shell_frequencies(shape, data.map.sampling)
        halves = MaskedHalves(data)
        cone, directions = hard_cone(_CONE), sphere.geodesic_directions()
        overall = halves.global_curve()
        along = dict(zip(_AXES, halves.curves(list(_AXES.values()), cone)))
        curves = halves.curves(directions, cone)
        fsc3d = volume(halves.sums, cone, shape, halves.corrected)
        findings = _findings(data, frequencies, overall, along, directions, curves, fsc3d)
        findings.content.append(_power_plot(frequencies, halves.sums.mean_powers(
            list(_AXES.values()), cone)))
        return findings


def _findings(data, frequencies, overall, along, directions, curves, fsc3d):
    reached = limits(frequencies, curves, FSC_THRESHOLD)
    areas = _areas(frequencies, curves, reached)
    metrics = plain({"resolution": _resolution(frequencies, overall)})
    for axis, curve in along.items():
        metrics["resolution_%s" % axis.lower()] = _resolution(frequencies, curve)
    found = metrics["resolution"]
    metrics["reported_ratio"] = reported_ratio(data, found)
    content = [_curves_plot(frequencies, overall, along, curves, data)]
    if found:
        metrics.update(_anisotropy(directions, areas, reached,
                                   sphericity(fsc3d, data.map.sampling, _SPHERICITY)))
        sampled, told = sampled_directions(directions, curves)
        metrics.update(sampled)
        content += [_table(metrics), _sentence(metrics)] + told + [
            _histogram(reached, metrics), _sphere_map(directions, areas)]
    else:
        content.append(Paragraph("The half maps do not correlate above 0.143 in any shell, so "
                                 "there is no resolution to compare by direction."))
    products = [Volume("fsc3d", fsc3d, "3D FSC in Fourier space, its origin in the middle of the "
                       "box", "FSC"),
                Curve("fsc_global", "Fourier shell correlation", frequencies, overall)]
    products += [Curve("fsc_%s" % axis.lower(), "Fourier shell correlation within 20° of %s" % axis,
                       frequencies, curve) for axis, curve in along.items()]
    return Findings(metrics, content, products)


def _input_for_3dfsc(data):
    require_cube(data, "3DFSC")
    if data.map.box[0] % 2:
        raise NotMeasured("3DFSC needs a box of an even number of voxels, and this one has %d; "
                          "choose the built-in engine." % data.map.box[0])
    return with_halves(data, data.map.soft_mask, provideHalfMaps=True, applyMask=True, useGpu=False,
                       dTheta=_CONE, fscCutoff=FSC_THRESHOLD)


def _findings_of_3dfsc(data, found, rows):
    """Findings from the volume of 3DFSC, a voxel smaller than the box, and its global FSC."""
    shape = data.half_maps.first.shape
    frequencies = shell_frequencies(shape, data.map.sampling)
    fsc3d = np.pad(found, ((1, 0),) * 3)
    if fsc3d.shape != shape or len(rows) != len(frequencies):
        raise NotMeasured("3DFSC returned a volume of %d x %d x %d voxels and %d shells, which "
                          "are not those of the half maps." % (found.shape[::-1] + (len(rows),)))
    directions = sphere.geodesic_directions()
    along = dict(zip(_AXES, _read_along(fsc3d, list(_AXES.values()))))
    findings = _findings(data, frequencies, rows[:, 2], along, directions,
                         _read_along(fsc3d, directions), fsc3d)
    findings.content.append(Paragraph(
        "3DFSC takes the half maps within the soft mask and leaves in what the mask adds; it "
        "stops four shells beyond the one where the global correlation is 0."))
    return findings


def _read_along(fsc3d, directions):
    """Values of a 3D FSC along directions, at every shell: (directions, shells)."""
    half = fsc3d.shape[0] // 2
    steps = np.arange(half + 1)
    places = half + np.asarray(directions)[:, ::-1].T[:, :, None] * steps
    return ndimage.map_coordinates(fsc3d, places, order=1)


ThreeDimensionalFsc.external = (ExternalEngine(
    name="3dfsc", label="3DFSC", package="scipion-em-fsc3d", plugin="fsc3d", protocol="Prot3DFSC",
    map_parameter="inputVolume", half_parameters=("volumeHalf1", "volumeHalf2"),
    mask_parameter="maskVolume",
    outputs=("Results_vol/vol.mrc", "Results_vol/ResEMvolOutglobalFSC.csv"),
    files=("ThreeDFSC/ThreeDFSC_Start.py",), prepare=_input_for_3dfsc,
    findings=_findings_of_3dfsc),)


def sphericity(fsc3d, sampling, threshold):
    """Sphericity of the region in which a 3D FSC is at or above a threshold.

    π^(1/3) (6 V)^(2/3) / A of the region that holds together from the origin outwards,
    with volume V and surface A after a Gaussian of one voxel (Tan et al. 2017,
    doi 10.1038/nmeth.4347).

    Parameters
    ----------
    fsc3d : numpy.ndarray of float32, (z, y, x)
        Origin at index N // 2 of each axis.
    sampling : float
        Å/voxel of the maps.
    threshold : float

    Returns
    -------
    float or None
        None when the origin is not in it or it is too thin to have a surface.
    """
    shape = fsc3d.shape
    spacing = [1 / (n * sampling) for n in shape]
    # Islands of noise beyond what hangs together with the origin do not count.
    labels, _ = ndimage.label(fsc3d >= threshold)
    origin = labels[tuple(n // 2 for n in shape)]
    if origin == 0:
        return None
    inside = labels == origin
    inside = np.pad(inside[bounding_box(inside)], 4)
    blurred = ndimage.gaussian_filter(inside.astype(np.float32), 1)
    if blurred.max() <= 0.5:
        return None
    corners, triangles, _, _ = measure.marching_cubes(blurred, 0.5, spacing=spacing)
    area = measure.mesh_surface_area(corners, triangles)
    solid = np.count_nonzero(blurred >= 0.5) * np.prod(spacing)
    return float(np.pi ** (1 / 3) * (6 * solid) ** (2 / 3) / area)


def _resolution(frequencies, curve):
    limit = limits(frequencies, curve, FSC_THRESHOLD)
    return 1 / limit if np.isfinite(limit) else None


def _areas(frequencies, curves, reached):
    """Areas under curves up to where they fall to the threshold."""
    return np.array([_area(frequencies, curve, end if np.isfinite(end) else
                           frequencies[LOWEST_SHELL - 1]) for curve, end in zip(curves, reached)])


def _area(frequencies, curve, end):
    below = frequencies < end
    x, y = np.append(frequencies[below], end), np.append(
        curve[below], np.interp(end, frequencies, curve))
    return integrate.trapezoid(y, x)


def _anisotropy(directions, areas, reached, roundness):
    resolution = 1 / reached[np.isfinite(reached)]
    axes, means = by_region(directions, areas)
    return plain({
        "sphericity": roundness,
        "cfar": max(areas.min(), 0) / areas.max(),
        "worst_direction": axes[means.argmin()],
        "best_directional_resolution": resolution.min(),
        "worst_directional_resolution": (
            resolution.max() if len(resolution) == len(reached) else None)})


def _table(metrics):
    def cell(name):
        value = metrics[name]
        return "–" if value is None else "%.2f" % value

    return Table(
        ["Global (Å)", "X (Å)", "Y (Å)", "Z (Å)", "Best (Å)", "Worst (Å)", "Sphericity",
         "cFAR"],
        [[cell(name) for name in (
            "resolution", "resolution_x", "resolution_y", "resolution_z",
            "best_directional_resolution", "worst_directional_resolution", "sphericity", "cfar")]],
        "Resolution at 0.143, of all directions together, within 20° of the axes, and in the best "
        "and worst of 321 directions; and two measures of isotropy, 1 being isotropic.")


def _sentence(metrics):
    ratio = metrics["cfar"]
    worst = "(%.2f, %.2f, %.2f)" % tuple(metrics["worst_direction"])
    if ratio >= _EVEN:
        return Paragraph("The half maps agree about equally well in all directions (cFAR %.2f, at "
                         "least %g)." % (ratio, _EVEN))
    how, likely = ("far less", "probably") if ratio < _PREFERRED else ("less", "may")
    return Paragraph("The half maps agree %s in some directions (cFAR %.2f), worst about %s, as x, "
                     "y, z in Fourier space: the particles %s have preferred orientations."
                     % (how, ratio, worst, likely))


def _curves_plot(frequencies, overall, along, curves, data):
    x = frequencies[1:]
    mean, deviation = curves.mean(axis=0)[1:], curves.std(axis=0)[1:]
    series = [Series("global", x, overall[1:])]
    series += [Series(axis, x, curve[1:]) for axis, curve in along.items()]
    series += [Series("mean + deviation", x, mean + deviation, "dashed"),
               Series("mean − deviation", x, mean - deviation, "dashed")]
    marks = [Mark(1 / data.reported.resolution, "reported: %.2f Å" % data.reported.resolution)] if (
        data.reported.resolution) else []
    return Plot(
        caption="Fourier shell correlation of all directions and within 20° of X, Y and Z, and "
                "one deviation about the mean of 321 directions.",
        alt="Global and directional correlations of the half maps against spatial frequency.",
        x_label="Spatial frequency (1/Å)", y_label="Fourier shell correlation", series=series,
        marks=marks)


def _histogram(reached, metrics):
    resolution = 1 / reached[np.isfinite(reached)]
    counts, edges = np.histogram(resolution, _BINS)
    missing = len(reached) - len(resolution)
    return Bars(
        caption="Histogram of the directional resolution." + (
            " %d of %d directions never reach 0.143." % (missing, len(reached)) if missing else ""),
        alt="Distribution of the resolution at 0.143 over 321 directions.",
        x_label="Directional resolution (Å)", y_label="Directions", edges=edges, counts=counts,
        marks=[Mark(metrics["resolution"], "global")])


def _sphere_map(directions, areas):
    return SphereMap(
        caption="Area under the conical FSC up to where it falls to 0.143, relative to the best "
                "direction, seen along Z; the smallest value is the cFAR. Opposite directions are "
                "equivalent, so half of the sphere is shown; areas are preserved.",
        alt="Map of the half sphere coloured by the relative area under the directional curves.",
        directions=directions, values=areas / areas.max(), label="Relative area")


def _power_plot(frequencies, powers):
    x = frequencies[LOWEST_SHELL:]
    positive = np.where(powers > 0, powers, np.nan)[:, LOWEST_SHELL:]
    return Plot(
        caption="Mean power of the two half maps within 20° of X, Y and Z, relative to its "
                "largest value.",
        alt="Mean power along the three axes against spatial frequency.",
        x_label="Spatial frequency (1/Å)", y_label="Relative power",
        series=[Series(axis, x, power) for axis, power in zip(_AXES, positive)], log_y=True)
