"""Distances through solvent between residues, as cross-linkers reach them, and residue depths.

Chemical cross-linkers cannot pass through a protein, so that the length that counts is that of
the shortest path from one Cα to the other around it. Paths are those of Jwalk 2.1 (Bullock et
al. 2016, doi 10.1074/mcp.M116.058560), depths those of DEPTH (Chakravarty and Varadarajan 1999,
doi 10.1016/S0969-2126(99)80097-5).
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import List

import gemmi
import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from vrs.errors import InputError

# How far from an atom voxels of 1 Å are closed: radius + 0.8 Å, rounded.
_NARROW, _WIDE = 2, 3
_NARROW_ELEMENTS = ("N", "O", "S")
# Paths begin at open voxels this near to a Cα, in voxels. Jwalk tries shells of 1, 2 and 3
# voxels first, but those the Cα itself closes.
_START = 4
# Å of the grid beyond the outermost atoms: the widest ball and a voxel to go round it.
_MARGIN = 4
_MAIN_CHAIN = ("N", "CA", "C", "O")
_MOST_VOXELS = 10 ** 9
# By rounding both ends to voxels a path may be that much shorter than the straight line, Å.
_ROUNDING = 2.0
# Planes at a time, so that what is computed on stays near the processor.
_SLAB = 8
_EDGE, _DIAGONAL, _CORNER = (np.float32(np.sqrt(squared)) for squared in (1, 2, 3))

# Å between waters of bulk density, how far each is displaced at random, what is too near to an
# atom, and how many others a water of the bulk has at least within how far.
_WATER_STEP, _WATER_SHIFT = 3.104, 0.6
_CLASH = 2.6
_BULK_NEIGHBOURS, _BULK_REACH = 3, 4.2
_WATER_BOXES = 25
# Beyond this depth (Å) it is only told that a residue is deep inside.
_DEEPEST = 12.0


@dataclass(frozen=True)
class PolymerAtoms:
    """Heavy atoms of the proteins and nucleic acids of a model, one conformation of each.

    Attributes
    ----------
    positions : numpy.ndarray of float64, (atoms, 3)
        x, y, z in Å.
    elements, names : numpy.ndarray of str, (atoms,)
        "C", "N", ...; "CA", "CB", ...
    of_residue : numpy.ndarray of int, (atoms,)
        Index of the residue of each atom.
    chains, numbers, residues : list of str
        Of each residue: chain, number with its insertion code, name.
    anchors : numpy.ndarray of float64, (residues, 3)
        x, y, z of the Cα in Å; NaN where there is none.
    """

    positions: np.ndarray
    elements: np.ndarray
    names: np.ndarray
    of_residue: np.ndarray
    chains: List[str]
    numbers: List[str]
    residues: List[str]
    anchors: np.ndarray


def polymer_atoms(structure):
    """The atoms that count for paths through solvent.

    Parameters
    ----------
    structure : gemmi.Structure
        Its first model; not changed.

    Returns
    -------
    PolymerAtoms
        Without hydrogens, water, ligands and all but the first alternative conformations.
    """
    structure = structure.clone()
    structure.remove_alternative_conformations()
    positions, elements, names, of_residue = [], [], [], []
    chains, numbers, residues, anchors = [], [], [], []
    for chain in structure[0]:
        for residue in chain:
            kind = gemmi.find_tabulated_residue(residue.name)
            if not (kind.is_amino_acid() or kind.is_nucleic_acid()):
                continue
            anchor = [np.nan] * 3
            for atom in residue:
                if atom.is_hydrogen():
                    continue
                positions.append(atom.pos.tolist())
                elements.append(atom.element.name)
                names.append(atom.name)
                of_residue.append(len(residues))
                if atom.name == "CA" and kind.is_amino_acid():
                    anchor = atom.pos.tolist()
            chains.append(chain.name)
            numbers.append(str(residue.seqid))
            residues.append(residue.name)
            anchors.append(anchor)
    return PolymerAtoms(np.array(positions, float).reshape(-1, 3), np.array(elements, str),
                        np.array(names, str), np.array(of_residue, int), chains, numbers,
                        residues, np.array(anchors, float).reshape(-1, 3))


@dataclass(frozen=True)
class SolventGrid:
    """Which voxels of 1 Å a cross-linker cannot enter.

    Attributes
    ----------
    closed : numpy.ndarray of bool, (z, y, x)
    origin : numpy.ndarray of float64, (3,)
        x, y, z in Å of the centre of the first voxel.
    """

    closed: np.ndarray
    origin: np.ndarray

    def voxels(self, positions):
        """Voxels (z, y, x) nearest to positions (x, y, z; Å), int, (n, 3)."""
        return np.rint(positions - self.origin).astype(int)[:, ::-1]


def solvent_grid(atoms, linked):
    """Close the voxels within 3 Å (C and others) or 2 Å (N, O, S) of atoms.

    Parameters
    ----------
    atoms : PolymerAtoms
    linked : numpy.ndarray of bool, (residues,)
        Residues between which there are to be paths. Their side chains, all of their atoms but
        N, CA, C and O, are left out, as linkers bind to their ends.

    Returns
    -------
    SolventGrid
        It reaches 4 Å beyond the outermost atoms.

    Raises
    ------
    InputError
        If the atoms are too far apart for a grid.
    """
    if not len(atoms.positions):
        raise InputError("The model has neither protein nor nucleic acid; give one that has.")
    low, high = atoms.positions.min(axis=0), atoms.positions.max(axis=0)
    size = (high - low).astype(int) + 2 * _MARGIN
    if np.prod(size.astype(float)) > _MOST_VOXELS:
        raise InputError("The atoms of the model are up to %.0f Å apart, too far for paths "
                         "between them; give a model without stray atoms." % (high - low).max())
    grid = SolventGrid(np.zeros(size[::-1], bool), (low + high) / 2 - size / 2)
    kept = np.isin(atoms.names, _MAIN_CHAIN) | ~linked[atoms.of_residue]
    narrow = np.isin(atoms.elements, _NARROW_ELEMENTS)
    for radius, own in ((_NARROW, narrow), (_WIDE, ~narrow)):
        centres = grid.voxels(atoms.positions[kept & own])
        # Within the margin no ball leaves the grid.
        for offset in _ball(radius):
            grid.closed[tuple((centres + offset).T)] = True
    return grid


def path_lengths(grid, source, targets, limit):
    """Lengths of the shortest paths through open voxels between alpha carbons.

    A path goes by steps of 1, √2 and √3 Å between the 26 neighbours of a voxel, from an open
    voxel within 4 Å of one Cα to one of the other; the straight distances from both Cα to these
    voxels are added.

    Parameters
    ----------
    grid : SolventGrid
    source : numpy.ndarray, (3,)
        x, y, z in Å.
    targets : numpy.ndarray, (n, 3)
        x, y, z in Å.
    limit : float
        Å.

    Returns
    -------
    numpy.ndarray of float64, (n,)
        Å; infinite where there is no path up to the limit, and where one of the two is buried.
    """
    (centre,) = grid.voxels(np.reshape(source, (1, 3)))
    starts, rests = _open_voxels(grid, centre)
    if not len(starts):
        return np.full(len(targets), np.inf)
    low = np.maximum(centre - int(limit) - 1, 0)
    region = tuple(slice(a, b) for a, b in zip(low, centre + int(limit) + 2))
    # Padded by closed voxels, so that no step leaves the region.
    barrier = np.pad(np.where(grid.closed[region], np.float32(np.inf), np.float32(0)), 1,
                     constant_values=np.inf)
    shortest = np.full(barrier.shape, np.inf, np.float32)
    shortest[tuple((starts - low + 1).T)] = rests
    ends = _Ends(grid, targets, low, np.array(barrier.shape) - 2)
    # No step is shorter than 1 Å, so that paths up to the limit have no more steps than this.
    steps = int(limit - rests.min())
    for step in range(1, steps + 1):
        reach = _START + step
        _relax(shortest, barrier, np.maximum(centre - low + 1 - reach, 1),
               np.minimum(centre - low + 2 + reach, np.array(barrier.shape) - 1))
        # Paths of more steps are longer than all that have been found.
        if ends.lengths(shortest).max(initial=0) <= step + 1 + rests.min():
            break
    lengths = ends.lengths(shortest)
    return np.where(lengths <= limit, lengths, np.inf)


class _Ends:
    """The open voxels of a region where the paths to several Cα can end."""

    def __init__(self, grid, targets, low, size):
        found = [_open_voxels(grid, voxel) for voxel in grid.voxels(np.reshape(targets, (-1, 3)))]
        owners = np.repeat(np.arange(len(found)), [len(voxels) for voxels, _ in found])
        voxels = np.concatenate([voxels for voxels, _ in found] + [np.zeros((0, 3), int)]) - low
        rests = np.concatenate([rests for _, rests in found] + [np.zeros(0)])
        inside = ((voxels >= 0) & (voxels < size)).all(axis=1)
        self._voxels = tuple((voxels[inside] + 1).T)
        self._rests = rests[inside]
        self._owners, self._firsts = np.unique(owners[inside], return_index=True)
        self._count = len(found)

    def lengths(self, shortest):
        """Length of the shortest path to each Cα, (targets,)."""
        lengths = np.full(self._count, np.inf)
        if len(self._owners):
            lengths[self._owners] = np.minimum.reduceat(
                shortest[self._voxels] + self._rests, self._firsts)
        return lengths


def pair_lengths(grid, anchors, pairs, limit, workers=1):
    """Lengths of the shortest paths between many pairs of alpha carbons.

    Parameters
    ----------
    grid : SolventGrid
    anchors : numpy.ndarray, (residues, 3)
        x, y, z of the Cα in Å.
    pairs : numpy.ndarray of int, (n, 2)
        Residues.
    limit : float
        Å.
    workers : int
        Threads.

    Returns
    -------
    numpy.ndarray of float64, (n,)
        As :func:`path_lengths`.
    """
    lengths = np.full(len(pairs), np.inf)
    if not len(pairs):
        return lengths
    pairs = np.asarray(pairs)
    distances = np.linalg.norm(anchors[pairs[:, 0]] - anchors[pairs[:, 1]], axis=1)
    near = distances <= limit + _ROUNDING
    # Searched from the residue that has more pairs, so that there are few searches.
    counts = np.bincount(pairs[near].ravel(), minlength=len(anchors))
    first = counts[pairs[:, 0]] >= counts[pairs[:, 1]]
    sources, targets = np.where(first, *pairs.T), np.where(first, *pairs[:, ::-1].T)

    def search(source):
        own = np.flatnonzero(near & (sources == source))
        lengths[own] = path_lengths(grid, anchors[source], anchors[targets[own]], limit)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(search, np.unique(sources[near])))
    return lengths


def _relax(shortest, barrier, low, high):
    """Make one more step to all voxels of a block (low to high, exclusive), in place."""
    for first in range(low[0], high[0], _SLAB):
        _relax_slab(shortest, barrier, (first,) + tuple(low[1:]),
                    (min(first + _SLAB, high[0]),) + tuple(high[1:]))


def _relax_slab(shortest, barrier, low, high):
    block = tuple(slice(a, b) for a, b in zip(low, high))
    around = shortest[tuple(slice(a - 1, b + 1) for a, b in zip(low, high))]
    inner = slice(1, -1)
    x = np.minimum(around[:, :, :-2], around[:, :, 2:])
    y = np.minimum(around[:, :-2], around[:, 2:])
    z = np.minimum(around[:-2], around[2:])
    xy = np.minimum(x[:, :-2], x[:, 2:])
    xz = np.minimum(x[:-2], x[2:])
    yz = np.minimum(y[:-2], y[2:])
    corners = np.minimum(xy[:-2], xy[2:])
    edges = np.minimum(x[inner, inner], y[inner, :, inner])
    np.minimum(edges, z[:, inner, inner], out=edges)
    diagonals = np.minimum(xy[inner], xz[:, inner])
    np.minimum(diagonals, yz[:, :, inner], out=diagonals)
    edges += _EDGE
    diagonals += _DIAGONAL
    corners += _CORNER
    np.minimum(edges, diagonals, out=edges)
    np.minimum(edges, corners, out=edges)
    edges += barrier[block]
    np.minimum(shortest[block], edges, out=shortest[block])


def residue_depths(atoms, residues, seed=0):
    """Mean distance of the atoms of residues from the nearest water of the bulk.

    The model is put into water 25 times. Of each, what is too near to an atom is taken away,
    and then, again and again, water with hardly any other around, which is in cavities.

    Parameters
    ----------
    atoms : PolymerAtoms
    residues : sequence of int
    seed : int
        Of where the water is.

    Returns
    -------
    numpy.ndarray of float64, (len(residues),)
        Å; infinite for those deeper than 12 Å.
    """
    own = [np.flatnonzero(atoms.of_residue == residue) for residue in residues]
    if not own:
        return np.zeros(0)
    chosen = np.unique(np.concatenate(own))
    asked = cKDTree(atoms.positions[chosen])
    every = cKDTree(atoms.positions)
    rng = np.random.default_rng(seed)
    sums = np.zeros(len(atoms.positions))
    for _ in range(_WATER_BOXES):
        water = _bulk_water(every, asked, rng)
        sums[chosen] += (cKDTree(water).query(asked.data)[0] if len(water) else np.inf)
    depths = np.array([sums[place].mean() for place in own]) / _WATER_BOXES
    return np.where(depths <= _DEEPEST, depths, np.inf)


def _bulk_water(every, asked, rng):
    """Water of the bulk near the atoms that are asked for, x, y, z in Å, (n, 3)."""
    # What is farther away is neither the nearest nor among the neighbours of the nearest.
    reach = _DEEPEST + 2 * _BULK_REACH
    centre = asked.data.mean(axis=0)
    radius = np.linalg.norm(asked.data - centre, axis=1).max() + reach
    count = int(np.ceil(radius / _WATER_STEP)) + 1
    line = np.arange(-count, count + 1) * _WATER_STEP
    water = np.stack(np.meshgrid(line, line, line), axis=-1).reshape(-1, 3)
    water += rng.normal(0, _WATER_SHIFT, water.shape) + rng.uniform(0, _WATER_STEP, 3)
    water = Rotation.from_quat(rng.normal(size=4)).apply(water) + centre
    water = water[np.isfinite(asked.query(water, distance_upper_bound=reach)[0])]
    water = water[np.isinf(every.query(water, distance_upper_bound=_CLASH)[0])]
    # Those at the border have neighbours that are not here.
    border = np.isinf(asked.query(water, distance_upper_bound=reach - _BULK_REACH)[0])
    while True:
        # The nearest of all is the water itself.
        least, _ = cKDTree(water).query(water, [_BULK_NEIGHBOURS + 1],
                                        distance_upper_bound=_BULK_REACH)
        kept = border | np.isfinite(least[:, 0])
        if kept.all():
            return water
        water, border = water[kept], border[kept]


def _open_voxels(grid, centre):
    """Open voxels where paths of a Cα can begin, (n, 3), and their distances from it, Å."""
    offsets = _ball(_START)
    voxels = centre + offsets
    inside = ((voxels >= 0) & (voxels < grid.closed.shape)).all(axis=1)
    voxels, offsets = voxels[inside], offsets[inside]
    free = ~grid.closed[tuple(voxels.T)]
    return voxels[free], np.linalg.norm(offsets[free], axis=1)


def _ball(radius):
    """Offsets (z, y, x) to all voxels within a radius, int, (n, 3)."""
    line = np.arange(-radius, radius + 1)
    offsets = np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1).reshape(-1, 3)
    return offsets[(offsets ** 2).sum(axis=1) <= radius ** 2]
