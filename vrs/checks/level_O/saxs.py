"""O.b: does the particle in the map scatter X-rays as the particles in solution do?"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from vrs.checks import Check, Criterion, Findings, NotMeasured, Quantity, register
from vrs.inputs.map import MAP
from vrs.inputs.saxs import SAXS
from vrs.numerics.masks import largest_component
from vrs.numerics.pair_distribution import pair_distribution
from vrs.numerics.saxs import (HIGHEST_Q, SaxsCurve, cormap_p_value, fit_particle, guinier_fit,
                               highest_q, longest_run)
from vrs.numerics.saxs_map import VOLUME_PER_DALTON, fit_map
from vrs.numerics.saxs_model import model_mass, solvated_model
from vrs.results import SERIOUS, Paragraph, Plot, Series, Table, plain
from vrs.results.wording import powers_of_ten

# A constant that fits a curve this well within its errors says that these tell nothing.
_CHI2, _CHANCE = 3.0, 0.01
_FEWEST = 10
# A ratio of radii that a wrong unit explains.
_TENFOLD = 7.5, 13.5
# Volume at the threshold over that of the model, beyond which the model is hardly all of it.
_MOST_ENCLOSED = 1.5
# Of the positive intensities: background and noise leave no lower limit to a logarithmic scale.
_LOWEST_SHOWN = 5


@register
class SaxsAgreement(Check):
    """Scattering of the particle in the map, compared with a measured curve."""

    id = "O.b"
    title = "SAXS"
    requires = (MAP, SAXS)
    explanation = (
        "Small-angle X-ray scattering shows the size and shape of the particles in solution. A map "
        "is not an electron density, and its Fourier transform does not fit the curve. Its shape "
        "is used instead: a contour, filled with protein in water, with a hydration shell of 3 Å. "
        "Scale, background, contrast of the shell and, within limits, the contour level are fitted "
        "to the curve, up to q = min(%g, 2/R) 1/Å. The contour encloses about %.2f Å³ per dalton "
        "of the atomic model or, without a complete model, about as much as the threshold. χ² "
        "compares the differences with the errors of the curve. As these are often wrong by a "
        "constant factor, two measures that do not depend on it are given as well: CorMap, the "
        "probability that the longest run of points on the same side would be as long by chance, "
        "and the deviation relative to the intensity. Only if both χ² and CorMap say that map and "
        "curve differ is the deviation judged: that of the intensities or that of the radii of "
        "gyration, whichever is larger."
        % (HIGHEST_Q, VOLUME_PER_DALTON))
    quantities = (
        Quantity("largest_deviation", "%", "Larger of relative_deviation and rg_difference"),
        Quantity("chi2", "", "χ² per degree of freedom of the map"),
        Quantity("cormap_p_value", "",
                 "Probability of a run of points on one side as long as that of the map"),
        Quantity("relative_deviation", "%", "Root mean square deviation of the map over that of "
                 "the intensity, both weighted by the errors"),
        Quantity("rg_curve", "Å", "Radius of gyration of the curve, by Guinier's approximation"),
        Quantity("rg_curve_error", "Å", "Its standard error"),
        Quantity("rg_map", "Å", "Radius of gyration of the map in the same range of q"),
        Quantity("rg_difference", "%", "Difference of the two radii over that of the curve"),
        Quantity("d_max", "Å", "Largest distance within the particle, from the curve"),
        Quantity("d_max_error", "Å", "Standard deviation of this distance"),
        Quantity("d_max_map", "Å", "Largest distance within the map, by the same method"),
        Quantity("volume", "Å³", "Volume that the fitted contour encloses"),
        Quantity("expected_volume", "Å³", "Volume expected from the model's mass, or enclosed at "
                                          "the threshold"),
        Quantity("fitted_threshold", "", "Contour level that encloses the fitted volume"),
        Quantity("highest_q", "1/Å", "Largest q at which the curve was compared"),
        Quantity("model_chi2", "", "χ² per degree of freedom of the atomic model"),
        Quantity("model_cormap_p_value", "", "CorMap probability of the atomic model"),
        Quantity("model_relative_deviation", "%", "Relative deviation of the atomic model"),
        Quantity("rg_model", "Å", "Radius of gyration of the model in the same range of q"),
    )
    references = ("Svergun1995", "Franke2015", "Hansen2000")
    criteria = (
        Criterion(name="deviation", metric="largest_deviation",
                  subject="the deviation of the map from the curve",
                  relation="<=", bound=5.0, unit="%", unless=(
                      Criterion(name="chi2", subject="χ² of the map", relation="<=", bound=3.0),
                      Criterion(name="cormap", metric="cormap_p_value",
                                subject="the CorMap probability of the map", relation=">=",
                                bound=0.01)),
                  warning="The map deviates from the SAXS curve by {value:.1f} % (at most {bound} "
                  "%), beyond the errors of the curve: the particles in solution may have another "
                  "oligomeric state or conformation or aggregate, or the map may be incomplete or "
                  "its voxel size wrong.",
                  severity=SERIOUS),
    )
    summary_ok = "The map agrees with the SAXS curve."
    summary_warnings = "The map does not agree with the SAXS curve."

    def compute(self, evidence):
        data, resolution, notes = evidence.map, evidence.reported.resolution, []
        guinier = _guinier(evidence.saxs, notes)
        curve = evidence.saxs[guinier.used.start if guinier else 0:]
        _refuse_other_unit(guinier, data)
        _refuse_short(curve, highest_q(resolution))
        _refuse_flat(curve.up_to(highest_q(resolution)))
        mass, model = _model(evidence, curve.up_to(highest_q(resolution)), notes)
        try:
            found = fit_map(curve, data.volume, data.sampling, data.threshold, resolution, mass,
                            evidence.run.workers)
        except ValueError as error:
            raise NotMeasured(str(error))
        measured = _Size.of_curve(curve, guinier, notes)
        sizes = [_Size.of_fit(fit, evidence.saxs, guinier) for fit in (found.fit, model)]
        metrics = _metrics(found, measured, sizes[0])
        if model is not None:
            metrics.update(model_chi2=model.chi2, model_cormap_p_value=model.cormap_p_value,
                           model_relative_deviation=100 * model.deviation, rg_model=sizes[1].radius)
        content = [Paragraph(_sentence(found, mass)), _table(found.fit, model, measured, *sizes)]
        content += map(Paragraph, notes)
        content += _fit_figures(found.fit, model)
        if measured.distances is not None:
            content.append(_distance_figure(measured, *sizes))
        return Findings(plain(metrics), content)


@dataclass(frozen=True)
class _Size:
    """Radius of gyration with its error, and the distribution of distances; None if unknown."""

    radius: Any = None
    error: Any = None
    distances: Any = None

    @classmethod
    def of_curve(cls, curve, guinier, notes):
        if guinier is None:
            return cls()
        try:
            found = pair_distribution(curve.up_to(HIGHEST_Q), guinier.radius)
        except ValueError as error:
            notes.append(str(error))
            found = None
        return cls(guinier.radius, guinier.error, found)

    @classmethod
    def of_fit(cls, fit, whole_curve, guinier):
        """That of a map or model, in the same ranges of q."""
        if fit is None or guinier is None:
            return cls()
        radius = fit.guinier_radius(whole_curve, guinier)
        if not np.isfinite(radius):
            return cls()
        computed = SaxsCurve(fit.curve.q, fit.intensity - fit.background, fit.curve.sigma)
        try:
            found = pair_distribution(computed, radius)
        except ValueError:  # there are too few points, as for the curve itself
            found = None
        return cls(radius, None, found)

    @property
    def largest(self):
        return None if self.distances is None else self.distances.largest


def _refuse_short(curve, highest):
    count = len(curve.up_to(highest))
    if count < _FEWEST:
        raise NotMeasured("The curve has too few points up to q = %.3g 1/Å (%d); at least %d are "
                          "needed." % (highest, count, _FEWEST))


def _refuse_flat(curve):
    """Raise NotMeasured where a constant fits the curve, as then the particle of any map does."""
    weights = 1 / np.square(curve.sigma)
    difference = curve.intensity - np.average(curve.intensity, weights=weights)
    chi2 = weights @ np.square(difference) / (len(curve) - 1)
    if chi2 <= _CHI2 or cormap_p_value(longest_run(difference), len(curve)) >= _CHANCE:
        raise NotMeasured("Up to q = %.3g 1/Å a constant fits the curve within its errors, so any "
                          "particle would; check its errors and the unit of q." % curve.q[-1])


def _refuse_other_unit(guinier, data):
    """Raise NotMeasured where the sizes of curve and map differ by the factor of 1/nm to 1/Å."""
    if guinier is None:
        return
    places = np.argwhere(data.hard_mask)
    radius = data.sampling * np.sqrt(places.var(axis=0).sum())
    ratio = radius / guinier.radius
    if _TENFOLD[0] < max(ratio, 1 / ratio) < _TENFOLD[1]:
        raise NotMeasured(
            "The radius of gyration is %.3g Å by the curve and %.3g Å by the mask of the map, a "
            "factor of about ten: write the unit of q into a comment of the curve's file, 1/Å or "
            "1/nm, and check the voxel size of the map." % (guinier.radius, radius))


def _guinier(curve, notes):
    """Guinier's fit, None without one."""
    try:
        found = guinier_fit(curve)
    except ValueError as error:
        notes.append("%s Only the intensities are compared." % error)
        return None
    if not found.straight:
        notes.append("The curve does not start on the straight line of Guinier's approximation: "
                     "the particles may aggregate or repel each other, and the radius of gyration "
                     "is uncertain.")
    if found.used.start:
        notes.append("%s at the start of the curve %s left out, as off the straight line of "
                     "Guinier's "
                     "approximation." % (("One point", "was") if found.used.start == 1 else
                                         ("%d points" % found.used.start, "were")))
    return found


def _model(evidence, curve, notes):
    """The mass that the map should hold, and how the model fits the curve; None if unknown."""
    mass, fit = None, None
    if evidence.model is not None:
        structure = evidence.model.structure
        try:
            mass = model_mass(structure)
            fit = fit_particle(curve, solvated_model(structure, curve.q[-1], evidence.run.workers))
        except ValueError as error:
            notes.append(str(error))
    if mass is not None:
        data = evidence.map
        enclosed = (np.count_nonzero(largest_component(data.volume >= data.threshold))
                    * data.sampling ** 3 / (VOLUME_PER_DALTON * mass))
        if enclosed > _MOST_ENCLOSED:
            mass = None
            notes.append("The threshold encloses %.1f times the volume expected from the model's "
                         "mass: the model may be only a part of the particle, or the threshold too "
                         "low. The model's mass is not used." % enclosed)
    if mass is None:
        notes.append("Without the mass of a complete model the contour is only loosely "
                     "constrained, and the comparison is less sensitive: half of an assembly may "
                     "pass for all of it where its radius of gyration is nearly the same. Give the "
                     "model to tell them apart.")
    return mass, fit


def _metrics(found, measured, of_map):
    fit, difference = found.fit, None
    if of_map.radius is not None:
        difference = 100 * abs(of_map.radius / measured.radius - 1)
    return {
        "largest_deviation": max(100 * fit.deviation, difference or 0.0),
        "chi2": fit.chi2, "cormap_p_value": fit.cormap_p_value,
        "relative_deviation": 100 * fit.deviation,
        "rg_curve": measured.radius, "rg_curve_error": measured.error, "rg_map": of_map.radius,
        "rg_difference": difference, "d_max": measured.largest,
        "d_max_error": measured.distances and measured.distances.largest_error,
        "d_max_map": of_map.largest, "volume": found.volume,
        "expected_volume": found.expected_volume, "fitted_threshold": found.threshold,
        "highest_q": fit.curve.q[-1]}


def _sentence(found, mass):
    source = "of the model's mass" if mass else "at the threshold"
    return ("The contour that fits best encloses %s Å³ (the volume %s is %s Å³); its level is "
            "%.3g. The contrast of the hydration shell is %.3f e/Å³." % (
                _grouped(found.volume), source, _grouped(found.expected_volume), found.threshold,
                found.fit.contrast))


def _grouped(volume):
    """A volume with three digits."""
    return format(int(float("%.3g" % volume)), ",")


def _table(of_map, of_model, *sizes):
    columns = [None, of_map] + [of_model] * (of_model is not None)
    rows = [["χ²"] + [_cell(fit and fit.chi2, "%.3g") for fit in columns],
            ["CorMap p"] + [_cell(fit and fit.cormap_p_value, "%.2g") for fit in columns],
            ["Relative deviation (%)"] + [_cell(fit and 100 * fit.deviation, "%.1f")
                                          for fit in columns],
            ["Radius of gyration (Å)"] + [_cell(size.radius, "%.1f", size.error)
                                          for size in sizes[:len(columns)]],
            ["Largest distance (Å)"] + [
                _cell(size.largest, "%.0f", size.distances and size.distances.largest_error)
                for size in sizes[:len(columns)]]]
    return Table(["", "Curve", "Map", "Model"][:len(columns) + 1], rows,
                 "The curve and the fits to it, up to q = %.3g 1/Å." % of_map.curve.q[-1])


def _cell(value, form, error=None):
    if value is None:
        return "–"
    return powers_of_ten(form % value) + (" ± " + form % error if error is not None else "")


def _fit_figures(of_map, of_model):
    fits = [("Map", of_map)] + [("Model", of_model)] * (of_model is not None)
    curve = of_map.curve
    lowest = np.percentile(curve.intensity[curve.intensity > 0], _LOWEST_SHOWN)

    def shown(intensity):
        return np.where(intensity >= lowest, intensity, np.nan)
    return [
        Plot("The curve and the scattering of the map%s; intensities from %.2g upwards." % (
                 " and of the model" if of_model is not None else "", lowest),
             "Intensity against q on a logarithmic scale, measured and computed.", "q (1/Å)",
             "Intensity", [Series("Curve", curve.q, shown(curve.intensity), "points")]
             + [Series(label, fit.curve.q, shown(fit.intensity)) for label, fit in fits],
             log_y=True),
        Plot("Differences from the curve, divided by its errors. Systematic differences show as "
             "long runs on one side.", "Residuals of the fits against q.", "q (1/Å)",
             "(measured - computed) / error",
             [Series(label, fit.curve.q, fit.residuals, "points") for label, fit in fits])]


def _distance_figure(*sizes):
    series = [Series(label, size.distances.r, size.distances.p / np.sum(
        size.distances.p * (size.distances.r[1] - size.distances.r[0])))
        for label, size in zip(("Curve", "Map", "Model"), sizes) if size.distances is not None]
    return Plot("Distribution of the distances within the particle, by the same indirect transform "
                "of the curve and of the computed intensities.",
                "P(r) against r, from the curve and from the fits.", "r (Å)", "P(r) (1/Å)", series)
