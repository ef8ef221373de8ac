"""Half maps of known relation: made as the package's examples are, then changed by hand."""

import numpy as np
import pytest
from scipy import fft, ndimage

from vrs.numerics import half_maps, masks
from vrs.numerics.fsc import shell_correlation
from vrs.simulation import reconstruction
from vrs.simulation.density import model_density
from vrs.tests.checks.level_A import models

BOX, SAMPLING, RESOLUTION = 72, 1.5, 4.5


@pytest.fixture(scope="module")
def signal():
    middle = (BOX - models.BOX) * SAMPLING / 2
    return model_density(models.moved(models.walk(), (middle,) * 3), BOX, SAMPLING)


@pytest.fixture(scope="module")
def halves(signal):
    spectra = reconstruction.spectra_at(signal, SAMPLING, RESOLUTION)
    rng = np.random.default_rng(4)
    return [reconstruction.half_map(signal, SAMPLING, spectra, rng) for _ in range(2)]


@pytest.fixture(scope="module")
def mask(signal):
    return masks.hard_mask(signal, 0.1 * signal.max(), SAMPLING)


@pytest.fixture(scope="module")
def volume(signal, halves):
    """The map: filtered and sharpened."""
    spectra = reconstruction.spectra_at(signal, SAMPLING, RESOLUTION)
    return reconstruction.final_map(*halves, SAMPLING, spectra, RESOLUTION, 60.0)


def moved(volume, shift):
    """A map moved by x, y, z voxels."""
    transform = ndimage.fourier_shift(fft.rfftn(volume), shift[::-1], n=volume.shape[2])
    return fft.irfftn(transform, s=volume.shape).astype(np.float32)


def flags(match):
    return {name for name in ("identical", "shifted", "scaled", "inverted")
            if getattr(match, name)}


# Matching

def test_sound_halves_are_left_alone(halves):
    match = half_maps.match_halves(*halves)
    assert match.related and flags(match) == set()
    assert match.scale == pytest.approx(1, abs=0.02)  # by the noise in the strongest shells
    # Two standard deviations along each axis, some of which are smaller.
    assert np.abs(match.shift).max() < 3 * match.shift_error < 0.1
    assert half_maps.matched(halves[1], match) is halves[1]


@pytest.mark.parametrize("factor, offset", [(3.0, 0.0), (1 / 3, 0.5), (1.0, -2.0), (0.9, 0.0)])
def test_scale_and_offset(halves, factor, offset):
    spread = halves[0].std()
    other = factor * halves[1] + np.float32(offset * spread)
    match = half_maps.match_halves(halves[0], other)
    assert flags(match) == (set() if factor == 1 else {"scaled"})
    assert match.scale * factor == pytest.approx(1, abs=0.02)
    assert match.offset == pytest.approx(-offset / factor * spread, abs=0.05 * spread)
    back = half_maps.matched(other, match)
    assert np.abs(back - halves[1]).max() < 0.1 * spread


@pytest.mark.parametrize("voxels", [(1, 0, 0), (0, -3, 0), (30, 20, -25)])
def test_shifts_by_whole_voxels(halves, voxels):
    other = np.roll(halves[1], voxels[::-1], axis=(0, 1, 2))
    match = half_maps.match_halves(halves[0], other)
    assert flags(match) == {"shifted"}
    np.testing.assert_allclose(match.shift, voxels, atol=0.05)
    assert match.correlation == pytest.approx(half_maps.match_halves(*halves).correlation,
                                              abs=0.002)


def test_whole_shifts_give_the_same_voxels_back(signal):
    """Without noise the shift is exact, and no value is interpolated."""
    other = np.roll(signal, (2, -1, 7), axis=(0, 1, 2))
    match = half_maps.match_halves(signal, other)
    assert flags(match) == {"identical", "shifted"}
    np.testing.assert_array_equal(half_maps.matched(other, match), signal)


@pytest.mark.parametrize("voxels", [(0.5, 0, 0), (0.4, -1.3, 2.5)])
def test_shifts_by_parts_of_voxels(halves, voxels):
    other = moved(halves[1], voxels)
    match = half_maps.match_halves(halves[0], other)
    assert flags(match) == {"shifted"}
    np.testing.assert_allclose(match.shift, voxels, atol=0.05)
    back = fft.rfftn(half_maps.matched(other, match))
    # At Nyquist nothing can be moved by parts of voxels.
    curve = shell_correlation(back, fft.rfftn(halves[1]), halves[1].shape)[:-1]
    assert curve.min() > 0.99


def test_small_shifts_are_those_of_sound_halves(halves):
    match = half_maps.match_halves(halves[0], moved(halves[1], (0.15, 0, 0)))
    assert flags(match) == set() and match.shift[0] == pytest.approx(0.15, abs=0.05)


def test_displacements_beyond_their_error_alone_count(signal):
    """In noise, displacements of a quarter of a voxel come by chance."""
    rng = np.random.default_rng(5)
    found = []
    for _ in range(8):
        one, two = (signal + rng.normal(0, 9 * signal.std(), signal.shape).astype(np.float32)
                    for _ in range(2))
        found.append(half_maps.match_halves(one, two))
    largest = max(np.linalg.norm(match.shift) for match in found)
    assert largest > 0.25 and not any(match.shifted for match in found)
    # The error is known to within a factor of 3.
    spread = np.std([match.shift for match in found])
    assert 1 / 3 < spread / np.mean([match.shift_error for match in found]) < 3


def test_inverted_density(halves):
    match = half_maps.match_halves(halves[0], -2 * halves[1])
    assert flags(match) == {"inverted", "scaled"}
    assert match.scale == pytest.approx(-0.5, abs=0.01)
    back = half_maps.matched(-2 * halves[1], match)
    np.testing.assert_allclose(back, halves[1], atol=0.1 * halves[1].std())


def bytes_of(volume):
    return np.rint((volume - volume.min()) / np.ptp(volume) * 255).astype(np.uint8)


@pytest.mark.parametrize("change, others", [
    (lambda half: half, set()), (lambda half: half.astype(np.float16), set()),
    (lambda half: 1.2 * half + 3, {"scaled"}), (bytes_of, {"scaled"}),
    (lambda half: np.roll(half, 2, axis=1), {"shifted"}), (lambda half: -half, {"inverted"})])
def test_the_same_map_twice(halves, change, others):
    """Whatever was done to hide it; the halves themselves correlate by 0.1 near Nyquist."""
    match = half_maps.match_halves(halves[0], change(halves[0]).astype(np.float32))
    assert flags(match) == {"identical"} | others
    assert match.smallest_fsc > 0.999


def test_maps_that_agree_nearly_to_nyquist_are_not_the_same(signal):
    rng = np.random.default_rng(6)
    one, two = (signal + rng.normal(0, 0.02 * signal.std(), signal.shape).astype(np.float32)
                for _ in range(2))
    match = half_maps.match_halves(one, two)
    assert match.correlation > 0.999 and not match.identical


def test_noise_has_nothing_in_common():
    rng = np.random.default_rng(7)
    one, two = (rng.normal(size=(40, 44, 48)).astype(np.float32) for _ in range(2))
    match = half_maps.match_halves(one, 5 * two)
    assert not match.related and flags(match) == set()
    assert match.shift == (0, 0, 0) and abs(match.correlation) < 0.02


def test_empty_maps():
    empty = np.zeros((20, 20, 20), np.float32)
    match = half_maps.match_halves(empty, empty)
    assert not match.related and flags(match) == set() and match.correlation == 0


def test_boxes_of_any_shape(signal):
    box = signal[8:64, 5:66, 3:70]
    rng = np.random.default_rng(8)
    one, two = (box + rng.normal(0, 0.5 * box.std(), box.shape).astype(np.float32)
                for _ in range(2))
    match = half_maps.match_halves(one, np.roll(two, (4, -6, 9), axis=(0, 1, 2)))
    np.testing.assert_allclose(match.shift, (9, -6, 4), atol=0.05)


# Masked before

def around(mask, distance):
    """Soft mask to a distance (Å) from the macromolecule."""
    return masks.soft_mask(ndimage.distance_transform_edt(~mask) * SAMPLING <= distance)


def test_sound_halves_were_not_masked(halves, mask):
    found = half_maps.find_masking(*halves, mask, SAMPLING)
    assert found.empty == 0 and not found.masked
    assert found.noise_ratio == pytest.approx(1, abs=0.05)  # the noise is the same everywhere


@pytest.mark.parametrize("distance, masked", [(0, True), (10, True), (14, True), (40, False)])
def test_masked_halves(halves, mask, distance, masked):
    found = half_maps.find_masking(*(half * around(mask, distance) for half in halves), mask,
                                   SAMPLING)
    assert found.masked is masked
    assert (found.noise_ratio < 0.2) is masked


def test_zeroed_corners_are_no_mask(halves, mask):
    axes = np.ogrid[tuple(slice(-(n // 2), n - n // 2) for n in mask.shape)]
    sphere = np.sqrt(sum(axis ** 2 for axis in axes)) < BOX / 2
    assert not half_maps.find_masking(*(half * sphere for half in halves), mask, SAMPLING).masked


def test_without_surroundings_nothing_is_said(halves):
    found = half_maps.find_masking(*halves, np.ones((BOX,) * 3, bool), SAMPLING)
    assert np.isnan(found.empty) and not found.masked


# Shared noise

def test_sound_halves_share_no_noise(halves, mask):
    found = half_maps.find_shared_noise(*halves, mask, SAMPLING)
    assert abs(found.outside) < 0.02 and not found.shared


@pytest.mark.parametrize("part, shared", [(0.03, False), (0.3, True), (1.0, True)])
def test_shared_noise(signal, halves, mask, part, shared):
    noise = [half - signal for half in halves]
    common = np.sqrt(part) * np.roll(noise[0], 36, axis=0)
    two = [signal + np.sqrt(1 - part) * own + common for own in noise]
    found = half_maps.find_shared_noise(*two, mask, SAMPLING)
    assert found.outside == pytest.approx(part, abs=0.02)
    assert found.shared is shared


def test_the_same_map_shares_all_noise(halves, mask):
    found = half_maps.find_shared_noise(halves[0], halves[0], mask, SAMPLING)
    assert found.outside == pytest.approx(1) and found.shared
    assert found.nyquist == pytest.approx(1)


def test_signal_up_to_nyquist_is_no_shared_noise(signal, mask):
    """Maps with coarse voxels correlate at Nyquist; around the macromolecule they do not."""
    rng = np.random.default_rng(9)
    halves = [signal + rng.normal(0, 0.05 * signal.std(), signal.shape).astype(np.float32)
              for _ in range(2)]
    found = half_maps.find_shared_noise(*halves, mask, SAMPLING)
    assert found.nyquist > 0.5 and not found.shared


# The map of the halves

def compared(halves, volume, mask):
    return half_maps.compare_with_map(*halves, volume, masks.soft_mask(mask), SAMPLING)


def test_halves_of_the_map(halves, volume, mask):
    found = compared(halves, volume, mask)
    assert found.agreement > 0.99 and not found.other
    assert not found.inverted and found.mirrored == ""
    np.testing.assert_allclose(found.shift, 0, atol=0.01)


def test_halves_of_another_map(signal, halves, volume, mask):
    other = model_density(models.moved(models.walk(seed=9), (18.0,) * 3), BOX, SAMPLING)
    rng = np.random.default_rng(10)
    spectra = reconstruction.spectra_at(other, SAMPLING, RESOLUTION)
    theirs = [reconstruction.half_map(other, SAMPLING, spectra, rng) for _ in range(2)]
    assert compared(theirs, volume, mask).other
    assert compared(halves, np.float32(volume.std()) * rng.normal(
        size=volume.shape).astype(np.float32), mask).other


def test_maps_that_were_moved_inverted_or_mirrored(halves, volume, mask):
    found = compared(halves, np.roll(volume, 3, axis=0), np.roll(mask, 3, axis=0))
    np.testing.assert_allclose(found.shift, (0, 0, -3), atol=0.02)
    assert not found.other
    assert compared(halves, -volume, mask).inverted
    for axis, name in enumerate("zyx"):
        found = compared(halves, np.flip(volume, axis), np.flip(mask, axis))
        assert found.mirrored == name and not found.other and found.agreement > 0.99


def test_good_halves_below_a_filter_are_not_identical():
    """Of a strong signal low frequencies have hardly any noise, and a filter leaves no others."""
    rng = np.random.default_rng(4)
    signal = fourier_filtered(rng.normal(0, 1, (48, 48, 48)))
    one, two = (signal + 0.03 * fourier_filtered(rng.normal(0, 1, signal.shape)) for _ in range(2))
    assert not half_maps.match_halves(one, two).identical
    rounded = (3 * one + 1).astype(np.float16).astype(np.float32)
    assert half_maps.match_halves(one, rounded).identical


def fourier_filtered(volume):
    """Without anything beyond a quarter of the sampling frequency."""
    transform = np.fft.rfftn(volume)
    axes = [np.fft.fftfreq(size) for size in volume.shape[:2]] + [np.fft.rfftfreq(48)]
    radius = np.sqrt(sum(np.square(axis) for axis in np.meshgrid(*axes, indexing="ij")))
    return np.fft.irfftn(np.where(radius < 0.25, transform, 0), volume.shape).astype(np.float32)
