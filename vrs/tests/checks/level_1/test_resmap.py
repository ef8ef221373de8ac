import numpy as np
import pytest

from vrs.checks import get_check, run_check
from vrs.numerics import local_fsc, local_sinusoids
from vrs.tests.checks.level_1.uneven import SAMPLING, data_for, resolution_at, uneven_halves
from vrs.tests.checks.phantoms import two_domain_halves
from vrs.tests.evidence import by_name

SHAPE = (72, 80, 96)


@pytest.fixture(scope="module")
def uneven():
    return uneven_halves(SHAPE, SAMPLING, 4.0, 6.5)


@pytest.fixture(scope="module")
def outcome(uneven):
    return run_check(get_check("1.d"), data_for(uneven, 5.0))


def test_domains_have_their_resolution(uneven, outcome):
    local = by_name(outcome[1])["resmap"]
    in_windows = local_fsc.fsc_resolution(uneven.half1, uneven.half2, uneven.inside, SAMPLING,
                                          0.5)
    for domain, resolution in ((uneven.fine_domain, 4.0), (uneven.coarse_domain, 6.5)):
        found = np.median(local[domain])
        # The mean of both halves is less noisy than each of them, but a wave takes in some of the
        # finer and weaker frequencies.
        assert found == pytest.approx(resolution_at(0.5, resolution), rel=0.2)
        assert found == pytest.approx(np.median(in_windows[domain]), rel=0.2)


def test_sharp_ends_of_two_domains():
    *halves, fine_domain, coarse_domain = two_domain_halves(SHAPE, SAMPLING, 5.0, 8.0, 0.5)
    mask = fine_domain | coarse_domain
    waves, _ = local_sinusoids.sinusoid_resolution(*halves, mask, SAMPLING)
    in_windows = local_fsc.fsc_resolution(*halves, mask, SAMPLING, 0.5)
    for domain, resolution in ((fine_domain, 5.0), (coarse_domain, 8.0)):
        assert np.median(waves[domain]) == pytest.approx(resolution, rel=0.2)
        assert np.median(in_windows[domain]) == pytest.approx(resolution, rel=0.2)


def test_metrics_and_volume(uneven, outcome):
    result, volumes = outcome
    local = by_name(volumes)["resmap"]
    assert result.status.value == "ok"
    assert np.array_equal(local > 0, uneven.inside)
    values = local[uneven.inside]
    assert result.metrics["percentiles"].value["50"] == pytest.approx(np.median(values))
    assert result.metrics["reported_percentile"].value == pytest.approx(
        100 * np.mean(values <= 5.0))
    assert result.metrics["unresolved_percentage"].value < 1
    [estimate] = result.estimates
    assert 4.2 < estimate.value < 6.3
    assert result.metrics["calibrated_ratio"].value == pytest.approx(5 / estimate.value)


def test_reported_resolution_that_nothing_supports(uneven):
    result, _ = run_check(get_check("1.d"), data_for(uneven, 2.0))
    assert result.status.value == "warnings" and len(result.warnings) == 1


def test_without_reported_resolution(uneven):
    result, _ = run_check(get_check("1.d"), data_for(uneven))
    assert result.status.value == "informative" and result.estimates


def test_identical_halves(uneven):
    result, _ = run_check(get_check("1.d"), data_for(uneven._replace(half2=uneven.half1), 5.0))
    assert result.status.value == "not_measured" and "do not differ" in result.reason


def test_noise_supports_nothing(uneven):
    rng = np.random.default_rng(1)
    halves = uneven._replace(half1=rng.normal(size=SHAPE).astype(np.float32),
                             half2=rng.normal(size=SHAPE).astype(np.float32))
    result, _ = run_check(get_check("1.d"), data_for(halves, 4.0))
    assert result.status.value == "warnings"
    assert result.metrics["unresolved_percentage"].value > 95
