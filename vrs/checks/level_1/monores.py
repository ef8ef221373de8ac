"""1.e: to which resolution does each place of the map rise above the noise?"""

import numpy as np

from vrs.checks import Check, Criterion, Findings, Quantity, register
from vrs.checks.level_1.fsc_scale import Scale
from vrs.checks.level_1.half_map_engines import (calibrated_findings, local_findings,
                                                 require_noise, with_halves)
from vrs.checks.level_1.shell_curves import SHELL_CURVES
from vrs.checks.local import LOCAL_RESOLUTION, spread_criterion
from vrs.engines.external import ExternalEngine
from vrs.inputs.half_maps import HALF_MAPS
from vrs.inputs.map import MAP
from vrs.numerics.monogenic import monogenic_resolution
from vrs.results import MINOR, SERIOUS, Paragraph

# Noise that rises beyond the resolution makes it read far coarser: 0.6 in a sound map at 8 Å.
_SCALE = Scale(10, 1.09, 0.5, MINOR)
_MOST_UNRESOLVED = 20.0


@register
class MonoRes(Check):
    """Local resolution by monogenic amplitudes of signal and noise."""

    id = "1.e"
    title = "Local resolution (MonoRes method)"
    requires = (MAP, HALF_MAPS)
    uses = (SHELL_CURVES,)
    explanation = (
        "The mean of the half maps holds the signal, half their difference only noise. Both are "
        "stripped of everything coarser than some resolution, and the strength of what is left is "
        "measured at each voxel, whatever its phase, by the monogenic amplitude. A voxel is "
        "assigned the finest resolution at which its strength exceeds that of 95 % of the noise in "
        "the mask; the search ends after two failures in a row. The steps are equally spaced in "
        "frequency, from 10 Å, or five times the reported resolution if that is coarser, to twice "
        "the voxel size. Places that never rise above the noise have no value; they are counted. "
        "The percentile of the reported resolution is the percentage of the mask with a local "
        "resolution at least as good. " + _SCALE.explanation)
    quantities = LOCAL_RESOLUTION + _SCALE.quantities() + (
        Quantity("unresolved_percentage", "%",
                 "Fraction of the mask that rises above the noise at no resolution; it has no "
                 "value"),
    )
    references = ("Vilas2018",)
    criteria = (
        _SCALE.criterion("the local strength of the signal"),
        Criterion(name="unresolved_percentage", guards=True,
                  subject="the fraction of the mask that does not rise above the noise at any "
                  "resolution",
                  relation="<=", bound=_MOST_UNRESOLVED, unit="%",
                  warning="{value:.0f} % of the mask (at most {bound} % expected) does not rise "
                  "above the noise at any resolution: the threshold is so low that it takes in "
                  "noise, or the half maps do not show this macromolecule.",
                  severity=SERIOUS, service=()),
        spread_criterion(0.01, "Å"))
    estimates = {"calibrated_resolution": "MonoRes, calibrated"}
    within_mask = True
    summary_ok = "The strength of the signal above the noise agrees with the reported resolution."
    summary_warnings = ("The strength of the signal above the noise does not support the reported "
                        "resolution.")

    def compute(self, data):
        require_noise(data)
        local = monogenic_resolution(
            data.half_maps.first, data.half_maps.second, data.map.hard_mask, data.map.sampling,
            data.reported.resolution, data.run.workers)
        return _findings(data, local)


def _findings(data, local):
    unresolved = np.count_nonzero(data.map.hard_mask & (local == 0))
    percentage = 100 * unresolved / np.count_nonzero(data.map.hard_mask)
    if not local.any():
        return Findings(dict(_SCALE.metrics(data, local[local > 0]),
                             unresolved_percentage=percentage),
                        [Paragraph("No place rises above the noise at any resolution.")])
    findings = calibrated_findings(data, local, "monores", _SCALE, unresolved)
    findings.metrics["unresolved_percentage"] = percentage
    findings.content.insert(1, Paragraph("%.1f %% of the mask does not rise above the noise at any "
                                         "resolution and has no value." % percentage))
    return findings


# The finest steps, in Å, that its program takes.
_STEP = 0.25


def _input_for_xmipp(data):
    reported = data.reported.resolution
    coarsest = max(10.0, 5 * reported if reported else 50.0, 6 * data.map.sampling)
    return with_halves(data, data.map.hard_mask, useHalfVolumes=True, hasHalfVolumesFile=False,
                       minRes=2 * data.map.sampling, maxRes=coarsest, stepSize=_STEP,
                       numberOfThreads=data.run.workers)


MonoRes.external = (ExternalEngine(
    name="xmipp", label="Xmipp", package="scipion-em-xmipp", plugin="xmipp3",
    protocol="XmippProtMonoRes", half_parameters=("halfMap1", "halfMap2"), mask_parameter="mask",
    outputs=("monoresResolutionMap.mrc",),
    files=("bin/xmipp_resolution_monogenic_signal", "bin/xmipp_transform_threshold",
           "bin/xmipp_image_histogram"),
    prepare=_input_for_xmipp,
    findings=lambda data, found: local_findings(data, found, "Xmipp", "monores", _SCALE)),)
