"""Whether models satisfy cross-links, and whether chance would do as well."""

import dataclasses
import math

import gemmi
import numpy as np
import pytest
from scipy.stats import binom

from vrs.errors import InputError
from vrs.io.crosslinks import CrossLinks, read_crosslinks
from vrs.numerics import crosslinks
from vrs.numerics.crosslinks import assess, path_limits, proteins_of_chains, tally
from vrs.numerics.solvent_paths import polymer_atoms
from vrs.tests import proteins


def table_of(pairs, linkers=None, mono=(), chains=None):
    """A table of links ((chain, number), (chain, number))."""
    ends = np.array(pairs, object).reshape(-1, 2, 2)
    return CrossLinks(
        path="links.csv", names=ends[..., 0].astype(str), numbers=ends[..., 1].astype(int),
        linkers=tuple(linkers or [""] * len(ends)), limits=np.full(len(ends), np.nan),
        observations=np.ones(len(ends), int), scores=np.full(len(ends), np.nan),
        mono_names=np.array([name for name, _ in mono], str),
        mono_numbers=np.array([number for _, number in mono], int), chains=chains or {})


def renumbered(links, change):
    """The links with other residues at their ends: a table that belongs to another model."""
    return dataclasses.replace(links, numbers=np.array(
        [[change(name, number) for name, number in zip(*pair)]
         for pair in zip(links.names.tolist(), links.numbers.tolist())]))


def model_of(positions, names=None, chains=None):
    """One Cα per residue; chains is the chain of each, numbers count in each from 1."""
    structure = gemmi.Structure()
    structure.add_model(gemmi.Model(1))
    chains = chains or "A" * len(positions)
    for index, (position, chain) in enumerate(zip(positions, chains)):
        if not any(known.name == chain for known in structure[0]):
            structure[0].add_chain(gemmi.Chain(chain))
        residue = gemmi.Residue()
        residue.name = names[index] if names else "LYS"
        residue.seqid = gemmi.SeqId(str(len(structure[0][chain]) + 1))
        atom = gemmi.Atom()
        atom.name, atom.element, atom.pos = "CA", gemmi.Element("C"), gemmi.Position(*position)
        residue.add_atom(atom)
        structure[0][chain].add_residue(residue)
    return structure


def read_model(test_data, *place):
    structure = gemmi.read_structure(str(test_data("crosslinks", *place)))
    structure.setup_entities()
    return structure


def test_limits_follow_the_linkers():
    limits, unknown = path_limits(
        ["", "DSS", "bs3", "DSG", "DSS,DSG,BS3", "EDC", "Sulfo-SDA", "DSSO", "magic", "magic"],
        np.array([math.nan] * 8 + [math.nan, 20]))
    np.testing.assert_allclose(limits, [33, 33, 33, 29.3, 33, 21.6, 25.5, 31.7, 33, 20])
    assert unknown == ("magic",)
    assert path_limits([], np.zeros(0))[1] == ()


def test_links_are_measured_and_judged():
    """Four lysines in a row: links of 10, 30, 40 and 70 Å, where 33 Å are allowed."""
    model = model_of([(0, 0, 0), (10, 0, 0), (40, 0, 0), (70, 0, 0)])
    links = assess(model, table_of([(("A", 1), ("A", 2)), (("A", 3), ("A", 2)),
                                    (("A", 1), ("A", 3)), (("A", 1), ("A", 4))])).links
    assert links.mapped.all() and links.same_protein.all() and not any(links.missing)
    np.testing.assert_array_equal(links.residues, [[0, 1], [2, 1], [0, 2], [0, 3]])
    np.testing.assert_allclose(links.distances, [10, 30, 40, 70])
    # Beyond the limit the length is told, here round the Cα between, up to 48 Å.
    np.testing.assert_allclose(links.paths, [10, 30, 42, np.inf], atol=0.6)
    np.testing.assert_array_equal(links.limits, 33)
    np.testing.assert_array_equal(links.satisfied, [True, True, False, False])
    # Six pairs of 10, 30, 30, 40, 60 and 70 Å; the link itself counts as one more.
    np.testing.assert_allclose(links.chances, (3 + 1) / (6 + 1))
    found = tally(links)
    assert (found.links, found.satisfied, found.share) == (4, 2, 0.5)
    assert found.expected == pytest.approx(16 / 7) and found.enrichment == pytest.approx(0.875)
    assert found.p_value == pytest.approx(binom.sf(1, 4, 4 / 7))
    assert found.sound_p_value == pytest.approx(binom.sf(2, 4, 4 / 7))


def test_paths_may_be_longer_between_chains():
    model = model_of([(0, 0, 0), (34.5, 0, 0), (0, 34.5, 0)], ("LYS", "LYS", "ARG"), "AAB")
    links = assess(model, table_of([(("A", 1), ("A", 2)), (("A", 1), ("B", 1))])).links
    np.testing.assert_array_equal(links.limits, [33, 36])
    np.testing.assert_array_equal(links.satisfied, [False, True])
    np.testing.assert_array_equal(links.same_protein, [True, False])
    assert tally(links, links.same_protein).satisfied == 0
    assert tally(links, ~links.same_protein).satisfied == 1


def test_other_limits_change_verdict_and_chance():
    model = model_of([(0, 0, 0), (25, 0, 0), (60, 0, 0)])
    links = assess(model, table_of([(("A", 1), ("A", 2))] * 2, ["DSS", "EDC"])).links
    np.testing.assert_array_equal(links.satisfied, [True, False])
    np.testing.assert_allclose(links.chances, [(1 + 1) / (3 + 1), 1 / (3 + 1)])


def test_what_the_model_lacks_is_listed_and_not_counted():
    model = model_of([(0, 0, 0), (10, 0, 0), (20, 0, 0)])
    del model[0]["A"][2][0]
    found = assess(model, table_of([
        (("A", 1), ("A", 2)), (("A", 1), ("A", 9)), (("X", 1), ("A", 9)), (("A", 1), ("A", 1)),
        (("A", 3), ("A", 1))], mono=[("A", 2), ("A", 7)]))
    assert found.links.missing == ("", "residue 9 of A", "chain X and residue 9 of A",
                                   "another copy of residue 1", "residue 3 of A")
    np.testing.assert_array_equal(found.links.mapped, [True] + [False] * 4)
    assert np.isnan(found.links.paths[1:]).all() and not found.links.satisfied[1:].any()
    assert tally(found.links).links == 1
    assert found.mono_missing == ("", "residue 7 of A")
    assert found.mono_residues.tolist() == [1, -1] and np.isnan(found.depths[1])


def test_nothing_in_the_model():
    model = model_of([(0, 0, 0), (10, 0, 0)])
    found = assess(model, table_of([(("X", 1), ("Y", 2))]))
    nothing = tally(found.links)
    assert (nothing.links, nothing.p_value) == (0, 1) and math.isnan(nothing.share)
    assert found.control_pairs == 0 and math.isnan(found.control_share) and not found.kinds
    with pytest.raises(InputError):
        assess(model_of([(0, 0, 0)], ["HOH"]), table_of([(("A", 1), ("A", 1))]))


def test_copies_of_a_protein_cannot_be_told_apart():
    """A link counts where it is shortest, and so do the pairs of the control."""
    one = [(0, 0, 0), (60, 0, 0), (0, 70, 0), (0, 0, 90)]
    other = [(x, y, z + 20) for x, y, z in one[::-1]]
    names = ["LYS", "LYS", "ALA", "LYS"]
    model = model_of(one + other, names * 2, "AAAABBBB")
    assert proteins_of_chains(polymer_atoms(model)) == {"A": "A", "B": "A"}
    links = assess(model, table_of([(("A", 1), ("A", 4)), (("B", 1), ("A", 4)),
                                    (("A", 2), ("B", 2))])).links
    # Residue 4 of B is 20 Å from residue 1 of A.
    np.testing.assert_array_equal(links.residues[:2], [[0, 7], [4, 3]][:1] * 2)
    np.testing.assert_array_equal(links.satisfied, [True, True, False])
    np.testing.assert_array_equal(links.limits, 36)
    assert links.same_protein.all()
    # Three pairs of sites, 1-2, 1-4 and 2-4, of which one is near.
    np.testing.assert_allclose(links.chances, (1 + 1) / (3 + 1))


def test_chains_come_from_the_table():
    model = model_of([(0, 0, 0), (10, 0, 0), (0, 50, 0), (10, 50, 0)],
                     ["LYS", "LYS", "ARG", "LYS"], "AABB")
    assert proteins_of_chains(polymer_atoms(model)) == {"A": "A", "B": "B"}
    links = [(("Rvb1", 1), ("Rvb2", 2))]
    found = assess(model, table_of(links, chains={"Rvb1": ("A",), "Rvb2": ("B",)})).links
    assert found.residues.tolist() == [[0, 3]] and not found.same_protein.any()
    found = assess(model, table_of(links, chains={"Rvb1": ("A", "B"), "Rvb2": ("A", "B")})).links
    assert found.residues.tolist() == [[0, 1]] and found.same_protein.all()
    found = assess(model, table_of(links, chains={"Rvb1": ("A",), "Rvb2": ("Z",)})).links
    assert found.missing == ("protein Rvb2",)


def test_chains_without_a_sequence_are_no_copies():
    model = model_of([(0, 0, z) for z in range(0, 40, 10)], ["UNK"] * 4, "AABB")
    assert proteins_of_chains(polymer_atoms(model)) == {"A": "A", "B": "B"}


def test_kinds_and_numbering():
    names = ["MET"] + ["LYS"] * 3 + ["ALA", "GLU"]
    model = model_of([(9 * place, 0, 0) for place in range(6)], names)
    right = [(("A", 1), ("A", 3)), (("A", 2), ("A", 4))]
    found = assess(model, table_of(right))
    assert found.kinds == {"LYS": 3, "MET": 1} and found.amine_share == 1
    assert assess(model, table_of([(("A", 4), ("A", 5)), (("A", 5), ("A", 6))])).amine_share == 0.25
    assert assess(model, table_of(right, ["DSS", "EDC"])).amine_share is None


def test_chance_is_that_of_pairs_as_far_apart_in_sequence():
    """In a stretched chain neighbours in sequence are near, and only these: that says nothing."""
    model = model_of([(0, 0, 4 * place) for place in range(60)])
    near = [(("A", number), ("A", number + 3)) for number in range(1, 55, 2)]
    found = assess(model, table_of(near))
    assert found.control_share < 0.35 and not found.sampled
    assert found.control_pairs == 60 * 59 // 2
    assert tally(found.links).share == 1
    np.testing.assert_array_equal(found.links.chances, 1)
    assert tally(found.links).p_value == 1


@pytest.fixture(scope="module")
def protein():
    """An ideal protein of two copies, its lysines, and what all of their pairs give."""
    structure, _ = proteins.protein()
    lysines = [residue.seqid.num for residue in structure[0]["A"] if residue.name == "LYS"]
    pairs = [(("A", one), ("B", other)) for place, one in enumerate(lysines)
             for other in lysines[:place]]
    return structure, lysines, pairs, assess(structure, table_of(pairs), workers=2)


def test_false_alarms_of_random_links(protein):
    """Of links that join random lysines, p is below 0.05 in hardly more than 5 %."""
    links = protein[3].links
    rng = np.random.default_rng(0)
    found = []
    for _ in range(400):
        chosen = np.zeros(len(links.paths), bool)
        chosen[rng.choice(len(chosen), 25, replace=False)] = True
        found.append(tally(links, chosen).p_value)
    assert np.mean(np.array(found) < 0.05) < 0.06 and np.mean(np.array(found) < 0.01) < 0.015
    assert np.mean(np.array(found) < 0.5) > 0.3


def test_links_of_the_model_and_of_others(protein):
    """True links are found sound, shuffled ones and those of another numbering are not."""
    structure, lysines, pairs, every = protein
    rng = np.random.default_rng(1)
    chosen = rng.choice(np.flatnonzero(every.links.satisfied), 30, replace=False)
    true = table_of([pairs[place] for place in chosen])
    there = np.isin(np.arange(len(pairs)), chosen)
    found = tally(every.links, there)
    assert found.share == 1 and found.p_value < 1e-6 and found.sound_p_value < 0.01
    ends = rng.permutation(true.numbers.ravel()).reshape(-1, 2)
    shuffled = tally(assess(structure, dataclasses.replace(true, numbers=ends), workers=2).links)
    assert shuffled.p_value > 0.01
    reverse = dict(zip(lysines, lysines[::-1]))
    turned = renumbered(true, lambda _, number: reverse[number])
    other = tally(assess(structure, turned, workers=2).links)
    assert other.p_value > 0.01 and other.share < 0.7


def test_the_same_twice_and_on_more_threads(protein, monkeypatch):
    monkeypatch.setattr(crosslinks, "_CONTROL_RESIDUES", 12)
    structure, _, pairs, _ = protein
    links = table_of(pairs[:6], mono=[("A", pairs[0][0][1])])
    one, two = (assess(structure, links, workers) for workers in (1, 2))
    assert one.sampled
    np.testing.assert_array_equal(one.links.paths, two.links.paths)
    np.testing.assert_array_equal(one.links.chances, two.links.chances)
    np.testing.assert_array_equal(one.depths, two.depths)
    assert 2 < one.depths[0] < 12


@pytest.mark.parametrize("entry, count, share, near, decisive", [
    ("4f5s", 55, 0.891, 0.964, True), ("1blf", 31, 0.645, 0.774, True),
    ("1ao6", 12, 1.0, 1.0, False), ("4fgf", 17, 0.647, 1.0, False)])
def test_published_links_of_crystal_structures(test_data, monkeypatch, entry, count, share, near,
                                               decisive):
    """As many are satisfied as Xwalk's paths tell, which are between Cβ."""
    # Each with all 60 lysines of an albumin, more than a thousand pairs.
    monkeypatch.setattr(crosslinks, "_CONTROL_RESIDUES", 30)
    links = read_crosslinks(test_data("crosslinks", "XLdb_4f5s_1blf_1ao6_4fgf.csv"), entry=entry)
    found = assess(read_model(test_data, entry + ".pdb"), links, workers=2)
    result = tally(found.links)
    assert result.links == count and found.amine_share == 1 and set(found.kinds) == {"LYS"}
    # One link more or less.
    assert result.share == pytest.approx(share, abs=1.05 / count)
    assert np.mean(found.links.distances <= 30) == pytest.approx(near, abs=0.02)
    assert (result.sound_p_value < 0.01) == decisive
    if entry == "4fgf":
        # Small enough that its lysines are near to each other anyhow: nothing can be told.
        assert found.control_share > 0.4 and result.p_value > 0.01
    else:
        assert result.p_value < 1e-3


def test_published_links_of_a_complex(test_data, monkeypatch):
    """RNA polymerase II: as published; links of each chain turned end to end are not."""
    # Each with all 274 lysines, that is ten thousand pairs.
    monkeypatch.setattr(crosslinks, "_CONTROL_RESIDUES", 40)
    structure = gemmi.read_structure(
        str(test_data("map_model", "emd_1883_polii", "1WCM.pdb.gz")))
    chains = {"Rpb%d" % number: chain for number, chain in enumerate("ABCDEFGHIJKL", 1)}
    links = read_crosslinks(test_data("map_model", "emd_1883_polii", "polii_xlinks.csv"), chains)
    found = assess(structure, links, workers=2)
    result = tally(found.links)
    # 113 lines, of which two are the same link.
    assert result.links == 112 - 1 and found.sampled
    mapped = found.links.mapped
    assert np.sum(links.observations[mapped] > 0) == 111
    assert np.mean(found.links.distances[mapped] <= 35) == pytest.approx(0.956, abs=0.005)
    assert result.share > 0.8 and result.p_value < 1e-30
    between = tally(found.links, ~found.links.same_protein)
    assert between.links == 36 and between.share > 0.7 and between.p_value < 1e-20
    atoms = found.atoms
    lysines = {}
    for chain, number, name in zip(atoms.chains, atoms.numbers, atoms.residues):
        if name == "LYS":
            lysines.setdefault(chain, []).append(int(number))

    def turned(name, number):
        own = lysines[chains[name]]
        return own[-1 - own.index(number)] if number in own else number

    wrong = tally(assess(structure, renumbered(links, turned), workers=2).links)
    assert wrong.links == 111 and wrong.share < 0.4 and wrong.p_value > 0.01


def test_distances_of_a_large_complex(test_data):
    """RNA polymerase III: shares of its 178 lines as published, and a link counts once."""
    links = read_crosslinks(test_data("crosslinks", "PolIII_Wu2012.csv"),
                            test_data("crosslinks", "PolIII_chains.json"))
    atoms = polymer_atoms(read_model(test_data, "PolIII_5fj8.pdb"))
    place = {key: index for index, key in enumerate(zip(atoms.chains, atoms.numbers))}
    ends = [[place.get((links.chains[name][0], str(number))) for name, number in zip(*pair)]
            for pair in zip(links.names.tolist(), links.numbers.tolist())]
    known = np.array([None not in pair for pair in ends])
    pairs = np.array([pair for pair in ends if None not in pair])
    distances = np.linalg.norm(np.subtract(*atoms.anchors[pairs.T]), axis=1)
    lines = np.repeat(distances, links.observations[known])
    assert len(lines) == 178 and len(distances) == 173
    assert np.mean(lines <= 30) == pytest.approx(0.860, abs=5e-4)
    assert np.mean(lines <= 35) == pytest.approx(0.899, abs=5e-4)
