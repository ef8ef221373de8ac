"""Train the network of A.g: what stands in the middle of a box of density?

    python -m training.daq bank.npz OUT --seconds 400

Writes ``daq.onnx``. Input ``boxes`` (n, 11, 11, 11) as :mod:`vrs.checks.level_A.daq` makes them;
outputs ``probabilities`` (n, 29) of 20 amino acids, 6 atom classes and 3 secondary structures,
and ``bases`` (n, 4): A, G, C, U or T, given a C1'. Logits are divided by a temperature that is
fitted on maps of the validation structures.

The network treats all directions alike, so that turning a box hardly changes the answer: density
is written as Gaussian shells times real spherical harmonics; layers mix channels with weights of
their own for each degree, go to points on the sphere, rectify, and return. Channels
direction · (∇a × ∇b), with a and b mixtures of channels, change sign with the hand; no others do.
"""

import argparse
import copy
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from training import learning, simulation
from training.simulation import DEVICE
from training.structures import KINDS

SEED = 11
BOX = 11
HEADS = (20, 6, 3, 4)
WEIGHTS = (1.0, 0.3, 0.3, 0.3)
JITTER = 0.35      # Å per axis: alpha carbons of models do not stand where the true ones do
FLOOR = 0.05
MARGIN, EXTENT = 14.0, 76.0
FINEST, COARSEST = 2.4, 5.4
EASY, EASY_COARSEST = 0.06, 4.2
NUCLEOTIDES = 80   # of a map at most
_NEAR, _FAR = 1.5, 6.0
TOP = 8            # degree of the harmonics
POINTS = 112       # on the sphere
SHELLS, SHELL_WIDTH = (0.0, 0.8, 1.6, 2.4, 3.2, 4.0, 4.8, 5.6), 0.5
WIDTHS, PAIRS, DENSE, DROPOUT = (44, 76, 108), 24, 256, 0.1
REGRADE, REGRADE_SHIFT = 0.22, 0.08


# ---- spherical harmonics -----------------------------------------------------------------------

def harmonics(directions, top):
    """Real spherical harmonics.

    Parameters
    ----------
    directions : numpy.ndarray, (n, 3)
        x, y, z of any length; those of length 0 have degree 0 only.
    top : int
        Largest degree.

    Returns
    -------
    numpy.ndarray of float64, (n, (top + 1)²)
        Orthonormal on the sphere; by degree, then order from -degree on.
    """
    length = np.linalg.norm(directions, axis=1)
    x, y, z = np.divide(directions.T, length, out=np.zeros((3, len(length))), where=length > 0)
    z = np.where(length > 0, z, 1.0)
    sine, azimuth = np.hypot(x, y), np.arctan2(y, x)
    legendre = {(0, 0): np.ones_like(z)}
    for m in range(1, top + 1):
        legendre[m, m] = -(2 * m - 1) * sine * legendre[m - 1, m - 1]
    for m in range(top):
        legendre[m + 1, m] = (2 * m + 1) * z * legendre[m, m]
    for m in range(top + 1):
        for degree in range(m + 2, top + 1):
            legendre[degree, m] = ((2 * degree - 1) * z * legendre[degree - 1, m]
                                   - (degree + m - 1) * legendre[degree - 2, m]) / (degree - m)
    values = []
    for degree in range(top + 1):
        for order in range(-degree, degree + 1):
            m = abs(order)
            ratio = np.prod([1.0 / k for k in range(degree - m + 1, degree + m + 1)])
            norm = np.sqrt((2 * degree + 1) / (4 * np.pi) * ratio * (2 if order else 1))
            part = np.sin(m * azimuth) if order < 0 else np.cos(m * azimuth)
            value = norm * legendre[degree, m] * part
            values.append(value if degree == 0 else np.where(length > 0, value, 0))
    return np.stack(values, axis=1)


def sphere_points(count):
    """Points spread evenly on the unit sphere, float64 (count, 3): a Fibonacci spiral."""
    z = 1 - (2 * np.arange(count) + 1) / count
    azimuth = np.pi * (3 - np.sqrt(5)) * np.arange(count)
    ring = np.sqrt(1 - z ** 2)
    return np.stack([ring * np.cos(azimuth), ring * np.sin(azimuth), z], axis=1)


def sphere_slopes(directions, top, step=1e-4):
    """Slopes of the harmonics along two perpendicular tangents, (2, n, (top + 1)²)."""
    x, y, _ = directions.T
    east = np.stack([-y, x, 0 * x], axis=1) / np.hypot(x, y)[:, None]
    return np.stack([(harmonics(directions + step * tangent, top)
                      - harmonics(directions - step * tangent, top)) / (2 * step)
                     for tangent in (east, np.cross(directions, east))])


def box_basis(top):
    """Gaussian shells times harmonics at the points of a box.

    Returns
    -------
    inside : numpy.ndarray of int
        Points of the box within 5.8 Å of its middle, z, y, x flattened.
    basis : numpy.ndarray of float64, (BOX³, shells, (top + 1)²)
        0 at the others.
    """
    axis = np.arange(BOX) - BOX // 2
    z, y, x = (p.ravel().astype(float) for p in np.meshgrid(axis, axis, axis, indexing="ij"))
    places = np.stack([x, y, z], axis=1)
    radius = np.linalg.norm(places, axis=1)
    inside = np.flatnonzero(radius <= BOX / 2 + 0.3)
    shells = np.exp(-0.5 * ((radius[inside, None] - SHELLS) / SHELL_WIDTH) ** 2)
    shells /= np.sqrt((shells ** 2).sum(axis=0))
    basis = np.zeros((BOX ** 3, len(SHELLS), (top + 1) ** 2))
    basis[inside] = shells[:, :, None] * harmonics(places[inside], top)[:, None, :]
    return inside, basis


# ---- network -----------------------------------------------------------------------------------

class DegreeMixing(nn.Module):
    """Mixes channels with weights of their own for each degree; coefficients come first."""

    def __init__(self, top, inputs, outputs):
        super().__init__()
        degrees = np.repeat(np.arange(top + 1), 2 * np.arange(top + 1) + 1)
        self.register_buffer("degrees", torch.from_numpy(degrees), persistent=False)
        self.weight = nn.Parameter(torch.randn(top + 1, inputs, outputs) / np.sqrt(inputs))

    def forward(self, coefficients):
        return torch.bmm(coefficients, self.weight[self.degrees])


class SphereLayer(nn.Module):
    """Mixing, then rectified values at the points of the sphere."""

    def __init__(self, top, inputs, outputs):
        super().__init__()
        self.mixing = DegreeMixing(top, inputs, outputs)
        self.normalise = nn.BatchNorm1d(outputs)

    def forward(self, coefficients, to_points):
        mixed = self.mixing(coefficients)
        values = torch.matmul(to_points, mixed.flatten(1))
        values = values.view(to_points.shape[0], mixed.shape[1], mixed.shape[2])
        return torch.relu(self.normalise(values.flatten(0, 1)).view_as(values))


class Twist(nn.Module):
    """Channels direction · (∇a × ∇b), which change sign with the hand."""

    def __init__(self, top, inputs, pairs):
        super().__init__()
        self.mixing = DegreeMixing(top, inputs, 2 * pairs)
        self.normalise = nn.BatchNorm1d(pairs)

    def forward(self, coefficients, to_slopes):
        mixed = self.mixing(coefficients)
        slopes = torch.matmul(to_slopes, mixed.flatten(1))
        slopes = slopes.view(2, to_slopes.shape[1], mixed.shape[1], 2, -1)
        east, north = slopes[0], slopes[1]
        values = east[:, :, 0] * north[:, :, 1] - north[:, :, 0] * east[:, :, 1]
        values = self.normalise(values.flatten(0, 1)).view_as(values)
        return values / (1 + torch.abs(values))


class Sphere(nn.Module):
    """Boxes to logits of the four heads."""

    def __init__(self):
        super().__init__()
        inside, basis = box_basis(TOP)
        ball = np.zeros(BOX ** 3)
        ball[inside] = 1
        self.count, self.size = float(len(inside)), (len(SHELLS), (TOP + 1) ** 2)
        places = sphere_points(POINTS)
        table = harmonics(places, TOP)
        for name, values in (("ball", ball), ("to_points", table),
                             ("to_harmonics", np.linalg.pinv(table)),
                             ("to_slopes", sphere_slopes(places, TOP))):
            self.register_buffer(name, torch.from_numpy(values).float(), persistent=False)
        # Half precision keeps the exported file small.
        self.register_buffer("basis", torch.from_numpy(basis.reshape(BOX ** 3, -1)).half(),
                             persistent=False)
        inputs = (len(SHELLS), WIDTHS[0], WIDTHS[1] + PAIRS)
        self.layers = nn.ModuleList(SphereLayer(TOP, *sizes) for sizes in zip(inputs, WIDTHS))
        self.twist = Twist(TOP, WIDTHS[0], PAIRS)
        pooled = 2 * sum(WIDTHS) + 1
        self.dense = nn.Sequential(
            nn.BatchNorm1d(pooled), nn.Linear(pooled, DENSE), nn.ReLU(), nn.Dropout(DROPOUT),
            nn.Linear(DENSE, DENSE), nn.ReLU(), nn.Dropout(DROPOUT))
        self.heads = nn.ModuleList(nn.Linear(DENSE, size) for size in HEADS)

    def forward(self, boxes):
        flat = boxes.flatten(1)
        with torch.autocast(boxes.device.type, enabled=False):
            power = (flat.float() ** 2) @ self.ball[:, None] / self.count
            strength = torch.sqrt(power + FLOOR ** 2)
        shells, size = self.size
        coefficients = (flat / strength) @ self.basis.float()
        coefficients = coefficients.view(-1, shells, size).permute(2, 0, 1)
        pooled = [torch.log(strength)]
        for number, layer in enumerate(self.layers):
            values = layer(coefficients, self.to_points)
            mean = values.mean(dim=0)
            pooled += [mean, torch.sqrt(((values - mean) ** 2).mean(dim=0) + 1e-4)]
            if number == 1:
                values = torch.cat([values, self.twist(coefficients, self.to_slopes)], dim=2)
            if number < 2:
                back = torch.matmul(self.to_harmonics, values.flatten(1))
                coefficients = back.view(size, values.shape[1], values.shape[2])
        features = self.dense(torch.cat(pooled, dim=1))
        return tuple(head(features) for head in self.heads)


class Probabilities(nn.Module):
    """What is exported."""

    def __init__(self, network, temperature):
        super().__init__()
        self.network = network
        self.register_buffer("temperature", torch.tensor(float(temperature)))

    def forward(self, boxes):
        parts = [torch.softmax(part / self.temperature, dim=1) for part in self.network(boxes)]
        return torch.cat(parts[:3], dim=1), parts[3]


# ---- data --------------------------------------------------------------------------------------

def boxes_of(scene, density, rng, residues):
    """Boxes of a map with labels.

    Parameters
    ----------
    scene : training.simulation.Scene
    density : torch.Tensor, (z, y, x)
        As the network sees it.
    rng : numpy.random.Generator
    residues : int
        Amino acids at most; for every 100 of them also 35 other backbone atoms, 20 atoms of
        side chains, 15 of nucleic acids and 20 places 1.5 to 6 Å from all atoms.

    Returns
    -------
    boxes : torch.Tensor, (n, 11, 11, 11)
    labels : torch.Tensor of int8, (n, 4)
        Amino acid, atom class, secondary structure, base; -1 where it is not asked.
    """
    atoms, places, labels = scene.atoms, [], []

    def add(points, **known):
        rows = torch.full((len(points), 4), -1, dtype=torch.int8, device=DEVICE)
        for column, name in enumerate(("amino", "atom", "structure", "base")):
            if name in known:
                rows[:, column] = known[name]
        places.append(points + JITTER * torch.randn_like(points))
        labels.append(rows)

    count = min(residues, len(atoms["ca"]))
    chosen = torch.randperm(len(atoms["ca"]), device=DEVICE)[:count]
    add(atoms["ca"][chosen], amino=atoms["aa"][chosen], atom=KINDS.index("CA"),
        structure=atoms["ss"][chosen])
    chosen = torch.randperm(len(atoms["nt"]), device=DEVICE)[:NUCLEOTIDES]
    add(atoms["nt"][chosen], atom=0, base=atoms["base"][chosen])
    count = max(count, 40)
    for share, names in ((.35, ("N", "C", "O")), (.2, ("side chain",)),
                         (.15, ("phosphate", "sugar", "base"))):
        kinds = torch.tensor([KINDS.index(name) for name in names], device=DEVICE)
        pool = torch.nonzero(torch.isin(atoms["kind"].long(), kinds))[:, 0]
        if len(pool):
            chosen = pool[torch.randint(0, len(pool), (int(share * count),), device=DEVICE)]
            kind = atoms["kind"][chosen].to(torch.int8)
            add(atoms["pos"][chosen], atom=torch.where(kind < HEADS[1], kind,
                                                       torch.zeros_like(kind)))
    tried = atoms["pos"][torch.randint(0, len(atoms["pos"]), (count,), device=DEVICE)]
    tried = tried + 3 * torch.randn_like(tried)
    nearest = torch.cdist(tried, atoms["pos"]).amin(1)
    add(tried[(nearest > _NEAR) & (nearest < _FAR)][:max(1, int(.2 * count))], atom=0)
    return simulation.spline_boxes(density, torch.cat(places), BOX), torch.cat(labels)


def example_map(bank, part, rng, coarsest, residues):
    """Boxes and labels of one simulated map; boxes may hold values that are not finite."""
    scene = simulation.place(bank.draw(part, rng), rng, 1.0, MARGIN, EXTENT)
    conditions = simulation.varied_conditions(rng, rng.uniform(FINEST, coarsest))
    volume, mask = simulation.simulate_map(scene, conditions, rng)
    return boxes_of(scene, simulation.seen_by_daq(volume, mask), rng, residues)


def augmented(boxes, rng):
    """Boxes turned, brighter or darker, and with grey values to a random power: the contrast
    between strong and weak density differs between maps."""
    boxes = torch.cat([learning.cube_turn(part, rng) for part in boxes.float().chunk(8)])
    scale = (len(boxes), 1, 1, 1)
    power = torch.exp(REGRADE_SHIFT + REGRADE * torch.randn(scale, device=DEVICE)).clamp(0.5, 2.2)
    boxes = torch.sign(boxes) * boxes.abs().clamp(min=1e-6) ** power
    return boxes * torch.exp(0.2 * torch.randn(scale, device=DEVICE))


def losses(logits, labels):
    """Cross entropy of each head over the boxes whose label is known."""
    found = []
    for head, part in enumerate(logits):
        known = labels[:, head] >= 0
        each = functional.cross_entropy(part.float(), labels[:, head].long().clamp(min=0),
                                        reduction="none")
        found.append((each * known).sum() / known.sum().clamp(min=1))
    return torch.stack(found)


def train(bank, seconds, batch=2048, residues=200, size=400_000, first=12, rate=3e-3,
          seed=SEED):
    """Train the network.

    Parameters
    ----------
    bank : training.simulation.Bank
    seconds : float
        Time for it.
    batch, residues, size : int
        Boxes of a step, amino acids of a map, boxes kept.
    first : int
        Maps before the first step; one for each later step.
    rate : float
        Largest learning rate.
    seed : int

    Returns
    -------
    Sphere
        With averaged weights, in evaluation mode.
    """
    rng = learning.seeded(seed)
    network = Sphere().to(DEVICE).train()
    average = learning.Average(network, 0.9995)
    optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=1e-3)
    ring = learning.Ring(size, boxes=((BOX,) * 3, torch.float16), labels=((4,), torch.int8))
    weights = torch.tensor(WEIGHTS, device=DEVICE)
    clock, step = learning.Clock(seconds), 0
    while clock.done() < 1:
        wanted = 1 if step else first
        while wanted:
            coarsest = EASY_COARSEST if clock.done() < EASY else COARSEST
            boxes, labels = example_map(bank, "train", rng, coarsest, residues)
            if bool(torch.isfinite(boxes).all()):
                ring.add(boxes=learning.cube_turn(boxes, rng), labels=labels)
                wanted -= 1
        drawn = ring.draw(batch)
        with learning.autocast():
            logits = network(augmented(drawn["boxes"], rng))
        parts = losses(logits, drawn["labels"])
        learning.step(optimiser, (weights * parts).sum(), network,
                      learning.rate_now(rate, step, clock.done(), 300), 2.0)
        average.update()
        step += 1
        clock.report("step %d, losses %s" % (step, parts.detach().cpu().numpy().round(3)))
    network.load_state_dict(average.state)
    return network.eval()


@torch.no_grad()
def fit_temperature(bank, network, maps=60, seed=51):
    """The divisor of the logits, 0.6 to 2, that makes the amino acids of validation maps
    likeliest."""
    rng, logits, types = learning.seeded(seed), [], []
    while maps:
        boxes, labels = example_map(bank, "validation", rng, COARSEST, 200)
        asked = labels[:, 0] >= 0
        if bool(torch.isfinite(boxes).all()) and bool(asked.any()):
            logits.append(network(boxes[asked])[0].float())
            types.append(labels[asked, 0].long())
        maps -= 1
    logits, types = torch.cat(logits), torch.cat(types)
    tried = np.arange(0.6, 2.01, 0.05)
    return float(tried[np.argmin([float(functional.cross_entropy(logits / t, types))
                                  for t in tried])])


def export(network, path, temperature):
    """Write the network as ONNX, its large constants in half precision."""
    model = Probabilities(copy.deepcopy(network).float().cpu(), temperature).eval()
    torch.onnx.export(
        model, (torch.rand(3, BOX, BOX, BOX),), str(path), dynamo=False, opset_version=17,
        input_names=["boxes"], output_names=["probabilities", "bases"],
        dynamic_axes={name: {0: "n"} for name in ("boxes", "probabilities", "bases")},
        do_constant_folding=False)
    _halve_constants(path)


def _halve_constants(path):
    """Store large constants that are exact in 16 bits so; they are cast when used."""
    import onnx

    model = onnx.load(str(path))
    for index, node in reversed(list(enumerate(model.graph.node))):
        if node.op_type != "Constant" or node.attribute[0].name != "value":
            continue
        values = onnx.numpy_helper.to_array(node.attribute[0].t)
        if (values.dtype != np.float32 or values.size <= 10_000
                or not np.array_equal(values, values.astype(np.float16))):
            continue
        name = node.output[0]
        node.output[0] = name + "_half"
        node.attribute[0].t.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16)))
        model.graph.node.insert(index + 1, onnx.helper.make_node(
            "Cast", [node.output[0]], [name], to=onnx.TensorProto.FLOAT))
    onnx.save(model, str(path))


def main():
    """Train, fit the temperature and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bank")
    parser.add_argument("out", type=Path)
    parser.add_argument("--seconds", type=float, default=400)
    parser.add_argument("--batch", type=int, default=2048)
    parser.add_argument("--residues", type=int, default=200, help="of a map")
    parser.add_argument("--size", type=int, default=400_000, help="boxes kept")
    arguments = parser.parse_args()
    bank = simulation.Bank(arguments.bank)
    network = train(bank, arguments.seconds, arguments.batch, arguments.residues, arguments.size)
    temperature = fit_temperature(bank, network)
    print("temperature %.2f" % temperature)
    arguments.out.mkdir(parents=True, exist_ok=True)
    export(network, arguments.out / "daq.onnx", temperature)


if __name__ == "__main__":
    main()
