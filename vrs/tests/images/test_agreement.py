import numpy as np
import pytest

from vrs.images.agreement import correlations, grey_fit, image_distances, soft_disc, within


@pytest.fixture(scope="module")
def pair():
    return np.random.default_rng(0).standard_normal((2, 4, 40, 40)).astype(np.float32)


def test_disc_is_one_within_the_diameter_and_falls_softly():
    disc = soft_disc(40, 20.0)
    axis = np.arange(40) - 20
    radius = np.hypot(axis, axis[:, None])
    assert np.all(disc[radius <= 10] == 1) and np.all(disc[radius >= 13] == 0)
    assert disc[20, 20 + 12] == pytest.approx(0.25, abs=1e-6)


def test_correlation_is_pearsons_with_weights(pair):
    images, references = pair
    disc = soft_disc(40, 25.0)
    found = correlations(images, references, disc)
    for image, reference, value in zip(images, references, found):
        cov = np.cov(image.ravel(), reference.ravel(), aweights=disc.ravel().astype(float))
        assert value == pytest.approx(cov[0, 1] / np.sqrt(cov[0, 0] * cov[1, 1]), abs=1e-5)
    # Nothing outside the disc counts, nor do grey values.
    changed = np.where(disc > 0, 3 * images - 7, 100)
    assert correlations(changed, references, disc) == pytest.approx(found, abs=1e-5)
    assert correlations(-images, references, disc) == pytest.approx(-found, abs=1e-6)


def test_constant_images_do_not_correlate(pair):
    disc = soft_disc(40, 25.0)
    assert correlations(np.full_like(pair[0], 2), pair[1], disc) == pytest.approx(0, abs=1e-6)
    assert np.all(correlations(pair[0], np.zeros_like(pair[1]), disc) == 0)


def test_grey_fit_finds_scale_and_offset(pair):
    disc = soft_disc(40, 25.0)
    a, b = grey_fit(2.5 * pair[1] - 4, pair[1], disc)
    assert a == pytest.approx(2.5, abs=1e-4) and b == pytest.approx(-4, abs=1e-4)
    # Noise that is not correlated leaves the residual uncorrelated with the reference.
    a, b = grey_fit(pair[0], pair[1], disc)
    residual = pair[0] - a[:, None, None] * pair[1] - b[:, None, None]
    assert correlations(residual.astype(np.float32), pair[1], disc) == pytest.approx(0, abs=1e-4)
    assert np.tensordot(residual, disc, 2) == pytest.approx(0, abs=1e-2)


def test_within_takes_the_mean_of_the_disc_away(pair):
    disc = soft_disc(40, 25.0)
    found = within(pair[0] + 5, disc)
    assert found.sum(axis=(1, 2)) == pytest.approx(0, abs=1e-2)
    assert np.all(found[:, disc == 0] == 0)


def test_image_distance_is_the_double_sum_of_its_definition(pair):
    disc = soft_disc(40, 22.0)
    images, references = pair
    found = image_distances(images, references, disc)
    y, x = np.indices(disc.shape).reshape(2, -1)
    squared = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2
    kernel = np.exp(-squared / 2) / (2 * np.pi)
    a, b = grey_fit(images, references, disc)
    for image, reference, a_of, b_of, value in zip(images, references, a, b, found):
        left = ((image - a_of * reference - b_of) * disc).ravel()
        variance = np.cov(image.ravel(), aweights=disc.ravel().astype(float), ddof=0)
        # The transform of g at whole pixels differs from that of g by .7 % at Nyquist.
        assert value == pytest.approx(np.sqrt(left @ kernel @ left / variance), rel=4e-3)


def test_image_distance_ignores_grey_values(pair):
    disc = soft_disc(40, 22.0)
    images, references = pair
    found = image_distances(images, references, disc)
    assert image_distances(-3 * images + 5, references, disc) == pytest.approx(found, rel=1e-3)
    assert image_distances(references * 2 - 1, references, disc) == pytest.approx(0, abs=1e-2)
    assert np.all(image_distances(np.zeros_like(images), references, disc) == 0)
