import numpy as np
import pytest
from scipy import ndimage

from vrs.numerics import solvent
from vrs.numerics.fourier import filtered
from vrs.numerics.masks import soft_mask, surroundings

SHAPE = (64, 64, 64)
# 3 Å per voxel: the margin of 10 Å is 4 voxels.
SAMPLING = 3.0


def ball(centre, radius, shape=SHAPE):
    axes = np.ogrid[tuple(slice(size) for size in shape)]
    return sum((axis - place) ** 2 for axis, place in zip(axes, centre)) < radius ** 2


def noise(seed=0, sigma=1.0):
    values = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=SHAPE), sigma,
                                     mode="wrap")
    return (values / values.std()).astype(np.float32)


@pytest.fixture
def mask():
    return ball((32, 32, 32), 8)


def along(direction, seed=3, lines=12, width=1.0):
    """Lines of random sign and place, of amplitude 1, along a direction (x, y, z)."""
    rng = np.random.default_rng(seed)
    direction = np.array(direction) / np.linalg.norm(direction)
    one = np.cross(direction, [1.0, 0, 0])
    one /= np.linalg.norm(one)
    other = np.cross(direction, one)
    z, y, x = np.indices(SHAPE) - 32
    a, b = (x * axis[0] + y * axis[1] + z * axis[2] for axis in (one, other))
    total = np.zeros(SHAPE, np.float32)
    for place in rng.uniform(-25, 25, (lines, 2)):
        distance = (a - place[0]) ** 2 + (b - place[1]) ** 2
        total += rng.choice([-1, 1]) * np.exp(-distance / (2 * width ** 2)).astype(np.float32)
    return total


def test_robust_deviation_is_that_of_the_noise():
    values = np.random.default_rng(1).normal(5, 2, 20000)
    values[:1000] = 100
    # A twentieth of outliers shifts the median of distances by 5 %.
    assert solvent.robust_deviation(values) == pytest.approx(2, rel=0.1)


def test_noise_has_no_lines(mask):
    ratio, _ = solvent.line_excess(noise(), surroundings(mask, SAMPLING))
    assert 1 < ratio < 1.6


@pytest.mark.parametrize("direction", [(1, 2, 2), (0, 0, 1), (-3, 1, 1)])
def test_lines_are_found_with_their_direction(mask, direction):
    volume = noise() + 6 * along(direction)
    ratio, found = solvent.line_excess(volume, surroundings(mask, SAMPLING))
    assert ratio > 3
    cosine = abs(found @ np.array(direction)) / np.linalg.norm(direction)
    # The plane of coefficients is two wide and reaches 24: 5° tilt it out of itself.
    assert np.degrees(np.arccos(min(cosine, 1))) < 5


def test_noise_of_uneven_views_is_not_taken_for_lines(mask):
    # Its power falls to a quarter towards z, slowly.
    transform = np.fft.rfftn(noise())
    z, y, x = (np.fft.fftfreq(64), np.fft.fftfreq(64), np.fft.rfftfreq(64))
    length = np.sqrt(z[:, None, None] ** 2 + y[:, None] ** 2 + x ** 2) + 1e-9
    transform *= 1 - 0.5 * np.abs(z[:, None, None]) / length
    volume = np.fft.irfftn(transform, s=SHAPE).astype(np.float32)
    assert solvent.line_excess(volume, surroundings(mask, SAMPLING))[0] < 1.6


def test_a_detached_body_is_found_and_what_is_attached_is_not(mask):
    around = surroundings(mask, SAMPLING)
    volume = 0.1 * noise()
    volume[mask] += 10
    belt = ball((32, 32, 32), 16) & ~mask
    volume[belt] += 5
    assert not solvent.detached_bodies(volume, mask, around, 8.0, SAMPLING).any()
    ghost = ball((32, 32, 54), 4)
    for sign in (1, -1):
        with_ghost = volume + np.float32(sign * 5) * ghost
        found = solvent.detached_bodies(with_ghost, mask, around, 8.0, SAMPLING)
        # Single voxels of the border may differ by the noise.
        assert np.count_nonzero(found ^ ghost) < 5
    # A third of the contour level is needed.
    weak = volume + np.float32(2) * ghost
    assert not solvent.detached_bodies(weak, mask, around, 8.0, SAMPLING).any()


def with_signal(share, seed=0):
    """White noise of variance 1 and, in a ball, a signal with the given power in the box."""
    mask = ball((32, 32, 32), 14)
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=SHAPE) * mask
    signal *= np.sqrt(share * signal.size / np.sum(signal ** 2))
    return (rng.normal(size=SHAPE) + signal).astype(np.float32), mask


def suppression(volume, mask, resolution=6.2):
    around = surroundings(mask, SAMPLING)
    return solvent.noise_suppression(
        solvent.signal_ratio(volume, mask, around, SAMPLING, resolution), mask)


def test_power_of_signal_and_noise():
    # In the mask, a signal of three times the noise's power.
    mask = ball((32, 32, 32), 14)
    volume, _ = with_signal(3 * mask.mean())
    found = solvent.signal_ratio(volume, mask, surroundings(mask, SAMPLING), SAMPLING, 6.2)
    # The band blurs the map by some 15 Å, which takes a third of the signal from this ball.
    assert 2.7 < found < 4
    noise_only, _ = with_signal(0)
    assert solvent.signal_ratio(noise_only, mask, surroundings(mask, SAMPLING), SAMPLING,
                                6.2) == pytest.approx(1, abs=0.1)


def test_noise_as_the_resolution_implies_is_about_one():
    # FSC 0.143 of two halves is SSNR 2·0.143/0.857 in their mean, over the whole box.
    found = suppression(*with_signal(2 * 0.143 / 0.857))
    assert 0.6 < found < 1
    assert suppression(*with_signal(4 * 0.143 / 0.857)) == pytest.approx(2 * found, rel=0.1)


@pytest.mark.parametrize("factor, least", [(0.1, 20), (0.3, 5)])
def test_suppressed_noise_is_noticed(factor, least):
    volume, mask = with_signal(2 * 0.143 / 0.857)
    soft = soft_mask(ball((32, 32, 32), 16))
    flattened = volume * (np.float32(factor) + np.float32(1 - factor) * soft)
    assert least < suppression(flattened, mask) < 1 / factor ** 2


def test_a_filter_that_ends_before_the_resolution_does_not_look_like_suppression():
    volume, mask = with_signal(2 * 0.143 / 0.857)
    coarse = filtered(volume, SAMPLING, lambda squared: np.exp(-200 * squared))
    assert suppression(coarse, mask, 8.0) < 2


def test_without_noise_the_ratio_is_infinite():
    mask = ball((32, 32, 32), 8)
    volume = np.zeros(SHAPE, np.float32)
    assert solvent.signal_ratio(volume, mask, surroundings(mask, SAMPLING), SAMPLING,
                                8.0) == np.inf
