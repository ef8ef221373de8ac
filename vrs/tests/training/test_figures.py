import numpy as np
import pytest

figures = pytest.importorskip("training.figures")


def test_area():
    assert figures.area(np.array([3.0, 4.0]), np.array([1.0, 2.0])) == 1
    assert figures.area(np.array([1.0, 2.0]), np.array([3.0, 4.0])) == 0
    assert figures.area(np.array([1.0, 1.0]), np.array([1.0])) == 0.5
    # Gaussians a deviation apart: Φ(1/√2) = 0.7602.
    rng = np.random.default_rng(0)
    found = figures.area(rng.normal(1, 1, 20000), rng.normal(0, 1, 20000))
    assert found == pytest.approx(0.7602, abs=0.008)


def test_coverage_of_equal_and_of_shifted_values():
    values = np.random.default_rng(1).normal(size=10001)
    assert figures.coverage(values, values) == pytest.approx(figures.PERCENTILES, abs=0.02)
    assert figures.coverage(values, values + 100).tolist() == [100] * 5


def hand_record(score, error=0.01, measured=True, true=1000, resolution=3.0):
    return dict(score=score, error=error, measured=measured, true=true, resolution=resolution)


def test_hand():
    rows = figures.hand_figures([
        hand_record(0.1), hand_record(0.45), hand_record(0.53, 0.02), hand_record(0.9),
        hand_record(None, None, measured=False), hand_record(0.2, true=0),
        hand_record(0.45, true=0)])
    row = rows["all"]
    assert (row["maps"], row["measured"]) == (5, 4)
    assert row["right"] == 50 and row["claimed"] == 50 and row["claimed right"] == 50
    assert rows["3.0 Å"] == row
    assert rows["without helices"] == {"maps": 2, "measured": 2, "claimed": 1}


def test_daq():
    good, bad = np.full(10, 1.0), np.full(10, -1.0)
    one = dict(resolution=3.0, likeliest=0.4, scores=dict(
        {kind: bad for kind in figures.WRONG}, right=good))
    # A right model with a fifth of its residues below 0, and a wrong one that passes.
    partly = np.where(np.arange(10) < 2, -0.1, 1.0)
    two = dict(resolution=5.0, likeliest=0.2, scores=dict(
        {kind: bad for kind in figures.WRONG}, right=partly, **{"other protein": good}))
    rows = figures.daq_figures([one, two], 0.1, 15)
    assert rows["3.0 Å"]["right models kept"] == 100 and rows["3.0 Å"]["AUC of models"] == 1
    assert rows["5.0 Å"]["right models kept"] == 0 and rows["5.0 Å"]["wrong models kept"] == 1
    assert rows["all"]["likeliest is right"] == pytest.approx(30)
    assert rows["all"]["largest mean of wrong models"] == 1


def test_resolution():
    rng = np.random.default_rng(2)
    even = [dict(true=np.full(50, r), found=r + 0.3 + rng.normal(0, 0.01, 50), limits=(r, r))
            for r in (3.0, 4.0, 5.0)]
    true = rng.uniform(3, 6, 5000)
    uneven = dict(true=true, found=true.copy(), limits=(3.0, 6.0))
    found = figures.resolution_figures(even + [uneven])
    assert found["Spearman over even maps"] == pytest.approx(1)
    assert found["median error of even maps, 2.5 to 8 Å"] == pytest.approx(0.3, abs=0.01)
    assert found["median width of even maps"] == pytest.approx(0.04, abs=0.02)
    assert found["Spearman over voxels, quartiles"][1] == pytest.approx(1)
    assert found["true values below the found percentiles"] == pytest.approx(
        figures.PERCENTILES, abs=0.1)
