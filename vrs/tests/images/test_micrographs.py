import numpy as np
import pytest
from scipy import ndimage

from vrs.errors import NotMeasured
from vrs.images import micrographs
from vrs.images.micrographs import IceScores, ice_spots, score_ice
from vrs.io.coordinates import read_coordinates
from vrs.io.micrographs import read_micrograph
from vrs.simulation.micrographs import FAULTS, simulate_micrograph

SHAPE, SAMPLING, DIAMETER = (440, 480), 6.0, 180.0
PIXELS = DIAMETER / SAMPLING


def simulate(seed, *faults, **options):
    return simulate_micrograph(seed, SHAPE, SAMPLING, faults, DIAMETER, **options)


def with_false_picks(made, count=20):
    rng = np.random.default_rng(count)
    return np.vstack([made.particles, rng.uniform(0, np.array(SHAPE[::-1]) - 1, (count, 2))])


def area_under_curve(scores, good):
    """Probability that a good pixel has a higher score than a bad one, half for equal ones."""
    values, places = np.unique(scores, return_inverse=True)
    good, bad = (np.bincount(places, kind, len(values)) for kind in (good, ~good))
    below = np.cumsum(bad) - bad
    return np.sum(good * (below + bad / 2)) / (good.sum() * bad.sum())


def pixel_scores(found):
    rows, columns = (np.minimum(np.arange(size) // found.step, blocks - 1)
                     for size, blocks in zip(found.shape, found.values.shape))
    return found.values[np.ix_(rows, columns)]


def test_a_score_is_the_part_of_the_disc_on_good_ice():
    values = np.ones((40, 60), np.float32)
    values[:, 30:] = 0
    found = IceScores(values, 3, (120, 180), None)
    depths = np.array([-3, -2, -1, 0, 1, 2, 3]) / 10  # of the centre beyond the border, diameters
    points = np.column_stack([90 - 0.5 + 30 * depths, np.full(7, 60.0)])
    segment = 0.5 - (np.arcsin(2 * depths) + 2 * depths * np.sqrt(1 - 4 * depths ** 2)) / np.pi
    # The disc is made of blocks, of a tenth of its diameter.
    np.testing.assert_allclose(found.at(points), segment, atol=0.04)
    np.testing.assert_allclose(found.at([[20, 60], [160, 60]]), [1, 0])


def test_coordinates_at_the_border_or_beyond_have_no_score():
    found = IceScores(np.ones((40, 60), np.float32), 3, (120, 180), None)
    points = [[6, 60], [8, 60], [60, 113], [-40, 60], [400, 60], [90, 60]]
    np.testing.assert_allclose(found.at(points), [0, 1, 0, 0, 0, 1])
    assert found.at([]).shape == (0,)


def test_the_surface_through_good_blocks_is_exact_for_slopes():
    image = np.random.default_rng(0).normal(size=(300, 300)).astype(np.float32)
    blocks = micrographs._Blocks(image, 3)
    plane = 3 + 2 * blocks.x[None] - blocks.y[:, None]
    good = plane < 3.5
    spoilt = np.where(good, plane, 100)
    np.testing.assert_allclose(blocks.surface(spoilt, good), plane, atol=0.01)


def test_the_threshold_lies_between_two_populations():
    rng = np.random.default_rng(0)
    assert 3 < micrographs._otsu(np.append(rng.normal(0, 1, 500), rng.normal(8, 1, 300))) < 5


@pytest.mark.parametrize("crowding", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("gradient", [0.02, 0.4])
def test_particles_on_clean_ice_are_hardly_ever_suspicious(crowding, gradient):
    scores = []
    for seed in range(3):
        made = simulate(seed, crowding=crowding, gradient=gradient)
        found = score_ice(made.image, PIXELS, made.particles, SAMPLING)
        inside = ((made.particles > PIXELS / 2)
                  & (made.particles < np.array(SHAPE[::-1]) - PIXELS / 2)).all(axis=1)
        scores.append(found.at(made.particles[inside]))
        assert found.diffracting is None
    assert np.mean(np.concatenate(scores) < 0.9) <= 0.02


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_each_planted_fault_is_found(name):
    for seed in range(3):
        made = simulate(seed, name)
        found = score_ice(made.image, PIXELS, with_false_picks(made), SAMPLING)
        scores = pixel_scores(found)
        assert area_under_curve(scores[::4, ::4].ravel(), ~made.bad[::4, ::4].ravel()) > 0.93
        y, x = np.nonzero(made.bad)
        assert np.mean(found.at(np.column_stack([x, y])[::97]) < 0.9) > 0.8
        assert np.mean(found.at(made.particles) < 0.9) < 0.25  # those beside the fault


def test_a_slope_hides_film_from_a_grey_threshold_but_not_from_the_scores():
    made = simulate(34, "carbon", gradient=0.25)
    found = score_ice(made.image, PIXELS, with_false_picks(made))
    good = ~made.bad[::4, ::4].ravel()
    smooth = ndimage.gaussian_filter(made.image, PIXELS / 5)
    assert area_under_curve(pixel_scores(found)[::4, ::4].ravel(), good) > 0.95
    assert area_under_curve(-np.abs(smooth - np.median(smooth))[::4, ::4].ravel(), good) < 0.9


def test_picks_tell_a_hole_from_ice_and_ice_from_film():
    for name in ("hole", "carbon"):
        made = simulate(3, name)
        found = score_ice(made.image, PIXELS, with_false_picks(made))
        assert pixel_scores(found)[made.bad].mean() < 0.2 < 0.8 < pixel_scores(found)[
            ~made.bad].mean()


def test_offset_and_scale_of_the_grey_values_do_not_matter():
    made = simulate(1, "contamination")
    one = score_ice(made.image, PIXELS, made.particles)
    two = score_ice(made.image * 0.01 - 7, PIXELS, made.particles)
    np.testing.assert_allclose(one.values, two.values, atol=0.02)


def test_spots_of_ice_are_seen_where_they_are_and_not_in_noise():
    rng = np.random.default_rng(0)
    image = rng.normal(size=(1200, 1200)).astype(np.float32)
    assert not ice_spots(image, 1.0).any()
    y, x = np.mgrid[:300, :300]
    # The coefficient has the power (300² · 0.05 / 2)², 56 times the mean of 300² of the noise.
    image[600:900, 300:600] += 0.05 * np.cos(2 * np.pi * (0.6 * x + 0.8 * y) / 3.67)
    spots = ice_spots(image, 1.0)
    assert spots.shape == (4, 4) and spots[2, 1] and spots.sum() == 1


def test_diffraction_makes_coordinates_suspicious():
    made = simulate_micrograph(5, (1100, 1200), 1.5, ("crystalline",), 120.0)
    y, x = np.nonzero(made.bad)
    found = score_ice(made.image, 80.0, made.particles, 1.5)
    assert found.diffracting > 0.5 * made.bad.mean()
    assert np.mean(found.at(np.column_stack([x, y])[::997]) < 0.9) > 0.8


def test_a_micrograph_that_is_uneven_everywhere_cannot_be_judged():
    image = np.zeros((400, 400), np.float32)
    image[200:215, 200:215] = np.random.default_rng(0).normal(size=(15, 15))
    with pytest.raises(NotMeasured, match="No part of the micrograph"):
        score_ice(image, 30)


@pytest.mark.parametrize("shape, diameter, words", [
    ((400, 400), 19, "too coarse"), ((400, 90), 40, "too small")])
def test_what_cannot_be_judged_is_told(shape, diameter, words):
    image = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    with pytest.raises(NotMeasured, match=words):
        score_ice(image, diameter)


def test_the_labelled_micrograph(test_data):
    image, mask = (read_micrograph(test_data("micrograph", "Ucsf_stack_1142_DW%s.mrc" % what)).image
                   for what in ("", "_mask"))
    picks = test_data("micrograph", "Ucsf_stack_1142_DW_autopick.star")
    points = read_coordinates(picks)[0].points
    found = score_ice(image, 40.0, points)
    scores = pixel_scores(found)
    assert area_under_curve(scores[::3, ::3].ravel(), mask[::3, ::3].ravel() < 0.5) > 0.97
    assert (scores[mask < 0.2] < 0.5).mean() < 0.03
    x, y = np.rint(points).astype(int).T
    around = ndimage.uniform_filter(mask, 35)[y, x]
    assert np.mean((found.at(points) < 0.9) == (around > 0.5)) > 0.85


@pytest.fixture(scope="module")
def good():
    """Measures and particles of good micrographs, two of them with faults in places."""
    rng, found = np.random.default_rng(3), []
    for seed in range(12):
        found.append(measured(simulate(
            100 + seed, *((), ("carbon",), ("contamination",))[max(seed - 9, 0)],
            defocus=rng.uniform(8000, 22000), crowding=rng.uniform(0.08, 0.2))))
    return found


def measured(made):
    found = score_ice(made.image, PIXELS, made.particles)
    return micrographs.ice_measures(made.image, PIXELS, found), len(made.particles)


def unlike(found):
    return micrographs.unlike_others(*zip(*found)).tolist()


def test_micrographs_with_good_ice_are_like_each_other(good):
    assert not any(unlike(good))


def test_a_micrograph_of_thick_ice_is_unlike_the_others(good):
    made = [measured(simulate(seed, "thick")) for seed in (1, 2)]
    assert unlike(good + made) == [False] * len(good) + [True] * 2
    # Too few tell nothing.
    assert not any(unlike(good[:5] + made))


def test_a_micrograph_of_crystalline_ice_is_unlike_others_that_are_alike():
    """With the same crowding and defocus in all; where both differ, few are found."""
    found = [measured(simulate(seed)) for seed in range(12)]
    found += [measured(simulate(seed, "blotches")) for seed in (1, 2)]
    assert unlike(found) == [False] * 12 + [True] * 2


def test_what_follows_from_the_number_of_particles_is_not_unlike():
    rng = np.random.default_rng(0)
    particles = rng.integers(20, 200, 16)
    measures = rng.normal(0, 0.02, (16, 6)) + np.log(particles)[:, None]
    measures[3] += 1
    np.testing.assert_array_equal(micrographs.unlike_others(measures, particles),
                                  np.arange(16) == 3)
    # With the same number everywhere there is nothing to take off.
    assert not micrographs.unlike_others(measures, np.full(16, 50)).any()


@pytest.mark.parametrize("spread", [0.01, 0.3])
def test_few_particles_alone_do_not_make_a_micrograph_unlike(spread):
    """The line through numbers that are about the same says little far from them."""
    found = []
    for seed in range(50):
        rng = np.random.default_rng(seed)
        particles = np.rint(200 * np.exp(rng.normal(0, spread, 16))).astype(int)
        particles[0] = 20
        found.append(micrographs.unlike_others(rng.normal(0, 0.3, (16, 6)), particles)[0])
    # Extrapolated without regard to its error it would be so for 100 and 20 %.
    assert np.mean(found) <= 0.06


def test_measures_of_the_ice_do_not_depend_on_the_scale_of_the_grey():
    made = simulate(4)
    ice = score_ice(made.image, PIXELS, made.particles)
    first = micrographs.ice_measures(made.image, PIXELS, ice)
    normalised = (made.image - made.image.mean()) / made.image.std()
    second = micrographs.ice_measures(normalised, PIXELS, ice)
    np.testing.assert_allclose(second[:-1], first[:-1], atol=1e-3)
    assert np.isnan(second[-1]) and first[-1] == pytest.approx(
        np.log(np.median(made.image)), abs=0.05)


def test_measures_of_white_noise_are_flat():
    image = 100 + np.random.default_rng(0).standard_normal((600, 600)).astype(np.float32)
    found = micrographs.ice_measures(image, 30.0, IceScores(np.ones((200, 200)), 3, (600, 600),
                                                            None))
    # Of the 600/96 squared tiles the median of a mean over coefficients, few in the first band.
    np.testing.assert_allclose(found[:-1], 0, atol=0.15)
    assert found[-1] == pytest.approx(np.log(100), abs=1e-4)
