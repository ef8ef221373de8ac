"""Paths through solvent and residue depths."""

import gemmi
import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from vrs.errors import InputError
from vrs.numerics.solvent_paths import (PolymerAtoms, SolventGrid, pair_lengths, path_lengths,
                                        polymer_atoms, residue_depths, solvent_grid)


def alpha_carbons(*positions, others=()):
    """A Cα in each residue, and carbons that belong to one more."""
    count = len(positions)
    anchors = np.array(list(positions) + ([[np.nan] * 3] if len(others) else []), float)
    return PolymerAtoms(
        np.array(list(positions) + list(others), float), np.array(["C"] * (count + len(others))),
        np.array(["CA"] * count + ["C"] * len(others)),
        np.array(list(range(count)) + [count] * len(others), int),
        ["A"] * len(anchors), [str(number) for number in range(len(anchors))],
        ["LYS"] * len(anchors), anchors)


def plate(x, half_width):
    """A solid plate of carbons across x."""
    line = np.arange(-half_width, half_width + 1, 2.0)
    return [(x, y, z) for y in line for z in line]


def path(atoms, limit=60.0):
    grid = solvent_grid(atoms, np.zeros(len(atoms.residues), bool))
    (length,) = path_lengths(grid, atoms.anchors[0], atoms.anchors[1:2], limit)
    return length


def structure_of(test_data, *place):
    return polymer_atoms(gemmi.read_structure(str(test_data("crosslinks", *place))))


def test_paths_through_water_are_straight():
    """Along an axis, and along diagonals, the grid measures what a ruler does."""
    for direction in ((1, 0, 0), (0, -1, 0), (0, 1, 1), (1, 1, -1)):
        end = 16.0 * np.array(direction)
        # Only steps from the rim, 4 voxels away at most, may leave the line.
        assert path(alpha_carbons((0, 0, 0), end)) == pytest.approx(np.linalg.norm(end), abs=0.6)
    assert path(alpha_carbons((0, 0, 0), (20, 0, 0))) == pytest.approx(20, abs=1e-5)


def test_paths_go_round_what_is_in_the_way():
    free = path(alpha_carbons((0, 0, 0), (20, 0, 0)))
    for half_width in (6, 10):
        found = path(alpha_carbons((0, 0, 0), (20, 0, 0), others=plate(10, half_width)))
        # A rope taut round the rim: two tangents and an arc of the ball of an outer carbon.
        reach, angle = np.hypot(10, half_width), np.arctan2(half_width, 10)
        rope = 2 * np.sqrt(reach ** 2 - 9) + 6 * (angle + np.arcsin(3 / reach))
        # 26 directions make paths up to 13 % longer; the rim is round to a voxel.
        assert rope - 1 <= found <= 1.13 * rope + 1 and found > free + 5


def test_paths_are_the_shortest_of_the_graph():
    """The same as Dijkstra's algorithm on all voxels, among random obstacles."""
    rng = np.random.default_rng(0)
    shape = np.array([14, 17, 20])
    closed = rng.random(shape) < 0.55
    grid = SolventGrid(closed, np.array([-3.0, 2.0, 5.0]))
    voxels = np.argwhere(np.ones(shape, bool))
    rows, columns, lengths = [], [], []
    for step in np.argwhere(np.ones((3, 3, 3))) - 1:
        ends = voxels + step
        inside = ((ends >= 0) & (ends < shape)).all(axis=1) & step.any()
        one, other = voxels[inside].T, ends[inside].T
        free = ~closed[tuple(one)] & ~closed[tuple(other)]
        rows.append(np.ravel_multi_index(one, shape)[free])
        columns.append(np.ravel_multi_index(other, shape)[free])
        lengths.append(np.full(np.count_nonzero(free), np.linalg.norm(step)))
    sources = rng.uniform(0, 1, (6, 3)) * (shape - 1)
    rims = []
    for place, source in enumerate(sources):
        distance = np.linalg.norm(voxels - np.rint(source), axis=1)
        rim = np.flatnonzero((distance <= 4) & ~closed.ravel())
        rims.append((rim, distance[rim]))
        rows.append(np.full(len(rim), closed.size + place))
        columns.append(rim)
        lengths.append(distance[rim])
    graph = coo_matrix((np.concatenate(lengths), (np.concatenate(rows), np.concatenate(columns))),
                       (closed.size + 6,) * 2).tocsr()
    exact = dijkstra(graph, indices=closed.size + np.arange(6))
    expected = np.array([[np.min(exact[one, rim] + rest) for rim, rest in rims]
                         for one in range(6)])
    positions = sources[:, ::-1] + grid.origin
    found = np.array([path_lengths(grid, position, positions, 40) for position in positions])
    off_diagonal = ~np.eye(6, dtype=bool)
    np.testing.assert_allclose(found[off_diagonal], expected[off_diagonal], rtol=1e-5)
    assert np.isfinite(found).all()


def test_the_limit_ends_paths():
    atoms = alpha_carbons((0, 0, 0), (20, 0, 0), others=plate(10, 8))
    length = path(atoms)
    assert path(atoms, length + 1e-3) == length and np.isinf(path(atoms, length - 1e-3))


def test_buried_residues_have_no_paths():
    shell = [(x, y, z) for x in (-4, 0, 4) for y in (-4, 0, 4) for z in (-4, 0, 4) if x or y or z]
    assert np.isinf(path(alpha_carbons((0, 0, 0), (20, 0, 0), others=shell)))
    assert np.isinf(path(alpha_carbons((20, 0, 0), (0, 0, 0), others=shell)))


def test_side_chains_of_linked_residues_are_left_out():
    atoms = alpha_carbons((0, 0, 0), (20, 0, 0), others=plate(10, 8))
    side = PolymerAtoms(atoms.positions, atoms.elements,
                        np.where(atoms.of_residue == 2, "CG", atoms.names), atoms.of_residue,
                        atoms.chains, atoms.numbers, atoms.residues, atoms.anchors)
    for model, linked, free in ((side, 2, True), (side, 0, False), (atoms, 2, False)):
        grid = solvent_grid(model, np.arange(3) == linked)
        (length,) = path_lengths(grid, (0, 0, 0), [(20, 0, 0)], 60)
        assert (length == pytest.approx(20, abs=1e-5)) == free


def test_elements_close_what_they_fill():
    for element, radius in (("C", 3), ("P", 3), ("N", 2), ("O", 2), ("S", 2)):
        atoms = alpha_carbons((0.0, 0, 0))
        atoms.elements[:] = element
        grid = solvent_grid(atoms, np.zeros(1, bool))
        distances = np.linalg.norm(np.argwhere(grid.closed) - grid.voxels(atoms.positions), axis=1)
        assert distances.max() == radius
        assert len(distances) == {3: 123, 2: 33}[radius]


def test_pairs_are_what_single_paths_are(test_data):
    atoms = structure_of(test_data, "4fgf.pdb")
    linked = np.array([name == "LYS" for name in atoms.residues])
    grid = solvent_grid(atoms, linked)
    lysines = np.flatnonzero(linked)
    pairs = np.array([(one, other) for one in lysines for other in lysines if one < other])
    found = pair_lengths(grid, atoms.anchors, pairs, 40, workers=2)
    single = [path_lengths(grid, atoms.anchors[other], atoms.anchors[[one]], 40)[0]
              for one, other in pairs]
    # From the other end the sums of steps are rounded differently.
    np.testing.assert_allclose(found, single, rtol=1e-5)
    assert np.isinf(found).any() and np.isfinite(found).any()
    assert len(pair_lengths(grid, atoms.anchors, np.zeros((0, 2), int), 40)) == 0


def test_only_heavy_atoms_of_polymers_count():
    structure = gemmi.read_pdb_string("""\
ATOM      1  N   LYS A   1       0.000   0.000   0.000  1.00 10.00           N
ATOM      2  CA  LYS A   1       1.500   0.000   0.000  1.00 10.00           C
ATOM      3  CB ALYS A   1       2.500   0.000   0.000  0.50 10.00           C
ATOM      4  CB BLYS A   1       9.500   0.000   0.000  0.50 10.00           C
ATOM      5  HA  LYS A   1       1.500   1.000   0.000  1.00 10.00           H
HETATM    6  SE  MSE A   2       8.000   0.000   0.000  1.00 10.00          SE
HETATM    7 CA    CA A   3       8.000   5.000   0.000  1.00 10.00          CA
HETATM    8  O   HOH A   4       8.000   8.000   0.000  1.00 10.00           O
ATOM      9  P     A B   7A      5.000   0.000   0.000  1.00 10.00           P
""")
    atoms = polymer_atoms(structure)
    assert atoms.names.tolist() == ["N", "CA", "CB", "SE", "P"]
    assert atoms.elements.tolist() == ["N", "C", "C", "Se", "P"]
    assert list(zip(atoms.chains, atoms.numbers, atoms.residues)) == [
        ("A", "1", "LYS"), ("A", "2", "MSE"), ("B", "7A", "A")]
    np.testing.assert_array_equal(atoms.of_residue, [0, 0, 0, 1, 2])
    np.testing.assert_array_equal(atoms.anchors[0], [1.5, 0, 0])
    assert np.isnan(atoms.anchors[1:]).all() and atoms.positions[2, 0] == 2.5
    assert structure[0].count_atom_sites() == 9


def test_models_without_a_grid():
    with pytest.raises(InputError) as caught:
        solvent_grid(alpha_carbons(), np.zeros(0, bool))
    assert "neither protein" in str(caught.value)
    with pytest.raises(InputError) as caught:
        solvent_grid(alpha_carbons((0, 0, 0), (9999, 9999, 9999)), np.zeros(2, bool))
    assert "9999 Å apart" in str(caught.value)


def jwalk_lysines(test_data, model):
    """Pairs of lysines with Jwalk's own distances, and ours."""
    rows = [line.split() for line in
            open(test_data("crosslinks", "jwalk", model + "_crosslink_list.txt"))][1:]
    rows = [row for row in rows if row[2][:3] == row[3][:3] == "LYS"]
    atoms = structure_of(test_data, "jwalk", model + ".pdb")
    place = {number: index for index, number in enumerate(atoms.numbers)}
    pairs = np.array([[place[row[side].split("-")[1]] for side in (2, 3)] for row in rows])
    grid = solvent_grid(atoms, np.isin(atoms.residues, ["LYS"]))
    return (np.array([float(row[4]) for row in rows]), np.array([float(row[5]) for row in rows]),
            pair_lengths(grid, atoms.anchors, pairs, 72),
            np.linalg.norm(np.subtract(*atoms.anchors[pairs.T]), axis=1))


@pytest.mark.parametrize("model, count", [("native", 447), ("model60_1", 229)])
def test_distances_of_jwalk(test_data, model, count):
    """All pairs of lysines of its published results.

    Of other residues the results cannot be had again, as it leaves the side chains of one pair of
    kinds out and fills them in for the next.
    """
    theirs, straight, ours, distances = jwalk_lysines(test_data, model)
    assert len(theirs) == count
    np.testing.assert_allclose(distances, straight, atol=1e-3)
    # It takes the first path that it finds, which has fewest steps but may be longer.
    assert np.all(ours <= theirs + 1e-3) and np.mean(theirs - ours) < 2
    assert np.std(ours - theirs) < 2
    assert np.mean((ours <= 33) == (theirs <= 33)) >= 0.95


def test_links_of_jwalk(test_data):
    """The list of links that comes with it: four of nine have a path."""
    atoms = structure_of(test_data, "jwalk", "native.pdb")
    place = {number: index for index, number in enumerate(atoms.numbers)}
    lines = open(test_data("crosslinks", "jwalk", "xls.txt")).read().split()
    pairs = np.array([[place[line.split("|")[side]] for side in (0, 2)] for line in lines])
    grid = solvent_grid(atoms, np.isin(np.arange(len(atoms.residues)), pairs))
    found = pair_lengths(grid, atoms.anchors, pairs, 60)
    jwalk = np.array([10.811, 23.847, 21.518, np.inf, np.inf, np.inf, np.inf, 16.436, np.inf])
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(jwalk))
    known = np.isfinite(jwalk)
    assert np.abs(found[known] - jwalk[known]).max() < 1
    assert found[0] == pytest.approx(jwalk[0], abs=1e-3)


def test_depths_of_depth(test_data):
    atoms = structure_of(test_data, "jwalk", "native.pdb")
    lines = [line.split() for line in
             open(test_data("crosslinks", "jwalk", "native-residue.depth"))][1:]
    theirs = {line[0][2:]: float(line[2]) for line in lines}
    theirs = np.array([theirs[number] for number in atoms.numbers])
    ours = residue_depths(atoms, range(len(atoms.residues)))
    assert abs(np.mean(ours - theirs)) < 0.2 and np.std(ours - theirs) < 0.3
    assert np.corrcoef(ours, theirs)[0, 1] > 0.99
    assert np.mean((ours <= 6.25) == (theirs <= 6.25)) > 0.97


def test_depths_of_a_ball():
    """A residue at the centre of a ball is as deep as the ball is wide, and 2.6 Å more."""
    heights = np.linspace(-1, 1, 2000)
    angles = np.pi * (1 + 5 ** 0.5) * np.arange(2000)
    rings = np.sqrt(1 - heights ** 2)
    sphere = np.column_stack([rings * np.cos(angles), rings * np.sin(angles), heights])
    for radius in (4.0, 8.0, 12.0):
        shells = [shell * sphere for shell in (4.0, 8.0, 12.0) if shell <= radius]
        atoms = alpha_carbons((0, 0, 0), others=np.concatenate(shells))
        (depth,) = residue_depths(atoms, [0], seed=1)
        if radius == 12:
            assert np.isinf(depth)
        else:
            # The nearest water of a box is hardly ever as near as it may be.
            assert radius + 2.55 < depth < radius + 3.0
        assert residue_depths(atoms, [0], seed=1) == depth
    assert len(residue_depths(atoms, [])) == 0
