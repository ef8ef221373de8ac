import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from vrs.errors import InputError
from vrs.images import symmetry

GOLDEN = (1 + np.sqrt(5)) / 2
ORDERS = {"C1": 1, "C2": 2, "C7": 7, "D1": 2, "D2": 4, "D5": 10, "T": 12, "O": 24,
          "I": 60, "I1": 60, "I2": 60, "I3": 60, "I4": 60}
# Axes of RELION's and Xmipp's symmetry files: fold and direction.
AXES = {
    "C7": [(7, (0, 0, 1))],
    "D1": [(2, (1, 0, 0))],
    "D5": [(5, (0, 0, 1)), (2, (1, 0, 0))],
    "T": [(3, (0, 0, 1)), (2, (0, 0.816496, 0.577350))],
    "O": [(3, (1, 1, 1)), (4, (0, 0, 1))],
    "I1": [(2, (1, 0, 0)), (5, (0.85065080702670, 0, -0.5257311142635)),
           (3, (0.9341723640, 0.3568220765, 0))],
    "I2": [(2, (0, 0, 1)), (5, (0.525731114, 0, 0.850650807)), (3, (0, 0.356822076, 0.934172364))],
    "I3": [(2, (-0.5257311143, 0, 0.8506508070)), (5, (0, 0, 1)),
           (3, (-0.4911234778630044, 0.3568220764705179, 0.7946544753759428))],
    "I4": [(2, (0.5257311143, 0, 0.8506508070)), (5, (0.8944271932547096, 0, 0.4472135909903704)),
           (3, (0.4911234778630044, 0.3568220764705179, 0.7946544753759428))],
}
AXES["I"] = AXES["I2"]


def random_views(count, seed=0):
    vectors = np.random.default_rng(seed).normal(size=(count, 3))
    return vectors / np.linalg.norm(vectors, axis=1)[:, None]


def random_rotations(count, seed=0):
    return Rotation.random(count, random_state=seed).as_matrix()


@pytest.mark.parametrize("name", ORDERS)
def test_groups_are_groups_of_rotations(name):
    group = symmetry.point_group(name)
    assert group.shape == (ORDERS[name], 3, 3)
    np.testing.assert_allclose(group[0], np.eye(3), atol=1e-12)
    np.testing.assert_allclose(group @ np.swapaxes(group, 1, 2),
                               np.broadcast_to(np.eye(3), group.shape), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(group), 1)
    elements = cKDTree(group.reshape(-1, 9))
    products = (group[:, None] @ group).reshape(-1, 9)
    assert elements.query(products)[0].max() < 1e-12
    assert len(elements.query_pairs(0.01)) == 0


@pytest.mark.parametrize("name", AXES)
def test_axes_are_where_relion_has_them(name):
    group = symmetry.point_group(name)
    for fold, axis in AXES[name]:
        axis = np.array(axis) / np.linalg.norm(axis)
        # The published axes have six digits and more.
        assert np.sum(np.linalg.norm(group @ axis - axis, axis=1) < 1e-5) == fold


def test_names_in_any_case_and_with_a_zero():
    np.testing.assert_array_equal(symmetry.point_group(" d02 "), symmetry.point_group("D2"))
    np.testing.assert_array_equal(symmetry.point_group("i"), symmetry.point_group("I2"))


@pytest.mark.parametrize("name", ["", "X", "C", "C0", "C100", "D-2", "I5", "I2H", "C2V", "T3"])
def test_other_names_are_refused_with_a_list(name):
    with pytest.raises(InputError, match=r"Give C1, C2, .* I3 or I4"):
        symmetry.point_group(name)


@pytest.mark.parametrize("name", ["C4", "D3", "T", "I"])
def test_equivalent_orientations_give_the_same_image(name):
    group = symmetry.point_group(name)
    atoms = np.random.default_rng(0).normal(size=(4, 3))
    assembly = (group @ atoms.T).transpose(0, 2, 1).reshape(-1, 3)
    orientation = random_rotations(1)
    image = cKDTree(assembly @ orientation[0, :2].T)
    for copy in symmetry.equivalent_orientations(orientation, group)[:, 0]:
        assert image.query(assembly @ copy[:2].T)[0].max() < 1e-9
    # Those of another orientation, and of rotations on the other side, are not the same.
    other = random_rotations(1, 1)[0]
    assert image.query(assembly @ other[:2].T)[0].max() > 0.1
    assert image.query(assembly @ (group[-1] @ orientation[0])[:2].T)[0].max() > 0.1


def test_views_are_third_rows():
    group, rotations = symmetry.point_group("O"), random_rotations(5)
    np.testing.assert_allclose(symmetry.equivalent_views(rotations[:, 2], group),
                               symmetry.equivalent_orientations(rotations, group)[:, :, 2])


def test_view_distance_in_closed_form():
    x, y, z = np.eye(3)
    tilted = np.array([np.sin(0.3), 0, np.cos(0.3)])
    none, four, dihedral = (symmetry.point_group(name) for name in ("C1", "C4", "D2"))
    assert symmetry.view_distance(z, tilted, none) == pytest.approx(np.degrees(0.3))
    assert symmetry.view_distance(z, -tilted, none) == pytest.approx(180 - np.degrees(0.3))
    assert symmetry.view_distance(z, -tilted, none, True) == pytest.approx(np.degrees(0.3))
    assert symmetry.view_distance(z, -tilted, dihedral) == pytest.approx(np.degrees(0.3))
    assert symmetry.view_distance(x, y, none) == pytest.approx(90)
    assert symmetry.view_distance(x, y, four) == pytest.approx(0, abs=1e-5)
    assert symmetry.view_distance(x, z, four) == pytest.approx(90)
    assert symmetry.view_distance(np.eye(3)[:, None], np.eye(3), none).shape == (3, 3)


@pytest.mark.parametrize("name", ["C3", "D4", "T", "I1"])
def test_distances_do_not_see_symmetry(name):
    group = symmetry.point_group(name)
    one, other = random_rotations(20, 1), random_rotations(20, 2)
    angles, nearest = symmetry.orientation_distance(one, other, group)
    copies = symmetry.equivalent_orientations(other, group)[-1]
    np.testing.assert_allclose(symmetry.orientation_distance(one, copies, group)[0], angles)
    distances = symmetry.view_distance(one[:, 2], other[:, 2], group)
    np.testing.assert_allclose(symmetry.view_distance(one[:, 2], copies[:, 2], group), distances)
    left = Rotation.from_matrix(np.swapaxes(one @ group[nearest], 1, 2) @ other).magnitude()
    np.testing.assert_allclose(np.degrees(left), angles)
    # Directions of view are never further apart than orientations.
    assert (distances <= angles + 1e-9).all()


def test_orientation_distance_is_the_angle_of_the_rotation():
    one, vectors = random_rotations(50), np.random.default_rng(3).normal(0, 0.5, (50, 3))
    other = one @ Rotation.from_rotvec(vectors).as_matrix()
    angles, _ = symmetry.orientation_distance(one, other, symmetry.point_group("C1"))
    np.testing.assert_allclose(angles, np.degrees(np.linalg.norm(vectors, axis=1)))


def test_mean_distance_of_even_directions():
    none = symmetry.point_group("C1")
    views = symmetry.asymmetric_unit(none, 6)
    # 90° and 1 radian for a continuum; a thousand directions are short of themselves.
    assert symmetry.mean_view_distance(views, none) == pytest.approx(90, abs=0.15)
    assert symmetry.mean_view_distance(views, none, True) == pytest.approx(57.3, abs=0.1)
    four = np.array([[1.0, 0, 0], [-1, 0, 0], [0, 0, 1]])
    assert symmetry.mean_view_distance(four, none) == pytest.approx((180 + 90 + 90) / 3)


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("name", ["C1", "C2", "C17", "D2", "D7", "T", "O", "I2", "I3"])
def test_asymmetric_units_hold_one_of_each(name, mirror):
    group, spacing = symmetry.point_group(name), 4.0
    views = symmetry.asymmetric_unit(group, spacing, mirror)
    np.testing.assert_allclose(np.linalg.norm(views, axis=1), 1)
    probes = random_views(3000)
    distances = [symmetry.view_distance(probes, view, group, mirror) for view in views]
    assert np.min(distances, axis=0).max() < 0.8 * spacing
    # All of the sphere over the copies, and a border of half a spacing round each unit.
    area = 4 * np.pi / len(group) / (2 if mirror else 1)
    inner = area / np.radians(spacing) ** 2
    assert 0.98 * inner < len(views) < inner + 3.5 * np.sqrt(inner) + 10
