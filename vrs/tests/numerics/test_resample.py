import numpy as np
import pytest

from vrs.numerics.resample import fourier_resample, resized_shape


def waves(shape):
    """A band-limited map, sampled on a grid of any size."""
    z, y, x = np.meshgrid(*(np.arange(n) / n for n in shape), indexing="ij")
    return (1 + np.cos(2 * np.pi * (2 * z + y)) + 0.5 * np.sin(2 * np.pi * (3 * x - 2 * y))
            ).astype(np.float32)


@pytest.mark.parametrize("old", [(16, 16, 16), (15, 18, 21)])
@pytest.mark.parametrize("new", [(12, 10, 8), (24, 20, 30), (12, 24, 11), (16, 16, 16)])
def test_band_limited_maps_are_resampled_exactly(old, new):
    np.testing.assert_allclose(fourier_resample(waves(old), new), waves(new), atol=2e-6)


def test_detail_beyond_the_new_nyquist_is_left_out():
    x = np.cos(2 * np.pi * 7 * np.arange(16) / 16).astype(np.float32)
    volume = np.broadcast_to(x, (16, 16, 16)).copy()
    assert np.abs(fourier_resample(volume, (8, 8, 8))).max() < 1e-6


def test_resized_shape_is_even_and_keeps_the_length():
    assert resized_shape((100, 101, 256), 1.0, 2.0) == (50, 50, 128)
    assert resized_shape((100, 100, 100), 1.5, 1.0) == (150, 150, 150)
