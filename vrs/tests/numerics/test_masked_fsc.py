import numpy as np
import pytest
from scipy import fft

from vrs.numerics import masked_fsc
from vrs.numerics.fourier import shell_counts
from vrs.numerics.fsc import shell_correlation
from vrs.numerics.masks import soft_mask
from vrs.tests.checks import phantoms


@pytest.mark.parametrize("shape", [(12, 12, 12), (11, 11, 11), (10, 13, 14), (9, 12, 15)])
def test_random_phases_belong_to_a_real_map(shape):
    volume = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    before = fft.rfftn(volume)
    after = before.copy()
    masked_fsc.randomise_phases(after, shape, 3, np.random.default_rng(1))
    np.testing.assert_allclose(np.abs(after), np.abs(before), rtol=1e-5)
    # A map that were not real would lose some of its coefficients here.
    again = fft.rfftn(fft.irfftn(after, s=shape))
    np.testing.assert_allclose(again, after, atol=1e-3)
    radius = np.sqrt(sum(np.meshgrid(*(np.fft.fftfreq(n) ** 2 for n in shape), indexing="ij")))
    kept = np.rint(radius * max(shape))[:, :, :shape[2] // 2 + 1] < 3
    np.testing.assert_array_equal(after[kept], before[kept])
    changed = np.abs(after - before)[~kept] > 1e-3 * np.abs(before)[~kept]
    # All but those that are their own conjugates and some few by chance.
    assert changed.mean() > 0.95


def test_random_phases_are_uniform():
    shape = (32, 32, 32)
    transform = np.ones((32, 32, 17), np.complex64)
    masked_fsc.randomise_phases(transform, shape, 1, np.random.default_rng(0))
    assert abs(transform.mean()) < 4 / np.sqrt(transform.size)
    # In the column that holds its conjugates too.
    own = transform[1:16, :, 0]
    assert abs(own.mean()) < 4 / np.sqrt(own.size)
    assert abs(np.square(own).mean()) < 4 / np.sqrt(own.size)


def test_random_phases_come_from_the_seed():
    one, two, three = (np.ones((8, 8, 5), np.complex64) for _ in range(3))
    for transform, seed in ((one, 1), (two, 1), (three, 2)):
        masked_fsc.randomise_phases(transform, (8, 8, 8), 1, np.random.default_rng(seed))
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - three).max() > 0.1


def test_the_mask_does_not_see_the_level_of_a_map():
    volume = np.random.default_rng(0).normal(size=(10, 10, 10)).astype(np.float32)
    mask = phantoms.central_box((10, 10, 10), 2).astype(np.float32)
    one, two = (masked_fsc.masked_transform(volume + np.float32(level), mask)
                for level in (0, 50))
    np.testing.assert_allclose(one, two, atol=1e-2)


def test_what_a_sharp_mask_adds_is_taken_away():
    # The signal ends at 8 Å; a small mask that the halves share correlates beyond.
    shape, first = (64, 64, 64), 17
    half1, half2, *_ = phantoms.two_domain_halves(shape, 2.0, 8.0, 8.0, noise=0.3)
    mask = soft_mask(phantoms.central_box(shape, 4), 0.5)
    transforms = [fft.rfftn(half) for half in (half1, half2)]
    masked = shell_correlation(*(masked_fsc.masked_transform(half, mask)
                                 for half in (half1, half2)), shape=shape)
    rng = np.random.default_rng(1)
    randomised = shell_correlation(*(masked_fsc.randomised_transform(one, mask, first, rng)
                                     for one in transforms), shape=shape)
    corrected = masked_fsc.without_mask(masked, randomised, first)
    np.testing.assert_array_equal(corrected[:first + 2], masked[:first + 2])
    beyond = slice(26, None)
    assert np.abs(corrected[beyond].mean()) < 0.02


def test_correction_in_closed_form():
    masked, randomised = np.array([1, 0.9, 0.8, 0.6, 0.3, 1]), np.array([1, 1, 0.5, 0.2, 0.3, 1])
    np.testing.assert_allclose(masked_fsc.without_mask(masked, randomised, 1),
                               [1, 0.9, 0.8, 0.5, 0, 0])


def test_independent_part_predicts_how_noise_scatters_within_a_mask():
    shape = (32, 32, 32)
    mask = soft_mask(phantoms.central_box(shape, 2))
    curves = []
    for seed in range(60):
        halves = np.random.default_rng(seed).normal(size=(2,) + shape).astype(np.float32)
        curves.append(shell_correlation(*(masked_fsc.masked_transform(half, mask)
                                          for half in halves), shape=shape))
    found = np.std(curves, axis=0)[5:] * np.sqrt(shell_counts(shape))[5:]
    # A rule of thumb for thin shells: a quarter off at most.
    assert np.median(found) == pytest.approx(1 / np.sqrt(masked_fsc.independent_part(mask)),
                                             rel=0.25)
    assert masked_fsc.independent_part(np.ones(shape, np.float32)) == pytest.approx(1)


def test_a_random_map_has_the_power_of_the_map_and_nothing_else():
    rng = np.random.default_rng(2)
    volume = rng.standard_normal((20, 24, 22)).astype(np.float32) + 1
    whole = masked_fsc.randomised_map(volume, np.ones_like(volume), rng)
    np.testing.assert_allclose(np.abs(fft.rfftn(whole)), np.abs(fft.rfftn(volume)), rtol=1e-3,
                               atol=1e-2)
    # Of 10,560 voxels chance gives a correlation of .01.
    assert abs(np.corrcoef(whole.ravel(), volume.ravel())[0, 1]) < 0.04
    assert whole.mean() == pytest.approx(volume.mean(), abs=1e-5)
    mask = np.zeros_like(volume)
    mask[5:9] = 0.5
    masked = masked_fsc.randomised_map(volume, mask, np.random.default_rng(2))
    assert np.all(masked[mask == 0] == 0) and masked[mask > 0].std() > 0.3
