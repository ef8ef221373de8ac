"""Time of writing a report, as a whole and by its parts.

Usage: python benchmarks/report.py RESULTS.json [--box N]

RESULTS.json is what a validation left, for instance that of ``vrs example``. With --box, its maps
are first brought to boxes of N³ voxels by interpolation. Times are of this machine: compare the
ratios to the Fourier transform of the map and back, which stand in the last column.
"""

import argparse
import os
import resource
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy import fft, ndimage

from vrs.io.headers import read_header
from vrs.io.maps import read_volume, write_map
from vrs.report import write_report
from vrs.report import figures, html_report, pdf_report, scene
from vrs.results import read_results, write_json


def enlarged(path, box, folder):
    """The results with all their maps in cubes of a box, in a folder; the path of the map too."""
    results, place = read_results(path), Path(path).parent
    given = results[0].input
    factor = box / max(given.shape)
    for entry in given.files + [entry for result in results for item in result.items
                                for entry in item.files]:
        if entry.content != "volume":
            continue
        volume, _ = read_volume(read_header(str(place / entry.path)))
        volume = ndimage.zoom(volume.astype(np.float32), factor, order=1)
        entry.path = os.path.basename(entry.path)
        write_map(str(folder / entry.path), volume, given.sampling / factor)
    given = replace(given, shape=[round(size * factor) for size in given.shape],
                    sampling=given.sampling / factor)
    write_json(folder / "results.json", [replace(result, input=given) for result in results])
    return folder / "results.json"


def timed(owner, name, spent):
    """Have a function note the seconds that it takes."""
    function = getattr(owner, name)

    def noted(*given, **named):
        start = time.time()
        try:
            return function(*given, **named)
        finally:
            spent[name] = spent.get(name, 0) + time.time() - start
    setattr(owner, name, noted)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results")
    parser.add_argument("--box", type=int)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        path = enlarged(given.results, given.box, folder) if given.box else Path(given.results)
        known = read_results(path)[0].input
        volume, _ = read_volume(read_header(str(path.parent / known.files[0].path)))
        workers = len(os.sched_getaffinity(0))
        start = time.time()
        fft.irfftn(fft.rfftn(volume, workers=workers), workers=workers)
        unit = time.time() - start
        spent = {}
        for owner, name in ((figures.Artist, "draw"), (figures.Artist, "finish"),
                            (scene, "map_scene"), (pdf_report, "render_pdf"),
                            (html_report, "render_html")):
            timed(owner, name, spent)
        start = time.time()
        paths = write_report([path], folder / "report", {})
        spent["all"] = time.time() - start
        usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF,
                                                      resource.RUSAGE_CHILDREN)]
        print("box %s, transform and back %.2f s" % (known.shape, unit))
        for name, seconds in spent.items():
            print("%-12s %7.2f s %7.1f" % (name, seconds, seconds / unit))
        print("processors   %7.2f s" % sum(one.ru_utime + one.ru_stime for one in usage))
        print("peak memory  %7.0f MB" % (usage[0].ru_maxrss / 1024))
        for one in paths:
            print("%-12s %7.1f MB" % (one.name, one.stat().st_size / 1e6))
    finally:
        shutil.rmtree(str(folder))


if __name__ == "__main__":
    main()
