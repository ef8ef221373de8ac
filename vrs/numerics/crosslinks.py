"""Whether a model satisfies cross-links, and whether chance would do as well.

A link is satisfied if its residues are as near to each other, around the protein, as the linker
reaches: up to 33 Å within a chain and 36 Å between chains for DSS and BS3 (Bullock et al. 2016,
doi 10.1074/mcp.M116.058560). That many links are satisfied says little by itself, as most join
residues near in sequence, which are near in any model. The control is therefore what links as
far apart in sequence would give that join any residues of the kinds that the linker joins.
"""

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import Dict, Optional, Tuple

import numpy as np
from scipy.spatial import cKDTree

from vrs.numerics.solvent_paths import (PolymerAtoms, pair_lengths, polymer_atoms, residue_depths,
                                        solvent_grid)
from vrs.numerics.statistics import chance_of_at_least

# Å: the longest path of DSS within a chain, how much longer it may be between chains, and the
# straight distances between alpha carbons beside it, as a rule and for flexible proteins.
PATH_LIMIT = 33.0
BETWEEN_CHAINS = 3.0
STRAIGHT, STRAIGHT_FLEXIBLE = 30.0, 35.0
# Å; a modified residue (mono-link) is not deeper than this (Sinnott et al. 2020,
# doi 10.1016/j.str.2020.05.012).
DEPTH_LIMIT = 6.25
# Å; longer paths are not measured.
LONGEST_PATH = 48.0
# Length of the spacer between the groups that react, Å. Paths allowed differ as these do.
_SPACERS = {"dss": 11.4, "bs3": 11.4, "dsg": 7.7, "bs2g": 7.7, "dsso": 10.1, "dsbu": 12.5,
            "buurbu": 12.5, "sda": 3.9, "sulfosda": 3.9, "edc": 0.0, "dmtmm": 0.0}
_OTHER_THAN_AMINES = ("sda", "sulfosda", "edc", "dmtmm")
_AMINES = ("LYS", "SER", "THR", "TYR")
# Kinds of residues that are rarer than this among the ends of links are termini or mistakes.
_RARE = 0.05
# Chains are copies if of the residues that they number alike, at least half of the shorter
# chain's, this share has the same name.
_ALIKE, _NUMBERED_ALIKE = 0.95, 0.5
_CONTROL_RESIDUES = 150
_CONTROL_PAIRS = 100
# Sound models satisfy about this share of their links.
_SOUND = 0.75


@dataclass(frozen=True)
class MappedLinks:
    """Cross-links on a model.

    Attributes
    ----------
    residues : numpy.ndarray of int, (links, 2)
        Indices in the atoms' residues, of the copies nearest to each other; -1 where the model
        lacks one of them.
    missing : tuple of str
        Of each link, what the model lacks: "chain X", "protein Rpb1", "residue 12 of A",
        "another copy of residue 12"; empty where both residues are there.
    paths : numpy.ndarray of float64, (links,)
        Å through solvent, infinite if there is none up to 48 Å; NaN where a residue is missing.
    distances : numpy.ndarray of float64, (links,)
        Å, straight between the alpha carbons; NaN likewise.
    limits : numpy.ndarray of float64, (links,)
        Å, the longest path with which the link is satisfied; NaN likewise.
    same_protein : numpy.ndarray of bool, (links,)
        Whether both ends belong to one protein, be it to one copy of it or to two.
    chances : numpy.ndarray of float64, (links,)
        Share of the control's pairs that would be satisfied; NaN likewise.
    """

    residues: np.ndarray
    missing: Tuple[str, ...]
    paths: np.ndarray
    distances: np.ndarray
    limits: np.ndarray
    same_protein: np.ndarray
    chances: np.ndarray

    @property
    def mapped(self):
        """Which links have both residues in the model, bool, (links,)."""
        return self.residues[:, 0] >= 0

    @property
    def satisfied(self):
        """Which links are short enough, bool, (links,)."""
        return self.paths <= self.limits


@dataclass(frozen=True)
class Assessment:
    """What :func:`assess` finds.

    Attributes
    ----------
    atoms : PolymerAtoms
        Whose residues the links refer to.
    links : MappedLinks
    control_pairs : int
        Pairs of residues of the control.
    control_share : float
        Share of them that DSS would reach; NaN without pairs.
    sampled : bool
        Whether the control is of a random part of the residues.
    kinds : dict of str to int
        Names of the residues at the ends of links, and how often, most frequent first.
    amine_share : float or None
        Share of these that have amines or hydroxyls, which most linkers need; None if there
        are linkers that join others. If it is low, the table numbers residues differently.
    unknown_linkers : tuple of str
        Linkers of unknown length, for which that of DSS was taken.
    mono_residues : numpy.ndarray of int, (mono-links,)
        The least deep copy of each modified residue; -1 where the model lacks it.
    mono_missing : tuple of str
        As of the links.
    depths : numpy.ndarray of float64, (mono-links,)
        Å; NaN where the model lacks the residue.
    """

    atoms: PolymerAtoms
    links: MappedLinks
    control_pairs: int
    control_share: float
    sampled: bool
    kinds: Dict[str, int]
    amine_share: Optional[float]
    unknown_linkers: Tuple[str, ...]
    mono_residues: np.ndarray
    mono_missing: Tuple[str, ...]
    depths: np.ndarray


@dataclass(frozen=True)
class Tally:
    """Counts of links and what they say.

    Attributes
    ----------
    links, satisfied : int
        Those with both residues in the model, and how many of these are satisfied.
    expected : float
        How many would be satisfied by chance.
    p_value : float
        Probability that at least as many are satisfied by chance.
    sound_p_value : float
        What it would be if three quarters were satisfied, as in sound models. If that is not
        small, the links cannot tell sound models from others.
    """

    links: int
    satisfied: int
    expected: float
    p_value: float
    sound_p_value: float

    @property
    def share(self):
        """Share of the links that is satisfied; NaN without links."""
        return self.satisfied / self.links if self.links else math.nan

    @property
    def enrichment(self):
        """Satisfied links over those expected by chance; NaN without links."""
        return self.satisfied / self.expected if self.links else math.nan


def assess(structure, links, workers=1, seed=0):
    """Measure cross-links on a model, and the same for pairs of residues that chance chose.

    Where the model has several copies of a protein, mass spectrometry cannot tell them apart: a
    link counts for those copies of its residues between which it is shortest. Pairs of the
    control count likewise.

    Parameters
    ----------
    structure : gemmi.Structure
        Its first model.
    links : vrs.io.crosslinks.CrossLinks
    workers : int
        Threads.
    seed : int
        Of the residues that the control takes from a large model, and of the water around it.

    Returns
    -------
    Assessment

    Raises
    ------
    InputError
        If the model has neither protein nor nucleic acid.
    """
    atoms = polymer_atoms(structure)
    proteins = _Proteins(atoms, links.chains)
    limits, unknown = path_limits(links.linkers, links.limits)
    found = [[proteins.find(name, number) for name, number in zip(*end)]
             for end in zip(links.names.tolist(), links.numbers.tolist())]
    missing = tuple(_missing(*ends) for ends in found)
    there = np.array([not lack for lack in missing], bool)
    mapped = [ends for ends, known in zip(found, there) if known]
    kinds = Counter(atoms.residues[end.residues[0]] for ends in mapped for end in ends)
    linked = [kind for kind, count in kinds.items() if count >= _RARE * sum(kinds.values())]
    nearest = _nearest_copies(atoms, mapped, limits[there], workers)
    control = _control(atoms, proteins, linked, limits[there], workers,
                       np.random.default_rng(seed))
    chances = np.array([control.chance(*ends, limit)
                        for ends, limit in zip(mapped, limits[there])], float)
    mono = [proteins.find(name, number)
            for name, number in zip(links.mono_names.tolist(), links.mono_numbers.tolist())]
    mono_residues, depths = _depths(atoms, mono, seed)
    return Assessment(
        atoms, MappedLinks(
            _spread(nearest.residues, there, -1), missing, _spread(nearest.paths, there),
            _spread(nearest.distances, there), _spread(nearest.limits, there),
            np.array([one.protein is not None and one.protein == other.protein
                      for one, other in found], bool), _spread(chances, there)),
        len(control.lengths), control.share(PATH_LIMIT), control.sampled,
        dict(kinds.most_common()), _amine_share(atoms, mapped, kinds, links.linkers), unknown,
        mono_residues, tuple(end.missing for end in mono), depths)


def tally(links, chosen=True):
    """Count satisfied links and compare with chance.

    Parameters
    ----------
    links : MappedLinks
    chosen : numpy.ndarray of bool, (links,), or bool
        Which links count, of those with both residues in the model.

    Returns
    -------
    Tally
    """
    counted = links.mapped & chosen
    total = int(np.count_nonzero(counted))
    satisfied = int(np.count_nonzero(links.satisfied & counted))
    chances = links.chances[counted]
    return Tally(total, satisfied, float(chances.sum()), chance_of_at_least(satisfied, chances),
                 chance_of_at_least(math.ceil(_SOUND * total), chances))


def path_limits(linkers, limits):
    """The longest paths within a chain that linkers allow.

    Parameters
    ----------
    linkers : sequence of str
        Names, perhaps several separated by commas, semicolons, slashes or spaces, of which the
        longest counts; empty means DSS.
    limits : numpy.ndarray, (links,)
        Å; NaN where the linker decides: 33 Å and what its spacer is longer than that of DSS.

    Returns
    -------
    limits : numpy.ndarray of float64, (links,)
        Å.
    unknown : tuple of str
        Linkers whose length is not known, for which that of DSS is taken.
    """
    by_linker, unknown = [], []
    for linker in linkers:
        names = [name for name in re.split(r"[,;/\s]+", linker) if name]
        spacers = [_SPACERS[_plain(name)] for name in names if _plain(name) in _SPACERS]
        if names and not spacers:
            unknown.append(linker)
        by_linker.append(PATH_LIMIT + max(spacers or [_SPACERS["dss"]]) - _SPACERS["dss"])
    return (np.where(np.isnan(limits), np.array(by_linker, float), limits),
            tuple(dict.fromkeys(unknown)))


def _plain(name):
    return re.sub(r"[^a-z0-9]", "", name.lower())


@dataclass(frozen=True)
class _Site:
    """A residue of a protein: all of its copies in the model."""

    protein: Optional[str]
    number: int
    residues: Tuple[int, ...]
    missing: str = ""


def proteins_of_chains(atoms, chains=()):
    """Which chains are copies of each other.

    Parameters
    ----------
    atoms : PolymerAtoms
    chains : iterable of sequence of str
        Chains that are known to be copies; the others are compared residue by residue.

    Returns
    -------
    dict of str to str
        The first of its copies, for each chain that has alpha carbons.
    """
    names = {}
    for (chain, number), index in _numbered(atoms).items():
        names.setdefault(chain, {})[number] = atoms.residues[index]
    proteins = {}
    for chain, own in names.items():
        proteins[chain] = next((first for first in dict.fromkeys(proteins.values())
                                if _are_copies(own, names[first])), chain)
    for listed in chains:
        same = [proteins[chain] for chain in listed if chain in proteins]
        proteins = {chain: same[0] if protein in same else protein
                    for chain, protein in proteins.items()}
    return proteins


def _numbered(atoms):
    """Index of each residue with a Cα by chain and number, without those of insertions."""
    indices = {}
    for index, place in enumerate(zip(atoms.chains, atoms.numbers)):
        if np.isfinite(atoms.anchors[index]).all() and re.fullmatch(r"-?\d+", place[1]):
            indices.setdefault((place[0], int(place[1])), index)
    return indices


def _are_copies(one, other):
    """Whether two chains have the same sequence; names of residues by their numbers."""
    names = [(one[number], other[number]) for number in one.keys() & other.keys()]
    known = [first == second for first, second in names if "UNK" not in (first, second)]
    return (len(known) > 0 and len(names) >= _NUMBERED_ALIKE * min(len(one), len(other))
            and sum(known) >= _ALIKE * len(known))


class _Proteins:
    """The residues of proteins, all copies together.

    Parameters
    ----------
    atoms : PolymerAtoms
    chains : dict of str to sequence of str
        Chains of proteins, by their names in the table of links.
    """

    def __init__(self, atoms, chains):
        self._chains = chains
        self._protein_of = proteins_of_chains(atoms, chains.values())
        copies = {}
        for (chain, number), index in _numbered(atoms).items():
            copies.setdefault((self._protein_of[chain], number), []).append(index)
        self._sites = {place: _Site(*place, tuple(indices)) for place, indices in copies.items()}

    def find(self, name, number):
        """The site of a residue, which has no residues where the model lacks it."""
        known = [chain for chain in self._chains.get(name, (name,)) if chain in self._protein_of]
        if not known:
            kind = "protein" if name in self._chains else "chain"
            return _Site(None, number, (), "%s %s" % (kind, name or "without a name"))
        protein = self._protein_of[known[0]]
        return self._sites.get((protein, number), _Site(
            protein, number, (), "residue %d of %s" % (number, name or "the chain without a name")))

    def of_kinds(self, atoms, kinds):
        """The sites whose residue has one of these names."""
        return [site for site in self._sites.values()
                if atoms.residues[site.residues[0]] in kinds]


def _missing(one, other):
    """What a model lacks of a link, in words."""
    lacks = list(dict.fromkeys(end.missing for end in (one, other) if end.missing))
    if not lacks and one == other and len(one.residues) < 2:
        lacks = ["another copy of residue %d" % one.number]
    return " and ".join(lacks)


@dataclass(frozen=True)
class _Nearest:
    residues: np.ndarray
    paths: np.ndarray
    distances: np.ndarray
    limits: np.ndarray


def _nearest_copies(atoms, mapped, limits, workers):
    """The copies of each link between which it is shortest, and how long it is there."""
    grid = solvent_grid(atoms, np.isin(np.arange(len(atoms.residues)), [
        residue for ends in mapped for end in ends for residue in end.residues]))
    pairs = [[(one, other) for one in ends[0].residues for other in ends[1].residues
              if one != other] for ends in mapped]
    of_link = np.repeat(np.arange(len(pairs)), [len(own) for own in pairs])
    pairs = np.array([pair for own in pairs for pair in own], int).reshape(-1, 2)
    distances = np.linalg.norm(atoms.anchors[pairs[:, 0]] - atoms.anchors[pairs[:, 1]], axis=1)
    more = _between_chains(atoms, pairs)
    paths = pair_lengths(grid, atoms.anchors, pairs, _longest(limits), workers)
    # By the paths; where there is none, by the straight distances.
    order = np.lexsort((distances, paths - more, of_link))
    best = order[np.searchsorted(of_link[order], np.arange(len(mapped)))]
    paths, more = paths[best], more[best]
    far = np.flatnonzero(np.isinf(paths))
    paths[far] = pair_lengths(grid, atoms.anchors, pairs[best][far],
                              max(LONGEST_PATH, _longest(limits)), workers)
    return _Nearest(pairs[best], paths, distances[best], limits + more)


def _longest(limits):
    return limits.max(initial=PATH_LIMIT) + BETWEEN_CHAINS


def _between_chains(atoms, pairs):
    """How much longer paths may be between these residues than within a chain, Å."""
    chains = np.array(atoms.chains, str)
    return np.where(chains[pairs[:, 0]] != chains[pairs[:, 1]], BETWEEN_CHAINS, 0.0)


class _Control:
    """Pairs of residues of the kinds that links join.

    Parameters
    ----------
    same_protein : numpy.ndarray of bool, (pairs,)
    separations : numpy.ndarray of int, (pairs,)
        Differences of the numbers.
    lengths : numpy.ndarray, (pairs,)
        Å, shortest paths over all copies; those between chains are taken to be 3 Å shorter, so
        that they compare with the limit within chains.
    sampled : bool
    """

    def __init__(self, same_protein, separations, lengths, sampled):
        self.lengths = lengths
        self.sampled = sampled
        self._between = lengths[~same_protein]
        order = np.argsort(separations[same_protein], kind="stable")
        self._separations = separations[same_protein][order]
        self._within = lengths[same_protein][order]

    def share(self, limit):
        """Share of all pairs that a path within a limit joins; NaN without pairs."""
        return float(np.mean(self.lengths <= limit)) if len(self.lengths) else math.nan

    def chance(self, one, other, limit):
        """Share of the pairs most like a link that would be satisfied, the link among them."""
        alike = self._between
        if one.protein == other.protein:
            equal = [np.searchsorted(self._separations, abs(one.number - other.number), side)
                     for side in ("left", "right")]
            start = np.clip((sum(equal) - _CONTROL_PAIRS) // 2, 0,
                            max(0, len(self._within) - _CONTROL_PAIRS))
            alike = self._within[start:start + _CONTROL_PAIRS]
        return (np.count_nonzero(alike <= limit) + 1) / (len(alike) + 1)


def _control(atoms, proteins, kinds, limits, workers, rng):
    """Paths between all residues of some kinds, or from a part of them to all."""
    grid = solvent_grid(atoms, np.isin(atoms.residues, np.array(kinds, str)))
    sites = proteins.of_kinds(atoms, kinds)
    order = rng.permutation(len(sites))
    copies = np.cumsum([len(sites[place].residues) for place in order])
    order = order[:max(1, np.searchsorted(copies, _CONTROL_RESIDUES, "right"))]
    residues = np.array([residue for site in sites for residue in site.residues], int)
    of_site = np.repeat(np.arange(len(sites)), [len(site.residues) for site in sites])
    rank = np.full(len(sites), -1)
    rank[order] = np.arange(len(order))
    lengths = np.full((len(order), len(sites)), np.inf)
    if len(residues):
        near = _near_pairs(atoms.anchors[residues], rank[of_site] >= 0, _longest(limits) + 2)
        near = near[of_site[near[:, 0]] != of_site[near[:, 1]]]
        pairs = residues[near]
        found = pair_lengths(grid, atoms.anchors, pairs, _longest(limits), workers)
        np.minimum.at(lengths, (rank[of_site[near[:, 0]]], of_site[near[:, 1]]),
                      found - _between_chains(atoms, pairs))
    # Each pair once, also if both are in the part.
    counted = (rank < 0) | (rank > np.arange(len(order))[:, None])
    names = np.array([site.protein for site in sites], str)
    numbers = np.array([site.number for site in sites], int)
    return _Control((names[order][:, None] == names)[counted],
                    np.abs(numbers[order][:, None] - numbers)[counted],
                    lengths[counted], len(order) < len(sites))


def _near_pairs(positions, chosen, reach):
    """Pairs of chosen positions and any other within reach, (n, 2)."""
    own = np.flatnonzero(chosen)
    found = cKDTree(positions).query_ball_point(positions[own], reach)
    return np.column_stack([np.repeat(own, [len(others) for others in found]),
                            np.concatenate([np.array(others, int) for others in found])])


def _amine_share(atoms, mapped, kinds, linkers):
    """Share of ends that are lysines, termini or have a hydroxyl; None for other linkers."""
    if not kinds or any(_plain(name) in _OTHER_THAN_AMINES
                        for linker in linkers for name in re.split(r"[,;/\s]+", linker)):
        return None
    starts = {atoms.chains.index(chain) for chain in set(atoms.chains)}
    amines = sum(atoms.residues[end.residues[0]] in _AMINES or not starts.isdisjoint(end.residues)
                 for ends in mapped for end in ends)
    return amines / sum(kinds.values())


def _depths(atoms, sites, seed):
    """The least deep copy of each site, and its depth (Å)."""
    asked = sorted({residue for site in sites for residue in site.residues})
    depth_of = dict(zip(asked, residue_depths(atoms, asked, seed)))
    best = [min(site.residues, key=depth_of.get) if site.residues else -1 for site in sites]
    return np.array(best, int), np.array([depth_of.get(residue, math.nan) for residue in best])


def _spread(values, there, without=math.nan):
    """Values of the mapped links at the places of all links."""
    spread = np.full(there.shape + values.shape[1:], without, values.dtype)
    spread[there] = values
    return spread
