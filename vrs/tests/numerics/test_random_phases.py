import numpy as np
import pytest

from vrs.numerics import masks
from vrs.numerics.fourier import shell_sums
from vrs.numerics.random_phases import with_random_phases
from vrs.tests.checks.particle_sets import volume_of


def power(volume):
    transform = np.fft.rfftn(volume)
    return shell_sums(volume.shape, lambda z: [np.abs(transform[z]) ** 2])[0]


@pytest.fixture(scope="module")
def mask():
    return masks.soft_mask(volume_of() > 0.1 * volume_of().max())


def test_power_and_place_stay_and_nothing_else(mask):
    masked = volume_of() * mask
    drawn = [with_random_phases(volume_of(), mask, np.random.default_rng(seed))
             for seed in range(4)]
    for found in drawn:
        assert power(found) == pytest.approx(power(masked), rel=1e-3)
        # Scaling the shells spreads little of what was masked.
        outside = found[mask == 0]
        assert np.sum(outside ** 2) < 0.1 * np.sum(found ** 2)
    # The map is nowhere among them. Its mean in the box is no phase.
    centred = [(found - found.mean()).ravel() for found in drawn + [masked]]
    alike = np.corrcoef(centred) - np.eye(5)
    assert np.abs(alike).max() < 0.5


def test_the_same_seed_gives_the_same_map(mask):
    one, other = (with_random_phases(volume_of(), mask, np.random.default_rng(3))
                  for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_boxes_that_are_no_cubes():
    volume = np.random.default_rng(0).standard_normal((12, 15, 10)).astype(np.float32)
    found = with_random_phases(volume, np.ones(volume.shape, np.float32),
                               np.random.default_rng(1))
    assert found.shape == volume.shape
    assert power(found) == pytest.approx(power(volume), rel=1e-3)
