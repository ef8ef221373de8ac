import numpy as np
import pytest

from vrs.checks import get_check, run_check
from vrs.results import Status
from vrs.tests.checks.level_1.test_fourier_shell_occupancy import data_for, noise, values
from vrs.tests.checks.phantoms import structure, two_domain_halves
from vrs.tests.evidence import by_name


def run(*arguments, **more):
    return run_check(get_check("1.e"), data_for(*arguments, **more))


@pytest.mark.parametrize("shape", [(64, 64, 64), (54, 60, 64)])
@pytest.mark.parametrize("resolution", [4.0, None])
def test_two_domains(shape, resolution):
    *halves, fine, coarse = two_domain_halves(shape, 1.5, 4.0, 8.0)
    result, volumes = run(halves, resolution, mask=structure(shape, 1.5)[1])
    local = by_name(volumes)["monores"]
    assert np.median(local[fine]) == pytest.approx(4, rel=0.2)
    assert np.median(local[coarse]) == pytest.approx(8, rel=0.2)
    assert result.status is (Status.OK if resolution else Status.INFORMATIVE)
    assert [estimate.value for estimate in result.estimates] == [
        values(result)["calibrated_resolution"]]


def test_overstated_resolution_is_warned_of():
    *halves, _, _ = two_domain_halves((64, 64, 64), 1.5, 6.0, 9.0)
    mask = structure((64, 64, 64), 1.5)[1]
    fair, _ = run(halves, 6.0, mask=mask)
    assert fair.status is Status.OK
    bold, _ = run(halves, 0.45 * fair.estimates[0].value, mask=mask)
    assert bold.status is Status.WARNINGS and not bold.serious_warnings
    assert values(bold)["calibrated_ratio"] == pytest.approx(0.45, rel=0.05)


def test_noise():
    result, _ = run(noise((48, 48, 48)), 5.0, mask=structure((48, 48, 48), 1.5)[1])
    assert result.status is Status.WARNINGS
    found = values(result)
    # 5 % of noise exceed 95 % of it at a step, and one more step is tried.
    assert found["unresolved_percentage"] > 85
    assert found["calibrated_resolution"] is None and found["calibrated_ratio"] == 0
    assert len(result.warnings) == 2 and len(result.serious_warnings) == 1


def test_places_without_signal_are_counted():
    *halves, fine, coarse = two_domain_halves((64, 64, 64), 1.5, 4.0, 8.0)
    empty = np.zeros(fine.shape, bool)
    empty[4:20, 4:20, 4:20] = True
    empty &= ~(fine | coarse)
    result, volumes = run(halves, 4.0, mask=fine | coarse | empty)
    local, found = by_name(volumes)["monores"], values(result)
    assert found["unresolved_percentage"] == pytest.approx(
        100 * np.mean(local[fine | coarse | empty] == 0))
    # At coarse steps the amplitude of the structure spreads into its surroundings.
    assert np.mean(local[empty] == 0) > 0.4 and np.mean(local[fine] == 0) < 0.01
    assert found["reported_percentile"] == pytest.approx(
        100 * np.mean((local > 0)[fine | coarse | empty] & (local <= 4)[fine | coarse | empty]))


def test_same_halves_are_not_measured():
    half = noise((32, 32, 32))[0]
    # As a file of half-precision numbers holds it.
    for other in (half, half.astype(np.float16).astype(np.float32)):
        result, _ = run([half, other], 5.0)
        assert result.status is Status.NOT_MEASURED and "identical" in result.reason
