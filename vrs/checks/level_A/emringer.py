"""A.f: do the side chains have their density where side chains usually are?"""

from dataclasses import dataclass

import numpy as np
from scipy import fft

from vrs.checks import (Check, Criterion, Findings, NotApplicable, NotMeasured, Quantity, register,
                        resolution)
from vrs.checks.level_A.model_engines import with_model
from vrs.checks.level_A.placement import PLACED_MODEL, model_of
from vrs.checks.residues import residue_figures, residues_of
from vrs.engines.external import ExternalEngine
from vrs.inputs.map import MAP
from vrs.inputs.model import MODEL
from vrs.numerics.guinier import fit_guinier, guinier_profile
from vrs.numerics.interpolation import values_at
from vrs.results import Bars, Mark, Paragraph, Plot, Series, plain

# Side chains that do not branch at the beta carbon, by their atom in gamma position.
_GAMMA = dict({name: "CG" for name in ("ARG", "ASN", "ASP", "GLN", "GLU", "HIS", "LEU", "LYS",
                                       "MET", "PHE", "TRP", "TYR")}, CYS="SG", SER="OG")
_STEP = 5
_ANGLES = np.arange(0, 360, _STEP)
_ROTAMERS, _TOLERANCE = (60, 180, 300), 30
# Part of the angles that are within the tolerance of a rotamer.
_BY_CHANCE = 39 / 72
_THRESHOLDS = 20
_DRAWS, _LIKELY = 400, 97.5
_FEWEST = 50
_EXTENSION = 10
# Beyond this resolution (Å), and in maps that fade more than this (in units of its square) since
# they were not sharpened, right models score by chance.
_TELLING, _FADED = 4.0, -10.0
_USUAL = 1.0
# Phenix writes densities with three digits after the point.
_PHENIX_MAXIMUM = 1000.0
_PHENIX_TOLERANCE = 0.1


@dataclass
class ThresholdScan:
    """EMRinger's statistics by threshold.

    Attributes
    ----------
    thresholds : numpy.ndarray, (20,)
        Densities.
    counts, rotameric : numpy.ndarray of int, (20,)
        Side chains whose highest density exceeds the threshold, and those of them that
        count as rotameric.
    z_scores : numpy.ndarray, (20,)
    length : int
        Number of side chains.
    """

    thresholds: np.ndarray
    counts: np.ndarray
    rotameric: np.ndarray
    z_scores: np.ndarray
    length: int

    @property
    def scores(self):
        """EMRinger score at each threshold, (20,)."""
        return 10 * self.z_scores / np.sqrt(self.length)

    @property
    def errors(self):
        """Standard errors of the scores as those of binomial counts, (20,)."""
        found = (self.rotameric + 0.5) / (self.counts + 1)
        return 10 * np.sqrt(found * (1 - found) / (_BY_CHANCE * (1 - _BY_CHANCE)) / self.length)


@register
class EMRinger(Check):
    """Whether side-chain density peaks at rotameric angles."""

    id = "A.f"
    title = "Side-chain density (EMRinger method)"
    requires = (MAP, MODEL, resolution(0, 5))
    uses = (PLACED_MODEL,)
    explanation = (
        "Side chains prefer three angles about their first bond, χ1: 60°, 180° and 300°. EMRinger "
        "turns the γ atom of each side chain around this bond and looks where the map is highest. "
        "If the backbone is placed correctly, the highest density is near one of the three angles, "
        "wherever the side chain itself was modelled; a misplaced backbone gives any angle. The "
        "score says how much more often than by chance this is so, at the density threshold where "
        "it is clearest, independently of the length of the model. 0 is chance, 1 is usual at 3 to "
        "4 Å, and good models at high resolution reach 2 and more. The fewer the side chains, the "
        "less certain the score: it is judged with its standard error, and where it may be both "
        "chance and usual nothing is decided. Nor does a low score decide anything beyond 4 Å or "
        "in maps that were not sharpened, where side chains do not show. Alanine, glycine, proline "
        "and the side chains that branch at the β atom do not count.")
    quantities = (
        Quantity("chance_score", "",
                 "Score that side chains at random angles reach in one of 40 cases"),
        Quantity("corrected_score", "",
                 "EMRinger score when both ends of the interval of 30° around each rotamer count, "
                 "as the assumed chance of being rotameric implies"),
        Quantity("max_z", "", "Highest Z-score over the thresholds"),
        Quantity("model_length", "", "Side chains that count"),
        Quantity("relative_b_factor", "", "B-factor of the map divided by the square of the "
                 "reported resolution"),
        Quantity("rotameric_fraction", "",
                 "Fraction of the side chains above the threshold of the highest Z-score that are "
                 "within 30° of a rotamer"),
        Quantity("score", "", "EMRinger score, as the published program counts"),
        Quantity("score_error", "", "Standard error of the score, from the number of side chains"),
        Quantity("score_upper", "", "The score and twice its error; no value where nothing can be "
                 "decided"),
        Quantity("threshold", "", "Density at which Z is highest"),
    )
    references = ("Barad2015",)
    criteria = (
        Criterion(name="score", metric="score_upper", relation=">=", bound=_USUAL,
                  subject="the upper end of the 95 % interval of the EMRinger score",
                  warning="The EMRinger score is {metrics[score]:.2f}, at most {value:.2f} with "
                  "its error, and at least {bound} is usual: the density of many side chains is "
                  "not where side chains usually are. Look for errors of the backbone.",
                  service=(
                      Criterion(name="score", subject="the EMRinger score", relation=">=",
                                bound=1.0,
                                warning="The EMRinger score is {value:.2f} (at least {bound})."),
                      Criterion(name="max_z", subject="the highest Z-score over the thresholds",
                                relation=">=", bound=1.0,
                                warning="The highest Z-score is {value:.2f} (at least {bound})."))),
    )
    undecided = "Nothing can be decided for this map and model; the results say why."
    summary_ok = "The density of the side chains is where side chains usually are."
    summary_warnings = "The backbone of the model may not lie in the density as it should."

    def compute(self, data):
        places, numbers, sites = _side_chains(model_of(data))
        densities = chi_densities(data.map.volume, data.map.sampling, sites)
        return _findings(data, places, numbers, densities)


def _findings(data, places, numbers, densities):
    """Findings from the densities around side chains, (side chains, 72), NaN outside the map."""
    inside = np.isfinite(densities).all(axis=1)
    places, numbers, densities = places[inside], numbers[inside], densities[inside]
    if len(densities) < _FEWEST:
        raise NotApplicable("It needs at least %d side chains with their γ atom within the "
                            "map; the model has %d." % (_FEWEST, len(densities)))
    scan = scan_thresholds(densities, counted_by_the_program(densities))
    corrected = scan_thresholds(densities, rotameric(densities))
    residues = residues_of(model_of(data))
    chains = np.array(residues.chains)[places]
    rolling = np.full(len(residues.names), np.nan)
    rolling[places] = rolling_fraction(chains, numbers, rotameric(densities))
    values = residues.values("rotameric_fraction", "Rotameric fraction of the side chains within "
                             "%d residues" % _EXTENSION, "", rolling)
    metrics = _metrics(scan, corrected)
    metrics["chance_score"] = chance_score(densities)
    metrics["relative_b_factor"] = _relative_b_factor(data)
    obstacle = _obstacle(metrics, data.reported.resolution)
    metrics["score_upper"] = (None if obstacle else
                              metrics["score"] + 2 * metrics["score_error"])
    content = _content(scan, corrected, densities)
    if obstacle:
        content.insert(0, Paragraph(obstacle))
    content += residue_figures(
        residues, values, "Rotameric fraction in a window of %d residues" % (2 * _EXTENSION + 1),
        "low",
        ("by chance", _BY_CHANCE))
    return Findings(metrics, content, [values])


def _relative_b_factor(data):
    volume, resolution = data.map.volume, data.reported.resolution
    try:
        fit = fit_guinier(*guinier_profile(fft.rfftn(volume, workers=data.run.workers),
                                           volume.shape, data.map.sampling), resolution)
    except ValueError:
        return None
    return fit.b_factor / resolution ** 2


def _obstacle(metrics, resolution):
    """Why the score does not tell right models from wrong ones, empty where it does."""
    fading = metrics["relative_b_factor"]
    score, error = metrics["score"], metrics["score_error"]
    if score >= max(_USUAL, metrics["chance_score"]):
        return ""
    if resolution > _TELLING:
        return ("Beyond %g Å the density of side chains hardly shows, and right models score by "
                "chance: the score is not judged." % _TELLING)
    if fading is not None and fading < _FADED:
        return ("The map was not sharpened (its B-factor is %.0f times the square of the reported "
                "resolution), and side chains hardly show in it: the score is not judged. Give "
                "the sharpened map." % fading)
    if score + 2 * error >= _USUAL:
        return ("The score, %.2f with an error of %.2f, may be chance, which reaches %.2f, as well "
                "as what is usual: too few side chains show, and nothing can be decided."
                % (score, error, metrics["chance_score"]))
    return ""


def _findings_of_phenix(data, rows, report):
    found = _densities_of_phenix(rows, model_of(data))
    places, numbers, _ = _side_chains(model_of(data))
    none = np.full(len(_ANGLES), np.nan)
    densities = np.array([found.get(place, none) for place in places])
    findings = _findings(data, places, numbers,
                         densities.reshape(-1, len(_ANGLES)) / _phenix_scale(data))
    score, own = findings.metrics["score"], report["EMRinger Score"]
    if abs(score - own) > _PHENIX_TOLERANCE:
        raise NotMeasured("The densities written by Phenix give the score %.2f, while Phenix "
                          "reports %.2f." % (score, own))
    findings.content.insert(1, Paragraph(
        "Phenix itself reports the score %.2f, with Z = %.2f, for %d side chains."
        % (own, report["Max Zscore"], report["Model Length"])))
    return findings


def _densities_of_phenix(rows, structure):
    """Densities of the first conformation by the place of the residue in the model."""
    places, found = _names_of_phenix(structure), {}
    for residue, _, angle, _, *densities in rows:
        if angle != "chi1":
            continue
        if len(densities) != len(_ANGLES):
            raise NotMeasured("Phenix returned %d densities per side chain instead of %d."
                              % (len(densities), len(_ANGLES)))
        # The letter of an alternative conformation stands at the end.
        place = places.get(residue, places.get(residue[:-2]))
        # The first is that after the first turn, the last that at 0 degrees.
        found.setdefault(place, np.roll(np.array(densities, float), 1))
    return found


def _names_of_phenix(structure):
    """Places of the residues by what Phenix calls them; older releases pad the numbers."""
    places = {}
    residues = ((chain.name, residue) for chain in structure[0] for residue in chain)
    for place, (chain, residue) in enumerate(residues):
        number = residue.seqid
        for text in str(number), "%4d%s" % (number.num, number.icode):
            places.setdefault("%s%2s%s" % (residue.name, chain, text), place)
    return places


def _phenix_scale(data):
    return _PHENIX_MAXIMUM / float(np.abs(data.map.volume).max())


EMRinger.external = (ExternalEngine(
    name="phenix", label="Phenix", package="scipion-em-phenix", plugin="phenix",
    protocol="PhenixProtRunEMRinger", map_parameter="inputVolume",
    model_parameter="inputStructure", outputs=("*_emringer.csv", "emringer_transfer.txt"),
    # Its protocol reads files of Python 2, and looks for the viewer of ImageMagick.
    files=("build/bin/phenix.python", "modules/cctbx_project/mmtbx/command_line/emringer.py",
           "*base/bin/python2*"), programs=("display",),
    prepare=lambda data: with_model(data, data.map.volume * np.float32(_phenix_scale(data)),
                                    doTest=True),
    findings=_findings_of_phenix),)


def chi_densities(volume, sampling, sites):
    """Density met by γ atoms that are turned around their first side-chain bond.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    sampling : float
        Å/voxel.
    sites : numpy.ndarray, (side chains, 4, 3)
        Positions (x, y, z, Å) of N, Cα, Cβ and the γ atom.

    Returns
    -------
    numpy.ndarray of float32, (side chains, 72)
        At χ1 of 0, 5, ... 355 degrees; NaN outside the map.
    """
    nitrogen, alpha, beta, gamma = np.moveaxis(np.asarray(sites, float), 1, 0)
    axis = _unit(beta - alpha)
    along = _dot(gamma - alpha, axis) * axis
    radius = np.linalg.norm(gamma - alpha - along, axis=1, keepdims=True)
    # χ1 is 0 where the γ atom eclipses the nitrogen.
    eclipsed = _unit(nitrogen - alpha - _dot(nitrogen - alpha, axis) * axis)
    ahead = np.cross(axis, eclipsed)
    angles = np.radians(_ANGLES)[:, None]
    circle = (eclipsed[:, None] * np.cos(angles) + ahead[:, None] * np.sin(angles))
    points = (alpha + along)[:, None] + radius[:, None] * circle
    return values_at(volume, sampling, points.reshape(-1, 3)).reshape(-1, len(_ANGLES))


def rotameric(densities):
    """Whether the highest density is within 30 degrees of 60, 180 or 300.

    Parameters
    ----------
    densities : numpy.ndarray, (side chains, 72)

    Returns
    -------
    numpy.ndarray of bool, (side chains,)
    """
    return np.abs(_peaks(densities)[:, None] - _ROTAMERS).min(axis=1) <= _TOLERANCE


def counted_by_the_program(densities):
    """Side chains that the published program counts as rotameric.

    It leaves out the lower end of each interval (30, 150 and 270 degrees), but not in the
    chance to be rotameric, so that its scores are lower than the definition gives.

    Parameters
    ----------
    densities : numpy.ndarray, (side chains, 72)

    Returns
    -------
    numpy.ndarray of bool, (side chains,)
    """
    left_out = np.array(_ROTAMERS) - _TOLERANCE
    return rotameric(densities) & ~np.isin(_peaks(densities), left_out)


def scan_thresholds(densities, usual):
    """How much more often than by chance the highest densities are rotameric.

    At each of 20 thresholds t, from the mean of the densities in equal steps towards their
    maximum: of N side chains whose highest density exceeds t, n are rotameric;
    Z = (n - Np) / √(Np(1 - p)) with p = 39/72; the score is 10 Z / √(number of side chains)
    (B. A. Barad et al. 2015, doi 10.1038/nmeth.3541).

    Parameters
    ----------
    densities : numpy.ndarray, (side chains, 72)
    usual : numpy.ndarray of bool, (side chains,)
        Which side chains are rotameric.

    Returns
    -------
    ThresholdScan

    Raises
    ------
    NotMeasured
        If the density is the same everywhere.
    """
    mean, highest = densities.mean(dtype=float), float(densities.max())
    if not highest > mean:
        raise NotMeasured("The map is the same all around the side chains.")
    thresholds = mean + np.arange(_THRESHOLDS) / _THRESHOLDS * (highest - mean)
    above = densities.max(axis=1) > thresholds[:, None]
    counts = above.sum(axis=1)
    counted = (above & usual).sum(axis=1)
    z_scores = (counted - counts * _BY_CHANCE) / np.sqrt(counts * _BY_CHANCE * (1 - _BY_CHANCE))
    return ThresholdScan(thresholds, counts, counted, z_scores, len(densities))


def chance_score(densities, draws=_DRAWS, seed=0):
    """Score that random angles reach in one of 40 cases.

    The angles of the highest densities are drawn at random and counted as the published program
    counts; the densities stay, and the best of the thresholds is taken as for the model.

    Parameters
    ----------
    densities : numpy.ndarray, (side chains, 72)
    draws, seed : int

    Returns
    -------
    float
    """
    rng = np.random.default_rng(seed)
    left_out = len(_ROTAMERS) / len(_ANGLES)
    drawn = rng.random((draws, len(densities))) < _BY_CHANCE - left_out
    return float(np.percentile([scan_thresholds(densities, usual).scores.max()
                                for usual in drawn], _LIKELY))


def rolling_fraction(chains, numbers, usual):
    """Rotameric part of the side chains in a window of 21 residues around each.

    Parameters
    ----------
    chains : numpy.ndarray of str, (side chains,)
    numbers : numpy.ndarray of int, (side chains,)
        Residue numbers, by which the window is measured.
    usual : numpy.ndarray of bool, (side chains,)

    Returns
    -------
    numpy.ndarray of float64, (side chains,)
    """
    fractions = np.empty(len(numbers))
    for chain in np.unique(chains):
        own = np.flatnonzero(chains == chain)
        order = own[np.argsort(numbers[own], kind="stable")]
        totals = np.concatenate(([0], np.cumsum(usual[order])))
        first = np.searchsorted(numbers[order], numbers[order] - _EXTENSION, "left")
        last = np.searchsorted(numbers[order], numbers[order] + _EXTENSION, "right")
        fractions[order] = (totals[last] - totals[first]) / (last - first)
    return fractions


def _side_chains(structure):
    """Side chains with all atoms that define χ1, in their first conformation.

    Returns the place of each residue in the order of the model, its number, and the
    positions of N, Cα, Cβ and the γ atom, (side chains, 4, 3).
    """
    places, numbers, sites = [], [], []
    place = -1
    for chain in structure[0]:
        seen = set()
        for residue in chain:
            place += 1
            seqid = str(residue.seqid)
            gamma = _GAMMA.get(residue.name)
            # Of several residues at one place of the sequence, the first one counts.
            if gamma and seqid not in seen:
                positions = _positions(residue, ("N", "CA", "CB", gamma))
                if positions is not None:
                    places.append(place)
                    numbers.append(residue.seqid.num)
                    sites.append(positions)
            seen.add(seqid)
    return (np.array(places, int), np.array(numbers, int),
            np.array(sites, float).reshape(-1, 4, 3))


def _positions(residue, names):
    """Positions of atoms in the first conformation of a residue; None if one is missing."""
    labels = [atom.altloc for atom in residue if atom.altloc != "\0"]
    allowed = ("\0",) + tuple(labels[:1])
    found = {atom.name: atom.pos.tolist() for atom in residue if atom.altloc in allowed}
    if not all(name in found for name in names):
        return None
    positions = np.array([found[name] for name in names])
    # Atoms on top of each other define no angle.
    bonds = np.diff(positions, axis=0)
    apart = np.linalg.norm(np.cross(bonds[:-1], bonds[1:]), axis=1) > 1e-3
    return positions if apart.all() else None


def _dot(one, other):
    return (one * other).sum(axis=1, keepdims=True)


def _unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _peaks(densities):
    return _ANGLES[np.argmax(densities, axis=1)]


def _metrics(scan, corrected):
    best = int(np.argmax(scan.z_scores))
    return plain({
        "score": scan.scores[best],
        "score_error": scan.errors[best],
        "max_z": scan.z_scores[best],
        "model_length": scan.length,
        "corrected_score": corrected.scores.max(),
        "rotameric_fraction": corrected.rotameric[best] / corrected.counts[best],
        "threshold": scan.thresholds[best],
    })


def _content(scan, corrected, densities):
    best = int(np.argmax(scan.z_scores))
    text = ("Of %d side chains, %d have density above the threshold at which the score is highest, "
            "%.4g, and %.0f %% of these have it within 30° of a rotamer; by chance it would be "
            "%.0f %%. The score is %.2f, with Z = %.2f. It counts as the published program does, "
            "which leaves out one end of the interval around each rotamer; with both ends the "
            "score is %.2f." % (
                scan.length, scan.counts[best], scan.thresholds[best],
                100 * corrected.rotameric[best] / scan.counts[best], 100 * _BY_CHANCE,
                scan.scores[best], scan.z_scores[best], corrected.scores.max()))
    peaks = _peaks(densities)[densities.max(axis=1) > scan.thresholds[best]]
    width = 2 * _STEP
    edges = np.arange(0, 360 + width, width)
    return [
        Paragraph(text),
        Plot("EMRinger score by density threshold.",
             "The score at each threshold, as the published program counts and with both ends of "
             "the intervals.", "Density threshold", "EMRinger score", [
                 Series("published program", scan.thresholds, scan.scores),
                 Series("both ends of the intervals", corrected.thresholds, corrected.scores,
                        "dashed")],
             marks=[Mark(float(scan.thresholds[best]), "highest Z")]),
        Bars("Angles of the highest density of the side chains above the threshold of the highest "
             "Z-score.", "Histogram of the angle of the highest density, with the three rotamers.",
             "χ1 (degrees)", "Side chains", edges, np.histogram(peaks, edges)[0],
             [Mark(float(angle), "%d°" % angle) for angle in _ROTAMERS]),
    ]
