"""A.e: does each atom stand out in the map as well as atoms do at this resolution?"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import gemmi
import numpy as np
from scipy.spatial import cKDTree

from vrs.checks import (MAPPING, Check, Criterion, Findings, NotMeasured, Quantity, register,
                        resolution)
from vrs.checks.level_A.archive import (percentile_of, percentiles_at, range_of_archive,
                                        source_of)
from vrs.checks.level_A.model_engines import at_atoms, with_model
from vrs.checks.level_A.placement import PLACED_MODEL, model_of
from vrs.checks.local import PERCENTILES, percentile_table, percentiles, spread, spread_criterion
from vrs.checks.residues import residue_figures, residues_of
from vrs.engines.external import ExternalEngine
from vrs.inputs.map import MAP
from vrs.inputs.model import MODEL
from vrs.numerics.interpolation import values_at
from vrs.results import SERIOUS, AtomValues, Paragraph, Table, plain
from vrs.results.wording import judged

SIGMA, PUBLISHED_SIGMA = 0.4, 0.6
_RADII = 0.1 * np.arange(1, 21)
_POINTS = 8
_TRIES, _MORE = 50, 2
# Of the distance to the atom: nearer than this, a point belongs to another atom.
_NEARER = 0.9
_CHUNK = 1000
# Expected value: intercept and slope in the resolution (Å), by the width of the Gaussian.
_EXPECTED = {("protein", PUBLISHED_SIGMA): (1.1192, -0.1775),
             ("nucleic acid", PUBLISHED_SIGMA): (0.9973, -0.1377),
             ("protein", SIGMA): (1.1242, -0.1866),
             ("nucleic acid", SIGMA): (0.9436, -0.1465)}
_LOWEST_PERCENTILE = 2.5
# Resolutions (Å) of the fit that the expected values come from.
_FITTED = (1.5, 5.0)
# Bonds within and between amino acids whose atoms should be seen alike.
_BONDS = (("N", "CA"), ("CA", "C"), ("C", "O"), ("CA", "CB"))
_MAIN_CHAIN = ("N", "CA", "C", "O", "OXT", "CB")
# Longer peptide bonds (Å) are gaps of the chain.
_PEPTIDE = 2.5
# Measured on sound and shaken models in simulated maps and in three public ones, 1.75 to 5 Å.
_USUAL = (0.05, 0.015)
_MOST_UNEVEN, _LEAST_SIDE = 1.35, 0.25
# Resolution (Å) up to which side chains are seen.
_SIDE_CHAINS = 4.0
_FEWEST_ATOMS = 300
_FEWEST_BONDS, _FEWEST_SIDE_ATOMS = 100, 30


@register
class QScore(Check):
    """Likeness of the map around each atom to a Gaussian."""

    id = "A.e"
    title = "Q-score (MapQ method)"
    requires = (MAP, MODEL, resolution(0, 5, or_unknown=True))
    uses = (PLACED_MODEL,)
    explanation = (
        "Around a well resolved atom the map falls off like a Gaussian. The Q-score of an atom is "
        "the correlation, up to 2 Å from it and where no other atom is nearer, of the map with "
        "such a Gaussian: 1 for an atom that stands out perfectly, about 0 where the map says "
        "nothing, and negative where the atom lies beside the density. It depends on the width σ "
        "of the Gaussian, so that only values of the same σ may be compared: the archive of public "
        "maps takes 0.4 Å, the publication 0.6 Å. Q-scores fall with the resolution; the mean of "
        "the model is therefore compared with those of the models in the archive at the reported "
        "resolution. Many of these are worse than their resolution, so that a wrong model need not "
        "be among the lowest. Two further measures compare parts of the model with each other. The "
        "density is equally good around two bonded atoms of the main chain, so their Q-scores "
        "differ little if both are in place. Side chains are seen less well than the main chain, "
        "but not much less, unless they point elsewhere or belong to other amino acids. "
        "Hydrogens do not count.")
    quantities = (
        Quantity("archive", "", "Percentiles of the mean Q-scores (σ 0.4 Å) of the models of the "
                 "public archive at this resolution (%s)" % source_of("q_score"), MAPPING,
                 PERCENTILES),
        Quantity("archive_percentile", "",
                 "Percentile of the mean Q-score (σ 0.4 Å) among the models of the archive at "
                 "this resolution"),
        Quantity("chain_archive_percentile", "",
                 "The same of the chain where it is lowest, of those with at least 300 atoms"),
        Quantity("chain_means", "", "Mean Q-score (σ 0.4 Å) of each chain", MAPPING),
        Quantity("mean", "", "Mean Q-score of the atoms (σ 0.4 Å)"),
        Quantity("mean_published", "",
                 "Mean Q-score of the atoms with the published width of the Gaussian (σ 0.6 Å)"),
        Quantity("median", "", "Median Q-score of the atoms (σ 0.4 Å)"),
        Quantity("percentiles", "", "Percentiles of the Q-score of the atoms (σ 0.4 Å)", MAPPING,
                 PERCENTILES),
        Quantity("relative_unevenness", "",
                 "Unevenness over what is usual for sound models at this resolution"),
        Quantity("side_chain_ratio", "",
                 "Median Q-score of the side chains of proteins, beyond Cβ, over that of the main "
                 "chain; no value for resolutions worse than 4 Å"),
        Quantity("sigma", "Å", "Width of the Gaussian, the archive's"),
        Quantity("spread", "", "Percentile 97.5 minus percentile 2.5"),
        Quantity("unevenness", "",
                 "Mean difference of the Q-scores of bonded atoms of the main chain of proteins "
                 "over their median"),
    )
    references = ("Pintilie2020", "Wang2022")
    criteria = (
        Criterion(name="archive_percentile",
                  subject="the percentile of the mean Q-score (σ 0.4 Å) among the models of the "
                  "archive at this resolution", relation=">=", bound=_LOWEST_PERCENTILE,
                  warning="The mean Q-score (σ 0.4 Å) is lower than usual for the reported "
                  "resolution: it is at percentile {value:.1f} of the archive (at least {bound}). "
                  "The reported resolution is too good, the map is blurred, or the model does not "
                  "lie in the density; compare 1.a and A.a.",
                  needs_resolution=True, severity=SERIOUS,
                  service=(Criterion(
                      name="median", subject="the median Q-score (σ 0.4 Å)", relation=">=",
                      bound=0.1, warning="The median Q-score (σ 0.4 Å) is {value:.2f} (at least "
                      "{bound})."),)),
        Criterion(name="chain_archive_percentile",
                  subject="the percentile of the chain with the lowest mean Q-score (σ 0.4 Å) "
                  "among the models of the archive at this resolution", relation=">=",
                  bound=_LOWEST_PERCENTILE,
                  warning="The mean Q-score (σ 0.4 Å) of at least one chain is lower than usual "
                  "for the reported resolution: it is at percentile {value:.1f} of the archive (at "
                  "least {bound}). The chain may be flexible, partly occupied or wrong.",
                  needs_resolution=True, service=()),
        Criterion(name="relative_unevenness",
                  subject="the difference between the Q-scores of bonded main-chain atoms, "
                  "relative to what is usual at this resolution,",
                  relation="<=", bound=_MOST_UNEVEN,
                  warning="The Q-scores of bonded main-chain atoms differ {value:.1f} times as "
                  "much as is usual for sound models at the reported resolution (at most {bound} "
                  "times): many atoms are not where the density is. Refine the model against this "
                  "map.", needs_resolution=True, severity=SERIOUS, service=()),
        Criterion(name="side_chain_ratio",
                  subject="the median Q-score of the side chains divided by that of the main "
                  "chain, at 4 Å or better,", relation=">=", bound=_LEAST_SIDE,
                  warning="The median Q-score of the side chains is {value:.2f} times that of the "
                  "main chain (at least {bound} times expected): rotamers are wrong, or amino "
                  "acids are out of register. Check the residues with the lowest scores.",
                  needs_resolution=True, severity=SERIOUS,
                  service=()),
        spread_criterion(0.1),
    )
    summary_ok = "The atoms are resolved as is usual for the reported resolution."
    summary_warnings = "The atoms may not be resolved as they should be at the reported resolution."

    def compute(self, data):
        heavy, positions, alternatives = _heavy_atoms(model_of(data))
        scores = np.full((2, len(heavy)), np.nan)
        scores[:, heavy] = q_scores(data.map.volume, data.map.sampling, positions, alternatives,
                                    (SIGMA, PUBLISHED_SIGMA), data.run.workers)
        return _findings(data, scores)


def _findings(data, scores):
    """Findings from the Q-scores of all atoms, (widths, atoms), NaN where there is none."""
    known = np.isfinite(scores[0])
    if not known.any():
        raise NotMeasured("No atom of the model, hydrogens aside, lies within the map.")
    residues = residues_of(model_of(data))
    values = residues.values("q_score", "Mean Q-score of the atoms, σ %g Å" % SIGMA, "",
                             residues.mean(scores[0]), "MapQ")
    metrics = _metrics(scores[:, known], data.reported.resolution)
    metrics.update(_shape_metrics(scores[0], model_of(data), residues, data.reported.resolution))
    protein = expected_q_score(data.reported.resolution, "protein", SIGMA)
    bound = None if protein is None else ("expected for protein", protein)
    without = np.count_nonzero(_heavy(model_of(data))) - np.count_nonzero(known)
    content = [Paragraph(_sentence(metrics, data.reported.resolution, without)),
               percentile_table(metrics["percentiles"], "",
                                "Percentiles of the Q-score of the atoms (σ %g Å)." % SIGMA),
               _chain_table(residues, scores, protein_atoms(model_of(data)[0]),
                            data.reported.resolution)]
    content += residue_figures(residues, values, "Q-score (σ %g Å)" % SIGMA, "low", bound)
    return Findings(metrics, content, [values, AtomValues(
        "q_score", scores[0], "Q-score (σ %g Å)" % SIGMA, "Q-score")])


def _findings_of_mapq(data, table):
    found = at_atoms(data, table, "Q-score", "MapQ")
    scores = np.full((2, len(found)), np.nan)
    scores[0] = np.where(_heavy(model_of(data)), found, np.nan)
    return _findings(data, scores)


QScore.external = (ExternalEngine(
    name="mapq", label="MapQ", package="scipion-em-mapq", plugin="mapq", protocol="ProtMapQ",
    map_parameter="inputVol", model_parameter="pdbs", outputs=("*__Q__*.cif",),
    files=("chimera/bin/chimera", "mapq/mapq_cmd.py"),
    prepare=lambda data: with_model(data, sigma=SIGMA, numberOfThreads=data.run.workers),
    findings=_findings_of_mapq),)


def q_scores(volume, sampling, positions, alternatives, sigmas, workers=1):
    """Q-scores of atoms.

    Points lie at the atom (counted eight times) and on spheres of 0.1 to 2 Å around it, on
    each at least eight that have no other atom within 0.9 of their distance to this one:
    spirals of 8, 10, ... 106 points (E. B. Saff, A. B. J. Kuijlaars 1997, doi
    10.1007/BF03024331) are tried until one has as many; a sphere where none has is left out.
    Q is Pearson's correlation of the map at these points with exp(-r²/2σ²) (G. Pintilie et
    al. 2020, doi 10.1038/s41592-020-0731-1); height and offset of the Gaussian drop out.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    sampling : float
        Å/voxel.
    positions : numpy.ndarray, (atoms, 3)
        x, y, z in Å from the first voxel; without hydrogens.
    alternatives : numpy.ndarray of int, (atoms,)
        Alternative conformation of each atom, 0 for none. Atoms of different ones do not
        stand in each other's way.
    sigmas : sequence of float
        Widths of the Gaussian, Å.
    workers : int
        Threads.

    Returns
    -------
    numpy.ndarray of float64, (sigmas, atoms)
        NaN for atoms outside the map, 0 where the map is constant.
    """
    positions = np.asarray(positions, float)
    starts, offsets = _neighbours(positions, np.asarray(alternatives))
    gaussians = np.exp(-_RADII ** 2 / (2 * np.square(sigmas)[:, None]))
    scores = np.full((len(sigmas), len(positions)), np.nan)

    def compute(start):
        part = slice(start, min(start + _CHUNK, len(positions)))
        own = slice(starts[part.start], starts[part.stop])
        near = _padded(starts[part.start:part.stop + 1] - own.start, offsets[own])
        atoms, radii, points = _free_points(near, len(positions[part]))
        values = values_at(volume, sampling, positions[part][atoms] + points, 0.0)
        centres = values_at(volume, sampling, positions[part])
        scores[:, part] = _correlations(centres.astype(float), atoms, radii, values, gaussians)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(compute, range(0, len(positions), _CHUNK)))
    return scores


def expected_q_score(resolution, kind, sigma):
    """Q-score to be expected, linear in the resolution.

    Parameters
    ----------
    resolution : float or None
        Å.
    kind : str
        "protein", "nucleic acid" or anything else.
    sigma : float
        0.4 or 0.6, Å.

    Returns
    -------
    float or None
        None where there is no such figure, and outside the resolutions of the fit.
    """
    line = _EXPECTED.get((kind, sigma))
    if line is None or not resolution or not _FITTED[0] <= resolution <= _FITTED[1]:
        return None
    return line[0] + line[1] * resolution


def usual_unevenness(resolution):
    """Unevenness of the Q-scores (σ 0.4 Å) of a sound model, a fit to sound models in maps of
    1.75 to 5 Å.

    Parameters
    ----------
    resolution : float or None
        Å.

    Returns
    -------
    float or None
        None without resolution.
    """
    return _USUAL[0] + _USUAL[1] * resolution ** 2 if resolution else None


@dataclass
class ProteinAtoms:
    """Atoms of the amino acids of a model, by their places among all of its atoms.

    Attributes
    ----------
    bonds : numpy.ndarray of int, (bonds, 2)
        Of the main chain, with Cβ.
    side : numpy.ndarray of int, (atoms,)
        Beyond Cβ, without hydrogens.
    """

    bonds: np.ndarray
    side: np.ndarray

    def of(self, chosen):
        """Those of some atoms only, bool (all atoms,)."""
        return ProteinAtoms(self.bonds[chosen[self.bonds].all(axis=1)],
                            self.side[chosen[self.side]])


def protein_atoms(model):
    """Which atoms of a model are bonded main chain, and which are side chain.

    Parameters
    ----------
    model : gemmi.Model
        Of alternatives the first one counts.

    Returns
    -------
    ProteinAtoms
    """
    bonds, side, start = [], [], 0
    for chain in model:
        carbon = None
        for residue in chain:
            places = {}
            for place, atom in enumerate(residue, start):
                places.setdefault(atom.name, (place, atom))
            start += len(residue)
            if not gemmi.find_tabulated_residue(residue.name).is_amino_acid():
                carbon = None
                continue
            bonds += [(places[one][0], places[other][0]) for one, other in _BONDS
                      if one in places and other in places]
            nitrogen = places.get("N")
            if carbon and nitrogen and carbon[1].pos.dist(nitrogen[1].pos) < _PEPTIDE:
                bonds.append((carbon[0], nitrogen[0]))
            carbon = places.get("C")
            side += [place for name, (place, atom) in places.items()
                     if name not in _MAIN_CHAIN and not atom.is_hydrogen()]
    return ProteinAtoms(np.array(bonds, int).reshape(-1, 2), np.array(side, int))


def unevenness(scores, atoms):
    """How much the Q-scores of bonded atoms of the main chain differ.

    The density around two bonded atoms is equally good, so that both stand out alike where
    both are in their places; errors of single atoms or residues make them differ.

    Parameters
    ----------
    scores : numpy.ndarray, (all atoms,)
        NaN where an atom has none.
    atoms : ProteinAtoms

    Returns
    -------
    float or None
        Mean absolute difference over the median of the main chain; None for fewer than 100
        bonds, and where the median is not positive.
    """
    pairs = scores[atoms.bonds]
    known = np.isfinite(pairs).all(axis=1)
    if np.count_nonzero(known) < _FEWEST_BONDS:
        return None
    middle = _main_chain_median(scores, atoms)
    return np.abs(np.diff(pairs[known], axis=1)).mean() / middle if middle > 0 else None


def side_chain_ratio(scores, atoms):
    """Median Q-score of the side chains over that of the main chain.

    Parameters
    ----------
    scores, atoms
        As those of :func:`unevenness`.

    Returns
    -------
    float or None
        None for fewer than 30 atoms beyond Cβ or 100 bonds of the main chain, and where the
        median of the main chain is not positive.
    """
    side = scores[atoms.side]
    side = side[np.isfinite(side)]
    if len(side) < _FEWEST_SIDE_ATOMS or len(atoms.bonds) < _FEWEST_BONDS:
        return None
    middle = _main_chain_median(scores, atoms)
    return np.median(side) / middle if middle > 0 else None


def _main_chain_median(scores, atoms):
    return np.nanmedian(scores[np.unique(atoms.bonds)])


def _heavy(structure):
    return np.array([not site.atom.is_hydrogen() for site in structure[0].all()], bool)


def _heavy_atoms(structure):
    """Which atoms are not hydrogens; positions and alternative conformations of those."""
    heavy = _heavy(structure)
    atoms = [site.atom for site in structure[0].all()]
    atoms = [atom for atom in atoms if not atom.is_hydrogen()]
    positions = np.array([atom.pos.tolist() for atom in atoms]).reshape(-1, 3)
    return heavy, positions, np.array([ord(atom.altloc) for atom in atoms], int)


def _neighbours(positions, alternatives):
    """Offsets (x, y, z) to the atoms that may stand in the way, by rising distance.

    Those of atom i are the rows starts[i] to starts[i + 1].
    """
    reach = (1 + _NEARER) * _RADII[-1]
    pairs = cKDTree(positions).query_pairs(reach, output_type="ndarray")
    one, other = alternatives[pairs].T
    pairs = pairs[(one == other) | (one == 0) | (other == 0)]
    pairs = np.concatenate([pairs, pairs[:, ::-1]])
    offsets = (positions[pairs[:, 1]] - positions[pairs[:, 0]]).astype(np.float32)
    order = np.lexsort((np.einsum("ij,ij->i", offsets, offsets), pairs[:, 0]))
    counts = np.bincount(pairs[:, 0], minlength=len(positions))
    return np.concatenate(([0], np.cumsum(counts))), offsets[order]


def _padded(starts, offsets):
    """Offsets as (atoms, most neighbours, 3), those that are missing far away."""
    counts = np.diff(starts)
    near = np.full((len(counts), counts.max(initial=0), 3), 1e3, np.float32)
    near[np.arange(near.shape[1]) < counts[:, None]] = offsets
    return near


def _free_points(near, count):
    """Points around atoms that belong to them: atom, index of radius, offset (x, y, z, Å)."""
    found = []
    distances = np.linalg.norm(near, axis=2)
    for index, radius in enumerate(_RADII):
        close = distances < (1 + _NEARER) * radius
        # By rising distance, so that those in reach come first.
        reached = close.sum(axis=1)
        # A point at radius·u is too near when its projection on the offset exceeds this.
        limits = np.where(close, (distances ** 2 + (1 - _NEARER ** 2) * radius ** 2)
                          / (2 * radius), np.inf).astype(np.float32)
        left = np.arange(count)
        for attempt in range(_TRIES):
            spiral = _spiral(_POINTS + _MORE * attempt)
            most = reached[left].max(initial=0)
            free = _unblocked(near[left, :most], limits[left, :most], spiral)
            enough = np.count_nonzero(free, axis=1) >= _POINTS
            rows, columns = np.nonzero(free & enough[:, None])
            found.append((left[rows], np.full(len(rows), index), radius * spiral[columns]))
            left = left[~enough]
            if not left.size:
                break
    return tuple(np.concatenate(parts) for parts in zip(*found))


def _unblocked(near, limits, spiral):
    """Which directions (atoms, directions) no neighbour blocks."""
    free = np.ones((len(near), len(spiral)), bool)
    for place in range(near.shape[1]):
        free &= near[:, place] @ spiral.T <= limits[:, place, None]
    return free


@lru_cache(maxsize=None)
def _spiral(count):
    """Directions along a spiral from pole to pole, float32 (count, 3)."""
    heights = np.linspace(-1, 1, count)
    radii = np.sqrt(1 - heights ** 2)
    turns = np.zeros(count)
    turns[1:-1] = np.cumsum(3.6 / (np.sqrt(count) * radii[1:-1]))
    return np.stack([radii * np.cos(turns), radii * np.sin(turns), heights],
                    axis=1).astype(np.float32)


def _correlations(centres, atoms, radii, values, gaussians):
    """Correlation of the values of each atom with each Gaussian, (gaussians, atoms)."""
    def total(weights):
        return np.bincount(atoms, weights, len(centres))

    # About the value at the atom, whose own share of the sums of values is then 0.
    values = values - centres[atoms]
    number = _POINTS + np.bincount(atoms, minlength=len(centres))
    value_sum, square_sum = total(values), total(values ** 2)
    spread_of_values = square_sum - value_sum ** 2 / number
    scores = []
    for gaussian in gaussians:
        at_points = gaussian[radii]
        sums = _POINTS + total(at_points)
        spread_of_gaussian = _POINTS + total(at_points ** 2) - sums ** 2 / number
        shared = total(values * at_points) - value_sum * sums / number
        size = np.sqrt(np.maximum(spread_of_values * spread_of_gaussian, 0))
        flat = spread_of_values <= 1e-12 * square_sum
        score = np.divide(shared, size, out=np.zeros(len(centres)), where=~flat & (size > 0))
        scores.append(np.where(np.isfinite(centres), score, np.nan))
    return np.array(scores)


def _metrics(scores, resolution):
    mean, found = float(scores[0].mean()), percentiles(scores[0])
    return plain({
        "mean": mean,
        "median": np.median(scores[0]),
        "percentiles": found,
        "spread": spread(found),
        "sigma": SIGMA,
        "mean_published": scores[1].mean(),
        "archive": percentiles_at("q_score", resolution),
        "archive_percentile": percentile_of("q_score", mean, resolution),
    })


def _shape_metrics(scores, structure, residues, resolution):
    """What compares atoms of the model with each other, and its chains with the archive."""
    atoms = protein_atoms(structure[0])
    own, usual = unevenness(scores, atoms), usual_unevenness(resolution)
    chains = _of_chains(scores, residues)
    means = {chain: float(values.mean()) for chain, values in chains.items()}
    percentiles_of_chains = [percentile_of("q_score", means[chain], resolution)
                             for chain, values in chains.items() if len(values) >= _FEWEST_ATOMS]
    side = side_chain_ratio(scores, atoms) if resolution and resolution <= _SIDE_CHAINS else None
    return plain({
        "unevenness": own,
        "relative_unevenness": own / usual if own is not None and usual else None,
        "side_chain_ratio": side,
        "chain_means": means,
        "chain_archive_percentile": min(percentiles_of_chains, default=None) if resolution
        else None,
    })


def _of_chains(scores, residues):
    """Scores of the atoms of each chain that have one, by its name."""
    names = np.array(residues.chains)[residues.of_atom]
    known = np.isfinite(scores)
    return {chain: scores[known & (names == chain)]
            for chain in dict.fromkeys(residues.chains) if (known & (names == chain)).any()}


def _sentence(metrics, resolution, outside):
    text = "The atoms have a median Q-score of %.3f and a mean of %.3f (σ %g Å)" % (
        metrics["median"], metrics["mean"], SIGMA)
    if metrics["mean_published"] is None:
        text += "."
    else:
        text += "; with the published width the mean is %.3f (σ %g Å)." % (
            metrics["mean_published"], PUBLISHED_SIGMA)
    if metrics["archive_percentile"] is not None:
        text += (" Among the models of the archive at %.2f Å the mean is at about the percentile "
                 "%s (σ %g Å)." % (resolution, judged(metrics["archive_percentile"], ".0f",
                                                      _LOWEST_PERCENTILE), SIGMA))
        low, high = range_of_archive()
        if not low <= resolution <= high:
            text += " The archive's values cover %g to %g Å; the nearest were used." % (
                low, high)
    if metrics["relative_unevenness"] is not None:
        text += (" Bonded atoms of the main chain differ by %s of its median, %s times what is "
                 "usual." % ("%.2f" % metrics["unevenness"],
                             judged(metrics["relative_unevenness"], ".1f", _MOST_UNEVEN)))
    if metrics["side_chain_ratio"] is not None:
        text += (" Side chains have a median of %s times that of the main chain."
                 % judged(metrics["side_chain_ratio"], ".2f", _LEAST_SIDE))
    if outside:
        text += " %d atom%s outside the map and %s no value." % (
            outside, " lies" if outside == 1 else "s lie", "has" if outside == 1 else "have")
    return text


def _chain_table(residues, scores, atoms, resolution):
    """Mean Q-scores and expected ones of each chain, by the widths that were computed."""
    computed = [(sigma, values) for sigma, values in zip((SIGMA, PUBLISHED_SIGMA), scores)
                if np.isfinite(values).any()]
    chains = np.array(residues.chains)
    of_atom = chains[residues.of_atom]
    rows = []
    for chain in dict.fromkeys(residues.chains):
        own = (of_atom == chain) & np.isfinite(scores[0])
        if not own.any():
            continue
        kind = _kind([residues.names[i] for i in np.flatnonzero(chains == chain)])
        row = [chain, kind, "%d" % np.count_nonzero(own)]
        for sigma, values in computed:
            expected = expected_q_score(resolution, kind, sigma)
            row += ["%.3f" % values[own].mean(), "–" if expected is None else "%.3f" % expected]
        rows.append(row + ["–" if value is None else "%.2f" % value for value in (
            measure(scores[0], atoms.of(of_atom == chain))
            for measure in (unevenness, side_chain_ratio))])
    return Table(["Chain", "Kind", "Atoms"] + [
        name % sigma for sigma, _ in computed
        for name in ("Q-score (σ %g Å)", "Expected (σ %g Å)")]
        + ["Unevenness", "Side / main chain"], rows,
        "Mean Q-score of each chain, and what is expected of its kind at the reported resolution, "
        "from %g to %g Å; how unevenly the main chain is seen, and how well the side chains are "
        "seen beside it." % _FITTED)


def _kind(names):
    """What most residues of a chain are: "protein", "nucleic acid" or "other"."""
    counts = {"protein": 0, "nucleic acid": 0, "other": 0}
    for name in names:
        residue = gemmi.find_tabulated_residue(name)
        counts["protein" if residue.is_amino_acid() else
               "nucleic acid" if residue.is_nucleic_acid() else "other"] += 1
    # Waters and ligands often share the name of a chain.
    polymer = max(("protein", "nucleic acid"), key=counts.get)
    return polymer if counts[polymer] else "other"
