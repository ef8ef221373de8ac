"""An idealised globular protein, atom by atom.

Two equal chains around a twofold axis along z, each a twisted parallel sheet between two
layers of helices, without chain breaks. Heavy atoms only.
"""

import re

import gemmi
import numpy as np

from vrs.simulation import assembly, fold, packing

_WATER_MASS = 18.015
# Bonds from CA, by the second letter of an atom's name.
_REMOTENESS = {"B": 1, "G": 2, "D": 3, "E": 4, "Z": 5, "H": 6}


def build_protein(seed, b_factor, side_chain_rise=0.0):
    """The protein, centred at the origin.

    Parameters
    ----------
    seed : int
        Chooses among loops, sequences and rotamers.
    b_factor : float
        Isotropic B of main-chain atoms, Å².
    side_chain_rise : float
        By how much B rises with each bond along a side chain, Å².

    Returns
    -------
    structure : gemmi.Structure
        Chains A and B with entity, sequence, helices and strands.
    letters : str
        Secondary structure of one chain: H helix, E strand, L loop.
    """
    rng = np.random.default_rng(seed)
    backbone = fold.sandwich(rng)
    backbone.atoms = assembly.place_beside_axis(backbone.atoms, rng)
    chain = packing.pack(backbone, rng)
    structure = _structure(chain)
    for site in structure[0].all():
        site.atom.b_iso = b_factor + side_chain_rise * _REMOTENESS.get(site.atom.name[1:2], 0)
    return structure, chain.structure


def mass(structure):
    """Mass of a protein from its sequence, hydrogens included, in kDa.

    Parameters
    ----------
    structure : gemmi.Structure

    Returns
    -------
    float
    """
    return sum(_WATER_MASS + sum(gemmi.find_tabulated_residue(residue.name).weight - _WATER_MASS
                                 for residue in chain) for chain in structure[0]) / 1000


def _structure(chain):
    structure = gemmi.Structure()
    structure.name = "EXAMPLE"
    structure.spacegroup_hm = "P 1"
    model = gemmi.Model(1)
    model.add_chain(_gemmi_chain("A", chain, lambda position: position))
    model.add_chain(_gemmi_chain("B", chain, assembly.copy_of))
    structure.add_model(model)
    structure.setup_entities()
    for entity in structure.entities:
        entity.full_sequence = chain.sequence
    structure.deduplicate_entities()
    structure.assign_label_seq_id()
    structure.assign_serial_numbers()
    _annotate(structure, chain.structure)
    return structure


def _annotate(structure, letters):
    """Record helices, and each chain's strands as a parallel sheet."""
    helices = [match.span() for match in re.finditer("H+", letters)]
    strands = [match.span() for match in re.finditer("E+", letters)]
    for chain in structure[0]:
        for first, end in helices:
            helix = gemmi.Helix()
            helix.pdb_helix_class = gemmi.Helix.HelixClass.RAlpha
            helix.length = end - first
            helix.start, helix.end = _address(chain, first), _address(chain, end - 1)
            structure.helices.append(helix)
        sheet = gemmi.Sheet(chain.name)
        for place in np.argsort(fold.STRAND_PLACES):
            first, end = strands[place]
            strand = gemmi.Sheet.Strand()
            strand.sense = 1 if sheet.strands else 0
            strand.start, strand.end = _address(chain, first), _address(chain, end - 1)
            sheet.strands.append(strand)
        structure.sheets.append(sheet)


def _address(chain, place):
    residue = chain[place]
    return gemmi.AtomAddress(chain.name, residue.seqid, residue.name, "CA")


def _gemmi_chain(name, chain, place):
    made = gemmi.Chain(name)
    for number, (code, atoms) in enumerate(zip(chain.sequence, chain.atoms), start=1):
        residue = gemmi.Residue()
        residue.name = code
        residue.seqid = gemmi.SeqId(number, " ")
        for atom_name, position in atoms.items():
            atom = gemmi.Atom()
            atom.name = atom_name
            atom.element = gemmi.Element(atom_name[0])
            atom.pos = gemmi.Position(*place(position))
            residue.add_atom(atom)
        made.add_residue(residue)
    return made
