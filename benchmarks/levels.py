"""Time and memory of the levels of a map and its half maps, item by item and as a whole.

Usage: python benchmarks/levels.py [BOX] [--levels 01] [--whole]

Makes a synthetic map of BOX³ voxels (256 by default) with two half maps and runs each check
in a process of its own, so that its peak memory can be told; with --whole also the command
``vrs validate`` from start to reports. Times are of this machine: compare the ratios
to the Fourier transform of the same map, which stand in the last column.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np
import psutil
from scipy import fft, ndimage

from vrs import inputs
from vrs.checks import checks_of_level, get_check, run_check
from vrs.inputs.half_maps import HALF_MAPS
from vrs.inputs.map import describe_map
from vrs.io.maps import write_map

SAMPLING = 1.0
RESOLUTION = 4.0
NOISE = 0.03


def phantom(size, seed=0):
    """Half maps of a lumpy body of a third of the box in noise, with detail up to 4 Å."""
    random = np.random.default_rng(seed)
    body = random.normal(size=(size,) * 3).astype(np.float32)
    axes = np.ogrid[tuple(slice(-(size // 2), size - size // 2) for _ in range(3))]
    inside = sum((axis / (size * part)) ** 2 for axis, part in zip(axes, (0.15, 0.17, 0.2))) < 1
    body = ndimage.gaussian_filter((body + 1) * inside, RESOLUTION / SAMPLING / 4)
    return [body + NOISE * random.standard_normal(body.shape, np.float32) for _ in range(2)]


def measure_in_process(task, paths, threshold, workers):
    """Run one task and print its seconds and peak memory as JSON."""
    given = {"map": paths[0], "threshold": threshold, "resolution": RESOLUTION}
    if task.startswith("1") or task == "half maps":
        given.update(half1=paths[1], half2=paths[2])
    evidence = inputs.load(given, inputs.Run(workers))
    if task == "fft":
        run = lambda: fft.irfftn(fft.rfftn(evidence.map.volume, workers=workers), workers=workers)
    elif task == "input":
        run = lambda: describe_map(evidence)
    elif task == "half maps":
        run = lambda: HALF_MAPS.describe(evidence)
    else:
        evidence.map.hard_mask, evidence.map.soft_mask
        run = lambda: run_check(get_check(task), evidence)
    start = time.time()
    result = run()
    seconds = time.time() - start
    status = result[0].printed_status() if "." in task else ""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "peak": peak, "status": status}))


def measure_whole(paths, threshold, folder, workers):
    """Run ``vrs validate`` and return its seconds and the peak of its processes together."""
    environment = dict(os.environ, SCIPION_USER_DATA=os.path.join(folder, "data"))
    start, peak = time.time(), 0
    process = psutil.Popen([
        os.path.join(os.path.dirname(sys.executable), "vrs"), "validate",
        *(word for pair in zip(("--map", "--half1", "--half2"), paths) for word in pair),
        "--threshold", str(threshold), "--resolution", str(RESOLUTION), "--threads", str(workers),
        "--output", os.path.join(folder, "report")], env=environment)
    while process.poll() is None:
        try:
            peak = max(peak, sum(one.memory_info().rss for one in
                                 [process] + process.children(recursive=True)))
        except psutil.NoSuchProcess:
            pass
        time.sleep(0.05)
    if process.returncode:
        raise SystemExit("vrs validate ended with exit code %d" % process.returncode)
    return time.time() - start, peak


def files_in(folder):
    """The map and its half maps."""
    return [os.path.join(folder, name + ".mrc") for name in ("phantom", "half1", "half2")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("box", nargs="?", type=int, default=256)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--levels", default="01", help="0, 1 or 01 (default)")
    parser.add_argument("--task", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        task, folder, threshold = arguments.task
        measure_in_process(task, files_in(folder), threshold, arguments.threads)
        return

    with tempfile.TemporaryDirectory() as folder:
        paths, halves = files_in(folder), phantom(arguments.box)
        volume = (halves[0] + halves[1]) / 2
        threshold = float(np.quantile(volume, 0.985))
        for path, array in zip(paths, [volume] + halves):
            write_map(path, array, SAMPLING)
        map_bytes = volume.nbytes
        del volume, halves, array
        print("%d³ voxels, %d threads; the map takes %.0f MB" % (
            arguments.box, arguments.threads, map_bytes / 1e6))
        print("%-8s %8s %12s %12s %8s  %s" % ("", "seconds", "peak (MB)", "peak / map", "/ FFT",
                                             "status"))
        reference = None
        tasks = ["fft"] + ["input"] * ("0" in arguments.levels)
        tasks += ["half maps"] * ("1" in arguments.levels)
        for task in tasks + [check.id for level in arguments.levels
                             for check in checks_of_level(level)]:
            output = subprocess.run(
                [sys.executable, __file__, "--threads", str(arguments.threads), "--task", task,
                 folder, repr(threshold)], check=True, stdout=subprocess.PIPE).stdout
            found = json.loads(output.splitlines()[-1])
            reference = reference or found["seconds"]
            print("%-8s %8.2f %12.0f %12.1f %8.1f  %s" % (
                task, found["seconds"], found["peak"] / 1e6, found["peak"] / map_bytes,
                found["seconds"] / reference, found["status"]), flush=True)
        if arguments.whole:
            seconds, peak = measure_whole(
                paths if "1" in arguments.levels else paths[:1], threshold, folder,
                arguments.threads)
            print("%-8s %8.2f %12.0f %12.1f %8.1f" % (
                "whole", seconds, peak / 1e6, peak / map_bytes, seconds / reference))


if __name__ == "__main__":
    main()
