"""Item A.c: does the map tell where the atoms are, or could they as well be elsewhere?"""

import numpy as np

from vrs.checks import (MAPPING, AskedFor, Check, Criterion, Findings, NotMeasured, Quantity,
                        register)
from vrs.checks.level_A.placement import FITTING_MODEL, PLACED_MODEL, model_of
from vrs.checks.local import PERCENTILES, percentile_table, percentiles
from vrs.checks.residues import residue_figures, residues_of
from vrs.inputs.map import MAP
from vrs.inputs.model import MODEL
from vrs.io.models import atom_positions
from vrs.refinement.dynamics import Problem, refine_all
from vrs.refinement.restraints import restraints_of
from vrs.refinement.starts import perturbed
from vrs.results import AtomValues, Paragraph, Table, plain

# Å and residues. In noise the models stay about as far apart as they start, 3.5 Å on average,
# which is well above what is accepted.
_DISPLACEMENT, _REACH = 2.5, 4.0
_MOST = 2.0
_FAR = 2.0  # a model that fits should not move as much
_CARBON = 6
_FEWEST_BONDS = 0.5  # per atom
_MAIN_ATOMS = ("C4'", "P", "CA")  # the last one that a residue has stands for it

_ASKED_FOR = AskedFor(
    "only on request, as it takes minutes to hours", lambda data: data.model.refinements > 0,
    "It was not requested, as it takes long; give the number of refinements, 5 for instance, with "
    "--multimodel of 'vrs validate' or in the form of level A.")


@register
class Multimodel(Check):
    """Spread of models refined against the map from different starts."""

    id = "A.c"
    title = "Multimodel stability"
    requires = (MAP, MODEL, _ASKED_FOR, FITTING_MODEL)
    uses = (PLACED_MODEL,)
    explanation = (
        "The atoms of the model are displaced at random, by 2.5 Å on average and neighbours along "
        "a chain by similar amounts, and the displaced model is refined against the map. This is "
        "done several times, each time from another start. Where the map shows clearly where the "
        "chain runs, all refinements come back to the same place; where it is ambiguous, they end "
        "in different places. The RMSD of a residue is that of its alpha carbon (phosphorus or C4' "
        "of a nucleotide, all atoms of other residues) between the refined models, over all pairs "
        "of them. The refinement keeps the bonds and angles of the given model, and restrains its "
        "torsions and hydrogen bonds loosely, so that a small RMSD says that the map fixes the "
        "place of the chain, and less that each side chain is right. Hydrogens, waters, ions and "
        "all but the first of alternative conformations are left out.")
    quantities = (
        Quantity("bond_deviation", "Å",
                 "Root mean square deviation of the bonds from those of the model that was given, "
                 "in the worst of the refined models"),
        Quantity("mean_atom_rmsd", "Å", "Mean RMSD of all refined atoms"),
        Quantity("mean_rmsd", "Å",
                 "Mean RMSD of the residues between the refined models, over all pairs of them"),
        Quantity("model_distance", "Å",
                 "Mean distance of the residues from the model that was given to the mean of the "
                 "refined models"),
        Quantity("percentiles", "Å", "Percentiles of the RMSD of the residues", MAPPING,
                 PERCENTILES),
        Quantity("refinements", "", "Number of refinements"),
        Quantity("start_rmsd", "Å",
                 "Mean RMSD of the residues between the displaced models, before refinement"),
    )
    references = ("Herzik2019",)
    criteria = (
        Criterion(name="mean_rmsd",
                  subject="the mean RMSD of the residues between the refined models", relation="<=",
                  bound=_MOST,
                  warning="Models refined from different starts differ by {value:.2f} Å on "
                  "average (at most {bound} Å expected): the map does not fix the place of the "
                  "chains.", unit="Å"),
    )
    summary_ok = "Models refined from different starts agree with each other."
    summary_warnings = "Models refined from different starts end in different places."

    def compute(self, data):
        residues = residues_of(model_of(data))
        chosen = atoms_to_refine(model_of(data), residues)
        problem = _problem(data, chosen)
        owners = residues.of_atom[chosen]
        starts = [perturbed(problem.positions, owners, residues.pieces, _DISPLACEMENT, _REACH,
                            np.random.default_rng([data.run.seed, number]))
                  for number in range(data.model.refinements)]
        try:
            models = refine_all(problem, starts, data.run.seed, data.run.workers)
        except ValueError as error:
            raise NotMeasured("The model cannot be refined: %s." % error)
        return _findings(model_of(data), residues, chosen, problem, starts, models)


def atoms_to_refine(structure, residues):
    """The atoms that take part.

    Hydrogens, residues of a single atom (waters, ions), alternative residues and all but
    the first of alternative conformations do not.

    Parameters
    ----------
    structure : gemmi.Structure
    residues : vrs.checks.residues.Residues

    Returns
    -------
    numpy.ndarray of int, (n,)
        Indices into ``structure[0].all()``.
    """
    taken, owner, seen = [], None, set()
    for index, site in enumerate(structure[0].all()):
        if residues.of_atom[index] != owner:
            owner, seen = residues.of_atom[index], set()
        if site.atom.is_hydrogen() or residues.pieces[owner] < 0 or site.atom.name in seen:
            continue
        seen.add(site.atom.name)
        taken.append(index)
    taken = np.array(taken, int)
    sizes = np.bincount(residues.of_atom[taken], minlength=len(residues.names))
    return taken[sizes[residues.of_atom[taken]] > 1]


def pair_rmsd(models):
    """Root mean square distance of each atom between models, over all pairs of them.

    For n models it is sqrt(2n / (n - 1)) times the deviation about their mean.

    Parameters
    ----------
    models : sequence of numpy.ndarray, (atoms, 3)
        At least two.

    Returns
    -------
    numpy.ndarray of float64, (atoms,)
    """
    return np.sqrt(2 * np.var(models, axis=0, ddof=1).sum(axis=-1))


def _problem(data, chosen):
    positions = atom_positions(model_of(data))[chosen]
    restraints = restraints_of(model_of(data), chosen, positions) if chosen.size else None
    if restraints is None or restraints.bonds < _FEWEST_BONDS * len(chosen):
        raise NotMeasured("Most atoms of the model are not bonded to any other, so it cannot be "
                          "refined; give a model with all its atoms.")
    sites = model_of(data)[0].all()
    numbers = np.array([site.atom.element.atomic_number for site in sites])[chosen]
    return Problem(data.map.volume, data.map.sampling, positions, numbers / _CARBON, restraints)


def _findings(structure, residues, chosen, problem, starts, models):
    def by_atom(values):
        every = np.full(len(residues.of_atom), np.nan)
        every[chosen] = values
        return every

    spread = by_atom(pair_rmsd(models))
    stand_in = _stand_ins(structure, residues, chosen)
    of_residue = _by_residue(spread, residues, stand_in)
    before = _by_residue(by_atom(pair_rmsd(starts)), residues, stand_in)
    moved = _by_residue(by_atom(np.linalg.norm(np.mean(models, axis=0) - problem.positions,
                                               axis=1)), residues, stand_in)
    values = residues.values("multimodel_rmsd", "RMSD between the refined models", "Å",
                             of_residue)
    metrics = plain({
        "mean_rmsd": values.values.mean(),
        "percentiles": percentiles(values.values),
        "mean_atom_rmsd": np.nanmean(spread),
        "start_rmsd": np.nanmean(before),
        "model_distance": np.nanmean(moved),
        "bond_deviation": max(problem.restraints.bond_deviation(model) for model in models),
        "refinements": len(models),
    })
    content = [Paragraph(_sentence(metrics)),
               percentile_table(metrics["percentiles"], "Å",
                                "Percentiles of the RMSD of the residues."),
               _chain_table(values)]
    content += residue_figures(residues, values, "RMSD between models", "high")
    return Findings(metrics, content, [values, AtomValues(
        "multimodel_rmsd", spread, "RMSD between models refined from different starts (Å)", "RMSD",
        "Å")])


def _stand_ins(structure, residues, chosen):
    """The refined atom that stands for each residue, -1 where it is all of them."""
    names = np.array([site.atom.name for site in structure[0].all()])[chosen]
    owners = residues.of_atom[chosen]
    found = np.full(len(residues.names), -1)
    for name in _MAIN_ATOMS:
        found[owners[names == name]] = chosen[names == name]
    return found


def _by_residue(values, residues, stand_ins):
    return np.where(stand_ins >= 0, values[stand_ins], residues.mean(values))


def _sentence(metrics):
    text = ("%d models were refined from starts that differ by %.2f Å (RMSD, mean of the "
            "residues). The refined models differ by %.2f Å, or %.2f Å with all atoms, and "
            "their mean lies %.2f Å from the model that was given." % tuple(
                metrics[name] for name in ("refinements", "start_rmsd", "mean_rmsd",
                                                 "mean_atom_rmsd", "model_distance")))
    if metrics["model_distance"] > _FAR:
        text += (" That is farther than a model that fits should move: the map is too coarse for "
                 "this refinement, or the model lies beside its density. A small RMSD then says "
                 "little about the given model.")
    return text


def _chain_table(values):
    chains = np.array(values.chains)
    rows = []
    for chain in dict.fromkeys(values.chains):
        own = values.values[chains == chain]
        rows.append([chain, "%d" % len(own), "%.2f" % own.mean(), "%.2f" % np.median(own),
                     "%.2f" % own.max()])
    return Table(["Chain", "Residues", "Mean (Å)", "Median (Å)", "Highest (Å)"], rows,
                 "RMSD of the residues of each chain between the refined models.")
