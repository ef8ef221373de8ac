from dataclasses import replace

import numpy as np
import pytest

from vrs.images.defocus import (OFFSETS, DefocusModel, Strength, astigmatism_change, common_change,
                                peaks, strength_change, with_astigmatism)
from vrs.images.noise import simulate, white_spectra
from vrs.images.projector import Projector
from vrs.numerics.ctf import Optics
from vrs.numerics.image_plane import ImagePlane
from vrs.tests.images.test_search import BOX, SAMPLING, particles, protein

LAST = 24


@pytest.fixture(scope="module")
def projector():
    return Projector(protein(), SAMPLING, BOX)


@pytest.fixture(scope="module")
def model(projector):
    return DefocusModel(projector, 2, LAST)


@pytest.fixture(scope="module")
def noisy(projector):
    """Images of SNR 0.1, their poses and contrast, and the variance of the noise."""
    rotations, shifts, contrast, rng = particles(240, 4)
    spectra = white_spectra(rotations, projector, 0.1, contrast)
    images = simulate(rotations, shifts, projector, spectra, rng, contrast)
    return images, rotations, shifts, contrast, spectra.noise[0]


def known(noise=1.0):
    return Strength(LAST, np.ones(LAST + 1), np.full(LAST + 1, float(noise)))


def changed(contrast, change):
    return replace(contrast, defocus=contrast.defocus + [change, change, 0])


@pytest.mark.parametrize("state", ["raw", "phase-flipped", "premultiplied"])
def test_curves_are_those_of_the_likelihood_itself(projector, model, state):
    rotations, shifts, contrast, rng = particles(3, 5)
    contrast = replace(contrast.in_state(state), phase_shift=np.full(3, 30.0),
                       b_factor=np.full(3, 40.0), scale=np.full(3, 0.9))
    images = rng.standard_normal((3, BOX, BOX)).astype(np.float32)
    curves, _, _ = model.curves(images, rotations, shifts, contrast, known(50.0), rng)
    plane = ImagePlane(BOX, 2, LAST)
    frequencies = plane.frequencies(SAMPLING)
    image = plane.coefficients(images) * plane.shifts(shifts)
    slices = projector.slices(rotations, plane.wave_numbers)
    raw = contrast.in_state("raw")
    table = raw.values(frequencies)
    factor = {"raw": 1, "phase-flipped": np.sign(table), "premultiplied": table}[state]
    direct = np.array([-np.sum(np.abs(
        image - factor * changed(raw, change).values(frequencies) * slices) ** 2, axis=1) / 50.0
        for change in OFFSETS]).T
    differences = (curves - curves[:, :1]) - (direct - direct[:, :1])
    # Single precision.
    assert np.abs(differences).max() < 1e-3 * np.ptp(direct, axis=1).min()


def test_noise_free_images_tell_their_defocus(projector, model):
    rotations, shifts, contrast, rng = particles(40, 6)
    images = projector.images(rotations, shifts, contrast)
    told = changed(contrast, 900.0)
    curves, _, _ = model.curves(images, rotations, shifts, told, known(), rng)
    # The parabola through steps of 250 Å.
    np.testing.assert_allclose(peaks(curves), -900.0, atol=15)


def test_strength_of_signal_and_noise(model, noisy):
    images, rotations, shifts, contrast, variance = noisy
    found = model.strength([(images[:120], rotations[:120], shifts[:120], contrast.take(
        slice(0, 120))), (images[120:], rotations[120:], shifts[120:], contrast.take(
            slice(120, None)))])
    assert 16 < found.last <= LAST
    # Errors by chance are below 0.02 where the signal is strong.
    np.testing.assert_allclose(found.signal[3:10], 1, atol=0.06)
    np.testing.assert_allclose(found.noise[5:], variance * BOX ** 2, rtol=0.06)
    assert not found.signal[found.last + 1:].any()


def test_nothing_but_noise_has_no_strength(model, noisy):
    images, rotations, shifts, contrast, _ = noisy
    rng = np.random.default_rng(1)
    noise = rng.standard_normal(images.shape).astype(np.float32)
    assert model.strength([(noise, rotations, shifts, contrast)]).last == 0


def test_scatter_and_errors_are_what_was_predicted(model, noisy):
    images, rotations, shifts, contrast, _ = noisy
    rng = np.random.default_rng(2)
    strength = model.strength([(images, rotations, shifts, contrast)])
    curves, simulated, information = model.curves(images, rotations, shifts, contrast, strength,
                                                  rng)
    # 240 particles tell a standard deviation to 5 %; single outliers add to it.
    assert peaks(simulated).std() == pytest.approx(peaks(curves).std(), rel=0.3)
    assert np.sqrt(np.mean(1 / information)) == pytest.approx(peaks(curves).std(), rel=0.3)
    found = np.array([common_change(curves[start:start + 10], information[start:start + 10])
                      for start in range(0, 240, 10)])
    # 24 groups of ten: 1 ± 0.15, a little less as the larger of two errors counts.
    assert 0.6 < np.sqrt(np.mean((found[:, 0] / found[:, 1]) ** 2)) < 1.3


def test_astigmatism_is_found(projector, model):
    rotations, shifts, contrast, rng = particles(150, 7)
    true = replace(contrast, defocus=np.column_stack([
        contrast.defocus[:, 0] + 250, contrast.defocus[:, 0] - 250, np.full(150, 25.0)]))
    spectra = white_spectra(rotations, projector, 0.2, true)
    images = simulate(rotations, shifts, projector, spectra, rng, true)
    round_ = replace(contrast, defocus=contrast.defocus * [1, 1, 0])
    strength = model.strength([(images, rotations, shifts, round_)])
    gradient, information, _, _ = model.slopes(images, rotations, shifts, round_, strength,
                                               np.zeros(150))
    components, error = astigmatism_change(gradient.sum(axis=0), information.sum(axis=0))
    expected = 250 * np.array([np.cos(np.radians(50)), np.sin(np.radians(50))])
    assert error < 100
    np.testing.assert_allclose(components, expected, atol=3 * error + 0.1 * 250)
    u, v, angle = with_astigmatism([15000, 15000, 0], 100.0, expected)
    np.testing.assert_allclose([u, v, angle], [15350, 14850, 25])


def test_fall_off_and_scale_are_found(projector, model):
    rotations, shifts, contrast, rng = particles(200, 8)
    true = replace(contrast, b_factor=np.full(200, 80.0), scale=np.full(200, 0.8))
    spectra = white_spectra(rotations, projector, 1.0, contrast)
    images = simulate(rotations, shifts, projector, spectra, rng, true)
    _, _, agreement, weights = model.slopes(images, rotations, shifts, contrast,
                                            known(spectra.noise[0] * BOX ** 2), np.zeros(200))
    scale, b_factor = strength_change(agreement.sum(axis=0), weights.sum(axis=0),
                                      model.squared_frequencies(LAST + 1))
    assert scale == pytest.approx(0.8, abs=0.03)
    assert b_factor == pytest.approx(80, abs=15)


def test_groups_of_other_voltage_have_their_own_phases(projector, model):
    rotations, shifts, contrast, rng = particles(6, 9)
    both = replace(contrast, optics=(Optics(300.0, 2.7, 0.1), Optics(200.0, 1.4, 0.1)),
                   group=np.arange(6) % 2, states=("raw", "raw"))
    images = projector.images(rotations, shifts, both)
    curves, _, _ = model.curves(images, rotations, shifts, changed(both, -600.0), known(), rng)
    np.testing.assert_allclose(peaks(curves), 600.0, atol=15)


def test_strength_at_another_defocus(model, noisy):
    images, rotations, shifts, contrast, _ = noisy
    found = model.strength([(images, rotations, shifts, changed(contrast, 700.0))], -700.0)
    right = model.strength([(images, rotations, shifts, contrast)])
    np.testing.assert_allclose(found.signal, right.signal, atol=1e-4)
    np.testing.assert_allclose(found.noise, right.noise, rtol=1e-4)
