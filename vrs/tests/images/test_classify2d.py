from dataclasses import replace

import numpy as np
import pytest

from vrs.images.agreement import correlations, soft_disc
from vrs.images.classify2d import (_Batch, _References, Classification, aligned_images,
                                   class_averages, classify)
from vrs.images.ctf import Contrast
from vrs.images.gallery import Rings
from vrs.images.projector import Projector
from vrs.numerics.ctf import Optics
from vrs.numerics.image_plane import ImagePlane
from vrs.numerics.projection import rotation_matrices
from vrs.tests.images import betagal
from vrs.tests.images.test_plane import blobs
from vrs.tests.images.test_search import BOX, DIAMETER, SAMPLING, protein

PLACES = np.array([(14.0, 3.5), (-17.0, 9.0), (4.0, -20.0)])
VIEWS = np.array([(0, 0), (40, 90), (100, 60), (200, 120), (310, 75)], float)


def turned_blobs(psi, shift):
    """The image that shows the blobs at x_image = R x_class - shift."""
    angle = np.radians(psi)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return blobs(np.mgrid[-32:32, -32:32], PLACES @ turn.T - shift, 2.0).astype(np.float32)


def simulated(count, snr, seed):
    """Views of a protein, turned in the plane, displaced, with CTF and noise."""
    rng = np.random.default_rng(seed)
    labels, psi = rng.integers(0, len(VIEWS), count), rng.uniform(0, 360, count)
    shifts = rng.uniform(-3, 3, (count, 2))
    defocus = rng.uniform(9000, 18000, count)
    contrast = Contrast((Optics(300.0, 2.7, 0.1),), np.zeros(count, int),
                        np.column_stack([defocus, 0.7 * defocus, rng.uniform(0, 180, count)]))
    projector = Projector(protein(), SAMPLING, BOX)
    images = projector.images(rotation_matrices(*VIEWS[labels].T, psi), shifts, contrast)
    if snr:
        images += images.std() / np.sqrt(snr) * rng.standard_normal(images.shape, np.float32)
    return images, labels, psi, shifts, contrast, projector


def test_images_are_brought_to_the_frame_of_their_class():
    psi, shifts = np.array([0.0, 50, 200, -75]), np.array([(3, -2), (0, 0), (1.5, 4), (-2, -3.25)])
    images = np.stack([turned_blobs(*pair) for pair in zip(psi, shifts)])
    plain = turned_blobs(0.0, (0, 0))
    found = aligned_images(images, psi, shifts)
    assert found.dtype == np.float32
    for image in found:
        assert np.corrcoef(image.ravel(), plain.ravel())[0, 1] > 0.998
    low = aligned_images(images, psi, shifts, last=5)
    plane = ImagePlane(64, last=5)
    assert low == pytest.approx(plane.images(plane.coefficients(found)), abs=1e-5)


def test_averages_are_means_of_aligned_members():
    psi, shifts = np.array([10.0, 50, 200, -75]), np.array([(3, -2), (0, 0), (1.5, 4), (-2, -3.0)])
    images = np.stack([turned_blobs(*pair) for pair in zip(psi, shifts)])
    labels = np.array([1, 1, 3, 1])
    found = class_averages(images, Classification(4, labels, psi, shifts, np.ones(4)))
    aligned = aligned_images(images, psi, shifts)
    assert found[1] == pytest.approx(aligned[labels == 1].mean(axis=0), abs=1e-4)
    assert np.all(found[[0, 2]] == 0)


def test_averages_divide_the_astigmatic_ctf_out():
    images, labels, psi, shifts, contrast, projector = simulated(300, 0, 1)
    known = Classification(len(VIEWS), labels, psi, shifts, np.ones(300))
    truth = projector.images(rotation_matrices(*VIEWS.T, np.zeros(len(VIEWS))))
    disc = soft_disc(BOX, DIAMETER)

    def agreement(contrast, first):
        found = class_averages(images, known, SAMPLING, contrast)
        band = ImagePlane(BOX, first, 18)
        return correlations(*(band.images(band.coefficients(stack)) for stack in (found, truth)),
                            disc)

    # 5 % of the mean Σ CTF² is added to it, which low frequencies feel.
    assert agreement(contrast, 2).min() > 0.975
    right = agreement(contrast, 10)
    assert right.min() > 0.999
    # The angle of the astigmatism turns with the image.
    wrong = replace(contrast, defocus=contrast.defocus - np.outer(2 * psi, [0, 0, 1]))
    assert agreement(wrong, 10).max() < 0.998


def test_classes_and_positions_are_found():
    images, labels, psi, shifts, contrast, projector = simulated(320, 0.3, 2)
    found = classify(images, SAMPLING, 8, DIAMETER, 2, 11, 4.0, contrast, rounds=10, seed=1,
                     workers=2)
    table = np.zeros((8, len(VIEWS)), int)
    np.add.at(table, (found.labels, labels), 1)
    assert table.max(axis=1).sum() > 0.95 * len(images)
    averages = class_averages(images, found, SAMPLING, contrast)
    assert averages.shape == (8, BOX, BOX)
    for number in np.flatnonzero(table.sum(axis=1) > 15):
        members = (found.labels == number) & (labels == table[number].argmax())
        turns = np.exp(1j * np.radians(found.psi - psi)[members])
        common = np.angle(turns.sum())
        spread = np.degrees(np.angle(turns * np.exp(-1j * common)))
        assert np.median(np.abs(spread)) < 4
        # In the frame of the class all are displaced by the same.
        angle = np.radians(psi[members])
        off = (found.shifts - shifts)[members]
        of_class = np.stack([np.cos(angle) * off[:, 0] - np.sin(angle) * off[:, 1],
                             np.sin(angle) * off[:, 0] + np.cos(angle) * off[:, 1]])
        assert np.median(np.abs(of_class - np.median(of_class, axis=1, keepdims=True))) < 0.8
    assert found.correlations.min() > 0


def test_the_seed_decides_and_threads_do_not():
    images, _, _, _, contrast, _ = simulated(150, 0.2, 3)
    arguments = (images, SAMPLING, 6, DIAMETER, 2, 9, 2.0, contrast, 3)
    first = classify(*arguments, seed=1)
    again = classify(*arguments, seed=1, workers=2)
    other = classify(*arguments, seed=2)
    assert np.array_equal(first.labels, again.labels)
    assert np.array_equal(first.correlations, again.correlations)
    assert not np.array_equal(first.labels, other.labels)
    assert sorted(np.unique(first.labels)) == list(range(6))


def test_an_image_is_compared_with_the_other_members_only():
    images, _, psi, shifts, contrast, _ = simulated(6, 0.2, 4)
    rings = Rings(BOX, 2, 9)
    batch = _Batch(rings, images, SAMPLING, DIAMETER, contrast)
    batch.labels[:], batch.psi, batch.shifts = [0, 0, 1, 0, 1, 2], psi, shifts
    batch.assigned[:] = [True, True, True, True, True, False]
    references = _References(rings, 3)
    batch.enter(references)
    assert references.counts.tolist() == [3, 2, 0]
    found, _ = batch._without_themselves(references)
    for left_out, others in ((0, [1, 3]), (1, [0, 3]), (2, [4])):
        alone = _References(rings, 1)
        alone.add([0] * len(others), *batch.contribution(others))
        expected = alone.divided(alone.sums, alone.weights)[0]
        assert found[left_out] == pytest.approx(expected, abs=1e-4 * np.abs(expected).max())
    # Who has no class yet is not taken away from any.
    assert np.all(found[5] == 0)


def test_averages_of_real_particles_are_those_of_another_program(test_data):
    particles = betagal.load_particles(test_data)
    averages = betagal.load_averages(test_data)
    band, disc = ImagePlane(64, 1, 12), soft_disc(64, 50.0)
    numbers = [26, 28, 50, 22, 20, 32, 38]
    found = class_averages(
        particles.images, Classification(51, particles.classes, particles.psi, particles.shifts,
                                         np.ones(len(particles.psi))), betagal.SAMPLING,
        particles.contrast)[numbers]
    pair = (band.images(band.coefficients(stack))
            for stack in (found, averages[np.array(numbers) - 1]))
    # Theirs have twice as many members.
    assert correlations(*pair, disc).min() > 0.92
