import pickle

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vrs.errors import InputError
from vrs.images import tilt_pairs
from vrs.images.symmetry import point_group

NONE = point_group("C1")
HALF_TURN = np.diag([-1.0, -1.0, 1.0])


def random_rotations(count, rng):
    return Rotation.random(count, random_state=int(rng.integers(1 << 31))).as_matrix()


def about(axis, degrees):
    """Rotation about an axis in the plane of the image, degrees from x towards y."""
    direction = [np.cos(np.radians(axis)), np.sin(np.radians(axis)), 0]
    return Rotation.from_rotvec(np.radians(degrees) * np.array(direction)).as_matrix()


def with_errors(rotations, degrees, rng):
    """Orientations with errors whose root mean square is given."""
    errors = np.radians(degrees) / np.sqrt(3) * rng.normal(size=(len(rotations), 3))
    return Rotation.from_rotvec(errors).as_matrix() @ rotations


def pairs(count, rng, axis=0.0, tilt=45.0, errors=0.0, wrong=0, group=NONE):
    """Orientations of pairs in the right map, some of them at random."""
    untilted = random_rotations(count, rng)
    tilted = about(axis, tilt) @ untilted @ group[rng.integers(len(group), size=count)]
    untilted, tilted = (with_errors(part, errors, rng) for part in (untilted, tilted))
    tilted[:wrong] = random_rotations(count, rng)[:wrong]
    return untilted, tilted


def mirrored(rotations):
    """Orientations in the mirrored map that give the same images."""
    return HALF_TURN @ rotations


def test_mirrored_map_turns_the_tilt_vector():
    rng = np.random.default_rng(0)
    atoms = rng.normal(size=(30, 3))
    untilted, tilted = random_rotations(50, rng), random_rotations(50, rng)
    vectors = []
    # The mirror image of the map as in a mirror on the table, not through its centre.
    for mirror in (np.eye(3), np.diag([1.0, 1, -1])):
        # Orientations of that map whose images of the atoms are those of the molecule.
        poses = [mirror @ part @ mirror for part in (untilted, tilted)]
        for part, pose in zip((untilted, tilted), poses):
            np.testing.assert_allclose(np.linalg.det(pose), 1)
            np.testing.assert_allclose((atoms @ mirror @ np.swapaxes(pose, 1, 2))[..., :2],
                                       (atoms @ np.swapaxes(part, 1, 2))[..., :2], atol=1e-12)
        vectors.append(tilt_pairs.judge_pairs(*poses, NONE, 45).vectors)
    np.testing.assert_allclose(vectors[1], vectors[0] * [-1, -1, 1], atol=1e-9)
    # The mirror through the centre does the same.
    through = tilt_pairs.judge_pairs(mirrored(untilted), mirrored(tilted), NONE, 45).vectors
    np.testing.assert_allclose(through, vectors[1], atol=1e-9)


@pytest.mark.parametrize("name", ["C1", "C4", "D2", "T"])
@pytest.mark.parametrize("axis, tilt", [(0, 45), (90, -45), (212, 30), (10, 60)])
def test_perfect_pairs_show_tilt_and_hand(name, axis, tilt):
    group = point_group(name)
    untilted, tilted = pairs(20, np.random.default_rng(1), axis, tilt, group=group)
    result = tilt_pairs.judge_pairs(untilted, tilted, group, tilt, axis)
    assert (result.hand, result.near, result.near_mirrored) == ("right", 20, 0)
    assert result.hand_p_value == pytest.approx(0.5 ** 20) and result.cluster_p_value < 1e-10
    np.testing.assert_allclose(result.vectors, np.tile(result.expected, (20, 1)), atol=1e-6)
    assert np.linalg.norm(result.expected) == pytest.approx(abs(tilt))
    other = tilt_pairs.judge_pairs(mirrored(untilted), mirrored(tilted), group, tilt, axis)
    assert (other.hand, other.near, other.near_mirrored) == ("mirrored", 0, 20)
    assert other.hand_p_value == 1 and other.cluster_p_value < 1e-10
    opposite = tilt_pairs.judge_pairs(untilted, tilted, group, -tilt, axis)
    assert opposite.hand == "mirrored"


@pytest.mark.parametrize("name", ["C1", "D2"])
def test_hand_of_twenty_pairs_with_errors_of_seven_degrees(name):
    group, rng = point_group(name), np.random.default_rng(2)
    found = []
    for _ in range(100):
        sample = pairs(20, rng, 70, 45, 7, group=group)
        found.append(tilt_pairs.judge_pairs(*sample, group, 45, 70))
        turned = tilt_pairs.judge_pairs(*map(mirrored, sample), group, 45, 70)
        assert (turned.hand, turned.near) == ("mirrored", found[-1].near_mirrored)
    assert all(result.hand == "right" for result in found)
    # Errors of both orientations, 5.7° about each axis: P(χ² of three < (15/5.7)²).
    assert np.mean([result.near / 20 for result in found]) == pytest.approx(0.925, abs=0.02)


def test_hand_of_a_hundred_pairs_of_which_few_are_right():
    rng = np.random.default_rng(3)
    found = [tilt_pairs.judge_pairs(*pairs(100, rng, 70, 45, 7, wrong=82), NONE, 45, 70)
             for _ in range(100)]
    assert np.mean([result.hand == "right" for result in found]) > 0.97
    assert np.median([result.hand_p_value for result in found]) < 1e-4
    assert not any(result.hand == "mirrored" for result in found)


@pytest.mark.parametrize("name", ["C1", "D2"])
@pytest.mark.parametrize("count", [20, 100])
def test_random_pairs_show_nothing(name, count):
    group, rng = point_group(name), np.random.default_rng(4)
    found = [tilt_pairs.judge_pairs(*pairs(count, rng, wrong=count), group, 45, 0)
             for _ in range(400)]
    assert all(result.hand == "not decided" for result in found)
    # One in a hundred at most is expected, with a deviation of half of that.
    assert np.mean([result.cluster_p_value < 0.01 for result in found]) < 0.025
    free = [tilt_pairs.judge_pairs(*pairs(count, rng, wrong=count), group, 45)
            for _ in range(200)]
    assert np.mean([result.cluster_p_value < 0.01 for result in free]) < 0.025


def test_mean_magnitude_of_random_pairs():
    untilted, tilted = pairs(20_000, np.random.default_rng(5), wrong=20_000)
    vectors = tilt_pairs.judge_pairs(untilted, tilted, NONE, 45, 0).vectors
    # 90° + 2 rad/π; the deviation is 0.25°.
    magnitudes = np.linalg.norm(vectors, axis=1)
    assert magnitudes.mean() == pytest.approx(126.5, abs=1)
    # So the magnitude alone tells nothing: what one keeps up to 60° is as the experiment.
    assert magnitudes[magnitudes <= 60].mean() == pytest.approx(44.7, abs=1)


@pytest.mark.parametrize("name, tilt", [("C1", 45), ("C1", 20), ("D2", 45), ("O", 60)])
def test_chance_is_that_of_random_pairs(name, tilt):
    group, count = point_group(name), 200_000 if name == "C1" else 50_000
    untilted, tilted = pairs(count, np.random.default_rng(6), wrong=count)
    result = tilt_pairs.judge_pairs(untilted, tilted, group, tilt, 30)
    assert result.chance == pytest.approx(2 * tilt_pairs.chance_near(tilt, len(group)))
    # Counts from 350 on; the density is not quite even over the ball.
    assert result.near / count == pytest.approx(result.chance / 2, rel=0.15)
    assert result.near_mirrored / count == pytest.approx(result.chance / 2, rel=0.15)


def test_chance_in_closed_form():
    assert tilt_pairs.chance_near(45, 1) == pytest.approx(9.0e-4, abs=1e-5)
    assert tilt_pairs.chance_near(45, 60) == pytest.approx(60 * tilt_pairs.chance_near(45, 1))


def test_hand_needs_the_sense_of_the_axis():
    untilted, tilted = pairs(50, np.random.default_rng(7), 120, 45, 3)
    unsigned = tilt_pairs.judge_pairs(untilted, tilted, NONE, 45, 120, signed=False)
    assert unsigned.hand == "not decided" and unsigned.hand_p_value is None
    assert unsigned.cluster_p_value < 1e-10
    # Without an axis it is found, and that it was sought counts.
    free = tilt_pairs.judge_pairs(untilted, tilted, NONE, 45)
    assert free.hand == "not decided" and free.cluster_p_value < 1e-10
    angle = np.degrees(np.arctan2(free.expected[1], free.expected[0]))
    assert abs(angle - 120) <= 10
    wrong = tilt_pairs.judge_pairs(untilted, tilted, NONE, 45, 30)
    assert wrong.cluster_p_value > 0.01 and wrong.hand == "not decided"


@pytest.mark.parametrize("tilt", [0, 10, -14, 170])
def test_tilts_whose_senses_are_one_are_refused(tilt):
    with pytest.raises(InputError, match="distinguished"):
        tilt_pairs.judge_pairs(*pairs(5, np.random.default_rng(8)), NONE, tilt, 0)


def test_public_pairs(test_data):
    # The tilted images are projections at T R with T = +45° about the x of the images.
    with open(test_data("particles", "hand_tilt_sim", "hand_rot.pkl"), "rb") as file:
        untilted = pickle.load(file)
    tilted = about(0, 45) @ untilted
    rng = np.random.default_rng(9)
    one, other = with_errors(untilted, 7, rng), with_errors(tilted, 7, rng)
    result = tilt_pairs.judge_pairs(one, other, NONE, 45, 0)
    assert result.hand == "right" and result.near > 85 and result.near_mirrored == 0
    turned = tilt_pairs.judge_pairs(mirrored(one), mirrored(other), NONE, 45, 0)
    assert turned.hand == "mirrored"
    # The images, flipped in y, would have been tilted by -45° about x.
    assert tilt_pairs.judge_pairs(one, other, NONE, -45, 0).hand == "mirrored"
