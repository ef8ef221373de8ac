"""Curves of small-angle X-ray scattering, and how computed ones fit them."""

from dataclasses import dataclass
from typing import Optional

import numpy as np
from scipy.optimize import minimize_scalar

from vrs.numerics.scattering import SolvatedParticle

HIGHEST_Q = 0.25
HIGHEST_CONTRAST = 0.03
# Scale, background and contrast of the shell.
_FITTED = 3
_CONTRASTS = 31
# Guinier's approximation: highest q·Rg, and that at which the range has to begin.
_GUINIER_END, _GUINIER_START = 1.3, 0.65
_GUINIER_POINTS = 6
# Part of the range at its start that has to lie on the line through the rest: within three
# standard errors, or within 1 % of the intensity.
_START_PART, _START_ERRORS, _START_DEVIATION = 4, 3.0, 0.01


@dataclass(frozen=True)
class SaxsCurve:
    """Intensity scattered into small angles, by rising q.

    Attributes
    ----------
    q : numpy.ndarray of float64, (points,)
        4π sin θ / λ, 1/Å, above 0.
    intensity : numpy.ndarray of float64, (points,)
        In any unit.
    sigma : numpy.ndarray of float64, (points,)
        Its standard error, above 0.
    """

    q: np.ndarray
    intensity: np.ndarray
    sigma: np.ndarray

    def __len__(self):
        return len(self.q)

    def up_to(self, q_max):
        """Its part up to some q (1/Å)."""
        stop = np.searchsorted(self.q, q_max * (1 + 1e-9), side="right")
        return self[:stop]

    def __getitem__(self, part):
        return SaxsCurve(self.q[part], self.intensity[part], self.sigma[part])


@dataclass(frozen=True)
class GuinierFit:
    """Radius of gyration of a curve.

    Attributes
    ----------
    radius : float
        Å.
    error : float
        Its standard error, Å.
    intensity : float
        At q = 0.
    used : slice
        Points of the curve in the range.
    straight : bool
        Whether the start of the range lies on the line; otherwise particles may stick
        together or repel each other, or the beam stop shades the detector.
    """

    radius: float
    error: float
    intensity: float
    used: slice
    straight: bool


@dataclass(frozen=True)
class SaxsFit:
    """How the computed scattering of a particle fits a curve.

    Attributes
    ----------
    curve : SaxsCurve
        What was fitted.
    intensity : numpy.ndarray of float64, (points,)
        Computed, scale·I(q) + background.
    scale : float
        0 where the particle explains nothing.
    background : float
    contrast : float
        Of the hydration shell, e/Å³.
    chi2 : float
        χ² per degree of freedom.
    deviation : float
        √(Σ (ΔI/σ)² / Σ (I/σ)²): it does not depend on the size of the errors, only on their
        course.
    longest_run : int
        Most successive points on the same side of the computed curve.
    cormap_p_value : float
    particle : vrs.numerics.scattering.SolvatedParticle
    """

    curve: SaxsCurve
    intensity: np.ndarray
    scale: float
    background: float
    contrast: float
    chi2: float
    deviation: float
    longest_run: int
    cormap_p_value: float
    particle: SolvatedParticle

    @property
    def residuals(self):
        """(measured - computed) / σ, (points,)."""
        return (self.curve.intensity - self.intensity) / self.curve.sigma

    @property
    def radius(self):
        """Radius of gyration of the particle with its shell, Å."""
        return self.particle.radius_of_gyration(self.contrast)

    def guinier_radius(self, measured, guinier):
        """Radius of gyration of the particle by Guinier's approximation.

        In the range and with the weights of the measured curve, for the approximation is worse
        than many curves: of particles with a cavity, for example, it gives 2 % more than the
        exact value.

        Parameters
        ----------
        measured : SaxsCurve
        guinier : GuinierFit
            Of that curve.

        Returns
        -------
        float
            Å; NaN where the intensity rises.
        """
        part = measured[guinier.used]
        computed = self.particle.intensity(part.q, self.contrast)
        weights = np.square(part.intensity / part.sigma)
        slope, _ = _line(np.square(part.q), np.log(computed), weights)
        return float(np.sqrt(-3 * slope)) if slope < 0 else float("nan")


def highest_q(resolution: Optional[float] = None):
    """Up to which q a curve can be compared, 1/Å.

    min(0.25, 2/R): at larger angles the structure of the water and what the map does not
    resolve matter.

    Parameters
    ----------
    resolution : float, optional
        Of the map, Å.

    Returns
    -------
    float
    """
    return min(HIGHEST_Q, 2 / resolution) if resolution else HIGHEST_Q


def fit_particle(curve, particle, further=0):
    """Fit the scattering of a particle to a curve.

    I(q) = scale·(A + cB + c²C) + background. At every contrast c of the hydration shell, 0 to
    0.03 e/Å³, scale and background follow from weighted linear least squares, where neither the
    scale nor the computed intensity may be negative.

    Parameters
    ----------
    curve : SaxsCurve
    particle : vrs.numerics.scattering.SolvatedParticle
    further : int
        Parameters that were fitted besides these three.

    Returns
    -------
    SaxsFit

    Raises
    ------
    ValueError
        If the curve has no more points than parameters.
    """
    freedom = len(curve) - _FITTED - further
    if freedom < 1:
        raise ValueError("The curve has too few points for a fit.")
    partial = particle.partial_intensities(curve.q)
    weights = 1 / np.square(curve.sigma)

    def linear(contrast):
        computed = contrast ** np.arange(3) @ partial
        scale, background = _line(computed, curve.intensity, weights)
        if scale > 0 and background < -scale * computed.min():
            above = computed - computed.min()
            scale = max(0.0, weights @ (above * curve.intensity) / (weights @ above ** 2))
            background = -scale * computed.min()
        elif scale <= 0:
            scale, background = 0.0, max(0.0, np.average(curve.intensity, weights=weights))
        return float(scale), float(background), scale * computed + background

    def chi2(contrast):
        return float(weights @ np.square(curve.intensity - linear(contrast)[2]))

    contrast = _minimum(chi2, HIGHEST_CONTRAST)
    scale, background, computed = linear(contrast)
    difference = curve.intensity - computed
    run = longest_run(difference)
    return SaxsFit(
        curve, computed, scale, background, contrast, chi2(contrast) / freedom,
        float(np.sqrt(chi2(contrast) / (weights @ np.square(curve.intensity)))), run,
        cormap_p_value(run, len(curve)), particle)


def longest_run(difference):
    """Most successive values of the same sign.

    Parameters
    ----------
    difference : numpy.ndarray, (points,)

    Returns
    -------
    int
    """
    changes = np.flatnonzero(np.diff(np.signbit(difference)))
    return int(np.diff(np.concatenate(([-1], changes, [len(difference) - 1]))).max())


def cormap_p_value(run, points):
    """Chance that random differences have as long a run of the same sign, or a longer one.

    The correlation map of two curves shows squares of points where one stays above the
    other; without systematic differences the largest is as long as the longest run in as many
    tosses of a coin (Franke, Jeffries and Svergun 2015, doi 10.1038/nmeth.3358). Its
    distribution is exact (Schilling 1990, doi 10.1080/07468342.1990.11973306).

    Parameters
    ----------
    run : int
        From :func:`longest_run`.
    points : int

    Returns
    -------
    float
    """
    same = run - 1
    if same < 1:
        return 1.0
    # A run of k points is k - 1 repetitions of the toss before, each of chance 1/2.
    chance = np.zeros(points)
    for tosses in range(same, points):
        chance[tosses] = (0.5 ** same if tosses == same else chance[tosses - 1]
                          + 0.5 ** (same + 1) * (1 - chance[tosses - same - 1]))
    return float(chance[-1])


def guinier_fit(curve):
    """Radius of gyration by Guinier's approximation.

    ln I = ln I(0) - Rg² q²/3 (Guinier 1939, doi 10.1051/anphys/193911120161) by weighted
    least squares, up to the highest q with q·Rg ≤ 1.3. Points at the start are left out, as far
    as q·Rg ≤ 0.65, until the first quarter of the range lies on the line through the rest. The
    standard error is that by the curve's errors, or by the scatter about the line where this is
    larger.

    Parameters
    ----------
    curve : SaxsCurve

    Returns
    -------
    GuinierFit

    Raises
    ------
    ValueError
        If no range has six points and begins at q·Rg ≤ 0.65.
    """
    usable = int(np.argmax(np.append(curve.intensity <= 0, True)))
    candidates = []
    for start in range(usable - _GUINIER_POINTS + 1):
        found = _guinier_from(curve[:usable], start)
        if found is None:
            continue
        if curve.q[start] * found.radius > _GUINIER_START:
            break
        offset, bound = _start_offset(curve, found)
        if offset <= bound:
            return found
        candidates.append((offset / bound, found))
    if not candidates:
        raise ValueError("The curve does not reach angles small enough for a radius of gyration.")
    best = min(candidates, key=lambda pair: pair[0])[1]
    return GuinierFit(best.radius, best.error, best.intensity, best.used, False)


def _line(x, y, weights):
    """Slope and intercept of the weighted least squares line."""
    total = weights.sum()
    mean_x, mean_y = weights @ x / total, weights @ y / total
    spread = weights @ np.square(x - mean_x)
    slope = weights @ ((x - mean_x) * (y - mean_y)) / spread if spread > 0 else 0.0
    return float(slope), float(mean_y - slope * mean_x)


def _minimum(function, highest):
    """Where a function of 0 to ``highest`` is least: the best of a grid, refined."""
    grid = np.linspace(0, highest, _CONTRASTS)
    values = [function(value) for value in grid]
    best = int(np.argmin(values))
    bounds = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    refined = minimize_scalar(function, bounds=bounds, method="bounded",
                              options={"xatol": 1e-4 * highest})
    return float(refined.x if refined.fun < values[best] else grid[best])


def _guinier_from(curve, start):
    """The fit from some point to the highest q that belongs to it; None without one."""
    x, y = np.square(curve.q[start:]), np.log(curve.intensity[start:])
    weights = np.square(curve.intensity[start:] / curve.sigma[start:])
    # Lines through the first 1, 2, ... points, about the first for the sake of precision.
    dx, dy = x - x[0], y - y[0]
    total, sum_x, sum_y, sum_xx, sum_xy = (np.cumsum(weights * term) for term in (
        np.ones(len(x)), dx, dy, dx * dx, dx * dy))
    spread = sum_xx - sum_x ** 2 / total
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = (sum_xy - sum_x * sum_y / total) / spread
        inside = (slope < 0) & (curve.q[start:] * np.sqrt(-3 * slope) <= _GUINIER_END)
    ends = np.flatnonzero(inside[_GUINIER_POINTS - 1:])
    if not ends.size:
        return None
    last = ends[-1] + _GUINIER_POINTS - 1
    intercept = (sum_y[last] - slope[last] * sum_x[last]) / total[last]
    residuals = (dy - intercept - slope[last] * dx)[:last + 1]
    scatter = weights[:last + 1] @ np.square(residuals) / (last - 1)
    radius = np.sqrt(-3 * slope[last])
    error = np.sqrt(max(1.0, scatter) / spread[last]) * 3 / (2 * radius)
    intensity = np.exp(y[0] + intercept - slope[last] * x[0])
    return GuinierFit(float(radius), float(error), float(intensity),
                      slice(start, start + last + 1), True)


def _start_offset(curve, fit):
    """How far the start of a Guinier range is off the line through the rest, and the bound."""
    part = curve[fit.used]
    x, y = np.square(part.q), np.log(part.intensity)
    weights = np.square(part.intensity / part.sigma)
    first = max(2, len(part) // _START_PART)
    slope, intercept = _line(x[first:], y[first:], weights[first:])
    mean = np.average(x[:first], weights=weights[:first])
    offset = abs(np.average(y[:first], weights=weights[:first]) - slope * mean - intercept)
    centre = np.average(x[first:], weights=weights[first:])
    variance = (1 / weights[:first].sum() + 1 / weights[first:].sum() + (mean - centre) ** 2
                / (weights[first:] @ np.square(x[first:] - centre)))
    return offset, max(_START_ERRORS * np.sqrt(variance), _START_DEVIATION)
