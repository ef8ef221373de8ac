"""The structures that the sets show: molecules, assemblies, and where to find them."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Tuple

import gemmi
import numpy as np
from scipy.spatial import cKDTree

from vrs.io.models import atom_positions
from vrs.simulation import protein

DATA = Path(os.environ.get("VRS_TEST_DATA",
                           Path(__file__).resolve().parents[3] / "shared" / "data"))
SETTING, REPORTING = "setting", "reporting"
# Of F-actin: rise (Å) and twist (degrees) of a subunit.
_RISE, _TWIST = 27.5, -166.6
_SUBUNITS = 4
# From nucleic acid (Å), to what is kept of the protein; residues of the shortest piece of a chain.
_CORE, _SHORTEST = 14.0, 8


@dataclass(frozen=True)
class Structure:
    """A structure of the bench.

    Attributes
    ----------
    name, title : str
    part : str
        "setting" where criteria may be set by it, "reporting" where they are reported on.
    file : str
        Relative to the test data; empty for the idealised protein.
    chains : tuple of str
        Those that are taken; all without.
    fold : int
        Copies around z that are imposed on the map and its noise: 1, 2 or 4.
    kind : str
        "protein", "nucleic" where it has nucleic acid, or "filament".
    """

    name: str
    title: str
    part: str
    file: str
    chains: Tuple[str, ...] = ()
    fold: int = 1
    kind: str = "protein"


def _unbound(code):
    return "structures/%s_u.pdb.gz" % code


STRUCTURES = {one.name: one for one in (
    Structure("dbp", "vitamin D-binding protein, helices", SETTING, _unbound("1KXP_l")),
    Structure("serpin", "antithrombin-like serpin", REPORTING, _unbound("1JMO_r")),
    Structure("propeller", "G protein, a propeller of sheets", SETTING, _unbound("1GP2_l")),
    Structure("rcc1", "chromatin factor, a propeller of sheets", REPORTING, _unbound("1I2M_l")),
    Structure("desulfurase", "cysteine desulfurase, a dimer", SETTING, _unbound("3LVK_r")),
    Structure("desulfurase2", "another desulfurase, a dimer", REPORTING, _unbound("4LW4_r")),
    Structure("kinase", "glycerol kinase", REPORTING, _unbound("1GLA_r")),
    Structure("trimer", "CD40 ligand, three copies of a sheet", SETTING, _unbound("1I9R_r")),
    Structure("importin", "importin, repeats of helices", REPORTING, _unbound("1IBR_l")),
    Structure("hprk", "HPr kinase", SETTING, _unbound("1KKL_r")),
    Structure("neuroligin", "neuroligin", REPORTING, _unbound("3BIW_r")),
    Structure("interleukin", "interleukin 12", SETTING, _unbound("3HMX_l")),
    Structure("tolb", "TolB, two domains of sheets", REPORTING, _unbound("2HQS_r")),
    Structure("channel", "potassium channel, C4", SETTING, _unbound("1K4C_l"), fold=4),
    Structure("beta", "subunits of a potassium channel, C4", REPORTING, _unbound("1EXB_r"),
              fold=4),
    Structure("filament", "F-actin", SETTING, "map_model/emd_5168_actin/3MFP.pdb.gz",
              kind="filament"),
    Structure("complex", "a subunit of RNA polymerase on nucleic acid", SETTING,
              "crosslinks/PolIII_5fj8.pdb", tuple("ARST"), kind="nucleic"),
    Structure("complex2", "another subunit of RNA polymerase on nucleic acid", REPORTING,
              "crosslinks/PolIII_5fj8.pdb", tuple("BRST"), kind="nucleic"),
    Structure("ideal", "idealised protein, C2", SETTING, "", fold=2),
)}


def load(name):
    """A structure, centred at the origin, with B factors of mean 1 that follow its packing.

    B is proportional to the inverse of the weighted contact number Σ 1/r² of an atom
    (Lin et al. 2008, doi 10.1002/prot.21983), averaged over the residue's atoms, and rises along
    side chains; it replaces that of the file, which is of a crystal.

    Parameters
    ----------
    name : str
        Key of ``STRUCTURES``.

    Returns
    -------
    gemmi.Structure
        One copy of each atom; where there is an axis of symmetry it is z.
    """
    one = STRUCTURES[name]
    if not one.file:
        structure, _ = protein.build_protein(5, 1.0)
    else:
        structure = gemmi.read_structure(str(DATA / one.file))
        _clean(structure, one.chains)
    if one.kind == "nucleic":
        _keep_core(structure)
    if one.kind == "filament":
        _repeat(structure)
    _split_at_breaks(structure)
    positions = atom_positions(structure)
    if one.fold > 1 and one.file:
        positions = positions @ _axis_to_z(structure, one.fold).T
    middle = positions.mean(0) if one.fold > 1 else (positions.max(0) + positions.min(0)) / 2
    if one.kind == "filament":
        middle = np.array([0, 0, positions[:, 2].mean()])
    set_positions(structure, positions - middle)
    _set_b_factors(structure)
    structure.setup_entities()
    return structure


def atoms_of(structure):
    """All atoms of the first model, in order."""
    return [site.atom for site in structure[0].all()]


def residues_of(structure):
    """All residues of the first model, in order."""
    return [residue for chain in structure[0] for residue in chain]


def set_positions(structure, positions):
    """Move all atoms, positions (atoms, 3) in Å."""
    for atom, position in zip(atoms_of(structure), np.asarray(positions, float)):
        atom.pos = gemmi.Position(*position)


def residue_numbers(structure):
    """Number of each atom's residue, (atoms,)."""
    return np.repeat(np.arange(len(residues_of(structure))),
                     [len(residue) for residue in residues_of(structure)])


def part_of(structure, kept):
    """A copy with some of its residues.

    Parameters
    ----------
    structure : gemmi.Structure
    kept : sequence of bool, (residues,)

    Returns
    -------
    gemmi.Structure
    """
    flags = iter(kept)
    model = gemmi.Model(1)
    for chain in structure[0]:
        part = gemmi.Chain(chain.name)
        for residue in chain:
            if next(flags):
                part.add_residue(residue.clone())
        if len(part):
            model.add_chain(part)
    copy = gemmi.Structure()
    copy.name = structure.name
    copy.add_model(model)
    copy.setup_entities()
    return copy


def _clean(structure, chains):
    structure.remove_hydrogens()
    structure.remove_alternative_conformations()
    structure.remove_waters()
    while len(structure) > 1:
        del structure[-1]
    model = structure[0]
    for name in [chain.name for chain in model if chains and chain.name not in chains]:
        model.remove_chain(name)
    for chain in model:
        for number in reversed(range(len(chain))):
            known = gemmi.find_tabulated_residue(chain[number].name)
            if not (known.is_amino_acid() or known.is_nucleic_acid()):
                del chain[number]
    structure.remove_empty_chains()
    structure.cell = gemmi.UnitCell()
    structure.spacegroup_hm = "P 1"


def _keep_core(structure):
    """Keep nucleic acid and the residues within 14 Å of it."""
    nucleic = np.array([atom.pos.tolist() for residue in residues_of(structure)
                        if residue.find_atom("C1'", "*") for atom in residue])
    tree = cKDTree(nucleic)
    for chain in structure[0]:
        for number in reversed(range(len(chain))):
            distances, _ = tree.query([atom.pos.tolist() for atom in chain[number]])
            if distances.min() > _CORE:
                del chain[number]
    structure.remove_empty_chains()


def _repeat(structure):
    """Put subunits along z around the one of the file, whose axis is x = y = 0."""
    model = structure[0]
    original = model[0].clone()
    for number in range(-_SUBUNITS, _SUBUNITS + 1):
        if number == 0:
            continue
        angle = np.radians(_TWIST * number)
        turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0],
                         [0, 0, 1]])
        chain = original.clone()
        chain.name = "S%d" % (number + _SUBUNITS)
        for residue in chain:
            for atom in residue:
                atom.pos = gemmi.Position(*(turn @ atom.pos.tolist() + [0, 0, _RISE * number]))
        model.add_chain(chain)


def _split_at_breaks(structure):
    """Give chains of their own to what is far apart or numbered anew."""
    pieces = []
    for chain in structure[0]:
        piece = []
        for residue in chain:
            if piece and _apart(piece[-1], residue):
                pieces.append(piece)
                piece = []
            piece.append(residue.clone())
        pieces.append(piece)
    model = gemmi.Model(1)
    names = [a + b for a in ("",) + tuple("123456789") for b in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    for name, piece in zip(names, [piece for piece in pieces if len(piece) >= _SHORTEST]):
        chain = gemmi.Chain(name)
        for residue in piece:
            chain.add_residue(residue)
        model.add_chain(chain)
    del structure[0]
    structure.add_model(model)


def _apart(first, second):
    """Whether the second residue begins another chain: more than 30 Å away or numbered lower."""
    a, b = (next(iter(residue)).pos for residue in (first, second))
    return second.seqid.num < first.seqid.num or a.dist(b) > 30


def _axis_to_z(structure, fold):
    """Rotation that brings the axis of a ring of equal chains to z.

    The copies of a symmetric ring have the axis as that direction in which the centres of
    the copies do not differ; the copies are equal numbers of residues in order.
    """
    ca = np.array([residue.find_atom("CA", "*").pos.tolist() for residue in residues_of(structure)])
    copies = ca[:len(ca) // fold * fold].reshape(fold, -1, 3)
    centres = copies.mean(1) - copies.mean((0, 1))
    axis = np.linalg.svd(centres)[2][2]
    other = np.linalg.svd(axis[None])[2][1:]
    turn = np.vstack([other, axis])
    return turn if np.linalg.det(turn) > 0 else turn * [[-1], [1], [1]]


def _set_b_factors(structure):
    positions = atom_positions(structure)
    tree = cKDTree(positions)
    near = tree.query_pairs(12.0, output_type="ndarray")
    inverse = 1 / np.maximum(((positions[near[:, 0]] - positions[near[:, 1]]) ** 2).sum(1), 1.0)
    contacts = sum(np.bincount(near[:, column], inverse, len(positions)) for column in (0, 1))
    numbers = residue_numbers(structure)
    b = 1 / np.maximum(np.bincount(numbers, contacts) / np.bincount(numbers), 1e-3)
    b = np.clip(b / np.median(b), 0.6, 2.5)[numbers]
    b *= np.array([1 + 0.15 * _bonds_along(atom.name) for atom in atoms_of(structure)])
    b /= b.mean()
    for atom, value in zip(atoms_of(structure), b):
        atom.b_iso, atom.occ = float(value), 1.0
        atom.aniso = gemmi.SMat33f(0, 0, 0, 0, 0, 0)


def _bonds_along(name):
    """How many bonds an atom of a side chain is from the main chain."""
    return "BGDEZH".find(name[1]) + 1 if len(name) > 1 and name[-1] != "'" else 0
