"""Train the network of item A.g and export it as ONNX.

    python -m training.daq_train CACHE --steps 3000
    python -m training.daq_train CACHE --stage 1 --steps 4000
    python -m training.daq_train CACHE --stage 2 --steps 4000 --settle --export
"""

import argparse
import time
from pathlib import Path

import numpy as np
import onnx
import torch
from torch.nn import functional

from training import daq_network
from vrs.checks.level_A import daq

MODEL = Path(__file__).parents[1] / "vrs" / "engines" / "models" / "daq.onnx"
SEED = 2028
BATCH = 512
RATE = 3e-3
WARM_UP = 200
# Amino acids count most: their score is what the item judges.
WEIGHTS = (1.0, 0.3, 0.3)
BRIGHTNESS = 0.2  # deviation of the logarithm of a random factor on the density
RESOLUTIONS = (2.5, 3.0, 3.5, 4.0, 4.5, 5.2)


def load(folder):
    """All boxes, labels and resolutions that :mod:`training.daq_data` stored."""
    boxes, labels, resolutions = [], [], []
    for path in sorted(folder.glob("*.npz")):
        with np.load(path) as stored:
            boxes.append(stored["boxes"])
            labels.append(stored["labels"])
            resolutions.append(np.full(len(stored["labels"]), float(stored["resolution"])))
    return tuple(map(np.concatenate, (boxes, labels, resolutions)))


def losses(logits, labels):
    """Cross entropies of the three heads, where labels are known."""
    return [functional.cross_entropy(part.float(), labels[:, head], ignore_index=-1)
            for head, part in enumerate(logits)]


def train(network, boxes, labels, steps, rng, settle, path):
    """Train with AdamW at a constant rate after a warm-up, or from it down to 0.

    Parameters
    ----------
    network : daq_network.Network
    boxes : numpy.ndarray of float16, (n, 11, 11, 11)
    labels : numpy.ndarray of int8, (n, 3)
    steps : int
    rng : numpy.random.Generator
    settle : bool
        Let the rate fall to 0.
    path : pathlib.Path
        Receives the weights every 500 steps.
    """
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=1e-3)
    weights, start, recent = torch.tensor(WEIGHTS), time.time(), []
    network.train()
    for step in range(1, steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1, step / WARM_UP) * (1 - (step - 1) / steps if settle else 1)
        drawn = rng.integers(len(labels), size=BATCH)
        with torch.autocast("cpu", torch.bfloat16):
            logits = network(torch.from_numpy(_turned(boxes[drawn], rng)))
        parts = torch.stack(losses(logits, torch.from_numpy(labels[drawn].astype(np.int64))))
        optimiser.zero_grad()
        (weights * parts).sum().backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimiser.step()
        recent.append(parts.detach().numpy())
        if step % 100 == 0:
            print("%5.1f min, step %d, losses %s" % (
                (time.time() - start) / 60, step, np.mean(recent, axis=0).round(3)), flush=True)
            recent = []
        if step % 500 == 0:
            torch.save(network.state_dict(), path)


def _turned(boxes, rng):
    """Boxes in one of 24 orientations, each with another brightness."""
    axes, flips = rng.permutation(3), rng.integers(0, 2, 3)
    odd = np.linalg.det(np.eye(3)[axes]) < 0
    if (flips.sum() % 2 == 1) != odd:  # amino acids have a hand
        flips[0] = 1 - flips[0]
    steps = tuple(slice(None, None, -1 if flip else 1) for flip in flips)
    turned = boxes.transpose(0, *(axes + 1))[(slice(None),) + steps].astype(np.float32)
    factors = np.exp(rng.normal(0, BRIGHTNESS, len(boxes))).astype(np.float32)
    return np.ascontiguousarray(turned * factors[:, None, None, None])


def validate(network, boxes, labels, resolutions):
    """Print cross entropies, and how often the likeliest amino acid is the right one."""
    network.eval()
    with torch.no_grad():
        logits = [torch.cat(parts) for parts in zip(*(
            network(torch.from_numpy(boxes[start:start + 1000].astype(np.float32)))
            for start in range(0, len(boxes), 1000)))]
    known = torch.from_numpy(labels.astype(np.int64))
    print("validation: losses %s" % np.round([float(v) for v in losses(logits, known)], 3))
    shares = np.bincount(labels[labels[:, 0] >= 0, 0]) / np.count_nonzero(labels[:, 0] >= 0)
    print("amino acids by their frequencies alone: loss %.3f, right %.3f"
          % (-(shares * np.log(shares)).sum(), shares.max()))
    likeliest = logits[0].argmax(dim=1).numpy()
    for best, worst in zip(RESOLUTIONS, RESOLUTIONS[1:]):
        chosen = (labels[:, 0] >= 0) & (resolutions >= best) & (resolutions < worst)
        print("%.1f to %.1f Å, %d residues: amino acids right %.3f, loss %.3f" % (
            best, worst, chosen.sum(), np.mean(likeliest[chosen] == labels[chosen, 0]),
            functional.cross_entropy(logits[0][chosen], known[chosen, 0])))


def export(network, path):
    """Write the network as ONNX, with probabilities as output."""
    side = daq.BOX
    torch.onnx.export(
        daq_network.Probabilities(network).eval(), (torch.rand(3, side, side, side),), str(path),
        dynamo=False, opset_version=17, input_names=["boxes"], output_names=["probabilities"],
        dynamic_axes={"boxes": {0: "n"}, "probabilities": {0: "n"}}, do_constant_folding=False)
    _halve_constants(path)


def _halve_constants(path):
    """Store large constants, which are exact in 16 bits, so; they are cast when used."""
    model = onnx.load(str(path))
    for index, node in reversed(list(enumerate(model.graph.node))):
        if node.op_type != "Constant" or node.attribute[0].name != "value":
            continue
        values = onnx.numpy_helper.to_array(node.attribute[0].t)
        if values.dtype == np.float32 and np.array_equal(values, values.astype(np.float16)) \
                and values.size > 10_000:
            name = node.output[0]
            node.output[0] = name + "_half"
            node.attribute[0].t.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16)))
            model.graph.node.insert(index + 1, onnx.helper.make_node(
                "Cast", [node.output[0]], [name], to=onnx.TensorProto.FLOAT))
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def main():
    """Train, validate, store."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cache", type=Path, help="folder with the boxes, and for the weights")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--stage", type=int, default=0,
                        help="0 starts afresh, others go on from the weights in the cache")
    parser.add_argument("--settle", action="store_true", help="let the rate fall to 0")
    parser.add_argument("--export", action="store_true", help="write %s" % MODEL.name)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(SEED + arguments.stage)
    network, path = daq_network.Network(), arguments.cache / "daq.pt"
    if arguments.stage:
        network.load_state_dict(torch.load(path))
    if arguments.steps:
        boxes, labels, _ = load(arguments.cache / "train")
        rng = np.random.default_rng([SEED, arguments.stage])
        train(network, boxes, labels, arguments.steps, rng, arguments.settle, path)
        torch.save(network.state_dict(), path)
    validate(network, *load(arguments.cache / "validation"))
    if arguments.export:
        export(network, MODEL)


if __name__ == "__main__":
    main()
