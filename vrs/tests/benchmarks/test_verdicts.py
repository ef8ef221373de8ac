"""Ten sets of the bench: sound ones stay without a serious warning, faults get theirs."""

import pytest

run = pytest.importorskip("benchmarks.verdicts.run")
sets = pytest.importorskip("benchmarks.verdicts.sets")
table = pytest.importorskip("benchmarks.verdicts.table")


@pytest.fixture
def outcome(test_data):
    """What is said of a set, with some of the items."""
    def of(name, *items):
        one = sets.SETS[name]
        test_data("structures")
        return table.outcome(one, run.validated(one, items))
    return of


@pytest.mark.parametrize("name", ["rcc1-3.5-plain", "serpin-3.5-unsharpened", "tolb-4-mild"])
def test_sound_sets_have_no_serious_warning(outcome, name):
    found = outcome(name, "0.b", "1.a", "A.a", "A.e")
    assert [warned for warned in found.warned if warned.severity == "serious"] == []
    assert {"1.a", "A.a", "A.e", "half_maps", "model"} <= set(found.judged)


@pytest.mark.parametrize("name, items, source", [
    ("serpin-3.5-halves_masked", (), "half_maps"),
    ("rcc1-4-halves_other", (), "half_maps"),
    ("tolb-4-halves_identical", (), "half_maps"),
    ("rcc1-4-overstated40", ("1.a",), "1.a"),
    ("rcc1-5-other_model", ("A.a",), "A.a"),
    ("tolb-3.5-voxel1", ("A.a",), "A.a"),
    ("complex2-4-shift2", ("A.a",), "A.a")])
def test_faults_get_a_serious_warning(outcome, name, items, source):
    found = outcome(name, *items)
    assert found.by(source, "serious"), found.warned
