"""1.c: to which resolution do the halves agree around each voxel?"""

from vrs.checks import Check, register
from vrs.checks.level_1.half_map_engines import local_findings, with_halves
from vrs.checks.local import (LOCAL_RESOLUTION, reported_criterion, resolution_findings,
                              spread_criterion)
from vrs.engines.external import ExternalEngine
from vrs.inputs.half_maps import HALF_MAPS
from vrs.inputs.map import MAP
from vrs.numerics.local_fsc import fsc_resolution

_CUTOFF = 0.5
_BOX = 20


@register
class BlocRes(Check):
    """Local resolution by the Fourier shell correlation in small boxes."""

    id = "1.c"
    title = "Local resolution (Blocres method)"
    requires = (MAP, HALF_MAPS)
    explanation = (
        "The resolution is measured around each voxel of the mask as it is for whole maps: by the "
        "Fourier shell correlation of the two half maps, here within a box of 20 voxels that fades "
        "towards its sides, and at a correlation of 0.5, as small boxes hold too little data for a "
        "lower one. The value belongs to the middle third of the box rather than to the voxel "
        "alone. It cannot be better than twice the voxel size; where the halves do not even agree "
        "at the length of the box, and where they are empty, it is this length. The percentile of "
        "the reported resolution is the percentage of the mask with a local resolution at least as "
        "good.")
    quantities = LOCAL_RESOLUTION
    references = ("Cardone2013",)
    criteria = (reported_criterion(), spread_criterion(0.01, "Å"))
    estimates = {"percentiles.50": "Blocres, median"}
    within_mask = True
    summary_ok = "The local Fourier shell correlation agrees with the reported resolution."
    summary_warnings = ("The local Fourier shell correlation does not support the reported "
                        "resolution.")

    def compute(self, data):
        local = fsc_resolution(data.half_maps.first, data.half_maps.second, data.map.hard_mask,
                               data.map.sampling, _CUTOFF, _BOX, data.run.workers)
        return resolution_findings(data, local, "blocres")


BlocRes.external = (ExternalEngine(
    name="bsoft", label="Bsoft", package="scipion-em-bsoft", plugin="bsoft",
    protocol="BsoftProtBlocres", half_parameters=("inputVolume", "inputVolume2"),
    mask_parameter="mask", outputs=("resolutionMap.map",), files=("bin/blocres",),
    # Unless told what to fill the rest with, the protocol cannot write its command.
    prepare=lambda data: with_halves(data, data.map.hard_mask, box=_BOX, cutoff=_CUTOFF,
                                     maxresolution=2 * data.map.sampling, fill=0),
    findings=lambda data, found: local_findings(data, found, "Bsoft", "blocres")),)
