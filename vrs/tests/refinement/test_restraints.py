import gemmi
import numpy as np
import pytest

from vrs.io.models import atom_positions
from vrs.refinement.restraints import restraints_of
from vrs.tests.refinement import chains

BOND, ANGLE, FIXED, LOOSE = 0.03, 0.06, 0.1, 0.2


def restraints(structure):
    positions = atom_positions(structure)
    return restraints_of(structure, np.arange(len(positions)), positions)


def named(structure, found, deviation):
    """Pairs that may deviate as much, as frozen sets of names such as "1.CA"."""
    names = ["%s.%s" % (site.residue.seqid, site.atom.name) for site in structure[0].all()]
    own = np.isclose(found.strengths, 1 / deviation ** 2)
    return {frozenset(names[i] for i in pair) for pair in found.pairs[own]}


def sets(*pairs):
    return {frozenset(pair.split()) for pair in pairs}


def test_alanines_by_hand():
    structure = chains.helices(1, 3)
    found = restraints(structure)
    assert found.bonds == 3 * 4 + 2
    assert named(structure, found, BOND) == sets(*[
        pair.replace("i", str(i)) for i in (1, 2, 3)
        for pair in ("i.N i.CA", "i.CA i.C", "i.C i.O", "i.CA i.CB")], "1.C 2.N", "2.C 3.N")
    angles = named(structure, found, ANGLE)
    assert len(angles) == 3 * 4 + 2 * 3
    assert sets("1.N 1.C", "1.N 1.CB", "1.C 1.CB", "1.CA 1.O", "1.CA 2.N", "1.O 2.N",
                "1.C 2.CA") <= angles
    # The peptide bond does not turn, the chain may turn about the others.
    assert named(structure, found, FIXED) == sets("1.CA 2.CA", "1.O 2.CA", "2.CA 3.CA", "2.O 3.CA")
    assert sets("1.N 2.N", "1.N 1.O", "1.CB 1.O", "1.CB 2.N", "1.C 2.C", "1.C 2.CB") <= named(
        structure, found, LOOSE)


def test_geometry_is_that_of_the_model():
    structure = chains.helices(1, 8)
    positions = atom_positions(structure)
    found = restraints(structure)
    np.testing.assert_allclose(
        found.lengths, np.linalg.norm(np.diff(positions[found.pairs], axis=1)[:, 0], axis=1))
    assert found.bond_deviation(positions) == 0
    assert found.bond_deviation(1.1 * positions) == pytest.approx(
        np.sqrt(np.mean((0.1 * found.lengths[:found.bonds]) ** 2)))


def test_hydrogen_bonds_hold_a_helix():
    structure = chains.helices(1, 8)
    loose = named(structure, restraints(structure), LOOSE)
    assert sets("1.O 5.N", "2.O 6.N", "3.O 7.N", "4.O 8.N") <= loose
    assert not sets("1.O 7.N") & loose


def ring(count, bond=1.39):
    """Places of a flat ring, and of an atom beside its first one."""
    angles = 2 * np.pi * np.arange(count) / count
    around = bond / (2 * np.sin(np.pi / count)) * np.column_stack(
        [np.cos(angles), np.sin(angles), 0 * angles])
    return around, around[0] * (1 + 1.5 / np.linalg.norm(around[0]))


@pytest.mark.parametrize("count", [5, 6])
def test_rings_are_kept_flat(count):
    around, beside = ring(count)
    structure = chains.empty()
    chains.add_residue(structure, "A", 1, "LIG", [("CB", "C", beside)] + [
        ("C%d" % i, "C", place) for i, place in enumerate(around)])
    found = restraints(structure)
    assert found.bonds == count + 1
    fixed = named(structure, found, FIXED)
    assert sets("1.CB 1.C2", "1.CB 1.C%d" % (count - 2)) <= fixed
    assert sets("1.C0 1.C3", "1.C1 1.C4", "1.C2 1.C5") <= fixed or count == 5
    assert not named(structure, found, LOOSE)


def test_an_open_chain_may_turn():
    structure = chains.empty()
    chains.add_residue(structure, "A", 1, "LIG", [
        ("C%d" % i, "C", (1.26 * i, 0.88 * (i % 2), 0)) for i in range(6)])
    found = restraints(structure)
    assert not named(structure, found, FIXED)
    assert named(structure, found, LOOSE) == sets("1.C0 1.C3", "1.C1 1.C4", "1.C2 1.C5")


def test_residues_are_bonded_by_rule_and_not_by_nearness():
    structure = chains.helices(2, 5)
    bonds = restraints(structure).bonds
    # Another chain whose atoms lie between those of the first one.
    for one, other in zip(structure[0]["A"], structure[0]["B"]):
        for atom, clashing in zip(one, other):
            clashing.pos = atom.pos + gemmi.Position(0.7, 0.0, 0.0)
    with_clash = restraints(structure)
    assert with_clash.bonds == bonds
    names = [site.chain.name for site in structure[0].all()]
    assert all(names[i] == names[j] for i, j in with_clash.pairs[:with_clash.bonds])
    # A gap in the chain is no bond either.
    structure = chains.helices(2, 5)
    del structure[0]["A"][2]
    assert restraints(structure).bonds == bonds - 4 - 2


def cysteines(distance):
    structure = chains.empty()
    for chain, side in (("A", 0.0), ("B", 1.0)):
        at = side * (distance + 2 * 1.8)
        towards = 1 - 2 * side
        chains.add_residue(structure, chain, 1 + int(side), "CYS", [
            ("CB", "C", (at, 0, 0)), ("SG", "S", (at + towards * 1.8, 0, 0))])
    return structure


def test_disulfides_and_links_of_the_file():
    assert restraints(cysteines(2.05)).bonds == 3
    assert restraints(cysteines(3.5)).bonds == 2
    structure = cysteines(3.5)
    chains.add_residue(structure, "C", 3, "LIG", [("O1", "O", (0, 1.4, 0)),
                                                  ("C1", "C", (0, 2.8, 0))])
    assert restraints(structure).bonds == 3
    link = gemmi.Connection()
    for partner, chain, number, name, atom in ((link.partner1, "A", "1", "CYS", "CB"),
                                               (link.partner2, "C", "3", "LIG", "O1")):
        partner.chain_name, partner.atom_name = chain, atom
        partner.res_id.seqid, partner.res_id.name = gemmi.SeqId(number), name
    structure.connections.append(link)
    found = restraints(structure)
    assert found.bonds == 4 and sets("1.CB 3.O1") <= named(structure, found, BOND)


def test_only_atoms_that_take_part():
    structure = chains.helices(1, 4)
    positions = atom_positions(structure)
    chosen = np.flatnonzero([site.atom.name != "CB" for site in structure[0].all()])
    found = restraints_of(structure, chosen, positions[chosen])
    assert found.bonds == 4 * 3 + 3 and found.pairs.max() < len(chosen)
    assert found.bond_deviation(positions[chosen]) == 0
