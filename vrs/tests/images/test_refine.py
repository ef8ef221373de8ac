import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vrs.images.agreement import correlations, soft_disc
from vrs.images.gallery import Rings, gallery_of_map
from vrs.images.plane import shifted
from vrs.images.projector import Projector
from vrs.images.refine import LocalSearch, align
from vrs.images.search import Search, shift_grid
from vrs.images.symmetry import asymmetric_unit
from vrs.tests.images import betagal
from vrs.tests.images.test_gallery import D2, NONE
from vrs.tests.images.test_search import (BOX, DIAMETER, SAMPLING, angles_between, particles,
                                          protein)


@pytest.fixture(scope="module")
def projector():
    return Projector(protein(), SAMPLING, BOX)


@pytest.fixture(scope="module")
def local_search(projector):
    return LocalSearch(projector, DIAMETER, 2, 14)


def near(rotations, degrees, seed):
    """Orientations that far away about random axes."""
    axes = Rotation.random(len(rotations), random_state=seed).as_matrix()[:, 0]
    return Rotation.from_rotvec(np.radians(degrees) * axes).as_matrix() @ rotations


@pytest.mark.parametrize("with_ctf", [True, False])
def test_noise_free_poses_are_found_between_the_grid_points(projector, local_search, with_ctf):
    rotations, shifts, contrast, _ = particles(60, 1)
    contrast = contrast if with_ctf else None
    images = 0.3 * projector.images(rotations, shifts, contrast) + 11
    gallery = gallery_of_map(projector, Rings(BOX, 2, 14), asymmetric_unit(NONE, 7.5, mirror=True))
    found = align(Search(gallery, DIAMETER, SAMPLING, shift_grid(3, 1.5)), local_search, images,
                  contrast)
    angle, view = angles_between(found.rotations, rotations)
    # A tenth of what is asked for.
    assert view.max() < 0.1 and angle.max() < 0.1
    assert np.abs(found.shifts - shifts).max() < 0.02
    assert found.correlations.min() > 0.999


def test_poses_far_from_the_start_are_reached(projector, local_search):
    rotations, shifts, contrast, rng = particles(60, 2)
    images = projector.images(rotations, shifts, contrast)
    starts, off = near(rotations, 6.0, 3), shifts + rng.uniform(-1, 1, shifts.shape)
    found = local_search.best(images, starts, off, contrast)
    angle, _ = angles_between(found.rotations, rotations)
    assert np.mean(angle < 0.5) > 0.95
    assert np.all(found.correlations > local_search.correlations(images, starts, off, contrast))
    assert np.linalg.det(found.rotations) == pytest.approx(1)


def test_correlations_are_those_of_band_and_disc(projector, local_search):
    rotations, shifts, contrast, rng = particles(40, 4)
    images = projector.images(rotations, shifts, contrast)
    images += images.std() * rng.standard_normal(images.shape, dtype=np.float32)
    starts = near(rotations, 3.0, 5)
    found = local_search.correlations(images, starts, shifts, contrast)
    reference = projector.images(starts, contrast=contrast)
    plane, disc = local_search.plane, soft_disc(BOX, DIAMETER)
    for number in (0, 17, 39):
        pair = (shifted(images[[number]], shifts[[number]]), reference[[number]])
        pair = [plane.images(plane.coefficients(stack)) for stack in pair]
        assert found[number] == pytest.approx(correlations(*pair, disc)[0], abs=1e-4)
    # A reprojection has no noise: at the true pose it agrees with the noise-free image.
    clean = projector.images(rotations, shifts, contrast)
    assert local_search.correlations(clean, rotations, shifts, contrast) == pytest.approx(
        1, abs=1e-3)


def test_noise_costs_what_it_must(local_search, projector):
    """Errors fall with the square root of the noise, and the map's own noise stays out."""
    rotations, shifts, contrast, rng = particles(150, 6)
    clean = projector.images(rotations, shifts, contrast)
    noise = rng.standard_normal(clean.shape, dtype=np.float32) * clean.std()
    median = {}
    for snr in (0.8, 0.2):
        found = local_search.best(clean + noise / np.sqrt(snr), near(rotations, 3.0, 7), shifts,
                                  contrast)
        median[snr] = np.median(angles_between(found.rotations, rotations)[0])
    assert median[0.2] / median[0.8] == pytest.approx(2, rel=0.2)
    assert median[0.2] < 1.5


def test_starts_from_several_directions_help_against_noise():
    projector = Projector(protein(4, D2, atoms=60), SAMPLING, BOX)
    gallery = gallery_of_map(projector, Rings(BOX, 2, 10), asymmetric_unit(D2, 10.0, mirror=True))
    search = Search(gallery, DIAMETER, SAMPLING, shift_grid(2, 2))
    local_search = LocalSearch(projector, DIAMETER, 2, 10, workers=2)
    rotations, shifts, contrast, rng = particles(40, 8, reach=2.0)
    images = projector.images(rotations, shifts, contrast)
    images += 5 * images.std() * rng.standard_normal(images.shape, dtype=np.float32)
    one, three = (align(search, local_search, images, contrast, count=count) for count in (1, 3))
    assert np.all(three.correlations >= one.correlations)
    assert np.any(three.correlations > one.correlations + 0.01)


def test_known_shifts_are_where_it_starts(projector, local_search):
    gallery = gallery_of_map(projector, Rings(BOX, 2, 14), asymmetric_unit(NONE, 7.5, mirror=True))
    rotations, shifts, contrast, rng = particles(10, 9, reach=8.0)
    images = projector.images(rotations, shifts, contrast)
    found = align(Search(gallery, DIAMETER, SAMPLING), local_search, images, contrast,
                  shifts + rng.uniform(-0.5, 0.5, shifts.shape))
    assert np.abs(found.shifts - shifts).max() < 0.05 and found.correlations.min() > 0.999


def test_images_without_content_do_no_harm(local_search):
    found = local_search.best(np.zeros((2, BOX, BOX), np.float32), np.repeat(np.eye(3)[None], 2, 0),
                              np.zeros((2, 2)))
    assert np.all(found.correlations == 0) and np.all(np.isfinite(found.rotations))


def test_magnification_has_its_maximum_where_it_is_right(projector, local_search):
    rotations, shifts, contrast, _ = particles(20, 10)
    images = projector.images(rotations, shifts, contrast, magnification=1.02)
    curves = local_search.scan(images, rotations, shifts, (1.0, 1.01, 1.02, 1.03), contrast)
    assert np.all(curves.argmax(axis=0) == 2) and curves[2].min() > 0.999
    assert curves[0] == pytest.approx(
        local_search.correlations(images, rotations, shifts, contrast))


def test_class_averages_of_a_protein_agree_with_its_map(test_data):
    numbers = np.array([26, 28, 50, 22, 20, 32, 38])
    averages = betagal.load_averages(test_data)[numbers - 1]
    projector = Projector(betagal.load_map(test_data), betagal.SAMPLING, 64)
    # Rings 2 to 16 are 113 to 14 Å; the averages are masked already.
    directions = asymmetric_unit(betagal.GROUP, 5.0, mirror=True)
    gallery = gallery_of_map(projector, Rings(64, 2, 16), directions)
    search = Search(gallery, 90.0, betagal.SAMPLING, shift_grid(6, 2))
    found = search.correlations(averages).max(axis=1)
    # Measured with a program of its own.
    assert found == pytest.approx([.84, .86, .84, .85, .91, .84, .77], abs=0.03)
    assert search.correlations(-averages).max(axis=1).max() < 0.5
    poses = align(search, LocalSearch(projector, 90.0, 2, 16), averages, count=5)
    # Shells of the square grid weigh low frequencies less than rings do.
    assert poses.correlations == pytest.approx(found, abs=0.06)
    assert np.all(poses.correlations > [.8, .8, .8, .8, .85, .75, .7])
