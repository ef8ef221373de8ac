import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vrs.images.projector import Projector
from vrs.images.states import Variability, correlation, products, white_images
from vrs.images.symmetry import point_group
from vrs.numerics.projection import CentralSections

BOX, SAMPLING, COUNT, NOISE = 16, 8.0, 400, 4.0
NONE = np.eye(3)[None]
AXIS = np.arange(BOX) - BOX // 2


def blob(x, y, z, width=8.0):
    axis = SAMPLING * (np.arange(BOX) - BOX // 2)
    parts = [np.exp(-(axis - centre) ** 2 / (2 * width ** 2)) for centre in (z, y, x)]
    return np.einsum("z,y,x->zyx", *parts).astype(np.float32)


MAP = blob(0, 0, 0, 14) + blob(20, 0, 10) + blob(-15, 20, 0) + blob(0, -22, -14)
PART = blob(24, 12, -8)
MASK = (np.hypot.outer(AXIS, np.hypot.outer(AXIS, AXIS)) < 6).astype(np.float32)


@pytest.fixture(scope="module")
def sections():
    return CentralSections(BOX, first=2, last=6)


def symmetric(volume):
    """The sum of a map and its copy by a half turn about z."""
    return volume + turned(volume)


def turned(volume):
    return np.roll(volume[:, ::-1, ::-1], (1, 1), axis=(1, 2))


def made(sections, noise, difference=None, seed=0, grey=0.0, volume=MAP):
    """Images of the map, half of them with a difference more; states and orientations."""
    rng = np.random.default_rng(seed)
    rotations = Rotation.random(COUNT, random_state=seed).as_matrix()
    values = Projector(volume, SAMPLING, BOX).slices(rotations, sections.wave_numbers)
    state = rng.choice([-0.5, 0.5], COUNT)
    if difference is not None:
        values += state[:, None] * Projector(difference, SAMPLING, BOX).slices(
            rotations, sections.wave_numbers)
    values *= 1 + grey * rng.standard_normal((COUNT, 1))
    shape = values.shape + (2,)
    values += noise * (rng.standard_normal(shape) @ [1, 1j])
    ctf = np.ones(values.shape, np.float32)
    return white_images(values.astype(np.complex64), ctf, rotations,
                        Projector(volume, SAMPLING, BOX), sections), state


def test_images_are_in_units_of_their_noise(sections):
    white, _ = made(sections, NOISE)
    # The map takes part of the noise away, one number in each shell.
    np.testing.assert_allclose(white.factors[2:], 1, atol=0.05)
    left = white.scaled(white.cleared(white.images))
    assert products(left, left) == pytest.approx(2 * left.shape[1] - 7, rel=1e-4)
    np.testing.assert_allclose(white.ctf, 1 / NOISE, rtol=0.02)


def test_what_single_particles_may_differ_in_is_cleared(sections):
    white, _ = made(sections, NOISE)
    rotations = white.rotations
    projector = Projector(MAP, SAMPLING, BOX)
    before = projector.slices(rotations, sections.wave_numbers)
    turned = Rotation.from_rotvec([0.01, -0.02, 0.015]).as_matrix() @ rotations
    after = 1.1 * projector.slices(turned, sections.wave_numbers) * sections.shifts(
        np.full((COUNT, 2), 0.05))
    change = ((after - before) * white.factors[sections.shells] * white.ctf).astype(np.complex64)
    left = white.cleared(change)
    # What is left is of the second order of small changes.
    assert products(left, left).sum() < 0.01 * products(change, change).sum()


def test_the_first_principal_volume_is_the_difference_of_two_states(sections):
    white, state = made(sections, NOISE, PART)
    found = Variability(white, NONE, MASK)
    volume = found.principal_volume(found.residuals, np.random.default_rng(1))
    # It has only the shells that are compared, and of the part what is not explained otherwise.
    assert abs(correlation(volume, PART)) > 0.7
    scores = found.scores(volume)
    agreement = np.mean((scores > 0) == (state > 0))
    assert max(agreement, 1 - agreement) > 0.9


@pytest.mark.parametrize("grey", [0.0, 0.3])
def test_one_state_gives_different_volumes_in_two_sets(sections, grey):
    volumes = []
    for seed in (0, 1):
        found = Variability(made(sections, NOISE, seed=seed, grey=grey)[0], NONE, MASK)
        volumes.append(found.principal_volume(found.residuals, np.random.default_rng(seed)))
    # There are about 500 numbers in either; 0.3 is more than six of their standard errors.
    assert abs(correlation(*volumes)) < 0.3


def test_permutation_takes_the_difference_away(sections):
    volumes = []
    for seed in (0, 1):
        found = Variability(made(sections, NOISE, PART, seed)[0], NONE, MASK)
        rng = np.random.default_rng(seed)
        volumes.append([found.principal_volume(residuals, rng) for residuals in (
            found.residuals, found.permuted(rng))])
    (one, by_chance), (other, other_by_chance) = volumes
    assert abs(correlation(one, other)) > 0.8
    assert abs(correlation(by_chance, other_by_chance)) < 0.3


def test_a_planted_difference_is_what_was_planted(sections):
    white, _ = made(sections, NOISE)
    found = Variability(white, NONE, MASK)
    residuals, ratio = found.planted(PART, np.random.default_rng(2))
    added = found.images(PART)
    assert ratio == pytest.approx(np.mean(products(added, added)) / 2)
    volume = found.principal_volume(residuals, np.random.default_rng(3))
    assert abs(correlation(volume, PART)) > 0.7


def test_scores_are_logarithms_of_likelihood_ratios(sections):
    white, state = made(sections, 2 * NOISE, PART)
    found = Variability(white, NONE, MASK)
    scores = found.scores(PART)
    # For noise of variance 1 the variance of a log likelihood ratio is twice its mean.
    of_state = scores * np.sign(state)
    assert np.var(of_state) == pytest.approx(2 * of_state.mean(), rel=0.35)
    assert found.scores(PART) == pytest.approx(found.scores(3 * PART), abs=1e-3)


def test_symmetry_counts_each_particle_with_its_copies(sections):
    part = symmetric(PART)
    found = {}
    for name in ("C1", "C2"):
        white, _ = made(sections, 3 * NOISE, volume=symmetric(MAP))
        half = Variability(white, point_group(name), MASK)
        residuals, _ = half.planted(part, np.random.default_rng(2))
        found[name] = half.principal_volume(residuals, np.random.default_rng(0))
    assert correlation(found["C2"], turned(found["C2"])) > 0.95
    assert abs(correlation(found["C2"], part)) > abs(correlation(found["C1"], part)) + 0.05
