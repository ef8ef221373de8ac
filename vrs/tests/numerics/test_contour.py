"""Suggested contour levels, against closed forms, simulated maps and maps of known contour."""

import gemmi
import mrcfile
import numpy as np
import pytest
from scipy import ndimage

from vrs.io.maps import read_map
from vrs.io.models import read_model
from vrs.numerics import fourier
from vrs.numerics.contour import VOLUME_PER_KDA, find_solvent, suggest_threshold
from vrs.numerics.model_map import model_map
from vrs.simulation.protein import mass as mass_of_protein
from vrs.tests.proteins import protein

SAMPLING = 2.0


def ball(radius=12.0, box=48, noise=0.05, density=1.0, edge=1.0, seed=0):
    """A ball with a soft edge in noise, and whether voxels are within."""
    axis = np.arange(box) - box / 2
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij", sparse=True)
    distance = np.sqrt(x * x + y * y + z * z)
    clean = density * np.clip((radius - distance) / (2 * edge) + 0.5, 0, 1)
    added = np.random.default_rng(seed).normal(0, noise, clean.shape)
    return (clean + added).astype(np.float32), distance <= radius


@pytest.mark.parametrize("level, scale", [(0.0, 1.0), (0.0, 1e-4), (-7.0, 30.0)])
def test_the_edge_of_a_ball_is_half_of_the_way_whatever_the_units(level, scale):
    volume, within = ball()
    found = suggest_threshold((level + scale * volume).astype(np.float32), SAMPLING)
    assert found.by == "contrast" and found.connected == 1
    # The mean of what is above half of the way is a little below the plateau, by the edge.
    assert (found.threshold - level) / scale == pytest.approx(0.47, abs=0.03)
    assert found.volume == pytest.approx(np.count_nonzero(within) * SAMPLING ** 3, rel=0.05)
    assert found.solvent.level == pytest.approx(level, abs=0.02 * scale)
    assert found.solvent.deviation == pytest.approx(0.05 * scale, rel=0.1)


def test_noise_is_found_whatever_the_macromolecule_adds():
    for radius in (4, 8, 16):
        found = find_solvent(ball(radius)[0])
        assert found.deviation == pytest.approx(0.05, rel=0.1)


def test_filled_corners_and_masked_surroundings_are_no_noise():
    volume, within = ball()
    corners = volume.copy()
    corners[:, :9] = 0
    assert find_solvent(corners).deviation == pytest.approx(0.05, rel=0.1)
    near = ndimage.binary_dilation(within, iterations=3)
    masked = np.where(near, volume, np.float32(0))
    assert find_solvent(masked).deviation is None
    found = suggest_threshold(masked, SAMPLING)
    assert found.volume == pytest.approx(np.count_nonzero(within) * SAMPLING ** 3, rel=0.1)


def test_levels_never_enclose_noise():
    weak, _ = ball(density=0.2)
    found = suggest_threshold(weak, SAMPLING)
    assert found.threshold >= found.solvent.level + 2.99 * found.solvent.deviation
    # Noise of 0.05 asks for 0.15, below which the mass would have to be sought.
    heavy = suggest_threshold(weak, SAMPLING, mass=1e6 / VOLUME_PER_KDA)
    assert heavy.by == "noise" and heavy.threshold == pytest.approx(0.15, abs=0.02)


def test_a_known_mass_decides():
    volume, _ = ball()
    mass = 4 / 3 * np.pi * (10 * SAMPLING) ** 3 / VOLUME_PER_KDA  # a ball within the ball
    found = suggest_threshold(volume, SAMPLING, mass)
    # Three digits of the level are kept.
    assert found.by == "mass" and found.volume / VOLUME_PER_KDA == pytest.approx(mass, rel=0.02)


def test_two_domains_are_joined_by_a_lower_level():
    box = np.zeros((40, 40, 40), np.float32)
    box[14:26, 14:26, 4:16] = box[14:26, 14:26, 24:36] = 1
    box[17:23, 17:23, 16:24] = 0.35  # the linker
    box += np.random.default_rng(2).normal(0, 0.04, box.shape).astype(np.float32)
    found = suggest_threshold(box, SAMPLING)
    assert found.by == "connectivity" and found.connected > 0.9
    # Noise of 0.04 leaves a path through the linker at a little more than its density.
    assert 0.12 < found.threshold < 0.45


def test_large_maps_are_connected_as_small_ones_are(monkeypatch):
    from vrs.numerics import contour
    volume, _ = ball()
    whole = suggest_threshold(volume, SAMPLING)
    monkeypatch.setattr(contour, "_SIDE", 20)
    assert suggest_threshold(volume, SAMPLING) == whole


def test_inverted_and_constant_maps_have_none():
    volume, _ = ball(noise=0)
    assert suggest_threshold(-volume, SAMPLING) is None
    assert suggest_threshold(np.zeros((9, 9, 9), np.float32), SAMPLING) is None


def simulated(resolution, sampling, noise):
    """A protein of known mass at a resolution, with noise up to it; and its mask."""
    structure, _ = protein()
    places = np.array([list(atom.pos) for atom in (
        found.atom for found in structure[0].all())])
    box = 2 * int(np.ceil((np.ptp(places, axis=0).max() + 40) / sampling / 2))
    moved = structure.clone()
    shift = box / 2 * sampling - (places.max(axis=0) + places.min(axis=0)) / 2
    moved[0].transform_pos_and_adp(gemmi.Transform(gemmi.Mat33(), gemmi.Vec3(*shift)))
    volume = model_map(moved, (box,) * 3, sampling, resolution)
    atoms = np.ones(volume.shape, bool)
    x, y, z = np.rint((places + shift) / sampling).astype(int).T
    atoms[z, y, x] = False
    mask = ndimage.distance_transform_edt(atoms) * sampling <= 2.5
    random = np.random.default_rng(4).normal(size=volume.shape).astype(np.float32)
    random = fourier.filtered(random, sampling, lambda squared: (
        squared <= resolution ** -2).astype(np.float32), 1)
    return volume + noise * volume[mask].mean() * random / random.std(), mask


@pytest.mark.parametrize("noise", [0, 0.1, 0.25])
@pytest.mark.parametrize("resolution, sampling, most", [(4.5, 1.5, 2.0), (8, 2.5, 1.6),
                                                        (15, 4.0, 1.6)])
def test_the_volume_of_a_protein_is_met_within_a_factor(resolution, sampling, most, noise):
    volume, mask = simulated(resolution, sampling, noise)
    mass = mass_of_protein(protein()[0])
    found = suggest_threshold(volume, sampling)
    assert 1 / most < found.volume / VOLUME_PER_KDA / mass < most
    chosen = volume >= found.threshold
    assert 2 * (chosen & mask).sum() / (chosen.sum() + mask.sum()) > 0.6
    known = suggest_threshold(volume, sampling, mass)
    # Where noise allows it, the volume is that of the mass.
    assert known.by == "noise" or known.volume / VOLUME_PER_KDA == pytest.approx(mass, rel=0.02)
    if noise < 0.2:
        assert known.by == "mass" or resolution < 5


@pytest.mark.parametrize("path, model, mass", [
    # The masses are those of the complexes, by their sequences.
    ("emd_1883_polii/emd_1883.map.mrc", "emd_1883_polii/1WCM_map_fitted.pdb.gz", 514),
    ("betagal_8bk7/betaGal.mrc", "betagal_8bk7/8bk7_docked.cif.gz", 465)])
def test_real_maps_hold_their_models(test_data, path, model, mass):
    found = read_map(str(test_data("map_model", path)), None)
    volume, sampling = found.volume, found.sampling
    suggested = suggest_threshold(volume, sampling)
    assert 1 / 1.5 < suggested.volume / VOLUME_PER_KDA / mass < 1.5
    structure = read_model(str(test_data("map_model", model))).structure
    places = np.array([list(found.atom.pos) for found in structure[0].all()]) - found.origin
    x, y, z = np.rint(places / sampling).astype(int).T
    chosen = volume >= suggested.threshold
    assert chosen[z, y, x].mean() > 0.75
    atoms = np.ones(volume.shape, bool)
    atoms[z, y, x] = False
    mask = ndimage.distance_transform_edt(atoms) * sampling <= max(2.0, 0.9 * sampling)
    assert 2 * (chosen & mask).sum() / (chosen.sum() + mask.sum()) > 0.7


def test_a_map_whose_contour_the_archive_has(test_data):
    with mrcfile.open(str(test_data("map_only", "emd_8216.map.gz"))) as file:
        volume = np.array(file.data, np.float32)
    found = suggest_threshold(volume, 0.34)  # its voxels are not cubes; their size is immaterial
    published = volume >= 0.2  # the contour of its header
    chosen = volume >= found.threshold
    assert 1 / 1.5 < chosen.sum() / published.sum() < 1.5
    assert (chosen & published).sum() / (chosen | published).sum() > 0.7
