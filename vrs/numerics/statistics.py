"""Small statistics: intervals of shares, chance, moments, mixtures of two populations."""

from dataclasses import dataclass

import numpy as np
from scipy.special import bdtrc, expit, ndtri

# Steps of expectation maximisation, and the gain in log likelihood that is worth another.
_STEPS, _GAIN = 500, 1e-3
_STARTS = (0.1, 0.3, 0.5, 0.7, 0.9)
# Of the deviation of all values: no component becomes narrower.
_NARROWEST = 0.01
_SMALLEST = 1e-9


def wilson_interval(successes, trials, confidence=0.95):
    """Interval of a share that was counted.

    Wilson 1927 (doi 10.1080/01621459.1927.10502953), without continuity correction.

    Parameters
    ----------
    successes, trials : int
    confidence : float

    Returns
    -------
    low, high : float
        0 and 1 without trials.
    """
    if trials == 0:
        return 0.0, 1.0
    z = ndtri((1 + confidence) / 2)
    share = successes / trials
    scale = 1 + z ** 2 / trials
    middle = (share + z ** 2 / (2 * trials)) / scale
    half = z / scale * np.sqrt(share * (1 - share) / trials + z ** 2 / (4 * trials ** 2))
    # At the ends rounding would leave a trace of the difference of equal numbers.
    return (0.0 if successes == 0 else float(middle - half),
            1.0 if successes == trials else float(middle + half))


def difference_interval(successes, trials, others, other_trials, confidence=0.95):
    """Interval of the difference of two shares that were counted independently.

    Newcombe 1998 (method 10, doi 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I):
    with p the first share, q the other and Wilson's intervals of both, from
    p - q - √((p - p_low)² + (q_high - q)²) to p - q + √((p_high - p)² + (q - q_low)²).

    Parameters
    ----------
    successes, trials : int
        Of the first share.
    others, other_trials : int
        Of the share that is taken away.
    confidence : float

    Returns
    -------
    low, high : float
        -1 and 1 where there are no trials.
    """
    if trials == 0 or other_trials == 0:
        return -1.0, 1.0
    share, other = successes / trials, others / other_trials
    low, high = wilson_interval(successes, trials, confidence)
    other_low, other_high = wilson_interval(others, other_trials, confidence)
    return (share - other - float(np.hypot(share - low, other_high - other)),
            share - other + float(np.hypot(high - share, other - other_low)))


def binomial_p_value(successes, trials, chance):
    """Probability of at least so many successes by chance.

    Parameters
    ----------
    successes, trials : int
    chance : float
        Of one success.

    Returns
    -------
    float
        1 without trials.
    """
    return float(bdtrc(successes - 1, trials, chance))


def enrichment_p_value(successes, trials, all_successes, all_trials):
    """Probability of at least so many successes in a part, if it were any part of the whole.

    Hypergeometric, that is Fisher's exact test of the part against the rest.

    Parameters
    ----------
    successes, trials : int or numpy.ndarray of int
        Of the part.
    all_successes, all_trials : int
        Of the whole.

    Returns
    -------
    float or numpy.ndarray of float64
    """
    from scipy import stats  # takes long to import
    return stats.hypergeom.sf(np.asarray(successes) - 1, all_trials, all_successes, trials)


def chance_of_at_least(count, chances):
    """Probability that so many of independent events happen (Poisson binomial distribution).

    Parameters
    ----------
    count : int
    chances : sequence of float
        Probability of each event.

    Returns
    -------
    float
    """
    distribution = np.ones(1)
    for chance in chances:
        distribution = np.convolve(distribution, [1 - chance, chance])
    return float(min(1.0, distribution[count:].sum()))


def null_share(values, null):
    """Share of values that may come from the null distribution.

    Storey 2002 (doi 10.1111/1467-9868.00346) with λ = 1/2: half of the null and hardly anything
    else lies below its median, so that π₀ is twice the share of the values there.

    Parameters
    ----------
    values : numpy.ndarray, (n,)
        Statistic that is larger when there is something beside chance.
    null : numpy.ndarray, (m,)
        The same statistic by chance.

    Returns
    -------
    float
        π₀, 1 at most.
    """
    return float(min(2 * np.mean(np.asarray(values) < np.median(null)), 1))


@dataclass(frozen=True)
class TwoPopulations:
    """A mixture of two normal distributions, compared with one normal distribution.

    Attributes
    ----------
    means, deviations, weights : tuple of float
        Of the two, the lower mean first.
    delta_bic : float
        BIC of one distribution minus that of two: above 0 when two describe the values better.
    separation : float
        Ashman's D = √2 |μ₁ - μ₂| / √(σ₁² + σ₂²); above 2 for populations that are apart.
    """

    means: tuple
    deviations: tuple
    weights: tuple
    delta_bic: float
    separation: float


def two_populations(values):
    """Mixture of two normal distributions by maximum likelihood.

    Expectation maximisation from five splits of the sorted values; the likeliest result counts.
    No deviation is smaller than a hundredth of that of all values. Ashman et al. 1994 (doi
    10.1086/117248); BIC after Schwarz 1978 (doi 10.1214/aos/1176344136), with two parameters
    for one distribution and five for two.

    Parameters
    ----------
    values : numpy.ndarray, (n,)
        Ten at least, not all the same.

    Returns
    -------
    TwoPopulations

    Raises
    ------
    ValueError
        If the values are fewer or all the same.
    """
    values = np.sort(np.asarray(values, float))
    count = len(values)
    if count < 10 or values[0] == values[-1]:
        raise ValueError("Two populations need ten values that differ.")
    spread = values.std()
    scaled = (values - values.mean()) / spread
    fits = [_maximised(scaled, int(count * part)) for part in _STARTS]
    means, deviations, weights, likelihood = max(fits, key=lambda fit: fit[-1])
    single = -0.5 * (scaled ** 2 + np.log(2 * np.pi)).sum()
    order = np.argsort(means)
    separation = np.sqrt(2) * abs(means[1] - means[0]) / np.hypot(*deviations)
    return TwoPopulations(
        tuple(float(mean) for mean in values.mean() + spread * means[order]),
        tuple(float(deviation) for deviation in spread * deviations[order]),
        tuple(float(weight) for weight in weights[order]),
        float(2 * (likelihood - single) - 3 * np.log(count)), float(separation))


def _maximised(values, split):
    """Means, deviations, weights and log likelihood from a split of sorted values."""
    shares = (np.arange(len(values)) >= split).astype(float)
    likelihood = -np.inf
    for _ in range(_STEPS):
        shares = np.array([1 - shares, shares])
        sums = np.maximum(shares.sum(axis=1), _SMALLEST)
        means = shares @ values / sums
        squares = np.array([share @ (values - mean) ** 2 for share, mean in zip(shares, means)])
        deviations = np.maximum(np.sqrt(squares / sums), _NARROWEST)
        weights = sums / sums.sum()
        one, other = (np.log(weight / deviation) - ((values - mean) / deviation) ** 2 / 2
                      for weight, mean, deviation in zip(weights, means, deviations))
        shares = expit(other - one)
        before, likelihood = likelihood, np.logaddexp(one, other).sum()
        if likelihood - before < _GAIN:
            break
    return means, deviations, weights, likelihood - len(values) * np.log(2 * np.pi) / 2


def skewness_and_kurtosis(volume):
    """Skewness and excess kurtosis of the values of an array; both are 0 for a Gaussian.

    Parameters
    ----------
    volume : numpy.ndarray of float32
        Not constant.

    Returns
    -------
    skewness, kurtosis : float
        Third and fourth central moment over powers of the standard deviation; 3 is taken off the
        kurtosis.
    """
    scaled = (volume - volume.mean(dtype=np.float64).astype(np.float32)).ravel()
    scaled /= scaled.std(dtype=np.float64).astype(np.float32)
    squared = scaled * scaled
    return (float(np.dot(squared, scaled) / scaled.size),
            float(np.dot(squared, squared) / scaled.size - 3))
