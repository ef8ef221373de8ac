import numpy as np
import pytest
from scipy.spatial import cKDTree

from vrs.simulation import geometry, loops


@pytest.fixture
def pieces():
    """Two helices side by side, the second turned back, 10 Å apart."""
    helix = geometry.regular_chain(8, -62.0, -42.0)
    return helix, helix * [1, -1, -1] + [10.0, 0, 0]


def test_loop_closes_with_ideal_bonds_and_keeps_clear(pieces):
    before, after = pieces
    obstacles = np.concatenate([before[:-1].reshape(-1, 3), after[1:].reshape(-1, 3)])
    loop, _ = loops.close_loop(before, after, 6, obstacles, np.random.default_rng(0))
    chain = np.concatenate([before, loop, after])
    assert loop.shape == (6, 3, 3)
    joints = np.linalg.norm(chain[1:, 0] - chain[:-1, 2], axis=1)
    # 0.03 Å is the error of the joint that is allowed.
    assert joints == pytest.approx(geometry.BOND_C_N, abs=0.035)
    # Neighbours of the loop's ends are bonded to it, so only its middle is looked at.
    assert cKDTree(obstacles).query(loop[1:-1].reshape(-1, 3))[0].min() > 2.6


def test_same_seed_same_loop(pieces):
    found = [loops.close_loop(*pieces, 6, pieces[0][:4].reshape(-1, 3),
                              np.random.default_rng(3))[0] for _ in range(2)]
    assert np.array_equal(*found)


def test_gap_wider_than_the_loop_is_refused(pieces):
    before, after = pieces
    with pytest.raises(RuntimeError, match="did not close"):
        loops.close_loop(before, after + [60.0, 0, 0], 4, before[:4].reshape(-1, 3),
                         np.random.default_rng(0))


def test_jacobian_is_the_derivative_of_the_residuals(pieces):
    before, after = pieces
    # Near enough to the obstacles that every kind of residual is at work.
    obstacles = np.concatenate([before[:-1].reshape(-1, 3), after[1:].reshape(-1, 3)])
    problem = loops._LoopProblem(before, after, 4, obstacles)
    torsions = np.array([-40.0, -65, -40, -65, -40, -65, -40, -65, -40, -65])
    centre = torsions + 7
    step = 1e-4
    numeric = np.column_stack([
        (problem._residuals(torsions + step * unit, centre)
         - problem._residuals(torsions - step * unit, centre)) / (2 * step)
        for unit in np.eye(len(torsions))])
    exact = problem._jacobian(torsions, centre)
    assert np.count_nonzero(exact[9 + len(torsions):]) > 0
    assert exact == pytest.approx(numeric, abs=1e-4)
