import pytest

from vrs.results.wording import judged


@pytest.mark.parametrize("value, bounds, shown", [
    (10.04, (10.0,), "10.04"), (9.96, (10.0,), "9.96"), (9.94, (10.0,), "9.9"),
    (10.0, (10.0,), "10.0"), (10.04, (), "10.0"), (0.9999, (-300, 1.0), "0.9999"),
    (-0.04, (-300, 0.0), "-0.04"), (10 + 1e-14, (10.0,), "10.0")])
def test_rounded_to_the_side_of_the_verdict(value, bounds, shown):
    assert judged(value, ".1f", *bounds) == shown


def test_powers_of_ten_as_in_print():
    assert judged(0.00996, ".1g", 0.01) == "0.00996"
    assert judged(5.04e-9, ".2g", 0.01) == "5 × 10⁻⁹"
