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
        values(result)["percentiles"]["50"]]


def test_overstated_resolution_is_warned_of():
    *halves, _, _ = two_domain_halves((64, 64, 64), 1.5, 6.0, 9.0)
    result, _ = run(halves, 3.1, mask=structure((64, 64, 64), 1.5)[1])
    assert result.status is Status.WARNINGS


def test_noise():
    result, _ = run(noise((48, 48, 48)), 5.0, mask=structure((48, 48, 48), 1.5)[1])
    assert result.status is Status.WARNINGS
    assert values(result)["percentiles"]["50"] > 20


def test_same_halves_are_not_measured():
    half = noise((32, 32, 32))[0]
    # As a file of half-precision numbers holds it.
    for other in (half, half.astype(np.float16).astype(np.float32)):
        result, _ = run([half, other], 5.0)
        assert result.status is Status.NOT_MEASURED and "identical" in result.reason
