"""Shares with their intervals, as metrics that criteria and sentences read."""

import pytest

from vrs.checks import Check, Criterion, Quantity
from vrs.checks.shares import (interval_metric, interval_quantity, printed_interval,
                               share_metrics, share_quantities)


class Example(Check):
    id, title = "9.z", "Example"
    quantities = (*share_quantities("poor", "Classes that are poor"),
                  interval_quantity("gain", "gain", ""))
    criteria = (Criterion(name="poor", metric="poor_interval.lower", subject="the share",
                          relation="<", bound=20, unit="%", warning="At least {value:.0f} %."),)


def test_a_share_with_its_interval():
    found = share_metrics("poor", 2, 4)
    # Wilson's formula for 2 of 4.
    half = 100 * 1.959964 * (0.25 / 4 + 1.959964 ** 2 / 64) ** 0.5 / (1 + 1.959964 ** 2 / 4)
    assert found["poor_percentage"] == 50
    assert found["poor_interval"] == pytest.approx({"lower": 50 - half, "upper": 50 + half})
    assert printed_interval({"lower": 9.96, "upper": 50}, 1) == "10.0 to 50.0"


def test_quantities_fit_the_metrics():
    assert [quantity.name for quantity in Example.quantities] == [
        "poor_percentage", "poor_interval", "gain_interval"]
    assert Example.quantities[1] == Quantity(
        "poor_interval", "%", "95 % interval of poor_percentage", "mapping", ("lower", "upper"))
    assert interval_metric((-1, 2)) == {"lower": -1, "upper": 2}


@pytest.mark.parametrize("count, warnings", [(35, ["At least 26 %."]), (25, [])])
def test_a_criterion_reads_an_end(count, warnings):
    # Wilson: 25 of 100 gives 17.5 to 34.3 %, 35 of 100 gives 26.4 to 44.7 %.
    check = Example()
    assert check.judge(check.measured(share_metrics("poor", count, 100))).warnings == warnings
