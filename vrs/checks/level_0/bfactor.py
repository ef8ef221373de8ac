"""0.d: how fast do the amplitudes fall off with resolution?"""

import numpy as np
from scipy import fft

from vrs.checks import Check, Criterion, Findings, NotMeasured, Quantity, register, resolution
from vrs.inputs.map import MAP
from vrs.numerics import fourier
from vrs.numerics.guinier import LOWEST_RESOLUTION, fit_guinier, guinier_profile
from vrs.numerics.masked_fsc import masked_transform
from vrs.results import Plot, Series, Volume, plain
from vrs.results.sections import maximum_variance_slices


# What the public validation service asks.
_SERVICE = (
    Criterion(name="b_factor", subject="the B-factor", relation="within", bound=(-300.0, 0.0),
              warning="The B-factor is {value:.1f} Å², not between {bound} Å².", unit="Å²"),
)


@register
class BFactorAnalysis(Check):
    """Guinier fit of the shell means of the amplitudes."""

    id = "0.d"
    title = "B-factor analysis"
    requires = (MAP, resolution(0, 8))
    explanation = (
        "Motion, flexibility and processing errors damp the amplitudes of a map by exp(B f²/4), f "
        "being the spatial frequency and B a negative number for a map that fades. A line is "
        "fitted to the natural logarithm of the mean amplitude of the Fourier coefficients of each "
        "shell against 1/d², from d = 15 Å to the reported resolution; B is four times its slope. "
        "How much of it comes from the noise around the macromolecule depends on the box, so the "
        "same fit is made within the mask with soft borders. B-factors grow with the square of the "
        "resolution R. Within the mask, a map that was never sharpened has a B-factor of −10 R² to "
        "−25 R², a sharpened one −6 R² to 0, and one that was sharpened too much a positive one. "
        "Below −40 R² for the whole map, hardly any signal is left at the reported resolution. The "
        "corrected map has the fall-off of the whole map removed and ends at the reported "
        "resolution.")
    quantities = (
        Quantity("b_factor", "Å²", "4 × slope of the fitted line"),
        Quantity("b_factor_error", "Å²", "Standard error of the B-factor"),
        Quantity("intercept", "", "Intercept of the line"),
        Quantity("masked_b_factor", "Å²", "B-factor of the map within the mask with soft borders"),
        Quantity("masked_relative_b_factor", "R²",
                 "B-factor within the mask over the square of the reported resolution"),
        Quantity("r_squared", "", "Fraction of the variance that the line explains (R²)"),
        Quantity("relative_b_factor", "R²",
                 "B-factor of the whole map over the square of the reported resolution"),
        Quantity("shells", "", "Fourier shells in the fit"),
        Quantity("slope", "Å²", "Slope of ln(mean amplitude) against 1/d²"),
    )
    references = ("Rosenthal2003",)
    criteria = (
        Criterion(name="over_sharpened", metric="masked_relative_b_factor",
                  subject="the B-factor within the mask, divided by the square of the reported "
                  "resolution,", relation="<=", bound=0.0,
                  warning="The amplitudes grow towards the reported resolution R: the B-factor "
                  "within the mask is {value:.1f} R² (at most {bound}). The map was sharpened too "
                  "much, and what looks like detail may be noise; sharpen it less.",
                  service=_SERVICE),
        Criterion(name="faded", metric="relative_b_factor",
                  subject="the B-factor of the whole map, divided by the square of the reported "
                  "resolution,", relation=">=", bound=-40.0,
                  warning="Hardly any signal is left at the reported resolution R: its B-factor is "
                  "{value:.0f} R² (at least {bound} R²). The map was filtered to a lower "
                  "resolution, or the reported one is that of another map; check both.",
                  service=()),
    )
    summary_ok = "The B-factor is in the usual range."
    summary_warnings = "There may be a problem with the B-factor of the map."

    def compute(self, data):
        shape = data.map.volume.shape
        transform = fft.rfftn(data.map.volume, workers=data.run.workers)
        profile = guinier_profile(transform, shape, data.map.sampling)
        within = guinier_profile(masked_transform(data.map.volume, data.map.soft_mask,
                                                  data.run.workers), shape, data.map.sampling)
        try:
            fit = fit_guinier(*profile, resolution=data.reported.resolution)
            masked = fit_guinier(*within, resolution=data.reported.resolution).b_factor
        except ValueError as error:
            raise NotMeasured(str(error))
        corrected = correct_in_place(transform, shape, data.map.sampling, fit.b_factor,
                                     data.reported.resolution, data.run.workers)
        content = [
            _guinier_plot(profile, within, fit, data.reported.resolution),
            maximum_variance_slices(
                corrected, data.map.sampling,
                "Slices of maximum variance of the B-factor corrected map.",
                "Three sections of the corrected map, along X, Y and Z.")]
        metrics = _metrics(fit, masked, data.reported.resolution)
        return Findings(metrics, content, [
            Volume("bfactor_corrected", corrected, "B-factor corrected map")])


def correct_in_place(transform, shape, sampling, b_factor, resolution, workers=1):
    """Undo a fall-off of exp(B f²/4) and end the map at a resolution.

    Parameters
    ----------
    transform : numpy.ndarray of complex64, (z, y, x // 2 + 1)
        Overwritten.
    shape : tuple of int
        Box (z, y, x) in voxels.
    sampling : float
        Å/voxel.
    b_factor : float
        Å².
    resolution : float
        Å.
    workers : int

    Returns
    -------
    numpy.ndarray of float32, (z, y, x)
    """
    limit = 1 / resolution ** 2

    def response(squared):
        return np.where(squared <= limit, np.exp(-b_factor / 4 * np.minimum(squared, limit)), 0)

    fourier.filter_in_place(transform, shape, sampling, response)
    return fft.irfftn(transform, s=shape, workers=workers, overwrite_x=True)


def _metrics(fit, masked, resolution):
    return plain({
        "b_factor": fit.b_factor,
        "b_factor_error": fit.b_factor_error,
        "masked_b_factor": masked,
        "masked_relative_b_factor": masked / resolution ** 2,
        "relative_b_factor": fit.b_factor / resolution ** 2,
        "slope": fit.slope,
        "intercept": fit.intercept,
        "r_squared": fit.r_squared,
        "shells": fit.points,
    })


def _guinier_plot(profile, within, fit, resolution):
    x, y = profile
    y, masked = (np.where(np.isfinite(values), values, np.nan) for values in (y, within[1]))
    inside = x <= 1 / resolution ** 2
    x_line = np.array([1 / LOWEST_RESOLUTION ** 2, 1 / resolution ** 2])
    shown = [y[inside], y[inside] - fit.slope * x[inside]]
    low, high = np.nanmin(shown), np.nanmax(shown)
    margin = 0.15 * (high - low)  # a filter beyond the resolution plunges far below
    return Plot(
        caption="Guinier plot: ln of the mean amplitude of the Fourier shells of the map, the "
                "fitted line ln(A) = %.1f/d² %+.1f, the map within the mask, and the corrected "
                "map." % (fit.slope, fit.intercept),
        alt="Logarithm of the amplitudes against the inverse square of the resolution, with a "
            "straight line fitted between 15 Å and the reported resolution.",
        x_label="1/d² (1/Å²)", y_label="ln(mean amplitude)",
        series=[Series("Map", x, y),
                Series("Within the mask", x, masked),
                Series("Fitted line", x_line, fit.intercept + fit.slope * x_line, "dashed"),
                Series("Corrected map", x[inside], y[inside] - fit.slope * x[inside])],
        y_range=[low - margin, high + margin])
