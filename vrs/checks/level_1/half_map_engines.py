"""What the items share that programs of others can compute from half maps."""

import numpy as np

from vrs.checks.check import NotMeasured
from vrs.checks.level_1.fsc_scale import calibrated_paragraph
from vrs.checks.local import resolution_findings
from vrs.engines.external import EngineInput
from vrs.numerics.half_maps import match_halves
from vrs.results.content import Paragraph


def with_halves(data, mask=None, **parameters):
    """What an engine that takes half maps is given.

    Parameters
    ----------
    data : vrs.inputs.Evidence
        With half maps.
    mask : numpy.ndarray of bool or float32, (z, y, x), optional
    **parameters
        Of its protocol.

    Returns
    -------
    vrs.engines.external.EngineInput
    """
    return EngineInput(data.map.volume, data.map.sampling, mask, parameters, data.half_maps.both)


def require_cube(data, program):
    """Raise NotMeasured for a program that takes cubic boxes only and a box that is none."""
    if len(set(data.map.box)) > 1:
        raise NotMeasured("%s accepts only cubic boxes; this one has %d x %d x %d voxels."
                          % ((program,) + data.map.box))


def require_noise(data):
    """Raise NotMeasured for half maps whose difference holds no noise but that of rounding."""
    if match_halves(*data.half_maps.both, workers=data.run.workers).identical:
        raise NotMeasured("The half maps are identical, so their difference holds no noise to "
                          "compare the signal with.")


def require_box(data, found, program):
    """Raise NotMeasured for a map of a program that does not have the box of the input."""
    if found.shape != data.map.volume.shape:
        raise NotMeasured("%s returned a box of %d x %d x %d voxels, while the map has %d x %d x "
                          "%d." % ((program,) + found.shape[::-1] + data.map.box))


def local_values(data, found, program):
    """The local resolution that a program found, in the mask.

    Parameters
    ----------
    data : vrs.inputs.Evidence
    found : numpy.ndarray of float32, (z, y, x)
        Å; 0 where the program has no value.
    program : str
        Its name for messages.

    Returns
    -------
    numpy.ndarray of float32, (z, y, x)
        0 where there is no value and outside the mask.

    Raises
    ------
    NotMeasured
        If the box is another one or the mask has no value.
    """
    require_box(data, found, program)
    local = np.where(data.map.hard_mask & (found > 0), found, np.float32(0))
    if not local.any():
        raise NotMeasured("%s returned no local resolution within the mask." % program)
    return local


def calibrated_findings(data, local, name, scale, unresolved=0):
    """Findings from a local resolution, with what it is on the scale of the FSC.

    Parameters
    ----------
    data, local, name, unresolved
        As those of :func:`vrs.checks.local.resolution_findings`.
    scale : vrs.checks.level_1.fsc_scale.Scale

    Returns
    -------
    Findings
    """
    findings = resolution_findings(data, local, name, unresolved=unresolved)
    found = scale.metrics(data, local[local > 0])
    findings.metrics.update(found)
    findings.content.insert(1, calibrated_paragraph(found))
    return findings


def local_findings(data, found, program, name, scale):
    """Findings from the local resolution that a program found.

    Parameters
    ----------
    data, found, program
        As in :func:`local_values`, with its errors.
    name, scale
        As in :func:`calibrated_findings`.

    Returns
    -------
    Findings
        Those of :func:`calibrated_findings`.
    """
    local = local_values(data, found, program)
    findings = calibrated_findings(data, local, name, scale)
    covered = 100 * np.count_nonzero(local) / np.count_nonzero(data.map.hard_mask)
    if covered < 100:
        findings.content.append(Paragraph(
            "%s gives a value to %.1f %% of the mask; the percentiles are those of this part."
            % (program, covered)))
    return findings
