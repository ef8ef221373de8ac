from types import SimpleNamespace

import numpy as np
import pytest

from vrs.images.ctf import Contrast, straighten
from vrs.numerics.ctf import Optics, antisymmetric_phases, contrast_transfer
from vrs.numerics.image_plane import ImagePlane
from vrs.tests.images.test_plane import blobs

TITAN, ARCTICA = Optics(300.0, 2.7, 0.1), Optics(200.0, 1.4, 0.07)


def contrast(states=("raw", "raw"), **columns):
    return Contrast((TITAN, ARCTICA), np.array([0, 1, 0]),
                    np.array([[15000.0, 14000, 30], [9000, 9000, 0], [22000, 21000, -50]]),
                    states=states, **columns)


FREQUENCIES = np.random.default_rng(0).uniform(-0.12, 0.12, (200, 2))


def test_zeros_are_where_the_phase_is_a_multiple_of_pi():
    # π λ Δf s² - π/2 Cs λ³ s⁴ + arcsin w + φ = j π is quadratic in s².
    wavelength, defocus, shift = TITAN.wavelength, 18000.0, 25.0
    zeros = []
    for order in range(1, 6):
        roots = np.roots([-np.pi / 2 * 2.7e7 * wavelength ** 3, np.pi * wavelength * defocus,
                          np.radians(shift) + np.arcsin(0.1) - order * np.pi])
        zeros.append(np.sqrt(roots.real[roots.real > 0].min()))
    particles = Contrast((TITAN,), np.zeros(1, int), np.array([[defocus, defocus, 0]]),
                         np.array([shift]))
    zeros = np.array(zeros)
    azimuth = np.radians(17.0)
    along = [np.cos(azimuth), np.sin(azimuth)]
    assert particles.values(zeros[:, None] * along)[0] == pytest.approx(0, abs=1e-4)
    between = np.sqrt((zeros[1:] ** 2 + zeros[:-1] ** 2) / 2)
    signs = np.sign(particles.values(between[:, None] * along)[0])
    # Positive before the first zero, and of changing sign from there.
    assert signs.tolist() == [-1, 1, -1, 1]


def test_each_particle_has_its_own_group_and_defocus():
    found = contrast().values(FREQUENCIES)
    for number, optics in enumerate((TITAN, ARCTICA, TITAN)):
        expected = contrast_transfer(FREQUENCIES, contrast().defocus[[number]], optics)[0]
        assert found[number] == pytest.approx(expected)
    chosen = contrast().take([2, 1])
    assert chosen.values(FREQUENCIES) == pytest.approx(found[[2, 1]])


def test_phase_shift_b_factor_and_scale_are_per_particle():
    shift, b_factor, scale = np.array([0.0, 90, 45]), np.array([0.0, 50, 100]), np.array([1, 2, .5])
    found = contrast(phase_shift=shift, b_factor=b_factor, scale=scale).values(FREQUENCIES)
    squared = np.sum(FREQUENCIES ** 2, axis=1)
    for number, optics in enumerate((TITAN, ARCTICA, TITAN)):
        plain = contrast_transfer(FREQUENCIES, contrast().defocus[[number]], optics, shift[number])
        envelope = scale[number] * np.exp(-b_factor[number] * squared / 4)
        assert found[number] == pytest.approx(envelope * plain[0], abs=1e-6)


def test_sets_of_particles_are_joined():
    whole = contrast(phase_shift=np.array([0.0, 90, 20]), scale=np.array([1.0, 0.5, 2]))
    joined = Contrast.joined([whole.take([2]), whole.take(slice(0, 2))])
    assert np.array_equal(joined.values(FREQUENCIES), whole.values(FREQUENCIES)[[2, 0, 1]])


def test_states_of_images():
    raw = contrast().values(FREQUENCIES)
    assert contrast().in_state("phase-flipped").values(FREQUENCIES) == pytest.approx(np.abs(raw))
    assert contrast().in_state("premultiplied").values(FREQUENCIES) == pytest.approx(raw ** 2)
    assert np.all(contrast().in_state("corrected").values(FREQUENCIES) == 1)
    mixed = contrast(("raw", "premultiplied")).values(FREQUENCIES)
    assert mixed == pytest.approx(np.stack([raw[0], raw[1] ** 2, raw[2]]))
    with pytest.raises(ValueError):
        contrast(("raw",))
    with pytest.raises(ValueError):
        contrast(("raw", "flipped"))


def test_a_table_gives_optics_columns_and_states():
    group = dict(voltage=300.0, spherical_aberration=2.7, amplitude_contrast=0.1, beam_tilt=None,
                 odd_zernike=None, even_zernike=None, magnification=None, premultiplied=None,
                 phase_flipped=None)
    table = SimpleNamespace(
        optics=(SimpleNamespace(**group), SimpleNamespace(**dict(group, premultiplied=True)),
                SimpleNamespace(**dict(group, phase_flipped=True, beam_tilt=(0.5, -0.2)))),
        group=np.array([2, 0, 1]), defocus=np.ones((3, 3)), phase_shift=None,
        ctf_b_factor=np.zeros(3), ctf_scale=None)
    found = Contrast.of(table)
    assert found.states == ("raw", "premultiplied", "phase-flipped")
    assert found.optics[0] == TITAN and found.optics[2].beam_tilt == (0.5, -0.2)
    assert not found.is_straight and len(found) == 3


def test_symmetrical_aberrations_are_subtracted_from_the_phase():
    # The seventh polynomial is 6 r⁴ - 6 r² + 1, the sixth (4 r⁴ - 3 r²) sin 2α.
    x, y = FREQUENCIES.T
    squared, azimuth = x ** 2 + y ** 2, np.arctan2(y, x)
    for index, polynomial in ((6, 6 * squared ** 2 - 6 * squared + 1),
                              (5, (4 * squared ** 2 - 3 * squared) * np.sin(2 * azimuth)),
                              (4, squared ** 2 * np.sin(4 * azimuth)),
                              (3, squared * np.cos(2 * azimuth))):
        coefficients = (0.0,) * index + (30.0,)
        optics = Optics(300.0, 2.7, 0.1, even_zernike=coefficients)
        found = contrast_transfer(FREQUENCIES, [[9000, 9000, 0]], optics)[0]
        phase = (np.pi * TITAN.wavelength * 9000 * squared + np.arcsin(0.1)
                 - np.pi / 2 * 2.7e7 * TITAN.wavelength ** 3 * squared ** 2)
        assert found == pytest.approx(np.sin(phase - 30 * polynomial), abs=1e-5)


def test_beam_tilt_is_coma():
    tilt = Optics(300.0, 2.7, 0.1, beam_tilt=(0.6, -0.3))
    found = antisymmetric_phases(FREQUENCIES, tilt)
    squared = np.sum(FREQUENCIES ** 2, axis=1)
    expected = -2 * np.pi * 2.7e7 * TITAN.wavelength ** 2 * squared * (
        FREQUENCIES @ [0.6e-3, -0.3e-3])
    assert found == pytest.approx(expected)
    # The same in Zernike polynomials: coma (3 r² - 2) x with twice its coefficient of tilt x.
    scale = 2 * np.pi * 2.7e7 * TITAN.wavelength ** 2 * 1e-3 / 3
    coefficients = (0.6 * scale, -1.2 * scale, 0.0, 0.3 * scale, -0.6 * scale)
    as_zernike = Optics(300.0, 2.7, 0.1, odd_zernike=coefficients)
    assert antisymmetric_phases(FREQUENCIES, as_zernike) == pytest.approx(expected)
    assert as_zernike.is_antisymmetric and not TITAN.is_antisymmetric


MATRIX = ((1.03, 0.02), (-0.01, 0.98))
PLACES = np.array([(14.0, 3.5), (-17.0, 9.0), (4.0, -20.0)])


def distorted(matrix, shift, scale=1.0):
    """Gaussians as a lens with this matrix images them, displaced by minus the shift."""
    y, x = np.mgrid[-32:32, -32:32]
    points = np.stack([x + shift[0], y + shift[1]], -1) * scale
    # A transform at M k is that of the specimen, so the image at x is the specimen at M⁻ᵀ x.
    x, y = np.moveaxis(points @ np.linalg.inv(matrix), -1, 0)
    return blobs((y, x), PLACES, 2.0).astype(np.float32)


def test_straightened_images_are_those_of_an_ideal_lens():
    optics = Optics(300.0, 2.7, 0.1, beam_tilt=(40.0, -20.0), magnification=MATRIX)
    plane, sampling = ImagePlane(64), 2.0
    recorded = np.stack([distorted(np.array(MATRIX), (3.0, -2.0))] * 2)
    phases = antisymmetric_phases(plane.frequencies(sampling), optics)
    recorded = plane.images(plane.coefficients(recorded) * np.exp(1j * phases))
    before = Contrast((optics, TITAN), np.array([0, 0]), np.full((2, 3), 9000.0),
                      states=("raw", "raw"))
    images, shifts, after = straighten(recorded, [(3.0, -2.0)] * 2, before, [sampling] * 2,
                                       sampling)
    expected = distorted(np.eye(2), shifts[0])
    assert np.corrcoef(images[0].ravel(), expected.ravel())[0, 1] > 0.999
    assert np.corrcoef(recorded[0].ravel(), expected.ravel())[0, 1] < 0.97
    assert shifts == pytest.approx(np.array([(3.0, -2.0)] * 2) @ np.linalg.inv(MATRIX))
    assert after.is_straight
    # What the CTF is at a frequency of the specimen does not change.
    frequencies = np.random.default_rng(1).uniform(-0.1, 0.1, (50, 2))
    assert after.values(frequencies @ np.transpose(MATRIX)) == pytest.approx(
        before.values(frequencies), abs=1e-5)


def test_groups_of_other_sampling_are_brought_to_one():
    both = np.stack([distorted(np.eye(2), (0, 0)), distorted(np.eye(2), (2.0, 1.0), scale=1.05)])
    particles = Contrast((TITAN, TITAN), np.array([0, 1]), np.full((2, 3), 9000.0),
                         states=("raw", "raw"))
    images, shifts, _ = straighten(both, [(0, 0), (2.0, 1.0)], particles, [2.0, 2.1], 2.0)
    assert np.corrcoef(images[0].ravel(), both[0].ravel())[0, 1] > 0.9995
    expected = distorted(np.eye(2), shifts[1])
    assert shifts[1] == pytest.approx([2.1, 1.05])
    assert np.corrcoef(images[1].ravel(), expected.ravel())[0, 1] > 0.999
    same, _, _ = straighten(both, [(0, 0)] * 2, particles, [2.0, 2.0], 2.0)
    assert same is both
