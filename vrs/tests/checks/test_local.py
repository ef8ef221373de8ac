import numpy as np
import pytest

from vrs.checks import Overrides, local
from vrs.results import Mark, Metric
from vrs.tests.evidence import evidence


def test_percentiles():
    assert local.percentiles(np.arange(1001)) == {
        "2.5": 25, "25": 250, "50": 500, "75": 750, "97.5": 975}


@pytest.mark.parametrize("width, warnings", [(0.02, 0), (0.005, 1)])
def test_values_without_spread_give_a_warning(width, warnings):
    found = local.percentiles(np.linspace(3, 3 + width, 1000))
    criterion = local.spread_criterion(0.01, "Å")
    metrics = {"spread": Metric(local.spread(found), "Å", "")}
    outcome = criterion.evaluate("0.x", metrics, Overrides())
    assert len(outcome.warnings) == warnings


def test_figures():
    values = np.concatenate([np.linspace(0, 1, 10000), [1e6]])
    found = local.percentiles(values)
    data = evidence(np.ones((2, 2, 2), np.float32), 1.0, 0.5)
    volume = local.local_volume("v", data.map.volume, "d", "Local size", "Å", found)
    table, bars, surface = local.local_figures(data, volume, values, found, [Mark(0.2, "here")])
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
    found = local.percentiles(values)
    assert found["25"] is None and found["75"] == pytest.approx(449.25)
    assert "–" in local.percentile_table(found, "", "c").rows[0]


@pytest.mark.parametrize("value, limited", [(3.0, True), (3.3, False)])
def test_what_the_voxels_limit_did_not_fail(value, limited):
    volume = np.full((8, 8, 8), value, np.float32)
    data = evidence(np.ones(volume.shape, np.float32), 1.5, 0.5, resolution=3.4)
    findings = local.resolution_findings(data, volume, "v")
    assert (findings.metrics["spread"] is None) == limited
    assert any("limited by the voxel size" in getattr(part, "text", "")
               for part in findings.content) == limited
    metrics = {name: Metric(found, "", "") for name, found in findings.metrics.items()}
    outcome = local.spread_criterion(0.01, "Å").evaluate("0.x", metrics, Overrides())
    assert outcome.outcome == ("not_evaluated" if limited else "broken")


@pytest.mark.parametrize("share, limited", [(0.6, True), (0.4, False)])
def test_a_median_at_the_limit_says_so(share, limited):
    volume = np.full((10, 10, 10), 4.0, np.float32)
    volume[:int(10 * share)] = 3.0
    data = evidence(np.ones(volume.shape, np.float32), 1.5, 0.5)
    found = local.resolution_findings(data, volume, "v")
    assert any("the median is limited by the voxel size" in getattr(part, "text", "")
               for part in found.content) == limited


def test_a_median_at_the_limit_of_the_method_says_so():
    volume = np.full((10, 10, 10), 4.0, np.float32)
    volume[:6] = 3.2
    data = evidence(np.ones(volume.shape, np.float32), 1.0, 0.5)
    found = local.resolution_findings(data, volume, "v", 3.2)
    assert any("limited by the method" in getattr(part, "text", "") for part in found.content)
