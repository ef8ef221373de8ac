import gzip

import gemmi
import numpy as np
import pytest

# The recipe is in the checkout and not in the installed package.
structures = pytest.importorskip("training.structures")


def nucleotide(name):
    """A residue with a few of a nucleotide's atoms, 10 Å from the origin."""
    residue = gemmi.Residue()
    residue.name, residue.seqid = name, gemmi.SeqId("1")
    for number, (atom_name, element) in enumerate((("P", "P"), ("O5'", "O"), ("C1'", "C"),
                                                   ("N9", "N"))):
        atom = gemmi.Atom()
        atom.name, atom.element = atom_name, gemmi.Element(element)
        atom.pos = gemmi.Position(10 + number, 10, 10)
        residue.add_atom(atom)
    return residue


def test_division_is_complete_and_without_overlap():
    parts = structures.split()
    assert {part: len(names) for part, names in parts.items()} == {
        "train": 281, "validation": 55, "test": 54}
    names = sum(parts.values(), [])
    assert len(set(names)) == len(names)


def test_all_files_of_the_test_data_are_divided(test_data):
    found = structures.files(test_data("structures"))
    assert len(found) == 294
    assert set(found) <= set(sum(structures.split().values(), []))


def test_homology():
    rng = np.random.default_rng(0)
    one, other = ("".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), 120)) for _ in range(2))
    assert structures.homologous(one, one)
    assert not structures.homologous(one, other)
    # A domain within a longer chain, and one of which three fifths were changed.
    assert structures.homologous(other[:60] + one[30:80] + other[60:], one)
    keep = rng.random(120) < 0.4
    related = "".join(np.where(keep, list(one), rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), 120)))
    assert structures.homologous(related, one)


def test_arrays_of_a_protein(protein):
    structure, letters = protein
    found = structures.arrays(structure[0])
    sites = list(structure[0].all())
    kinds = np.array(structures.KINDS)[found["kind"]]
    assert [kind for kind, site in zip(kinds, sites) if site.atom.name == "CA"] == (
        ["CA"] * len(found["ca"]))
    assert (found["rem"][kinds != "side chain"] == 0).all()
    lysine = {site.atom.name: int(rem) for site, rem in zip(sites, found["rem"])
              if site.residue.name == "LYS"}
    assert [lysine[name] for name in ("CB", "CG", "CD", "CE", "NZ")] == [1, 2, 3, 4, 5]
    acid = {site.atom.name: int(rem) for site, rem in zip(sites, found["rem"])
            if site.residue.name == "ASP"}
    assert acid["OD1"] == structures.ACID + 3
    # Positions to 0.01 Å, about the middle of the box around them.
    positions = np.array([site.atom.pos.tolist() for site in sites])
    assert np.allclose(np.diff(found["pos"], axis=0) / 100, np.diff(positions, axis=0), atol=0.011)
    assert (np.abs(found["pos"].max(axis=0) + found["pos"].min(axis=0)) <= 1).all()
    # Two chains; three backbone atoms of residues that the builder made helical, or nearly so.
    assert set(found["chain"]) == {0, 1}
    assert len(found["rim"]) == pytest.approx(2 * 3 * letters.count("H"), rel=0.2)
    assert 0 < len(found["core"]) < len(found["rim"])


def test_helices_and_no_others(protein):
    structure, letters = protein
    runs = structures.helix_runs(structure[0])
    numbers = {residue.seqid.num for run in runs for residue in run}
    helical = {number for number, letter in enumerate(letters, 1) if letter == "H"}
    strands = {number for number, letter in enumerate(letters, 1) if letter == "E"}
    assert len(numbers & helical) > 0.8 * len(helical) and not numbers & strands
    mirrored = structure[0].clone()
    for site in mirrored.all():
        site.atom.pos = gemmi.Position(site.atom.pos.x, site.atom.pos.y, -site.atom.pos.z)
    assert structures.helix_runs(mirrored) == []


@pytest.mark.parametrize("name, base", [("A", 0), ("DG", 1), ("CYT", 2), ("U", 3), ("DT", 3),
                                        ("THY", 3)])
def test_arrays_of_a_nucleotide(name, base):
    model, chain = gemmi.Model(1), gemmi.Chain("A")
    chain.add_residue(nucleotide(name))
    model.add_chain(chain)
    found = structures.arrays(model)
    assert [structures.KINDS[kind] for kind in found["kind"]] == [
        "phosphate", "phosphate", "sugar", "base"]
    assert found["base"].tolist() == [base] and len(found["nt"]) == 1 and len(found["ca"]) == 0
    assert found["nt"][0, 0] == 50  # C1' is the third of four atoms 1 Å apart


def test_bank_holds_structures_one_after_another(tmp_path, protein):
    structure, _ = protein
    (tmp_path / "one.pdb").write_text(structure.make_pdb_string())
    (tmp_path / "two.pdb.gz").write_bytes(gzip.compress(structure.make_pdb_string().encode()))
    found = structures.files(tmp_path)
    missing = structures.write_bank(tmp_path / "bank.npz", found, {
        "train": ["one"], "test": ["two", "absent"]})
    stored = np.load(tmp_path / "bank.npz")
    assert missing == ["absent"]
    assert stored["pos_n"][0] == stored["pos_n"][1] == structure[0].count_atom_sites()
    assert len(stored["pos"]) == stored["pos_n"].sum()
    first, second = np.split(stored["pos"], 2)
    assert np.array_equal(first, second)
