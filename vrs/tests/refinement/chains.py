"""Small models of good geometry for the tests of refinement."""

import gemmi
import numpy as np

from vrs.simulation import geometry

ATOMS = ("N", "CA", "C", "O", "CB")


def helices(count=2, residues=20, centre=(0.0, 0.0, 0.0), b_factor=40.0):
    """Alanine helices side by side, chains A, B, ..., their middle at ``centre`` (x, y, z, Å)."""
    chain = geometry.regular_chain(residues, -62.0, -43.0)
    atoms = np.concatenate([chain, geometry.carbonyl_oxygens(chain, -43.0)[:, None],
                            geometry.beta_carbons(chain)[:, None]], axis=1)
    structure = gemmi.Structure()
    structure.add_model(gemmi.Model(1))
    for place in range(count):
        shift = np.array(centre) + [10.0 * (place - (count - 1) / 2), 0, 0]
        structure[0].add_chain(_chain("ABCDEF"[place], atoms + shift, b_factor))
    structure.setup_entities()
    return structure


def add_residue(structure, chain, number, name, atoms):
    """Add a residue of atoms (name, element, position), and return it."""
    residue = gemmi.Residue()
    residue.name, residue.seqid = name, gemmi.SeqId(str(number))
    for atom_name, element, position in atoms:
        atom = gemmi.Atom()
        atom.name, atom.element, atom.b_iso = atom_name, gemmi.Element(element), 40.0
        atom.pos = gemmi.Position(*(float(x) for x in position))
        residue.add_atom(atom)
    if structure[0].find_chain(chain) is None:
        structure[0].add_chain(gemmi.Chain(chain))
    return structure[0][chain].add_residue(residue)


def empty():
    """A structure of one model without chains."""
    structure = gemmi.Structure()
    structure.add_model(gemmi.Model(1))
    return structure


def _chain(name, atoms, b_factor):
    chain = gemmi.Chain(name)
    for number, places in enumerate(atoms, 1):
        residue = gemmi.Residue()
        residue.name, residue.seqid = "ALA", gemmi.SeqId(str(number))
        for atom_name, place in zip(ATOMS, places):
            atom = gemmi.Atom()
            atom.name, atom.element = atom_name, gemmi.Element(atom_name[0])
            atom.pos, atom.b_iso = gemmi.Position(*place), b_factor
            residue.add_atom(atom)
        chain.add_residue(residue)
    return chain
