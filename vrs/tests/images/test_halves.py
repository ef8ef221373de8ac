import numpy as np
import pytest

from vrs.images.halves import (REPEATS, SIZES, HalfComparison, divided, half_curves,
                               standard_errors)
from vrs.images.projector import Projector
from vrs.images.reconstruction import ParticleReconstruction
from vrs.tests.images.test_projector import CENTRES, gaussians
from vrs.tests.images.test_reconstruction import random_particles


class Rows:
    """Stands for a reconstruction: which rows were added, and how often."""

    def __init__(self, counts):
        self.counts = counts

    def combined(self, other, sign=1):
        return Rows(self.counts + sign * other.counts)


def test_halves_have_the_sizes_that_they_should():
    blocks = divided([np.arange(200), np.arange(200, 400)], np.random.default_rng(0))
    pairs = []

    def add(made, rows):
        np.add.at(made.counts, rows, 1)

    def compare(one, other):
        assert not one.counts[200:].any() and not other.counts[:200].any()
        # No particle counts twice.
        assert set(np.unique(one.counts + other.counts)) <= {0, 1}
        pairs.append(one.counts + other.counts)
        return [one.counts.sum(), other.counts.sum(), len(pairs) - 1]

    found = half_curves(blocks, lambda: Rows(np.zeros(400, int)), add, compare)
    for size in SIZES:
        assert len(found[size]) == (1 if size == 100 else REPEATS)
        assert (found[size][:, :2] == 2 * size).all()
    for size in (3, 10):
        repeats = [pairs[place] for place in found[size][:, 2]]
        assert np.max(np.sum(repeats, axis=0)) == 1


def test_sums_of_reconstructions_are_those_of_their_images():
    box, sampling = 24, 3.0
    rotations, shifts, contrast, rng = random_particles(6, 2)
    images = rng.standard_normal((6, box, box)).astype(np.float32)

    def made(rows):
        found = ParticleReconstruction(box, sampling)
        found.add(images[rows], rotations[rows], shifts[rows], contrast.take(rows))
        return found

    first, second = made(slice(0, 3)), made(slice(3, 6))
    whole = made(slice(0, 6)).volume()
    np.testing.assert_allclose(first.combined(second).volume(), whole, atol=1e-5 * whole.max())
    np.testing.assert_allclose(made(slice(0, 6)).combined(second, -1).volume(), first.volume(),
                               atol=1e-3 * whole.max())


def test_where_the_curves_fall():
    compared = HalfComparison(32, 4.0, 20.0)
    count = len(compared.frequencies)
    falling = np.where(np.arange(count) < 9, 1.0, 0.0)
    later = np.where(np.arange(count) < 11, 1.0, 0.0)
    curves = {size: np.array(REPEATS * [falling]) for size in SIZES}
    curves[10] = np.array([falling, later, falling, later, falling])
    curves[75] = np.array([falling, later, falling, later, falling])
    curves[100] = np.ones((1, count))
    found = compared.growth(curves)
    shell = compared.frequencies[1]
    # Linear between 1 in shell 8 and 0 in shell 9.
    np.testing.assert_allclose(found.frequencies[0] / shell, 8 + 0.857)
    np.testing.assert_allclose(found.frequencies[1] / shell, 8 + 0.857 + 0.8)
    np.testing.assert_allclose(found.errors[0] / shell, 0.25)
    np.testing.assert_allclose(found.errors[1] / shell, np.sqrt(1.2 / 5))
    # Leaving out a quarter: (n - d)/d = 3 times the mean square.
    np.testing.assert_allclose(found.errors[3:] / shell, np.sqrt(3 * 0.96))
    assert found.falls.tolist() == [True, True, True, True, False]


def test_standard_errors_are_those_of_repeated_experiments():
    rng = np.random.default_rng(4)
    blocks = divided([np.arange(200), np.arange(200, 400)], rng)

    def add(made, rows):
        np.add.at(made.counts, rows, 1)

    weights = half_curves(blocks, lambda: Rows(np.zeros(400)), add, lambda one, other: (
        one.counts + other.counts) / (one.counts + other.counts).sum())
    means, errors = [], []
    for values in rng.standard_normal((1500, 400)):
        repeats = {size: weights[size] @ values for size in SIZES}
        means.append([repeats[size].mean() for size in SIZES])
        errors.append(standard_errors(repeats))
    # 1500 experiments: 1.8 %. The jackknife's groups overlap a little: 2 to 3 %.
    np.testing.assert_allclose(np.sqrt(np.mean(np.square(errors), axis=0)),
                               np.std(means, axis=0), rtol=0.08)


def curves_of(mean, rng):
    """Curves with the noise of independent particles about a mean."""
    blocks = rng.normal(0, 0.04, (20, len(mean)))

    def around(places):
        return np.clip(mean + blocks[places].mean(axis=0), -1, 1)

    return {3: np.array([around([4 * place]) for place in range(REPEATS)]),
            10: np.array([around([4 * place, 4 * place + 1]) for place in range(REPEATS)]),
            30: np.array([around(np.arange(4 * place, 4 * place + 6) % 20)
                          for place in range(REPEATS)]),
            75: np.array([around(np.arange(4 * place + 5, 4 * place + 20) % 20)
                          for place in range(REPEATS)]),
            100: np.array([around(np.arange(20))])}


def test_curves_along_the_threshold_are_told_from_better_ones():
    compared, rng = HalfComparison(48, 4.0, 30.0), np.random.default_rng(5)
    shells = np.arange(len(compared.frequencies))
    better = np.where(shells < 18, 0.9, 0.0)
    along = np.where(shells < 6, 0.9, np.where(shells < 18, 0.143, 0.0))
    by_place, by_curve = [], []
    for _ in range(40):
        one, other = (compared.growth(curves_of(mean, rng)) for mean in (better, along))
        by_place.append((one.frequencies - other.frequencies)
                        / np.hypot(one.errors, other.errors))
        by_curve.append(compared.excess(one, other))
    # The second curve crosses the threshold anywhere.
    assert (np.array(by_place)[:, 3:] < 2).any()
    assert np.min(by_curve) > 10


def test_curves_of_one_kind_do_not_differ():
    compared, rng = HalfComparison(48, 4.0, 30.0), np.random.default_rng(6)
    shells = np.arange(len(compared.frequencies))
    along = np.where(shells < 6, 0.9, np.where(shells < 18, 0.143, 0.0))
    found = np.array([compared.excess(*(compared.growth(curves_of(along, rng))
                                        for _ in range(2))) for _ in range(120)])
    assert np.abs(np.median(found, axis=0)).max() < 0.3
    # Student's t with four degrees of freedom exceeds 2 in 5.8 % of all cases.
    assert (found > 2).mean(axis=0).max() < 0.12
    assert (found > 2).all(axis=1).mean() < 0.02


def test_noise_has_nothing_in_common_and_projections_have():
    box, sampling = 32, 4.0
    rotations, shifts, contrast, rng = random_particles(120, 3)
    compared = HalfComparison(box, sampling, 20.0)
    projector = Projector(gaussians(CENTRES, box, sampling), sampling, box)
    clean = projector.images(rotations, shifts, contrast)
    for images, expected in ((clean, 1), (rng.standard_normal(clean.shape), 0)):
        halves = [compared.empty(), compared.empty()]
        for start, half in enumerate(halves):
            some = np.arange(start, 120, 2)
            half.add(images[some].astype(np.float32), rotations[some], shifts[some],
                     contrast.take(some))
        curve = compared.curve(*halves)
        assert curve[4:9].mean() == pytest.approx(expected, abs=0.1)
