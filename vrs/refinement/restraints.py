"""Restraints of a model: what its own geometry says of the distances between its atoms."""

from dataclasses import dataclass

import gemmi
import numpy as np
from scipy.spatial import cKDTree

# Deviations (Å) of distances that are taken for usual: of atoms one and two bonds apart, three
# bonds apart about a bond that does not turn and about one that does, and of hydrogen bonds.
_DEVIATIONS = (0.03, 0.06, 0.1, 0.2, 0.2)
_BOND_SLACK = 0.4
_LONGEST_BOND = 3.2
_LONGEST_LINK = 2.5
_LONGEST_HYDROGEN_BOND = 3.5  # from nitrogen to oxygen
# A shorter bond of C and N does not turn: amides and guanidinium groups.
_FIXED_CN = 1.40
_POLYMER_LINKS = (("C", "N"), ("O3'", "P"))
_CONTACT_RADII = {"C": 1.60, "N": 1.35, "O": 1.35, "S": 1.70, "P": 1.80, "Se": 1.75, "F": 1.40,
                  "Cl": 1.70, "Br": 1.80, "I": 1.90}
_METAL_RADIUS = 1.0


@dataclass
class Restraints:
    """Distances that a refinement keeps, and atoms that repel each other.

    Attributes
    ----------
    pairs : numpy.ndarray of int, (n, 2)
        Atoms; the bonded ones come first.
    lengths : numpy.ndarray of float64, (n,)
        Å.
    strengths : numpy.ndarray of float64, (n,)
        k of the energy k (d - length)² / 2, in 1/Å².
    bonds : int
        How many of the pairs are bonds.
    radii : numpy.ndarray of float64, (atoms,)
        Atoms that are not in ``pairs`` repel each other when they are nearer than the sum
        of these, Å.
    excluded : numpy.ndarray of int64, (m,)
        Sorted keys ``low * atoms + high`` of the pairs that do not repel each other.
    """

    pairs: np.ndarray
    lengths: np.ndarray
    strengths: np.ndarray
    bonds: int
    radii: np.ndarray
    excluded: np.ndarray

    def bond_deviation(self, positions):
        """Root mean square deviation of the bonds from their lengths.

        Parameters
        ----------
        positions : numpy.ndarray, (atoms, 3)
            Å.

        Returns
        -------
        float
            Å; 0 without any bond.
        """
        if not self.bonds:
            return 0.0
        one, other = self.pairs[:self.bonds].T
        lengths = np.linalg.norm(positions[one] - positions[other], axis=1)
        return float(np.sqrt(np.mean((lengths - self.lengths[:self.bonds]) ** 2)))


def restraints_of(structure, chosen, positions):
    """Restraints to the geometry of a model.

    Distances of bonded atoms, of atoms two bonds apart (angles) and three bonds apart
    (torsions), and of hydrogen bonds of the main chain. Torsions about bonds that do not
    turn (of rings, amides and guanidinium groups) are kept strictly. All others and the
    hydrogen bonds are held loosely: enough for helices and sheets to stay what they are.
    Bonds are found by the distance within a residue; residues are bonded along the
    chain, by disulfides and by what the file says.

    Parameters
    ----------
    structure : gemmi.Structure
    chosen : numpy.ndarray of int, (atoms,)
        Which of ``structure[0].all()`` take part, in this order.
    positions : numpy.ndarray of float64, (atoms, 3)
        Of these, Å.

    Returns
    -------
    Restraints
    """
    names = _Names(structure, chosen)
    bonds = _bonds(structure, names, positions)
    count = len(chosen)
    directed = np.concatenate([bonds, bonds[:, ::-1]])
    directed = directed[np.lexsort(directed.T[::-1])]
    starts = np.searchsorted(directed[:, 0], np.arange(count + 1))
    angles = _extended(directed, starts, directed[:, 1])
    torsions = _extended(angles, starts, directed[:, 1])
    # Each way was found from both of its ends.
    angles = angles[angles[:, 0] < angles[:, 2]]
    torsions = torsions[torsions[:, 0] < torsions[:, 3]]

    kept = [_keys(bonds, count)]
    near = kept[0]
    for keys in _farther(bonds, angles, torsions, names, positions):
        kept.append(np.setdiff1d(keys, near))
        near = np.union1d(near, keys)
    pairs = np.stack(np.divmod(np.concatenate(kept), count), axis=1)
    return Restraints(
        pairs, np.linalg.norm(positions[pairs[:, 0]] - positions[pairs[:, 1]], axis=1),
        np.repeat(1 / np.square(_DEVIATIONS), [len(keys) for keys in kept]), len(bonds),
        _contact_radii(names.elements), near)


def _farther(bonds, angles, torsions, names, positions):
    """Keys of the restrained pairs that are not bonded, the strictest ones first."""
    count = len(positions)
    ends, axes = _keys(torsions[:, [0, 3]], count), _keys(torsions[:, 1:3], count)
    yield _keys(angles[:, [0, 2]], count)
    nearer = np.union1d(_keys(bonds, count), _keys(angles[:, [0, 2]], count))
    # Bonds of rings of up to six atoms: a second way leads from one end to the other.
    _, place, times = np.unique(ends, return_inverse=True, return_counts=True)
    rings = axes[(times[place] > 1) | np.isin(ends, nearer)]
    yield ends[np.isin(axes, rings) | np.isin(axes, _amide_bonds(bonds, names, positions))]
    yield ends
    yield _hydrogen_bonds(names, positions)


class _Names:
    """Residues and names of the atoms that take part."""

    def __init__(self, structure, chosen):
        places = np.full(structure[0].count_atom_sites(), -1)
        places[chosen] = np.arange(len(chosen))
        self.residues = []  # of each residue: chain, gemmi.Residue, atoms by name
        self.of_atom = np.empty(len(chosen), int)
        self.elements = np.empty(len(chosen), object)
        self._index = None
        site = 0
        for chain in structure[0]:
            for residue in chain:
                own = {}
                for atom in residue:
                    place = int(places[site])
                    site += 1
                    if place >= 0:
                        own[atom.name] = place
                        self.of_atom[place] = len(self.residues)
                        self.elements[place] = atom.element.name
                self.residues.append((chain.name, residue, own))

    def is_cysteine_sulphur(self):
        """Of each atom, whether it can be in a disulfide."""
        found = np.zeros(len(self.of_atom), bool)
        found[[own["SG"] for _, residue, own in self.residues
               if residue.name == "CYS" and "SG" in own]] = True
        return found

    def find(self, address):
        """The atom that a connection names, None when it does not take part."""
        if self._index is None:
            self._index = {(chain, str(residue.seqid), residue.name): own
                           for chain, residue, own in self.residues}
        key = address.chain_name, str(address.res_id.seqid), address.res_id.name
        return self._index.get(key, {}).get(address.atom_name)


def _bonds(structure, names, positions):
    """Bonded atoms, (n, 2), the lower index first, each pair once and in order."""
    pairs = cKDTree(positions).query_pairs(_LONGEST_BOND, output_type="ndarray")
    reach = np.array([gemmi.Element(name).covalent_r for name in names.elements])
    distances = np.linalg.norm(positions[pairs[:, 0]] - positions[pairs[:, 1]], axis=1)
    pairs = pairs[(names.of_atom[pairs[:, 0]] == names.of_atom[pairs[:, 1]])
                  & (distances < reach[pairs].sum(axis=1) + _BOND_SLACK)]
    links = np.array(list(_links(structure, names)), int).reshape(-1, 2)
    sulphurs = np.flatnonzero(names.is_cysteine_sulphur())
    bridges = cKDTree(positions[sulphurs]).query_pairs(_LONGEST_LINK, output_type="ndarray")
    links = np.concatenate([links, sulphurs[bridges]])
    lengths = np.linalg.norm(positions[links[:, 0]] - positions[links[:, 1]], axis=1)
    links = links[(lengths < _LONGEST_LINK) & (links[:, 0] != links[:, 1])]
    return np.unique(np.sort(np.concatenate([pairs, links]), axis=1), axis=0)


def _links(structure, names):
    """Pairs of atoms of different residues that may be bonded."""
    for (chain, _, before), (same, _, own) in zip(names.residues, names.residues[1:]):
        for one, other in _POLYMER_LINKS if chain == same else ():
            if one in before and other in own:
                yield before[one], own[other]
    for connection in structure.connections:
        ends = names.find(connection.partner1), names.find(connection.partner2)
        if None not in ends:
            yield ends


def _extended(paths, starts, neighbours):
    """Ways along bonds made one bond longer, without turning back."""
    last = paths[:, -1]
    counts = starts[last + 1] - starts[last]
    rows = np.repeat(np.arange(len(paths)), counts)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    longer = np.column_stack([paths[rows], neighbours[starts[last[rows]] + within]])
    return longer[longer[:, -1] != longer[:, -3]]


def _keys(pairs, count):
    pairs = pairs.astype(np.int64)
    return pairs.min(axis=1) * count + pairs.max(axis=1)


def _amide_bonds(bonds, names, positions):
    """Keys of the bonds of carbon and nitrogen that are too short to turn."""
    ends = names.elements[bonds]
    mixed = ((ends == ["C", "N"]) | (ends == ["N", "C"])).all(axis=1)
    lengths = np.linalg.norm(positions[bonds[:, 0]] - positions[bonds[:, 1]], axis=1)
    return _keys(bonds[mixed & (lengths < _FIXED_CN)], len(positions))


def _hydrogen_bonds(names, positions):
    """Keys of the main-chain nitrogens and oxygens with a hydrogen between them."""
    nitrogens, oxygens = (np.array([own[name] for _, _, own in names.residues
                                    if "CA" in own and name in own], int) for name in "NO")
    near = cKDTree(positions[nitrogens]).sparse_distance_matrix(
        cKDTree(positions[oxygens]), _LONGEST_HYDROGEN_BOND, output_type="ndarray")
    return _keys(np.column_stack([nitrogens[near["i"]], oxygens[near["j"]]]), len(positions))


def _contact_radii(elements):
    return np.array([_CONTACT_RADII.get(name, _METAL_RADIUS) for name in elements])
