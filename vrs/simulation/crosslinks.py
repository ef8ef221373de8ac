"""Cross-links that a model could have, with some that it could not."""

import itertools

import numpy as np

from vrs.errors import InputError
from vrs.io.crosslinks import CrossLinks
from vrs.numerics.crosslinks import assess, proteins_of_chains
from vrs.numerics.solvent_paths import polymer_atoms

_KIND = "LYS"
_HEADER = """\
# Synthetic cross-links of a linker such as DSS, chosen at random with seed %d among the pairs of
# lysines: %d that it can join in the model and %d that it cannot. Nothing here was measured.
chain1,residue1,chain2,residue2,linker
"""


def write_crosslinks(path, structure, count=40, wrong=0.1, seed=5, workers=1):
    """Write a table of links between lysines of a model.

    Parameters
    ----------
    path : str
        CSV file; replaced if it exists.
    structure : gemmi.Structure
        Its first model.
    count : int
        Links.
    wrong : float
        Share of them that the model cannot satisfy, 0 to 1.
    seed : int
        Chooses among the pairs.
    workers : int
        Threads.

    Returns
    -------
    dict
        ``links`` and ``wrong_links``: how many; ``wrong``: chains and residues of the latter.

    Raises
    ------
    InputError
        If the model has too few pairs of either kind.
    OSError
        If the file cannot be written.
    """
    sites = _sites(structure)
    pairs = list(itertools.combinations(sites, 2))
    satisfied = _satisfied(structure, pairs, workers)
    wrong_count = round(wrong * count)
    rng = np.random.default_rng(seed)
    chosen = []
    for there, wanted in ((satisfied, count - wrong_count), (~satisfied, wrong_count)):
        places = np.flatnonzero(there)
        if len(places) < wanted:
            raise InputError("The model has %d pairs of lysines where %d are needed; ask for fewer "
                             "links." % (len(places), wanted))
        chosen.append(rng.choice(places, wanted, replace=False))
    with open(path, "w", encoding="utf-8") as file:
        file.write(_HEADER % (seed, count - wrong_count, wrong_count))
        for place in rng.permutation(np.concatenate(chosen)):
            file.write("%s,%d,%s,%d,DSS\n" % (pairs[place][0] + pairs[place][1]))
    return {"links": count, "wrong_links": wrong_count,
            "wrong": [list(pairs[place][0] + pairs[place][1]) for place in sorted(chosen[1])]}


def _sites(structure):
    """Chain and number of the lysines of each protein, in one of its copies."""
    atoms = polymer_atoms(structure)
    proteins = proteins_of_chains(atoms)
    return [(chain, int(number)) for chain, number, name in zip(atoms.chains, atoms.numbers,
                                                                atoms.residues)
            if name == _KIND and proteins.get(chain) == chain and number.lstrip("-").isdigit()]


def _satisfied(structure, pairs, workers):
    """Which pairs a linker can join, bool, (pairs,)."""
    ends = np.array(pairs, object).reshape(-1, 2, 2)
    links = CrossLinks(
        path="", names=ends[:, :, 0].astype(str), numbers=ends[:, :, 1].astype(int),
        linkers=("DSS",) * len(pairs), limits=np.full(len(pairs), np.nan),
        observations=np.ones(len(pairs), int), scores=np.full(len(pairs), np.nan),
        mono_names=np.zeros(0, str), mono_numbers=np.zeros(0, int), chains={})
    return assess(structure, links, workers).links.satisfied
