"""Distribution of the distances within a particle, from its small-angle scattering."""

from dataclasses import dataclass

import numpy as np

from vrs.numerics.saxs import SaxsCurve

# Largest distances that are tried, over the radius of gyration: a thin sphere has 2, a rod 3.5.
_SHORTEST, _LONGEST, _DISTANCES = 1.8, 7.0, 80
_FEWEST_KNOTS = 50
# Knots per independent value, of which there are D·q/π.
_OVERSAMPLING = 3
_SMOOTHNESS = np.geomspace(1e-8, 1e10, 109)
_RIDGE, _LEAST_MISFIT = 1e-4, 1e-10
_HIGHEST = 8.0


@dataclass(frozen=True)
class PairDistribution:
    """Distances within a particle.

    Attributes
    ----------
    r : numpy.ndarray of float64, (knots,)
        Å, from 0 to the largest.
    p : numpy.ndarray of float64, (knots,)
        P(r), with I(0) = 4π ∫ P(r) dr; 0 at both ends.
    largest : float
        Largest distance D, Å.
    largest_error : float
        Its standard deviation, Å.
    radius : float
        Radius of gyration, Å: √(∫ r² P dr / 2 ∫ P dr).
    intensity : numpy.ndarray of float64, (points,)
        Of P(r) with the background, at the points that were used.
    curve : SaxsCurve
        These points.
    """

    r: np.ndarray
    p: np.ndarray
    largest: float
    largest_error: float
    radius: float
    intensity: np.ndarray
    curve: SaxsCurve


def pair_distribution(curve, radius):
    """P(r) of a curve by indirect transform.

    I(q) = 4π ∫ P(r) sin(qr)/(qr) dr + background, where P(r) is smooth between 0 and D. D and
    the weight of the smoothness are those that the curve makes most likely, as Hansen 2000
    (doi 10.1107/S0021889800012930) has it; here the size of the errors is free, as only their
    course can be relied on. D is the mean over its posterior distribution.

    Parameters
    ----------
    curve : SaxsCurve
        Used up to q = 8/Rg.
    radius : float
        Radius of gyration, Å, about; D lies between 1.8 and 7 times it.

    Returns
    -------
    PairDistribution

    Raises
    ------
    ValueError
        If there are too few points.
    """
    curve = curve.up_to(_HIGHEST / radius)
    if len(curve) < 10:
        raise ValueError("The curve has too few points for a distance distribution.")
    largest = radius * np.geomspace(_SHORTEST, _LONGEST, _DISTANCES)
    evidence = np.array([_Transform(curve, value).evidence() for value in largest])
    # All D and all weights of smoothness are equally likely beforehand, on logarithmic scales.
    likely = np.exp(evidence - evidence.max()).sum(axis=1)
    likely /= likely.sum()
    mean = float(likely @ largest)
    deviation = float(np.sqrt(likely @ np.square(largest - mean)))
    transform = _Transform(curve, mean)
    p, intensity = transform.solution(_SMOOTHNESS[np.argmax(transform.evidence())])
    moments = [np.sum(p * transform.r ** power) for power in (0, 2)]
    own = moments[1] / (2 * moments[0])
    return PairDistribution(transform.r, p, mean, deviation,
                            float(np.sqrt(own)) if own > 0 else float("nan"), intensity, curve)


class _Transform:
    """The regularised least squares problem for one largest distance.

    P(r) is that of a sphere, r²(1 - x)²(2 + x) with x = r/D, times a smooth function, which makes
    it fade at both ends as that of compact particles does.
    """

    def __init__(self, curve, largest):
        knots = max(_FEWEST_KNOTS, int(_OVERSAMPLING * largest * curve.q[-1] / np.pi))
        x = (np.arange(knots) + 0.5) / knots
        self.r = largest * x
        self._curve = curve
        self._sphere = x ** 2 * (1 - x) ** 2 * (2 + x)
        self._sphere *= curve.intensity.max() / self._sphere.sum()
        kernel = self._sphere * np.sinc(np.outer(curve.q, self.r) / np.pi)
        weights = 1 / curve.sigma
        # The background may be anything: what it can explain does not count.
        flat = weights / np.linalg.norm(weights)
        design = kernel * weights[:, None]
        design -= np.outer(flat, flat @ design)
        data = curve.intensity * weights
        data -= flat * (flat @ data)
        # Second differences, in a measure that does not depend on the number of knots, and a
        # little of the values, so that the prior is proper.
        bends = np.diff(np.eye(knots), 2, axis=0)
        precision = (knots / _FEWEST_KNOTS) ** 3 * bends.T @ bends + _RIDGE * np.eye(knots)
        self._rough = np.linalg.cholesky(precision).T
        left, self._singular, self._right = np.linalg.svd(
            np.linalg.solve(self._rough.T, design.T).T, full_matrices=False)
        self._kernel, self._knots, self._points = kernel, knots, len(data) - 1
        self._along, self._square = left.T @ data, data @ data

    def evidence(self):
        """Logarithm of the evidence for each weight of smoothness, to a constant."""
        square = np.square(self._singular)
        ridge = square + _SMOOTHNESS[:, None]
        misfit = self._square - (square * np.square(self._along) / ridge).sum(axis=1)
        # Computed curves have next to no noise; rounding must not decide then.
        misfit = np.maximum(misfit, _LEAST_MISFIT * self._square)
        lost = self._knots - len(square)
        determinant = np.log(ridge).sum(axis=1) + lost * np.log(_SMOOTHNESS)
        return (self._knots * np.log(_SMOOTHNESS) - determinant
                - self._points * np.log(misfit)) / 2

    def solution(self, smoothness):
        """P(r) at the knots, and the intensity with the background."""
        factors = self._singular * self._along / (np.square(self._singular) + smoothness)
        values = np.linalg.solve(self._rough, self._right.T @ factors)
        computed = self._kernel @ values
        background = np.average(self._curve.intensity - computed,
                                weights=1 / np.square(self._curve.sigma))
        step = self.r[1] - self.r[0]
        return self._sphere * values / (4 * np.pi * step), computed + background
