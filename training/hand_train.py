"""Train the networks of the hand check and export them as ONNX.

    python -m training.hand_train helix --cache DIR
    python -m training.hand_train sense --cache DIR
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from training import hand_data, hand_labels, hand_networks, maps

HERE = Path(__file__).parent
MODELS = HERE.parent / "vrs" / "engines" / "models"
SEED = 2026
PER_STRUCTURE = 3
STEPS = 1800
NOISE_MAPS = 80
BATCH = 256
ANSWERS = 2  # per side of a training patch; many small patches teach more than few large ones
EASY = 3.6        # Å
EASY_STEPS = 0.2  # The hand is learnt from the best maps first, else it never starts.
PATCH = hand_networks.FIELD + hand_networks.STRIDE * (ANSWERS - 1)
_FIRST = hand_networks.FIELD // 2
_MARGIN = 8
# Where the patches of the helix network are centred.
HELIX_SHARES = {"helix": 0.35, "protein": 0.4, "anywhere": 0.1, "noise": 0.15}


class Patches:
    """Random patches, in one of 24 orientations, with labels at the answers.

    Parameters
    ----------
    paths : list of pathlib.Path
        From :func:`hand_data.stored_maps`.
    noise : list of numpy.ndarray
        Normalised maps of noise alone.
    rng : numpy.random.Generator
    """

    def __init__(self, paths, noise, rng):
        self.rng = rng
        self.only_easy = False
        self.maps, self.places, resolutions = [], {"helix": [], "protein": []}, []
        for path in paths:
            with np.load(path) as stored:
                labels, mask = stored["labels"], stored["mask"]
                resolutions.append(json.loads(str(stored["conditions"]))["resolution"])
                self.maps.append((np.pad(stored["seen"], _MARGIN), np.pad(labels, _MARGIN)))
            for kind, where in (("helix", labels == hand_labels.HELIX), ("protein", mask)):
                places = np.argwhere(where).astype(np.int16) + _MARGIN
                self.places[kind].append(places)
        self.noise = [(volume.astype(np.float16), np.zeros(volume.shape, np.uint8))
                      for volume in noise]
        self.helical = [i for i, places in enumerate(self.places["helix"]) if len(places) > 100]
        self.easy = [i for i in self.helical if resolutions[i] < EASY]

    def draw(self, kinds):
        """One patch per kind of centre.

        Returns
        -------
        boxes : torch.Tensor of float32, (n, 1, PATCH, PATCH, PATCH)
        labels : torch.Tensor of uint8, (n, 1, ANSWERS, ANSWERS, ANSWERS)
        """
        drawn = [self._turn(*self._patch(kind)) for kind in kinds]
        boxes, labels = (np.stack(arrays)[:, None] for arrays in zip(*drawn))
        return torch.from_numpy(boxes.astype(np.float32)), torch.from_numpy(labels)

    def _patch(self, kind):
        if kind == "noise":
            seen, labels = self.noise[self.rng.integers(len(self.noise))]
        else:
            helical = self.easy if self.only_easy else self.helical
            index = (self.rng.choice(helical) if kind == "helix"
                     else self.rng.integers(len(self.maps)))
            seen, labels = self.maps[index]
        if kind in self.places:
            places = self.places[kind][index]
            centre = places[self.rng.integers(len(places))]
            corner = centre - PATCH // 2 + self.rng.integers(-(ANSWERS - 2), ANSWERS - 1, 3)
            corner = np.clip(corner, 0, np.array(seen.shape) - PATCH)
        else:
            corner = [self.rng.integers(size - PATCH + 1) for size in seen.shape]
        box = tuple(slice(start, start + PATCH) for start in corner)
        return seen[box], labels[box]

    def _turn(self, seen, labels):
        axes = self.rng.permutation(3)
        flips = self.rng.integers(0, 2, 3)
        odd = np.linalg.det(np.eye(3)[axes]) < 0
        if (flips.sum() % 2 == 1) != odd:  # a mirror image would have the other hand
            flips[0] = 1 - flips[0]
        steps = tuple(slice(None, None, -1 if flip else 1) for flip in flips)
        answers = tuple(slice(_FIRST, _FIRST + hand_networks.STRIDE * ANSWERS,
                              hand_networks.STRIDE) for _ in range(3))
        return seen.transpose(axes)[steps], labels.transpose(axes)[steps][answers]


def helix_loss(logits, labels):
    """Cross entropy of helix against everything but the rim of helices."""
    known = labels != hand_labels.RIM
    return functional.binary_cross_entropy_with_logits(
        logits[known], (labels[known] == hand_labels.HELIX).float())


def hand_loss(logits, labels):
    """Cross entropy of the hand within helices; all of them are right-handed.

    The mirror images have the same loss, as the network is antisymmetric.
    """
    return functional.softplus(logits[labels == hand_labels.HELIX]).mean()


def train(network, loss_of, patches, kinds, steps, rate, easy_steps):
    """Train with Adam, a warm-up and a cosine decay.

    Parameters
    ----------
    network : torch.nn.Module
    loss_of : callable
        Logits and labels to loss.
    patches : Patches
    kinds : dict of str to float
        Shares of the kinds of patches.
    steps : int
    rate : float
        Highest learning rate.
    easy_steps : float
        Part of the steps that see the best maps only.
    """
    optimiser = torch.optim.Adam(network.parameters(), rate, weight_decay=1e-5)
    start, recent = time.time(), []
    for step in range(1, steps + 1):
        done = step / steps
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1, done / 0.03) * (0.505 + 0.495 * np.cos(np.pi * done))
        patches.only_easy = done <= easy_steps
        drawn = patches.rng.choice(list(kinds), BATCH, p=list(kinds.values()))
        boxes, labels = patches.draw(drawn)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(boxes)
        loss = loss_of(logits.float(), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        recent.append(loss.item())
        if step % 50 == 0:
            print("%5.1f min, step %d, loss %.4f"
                  % ((time.time() - start) / 60, step, np.mean(recent)), flush=True)
            recent = []


def validation(network, loss_of, patches, kinds, batches=40):
    """Mean loss and share of right answers on other structures."""
    network.eval()
    losses, right, known = [], 0, 0
    with torch.no_grad():
        for _ in range(batches):
            boxes, labels = patches.draw(
                patches.rng.choice(list(kinds), BATCH, p=list(kinds.values())))
            logits = network(boxes)
            losses.append(loss_of(logits, labels).item())
            if isinstance(network, hand_networks.HandNetwork):
                judged = labels == hand_labels.HELIX
                right += (logits[judged] < 0).sum().item()
            else:
                judged = labels != hand_labels.RIM
                right += ((logits[judged] > 0) == (labels[judged] == 1)).sum().item()
            known += judged.sum().item()
    return np.mean(losses), right / known


def export(network, path):
    """Write a network as ONNX for maps of any odd size, probabilities as output."""
    model = hand_networks.Probability(network).eval()
    sides = {0: "n", 2: "z", 3: "y", 4: "x"}
    torch.onnx.export(
        model, (torch.zeros(1, 1, 27, 29, 31),), str(path), dynamo=False, opset_version=17,
        input_names=["density"], output_names=["probability"],
        dynamic_axes={"density": sides, "probability": {axis: side + "_out" for axis, side
                                                        in sides.items()}})


def main():
    """Train one network and export it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=["helix", "sense"])
    parser.add_argument("--cache", type=Path, required=True, help="folder for simulated maps")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--maps", type=int, default=PER_STRUCTURE, help="per structure")
    parser.add_argument("--resume", type=Path, help="weights (.pt) to go on from")
    parser.add_argument("--rate", type=float, default=1e-3, help="highest learning rate")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(SEED)
    if arguments.network == "helix":
        network, loss_of, kinds = hand_networks.HelixNetwork(), helix_loss, HELIX_SHARES
    else:
        network, loss_of, kinds = hand_networks.HandNetwork(), hand_loss, {"helix": 1.0}
    sets = {}
    for part in ("train", "validation"):
        rng = np.random.default_rng([SEED, part == "train"])
        paths = hand_data.stored_maps(arguments.cache, maps.names(part),
                                      arguments.maps if part == "train" else PER_STRUCTURE, SEED)
        noise = [hand_data.what_networks_see(hand_data.noise_map((64, 64, 64), rng))
                 for _ in range(NOISE_MAPS)]
        sets[part] = Patches(paths, noise, rng)
    if arguments.resume:
        network.load_state_dict(torch.load(arguments.resume))
    network = network.to(memory_format=torch.channels_last_3d)
    train(network, loss_of, sets["train"], kinds, arguments.steps, arguments.rate,
          EASY_STEPS if arguments.network == "sense" and not arguments.resume else 0)
    loss, right = validation(network, loss_of, sets["validation"], kinds)
    print("validation: loss %.4f, %.2f %% of the answers right" % (loss, 100 * right))
    torch.save(network.state_dict(), arguments.cache / (arguments.network + ".pt"))
    MODELS.mkdir(parents=True, exist_ok=True)
    export(network, MODELS / ("hand_%s.onnx" % arguments.network))


if __name__ == "__main__":
    main()
