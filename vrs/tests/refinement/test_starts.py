import numpy as np
import pytest

from vrs.refinement.starts import perturbed

PIECES = np.repeat([0, 1], [400, 200])
RESIDUES = np.repeat(np.arange(600), 3)
POSITIONS = np.random.default_rng(0).uniform(0, 100, (1800, 3))


def displacements(seed=1, size=2.0, reach=4.0):
    rng = np.random.default_rng(seed)
    return perturbed(POSITIONS, RESIDUES, PIECES, size, reach, rng) - POSITIONS


def test_size_and_seed():
    moved = displacements()
    assert np.sqrt(np.mean(np.sum(moved ** 2, axis=1))) == pytest.approx(2.0)
    np.testing.assert_array_equal(moved, displacements())
    assert np.abs(moved - displacements(seed=2)).max() > 1


def test_residues_move_as_one_and_neighbours_alike():
    moved = displacements().reshape(600, 3, 3)
    np.testing.assert_allclose(moved, moved[:, :1] + np.zeros((1, 3, 1)), atol=1e-12)
    chain = moved[:400, 0]
    # White noise smoothed by a Gaussian of deviation s correlates as exp(-d² / 4s²).
    for apart in (1, 4, 8):
        found = np.mean(chain[apart:] * chain[:-apart]) / np.mean(chain ** 2)
        assert found == pytest.approx(np.exp(-apart ** 2 / 64), abs=0.1)


def test_chains_move_independently():
    ends = [displacements(seed).reshape(600, 3, 3)[399:401, 0] for seed in range(200)]
    before, after = np.moveaxis(ends, 1, 0)
    # 600 pairs of numbers that are independent.
    assert abs(np.corrcoef(before.ravel(), after.ravel())[0, 1]) < 4 / np.sqrt(600)
