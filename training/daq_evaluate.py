"""Evaluate the network of item A.g on structures that it never saw.

    python -m training.daq_evaluate --part test --output daq_test.json

Each structure is simulated at several resolutions. Scores are those of the item, for the
right model with errors of coordinates as usual, and for wrong ones: the sequence shifted
along the chain, the model shifted in space, another protein in its place. Prints the
tables of the model card.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation
from scipy.stats import rankdata

from training import daq_data, hand_data, maps
from vrs.checks.level_A import daq
from vrs.engines.networks import Network

SEED = 33
RESOLUTIONS = (2.5, 3.0, 3.5, 4.0, 4.5, 5.0)
COORDINATE_ERROR = 0.25   # Å per axis
SHIFT = 4.0               # Å
REGISTER = (3, 10)        # residues
REFERENCE_ATOMS = 400
WRONG = ("sequence shifted", "moved by 4 Å", "other protein")


def evaluate_map(name, other, resolution, network):
    """Scores of the right and of wrong models in one simulated map.

    Parameters
    ----------
    name, other : str
        Structures: of the map, and of the wrong protein.
    resolution : float
        Å.
    network : vrs.engines.networks.Network

    Returns
    -------
    dict
        ``scores`` has those of the residues for each model, ``means`` those of the
        three scores; ``right``, ``loss``, ``prior`` are of the single amino acids.
    """
    rng = np.random.default_rng([SEED, int(10 * resolution), hand_data.number_of(name)])
    scene, volume, mask, conditions = daq_data.simulate(name, rng, resolution)
    density = daq.what_the_network_sees(volume, scene.sampling, mask)
    atoms = scene.positions()
    reference = atoms[rng.choice(len(atoms), min(REFERENCE_ATOMS, len(atoms)), replace=False)]
    truth = daq.read_alpha_carbons(scene.model)
    truth.positions = truth.positions + rng.normal(0, COORDINATE_ERROR, truth.positions.shape)

    def likelihoods(positions):
        return daq.likelihoods(network, density, scene.sampling, positions)

    found, usual = likelihoods(truth.positions), likelihoods(reference)
    models = {"right": daq.residue_scores(found, truth, usual),
              WRONG[0]: daq.residue_scores(found, _other_register(truth, rng), usual)}
    direction = rng.normal(size=3)
    step = SHIFT * direction / np.linalg.norm(direction)
    models[WRONG[1]] = daq.residue_scores(likelihoods(truth.positions + step), truth,
                                          likelihoods(reference + step))
    wrong, places = _in_its_place(other, truth, rng)
    models[WRONG[2]] = daq.residue_scores(likelihoods(wrong.positions), wrong,
                                          likelihoods(places))
    own = found.amino_acids[np.arange(len(truth.types)), truth.types]
    return {
        "name": name, "conditions": vars(conditions), "residues": len(truth.types),
        "right": float(np.mean(found.amino_acids.argmax(axis=1) == truth.types)),
        "loss": float(-np.log(own).mean()),
        "scores": {kind: np.round(scores[0], 3).tolist() for kind, scores in models.items()},
        "means": {kind: [float(part.mean()) for part in scores]
                  for kind, scores in models.items()}}


def _other_register(truth, rng):
    """The same chains with their sequences moved along by 3 to 10 residues."""
    types = truth.types.copy()
    for chain in np.unique(truth.chains):
        members = np.flatnonzero(truth.chains == chain)
        steps = rng.integers(REGISTER[0], REGISTER[1] + 1) * rng.choice([-1, 1])
        types[members] = np.roll(types[members], steps)
    return daq.AlphaCarbons(truth.positions, types, truth.structures, truth.chains, truth.indices)


def _in_its_place(other, truth, rng):
    """Residues of another protein about the same middle, and some of its atoms."""
    scene = maps.place(maps.load_structure(other), rng, 1.0)
    wrong, atoms = daq.read_alpha_carbons(scene.model), scene.positions()
    turn = Rotation.from_quat(rng.normal(size=4))
    middle, target = atoms.mean(axis=0), truth.positions.mean(axis=0)
    atoms = atoms[rng.choice(len(atoms), min(REFERENCE_ATOMS, len(atoms)), replace=False)]
    wrong.positions = turn.apply(wrong.positions - middle) + target
    return wrong, turn.apply(atoms - middle) + target


def area(right, wrong):
    """Area under the receiver operating characteristic: how often right is above wrong."""
    ranks = rankdata(np.concatenate([right, wrong]))
    count = len(right)
    return (ranks[:count].sum() - count * (count + 1) / 2) / (count * len(wrong))


def best_bound(right, wrong):
    """The bound that tells right (at or above it) from wrong values best.

    Parameters
    ----------
    right, wrong : numpy.ndarray

    Returns
    -------
    bound, sensitivity, specificity : float
        With the largest sum of the last two.
    """
    values = np.unique(np.concatenate([right, wrong]))
    bounds = (values[1:] + values[:-1]) / 2
    kept = (right[:, None] >= bounds).mean(axis=0)
    refused = (wrong[:, None] < bounds).mean(axis=0)
    best = np.argmax(kept + refused)
    return float(bounds[best]), float(kept[best]), float(refused[best])


def summarise(results, bound):
    """Print the tables of the model card.

    Parameters
    ----------
    results : list of dict
        From :func:`evaluate_map`.
    bound : float
        Of the mean score.
    """
    kinds = ("right",) + WRONG
    print("| | maps | likeliest is right | mean ln P | AUC of residues, %s |" % " | ".join(WRONG))
    for title, rows in _by_resolution(results):
        residues = np.array([row["residues"] for row in rows])
        pooled = {kind: np.concatenate([row["scores"][kind] for row in rows]) for kind in kinds}
        print("| %s | %d | %.1f %% | %.2f | %s |" % (
            title, len(rows), 100 * np.average([row["right"] for row in rows], weights=residues),
            -np.average([row["loss"] for row in rows], weights=residues),
            " | ".join("%.3f" % area(pooled["right"], pooled[kind]) for kind in WRONG)))
    for head, name in enumerate(("amino acids", "alpha carbons", "secondary structures")):
        print("\nmean score of %s: median (5th to 95th percentile), maps at %g or above"
              % (name, bound))
        print("| | %s |" % " | ".join(kinds))
        for title, rows in _by_resolution(results):
            print("| %s | %s |" % (title, " | ".join(
                "%s %.0f %%" % (_spread(means), 100 * np.mean(means >= bound))
                for means in (np.array([row["means"][kind][head] for row in rows])
                              for kind in kinds))))
    print("\nresidues with a score below 0, %: median (5th to 95th percentile)")
    print("| | %s |" % " | ".join(kinds))
    for title, rows in _by_resolution(results):
        print("| %s | %s |" % (title, " | ".join(
            _spread([100 * np.mean(np.array(row["scores"][kind]) < 0) for row in rows])
            for kind in kinds)))
    right = np.array([row["means"]["right"][0] for row in results])
    wrong = np.array([row["means"][kind][0] for row in results for kind in WRONG])
    print("\nright against wrong models by the mean score: AUC %.3f; best bound %.3f, which keeps "
          "%.3f of the right and refuses %.3f of the wrong ones"
          % (area(right, wrong), *best_bound(right, wrong)))


def _by_resolution(results):
    """Titles and rows of the tables."""
    groups = [("%.1f Å" % resolution, [row for row in results if row["conditions"]["resolution"]
                                       == resolution]) for resolution in RESOLUTIONS]
    return [(title, rows) for title, rows in groups if rows] + [("all", results)]


def _spread(values):
    return "%.2f (%.2f to %.2f)" % tuple(np.percentile(values, [50, 5, 95]))


def main():
    """Evaluate on one part of the structures, or print the tables again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=["validation", "test"], default="test")
    parser.add_argument("--output", type=Path, required=True,
                        help="JSON of the results; printed again when it exists")
    parser.add_argument("--every", type=int, default=2, help="2 takes every second structure")
    parser.add_argument("--bound", type=float, default=0.1)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    if not arguments.output.exists():
        network, results = Network("daq", arguments.threads), []
        names = maps.names(arguments.part)[::arguments.every]
        for index, name in enumerate(names):
            other = names[(index + len(names) // 2) % len(names)]
            for resolution in RESOLUTIONS:
                results.append(evaluate_map(name, other, resolution, network))
            print("%d of %d" % (index + 1, len(names)), flush=True)
        arguments.output.write_text(json.dumps(results))
    summarise(json.loads(arguments.output.read_text()), arguments.bound)


if __name__ == "__main__":
    main()
