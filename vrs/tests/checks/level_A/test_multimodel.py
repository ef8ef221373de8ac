import gemmi
import numpy as np
import pytest

from vrs.checks import run_check
from vrs.checks.level_A.multimodel import Multimodel, atoms_to_refine, pair_rmsd
from vrs.checks.residues import residues_of
from vrs.io.maps import read_map
from vrs.io.models import atom_positions, read_model
from vrs.results import Status
from vrs.simulation.density import model_density
from vrs.tests.evidence import by_name, changed, evidence
from vrs.tests.refinement import chains

BOX, SAMPLING = 48, 1.0


def two_helices():
    return chains.helices(2, 20, (BOX * SAMPLING / 2,) * 3)


def noise(seed=0):
    return np.random.default_rng(seed).normal(size=(BOX,) * 3).astype(np.float32)


def validation(structure, volume, refinements=3, **parameters):
    return evidence(volume, SAMPLING, float(np.percentile(volume, 97)), 3.0, model=structure,
                    refinements=refinements, **parameters)


def density(structure, parts=0.2):
    volume = model_density(structure, BOX, SAMPLING)
    return volume + parts * volume.std() * noise()


@pytest.fixture(scope="module")
def in_density():
    structure = two_helices()
    return run_check(Multimodel(), validation(structure, density(structure)))


def test_models_come_back_in_good_density(in_density):
    result, _ = in_density
    assert result.status is Status.OK
    metrics = {name: metric.value for name, metric in result.metrics.items()}
    assert metrics["mean_rmsd"] < 0.3 < 3 < metrics["start_rmsd"]
    assert metrics["model_distance"] < 0.5 and metrics["bond_deviation"] < 0.02
    assert metrics["refinements"] == 3


def test_models_stay_apart_in_noise():
    result, _ = run_check(Multimodel(), validation(two_helices(), noise()))
    assert result.status is Status.WARNINGS and "does not fix the place" in result.warnings[0]
    assert result.metrics["mean_rmsd"].value > 2.0
    # It is the map that is bad, not the refinement.
    assert result.metrics["bond_deviation"].value < 0.03


def test_the_chain_without_density_is_the_unstable_one():
    structure = two_helices()
    first = structure.clone()
    first[0].remove_chain("B")
    result, _ = run_check(Multimodel(), validation(structure, density(first)))
    [values] = result.residues
    of_chain = [values.values[[name == chain for name in values.chains]].mean() for chain in "AB"]
    assert of_chain[0] < 0.5 and of_chain[1] > 1.5
    assert {row[0] for row in result.content[3].rows} == {"B"}  # the worst residues


def test_values_of_residues_are_those_of_alpha_carbons(in_density):
    result, arrays = in_density
    spread = by_name(arrays)["multimodel_rmsd"]
    [values] = result.residues
    assert spread.shape == (200,) and np.isfinite(spread).all()
    np.testing.assert_allclose(values.values, spread.reshape(40, 5)[:, 1])
    assert values.unit == "Å" and values.chains == ["A"] * 20 + ["B"] * 20
    assert result.metrics["mean_rmsd"].value == pytest.approx(values.values.mean())
    assert result.metrics["percentiles"].value["50"] == pytest.approx(np.median(values.values))
    means = ["%.2f" % part.mean() for part in np.split(values.values, 2)]
    assert [row[:3] for row in result.content[2].rows] == [["A", "20", means[0]],
                                                           ["B", "20", means[1]]]


def test_same_twice_and_with_threads(in_density):
    structure = two_helices()
    again, _ = run_check(Multimodel(), validation(structure, density(structure), workers=2))
    np.testing.assert_array_equal(again.residues[0].values, in_density[0].residues[0].values)
    other, _ = run_check(Multimodel(), validation(structure, density(structure), seed=1))
    assert np.abs(other.residues[0].values - again.residues[0].values).max() > 1e-3


def test_rmsd_is_over_all_pairs():
    models = np.random.default_rng(0).normal(size=(4, 5, 3))
    pairs = [np.sum((models[i] - models[j]) ** 2, axis=1) for i in range(4) for j in range(i)]
    np.testing.assert_allclose(pair_rmsd(models), np.sqrt(np.mean(pairs, axis=0)))


def test_atoms_that_do_not_take_part():
    structure = two_helices()
    second = structure[0]["A"][4].find_atom("CB", "*").clone()
    structure[0]["A"][4].find_atom("CB", "*").altloc, second.altloc = "A", "B"
    structure[0]["A"][4].add_atom(second)
    hydrogen = second.clone()
    hydrogen.name, hydrogen.altloc, hydrogen.element = "HA", "\0", gemmi.Element("H")
    structure[0]["A"][4].add_atom(hydrogen)
    chains.add_residue(structure, "A", 101, "HOH", [("O", "O", (20, 20, 40))])
    chains.add_residue(structure, "A", 102, "ZN", [("ZN", "Zn", (30, 20, 40))])
    chains.add_residue(structure, "A", 103, "LIG", [("C1", "C", (20, 20, 8)),
                                                    ("O1", "O", (20, 21.2, 8))])
    residues = residues_of(structure)
    chosen = atoms_to_refine(structure, residues)
    left_out = set(range(structure[0].count_atom_sites())) - set(chosen)
    assert left_out == {25, 26, 102, 103}
    result, arrays = run_check(Multimodel(), validation(structure, density(structure), 2))
    spread = by_name(arrays)["multimodel_rmsd"]
    assert set(np.flatnonzero(np.isnan(spread))) == left_out
    [values] = result.residues
    assert len(values.values) == 41
    # No atom stands for the ligand.
    assert values.values[values.residues.index("LIG")] == pytest.approx(spread[104:106].mean())


def test_only_when_asked_for():
    structure = two_helices()
    data = validation(structure, noise(), 0)
    result, _ = run_check(Multimodel(), data)
    assert result.status is Status.NOT_RUN and "--multimodel" in result.reason
    data = changed(data, refinements=2, misfit="The model does not fit.")
    result, _ = run_check(Multimodel(), data)
    assert result.reason == "The model does not fit."


def test_what_cannot_be_refined():
    structure = two_helices()
    volume = density(structure)
    for residue in (residue for chain in structure[0] for residue in chain):
        for name in ("N", "C", "O", "CB"):
            residue.remove_atom(name, "\0")
    result, _ = run_check(Multimodel(), validation(structure, volume))
    assert result.status is Status.NOT_MEASURED and "all its atoms" in result.reason
    flat = np.zeros((BOX,) * 3, np.float32)
    flat[0, 0, 0] = 1
    result, _ = run_check(Multimodel(), validation(two_helices(), flat))
    assert result.status is Status.NOT_MEASURED and "constant" in result.reason


def test_apoferritin(test_data):
    folder = "map_model", "emd_20026_apoferritin"
    found = read_map(test_data(*folder, "emd20026_prot.mrc"))
    structure = read_model(test_data(*folder, "3ajo_fitted_refined.pdb.gz")).structure
    shift = -np.array(found.origin)
    structure[0].transform_pos_and_adp(gemmi.Transform(gemmi.Mat33(), gemmi.Vec3(*shift)))
    data = evidence(found.volume, found.sampling, float(np.percentile(found.volume, 95)),
                    1.75, workers=2, model=structure, refinements=2)
    before = atom_positions(structure)
    result, _ = run_check(Multimodel(), data)
    assert result.status is Status.OK
    # The map is of 1.75 Å.
    assert result.metrics["mean_rmsd"].value < 0.15
    assert result.metrics["model_distance"].value < 0.2
    np.testing.assert_array_equal(atom_positions(structure), before)
