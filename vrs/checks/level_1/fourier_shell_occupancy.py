"""1.g: in how many directions do the half maps agree, frequency by frequency?"""

import numpy as np
from scipy.special import chdtrc

from vrs.checks import MAPPING, VECTOR, Check, Findings, NotMeasured, Quantity, register
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
from vrs.numerics.directional_fsc import LOWEST_SHELL, limits, soft_cone
from vrs.numerics.fourier import shell_frequencies
from vrs.numerics.fsc import FSC_THRESHOLD
from vrs.results import SERIOUS, Curve, Mark, Paragraph, Plot, Series, SphereMap, Spot, Table, plain

_METHOD = "the Fourier shell occupancy"
_CONE = 17.0
_LEVELS = (0.9, 0.5, 0.1)
_UNIFORM = 11.07  # 0.95 quantile of a χ² of five degrees of freedom
# Ratio of worst to best resolution that noise alone gave in simulated isotropic maps: at most
# the first, or 1 plus the second over √(share of the box in the mask), in shells.
_EVEN, _NOISE = 1.25, 2.0


@register
class FourierShellOccupancy(Check):
    """Share of directions that reach each frequency, from directional FSCs."""

    id = "1.g"
    title = "Fourier Shell Occupancy"
    requires = (MAP, HALF_MAPS)
    explanation = (
        "The half maps are compared along 321 directions of Fourier space, each within a cone of "
        "17°. The Fourier shell occupancy (FSO) at a frequency is the fraction of directions whose "
        "correlation is at or above 0.143; where it is 0.5, half of the directions are resolved, "
        "which is taken as the resolution. The sharper it falls from 0.9 to 0.1, the less the "
        "resolution depends on direction. The original program leaves the mask to the user; here "
        "the half maps are masked softly, since the noise around the macromolecule would hide its "
        "resolution, and what the mask adds is removed by phase randomisation. The Bingham "
        "statistic asks whether the directions still resolved at a frequency are spread evenly; as "
        "neighbouring directions share data it exceeds its limit in isotropic maps too, so the "
        "size of the effect (0 evenly spread, 1 all the same) is more "
        "informative. " + SAMPLING_EXPLAINED)
    quantities = (
        Quantity("anisotropy", "", "Worst over best resolution of the regions"),
        Quantity("best_direction", "", "Middle of the region of best resolution", VECTOR),
        Quantity("best_resolution", "Å", "Mean resolution of that region"),
        Quantity("bingham", "",
                 "Bingham statistic where the FSO has these values; 11.07 is its limit", MAPPING,
                 ("0.1", "0.5", "0.9")),
        Quantity("bingham_effect", "", "Unevenness of the resolved directions there, 0 to 1",
                 MAPPING, ("0.1", "0.5", "0.9")),
        Quantity("bingham_p", "",
                 "Probability of half that statistic (each direction counted once) if the "
                 "resolved directions were independent", MAPPING, ("0.1", "0.5", "0.9")),
        Quantity("fso_01", "Å", "Where the FSO is 0.1"),
        Quantity("fso_09", "Å", "Where the FSO is 0.9"),
        Quantity("isotropic_limit", "",
                 "Largest ratio that noise alone may give in a map of this size"),
        Quantity("reported_ratio", "",
                 "Reported resolution over that of the Fourier shell occupancy; 0 when there is "
                 "none"),
        Quantity("resolution", "Å", "Where the FSO is 0.5"),
        Quantity("worst_direction", "",
                 "Middle of the 45° region of worst resolution in Fourier space (x, y, z)", VECTOR),
        Quantity("worst_resolution", "Å", "Mean resolution of that region"),
    ) + SAMPLED_DIRECTIONS
    references = ("Vilas2023", "Chen2013")
    criteria = (ratio_criterion("reported_ratio", _METHOD, SERIOUS, LEAST_OF_FSC),
                sampled_criterion())
    estimates = {"resolution": "FSO 0.5"}
    summary_ok = ("The resolution is reached in at least half of the directions, and no views are "
                  "missing.")
    summary_warnings = ("The resolution may not be reached in half of the directions, or views are "
                        "missing.")

    def compute(self, data):
        frequencies = shell_frequencies(data.map.volume.shape, data.map.sampling)
        directions = sphere.geodesic_directions()
        curves = MaskedHalves(data).curves(directions, soft_cone(_CONE))
        above = curves >= FSC_THRESHOLD
        occupancy = above.mean(axis=0)
        crossings = _crossings(frequencies, occupancy)
        reached = limits(frequencies, curves, FSC_THRESHOLD)
        statistics, effects = np.array([sphere.bingham(directions[here]) for here in above.T]).T
        evenness = {
            "bingham": _at(frequencies, statistics, crossings),
            "bingham_p": _at(frequencies, chdtrc(5, statistics / 2), crossings),
            "bingham_effect": _at(frequencies, effects, crossings)}
        findings = _findings(data, frequencies, occupancy, crossings, directions, reached,
                             evenness)
        findings.content.insert(2, _fsc_plot(frequencies, curves, reached))
        if crossings[0.5]:
            sampled, told = sampled_directions(directions, curves)
            findings.metrics.update(plain(sampled))
            findings.content += told
        findings.content.append(_bingham_plot(frequencies, statistics, crossings))
        findings.products += _curves(frequencies, curves, reached)
        return findings


def _findings(data, frequencies, occupancy, crossings, directions, reached, evenness):
    metrics = plain({
        "resolution": _resolution(crossings[0.5]),
        "fso_09": _resolution(crossings[0.9]),
        "fso_01": _resolution(crossings[0.1])})
    metrics.update(evenness)
    metrics["reported_ratio"] = reported_ratio(data, metrics["resolution"])
    content = [_table(metrics), _occupancy_plot(frequencies, occupancy, crossings, data)]
    if crossings[0.5]:
        # Directions that never reach the threshold end below the first shell that counts.
        metrics.update(_extremes(*by_region(directions, np.where(
            np.isfinite(reached), reached, frequencies[LOWEST_SHELL - 1]))))
        metrics["isotropic_limit"] = _isotropic_limit(data, crossings[0.5] / frequencies[1])
        content += [_sentence(metrics), _sphere_map(directions, reached, metrics)]
    return Findings(metrics, content, [
        Curve("fso", "Fourier shell occupancy", frequencies, occupancy)])


def _input_for_xmipp(data):
    # Its shells are those of the x axis.
    require_cube(data, "Xmipp")
    return with_halves(data, data.map.soft_mask, coneAngle=_CONE, threshold=FSC_THRESHOLD,
                       estimate3DFSC=False, numberOfThreads=data.run.workers)


def _findings_of_xmipp(data, table, distribution):
    """Findings from the FSO of Xmipp and from its resolution at whole degrees."""
    frequencies = shell_frequencies(data.map.volume.shape, data.map.sampling)
    occupancy = np.insert(table["resolutionFSO"], 0, 1)
    if len(occupancy) != len(frequencies):
        raise NotMeasured("Xmipp returned %d shells, while the half maps have %d."
                          % (len(occupancy) - 1, len(frequencies) - 1))
    directions = sphere.geodesic_directions()
    # A direction that is resolved to the last shell has the value -1 instead.
    reached = 1 / np.maximum(_at_directions(distribution, directions), 2 * data.map.sampling)
    findings = _findings(data, frequencies, occupancy, _crossings(frequencies, occupancy),
                         directions, reached, {})
    findings.content.append(Paragraph(
        "Xmipp masks the half maps softly and leaves in what the mask adds; its directional "
        "resolution is an average over neighbouring directions, which makes the worst and the "
        "best more alike. It gives no Bingham statistic."))
    return findings


def _at_directions(distribution, directions):
    """Values of a table of rotation and tilt (whole degrees) next to directions."""
    values = np.full((360, 91), np.nan)
    values[distribution["angleRot"].astype(int), distribution["angleTilt"].astype(int)] = (
        distribution["resolutionFRC"])
    x, y, z = np.asarray(directions).T
    rotation, tilt = np.degrees(np.arctan2(y, x)), np.degrees(np.arccos(np.clip(z, 0, 1)))
    found = values[np.rint(rotation).astype(int) % 360, np.rint(tilt).astype(int)]
    if np.isnan(found).any():
        raise NotMeasured("Xmipp returned no resolution for some directions.")
    return found


FourierShellOccupancy.external = (ExternalEngine(
    name="xmipp", label="Xmipp", package="scipion-em-xmipp", plugin="xmipp3",
    protocol="XmippProtFSO", half_parameters=("half1", "half2"), mask_parameter="mask",
    outputs=("fso.xmd", "Resolution_Distribution.xmd"), files=("bin/xmipp_resolution_fso",),
    prepare=_input_for_xmipp, findings=_findings_of_xmipp),)


def _crossings(frequencies, occupancy):
    """Frequencies of the levels of the FSO, None for those that it does not have."""
    return dict(zip(_LEVELS, (_finite(limits(frequencies, occupancy, level))
                              for level in _LEVELS)))


def _finite(value):
    return float(value) if np.isfinite(value) else None


def _resolution(frequency):
    return 1 / frequency if frequency else None


def _at(frequencies, values, crossings):
    """Values at the shells next to the crossings, by the level of the crossing."""
    return {"%g" % level: None if frequency is None
            else values[np.abs(frequencies - frequency).argmin()]
            for level, frequency in crossings.items()}


def _extremes(axes, means):
    worst, best = means.argmin(), means.argmax()
    coarse, fine = 1 / means[worst], 1 / means[best]
    return plain({
        "worst_direction": axes[worst],
        "worst_resolution": coarse,
        "best_direction": axes[best],
        "best_resolution": fine,
        "anisotropy": coarse / fine})


def _isotropic_limit(data, shell):
    """How large the ratio may be from noise alone, with the resolution at a shell."""
    return max(_EVEN, 1 + _NOISE / (shell * np.sqrt(data.map.hard_mask.mean())))


def _table(metrics):
    def cell(value, form):
        return "–" if value is None else form % value

    rows = [[level, cell(metrics[name], "%.2f")] for name, level in (
        ("fso_09", "0.9"), ("resolution", "0.5"), ("fso_01", "0.1"))]
    if "bingham" not in metrics:
        return Table(["FSO", "Resolution (Å)"], rows,
                     "Resolution at three values of the Fourier shell occupancy.")
    for row in rows:
        row += [cell(metrics["bingham"][row[0]], "%.1f"),
                cell(metrics["bingham_effect"][row[0]], "%.2f")]
    return Table(["FSO", "Resolution (Å)", "Bingham statistic", "Effect (0 to 1)"], rows,
                 "Resolution at three values of the Fourier shell occupancy, and how evenly the "
                 "directions that are resolved there are spread.")


def _sentence(found):
    start = ("The resolution depends on the direction"
             if found["anisotropy"] > found["isotropic_limit"]
             else "The resolution is nearly the same in all directions")
    return Paragraph(
        "%s: averaged over regions of 45°, it goes from %.2f Å about the direction (%.2f, %.2f, "
        "%.2f) to %.2f Å about (%.2f, %.2f, %.2f), as x, y, z in Fourier space. The ratio is "
        "%.2f; in a map of this size noise alone may give %.2f." % (
            (start, found["best_resolution"]) + tuple(found["best_direction"])
            + (found["worst_resolution"],) + tuple(found["worst_direction"])
            + (found["anisotropy"], found["isotropic_limit"])))


def _occupancy_plot(frequencies, occupancy, crossings, data):
    marks = [Mark(crossings[0.5], "FSO 0.5: %.2f Å" % (1 / crossings[0.5]))] if (
        crossings[0.5]) else []
    if data.reported.resolution:
        marks.append(Mark(1 / data.reported.resolution,
                          "reported: %.2f Å" % data.reported.resolution))
    zone = None
    if crossings[0.9] and crossings[0.1]:
        zone = [crossings[0.9], crossings[0.1]]
    return Plot(
        caption="Fourier shell occupancy." + (
            " The transition from 0.9 to 0.1 is shaded." if zone else ""),
        alt="Fraction of resolved directions against spatial frequency.",
        x_label="Spatial frequency (1/Å)", y_label="Fourier shell occupancy",
        series=[Series("FSO", frequencies[1:], occupancy[1:])], marks=marks, zone=zone)


def _fsc_plot(frequencies, curves, reached):
    low, middle, high = np.percentile(curves[:, 1:], (5, 50, 95), axis=0)
    x = frequencies[1:]
    return Plot(
        caption="Directional Fourier shell correlations: median and percentiles 5 and 95 over "
                "the directions. Below the shell %d they are taken as 1." % LOWEST_SHELL,
        alt="Median and outer percentiles of the directional correlations against frequency.",
        x_label="Spatial frequency (1/Å)", y_label="Fourier shell correlation",
        series=[Series("median", x, middle), Series("percentile 5", x, low, "dashed"),
                Series("percentile 95", x, high, "dashed"),
                Series("%g" % FSC_THRESHOLD, x[[0, -1]], np.full(2, FSC_THRESHOLD))])


def _sphere_map(directions, reached, metrics):
    with np.errstate(invalid="ignore"):
        resolution = 1 / reached
    return SphereMap(
        caption="Resolution in each direction of Fourier space, seen along Z. Opposite directions "
                "are equivalent, so half of the sphere is shown; areas are preserved. Grey "
                "directions never reach 0.143.",
        alt="Map of the half sphere coloured by the directional resolution.",
        directions=directions, values=resolution, label="Resolution", unit="Å",
        spots=[Spot(metrics["worst_direction"], "worst region"),
               Spot(metrics["best_direction"], "best region")])


def _bingham_plot(frequencies, statistics, crossings):
    x = frequencies[LOWEST_SHELL:]
    zone = [crossings[0.9], crossings[0.1]] if crossings[0.9] and crossings[0.1] else None
    return Plot(
        caption="Bingham statistic of the directions that are resolved at each frequency, each "
                "counted with its opposite as published, and its published limit 11.07. Counted "
                "once, which is right for independent directions, it is half as large."
                + (" The transition of the FSO is shaded." if zone else ""),
        alt="Bingham statistic against spatial frequency.", x_label="Spatial frequency (1/Å)",
        y_label="Bingham statistic",
        series=[Series("statistic", x, statistics[LOWEST_SHELL:]),
                Series("limit", x[[0, -1]], np.full(2, _UNIFORM), "dashed")], zone=zone)


def _curves(frequencies, curves, reached):
    order = np.argsort(np.nan_to_num(reached), kind="stable")
    return [Curve("fsc_%s_direction" % name, "Fourier shell correlation in the %s of the 321 "
                  "directions" % name, frequencies, curves[place])
            for name, place in (("worst", order[0]), ("best", order[-1]))]
