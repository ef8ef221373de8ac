"""Percentiles of what the models of the public archive reach at their resolution.

Usage: python benchmarks/archive_percentiles.py QSCORES.csv > vrs/checks/level_A/archive.json

QSCORES.csv is ``va/qscores.csv`` of the package emdbva, the table of EMDB's validation analysis,
with a row for each model: reported resolution (Å), mean Q-score (σ 0.4 Å), atom inclusion at the
recommended contour, and mean correlation of the residues by Phenix.
"""

import csv
import json
import sys

import numpy as np

# Å; each range of resolutions has at least 68 models.
EDGES = (1.2, 1.8, 2, 2.2, 2.4, 2.6, 2.8, 3, 3.2, 3.4, 3.6, 3.8, 4, 4.5, 5, 6, 8, 10, 20)
LEVELS = (0, 1, 2.5, 5, 10, 25, 50, 75, 90, 95, 97.5, 99, 100)
COLUMNS = {"q_score": "qscore", "atom_inclusion": "ai", "residue_correlation": "ccc"}


def table(rows):
    """The percentiles, and the resolutions that they stand for.

    Parameters
    ----------
    rows : list of dict of str to str

    Returns
    -------
    dict
        ``resolutions`` (Å, medians of the ranges), ``levels``, and for each measure ``models``,
        their number in each range, and ``values``, (ranges, levels).
    """
    rows = [row for row in rows if row["resolution"]]
    resolution = np.array([float(row["resolution"]) for row in rows])
    place = np.digitize(resolution, EDGES) - 1
    ranges = range(len(EDGES) - 1)
    found = {"resolutions": [round(float(np.median(resolution[place == one])), 3)
                             for one in ranges], "levels": LEVELS}
    for name, column in COLUMNS.items():
        values = np.array([float(row[column] or "nan") for row in rows])
        own = [values[(place == one) & np.isfinite(values)] for one in ranges]
        found[name] = {"models": [len(one) for one in own],
                       "values": [np.percentile(one, LEVELS).round(4).tolist() for one in own]}
    return found


def main(path):
    with open(path, newline="") as handle:
        found = table(list(csv.DictReader(handle)))
    found = dict({
        "source": "qscores.csv of emdbva 0.1.2.dev1 (March 2024), EMDB's validation analysis; "
        "copyright EMBL-EBI, Apache License 2.0; only the percentiles of ranges of resolution "
        "were taken"}, **found)
    # A line for each range.
    print(json.dumps(found, indent=1).replace("\n   ", " ").replace("\n  ]", "]"))


if __name__ == "__main__":
    main(*sys.argv[1:])
