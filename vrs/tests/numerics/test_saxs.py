import itertools

import numpy as np
import pytest
from scipy import stats

from vrs.io.saxs import read_saxs
from vrs.numerics.saxs import (SaxsCurve, cormap_p_value, fit_particle, guinier_fit, highest_q,
                               longest_run)
from vrs.numerics.saxs_map import solvated_mask
from vrs.tests.numerics.test_scattering import ball

Q = np.linspace(0.01, 0.25, 200)


@pytest.fixture(scope="module")
def sphere():
    return solvated_mask(ball(30.0, 2.0), 2.0, 0.25)


def curve_of(particle, scale=1e-7, contrast=0.012, background=0.002, error=0.01, seed=0):
    intensity = scale * particle.intensity(Q, contrast)
    sigma = error * np.sqrt(intensity * intensity[0]) / 3 + error * 1e-3 * intensity[0]
    noise = np.random.default_rng(seed).normal(size=len(Q))
    return SaxsCurve(Q, intensity + background + sigma * noise, sigma)


def test_the_range_of_q():
    assert highest_q() == highest_q(5) == 0.25
    assert highest_q(16) == 0.125
    curve = SaxsCurve(Q, Q, Q)
    assert len(curve.up_to(0.25)) == 200 and len(curve.up_to(0.1)) == 75
    assert curve.up_to(0.1).sigma[-1] == pytest.approx(0.1, abs=0.0013)


def test_planted_parameters_are_found(sphere):
    background = 1e-3 * 1e-7 * sphere.intensity(np.array([0.0]), 0.012)[0]
    curve = curve_of(sphere, background=background, error=0.003)
    fit = fit_particle(curve, sphere)
    assert fit.scale == pytest.approx(1e-7, rel=0.02)
    assert fit.contrast == pytest.approx(0.012, abs=0.002)
    assert fit.background == pytest.approx(background, rel=0.1)
    # 197 degrees of freedom: a deviation of 0.1.
    assert fit.chi2 == pytest.approx(1, abs=0.3)
    assert fit.cormap_p_value > 0.01
    assert fit.radius == pytest.approx(sphere.radius_of_gyration(0.012), rel=0.01)
    residuals = (curve.intensity - fit.intensity) / curve.sigma
    np.testing.assert_allclose(fit.residuals, residuals)
    assert fit.chi2 == pytest.approx(residuals @ residuals / 197)
    assert fit.longest_run == longest_run(residuals)


def test_the_deviation_does_not_depend_on_the_size_of_errors(sphere):
    curve = curve_of(sphere)
    fit = fit_particle(curve, sphere)
    other = fit_particle(SaxsCurve(Q, curve.intensity, 3 * curve.sigma), sphere)
    assert other.chi2 == pytest.approx(fit.chi2 / 9, rel=1e-6)
    assert other.deviation == pytest.approx(fit.deviation, rel=1e-6)
    assert other.longest_run == fit.longest_run
    assert fit.deviation == pytest.approx(np.sqrt(
        np.sum(fit.residuals ** 2) / np.sum((curve.intensity / curve.sigma) ** 2)))


@pytest.mark.parametrize("radius", [22.0, 26.0, 38.0])
def test_another_sphere_does_not_fit(sphere, radius):
    curve = curve_of(sphere, background=0)
    right = fit_particle(curve, sphere)
    fit = fit_particle(curve, solvated_mask(ball(radius, 2.0), 2.0, 0.25))
    assert fit.chi2 > 20 * right.chi2 and fit.cormap_p_value < 0.01
    assert abs(fit.radius / right.radius - 1) > 0.05


def test_neither_scale_nor_computed_intensity_are_negative(sphere):
    rising = SaxsCurve(Q, 1 + Q, np.full(len(Q), 0.01))
    fit = fit_particle(rising, sphere)
    assert fit.scale == 0 and fit.background == pytest.approx(np.mean(1 + Q))
    # Much steeper than any sphere of that size: without the bound, a negative background helps.
    steep = SaxsCurve(Q, np.exp(-Q ** 2 * 2000), np.full(len(Q), 1e-3))
    assert fit_particle(steep, sphere).intensity.min() >= 0
    assert fit_particle(steep, sphere).scale > 0


def test_too_few_points(sphere):
    curve = curve_of(sphere)
    with pytest.raises(ValueError, match="too few"):
        fit_particle(curve[:3], sphere)
    with pytest.raises(ValueError, match="too few"):
        fit_particle(curve[:4], sphere, further=1)


def test_guinier_of_a_fit_and_of_its_curve_are_comparable(sphere):
    curve = curve_of(sphere, background=0, error=0.003)
    fit, guinier = fit_particle(curve, sphere), guinier_fit(curve)
    assert fit.guinier_radius(curve, guinier) == pytest.approx(guinier.radius,
                                                               abs=4 * guinier.error)


def test_longest_run():
    assert longest_run(np.array([1.0])) == 1
    assert longest_run(np.array([1.0, -1, 1, -1])) == 1
    assert longest_run(np.array([1.0, 1, -1, -2, -3, 4])) == 3
    assert longest_run(np.array([-1.0, 1, 2, 3, 4])) == 4
    assert longest_run(np.full(7, -0.1)) == 7


def test_cormap_p_value_is_exact():
    tosses = np.array(list(itertools.product((-1.0, 1.0), repeat=10)))
    runs = np.array([longest_run(toss) for toss in tosses])
    for run in range(1, 11):
        assert cormap_p_value(run, 10) == pytest.approx(np.mean(runs >= run), abs=1e-12)
    assert cormap_p_value(200, 200) == pytest.approx(2.0 ** -199)


def test_cormap_p_value_of_noise_is_uniform():
    rng = np.random.default_rng(3)
    p = np.array([cormap_p_value(longest_run(rng.normal(size=400)), 400) for _ in range(2000)])
    # It takes few values; at each of them its distribution is that of a p-value.
    for value in np.unique(p)[np.unique(p) > 0.005]:
        expected = stats.binom(len(p), value)
        assert expected.ppf(1e-4) <= np.count_nonzero(p <= value) <= expected.ppf(1 - 1e-4)


def test_guinier_of_a_gaussian_is_exact():
    q = np.linspace(0.005, 0.2, 100)
    intensity = 7 * np.exp(-(q * 25) ** 2 / 3)
    fit = guinier_fit(SaxsCurve(q, intensity, 0.01 * intensity))
    assert fit.radius == pytest.approx(25, rel=1e-9)
    assert fit.intensity == pytest.approx(7, rel=1e-9)
    assert fit.straight and fit.used.start == 0
    assert q[fit.used.stop - 1] * 25 <= 1.3 < q[fit.used.stop] * 25


def test_the_error_of_guinier_is_that_of_noise():
    q = np.linspace(0.008, 0.1, 80)
    exact = np.exp(-(q * 20) ** 2 / 3)
    rng = np.random.default_rng(5)
    fits = [guinier_fit(SaxsCurve(q, exact * (1 + 0.01 * rng.normal(size=80)), 0.01 * exact))
            for _ in range(200)]
    radii = np.array([fit.radius for fit in fits])
    # 200 values give the deviation to 5 %; the error is never below that by the curve's.
    assert np.std(radii) == pytest.approx(np.mean([fit.error for fit in fits]), rel=0.25)
    assert np.mean(radii) == pytest.approx(20, abs=5 * np.std(radii) / np.sqrt(200))
    # Errors that are too small by 3 do not make the radius more certain.
    curve = SaxsCurve(q, exact * (1 + 0.01 * rng.normal(size=80)), 0.01 * exact)
    small = SaxsCurve(q, curve.intensity, curve.sigma / 3)
    assert guinier_fit(small).error > 0.7 * guinier_fit(curve).error


@pytest.mark.parametrize("extra", [0.3, -0.3])
def test_a_bent_start_is_left_out(extra):
    q = np.linspace(0.005, 0.15, 150)
    intensity = np.exp(-(q * 20) ** 2 / 3) * (1 + extra * np.exp(-(q / 0.008) ** 2))
    fit = guinier_fit(SaxsCurve(q, intensity, 0.005 * intensity))
    assert fit.straight and fit.used.start > 5
    assert fit.radius == pytest.approx(20, rel=0.02)


def test_a_start_that_cannot_be_left_out_is_told():
    q = np.linspace(0.005, 0.15, 150)
    intensity = np.exp(-(q * 20) ** 2 / 3) + 2e-6 * q ** -3
    fit = guinier_fit(SaxsCurve(q, intensity, 0.002 * intensity))
    assert not fit.straight


def test_without_small_angles_there_is_no_radius():
    q = np.linspace(0.08, 0.3, 100)
    intensity = np.exp(-(q * 25) ** 2 / 3) + 1e-9
    with pytest.raises(ValueError, match="small enough"):
        guinier_fit(SaxsCurve(q, intensity, 0.01 * intensity))
    with pytest.raises(ValueError, match="small enough"):
        guinier_fit(SaxsCurve(q, 1 + q, 0.01 * q))
    with pytest.raises(ValueError, match="small enough"):
        guinier_fit(SaxsCurve(q, -intensity, intensity))


# Radius of gyration by other programs, Å.
@pytest.mark.parametrize("name, radius, error", [
    ("2epe.dat", 14.53, 0.16), ("lyzexp.dat", 14.96, 0.23),
    ("glucose_isomerase.dat", 33.64, 0.21), ("SASDJQ4.dat", 30.20, 0.08)])
def test_radii_of_public_curves(test_data, name, radius, error):
    fit = guinier_fit(read_saxs(test_data("saxs", name)).curve)
    assert fit.radius == pytest.approx(radius, rel=0.02)
    assert 0.5 * error < fit.error < 2 * error
