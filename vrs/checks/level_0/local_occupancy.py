"""0.g: is there signal at all frequencies, place by place?"""

import numpy as np

from vrs.checks import MAPPING, Check, Criterion, Findings, Quantity, register
from vrs.checks.level_0.monogenic import (BANDS, LOWEST_FREQUENCY, input_for_ucm, resize,
                                          values_from_ucm)
from vrs.checks.local import (PERCENTILES, local_figures, local_volume, onto_grid, percentile_table,
                              percentiles, spread, spread_criterion)
from vrs.engines.external import ExternalEngine
from vrs.inputs.map import MAP
from vrs.numerics.solvent import signal_ratio
from vrs.results import Paragraph, plain

_MASK_QUANTILE = 0.25
_NOISE_QUANTILE = 0.95


@register
class LocalOccupancy(Check):
    """Fractions of frequency bands in which a place holds signal."""

    id = "0.g"
    title = "Local occupancy (LocOccupancy method)"
    requires = (MAP, BANDS)
    explanation = (
        "The local occupancy of a voxel is the fraction of frequency bands, between 15 Å and the "
        "reported resolution, in which the local amplitude of the map reaches a threshold. In the "
        "published method this is the lower quartile of the amplitudes within the mask, so that "
        "the mean is 0.75 whatever the map: its values compare places of one map, not maps. The "
        "noise-referenced occupancy takes the 0.95 quantile of the amplitudes of the background "
        "instead; it says how much of the map stands out from the noise, and noise alone gives "
        "0.05. It changes in few steps, so the verdict is on the power near the reported "
        "resolution within the mask, relative to that of the noise in the surroundings (more than "
        "10 Å from the mask): it is 1 for noise alone, and 4/3 where the Fourier shell correlation "
        "of the half maps is 0.143.")
    quantities = (
        Quantity("mean", "",
                 "Mean of the local occupancy within the mask; close to 0.75 by construction"),
        Quantity("noise_referenced_percentiles", "",
                 "Percentiles of the noise-referenced occupancy within the mask", MAPPING,
                 PERCENTILES),
        Quantity("percentiles", "",
                 "Percentiles of the local occupancy within the mask (published method)", MAPPING,
                 PERCENTILES),
        Quantity("signal_ratio", "",
                 "Power within the mask relative to that of the noise in the surroundings, in the "
                 "band from 1.25 R to R; 1 for noise alone"),
        Quantity("spread", "", "Percentile 97.5 minus percentile 2.5"),
    )
    references = ("Kaur2021",)
    criteria = (
        Criterion(name="median", metric="percentiles.50", subject="the median local occupancy",
                  relation=">=", bound=0.5,
                  warning="The median local occupancy is {value:.2f} (at least {bound}): much of "
                  "the mask is weak compared with the rest. Look where, and check the threshold."),
        Criterion(name="signal_ratio", subject="the power near the reported resolution within the "
                  "mask, relative to that of the noise in the surroundings,",
                  relation=">=", bound=1.8,
                  warning="Near the reported resolution, the power within the mask is only "
                  "{value:.2f} times that of the noise around it (at least {bound} times "
                  "expected): there is hardly any signal. The reported resolution may be too good; "
                  "compare the half maps (1.a).",
                  needs_resolution=True, service=()),
        spread_criterion(0.1),
    )
    within_mask = True
    summary_ok = "Most of the map holds signal up to the reported resolution."
    summary_warnings = "There may be a problem with the local occupancy of the map."

    def compute(self, data):
        resized = resize(data)
        return _findings(data, resized, *local_occupancies(resized))


def _findings(data, resized, published, above_noise):
    """Findings from both occupancies within the resized mask, the second perhaps None."""
    found = percentiles(published)
    metrics = plain({"percentiles": found, "spread": spread(found),
               "mean": published.mean(dtype=np.float64)})
    volume = local_volume("local_occupancy", onto_grid(published, resized.mask,
                                                       data.map.volume.shape),
                          "Local occupancy (0 to 1)", "Local occupancy", "", found)
    content = local_figures(data, volume, published, found)
    if above_noise is None:
        content.append(Paragraph(
            "The background of this map was set to zero, so there is no noise to refer to; the "
            "noise-referenced occupancy is not evaluated."))
    else:
        metrics["noise_referenced_percentiles"] = percentiles(above_noise)
        metrics["signal_ratio"] = plain(_signal_ratio(data))
        content.append(percentile_table(metrics["noise_referenced_percentiles"], "",
                                        "Percentiles of the noise-referenced occupancy."))
    return Findings(metrics, content, [volume])


def _signal_ratio(data):
    """Power within the mask over that of the noise, near the resolution; None without noise."""
    around = data.map.surroundings
    if not around.any():
        return None
    return signal_ratio(data.map.volume, data.map.hard_mask, around, data.map.sampling,
                        data.reported.resolution, data.run.workers)


def _findings_of_ucm(data, local_map):
    resized = resize(data)
    _, above_noise = local_occupancies(resized)
    findings = _findings(data, resized, values_from_ucm(local_map, resized), above_noise)
    if above_noise is not None:
        findings.content.append(Paragraph("UCM gives no noise-referenced occupancy; this one comes "
                                          "from the built-in engine."))
    return findings


LocalOccupancy.external = (ExternalEngine(
    name="ucm", label="UCM", package="scipion-em-ucm", plugin="ucm", protocol="ProtLocOccupancy",
    map_parameter="vol", mask_parameter="mask_in_molecule", outputs=("omap.mrc",),
    prepare=input_for_ucm, findings=_findings_of_ucm),)


def local_occupancies(resized):
    """Local occupancies within the mask.

    As many bands as their width allows stand from 1/15 Å to 1/R (Kaur et al. 2021,
    doi 10.1038/s41467-021-21509-5).

    Parameters
    ----------
    resized : vrs.checks.level_0.monogenic.ResizedMap

    Returns
    -------
    published : numpy.ndarray of float32, (voxels in the mask,)
        Fraction of the bands whose amplitude reaches the 0.25 quantile in the mask.
    above_noise : numpy.ndarray of float32 or None
        The same for the 0.95 quantile in the background; None without background.
    """
    count = max(1, int((resized.highest - LOWEST_FREQUENCY) / resized.width))
    frequencies = np.linspace(LOWEST_FREQUENCY, resized.highest, count)
    published = np.zeros(np.count_nonzero(resized.mask), np.float32)
    above_noise = np.zeros_like(published) if resized.background.any() else None
    for frequency in frequencies:
        amplitude = resized.bands.amplitude(frequency)
        inside = amplitude[resized.mask]
        published += inside >= np.quantile(inside, _MASK_QUANTILE)
        if above_noise is not None:
            above_noise += inside >= np.quantile(amplitude[resized.background], _NOISE_QUANTILE)
    published /= len(frequencies)
    if above_noise is not None:
        above_noise /= len(frequencies)
    return published, above_noise
