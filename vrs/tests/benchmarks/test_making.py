"""What the sets of the bench are made of is what they say."""

from dataclasses import replace

import numpy as np
import pytest

from vrs.io.models import atom_positions

# The bench is in the checkout and not in the installed package.
making = pytest.importorskip("benchmarks.verdicts.making")
faults = pytest.importorskip("benchmarks.verdicts.faults")
sets = pytest.importorskip("benchmarks.verdicts.sets")
structures = pytest.importorskip("benchmarks.verdicts.structures")

ONE = sets.VerdictSet("rcc1", 5.0, 2.0, "test")


@pytest.fixture(scope="module")
def made(test_data):
    test_data("structures")
    return making.make(ONE)


@pytest.fixture(scope="module")
def scene(test_data):
    test_data("structures")
    structure = structures.load("rcc1")
    box = making._room(structure, ONE)
    making._place(structure, box, ONE.sampling)
    return making.Scene(ONE, structure, box, 1)


def test_there_are_enough_sets_of_both_kinds_and_parts():
    assert len(sets.SETS) == len(sets.SOUND) + len(sets.FAULTY)
    assert min(len(sets.SOUND), len(sets.FAULTY)) >= 45
    assert {one.fault for one in sets.FAULTY} == set(faults.FAULTS)
    parts = [one.part for one in sets.SETS.values()]
    assert 0.4 < parts.count(structures.SETTING) / len(parts) < 0.6


def test_resolution_is_that_of_the_half_maps(made, scene):
    # One shell of this box is 0.26 Å wide at 5 Å, and the FSC of a shell is uncertain.
    assert made.truth["true_resolution"] == pytest.approx(5.0, abs=0.5)
    assert made.resolution == round(scene.resolution_of(made.half1, made.half2), 2)


def test_noise_is_independent_and_fills_the_solvent(made, scene):
    around = ~scene.hard
    noises = [half[around] for half in (made.half1, made.half2)]
    # The solvent has some 10⁵ voxels, of which noise leaves at least a tenth independent.
    assert abs(np.corrcoef(*noises)[0, 1]) < 0.05
    assert noises[0].std() > 0.1 * made.half1[scene.hard].std()


def test_noise_that_is_shared_correlates_by_half(scene):
    one = replace(ONE, fault="halves_shared")
    rng = np.random.default_rng(1)
    noises = [rng.standard_normal(scene.shape, np.float32) for _ in range(2)]
    halves = faults.spoil_halves(one, noises, noises, scene, rng)
    assert np.corrcoef(*[half.ravel() for half in halves])[0, 1] == pytest.approx(0.5, abs=0.01)
    assert halves[1].std() == pytest.approx(1, abs=0.01)


def test_sampling_by_views_is_that_of_their_great_circles():
    """Views within the cap leave a cone empty; side views sample θ from z as 2 / (π sin θ)."""
    cone = making._views("cone20", np.random.default_rng(1))
    empty = np.mean(cone.sampling == 0)
    # A cone and its opposite hold 1 - cos 20° of the sphere; sections have some width.
    assert empty == pytest.approx(1 - np.cos(np.radians(20)), abs=0.03)
    side = making._views("side", np.random.default_rng(1))
    assert np.median(side.sampling) == pytest.approx(2 / np.pi / np.sin(np.radians(60)), rel=0.05)
    # Perpendicular to z it is 0.637, counted on some 130 views.
    assert np.quantile(side.sampling, 0.02) > 0.637 * 0.8


def test_where_no_view_is_nothing_is_measured(scene):
    signal, noises = scene.reconstructed(making._views("cone35", np.random.default_rng(2)),
                                         np.random.default_rng(3))
    powers = [np.abs(np.fft.rfftn(volume))[1:, 1:, 1:] for volume in [signal] + noises]
    # Of the coefficients 1 - cos 35° have none of either, but for the rounding of float32.
    for power in powers:
        assert np.mean(power < 1e-5 * power.max()) == pytest.approx(0.18, abs=0.04)


def test_noise_has_the_symmetry_and_its_strength():
    white = np.random.default_rng(1).standard_normal((24, 24, 24))
    for fold in (2, 4):
        volume = making.symmetrised(white, fold)
        x = (np.arange(24) - 12)
        turned = volume[:, x[:, None] + 12, (-x[None] + 12) % 24].transpose(0, 2, 1)
        if fold == 4:
            np.testing.assert_allclose(volume, turned, atol=1e-12)
        assert np.var(volume) == pytest.approx(1, abs=0.05)


def test_out_of_register_is_where_the_next_but_one_was(made):
    before = made.model.clone()
    model = faults._out_of_register(1.0)(made.model.clone(), ONE, None)
    old, new = (structures.residues_of(one) for one in (before, model))
    for number in (10, 100, 300):
        moved = new[number].find_atom("CA", "*").pos
        assert new[number].name == old[number].name
        assert moved.dist(old[number + 2].find_atom("CA", "*").pos) < 1e-3


def test_wrong_rotamers_keep_the_main_chain_and_the_bonds(made):
    model = faults._wrong_rotamers(made.model.clone(), ONE, np.random.default_rng(1))
    moved = np.linalg.norm(atom_positions(model) - atom_positions(made.model), axis=1)
    names = [atom.name for atom in structures.atoms_of(model)]
    assert max(moved[i] for i, name in enumerate(names) if name in ("N", "CA", "C", "O", "CB")) == 0
    for old, new in zip(structures.residues_of(made.model), structures.residues_of(model)):
        if old.name == "LEU":
            lengths = [residue.find_atom("CB", "*").pos.dist(residue.find_atom("CG", "*").pos)
                       for residue in (old, new)]
            assert lengths[0] == pytest.approx(lengths[1], abs=1e-3)
            assert old.find_atom("CG", "*").pos.dist(new.find_atom("CG", "*").pos) > 2


@pytest.mark.parametrize("fault, rmsd", [("shift1", 1.0), ("shift2", 2.0), ("shake05", 0.5),
                                         ("shake15", 1.5)])
def test_models_are_displaced_by_what_they_say(made, fault, rmsd):
    model = faults._MODEL_FAULTS[fault](made.model.clone(), ONE, np.random.default_rng(1))
    moved = atom_positions(model) - atom_positions(made.model)
    assert np.sqrt((moved ** 2).sum(1).mean()) == pytest.approx(rmsd, rel=0.02)
