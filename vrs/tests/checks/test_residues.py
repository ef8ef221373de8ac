import gemmi
import numpy as np
import pytest

from vrs.checks.residues import residue_figures, residues_of
from vrs.tests.checks.level_A.models import walk

NAN = float("nan")


@pytest.fixture(scope="module")
def structure():
    made = walk(residues=4)
    other = made[0][0].clone()
    other.name = "B"
    other[1].seqid = gemmi.SeqId(1, "A")
    made[0].add_chain(other)
    return made


@pytest.fixture(scope="module")
def residues(structure):
    return residues_of(structure)


def test_residues_in_the_order_of_the_model(residues):
    assert residues.chains == ["A"] * 4 + ["B"] * 4
    assert residues.numbers == ["1", "2", "3", "4", "1", "1A", "3", "4"]
    assert residues.names == ["ALA"] * 8
    assert residues.places.tolist() == [0, 1, 2, 3] * 2
    assert residues.of_atom.tolist() == [index for index in range(8) for _ in range(5)]


def test_mean_over_the_atoms_that_have_a_value(residues):
    values = np.full(40, NAN)
    values[:3] = 1.0, 2.0, NAN
    values[35:] = 4.0
    np.testing.assert_equal(residues.mean(values), [1.5] + [NAN] * 6 + [4.0])


def test_only_residues_with_a_value_are_kept(residues):
    kept = residues.values("q", "Q", "", np.array([1, NAN, 3, NAN, NAN, 6, 7, 8]))
    assert kept.numbers == ["1", "3", "1A", "3", "4"]
    assert kept.chains == ["A", "A", "B", "B", "B"]
    assert kept.values.tolist() == [1, 3, 6, 7, 8]


@pytest.mark.parametrize("worst, first", [("low", "-5.000"), ("high", "4.000"), ("far", "-5.000")])
def test_worst_come_first(residues, worst, first):
    values = residues.values("q", "Q", "Å", np.array([0, 1, 2, 3, -5, 1, NAN, 4]))
    table, trace, *plots = residue_figures(residues, values, "Value", worst, ("bound", 0.5))
    assert table.rows[0][-1] == first and table.columns[-1] == "Value (Å)"
    assert [plot.series[0].label for plot in plots] == ["chain A", "chain B"]
    assert plots[1].series[0].x.tolist() == [1, 1, 4]
    assert plots[1].series[1].y.tolist() == [0.5, 0.5]
