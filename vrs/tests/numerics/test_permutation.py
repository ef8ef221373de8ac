from itertools import permutations

import numpy as np
import pytest
from scipy import fft, stats

from vrs.numerics import permutation
from vrs.numerics.fourier import filtered, shell_counts
from vrs.numerics.fsc import shell_correlation
from vrs.tests.checks import phantoms


@pytest.mark.parametrize("shape", [(12, 12, 12), (11, 11, 11), (10, 13, 14), (9, 12, 15)])
def test_independent_coefficients_are_one_of_each_pair(shape):
    places, starts = permutation.independent_coefficients(shape)
    assert len(np.unique(places)) == len(places)
    z, y, x = np.unravel_index(places, (shape[0], shape[1], shape[2] // 2 + 1))
    pairs = {(a, b, c) for a, b, c in zip(z, y, x)}
    conjugates = {(-a % shape[0], -b % shape[1], -c % shape[2]) for a, b, c in pairs}
    assert not pairs & conjugates
    # Both together are all of each shell, but for those that are their own conjugates.
    left_out = shell_counts(shape) - 2 * np.diff(starts)
    assert left_out[0] == 1 and (left_out[1:-1] == 0).all() and 0 <= left_out[-1] <= 3
    radius = np.sqrt(sum((np.minimum(k, n - k) / n) ** 2 for k, n in zip((z, y, x), shape)))
    np.testing.assert_array_equal(np.rint(radius * max(shape)),
                                  np.repeat(np.arange(len(starts) - 1), np.diff(starts)))


def test_permuted_correlations_are_those_of_permutations():
    rng = np.random.default_rng(0)
    one, two = (rng.normal(size=4) + 1j * rng.normal(size=4) for _ in range(2))
    scale = np.linalg.norm(one) * np.linalg.norm(two)
    possible = np.sort([np.vdot(np.array(order), one).real / scale
                        for order in permutations(two)])
    found = permutation.permuted_correlations(one.astype(np.complex64), two.astype(np.complex64),
                                              24000, rng)
    nearest = np.abs(found[:, None] - possible).argmin(axis=1)
    np.testing.assert_allclose(found, possible[nearest], atol=1e-6)
    # Each of the 24 comes as often as the others: 1000 times, with a deviation of about 31.
    assert np.abs(np.bincount(nearest, minlength=24) - 1000).max() < 200


def test_permuted_correlations_are_distributed_as_single_permutations():
    rng = np.random.default_rng(1)
    one, two = ((rng.normal(size=90) + 1j * rng.normal(size=90)).astype(np.complex64)
                * np.exp(rng.normal(size=90)).astype(np.float32) for _ in range(2))
    found = permutation.permuted_correlations(one, two, 5000, rng)
    scale = np.linalg.norm(one) * np.linalg.norm(two)
    single = [np.vdot(rng.permutation(two), one).real / scale for _ in range(5000)]
    assert stats.ks_2samp(found, single).pvalue > 0.01


def test_permuted_correlations_without_power():
    none = np.zeros(12, np.complex64)
    assert (permutation.permuted_correlations(none, none, 30, np.random.default_rng(0)) == 0).all()


def test_benjamini_yekutieli_in_closed_form():
    # 3 (1 + 1/2 + 1/3) = 5.5 over the rank; no q is above that of a larger p.
    np.testing.assert_allclose(permutation.benjamini_yekutieli(np.array([0.03, 0.01, 0.028])),
                               [0.055, 0.055, 0.055])
    np.testing.assert_allclose(permutation.benjamini_yekutieli(np.array([0.5, 0.001, 0.02])),
                               [0.5 * 5.5 / 3, 0.0055, 0.055])
    assert permutation.benjamini_yekutieli(np.array([0.9])) == 0.9


def run(half1, half2, seed=0, effective=1.0):
    shape = half1.shape
    one, two = fft.rfftn(half1), fft.rfftn(half2)
    curve = shell_correlation(one, two, shape)
    return permutation.permutation_test(one, two, shape, curve, 2, effective, 0.01,
                                        np.random.default_rng(seed))


def test_p_values_of_noise_are_uniform():
    rng = np.random.default_rng(3)
    p_values = np.concatenate([run(*rng.normal(size=(2, 20, 20, 20)).astype(np.float32)).p_values
                               for _ in range(60)])
    # Shells 0 and 1 are not tested.
    assert np.isnan(p_values).sum() == 2 * 60
    p_values = p_values[np.isfinite(p_values)]
    assert stats.kstest(p_values, "uniform").pvalue > 0.01 and p_values.min() > 0


def test_fewer_effective_samples_are_less_significant():
    half1, half2, _ = phantoms.half_maps((40, 40, 40), 1.0, 4.0)
    full, half = (run(half1, half2, effective=part) for part in (1.0, 0.5))
    # The deviation of what chance gives grows by √2.
    assert np.nanmedian(half.chance / full.chance) == pytest.approx(np.sqrt(2), rel=0.1)
    assert (half.q_values[2:] <= 0.01).sum() <= (full.q_values[2:] <= 0.01).sum()


def test_one_shell_alone_can_be_significant():
    shape = (32, 32, 32)
    half1, half2 = np.random.default_rng(4).normal(size=(2,) + shape).astype(np.float32)
    common = filtered(np.random.default_rng(5).normal(size=shape).astype(np.float32), 1.0,
                      lambda f2: 0.7 * (np.rint(np.sqrt(f2) * 32) == 10))
    result = run(half1 + common, half2 + common)
    assert np.flatnonzero(result.q_values <= 0.01).tolist() == [10]
    assert result.q_values[10] > 0.005


def test_result_comes_from_the_seed():
    half1, half2, _ = phantoms.half_maps((24, 24, 24), 1.0, 4.0)
    one, two, three = (run(half1, half2, seed).p_values for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, three, equal_nan=True)
