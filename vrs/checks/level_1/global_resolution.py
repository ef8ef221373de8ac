"""1.a: up to which frequency do the half maps agree?"""

from dataclasses import dataclass

import numpy as np

from vrs.checks import Check, Criterion, Findings, NotMeasured, Quantity, register
from vrs.checks.estimates import ratio_criterion, reported_ratio
from vrs.checks.level_1.half_map_engines import require_cube, with_halves
from vrs.checks.level_1.shell_curves import LEAST_OF_FSC, SHELL_CURVES, ShellCurves
from vrs.engines.external import ExternalEngine
from vrs.inputs.half_maps import HALF_MAPS, compared_with_map
from vrs.inputs.map import MAP
from vrs.numerics.fourier import shell_counts, shell_frequencies
from vrs.numerics.fsc import (DPR_THRESHOLD, FSC_THRESHOLD, Crossing, correlates, first_crossing,
                              first_telling_shell, half_bit, noise_level)
from vrs.results import SERIOUS, Curve, Mark, Paragraph, Plot, Series, Table

# Where signal and noise of the mean are alike: SSNR = 2 FSC / (1 - FSC) = 1.
_FSC_OF_EQUAL_POWERS = 1 / 3
_FREQUENCY = "Spatial frequency (1/Å)"


@register
class GlobalResolution(Check):
    """Fourier shell correlation of the half maps, and its kin."""

    id = "1.a"
    title = "Global resolution (FSC, DPR, SSNR)"
    requires = (MAP, HALF_MAPS)
    uses = (SHELL_CURVES,)
    explanation = (
        "The two half maps show the same structure with independent noise. The Fourier shell "
        "correlation (FSC) compares them at each spatial frequency: it is 1 where they agree and 0 "
        "where there is only noise, and the resolution is where it first falls below 0.143. A mask "
        "keeps the noise of the solvent out, but correlates by itself; what it adds is measured on "
        "halves with random phases and removed. The differential phase residual (DPR) is the mean "
        "difference of the phases; it is the most lenient of these measures, as the phases of "
        "noise lie around its limit of 103.9° and not beyond. The spectral signal-to-noise ratio "
        "(SSNR) is that of the mean of the two halves; its limit of 1 corresponds to an FSC of "
        "1/3, which makes it the strictest. Without a mask the FSC and the SSNR also count the "
        "noise of the solvent, the more the larger the box is; they are shown, and the map is "
        "judged by those within the mask and by the DPR. The lowest frequencies are ignored, as "
        "there are too few Fourier coefficients there to keep a curve from rising or falling by "
        "chance.")
    quantities = (
        Quantity("dpr_ratio", "", "Reported resolution over that of the DPR; 0 when there is none"),
        Quantity("dpr_resolution", "Å", "Resolution by the DPR at 103.9°"),
        Quantity("fsc_05_resolution", "Å", "Resolution by the FSC at 0.5"),
        Quantity("fsc_09_resolution", "Å", "Resolution by the FSC at 0.9"),
        Quantity("fsc_ratio", "",
                 "Reported resolution over that of the FSC without mask; 0 when there is none"),
        Quantity("fsc_resolution", "Å", "Resolution by the FSC at 0.143"),
        Quantity("half_bit_resolution", "Å", "Resolution by the FSC at half bit"),
        Quantity("map_displacement", "voxels",
                 "Displacement of the half maps from the map, 0 when chance explains it; no value "
                 "where they belong to another map"),
        Quantity("masked_fsc_05_resolution", "Å",
                 "Resolution by the FSC in the mask, corrected at 0.5"),
        Quantity("masked_fsc_ratio", "",
                 "Reported resolution over that of the FSC in the mask; 0 when there is none"),
        Quantity("masked_fsc_resolution", "Å",
                 "Resolution by the FSC in the mask, corrected at 0.143"),
        Quantity("masked_ssnr_ratio", "",
                 "Reported resolution over that of the SSNR in the mask; 0 when there is none"),
        Quantity("masked_ssnr_resolution", "Å",
                 "Resolution by the SSNR in the mask, corrected at 1"),
        Quantity("noise_resolution", "Å", "Resolution by the FSC at noise, 2/√n"),
        Quantity("random_phases_from", "Å",
                 "Resolution from which on phases were randomised, where the FSC falls below 0.8"),
        Quantity("ssnr_ratio", "",
                 "Reported resolution over that of the SSNR without mask; 0 when there is none"),
        Quantity("ssnr_resolution", "Å", "Resolution by the SSNR at 1"),
    )
    references = ("Harauz1986", "Rosenthal2003", "Chen2013", "VanHeel2005", "Penczek2002")
    estimates = {"masked_fsc_resolution": "FSC", "dpr_resolution": "DPR",
                 "masked_ssnr_resolution": "SSNR"}
    criteria = (ratio_criterion("masked_fsc_ratio", "the FSC in the mask", SERIOUS, LEAST_OF_FSC,
                                service=(ratio_criterion("fsc_ratio", "the FSC"),)),
                ratio_criterion("dpr_ratio", "the DPR", SERIOUS),
                ratio_criterion("masked_ssnr_ratio", "the SSNR in the mask", SERIOUS,
                                service=(ratio_criterion("ssnr_ratio", "the SSNR"),)),
                Criterion(name="map_displacement", guards=True,
                          subject="the displacement of the half maps from the map",
                          relation="<=", bound=1.0, unit="voxels",
                          warning="The half maps are displaced from the map by {value:.1f} voxels "
                          "(at most {bound}), so its mask does not cover them, and what level 1 "
                          "measures within it is not valid. Give them in the position of the map.",
                          severity=SERIOUS, service=()))
    within_mask = True
    summary_ok = "The half maps support the reported resolution."
    summary_warnings = "The half maps may not support the reported resolution, or are displaced."

    def compute(self, data):
        findings = _findings(data, data.shared(SHELL_CURVES))
        whole = compared_with_map(data)
        if not whole.other and not whole.mirrored:
            findings.metrics["map_displacement"] = (
                float(np.linalg.norm(whole.shift)) if whole.shifted else 0.0)
        return findings


def _findings(data, curves):
    found = _crossings(curves)
    content = [_table(found)] + [Paragraph(text) for text in _remarks(found)]
    content += _plots(data, curves, found)
    return Findings(_metrics(data, curves, found), content, _named(curves))


def _input_for_xmipp(data):
    # Its shells are those of the x axis.
    require_cube(data, "Xmipp")
    return with_halves(data, doComputeBfactor=False)


def _findings_of_xmipp(data, table):
    """Findings from the FSC and DPR of Xmipp, whose shells begin at the first."""
    shape = data.half_maps.first.shape
    columns = [table[name] for name in ("resolutionFRC", "resolutionDPR")]
    frequencies = shell_frequencies(shape, data.map.sampling)
    if len(columns[0]) != len(frequencies) - 1:
        raise NotMeasured("Xmipp returned %d shells, while the half maps have %d."
                          % (len(columns[0]), len(frequencies) - 1))
    fsc, dpr = (np.insert(np.nan_to_num(column, nan=worst), 0, origin)
                for column, worst, origin in zip(columns, (0, 180), (1, 0)))
    findings = _findings(data, ShellCurves(frequencies, shell_counts(shape), fsc, dpr))
    findings.content.append(Paragraph(
        "Xmipp compares the half maps without mask and gives no SSNR, so only the DPR is judged. "
        "It uses only a part of the Fourier coefficients for the FSC, so its result may differ a "
        "little from the built-in one."))
    return findings


GlobalResolution.external = (ExternalEngine(
    name="xmipp", label="Xmipp", package="scipion-em-xmipp", plugin="xmipp3",
    protocol="XmippProtResolution3D", half_parameters=("inputVolume", "referenceVolume"),
    # Relative to the extra folder.
    outputs=("../fsc.xmd",), files=("bin/xmipp_resolution_fsc",), prepare=_input_for_xmipp,
    findings=_findings_of_xmipp),)


@dataclass
class _Found:
    """One way to read a resolution from a curve."""

    metric: str
    name: str
    limit: str
    crossing: Crossing


def _crossings(curves):
    # Halves without common signal have no resolution, whatever their curves do by chance.
    common = correlates(curves.fsc, curves.counts)

    def crossing(curve, threshold):
        if curve is None:
            return None
        if not common:
            return Crossing(None, True, False)
        return first_crossing(curves.frequencies, curve, threshold,
                              first_telling_shell(curves.counts))

    found = [
        _Found("fsc_resolution", "FSC", "0.143",
               crossing(curves.fsc, FSC_THRESHOLD)),
        _Found("fsc_05_resolution", "FSC", "0.5", crossing(curves.fsc, 0.5)),
        _Found("fsc_09_resolution", "FSC", "0.9", crossing(curves.fsc, 0.9)),
        _Found("half_bit_resolution", "FSC", "half bit",
               crossing(curves.fsc, half_bit(curves.counts))),
        _Found("noise_resolution", "FSC", "noise, 2/√n",
               crossing(curves.fsc, noise_level(curves.counts))),
        _Found("masked_fsc_resolution", "FSC in the mask, corrected", "0.143",
               curves.within_mask(FSC_THRESHOLD)),
        _Found("masked_fsc_05_resolution", "FSC in the mask, corrected", "0.5",
               curves.within_mask(0.5)),
        _Found("masked_ssnr_resolution", "SSNR in the mask, corrected", "1",
               curves.within_mask(_FSC_OF_EQUAL_POWERS)),
        _Found("dpr_resolution", "DPR", "%.1f°" % DPR_THRESHOLD,
               crossing(-curves.dpr, -DPR_THRESHOLD)),
        _Found("ssnr_resolution", "SSNR", "1", crossing(curves.ssnr, 1.0)),
    ]
    return [one for one in found if one.crossing]


def _metrics(data, curves, found):
    metrics = {one.metric: one.crossing.resolution for one in found}
    for name in ("fsc", "masked_fsc", "dpr", "ssnr", "masked_ssnr"):
        if name + "_resolution" in metrics:
            metrics[name + "_ratio"] = reported_ratio(data, metrics[name + "_resolution"])
    if curves.masked is None:
        return metrics
    first = curves.first_random
    metrics["random_phases_from"] = None if first is None else 1 / curves.frequencies[first]
    return metrics


def _table(found):
    return Table(
        ["Curve", "Limit", "Resolution (Å)", "Falls below it", "Comes back above"],
        [[one.name, one.limit,
          "none" if one.crossing.resolution is None else "%.2f" % one.crossing.resolution,
          _yes(one.crossing.falls), _yes(one.crossing.returns)] for one in found],
        "Resolution of the half maps by curve and limit. For the DPR, which rises, below means "
        "worse.")


def _yes(answer):
    return "yes" if answer else "no"


def _remarks(found):
    """What the reader should know of how the curves run."""
    by_metric = {one.metric: one for one in found}
    remarks = []
    for metric in ("fsc_resolution", "masked_fsc_resolution"):
        one = by_metric.get(metric)
        if one is None:
            continue
        if one.crossing.resolution is None:
            remarks.append("The %s gives no resolution: at the lowest frequencies that can be "
                           "distinguished from chance, where any structure should be seen, it is "
                           "below %s or no higher than that of noise." % (one.name, one.limit))
        elif not one.crossing.falls:
            remarks.append("The %s never falls below %s: the estimate is the finest detail that "
                           "these voxels can show. Either they are too large for this map, or the "
                           "half maps are not independent." % (one.name, one.limit))
        elif one.crossing.returns:
            remarks.append("After falling below %s, the %s rises above it again. The first fall "
                           "counts; the return may come from noise that the halves share, from a "
                           "mask or from duplicated particles." % (one.limit, one.name))
    return remarks


def _plots(data, curves, found):
    reported = ([Mark(1 / data.reported.resolution, "reported, %.2f Å" % data.reported.resolution)]
                if data.reported.resolution else [])
    resolution = {one.metric: one.crossing.resolution for one in found}
    x = curves.frequencies[1:]
    ends = x[[0, -1]]

    def series(label, curve, style="line"):
        return Series(label, x, curve[1:], style)

    def limit(label, value):
        return Series(label, ends, np.full(2, value), "dashed")

    def plot(metric, caption, alt, y_label, lines, log_y=False):
        value = resolution[metric]
        estimate = [Mark(1 / value, "estimate, %.2f Å" % value)] if value else []
        return Plot(caption=caption, alt="%s at %s." % (alt, _angstrom(value)),
                    x_label=_FREQUENCY, y_label=y_label, series=lines, log_y=log_y,
                    marks=estimate + reported)

    plots = [
        plot("fsc_resolution", "Fourier shell correlation of the half maps without mask.",
             "The correlation against spatial frequency with its limits; it reaches 0.143", "FSC",
             [series("FSC", curves.fsc), limit("0.143", FSC_THRESHOLD), limit("0.5", 0.5),
              series("half bit", half_bit(curves.counts), "dashed"),
              series("2/√n", noise_level(curves.counts), "dashed")]),
        plot("dpr_resolution", "Differential phase residual of the half maps.",
             "The phase residual against spatial frequency; it reaches 103.9°", "DPR (°)",
             [series("DPR", curves.dpr), limit("103.9°", DPR_THRESHOLD)]),
    ]
    if curves.masked is not None:
        within = [series("within the mask", curves.masked)]
        if curves.randomised is not None:
            within += [series("random phases", curves.randomised),
                       series("corrected", curves.corrected)]
        plots.insert(1, plot(
            "masked_fsc_resolution",
            "Fourier shell correlation of the half maps within the soft mask, of the same after "
            "their phases were randomised, and corrected for what the mask adds.",
            "Correlations against spatial frequency; the corrected one reaches 0.143", "FSC",
            within + [limit("0.143", FSC_THRESHOLD), limit("0.5", 0.5), series(
                "half bit", half_bit(curves.counts * curves.independent), "dashed")]))
    if curves.ssnr is not None:
        plots.append(plot(
            "ssnr_resolution",
            "Spectral signal-to-noise ratio of the mean of the half maps, where it is above 0.01.",
            "The signal-to-noise ratio against spatial frequency; it reaches 1", "SSNR",
            [series("SSNR", np.where(curves.ssnr > 0.01, curves.ssnr, np.nan)),
             limit("1", 1.0)], log_y=True))
    return plots


def _angstrom(resolution):
    return "no frequency" if resolution is None else "%.2f Å" % resolution


def _named(curves):
    named = {"fsc": (curves.fsc, "FSC of the half maps")}
    if curves.masked is not None:
        named["fsc_masked"] = (curves.masked, "FSC of the half maps within the soft mask")
    if curves.randomised is not None:
        named["fsc_random_phases"] = (curves.randomised, "FSC within the soft mask after the "
                                      "phases were randomised")
        named["fsc_corrected"] = (curves.corrected, "FSC within the soft mask, corrected for "
                                  "the mask")
    return [Curve(name, description, curves.frequencies, values)
            for name, (values, description) in named.items()]
