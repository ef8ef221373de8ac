"""0.c: is the background plain noise about zero?"""

import math

import numpy as np
from scipy import fft
from scipy.special import ndtr, ndtri, stdtr

from vrs.checks import VECTOR, Check, Criterion, Findings, NotApplicable, Quantity, register
from vrs.inputs.map import MAP
from vrs.numerics.solvent import (detached_bodies, line_excess, noise_suppression,
                                  signal_ratio)
from vrs.results import plain
from vrs.results.sections import maximum_variance_slices

_OUTLIER_SIGMAS = 5
_GAUSSIAN_OUTLIERS = 2 * ndtr(-_OUTLIER_SIGMAS)
# Two-sided, for a p-value of 0.001.
_SURE = -ndtri(0.0005)
_ENOUGH = 1000
_LONGEST_LAG = 48
# Beyond the lag of so little correlation a sum would gather only sampling noise.
_NO_CORRELATION = 0.05


# What the public validation service asks of the background.
_SERVICE = (
    Criterion(name="p_value", subject="the p-value for a background mean of zero",
              relation=">=", bound=0.001,
              warning="The mean of the background differs from zero: the p-value is {value:.2g} "
              "(at least {bound})."),
    Criterion(name="outlier_ratio",
              subject="the number of background voxels beyond 5 standard deviations, relative to a "
              "Gaussian,", relation="<", bound=20.0,
              warning="The background has {value:.2f} times as many voxels beyond 5 standard "
              "deviations as a Gaussian (below {bound} times expected)."),
)


@register
class BackgroundAnalysis(Check):
    """Mean, deviation and outliers of the voxels outside the mask."""

    id = "0.c"
    title = "Background analysis"
    requires = (MAP,)
    explanation = (
        "The background is what lies outside the mask with hard borders. It should be noise about "
        "zero without structure. Next to the mask, density is expected: flexible parts, ordered "
        "solvent, a detergent belt, ripples. The verdict is therefore about the surroundings, "
        "beyond 10 Å from the mask and within the ellipsoid that fits into the box, and about what "
        "matters there: an offset that is notable relative to the contour level and larger than "
        "chance explains, given that neighbouring voxels are not independent; a second body, "
        "detached from the macromolecule; straight lines, as left by a few images with too much "
        "weight; and noise far weaker than the reported resolution implies, which means that the "
        "surroundings were masked or flattened and say nothing about the noise in the map. The "
        "published tests (Student's t of the mean, with all voxels taken as independent, and the "
        "number of voxels beyond 5 σ) reject nearly every real map; their values are given for "
        "comparison.")
    quantities = (
        Quantity("detached_percentage", "%",
                 "Volume of the largest body in the surroundings that is not connected to the "
                 "macromolecule, relative to the mask"),
        Quantity("effect_size", "σ", "|mean| / standard deviation"),
        Quantity("effective_p_value", "",
                 "p-value of the same test with the effective number of voxels"),
        Quantity("effective_sample_size", "voxels",
                 "Number of independent voxels with the same accuracy of the mean, from the "
                 "autocorrelation of the background"),
        Quantity("line_direction", "", "Most likely direction of lines", VECTOR),
        Quantity("line_excess", "",
                 "Noise power in a plane of Fourier space, as lines have it, relative to that "
                 "beside the plane; the largest of all directions"),
        Quantity("mean", "map units", "Mean of the background"),
        Quantity("noise_suppression", "",
                 "How many times weaker the noise power in the surroundings is, near the reported "
                 "resolution, than that resolution implies at the least"),
        Quantity("offset_percentage", "%",
                 "|mean of the surroundings|, less what chance explains (3.3 standard errors from "
                 "the effective number of voxels), relative to the contour level"),
        Quantity("outlier_percentage", "%",
                 "Background voxels beyond 5 σ in absolute value; a Gaussian has 5.7 × 10⁻⁵ %"),
        Quantity("outlier_ratio", "", "Ratio of that percentage to that of a Gaussian"),
        Quantity("p_value", "", "p-value of that test"),
        Quantity("standard_deviation", "map units", "Standard deviation (σ) of the background"),
        Quantity("surroundings_mean", "map units", "Mean of the surroundings"),
        Quantity("t_statistic", "", "Student's t of a background mean of zero"),
        Quantity("zero_percentage", "%", "Background voxels that are exactly zero"),
    )
    references = ("Sorzano2022",)
    criteria = (
        Criterion(name="offset", metric="offset_percentage",
                  subject="the offset of the surroundings from zero beyond what chance explains, "
                  "relative to the contour level,", relation="<=", bound=15.0, unit="%",
                  warning="The surroundings are not at zero: beyond what chance explains, their "
                  "mean is off by {value:.0f} % of the contour level (at most {bound} %). Subtract "
                  "the offset from the map, and from the threshold.", service=_SERVICE),
        Criterion(name="detached", metric="detached_percentage",
                  subject="the volume of the largest detached body in the surroundings, relative "
                  "to that of the mask,", relation="<=", bound=5.0, unit="%",
                  warning="A second body, with {value:.1f} % of the mask's volume (at most {bound} "
                  "%), lies in the surroundings: a neighbouring particle, a ghost of the "
                  "macromolecule, or an artefact. If it belongs to the macromolecule, lower the "
                  "threshold or give a mask of your own.", service=()),
        Criterion(name="line_excess",
                  subject="the noise power in any plane of Fourier space, where straight lines "
                  "would show, relative to that beside the plane,", relation="<=", bound=3.0,
                  warning="Straight lines run through the surroundings, with {value:.1f} times the "
                  "power of plain noise (at most {bound} times). Look for a few images or views "
                  "with too much weight.", service=()),
        Criterion(name="noise_suppression",
                  subject="the factor by which the noise power in the surroundings is below what "
                  "the reported resolution implies", relation="<=", bound=5.0,
                  warning="The noise power in the surroundings is {value:.0f} times lower than the "
                  "reported resolution implies (at most {bound} times): they were masked, "
                  "flattened or filtered more strongly than the macromolecule. Whatever is "
                  "compared with this background looks too good (0.g). If you have the map without "
                  "that treatment, validate that one.", needs_resolution=True, service=()),
    )
    summary_ok = "The background is noise about zero, without structure."
    summary_warnings = "There may be a problem with the background of the map."

    def compute(self, data):
        outside = ~data.map.hard_mask
        metrics = background_metrics(data.map.volume[outside])
        size = effective_sample_size(data.map.volume, outside, metrics["mean"],
                                     data.run.workers)
        t_effective = metrics["effect_size"] * math.sqrt(size)
        metrics["effective_sample_size"] = size
        metrics["effective_p_value"] = 2 * stdtr(max(size - 1, 1), -t_effective)
        metrics.update(surroundings_metrics(data))
        return Findings(metrics, [_outlier_slices(data, outside, metrics)])


def surroundings_metrics(data):
    """What the surroundings of the macromolecule hold besides noise about zero.

    Parameters
    ----------
    data : vrs.inputs.Evidence

    Returns
    -------
    dict of str to object

    Raises
    ------
    NotApplicable
        If the box has no surroundings to speak of, or they were set to a constant.
    """
    volume, mask, sampling = data.map.volume, data.map.hard_mask, data.map.sampling
    around = data.map.surroundings
    values = volume[around]
    if values.size < _ENOUGH:
        raise NotApplicable("Hardly any of the box lies more than 10 Å from the mask, so there is "
                            "no background to analyse.")
    _refuse_constant(values)
    mean = values.mean(dtype=np.float64)
    size = effective_sample_size(volume, around, mean, data.run.workers)
    offset = max(0.0, abs(mean) - _SURE * values.std(dtype=np.float64) / math.sqrt(size))
    excess, direction = line_excess(volume, around, data.run.workers)
    detached = detached_bodies(volume, mask, around, data.map.threshold, sampling)
    metrics = {
        "surroundings_mean": mean,
        "offset_percentage": 100 * offset / data.map.threshold if data.map.threshold > 0 else None,
        "line_excess": excess,
        "line_direction": direction,
        "detached_percentage": 100 * np.count_nonzero(detached) / np.count_nonzero(mask),
    }
    if data.reported.resolution:
        metrics["noise_suppression"] = noise_suppression(signal_ratio(
            volume, mask, around, sampling, data.reported.resolution, data.run.workers), mask)
    return plain(metrics)


def background_metrics(background):
    """Statistics of the background.

    Parameters
    ----------
    background : numpy.ndarray of float32, (voxels,)

    Returns
    -------
    dict of str to float

    Raises
    ------
    NotApplicable
        If there is no background or it was set to zero.
    """
    n = background.size
    if n < 2:
        raise NotApplicable("The mask leaves no background in the box.")
    mean = background.mean(dtype=np.float64)
    deviation = background.std(dtype=np.float64)
    zeros = _refuse_constant(background)
    t = mean / (deviation / math.sqrt(n))
    outliers = np.count_nonzero(np.abs(background) > _OUTLIER_SIGMAS * deviation) / n
    return plain({
        "t_statistic": t,
        "p_value": 2 * stdtr(n - 1, -abs(t)),
        "mean": mean,
        "standard_deviation": deviation,
        "outlier_percentage": 100 * outliers,
        "outlier_ratio": outliers / _GAUSSIAN_OUTLIERS,
        "effect_size": abs(mean) / deviation,
        "zero_percentage": 100 * zeros,
    })


def _refuse_constant(values):
    """The part of exact zeros among values that hold noise."""
    if values.min() == values.max():
        raise NotApplicable("The background is constant, so it holds no noise to analyse.")
    zeros = 1 - np.count_nonzero(values) / values.size
    if zeros > 0.5:
        raise NotApplicable("%.0f %% of the background is exactly zero: it was masked out, so it "
                            "holds no noise to analyse." % (100 * zeros))
    return zeros


def effective_sample_size(volume, region, mean, workers=1):
    """Number of independent samples that estimate a mean as well as correlated voxels.

    n / Σ ρ(τ), the autocorrelation ρ being that of the voxels of the region, summed over
    all lags shorter than the one at which its radial mean first falls below 0.05 (at
    most 48 voxels or a quarter of the box).

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    region : numpy.ndarray of bool, (z, y, x)
    mean : float
        Mean of the map in the region.
    workers : int

    Returns
    -------
    float
        Between 1 and the number of voxels in the region.
    """
    residual = np.where(region, volume - np.float32(mean), np.float32(0))
    longest = min(_LONGEST_LAG, min(volume.shape) // 4)
    products = _autocorrelation(residual, longest, workers)
    del residual
    pairs = _autocorrelation(region.astype(np.float32), longest, workers)
    correlation = products / np.maximum(pairs, 1)
    correlation /= correlation[longest, longest, longest]
    lags = np.arange(-longest, longest + 1) ** 2
    radius = np.rint(np.sqrt(lags[:, None, None] + lags[:, None] + lags)).astype(np.intp)
    radial_sum = np.bincount(radius.ravel(), correlation.ravel())[:longest + 1]
    radial_mean = radial_sum / np.bincount(radius.ravel())[:longest + 1]
    beyond = np.flatnonzero(radial_mean < _NO_CORRELATION)
    total = radial_sum[:beyond[0] if beyond.size else None].sum()
    n = np.count_nonzero(region)
    return float(min(n, max(1.0, n / total)))


def _autocorrelation(array, longest, workers):
    """Periodic autocorrelation at lags up to ``longest`` on each axis, zero lag in the middle."""
    transform = fft.rfftn(array, workers=workers)
    power = np.square(transform.real) + np.square(transform.imag)
    del transform
    lags = np.arange(-longest, longest + 1)
    full = fft.irfftn(power, s=array.shape, workers=workers)
    return full[np.ix_(lags, lags, lags)].astype(np.float64)


def _outlier_slices(data, outside, metrics):
    limit = _OUTLIER_SIGMAS * metrics["standard_deviation"]
    beyond = outside & (np.abs(data.map.volume) > limit)
    return maximum_variance_slices(
        np.where(beyond, data.map.volume, np.float32(0)), data.map.sampling,
        "Background beyond 5 σ, slices of maximum variance. There should be few such voxels, "
        "without structure.",
        "Three sections, along X, Y and Z, that show only background voxels beyond five standard "
        "deviations.", "signed")
