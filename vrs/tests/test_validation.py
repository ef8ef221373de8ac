import shutil
import time
from threading import Barrier, BrokenBarrierError, Event

import numpy as np
import pytest

from vrs import validation
from vrs.checks import get_check
from vrs.checks.check import Check, Findings
from vrs.checks.quantities import Quantity
from vrs.errors import NotMeasured
from vrs.inputs import Run, compose
from vrs.inputs.map import MapEvidence
from vrs.io.star import read_star
from vrs.simulation.particle_sets import particle_set
from vrs.tests.checks.particle_sets import SAMPLING, evidence_of, volume_of
from vrs.tests.waiting import LIMIT
from vrs.validation import PARTICLES_FILE, Validation


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A folder in which item 4.a was computed for half of 120 particles, and its result."""
    folder = tmp_path_factory.mktemp("validation")
    made = particle_set(folder, volume_of(), SAMPLING, 120, 0.2)
    run = Validation(folder / "run", ["4"],
                     lambda: evidence_of(made.table, volume_of(), used=60))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(validation, "checks_of_level",
                      lambda level: [get_check("4.a")] if level == "4" else [])
        (result,), _ = run.run(None)
    return folder / "run", result.items[0]


def test_values_of_particles_stand_in_a_table_to_select_from(found):
    folder, item = found
    table = read_star(str(folder / PARTICLES_FILE))["particles"]
    assert {values.name for values in item.particles} <= set(table)
    [values] = [values for values in item.particles if values.name == "vrsCorrelation"]
    assert np.array(table["vrsCorrelation"], float) == pytest.approx(values.values, abs=1e-5)
    # The rows are those of the table that was given, and images are numbered from 1.
    assert [int(name.partition("@")[0]) - 1 for name in table["rlnImageName"]] == (
        values.rows.tolist())


def test_the_table_goes_with_the_values(found, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(str(found[0]), str(folder))
    assert (folder / PARTICLES_FILE).exists()
    Validation(folder, [], lambda: None)._write_particles([])
    assert not (folder / PARTICLES_FILE).exists()


class _Meeting(Check):
    """Goes on only where another one is computed at the same time."""

    quantities = (Quantity("met", "", "Whether there was another one"),)

    def __init__(self, item, barrier):
        self.id, self._barrier = item, barrier

    def compute(self, evidence):
        try:
            self._barrier.wait(1)
        except BrokenBarrierError:
            raise NotMeasured("Nobody else came.")
        return Findings({"met": True})


@pytest.mark.parametrize("workers, side, met", [(2, 8, True), (1, 8, False), (2, 500, False)])
def test_items_are_computed_at_once_where_threads_and_memory_allow_it(
        tmp_path, monkeypatch, workers, side, met):
    barrier = Barrier(2)
    checks = [_Meeting("0.x", barrier), _Meeting("0.y", barrier)]
    monkeypatch.setattr(validation, "checks_of_level", lambda level: checks)
    # A box of 500 voxels without the memory of one.
    volume = np.broadcast_to(np.float32(1), (side,) * 3)
    run = Validation(tmp_path, ["0"], lambda: compose(
        Run(workers=workers), map=MapEvidence(volume, 1.0, 0.5)))
    run.compute(checks[0], following=checks[1:])
    run.compute(checks[1])
    for check in checks:
        assert (run.result(check.id).reason == "") is met


def test_what_goes_wrong_with_an_item_computed_ahead_is_told_when_it_is_asked_for(
        tmp_path, monkeypatch):
    def write_json(path, result):
        if result.id == "0.y":
            raise OSError("No space left on device")

    monkeypatch.setattr(validation, "write_json", write_json)
    checks = [_Meeting("0.%s" % name, Barrier(1)) for name in "xyz"]
    run = Validation(tmp_path, ["0"], lambda: compose(Run(workers=2)))
    run.compute(checks[0], following=checks[1:])
    with pytest.raises(OSError, match="No space"):
        run.compute(checks[1], following=checks[2:])
    run.compute(checks[2])  # what was called off is computed when it is asked for again


class _Endless(Check):
    """Goes on until it is interrupted."""

    def __init__(self, item):
        self.id = item
        self.began, self.interrupted = Event(), Event()

    def compute(self, evidence):
        self.began.set()
        try:
            until = time.monotonic() + LIMIT
            while time.monotonic() < until:
                time.sleep(0.01)
        except KeyboardInterrupt:
            self.interrupted.set()
            raise


class _Stopped(Check):
    """Is stopped by Ctrl-C as soon as another one has begun."""

    id = "0.w"

    def __init__(self, other):
        self._other = other

    def compute(self, evidence):
        assert self._other.began.wait(LIMIT)
        raise KeyboardInterrupt


@pytest.mark.parametrize("where", ["in an item", "between items"])
def test_what_ends_a_run_ends_what_is_computed_ahead(tmp_path, monkeypatch, where):
    ahead = [_Endless("0." + name) for name in "xyz"]
    first = _Stopped(ahead[0]) if where == "in an item" else _Meeting("0.w", Barrier(1))

    def say(check):
        if check is ahead[0]:
            assert check.began.wait(LIMIT)
            raise KeyboardInterrupt

    monkeypatch.setattr(validation, "checks_of_level", lambda level: [first, *ahead])
    run = Validation(tmp_path, ["0"], lambda: compose(Run(workers=2)))
    monkeypatch.setattr(run, "describe", lambda map_path: None)
    with pytest.raises(KeyboardInterrupt):
        run.run(None, say)
    assert ahead[0].interrupted.is_set()  # nothing goes on behind the back of whoever stopped it
    assert not ahead[2].began.is_set()
    assert [run.result(check.id) for check in ahead] == [None] * 3
