import numpy as np
import pytest

from vrs.images.gallery import Rings, gallery_of_images, gallery_of_map, view_matrices
from vrs.images.projector import Projector
from vrs.images.symmetry import asymmetric_unit
from vrs.numerics.projection import rotation_matrices
from vrs.tests.images.test_plane import BOX, PLACES, blob_transform, blobs
from vrs.tests.images.test_projector import CENTRES, gaussians

D2 = np.array([np.diag(signs) for signs in ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))],
              float)
NONE = D2[:1]


@pytest.fixture(scope="module")
def projector():
    return Projector(gaussians(CENTRES, 48, 2.0), 2.0, 48)


@pytest.fixture(scope="module")
def gallery(projector):
    return gallery_of_map(projector, Rings(48, 2, 12), asymmetric_unit(NONE, 25.0, mirror=True))


def test_samples_are_the_transform_on_rings():
    image = blobs(np.mgrid[-32:32, -32:32], PLACES, 1.5).astype(np.float32)
    rings = Rings(BOX, 2, 14)
    assert rings.angles == 96 and rings.radii.tolist() == list(range(2, 15))
    found = rings.samples(image[None])[0]
    for ring, radius in enumerate(rings.radii):
        turns = 2 * np.pi * np.arange(48) / 96
        expected = blob_transform(radius * np.column_stack([np.cos(turns), np.sin(turns)]), PLACES,
                                  1.5)
        assert np.linalg.norm(found[ring] - expected) < 0.05 * np.linalg.norm(expected)
    power = rings.power(found)
    assert power[3] == pytest.approx(2 * 5 * np.sum(np.abs(found[3]) ** 2), rel=1e-5)


@pytest.mark.parametrize("last, spacing", [(14, 1.0), (20, 1.0), (40, 1.0)])
def test_samples_are_at_most_a_wave_number_apart(last, spacing):
    rings = Rings(128, 2, last)
    assert 2 * np.pi * last / rings.angles <= spacing and rings.angles % 4 == 0
    assert rings.angles < 1.3 * 2 * np.pi * last


def test_orders_are_the_fourier_series_of_the_whole_ring():
    rings = Rings(32, 3, 5, angles=16)
    samples = np.random.default_rng(0).standard_normal((2, 3, 8, 2)).astype(np.float32)
    samples = samples.view(np.complex64)[..., 0]
    whole = np.concatenate([samples, samples.conj()], axis=-1)
    expected = np.fft.fft(whole, axis=-1)
    assert rings.transformed(samples) == pytest.approx(expected[..., :9], abs=1e-5)
    # What the other orders are.
    sign = (-1.0) ** np.arange(1, 8)
    assert expected[..., :8:-1] == pytest.approx(sign * expected[..., 1:8].conj())


def test_moves_are_those_of_images():
    image = blobs(np.mgrid[-32:32, -32:32], PLACES, 1.5).astype(np.float32)
    rings = Rings(BOX, 2, 10)
    moved = rings.samples(np.roll(image, (-2, 3), (0, 1))[None])
    found = rings.samples(image[None]) * rings.moves([[3, -2]])
    assert np.linalg.norm(found - moved) < 0.03 * np.linalg.norm(moved)


def test_views_look_along_their_directions():
    directions = asymmetric_unit(NONE, 30.0, mirror=True)
    assert view_matrices(directions)[:, 2] == pytest.approx(directions, abs=1e-12)
    assert view_matrices([[0, 0, 1.0]])[0] == pytest.approx(np.eye(3), abs=1e-12)


def test_in_plane_angles_turn_samples_along_the_ring(projector, gallery):
    rings, step = gallery.rings, 5
    psi = 360 * step / rings.angles
    rotations = gallery.rotations(np.arange(4), np.full(4, psi))
    assert rotations == pytest.approx(
        rotation_matrices(np.zeros(4), np.zeros(4), np.full(4, psi)) @ gallery.views[:4])
    shape = (4, len(rings.radii), -1)
    turned = projector.slices(rotations, rings.wave_numbers).reshape(shape)
    still = projector.slices(gallery.views[:4], rings.wave_numbers).reshape(shape)
    # To the psi of the orientation, the ring is read from psi on.
    assert turned[..., :-step] == pytest.approx(still[..., step:], abs=1e-2 * np.abs(still).max())
    orders = rings.transformed(still) * np.exp(2j * np.pi * step * np.arange(rings.orders)
                                               / rings.angles)
    assert rings.transformed(turned) == pytest.approx(orders, abs=2e-2 * np.abs(orders).max())


def test_the_opposite_view_is_the_same_ring_backwards(projector, gallery):
    rings, count = gallery.rings, gallery.orders.shape[2]
    assert gallery.mirrored and len(gallery.views) == 2 * count
    assert gallery.directions[count:] == pytest.approx(-gallery.directions[:count])
    assert np.linalg.det(gallery.views) == pytest.approx(1)
    opposite = projector.slices(gallery.views[count:], rings.wave_numbers)
    found = rings.transformed(opposite.reshape(count, len(rings.radii), -1))
    sign = (-1.0) ** np.arange(rings.orders)
    expected = np.moveaxis(gallery.orders, (0, 1, 2), (2, 1, 0)).conj() * sign
    assert found == pytest.approx(expected, abs=1e-4 * np.abs(expected).max())


def test_power_is_that_of_the_projections(gallery):
    # Parseval: the sum over a ring is the mean over all orders, negative ones included.
    squared = np.abs(gallery.orders) ** 2
    whole = squared[0] + squared[-1] + 2 * squared[1:-1].sum(axis=0)
    expected = gallery.rings.radii[:, None] * whole / gallery.rings.angles
    assert gallery.power == pytest.approx(expected, rel=1e-3)


def test_images_as_references():
    images = np.random.default_rng(1).standard_normal((3, 32, 32)).astype(np.float32)
    rings = Rings(32, 1, 6)
    gallery = gallery_of_images(images, rings)
    assert not gallery.mirrored and gallery.orders.shape == (rings.orders, 6, 3)
    assert gallery.orders[:, :, 1] == pytest.approx(
        rings.transformed(rings.samples(images[1:2]))[0].T)
