"""1.d: which is the finest detail around each voxel that stands out from the noise?"""

import numpy as np

from vrs.checks import Check, NotMeasured, Quantity, register
from vrs.checks.level_1.half_map_engines import local_values, require_cube, with_halves
from vrs.checks.local import (LOCAL_RESOLUTION, reported_criterion, resolution_findings,
                              spread_criterion)
from vrs.engines.external import ExternalEngine
from vrs.inputs.half_maps import HALF_MAPS
from vrs.inputs.map import MAP
from vrs.numerics.local_sinusoids import LONGEST, sinusoid_resolution

# What the original program writes where it finds nothing.
_UNRESOLVED = 100


@register
class ResMap(Check):
    """Local resolution as the smallest wavelength of a detectable local sinusoid."""

    id = "1.d"
    title = "Local resolution (ResMap method)"
    requires = (MAP, HALF_MAPS)
    explanation = (
        "The local resolution is here the smallest wavelength at which a wave of any direction "
        "stands out from the noise around a voxel. The noise is half the difference of the two "
        "half maps within the mask; their mean is scaled so that the noise is equally strong at "
        "all frequencies. At each wavelength from 20 voxels to twice the voxel size, waves in a "
        "window of about that size are fitted, and a likelihood ratio test decides whether they "
        "are more than noise, with 5 % of false discoveries. The original program compares with a "
        "constant only, so strong coarse detail can pass for finer detail; here what longer waves "
        "explain is removed first. A place where no wave stands out gets 20 voxels, the worst "
        "value. The percentile of the reported resolution is the percentage of the mask with a "
        "local resolution at least as good.")
    quantities = LOCAL_RESOLUTION + (
        Quantity("unresolved_percentage", "%",
                 "Fraction of the mask where no wave stands out from the noise; it has the worst "
                 "value"),
    )
    references = ("Kucukelbir2014",)
    criteria = (reported_criterion(), spread_criterion(0.01, "Å"))
    estimates = {"percentiles.50": "ResMap, median"}
    within_mask = True
    summary_ok = "Local detail is detectable at the reported resolution."
    summary_warnings = "Local detail is not detectable at the reported resolution."

    def compute(self, data):
        try:
            local, resolved = sinusoid_resolution(
                data.half_maps.first, data.half_maps.second, data.map.hard_mask,
                data.map.sampling, data.run.workers)
        except ValueError:
            raise NotMeasured("The two half maps do not differ within the mask, so nothing is "
                              "known about the noise.")
        return _findings(data, local, resolved)


def _findings(data, local, resolved):
    findings = resolution_findings(data, local, "resmap")
    findings.metrics["unresolved_percentage"] = 100 * (1 - resolved[data.map.hard_mask].mean())
    return findings


def _input_for_resmap(data):
    require_cube(data, "ResMap")
    # Only when it benchmarks does the program ask nothing and open no window.
    return with_halves(data, data.map.hard_mask, applyMask=True, show2D=False, doBenchmarking=True,
                       maxRes=LONGEST * data.map.sampling, stepRes=0.5)


def _findings_of_resmap(data, found):
    resolved = found < _UNRESOLVED
    filled = np.where(resolved, found, np.float32(LONGEST * data.map.sampling))
    return _findings(data, local_values(data, filled, "ResMap"), resolved)


ResMap.external = (ExternalEngine(
    name="resmap", label="ResMap", package="scipion-em-resmap", plugin="resmap",
    protocol="ProtResMap", half_parameters=("volumeHalf1", "volumeHalf2"),
    mask_parameter="maskVolume", outputs=("volume1_ori_resmap.map",), files=("bin/{RESMAP}",),
    prepare=_input_for_resmap, findings=_findings_of_resmap),)
