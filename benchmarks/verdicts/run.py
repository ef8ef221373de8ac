"""Validate the sets of the bench and keep what was found.

Usage: python -m benchmarks.verdicts.run FOLDER [PATTERN ...] [--items ID ...] [--part PART]
                                       [--processes N] [--seconds S]

Each set is made and validated, on levels 0, 1 and, where it has a model, A (faults of the model
alone on level A, those of the half maps alone on levels 0 and 1), and its document is written to
FOLDER/NAME.json: the content of report.json, the truth, and the CPU seconds of each item. Sets that
have a document are left out, so that an interrupted run goes on where it was; ``--seconds`` starts
no further set after that time, ``--part`` takes the structures for setting or for reporting. A
process takes one core; ``--items`` computes some items only. FOLDER must be outside the repository.
"""

import argparse
import json
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import vrs
from benchmarks.verdicts.making import write
from benchmarks.verdicts.sets import matching
from benchmarks.verdicts.structures import REPORTING, SETTING
from vrs import inputs
from vrs.report.json_report import render_json
from vrs.validation import Validation


class _Clock:
    """CPU seconds of each item."""

    def __init__(self):
        self.seconds, self._name, self._start = {}, "input", time.process_time()

    def __call__(self, name):
        now = time.process_time()
        self.seconds[self._name] = round(now - self._start, 2)
        self._name, self._start = name, now


def validated(one, items=None, write=write):
    """Make and validate a set.

    Parameters
    ----------
    one : benchmarks.verdicts.sets.VerdictSet
    items : sequence of str, optional
        Those that are computed, all by default; the input is described in any case.
    write : callable
        Writes the set into a folder, with its ``truth.json``, and returns what ``vrs.validate``
        takes.

    Returns
    -------
    dict
        ``name``, ``truth``, ``seconds`` and ``report``, the content of report.json.
    """
    with tempfile.TemporaryDirectory(prefix="verdicts_") as folder:
        start = time.process_time()
        given = write(one, folder)
        making = time.process_time() - start
        with open(os.path.join(folder, "truth.json"), encoding="utf-8") as handle:
            truth = json.load(handle)
        clock = _Clock()
        evidence = inputs.load(given, inputs.Run(1))
        validation = Validation(folder, one.levels, lambda: evidence)
        validation.describe(given.get("map"))
        for shared in validation.shared():
            validation.share(shared)
        checks = [check for check in validation.checks() if items is None or check.id in items]
        for check in checks:
            clock(check.id)
            validation.compute(check)
        clock("")
        found, _ = validation.finish()
        report = json.loads(render_json([(result, Path(folder)) for result in found],
                                        {"vrs": vrs.__version__}, "", folder))
    return {"name": one.name, "truth": truth, "report": report,
            "seconds": dict(clock.seconds, making=round(making, 2))}


def _keep(one, folder, items, write):
    document = validated(one, items, write)
    path = Path(folder) / (one.name + ".json")
    part = path.with_suffix(".part")
    part.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    part.rename(path)
    return one.name, sum(document["seconds"].values())


def options():
    """Parser of the arguments."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("folder")
    parser.add_argument("patterns", nargs="*", default=["*"])
    parser.add_argument("--items", nargs="+")
    parser.add_argument("--part", default="", choices=["", SETTING, REPORTING])
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seconds", type=float, default=float("inf"))
    return parser


def run(wanted, arguments, write=write):
    """Validate sets that have no document yet.

    Parameters
    ----------
    wanted : list of benchmarks.verdicts.sets.VerdictSet
    arguments : argparse.Namespace
        Of :func:`options`.
    write : callable
        As in :func:`validated`.
    """
    folder = Path(arguments.folder).resolve()
    if Path(__file__).resolve().parents[2] in [folder] + list(folder.parents):
        raise SystemExit("the folder must be outside the repository")
    folder.mkdir(parents=True, exist_ok=True)
    start = time.time()
    # In an order that mixes them, so that some of them speak for all.
    open_sets = [one for one in sorted(wanted, key=lambda one: one.seed)
                 if not (folder / (one.name + ".json")).exists()]
    with ProcessPoolExecutor(arguments.processes) as pool:
        running = []
        for one in open_sets:
            while len(running) >= arguments.processes:
                _report(running.pop(0))
            if time.time() - start > arguments.seconds:
                break
            running.append(pool.submit(_keep, one, folder,
                                       arguments.items or one.items, write))
        for future in running:
            _report(future)


def _report(future):
    print("%-36s %6.1f s" % future.result(), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], parents=[options()])
    arguments = parser.parse_args()
    run(matching(arguments.patterns or ["*"], arguments.part), arguments)


if __name__ == "__main__":
    main()
