import json

import gemmi
import numpy as np
import pytest

from vrs.checks import get_check, run_check
from vrs.checks.level_A import daq
from vrs.engines.networks import Network
from vrs.io.maps import read_map
from vrs.io.models import read_model
from vrs.numerics.fourier import filtered
from vrs.results import Metric
from vrs.simulation.example import write_example
from vrs.tests import proteins
from vrs.tests.evidence import by_name, evidence


def trace(chains, types=None):
    """Residues of which only chains and types matter."""
    count = len(chains)
    types = np.zeros(count, int) if types is None else np.asarray(types)
    return daq.AlphaCarbons(np.zeros((count, 3)), types, np.zeros(count, int), np.asarray(chains),
                     np.arange(count))


def spiral(count, rise, turn, radius):
    angles = np.radians(turn) * np.arange(count)
    return np.stack([radius * np.cos(angles), radius * np.sin(angles), rise * np.arange(count)], 1)


def helix(count):
    """Alpha carbons of an alpha helix: 1.5 Å and 100° per residue, 2.3 Å from its axis."""
    return spiral(count, 1.5, 100, 2.3)


def test_helices_and_strands():
    assert set(daq.secondary_structure(helix(12))[2:-3]) == {daq.HELIX}
    assert set(daq.secondary_structure(spiral(9, 3.3, -170, 0.95))[2:-3]) == {daq.STRAND}
    # A helix of three residues per turn (3.3 Å, 120°) as in collagen is neither.
    assert set(daq.secondary_structure(spiral(12, 2.9, -110, 1.5))) == {daq.COIL}


def test_angles_of_the_trace_alone_suffice():
    # A little stretched: distances no longer fit, angle and torsion do.
    assert set(daq.secondary_structure(1.15 * helix(12))[2:-3]) == {daq.HELIX}
    mirrored = 1.15 * helix(12) * [1, -1, 1]
    assert set(daq.secondary_structure(mirrored)) == {daq.COIL}


def test_short_runs_are_coil_and_chain_breaks_end_them():
    assert set(daq.secondary_structure(helix(6))) == {daq.COIL}
    broken = np.concatenate([helix(6), helix(6) + [40.0, 0, 0]])
    assert set(daq.secondary_structure(broken)) == {daq.COIL}
    assert daq.secondary_structure(np.zeros((0, 3))).size == 0


def test_log_ratio_is_over_the_mean_of_that_class_in_the_reference():
    probabilities = np.array([[0.9, 0.1], [0.3, 0.7], [0.6, 0.4]])
    found = daq.log_ratios(probabilities, np.array([0, 1, 1]), probabilities)
    assert np.allclose(found, np.log([0.9 / 0.6, 0.7 / 0.4, 0.4 / 0.4]))
    elsewhere = np.array([[0.2, 0.8]])
    assert np.allclose(daq.log_ratios(probabilities, np.array([0, 0, 0]), elsewhere),
                       np.log([4.5, 1.5, 3.0]))


def test_window_ends_with_the_chain():
    values = np.arange(30.0)
    chains = np.repeat([0, 1], [20, 10])
    means = daq.window_means(values, chains)
    assert means[0] == pytest.approx(np.mean(values[:10]))
    assert means[10] == pytest.approx(np.mean(values[1:20]))
    assert means[19] == pytest.approx(np.mean(values[10:20]))
    assert means[20] == pytest.approx(np.mean(values[20:30]))


def test_the_three_scores_take_their_own_references():
    found = daq.Likelihoods(np.full((2, 20), 0.05), np.full((2, 6), 0.5), np.full((2, 3), 1 / 3))
    found.amino_acids[:, 0] = 0.1, 0.3
    found.structures[:, 0] = 0.2, 0.4
    reference = daq.Likelihoods(np.ones((1, 20)), np.full((1, 6), 0.25), np.ones((1, 3)))
    amino_acids, carbons, structures = daq.residue_scores(found, trace([0, 1]), reference)
    assert np.allclose(amino_acids, np.log([0.1 / 0.2, 0.3 / 0.2]))
    assert np.allclose(carbons, np.log(2))
    assert np.allclose(structures, np.log([0.2 / 0.3, 0.4 / 0.3]))


@pytest.mark.parametrize("sampling", [0.8, 1.0, 1.3])
def test_boxes_lie_around_positions_in_the_right_axes(sampling):
    z, y, x = np.meshgrid(*(sampling * np.arange(n) for n in (40, 46, 52)), indexing="ij")
    field = (x + 10 * y + 100 * z).astype(np.float32)  # splines are exact for it
    position = np.array([22.3, 18.7, 15.1])
    box, = next(daq.boxes_around(field, sampling, position[None]))
    middle = position @ [1, 10, 100]
    # Tolerance: float32 of values near 2000, and the spline's memory of its ends.
    assert box[5, 5, 5] == pytest.approx(middle, abs=0.02)
    assert box[5, 5, 8] == pytest.approx(middle + 3, abs=0.02)
    assert box[5, 2, 5] == pytest.approx(middle - 30, abs=0.02)
    assert box[9, 5, 5] == pytest.approx(middle + 400, abs=0.02)


def test_boxes_outside_the_map_are_empty_and_all_come_back():
    density = np.ones((20, 20, 20), np.float32)
    positions = np.full((1500, 3), 10.0)
    positions[-1] = 500.0
    boxes = np.concatenate(list(daq.boxes_around(density, 1.0, positions)))
    assert boxes.shape == (1500, 11, 11, 11)
    assert np.allclose(boxes[0], 1, atol=1e-4) and not boxes[-1].any()


def test_scale_of_the_map_does_not_matter():
    rng = np.random.default_rng(3)
    volume = rng.normal(size=(30, 32, 34)).astype(np.float32)
    mask = np.zeros(volume.shape, bool)
    mask[8:20] = True
    seen = daq.what_the_network_sees(volume, 1.0, mask)
    again = daq.what_the_network_sees(1e4 * volume, 1.0, mask)
    assert np.allclose(seen, again, rtol=1e-3, atol=1e-4)  # float32 transforms
    inside = seen[mask & (seen > 0)]
    assert np.mean(inside > 1) == pytest.approx(0.05, abs=0.005)
    assert seen.min() == 0 and seen.max() <= 4


def test_detail_finer_than_the_network_knows_is_taken_out():
    x = np.arange(64) * 0.5
    fine = np.broadcast_to(1 + np.cos(2 * np.pi * x / 2.0), (64, 64, 64)).astype(np.float32)
    seen = daq.what_the_network_sees(fine, 0.5, np.ones(fine.shape, bool))
    assert np.ptp(seen) < 0.01


def test_network_gives_probabilities_that_hardly_depend_on_orientation():
    rng = np.random.default_rng(4)
    boxes = np.maximum(filtered(rng.normal(size=(44, 44, 44)).astype(np.float32), 1.0,
                                lambda f2: np.exp(-25 * f2)), 0)
    boxes = boxes.reshape(4, 11, 4, 11, 4, 11).transpose(0, 2, 4, 1, 3, 5).reshape(64, 11, 11, 11)
    boxes = np.ascontiguousarray(boxes / boxes.std())
    network = Network("daq")
    found = network.predict(boxes)
    assert found.shape == (64, 29)
    for part in np.split(found, [20, 26], axis=1):
        assert np.allclose(part.sum(axis=1), 1, atol=1e-5)
    turned = network.predict(np.ascontiguousarray(np.rot90(boxes, axes=(1, 3))))
    other_hand = network.predict(np.ascontiguousarray(boxes[:, ::-1]))
    # Points on the sphere and of the box are not symmetric, hence the rest.
    usual = np.abs(np.roll(found, 1, axis=0) - found).mean()
    assert np.abs(turned - found).mean() < 0.2 * usual
    assert np.abs(other_hand - found).mean() > 2 * np.abs(turned - found).mean()


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """An idealised protein at 3 Å with noise: no structure of the training is like it."""
    with proteins.built_once():
        paths = write_example(str(tmp_path_factory.mktemp("example")), resolution=3.0, workers=2)
    with open(paths["truth"]) as handle:
        threshold = json.load(handle)["threshold"]
    map_file = read_map(paths["map"])
    structure = read_model(paths["model"]).structure
    origin = gemmi.Vec3(*(-np.array(map_file.origin)))
    structure[0].transform_pos_and_adp(gemmi.Transform(gemmi.Mat33(), origin))
    return map_file.volume, map_file.sampling, threshold, structure


@pytest.fixture(scope="module")
def measured(example):
    """Result and values of the atoms for the right model."""
    return run(example)


def run(example, structure=None, resolution=3.0):
    volume, sampling, threshold, right = example
    return run_check(get_check("A.g"), evidence(
        volume, sampling, threshold, resolution, workers=2, model=structure or right))


def mean(result):
    return result.metrics["mean"].value


def other_register(structure, steps):
    """The model with the sequence of each chain moved along."""
    structure = structure.clone()
    for chain in structure[0]:
        names = [residue.name for residue in chain]
        for residue, name in zip(chain, np.roll(names, steps)):
            residue.name = str(name)
    return structure


def test_right_model_is_ok(example, measured):
    result, atoms = measured
    assert result.status.name == "OK" and mean(result) > 0.3
    assert result.metrics["sequence_z"].value > 6 and result.metrics["best_shift"].value == 0
    assert result.metrics["mean_alpha_carbon"].value > 0.3
    values = by_name(atoms)["daq"]
    sites = list(example[3][0].all())
    assert len(values) == len(sites)
    # All atoms of a residue have its value, those of the table.
    scores = {(c, n): v for c, n, v in zip(
        result.residues[0].chains, result.residues[0].numbers, result.residues[0].values)}
    assert all(scores[site.chain.name, str(site.residue.seqid)] == value
               for site, value in zip(sites, values))


def test_wrong_register_and_wrong_place_are_flagged(example):
    structure = example[3]
    shifted = structure.clone()
    shifted[0].transform_pos_and_adp(gemmi.Transform(gemmi.Mat33(), gemmi.Vec3(2.5, 2.5, 2.5)))
    for wrong in (other_register(structure, 4), shifted):
        result, _ = run(example, wrong)
        assert result.metrics["sequence_z"].value < 3 and mean(result) < 0
        assert result.warnings[0].startswith("The density supports the modelled sequence no better")


def test_only_the_part_in_the_wrong_register_scores_low(example, measured):
    structure = example[3].clone()
    chain = structure[0][0]
    names = [residue.name for residue in chain]
    for residue, name in zip(list(chain)[:40], names[4:44]):
        residue.name = name
    right, wrong = measured[0].residues[0].values, run(example, structure)[0].residues[0].values
    assert wrong[10:30].max() < 0 and (wrong - right)[10:30].max() < -0.5
    # Beyond the window only the means of the types change a little.
    assert np.abs(wrong - right)[50:].max() < 0.2


def test_sequence_is_supported_where_its_types_are_likely_and_not_where_it_is_shifted():
    rng = np.random.default_rng(3)
    types, chains = rng.integers(0, 20, 200), np.repeat([0, 1], 100)
    probabilities = rng.dirichlet(np.full(20, 5.0), 200)
    # Each place makes its own type somewhat likelier, as maps of 4.5 Å do.
    probabilities[np.arange(200), types] *= 1.5
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    z, best = daq.sequence_support(probabilities, types, chains)
    assert z > 5 and best == 0
    moved = np.concatenate([np.roll(types[:100], 3), np.roll(types[100:], 3)])
    z, best = daq.sequence_support(probabilities, moved, chains)
    assert z < 3 and best == -3
    assert abs(daq.sequence_support(probabilities, rng.permutation(types), chains)[0]) < 3
    assert daq.sequence_support(probabilities, np.zeros(200, int), chains)[0] is None


@pytest.mark.parametrize("length, copies", [(8, 12), (15, 8), (30, 2)])
def test_sequences_of_short_chains_are_not_compared_with_themselves(length, copies):
    """Shifts by multiples of the length would keep the figure below 3 for 8 residues."""
    rng = np.random.default_rng(1)
    types, chains = rng.integers(0, 20, length * copies), np.repeat(np.arange(copies), length)
    probabilities = rng.dirichlet(np.full(20, 5.0), len(types))
    probabilities[np.arange(len(types)), types] *= 6
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    z, best = daq.sequence_support(probabilities, types, chains)
    assert z > 5 and best == 0


def test_what_the_items_verdict_is_by_support_share_below_zero_and_resolution():
    def warnings(z, negative, resolution=3.5):
        metrics = {"sequence_z": Metric(z, "", ""), "best_shift": Metric(0, "", ""),
                   "negative_percentage": Metric(negative, "%", ""),
                   "reported": Metric(resolution, "Å", "")}
        result = get_check("A.g").judge(metrics)
        return result.status.name, [text.split()[0] for text in result.warnings]

    # Right, a quarter of it wrong, all wrong; right and wrong beyond 4 Å; too small to tell there.
    assert warnings(15.0, 8.5) == ("OK", [])
    assert warnings(12.0, 25.0) == ("WARNINGS", ["25"])
    assert warnings(0.8, 88.0) == ("WARNINGS", ["The", "88", "88"])
    assert warnings(5.8, 55.0, 4.5) == ("OK", [])
    assert warnings(0.8, 88.0, 4.5) == ("WARNINGS", ["The"])
    assert warnings(None, 55.0, 4.5)[0] == "NOT_MEASURED"


def test_modified_residues_count_as_their_parents_and_others_not_at_all(example):
    structure = example[3].clone()
    residues = [residue for residue in structure[0][0]]
    before = daq.read_alpha_carbons(structure[0])
    residues[4].name, residues[5].name = "MSE", "UNK"
    after = daq.read_alpha_carbons(structure[0])
    assert daq.AMINO_ACIDS[after.types[4]] == "MET"
    assert len(after.types) == len(before.types) - 1
    assert list(after.indices[:6]) == [0, 1, 2, 3, 4, 6]


def test_first_of_two_residues_in_one_place_is_read(example):
    structure = example[3].clone()
    chain = structure[0][0]
    twin = chain[3].clone()
    twin.name = "TRP"
    chain.add_residue(twin, 4)
    right, found = daq.read_alpha_carbons(example[3][0]), daq.read_alpha_carbons(structure[0])
    assert np.array_equal(found.types, right.types)
    assert np.array_equal(found.positions, right.positions)
    assert list(found.indices[:6]) == [0, 1, 2, 3, 5, 6]


def nucleotide(name, position):
    residue = gemmi.Residue()
    residue.name = name
    atom = gemmi.Atom()
    atom.name, atom.element, atom.pos = "C1'", gemmi.Element("C"), gemmi.Position(*position)
    residue.add_atom(atom)
    return residue


def with_nucleotides(structure, names, positions):
    """The model and a chain of C1' atoms."""
    structure, chain = structure.clone(), gemmi.Chain("N")
    for number, (name, position) in enumerate(zip(names, positions), 1):
        residue = nucleotide(name, position)
        residue.seqid = gemmi.SeqId(str(number))
        chain.add_residue(residue)
    structure[0].add_chain(chain)
    return structure


@pytest.mark.parametrize("name, base", [
    ("A", 0), ("DG", 1), ("DC", 2), ("CYT", 2), ("U", 3), ("DT", 3), ("PSU", 3), ("ALA", None),
    ("HOH", None)])
def test_bases_and_what_they_were_modified_from(name, base):
    assert daq.base_of(name) == base


def test_bases_are_read_at_their_sugars(example):
    structure = with_nucleotides(example[3], ["DA", "PSU", "ZN", "G"], np.eye(4, 3) * 7)
    positions, types = daq.read_bases(structure[0])
    assert types.tolist() == [0, 3, 1]
    assert np.allclose(positions, [[7, 0, 0], [0, 7, 0], [0, 0, 0]])


def test_bases_are_told_beside_a_protein(example, measured):
    """Nucleotides on the alpha carbons of a protein: the network has to take some base there."""
    assert "bases" not in measured[0].metrics
    carbons = daq.read_alpha_carbons(example[3][0]).positions[:40]
    density = daq.what_the_network_sees(example[0], example[1], example[0] > example[2])
    found = daq.base_likelihoods(Network("daq"), density, example[1], carbons)
    assert found.shape == (40, 4) and np.allclose(found.sum(axis=1), 1, atol=1e-5)
    names = [daq.BASES[kind] for kind in found.argmax(axis=1)]
    others = [daq.BASES[3 - kind] for kind in found.argmax(axis=1)]
    for kinds, percentage in ((names, 100), (others, 0)):
        result, _ = run(example, with_nucleotides(example[3], kinds, carbons))
        assert result.metrics["bases"].value == 40
        # The mask of the item is a little wider than the threshold's.
        assert result.metrics["bases_right_percentage"].value == pytest.approx(percentage, abs=15)
    few = with_nucleotides(example[3], names[:29], carbons[:29])
    assert "bases" not in run(example, few)[0].metrics


def test_refusals_say_why(example):
    volume, sampling, threshold, structure = example
    assert "5 Å or better" in run(example, resolution=6.0)[0].reason
    few = structure.clone()
    del few[0]["B"]
    for index in range(len(few[0][0]) - 1, 9, -1):
        del few[0][0][index]
    result, _ = run(example, few)
    assert result.status.name == "NOT_MEASURED" and "10 amino acids" in result.reason


def test_same_input_same_result(example, measured):
    again = run(example)[0].metrics
    assert {name: metric.value for name, metric in again.items()} == {
        name: metric.value for name, metric in measured[0].metrics.items()}


def test_models_of_frha_come_out_in_their_order(test_data):
    """Ranks 1 to 20 of models of EMD-2513, with the values of the published program in B."""
    map_file = read_map(str(test_data("map_model", "emd_2513_frh", "emd_2513.mrc")))
    network = Network("daq", 2)
    density = daq.what_the_network_sees(
        map_file.volume, map_file.sampling, np.asarray(map_file.volume) > 0.02)
    means, all_found, all_published = [], [], []
    for rank in (1, 5, 10, 15, 20):
        structure = read_model(str(test_data(
            "map_model", "emd_2513_frh", "rank%d_daq_score_w9.pdb.gz" % rank))).structure
        origin = gemmi.Vec3(*(-np.array(map_file.origin)))
        structure[0].transform_pos_and_adp(gemmi.Transform(gemmi.Mat33(), origin))
        residues = daq.read_alpha_carbons(structure[0])
        found = daq.likelihoods(network, density, map_file.sampling, residues.positions)
        scores = daq.residue_scores(found, residues, found)[0]
        published = [residue["CA"][0].b_iso for chain in structure[0] for residue in chain]
        means.append(scores.mean())
        all_found.append(scores)
        all_published.append(published)
    assert min(means[:3]) > 1.3 * means[3] > 1.3 * 1.5 * means[4]
    assert np.corrcoef(np.concatenate(all_found), np.concatenate(all_published))[0, 1] > 0.85
