import numpy as np
import pytest
from scipy import stats

from vrs.numerics import statistics


@pytest.mark.parametrize("successes, trials", [(0, 10), (3, 10), (10, 10), (1500, 5000), (1, 1)])
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_wilson_interval_is_scipys(successes, trials, confidence):
    expected = stats.binomtest(successes, trials).proportion_ci(confidence, "wilson")
    assert statistics.wilson_interval(successes, trials, confidence) == pytest.approx(
        (expected.low, expected.high), abs=1e-12)


def test_wilson_interval_in_closed_form():
    # At a share of 0 the upper end is z²/(n + z²).
    low, high = statistics.wilson_interval(0, 20)
    assert low == 0 and high == pytest.approx(1.959964 ** 2 / (20 + 1.959964 ** 2))
    assert statistics.wilson_interval(0, 0) == (0, 1)
    low, high = statistics.wilson_interval(1500, 5000)
    # Wide samples: ±1.96 √(.3 .7/n), ±1.3 %.
    assert (high - low) / 2 == pytest.approx(0.0127, abs=1e-4)


def test_wilson_interval_covers_the_truth():
    shares = np.random.default_rng(0).binomial(60, 0.3, 4000)
    covered = [low <= 0.3 <= high
               for low, high in (statistics.wilson_interval(share, 60) for share in shares)]
    # It covers 93 to 97 %, as counts are whole numbers.
    assert np.mean(covered) == pytest.approx(0.95, abs=0.02)


def test_binomial_p_value_in_closed_form():
    assert statistics.binomial_p_value(0, 5, 0.1) == 1
    assert statistics.binomial_p_value(1, 5, 0.1) == pytest.approx(1 - 0.9 ** 5)
    assert statistics.binomial_p_value(5, 5, 0.1) == pytest.approx(1e-5)
    assert statistics.binomial_p_value(4, 5, 0.5) == pytest.approx(6 / 32)
    assert statistics.binomial_p_value(0, 0, 0.5) == 1
    # Not lost to rounding far from chance.
    assert statistics.binomial_p_value(100, 100, 1e-3) == pytest.approx(1e-300, rel=1e-6)


def test_share_of_the_null():
    null = np.arange(101)
    assert statistics.null_share(np.full(10, 200), null) == 0
    assert statistics.null_share(np.concatenate([np.full(7, 200), [10, 60, 70]]), null) == 0.2
    assert statistics.null_share(np.zeros(10), null) == 1


@pytest.mark.parametrize("planted", [0.0, 0.2, 0.4, 1.0])
def test_planted_share_of_the_null_is_found(planted):
    rng = np.random.default_rng(1)
    null, count = rng.normal(size=5000), 4000
    values = rng.normal(size=count) + 4.0 * (np.arange(count) >= planted * count)
    # Deviation 2 √(π₀/2 (1 - π₀/2)/n): 1 to 1.6 %.
    assert statistics.null_share(values, null) == pytest.approx(planted, abs=0.04)


def test_two_planted_populations_are_found():
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.normal(10, 1, 700), rng.normal(16, 2, 300)])
    found = statistics.two_populations(rng.permutation(values))
    # Three standard errors and more.
    assert found.means == (pytest.approx(10, abs=0.15), pytest.approx(16, abs=0.5))
    assert found.deviations == (pytest.approx(1, abs=0.1), pytest.approx(2, abs=0.4))
    assert found.weights == (pytest.approx(0.7, abs=0.05), pytest.approx(0.3, abs=0.05))
    assert found.separation == pytest.approx(np.sqrt(2) * 6 / np.sqrt(5), abs=0.5)
    assert found.delta_bic > 100


def test_likelihood_is_that_of_the_mixture():
    values = np.random.default_rng(3).normal([0, 5], 1, (50, 2)).ravel()
    found = statistics.two_populations(values)
    density = sum(weight * stats.norm.pdf(values, mean, deviation) for weight, mean, deviation
                  in zip(found.weights, found.means, found.deviations))
    single = stats.norm.logpdf(values, values.mean(), values.std()).sum()
    expected = (2 * np.log(100) - 2 * single) - (5 * np.log(100) - 2 * np.log(density).sum())
    assert found.delta_bic == pytest.approx(expected, abs=1e-8)


def test_one_population_is_not_taken_for_two():
    rng = np.random.default_rng(4)
    found = [statistics.two_populations(rng.normal(3, 2, 300)) for _ in range(60)]
    assert max(fit.delta_bic for fit in found) < 10
    # The distribution without structure is worse off by three parameters.
    assert np.median([fit.delta_bic for fit in found]) < 0


def test_result_follows_the_scale():
    values = np.random.default_rng(5).normal([0, 6], 1, (100, 2)).ravel()
    one, other = (statistics.two_populations(scale * values + 7) for scale in (1, 1e-4))
    assert one.delta_bic == pytest.approx(other.delta_bic, rel=1e-6)
    assert other.means == pytest.approx([1e-4 * (mean - 7) + 7 for mean in one.means])
    assert one.separation == pytest.approx(other.separation, rel=1e-6)


def test_ties_do_not_make_it_infinite():
    values = np.concatenate([np.zeros(50), np.random.default_rng(6).normal(5, 1, 50)])
    found = statistics.two_populations(values)
    assert np.isfinite([found.delta_bic, found.separation]).all()
    assert found.weights == pytest.approx((0.5, 0.5), abs=0.02)


@pytest.mark.parametrize("values", [np.arange(9), np.ones(50), []])
def test_too_little_to_tell(values):
    with pytest.raises(ValueError, match="ten values"):
        statistics.two_populations(values)


@pytest.mark.parametrize("counts, interval", [
    # The examples of the paper, table II, method 10.
    ((56, 70, 48, 80), (0.0524, 0.3339)), ((9, 10, 3, 10), (0.1705, 0.8090)),
    ((10, 10, 0, 20), (0.6791, 1.0)), ((0, 10, 0, 20), (-0.1611, 0.2775))])
def test_interval_of_a_difference_is_newcombes(counts, interval):
    assert statistics.difference_interval(*counts) == pytest.approx(interval, abs=6e-5)


def test_interval_of_a_difference_without_trials_is_all():
    assert statistics.difference_interval(0, 0, 3, 10) == (-1, 1)


def test_enrichment_is_fishers_exact_test():
    for part, rest in ((5, 20), (0, 25), (10, 15)):
        expected = stats.fisher_exact([[part, 10 - part], [rest, 90 - rest]], "greater")[1]
        assert statistics.enrichment_p_value(part, 10, part + rest, 100) == pytest.approx(expected)


def test_binomial_of_equal_chances():
    for count in (0, 3, 12, 20):
        assert statistics.chance_of_at_least(count, [0.3] * 20) == pytest.approx(
            stats.binom.sf(count - 1, 20, 0.3))
    assert statistics.chance_of_at_least(2, [0.5, 0.1, 0.9]) == pytest.approx(
        0.5 * 0.1 * 0.1 + 0.5 * 0.9 * 0.9 + 0.5 * 0.1 * 0.9 + 0.5 * 0.1 * 0.9)
    assert statistics.chance_of_at_least(0, []) == 1
