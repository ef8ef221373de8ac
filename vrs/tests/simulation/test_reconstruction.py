import numpy as np
import pytest

from vrs.simulation import reconstruction

SAMPLING = 1.5


@pytest.fixture(scope="module")
def signal():
    """A Gaussian blob, whose spectrum falls smoothly."""
    axis = np.arange(32) - 16
    squared = axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis ** 2
    return np.exp(-squared / 3.0).astype(np.float32)


@pytest.fixture(scope="module")
def spectra(signal):
    return reconstruction.spectra_at(signal, SAMPLING, 6.0)


def test_expected_fsc_crosses_at_the_resolution(spectra):
    # 6 Å is the frequency of shell 8, so that nothing is interpolated.
    assert spectra.frequencies[8] == pytest.approx(1 / 6.0)
    assert spectra.fsc[8] == pytest.approx(0.143)
    assert spectra.resolution == pytest.approx(6.0)


def test_figure_of_merit(spectra):
    assert spectra.figure_of_merit(np.array([1 / 6.0])) == pytest.approx(
        np.sqrt(2 * 0.143 / 1.143))


def test_noise_has_its_spectrum(signal, spectra):
    noise = reconstruction.half_map(np.zeros_like(signal), SAMPLING, spectra,
                                    np.random.default_rng(0))
    assert noise.dtype == np.float32
    frequency = np.fft.fftfreq(32)
    radius = np.sqrt(frequency[:, None, None] ** 2 + frequency[:, None] ** 2 + frequency ** 2)
    shells = np.rint(radius * 32).astype(int).ravel()
    counts = np.bincount(shells)[:17]
    power = np.bincount(shells, (np.abs(np.fft.fftn(noise)) ** 2).ravel())[:17] / counts
    # The power of n / 2 independent coefficients scatters by sqrt(2 / n); inside a shell the
    # spectrum itself changes, most in the first ones.
    for shell in range(3, 16):
        assert power[shell] == pytest.approx(spectra.noise[shell],
                                             rel=4 * np.sqrt(2 / counts[shell]) + 0.02)


def test_final_map_is_a_filter_of_the_mean(signal, spectra):
    rng = np.random.default_rng(1)
    halves = [reconstruction.half_map(signal, SAMPLING, spectra, rng) for _ in range(2)]
    found = reconstruction.final_map(*halves, SAMPLING, spectra, 6.0, 50.0)
    gain = np.fft.rfftn(found)[0, 0] / np.fft.rfftn((halves[0] + halves[1]) / 2)[0, 0]
    frequencies = np.fft.rfftfreq(32, SAMPLING)
    inside = frequencies <= 1 / 6.0
    assert gain[inside] == pytest.approx(
        spectra.figure_of_merit(frequencies[inside]) * np.exp(50 * frequencies[inside] ** 2 / 4),
        rel=1e-3)
    beyond = frequencies >= 1 / 6.0 + reconstruction.LOW_PASS_WIDTH
    assert np.abs(gain[beyond]) == pytest.approx(0, abs=1e-3)
