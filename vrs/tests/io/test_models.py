"""Reading and writing atomic models."""

import bz2
import gzip
import lzma
import os
import shutil
import zipfile

import gemmi
import numpy as np
import pytest

from vrs.errors import InputError
from vrs.io.models import atom_positions, read_model, within_box, write_coloured, write_model
from vrs.tests.fuzz import sources

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
    assert "There is no file" in problem_of(tmp_path / "none.cif")


def test_nothing_blocks(tmp_path):
    os.mkfifo(str(tmp_path / "pipe.cif"))
    assert "not an ordinary file" in problem_of(tmp_path / "pipe.cif")
    assert "is a folder" in problem_of(tmp_path)
    (tmp_path / "empty.pdb").write_text("")
    assert "is empty" in problem_of(tmp_path / "empty.pdb")


def test_backbone_traces_are_told(tmp_path):
    path = str(tmp_path / "trace.cif")
    trace = structure(POSITIONS[:1], ("CA",))
    for number in ("2", "3"):
        residue = trace[0][0][0].clone()
        residue.seqid = gemmi.SeqId(number)
        residue[0].pos += gemmi.Position(3.8 * float(number), 0, 0)
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


# What other programs write. Lines of PDB files have their columns, so they are made by hand.

def pdb_line(serial=1, name=" CA ", alternative=" ", residue="ALA", chain=" A", number="   1",
             insertion=" ", position=(1.0, 2.0, 3.0), occupancy="  1.00", b_factor=" 30.00",
             segment="    ", element=" C", record="ATOM  ", place=None):
    coordinates = place or "%8.3f%8.3f%8.3f" % tuple(position)
    return "%s%5d %s%s%-3s%s%s%s   %s%s%s      %s%s" % (
        record, serial, name, alternative, residue, chain, number, insertion, coordinates,
        occupancy, b_factor, segment, element)


NAMES = (" N  ", " CA ", " C  ", " O  ")


def chain_lines(count=3, start=1, shift=0.0, **fields):
    """Some residues of an extended chain."""
    return [pdb_line(name=name, element=" " + name[1], number="%4d" % (start + residue),
                     position=(3.8 * residue + index, shift, 2.0 * index), **fields)
            for residue in range(count) for index, name in enumerate(NAMES)]


@pytest.fixture
def saved(tmp_path):
    def save(lines, name="m.pdb"):
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n")
        return path
    return save


def counts(found):
    """Residues of each chain."""
    return {chain.name: len(chain) for chain in found.structure[0]}


def only_note(found):
    (note,) = found.notes
    return note.text


def test_sound_files_have_no_notes(saved):
    found = read_model(saved(chain_lines() + ["TER"] + chain_lines(chain=" B") + ["END"]))
    assert counts(found) == {"A": 3, "B": 3} and found.notes == []
    assert found.structure[0].count_atom_sites() == 24


@pytest.mark.parametrize("between", [[], ["TER"], ["END"]])
def test_chains_without_names_are_kept_apart(saved, between):
    found = read_model(saved(chain_lines(chain="  ") + between
                             + chain_lines(chain="  ", shift=9.0)))
    assert counts(found) == {"A": 3, "B": 3}
    assert found.structure[0].count_atom_sites() == 24
    assert "A chain without a name comes 2 times" in found.notes[-1].text
    # None of the atoms went to the other copy.
    assert {site.atom.pos.y for site in found.structure[0].all() if site.chain.name == "B"} == {9}


def test_copies_of_a_chain_are_kept_apart(saved):
    lines = sum((chain_lines(chain=chain, shift=shift) for chain, shift in
                 ((" A", 0), (" B", 5), (" A", 9), (" A", 12), (" B", 20))), [])
    found = read_model(saved(lines))
    assert counts(found) == {"A": 3, "B": 3, "A2": 3, "A3": 3, "B2": 3}
    assert "Chain A comes 3 times in the file; the copies were kept apart and are called " \
        "A, A2, A3." in [note.text for note in found.notes]


def test_copies_whose_first_atom_is_new_are_kept_apart(saved):
    lines = chain_lines(1) + chain_lines(1, 2)
    copy = [pdb_line(name=" H1 ", element=" H", position=(9.0, 9.0, 9.0))] + chain_lines(2)
    found = read_model(saved(lines + copy))
    assert counts(found) == {"A": 2, "A2": 2}
    assert [len(residue) for residue in found.structure[0]["A2"]] == [5, 4]


def test_atoms_that_come_late_join_their_residue(saved):
    """Second conformations or hydrogens at the end of the file."""
    late = [pdb_line(name=" CB ", alternative="B", number="   1", position=(0.0, 1.0, 1.0))]
    found = read_model(saved(chain_lines() + late))
    assert counts(found) == {"A": 3} and found.notes == []
    assert len(found.structure[0]["A"][0]) == 5


def test_ligands_and_water_after_the_chains_belong_to_them(saved):
    water = [pdb_line(name=" O  ", residue="HOH", element=" O", number="%4d" % number,
                      record="HETATM", position=(number, 30.0, 0.0)) for number in (1, 2, 3)]
    found = read_model(saved(chain_lines() + ["TER"] + water))
    assert counts(found) == {"A": 6} and found.notes == []


def test_segments_name_chains_without_names(saved):
    found = read_model(saved(chain_lines(chain="  ", segment="PROA")
                             + chain_lines(chain="  ", segment="PROB")))
    assert counts(found) == {"PROA": 3, "PROB": 3} and found.notes == []


def test_line_numbers_of_old_files_are_no_segments_and_elements(saved):
    lines = [line[:72] + "1ABC%4d" % number for number, line in enumerate(chain_lines(chain="  "))]
    found = read_model(saved(lines))
    assert counts(found) == {"A": 3}
    assert {site.atom.element.name for site in found.structure[0].all()} == {"N", "C", "O"}


def test_a_single_chain_without_name_gets_one(saved):
    assert "is called A" in only_note(read_model(saved(chain_lines(chain="  "))))


def test_all_atoms_after_the_end_of_a_file_count(saved):
    found = read_model(saved(chain_lines() + ["END"] + chain_lines(chain=" B") + ["END"]))
    assert counts(found) == {"A": 3, "B": 3}
    assert "continues after its first END" in only_note(found)


@pytest.mark.parametrize("beginning, end", [
    (["MODEL        1"], ["ENDMDL"]), ([], ["MODEL        2"]), ([], ["ENDMDL"]),
    (["MODEL        1"], ["ENDMDL", "MODEL        2"])])
def test_models_however_they_are_told_apart(saved, beginning, end):
    found = read_model(saved(beginning + chain_lines() + end + chain_lines(shift=4.0)))
    assert counts(found) == {"A": 3}
    assert only_note(found) == "The file holds 2 models; the first one is used."


@pytest.mark.parametrize("number", ["    ", "   0", "****"])
def test_residues_without_numbers_are_numbered(saved, number):
    lines = [line[:22] + number + line[26:] for line in
             chain_lines() + ["TER"] + chain_lines(chain=" B")]
    found = read_model(saved([line for line in lines if len(line) > 30]))
    assert counts(found) == {"A": 3, "B": 3}
    assert [residue.seqid.num for residue in found.structure[0]["B"]] == [1, 2, 3]
    assert "6 residues have no number" in only_note(found)


def test_traces_without_numbers_are_numbered(saved):
    """Residues of the same kind follow each other."""
    found = read_model(saved([pdb_line(number="    ", position=(3.8 * place, 0, 0),
                                       residue="VAL" if place < 4 else "GLY")
                              for place in range(6)]))
    assert counts(found) == {"A": 6}


def test_large_numbers_of_residues(saved):
    """In base 36, and with a fifth digit in the next column."""
    found = read_model(saved([pdb_line(number="A000"), pdb_line(number="a00z", chain=" B"),
                              pdb_line(number="1234", insertion="5", position=(9, 0, 0)),
                              pdb_line(number="1234", insertion="B", position=(19, 0, 0))]))
    assert [str(residue.seqid) for chain in found.structure[0] for residue in chain] == [
        "10000", "12345", "1234B", "%d" % (10000 + 26 * 36 ** 3 + 35)]


@pytest.mark.parametrize("place", [
    "*" * 24, "  83.754********  58.823", "  83.754          58.823", "   1,000   2,000   3,000",
    "10000.000  79.230  58.823", "10000.1231234.5671234.567", " 83.754   79.230  58.82x"])
def test_coordinates_that_cannot_be_read_are_refused_with_their_line(saved, place):
    path = saved(["REMARK", pdb_line(), pdb_line(place=place, number="   2")])
    assert "in its line 3, the coordinates are not three numbers" in problem_of(path)


def test_a_file_that_was_cut_is_refused(saved):
    assert "in its line 2, " in problem_of(saved([pdb_line(), pdb_line(number="   2")[:40]]))


@pytest.mark.parametrize("place", ["     nan   2.000   3.000", "     inf   2.000   3.000",
                                   " 1.0E+09   2.000   3.000"])
def test_atoms_without_a_place_are_left_out(saved, place):
    found = read_model(saved(chain_lines() + [pdb_line(number="   9", place=place)]))
    assert counts(found) == {"A": 3}
    assert only_note(found) == "1 atom has no finite coordinates and was left out."
    assert "no atom with finite coordinates" in problem_of(saved([pdb_line(place=place)]))


def test_atoms_in_one_place_are_no_model(saved):
    assert "same place" in problem_of(saved([pdb_line(number="%4d" % number)
                                             for number in range(1, 9)]))


def test_occupancies_of_nothing_count_as_one(saved):
    found = read_model(saved(chain_lines(occupancy="  0.00")))
    assert {site.atom.occ for site in found.structure[0].all()} == {1.0}
    assert "All occupancies are 0" in only_note(found)
    some = read_model(saved(chain_lines(occupancy="  0.00") + chain_lines(chain=" B")))
    assert sorted(site.atom.occ for site in some.structure[0].all()) == [0.0] * 12 + [1.0] * 12
    assert some.notes == []
    odd = read_model(saved(chain_lines(occupancy=" -0.30") + chain_lines(chain=" B")))
    assert {site.atom.occ for site in odd.structure[0].all()} == {1.0}
    assert "12 atoms have no occupancy between 0 and 1" in only_note(odd)


@pytest.mark.parametrize("b_factor", ["   inf", "   nan", "******", "9999.9"])
def test_b_factors_that_cannot_be_are_replaced(saved, b_factor):
    found = read_model(saved(chain_lines(1) + chain_lines(1, 2, b_factor=" 70.00")
                             + chain_lines(1, 3, b_factor=" 50.00")
                             + [pdb_line(number="   9", b_factor=b_factor)]))
    assert [site.atom.b_iso for site in found.structure[0].all()][-1] == 50.0
    assert "1 atom has no possible B factor" in only_note(found)
    assert "the median of the others, 50 Å²" in only_note(found)


def test_models_without_b_factors_get_a_usual_one(saved):
    found = read_model(saved(chain_lines(b_factor="      ")))
    assert {site.atom.b_iso for site in found.structure[0].all()} == {20.0}


def test_elements_come_from_names_where_they_are_missing(saved):
    found = read_model(saved([
        pdb_line(name="CA  ", element="  "), pdb_line(name=" HG1", element="  "),
        pdb_line(name=" SG ", element=" X", position=(0, 0, 0)),
        pdb_line(name="ZN  ", residue=" ZN", element="  ", number="   2", position=(5, 0, 0)),
        pdb_line(name="CA  ", residue=" CA", element="  ", number="   3", position=(7, 0, 0)),
        pdb_line(name="FE  ", residue="HEM", element="  ", number="   4", position=(9, 0, 0)),
        pdb_line(name=" NA ", residue="HEM", element="  ", number="   4", position=(9, 3, 0)),
        pdb_line(name="CL1 ", residue="LIG", element="  ", number="   5", position=(9, 6, 0))]))
    assert [site.atom.element.name for site in found.structure[0].all()] == [
        "C", "H", "S", "Zn", "Ca", "Fe", "N", "Cl"]
    assert "does not give the element of 8 atoms" in found.notes[0].text


def test_elements_that_residues_cannot_have(saved):
    found = read_model(saved(chain_lines() + [
        pdb_line(name=" CA ", element="CA", number="   9"),
        pdb_line(name="SE  ", residue="MSE", element="SE", number="  10", position=(4, 4, 4))]))
    assert [site.atom.element.name for site in found.structure[0].all()][-2:] == ["C", "Se"]
    assert "1 atom of proteins or nucleic acids cannot have the element" in only_note(found)


def test_atoms_of_no_element_are_left_out(saved):
    found = read_model(saved(chain_lines() + [
        pdb_line(name=" X1 ", element=" X", residue="UNX", number="   9")]))
    assert counts(found) == {"A": 3}
    assert "1 atom is of an element that neither the file nor the name gives, and was left out" \
        in only_note(found)


@pytest.mark.parametrize("content", [
    b"\xef\xbb\xbf%s", b"REMARK \xe9\xe8\xfc\n%s", b"REMARK \x85 \xe2\x80\xa8\n%s"])
def test_encodings(tmp_path, content):
    path = tmp_path / "m.pdb"
    lines = "\n".join(chain_lines()).encode()
    for text in (lines, lines.replace(b"\n", b"\r\n"), lines.replace(b"\n", b"\r")):
        path.write_bytes(content % text)
        assert counts(read_model(path)) == {"A": 3}
    path.write_bytes(("\n".join(chain_lines())).encode("utf-16"))
    assert counts(read_model(path)) == {"A": 3}


def test_mmcif_with_a_byte_order_mark(tmp_path, files):
    with open(files[0], "rb") as plain:
        (tmp_path / "bom.cif").write_bytes(b"\xef\xbb\xbf" + plain.read())
    found = read_model(tmp_path / "bom.cif")
    np.testing.assert_allclose(atom_positions(found.structure), POSITIONS, atol=1e-3)


def test_restraints_before_the_model(tmp_path):
    """Programs write the restraints of ligands into blocks of their own, often the first."""
    (tmp_path / "m.cif").write_bytes(b"""data_comp_list
loop_
_chem_comp.id
_chem_comp.name
LIG 'a ligand'
data_comp_LIG
loop_
_chem_comp_atom.comp_id
_chem_comp_atom.atom_id
_chem_comp_atom.type_symbol
_chem_comp_atom.x
_chem_comp_atom.y
_chem_comp_atom.z
LIG C1 C 0.0 0.0 0.0
LIG O1 O 1.2 0.0 0.0
""" + sources.cif())
    found = atom_positions(read_model(tmp_path / "m.cif").structure)
    places = np.array([atom[7:10] for atom in sources.atoms()])
    for ours, theirs in zip(found.T, places.T):
        np.testing.assert_allclose(np.sort(ours), np.sort(theirs), atol=6e-4)


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress, gzip.compress])
def test_packed_models_whatever_their_name(tmp_path, files, pack):
    for source in files[:2]:
        with open(source, "rb") as plain:
            (tmp_path / "packed.txt").write_bytes(pack(plain.read()))
        assert read_model(tmp_path / "packed.txt").structure[0].count_atom_sites() == 3


def test_zip_archives_of_one_file(tmp_path, files):
    path = str(tmp_path / "m.zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(files[0])
    assert read_model(path).structure[0].count_atom_sites() == 3
    with zipfile.ZipFile(path, "a") as archive:
        archive.write(files[1])
    assert "zip archive of 2 files" in problem_of(path)


# mmCIF

COLUMNS = ("group_PDB id type_symbol label_atom_id label_alt_id label_comp_id label_asym_id "
           "label_seq_id pdbx_PDB_ins_code Cartn_x Cartn_y Cartn_z occupancy B_iso_or_equiv "
           "auth_seq_id auth_asym_id pdbx_PDB_model_num").split()
ROW = dict(zip(COLUMNS, "ATOM 1 C CA . ALA A 5 ? 1.0 2.0 3.0 1.0 30 7 X 1".split()))


def cif(rows, before="", columns=COLUMNS):
    return [before + "data_model", "loop_"] + ["_atom_site." + name for name in columns] + [
        " ".join(str(dict(ROW, **row)[name]) for name in columns) for row in rows]


def spread(count, **fields):
    """Rows of a trace, which lies along x."""
    return [dict(fields, id=number, Cartn_x=3.8 * number) for number in range(1, count + 1)]


@pytest.mark.parametrize("before", [
    "data_comp_LIG\n_chem_comp.id LIG\nloop_\n_chem_comp_atom.atom_id\nC1\nC2\n",
    "# a comment\n\n", "data_other\n_a.b 1\n"])
def test_the_block_with_atoms_is_taken(saved, before):
    found = read_model(saved(cif(spread(1), before), "m.pdb"))
    assert counts(found) == {"X": 1}
    assert str(found.structure[0]["X"][0].seqid) == "7"


def test_categories_that_nobody_asks_for_do_no_harm(saved):
    more = ["loop_", "_pdbx_sifts_xref_db.entity_id", "_pdbx_sifts_xref_db.asym_id",
            "_pdbx_sifts_xref_db.seq_id", "1 Z 99"]
    assert counts(read_model(saved(cif(spread(1)) + more))) == {"X": 1}


def test_numbers_of_the_sequence_stand_in_for_those_of_the_authors(saved):
    rows = [dict(row, auth_seq_id="?", label_seq_id=number)
            for row, number in zip(spread(3), (4, 5, 8))]
    found = read_model(saved(cif(rows)))
    assert [residue.seqid.num for residue in found.structure[0]["X"]] == [4, 5, 8]
    assert any("those of the sequence are used" in note.text for note in found.notes)
    unnumbered = read_model(saved(cif(spread(3, auth_seq_id="?", label_seq_id="."))))
    assert [residue.seqid.num for residue in unnumbered.structure[0]["X"]] == [1, 2, 3]
    assert any("3 residues have no number" in note.text for note in unnumbered.notes)


def test_numbers_that_are_none_are_not_replaced_in_silence(saved):
    rows = spread(3)
    rows[1]["auth_seq_id"] = "1e-3"
    found = read_model(saved(cif(rows)))
    assert any("1 residue has no number" in note.text for note in found.notes)


def test_tables_of_several_categories_are_refused(saved):
    lines = [line.replace("_atom_site.occ", "_atomm_site.occ") for line in cif(spread(2))]
    assert "cannot be read" in problem_of(saved(lines))


@pytest.mark.parametrize("alternative, insertion, words", [
    ("é", " ", "conformations that are not single letters"),
    (" ", "\x01", "insertion codes that are not single letters")])
def test_letters_that_are_none(saved, alternative, insertion, words):
    assert words in problem_of(saved([pdb_line(alternative=alternative, insertion=insertion)]))
    assert "not single letters" in problem_of(saved(cif([{"label_alt_id": "AB"}])))


def test_uncertainties_do_not_belong_to_pdb_files(saved):
    place = "  1.5(3)   2.000   3.000"
    assert "in its line 1" in problem_of(saved([pdb_line(place=place)]))


def test_copies_in_mmcif_are_kept_apart(saved):
    rows = [dict(row, label_asym_id=chain, auth_seq_id=number, Cartn_y=shift)
            for chain, shift in (("A", 0), ("B", 9)) for number, row in enumerate(spread(3), 1)]
    found = read_model(saved(cif(rows)))
    assert counts(found) == {"X": 3, "X2": 3}


def test_unreadable_numbers_in_mmcif_are_refused_with_their_line(saved):
    rows = spread(3)
    rows[1]["Cartn_y"] = "********"
    problem = problem_of(saved(cif(rows)))
    assert "in its line %d, a coordinate is \"********\"" % (len(COLUMNS) + 4) in problem
    rows[1]["Cartn_y"] = "'1 2'"
    assert "in row 2 of its table of atoms" in problem_of(saved(cif(rows)))


def test_unknown_places_in_mmcif(saved):
    rows = [dict(row, auth_seq_id=number) for number, row in enumerate(spread(3))]
    rows[0]["Cartn_x"], rows[1]["Cartn_z"] = "?", "nan"
    found = read_model(saved(cif(rows)))
    assert "2 atoms have no finite coordinates and were left out." in [
        note.text for note in found.notes]
    assert counts(found) == {"X": 1}


def test_uncertainties_of_numbers_are_no_part_of_them(saved):
    found = read_model(saved(cif([{"Cartn_x": "12.345(12)"}])))
    assert atom_positions(found.structure)[0, 0] == 12.345


def test_mmcif_without_needed_columns(saved):
    fewer = [name for name in COLUMNS if name != "Cartn_y"]
    assert "no coordinates in Å" in problem_of(saved(cif([{}], columns=fewer)))
    least = ["label_atom_id", "label_comp_id", "Cartn_x", "Cartn_y", "Cartn_z"]
    found = read_model(saved(cif([{}, {"label_atom_id": "N", "Cartn_x": 4}], columns=least)))
    assert counts(found) == {"A": 1}
    assert {site.atom.element.name for site in found.structure[0].all()} == {"C", "N"}


def test_disulfides_of_the_file_are_kept(saved):
    bond = ("SSBOND   1 CYS A    1    CYS A    9")
    lines = [pdb_line(residue="CYS", name=" SG ", element=" S", number=number,
                      position=(0, 0, place)) for place, number in enumerate(("   1", "   9"))]
    (found,) = read_model(saved([bond] + lines)).structure.connections
    assert (found.partner1.res_id.seqid.num, found.partner2.res_id.seqid.num) == (1, 9)


def test_displacements_are_kept(saved):
    line = pdb_line()
    aniso = "ANISOU" + line[6:28] + "%7d" * 6 % (1000, 2000, 3000, -100, 50, 25) + line[70:]
    (atom,) = [site.atom for site in read_model(saved([line, aniso])).structure[0].all()]
    np.testing.assert_allclose(atom.aniso.elements_pdb(), [.1, .2, .3, -.01, .005, .0025],
                               atol=1e-7)  # single precision


def test_part_of_a_model_in_a_box(saved):
    found = read_model(saved(chain_lines() + [pdb_line(
        chain=" B", position=(9999, 0, 0))])).structure
    part, outside = within_box(found, (-5, -5, -5), (50, 50, 50))
    assert outside == 1 and [chain.name for chain in part[0]] == ["A"]
    assert part[0].count_atom_sites() == 12 and found[0].count_atom_sites() == 13
    same, none = within_box(part, (-5, -5, -5), (50, 50, 50))
    assert same is part and none == 0


@pytest.mark.parametrize("parts", [
    ("map_model", "emd_1883_polii", "1WCM.pdb.gz"), ("structures", "1AK4_r_u.pdb.gz"),
    ("map_model", "betagal_8bk7", "8bk7_docked.cif.gz")])
def test_real_models_are_read_as_a_library_reads_them(test_data, parts):
    """Sound files, in which gemmi's leniency does no harm: nothing else may change."""
    path = str(test_data(*parts))
    expected = gemmi.read_structure(path)
    found = read_model(path)

    def described(structure):
        return [(site.chain.name, str(site.residue.seqid), site.residue.name, site.atom.name,
                 site.atom.altloc, site.atom.element.name, site.atom.pos.tolist(),
                 site.atom.occ, site.atom.b_iso) for site in structure[0].all()]
    assert described(found.structure) == described(expected)
    assert found.notes == [] or "does not give the element" in only_note(found)
