import numpy as np
import pytest

from vrs.images.noise import ImageSpectra, measure_spectra, simulate, white_spectra
from vrs.images.projector import Projector
from vrs.tests.images.test_search import BOX, DIAMETER, SAMPLING, particles, protein


@pytest.fixture(scope="module")
def projector():
    return Projector(protein(), SAMPLING, BOX)


SHELLS = np.arange(BOX // 2 + 1)


@pytest.fixture(scope="module")
def spectra():
    return ImageSpectra(0.3 * np.exp(-SHELLS / 20), 2.0 + 8 / (1 + SHELLS), None, None)


def test_what_is_put_in_is_measured(projector, spectra):
    rotations, shifts, contrast, rng = particles(400, 1)
    images = simulate(rotations, shifts, projector, spectra, rng, contrast)
    found = measure_spectra(images, rotations, shifts, projector, DIAMETER, contrast)
    # The edge of the disc mixes neighbouring shells.
    assert found.noise[3:-1] == pytest.approx(spectra.noise[3:-1], rel=0.06)
    assert found.signal[2:16] == pytest.approx(spectra.signal[2:16], rel=0.1)
    clean = simulate(rotations, shifts, projector,
                     ImageSpectra(spectra.signal, 0 * spectra.noise, None, None), rng, contrast)
    assert found.snr == pytest.approx(clean.var() / (images - clean).var(), rel=0.1)
    transform = np.abs(np.fft.rfft2(images)) ** 2
    axis = np.fft.fftfreq(BOX, 1 / BOX)
    shells = np.rint(np.hypot(axis[:, None], axis[:BOX // 2 + 1]))
    # Columns 1 to 31 count twice.
    inner = (shells == 12)[:, 1:-1]
    mean = (transform[:, :, 1:-1][:, inner].mean() / BOX ** 2)
    assert found.power[12] == pytest.approx(mean, rel=0.03)


def test_wrong_poses_show_no_signal(projector, spectra):
    rotations, shifts, contrast, rng = particles(200, 2)
    images = simulate(rotations, shifts, projector, spectra, rng, contrast)
    right = measure_spectra(images, rotations, shifts, projector, DIAMETER, contrast)
    wrong = measure_spectra(images, rotations[::-1], shifts, projector, DIAMETER, contrast)
    assert wrong.snr < 0.5 * right.snr


@pytest.mark.parametrize("snr", [0.2, 0.05])
def test_white_noise_of_a_given_ratio(projector, snr):
    rotations, shifts, contrast, rng = particles(150, 3)
    spectra = white_spectra(rotations, projector, snr, contrast)
    images = simulate(rotations, shifts, projector, spectra, rng, contrast)
    clean = projector.images(rotations, shifts, contrast)
    noise = images - clean
    assert clean.var() / noise.var() == pytest.approx(snr, rel=0.02)
    assert np.corrcoef(noise[0, :, :-1].ravel(), noise[0, :, 1:].ravel())[0, 1] < 0.06
    found = measure_spectra(images, rotations, shifts, projector, DIAMETER, contrast)
    assert found.snr == pytest.approx(snr, rel=0.1)


def test_noise_of_premultiplied_images_has_the_zeros_of_the_ctf(projector):
    rotations, shifts, contrast, rng = particles(150, 4)
    contrast = contrast.in_state("premultiplied")
    spectra = white_spectra(rotations, projector, 0.05, contrast)
    images = simulate(rotations, shifts, projector, spectra, rng, contrast)
    noise = images - projector.images(rotations, shifts, contrast)
    plane = projector.plane
    values = plane.coefficients(noise) / BOX
    ctf = contrast.in_state("raw").values(plane.frequencies(SAMPLING))
    band = plane.shells > 10
    power, squared = np.abs(values[:, band]) ** 2, ctf[:, band] ** 2
    # Power is proportional to CTF².
    low, high = power[squared < 0.02].mean(), power[squared > 0.9].mean()
    assert low < 0.05 * high
    assert power.mean() == pytest.approx(spectra.noise[0], rel=0.05)


def test_a_disc_that_fills_the_box_is_refused(projector):
    rotations, shifts, contrast, rng = particles(3, 5)
    with pytest.raises(ValueError, match="nothing"):
        measure_spectra(np.zeros((3, BOX, BOX), np.float32), rotations, shifts, projector,
                        1.4 * BOX, contrast)
