"""Reading and writing atomic models."""

import gzip
import os
import shutil

import gemmi
import numpy as np
import pytest

from vrs.errors import InputError
from vrs.io.models import atom_positions, read_model, write_coloured, write_model

POSITIONS = np.array([[1.5, -2.0, 3.25], [4.0, 5.0, 6.0], [7.0, 8.0, 9.5]])


def structure(positions=POSITIONS, atoms=("N", "CA", "C"), residue="ALA"):
    """One residue."""
    made = gemmi.Structure()
    made.add_model(gemmi.Model(1))
    chain, one = gemmi.Chain("A"), gemmi.Residue()
    one.name, one.seqid = residue, gemmi.SeqId("1")
    for name, position in zip(atoms, positions):
        atom = gemmi.Atom()
        atom.name, atom.element, atom.pos = name, gemmi.Element(name[0]), gemmi.Position(*position)
        one.add_atom(atom)
    chain.add_residue(one)
    made[0].add_chain(chain)
    made.setup_entities()
    return made


@pytest.fixture
def files(tmp_path):
    """The residue as mmCIF and PDB, compressed and under odd names."""
    paths = [str(tmp_path / name) for name in ("m.cif", "m.pdb", "m.cif.gz", "m.ent.gz", "model")]
    write_model(paths[0], structure())
    structure().write_pdb(paths[1])
    for source, target in zip(paths[:2], paths[2:4]):
        with open(source, "rb") as plain, gzip.open(target, "wb") as packed:
            shutil.copyfileobj(plain, packed)
    shutil.copyfile(paths[0], paths[4])
    return paths


def problem_of(path):
    with pytest.raises(InputError) as caught:
        read_model(path)
    (problem,) = caught.value.problems
    assert str(path) in problem and problem.endswith(".")
    return problem


def test_all_forms_give_the_same(files):
    for path in files:
        found = read_model(path)
        assert found.path == path
        np.testing.assert_allclose(atom_positions(found.structure), POSITIONS, atol=1e-3)


def test_writing_leaves_nothing_but_the_file(files, tmp_path):
    write_model(str(tmp_path / "new.cif"), structure())
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".part")]


def test_only_the_first_of_several_models_counts(tmp_path):
    several = structure()
    several.add_model(several[0].clone())
    several[1].num = 2
    path = str(tmp_path / "m.cif")
    several.make_mmcif_document().write_file(path)
    found = read_model(path)
    assert len(found.structure) == 1
    assert any("holds 2 models" in note.text for note in found.notes)


@pytest.mark.parametrize("name, text, part", [
    ("a.cif", "data_x\n_a.b 1\n", "has no atoms"), ("a.pdb", "hello\n", "cannot be read"),
    ("a.cif", "hello", "cannot be read"), ("a.cif.gz", "\x1f\x8bno", "cannot be read")])
def test_what_is_no_model(tmp_path, name, text, part):
    path = tmp_path / name
    path.write_text(text, encoding="latin-1")
    assert part in problem_of(path)


def test_missing_file(tmp_path):
    assert "does not exist" in problem_of(tmp_path / "none.cif")


def test_coordinates_that_are_no_numbers(tmp_path):
    path = str(tmp_path / "nan.cif")
    write_model(path, structure([[0, 0, 0], [np.nan, 1, 1], [2, 2, 2]]))
    assert "1 atom with coordinates that are not numbers" in problem_of(path)


def test_backbone_traces_are_told(tmp_path):
    path = str(tmp_path / "trace.cif")
    trace = structure(POSITIONS[:1], ("CA",))
    for number in ("2", "3"):
        residue = trace[0][0][0].clone()
        residue.seqid = gemmi.SeqId(number)
        trace[0][0].add_residue(residue)
    trace.setup_entities()
    write_model(path, trace)
    assert any("hardly more than one atom" in note.text for note in read_model(path).notes)


def test_models_without_polymers_are_told(tmp_path):
    path = str(tmp_path / "water.cif")
    write_model(path, structure(POSITIONS[:1], ("O",), "HOH"))
    assert any("neither protein nor nucleic acid" in note.text for note in read_model(path).notes)


def test_values_take_the_place_of_b_factors(tmp_path):
    made = structure()
    made[0][0][0][1].aniso = gemmi.SMat33f(1, 1, 1, 0, 0, 0)
    path = str(tmp_path / "coloured.cif")
    write_coloured(path, made, np.array([0.25, -1.5, np.nan]))
    found = gemmi.read_structure(path)
    atoms = [site.atom for site in found[0].all()]
    assert [(atom.name, atom.b_iso) for atom in atoms] == [("N", 0.25), ("CA", -1.5)]
    assert not any(atom.aniso.nonzero() for atom in atoms)
    assert made[0][0][0][0].b_iso != 0.25


def test_residues_without_values_are_left_out(tmp_path):
    path = str(tmp_path / "coloured.cif")
    made = structure()
    other = made[0][0][0].clone()
    other.seqid = gemmi.SeqId("2")
    made[0][0].add_residue(other)
    write_coloured(path, made, np.array([np.nan] * 3 + [1.0] * 3))
    assert [str(residue.seqid) for residue in gemmi.read_structure(path)[0]["A"]] == ["2"]
