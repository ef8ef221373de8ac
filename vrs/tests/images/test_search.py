import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vrs.images.agreement import correlations, soft_disc
from vrs.images.ctf import Contrast
from vrs.images.gallery import Rings, gallery_of_images, gallery_of_map
from vrs.images.plane import shifted
from vrs.images.projector import Projector
from vrs.images.search import Search, shift_grid
from vrs.images.symmetry import asymmetric_unit
from vrs.numerics.ctf import Optics
from vrs.tests.images.test_gallery import D2, NONE

BOX, SAMPLING, DIAMETER = 64, 3.5, 44.0


def protein(seed=0, group=None, atoms=120):
    """A map of Gaussians within 70 Å of the centre, of no symmetry but the group's."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-48, 48, (4 * atoms, 3))
    centres = centres[np.linalg.norm(centres, axis=1) < 60][:atoms]
    heights = rng.uniform(0.5, 1.5, len(centres))
    if group is not None:
        centres = np.einsum("gij,nj->gni", group, centres / 1.1 + 5).reshape(-1, 3)
        heights = np.tile(heights, len(group))
    volume = np.zeros((BOX,) * 3, np.float32)
    axis = SAMPLING * (np.arange(BOX) - BOX // 2)
    for centre, height in zip(centres, heights):
        x, y, z = np.exp(-(axis - centre[:, None]) ** 2 / (2 * 5.0 ** 2))
        volume += (height * z[:, None, None] * y[:, None] * x).astype(np.float32)
    return volume


def angles_between(rotations1, rotations2, group=None):
    """Angle between orientations and between directions of view, modulo symmetry, degrees."""
    group = np.eye(3)[None] if group is None else group
    alike = np.einsum("nij,gjk->ngik", rotations1, group)
    traces = np.einsum("ngij,nij->ng", alike, rotations2)
    views = np.einsum("ngj,nj->ng", alike[:, :, 2], rotations2[:, 2])
    return (np.degrees(np.arccos(np.clip((traces.max(axis=1) - 1) / 2, -1, 1))),
            np.degrees(np.arccos(np.clip(views.max(axis=1), -1, 1))))


@pytest.fixture(scope="module")
def projector():
    return Projector(protein(), SAMPLING, BOX)


@pytest.fixture(scope="module")
def gallery(projector):
    return gallery_of_map(projector, Rings(BOX, 2, 14), asymmetric_unit(NONE, 7.5, mirror=True))


def particles(count, seed, reach=3.0):
    rng = np.random.default_rng(seed)
    defocus = np.repeat(rng.uniform(9000, 20000, (count, 1)), 3, axis=1)
    return (Rotation.random(count, random_state=seed).as_matrix(),
            rng.uniform(-reach, reach, (count, 2)),
            Contrast((Optics(300.0, 2.7, 0.1),), np.zeros(count, int), defocus), rng)


def test_correlations_are_the_largest_of_the_plain_sums():
    rng = np.random.default_rng(0)
    images = rng.standard_normal((2, 32, 32)).astype(np.float32)
    references = rng.standard_normal((3, 32, 32)).astype(np.float32)
    rings, shifts = Rings(32, 2, 6, angles=24), np.array([(0.0, 0), (1, -2), (0.5, 0)])
    search = Search(gallery_of_images(references, rings), 24.0, 2.0, shifts)
    found = search.correlations(images)
    matches = search.best(images, count=3)
    disc = soft_disc(32, 24.0)
    means = np.tensordot(images, disc, 2) / disc.sum()
    samples = rings.samples((images - means[:, None, None]) * disc)
    others = rings.samples(references)
    radii = rings.radii[:, None]
    for i, image in enumerate(samples):
        for j, reference in enumerate(others):
            whole = np.concatenate([reference, reference.conj()], axis=1)
            norm = np.sqrt(np.sum(radii * np.abs(whole) ** 2)
                           * 2 * np.sum(radii * np.abs(image) ** 2))
            table = np.empty((len(shifts), 24))
            for s, move in enumerate(rings.moves(shifts)):
                moved = np.concatenate([image * move, (image * move).conj()], axis=1)
                table[s] = [np.sum(radii * moved.conj() * np.roll(whole, -step, axis=1)).real
                            / norm for step in range(24)]
            assert found[i, j] == pytest.approx(table.max(), abs=1e-5)
            place = list(matches.direction[i]).index(j)
            shift, step = np.unravel_index(table.argmax(), table.shape)
            assert matches.shifts[i, place] == pytest.approx(shifts[shift])
            # The parabola moves the angle by half a step at most, and never down.
            moved = (matches.psi[i, place] / 15 - step + 12) % 24 - 12
            assert abs(moved) <= 0.5
            assert matches.correlations[i, place] >= table.max() - 1e-6
    assert np.all(np.diff(matches.correlations, axis=1) <= 0)


def test_orientations_are_found_within_the_grid(projector, gallery):
    rotations, shifts, contrast, _ = particles(40, 1)
    images = 3.0 * projector.images(rotations, shifts, contrast) - 20
    search = Search(gallery, DIAMETER, SAMPLING, shift_grid(3, 1), workers=2)
    found = search.best(images, contrast)
    angle, view = angles_between(gallery.rotations(found.direction, found.psi)[:, 0], rotations)
    assert np.median(view) < 7.5 / 2 and view.max() < 7.5
    assert np.median(angle) < 5 and angle.max() < 11
    assert np.abs(found.shifts[:, 0] - shifts).max() < 1.0
    assert found.correlations.min() > 0.85
    # Images of a chiral map: the hand comes with the direction, half of the views are opposite.
    opposite = found.direction[:, 0] >= gallery.orders.shape[2]
    assert 8 < opposite.sum() < 32


def test_what_is_found_is_the_correlation_with_the_reprojection(projector, gallery):
    rotations, shifts, contrast, rng = particles(20, 2)
    images = projector.images(rotations, shifts, contrast)
    images += 2 * images.std() * rng.standard_normal(images.shape, dtype=np.float32)
    search = Search(gallery, DIAMETER, SAMPLING, shift_grid(3, 1))
    found = search.best(images, contrast)
    reprojections = projector.images(gallery.rotations(found.direction, found.psi)[:, 0],
                                     contrast=contrast)
    band = gallery.rings
    plane = type(projector.plane)(BOX, band.radii[0], band.radii[-1])
    moved, reference = (plane.images(plane.coefficients(stack)) for stack in (
        shifted(images, found.shifts[:, 0]), reprojections))
    direct = correlations(moved, reference, soft_disc(BOX, DIAMETER))
    # The reference's norm counts what the CTF spreads beyond the disc.
    assert found.correlations[:, 0] == pytest.approx(direct, abs=0.06)
    assert np.corrcoef(found.correlations[:, 0], direct)[0, 1] > 0.8


def test_known_shifts_need_no_grid(projector, gallery):
    rotations, shifts, contrast, _ = particles(20, 3, reach=6.0)
    images = projector.images(rotations, shifts, contrast)
    search = Search(gallery, DIAMETER, SAMPLING)
    found = search.best(images, contrast, shifts, count=7)
    assert found.shifts == pytest.approx(np.repeat(shifts[:, None], 7, axis=1))
    _, view = angles_between(gallery.rotations(found.direction, found.psi)[:, 0], rotations)
    assert view.max() < 7.5 and found.correlations[:, 0].min() > 0.9
    table = search.correlations(images, contrast, shifts)
    assert table.shape == (20, len(gallery.directions))
    # The table has the angles of the rings, the best are interpolated between these.
    assert np.take_along_axis(table, found.direction, 1) == pytest.approx(
        found.correlations, abs=0.025)
    assert np.all(found.direction[:, 0] == table.argmax(axis=1))
    nothing = search.best(np.zeros((1, BOX, BOX), np.float32))
    assert nothing.correlations[0, 0] == 0
    # The wrong sign of the shifts loses most of it.
    assert search.best(images, contrast, -shifts).correlations.mean() < 0.7


def test_an_asymmetric_unit_is_enough_for_a_symmetrical_map():
    projector = Projector(protein(4, D2, atoms=60), SAMPLING, BOX)
    directions = asymmetric_unit(D2, 7.5, mirror=True)
    gallery = gallery_of_map(projector, Rings(BOX, 2, 14), directions)
    assert len(directions) < 120  # of 389
    rotations, shifts, contrast, _ = particles(30, 5)
    images = projector.images(rotations, shifts, contrast)
    found = Search(gallery, DIAMETER, SAMPLING, shift_grid(3, 1)).best(images, contrast)
    matrices = gallery.rotations(found.direction, found.psi)[:, 0]
    _, view = angles_between(matrices, rotations, D2)
    assert np.median(view) < 7.5 / 2 and view.max() < 7.5
    assert np.median(angles_between(matrices, rotations)[1]) > 20


def test_results_do_not_depend_on_threads_or_batches(projector, gallery):
    rotations, shifts, contrast, _ = particles(9, 6)
    images = projector.images(rotations, shifts, contrast)
    one, two = (Search(gallery, DIAMETER, SAMPLING, shift_grid(2, 2), workers).best(
        images, contrast, count=2) for workers in (1, 2))
    assert np.array_equal(one.direction, two.direction)
    assert np.array_equal(one.correlations, two.correlations)
    alone = Search(gallery, DIAMETER, SAMPLING, shift_grid(2, 2)).best(
        images[4:5], contrast.take(slice(4, 5)), count=2)
    assert np.array_equal(alone.direction[0], one.direction[4])


def test_shifts_are_on_a_square_grid():
    assert len(shift_grid(4, 2)) == 25 and len(shift_grid(6, 2)) == 49
    assert [0, 0] in shift_grid(4, 2).tolist() and np.abs(shift_grid(5, 2)).max() == 4
