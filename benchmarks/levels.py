"""Time and memory of level 0, item by item and as a whole.

Usage: python benchmarks/level_0.py [BOX] [--whole]

Makes a synthetic map of BOX³ voxels (256 by default) and runs each check in a
process of its own, so that its peak memory can be told; with --whole also the command
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

from vrs.checks import checks_of_level, get_check, run_check
from vrs.checks.input_data import describe_input
from vrs.io import read_input, write_map

SAMPLING = 1.0
RESOLUTION = 4.0


def phantom(size, seed=0):
    """A lumpy body of a third of the box in noise, with detail up to 4 Å."""
    random = np.random.default_rng(seed)
    body = random.normal(size=(size,) * 3).astype(np.float32)
    axes = np.ogrid[tuple(slice(-(size // 2), size - size // 2) for _ in range(3))]
    inside = sum((axis / (size * part)) ** 2 for axis, part in zip(axes, (0.15, 0.17, 0.2))) < 1
    body = ndimage.gaussian_filter((body + 1) * inside, RESOLUTION / SAMPLING / 4)
    return body + 0.02 * random.normal(size=body.shape).astype(np.float32)


def measure_in_process(task, path, threshold, workers):
    """Run one task and print its seconds and peak memory as JSON."""
    data = read_input(path, threshold, RESOLUTION, workers=workers).data
    if task == "fft":
        run = lambda: fft.irfftn(fft.rfftn(data.volume, workers=workers), workers=workers)
    elif task == "input":
        run = lambda: describe_input(data, path, "")
    else:
        data.hard_mask, data.soft_mask
        run = lambda: run_check(get_check(task), data)
    start = time.time()
    result = run()
    seconds = time.time() - start
    status = result[0].printed_status() if task not in ("fft", "input") else ""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "peak": peak, "status": status}))


def measure_whole(path, threshold, folder, workers):
    """Run ``vrs validate`` and return its seconds and the peak of its processes together."""
    environment = dict(os.environ, SCIPION_USER_DATA=os.path.join(folder, "data"))
    start, peak = time.time(), 0
    process = psutil.Popen([
        os.path.join(os.path.dirname(sys.executable), "vrs"), "validate", "--map", path,
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("box", nargs="?", type=int, default=256)
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--task", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        task, path, threshold = arguments.task
        measure_in_process(task, path, threshold, arguments.threads)
        return

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "phantom.mrc")
        volume = phantom(arguments.box)
        threshold = float(np.quantile(volume, 0.985))
        write_map(path, volume, SAMPLING)
        map_bytes = volume.nbytes
        del volume
        print("%d³ voxels, %d threads; the map takes %.0f MB" % (
            arguments.box, arguments.threads, map_bytes / 1e6))
        print("%-8s %8s %12s %12s %8s  %s" % ("", "seconds", "peak (MB)", "peak / map", "/ FFT",
                                             "status"))
        reference = None
        for task in ["fft", "input"] + [check.id for check in checks_of_level("0")]:
            output = subprocess.run(
                [sys.executable, __file__, "--threads", str(arguments.threads), "--task", task,
                 path, repr(threshold)], check=True, stdout=subprocess.PIPE).stdout
            found = json.loads(output.splitlines()[-1])
            reference = reference or found["seconds"]
            print("%-8s %8.2f %12.0f %12.1f %8.1f  %s" % (
                task, found["seconds"], found["peak"] / 1e6, found["peak"] / map_bytes,
                found["seconds"] / reference, found["status"]), flush=True)
        if arguments.whole:
            seconds, peak = measure_whole(path, threshold, folder, arguments.threads)
            print("%-8s %8.2f %12.0f %12.1f %8.1f" % (
                "whole", seconds, peak / 1e6, peak / map_bytes, seconds / reference))


if __name__ == "__main__":
    main()
