"""Items 0.f and 0.g against the original programs, in values and in CPU seconds.

Usage: python benchmarks/against_ucm.py [BOX]   (needs: pip install scipion-em-ucm)
"""

import sys
import time

import numpy as np
from ucm import computations

from vrs.checks.level_0 import local_bfactor, local_occupancy, monogenic
from vrs.tests.checks.phantoms import central_box, noise_with_b
from vrs.tests.evidence import evidence

SAMPLING, RESOLUTION, THREADS = 1.5, 3.0, 2
PERCENTAGES = (2.5, 25, 50, 75, 97.5)


def timed(function, *arguments, **named):
    start = time.process_time()
    return function(*arguments, **named), time.process_time() - start


def show(title, ours, theirs, seconds):
    print(title)
    for name, values in (("vrs", ours), ("UCM", theirs)):
        print("  %s  percentiles %s" % (name, " ".join("%9.3f" % value for value in np.percentile(
            values, PERCENTAGES))))
    print("  correlation %.5f; CPU seconds %.2f and %.2f, ratio %.1f" % (
        np.corrcoef(ours, theirs)[0, 1], seconds[0], seconds[1], seconds[1] / seconds[0]))


def main():
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 128
    volume = noise_with_b(-100, (size,) * 3, SAMPLING)
    mask = central_box(volume.shape)
    data = evidence(volume, SAMPLING, float(volume.max()) * 0.9, RESOLUTION, mask=mask,
                    workers=THREADS)
    (ours, _), seconds = timed(lambda: local_bfactor.local_b_factors(monogenic.resize(data)))
    theirs, reference = timed(computations.bfactor, volume, mask, SAMPLING, 15, RESOLUTION,
                              nthreads=THREADS)
    show("0.f, %d³" % size, ours, theirs[mask], (seconds, reference))
    (ours, _), seconds = timed(lambda: local_occupancy.local_occupancies(monogenic.resize(data)))
    theirs, reference = timed(computations.occupancy, volume, mask, SAMPLING, 15, RESOLUTION,
                              0.25, 4.8)
    show("0.g, %d³" % size, ours, theirs[mask], (seconds, reference))


if __name__ == "__main__":
    main()
