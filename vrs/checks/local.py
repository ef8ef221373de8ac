"""What the items with a value per voxel share."""

from dataclasses import replace

import numpy as np
from scipy import ndimage

from vrs.checks.check import Findings
from vrs.checks.content import Bars, Mark, Paragraph, Surface, Table
from vrs.checks.criteria import Criterion
from vrs.checks.results import Metric
from vrs.checks.sections import central_slices

_PERCENTILES = (2.5, 25, 50, 75, 97.5)
_KEYS = tuple("%g" % percentage for percentage in _PERCENTILES)
_BINS = 60


def percentiles(values, unit, description):
    """Metric of the percentiles 2.5, 25, 50, 75 and 97.5.

    Parameters
    ----------
    values : numpy.ndarray, (voxels,)
        Percentiles among infinite ones have no value.
    unit, description : str

    Returns
    -------
    Metric
        A mapping with the keys "2.5", "25", "50", "75", "97.5".
    """
    with np.errstate(invalid="ignore"):
        found = np.percentile(values, _PERCENTILES)
    return Metric(dict(zip(_KEYS, found)), unit, description)


def spread(metric):
    """Metric of how far the outer percentiles are apart.

    Parameters
    ----------
    metric : Metric
        From :func:`percentiles`, all with a value.

    Returns
    -------
    Metric
    """
    return Metric(metric.value["97.5"] - metric.value["2.5"], metric.unit,
                  "Percentile 97.5 less percentile 2.5")


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
        "spread", "spread", "the spread of the local values (percentile 97.5 less 2.5)", ">=",
        least, "The local values hardly differ within the mask (spread {value:.3g}, at least "
        "{bound}): the method probably did not work on this map.", unit, guards=True)


def reported_criterion():
    """Criterion that the reported resolution is reached somewhere in the map.

    Returns
    -------
    Criterion
        Of the metric ``reported_percentile``.
    """
    return Criterion(
        "reported_percentile", "reported_percentile",
        "the percentile of the reported resolution in the local resolution", ">=", 0.1,
        "The reported resolution is better than nearly all of the local resolution: it is at the "
        "percentile {value:.2f} (at least {bound}).", "%", needs_resolution=True)


def resolution_findings(data, local, name):
    """What the items with a local resolution find.

    Parameters
    ----------
    data : ValidationInput
    local : numpy.ndarray of float32, (z, y, x)
        Local resolution, Å; 0 where it has no value, which must be so outside the
        mask and not everywhere.
    name : str
        Of the volume to be stored.

    Returns
    -------
    Findings
        Metrics ``percentiles``, ``spread`` and, when a resolution was reported,
        ``reported_percentile``; table, histogram, slices, surface; the volume.
    """
    values = local[local > 0]
    found = percentiles(values, "Å", "Percentiles of the local resolution within the mask")
    metrics = {"percentiles": found, "spread": spread(found)}
    slices = central_slices(np.where(local > 0, local, np.float32(np.nan)), data.sampling,
                            "Local resolution within the mask, central slices; the darkest "
                            "colour is the best resolution.",
                            "Three sections of the local resolution, along X, Y and Z.")
    marks = [Mark(data.resolution, "reported")] if data.resolution else []
    table, bars, surface = local_figures(data, values, found, name, "local resolution", marks)
    slices = replace(slices, unit="Å", colour_range=surface.colour_range)
    content = [table, bars, slices, surface]
    if data.resolution:
        metrics["reported_percentile"] = Metric(
            100 * np.mean(values <= data.resolution), "%",
            "Part of the mask whose local resolution is at or better than the reported one")
        content.insert(1, Paragraph(
            "The reported resolution, %.2f Å, is at the percentile %.1f of the local resolution."
            % (data.resolution, metrics["reported_percentile"].value)))
    return Findings(metrics, content, {name: (local, "Local resolution (Å), 0 outside the mask")})


def percentile_table(metric, caption):
    """Table of a metric made by :func:`percentiles`."""
    return Table(["Percentile"] + ["%s %%" % key for key in metric.value],
                 [["Value" + (" (%s)" % metric.unit if metric.unit else "")]
                  + ["–" if value is None else "%.2f" % value
                     for value in metric.value.values()]], caption)


def local_figures(data, values, metric, volume, name, marks=()):
    """Percentiles, histogram and coloured surface of a local property.

    Parameters
    ----------
    data : ValidationInput
    values : numpy.ndarray, (voxels,)
        The property in the mask.
    metric : Metric
        Its percentiles; the outer ones bound the colours.
    volume : str
        Name of the volume of the property.
    name : str
        What it is, in the middle of a sentence.
    marks : iterable of Mark
        For the histogram, beside the median.

    Returns
    -------
    list
        A table and two figures.
    """
    label = name[0].upper() + name[1:]
    unit = " (%s)" % metric.unit if metric.unit else ""
    surface = Surface(
        caption="Surface of the map coloured by the %s." % name,
        alt="The surface of the map seen along X, Y and Z, coloured by the %s." % name,
        volume="map", level=float(data.threshold), colour_by=volume, colour_label=label,
        unit=metric.unit, colour_range=[metric.value["2.5"], metric.value["97.5"]])
    return [percentile_table(metric, "Percentiles of the %s." % name),
            _histogram(values, label + unit, name,
                       list(marks) + [Mark(metric.value["50"], "median")]), surface]


def _histogram(values, label, name, marks):
    """Histogram whose outer bars gather what lies beyond the percentiles 0.1 and 99.9."""
    low, high = np.percentile(values, (0.1, 99.9))
    counts, edges = np.histogram(np.clip(values, low, high), _BINS)
    return Bars(caption="Histogram of the %s." % name,
                alt="Distribution of the %s over the voxels of the mask." % name, x_label=label,
                y_label="Voxels", edges=edges, counts=counts, marks=marks)


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
    scale = np.diag([old / new for old, new in zip(mask.shape, shape)])

    def resample(array):
        return ndimage.affine_transform(array, scale, output_shape=shape, order=1, mode="nearest")

    weights = resample(known)
    result = resample(spread)
    near = weights > 1e-3
    np.divide(result, weights, out=result, where=near)
    result[~near] = 0
    return result
