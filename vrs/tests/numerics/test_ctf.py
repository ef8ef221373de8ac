import numpy as np
import pytest

from vrs.numerics.ctf import Optics, contrast_transfer

OPTICS = Optics(300.0, 2.7, 0.1)


@pytest.mark.parametrize("voltage, wavelength", [(100, 0.0370144), (200, 0.0250793),
                                                 (300, 0.0196875)])
def test_wavelength_is_the_tabulated_one(voltage, wavelength):
    assert Optics(voltage, 2.7, 0.1).wavelength == pytest.approx(wavelength, rel=1e-5)


def test_at_the_origin_it_is_the_amplitude_contrast():
    found = contrast_transfer([[0, 0]], [[15000, 14000, 30]], OPTICS)
    assert found[0, 0] == pytest.approx(0.1, abs=1e-6)


def test_first_zero_is_where_the_phase_is_pi():
    # Without aberration and amplitude contrast the phase is π λ Δf s².
    optics = Optics(300.0, 0.0, 0.0)
    zero = 1 / np.sqrt(optics.wavelength * 12000)
    found = contrast_transfer([[0.9 * zero, 0], [zero, 0], [0, 1.1 * zero], [zero / 2 ** 0.5, 0]],
                              [[12000, 12000, 0]], optics)[0]
    assert found[1] == pytest.approx(0, abs=1e-5)
    # Underfocus: bright before the first zero, dark after it, and 1 at half the phase.
    assert found[0] > 0 > found[2]
    assert found[3] == pytest.approx(1, abs=1e-6)


def test_aberration_counters_underfocus():
    # At s² = 2 Δf / (Cs λ²) both phases are equal, so that the amplitude contrast is left.
    s = np.sqrt(2 * 5000 / (2.7e7 * OPTICS.wavelength ** 2))
    assert contrast_transfer([[s, 0]], [[5000, 5000, 0]], OPTICS)[0, 0] == pytest.approx(
        0.1, abs=1e-4)


def test_defocus_u_is_along_its_angle():
    s, angle = 0.05, np.radians(30)
    along = [s * np.cos(angle), s * np.sin(angle)]
    across = [-along[1], along[0]]
    found = contrast_transfer([along, across], [[16000, 11000, 30]], OPTICS)[0]
    for value, defocus in zip(found, (16000, 11000)):
        assert value == pytest.approx(
            contrast_transfer([[s, 0]], [[defocus, defocus, 0]], OPTICS)[0, 0], abs=1e-5)


def test_a_plate_of_90_degrees_turns_sine_into_cosine():
    optics = Optics(300.0, 0.0, 0.0)
    phase = np.pi * optics.wavelength * 9000 * 0.04 ** 2
    found = contrast_transfer([[0, 0.04]], [[9000, 9000, 0]], optics, phase_shift=90)
    assert found[0, 0] == pytest.approx(np.cos(phase), abs=1e-5)
