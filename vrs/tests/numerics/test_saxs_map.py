import numpy as np
import pytest
from scipy import ndimage

from vrs.io.saxs import read_saxs
from vrs.numerics.model_map import model_map
from vrs.numerics.saxs import SaxsCurve, guinier_fit
from vrs.numerics.saxs_map import fit_map, solvated_mask
from vrs.numerics.saxs_model import model_mass
from vrs.tests.numerics.test_saxs_model import tetramer

SAMPLING = 2.0
SHAPE = (56, 60, 72)
Q = np.linspace(0.01, 0.25, 150)
RADIUS, APART = 20.0, 44.0


def two_balls(count=2):
    """Two balls of 20 Å that touch by a bridge, or one of them."""
    grid = np.meshgrid(*(np.arange(size) * SAMPLING for size in SHAPE), indexing="ij")
    mask = np.zeros(SHAPE, bool)
    for place in range(count):
        centre = (56, 60, 72 + (place - 0.5) * APART)
        mask |= sum((axis - value) ** 2 for axis, value in zip(grid, centre)) < RADIUS ** 2
    if count == 2:
        mask[26:31, 28:33, 30:43] = True
    return mask


def as_map(mask, resolution=8.0, noise=0.0, seed=0):
    """Density of 1 at the resolution, with smooth noise."""
    sigma = 0.225 * resolution / SAMPLING
    volume = ndimage.gaussian_filter(mask.astype(np.float32), sigma)
    rough = ndimage.gaussian_filter(np.random.default_rng(seed).normal(
        size=mask.shape).astype(np.float32), sigma / 2)
    return volume + noise * rough / rough.std()


def curve_of(mask, contrast=0.01, error=0.01):
    intensity = solvated_mask(mask, SAMPLING, Q[-1]).intensity(Q, contrast)
    intensity /= intensity[0]
    sigma = error * np.sqrt(intensity) + 2e-5
    return SaxsCurve(Q, intensity + sigma * np.random.default_rng(1).normal(size=len(Q)), sigma)


@pytest.fixture(scope="module")
def dimer():
    return two_balls()


@pytest.fixture(scope="module")
def curve(dimer):
    return curve_of(dimer)


def mass_of(mask):
    return np.count_nonzero(mask) * SAMPLING ** 3 / 1.21


@pytest.mark.parametrize("mass_known", [True, False])
@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.65])
def test_the_right_map_fits(dimer, curve, threshold, mass_known):
    volume = as_map(dimer)
    found = fit_map(curve, volume, SAMPLING, threshold, 8.0,
                    mass_of(dimer) if mass_known else None)
    assert found.fit.chi2 < 1.5
    assert found.fit.cormap_p_value > 0.001
    guinier = guinier_fit(curve)
    assert found.fit.guinier_radius(curve, guinier) == pytest.approx(guinier.radius, rel=0.02)
    assert found.fit.particle.diameter == pytest.approx(2 * RADIUS + APART, rel=0.05)
    assert found.expected_volume == pytest.approx(
        np.count_nonzero(dimer) * SAMPLING ** 3 if mass_known else found.given_volume)
    assert found.volume == pytest.approx(np.count_nonzero(dimer) * SAMPLING ** 3, rel=0.12)
    # The level that is given back encloses as much in the map as it is.
    assert np.count_nonzero(volume >= found.threshold) * SAMPLING ** 3 == pytest.approx(
        found.volume, rel=0.02)
    assert len(found.volumes) == len(found.chi2) and found.fit.chi2 in found.chi2


def test_noise_and_dust_do_not_matter(dimer, curve):
    volume = as_map(dimer, noise=0.08)
    volume[3:6, 3:6, 3:6] = 3.0
    found = fit_map(curve, volume, SAMPLING, 0.5, 8.0, mass_of(dimer))
    assert found.fit.chi2 < 2
    assert found.fit.particle.diameter < 2 * RADIUS + APART + 10


@pytest.mark.parametrize("mass_known", [True, False])
def test_the_map_of_a_monomer_does_not_fit_the_curve_of_a_dimer(dimer, curve, mass_known):
    monomer = two_balls(1)
    found = fit_map(curve, as_map(monomer), SAMPLING, 0.5, 8.0,
                    mass_of(monomer) if mass_known else None)
    assert found.fit.chi2 > 20 and found.fit.cormap_p_value < 1e-6
    guinier = guinier_fit(curve)
    assert found.fit.guinier_radius(curve, guinier) < 0.8 * guinier.radius


@pytest.mark.parametrize("mass_known", [True, False])
def test_the_map_of_a_dimer_does_not_fit_the_curve_of_a_monomer(dimer, mass_known):
    curve = curve_of(two_balls(1))
    found = fit_map(curve, as_map(dimer), SAMPLING, 0.5, 8.0,
                    mass_of(dimer) if mass_known else None)
    assert found.fit.chi2 > 20 and found.fit.cormap_p_value < 1e-6


def test_a_mass_that_is_not_in_the_map_is_not_made_up(dimer, curve):
    monomer = two_balls(1)
    found = fit_map(curve, as_map(monomer), SAMPLING, 0.5, 8.0, 3 * mass_of(monomer))
    # No more than twice what the given level encloses.
    assert found.volume == pytest.approx(2 * found.given_volume, rel=0.05)
    assert len(found.volumes) == 1 and found.fit.chi2 > 20


def test_a_wrong_voxel_size_is_seen(dimer, curve):
    right = fit_map(curve, as_map(dimer), SAMPLING, 0.5, 8.0, mass_of(dimer))
    wrong = fit_map(curve, as_map(dimer), 1.08 * SAMPLING, 0.5, 8.0, mass_of(dimer))
    # Errors of 1 %; the contour makes up for much of it.
    assert wrong.fit.chi2 > 2.5 * right.fit.chi2


@pytest.mark.parametrize("factor", [0.5, 0.7, 1.7])
def test_other_voxels_give_the_same(dimer, curve, factor):
    volume = ndimage.zoom(as_map(dimer), 1 / factor, order=1)
    found = fit_map(curve, volume, SAMPLING * factor, 0.5, 8.0, mass_of(dimer))
    assert found.fit.chi2 < 1.6
    assert found.volume == pytest.approx(np.count_nonzero(dimer) * SAMPLING ** 3, rel=0.12)


def test_the_resolution_bounds_the_range(dimer, curve):
    found = fit_map(curve, as_map(dimer, 16.0), SAMPLING, 0.5, 16.0, mass_of(dimer))
    assert found.fit.curve.q[-1] <= 0.125 and len(found.fit.curve) == 72


def test_a_particle_at_the_border_and_a_cavity(dimer):
    shell = np.zeros((40, 40, 40), bool)
    grid = np.meshgrid(*(np.arange(40) * SAMPLING - 39,) * 3, indexing="ij")
    square = sum(axis ** 2 for axis in grid)
    shell[(square < 38 ** 2) & (square > 22 ** 2)] = True
    particle = solvated_mask(shell, SAMPLING, 0.25)
    moments = [38.0 ** n - 22.0 ** n for n in (3, 5)]
    # A cavity of water stays one, up to the steps of voxels.
    assert particle.radius_of_gyration(0) == pytest.approx(
        np.sqrt(0.6 * moments[1] / moments[0]), rel=0.01)
    dotted = shell.copy()
    dotted[20, 20, 6] = False
    assert solvated_mask(dotted, SAMPLING, 0.25).volume == particle.volume


def test_what_cannot_be_fitted(dimer, curve):
    with pytest.raises(ValueError, match="No voxel"):
        fit_map(curve, as_map(dimer), SAMPLING, 5.0, 8.0)
    with pytest.raises(ValueError, match="too few"):
        fit_map(curve[:3], as_map(dimer), SAMPLING, 0.5, 8.0)


@pytest.mark.parametrize("resolution, sampling, mass_known",
                         [(5.0, 1.6, True), (8.0, 2.5, False)])
def test_maps_of_glucose_isomerase(test_data, resolution, sampling, mass_known):
    measured = read_saxs(test_data("saxs", "glucose_isomerase.dat")).curve
    structure = tetramer(test_data)
    positions = np.array([site.atom.pos.tolist() for site in structure[0].all()])
    for site, place in zip(structure[0].all(), positions - positions.min(axis=0) + 25):
        x, y, z = place
        site.atom.pos.x, site.atom.pos.y, site.atom.pos.z = x, y, z
    box = int(np.ceil((np.ptp(positions, axis=0).max() + 50) / sampling))
    volume = model_map(structure, (box,) * 3, sampling, resolution)
    mass = model_mass(structure)
    threshold = np.sort(volume, axis=None)[-int(1.15 * 1.21 * mass / sampling ** 3)]
    found = fit_map(measured, volume, sampling, threshold, resolution,
                    mass if mass_known else None)
    # 1.30 and 1.24 by AUSAXS; the map's own transform has 233 and 226.
    assert found.fit.chi2 < 1.3
    assert found.fit.cormap_p_value > 0.01
    guinier = guinier_fit(measured)
    assert found.fit.guinier_radius(measured, guinier) == pytest.approx(guinier.radius, rel=0.02)
