import gemmi
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from vrs.io.saxs import read_saxs
from vrs.numerics.saxs import fit_particle
from vrs.numerics.saxs_model import (Groups, displaced_volume, excess_form_factor, model_mass,
                                     model_volume, solvated_model)

WATER = 18.015
AMINO_ACIDS = ("ALA ARG ASN ASP CYS GLN GLU GLY HIS ILE LEU LYS MET PHE PRO SER THR TRP TYR "
               "VAL MSE").split()
HEAVY = {
    "ALA": "CB", "ARG": "CB CG CD NE CZ NH1 NH2", "ASN": "CB CG OD1 ND2", "ASP": "CB CG OD1 OD2",
    "CYS": "CB SG", "GLN": "CB CG CD OE1 NE2", "GLU": "CB CG CD OE1 OE2", "GLY": "",
    "HIS": "CB CG ND1 CD2 CE1 NE2", "ILE": "CB CG1 CG2 CD1", "LEU": "CB CG CD1 CD2",
    "LYS": "CB CG CD CE NZ", "MET": "CB CG SD CE", "MSE": "CB CG SE CE",
    "PHE": "CB CG CD1 CD2 CE1 CE2 CZ", "PRO": "CB CG CD", "SER": "CB OG", "THR": "CB OG1 CG2",
    "TRP": "CB CG CD1 CD2 NE1 CE2 CE3 CZ2 CZ3 CH2", "TYR": "CB CG CD1 CD2 CE1 CE2 CZ OH",
    "VAL": "CB CG1 CG2"}
SUGAR = "P OP1 OP2 O5' C5' C4' O4' C3' O3' C2' C1'"
BASES = {"A": "N9 C8 N7 C5 C6 N6 N1 C2 N3 C4", "G": "N9 C8 N7 C5 C6 O6 N1 C2 N2 N3 C4",
         "C": "N1 C2 O2 N3 C4 N4 C5 C6", "U": "N1 C2 O2 N3 C4 O4 C5 C6",
         "T": "N1 C2 O2 N3 C4 O4 C5 C7 C6"}


def structure_of(residues):
    """Residues as (name, [(atom, element, position)])."""
    structure, chain = gemmi.Structure(), gemmi.Chain("A")
    structure.add_model(gemmi.Model(1))
    for number, (name, atoms) in enumerate(residues, 1):
        residue = gemmi.Residue()
        residue.name, residue.seqid = name, gemmi.SeqId(str(number))
        for label, element, position in atoms:
            atom = gemmi.Atom()
            atom.name, atom.element = label, gemmi.Element(element)
            atom.pos = gemmi.Position(*position)
            residue.add_atom(atom)
        chain.add_residue(residue)
    structure[0].add_chain(chain)
    return structure


def residue_of(name, labels):
    elements = ["SE" if label == "SE" else label[0] for label in labels]
    return structure_of([(name, [(label, element, (1.5 * i, 0, 0)) for i, (label, element)
                                 in enumerate(zip(labels, elements))])])


def globule(count=60, seed=0):
    """Alanines whose atoms lie anywhere in a ball of 14 Å."""
    rng = np.random.default_rng(seed)
    places = rng.normal(size=(count, 5, 3))
    places *= (14 * rng.uniform(size=(count, 5)) ** (1 / 3) / np.linalg.norm(places, axis=2))[
        ..., None]
    labels = (("N", "N"), ("CA", "C"), ("C", "C"), ("O", "O"), ("CB", "C"))
    return structure_of([("ALA", [label + (place,) for label, place in zip(labels, five)])
                         for five in places])


@pytest.mark.parametrize("name", AMINO_ACIDS)
def test_hydrogens_of_amino_acids(name):
    free = gemmi.find_tabulated_residue(name)
    mass = model_mass(residue_of(name, ["N", "CA", "C", "O"] + HEAVY[name].split()))
    # The table has acids with a proton and histidine with two.
    charge = -1 if name in ("ASP", "GLU", "HIS") else 0
    assert mass == pytest.approx(free.weight - WATER + 1.008 * charge, abs=0.02)


@pytest.mark.parametrize("name", ["A", "G", "C", "U", "DA", "DG", "DC", "DT"])
def test_hydrogens_of_nucleotides(name):
    free = gemmi.find_tabulated_residue(name)
    sugar = SUGAR.split() + ([] if name.startswith("D") else ["O2'"])
    mass = model_mass(residue_of(name, sugar + BASES[name[-1]].split()))
    # The phosphate is charged.
    assert mass == pytest.approx(free.weight - WATER - 1.008, abs=0.02)


def test_what_counts_of_a_model():
    plain = globule(3)
    whole = model_mass(plain)
    with_more = plain.clone()
    chain = with_more[0][0]
    water = structure_of([("HOH", [("O", "O", (0, 0, 0))])])[0][0][0]
    chain.add_residue(water)
    for label, element, altloc, occupancy in (("HA", "H", "\0", 1), ("CB", "C", "B", 0.4)):
        atom = gemmi.Atom()
        atom.name, atom.element, atom.altloc, atom.occ = label, gemmi.Element(element), altloc, \
            occupancy
        chain[0].add_atom(atom)
    chain[0].find_atom("CB", "\0").altloc = "A"
    chain[0].find_atom("CB", "A").occ = 0.6
    assert model_mass(with_more) == pytest.approx(whole)
    assert len(Groups(with_more).positions) == 15
    assert with_more[0].count_atom_sites() == 18


def test_hydrogens_of_ligands():
    def mass(name, hydrogens=()):
        atoms = [("C%d" % i, "C", (i, 0, 0)) for i in range(4)] + [("O1", "O", (9, 0, 0))]
        atoms += [("H%d" % i, "H", (i, 1, 0)) for i in hydrogens]
        return model_mass(structure_of([(name, atoms)])) - 4 * 12.011 - 15.999
    assert mass("XYZ0") == pytest.approx(4 * 1.008, abs=0.01)
    assert mass("XYZ0", range(6)) == pytest.approx(6 * 1.008, abs=0.01)
    # Glycerol, C3H8O3: 8 on the carbons there are, to a tenth per carbon.
    assert mass("GOL") == pytest.approx(8 * 1.008, abs=0.2)


def test_protein_displaces_its_partial_volume(test_data):
    structure = gemmi.read_structure(str(test_data("saxs", "6lyz.pdb")))
    # Lysozyme weighs 14,313 Da, with four disulphides and termini that are not counted here.
    assert model_mass(structure) == pytest.approx(14313, abs=20)
    # 0.73 cm³/g, which is 1.21 Å³/Da.
    assert model_volume(structure) / model_mass(structure) == pytest.approx(1.21, abs=0.02)


def test_form_factors():
    q = np.linspace(0, 0.5, 11)
    methyl = excess_form_factor("C", 3, q)
    volume = displaced_volume("C", 3)
    assert volume == pytest.approx(31.89)
    assert methyl[0] == pytest.approx(9 - 0.334 * volume, abs=0.02)
    # Guinier's approximation of the water: a Gaussian of its volume.
    water = (excess_form_factor("C", 0, q) - 6) + 0.334 * 16.44 * np.exp(
        -q ** 2 * 16.44 ** (2 / 3) / (4 * np.pi))
    carbon = gemmi.Element("C").it92
    expected = [carbon.calculate_sf((value / (4 * np.pi)) ** 2) - 6 for value in q]
    np.testing.assert_allclose(water, expected, atol=1e-6)


@pytest.mark.parametrize("q_max", [0.25, 0.5])
def test_atoms_scatter_as_the_debye_formula_says(q_max):
    structure = globule()
    groups = Groups(structure)
    q = np.linspace(0.005, q_max, 15)
    factors = np.array([excess_form_factor(*kind, q) for kind in groups.kinds])[groups.of_atoms]
    distances = cdist(groups.positions, groups.positions)
    expected = [f @ np.sinc(distances * k / np.pi) @ f for k, f in zip(q, factors.T)]
    found = solvated_model(structure, q_max).partial_intensities(q)[0]
    np.testing.assert_allclose(found, expected, rtol=2e-3)


def test_the_shell_adds_to_size_and_intensity():
    particle = solvated_model(globule(), 0.25)
    sizes = [particle.radius_of_gyration(contrast) for contrast in (0, 0.01, 0.03)]
    assert sizes[0] < sizes[1] < sizes[2] < sizes[0] + 3
    q = np.array([0.0])
    assert particle.intensity(q, 0.03) > particle.intensity(q, 0.01) > particle.intensity(q, 0)
    # Electrons of the shell at a contrast of 1 e/Å³ are its volume: 3 Å around a ball.
    shell = np.sqrt(particle.partial_intensities(q)[2, 0])
    radius = (shell / (4 * np.pi * 3)) ** 0.5
    assert radius == pytest.approx(14 + 3, abs=2.5)


def test_place_and_orientation_do_not_matter():
    structure = globule()
    q = np.linspace(0.005, 0.25, 15)
    found = solvated_model(structure, 0.25).intensity(q, 0.02)
    moved = structure.clone()
    for site in moved[0].all():
        x, y, z = site.atom.pos.tolist()
        site.atom.pos = gemmi.Position(-z + 500.3, 0.6 * y - 0.8 * x, 0.8 * y + 0.6 * x - 7)
    # The shell is a mask in voxels of 1 Å.
    np.testing.assert_allclose(solvated_model(moved, 0.25).intensity(q, 0.02), found, rtol=0.03)


def test_models_that_cannot_scatter():
    trace = structure_of([("ALA", [("CA", "C", (3.8 * i, 0, 0))]) for i in range(20)])
    with pytest.raises(ValueError, match="one atom"):
        solvated_model(trace, 0.25)
    with pytest.raises(ValueError, match="no atoms"):
        solvated_model(structure_of([("HOH", [("O", "O", (0, 0, 0))])]), 0.25)
    unknown = structure_of([("ALA", [("N", "X", (0, 0, 0)), ("CA", "C", (1, 0, 0))])])
    with pytest.raises(ValueError, match="element"):
        solvated_model(unknown, 0.25)
    apart = structure_of([("ALA", [("N", "N", (0, 0, 0)), ("CA", "C", (3e3, 3e3, 3e3))])])
    with pytest.raises(ValueError, match="too large"):
        solvated_model(apart, 0.25)


def tetramer(test_data, copies=4):
    """Glucose isomerase; the file holds four copies of chain A, each with an END."""
    lines, copy = [], 0
    for line in test_data("saxs", "1XIB_4mer.pdb").read_text().splitlines():
        if line.startswith("ATOM") and copy < copies:
            lines.append(line[:21] + "ABCD"[copy] + line[22:])
        copy += line.strip() == "END"
    return gemmi.read_pdb_string("\n".join(lines) + "\n")


# χ² by AUSAXS 1.3 with the water of the crystals left out, over all of the curve.
@pytest.mark.parametrize("curve, model, expected", [
    ("2epe.dat", "2epe.pdb", 1.21), ("lyzexp.dat", "6lyz.pdb", 0.26),
    ("glucose_isomerase.dat", None, 1.10)])
def test_public_curves_fit_as_well_as_by_another_program(test_data, curve, model, expected):
    structure = (gemmi.read_structure(str(test_data("saxs", model))) if model
                 else tetramer(test_data))
    measured = read_saxs(test_data("saxs", curve)).curve
    for q_max in (0.25, 0.5):
        fit = fit_particle(measured.up_to(q_max), solvated_model(structure, q_max))
        assert fit.chi2 == pytest.approx(expected, rel=0.3)
        assert fit.cormap_p_value > 0.01
        assert fit.deviation < 0.04
        # Inside what is known for proteins, not at the bounds.
        assert 0.001 < fit.contrast < 0.029


def test_part_of_a_complex_does_not_fit(test_data):
    measured = read_saxs(test_data("saxs", "glucose_isomerase.dat")).curve.up_to(0.25)

    def chi2(copies):
        return fit_particle(measured, solvated_model(tetramer(test_data, copies), 0.25)).chi2
    right = chi2(4)
    assert chi2(1) > 50 * right
    # The dimer has nearly the radius of gyration of the tetramer and the curve errors of 3 %.
    assert chi2(2) > 5 * right


def test_a_curve_that_its_model_does_not_explain(test_data):
    # χ² 9.94 by AUSAXS, 11.6 by DENSS.
    structure = gemmi.read_structure(str(test_data("saxs", "SASDJQ4.pdb")))
    measured = read_saxs(test_data("saxs", "SASDJQ4.dat")).curve
    fit = fit_particle(measured, solvated_model(structure, 0.5))
    assert fit.chi2 == pytest.approx(9.94, rel=0.3)
    assert fit.cormap_p_value < 1e-10
