"""Item A.g: does the density around each residue look like the residue that is modelled there?"""

from dataclasses import dataclass

import gemmi
import numpy as np
from scipy import ndimage

from vrs.checks import Check, Criterion, Findings, NotMeasured, Quantity, register, resolution
from vrs.checks.level_A.model_engines import at_atoms, require_pdb_format, with_model
from vrs.checks.level_A.placement import PLACED_MODEL, model_of
from vrs.checks.residues import residue_figures, residues_of
from vrs.engines.external import ExternalEngine
from vrs.engines.networks import Network
from vrs.inputs.map import MAP
from vrs.inputs.model import MODEL
from vrs.numerics import fourier
from vrs.results import SERIOUS, AtomValues, Paragraph, plain
from vrs.results.wording import judged

AMINO_ACIDS = ("ALA", "ARG", "ASN", "ASP", "CYS", "GLN", "GLU", "GLY", "HIS", "ILE",
               "LEU", "LYS", "MET", "PHE", "PRO", "SER", "THR", "TRP", "TYR", "VAL")
_LETTERS = "ARNDCQEGHILKMFPSTWYV"  # of these, in this order
ATOMS = ("other", "N", "CA", "C", "O", "side chain")
BASES = ("A", "G", "C", "U")  # U stands for T too
SECONDARY_STRUCTURES = ("helix", "strand", "coil")
HELIX, STRAND, COIL = range(3)
BOX = 11
_REACH = BOX // 2
# The networks saw nothing finer, and 1 Å/voxel could not show it.
_FINEST, _EDGE = 2.5, 0.05
_STRONG = 95
_BRIGHTEST = 4.0
# Distances and angles of the alpha carbon trace, after Labesse et al. 1997.
_HELIX_TRACE = {"d3": (5.3, 0.5), "d4": (6.4, 0.6), "angle": (89.0, 12.0), "torsion": (50.0, 20.0)}
_STRAND_TRACE = {"d2": (6.7, 0.6), "d3": (9.9, 0.9), "d4": (12.4, 1.1), "angle": (124.0, 14.0),
                 "torsion": (-170.0, 45.0)}
_SHORTEST_HELIX, _SHORTEST_STRAND = 5, 3
_LINKED = 4.5
_FEWEST = 30
_OLD_BASES = {"ADE": "A", "GUA": "G", "CYT": "C", "THY": "U", "URA": "U"}
# Of 1476 wrong models none had fewer than 27 % of its residues below 0; right models of 4 Å or
# better seldom have more than 15 % (vrs/engines/models/daq.md). Beyond 4 Å every second right one
# has.
_MOST_NEGATIVE, _TELLING = 15.0, 4.0
# Above this, the whole model is in doubt and not a part.
_MOSTLY_NEGATIVE = 25.0
# Deviations of the mean above that of shifted sequences; wrong models stay below 2.5. How many
# residues a right one needs beyond 4 Å, and by how many residues the sequence is shifted.
_SUPPORTED, _FEWEST_COARSE, _FARTHEST = 3.5, 150, 30
_WINDOW = 9  # residues to either side
_REFERENCE_ATOMS = 1000
_AT_ONCE = 1000
_SPLINE_MARGIN = 12  # voxels, beyond which a spline does not see its ends
_TINY = 1e-6
_COARSE = Criterion(name="coarse", metric="reported", subject="the reported resolution",
                    relation=">", bound=_TELLING, unit="Å")


@register
class Daq(Check):
    """Likelihood of amino acids, atoms and secondary structures by a network."""

    id = "A.g"
    title = "Residue identity (DAQ method)"
    requires = (MAP, MODEL, resolution(0, 5))
    uses = (PLACED_MODEL,)
    explanation = (
        "A neural network looks at the density in a box of 11 Å around each alpha carbon and says "
        "how likely each of the 20 amino acids is there; it knows nothing of the model. For each "
        "residue, the probability of its type is compared with the mean of that probability over "
        "all residues of the model. The score is the logarithm of this ratio, averaged over the "
        "residue and nine to either side of it: above 0 the density supports the sequence, below 0 "
        "it contradicts it, for instance where the sequence is shifted along the chain or the "
        "chain was traced wrongly. Whether the density supports the sequence at all is tested by "
        "moving the sequence along the chains by 1 to 30 residues either way: the mean score of "
        "the right sequence exceeds those of the moved ones by many standard deviations, that of a "
        "wrong trace does not. Scores for the positions of the alpha carbons and for the secondary "
        "structure are given as well. The better the map, the higher the scores of a correct "
        "model; beyond 4 Å many of its residues may be below 0, and their number is not judged. "
        "The network was trained for this program, on maps simulated from proteins and nucleic "
        "acids; its scores are on another scale than those of the published network. For RNA and "
        "DNA beside the protein, the number of bases that are the likeliest at their positions is "
        "given (one in four by chance).")
    quantities = (
        Quantity("mean", "", "Mean score of the amino acids"),
        Quantity("mean_alpha_carbon", "", "Mean score of the positions of the alpha carbons"),
        Quantity("mean_secondary_structure", "", "Mean score of the secondary structure"),
        Quantity("median", "", "Median score of the amino acids"),
        Quantity("negative_percentage", "%", "Residues whose score is below 0"),
        Quantity("reported", "Å", "Reported resolution"),
        Quantity("sequence_z", "",
                 "By how many standard deviations the mean score exceeds those of the same chains "
                 "with the sequence shifted; no value where residues or their kinds are too few"),
        Quantity("best_shift", "residues",
                 "The shift of the sequence with the highest mean score; 0 is the model's"),
        Quantity("bases", "", "Nucleotides of RNA and DNA"),
        Quantity("bases_right_percentage", "%",
                 "Nucleotides whose base is the likeliest there (25 % by chance)"),
    )
    references = ("Terashi2022", "Labesse1997")
    criteria = (
        Criterion(name="sequence", metric="sequence_z", relation=">=", bound=_SUPPORTED,
                  subject="the mean score, in standard deviations above those of the same chains "
                  "with the sequence shifted,",
                  warning="The density supports the modelled sequence no better than the same "
                  "sequence shifted along the chains ({value:.1f} standard deviations, at least "
                  "{bound} expected; best: shifted by {metrics[best_shift]}): the sequence is out "
                  "of register, the chain is traced wrongly, or the model lies elsewhere.",
                  severity=SERIOUS, service=(Criterion(
                      name="mean", subject="the mean score of the amino acids", relation=">=",
                      bound=0.5, warning="The mean score of the amino acids is {value:.2f} (at "
                      "least {bound})."),)),
        Criterion(name="negative", metric="negative_percentage", guards=True,
                  subject="the fraction of residues with a score below 0", relation="<=",
                  bound=_MOST_NEGATIVE, unless=(_COARSE,),
                  warning="{value:.0f} % of the residues have a score below 0 (at most {bound} % "
                  "expected): the density does not support the sequence modelled there. Check the "
                  "register of these segments.", unit="%", service=()),
        Criterion(name="mostly_negative", metric="negative_percentage", guards=True,
                  subject="the fraction of residues with a score below 0 (more puts the whole "
                  "trace in doubt)", relation="<=", bound=_MOSTLY_NEGATIVE, unless=(_COARSE,),
                  warning="{value:.0f} % of the residues have a score below 0 (at most {bound} % "
                  "before the whole trace is in doubt): in a large part of the model the sequence "
                  "is out of register or the chain is traced wrongly.", unit="%", severity=SERIOUS,
                  service=()),
    )
    undecided = ("The model has too few amino acids to tell at this resolution whether the density "
                 "supports their sequence.")
    summary_ok = "The density supports the modelled amino acids."
    summary_warnings = "The density supports the modelled amino acids weakly."

    def compute(self, data):
        carbons = read_alpha_carbons(model_of(data)[0])
        if len(carbons.types) < _FEWEST:
            raise NotMeasured("The model has %d amino acids with an alpha carbon; at least %d are "
                              "needed to compare them." % (len(carbons.types), _FEWEST))
        density = what_the_network_sees(data.map.volume, data.map.sampling,
                                        data.map.hard_mask, data.run.workers)
        network = Network("daq", data.run.workers)
        found = likelihoods(network, density, data.map.sampling, carbons.positions)
        scores = residue_scores(
            found, carbons, likelihoods(network, density, data.map.sampling, _some_atoms(data)))
        findings = _findings(residues_of(model_of(data)), carbons, *scores)
        _add_support(findings, found.amino_acids, carbons, data.reported.resolution)
        _add_bases(findings, network, density, data)
        return findings


@dataclass
class AlphaCarbons:
    """Amino acids of a model that have an alpha carbon.

    Attributes
    ----------
    positions : numpy.ndarray of float64, (n, 3)
        Alpha carbons, x, y, z in Å.
    types, structures : numpy.ndarray of int, (n,)
        Indices into AMINO_ACIDS and SECONDARY_STRUCTURES.
    chains : numpy.ndarray of int, (n,)
        Number of the chain; residues of a chain stand together and in its order.
    indices : numpy.ndarray of int, (n,)
        Place of each among all residues of the model.
    """

    positions: np.ndarray
    types: np.ndarray
    structures: np.ndarray
    chains: np.ndarray
    indices: np.ndarray


def read_alpha_carbons(model):
    """Amino acids with an alpha carbon, of one of the 20 types or modified from one.

    Parameters
    ----------
    model : gemmi.Model
        Of alternatives the first one is read.

    Returns
    -------
    AlphaCarbons
    """
    positions, types, structures, chains, indices = [], [], [], [], []
    first = 0
    for number, chain in enumerate(model):
        trace, before = [], None
        for index, residue in enumerate(chain, first):
            kind, atom = _type_of(residue.name), residue.find_atom("CA", "*", gemmi.Element("C"))
            if kind is None or atom is None or residue.seqid == before:
                continue
            before = residue.seqid
            trace.append(atom.pos.tolist())
            types.append(kind)
            indices.append(index)
        first += len(chain)
        positions += trace
        chains += [number] * len(trace)
        structures += list(secondary_structure(np.reshape(trace, (-1, 3))))
    return AlphaCarbons(np.reshape(positions, (-1, 3)).astype(float), np.array(types, int),
                 np.array(structures, int), np.array(chains, int), np.array(indices, int))


def likelihoods(network, density, sampling, positions):
    """What the network says of places in a map.

    Parameters
    ----------
    network : vrs.engines.networks.Network
        "daq".
    density : numpy.ndarray of float32, (z, y, x)
        From :func:`what_the_network_sees`.
    sampling : float
        Å/voxel.
    positions : numpy.ndarray, (n, 3)
        x, y, z in Å from the first voxel; at least one.

    Returns
    -------
    Likelihoods
    """
    found = np.concatenate([network.predict(boxes) for boxes in
                            boxes_around(density, sampling, positions)])
    ends = np.cumsum([len(AMINO_ACIDS), len(ATOMS)])
    return Likelihoods(*np.split(found, ends, axis=1))


def read_bases(model):
    """Nucleotides of RNA and DNA with a C1', of one of the usual types or modified from one.

    Parameters
    ----------
    model : gemmi.Model
        Of alternatives the first one is read.

    Returns
    -------
    positions : numpy.ndarray of float64, (n, 3)
        C1', x, y, z in Å.
    types : numpy.ndarray of int, (n,)
        Indices into BASES.
    """
    positions, types = [], []
    for chain in model:
        before = None
        for residue in chain:
            kind = base_of(residue.name)
            atom = residue.find_atom("C1'", "*") or residue.find_atom("C1*", "*")
            if kind is None or not atom or residue.seqid == before:
                continue
            before = residue.seqid
            positions.append(atom.pos.tolist())
            types.append(kind)
    return np.reshape(positions, (-1, 3)).astype(float), np.array(types, int)


def base_of(name):
    """Index into BASES of a nucleotide, or of the one that it was modified from; None for others.

    Parameters
    ----------
    name : str
        Such as "A", "DG", "PSU", or "CYT" as older files have it.
    """
    letter = _OLD_BASES.get(name)
    if letter is None:
        kind = gemmi.find_tabulated_residue(name)
        if not kind.is_nucleic_acid():
            return None
        letter = kind.one_letter_code.upper().replace("T", "U")
    return BASES.index(letter) if letter in BASES else None


def base_likelihoods(network, density, sampling, positions):
    """Probabilities of BASES at some C1' atoms, float32 (n, 4); parameters as of
    :func:`likelihoods`."""
    return np.concatenate([network.predict(boxes, "bases") for boxes in
                           boxes_around(density, sampling, positions)])


@dataclass
class Likelihoods:
    """Probabilities, float32, (places, classes), of AMINO_ACIDS, ATOMS, SECONDARY_STRUCTURES."""

    amino_acids: np.ndarray
    atoms: np.ndarray
    structures: np.ndarray


def residue_scores(found, carbons, reference):
    """Scores of amino acid, alpha carbon and secondary structure, averaged along the chains.

    ln(P / mean P), where P is the probability of what the model has at an alpha carbon, and
    the mean is that of the same class over all alpha carbons of the model, or, for the
    class "alpha carbon", over atoms of all kinds (Terashi et al. 2022, doi
    10.1038/s41592-022-01574-4); then the mean over nine residues to either side.

    Parameters
    ----------
    found : Likelihoods
        At the alpha carbons.
    carbons : AlphaCarbons
    reference : Likelihoods
        At atoms of all kinds.

    Returns
    -------
    amino_acids, alpha_carbons, structures : numpy.ndarray of float64, (n,)
    """
    carbon = np.full(len(carbons.types), ATOMS.index("CA"))
    return tuple(window_means(log_ratios(*parts), carbons.chains) for parts in (
        (found.amino_acids, carbons.types, found.amino_acids),
        (found.atoms, carbon, reference.atoms),
        (found.structures, carbons.structures, found.structures)))


def log_ratios(probabilities, classes, reference):
    """ln of the probability of each place's class over its mean in a reference.

    Parameters
    ----------
    probabilities : numpy.ndarray, (n, classes)
    classes : numpy.ndarray of int, (n,)
    reference : numpy.ndarray, (m, classes)

    Returns
    -------
    numpy.ndarray of float64, (n,)
    """
    own = np.asarray(probabilities, float)[np.arange(len(classes)), classes]
    usual = np.asarray(reference, float).mean(axis=0)[classes]
    return np.log(np.maximum(own, _TINY)) - np.log(np.maximum(usual, _TINY))


def sequence_support(probabilities, types, chains, farthest=_FARTHEST):
    """How much better a sequence suits the density than the same one shifted along its chains.

    The mean of :func:`log_ratios`, less that over all shifts by 1 to 30 residues either way (what
    leaves a chain at one end comes in at the other), in standard deviations of the latter. Chains
    of 30 residues or fewer go through their own shifts again, as they must not come back to where
    they were.

    Parameters
    ----------
    probabilities : numpy.ndarray, (n, classes)
    types, chains : numpy.ndarray of int, (n,)
        Class and chain of each place, in the order of the chains.
    farthest : int

    Returns
    -------
    z : float or None
        None where no shift changes anything.
    best : int
        The shift with the highest mean: where the type of residue i belongs at i + best.
    """
    shifts = [0] + [way * step for step in range(1, farthest + 1) for way in (1, -1)]
    chains = [np.flatnonzero(chains == chain) for chain in np.unique(chains)]
    means = []
    for shift in shifts:
        moved = np.array(types)
        for members in chains:
            moved[members] = np.roll(types[members], _within_chain(shift, len(members)))
        means.append(log_ratios(probabilities, moved, probabilities).mean())
    spread = np.std(means[1:])
    z = (means[0] - np.mean(means[1:])) / spread if spread > _TINY else None
    return z, shifts[int(np.argmax(means))]


def _within_chain(shift, length):
    """A shift that a chain of a length has, 0 only for 0."""
    return np.sign(shift) * (1 + (abs(shift) - 1) % max(length - 1, 1))


def window_means(values, chains, reach=_WINDOW):
    """Mean of each value and of up to ``reach`` ones before and after it in its chain.

    Parameters
    ----------
    values : numpy.ndarray, (n,)
    chains : numpy.ndarray of int, (n,)
    reach : int

    Returns
    -------
    numpy.ndarray of float64, (n,)
    """
    means = np.empty(len(values))
    for chain in np.unique(chains):
        members = np.flatnonzero(chains == chain)
        sums = np.concatenate(([0.0], np.cumsum(np.asarray(values, float)[members])))
        places = np.arange(len(members))
        start = np.maximum(places - reach, 0)
        end = np.minimum(places + reach + 1, len(members))
        means[members] = (sums[end] - sums[start]) / (end - start)
    return means


def what_the_network_sees(volume, sampling, mask, workers=1):
    """A map as the network was trained on it.

    Low-passed to 2.5 Å, without negative density, divided by the value above which the
    upper 5 % of the positive density within the mask lie, bounded to 4.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    sampling : float
        Å/voxel.
    mask : numpy.ndarray of bool, (z, y, x)
        Where the macromolecule is.
    workers : int

    Returns
    -------
    numpy.ndarray of float32, (z, y, x)
        Zero where there is no positive density in the mask at all.
    """
    density = np.maximum(fourier.low_pass(volume, sampling, 1 / _FINEST, _EDGE, workers), 0)
    positive = density[mask & (density > 0)]
    if positive.size:
        density /= np.percentile(positive, _STRONG)
    return np.minimum(density, _BRIGHTEST, out=density)


def boxes_around(density, sampling, positions):
    """Boxes of 11³ points 1 Å apart around positions, by cubic splines; 0 outside the map.

    Parameters
    ----------
    density : numpy.ndarray of float32, (z, y, x)
        From :func:`what_the_network_sees`.
    sampling : float
        Å/voxel.
    positions : numpy.ndarray, (n, 3)
        x, y, z in Å from the first voxel.

    Yields
    ------
    numpy.ndarray of float32, (up to 1000, 11, 11, 11)
        z, y, x; all positions in their order.
    """
    steps = np.arange(-_REACH, _REACH + 1.0)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"))
    centres = np.asarray(positions, float)[:, ::-1]
    margin = int(np.ceil(_REACH / sampling)) + _SPLINE_MARGIN
    first = np.clip(np.floor(centres.min(axis=0) / sampling).astype(int) - margin, 0,
                    np.array(density.shape) - 1)
    last = np.clip(np.ceil(centres.max(axis=0) / sampling).astype(int) + margin, 0,
                   np.array(density.shape) - 1)
    region = density[tuple(slice(a, b + 1) for a, b in zip(first, last))]
    splines = ndimage.spline_filter(region, 3, output=np.float32, mode="mirror")
    for start in range(0, len(centres), _AT_ONCE):
        points = centres[start:start + _AT_ONCE, :, None, None, None] + grid
        points = points / sampling - first[:, None, None, None]
        yield ndimage.map_coordinates(splines, np.moveaxis(points, 1, 0), order=3,
                                      prefilter=False, mode="constant", output=np.float32)


def secondary_structure(trace):
    """Helix, strand or coil from alpha carbons alone.

    Distances and angles along the trace are compared with those of alpha helices and
    beta strands (G. Labesse et al. 1997, doi 10.1093/bioinformatics/13.3.291); runs of at
    least five and three residues count.

    Parameters
    ----------
    trace : numpy.ndarray, (n, 3)
        Alpha carbons in the order of the chain, Å. Residues further apart than 4.5 Å are
        not linked.

    Returns
    -------
    numpy.ndarray of int, (n,)
        HELIX, STRAND or COIL.
    """
    trace = np.asarray(trace, float)
    found = np.full(len(trace), COIL)
    gaps = np.flatnonzero(np.linalg.norm(np.diff(trace, axis=0), axis=1) > _LINKED) + 1
    for part in np.split(np.arange(len(trace)), gaps):
        shape = _trace_shape(trace[part])
        helix = (_near(shape, _HELIX_TRACE, ("d3", "d4"))
                 | _near(shape, _HELIX_TRACE, ("angle", "torsion")))
        strand = (_near(shape, _STRAND_TRACE, ("d2", "d3", "d4"))
                  | _near(shape, _STRAND_TRACE, ("angle", "torsion")))
        found[part[_runs(strand, _SHORTEST_STRAND)]] = STRAND
        found[part[_runs(helix, _SHORTEST_HELIX)]] = HELIX
    return found


def _trace_shape(trace):
    """Distances (Å) and angles (degrees) about each residue, NaN where the chain ends."""
    size = len(trace)
    shape = {name: np.full(size, np.nan) for name in ("d2", "d3", "d4", "angle", "torsion")}
    for step in (2, 3, 4):
        if size > step:
            shape["d%d" % step][1:size - step + 1] = np.linalg.norm(
                trace[step:] - trace[:-step], axis=1)
    bonds = np.diff(trace, axis=0)
    if size > 2:
        cosine = -(bonds[:-1] * bonds[1:]).sum(axis=1) / (
            np.linalg.norm(bonds[:-1], axis=1) * np.linalg.norm(bonds[1:], axis=1))
        shape["angle"][1:-1] = np.degrees(np.arccos(np.clip(cosine, -1, 1)))
    if size > 3:
        first, second = np.cross(bonds[:-2], bonds[1:-1]), np.cross(bonds[1:-1], bonds[2:])
        along = bonds[1:-1] / np.linalg.norm(bonds[1:-1], axis=1, keepdims=True)
        shape["torsion"][1:-2] = np.degrees(np.arctan2(
            (np.cross(first, second) * along).sum(axis=1), (first * second).sum(axis=1)))
    return shape


def _near(shape, usual, names):
    near = np.ones(len(shape["d2"]), bool)
    for name in names:
        value, tolerance = usual[name]
        off = shape[name] - value
        if name == "torsion":
            off = (off + 180) % 360 - 180
        near &= np.abs(off) <= tolerance  # NaN is not near
    return near


def _runs(chosen, shortest):
    """Those that stand in runs of at least some length, bool."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], chosen.astype(int), [0]))))
    kept = np.zeros(len(chosen), bool)
    for start, end in zip(edges[::2], edges[1::2]):
        kept[start:end] = end - start >= shortest
    return kept


def _type_of(name):
    """Index of an amino acid, or of the one that it was modified from; None for others."""
    if name in AMINO_ACIDS:
        return AMINO_ACIDS.index(name)
    kind = gemmi.find_tabulated_residue(name)
    if not kind.is_amino_acid():
        return None
    parent = _LETTERS.find(kind.one_letter_code.upper())
    return None if parent < 0 else parent


def _some_atoms(data):
    """Atoms of the protein, 1000 at most, drawn at random, (n, 3) in Å."""
    positions = np.array([
        atom.pos.tolist() for chain in model_of(data)[0] for residue in chain.first_conformer()
        if _type_of(residue.name) is not None for atom in residue if not atom.is_hydrogen()])
    if len(positions) > _REFERENCE_ATOMS:
        rng = np.random.default_rng(data.run.seed)
        positions = positions[rng.choice(len(positions), _REFERENCE_ATOMS, replace=False)]
    return positions


def _findings(residues, carbons, amino_acids, alpha_carbons=None, structures=None):
    metrics = plain({
        "mean": float(amino_acids.mean()),
        "median": float(np.median(amino_acids)),
        "negative_percentage": 100 * float(np.mean(amino_acids < 0)),
        "mean_alpha_carbon": _mean(alpha_carbons),
        "mean_secondary_structure": _mean(structures),
    })
    described = {"daq": ("DAQ score of the amino acid", amino_acids),
                 "daq_alpha_carbon": ("DAQ score of the alpha carbon's position", alpha_carbons),
                 "daq_secondary_structure": ("DAQ score of the secondary structure", structures)}
    values, atoms = [], []
    for name, (description, scores) in described.items():
        if scores is None:
            continue
        of_residues = np.full(len(residues.names), np.nan)
        of_residues[carbons.indices] = scores
        values.append(residues.values(name, description, "", of_residues,
                                      "DAQ" if name == "daq" else ""))
        atoms.append(AtomValues(name, of_residues[residues.of_atom], description, "DAQ score"))
    text = ("The mean score is %.2f over %d residues; %s %% of them have a score below 0."
            % (metrics["mean"], len(amino_acids),
               judged(metrics["negative_percentage"], ".0f", _MOST_NEGATIVE)))
    if alpha_carbons is not None:
        text += (" The mean score of the alpha carbons' positions is %.2f, that of the secondary "
                 "structure %.2f." % (metrics["mean_alpha_carbon"],
                                      metrics["mean_secondary_structure"]))
    figures = residue_figures(residues, values[0], "DAQ score of the amino acid", "low",
                              ("no better than chance", 0.0))
    return Findings(metrics, [Paragraph(text)] + figures, values + atoms)


def _add_support(findings, probabilities, carbons, resolution):
    """Whether the sequence suits the density better than when it is shifted."""
    coarse = resolution is not None and resolution > _TELLING
    enough = not coarse or len(carbons.types) >= _FEWEST_COARSE
    z, best = sequence_support(probabilities, carbons.types, carbons.chains)
    findings.metrics.update(plain({"sequence_z": z if enough else None, "best_shift": best,
                                   "reported": resolution}))
    if z is not None:
        findings.content.insert(1, Paragraph(
            "The mean score is %s standard deviations above those of the same chains with the "
            "sequence shifted by up to %d residues; it is highest %s." % (
                judged(z, ".1f", _SUPPORTED), _FARTHEST,
                "for the sequence as it is modelled" if best == 0 else
                "when the sequence is shifted by %+d" % best)))


def _add_bases(findings, network, density, data):
    """How many bases of RNA and DNA are the likeliest at their places, where there are enough."""
    positions, types = read_bases(model_of(data)[0])
    if len(types) < _FEWEST:
        return
    found = base_likelihoods(network, density, data.map.sampling, positions)
    right = 100 * float(np.mean(found.argmax(axis=1) == types))
    findings.metrics.update(bases=len(types), bases_right_percentage=right)
    findings.content.insert(1, Paragraph(
        "Of %d nucleotides, %.0f %% have the base that the density makes likeliest; by chance it "
        "would be one in four." % (len(types), right)))


def _mean(scores):
    return None if scores is None else float(scores.mean())


def _input_for_kihara(data):
    require_pdb_format(data, "DAQ")
    return with_model(data, window=_WINDOW)


def _findings_of_kihara(data, table):
    residues, carbons = residues_of(model_of(data)), read_alpha_carbons(model_of(data)[0])
    scores = residues.mean(at_atoms(data, table, "B_iso_or_equiv", "DAQ"))[carbons.indices]
    known = np.isfinite(scores)
    if not known.any():
        raise NotMeasured("DAQ gives no score to any amino acid of the model.")
    scored = AlphaCarbons(*(values[known] for values in (
        carbons.positions, carbons.types, carbons.structures, carbons.chains, carbons.indices)))
    findings = _findings(residues, scored, scores[known])
    findings.content.insert(1, Paragraph(
        "These are scores of the published network of the Kihara lab, for amino acids only; they "
        "are on another scale than those of the built-in network, and 0 means the same."))
    return findings


Daq.external = (ExternalEngine(
    name="kihara", label="DAQ of the Kihara lab", package="scipion-em-kiharalab",
    plugin="kiharalab", protocol="ProtDAQValidation", map_parameter="inputVolume",
    model_parameter="inputAtomStruct", outputs=("predictions/daq_score_w%d.pdb" % _WINDOW,),
    files=("{_daqBinary}/main.py", "{_daqBinary}/best_model/qa_model/Multimodel.pth"),
    # The program runs on graphics cards of NVIDIA only.
    programs=("nvidia-smi",), prepare=_input_for_kihara, findings=_findings_of_kihara),)
