import gemmi
import numpy as np
import pytest
from scipy import ndimage

from vrs.checks.level_0 import hand
from vrs.checks.level_A import daq

torch = pytest.importorskip("torch", reason="the simulation of the training needs torch")
structures = pytest.importorskip("training.structures")
simulation = pytest.importorskip("training.simulation")


@pytest.fixture(scope="module")
def scene(bank):
    return simulation.place([bank.get(0)], np.random.default_rng(1), 1.0, 12.0, 60.0)


def conditions(**changes):
    plain = dict(resolution=3.5, fall_off=60.0, uneven=0.0, sharpened=0.0, weighted=False,
                 ends=False, masked=False, solvent=0.0, noise=1.0)
    return simulation.Conditions(**dict(plain, **changes))


def test_density_is_that_of_gemmi(scene):
    """Up to 2.5 Å the two may differ by their tables of form factors only."""
    b_factor, sampling = 30.0, scene.sampling
    volume = simulation.to_map(simulation.structure_factors(scene, b_factor), scene.shape)
    model, chain, residue = gemmi.Model(1), gemmi.Chain("A"), gemmi.Residue()
    for position, element in zip(scene.atoms["pos"].tolist(), scene.atoms["el"].tolist()):
        atom = gemmi.Atom()
        atom.name, atom.element = "X", gemmi.Element(structures.ELEMENTS[element])
        atom.pos, atom.occ = gemmi.Position(*position), 1.0
        atom.b_iso = b_factor + 40  # gemmi's grid needs the blur too
        residue.add_atom(atom)
    chain.add_residue(residue)
    model.add_chain(chain)
    calculator = gemmi.DensityCalculatorE()
    sides = scene.shape[::-1]
    calculator.grid.unit_cell = gemmi.UnitCell(*(side * sampling for side in sides), 90, 90, 90)
    calculator.grid.spacegroup = gemmi.SpaceGroup("P 1")
    calculator.grid.set_size(*sides)
    calculator.d_min = 2.0
    calculator.add_model_density_to_grid(model)
    expected = torch.from_numpy(np.array(calculator.grid, copy=False).T.copy())
    radius = simulation.grid_of(scene.shape, sampling).radius.cpu()
    transform = torch.fft.rfftn(expected) * torch.exp(40 / 4 * radius ** 2) * (radius < 0.4)
    expected = torch.fft.irfftn(transform, s=scene.shape).numpy()
    found = torch.fft.rfftn(volume).cpu() * (radius < 0.4)
    found = torch.fft.irfftn(found, s=scene.shape).numpy()
    assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.999
    assert found.std() == pytest.approx(expected.std(), rel=0.03)


def test_noise_has_three_times_the_power_of_the_signal_at_the_resolution(scene):
    torch.manual_seed(0)
    clean, mask = simulation.simulate_map(scene, conditions(noise=0.0), np.random.default_rng(2))
    noisy, _ = simulation.simulate_map(scene, conditions(), np.random.default_rng(2))
    radius = simulation.grid_of(scene.shape, 1.0).radius
    signal, noise = (simulation.band_power(torch.fft.rfftn(volume), radius, 1 / 3.5)
                     for volume in (clean, noisy - clean))
    assert float(signal / noise / mask.float().mean()) == pytest.approx(1 / 3, rel=0.02)


@pytest.mark.parametrize("draw", ["plain_conditions", "varied_conditions"])
def test_maps_of_all_conditions_show_the_molecule(scene, draw):
    rng = np.random.default_rng(3)
    torch.manual_seed(3)
    for _ in range(4):
        volume, mask = simulation.simulate_map(
            scene, getattr(simulation, draw)(rng, 3.5), rng)
        assert torch.isfinite(volume).all()
        # Noise is strong in single voxels, which sharpening makes worse; in 8 Å it is not.
        smooth = simulation.gaussian(volume, 2.0, 1.0)
        assert smooth[mask].mean() > smooth[~mask].mean() + smooth[~mask].std()


def test_two_structures_touch_and_do_not_overlap(bank):
    rng = np.random.default_rng(4)
    placed = simulation.place([bank.get(0), bank.get(0)], rng, 1.0, 8.0, 1000.0)
    first, second = placed.atoms["pos"].chunk(2)
    assert 0.9 < float(torch.cdist(first, second).min()) < 12


def test_scenes_are_cut_to_their_size_and_lie_in_the_box(bank):
    placed = simulation.place([bank.get(0)], np.random.default_rng(5), 1.0, 8.0, 24.0)
    positions = placed.atoms["pos"]
    assert float((positions.amax(0) - positions.amin(0)).max()) <= 24.0
    assert (positions.amin(0) >= 7).all()
    assert (positions.amax(0) <= torch.tensor(placed.shape[::-1]) - 7).all()
    count = len(positions)
    assert all(len(placed.atoms[key]) == count for key in ("el", "b", "kind", "rem"))


def test_distance_to_atoms(scene):
    empty = np.ones(scene.shape, bool)
    z, y, x = np.rint(scene.atoms["pos"].cpu().numpy()[:, ::-1]).astype(int).T
    empty[z, y, x] = False
    expected = ndimage.distance_transform_edt(empty)
    found = simulation.distance_to_atoms(scene, 8.0).cpu().numpy()
    near = expected <= 8
    assert found[near] == pytest.approx(expected[near], abs=1e-4)
    assert (found[~near] > 8).all()


def test_labels_of_helices(scene):
    labels = simulation.label_helices(scene).cpu().numpy()
    core, rim = (scene.atoms[key].cpu().numpy() for key in ("core", "rim"))
    for voxel in np.random.default_rng(6).integers(0, scene.shape, (300, 3)):
        to_core, to_rim = (np.linalg.norm(points - voxel[::-1], axis=1).min()
                           for points in (core, rim))
        expected = 1 if to_core <= 2 else 2 if to_rim <= 3.5 else 0
        assert labels[tuple(voxel)] == expected


def test_networks_see_in_training_what_the_items_show_them(scene):
    torch.manual_seed(7)
    volume, mask = simulation.simulate_map(scene, conditions(), np.random.default_rng(7))
    plain = volume.cpu().numpy()
    density = hand.low_pass(plain, 1.0)
    expected = np.maximum(density, 0) / hand.local_scale(density, 1.0)
    found = simulation.seen_by_hand(volume).cpu().numpy()
    # The item's blur ends with the box, the training's is periodic: equal where the molecule is.
    inside = mask.cpu().numpy()
    assert found[inside] == pytest.approx(expected[inside], abs=0.02)
    expected = daq.what_the_network_sees(plain, 1.0, inside)
    found = simulation.seen_by_daq(volume, mask).cpu().numpy()
    assert found == pytest.approx(expected, abs=0.01)
    points = scene.atoms["ca"][:20] + 0.3
    boxes = simulation.spline_boxes(torch.from_numpy(expected), points.cpu(), 11).numpy()
    assert boxes == pytest.approx(np.concatenate(list(
        daq.boxes_around(expected, 1.0, points.cpu().numpy()))), abs=0.01)
