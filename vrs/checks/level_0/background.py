"""0.c: is the background plain noise about zero?"""

import math

import numpy as np
from scipy import fft, stats

from vrs.checks import Check, Criterion, Findings, NotApplicable, Quantity, register
from vrs.inputs.map import MAP
from vrs.results import plain
from vrs.results.sections import maximum_variance_slices

_OUTLIER_SIGMAS = 5
_GAUSSIAN_OUTLIERS = 2 * stats.norm.sf(_OUTLIER_SIGMAS)
_LONGEST_LAG = 48
# Beyond the lag of so little correlation a sum would gather only sampling noise.
_NO_CORRELATION = 0.05


@register
class BackgroundAnalysis(Check):
    """Mean, deviation and outliers of the voxels outside the mask."""

    id = "0.c"
    title = "Background analysis"
    requires = (MAP,)
    explanation = (
        "The background is what lies outside the mask with hard borders. It should be noise with a "
        "mean of zero, with about as many extreme values as a Gaussian, scattered without "
        "structure. The mean is tested with a one-sample Student's t-test that takes all voxels as "
        "independent; as neighbouring voxels are not, the test is very sensitive, and the effect "
        "size and the p-value for the effective number of independent voxels are given as well.")
    quantities = (
        Quantity("effect_size", "σ", "|mean| / standard deviation"),
        Quantity("effective_p_value", "",
                 "p-value of the same test with the effective number of voxels"),
        Quantity("effective_sample_size", "voxels",
                 "Number of independent voxels with the same accuracy of the mean, from the "
                 "autocorrelation of the background"),
        Quantity("mean", "map units", "Mean of the background"),
        Quantity("outlier_percentage", "%",
                 "Background voxels beyond 5 σ in absolute value; a Gaussian has 5.7 × 10⁻⁵ %"),
        Quantity("outlier_ratio", "", "Ratio of that percentage to that of a Gaussian"),
        Quantity("p_value", "", "p-value of that test"),
        Quantity("standard_deviation", "map units", "Standard deviation (σ) of the background"),
        Quantity("t_statistic", "", "Student's t of a background mean of zero"),
        Quantity("zero_percentage", "%", "Background voxels that are exactly zero"),
    )
    references = ("Sorzano2022",)
    criteria = (
        Criterion(name="p_value", subject="the p-value for a background mean of zero",
                  relation=">=", bound=0.001,
                  warning="The mean of the background differs from zero: the p-value is "
                  "{value:.2g} (at least {bound})."),
        Criterion(name="outlier_ratio",
                  subject="the number of background voxels beyond 5 standard deviations, relative "
                  "to a Gaussian,", relation="<", bound=20.0,
                  warning="The background has {value:.2f} times as many voxels beyond 5 standard "
                  "deviations as a Gaussian (below {bound} times expected)."),
    )
    summary_ok = "The background is noise with a mean of zero."
    summary_warnings = "There may be a problem with the background of the map."

    def compute(self, data):
        outside = ~data.map.hard_mask
        metrics = background_metrics(data.map.volume[outside])
        size = effective_sample_size(data.map.volume, outside, metrics["mean"],
                                     data.run.workers)
        t_effective = metrics["effect_size"] * math.sqrt(size)
        metrics["effective_sample_size"] = size
        metrics["effective_p_value"] = 2 * stats.t.sf(t_effective, max(size - 1, 1))
        return Findings(metrics, [_outlier_slices(data, outside, metrics)])


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
    zeros = np.count_nonzero(background == 0) / n
    if deviation == 0:
        raise NotApplicable("The background is constant, so it holds no noise to analyse.")
    if zeros > 0.5:
        raise NotApplicable("%.0f %% of the background is exactly zero: it was masked out, so it "
                            "holds no noise to analyse." % (100 * zeros))
    t = mean / (deviation / math.sqrt(n))
    outliers = np.count_nonzero(np.abs(background) > _OUTLIER_SIGMAS * deviation) / n
    return plain({
        "t_statistic": t,
        "p_value": 2 * stats.t.sf(abs(t), n - 1),
        "mean": mean,
        "standard_deviation": deviation,
        "outlier_percentage": 100 * outliers,
        "outlier_ratio": outliers / _GAUSSIAN_OUTLIERS,
        "effect_size": abs(mean) / deviation,
        "zero_percentage": 100 * zeros,
    })


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
