import numpy as np
import pytest

from vrs.io.saxs import read_saxs
from vrs.numerics.pair_distribution import pair_distribution
from vrs.numerics.saxs import SaxsCurve, guinier_fit

Q = np.linspace(0.008, 0.25, 250)


def sphere_curve(radius, error=0.01, seed=0, background=0.0, scale=1.0):
    x = Q * radius
    exact = (3 * (np.sin(x) - x * np.cos(x)) / x ** 3) ** 2
    sigma = error * np.sqrt(0.1 * exact) + 0.1 * error * 0.01
    noise = np.random.default_rng(seed).normal(size=len(Q))
    return SaxsCurve(Q, scale * (exact + background + sigma * noise), scale * sigma)


@pytest.mark.parametrize("seed", range(4))
def test_sphere(seed):
    radius = 40.0
    found = pair_distribution(sphere_curve(radius, seed=seed), 31.0)
    assert found.largest == pytest.approx(2 * radius, rel=0.08)
    assert abs(found.largest - 2 * radius) < 3 * found.largest_error
    assert found.radius == pytest.approx(np.sqrt(0.6) * radius, rel=0.01)
    # I(0) = 4π ∫ P dr = 1.
    step = found.r[1] - found.r[0]
    assert 4 * np.pi * step * found.p.sum() == pytest.approx(1, rel=0.01)
    x = np.minimum(found.r / (2 * radius), 1)
    exact = 3 * x ** 2 * (1 - x) ** 2 * (2 + x) / (np.pi * 2 * radius)
    assert np.abs(found.p - exact).max() < 0.05 * exact.max()


def test_the_fit_is_as_good_as_the_errors():
    curve = sphere_curve(35.0)
    found = pair_distribution(curve, 27.0)
    residuals = (found.curve.intensity - found.intensity) / found.curve.sigma
    assert found.curve.q[-1] <= 8 / 27.0
    assert np.mean(residuals ** 2) == pytest.approx(1, abs=0.25)


def test_scale_and_background_do_not_matter():
    plain = pair_distribution(sphere_curve(35.0), 27.0)
    other = pair_distribution(sphere_curve(35.0, scale=1e4), 27.0)
    assert other.largest == pytest.approx(plain.largest, rel=1e-6)
    np.testing.assert_allclose(other.p, 1e4 * plain.p, rtol=1e-4, atol=plain.p.max())
    raised = pair_distribution(sphere_curve(35.0, background=0.01), 27.0)
    assert raised.largest == pytest.approx(plain.largest, rel=0.03)
    assert raised.radius == pytest.approx(plain.radius, rel=0.01)


def test_two_spheres_have_two_peaks():
    radius, apart = 15.0, 70.0
    single = sphere_curve(radius, error=1e-9).intensity
    exact = single * (1 + np.sinc(Q * apart / np.pi)) / 2
    sigma = 0.005 * np.sqrt(0.1 * exact) + 5e-6
    curve = SaxsCurve(Q, exact + sigma * np.random.default_rng(2).normal(size=len(Q)), sigma)
    found = pair_distribution(curve, np.sqrt(0.6 * radius ** 2 + apart ** 2 / 4))
    peaks = found.r[1:-1][(found.p[1:-1] > found.p[:-2]) & (found.p[1:-1] > found.p[2:])
                          & (found.p[1:-1] > 0.3 * found.p.max())]
    # The maximum of a sphere's own P(r) is at 1.05 R.
    np.testing.assert_allclose(peaks, [1.05 * radius, apart], rtol=0.07)
    assert found.largest == pytest.approx(apart + 2 * radius, rel=0.1)


def test_a_curve_without_noise():
    x = Q * 40
    exact = (3 * (np.sin(x) - x * np.cos(x)) / x ** 3) ** 2
    found = pair_distribution(SaxsCurve(Q, exact, 0.01 * np.sqrt(exact) + 1e-5), 31.0)
    assert found.largest == pytest.approx(80, rel=0.05)


def test_too_few_points():
    with pytest.raises(ValueError, match="too few"):
        pair_distribution(sphere_curve(40.0)[:9], 31.0)


def test_glucose_isomerase(test_data):
    curve = read_saxs(test_data("saxs", "glucose_isomerase.dat")).curve.up_to(0.25)
    found = pair_distribution(curve, guinier_fit(curve).radius)
    # 101 Å by GNOM, 104.5 ± 7.9 Å by BIFT; radius of gyration 33.36 and 33.23 Å.
    assert found.largest == pytest.approx(102, abs=8)
    assert 3 < found.largest_error < 15
    assert found.radius == pytest.approx(33.3, rel=0.01)
