import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from scipy.special import eval_legendre

from vrs.images import poses, symmetry

HALF_TURN = np.diag([-1.0, -1.0, 1.0])


def random_rotations(count, rng):
    return Rotation.random(count, random_state=int(rng.integers(1 << 31))).as_matrix()


def turned(rotations, degrees, rng):
    """Orientations with normal errors, the deviation about each axis given."""
    errors = Rotation.from_rotvec(np.radians(degrees) * rng.normal(size=(len(rotations), 3)))
    return errors.as_matrix() @ rotations


def random_views(count, rng):
    vectors = rng.normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=1)[:, None]


def second_assignment(rotations, shifts, hand, common, moved, group, rng):
    """The assignment to a map that was turned, moved and perhaps mirrored.

    From the images of points: a point X of the first map is X' = Gᵀ(X + t), mirrored
    X' = -Gᵀ(X + t), of the second, and its place A X - s in the image stays.
    """
    copies = rotations @ group[rng.integers(len(group), size=len(rotations))]
    sign = 1 if hand == "same" else -1
    other = (np.eye(3) if hand == "same" else HALF_TURN) @ copies @ common
    point = rng.normal(size=3)
    there = sign * common.T @ (point + moved)
    places = (copies @ point)[:, :2] - shifts
    other_shifts = (other @ there)[:, :2] - places
    # The two images agree in all points, not just this one.
    point = rng.normal(size=3)
    there = sign * common.T @ (point + moved)
    np.testing.assert_allclose((other @ there)[:, :2] - other_shifts,
                               (copies @ point)[:, :2] - shifts, atol=1e-12)
    return other, other_shifts


@pytest.mark.parametrize("hand", ["same", "mirrored"])
@pytest.mark.parametrize("name", ["C1", "C4", "D2", "T", "O", "I"])
def test_planted_difference_is_found(name, hand):
    rng = np.random.default_rng(1)
    group = symmetry.point_group(name)
    rotations, shifts = random_rotations(300, rng), rng.normal(0, 5, (300, 2))
    common, moved = random_rotations(1, rng)[0], np.array([3.0, -2.0, 6.0])
    other = second_assignment(rotations, shifts, hand, common, moved, group, rng)
    result = poses.compare_assignments(rotations, shifts, *other, group)
    assert result.hand == hand
    assert result.angles.max() < 1e-4 and result.shifts.max() < 1e-6
    # G and t are those planted, or copies of them by symmetry.
    copies = group @ common
    nearest = np.linalg.norm(copies - result.rotation, axis=(1, 2)).argmin()
    np.testing.assert_allclose(copies[nearest], result.rotation, atol=1e-6)
    np.testing.assert_allclose(group[nearest] @ moved, result.translation, atol=1e-6)


@pytest.mark.parametrize("hand", ["same", "mirrored"])
@pytest.mark.parametrize("name", ["C1", "C4", "D2", "I"])
def test_difference_with_noise_and_wrong_particles(name, hand):
    rng = np.random.default_rng(2)
    group, count, wrong = symmetry.point_group(name), 2000, 400
    rotations, shifts = random_rotations(count, rng), rng.normal(0, 5, (count, 2))
    common, moved = random_rotations(1, rng)[0], np.array([3.0, -2.0, 6.0])
    other, other_shifts = second_assignment(rotations, shifts, hand, common, moved, group, rng)
    other, other_shifts = turned(other, 1.0, rng), other_shifts + rng.normal(0, 0.5, (count, 2))
    other[:wrong] = random_rotations(wrong, rng)
    other_shifts[:wrong] += rng.normal(0, 15, (wrong, 2))
    result = poses.compare_assignments(rotations, shifts, other, other_shifts, group)
    other_hand = {"same": "mirrored", "mirrored": "same"}[hand]
    assert result.hand == hand
    assert result.median_angles[hand] < 0.5 * result.median_angles[other_hand]
    # Errors of 1° and .5 Å average out over 1600 particles to .02° and .01 Å, of the rotation
    # as of the translation, which a hundredth of the wrong particles disturb.
    copies = group @ common
    nearest = np.linalg.norm(copies - result.rotation, axis=(1, 2)).argmin()
    left = Rotation.from_matrix(copies[nearest].T @ result.rotation).magnitude()
    assert np.degrees(left) < 0.12
    np.testing.assert_allclose(group[nearest] @ moved, result.translation, atol=0.1)
    # Medians of the lengths of normal errors in three and two dimensions.
    right = slice(wrong, None)
    assert np.median(result.angles[right]) == pytest.approx(1.538, abs=0.08)
    assert np.median(result.shifts[right]) == pytest.approx(0.5 * 1.177, abs=0.03)
    assert (result.angles[right] < 5).mean() > 0.999
    # By chance some of the wrong are near: within 5° of one of |G| orientations.
    by_chance = len(group) * (np.radians(5) - np.sin(np.radians(5))) / np.pi
    assert (result.angles[:wrong] < 5).mean() == pytest.approx(by_chance, abs=0.02)


def test_shifts_without_common_rotation_do_not_hide():
    rng = np.random.default_rng(3)
    group = symmetry.point_group("C1")
    rotations, shifts = random_rotations(500, rng), np.zeros((500, 2))
    wrong = np.zeros((500, 2))
    wrong[:50, 0] = 8.0
    result = poses.compare_assignments(rotations, shifts, rotations, wrong, group)
    assert (result.shifts > 5).mean() == 0.1 and np.abs(result.translation).max() < 1e-6


def test_unrelated_assignments_have_nothing_in_common():
    rng = np.random.default_rng(4)
    one, other = random_rotations(500, rng), random_rotations(500, rng)
    result = poses.compare_assignments(one, np.zeros((500, 2)), other, np.zeros((500, 2)),
                                       symmetry.point_group("C1"))
    # 126.5° is the mean of random rotations; the best of all is little better.
    assert result.median_angles["same"] > 90 and result.median_angles["mirrored"] > 90
    assert (result.angles > 5).mean() > 0.98


def test_harmonics_fulfil_the_addition_theorem():
    views = random_views(60, np.random.default_rng(5))
    for degree in (0, 1, 3, 14, 54):
        found = poses.spherical_harmonics(views, [degree])
        assert found.shape == (60, 2 * degree + 1)
        # Σ_m Y_lm(a) Y_lm(b) = (2l + 1)/4π P_l(a·b), which only orthonormal ones do.
        expected = (2 * degree + 1) / (4 * np.pi) * eval_legendre(degree, views @ views.T)
        np.testing.assert_allclose(found @ found.T, expected, atol=1e-10)
    x, y, z = views.T
    np.testing.assert_allclose(poses.spherical_harmonics(views, [1]),
                               np.sqrt(3 / (4 * np.pi)) * np.transpose([z, x, y]), atol=1e-12)
    assert poses.spherical_harmonics(views, range(15)).shape == (60, 225)
    assert np.isfinite(poses.spherical_harmonics([[0, 0, 1.0]], range(15))).all()


def test_smoothing_is_a_least_squares_fit_of_degree_14():
    rng = np.random.default_rng(6)
    group = symmetry.point_group("C1")
    views = symmetry.asymmetric_unit(group, 6)
    basis = poses.smoothing_basis(views, group, 14)
    values = rng.normal(size=len(views))
    functions = poses.spherical_harmonics(views, range(15))
    expected = functions @ np.linalg.lstsq(functions, values, rcond=None)[0]
    np.testing.assert_allclose(basis @ (basis.T @ values), expected, atol=1e-10)
    assert poses.smoothed_maxima(values[None], basis).tolist() == [expected.argmax()]


@pytest.mark.parametrize("name, mirror, functions", [
    # Invariants of degree 0 to 14: Molien's series.
    ("C1", False, 225), ("C1", True, 120), ("O", False, 10), ("I", False, 4)])
def test_smoothed_functions_have_the_symmetry(name, mirror, functions):
    group = symmetry.point_group(name)
    views = symmetry.asymmetric_unit(group, 6 if len(group) == 1 else 2, mirror)
    assert poses.smoothing_basis(views, group, 14, mirror).shape == (len(views), functions)


def test_too_few_directions_cannot_be_smoothed():
    group = symmetry.point_group("C1")
    with pytest.raises(ValueError, match="too few"):
        poses.smoothing_basis(symmetry.asymmetric_unit(group, 12), group, 14)


@pytest.mark.parametrize("name, mirror", [("C1", False), ("C1", True), ("D2", False), ("O", False)])
def test_maximum_is_found_in_noise(name, mirror):
    rng = np.random.default_rng(7)
    group = symmetry.point_group(name)
    limit = poses.alignment_limit(len(group), mirror)
    views = symmetry.asymmetric_unit(group, min(3, limit / 2), mirror)
    basis = poses.smoothing_basis(views, group, poses.smoothing_degree(len(group), mirror), mirror)
    given = random_views(200, rng)
    distances = symmetry.view_distance(given[:, None], views, group, mirror)
    peaks = np.exp(-(distances / (1.2 * limit)) ** 2 / 2)

    def beyond(correlations, degrees=None):
        fit = basis if degrees is None else poses.smoothing_basis(views, group, degrees, mirror)
        best = views[poses.smoothed_maxima(correlations, fit)]
        return np.mean(symmetry.view_distance(given, best, group, mirror) > limit)

    assert beyond(peaks) == 0
    noisy = peaks + rng.normal(0, 0.5, peaks.shape)
    raw = symmetry.view_distance(given, views[noisy.argmax(axis=1)], group, mirror)
    assert np.mean(raw > limit) > 0.3 and beyond(noisy) < 0.1
    # Noise alone is within the limit as often as chance has it.
    chance = poses.chance_within(limit, len(group), mirror)
    assert 1 - beyond(rng.normal(size=peaks.shape)) == pytest.approx(chance, abs=0.035)
    if name == "O":
        # Degree 14 leaves ten functions, whose maxima are elsewhere.
        assert beyond(peaks, 14) > 0.1


def test_limits_and_chance_of_published_groups():
    orders = {"C1": 1, "D2": 4, "O": 24, "I": 60}
    limits = {name: poses.alignment_limit(order) for name, order in orders.items()}
    assert limits["C1"] == 10 and poses.alignment_limit(3) == 10
    assert (limits["D2"], limits["O"], limits["I"]) == (
        pytest.approx(9.9, abs=0.05), pytest.approx(4.1, abs=0.05), pytest.approx(2.6, abs=0.05))
    assert poses.chance_within(10, 1) == pytest.approx(0.0076, abs=1e-4)
    assert poses.chance_within(10, 4) == pytest.approx(0.030, abs=1e-3)
    assert poses.chance_within(10, 60) == pytest.approx(0.46, abs=5e-3)
    for order in (4, 12, 24, 60):
        for mirror in (False, True):
            limit = poses.alignment_limit(order, mirror)
            assert poses.chance_within(limit, order, mirror) == pytest.approx(0.03)
    assert poses.chance_within(10, 1, True) == pytest.approx(2 * poses.chance_within(10, 1))
    assert poses.alignment_limit(1, True) == 10
    assert poses.smoothing_degree(1) == poses.smoothing_degree(4) == 14
    assert poses.smoothing_degree(60) == 54 and poses.smoothing_degree(2, True) == 14


@pytest.mark.parametrize("name, mirror", [("C1", False), ("C1", True), ("D2", False), ("O", False)])
def test_chance_is_that_of_random_directions(name, mirror):
    group, rng = symmetry.point_group(name), np.random.default_rng(8)
    limit = poses.alignment_limit(len(group), mirror)
    distances = symmetry.view_distance(random_views(200_000, rng), random_views(200_000, rng),
                                       group, mirror)
    expected = poses.chance_within(limit, len(group), mirror)
    # Counting 1500 to 6000; near axes of O copies overlap, which makes it a little less.
    assert np.mean(distances < limit) == pytest.approx(expected, rel=0.08)


def test_spread_and_deviation_in_closed_form():
    group = symmetry.point_group("C1")
    views = np.array([np.eye(3)])
    # Pairs with weights 2, 3 and 6 at 90°; opposite views at 180° or, as mirrors, 0°.
    assert poses.spread(views, [[1, 2, 3]], group) == pytest.approx(90)
    views = np.array([[[0, 0, 1.0], [0, 0, 1], [1, 0, 0]], [[0, 0, 1], [0, 0, -1], [0, 1, 0]]])
    weights = np.array([[1.0, 2, 3], [1, 2, 3]])
    np.testing.assert_allclose(poses.spread(views, weights, group),
                               [90 * 9 / 11, (2 * 180 + 9 * 90) / 11])
    np.testing.assert_allclose(poses.spread(views, weights, group, True), 90 * 9 / 11)
    given = np.array([[0, 0, 1.0], [0, 0, 1]])
    np.testing.assert_allclose(poses.deviation(views, weights, given, group),
                               [90 * 3 / 6, (2 * 180 + 3 * 90) / 6])
    # Negative correlations have no weight; with less than two there is no pair.
    np.testing.assert_allclose(poses.spread(views, [[1, 2, -3], [1, -2, -3]], group), [0, np.nan])
    np.testing.assert_allclose(poses.deviation(views, [[1, 2, -3], [-1, -2, -3]], given, group),
                               [0, np.nan])


def test_alignability_is_clipped_not_dropped():
    found = poses.alignability(np.array([5.0, 90, 0, 179, 50]), np.array([5.0, 5, 5, 88, 95]), 90)
    np.testing.assert_allclose(found, [1, 0, 1, -1, np.nan])


def scores_of_seven(mirror, rng):
    """Precision of random particles from seven directions of a 5° grid."""
    group = symmetry.point_group("C1")
    grid = symmetry.asymmetric_unit(group, 5, mirror)
    noise = symmetry.mean_view_distance(grid, group, mirror)
    distances = symmetry.view_distance(random_views(1000, rng)[:, None], grid, group, mirror)
    nearest = grid[np.argsort(distances, axis=1)[:, :7]]
    projection = poses.spread(nearest, np.ones((1000, 7)), group, mirror).mean()
    random = grid[rng.integers(len(grid), size=(30000, 7))]
    measured = poses.spread(random, np.ones((30000, 7)), group, mirror)
    return poses.alignability(measured, np.full(30000, projection), noise), noise, projection


def test_random_particles_have_no_precision():
    scores, noise, projection = scores_of_seven(False, np.random.default_rng(9))
    assert noise == pytest.approx(90, abs=0.2)
    # Deviation of the mean of 21 independent pairs: 39.17°/√21, over the range of the score.
    expected = 39.17 / np.sqrt(21) / (noise - projection)
    assert expected == pytest.approx(0.104, abs=0.001)
    assert scores.mean() == pytest.approx(0, abs=0.006)
    assert scores.std() == pytest.approx(0.104, abs=0.003)
    # 0.262 here; it depends a little on the grid.
    assert np.quantile(scores, 0.975) == pytest.approx(0.27, abs=0.015)


def test_random_particles_have_no_precision_with_mirrors():
    scores, noise, _ = scores_of_seven(True, np.random.default_rng(10))
    assert noise == pytest.approx(57.3, abs=0.2)
    assert scores.mean() == pytest.approx(0, abs=0.006) and scores.std() < 0.104


@pytest.mark.parametrize("name", ["C1", "D2"])
def test_distinct_directions_are_no_neighbours(name):
    rng = np.random.default_rng(3)
    group = symmetry.point_group(name)
    views = symmetry.asymmetric_unit(group, 9.0)
    near = poses.neighbours(views, group, 14.0)
    distances = symmetry.view_distance(views[:, None], views, group)
    assert np.array_equal(near, (distances < 14.0) | np.eye(len(views), dtype=bool))
    correlations = rng.normal(size=(4, len(views)))
    best = poses.distinct_best(correlations, near, 5)
    for row, chosen in zip(correlations, best):
        assert chosen[0] == row.argmax()
        for rank, one in enumerate(chosen):
            free = (distances[one, chosen[:rank]] >= 14.0).all()
            better = np.flatnonzero(row > row[one])
            # What is better was taken, or is near to what was.
            assert free and (distances[better][:, chosen[:rank]].min(axis=1) < 14.0).all() \
                if rank else free
