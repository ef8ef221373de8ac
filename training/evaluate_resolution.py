"""Measure a local-resolution network on whole maps of structures it was not trained on.

    python -m training.evaluate_resolution low validation --calibrate calibration.json
    python -m training.evaluate_resolution low test

Maps go through the very code of item 0.e, with the network that the package ships. Written
on the last line, as JSON, are the figures of the model card.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import stats

from training import maps, resolution_maps
from vrs.checks.level_0.local_resolution import local_resolution
from vrs.engines.networks import Network

_SEEDS = {"validation": 22, "test": 23}
_PERCENTILES = (2.5, 25, 50, 75, 97.5)
_VOXELS = 3000
_LARGEST = 50.0  # Å, to be quick


def measure(span, part, count):
    """True and found local resolutions of simulated maps.

    Returns
    -------
    list of dict
        ``true``, ``found`` (numpy.ndarray, Å, random voxels of the mask), ``spectrum`` (the
        limit read off the global spectrum, Å), ``uneven``, ``noisy``.
    """
    network = Network("deepres_" + span.name)
    span = replace(span, max_extent=min(span.max_extent, _LARGEST))
    names = maps.names(part)
    records = []
    for index in range(count):
        rng = np.random.default_rng([_SEEDS[part], index])
        made = resolution_maps.simulate(names[index % len(names)], span, rng,
                                        uneven=bool(index % 2), noisy=bool(index // 2 % 2))
        local, _ = local_resolution(made.volume, made.mask, span.sampling, network)
        voxels = rng.integers(np.count_nonzero(made.mask), size=_VOXELS)
        records.append(dict(true=made.resolution[made.mask][voxels],
                            found=local[made.mask][voxels],
                            profile=profile(made.volume, span.sampling), **made.traits))
    return records


def profile(volume, sampling):
    """Frequencies (1/Å) and shell means of the amplitude of a map."""
    transform = np.fft.rfftn(volume)
    radius = maps.frequency_radius(volume.shape, sampling)
    width = 1 / (max(volume.shape) * sampling)
    shells = np.rint(radius / width).astype(int).ravel()
    means = np.bincount(shells, np.abs(transform).ravel()) / np.maximum(np.bincount(shells), 1)
    count = int(0.5 / sampling / width)
    return np.arange(1, count) * width, means[1:count]


def fall_off(record, fraction):
    """Resolution beyond which the mean amplitude stays below a fraction of its maximum."""
    frequencies, amplitudes = record["profile"]
    above = np.flatnonzero(amplitudes >= fraction * amplitudes.max())
    return 1 / frequencies[above[-1]]


def best_fraction(records):
    """The fraction that makes :func:`fall_off` err least on even maps."""
    even = [record for record in records if not record["uneven"]]
    fractions = 10 ** np.linspace(-3, -0.3, 28)
    return min(fractions, key=lambda fraction: np.median(
        [abs(fall_off(record, fraction) - record["true"][0]) for record in even]))


def calibration(records, span, knots=9):
    """Monotone correction after which found and true values have the same distribution.

    Few knots, as values of the same map are not independent.
    """
    pooled = [np.concatenate([record[key] for record in records]) for key in ("found", "true")]
    quantiles = np.linspace(4, 96, knots)
    found, true = (np.percentile(values, quantiles) for values in pooled)
    keep = np.concatenate([[True], np.diff(found) > 1e-3])
    return {"network": [span.best] + list(np.round(found[keep], 3)) + [span.worst],
            "resolution": [span.best] + list(np.round(true[keep], 3)) + [span.worst]}


def summary(records, span, fraction):
    """The figures of the model card, a dict."""
    even = [record for record in records if not record["uneven"]]
    uneven = [record for record in records
              if record["uneven"] and record["limits"][1] > 1.3 * record["limits"][0]]
    true = np.array([record["true"][0] for record in even])
    found = np.array([np.median(record["found"]) for record in even])
    spectral = np.array([fall_off(record, fraction) for record in even])
    constant = np.full(len(true), (span.best + span.worst) / 2)
    edges = [span.best, 4, 6, 8, 10, 12] if span.name == "low" else [span.best, 2.5, 3.5, 4.5, 6]
    figures = {"even maps": len(even), "spearman over maps": _spearman(true, found),
               "spearman over maps, spectrum": _spearman(true, spectral)}
    for low, high in list(zip(edges, edges[1:])) + [(2.5, 8), (8, 12)]:
        here = (true >= low) & (true < high)
        if here.sum() > 2:
            figures["median error of maps %g-%g" % (low, high)] = [
                round(float(np.median(np.abs(values - true)[here])), 3)
                for values in (found, spectral, constant)]
    for noisy in (False, True):
        here = np.array([record["noisy"] == noisy for record in even])
        figures["median error, %s" % ("noise" if noisy else "filter")] = round(float(
            np.median(np.abs(found - true)[here])), 3)
    errors = np.concatenate([np.abs(r["found"] - r["true"]) for r in records])
    pooled = np.concatenate([r["true"] for r in records])
    for low, high in ((2.5, 8), (8, 12), (1.5, 6)):
        here = (pooled >= low) & (pooled < high)
        if span.best <= low and here.any():
            figures["median error of voxels %g-%g" % (low, high)] = round(float(
                np.median(errors[here])), 3)
    ranks = [_spearman(r["true"], r["found"]) for r in uneven]
    figures["spearman over voxels of uneven maps (median, quartiles)"] = [
        round(float(value), 3) for value in np.percentile(ranks, [50, 25, 75])]
    off = np.array([np.percentile(r["found"], _PERCENTILES) - np.percentile(
        r["true"], _PERCENTILES) for r in uneven])
    figures["percentiles of uneven maps: median difference"] = np.round(
        np.median(off, axis=0), 2).tolist()
    figures["percentiles of uneven maps: median absolute difference"] = np.round(
        np.median(np.abs(off), axis=0), 2).tolist()
    figures["true values below the found percentiles (%)"] = [
        round(float(np.mean([100 * np.mean(r["true"] <= np.percentile(r["found"], p))
                             for r in uneven])), 1) for p in _PERCENTILES]
    return figures


def noise_only(span, count=8):
    """Percentiles found in maps that hold noise only."""
    network = Network("deepres_" + span.name)
    found = []
    for index in range(count):
        made = resolution_maps.noise_map(span, np.random.default_rng([31, index]), side=48)
        local, _ = local_resolution(made.volume, made.mask, span.sampling, network)
        found.append(np.round(np.percentile(local[made.mask], [2.5, 50]), 2).tolist()
                     + [round(made.traits["limits"][0], 2)])
    return found


def _spearman(one, other):
    return round(float(stats.spearmanr(one, other)[0]), 3)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("range", choices=sorted(resolution_maps.RANGES))
    parser.add_argument("part", choices=sorted(_SEEDS))
    parser.add_argument("--maps", type=int, default=66)
    parser.add_argument("--calibrate", metavar="JSON")
    parser.add_argument("--fraction", type=float, help="of the spectral baseline")
    arguments = parser.parse_args()
    chosen = resolution_maps.RANGES[arguments.range]
    measured = measure(chosen, arguments.part, arguments.maps)
    chosen_fraction = arguments.fraction or best_fraction(measured)
    if arguments.calibrate:
        fitted = calibration(measured, chosen)
        Path(arguments.calibrate).write_text(json.dumps(fitted) + "\n")
    report = summary(measured, chosen, chosen_fraction)
    report["fraction of the spectral baseline"] = float(chosen_fraction)
    report["noise only: 2.5 %, median; cut"] = noise_only(chosen)
    for key, value in report.items():
        print("%s: %s" % (key, value))
    print(json.dumps(report))
