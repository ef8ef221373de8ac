import numpy as np
import pytest
from scipy import fft

from vrs.numerics import fourier, fsc, model_agreement
from vrs.tests.checks.phantoms import noise_with_b

SHAPE, SAMPLING = (60, 72, 64), 1.5


def shells_of(volume, model):
    return model_agreement.thin_shells(fft.rfftn(volume), fft.rfftn(model), SHAPE, SAMPLING)


def cut(volume, resolution):
    return fourier.filtered(volume, SAMPLING, lambda f2: f2 < 1 / resolution ** 2)


@pytest.fixture(scope="module")
def model():
    return noise_with_b(0, SHAPE, SAMPLING)


@pytest.fixture(scope="module")
def volume(model):
    """The model with B = 80 Å² to 5 Å, and some noise."""
    blunt = fourier.filtered(model, SAMPLING, lambda f2: np.exp(-80 * f2 / 4))
    return cut(blunt, 5.0) + 0.02 * noise_with_b(0, SHAPE, SAMPLING, seed=2)


def test_curve_is_the_fsc(model, volume):
    shells = shells_of(volume, model)
    frequencies, curve = model_agreement.shell_curve(shells, SHAPE, SAMPLING)
    expected = fsc.shell_correlation(fft.rfftn(volume), fft.rfftn(model), SHAPE)
    np.testing.assert_allclose(frequencies, fourier.shell_frequencies(SHAPE, SAMPLING))
    # Coefficients halfway between two shells go to either one by rounding.
    np.testing.assert_allclose(curve[1:], expected[1:], atol=1e-3)


def test_all_coefficients_but_the_origin_count(model, volume):
    shells = shells_of(volume, model)
    assert shells.counts.sum() == np.prod(SHAPE) - 1
    power = np.square(volume - volume.mean(), dtype=float).sum() * volume.size
    assert shells.map_power.sum() == pytest.approx(power, rel=1e-4)


def test_d99_is_where_the_cut_map_correlates_by_099(model):
    volume = noise_with_b(-150, SHAPE, SAMPLING)
    found = model_agreement.d99(shells_of(volume, model))
    correlation = np.corrcoef(volume.ravel(), cut(volume, found).ravel())[0, 1]
    assert correlation == pytest.approx(0.99, abs=0.001)


def test_b_factor_and_cut_off_are_recovered(model, volume):
    shells = shells_of(volume, model)
    b_factor = model_agreement.overall_b_factor(shells, 1 / 5.0)
    assert b_factor == pytest.approx(80, abs=10)
    # A thin shell at 5 Å is 0.03 Å wide; noise moves the best cut-off by a few.
    assert model_agreement.best_cut_off(shells, b_factor) == pytest.approx(5.0, abs=0.1)


def test_best_cut_off_is_that_of_the_maps_themselves(model, volume):
    found = model_agreement.best_cut_off(shells_of(volume, model), 0.0)

    def correlation(resolution):
        return np.corrcoef(volume.ravel(), cut(model, resolution).ravel())[0, 1]

    tried = np.linspace(4, 12, 33)
    assert found == pytest.approx(tried[np.argmax([correlation(d) for d in tried])], abs=0.5)
    # The thin shell that holds the best frequency counts as a whole.
    assert correlation(found) >= max(correlation(d) for d in tried) - 2e-3


def test_highest_frequency_bounds_the_cut_off(model, volume):
    assert model_agreement.best_cut_off(shells_of(volume, model), 80.0, 1 / 8.0) >= 7.9
