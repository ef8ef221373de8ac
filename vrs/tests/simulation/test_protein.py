import re

import gemmi
import numpy as np
import pytest
from scipy.spatial import cKDTree

from vrs.simulation import fold, geometry, protein
from vrs.simulation.residues import RESIDUES, side_chain
from vrs.tests import proteins


@pytest.fixture(scope="module")
def built():
    return proteins.protein()


@pytest.fixture(scope="module")
def structure(built):
    return built[0]


@pytest.fixture(scope="module")
def letters(built):
    return built[1]


def backbone(chain):
    return np.array([[residue[name][0].pos.tolist() for name in ("N", "CA", "C")]
                     for residue in chain])


def spans(letters, letter):
    return [match.span() for match in re.finditer(letter + "+", letters)]


def test_seven_strands_and_seven_helices(letters):
    assert len(spans(letters, "H")) == len(spans(letters, "E")) == 7
    assert 225 <= len(letters) <= 350


def test_helices_are_right_handed_and_torsions_as_designed(structure, letters):
    for chain in structure[0]:
        atoms = backbone(chain)
        phi, psi = geometry.torsions(atoms)
        for letter, design in (("H", fold.HELIX_TORSIONS), ("E", fold.STRAND_TORSIONS)):
            for first, end in spans(letters, letter):
                assert phi[first + 1:end] == pytest.approx(design[0], abs=0.01)
                assert psi[first:end - 1] == pytest.approx(design[1], abs=0.01)
        for first, end in spans(letters, "H"):
            turn = geometry.screw(atoms[first + 3], atoms[first + 4])[2]
            assert turn == pytest.approx(99, abs=1.5)


def test_chain_is_unbroken_and_its_geometry_ideal(structure):
    atoms = backbone(structure[0][0])
    peptide = np.linalg.norm(atoms[1:, 0] - atoms[:-1, 2], axis=1)
    assert peptide == pytest.approx(geometry.BOND_C_N, abs=0.035)
    assert np.linalg.norm(atoms[:, 1] - atoms[:, 0], axis=1) == pytest.approx(1.458, abs=1e-6)


def test_torsion_phi_is_positive_only_in_glycine(structure):
    chain = structure[0][0]
    phi, _ = geometry.torsions(backbone(chain))
    assert {residue.name for residue, angle in zip(chain, phi) if angle > 0} <= {"GLY"}


def test_neighbouring_strands_are_hydrogen_bonded(structure, letters):
    chain = structure[0][0]
    strands = [spans(letters, "E")[k] for k in np.argsort(fold.STRAND_PLACES)]
    for one, other in zip(strands[:-1], strands[1:]):
        nitrogens, oxygens = ([[chain[i][name][0].pos.tolist() for i in range(*span)]
                               for span in (one, other)] for name in ("N", "O"))
        near = min(cKDTree(oxygens[1]).query(nitrogens[0])[0].min(),
                   cKDTree(oxygens[0]).query(nitrogens[1])[0].min())
        assert 2.7 < near < 3.1


def test_crossovers_are_right_handed(structure, letters):
    # Strand, helix, strand wind about the way from strand to strand like a right-handed screw.
    alphas = backbone(structure[0][0])[:, 1]
    strands, helices = spans(letters, "E"), spans(letters, "H")
    for one, helix, other in zip(strands[:-1], helices, strands[1:]):
        start, middle, end = (alphas[slice(*span)].mean(axis=0) for span in (one, helix, other))
        upwards = alphas[one[1] - 1] - alphas[one[0]]
        assert np.dot(np.cross(upwards, middle - (start + end) / 2), end - start) > 0


def test_all_residues_are_left_handed_with_rotamers_of_the_table(structure):
    used = set()
    for residue in structure[0][0]:
        used.add(residue.name)
        if residue.name == "GLY":
            continue
        nitrogen, alpha, carbonyl, beta = (np.array(residue[name][0].pos.tolist())
                                           for name in ("N", "CA", "C", "CB"))
        assert np.dot(nitrogen - alpha, np.cross(carbonyl - alpha, beta - alpha)) > 2.3
        gamma = next((atom for atom in RESIDUES[residue.name].atoms if atom.chi == 1), None)
        if gamma:
            chi = geometry.dihedral(nitrogen, alpha, beta,
                                    np.array(residue[gamma.name][0].pos.tolist()))
            table = [rotamer[0] for rotamer in RESIDUES[residue.name].rotamers]
            assert min(abs((chi - angle + 180) % 360 - 180) for angle in table) < 0.01
    assert len(used) >= 12


@pytest.mark.parametrize("name, first, second, expected", [
    # CB of L-threonine and L-isoleucine, by IUPAC's names of the branches.
    ("THR", "OG1", "CG2", 1), ("ILE", "CG1", "CG2", 1), ("VAL", "CG1", "CG2", -1)])
def test_branched_side_chains_have_the_right_hand(name, first, second, expected):
    names, positions = side_chain(name, RESIDUES[name].rotamers[0])
    placed = dict(zip(names, positions))
    volume = np.dot(geometry.IDEAL_RESIDUE[1] - placed["CB"],
                    np.cross(placed[first] - placed["CB"], placed[second] - placed["CB"]))
    assert np.sign(volume) == expected


@pytest.mark.parametrize("seed", [5, 3])
def test_nothing_clashes(structure, seed):
    model = structure[0] if seed == 5 else proteins.protein(seed, 20.0, 0.0)[0][0]
    sites = list(model.all())
    positions = np.array([site.atom.pos.tolist() for site in sites])
    places = np.array([site.residue.seqid.num + 10000 * (site.chain.name == "B")
                       for site in sites])
    pairs = cKDTree(positions).query_pairs(2.8, output_type="ndarray")
    pairs = pairs[np.abs(places[pairs[:, 0]] - places[pairs[:, 1]]) > 1]
    distances = np.linalg.norm(positions[pairs[:, 0]] - positions[pairs[:, 1]], axis=1)
    # Hydrogen bonds and the turns of loops come below 2.8 Å now and then.
    assert len(pairs) < 0.006 * len(sites)
    assert distances.min() > 2.4


def test_size_is_that_of_a_globular_protein(structure):
    for chain in structure[0]:
        alphas = backbone(chain)[:, 1]
        radius = np.sqrt(np.mean(np.sum((alphas - alphas.mean(axis=0)) ** 2, axis=1)))
        # Folded proteins: 2.2 Å N^0.38 (Skolnick 1997); within 15 %.
        assert radius == pytest.approx(2.2 * len(chain) ** 0.38, rel=0.15)
    assert 50 < protein.mass(structure) < 80


def test_chains_are_copies_about_z_in_contact(structure):
    one, other = (np.array([atom.pos.tolist() for residue in chain for atom in residue])
                  for chain in structure[0])
    assert other == pytest.approx(one * [-1, -1, 1])
    assert np.abs(np.concatenate([one, other]).mean(axis=0)).max() < 0.5
    assert cKDTree(one).count_neighbors(cKDTree(other), 4.5) > 50


def test_b_factors_rise_along_the_side_chain(structure):
    lysine = next(residue for residue in structure[0][0] if residue.name == "LYS")
    found = {atom.name: atom.b_iso for atom in lysine}
    assert found["CA"] == found["O"] == 80
    assert [found[name] for name in ("CB", "CG", "CD", "CE", "NZ")] == [140, 200, 260, 320, 380]


def test_file_is_read_back_with_sequence_and_secondary_structure(structure, letters, tmp_path):
    path = str(tmp_path / "model.cif")
    structure.make_mmcif_document().write_file(path)
    read = gemmi.read_structure(path)
    assert [len(chain) for chain in read[0]] == [len(letters)] * 2
    assert len(read.entities) == 1
    assert read.entities[0].full_sequence == [residue.name for residue in read[0][0]]
    assert (len(read.helices), len(read.sheets)) == (14, 2)
    assert all(residue.label_seq == residue.seqid.num for residue in read[0][0])
