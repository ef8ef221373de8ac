import numpy as np
import pytest

from vrs.numerics.image_plane import ImagePlane


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).standard_normal((3, 32, 32)).astype(np.float32)


def test_coefficients_are_sums_about_the_centre(noise):
    plane = ImagePlane(32)
    found = plane.coefficients(noise)
    axis = np.arange(32) - 16
    for index in (0, 40, 200, len(plane.wave_numbers) - 1):
        kx, ky = plane.wave_numbers[index]
        wave = np.exp(-2j * np.pi * (kx * axis[None] + ky * axis[:, None]) / 32)
        assert found[:, index] == pytest.approx((noise * wave).sum(axis=(1, 2)), abs=2e-3)


def test_shells_are_chosen_and_no_coefficient_is_there_twice():
    plane = ImagePlane(32, 2, 9)
    radii = np.hypot(*plane.wave_numbers.T)
    assert radii.min() >= 1.5 and radii.max() <= 9.5
    assert plane.shells.min() == 2 and plane.shells.max() == 9
    both = np.concatenate([plane.wave_numbers, -plane.wave_numbers])
    assert len(np.unique(both, axis=0)) == len(both)
    # As many as there are grid points in the ring.
    grid = np.hypot(*np.mgrid[-16:16, -16:16])
    assert len(both) == np.sum((np.rint(grid) >= 2) & (np.rint(grid) <= 9))


def test_images_keep_only_the_chosen_shells(noise):
    plane = ImagePlane(32, 3, 9)
    kept = plane.images(plane.coefficients(noise))
    transform = np.fft.fft2(noise)
    axis = np.fft.fftfreq(32, 1 / 32)
    shells = np.rint(np.hypot(axis, axis[:, None]))
    transform[:, (shells < 3) | (shells > 9)] = 0
    assert kept == pytest.approx(np.fft.ifft2(transform).real, abs=1e-4)


def test_shifts_move_along_x_and_y(noise):
    plane = ImagePlane(32, 1, 9)
    coefficients = plane.coefficients(noise)
    moved = plane.images(coefficients * plane.shifts([[3, -2]] * 3))
    assert moved == pytest.approx(np.roll(plane.images(coefficients), (-2, 3), (1, 2)), abs=1e-4)


def test_frequencies_are_in_reciprocal_angstroms():
    plane = ImagePlane(32)
    assert plane.frequencies(2.0) == pytest.approx(plane.wave_numbers / 64)


def test_odd_boxes_are_refused():
    with pytest.raises(ValueError, match="33"):
        ImagePlane(33)
