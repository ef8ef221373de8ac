import numpy as np
import pytest
from scipy import fft

from vrs.numerics import fourier


@pytest.mark.parametrize("shape", [(8, 8, 8), (9, 9, 9), (6, 8, 10), (10, 7, 9)])
def test_shell_means_run_over_all_of_fourier_space(shape):
    volume = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    full = np.fft.fftn(volume)
    size = max(shape)
    radius = np.sqrt(sum(np.meshgrid(*(np.fft.fftfreq(n) ** 2 for n in shape), indexing="ij")))
    shell = np.rint(radius * size).astype(int)
    expected = [np.abs(full[shell == k]).mean() for k in range(size // 2 + 1)]
    # Single precision against double.
    np.testing.assert_allclose(fourier.mean_amplitudes(fft.rfftn(volume), shape), expected,
                               rtol=1e-5)


def test_counting_each_stored_coefficient_once_would_differ():
    volume = np.zeros((8, 8, 8), np.float32)
    # Waves along z fill the column that stands for itself, those along x do not.
    volume += np.cos(2 * np.pi * 2 * np.arange(8) / 8)[:, None, None].astype(np.float32)
    transform = fft.rfftn(volume)
    mean = fourier.mean_amplitudes(transform, volume.shape)[2]
    frequencies = np.meshgrid(*[np.fft.fftfreq(8) * 8] * 3, indexing="ij")
    count = np.count_nonzero(np.rint(np.sqrt(sum(f ** 2 for f in frequencies))) == 2)
    # Two of the coefficients of that shell hold N³/2 each.
    assert mean == pytest.approx(2 * 256 / count, rel=1e-6)


def test_frequencies_reach_nyquist():
    frequencies = fourier.shell_frequencies((40, 50, 60), 1.25)
    assert frequencies[-1] == pytest.approx(1 / 2.5)
    assert frequencies[1] == pytest.approx(1 / (60 * 1.25))


def test_filter():
    shape = (8, 10, 12)
    volume = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    transform = fft.rfftn(volume)
    fourier.filter_in_place(transform, shape, 2.0, lambda f2: np.exp(-f2))
    f2 = sum(np.meshgrid(*(np.fft.fftfreq(n, 2.0) ** 2 for n in shape), indexing="ij"))
    expected = np.fft.ifftn(np.fft.fftn(volume) * np.exp(-f2)).real
    np.testing.assert_allclose(fft.irfftn(transform, s=shape), expected, atol=1e-5)


def test_low_pass():
    # Waves along x of 1/40 (whole), 3/40 (within the fall, of which cos² 60° is left), 5/40 (none).
    x = np.arange(40, dtype=np.float32)
    waves = [np.cos(2 * np.pi * count * x / 40) for count in (1, 3, 5)]
    volume = np.broadcast_to(sum(waves), (8, 10, 40)).astype(np.float32)
    found = fourier.low_pass(volume, 2.0, 1 / 80, 3 / 80)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, volume * 0 + waves[0] + waves[1] / 4, atol=1e-5)


def test_raised_cosine_is_as_precise_as_its_values():
    values = np.array([0, 2, 3, 4, 5, 6, 9])
    expected = [1, 1, 0.5 + np.sqrt(0.125), 0.5, 0.5 - np.sqrt(0.125), 0, 0]
    np.testing.assert_allclose(fourier.raised_cosine(values, 2, 4), expected, atol=1e-15)
    assert fourier.raised_cosine(values.astype(np.float32), 2, np.float64(4)).dtype == np.float32


@pytest.mark.parametrize("shape", [(8, 8, 8), (9, 9, 9), (6, 8, 10), (10, 7, 9)])
def test_shell_sums_run_over_all_of_fourier_space(shape):
    volume = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    half, full = fft.rfftn(volume), np.fft.fftn(volume)
    size = max(shape)
    radius = np.sqrt(sum(np.meshgrid(*(np.fft.fftfreq(n) ** 2 for n in shape), indexing="ij")))
    shell = np.rint(radius * size).astype(int)
    powers, counts = fourier.shell_sums(shape, lambda z: [np.abs(half[z]) ** 2,
                                                          np.ones(half.shape[1:])])
    expected = [np.sum(np.abs(full[shell == k]) ** 2) for k in range(size // 2 + 1)]
    # Single precision against double.
    np.testing.assert_allclose(powers, expected, rtol=1e-5)
    expected = [np.count_nonzero(shell == k) for k in range(size // 2 + 1)]
    np.testing.assert_array_equal(counts, expected)
    np.testing.assert_array_equal(fourier.shell_counts(shape), expected)


def test_shell_planes_name_each_coefficient_of_the_shells_once():
    shape = (6, 7, 8)
    plane_size = 7 * 5
    places, weights = [], []
    for z, (shell, inside, weight) in enumerate(fourier.shell_planes(shape)):
        assert shell.max() <= 4 and len(shell) == len(inside) == len(weight)
        places.append(z * plane_size + inside)
        weights.append(weight)
    assert len(places) == 6
    places = np.concatenate(places)
    assert len(np.unique(places)) == len(places)
    # Columns 0 and Nyquist hold the conjugates of their coefficients.
    np.testing.assert_array_equal(np.concatenate(weights),
                                  np.where(np.isin(places % 5, (0, 4)), 1, 2))
