import numpy as np
import pytest

from vrs.checks import get_check, run_check
from vrs.tests.checks.level_1.uneven import SAMPLING, data_for, resolution_at, uneven_halves
from vrs.tests.evidence import by_name

SHAPE = (72, 80, 96)


@pytest.fixture(scope="module")
def uneven():
    return uneven_halves(SHAPE, SAMPLING, 4.0, 6.5)


@pytest.fixture(scope="module")
def outcome(uneven):
    return run_check(get_check("1.c"), data_for(uneven, 5.0))


def test_domains_have_their_resolution(uneven, outcome):
    local = by_name(outcome[1])["blocres"]
    for domain, resolution in ((uneven.fine_domain, 4.0), (uneven.coarse_domain, 6.5)):
        # The taper spreads the strong low frequencies over their neighbours.
        assert np.median(local[domain]) == pytest.approx(resolution_at(0.5, resolution), rel=0.2)


def test_metrics_and_volume(uneven, outcome):
    result, volumes = outcome
    local = by_name(volumes)["blocres"]
    assert result.status.value == "ok"
    assert np.array_equal(local > 0, uneven.inside)
    values = local[uneven.inside]
    assert result.metrics["percentiles"].value["50"] == pytest.approx(np.median(values))
    assert result.metrics["reported_percentile"].value == pytest.approx(
        100 * np.mean(values <= 5.0))
    # The halves resolve 4.0 and 6.5 Å in equal parts, and the FSC in the mask lies in between.
    [estimate] = result.estimates
    assert 4.2 < estimate.value < 6.3
    assert result.metrics["calibrated_ratio"].value == pytest.approx(5 / estimate.value)


def test_reported_resolution_that_nothing_supports(uneven):
    result, _ = run_check(get_check("1.c"), data_for(uneven, 2.0))
    assert result.status.value == "warnings" and len(result.warnings) == 1


def test_without_reported_resolution(uneven):
    result, _ = run_check(get_check("1.c"), data_for(uneven))
    assert result.status.value == "informative" and "No resolution" in result.reason
    assert result.summary == "" and "reported_percentile" not in result.metrics
    assert result.estimates


def test_halves_that_agree_everywhere_are_limited_by_the_voxels(uneven):
    # That they are identical is said when they are read.
    result, _ = run_check(get_check("1.c"), data_for(uneven._replace(half2=uneven.half1), 5.0))
    assert result.metrics["spread"].value is None
    assert any("limited by the voxel size" in getattr(part, "text", "") for part in result.content)


def test_noise_supports_nothing():
    rng = np.random.default_rng(1)
    halves = uneven_halves(SHAPE, SAMPLING, 4.0, 6.0)._replace(
        half1=rng.normal(size=SHAPE).astype(np.float32),
        half2=rng.normal(size=SHAPE).astype(np.float32))
    result, _ = run_check(get_check("1.c"), data_for(halves, 4.0))
    assert result.status.value == "warnings"
    assert result.metrics["percentiles"].value["50"] == pytest.approx(20 * SAMPLING)
