import numpy as np
import pytest
from scipy import fft, special, stats

from vrs.numerics import local_sinusoids
from vrs.numerics.fourier import filtered
from vrs.numerics.local_sinusoids import sinusoid_resolution
from vrs.tests.checks.level_1.uneven import uneven_halves
from vrs.tests.checks.phantoms import central_box

SAMPLING = 1.5
SHAPE = (48, 54, 50)


def noise(seed, shape=SHAPE, rise=20.0):
    """Noise whose amplitude rises with the square of the frequency."""
    white = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return filtered(white, SAMPLING, lambda f2: 1 + rise * f2)


@pytest.fixture(scope="module")
def uneven():
    return uneven_halves(SHAPE, SAMPLING, 4.0, 6.0)


@pytest.fixture(scope="module")
def found(uneven):
    return sinusoid_resolution(*uneven[:3], SAMPLING)[0]


def test_statistic_is_that_of_the_least_squares_fit(monkeypatch):
    # Definition: the part of the map explained by the 16 windowed functions about a voxel.
    size, frequency = 36, 0.15
    voxels = ((17, 20, 15), (3, 30, 25), (20, 8, 10))
    volume = np.random.default_rng(2).normal(size=(size,) * 3).astype(np.float32)
    z, y, x = np.meshgrid(*[fft.fftfreq(size, 1 / size)] * 3, indexing="ij")
    radius = np.sqrt(x ** 2 + y ** 2 + z ** 2)
    polar, azimuth = np.arccos(z / np.maximum(radius, 1e-9)), np.arctan2(y, x)
    window = np.exp(-0.5 * (radius * frequency / 0.35) ** 2)
    cycles = np.sqrt(sum(f ** 2 for f in np.meshgrid(*[fft.fftfreq(size)] * 3, indexing="ij")))
    passed = np.sin(np.pi / 2 * np.clip((cycles / frequency - 0.8) / 0.2, 0, 1)) ** 2
    passed *= cycles <= 0.5
    basis = []
    for degree in range(4):
        for order in range(degree + 1):
            angular = special.lpmv(order, degree, np.cos(polar)) * np.exp(1j * order * azimuth)
            wave = window * special.spherical_jn(degree, 2 * np.pi * frequency * radius) * angular
            for part in (wave.real, wave.imag)[:2 if order else 1]:
                basis.append(fft.ifftn(fft.fftn(part) * passed).real.ravel())
    orthonormal, _ = np.linalg.qr(np.array(basis).T)
    expected = [np.sum((orthonormal.T @ np.roll(
        volume, [-v for v in voxel], (0, 1, 2)).ravel()) ** 2) for voxel in voxels]

    # Three deviations of the window's transform are kept otherwise, which differs by some percent.
    monkeypatch.setattr(local_sinusoids, "_REACH", 6.0)
    spectrum = fft.rfftn(volume)
    spectrum[cycles[:, :, :size // 2 + 1] > 0.5] = 0
    statistic, _ = local_sinusoids._statistic(spectrum, np.ones(volume.shape, bool), frequency, 1)
    found = [statistic.reshape(volume.shape)[voxel] for voxel in voxels]
    # The functions of a degree are scaled by their mean norm, which on so small a grid differ.
    np.testing.assert_allclose(found, expected, rtol=0.01)


@pytest.mark.parametrize("frequency", [0.08, 0.2, 0.35, 0.5])
def test_statistic_of_noise_is_chi_squared(frequency):
    mask = np.ones((72,) * 3, bool)
    whitened = local_sinusoids._whitened(noise(1, mask.shape), noise(2, mask.shape), mask, 1)
    statistic, _ = local_sinusoids._statistic(whitened, mask, frequency, 1)
    # Long waves have few independent places; interpolated ones are a little smoother.
    assert statistic.mean() == pytest.approx(16, rel=0.06)
    assert np.mean(statistic > stats.chi2.isf(0.05, 16)) == pytest.approx(0.05, abs=0.02)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_noise_is_not_resolved(seed):
    mask = central_box(SHAPE, 2)
    local, resolved = sinusoid_resolution(noise(seed), noise(seed + 10), mask, SAMPLING)
    assert resolved[mask].mean() < 0.05
    assert np.median(local[mask]) == pytest.approx(20 * SAMPLING)


@pytest.mark.parametrize("seed", [1, 3])
def test_noise_of_uneven_strength_is_not_resolved(seed):
    strength = np.linspace(1, 2, SHAPE[2], dtype=np.float32)
    mask = central_box(SHAPE, 2)
    _, resolved = sinusoid_resolution(noise(seed) * strength, noise(seed + 1) * strength, mask,
                                      SAMPLING)
    assert resolved[mask].mean() < 0.05


@pytest.mark.parametrize("wavelength", [5.0, 9.0])
def test_a_wave_is_found_at_its_wavelength(wavelength):
    z, y, x = np.ogrid[tuple(slice(n) for n in SHAPE)]
    direction = np.array([2.0, 1.0, 2.0]) / 3
    wave = 3 * np.sin(2 * np.pi * SAMPLING / wavelength
                  * (direction[0] * z + direction[1] * y + direction[2] * x)).astype(np.float32)
    mask = central_box(SHAPE)
    local, resolved = sinusoid_resolution(wave + noise(1), wave + noise(2), mask, SAMPLING)
    assert resolved[mask].mean() > 0.98
    # A strong wave is felt until the filter has left it behind, at 0.8 of its wavelength.
    assert 0.78 * wavelength < np.median(local[mask]) < wavelength


def test_values_are_not_quantised(uneven, found):
    values = found[uneven.inside]
    at_steps = np.isin(np.round(values, 4), np.round(np.unique(values)[[0, -1]], 4))
    assert len(np.unique(np.round(values[~at_steps], 2))) > 100


def test_frequencies_taken_out_are_not_found():
    halves = uneven_halves(SHAPE, SAMPLING, 4.0, 4.5)
    low_passed = [filtered(half, SAMPLING, lambda f2: f2 < 1 / 7 ** 2) for half in halves[:2]]
    local, _ = sinusoid_resolution(*low_passed, halves.inside, SAMPLING)
    values = local[halves.inside]
    # Up to the point where the filter has left the last frequencies behind.
    assert np.isfinite(values).all() and values.min() > 0.75 * 7


def test_identical_halves():
    half = noise(1)
    with pytest.raises(ValueError, match="do not differ"):
        sinusoid_resolution(half, half, central_box(SHAPE), SAMPLING)


@pytest.mark.parametrize("constant", [0.0, 3.0])
def test_constant_surroundings_are_not_resolved(uneven, constant):
    halves = [half.copy() for half in uneven[:2]]
    for half in halves:
        half[:, :, 34:] = constant
    mask = uneven.inside.copy()
    mask[:, :, 34:] = True
    local, resolved = sinusoid_resolution(*halves, mask, SAMPLING)
    assert np.isfinite(local).all()
    assert not resolved[:, :, 36:48].any()
    assert np.median(local[uneven.fine_domain]) < 6


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_scale_does_not_matter(uneven, found, scale):
    scaled, _ = sinusoid_resolution(*(half * np.float32(scale) for half in uneven[:2]),
                                    uneven.inside, SAMPLING)
    assert np.percentile(np.abs(scaled - found), 99.9) < 0.01


@pytest.mark.parametrize("turn", [lambda a: a.transpose(2, 0, 1), lambda a: np.rot90(a, 1, (0, 2))],
                         ids=["permuted", "rotated"])
def test_orientation_does_not_matter(uneven, found, turn):
    expected = turn(found)
    turned, _ = sinusoid_resolution(*(np.ascontiguousarray(turn(a)) for a in uneven[:3]), SAMPLING)
    inside = expected > 0
    # Coarse grids and the margin lie differently about the turned mask.
    assert np.median(np.abs(turned - expected)[inside]) < 0.03
    assert np.median(turned[inside]) == pytest.approx(np.median(expected[inside]), rel=0.01)
