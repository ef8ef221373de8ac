import numpy as np
import pytest

from vrs.numerics.riesz import MonogenicBands


def wave(shape, cycles, phase=0.3):
    """A plane wave with so many cycles along z, y and x."""
    position = np.meshgrid(*(np.arange(n) / n for n in shape), indexing="ij")
    return np.cos(2 * np.pi * sum(k * x for k, x in zip(cycles, position)) + phase).astype(
        np.float32)


@pytest.mark.parametrize("shape, sampling", [
    ((24, 24, 24), 1.5), ((20, 25, 30), 2.0), ((21, 23, 25), (1.0, 1.1, 1.2))])
@pytest.mark.parametrize("cycles", [(3, 0, 0), (1, 2, 4), (0, -3, 2)])
def test_the_amplitude_of_a_wave_is_the_filter_at_its_frequency(shape, sampling, cycles):
    lengths = np.array(shape) * np.broadcast_to(sampling, 3)
    frequency = np.linalg.norm(np.array(cycles) / lengths)
    bands = MonogenicBands(wave(shape, cycles), sampling, 0.03)
    for offset in (0, 0.02):
        amplitude = bands.amplitude(frequency + offset)
        # Everywhere the same, whatever the phase.
        np.testing.assert_allclose(amplitude, np.exp(-0.5 * (offset / 0.03) ** 2), rtol=1e-4)


def test_constant_maps_have_no_amplitude_in_a_distant_band():
    assert MonogenicBands(np.ones((16, 16, 16), np.float32), 1.0, 0.02).amplitude(0.3).max() < 1e-6


@pytest.mark.parametrize("power", [1, 2])
def test_shell_sums_run_over_all_of_fourier_space(power):
    shape, width = (20, 24, 27), 0.05
    bands = MonogenicBands(np.zeros(shape, np.float32), 1.3, width)
    f2 = sum(np.meshgrid(*(np.fft.fftfreq(n, 1.3) ** 2 for n in shape), indexing="ij"))
    shell = np.exp(-0.5 * ((np.sqrt(f2) - 0.2) / width) ** 2) ** power
    assert bands.shell_sum(0.2, power) == pytest.approx(shell.sum(), rel=1e-4)
    assert bands.shell_sum(0.2, power, -100) == pytest.approx((shell * np.exp(-50 * f2)).sum(),
                                                              rel=1e-4)


def test_rotation_by_a_right_angle_rotates_the_amplitude():
    volume = np.random.default_rng(0).normal(size=(20, 20, 20)).astype(np.float32)
    amplitude = MonogenicBands(volume, 1.0, 0.05).amplitude(0.2)
    turned = MonogenicBands(volume.transpose(2, 0, 1).copy(), 1.0, 0.05).amplitude(0.2)
    np.testing.assert_allclose(turned, amplitude.transpose(2, 0, 1), atol=1e-5)


def test_workers_do_not_change_the_result():
    volume = np.random.default_rng(0).normal(size=(20, 20, 20)).astype(np.float32)
    one, two = (MonogenicBands(volume, 1.0, 0.05, workers).amplitude(0.2) for workers in (1, 2))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("shape", [(12, 14, 16), (12, 13, 16), (11, 12, 13)])
def test_direct_computation_agrees_also_at_nyquist(shape):
    volume = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    vectors = np.meshgrid(*(np.fft.fftfreq(n) for n in shape), indexing="ij")
    radius = np.sqrt(sum(f ** 2 for f in vectors))
    shell = np.exp(-0.5 * ((radius - 0.45) / 0.1) ** 2)
    responses = [shell] + [-1j * f / np.where(radius > 0, radius, 1) * shell for f in vectors]
    expected = np.sqrt(sum(np.abs(np.fft.ifftn(response * np.fft.fftn(volume))) ** 2
                           for response in responses))
    amplitude = MonogenicBands(volume, 1.0, 0.1).amplitude(0.45)
    np.testing.assert_allclose(amplitude, expected, rtol=1e-4, atol=1e-5)
