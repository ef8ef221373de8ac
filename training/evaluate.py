"""Measure the networks of the package on structures that they never saw, through its own code.

    python -m training.evaluate hand bank.npz --part test --simulation new
    python -m training.evaluate daq bank.npz
    python -m training.evaluate low bank.npz        # or high

Maps are simulated from every structure of the part and given to the functions of 0.h, A.g and 0.e,
with the networks in ``vrs/engines/models`` or in ``--models``. Prints the figures of the cards.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from training import deepres, figures, learning, simulation
from vrs.checks.level_0 import hand, local_resolution
from vrs.checks.level_A import daq
from vrs.engines import networks

SEED = 43
HAND_RESOLUTIONS = (3.0, 3.5, 4.0, 4.5, 5.0)
DAQ_RESOLUTIONS = (2.5, 3.0, 3.5, 4.0, 4.5, 5.0)
CONDITIONS = {"old": simulation.plain_conditions, "new": simulation.varied_conditions}
MARGIN, EXTENT = 14.0, 100.0
COORDINATE_ERROR = 0.25   # Å per axis
SHIFT = 4.0               # Å
REGISTER = (3, 10)        # residues
VOXELS = 3000             # of a map for 0.e


def one_map(bank, index, resolution, draw, rng):
    """A map of a structure: scene, volume, mask as numpy arrays; None where it is not finite."""
    scene = simulation.place([bank.get(index)], rng, 1.0, MARGIN, EXTENT)
    volume, mask = simulation.simulate_map(scene, draw(rng, resolution), rng)
    if not bool(torch.isfinite(volume).all()):
        return None
    return scene, volume.cpu().numpy(), mask.cpu().numpy()


def hand_records(bank, part, draw, every):
    """Records for :func:`training.figures.hand_figures`."""
    rng, records = learning.seeded(SEED), []
    for index in bank.parts[part][::every]:
        for resolution in HAND_RESOLUTIONS:
            made = one_map(bank, index, resolution, draw, rng)
            if made is None:
                continue
            scene, volume, mask = made
            labels = simulation.label_helices(scene)
            helices = hand.find_helices(volume, 1.0, mask)
            voxels = helices.volume
            records.append(dict(
                name=bank.meta[index]["name"], resolution=resolution,
                true=int((labels == simulation.HELIX).sum()), voxels=voxels,
                blocks=helices.blocks, mask=int(mask.sum()), measured=bool(
                    helices.tell_the_hand
                    and 100 * voxels >= hand._LEAST_PERCENTAGE * mask.sum()),
                score=float(helices.hands.mean()) if voxels else None,
                error=hand.score_error(helices, rng) if voxels else None))
    return records


def daq_records(bank, part, draw, every):
    """Records for :func:`training.figures.daq_figures`: the right model and three wrong ones."""
    rng, records, network = learning.seeded(SEED), [], networks.Network("daq")
    pool = [index for index in bank.parts[part] if index in bank.residues]
    for number, index in enumerate(pool[::every]):
        other = bank.get(pool[(number * every + len(pool) // 2) % len(pool)])
        for resolution in DAQ_RESOLUTIONS:
            made = one_map(bank, index, resolution, draw, rng)
            if made is None:
                continue
            scene, volume, mask = made
            density = daq.what_the_network_sees(volume, 1.0, mask)
            true = _carbons(scene.atoms)
            if len(true.types) < daq._FEWEST:
                continue
            true.positions += rng.normal(0, COORDINATE_ERROR, true.positions.shape)
            wrong = _carbons(other)
            turned = (wrong.positions - wrong.positions.mean(axis=0)) @ simulation.rotation(rng)
            step = SHIFT * simulation.rotation(rng)[0]
            right = daq.likelihoods(network, density, 1.0, true.positions).amino_acids
            moved, elsewhere = (
                daq.likelihoods(network, density, 1.0, places).amino_acids for places in (
                    true.positions + step, turned + true.positions.mean(axis=0)))
            found = ((right, true.types, true.chains),
                     (right, _other_register(true, rng), true.chains),
                     (moved, true.types, true.chains), (elsewhere, wrong.types, wrong.chains))
            records.append(dict(
                name=bank.meta[index]["name"], resolution=resolution,
                likeliest=float(np.mean(right.argmax(axis=1) == true.types)),
                scores={kind: daq.window_means(daq.log_ratios(p, types, p), chains).tolist()
                        for kind, (p, types, chains) in zip(("right",) + figures.WRONG, found)}))
    return records


def resolution_records(bank, part, name, maps):
    """Records for :func:`training.figures.resolution_figures`: half of the maps even, half of
    them limited by noise, a third never sharpened."""
    rng, records, span = learning.seeded(SEED), [], deepres.RANGES[name]
    network, pool = networks.Network("deepres_" + name), bank.parts[part]
    for index in range(maps):
        case = dict(uneven=bool(index % 2), noisy=bool(index // 2 % 2))
        if index % 3 == 2:
            case["unsharpened"] = True
        volume, resolution, mask, drawn = deepres.draw_map(
            bank, part, span, rng, structure=pool[5 * index % len(pool)], **case)
        if not bool(torch.isfinite(volume).all()):
            continue
        volume, resolution, mask = (values.cpu().numpy() for values in (volume, resolution, mask))
        local, _ = local_resolution.local_resolution(volume, mask, span.sampling, network)
        voxels = rng.integers(np.count_nonzero(mask), size=VOXELS)
        records.append(dict(true=resolution[mask][voxels], found=local[mask][voxels],
                            limits=drawn.limits, noisy=drawn.noisy))
    return records


def _carbons(atoms):
    """The alpha carbons of a scene or structure, as A.g reads them from a model."""
    values = (atoms["ca"], atoms["aa"], atoms["ss"], atoms["chain"])
    positions, *labels = (part.cpu().numpy() for part in values)
    return daq.AlphaCarbons(positions.astype(float), *(part.astype(int) for part in labels),
                            np.arange(len(positions)))


def _other_register(true, rng):
    """The sequence of each chain moved along by 3 to 10 residues."""
    types = true.types.copy()
    for chain in np.unique(true.chains):
        members = np.flatnonzero(true.chains == chain)
        steps = rng.integers(REGISTER[0], REGISTER[1] + 1) * rng.choice([-1, 1])
        types[members] = np.roll(types[members], steps)
    return types


def main():
    """Evaluate and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=["hand", "daq", "low", "high"])
    parser.add_argument("bank")
    parser.add_argument("--part", choices=["validation", "test"], default="test")
    parser.add_argument("--simulation", choices=sorted(CONDITIONS), default="new",
                        help="of 0.h and A.g")
    parser.add_argument("--every", type=int, default=2, help="2 takes every second structure")
    parser.add_argument("--maps", type=int, default=88, help="of 0.e")
    parser.add_argument("--models", type=Path, default=networks.MODELS, help="folder of networks")
    arguments = parser.parse_args()
    networks.MODELS = arguments.models
    bank, draw = simulation.Bank(arguments.bank), CONDITIONS[arguments.simulation]
    if arguments.network == "hand":
        result = figures.hand_figures(hand_records(bank, arguments.part, draw, arguments.every))
    elif arguments.network == "daq":
        records = daq_records(bank, arguments.part, draw, arguments.every)
        result = figures.daq_figures(records, daq._EXPECTED, daq._MOST_NEGATIVE)
    else:
        result = figures.resolution_figures(resolution_records(
            bank, arguments.part, arguments.network, arguments.maps))
    print(json.dumps(result, indent=1, ensure_ascii=False, default=float))


if __name__ == "__main__":
    main()
