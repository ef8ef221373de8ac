"""Evaluate the networks of the hand check on structures that they never saw.

    python -m training.hand_evaluate --part test --output hand_test.json

Every structure is simulated at several resolutions, and each map and its mirror image
go through what the check does. Prints the tables of the model card.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from scipy import ndimage

from training import hand_data, hand_labels, maps
from vrs.checks.level_0 import hand
from vrs.numerics import masks

SEED = 31
RESOLUTIONS = (3.0, 3.5, 4.0, 4.5, 5.0)
NOISE_MAPS = 20
FEWEST_VOXELS, FEWEST_BLOCKS = 300, 8
VOXEL_BINS = ((300, 1000), (1000, 3000), (3000, 10000), (10000, None))


def evaluate_map(name, resolution, workers):
    """Simulate one map and read its hand and that of its mirror image.

    Parameters
    ----------
    name : str
        Of the structure.
    resolution : float
        Å.
    workers : int

    Returns
    -------
    dict
        Figures of the map; ``histograms`` are counts of the helical voxels' values in
        20 bins, of the map and of its mirror image.
    """
    rng = np.random.default_rng([SEED, int(10 * resolution), hand_data.number_of(name)])
    conditions = hand_data.random_conditions(rng, resolution)
    volume, mask, labels = hand_data.simulate(maps.load_structure(name), conditions, rng)
    helices = hand.find_helices(volume, 1.0, mask, workers)
    mirrored = hand.find_helices(maps.mirror(volume), 1.0, maps.mirror(mask), workers)
    found = labels[tuple(np.rint(helices.positions).astype(int).T)]
    return {
        "name": name, "conditions": vars(conditions),
        "true_voxels": int(np.count_nonzero(labels == hand_labels.HELIX)),
        "blocks": int(hand.block_indices(helices.positions).max(initial=-1) + 1),
        "voxels": 8 * len(helices.hands), "mirrored_voxels": 8 * len(mirrored.hands),
        "found_in_helix": 8 * int(np.count_nonzero(found == hand_labels.HELIX)),
        "found_elsewhere": 8 * int(np.count_nonzero(found == hand_labels.OTHER)),
        "score": _mean(helices.hands), "mirrored_score": _mean(mirrored.hands),
        "score_error": hand.score_error(helices, rng) if len(helices.hands) else None,
        "analytic": analytic_hand(volume, labels == hand_labels.HELIX),
        "histograms": [np.histogram(h.hands, 20, (0, 1))[0].tolist() for h in (helices, mirrored)],
    }


def analytic_hand(volume, helical):
    """Hand without training: a local measure of chirality, averaged over true helices.

    With gradients g1, g2 under Gaussians of 1 and 2 Å and the second derivatives H1 under
    1 Å, g1·(H1 g2 × g2) changes sign with the hand and is positive on average in alpha
    helices.

    Parameters
    ----------
    volume : numpy.ndarray of float32, (z, y, x)
    helical : numpy.ndarray of bool, (z, y, x)
        Where the helices truly are.

    Returns
    -------
    float or None
        Share of the helical voxels that speak for the mirror image.
    """
    if not helical.any():
        return None
    seen = hand_data.what_networks_see(volume)
    steps = np.eye(3, dtype=int)
    near, wide = ([ndimage.gaussian_filter(seen, sigma, order=step) for step in steps]
                  for sigma in (1.0, 2.0))
    product = [sum(ndimage.gaussian_filter(seen, 1.0, order=steps[i] + steps[j]) * wide[j]
                   for j in range(3)) for i in range(3)]
    chirality = sum(near[i] * (product[j] * wide[k] - product[k] * wide[j])
                    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)))
    smooth = ndimage.gaussian_filter(np.sign(chirality) * np.sqrt(np.abs(chirality)), 3.0)
    return float(np.mean(smooth[helical] < 0))


def noise_only(workers):
    """Helical voxels that are found, and in how many, in maps of noise alone."""
    rng = np.random.default_rng(SEED)
    rows = []
    for _ in range(NOISE_MAPS):
        volume = hand_data.noise_map((96, 96, 96), rng)
        mask = masks.hard_mask(volume, 1.5 * volume.std(), 1.0)
        rows.append((int(mask.sum()),
                     8 * len(hand.find_helices(volume, 1.0, mask, workers).hands)))
    return rows


def summarise(results, noise):
    """Print the tables of the model card."""
    measured = [row for row in results
                if row["voxels"] >= FEWEST_VOXELS and row["blocks"] >= FEWEST_BLOCKS]
    sure = [row for row in measured if row["true_voxels"] >= FEWEST_VOXELS]
    print("%d maps, %d measured with at least 300 true helical voxels"
          % (len(results), len(sure)))
    helical = [row for row in results if row["true_voxels"] >= FEWEST_VOXELS]
    print("not measured although helical: %d of %d" % (
        len(helical) - len(sure), len(helical)))
    print("\n| | maps | right | OK (score <= 0.4) | uncertain | flipped | mean score | analytic |")
    print("|---|---|---|---|---|---|---|---|")
    print(_row("all", sure))
    for resolution in RESOLUTIONS:
        print(_row("%.1f Å" % resolution, [
            row for row in sure if row["conditions"]["resolution"] == resolution]))
    for low, high in VOXEL_BINS:
        print(_row("%d voxels or more" % low if high is None else "%d to %d voxels" % (low, high),
                   [row for row in sure if low <= row["voxels"] < (high or np.inf)]))
    few = [row for row in measured if row["true_voxels"] < FEWEST_VOXELS]
    print(_row("fewer than 300 true voxels", few))
    both = [row for row in sure if row["mirrored_voxels"] >= FEWEST_VOXELS]
    sums = np.array([row["score"] + row["mirrored_score"] - 1 for row in both])
    print("\nscore + mirrored score - 1: mean %.4f, largest %.4f, beyond 0.1: %d of %d"
          % (sums.mean(), np.abs(sums).max(), np.sum(np.abs(sums) > 0.1), len(sums)))
    print("per structure: %s" % _per_structure(sure))
    print("found voxels within 3.5 Å of a helix: %.1f %%; true helical voxels found: %.1f %%" % (
        100 - 100 * _total(sure, "found_elsewhere") / _total(sure, "voxels"),
        100 * _total(sure, "found_in_helix") / _total(sure, "true_voxels")))
    right, wrong = (np.sum([row["histograms"][side] for row in sure], axis=0) for side in (0, 1))
    print("\n| value | share that is mirrored | voxels |\n|---|---|---|")
    for low, a, b in zip(np.arange(0, 1, 0.1), right.reshape(10, 2).sum(1),
                         wrong.reshape(10, 2).sum(1)):
        print("| %.1f to %.1f | %.3f | %d |" % (low, low + 0.1, b / max(a + b, 1), 8 * (a + b)))
    print("\nnoise only: %d maps, masks of %d to %d voxels, helical voxels at most %d, mean %.1f"
          % (len(noise), min(noise)[0], max(noise)[0], max(n for _, n in noise),
             np.mean([n for _, n in noise])))


def _row(label, rows):
    if not rows:
        return "| %s | 0 | | | | | | |" % label
    scores = np.array([row["score"] for row in rows])
    analytic = np.array([0.5 if row["analytic"] is None else row["analytic"] for row in rows])
    return "| %s | %d | %.1f %% | %.1f %% | %.1f %% | %.1f %% | %.3f | %.1f %% |" % (
        label, len(rows), 100 * np.mean(scores < 0.5), 100 * np.mean(scores <= 0.4),
        100 * np.mean((scores > 0.4) & (scores <= 0.5)), 100 * np.mean(scores > 0.5),
        scores.mean(), 100 * np.mean(analytic < 0.5))


def _per_structure(rows):
    names = sorted({row["name"] for row in rows})
    means = [np.mean([row["score"] for row in rows if row["name"] == name]) for name in names]
    worst = np.argsort(means)[::-1][:3]
    return "%d of %d with a mean score below 0.5; worst %s" % (
        np.sum(np.array(means) < 0.5), len(names),
        ", ".join("%s %.2f" % (names[i], means[i]) for i in worst))


def _total(rows, key):
    return sum(row[key] for row in rows)


def _mean(values):
    return float(values.mean()) if len(values) else None


def main():
    """Evaluate and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", default="test", choices=["train", "validation", "test"])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    results = [evaluate_map(name, resolution, arguments.workers)
               for name in maps.names(arguments.part) for resolution in RESOLUTIONS]
    noise = noise_only(arguments.workers)
    arguments.output.write_text(json.dumps({"maps": results, "noise": noise}))
    summarise(results, noise)


if __name__ == "__main__":
    main()
