"""Train a network of 0.e: the resolution in the middle of a box.

    python -m training.deepres low bank.npz OUT --seconds 210
    python -m training.deepres high bank.npz OUT --seconds 210

Writes ``deepres_<range>.onnx``. Input ``boxes`` (n, 13, 13, 13), whose grey scale does not matter;
outputs ``resolution`` (n,), the median's estimate in Å, and ``quantiles`` (n, 10) of the
resolution there at 5, 15 ... 95 %. Metadata: range, sampling, box and levels.

Resolution means the finer limit of what the surroundings of a point still show: where a filter
has cut the signal to one half, or where the signal, in the volume that the molecule fills, has a
third of the power of the noise (FSC 0.143 between half maps).
"""

import argparse
import copy
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import fft, nn

from training import learning, simulation
from training.simulation import DEVICE, decay, raised_cosine

SEED = 17
BOX = 13
LEVELS = tuple(round(0.05 + 0.1 * i, 2) for i in range(10))
COPIES = 6               # of a map of uneven resolution, limited at as many resolutions
NOISE_ONLY = 0.06
LEAST_CONTRAST = 2.0
_WIDTHS, _FINE_WIDTHS, _DENSE = (24, 48, 72), (12, 20, 32), 160
_TRIES = 6


@dataclass(frozen=True)
class Range:
    """Of a network: sampling (Å/voxel), resolutions (Å), margin and size of scenes (Å), and how
    far apart places of different resolution are (Å)."""

    name: str
    sampling: float
    best: float
    worst: float
    margin: float
    max_extent: float
    field: tuple


RANGES = {"low": Range("low", 1.0, 2.5, 13.0, 16.0, 75.0, (8.0, 30.0)),
          "high": Range("high", 0.5, 1.5, 6.0, 9.0, 34.0, (5.0, 18.0))}


# ---- network -----------------------------------------------------------------------------------

class Spectrum(nn.Module):
    """Logarithms of shell means of the power of cosine transforms: of the box, of the tapered
    box, and of the tapered Laplacian. The Laplacian is taken before the taper: what fades
    strongly then no longer leaks over what is finer."""

    _PARTS = (("plain", BOX, False), ("tapered", BOX, True), ("edges", BOX - 2, True))

    def __init__(self):
        super().__init__()
        self.size = 0
        for name, box, tapered in self._PARTS:
            index = np.arange(box)
            basis = np.cos(np.pi * (index + 0.5) * index[:, None] / box) * np.sqrt(2 / box)
            basis[0] /= np.sqrt(2)
            if tapered:
                basis = basis * np.sin(np.pi * (index + 1) / (box + 1)) ** 2
            squares = index ** 2
            radius = np.sqrt(squares[:, None, None] + squares[:, None] + squares)
            shells = np.minimum(np.rint(radius).astype(int), box + 4).ravel()
            means = np.eye(shells.max() + 1)[:, shells]
            means = (means / means.sum(axis=1, keepdims=True)).T
            for key, values in ((name, basis.T.copy()), (name + "_means", means)):
                self.register_buffer(key, torch.tensor(values, dtype=torch.float32),
                                     persistent=False)
            self.size += means.shape[1]

    def forward(self, boxes, edges):
        return torch.cat([self._powers(values, name) for values, name in (
            (boxes, "plain"), (boxes, "tapered"), (edges, "edges"))], 1)

    def _powers(self, boxes, name):
        basis, means = getattr(self, name), getattr(self, name + "_means")
        transform = boxes @ basis
        transform = transform.transpose(2, 3) @ basis
        transform = transform.transpose(1, 3) @ basis
        return torch.log((transform * transform).flatten(1) @ means + 1e-9) / 5 + 2


def laplacian(boxes):
    """Six neighbours minus six times the middle; the box loses a voxel on each side."""
    middle = boxes[:, 1:-1, 1:-1, 1:-1]
    return (boxes[:, 2:, 1:-1, 1:-1] + boxes[:, :-2, 1:-1, 1:-1] + boxes[:, 1:-1, 2:, 1:-1]
            + boxes[:, 1:-1, :-2, 1:-1] + boxes[:, 1:-1, 1:-1, 2:]
            + boxes[:, 1:-1, 1:-1, :-2]) - 6 * middle


def _convolutions(widths, first, kernel):
    a, b, c = widths
    return nn.Sequential(nn.Conv3d(first, a, kernel, stride=2), nn.ReLU(), nn.Conv3d(a, b, 3),
                         nn.ReLU(), nn.Conv3d(b, c, 3), nn.ReLU(), nn.Flatten())


class ResolutionNetwork(nn.Module):
    """Spectra and convolutions of a box and of its Laplacian, joined by a dense head."""

    def __init__(self, best, worst):
        super().__init__()
        self.best, self.worst = best, worst
        self.spectrum = Spectrum()
        self.texture = _convolutions(_WIDTHS, 1, 5)
        self.fine = _convolutions(_FINE_WIDTHS, 1, 3)
        size = _WIDTHS[-1] + _FINE_WIDTHS[-1] + self.spectrum.size
        self.head = nn.Sequential(
            nn.LayerNorm(size), nn.Linear(size, _DENSE), nn.ReLU(), nn.Linear(_DENSE, _DENSE),
            nn.ReLU(), nn.Linear(_DENSE, 1 + len(LEVELS)))

    def forward(self, boxes):
        """The median's estimate (n,), and quantiles (n, 10), Å."""
        boxes = boxes / _norm(boxes)
        edges = laplacian(boxes)
        raw = self.head(torch.cat([
            self.texture(20 * boxes[:, None]), self.fine(20 * (edges / _norm(edges))[:, None]),
            self.spectrum(boxes, edges)], dim=1))
        # Steps between quantiles are positive, so that they cannot cross.
        steps = nn.functional.softplus(raw[:, 2:])
        risen = torch.cat([torch.zeros_like(raw[:, :1]), torch.cumsum(steps, 1)], 1)
        quantiles = raw[:, 1:2] + risen - steps[:, :5].sum(1, keepdim=True)
        span = self.worst - self.best
        return (self.best + span * torch.sigmoid(raw[:, 0]),
                self.best + span * torch.sigmoid(quantiles))


def _norm(boxes):
    return torch.sqrt((boxes * boxes).sum(dim=(1, 2, 3), keepdim=True) + 1e-20)


# ---- maps of known local resolution ------------------------------------------------------------

@dataclass
class Case:
    """How a map is made: ``limits`` are its best and worst resolution (Å); ``noisy`` when noise
    and not a filter limits it; ``unsharpened`` True, False or None for what users do."""

    limits: tuple
    noisy: bool
    masked: bool
    unsharpened: bool = None


def draw_case(span, rng, uneven=None, noisy=None, unsharpened=None):
    """A Case, at random where nothing is given."""
    uneven = rng.random() < 0.6 if uneven is None else uneven
    noisy = rng.random() < 0.65 if noisy is None else noisy
    return Case(_limits(span, rng, uneven), noisy, rng.random() < 0.4, unsharpened)


def simulate(structures, case, span, rng):
    """A map of known local resolution.

    Parameters
    ----------
    structures : list of dict
        From a Bank.
    case : Case
    span : Range
    rng : numpy.random.Generator

    Returns
    -------
    volume, resolution : torch.Tensor of float32, (z, y, x)
        Can hold values that are not finite; such maps have to be left out. Å.
    mask : torch.Tensor of bool, (z, y, x)
        Where a user's mask would lie.
    contrast : float
        Of the molecule over the solvent's deviation; not finite where the map is not.
    """
    scene = simulation.place(structures, rng, span.sampling, span.margin, span.max_extent)
    shape, best = scene.shape, case.limits[0]
    distance = simulation.distance_to_atoms(scene, 9.0)
    grid = simulation.grid_of(shape, span.sampling)
    signal = _signal(scene, distance, grid, span, rng)
    resolution = _field(shape, span, case.limits, rng)
    levels = _levels(case.limits)
    limited = _limited_by_noise if case.noisy else _limited_by_filter
    copies, extra, final = limited(signal, grid, scene, levels, case, rng)
    coarse = rng.uniform(span.sampling, max(span.sampling, best / 2))
    if rng.random() < 0.4 and coarse > span.sampling:
        final = final * simulation.coarse_grid(grid, coarse)
    final = final * simulation.ripple(grid.radius, rng.uniform(0, 0.4), rng)
    # What is finer than the range is taken out by the check before it reads.
    final = final * raised_cosine(grid.radius, span.best, 0.04)
    volume = _blend([simulation.to_map(one * final, shape) for one in copies], levels, resolution)
    if extra is not None:
        volume = volume + simulation.to_map(extra * final, shape)
    solvent = volume[distance > 7.5]
    contrast = (volume[distance <= 2.5].mean() - solvent.mean()) / solvent.std().clamp(min=1e-30)
    if case.masked:
        inner, soft = rng.uniform(3, 7), rng.choice([0.01, rng.uniform(1, 5)])
        volume = volume * simulation.raised_edge(distance, inner, soft) * (distance < 9.0)
    mask = distance <= 3.5 + rng.uniform(0, 0.25) * min(best, 10)
    return volume, resolution.clamp(min=span.best), mask, float(contrast)


def draw_map(bank, part, span, rng, structure=None, **case):
    """A map in which the molecule is seen, after six tries at most.

    Parameters
    ----------
    bank : training.simulation.Bank
    part : str
    span : Range
    rng : numpy.random.Generator
    structure : int, optional
        Index; drawn where absent.
    **case
        For :func:`draw_case`.

    Returns
    -------
    volume, resolution, mask
        As from :func:`simulate`.
    case : Case
    """
    for _ in range(_TRIES):
        structures = bank.draw(part, rng) if structure is None else [bank.get(structure)]
        chosen = draw_case(span, rng, **case)
        *made, contrast = simulate(structures, chosen, span, rng)
        if contrast >= LEAST_CONTRAST:
            break
    return (*made, chosen)


def noise_only(span, rng, side=72):
    """A map without signal: volume, resolution (the worst), and the mask of a threshold."""
    shape = (side,) * 3
    radius = simulation.grid_of(shape, span.sampling).radius
    cut = rng.uniform(span.best, span.worst)
    response = _colour(radius, rng) * decay(radius, -rng.uniform(0, 6) * cut ** 2)
    if rng.random() < 0.7:
        response = response * _low_pass(radius, cut, rng, _filter_kind(rng))
    volume = simulation.to_map(simulation.white(shape) * response, shape)
    seeds = volume >= min(rng.uniform(1.5, 3.5) * float(volume.std()), 0.8 * float(volume.max()))
    reach = math.ceil(2 / span.sampling)
    mask = nn.functional.max_pool3d(seeds[None, None].float(), 2 * reach + 1, 1, reach)[0, 0] > 0
    return volume, torch.full(shape, span.worst, device=DEVICE), mask


def _limits(span, rng, uneven):
    # Some maps are finer than the range: they belong to its best end.
    best = max(0.75 * span.best, 2.1 * span.sampling) if rng.random() < 0.25 else span.best
    # As often in each frequency as in each resolution: fine maps are the usual ones, coarse ones
    # need room in Å.
    if rng.random() < 0.6:
        ends = np.sort(rng.uniform(best, span.worst, 2))
    else:
        ends = np.sort(1 / rng.uniform(1 / span.worst, 1 / best, 2))
    if not uneven:
        return (float(rng.permutation(ends)[0]),) * 2
    if rng.random() < 0.5:  # half of them as narrow as real maps usually are
        ends[1] = min(span.worst, ends[0] * rng.uniform(1.15, 1.9))
    return float(ends[0]), float(ends[1])


def _levels(limits):
    best, worst = limits
    if worst <= best * 1.001:
        return np.array([best])
    return 1 / np.linspace(1 / best, 1 / worst, COPIES)


def _field(shape, span, limits, rng):
    """Smooth random field between two resolutions."""
    best, worst = limits
    if worst <= best * 1.001:
        return torch.full(shape, best, device=DEVICE)
    field = simulation.smooth_field(shape, span.sampling, rng.uniform(*span.field) / 2)
    quantile = 0.5 + 0.5 * torch.tanh(0.8 * field * (1 + 0.06 * field ** 2))
    if rng.random() < 0.35:  # most of the map fine, a tail of coarse places, as flexible parts are
        quantile = quantile ** rng.uniform(1.5, 4)
    return best + (worst - best) * quantile


def _signal(scene, distance, grid, span, rng):
    """Transform of the molecule, perhaps with B-factors of its own, solvent and a micelle."""
    b_factors = 0.0
    if rng.random() < 0.5:
        b_factors = simulation.b_factors(scene.atoms, rng) * (0.5 if span.sampling < 1 else 1)
    signal = simulation.structure_factors(scene, b_factors)
    if rng.random() < 0.7:
        contrast = rng.uniform(0, 0.9)
        signal = signal * (1 - contrast * decay(grid.radius, -rng.uniform(100, 300)))
    if rng.random() < 0.1:
        inside = simulation.to_map(signal * decay(grid.radius, -60.0), scene.shape)
        level = inside[distance <= 1.8].mean() * rng.uniform(0.2, 0.6)
        signal = signal + fft.rfftn(simulation.micelle(scene, distance, rng) * level)
    return signal


def _limited_by_filter(signal, grid, scene, levels, case, rng):
    """Copies low-passed at each level, perhaps with a little noise, and a common fall-off."""
    radius, best, worst = grid.radius, levels[0], levels[-1]
    if case.unsharpened is None:
        b_factor = rng.uniform(-min(1600, 16 * best ** 2), min(100, 3 * best ** 2))
    elif case.unsharpened:
        b_factor = rng.uniform(-min(1600, 14 * best ** 2), -5 * best ** 2)
    else:
        b_factor = rng.uniform(-3 * best ** 2, 0)
    kind = _filter_kind(rng)
    copies = [signal * _low_pass(radius, level, rng, kind) for level in levels]
    extra = None
    if rng.random() < 0.6:
        noise = simulation.white(scene.shape) * _colour(radius, rng)
        ratio = 10 ** rng.uniform(0.7, 3)
        noise = noise * torch.sqrt(_excess(signal, noise, radius, scene, worst) / ratio)
        extra = noise * _low_pass(radius, best, rng, kind)
    return copies, extra, decay(radius, b_factor)


def _limited_by_noise(signal, grid, scene, levels, case, rng):
    """Copies that fade so that each meets the noise at its level; then what users do to maps."""
    radius, best = grid.radius, levels[0]
    fading = rng.uniform(5, 16) * best ** 2
    noise = simulation.white(scene.shape) * _colour(radius, rng)
    noise = noise * torch.sqrt(
        3 * _excess(signal * decay(radius, -fading), noise, radius, scene, best))
    copies = []
    for level in levels:
        excess = 3 * float(_excess(signal, noise, radius, scene, level, min(0.02, 0.5 / level)))
        copies.append(signal * decay(radius, -2 * math.log(max(excess, 1e-12)) * level ** 2))
    final = torch.ones_like(radius)
    if case.unsharpened is False or (case.unsharpened is None and rng.random() < 0.85):
        sharpening = rng.uniform(0, 1.15) if rng.random() < 0.75 else 0.0
        if case.unsharpened is False:
            sharpening = rng.uniform(0.7, 1.1)
        cut = best * rng.uniform(0.8, 1.05)
        # Sharpening is never left without an end.
        final = decay(radius, sharpening * fading) * (radius < 1.5 / cut)
        final = final * _low_pass(radius, cut, rng, _filter_kind(rng))
        if rng.random() < 0.4:  # weighted by signal to noise, as post-processing does
            power = simulation.shell_power(copies[len(copies) // 2], grid)
            floor = simulation.shell_power(noise, grid) * scene.filled()
            ratio = power / torch.clamp(floor, min=1e-20)
            final = final * torch.sqrt(ratio / (ratio + 0.5))[grid.shell]
    return copies, noise, final


def _excess(signal, noise, radius, scene, resolution, band=0.02):
    """Power of the signal where the molecule is, over that of the noise, at a resolution."""
    power = simulation.band_power(signal, radius, 1 / resolution, band) / scene.filled()
    return power / simulation.band_power(noise, radius, 1 / resolution, band)


def _blend(copies, levels, resolution):
    """Mixture of copies by local resolution, linear in frequency between two levels."""
    if len(copies) == 1:
        return copies[0]
    frequencies = 1 / levels
    place = (frequencies[0] - 1 / resolution) / (frequencies[0] - frequencies[1])
    return sum(one * (1 - (place - index).abs()).clamp(min=0) for index, one in enumerate(copies))


def _filter_kind(rng):
    return rng.choice(["cosine", "butterworth", "sharp"], p=[.6, .25, .15])


def _low_pass(radius, resolution, rng, kind):
    if kind == "butterworth":
        return 1 / (1 + (radius * resolution) ** (2 * int(rng.integers(5, 13))))
    width = 0.002 if kind == "sharp" else min(rng.uniform(0.01, 0.06), 0.6 / resolution)
    return raised_cosine(radius, resolution, width)


def _colour(radius, rng):
    """White noise, or with more amplitude at low frequencies."""
    if rng.random() < 0.4:
        return torch.ones_like(radius)
    return 1 + rng.uniform(0, 6) * torch.exp(-radius ** 2 * rng.uniform(20, 400))


# ---- training ----------------------------------------------------------------------------------

def boxes_at(volume, voxels):
    """Boxes about voxels (n, 3) of a periodic map, each over its largest absolute value."""
    padded = nn.functional.pad(volume[None, None], (BOX // 2,) * 6, mode="circular")[0, 0]
    boxes = simulation.gather(padded, voxels, BOX)
    return boxes / boxes.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-30)


def loss_of(network, boxes, true):
    """Mean absolute error of the median, and the quantiles' pinball loss, both in Å."""
    median, quantiles = network(boxes)
    levels = torch.tensor(LEVELS, device=DEVICE)
    off = true[:, None] - quantiles
    return (median - true).abs().mean(), torch.maximum(levels * off, (levels - 1) * off).mean()


def train(bank, span, seconds, batch=1024, per_map=500, size=300_000, first=10,
          rate=2e-3, seed=SEED):
    """Train the network of a range.

    Parameters
    ----------
    bank : training.simulation.Bank
    span : Range
    seconds : float
        Time for it.
    batch, per_map, size : int
        Boxes of a step, of a map, and kept.
    first : int
        Maps before the first step; one for each later step.
    rate : float
        Largest learning rate.
    seed : int

    Returns
    -------
    ResolutionNetwork
        With averaged weights, in evaluation mode.
    """
    rng = learning.seeded(seed)
    network = ResolutionNetwork(span.best, span.worst).to(DEVICE).train()
    average = learning.Average(network, 0.9995)
    optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=1e-4)
    ring = learning.Ring(size, boxes=((BOX,) * 3, torch.float32), true=((), torch.float32))
    clock, step, scale = learning.Clock(seconds), 0, (span.worst - span.best) / 4
    while clock.done() < 1:
        wanted = 1 if step else first
        while wanted:
            volume, resolution, mask = (
                noise_only(span, rng) if rng.random() < NOISE_ONLY
                else draw_map(bank, "train", span, rng)[:3])
            inside = torch.nonzero(mask)
            voxels = inside[torch.randint(0, len(inside), (per_map,), device=DEVICE)]
            boxes = boxes_at(volume, voxels)
            if bool(torch.isfinite(boxes).all()):
                ring.add(boxes=learning.cube_turn(boxes, rng, mirrored=True),
                         true=resolution[tuple(voxels.T)])
                wanted -= 1
        drawn = ring.draw(batch)
        boxes = torch.cat([learning.cube_turn(part, rng, mirrored=True)
                           for part in drawn["boxes"].chunk(4)])
        absolute, pinball = loss_of(network, boxes, drawn["true"])
        learning.step(optimiser, (absolute + 2 * pinball) / scale, network,
                      learning.rate_now(rate, step, clock.done(), 300), 1.0)
        average.update()
        step += 1
        clock.report("step %d, mean error %.3f Å" % (step, float(absolute.detach())))
    network.load_state_dict(average.state)
    return network.eval()


def export(network, span, path):
    """Write the network as ONNX with its metadata."""
    import onnx

    network = copy.deepcopy(network).float().cpu().eval()
    torch.onnx.export(
        network, (torch.rand(2, BOX, BOX, BOX),), str(path), dynamo=False, opset_version=17,
        input_names=["boxes"], output_names=["resolution", "quantiles"],
        dynamic_axes={name: {0: "n"} for name in ("boxes", "resolution", "quantiles")})
    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, {key: json.dumps(value) for key, value in {
        "range": [span.best, span.worst], "sampling": span.sampling, "box": BOX,
        "levels": LEVELS}.items()})
    onnx.save(model, str(path))


def main():
    """Train and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("range", choices=sorted(RANGES))
    parser.add_argument("bank")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=210)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--per-map", type=int, default=500)
    parser.add_argument("--size", type=int, default=300_000, help="boxes kept")
    arguments = parser.parse_args()
    span = RANGES[arguments.range]
    network = train(simulation.Bank(arguments.bank), span, arguments.seconds, arguments.batch,
                    arguments.per_map, arguments.size)
    arguments.out.mkdir(parents=True, exist_ok=True)
    export(network, span, arguments.out / ("deepres_%s.onnx" % span.name))


if __name__ == "__main__":
    main()
