"""What the items with a value per voxel share."""

from dataclasses import replace

import numpy as np
from scipy import ndimage

from vrs.checks.check import Findings
from vrs.checks.criteria import Criterion
from vrs.checks.quantities import MAPPING, Quantity
from vrs.numerics.masks import bounding_box
from vrs.results import Bars, Mark, Paragraph, Surface, Table, Volume
from vrs.results.sections import central_slices

PERCENTILES = ("2.5", "25", "50", "75", "97.5")
_BINS = 60
# A local resolution (Å) this close to the finest is that.
_LIMITED = 0.01

LOCAL_RESOLUTION = (
    Quantity("percentiles", "Å", "Percentiles of the local resolution within the mask", MAPPING,
             PERCENTILES),
    Quantity("reported_percentile", "%",
             "Fraction of the mask whose local resolution is at least as good as the reported one"),
    Quantity("spread", "Å", "Percentile 97.5 minus percentile 2.5; no value where nearly all of "
             "the mask reaches the finest detail that the voxels can show"),
)


def percentiles(values):
    """The percentiles 2.5, 25, 50, 75 and 97.5.

    Parameters
    ----------
    values : numpy.ndarray, (voxels,)
        Percentiles among infinite ones have no value.

    Returns
    -------
    dict of str to float or None
        By ``PERCENTILES``.
    """
    with np.errstate(invalid="ignore"):
        found = np.percentile(values, [float(key) for key in PERCENTILES])
    return {key: float(value) if np.isfinite(value) else None
            for key, value in zip(PERCENTILES, found)}


def spread(found):
    """How far the outer percentiles are apart.

    Parameters
    ----------
    found : dict
        From :func:`percentiles`, all with a value.

    Returns
    -------
    float
    """
    return found["97.5"] - found["2.5"]


def spread_criterion(least, unit=""):
    """Criterion that a local property differs from place to place.

    Parameters
    ----------
    least : float
        Of the metric ``spread``.
    unit : str

    Returns
    -------
    Criterion
    """
    return Criterion(
        name="spread", subject="the spread of the local values (percentile 97.5 minus 2.5)",
        relation=">=", bound=least,
        warning="The local values hardly differ from place to place (spread {value:.3g}, at least "
        "{bound}): the method probably did not work on this map.", unit=unit, guards=True)


def reported_criterion():
    """Criterion that the reported resolution is reached somewhere in the map.

    Returns
    -------
    Criterion
        Of the metric ``reported_percentile``.
    """
    return Criterion(
        name="reported_percentile",
        subject="the fraction of the mask with a local resolution at least as good as the reported "
        "one", relation=">=", bound=0.1,
        warning="Only {value:.2f} % of the mask (at least {bound} % expected) has a local "
        "resolution as good as the reported one: that is too optimistic for this map, or the map "
        "was filtered to a lower resolution.", unit="%", needs_resolution=True)


def local_volume(name, values, description, label, unit, found, scale="local"):
    """The map of a local property, with a colour scale between its outer percentiles.

    Parameters
    ----------
    name, values, description, label, unit, scale
        As those of :class:`vrs.results.Volume`.
    found : dict
        From :func:`percentiles`.

    Returns
    -------
    vrs.results.Volume
    """
    return Volume(name, values, description, label, unit, scale, (found["2.5"], found["97.5"]))


def resolution_findings(data, local, name, finest=0.0, unresolved=0):
    """What the items with a local resolution find.

    Parameters
    ----------
    data : vrs.inputs.Evidence
    local : numpy.ndarray of float32, (z, y, x)
        Local resolution, Å; 0 where it has no value, which must be so outside the
        mask and not everywhere.
    name : str
        Of the volume to be stored.
    finest : float
        The finest resolution that the method distinguishes, Å, besides that of the voxels.
    unresolved : int
        Voxels of the mask without a value that are known to show no signal.

    Returns
    -------
    Findings
        Those of the quantities ``LOCAL_RESOLUTION`` that can be told; table, histogram,
        slices, surface; the volume.
    """
    values = local[local > 0]
    found = percentiles(values)
    limit, cause = (("voxels of %g Å can show" % data.map.sampling, "voxel size")
                    if finest <= 2 * data.map.sampling else
                    ("the method distinguishes", "method"))
    finest = max(finest, 2 * data.map.sampling)
    limited = found["97.5"] <= finest + _LIMITED
    metrics = {"percentiles": found, "spread": None if limited else spread(found)}
    volume = local_volume(name, local, "Local resolution (Å), 0 outside the mask",
                          "Local resolution", "Å", found)
    slices = central_slices(np.where(local > 0, local, np.float32(np.nan)), data.map.sampling,
                            "Local resolution within the mask, central slices; dark colours mark "
                            "the best resolution.",
                            "Three sections of the local resolution, along X, Y and Z.")
    reported = data.reported.resolution
    marks = [Mark(reported, "reported")] if reported else []
    table, bars, surface = local_figures(data, volume, values, found, marks)
    slices = replace(slices, unit="Å", colour_range=surface.colour_range)
    content = [table, bars, slices, surface]
    if limited:
        content.insert(1, Paragraph(
            "Nearly all of the mask reaches %.2f Å, the finest that %s: the local resolution is "
            "limited by the %s, and how it varies is not known." % (finest, limit, cause)))
    elif found["50"] <= finest + _LIMITED:
        content.insert(1, Paragraph(
            "Half of the mask or more reaches %.2f Å, the finest that %s: the median is limited by "
            "the %s." % (finest, limit, cause)))
    if reported:
        metrics["reported_percentile"] = (
            100 * np.count_nonzero(values <= reported) / (len(values) + unresolved))
        content.insert(1, Paragraph(
            "The reported resolution, %.2f Å, is at the percentile %.1f of the local resolution."
            % (reported, metrics["reported_percentile"])))
    return Findings(metrics, content, [volume])


def percentile_table(found, unit, caption):
    """Table of what :func:`percentiles` found."""
    return Table(["Percentile"] + ["%s %%" % key for key in found],
                 [["Value" + (" (%s)" % unit if unit else "")]
                  + ["–" if value is None else "%.2f" % value for value in found.values()]],
                 caption)


def local_figures(data, volume, values, found, marks=()):
    """Percentiles, histogram and coloured surface of a local property.

    Parameters
    ----------
    data : vrs.inputs.Evidence
    volume : vrs.results.Volume
        The property.
    values : numpy.ndarray, (voxels,)
        The property in the mask.
    found : dict
        Its percentiles.
    marks : iterable of Mark
        For the histogram, beside the median.

    Returns
    -------
    list
        A table and two figures.
    """
    name = volume.label[0].lower() + volume.label[1:]
    unit = " (%s)" % volume.unit if volume.unit else ""
    surface = Surface(
        caption="Surface of the map coloured by the %s%s." % (
            name, "; grey has no value" if volume.scale == "local" else ""),
        alt="The surface of the map seen along X, Y and Z, coloured by the %s." % name,
        volume="map", level=float(data.map.threshold), colour_by=volume.name,
        colour_label=volume.label, unit=volume.unit, colour_range=list(volume.limits),
        scale=volume.scale)
    return [percentile_table(found, volume.unit, "Percentiles of the %s." % name),
            clipped_histogram(values, "Histogram of the %s." % name,
                              "Distribution of the %s over the voxels of the mask." % name,
                              volume.label + unit, "Voxels",
                              list(marks) + [Mark(found["50"], "median")]), surface]


def clipped_histogram(values, caption, alt, x_label, y_label, marks):
    """Histogram whose outer bars gather what lies beyond the percentiles 0.1 and 99.9."""
    low, high = np.percentile(values, (0.1, 99.9))
    counts, edges = np.histogram(np.clip(values, low, high), _BINS)
    return Bars(caption, alt, x_label, y_label, edges, counts, marks)


def onto_grid(values, mask, shape):
    """Bring values known within a mask to another grid of the same box.

    Linear interpolation between the known voxels only.

    Parameters
    ----------
    values : numpy.ndarray of float32, (voxels in the mask,)
    mask : numpy.ndarray of bool, (z, y, x)
    shape : tuple of int
        Grid (z, y, x) wanted.

    Returns
    -------
    numpy.ndarray of float32, shape
        0 where no known voxel is near.
    """
    known = mask.astype(np.float32)
    spread = np.zeros(mask.shape, np.float32)
    spread[mask] = values
    scale = [old / new for old, new in zip(mask.shape, shape)]
    # Beyond the voxels next to the mask there is nothing.
    around = tuple(slice(max(0, int((axis.start - 1) / step)), min(size, int(axis.stop / step) + 1))
                   for axis, step, size in zip(bounding_box(mask), scale, shape))

    def resample(array):
        return ndimage.affine_transform(
            array, np.diag(scale), [axis.start * step for axis, step in zip(around, scale)],
            [axis.stop - axis.start for axis in around], order=1, mode="nearest")

    weights = resample(known)
    near = weights > 1e-3
    result = np.zeros(shape, np.float32)
    np.divide(resample(spread), weights, out=result[around], where=near)
    return result
