"""Simulate maps and keep boxes of them, for ``train_resolution.py``.

    python -m training.make_boxes low train CACHE --maps 1600 --boxes 300
"""

import argparse
import json
from pathlib import Path

import numpy as np

from training import maps, resolution_maps

_NOISE_ONLY = 0.06
_SEEDS = {"train": 11, "validation": 12, "test": 13}


def make(range_name, part, cache, n_maps, n_boxes):
    """Write ``<range>_<part>_boxes.npy`` (n, 13, 13, 13), ``..._resolutions.npy``,
    ``..._maps.npy`` (index of the map of each box) and ``..._traits.json``."""
    span = resolution_maps.RANGES[range_name]
    stem = "%s/%s_%s_" % (cache, range_name, part)
    shape = (n_maps * n_boxes,) + (resolution_maps.BOX,) * 3
    boxes = np.lib.format.open_memmap(stem + "boxes.npy", "w+", np.float16, shape)
    resolutions, traits = np.zeros(len(boxes), np.float32), []
    names = maps.names(part)
    order = np.random.default_rng(_SEEDS[part]).permutation(n_maps)
    for index in range(n_maps):
        rng = np.random.default_rng([_SEEDS[part], index])
        simulation = (resolution_maps.noise_map(span, rng) if rng.random() < _NOISE_ONLY else
                      resolution_maps.simulate(names[order[index] % len(names)], span, rng))
        here = slice(index * n_boxes, (index + 1) * n_boxes)
        boxes[here], resolutions[here] = resolution_maps.sample_boxes(simulation, n_boxes, rng)
        traits.append({key: value if isinstance(value, (tuple, bool)) else float(value)
                       for key, value in simulation.traits.items()})
    np.save(stem + "resolutions.npy", resolutions)
    np.save(stem + "maps.npy", np.repeat(np.arange(n_maps), n_boxes))
    Path(stem + "traits.json").write_text(json.dumps(traits))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("range", choices=sorted(resolution_maps.RANGES))
    parser.add_argument("part", choices=sorted(_SEEDS))
    parser.add_argument("cache")
    parser.add_argument("--maps", type=int, default=1600)
    parser.add_argument("--boxes", type=int, default=300)
    arguments = parser.parse_args()
    make(arguments.range, arguments.part, arguments.cache, arguments.maps, arguments.boxes)
