"""1.e: to which resolution does each place of the map rise above the noise?"""

import numpy as np

from vrs.checks import Check, NotMeasured, Reference, register
from vrs.checks.level_1.engines import local_findings, with_halves
from vrs.checks.local import reported_criterion, resolution_findings, spread_criterion
from vrs.engines.external import ExternalEngine
from vrs.numerics.monogenic import local_resolution


@register
class MonoRes(Check):
    """Local resolution by monogenic amplitudes of signal and noise."""

    id = "1.e"
    title = "Local resolution, MonoRes"
    needs = "map, threshold, two half maps"
    explanation = (
        "The mean of the half maps holds the signal, half their difference only noise. Both are "
        "stripped of everything coarser than some resolution, and the strength of what is left is "
        "measured at each voxel, whatever its phase, by the monogenic amplitude. A voxel has the "
        "finest resolution at which its strength exceeds that of 95 % of the noise in the mask; "
        "it gives up after failing twice in a row. Steps go evenly in frequency from 10 Å, or five "
        "times the reported resolution if that is coarser, to twice the voxel size. Places that "
        "never rise above the noise get the value of the first step. The percentile of the "
        "reported resolution is the part of the mask with a local resolution at least as good.")
    references = (Reference(
        "Vilas2018",
        "J.L. Vilas, J. Gómez-Blanco, P. Conesa, R. Melero, J.M. de la Rosa-Trevín, J. Otón, "
        "J. Cuenca, R. Marabini, J.M. Carazo, J. Vargas, C.O.S. Sorzano. MonoRes: automatic and "
        "accurate estimation of local resolution for electron microscopy maps. Structure 26 "
        "(2018) 337-344.", "10.1016/j.str.2017.12.018"),)
    criteria = (
        reported_criterion(),
        spread_criterion(0.01, "Å"),
    )
    estimates = {"percentiles.50": "MonoRes, median"}
    summary_ok = "The strength of the signal above the noise agrees with the reported resolution."
    summary_warnings = ("The strength of the signal above the noise does not support the reported "
                        "resolution.")

    def compute(self, data):
        if np.array_equal(data.half1, data.half2):
            raise NotMeasured("The half maps are identical, so that their difference holds no "
                              "noise to compare the signal with.")
        local = local_resolution(data.half1, data.half2, data.hard_mask, data.sampling,
                                 data.resolution, data.workers)
        return resolution_findings(data, local, "monores")


# The finest steps, in Å, that its program takes.
_STEP = 0.25


def _input_for_xmipp(data):
    coarsest = max(10.0, 5 * data.resolution if data.resolution else 50.0, 6 * data.sampling)
    return with_halves(data, data.hard_mask, useHalfVolumes=True, hasHalfVolumesFile=False,
                       minRes=2 * data.sampling, maxRes=coarsest, stepSize=_STEP,
                       numberOfThreads=data.workers)


MonoRes.external = (ExternalEngine(
    name="xmipp", label="Xmipp", package="scipion-em-xmipp", plugin="xmipp3",
    protocol="XmippProtMonoRes", half_parameters=("halfMap1", "halfMap2"), mask_parameter="mask",
    outputs=("monoresResolutionMap.mrc",),
    files=("bin/xmipp_resolution_monogenic_signal", "bin/xmipp_transform_threshold",
           "bin/xmipp_image_histogram"),
    prepare=_input_for_xmipp,
    findings=lambda data, found: local_findings(data, found, "Xmipp", "monores")),)
