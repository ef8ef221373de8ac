import gemmi
import numpy as np
import pytest

from vrs.checks.residues import residue_figures, residues_of
from vrs.tests.checks.level_A.models import walk

NAN = float("nan")


@pytest.fixture(scope="module")
def structure():
    made = walk(residues=4)
    other = made[0][0].clone()
    other.name = "B"
    other[1].seqid = gemmi.SeqId(1, "A")
    made[0].add_chain(other)
    return made


@pytest.fixture(scope="module")
def residues(structure):
    return residues_of(structure)


def test_residues_in_the_order_of_the_model(residues):
    assert residues.chains == ["A"] * 4 + ["B"] * 4
    assert residues.numbers == ["1", "2", "3", "4", "1", "1A", "3", "4"]
    assert residues.names == ["ALA"] * 8
    assert residues.of_atom.tolist() == [index for index in range(8) for _ in range(5)]


def test_mean_over_the_atoms_that_have_a_value(residues):
    values = np.full(40, NAN)
    values[:3] = 1.0, 2.0, NAN
    values[35:] = 4.0
    np.testing.assert_equal(residues.mean(values), [1.5] + [NAN] * 6 + [4.0])


def test_only_residues_with_a_value_are_kept(residues):
    kept = residues.values("q", "Q", "", np.array([1, NAN, 3, NAN, NAN, 6, 7, 8]))
    assert kept.numbers == ["1", "3", "1A", "3", "4"]
    assert kept.chains == ["A", "A", "B", "B", "B"]
    assert kept.values.tolist() == [1, 3, 6, 7, 8]


@pytest.mark.parametrize("worst, first", [("low", "-5.000"), ("high", "4.000"), ("far", "-5.000")])
def test_worst_come_first(residues, worst, first):
    values = residues.values("q", "Q", "Å", np.array([0, 1, 2, 3, -5, 1, NAN, 4]))
    table, trace, along = residue_figures(residues, values, "Value", worst, ("bound", 0.5))
    assert table.rows[0][-1] == first and table.columns[-1] == "Value (Å)"
    assert [track.label for track in along.tracks] == ["Chain A", "Chain B"]
    assert along.tracks[1].x.tolist() == [1, 1, 4] and along.bound == 0.5
    assert values.badness().argmax() == {"-5.000": 4, "4.000": 6}[first]
    assert values.outside().tolist() == [
        {"low": value < 0.5, "high": value > 0.5, "far": abs(value) > 0.5}[worst]
        for value in (0, 1, 2, 3, -5, 1, 4)]


def test_ligands_do_not_stretch_the_axis(residues):
    chain = _chain("A", [("ALA", "CA", "C", 0, "1"), ("GLY", "CA", "C", 3.8, "2"),
                         ("HEM", "FE", "Fe", 12, "1001")])
    structure = gemmi.Structure()
    structure.add_model(gemmi.Model(1))
    structure[0].add_chain(chain)
    residues = residues_of(structure)
    values = residues.values("q", "Q", "", np.array([1.0, 2.0, 3.0]))
    table, _, along = residue_figures(residues, values, "Value")
    assert along.tracks[0].x.tolist() == [1, 2] and len(table.rows) == 3
    assert values.positions[2].tolist() == [12, 1, 2]


def test_the_worst_chains_are_drawn_where_there_are_many():
    structure = gemmi.Structure()
    structure.add_model(gemmi.Model(1))
    for name in "ABCDEFGHIJ":
        structure[0].add_chain(_chain(name, [("ALA", "CA", "C", 0, "1"),
                                             ("GLY", "CA", "C", 3.8, "2")]))
    residues = residues_of(structure)
    values = residues.values("q", "Q", "", np.repeat(np.arange(10.0), 2))
    along = residue_figures(residues, values, "Value", "low")[2]
    assert [track.label[-1] for track in along.tracks] == list("ABCDEFGH")
    assert "the 8 worst of 10" in along.caption


def _chain(name, kinds):
    """Residues of single atoms: name, atom, element, x and number of each."""
    chain = gemmi.Chain(name)
    for residue_name, atom_name, element, x, number in kinds:
        residue, atom = gemmi.Residue(), gemmi.Atom()
        residue.name, residue.seqid = residue_name, gemmi.SeqId(number)
        atom.name, atom.element = atom_name, gemmi.Element(element)
        atom.pos = gemmi.Position(x, 1, 2)
        residue.add_atom(atom)
        chain.add_residue(residue)
    return chain


def test_bonded_residues_are_pieces():
    structure = gemmi.Structure()
    structure.add_model(gemmi.Model(1))
    for chain in (
            _chain("A", [("ALA", "CA", "C", 0, "1"), ("GLY", "CA", "C", 3.8, "2"),
                         ("SER", "CA", "C", 3.9, "2"),  # the other of two alternatives
                         ("UNK", "CA", "C", 7.6, "3"), ("ALA", "CA", "C", 14, "7"),
                         ("MG", "MG", "Mg", 17, "8"), ("CA", "CA", "Ca", 19, "9"),
                         ("HOH", "O", "O", 20, "10")]),
            _chain("B", [("ALA", "CA", "C", 15, "1")]),
            _chain("C", [("DA", "C4'", "C", 0, "1"), ("DT", "P", "P", 4, "2"),
                         ("U", "P", "P", 10, "3"), ("HEM", "FE", "Fe", 12, "4"),
                         ("HEM", "FE", "Fe", 13, "5")])):
        structure[0].add_chain(chain)
    residues = residues_of(structure)
    assert residues.pieces.tolist() == [0, 0, -1, 0, 1, 2, 3, -1, 4, 5, 5, 5, 6, 7]
    assert residues.positions[3].tolist() == pytest.approx([7.6, 1, 2])


def test_residues_without_such_atoms_are_at_their_centre(residues, structure):
    ligand = structure[0][0][0].clone()
    for atom in ligand:
        atom.name = "X" + atom.name
    chain = gemmi.Chain("Z")
    chain.add_residue(ligand)
    model = gemmi.Structure()
    model.add_model(gemmi.Model(1))
    model[0].add_chain(chain)
    assert residues_of(model).positions[0] == pytest.approx(
        np.mean([atom.pos.tolist() for atom in ligand], axis=0), abs=1e-4)
    alpha = structure[0][0][0].sole_atom("CA").pos.tolist()
    assert residues.positions[0] == pytest.approx(alpha, abs=1e-4)


def test_model_shows_all_residues_with_the_values_that_there_are(residues):
    values = residues.values("q", "Q", "Å", np.array([0, NAN, 2, 3, -5, 1, NAN, 4]))
    trace = residue_figures(residues, values, "FSC-Q", "far")[1]
    np.testing.assert_array_equal(trace.values, [0, NAN, 2, 3, -5, 1, NAN, 4])
    assert trace.pieces.tolist() == residues.pieces.tolist()
    assert trace.colour_label == "FSC-Q" and trace.unit == "Å"
    assert "coloured by the FSC-Q." in trace.caption
    assert "by the mean score." in residue_figures(residues, values, "Mean score")[1].caption
