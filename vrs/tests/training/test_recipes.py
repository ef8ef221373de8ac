"""Each network learns for some seconds on one structure: shapes, symmetries and files are right.
What the shipped ones can do stands in their cards."""

import numpy as np
import pytest

from vrs.checks.level_0 import hand as hand_check
from vrs.engines import networks

torch = pytest.importorskip("torch", reason="the training needs torch")
pytest.importorskip("onnx", reason="the training writes its networks with onnx")
simulation = pytest.importorskip("training.simulation")
daq = pytest.importorskip("training.daq")
deepres = pytest.importorskip("training.deepres")
hand = pytest.importorskip("training.hand")
learning = pytest.importorskip("training.learning")
evaluate = pytest.importorskip("training.evaluate")

SECONDS = 2


@pytest.fixture
def models(tmp_path, monkeypatch):
    """A folder of networks that the package reads instead of its own."""
    monkeypatch.setattr(networks, "MODELS", tmp_path)
    return tmp_path


def test_hand(bank, models):
    trained = hand.train(bank, SECONDS, batch=16, per_map=16, size=512, first=1)
    for name, network in trained.items():
        hand.export(network, models / ("hand_%s.onnx" % name))
    assert hand.REACH == hand_check._REACH and hand.STRIDE == hand_check._STRIDE
    box = np.random.default_rng(0).random((1, 1, 31, 33, 37), dtype=np.float32)
    mirrored = np.ascontiguousarray(box[..., ::-1])
    for name, total in (("hand_sense", lambda a, b: a + b - 1), ("hand_helix", np.subtract)):
        found, other = (networks.Network(name).predict(b) for b in (box, mirrored))
        assert found.shape == (1, 1, 4, 5, 7)
        assert np.abs(total(found, other[..., ::-1])).max() < 1e-5


def test_daq(bank, models):
    network = daq.train(bank, SECONDS, batch=32, residues=32, size=1024, first=1)
    temperature = daq.fit_temperature(bank, network, maps=1)
    daq.export(network, models / "daq.onnx", temperature)
    boxes = np.random.default_rng(1).random((5, 11, 11, 11), dtype=np.float32)
    found = networks.Network("daq").predict(boxes)
    assert found.shape == (5, 29) and 0.6 <= temperature <= 2
    with torch.no_grad():
        expected = daq.Probabilities(network.cpu(), temperature).eval()(torch.from_numpy(boxes))
    assert found == pytest.approx(expected[0].numpy(), abs=1e-4)
    assert (models / "daq.onnx").stat().st_size < 4e6


@pytest.mark.parametrize("name", ["low", "high"])
def test_deepres(bank, models, name):
    span = deepres.RANGES[name]
    network = deepres.train(bank, span, SECONDS, batch=32, per_map=32, size=1024, first=1)
    deepres.export(network, span, models / ("deepres_%s.onnx" % name))
    exported = networks.Network("deepres_" + name)
    assert exported.metadata["range"] == [span.best, span.worst]
    assert exported.metadata["levels"] == list(deepres.LEVELS)
    boxes = np.random.default_rng(2).normal(size=(5, 13, 13, 13)).astype(np.float32)
    found = exported.predict(boxes)
    assert found.shape == (5,) and (span.best <= found).all() and (found <= span.worst).all()
    assert exported.predict(1000 * boxes) == pytest.approx(found, abs=1e-3)
    with torch.no_grad():
        median, quantiles = network.cpu()(torch.from_numpy(boxes))
    assert found == pytest.approx(median.numpy(), abs=1e-3)
    assert (np.diff(quantiles.numpy(), axis=1) > -1e-5).all()


def test_harmonics_are_orthonormal_on_the_sphere():
    points = daq.sphere_points(20000)
    table = daq.harmonics(points, 4)
    gram = 4 * np.pi * table.T @ table / len(points)
    assert gram == pytest.approx(np.eye(25), abs=0.01)
    # Degree 1, order 0 is √(3/4π)·z.
    assert table[:, 2] == pytest.approx(np.sqrt(3 / (4 * np.pi)) * points[:, 2])
    slopes = daq.sphere_slopes(points[::100], 4)
    # Laplace-Beltrami: the mean squared slope of a harmonic of degree l is l(l + 1)/4π.
    power = (slopes ** 2).sum(axis=0).mean(axis=0)
    degrees = np.repeat(np.arange(5), 2 * np.arange(5) + 1)
    assert power == pytest.approx(degrees * (degrees + 1) / (4 * np.pi), abs=0.15)


def test_turns_of_the_cube_keep_the_hand():
    boxes = torch.zeros(1, 3, 3, 3)
    boxes[0, 1, 1, 2], boxes[0, 1, 2, 1], boxes[0, 2, 1, 1] = 1, 2, 3  # x, y, z
    rng, signs = np.random.default_rng(5), {False: set(), True: set()}
    for mirrored in (False, True):
        for _ in range(60):
            turned = learning.cube_turn(boxes, rng, mirrored)[0]
            axes = [(np.argwhere(turned.numpy() == value)[0] - 1)[::-1] for value in (1, 2, 3)]
            signs[mirrored].add(round(np.linalg.det(np.array(axes))))
    assert signs == {False: {1}, True: {1, -1}}


def test_a_map_limited_by_a_filter_ends_there(bank):
    torch.manual_seed(8)
    rng, span = np.random.default_rng(8), deepres.RANGES["low"]
    case = deepres.Case((6.0, 6.0), noisy=False, masked=False, unsharpened=False)
    volume, resolution, mask, _ = deepres.simulate([bank.get(0)], case, span, rng)
    assert float(resolution.min()) == float(resolution.max()) == 6.0
    radius = simulation.grid_of(volume.shape, span.sampling).radius
    power = [float(simulation.band_power(torch.fft.rfftn(volume), radius, f))
             for f in (0.12, 1 / 4.5)]
    assert power[1] < 1e-2 * power[0] and mask.any()


def test_evaluation_goes_through_the_package(bank):
    draw = simulation.plain_conditions
    records = evaluate.hand_records(bank, "test", draw, 2)
    assert [r["resolution"] for r in records] == list(evaluate.HAND_RESOLUTIONS)
    # The package's own networks know the hand of this protein at 3 Å.
    assert records[0]["measured"] and records[0]["score"] < 0.2
    records = evaluate.resolution_records(bank, "test", "high", 2)
    assert all(len(r["true"]) == len(r["found"]) == evaluate.VOXELS for r in records)
