"""Boxes of simulated maps with what stands in their middle, for the network of item A.g.

    python -m training.daq_data train CACHE --maps 8
    python -m training.daq_data validation CACHE --maps 4

Maps are simulated as for the hand network (``hand_data``), but atoms fade as they do in
maps: those that are mobile in the crystal, those far out in a side chain, and the acid
groups, have larger B-factors. Boxes stand on alpha carbons, other atoms, and elsewhere.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from training import hand_data, maps
from vrs.checks.level_A import daq

SEED = 2027
# A model's alpha carbons do not stand where the true ones do: deviation per axis, Å.
JITTER = 0.35
RESIDUES_PER_MAP = 160
OTHERS = {"backbone": 0.35, "side chain": 0.2, "elsewhere": 0.2}  # per alpha carbon
_BACKBONE = {"N": 1, "CA": 2, "C": 3, "O": 4}
_SIDE_CHAIN = 5
_REMOTENESS = {letter: steps for steps, letter in enumerate("BGDEZH", 1)}
_ACIDS = {("ASP", "OD1"), ("ASP", "OD2"), ("GLU", "OE1"), ("GLU", "OE2")}
_MARGIN = 14.0
_NEAR, _FAR = 1.5, 6.0  # boxes elsewhere stand this far from all atoms, Å
_UNKNOWN = -1


def simulate(name, rng, resolution=None):
    """A map of a structure.

    Parameters
    ----------
    name : str
        Of the structure.
    rng : numpy.random.Generator
    resolution : float, optional
        Å; drawn between 2.5 and 5.2 when absent.

    Returns
    -------
    scene : maps.Scene
    volume : numpy.ndarray of float32, (z, y, x)
        1 Å/voxel.
    mask : numpy.ndarray of bool, (z, y, x)
    conditions : hand_data.Conditions
    """
    conditions = hand_data.random_conditions(rng, resolution)
    scene = maps.place(maps.load_structure(name), rng, sampling=1.0, margin=_MARGIN)
    transform = maps.structure_factors(scene, _b_factors(scene.model, rng))
    return (scene, *hand_data.degrade(scene, transform, conditions, rng), conditions)


def sample(scene, density, rng):
    """Boxes with labels from one map.

    Parameters
    ----------
    scene : maps.Scene
    density : numpy.ndarray of float32, (z, y, x)
        As the network sees it.
    rng : numpy.random.Generator

    Returns
    -------
    boxes : numpy.ndarray of float16, (n, 11, 11, 11)
    labels : numpy.ndarray of int8, (n, 3)
        Amino acid, atom, secondary structure; -1 where it is not asked.
    """
    residues = daq.read_alpha_carbons(scene.model)
    count = min(RESIDUES_PER_MAP, len(residues.types))
    chosen = rng.choice(len(residues.types), count, replace=False)
    places = [residues.positions[chosen] + rng.normal(0, JITTER, (count, 3))]
    labels = [np.stack([residues.types[chosen], np.full(count, _BACKBONE["CA"]),
                        residues.structures[chosen]], axis=1)]
    atoms, kinds = _atoms(scene.model)
    for kind, part in OTHERS.items():
        wanted = int(part * count)
        if kind == "elsewhere":
            found, classes = _elsewhere(atoms, wanted, rng), np.zeros(wanted, int)
        else:
            inside = np.flatnonzero(np.isin(kinds, [1, 3, 4] if kind == "backbone"
                                            else [_SIDE_CHAIN]))
            picked = rng.choice(inside, wanted)
            found = atoms[picked] + rng.normal(0, JITTER, (wanted, 3))
            classes = kinds[picked]
        places.append(found)
        labels.append(np.stack([np.full(wanted, _UNKNOWN), classes,
                                np.full(wanted, _UNKNOWN)], axis=1))
    places, labels = np.concatenate(places), np.concatenate(labels).astype(np.int8)
    boxes = np.concatenate(list(daq.boxes_around(density, scene.sampling, places)))
    return boxes.astype(np.float16), labels


def make(part, folder, per_structure):
    """Simulate maps and store their boxes, one file per map, ``.npz``."""
    folder = folder / part
    folder.mkdir(parents=True, exist_ok=True)
    for repeat in range(per_structure):
        for name in maps.names(part):
            path = folder / ("%s_%d.npz" % (name, repeat))
            if path.exists():
                continue
            rng = np.random.default_rng([SEED, repeat, hand_data.number_of(name)])
            scene, volume, mask, conditions = simulate(name, rng)
            boxes, labels = sample(scene, daq.what_the_network_sees(volume, 1.0, mask), rng)
            np.savez(path, boxes=boxes, labels=labels, resolution=conditions.resolution)


def _b_factors(model, rng):
    """B-factor of each atom beyond that of the map, Å²."""
    atoms = [(site.residue.name, site.atom.name, site.atom.b_iso) for site in model.all()]
    crystal = np.array([b for _, _, b in atoms])
    mobile = np.clip(crystal - np.percentile(crystal, 20), 0, 100) * rng.uniform(0, 1)
    remote = np.array([_REMOTENESS.get(name[1:2], 0) if name not in _BACKBONE else 0
                       for _, name, _ in atoms]) * rng.uniform(0, 12)
    acid = np.array([key[:2] in _ACIDS for key in atoms]) * rng.uniform(0, 120)
    return mobile + remote + acid


def _atoms(model):
    sites = [site for site in model.all() if site.residue.name in daq.AMINO_ACIDS]
    kinds = np.array([_BACKBONE.get(site.atom.name, _SIDE_CHAIN) for site in sites])
    return np.array([site.atom.pos.tolist() for site in sites]), kinds


def _elsewhere(atoms, count, rng):
    """Places between 1.5 and 6 Å from the nearest atom."""
    tree, found = cKDTree(atoms), np.zeros((0, 3))
    while len(found) < count:
        tried = atoms[rng.integers(len(atoms), size=4 * count)] + rng.normal(0, 3, (4 * count, 3))
        distance = tree.query(tried)[0]
        found = np.concatenate([found, tried[(distance > _NEAR) & (distance < _FAR)]])
    return found[:count]


def main():
    """Simulate the maps of one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=["train", "validation", "test"])
    parser.add_argument("cache", type=Path)
    parser.add_argument("--maps", type=int, default=8, help="per structure")
    arguments = parser.parse_args()
    make(arguments.part, arguments.cache, arguments.maps)


if __name__ == "__main__":
    main()
