"""The scheduler of the batch keeps count of many entries, whatever happens to it."""

import pytest

# The bench is in the checkout and not in the installed package.
simulation = pytest.importorskip("benchmarks.archive_simulation")

COUNT, JOBS = 150, 6


@pytest.fixture(scope="module")
def simulated():
    return simulation.simulate(COUNT, JOBS, 4, seed=3, say=lambda text: None)


def test_nothing_is_lost_or_done_twice(simulated):
    archive, runs = simulated
    assert simulation.problems(archive, runs) == []
    assert set(archive.reports.values()) == {1}
    killed, second, third = runs
    assert 0 < killed.reports < COUNT and killed.states["stopped"] == JOBS
    # What was cut off, was waiting or had failed is tried, and nothing else.
    assert second.tries == COUNT - killed.reports
    assert third.tries == COUNT - killed.reports - second.reports
    assert archive.wrong.isdisjoint(archive.reports)
    assert not third.complete and third.states["failed"] >= len(archive.wrong) > 0


def test_the_machines_are_kept_busy(simulated):
    archive, runs = simulated
    done = sum(archive.seconds.values()) / JOBS / 3600
    assert runs[0].hours == pytest.approx(done / 2, rel=0.02)
    assert runs[0].hours + runs[1].hours < 1.25 * done


def test_a_report_that_is_made_again_is_found(simulated):
    archive, runs = simulated
    name = next(iter(archive.reports))
    archive.reports[name] += 1
    assert simulation.problems(archive, runs) == ["%s has 2 reports" % name]
    archive.reports[name] -= 1


def test_the_archive_is_the_same_for_a_seed():
    first, second = (simulation.Archive(500, 2, 7) for _ in range(2))
    assert (first.boxes == second.boxes).all() and first.seconds == second.seconds
    assert first.boxes.min() >= 64 and first.boxes.max() <= 600
    # Two thirds have half maps, as many a model: 3.2 + (5.7 + 2) · 2/3 seconds per million voxels.
    voxels = first.boxes ** 3 / 1e6
    # The mean of the sizes of models is 1500 · exp(0.8² / 2).
    expected = (8 + (13 + 7) * 2 / 3 + (3.2 + 7.7 * 2 / 3) * voxels.mean()
                + 0.012 * 1500 * 1.377 * 2 / 3)
    assert first.core_seconds.mean() == pytest.approx(expected, rel=0.1)
