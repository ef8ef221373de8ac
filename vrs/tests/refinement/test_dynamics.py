import numpy as np
import pytest

from vrs.io.models import atom_positions
from vrs.refinement.dynamics import Problem, refine_all
from vrs.refinement.restraints import Restraints, restraints_of
from vrs.simulation.density import model_density
from vrs.tests.refinement import chains

BOX, SAMPLING = 40, 1.0
# Å: linear interpolation of the slopes moves a peak by 0.01, and a little motion is left.
NEAR = 0.03
CENTRE = np.array([19.3, 20.2, 18.7])


def blob(centre=CENTRE, width=2.0):
    axes = np.ogrid[:BOX, :BOX, :BOX]
    squared = sum((axis - at) ** 2 for axis, at in zip(axes, centre[::-1]))
    return np.exp(-squared / (2 * width ** 2)).astype(np.float32)


def loose_atoms(count, pairs=(), lengths=(), radius=1.6):
    pairs = np.array(pairs, int).reshape(-1, 2)
    return Restraints(pairs, np.array(lengths, float), np.full(len(pairs), 1000.0), len(pairs),
                      np.full(count, radius), np.sort(pairs[:, 0] * count + pairs[:, 1]))


def refine(volume, start, restraints, seed=0, workers=1, model=None):
    start = np.array(start, float)
    problem = Problem(volume, SAMPLING, start if model is None else model, np.ones(len(start)),
                      restraints)
    return refine_all(problem, [start], seed, workers)[0]


def test_an_atom_finds_the_peak():
    found = refine(blob(), [CENTRE + (2.0, -1.5, 1.0)], loose_atoms(1))
    np.testing.assert_allclose(found, [CENTRE], atol=NEAR)


def test_bonded_atoms_settle_about_the_peak():
    restraints = loose_atoms(2, [(0, 1)], [1.5])
    found = refine(blob(), CENTRE + np.array([(2.0, 0, 0), (3.5, 0, 0)]), restraints)
    np.testing.assert_allclose(found.mean(axis=0), CENTRE, atol=NEAR)
    assert 0 < restraints.bond_deviation(found) < 0.02


def test_atoms_that_are_not_bonded_repel_each_other():
    found = refine(blob(), CENTRE + np.array([(0.3, 0, 0), (-0.3, 0, 0)]), loose_atoms(2))
    apart = np.linalg.norm(found[0] - found[1])
    assert 3.0 < apart < 3.2
    excluded = loose_atoms(2)
    excluded.excluded = np.array([1])
    found = refine(blob(), CENTRE + np.array([(0.3, 0, 0), (-0.3, 0, 0)]), excluded)
    assert np.linalg.norm(found[0] - found[1]) < 0.1


def test_units_of_the_map_and_threads_do_not_matter():
    structure = chains.helices(1, 10, (BOX / 2,) * 3)
    positions = atom_positions(structure)
    volume = model_density(structure, BOX, SAMPLING)
    restraints = restraints_of(structure, np.arange(len(positions)), positions)
    starts = [positions + (1, 0, 0), positions + (0, 1, 1)]

    def refined(volume, seed=3, workers=1):
        problem = Problem(volume, SAMPLING, positions, np.ones(len(positions)), restraints)
        return refine_all(problem, starts, seed, workers)

    found = refined(volume)
    np.testing.assert_array_equal(refined(1024 * volume, workers=2), found)
    assert np.abs(refined(volume, seed=4)[0] - found[0]).max() > 1e-6
    for model in found:
        assert np.sqrt(np.mean(np.sum((model - positions) ** 2, axis=1))) < 0.3
        assert restraints.bond_deviation(model) < 0.02


def test_boxes_need_not_be_cubes():
    volume = blob()[2:, :33, 5:]
    shift = np.array([5, 0, 2])
    found = refine(volume, [CENTRE - shift + (1.0, 1.0, -1.0)], loose_atoms(1))
    np.testing.assert_allclose(found, [CENTRE - shift], atol=NEAR)


def test_map_without_any_density():
    with pytest.raises(ValueError, match="constant"):
        refine(np.ones((BOX,) * 3, np.float32), [CENTRE], loose_atoms(1))
