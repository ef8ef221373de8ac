"""Loops that join two fixed pieces of backbone.

Many loops of random allowed torsions are laid; the ones that end nearest to where
they should are refined by least squares: the loop's end must fall on the piece that follows,
torsions stay near allowed ones and atoms keep their distance. The derivative of
an atom by a torsion is the rotation about the torsion's bond, so the Jacobian is exact.
"""

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial import cKDTree

from vrs.simulation import geometry

# Centres of the allowed regions (phi, psi) and how often each is tried.
_REGIONS = np.array([(-65.0, -40.0), (-70.0, 145.0), (-115.0, 130.0), (-90.0, 0.0), (57.0, 42.0)])
_SHARES = np.array([0.3, 0.28, 0.25, 0.1, 0.07])
_REGION_WIDTH = 25.0
_CLEARANCE = 3.4
_NEIGHBOURS = 4
_CLOSURE_WEIGHT = 200.0
_CLASH_WEIGHT = 6.0
_DRAWS = 4000
_REFINED = 4


def close_loop(before, after, count, obstacles, rng, good_cost=0.0):
    """Backbone of a loop.

    Parameters
    ----------
    before, after : numpy.ndarray, (residues, 3, 3)
        N, CA and C of the pieces that the loop joins, two residues or more.
    count : int
        Residues of the loop.
    obstacles : numpy.ndarray, (m, 3)
        Atoms to keep away from, those of the two residues next to the loop excepted.
    rng : numpy.random.Generator
    good_cost : float
        A loop of this cost or less is taken without trying further.

    Returns
    -------
    loop : numpy.ndarray, (count, 3, 3)
        N, CA and C; the joint is within 0.03 Å of ideal.
    cost : float
        Zero for a loop in the middle of allowed regions that touches nothing.

    Raises
    ------
    RuntimeError
        If no loop closes, as when the gap is wider than the loop is long.
    """
    problem = _LoopProblem(before, after, count, obstacles)
    best, best_cost = None, np.inf
    for start, centre in zip(*problem.draw(rng)):
        fit = problem.refine(start, centre)
        if problem.joint_error(fit.x) < 0.03 and fit.cost < best_cost:
            best, best_cost = fit.x, fit.cost
        if best_cost <= good_cost:
            break
    if best is None:
        raise RuntimeError("A loop of %d residues did not close." % count)
    return problem.chain(best)[:-1], best_cost


class _LoopProblem:
    """Least squares for the torsions psi, phi, psi, phi, ... of a loop.

    Atoms are N, CA, C of the loop and of the residue after it, then the carbonyl oxygens
    from the residue before to the last of the loop, then the loop's CB, then the fixed atoms
    of the two residues next to the loop.
    """

    def __init__(self, before, after, count, obstacles):
        self._before, self._after = before[-1], after[0]
        self._fixed = np.concatenate([before[-1], geometry.beta_carbons(before[-1:]),
                                      geometry.beta_carbons(after[:1]),
                                      geometry.carbonyl_oxygens(after[:2], 0)[:1]])
        self._obstacles, self._tree = obstacles, cKDTree(obstacles)
        self._built = count + 1
        self._last = None
        self._end = slice(3 * count, 3 * count + 3)
        psi = 2 * np.arange(self._built)
        # How many of the torsions move an atom: psi moves the residue that follows and the
        # oxygen, phi spares N and CA.
        self._moved_by = np.concatenate([np.column_stack([psi + 1, psi + 1, psi + 2]).ravel(),
                                         psi + 1, psi[:-1] + 2, np.zeros(6, int)])
        residues = np.concatenate([np.repeat(np.arange(self._built), 3),
                                   np.arange(self._built) - 1, np.arange(count),
                                   [-1, -1, -1, -1, count, count]])
        self._free = np.ones(len(residues), bool)
        self._free[self._end] = self._free[-6:] = False
        self._pairs = np.argwhere(residues[None] - residues[:, None] >= 2)

    def draw(self, rng):
        """Torsions of the most promising loops, and the centres of their regions."""
        kinds = rng.choice(len(_REGIONS), (_DRAWS, self._built), p=_SHARES)
        # The last residue's phi is preceded by its neighbour's psi, the first psi has no phi.
        centres = np.stack([np.roll(_REGIONS[kinds, 1], 1, axis=1), _REGIONS[kinds, 0]],
                           -1).reshape(_DRAWS, -1)
        starts = centres + rng.normal(0, 15, centres.shape)
        chains = self.chain(starts)
        miss = np.sqrt(np.mean((chains[:, -1] - self._after) ** 2, axis=(1, 2)) * 3)
        near = np.argsort(miss, kind="stable")[:20 * _REFINED]
        distances, _ = self._tree.query(chains[near, :-1])
        overlap = np.sum(np.maximum(0, _CLEARANCE - distances), axis=(1, 2))
        chosen = near[np.argsort(miss[near] + overlap, kind="stable")[:_REFINED]]
        return starts[chosen], centres[chosen]

    def refine(self, start, centre):
        return least_squares(self._residuals, start, jac=self._jacobian, args=(centre,),
                             method="lm", max_nfev=40, ftol=1e-3, xtol=1e-4)

    def chain(self, torsions):
        return geometry.extend_chain(self._before, torsions[..., ::2], torsions[..., 1::2])

    def joint_error(self, torsions):
        return np.sqrt(np.mean((self.chain(torsions)[-1] - self._after) ** 2) * 3)

    def _residuals(self, torsions, centre):
        atoms, (overlaps, _), (own, _) = self._state(torsions)
        strain = (torsions - centre + 180) % 360 - 180
        return np.concatenate([_CLOSURE_WEIGHT * (atoms[self._end] - self._after).ravel(),
                               strain / _REGION_WIDTH, _CLASH_WEIGHT * overlaps.ravel(),
                               _CLASH_WEIGHT * own])

    def _jacobian(self, torsions, centre):
        atoms, (_, directions), (_, own_directions) = self._state(torsions)
        chain = np.concatenate([self._before[None], atoms[:self._end.stop].reshape(-1, 3, 3)])
        tails = np.stack([chain[:-1, 1], chain[1:, 0]], 1).reshape(-1, 3)
        heads = np.stack([chain[:-1, 2], chain[1:, 1]], 1).reshape(-1, 3)
        axes = (heads - tails) / np.linalg.norm(heads - tails, axis=1)[:, None]
        motion = geometry.cross(axes, atoms[:, None] - heads) * np.radians(1.0)
        motion[np.arange(len(axes)) >= self._moved_by[:, None]] = 0
        closure = motion[self._end].transpose(0, 2, 1).reshape(9, -1)
        clash = np.einsum("akc,atc->akt", directions, motion[self._free]).reshape(-1, len(torsions))
        apart = motion[self._pairs[:, 1]] - motion[self._pairs[:, 0]]
        own = np.einsum("pc,ptc->pt", own_directions, apart)
        return np.concatenate([_CLOSURE_WEIGHT * closure, np.eye(len(torsions)) / _REGION_WIDTH,
                               _CLASH_WEIGHT * clash, _CLASH_WEIGHT * own])

    def _state(self, torsions):
        # The Jacobian is asked for where the residuals have just been.
        if self._last is None or not np.array_equal(self._last[0], torsions):
            chain = self.chain(torsions)
            with_stem = np.concatenate([self._before[None], chain])
            atoms = np.concatenate([chain.reshape(-1, 3),
                                    geometry.carbonyl_oxygens(with_stem, 0)[:-1],
                                    geometry.beta_carbons(chain[:-1]), self._fixed])
            self._last = (torsions.copy(),
                          (atoms, self._overlaps(atoms), self._own_overlaps(atoms)))
        return self._last[1]

    def _overlaps(self, atoms):
        """How far the loop's atoms are too near to obstacles, (atoms, k), and its gradient."""
        distances, nearest = self._tree.query(atoms[self._free], k=_NEIGHBOURS)
        overlaps = np.maximum(0, _CLEARANCE - distances)
        offsets = self._obstacles[nearest] - atoms[self._free, None]
        return overlaps, offsets * ((overlaps > 0) / np.maximum(distances, 1e-6))[..., None]

    def _own_overlaps(self, atoms):
        """The same among the loop's atoms, (pairs,)."""
        offsets = atoms[self._pairs[:, 1]] - atoms[self._pairs[:, 0]]
        distances = np.linalg.norm(offsets, axis=1)
        overlaps = np.maximum(0, _CLEARANCE - distances)
        return overlaps, offsets * (-1.0 * (overlaps > 0) / np.maximum(distances, 1e-6))[:, None]
