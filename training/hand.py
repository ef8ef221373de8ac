"""Train the networks of 0.h: is there an alpha helix, and which hand has it?

    python -m training.hand bank.npz OUT --seconds 400

Writes ``hand_helix.onnx`` and ``hand_sense.onnx``. Input ``density`` (n, 1, z, y, x) as
:mod:`vrs.checks.level_0.hand` makes it, output ``probability`` on every second voxel; an answer
depends on a box of 25³ voxels.

Mirror images are handled by construction. With g the logit and M the mirroring of a box, the helix
network is (g(x) + g(Mx))/2 and the hand network (g(x) - g(Mx))/2: they cannot prefer a hand that
the density does not show, and only right-handed helices are needed.
"""

import argparse
import copy
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from training import learning, simulation
from training.simulation import DEVICE, HELIX, OTHER, RIM

SEED = 7
FIELD, STRIDE, ANSWERS = 25, 2, 2
REACH = FIELD // 2
PATCH = FIELD + STRIDE * (ANSWERS - 1)
WIDTHS = (16, 20, 28, 32, 44, 52)
MARGIN, EXTENT = 14.0, 84.0
FINEST, COARSEST = 2.4, 5.4
# At the start only maps in which the hand is easily seen, or the hand network stays at chance.
EASY, EASY_COARSEST = 0.08, 3.8
# Where the patches of the helix network come from.
SHARES = {"helix": .32, "protein": .36, "anywhere": .16, "hard": .16}


class Trunk(nn.Sequential):
    """Convolutions without padding, one of stride 2: an answer per 2 voxels from 25³."""

    def __init__(self):
        layers, before = [nn.Conv3d(1, WIDTHS[0], 5, stride=STRIDE), nn.BatchNorm3d(WIDTHS[0]),
                          nn.ReLU()], WIDTHS[0]
        for width in WIDTHS[1:]:
            layers += [nn.Conv3d(before, width, 3), nn.BatchNorm3d(width), nn.ReLU()]
            before = width
        super().__init__(*layers, nn.Conv3d(before, before, 1), nn.ReLU(),
                         nn.Conv3d(before, 1, 1))


class WithMirror(nn.Module):
    """Logits that are even (sign 1) or odd (-1) in mirroring the box."""

    def __init__(self, sign):
        super().__init__()
        self.sign, self.trunk = sign, Trunk()

    def forward(self, boxes):
        mirrored = torch.flip(boxes, (4,))
        if self.training:  # one batch, so that both have the same statistics
            plain, other = self.trunk(torch.cat((boxes, mirrored))).chunk(2)
        else:
            plain, other = self.trunk(boxes), self.trunk(mirrored)
        return (plain + self.sign * torch.flip(other, (4,))) / 2


class Probability(nn.Module):
    """What is exported."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, boxes):
        return torch.sigmoid(self.network(boxes))


def patches(seen, labels, centres, rng):
    """Patches about voxels, each of which lies under one of the 2³ answers.

    Parameters
    ----------
    seen, labels : torch.Tensor, (z, y, x)
    centres : torch.Tensor of int, (n, 3)
        z, y, x.
    rng : numpy.random.Generator

    Returns
    -------
    boxes : torch.Tensor, (n, PATCH, PATCH, PATCH)
    answers : torch.Tensor, (n, 2, 2, 2)
    """
    seen, labels = (functional.pad(values, (PATCH,) * 6) for values in (seen, labels))
    corners = centres + PATCH - REACH - STRIDE * torch.randint(0, ANSWERS, centres.shape,
                                                               device=DEVICE)
    corners = torch.minimum(corners.clamp(min=0), torch.tensor(seen.shape, device=DEVICE) - PATCH)
    boxes = simulation.gather(seen, corners, PATCH)
    answers = simulation.gather(labels, corners + REACH, STRIDE * (ANSWERS - 1) + 1)
    answers = answers[:, ::STRIDE, ::STRIDE, ::STRIDE]
    # A rotation for each patch would be dear: four groups with one each.
    seeds = rng.integers(1 << 30, size=4)
    return tuple(torch.cat([learning.cube_turn(part, np.random.default_rng(seed))
                            for part, seed in zip(values.chunk(4), seeds)])
                 for values in (boxes, answers))


def pick(mask, count):
    """Random voxels of a mask, (count, 3), or none where it is empty."""
    found = torch.nonzero(mask)
    if len(found) == 0:
        return found
    return found[torch.randint(0, len(found), (count,), device=DEVICE)]


def noise_seen(rng, side=64):
    """What the networks see of noise, in half of the cases within a soft mask."""
    shape = (side,) * 3
    radius = simulation.grid_of(shape, 1.0).radius
    noise = simulation.white(shape) * simulation.decay(radius, rng.uniform(-150, 100))
    volume = simulation.to_map(noise * (radius <= 1 / rng.uniform(2.5, 5.0)), shape)
    if rng.random() < 0.5:
        blob = simulation.smooth_field(shape, 1.0, rng.uniform(5, 10))
        volume = volume * torch.sigmoid((blob - rng.uniform(0.3, 1.2)) * 6)
    return simulation.seen_by_hand(volume)


class Examples:
    """Rings of patches, filled from new maps at every step."""

    def __init__(self, bank, size, per_map, rng):
        kinds = dict(boxes=((PATCH,) * 3, torch.float16), labels=((ANSWERS,) * 3, torch.uint8))
        self.rings = {name: learning.Ring(max(1, int(size * share)), **kinds) for name, share in (
            ("easy", .5), ("helix", 1), ("protein", 1), ("anywhere", .25), ("hard", .25))}
        self.bank, self.per_map, self.rng = bank, per_map, rng

    def add_map(self, helix_network, easy):
        """Patches of one more map; maps that are not finite are left out.

        Parameters
        ----------
        helix_network : torch.nn.Module
            Says which patches without helix are hard.
        easy : bool

        Returns
        -------
        bool
            Whether the map was finite.
        """
        rng = self.rng
        structures = self.bank.draw("train", rng, helical=rng.random() < 0.75)
        scene = simulation.place(structures, rng, 1.0, MARGIN, EXTENT)
        resolution = rng.uniform(FINEST, EASY_COARSEST if easy else COARSEST)
        volume, mask = simulation.simulate_map(
            scene, simulation.varied_conditions(rng, resolution), rng)
        seen, labels = simulation.seen_by_hand(volume), simulation.label_helices(scene)
        if not bool(torch.isfinite(seen).all()):
            return False
        helical = pick(labels == HELIX, self.per_map)
        if len(helical):
            found = patches(seen, labels, helical, rng)
            for name in ("easy", "helix") if easy else ("helix",):
                self._add(name, *found)
        boxes, answers = patches(seen, labels, pick(mask, self.per_map), rng)
        self._add("protein", boxes, answers)
        self._add_empty(seen, labels)
        self._add_hard(helix_network, boxes, answers)
        return True

    def draw(self, count):
        """Patches for the helix network."""
        drawn = [self.rings[name].draw(max(1, int(count * share)))
                 for name, share in SHARES.items() if self.rings[name].count]
        return tuple(torch.cat([one[key] for one in drawn]) for key in ("boxes", "labels"))

    def _add(self, name, boxes, answers):
        self.rings[name].add(boxes=boxes, labels=answers)

    def _add_empty(self, seen, labels):
        """Patches anywhere, and of noise."""
        rng = self.rng
        if rng.random() < 0.5:
            noise = noise_seen(rng)
            nothing = torch.zeros_like(noise, dtype=torch.uint8)
            everywhere = torch.ones_like(noise, dtype=torch.bool)
            self._add("anywhere", *patches(noise, nothing, pick(everywhere, self.per_map // 4),
                                           rng))
        everywhere = torch.ones_like(seen, dtype=torch.bool)
        self._add("anywhere", *patches(seen, labels, pick(everywhere, max(1, self.per_map // 8)),
                                       rng))

    def _add_hard(self, network, boxes, answers):
        """What the network takes for a helix though it is none."""
        network.eval()
        with torch.no_grad(), learning.autocast():
            logits = network(boxes[:, None])[:, 0].float()
        network.train()
        wrong = torch.where(answers == OTHER, logits, torch.full_like(logits, -20))
        top = wrong.amax((1, 2, 3)).topk(max(1, self.per_map // 8)).indices
        self._add("hard", boxes[top], answers[top])


def loss_of(name, logits, labels):
    """Cross entropy of the hand ("sense") on helices, or of "helix" outside their rims."""
    if name == "sense":  # all helices of the training are right-handed: 0
        helical = labels == HELIX
        return (functional.softplus(logits) * helical).sum() / helical.sum().clamp(min=1)
    known = labels != RIM
    each = functional.binary_cross_entropy_with_logits(logits, (labels == HELIX).float(),
                                                       reduction="none")
    return (each * known).sum() / known.sum().clamp(min=1)


def train(bank, seconds, batch=512, per_map=160, size=48000, first=6, rate=2e-3,
          seed=SEED):
    """Train both networks at once.

    Parameters
    ----------
    bank : training.simulation.Bank
    seconds : float
        Time for it.
    batch, per_map, size : int
        Patches of a step, of each kind from a map, and kept.
    first : int
        Maps before the first step; one for each later step.
    rate : float
        Largest learning rate.
    seed : int

    Returns
    -------
    dict of str to torch.nn.Module
        "helix" and "sense", with averaged weights, in evaluation mode.
    """
    rng = learning.seeded(seed)
    networks = {name: WithMirror(sign).to(DEVICE, memory_format=torch.channels_last_3d).train()
                for name, sign in (("sense", -1), ("helix", 1))}
    averages = {name: learning.Average(network) for name, network in networks.items()}
    optimisers = {name: torch.optim.AdamW(network.parameters(), rate, weight_decay=1e-4)
                  for name, network in networks.items()}
    examples = Examples(bank, size, per_map, rng)
    clock, step = learning.Clock(seconds), 0
    while clock.done() < 1:
        easy, wanted = clock.done() < EASY, 1 if step else first
        while wanted:
            wanted -= examples.add_map(networks["helix"], easy)
        losses = {}
        for name, network in networks.items():
            if name == "sense":
                ring = examples.rings["easy" if easy else "helix"]
                if not ring.count:
                    continue
                drawn = ring.draw(batch)
                boxes, labels = drawn["boxes"], drawn["labels"]
            else:
                boxes, labels = examples.draw(batch)
            with learning.autocast():
                logits = network(boxes[:, None].float())
            losses[name] = loss_of(name, logits[:, 0].float(), labels)
            learning.step(optimisers[name], losses[name], network,
                          learning.rate_now(rate, step, clock.done(), 200), 1.0)
            averages[name].update()
        step += 1
        clock.report("step %d, losses %s" % (step, {
            name: round(float(loss.detach()), 4) for name, loss in losses.items()}))
    for name, network in networks.items():
        network.load_state_dict(averages[name].state)
        network.eval()
    return networks


def export(network, path):
    """Write one network as ONNX."""
    model = Probability(copy.deepcopy(network).float().cpu().to(
        memory_format=torch.contiguous_format)).eval()
    sides = {0: "n", 2: "z", 3: "y", 4: "x"}
    example = torch.zeros(1, 1, FIELD + 10, FIELD + 12, FIELD + 14)
    torch.onnx.export(
        model, (example,), str(path), dynamo=False, opset_version=17, input_names=["density"],
        output_names=["probability"], dynamic_axes={
            "density": sides,
            "probability": {axis: side + "_out" for axis, side in sides.items()}})


def main():
    """Train and export both networks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bank")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=400)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--per-map", type=int, default=160)
    parser.add_argument("--size", type=int, default=48000, help="patches kept")
    arguments = parser.parse_args()
    networks = train(simulation.Bank(arguments.bank), arguments.seconds, arguments.batch,
                     arguments.per_map, arguments.size)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, network in networks.items():
        export(network, arguments.out / ("hand_%s.onnx" % name))


if __name__ == "__main__":
    main()
