"""Train a network that reads the resolution from a box of density, and export it.

    python -m training.train_resolution low CACHE OUTPUT.pt --minutes 25
    python -m training.train_resolution low CACHE OUTPUT.pt --export deepres_low.onnx

CACHE holds what ``make_boxes`` wrote.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from training.resolution_maps import BOX, RANGES

_SEED = 5
_BATCH = 256
_AVERAGED = 0.997  # weights are averaged over a few hundred steps


class Spectrum(nn.Module):
    """Logarithms of the shell means of the power of the cosine transform of a box.

    With and without a taper: the one follows steep fall-offs, the other keeps the edges of
    the box in view. Fixed matrices, nothing to train.
    """

    def __init__(self, box=BOX):
        super().__init__()
        index = np.arange(box)
        basis = np.cos(np.pi * (index + 0.5) * index[:, None] / box) * np.sqrt(2 / box)
        basis[0] /= np.sqrt(2)
        taper = np.sin(np.pi * (index + 1) / (box + 1)) ** 2
        axes = index ** 2
        shells = np.rint(np.sqrt(axes[:, None, None] + axes[:, None] + axes)).astype(int)
        shells = np.minimum(shells, box + 4).ravel()
        means = np.eye(shells.max() + 1)[:, shells]
        means /= means.sum(axis=1, keepdims=True)
        self.size = 2 * len(means)
        for name, matrix in (("plain", basis), ("tapered", basis * taper), ("means", means)):
            self.register_buffer(name, torch.tensor(matrix.T, dtype=torch.float32))

    def forward(self, boxes):
        features = []
        for basis in (self.plain, self.tapered):
            transform = boxes @ basis
            transform = transform.transpose(2, 3) @ basis
            transform = transform.transpose(1, 3) @ basis
            power = (transform * transform).flatten(1) @ self.means
            features.append(torch.log(power + 1e-8) / 4 + 2)
        return torch.cat(features, dim=1)


class ResolutionNetwork(nn.Module):
    """Boxes (n, 13, 13, 13) to resolutions (n,) in Å, whatever the scale of the boxes."""

    def __init__(self, best, worst):
        super().__init__()
        self.best, self.worst = best, worst
        self.spectrum = Spectrum()
        self.texture = nn.Sequential(
            nn.Conv3d(1, 24, 5, stride=2), nn.ReLU(), nn.Conv3d(24, 48, 3), nn.ReLU(),
            nn.Conv3d(48, 72, 3), nn.ReLU(), nn.Flatten())
        self.head = nn.Sequential(
            nn.Linear(72 + self.spectrum.size, 96), nn.ReLU(), nn.Linear(96, 64), nn.ReLU(),
            nn.Linear(64, 1))

    def forward(self, boxes):
        norm = torch.sqrt((boxes * boxes).sum(dim=(1, 2, 3), keepdim=True) + 1e-20)
        boxes = boxes / norm
        # Unit norm leaves values of about 0.02, too small for the first layer.
        features = torch.cat([self.texture(20 * boxes[:, None]), self.spectrum(boxes)], dim=1)
        return self.best + (self.worst - self.best) * torch.sigmoid(self.head(features)[:, 0])


def load(cache, range_name, part):
    """Boxes (memory map), resolutions and index of the map of each box."""
    stem = "%s/%s_%s_" % (cache, range_name, part)
    return (np.load(stem + "boxes.npy", mmap_mode="r"), np.load(stem + "resolutions.npy"),
            np.load(stem + "maps.npy"))


def turn(boxes, rng):
    """One of the 48 symmetries of the cube, the same for a batch."""
    axes = rng.permutation(3) + 1
    boxes = boxes.transpose(0, *axes)
    flips = tuple(slice(None, None, rng.choice([-1, 1])) for _ in range(3))
    return boxes[(slice(None),) + flips]


def predict(network, boxes):
    """Resolutions of boxes in any array, float32 (n,)."""
    network.eval()
    with torch.no_grad():
        parts = [network(torch.from_numpy(np.array(boxes[i:i + 2048], dtype=np.float32)))
                 for i in range(0, len(boxes), 2048)]
    return torch.cat(parts).numpy()


def train(span, cache, output, minutes, start_from=None):
    """Train for some minutes, from random or given weights, and save the averaged weights."""
    torch.manual_seed(_SEED)
    torch.set_num_threads(1)
    rng = np.random.default_rng(_SEED)
    boxes, resolutions, _ = load(cache, span.name, "train")
    # This layout makes the convolutions 1.6 times as fast.
    network = ResolutionNetwork(span.best, span.worst).to(memory_format=torch.channels_last_3d)
    if start_from:
        network.load_state_dict(torch.load(start_from))
    average = torch.optim.swa_utils.AveragedModel(
        network, avg_fn=torch.optim.swa_utils.get_ema_avg_fn(_AVERAGED))
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=1e-4)
    rate = 1e-3 if start_from else 2e-3
    start, step, losses = time.time(), 0, []
    next_report = 120
    while time.time() - start < 60 * minutes:
        chosen = np.sort(rng.integers(len(boxes), size=_BATCH))
        batch = turn(boxes[chosen].astype(np.float32), rng)
        progress = (time.time() - start) / (60 * minutes)
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1, (step + 1) / 300) * (0.5 + 0.5 * np.cos(np.pi * progress))
        optimizer.zero_grad()
        found = network(torch.from_numpy(np.ascontiguousarray(batch)))
        loss = (found - torch.from_numpy(resolutions[chosen])).abs().mean()
        loss.backward()
        optimizer.step()
        average.update_parameters(network)
        losses.append(loss.item())
        step += 1
        if time.time() - start > next_report:
            next_report += 120
            report(average.module, span, cache, step, np.mean(losses[-500:]))
            torch.save(average.module.state_dict(), output)
            average.train()
    report(average.module, span, cache, step, np.mean(losses[-500:]))
    torch.save(average.module.state_dict(), output)


def report(network, span, cache, step, loss):
    """Print the errors on the validation structures."""
    boxes, resolutions, _ = load(cache, span.name, "validation")
    errors = np.abs(predict(network, boxes) - resolutions)
    thirds = np.linspace(span.best, span.worst, 5)
    medians = [np.median(errors[(resolutions >= low) & (resolutions < high)])
               for low, high in zip(thirds, thirds[1:])]
    print("step %d, training loss %.3f, validation mean error %.3f, medians by quarter %s"
          % (step, loss, errors.mean(), np.round(medians, 3)), flush=True)


def export(span, weights, path, metadata):
    """Write the network as ONNX, with metadata as JSON values."""
    import onnx

    network = ResolutionNetwork(span.best, span.worst)
    network.load_state_dict(torch.load(weights))
    network.eval()
    torch.onnx.export(network, (torch.rand(2, BOX, BOX, BOX),), path, input_names=["boxes"],
                      output_names=["resolution"], opset_version=17, dynamo=False,
                      dynamic_axes={"boxes": {0: "n"}, "resolution": {0: "n"}})
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {key: json.dumps(value)
                                        for key, value in metadata.items()})
    onnx.save(model, path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("range", choices=sorted(RANGES))
    parser.add_argument("cache")
    parser.add_argument("weights")
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--start-from", metavar="WEIGHTS")
    parser.add_argument("--export", metavar="ONNX")
    parser.add_argument("--calibration", help="JSON file written by evaluate_resolution")
    arguments = parser.parse_args()
    chosen_range = RANGES[arguments.range]
    if arguments.export:
        stored = {"range": [chosen_range.best, chosen_range.worst],
                  "sampling": chosen_range.sampling, "box": BOX}
        ends = list(stored["range"])
        stored["calibration"] = {"network": ends, "resolution": ends}
        if arguments.calibration:
            stored["calibration"] = json.loads(Path(arguments.calibration).read_text())
        export(chosen_range, arguments.weights, arguments.export, stored)
    else:
        train(chosen_range, arguments.cache, arguments.weights, arguments.minutes,
              arguments.start_from)
