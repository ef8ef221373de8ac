"""Outputs of other programs become the findings of the items of level A."""

import gemmi
import numpy as np
import pytest

from vrs.checks import NotMeasured, all_checks, get_check, run_check
from vrs.checks.level_A import emringer, fscq, model_engines, q_score
from vrs.checks.residues import residues_of
from vrs.engines.external import AtomTable
from vrs.io.models import atom_positions
from vrs.results import Status
from vrs.simulation import density
from vrs.tests.checks.recorded import run, texts, values
from vrs.tests.evidence import by_name, evidence
from vrs.tests.proteins import protein

SIZE, SAMPLING, RESOLUTION = (40, 44, 48), 1.4, 3.6


@pytest.fixture(scope="module")
def data():
    """Residues of an idealised protein in a box that is no cube, with half maps."""
    structure, _ = protein()
    del structure[0][1]
    del structure[0][0][130:]
    positions = atom_positions(structure)
    middle = SAMPLING * np.array(SIZE[::-1]) / 2
    for site, position in zip(structure[0].all(), positions - positions.mean(axis=0) + middle):
        site.atom.pos = gemmi.Position(*position)
    signal = density.model_density(structure, max(SIZE), SAMPLING)[:SIZE[0], :SIZE[1], :SIZE[2]]
    rng = np.random.default_rng(4)
    halves = [signal + rng.normal(0, signal.std(), SIZE).astype(np.float32)
              for _ in range(2)]
    volume = (halves[0] + halves[1]) / 2
    return evidence(volume, SAMPLING, float(np.percentile(volume, 95)), RESOLUTION,
                    half1=halves[0], half2=halves[1], model=structure)


def table_of(structure, seed=5, **columns):
    """Atoms in another order, by columns of values in the order of the model."""
    order = np.random.default_rng(seed).permutation(structure[0].count_atom_sites())
    return AtomTable(atom_positions(structure)[order],
                     {name: np.asarray(column, float)[order] for name, column in columns.items()})


@pytest.mark.parametrize("check", [check for check in all_checks() if check.level == "A"
                                   for _ in check.external], ids=lambda check: check.id)
def test_each_engine_is_given_what_it_declares(check, data):
    for engine in check.external:
        given = engine.prepare(data)
        assert engine.outputs and engine.files and engine.model_parameter
        assert bool(engine.mask_parameter) == (given.mask is not None)
        assert bool(engine.model_map_parameter) == (given.model_map is not None)
        assert given.volume.shape == SIZE and given.sampling == SAMPLING
        np.testing.assert_array_equal(atom_positions(given.model),
                                      atom_positions(data.model.structure))
        assert given.model.cell.parameters == pytest.approx(
            tuple(SAMPLING * np.array(SIZE[::-1])) + (90, 90, 90))
    assert data.model.structure.cell.a != given.model.cell.a


def test_atoms_are_told_by_their_places(data):
    expected = np.arange(data.model.structure[0].count_atom_sites(), dtype=float)
    table = table_of(data.model.structure, value=expected)
    np.testing.assert_array_equal(model_engines.at_atoms(data, table, "value", "No"), expected)
    kept = AtomTable(table.positions[:9] + 0.001, {"value": table.values["value"][:9]})
    found = model_engines.at_atoms(data, kept, "value", "No")
    assert sorted(found[np.isfinite(found)]) == sorted(kept.values["value"])
    moved = AtomTable(table.positions + 0.5, table.values)
    for wrong, column, words in (moved, "value", "no value"), (table, "other", "column other"):
        with pytest.raises(NotMeasured, match=words):
            model_engines.at_atoms(data, wrong, column, "No")


def test_models_that_the_pdb_format_cannot_hold(data):
    model_engines.require_pdb_format(data, "No")
    renamed = data.model.structure.clone()
    renamed[0][0].name = "Ab"
    other = evidence(data.map.volume, SAMPLING, 0.0, model=renamed)
    with pytest.raises(NotMeasured, match="chain Ab"):
        model_engines.require_pdb_format(other, "No")


def test_scores_of_mapq_give_what_the_built_in_engine_gives(data):
    builtin, arrays = run_check(get_check("A.e"), data)
    scores = by_name(arrays)["q_score"]
    result, found = run("A.e", data, table_of(data.model.structure, **{"Q-score": scores}))
    np.testing.assert_array_equal(by_name(found)["q_score"], scores)
    expected, got = values(builtin), values(result)
    assert expected.pop("mean_published") and got.pop("mean_published") is None
    assert got == expected
    assert result.status == builtin.status
    assert "published width" not in texts(result)
    chains = next(part for part in result.content if getattr(part, "columns", [""])[0] == "Chain")
    assert chains.columns[:4] == ["Chain", "Kind", "Atoms", "Q-score (σ 0.4 Å)"]
    assert not any("0.6" in column for column in chains.columns)


def test_hydrogens_do_not_count_in_mapq(data):
    structure = data.model.structure.clone()
    hydrogen = structure[0][0][0][0].clone()
    hydrogen.name, hydrogen.element = "H", gemmi.Element("H")
    hydrogen.pos = gemmi.Position(*(np.array(hydrogen.pos.tolist()) + 0.5))
    structure[0][0][0].add_atom(hydrogen)
    other = evidence(data.map.volume, SAMPLING, 0.0, RESOLUTION, model=structure)
    heavy, *_ = q_score._heavy_atoms(structure)
    result, arrays = run("A.e", other, table_of(structure, **{"Q-score": 0.5 * heavy}))
    assert values(result)["mean"] == 0.5
    np.testing.assert_array_equal(np.isfinite(by_name(arrays)["q_score"]), heavy)


def rows_of_phenix(data, padded, angles=72):
    """The table of EMRinger, from the built-in densities."""
    places, numbers, sites = emringer._side_chains(data.model.structure)
    densities = emringer.chi_densities(data.map.volume, data.map.sampling, sites)
    scaled = np.roll(densities, -1, axis=1) * 1000 / np.abs(data.map.volume).max()
    rows = []
    residues = [(chain.name, residue) for chain in data.model.structure[0] for residue in chain]
    for place, number, row in zip(places, numbers, scaled):
        chain, residue = residues[place]
        name = "%s%2s%s" % (residue.name, chain, "%4d " % number if padded else number)
        for text, chi, factor in (name, "chi1", 1), (name, "chi2", 2), (name + " B", "chi1", 3):
            rows.append([text, "2mFo-DFc", chi, "60.0"] + [
                "%.3f" % (factor * value) for value in row[:angles]])
    return rows


def report_of(result):
    return {"EMRinger Score": values(result)["score"], "Max Zscore": values(result)["max_z"],
            "Model Length": values(result)["model_length"]}


@pytest.mark.parametrize("padded", [False, True])
def test_densities_of_phenix_give_what_the_built_in_engine_gives(data, padded):
    builtin, _ = run_check(get_check("A.f"), data)
    result, _ = run("A.f", data, rows_of_phenix(data, padded), report_of(builtin))
    expected, found = values(builtin), values(result)
    assert expected["model_length"] > 50 and list(found) == list(expected)
    for name, value in expected.items():
        assert found[name] == (value if value is None else pytest.approx(value, rel=1e-4)), name
    np.testing.assert_allclose(result.residues[0].values, builtin.residues[0].values)
    assert "Phenix itself reports the score %.2f" % expected["score"] in texts(result)


def test_phenix_has_to_agree_with_itself(data):
    builtin, _ = run_check(get_check("A.f"), data)
    report = report_of(builtin)
    report["EMRinger Score"] += 0.2
    result, _ = run("A.f", data, rows_of_phenix(data, False), report)
    assert result.status is Status.NOT_MEASURED and "while Phenix reports" in result.reason


def test_other_angles_of_phenix_are_refused(data):
    result, _ = run("A.f", data, rows_of_phenix(data, False, 36), {})
    assert result.status is Status.NOT_MEASURED and "36 densities" in result.reason


def test_maps_of_xmipp_give_what_the_built_in_engine_gives(data):
    builtin, arrays = run_check(get_check("A.b"), data)
    difference = by_name(arrays)["fscq"]
    halves = fscq._Local(data).halves
    relative = np.divide(difference, halves, out=np.zeros_like(halves), where=halves > 0)
    result, _ = run("A.b", data, difference, relative)
    expected, found = values(builtin), values(result)
    for name in "mean_fscqr", "mean_fscq", "worse_percentage", "no_signal_percentage":
        assert found[name] == pytest.approx(expected[name], abs=1e-4), name
    assert found["mean_fscqr_of_map"] is None and found["mean_fscqr_of_reference"] is None
    assert "was given to Xmipp" in texts(result)


def test_unusable_maps_of_xmipp(data):
    nothing = np.zeros(SIZE, np.float32)
    for second, words in (nothing, "no FSC-Q"), (nothing[1:], "%d x %d x %d" % SIZE[::-1]):
        result, _ = run("A.b", data, nothing, second)
        assert result.status is Status.NOT_MEASURED and words in result.reason


def test_xmipp_is_given_the_mean_of_the_halves_and_a_map_of_the_model(data):
    given = get_check("A.b").external[0].prepare(data)
    np.testing.assert_array_equal(given.volume, (data.half_maps.first + data.half_maps.second) / 2)
    assert given.halves[0] is data.half_maps.first and given.halves[1] is data.half_maps.second
    # The phantom is the density of the model, with B factors and noise.
    agreement = [np.corrcoef(np.roll(given.model_map, shift, axis=2).ravel(),
                             data.map.volume.ravel())[0, 1] for shift in (-1, 0, 1)]
    assert agreement[1] == max(agreement) > 0.5
    voxels = np.rint(atom_positions(data.model.structure)[:, ::-1] / SAMPLING).astype(int)
    assert given.mask[tuple(voxels.T)].all() and not given.mask.all()


def test_scores_of_the_kihara_lab_are_those_of_its_residues(data):
    residues = residues_of(data.model.structure)
    scores = np.linspace(-1, 2, len(residues.names))
    atoms = scores[residues.of_atom]
    atoms[residues.of_atom < 10] = np.nan
    result, arrays = run("A.g", data, table_of(data.model.structure, B_iso_or_equiv=atoms))
    found = values(result)
    assert found["mean"] == pytest.approx(scores[10:].mean())
    assert found["negative_percentage"] == pytest.approx(100 * np.mean(scores[10:] < 0))
    assert found["mean_alpha_carbon"] is None and found["mean_secondary_structure"] is None
    assert list(by_name(arrays)) == ["daq"] and len(result.residues) == 1
    np.testing.assert_allclose(by_name(arrays)["daq"], atoms)
    assert "secondary structure" not in texts(result)
