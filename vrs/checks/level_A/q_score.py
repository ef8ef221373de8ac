"""A.e: does each atom stand out in the map as well as atoms do at this resolution?"""

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import gemmi
import numpy as np
from scipy.spatial import cKDTree
from scipy.special import ndtr

from vrs.checks import (MAPPING, Check, Criterion, Findings, NotMeasured, Quantity, register,
                        resolution)
from vrs.checks.level_A.model_engines import at_atoms, with_model
from vrs.checks.level_A.placement import PLACED_MODEL, model_of
from vrs.checks.local import PERCENTILES, percentile_table, percentiles, spread, spread_criterion
from vrs.checks.residues import residue_figures, residues_of
from vrs.engines.external import ExternalEngine
from vrs.inputs.map import MAP
from vrs.inputs.model import MODEL
from vrs.numerics.interpolation import values_at
from vrs.results import SERIOUS, AtomValues, Paragraph, Table, plain

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
# Models of the archive at width 0.4 Å: resolution (Å), median, percentile 2.5.
_ARCHIVE = np.array([
    (1.9, 0.745, 0.598), (2.1, 0.681, 0.521), (2.4, 0.610, 0.345), (2.6, 0.570, 0.341),
    (2.9, 0.534, 0.317), (3.1, 0.492, 0.284), (3.4, 0.454, 0.230), (3.6, 0.416, 0.186),
    (3.9, 0.376, 0.159), (4.25, 0.319, 0.128), (4.75, 0.240, 0.039), (5.5, 0.199, 0.057),
    (7.0, 0.156, 0.020), (9.0, 0.107, 0.008), (15.0, 0.060, -0.009)])
_LOWEST_QUANTILE = 1.959964


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
        "maps takes 0.4 Å, the publication 0.6 Å. Q-scores fall with the resolution; the median of "
        "the model is therefore compared with those of the models in the archive at the reported "
        "resolution. Hydrogens do not count.")
    quantities = (
        Quantity("archive_percentile", "",
                 "Percentile of the median Q-score (σ 0.4 Å) among the models of the archive at "
                 "this resolution, from their median and percentile 2.5 by a normal distribution"),
        Quantity("mean", "", "Mean Q-score of the atoms (σ 0.4 Å)"),
        Quantity("mean_published", "",
                 "Mean Q-score of the atoms with the published width of the Gaussian (σ 0.6 Å)"),
        Quantity("median", "", "Median Q-score of the atoms (σ 0.4 Å)"),
        Quantity("percentiles", "", "Percentiles of the Q-score of the atoms (σ 0.4 Å)", MAPPING,
                 PERCENTILES),
        Quantity("sigma", "Å", "Width of the Gaussian, the archive's"),
        Quantity("spread", "", "Percentile 97.5 minus percentile 2.5"),
    )
    references = ("Pintilie2020",)
    criteria = (
        Criterion(name="archive_percentile",
                  subject="the percentile of the median Q-score (σ 0.4 Å) among the models of the "
                  "archive at this resolution", relation=">=", bound=2.5,
                  warning="The median Q-score (σ 0.4 Å) is lower than usual for the reported "
                  "resolution: it is at the percentile {value:.1f} of the archive (at least "
                  "{bound}).", needs_resolution=True,
                  severity=SERIOUS),
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
    protein = expected_q_score(data.reported.resolution, "protein", SIGMA)
    bound = None if protein is None else ("expected for protein", protein)
    without = np.count_nonzero(_heavy(model_of(data))) - np.count_nonzero(known)
    content = [Paragraph(_sentence(metrics, data.reported.resolution, without)),
               percentile_table(metrics["percentiles"], "",
                                "Percentiles of the Q-score of the atoms (σ %g Å)." % SIGMA),
               _chain_table(residues, scores, data.reported.resolution)]
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
        None where there is no such figure.
    """
    line = _EXPECTED.get((kind, sigma))
    if line is None or not resolution:
        return None
    return line[0] + line[1] * resolution


def archive_percentile(median, resolution):
    """Percentile of a Q-score (σ 0.4 Å) among models of the archive.

    Of the archive only the median and the percentile 2.5 are known; in between and beyond
    it is taken for a normal distribution. Resolutions outside 1.9 to 15 Å count as the
    nearest of these.

    Parameters
    ----------
    median : float
    resolution : float or None
        Å.

    Returns
    -------
    float or None
        0 to 100; None without resolution.
    """
    if not resolution:
        return None
    middle, low = (np.interp(resolution, _ARCHIVE[:, 0], _ARCHIVE[:, i]) for i in (1, 2))
    return float(100 * ndtr(_LOWEST_QUANTILE * (median - middle) / (middle - low)))


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
    median = float(np.median(scores[0]))
    found = percentiles(scores[0])
    return plain({
        "mean": scores[0].mean(),
        "median": median,
        "percentiles": found,
        "spread": spread(found),
        "sigma": SIGMA,
        "mean_published": scores[1].mean(),
        "archive_percentile": archive_percentile(median, resolution),
    })


def _sentence(metrics, resolution, outside):
    text = "The atoms have a median Q-score of %.3f and a mean of %.3f (σ %g Å)" % (
        metrics["median"], metrics["mean"], SIGMA)
    if metrics["mean_published"] is None:
        text += "."
    else:
        text += "; with the published width the mean is %.3f (σ %g Å)." % (
            metrics["mean_published"], PUBLISHED_SIGMA)
    if metrics["archive_percentile"] is not None:
        text += (" Among the models of the archive at %.2f Å the median is at about the percentile "
                 "%.0f (σ %g Å)." % (resolution, metrics["archive_percentile"], SIGMA))
        low, high = _ARCHIVE[[0, -1], 0]
        if not low <= resolution <= high:
            text += " Figures of the archive reach from %g to %g Å; the nearest were taken." % (
                low, high)
    if outside:
        text += " %d atom%s outside the map and %s no value." % (
            outside, " lies" if outside == 1 else "s lie", "has" if outside == 1 else "have")
    return text


def _chain_table(residues, scores, resolution):
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
        rows.append(row)
    return Table(["Chain", "Kind", "Atoms"] + [
        name % sigma for sigma, _ in computed
        for name in ("Q-score (σ %g Å)", "Expected (σ %g Å)")], rows,
        "Mean Q-score of each chain, and what is expected of its kind at the reported resolution.")


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
