import numpy as np
import pytest
from scipy import ndimage

from vrs.checks import InputFile, ValidationInput
from vrs.checks.level_1.half_maps import describe_half_maps
from vrs.numerics import fourier
from vrs.tests.checks import phantoms

SAMPLING = 1.5
SHAPE = (72, 64, 68)
FILES = [InputFile("Half map 1", "a.mrc", "1"), InputFile("Half map 2", "b.mrc", "2")]


@pytest.fixture(scope="module")
def halves():
    half1, half2, *_ = phantoms.two_domain_halves(SHAPE, SAMPLING, 5.0, 6.0, noise=0.3)
    return half1, half2


@pytest.fixture(scope="module")
def mask():
    _, inside = phantoms.structure(SHAPE, SAMPLING)
    return ndimage.binary_dilation(inside, iterations=2)


def warnings(half1, half2, mask, volume=None):
    mean = (half1 + half2) / 2
    data = ValidationInput(mean if volume is None else volume, SAMPLING, 0.1, 6.0, mask,
                           half1=half1, half2=half2)
    described = describe_half_maps(data, FILES)
    assert described.files == FILES
    return [note.text for note in described.notes if note.severity == "warning"]


def test_sound_halves_give_no_warning(halves, mask):
    assert warnings(*halves, mask) == []


def test_the_mean_is_recognised_whatever_its_scale(halves, mask):
    data = ValidationInput(3 * (halves[0] + halves[1]) + 1, SAMPLING, 0.1, 6.0, mask,
                           half1=halves[0], half2=halves[1])
    assert "sum or the mean" in describe_half_maps(data, FILES).notes[0].text


def test_a_sharpened_and_masked_mean_is_recognised(halves, mask):
    mean = (halves[0] + halves[1]) / 2
    sharpened = fourier.filtered(mean, SAMPLING, lambda f2: np.exp(60 * f2 / 4)) * mask
    assert warnings(*halves, mask, sharpened) == []


def test_halves_of_another_map(halves, mask):
    other = phantoms.structure(SHAPE, SAMPLING, seed=9)[0]
    [text] = warnings(*halves, mask, other)
    assert "do not sum to the map" in text


def test_mirrored_halves_do_not_sum_to_the_map(halves, mask):
    [text] = warnings(halves[0], halves[1], mask, np.ascontiguousarray(
        ((halves[0] + halves[1]) / 2)[:, :, ::-1]))
    assert "do not sum to the map" in text


def test_zeroed_solvent(halves, mask):
    texts = warnings(halves[0] * mask, halves[1] * mask, mask)
    assert any("masked" in text and "exactly zero" in text for text in texts)


def test_solvent_that_was_softly_masked(halves, mask):
    soft = np.clip(ndimage.gaussian_filter(mask.astype(np.float32), 2), 1e-3, 1)
    texts = warnings(halves[0] * soft, halves[1] * soft, mask)
    assert any("next to no noise" in text for text in texts)


def test_low_passed_halves(halves, mask):
    cut = [fourier.filtered(half, SAMPLING, lambda f2: f2 < 5.0 ** -2) for half in halves]
    texts = warnings(*cut, mask)
    assert any("low-passed" in text and "beyond 4.9" in text for text in texts)


def test_halves_that_share_noise(halves, mask):
    shared = np.random.default_rng(3).normal(scale=0.12, size=SHAPE).astype(np.float32)
    texts = warnings(halves[0] + shared, halves[1] + shared, mask)
    assert any("do not look independent" in text for text in texts)


def test_halves_without_any_signal(mask):
    rng = np.random.default_rng(4)
    noise = [rng.normal(size=SHAPE).astype(np.float32) for _ in range(2)]
    assert warnings(*noise, mask) == []
