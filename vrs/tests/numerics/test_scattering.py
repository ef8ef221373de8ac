import numpy as np
import pytest
from scipy import fft
from scipy.spatial.distance import pdist

from vrs.numerics.saxs_map import solvated_mask
from vrs.numerics.scattering import (Lattice, blurred_points, largest_distance, padded,
                                     shell_around, solvated_particle)

RADIUS = 40.0


def ball(radius, sampling, room=6.0):
    half = int(np.ceil((radius + room) / sampling))
    axis = np.arange(-half, half + 1) * sampling
    return axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis ** 2 <= radius ** 2


def amplitude(q, radius):
    """Of a sphere of density 1."""
    x = q * radius
    return 4 * np.pi * radius ** 3 * (np.sin(x) - x * np.cos(x)) / x ** 3


def assert_follows(found, expected, part):
    # Against the falling envelope, for intensities of spheres have zeros.
    envelope = np.maximum.accumulate(np.abs(expected)[::-1])[::-1]
    assert (np.abs(found - expected) < part * envelope).all()


@pytest.mark.parametrize("sampling", [1.0, 2.0])
def test_sphere_with_shell(sampling):
    q = np.linspace(0.002, 0.25, 60)
    particle = solvated_mask(ball(RADIUS, sampling), sampling, q[-1])
    density = 0.535 / 1.21 - 0.334
    body = amplitude(q, RADIUS)
    shell = amplitude(q, RADIUS + 3) - body
    within, across, around = particle.partial_intensities(q)
    # The mask has steps of a voxel at its border, and the shell is thin.
    assert_follows(within, density ** 2 * body ** 2, 0.03)
    assert_follows(across, 2 * density * body * shell, 0.08)
    assert_follows(around, shell ** 2, 0.12)
    contrast = 0.02
    np.testing.assert_allclose(particle.intensity(q, contrast),
                               within + contrast * across + contrast ** 2 * around, rtol=1e-9)
    assert particle.volume == pytest.approx(4 / 3 * np.pi * RADIUS ** 3, rel=0.01)
    assert particle.diameter == pytest.approx(2 * RADIUS, abs=sampling)
    assert particle.radius_of_gyration(0) == pytest.approx(np.sqrt(0.6) * RADIUS, rel=0.003)
    # Of all electrons, those of the shell counting with their contrast.
    moments = [density * RADIUS ** n + contrast * ((RADIUS + 3) ** n - RADIUS ** n)
               for n in (3, 5)]
    assert particle.radius_of_gyration(contrast) == pytest.approx(
        np.sqrt(0.6 * moments[1] / moments[0]), rel=0.005)


def test_a_block_of_voxels_in_two_orientations():
    mask = np.zeros((60, 24, 20), bool)
    mask[3:55, 5:17, 4:12] = True
    q = np.linspace(0.01, 0.25, 20)
    found = solvated_mask(mask, 2.0, q[-1])
    turned = solvated_mask(mask.transpose(2, 0, 1), 2.0, q[-1])
    np.testing.assert_allclose(turned.intensity(q, 0.01), found.intensity(q, 0.01), rtol=1e-4)
    # The exact sum over a block of points, averaged over a spiral of directions.
    place = np.arange(5000) + 0.5
    height, turn = 1 - 2 * place / len(place), place * np.pi * (1 + np.sqrt(5))
    width = np.sqrt(1 - height ** 2)
    directions = np.column_stack([width * np.cos(turn), width * np.sin(turn), height])
    counts = np.array([52, 12, 8])
    phases = q[:, None, None] * directions * 2.0 / 2
    expected = np.mean(np.prod(np.sin(counts * phases) / np.sin(phases), axis=2) ** 2, axis=1)
    within = found.partial_intensities(q)[0]
    charge = (0.535 / 1.21 - 0.334) * 2.0 ** 3
    np.testing.assert_allclose(within, charge ** 2 * expected, rtol=1e-3)


def test_two_points_off_the_lattice():
    q = np.linspace(0.01, 0.5, 50)
    lattice = Lattice.for_q(0.5)
    points = np.array([[18.3, 17.1, 19.7], [41.9, 30.2, 22.4]])
    extent = (24, 26, 32)
    density = blurred_points(points, extent, lattice)
    assert density.sum() == pytest.approx(2, rel=1e-5)
    shape = padded(extent)
    both = fft.rfftn(density, s=shape)
    particle = solvated_particle(both, np.zeros_like(both), shape, lattice, 0, 0)
    distance = np.linalg.norm(points[1] - points[0])
    expected = 2 + 2 * np.sinc(q * distance / np.pi)
    np.testing.assert_allclose(particle.intensity(q, 0), expected, atol=2e-3)
    assert particle.radius_of_gyration(0) == pytest.approx(distance / 2, rel=1e-3)


def test_a_lattice_of_whole_voxels():
    assert Lattice.for_q(0.25).spacing == 4
    assert Lattice.for_q(0.25, 1.3).spacing == pytest.approx(3.9)
    assert Lattice.for_q(0.25, 2.0).spacing == 4
    assert Lattice.for_q(0.25, 1.3).blur == Lattice.for_q(0.25).blur
    assert Lattice.for_q(0.01) == Lattice.for_q(0.1)


@pytest.mark.parametrize("sampling", [0.7, 1.0, 1.06, 2.0, 2.5, 3.5])
def test_shell_is_3_angstroms_thick_at_any_sampling(sampling):
    slab = np.zeros((24, 3, 3), bool)
    slab[10:14] = True
    shell = shell_around(slab, sampling)
    # Along the axes, where the steps of voxels matter most, to a fifth of a voxel.
    assert shell[:, 1, 1].sum() * sampling == pytest.approx(2 * 3, abs=2 * 0.21 * sampling)
    assert (shell[slab] == 0).all() and shell.min() == 0 and shell.max() <= 1
    # The other end of the box is no neighbour.
    edge = np.zeros((12, 3, 3), bool)
    edge[0] = True
    assert shell_around(edge, sampling)[:, 1, 1].sum() * sampling == pytest.approx(
        3, abs=0.21 * sampling)


@pytest.mark.parametrize("sampling", [0.8, 1.0, 1.5, 2.0])
def test_shell_of_a_ball(sampling):
    shell = shell_around(ball(30.0, sampling), sampling)
    expected = 4 / 3 * np.pi * (33 ** 3 - 30 ** 3)
    # The border of a mask is uneven.
    assert shell.sum() * sampling ** 3 == pytest.approx(expected, rel=0.05)


def test_largest_distance():
    rng = np.random.default_rng(1)
    for points in (rng.normal(size=(300, 3)), rng.normal(size=(2000, 3)) * (1, 10, 30),
                   np.argwhere(np.ones((1, 40, 30)))):
        assert largest_distance(points) == pytest.approx(pdist(points).max(), rel=1e-12)
    assert largest_distance(np.zeros((1, 3))) == 0


def test_particles_that_are_too_large():
    assert all(size >= 2 * count for size, count in zip(padded((31, 40, 57)), (31, 40, 57)))
    with pytest.raises(ValueError, match="too large"):
        padded((300, 300, 300))
    with pytest.raises(ValueError, match="empty"):
        solvated_mask(np.zeros((4, 4, 4), bool), 1.0, 0.25)
