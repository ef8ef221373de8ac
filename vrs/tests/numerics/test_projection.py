import numpy as np
import pytest
from scipy import fft

from vrs.numerics import fourier
from vrs.numerics.ctf import Optics, contrast_transfer
from vrs.numerics.fsc import shell_correlation
from vrs.numerics.projection import CentralSections, Reconstruction, rotation_matrices
from vrs.numerics.sphere import spiral
from vrs.simulation.orientations import draw_angles, relative_sampling

BOX = 48
# Centres (x, y, z) from the middle of the box and heights of three Gaussians: no two of their
# arrangements seen from different sides are alike.
CENTRES = np.array([[9.0, 2.0, -4.0], [-6.0, 7.0, 3.0], [1.0, -8.0, 8.0]])
HEIGHTS = np.array([1.0, 0.6, 0.8])
WIDTH = 1.7


def gaussians(centres, dimensions):
    axes = np.meshgrid(*[np.arange(BOX) - BOX // 2] * dimensions, indexing="ij")[::-1]
    total = 0.0
    for centre, height in zip(centres, HEIGHTS):
        squared = sum((axis - place) ** 2 for axis, place in zip(axes, centre))
        total = total + height * np.exp(-squared / (2 * WIDTH ** 2))
    return total.astype(np.float32)


def euler_matrix(rot, tilt, psi):
    """The matrix as the papers print it."""
    (ca, cb, cg), (sa, sb, sg) = (function(np.radians([rot, tilt, psi]))
                                  for function in (np.cos, np.sin))
    return np.array([[cg * cb * ca - sg * sa, cg * cb * sa + sg * ca, -cg * sb],
                     [-sg * cb * ca - cg * sa, -sg * cb * sa + cg * ca, sg * sb],
                     [sb * ca, sb * sa, cb]])


@pytest.fixture(scope="module")
def phantom():
    return gaussians(CENTRES, 3)


@pytest.fixture(scope="module")
def sections():
    return CentralSections(BOX, workers=2)


def reconstruct(sections, volume, angles, ctf=None):
    placement = sections.place(rotation_matrices(*angles.T))
    coefficients = sections.cut(sections.transform(volume), placement)
    ctf = np.ones(coefficients.shape, np.float32) if ctf is None else ctf
    made = Reconstruction(sections)
    made.insert(placement, [coefficients * ctf], ctf)
    return made


def fsc(volume1, volume2):
    return shell_correlation(fft.rfftn(volume1), fft.rfftn(volume2), volume1.shape)


ANGLES = [(0, 0, 0), (40, 0, 0), (0, 90, 0), (0, 0, 35), (25, 60, -110), (-130, 145, 77)]


@pytest.mark.parametrize("angles", ANGLES)
def test_matrix_is_the_printed_one(angles):
    assert rotation_matrices(*np.transpose([angles]))[0] == pytest.approx(euler_matrix(*angles))


@pytest.mark.parametrize("angles", ANGLES)
def test_projection_is_where_the_angles_say(phantom, angles):
    sections = CentralSections(BOX, padding=3)
    placement = sections.place(rotation_matrices(*np.transpose([angles])))
    found = sections.images(sections.cut(sections.transform(phantom), placement))[0]
    # A Gaussian's line integral is √(2π) times its width.
    expected = np.sqrt(2 * np.pi) * WIDTH * gaussians(CENTRES @ euler_matrix(*angles)[:2].T, 2)
    # Interpolated values on grid points are exact, which the correction does not know.
    assert np.abs(found - expected).max() < 0.02 * expected.max()


def test_shifts_move_images_along_x_and_y(phantom, sections):
    placement = sections.place(np.eye(3)[None])
    coefficients = sections.cut(sections.transform(phantom), placement)
    still, moved = (sections.images(coefficients * factor)[0]
                    for factor in (1, sections.shifts([[5, -3]])))
    assert moved == pytest.approx(np.roll(still, (-3, 5), (0, 1)), abs=1e-3)


def test_images_and_coefficients_are_inverse(sections):
    rng = np.random.default_rng(0)
    count = len(sections.wave_numbers)
    values = (rng.standard_normal((2, count)) + 1j * rng.standard_normal((2, count)))
    values = values.astype(np.complex64)
    values[:, np.all(sections.wave_numbers == 0, axis=1)] = 1
    assert sections.coefficients(sections.images(values)) == pytest.approx(values, abs=1e-4)


def test_noise_free_reconstruction_is_the_map_and_not_its_mirror(phantom, sections):
    angles = draw_angles("uniform", 1200, np.random.default_rng(1))
    found = reconstruct(sections, phantom, angles).volume()
    agreement = fsc(found, phantom)
    assert agreement[1:int(0.7 * BOX / 2)].min() > 0.99
    # 1 % of the weights is added to them.
    assert np.vdot(found, phantom) / np.vdot(phantom, phantom) == pytest.approx(0.99, abs=0.01)
    mirrored = np.roll(phantom[::-1], 1, axis=0)
    assert np.corrcoef(found.ravel(), mirrored.ravel())[0, 1] < 0.7


def test_ctf_is_divided_out(phantom, sections):
    rng = np.random.default_rng(2)
    angles = draw_angles("uniform", 2500, rng)
    defocus = np.repeat(rng.uniform(6000, 15000, (2500, 1)), 3, axis=1)
    ctf = contrast_transfer(sections.wave_numbers / (BOX * 2.0), defocus, Optics(300, 2.7, 0.1))
    found = reconstruct(sections, phantom, angles, ctf).volume()
    assert fsc(found, phantom)[1:int(0.7 * BOX / 2)].min() > 0.99


def test_noise_power_grows_with_frequency_as_sections_thin_out(sections):
    # n images give n / (2k) coefficients in each unit of volume at wave number k, of the noise
    # power box² each.
    rng, count = np.random.default_rng(3), 1500
    angles = draw_angles("uniform", count, rng)
    made = Reconstruction(sections)
    for part in np.split(angles, 5):
        images = rng.standard_normal((len(part), BOX, BOX), dtype=np.float32)
        placement = sections.place(rotation_matrices(*part.T))
        coefficients = sections.coefficients(images)
        made.insert(placement, [coefficients], np.ones(coefficients.shape, np.float32))
    transform = fft.rfftn(made.volume())
    power = fourier.mean_amplitudes(np.abs(transform) ** 2, (BOX,) * 3)
    shells = np.arange(6, 20)
    # Neighbouring coefficients share images, which the formula leaves out.
    assert power[shells] == pytest.approx(2 * shells * BOX ** 2 / count, rel=0.15)


def seen_by_colatitude(sections, kind):
    """Mean relative weight of padded coefficients at wave number 16 to 21, by colatitude."""
    angles = draw_angles(kind, 4000, np.random.default_rng(4))
    made = Reconstruction(sections)
    for part in np.split(angles, 8):
        placement = sections.place(rotation_matrices(*part.T))
        ones = np.ones(placement.conjugate.shape, np.float32)
        made.insert(placement, [ones.astype(np.complex64)], ones)
    size = sections.padded[0]
    axis = np.fft.fftfreq(size, 1 / size)
    z, y, x = np.meshgrid(axis, axis, np.arange(size // 2 + 1), indexing="ij")
    radius = np.sqrt(x ** 2 + y ** 2 + z ** 2)
    shell = (radius > 32) & (radius < 42)
    degrees = np.degrees(np.arccos(np.abs(z[shell]) / radius[shell]))
    # Each image gives a quarter of a coefficient to a unit of area of the padded section.
    mean = len(angles) / (2 * radius[shell]) / 4
    weights = made.weights[shell] / mean
    bins = (degrees // 3).astype(int)
    return (np.arange(30) + 0.5) * 3, np.bincount(bins, weights, 31)[:30] / np.bincount(
        bins, minlength=31)[:30]


def top_views(colatitude, cap):
    """Relative number of sections, from the part of a great circle within the caps."""
    reach = np.minimum(1, np.cos(np.radians(cap)) / np.sin(np.radians(colatitude)))
    return 2 / np.pi * np.arccos(reach) / (1 - np.cos(np.radians(cap)))


def test_uniform_orientations_see_all_directions_alike(sections):
    _, weights = seen_by_colatitude(sections, "uniform")
    assert weights[2:] == pytest.approx(1, abs=0.06)


def test_top_views_leave_a_cone_empty(sections):
    colatitude, weights = seen_by_colatitude(sections, "top")
    # A coefficient is given to those up to √3 voxels away, 3° at this radius.
    assert np.all(weights[colatitude < 26] == 0)
    assert np.all(weights[colatitude > 33] > 0.4)
    beyond = colatitude > 36
    assert weights[beyond] == pytest.approx(top_views(colatitude[beyond], 60), abs=0.06)


def test_side_views_leave_nothing_empty(sections):
    colatitude, weights = seen_by_colatitude(sections, "side")
    assert weights.min() > 0.5
    # A ring of views meets each great circle twice: 2 / (π sin), near the axis smeared by the
    # tilts' spread of 5°.
    beyond = colatitude > 25
    assert weights[beyond] == pytest.approx(
        2 / np.pi / np.sin(np.radians(colatitude[beyond])), abs=0.06)


def test_counted_sections_agree_with_the_closed_form():
    angles = draw_angles("top", 40000, np.random.default_rng(5))
    directions = spiral(60)
    counted = relative_sampling(rotation_matrices(*angles.T)[:, 2], directions)
    colatitude = np.degrees(np.arccos(directions[:, 2]))
    # Counted within 3°, which blurs the edge of the cone.
    clear = np.abs(colatitude - 30) > 6
    expected = np.where(colatitude > 30, top_views(np.maximum(colatitude, 30.001), 60), 0)
    assert counted[clear] == pytest.approx(expected[clear], abs=0.08)
