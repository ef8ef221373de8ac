import numpy as np
import pytest

from vrs.checks import Mark, Overrides, ValidationInput, local


def test_percentiles():
    metric = local.percentiles(np.arange(1001), "Å", "d")
    assert metric.value == {"2.5": 25, "25": 250, "50": 500, "75": 750, "97.5": 975}


@pytest.mark.parametrize("width, warnings", [(0.02, 0), (0.005, 1)])
def test_values_without_spread_give_a_warning(width, warnings):
    metric = local.percentiles(np.linspace(3, 3 + width, 1000), "Å", "d")
    criterion = local.spread_criterion(0.01, "Å")
    outcome = criterion.evaluate("0.x", {"spread": local.spread(metric)}, Overrides())
    assert len(outcome.warnings) == warnings


def test_figures():
    values = np.concatenate([np.linspace(0, 1, 10000), [1e6]])
    metric = local.percentiles(values, "Å", "d")
    data = ValidationInput(np.ones((2, 2, 2), np.float32), 1.0, 0.5)
    table, bars, surface = local.local_figures(data, values, metric, "v", "local size",
                                               [Mark(0.2, "here")])
    assert table.rows[0][0] == "Value (Å)" and bars.x_label == "Local size (Å)"
    # Outliers are gathered in the outer bars.
    assert bars.counts.sum() == values.size and bars.edges[-1] < 2
    assert [mark.label for mark in bars.marks] == ["here", "median"]
    assert (surface.colour_by, surface.level) == ("v", 0.5)
    assert surface.colour_range == pytest.approx([0.025, 0.975], abs=1e-3)


def test_onto_grid_interpolates_between_known_voxels_only():
    mask = np.zeros((10, 10, 10), bool)
    mask[2:6, 2:6, 2:6] = True
    values = np.broadcast_to(np.arange(10.0), mask.shape)[mask].astype(np.float32)
    fine = local.onto_grid(values, mask, (20, 20, 20))
    # Fine voxel i lies at coarse position i/2; beyond the mask the edge value goes on.
    np.testing.assert_allclose(fine[6, 6, 4:11], [2, 2.5, 3, 3.5, 4, 4.5, 5], atol=1e-6)
    assert fine[6, 6, 3] == pytest.approx(2) and fine[6, 6, 2] == 0
    assert fine[15:].max() == 0


def test_percentiles_among_infinite_values_have_none():
    values = np.concatenate([np.full(300, -np.inf), np.arange(700.0)])
    metric = local.percentiles(values, "", "d")
    assert metric.value["25"] is None and metric.value["75"] == pytest.approx(449.25)
    assert "–" in local.percentile_table(metric, "c").rows[0]
