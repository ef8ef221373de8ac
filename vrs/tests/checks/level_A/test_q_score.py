import gemmi
import numpy as np
import pytest

from vrs.checks import checks_of_level
from vrs.checks.check import run_check
from vrs.checks.level_A.q_score import (QScore, expected_q_score, protein_atoms,
                                        q_scores, side_chain_ratio, unevenness)
from vrs.io.maps import read_map
from vrs.io.models import atom_positions, read_model
from vrs.numerics.interpolation import values_at
from vrs.results import AtomValues, ResidueValues, Status
from vrs.tests.checks.level_A import models
from vrs.tests.evidence import by_name, changed, evidence

RADII = 0.1 * np.arange(1, 21)


def gaussian_map(centre, width, box=96, sampling=0.125):
    axes = np.ogrid[:box, :box, :box]
    squared = sum((sampling * axis - at) ** 2 for axis, at in zip(axes, centre[::-1]))
    return np.exp(-squared / (2 * width ** 2)).astype(np.float32)


def scores_of(volume, sampling, positions, alternatives=None, sigmas=(0.4, 0.6), workers=1):
    if alternatives is None:
        alternatives = np.zeros(len(positions), int)
    return q_scores(volume, sampling, positions, alternatives, sigmas, workers)


def test_single_atom_has_the_correlation_of_two_gaussians():
    centre = np.array([[6.1, 5.9, 6.03]])
    volume = gaussian_map(centre[0], 0.6)
    radii = np.concatenate([np.zeros(1), RADII])  # as many points at each, the atom included
    expected = np.corrcoef(np.exp(-radii ** 2 / 0.72), np.exp(-radii ** 2 / 0.32))[0, 1]
    found = scores_of(volume, 0.125, centre)
    # Linear interpolation rounds off a Gaussian of 0.6 Å a little.
    np.testing.assert_allclose(found[:, 0], [expected, 1], atol=1.5e-3)
    assert expected < 0.97
    # Height and offset of the map do not matter.
    np.testing.assert_allclose(scores_of(-3 + 7 * volume, 0.125, centre), found, atol=1e-5)
    np.testing.assert_allclose(scores_of(-volume, 0.125, centre), -found, atol=1e-5)


def plain_score(volume, sampling, positions, atom, sigma):
    """The definition, point by point."""
    others = np.delete(positions, atom, axis=0)
    points, reference = [positions[atom]] * 8, [1.0] * 8
    for radius in RADII:
        for count in range(8, 108, 2):
            heights = -1 + 2 * np.arange(count) / (count - 1)
            turn, free = 0.0, []
            for place, height in enumerate(heights):
                inner = 0 < place < count - 1
                turn = turn + 3.6 / np.sqrt(count * (1 - height ** 2)) if inner else 0.0
                flat = np.sqrt(1 - height ** 2) if inner else 0.0
                point = positions[atom] + radius * np.array(
                    [flat * np.cos(turn), flat * np.sin(turn), height])
                if np.linalg.norm(others - point, axis=1).min() >= 0.9 * radius:
                    free.append(point)
            if len(free) >= 8:
                points += free
                reference += [np.exp(-radius ** 2 / (2 * sigma ** 2))] * len(free)
                break
    values = values_at(volume, sampling, np.array(points), 0.0)
    return np.corrcoef(values.astype(float), reference)[0, 1]


def test_crowded_atoms_against_the_definition():
    rng = np.random.default_rng(3)
    positions = rng.uniform(4, 12, (70, 3))  # twice as crowded as a protein
    volume = rng.normal(size=(18, 19, 17)).astype(np.float32)
    found = scores_of(volume, 0.9, positions)
    for atom in range(0, 70, 12):
        for row, sigma in enumerate((0.4, 0.6)):
            assert found[row, atom] == pytest.approx(
                plain_score(volume, 0.9, positions, atom, sigma), abs=1e-4)


def test_alternative_conformations_do_not_stand_in_each_others_way():
    positions = np.array([[6.0, 6.0, 6.0], [6.3, 6.0, 6.0], [6.0, 7.4, 6.0]])
    volume = np.random.default_rng(0).normal(size=(14, 14, 14)).astype(np.float32)
    together = scores_of(volume, 0.9, positions, np.array([65, 66, 0]))
    apart = [scores_of(volume, 0.9, positions[[i, 2]])[:, 0] for i in (0, 1)]
    np.testing.assert_allclose(together[:, :2].T, apart)
    assert np.abs(scores_of(volume, 0.9, positions) - together).max() > 0.05


def test_outside_the_map_and_in_a_flat_one():
    positions = np.array([[5.0, 5, 5], [100, 5, 5], [-0.2, 5, 5]])
    found = scores_of(np.ones((12, 12, 12), np.float32), 1.0, positions)
    np.testing.assert_array_equal(found, [[0, np.nan, np.nan]] * 2)


def test_same_whatever_the_threads_and_the_order():
    rng = np.random.default_rng(5)
    positions = rng.uniform(3, 37, (2300, 3))
    volume = rng.normal(size=(40, 40, 40)).astype(np.float32)
    found = scores_of(volume, 1.0, positions)
    np.testing.assert_array_equal(scores_of(volume, 1.0, positions, workers=2), found)
    order = rng.permutation(len(positions))
    np.testing.assert_allclose(scores_of(volume, 1.0, positions[order]), found[:, order],
                               atol=1e-6)


def test_expected_values():
    assert expected_q_score(3.9, "protein", 0.6) == pytest.approx(0.42695)
    assert expected_q_score(3.0, "protein", 0.4) == pytest.approx(0.5644)
    assert expected_q_score(3.0, "nucleic acid", 0.6) == pytest.approx(0.5842)
    assert expected_q_score(3.0, "nucleic acid", 0.4) == pytest.approx(0.5041)
    assert expected_q_score(3.0, "other", 0.4) is None
    assert expected_q_score(None, "protein", 0.4) is None
    # The fit is of models at 1.5 to 5 Å; at 20 Å it would be -2.6.
    assert [expected_q_score(r, "protein", 0.4) for r in (1.4, 5.1, 20.0)] == [None] * 3


def test_bonds_and_side_chains():
    structure = models.helix(2)
    names = [site.atom.name for site in structure[0].all()]
    atoms = protein_atoms(structure[0])
    bonds = ["%s-%s" % (names[one], names[other]) for one, other in atoms.bonds]
    assert bonds == ["N-CA", "CA-C", "C-O", "CA-CB"] * 2 + ["C-N"]
    assert [names[place] for place in atoms.side] == ["CG", "CD1", "CD2"] * 2
    # A gap of the chain is no bond, and another chain's atoms are left out when asked to be.
    for atom in structure[0]["A"][1]:
        atom.pos += gemmi.Position(0, 0, 3)
    assert len(protein_atoms(structure[0]).bonds) == 8
    first = atoms.of(np.arange(len(names)) < 8)
    assert len(first.bonds) == 4 and len(first.side) == 3


def test_unevenness_and_side_chains_of_known_scores():
    structure = models.helix(40)
    atoms = protein_atoms(structure[0])
    names = np.array([site.atom.name for site in structure[0].all()])
    # Atoms in turn 0.1 above and below 0.5: N-CA, CA-C, C-O and C-N differ, CA-CB does not.
    scores = np.select([np.isin(names, ["N", "C"]), np.isin(names, ["CA", "CB", "O"])],
                       [0.6, 0.4], 0.3)
    differences = np.array([0.2, 0.2, 0.2, 0.0] * 40 + [0.0] * 39)
    assert unevenness(scores, atoms) == pytest.approx(differences.mean() / 0.4)
    assert side_chain_ratio(scores, atoms) == pytest.approx(0.3 / 0.4)
    scores[names == "O"] = np.nan
    assert unevenness(scores, atoms) == pytest.approx(
        np.array([0.2, 0.2, 0.0] * 40 + [0.0] * 39).mean() / 0.5)
    assert unevenness(-scores, atoms) is None and side_chain_ratio(-scores, atoms) is None
    few = protein_atoms(models.helix(20)[0])
    assert unevenness(scores, few) is None and side_chain_ratio(scores, few) is None


def helix_data(model, resolution=3.0, noise=0.1):
    volume = models.noisy_map(models.helix(), noise)
    return evidence(volume, models.SAMPLING, float(np.percentile(volume, 97)), resolution,
                    model=model)


def broken(model, **given):
    result, _ = run_check(QScore(), helix_data(model, **given))
    return {found.metric: found.severity for found in result.criteria if found.warnings}


def test_sound_model_passes():
    assert broken(models.helix()) == {}
    assert broken(models.shaken(models.helix(), 0.3)) == {}


@pytest.mark.parametrize("rms", [1.0, 1.5])
def test_shaken_model_fails(rms):
    # By the archive alone the first would pass.
    assert broken(models.shaken(models.helix(), rms))["relative_unevenness"] == "serious"


def test_wrong_rotamers_fail():
    turned = models.turned_side_chains(models.helix())
    assert broken(turned) == {"side_chain_ratio": "serious"}
    # Where side chains are hardly seen they are not asked for.
    assert broken(turned, resolution=4.1) == {}


def test_chain_that_is_elsewhere_is_found():
    structure = models.helix()
    for name in "BCD":  # alternatives in the same place, so that they fit as well, but for D
        copy = structure[0]["A"].clone()
        copy.name = name
        for residue in copy:
            for atom in residue:
                atom.altloc = name
                atom.pos += gemmi.Position(*([20, 0, 0] if name == "D" else [0, 0, 0]))
        structure[0].add_chain(copy)
    assert broken(structure)["chain_archive_percentile"] == "minor"
    assert broken(models.helix()) == {}


def reference_scores(path):
    names = ["Cartn_x", "Cartn_y", "Cartn_z", "Q_score"]
    rows = gemmi.cif.read(str(path)).sole_block().find("_atom_site.", names)
    table = np.array([[float(value) for value in row] for row in rows])
    return table[:, :3], table[:, 3]


def on_multiples_of_the_sampling(found):
    """The map resampled linearly to grid points at whole multiples of the sampling.

    The reference was computed on that grid, the file holds a map resampled from it.
    """
    ahead = np.ceil(np.array(found.origin) / found.sampling) * found.sampling - found.origin
    nodes = np.indices(found.volume.shape[::-1]).reshape(3, -1).T * found.sampling + ahead
    volume = values_at(found.volume, found.sampling, nodes, 0.0)
    return volume.reshape(found.volume.shape[::-1]).T.copy(), ahead


def test_reference_values(test_data):
    folder = "map_model", "emd_30342_integrin"
    found = read_map(test_data(*folder, "390_emd_30342_A_z4.mrc"))
    positions, reference = reference_scores(
        test_data(*folder, "390_7cec_A__Q__390_emd_30342_A_z4.cif.gz"))
    volume, ahead = on_multiples_of_the_sampling(found)
    scores = scores_of(volume, found.sampling, positions - found.origin - ahead)
    # The reference has three decimals.
    np.testing.assert_allclose(scores[1], reference, atol=2e-3)
    assert np.abs(scores[1] - reference).mean() < 3e-4
    # On the grid of the file linear interpolation rounds off the map elsewhere.
    scores = scores_of(found.volume, found.sampling, positions - found.origin)
    assert np.abs(scores[1] - reference).mean() < 0.03
    assert abs(np.mean(scores[1] - reference)) < 0.01


def placed(test_data, folder, map_name, model_name, resolution, shift=(0, 0, 0)):
    found = read_map(test_data("map_model", folder, map_name))
    structure = read_model(test_data("map_model", folder, model_name)).structure
    shift = np.array(shift) - found.origin
    structure[0].transform_pos_and_adp(gemmi.Transform(gemmi.Mat33(), gemmi.Vec3(*shift)))
    threshold = float(np.percentile(found.volume, 95))
    return evidence(found.volume, found.sampling, threshold, resolution, workers=2,
                    model=structure)


def apoferritin(test_data, shift=(0, 0, 0)):
    return placed(test_data, "emd_20026_apoferritin", "emd20026_prot.mrc",
                  "3ajo_fitted_refined.pdb.gz", 1.75, shift)


def test_apoferritin(test_data):
    result, arrays = run_check(QScore(), apoferritin(test_data))
    assert result.status is Status.OK
    assert result.metrics["mean_published"].value == pytest.approx(0.88, abs=0.005)
    assert result.metrics["sigma"].value == 0.4
    assert "σ 0.4 Å" in result.content[0].text and "σ 0.6 Å" in result.content[0].text
    scores = by_name(arrays)["q_score"]
    assert len(scores) == apoferritin(test_data).model.structure[0].count_atom_sites()


def test_model_that_is_3_angstroms_off_is_flagged(test_data):
    result, _ = run_check(QScore(), apoferritin(test_data, (1.7, -1.7, 1.8)))
    assert result.status is Status.WARNINGS
    assert result.metrics["median"].value < 0.2


def test_random_atoms_are_flagged(test_data):
    data = apoferritin(test_data)
    size = np.array(data.map.box) * data.map.sampling
    rng = np.random.default_rng(1)
    scattered = data.model.structure.clone()
    for site in scattered[0].all():
        site.atom.pos = gemmi.Position(*rng.uniform(0, size))
    result, _ = run_check(QScore(), changed(data, model=scattered))
    assert result.status is Status.WARNINGS
    assert abs(result.metrics["mean"].value) < 0.1


def test_better_models_have_better_scores(test_data):
    medians, broken_criteria = [], []
    for rank in (1, 15, 20):
        data = placed(test_data, "emd_2513_frh", "emd_2513.mrc",
                      "rank%d_daq_score_w9.pdb.gz" % rank, 3.4)
        result, _ = run_check(QScore(), data)
        medians.append(result.metrics["median"].value)
        broken_criteria.append([found.metric for found in result.criteria if found.warnings])
    assert medians[0] > medians[1] + 0.05 and medians[1] > medians[2] + 0.05
    assert broken_criteria == [[], ["relative_unevenness"], ["chain_archive_percentile",
                                                             "relative_unevenness"]]


def of_kind(findings, kind):
    """The only product of a kind."""
    [found] = [product for product in findings.products if isinstance(product, kind)]
    return found


def walk_data(structure, resolution=4.0):
    volume = models.noisy_map(structure)
    return evidence(volume, models.SAMPLING, float(np.percentile(volume, 97)), resolution,
                    model=structure)


def test_hydrogens_do_not_count():
    structure = models.walk(30)
    data = walk_data(structure)
    plain = QScore().compute(data)
    for residue in structure[0]["A"]:
        hydrogen = residue[0].clone()
        hydrogen.name, hydrogen.element = "H", gemmi.Element("H")
        hydrogen.pos += gemmi.Position(1, 0, 0)
        residue.add_atom(hydrogen)
    found = QScore().compute(changed(data, model=structure))
    assert found.metrics["mean"] == plain.metrics["mean"]
    scores = of_kind(found, AtomValues).values
    assert np.isnan(scores).sum() == 30 and len(scores) == len(atom_positions(structure))


def test_values_of_residues_and_chains():
    structure = models.walk(30)
    second = structure[0]["A"].clone()
    second.name = "B"
    for residue, name in zip(second, ["DA", "DC"] * 15):
        residue.name = name
        for atom in residue:
            atom.pos += gemmi.Position(0, 0, 500 if residue.seqid.num > 20 else 6)
    structure[0].add_chain(second)
    found = QScore().compute(walk_data(structure))
    scores = of_kind(found, AtomValues).values
    assert np.isnan(scores).sum() == 50 and "50 atoms lie outside" in found.content[0].text
    values = of_kind(found, ResidueValues)
    assert values.exchange == "MapQ"
    assert len(values.values) == 50 and values.chains.count("B") == 20
    assert values.values[0] == pytest.approx(np.mean(scores[:5]))
    rows = found.content[2].rows
    assert [row[:3] for row in rows] == [["A", "protein", "150"], ["B", "nucleic acid", "100"]]
    assert rows[0][3:7] == ["%.3f" % np.mean(scores[:150]), "0.378", rows[0][5], "0.409"]
    assert rows[1][7:] == ["–", "–"]  # there is no protein in it


def test_beyond_5_angstroms_it_does_not_apply():
    data = walk_data(models.walk(), 5.1)
    result, _ = run_check(QScore(), data)
    assert result.status is Status.NOT_APPLICABLE and "5 Å or better" in result.reason
    assert QScore().unmet(changed(data, resolution=5.0)) is None


def test_without_resolution_there_is_no_percentile():
    result, _ = run_check(QScore(), walk_data(models.walk(30), None))
    assert result.metrics["archive_percentile"].value is None
    assert result.status is Status.INFORMATIVE


def test_model_that_does_not_fit():
    """Every item of the level but A.c and A.d, which are blind to the place, is measured."""
    data = changed(walk_data(models.walk(30)), misfit="It does not fit.")
    assert run_check(QScore(), data)[0].status is not Status.NOT_APPLICABLE
    for check in checks_of_level("A"):
        unmet = check.unmet(changed(data, refinements=2, misfit="It does not fit."))
        blind = check.id in ("A.c", "A.d")
        assert (unmet == (Status.NOT_APPLICABLE, "It does not fit.")) is blind
