"""The whole archive through the scheduler of ``vrs batch``, on a simulated clock.

Usage: python benchmarks/archive_simulation.py [--entries N] [--jobs N] [--cores N] [--seed N]

The table, the states of entries on the disk, retries and going on are those of ``vrs batch``. Only
its processes are stand-ins, which take the time of the cost model below and leave an empty report,
and its clock runs from one event to the next. Three runs of the same command are simulated: the
first is killed half way, the second goes on, the third tries again what failed. Exits with 1 where
an entry is lost or done twice. 45,000 entries take half a minute of CPU and 1 GB in TMPDIR, which
is best a disk in memory.

The cost model is that of docs/facility_guide.rst. The sizes of boxes are drawn from a log-normal
distribution with a median of 300 voxels, cut at 64 and 600, the sizes of models from one with a
median of 1500 residues; two thirds of the entries have half maps, and as many a model. These are
assumptions, not a census of the archive. An entry on four cores is taken to need a quarter of its
core time.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from types import SimpleNamespace
from unittest import mock

import numpy as np

from vrs.cli import _parser, _row_options, batch
from vrs.cli.batch_summary import Outcome, write_summaries
from vrs.cli.batch_table import read_table
from vrs.results import Status

BOXES = (64, 600)
MEDIAN, SPREAD = 300, 0.45
RESIDUES, RESIDUES_SPREAD = 1500, 0.8
SHARE_HALVES = SHARE_MODEL = 2 / 3
# Of the tries; the first kind fails again, the second does not.
WRONG, UNLUCKY = 0.01, 0.02
# Core seconds, of each entry and for each million voxels, of a map from start to report, and what
# half maps and a model add; and for each residue.
MAP, HALVES, MODEL, RESIDUE = np.array([8, 3.2]), [13, 5.7], [7, 2], 0.012
_WROTE = 1000  # entries of the summary by which its writing is timed


class Killed(BaseException):
    """The end of the controller."""


class Clock:
    """Stands for the module ``time``; sleeping ends when a process does."""

    def __init__(self):
        self.now, self.death = 1e9, None
        self.ends = {}

    def time(self):
        return self.now

    def sleep(self, seconds):
        ends = min(self.ends.values(), default=self.now)
        self.now = max(self.now + seconds, ends)
        if self.death is not None and self.now >= self.death:
            self.death = None
            raise Killed


class Archive:
    """The entries: how long each takes, and which fail.

    Parameters
    ----------
    count : int
    cores : int
        Of an entry.
    seed : int
    """

    def __init__(self, count, cores, seed):
        random = np.random.default_rng(seed)
        self.names = ["EMD-%d" % (10000 + number) for number in range(count)]
        boxes = np.exp(np.log(MEDIAN) + SPREAD * random.standard_normal(count))
        self.boxes = np.clip(boxes, *BOXES).astype(int)
        residues = RESIDUES * np.exp(RESIDUES_SPREAD * random.standard_normal(count))
        voxels = self.boxes ** 3 / 1e6
        halves = random.random(count) < SHARE_HALVES
        model = random.random(count) < SHARE_MODEL
        once, each = (MAP + np.outer(halves, HALVES) + np.outer(model, MODEL)).T
        self.core_seconds = once + each * voxels + RESIDUE * residues * model
        self.seconds = dict(zip(self.names, self.core_seconds / cores))
        self.wrong = {name for name, chance in zip(self.names, random.random(count))
                      if chance < WRONG}
        self.random = random
        self.tries, self.reports = Counter(), Counter()

    def table(self, path):
        """Write the table of all of it."""
        with open(path, "w") as handle:
            handle.write("\n".join(["entry"] + self.names) + "\n")


class Process:
    """Stands for the process of an entry."""

    def __init__(self, archive, clock, arguments):
        self._archive, self._clock = archive, clock
        self._name = arguments[-1]
        self._folder = next(part for part in arguments if part.startswith("--output="))[9:]
        archive.tries[self._name] += 1
        self.pid = id(self)
        self.code = None
        self._share = 1.0
        self._fails = self._name in archive.wrong or archive.random.random() < UNLUCKY
        if self._fails:
            self._share = archive.random.random()
        clock.ends[self.pid] = clock.now + self._share * archive.seconds[self._name]

    def poll(self):
        if self.code is None and self._clock.now >= self._clock.ends[self.pid]:
            del self._clock.ends[self.pid]
            self.code = int(self._fails)
            if not self._fails:
                self._report()
        return self.code

    def wait(self, timeout=None):
        return self.code

    def terminate(self):
        self._clock.ends.pop(self.pid, None)
        self.code = 1

    def _report(self):
        self._archive.reports[self._name] += 1
        report = {"grade": "0", "score": {"passed": 1, "evaluable": 1}, "items": [],
                  "input": {"notes": [], "added": []}}
        for name in ("report.pdf", "report.html"):
            open(os.path.join(self._folder, name), "w").close()
        with open(os.path.join(self._folder, "report.json"), "w") as handle:
            json.dump(report, handle)


def seconds_of_summary():
    """CPU time that the summary takes here, per entry: measured."""
    items = {item: (Status.OK, 0) for item in (
        "0.a", "0.b", "0.c", "0.d", "0.e", "0.f", "0.g", "0.h", "1.a", "1.b", "1.c", "1.d", "1.e",
        "1.f", "1.g", "1.h", "A.a", "A.b", "A.c", "A.d", "A.e", "A.f", "A.g")}
    outcomes = [Outcome("EMD-%d" % number, "", "done", "", "1A", 7, 7, items)
                for number in range(_WROTE)]
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        write_summaries(folder, "archive", outcomes)
        return (time.process_time() - began) / _WROTE


def run_once(rows, folder, archive, clock, jobs, summary, death=None):
    """Run the command once; returns what became of it."""
    began, clock.death = clock.now, None if death is None else clock.now + death
    tried, made, written = sum(archive.tries.values()), sum(archive.reports.values()), [0]
    clock.ends.clear()

    def write(_, __, outcomes):
        written[0] += 1
        clock.now += summary * len(outcomes)

    standing_in = mock.patch.multiple(
        batch, time=clock, write_summaries=write, _identity=lambda pid: [pid, 0.0],
        _end_group=lambda pid: None, _end_earlier=lambda *_: None,
        subprocess=SimpleNamespace(
            Popen=lambda arguments, **_: Process(archive, clock, arguments[3:]),
            DEVNULL=subprocess.DEVNULL, TimeoutExpired=subprocess.TimeoutExpired))
    wall, complete = time.process_time(), False
    with standing_in, mock.patch.object(batch, "Console", lambda: SimpleNamespace(
            say=lambda text: None)):
        scheduler = batch._Batch("archive", folder, None, {"threads": 1})
        scheduler.add(rows)
        reading = time.process_time() - wall
        try:
            complete = scheduler.run(jobs)
        except Killed:
            pass
    states = Counter(entry.outcome.state for entry in scheduler._entries.values())
    return SimpleNamespace(
        complete=complete, hours=(clock.now - began) / 3600, reading=reading,
        tries=sum(archive.tries.values()) - tried, reports=sum(archive.reports.values()) - made,
        states=states, written=written[0], wall=time.process_time() - wall)


def simulate(count, jobs, cores, seed, say=print):
    """All three runs.

    Parameters
    ----------
    count, jobs, cores, seed : int
        Entries, entries at once, cores of each, and what the random numbers start from.
    say : callable
        Gets what is to be printed.

    Returns
    -------
    archive : Archive
    runs : list
        As :func:`run_once` gives them.
    """
    archive, clock, summary = Archive(count, cores, seed), Clock(), seconds_of_summary()
    ideal = archive.core_seconds.sum() / cores / jobs
    commands = _row_options(_parser().parse_args(["batch", "archive.csv"]).commands)
    say("%d entries, boxes of %d to %d (median %d): %.0f core days; at best %.1f h with %d entries "
        "of %d cores at once" % (count, archive.boxes.min(), archive.boxes.max(),
                                 np.median(archive.boxes), archive.core_seconds.sum() / 86400,
                                 ideal / 3600, jobs, cores))
    say("%-16s %8s %7s %8s %7s %7s %9s %10s %9s" % (
        "run", "hours", "tries", "reports", "failed", "cut off", "summaries", "entries/h",
        "CPU"))
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "archive.csv")
        archive.table(path)
        rows = read_table(path, commands)
        for title, death in (("killed half way", ideal / 2), ("goes on", None),
                             ("tries again", None)):
            run = run_once(rows, folder, archive, clock, jobs, summary, death)
            runs.append(run)
            say("%-16s %8.1f %7d %8d %7d %7d %9d %10.0f %7.0f s" % (
                title, run.hours, run.tries, run.reports, run.states["failed"],
                run.states["stopped"], run.written, run.tries / max(run.hours, 1e-9), run.wall))
    say("To find out what is done took the last run %.1f s; writing the summary %.1f s each time."
        % (runs[-1].reading, summary * count))
    return archive, runs


def problems(archive, runs):
    """What the scheduler did wrong; empty where it did all as it should."""
    found = ["%s has %d reports" % item for item in archive.reports.items() if item[1] != 1]
    lost = set(archive.names) - archive.wrong - set(archive.reports)
    # An entry that is unlucky three times is no mistake of the scheduler.
    found += ["%s was tried %d times only" % (name, archive.tries[name]) for name in sorted(lost)
              if archive.tries[name] < 2]
    made = sum(run.reports for run in runs)
    if runs[-1].states["done"] != made:
        found.append("%d reports were made, and %d are known" % (made, runs[-1].states["done"]))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, default=45000)
    parser.add_argument("--jobs", type=int, default=100)
    parser.add_argument("--cores", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    found = problems(*simulate(arguments.entries, arguments.jobs, arguments.cores, arguments.seed))
    for problem in found:
        print(problem)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
