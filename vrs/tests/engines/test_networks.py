import numpy as np
import pytest

from vrs.engines import networks
from vrs.engines.networks import Network

NAMES = ["deepres_low", "deepres_high"]


@pytest.fixture(scope="module", params=NAMES)
def network(request):
    return Network(request.param)


def boxes(count):
    return np.random.default_rng(0).normal(size=(count, 13, 13, 13)).astype(np.float32)


def test_results_stay_in_the_range_of_the_network(network):
    best, worst = network.metadata["range"]
    found = network.predict(boxes(20))
    assert found.shape == (20,) and found.dtype == np.float32
    assert (best <= found).all() and (found <= worst).all()


def test_batches_do_not_change_results(network, monkeypatch):
    whole = network.predict(boxes(20))
    monkeypatch.setattr(networks, "_BATCH", 7)
    # Batches of other sizes may sum in another order.
    np.testing.assert_allclose(network.predict(boxes(20)), whole, atol=1e-4)


def test_scale_of_the_density_is_without_effect(network):
    density = boxes(10)
    for scale in (1e-4, 1e4):
        np.testing.assert_allclose(network.predict(density * np.float32(scale)),
                                   network.predict(density), atol=1e-3)


def test_outputs_by_name(network):
    quantiles = network.predict(boxes(20), "quantiles")
    best, worst = network.metadata["range"]
    assert quantiles.shape == (20, len(network.metadata["levels"]))
    assert (np.diff(quantiles, axis=1) > -1e-5).all()  # float32 of a saturated sigmoid
    assert (best - 1e-5 < quantiles).all() and (quantiles < worst + 1e-5).all()
    np.testing.assert_array_equal(network.predict(boxes(20), "resolution"),
                                  network.predict(boxes(20)))


def test_threads_agree():
    one, two = (Network("deepres_low", workers).predict(boxes(64)) for workers in (1, 2))
    np.testing.assert_allclose(one, two, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_every_network_has_a_card_and_is_small(name):
    assert (networks.MODELS / (name + ".md")).exists()
    assert (networks.MODELS / (name + ".onnx")).stat().st_size < 2.5e6


def test_unknown_network():
    with pytest.raises(FileNotFoundError, match="lacks the network nothing"):
        Network("nothing")
