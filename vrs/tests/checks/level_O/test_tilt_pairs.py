import pickle

import numpy as np
import pytest

from vrs.checks import get_check, run_check
from vrs.images import tilt_pairs
from vrs.images.gallery import Rings, gallery_of_map
from vrs.images.projector import Projector
from vrs.images.reconstruction import ParticleReconstruction
from vrs.images.search import Search
from vrs.images.symmetry import asymmetric_unit, point_group
from vrs.inputs import compose
from vrs.inputs.tilt_pairs import TiltPairEvidence
from vrs.io.stacks import read_stack
from vrs.results import Paragraph, PolarPlots, Status
from vrs.tests.checks.level_4.orientations import table_of
from vrs.tests.images.test_tilt_pairs import about, mirrored, pairs

CHECK = get_check("O.c")


def run(untilted, tilted, angle=45.0, axis=70.0, symmetry="C1"):
    result, _ = run_check(CHECK, compose(tilt_pairs=TiltPairEvidence(
        table_of(untilted), table_of(tilted), angle, axis, symmetry)))
    return result, {name: metric.value for name, metric in result.metrics.items()}


def texts(result):
    return " ".join(block.text for block in result.content if isinstance(block, Paragraph))


def sample(seed=0, count=100, **options):
    return pairs(count, np.random.default_rng(seed), 70, 45, **dict(dict(errors=7), **options))


@pytest.mark.parametrize("symmetry", ["C1", "D2"])
def test_pairs_of_the_right_hand_pass(symmetry):
    result, found = run(*sample(group=point_group(symmetry)), symmetry=symmetry)
    assert result.status is Status.OK and found["hand"] == "right"
    # Errors of both orientations, 5.7° about each axis: P(χ² of three < (15/5.7)²).
    assert found["clustered_percentage"] == pytest.approx(92.5, abs=6)
    interval = found["clustered_interval"]
    assert interval["lower"] < found["clustered_percentage"] < interval["upper"]
    assert found["mirrored_clustered_percentage"] == 0
    assert found["hand_p_value"] < 1e-10 and found["mirrored_hand_p_value"] == 1
    assert found["chance_percentage"] == pytest.approx(
        200 * tilt_pairs.chance_near(45, len(point_group(symmetry))))
    assert found["mean_tilt"] == pytest.approx(45, abs=2) and found["axis"] == 70
    assert "the hand of the map is right" in texts(result)


def test_pairs_of_the_mirror_image_warn():
    result, found = run(*map(mirrored, sample()))
    assert result.status is Status.WARNINGS and found["hand"] == "mirrored"
    assert found["clustered_percentage"] == 0 and found["mirrored_clustered_percentage"] > 80
    assert found["cluster_p_value"] < 1e-10 and found["mirrored_hand_p_value"] < 1e-10
    assert [name in warning for name, warning in zip(
        ("do not confirm the hand", "mirror image"), result.warnings)] == [True, True]
    assert "the hand of the map is wrong" in texts(result)


def test_the_wrong_sign_looks_like_the_wrong_hand():
    assert run(*sample(), angle=-45.0)[1]["hand"] == "mirrored"
    assert run(*sample(), axis=250.0)[1]["hand"] == "mirrored"
    # Both together are the same tilt.
    result, found = run(*sample(), angle=-45.0, axis=250.0)
    assert result.status is Status.OK and found["hand"] == "right" and found["axis"] == 250


def test_without_an_axis_the_hand_is_not_decided():
    for untilted, tilted in (sample(), map(mirrored, sample())):
        result, found = run(untilted, tilted, axis=None)
        assert result.status is Status.OK and found["hand"] == "not decided"
        assert found["hand_p_value"] is None and found["mirrored_hand_p_value"] is None
        assert found["mirrored_clustered_percentage"] is None
        assert found["clustered_percentage"] > 75 and abs(found["axis"] - 70) <= 10
        assert "give the axis" in texts(result)


@pytest.mark.parametrize("axis", [70.0, None])
def test_random_pairs_warn_of_the_angles_alone(axis):
    result, found = run(*sample(wrong=100), axis=axis)
    assert result.status is Status.WARNINGS and found["hand"] == "not decided"
    (warning,) = result.warnings
    assert "hardly more often than random ones" in warning
    assert found["hand_p_value"] is None
    assert axis is None or "hardly more than by chance" in texts(result)


def test_rows_that_do_not_match_warn():
    untilted, tilted = sample(errors=2)
    result, _ = run(untilted, np.roll(tilted, 1, axis=0))
    assert result.status is Status.WARNINGS and "order of the tables" in result.warnings[0]


def test_pairs_of_which_few_are_right():
    result, found = run(*sample(seed=1, wrong=82))
    assert result.status is Status.OK and found["hand"] == "right"
    assert found["clustered_percentage"] == pytest.approx(17, abs=4)


def test_both_hands_alike_are_no_confirmation():
    one, other = sample(count=40), [part for part in map(mirrored, sample(seed=2, count=40))]
    result, found = run(*(np.concatenate(parts) for parts in zip(one, other)))
    assert found["cluster_p_value"] < 1e-10 and found["hand"] == "not decided"
    (warning,) = result.warnings
    assert "do not confirm the hand" in warning


def test_six_pairs_cannot_tell_the_hand_and_seven_can():
    # 2⁻⁶ and 2⁻⁷.
    result, found = run(*sample(count=9, wrong=3, errors=0))
    assert result.status is Status.OK and found["hand_p_value"] is None
    assert "too few for the hand" in texts(result)
    found = run(*sample(count=9, wrong=2, errors=0))[1]
    assert found["hand"] == "right" and found["hand_p_value"] == pytest.approx(2.0 ** -7)


def test_pairs_too_few_are_not_measured():
    # One of two near is beyond chance, and there is one with a probability of 3/4.
    result = run(*sample(count=2, errors=0))[0]
    assert result.status is Status.NOT_MEASURED
    assert "2 pairs, which is too few" in result.reason and "probability of 75 %" in result.reason
    # Two of seven are needed: 1 - 8/2⁷. Of eight: 1 - 9/2⁸.
    assert "probability of 94 %" in run(*sample(count=7, errors=0))[0].reason
    assert run(*sample(count=8, errors=0))[0].status is Status.OK


def test_in_an_icosahedron_more_pairs_are_needed():
    """A random pair is near the axis that fits best more often than not."""
    group = point_group("I")
    found = {count: run(*sample(count=count, errors=0, group=group), axis=None, symmetry="I")[0]
             for count in (12, 30)}
    # 18 axes, and a chance of 2 · 60 · 9.0e-4 at each.
    assert found[12].status is Status.NOT_MEASURED and found[30].status is Status.OK


def test_the_figure_shows_the_map_and_its_mirror_image():
    untilted, tilted = sample(wrong=10)
    for poses, near in ((untilted, tilted), (0, 1)), ((mirrored(untilted), mirrored(tilted)),
                                                      (1, 0)):
        result, found = run(*poses)
        (figure,) = [block for block in result.content if isinstance(block, PolarPlots)]
        counts = []
        for panel in figure.panels:
            assert panel.centre == [pytest.approx(70), pytest.approx(45)]
            x, y = (panel.radii * turned(np.radians(panel.azimuths))
                    for turned in (np.cos, np.sin))
            middle = 45 * np.cos(np.radians(70)), 45 * np.sin(np.radians(70))
            inside = np.hypot(x - middle[0], y - middle[1]) <= 15
            assert not (panel.marked & ~inside).any()
            counts.append(panel.marked.sum())
        assert counts == [found["clustered_percentage"], found["mirrored_clustered_percentage"]]
        assert counts[near[0]] > 80 and counts[near[1]] == 0


def test_without_pairs_it_is_not_run():
    result, _ = run_check(CHECK, compose())
    assert result.status is Status.NOT_RUN
    assert result.reason == "It needs two tables of tilt pairs, which were not given."


@pytest.fixture(scope="module")
def public_images(test_data):
    """Untilted and tilted images, 100 each, and a map from them by their known orientations."""
    folder = ("particles", "hand_tilt_sim")
    with open(test_data(*folder, "hand_rot.pkl"), "rb") as file:
        untilted = pickle.load(file)
    images = [np.array(read_stack(test_data(*folder, name)).open(), np.float32)
              for name in ("hand.mrcs", "hand_tilt.mrcs")]
    made = ParticleReconstruction(64, 1.0)
    for part, rotations in zip(images, (untilted, about(0, 45) @ untilted)):
        made.add(part, rotations, np.zeros((100, 2)))
    return images, made.volume()


@pytest.mark.parametrize("count, noise, least", [(20, 0.0, 95), (100, 20.0, 40)])
@pytest.mark.parametrize("is_mirrored", [False, True])
def test_public_images_tell_the_hand_of_a_map(public_images, is_mirrored, count, noise, least):
    """20 noise-free pairs, and 100 with a signal-to-noise ratio of 0.05, aligned to a map."""
    images, volume = public_images
    if is_mirrored:
        volume = np.roll(volume[::-1], 1, axis=0)
    gallery = gallery_of_map(Projector(np.ascontiguousarray(volume), 1.0, 64), Rings(64, 2, 14),
                             asymmetric_unit(point_group("C1"), 7.5, mirror=True))
    rng, poses = np.random.default_rng(0), []
    for part in images:
        noisy = part[:count] + np.sqrt(noise) * part.std() * rng.normal(
            size=part[:count].shape).astype(np.float32)
        best = Search(gallery, 44.0, 1.0).best(noisy)
        poses.append(gallery.rotations(best.direction, best.psi)[:, 0])
    result, found = run(*poses, axis=0.0)
    names = ["clustered_percentage", "mirrored_clustered_percentage"]
    right, wrong = (found[name] for name in (names[::-1] if is_mirrored else names))
    assert right > least and wrong == 0
    assert found["hand"] == ("mirrored" if is_mirrored else "right")
    assert result.status is (Status.WARNINGS if is_mirrored else Status.OK)
