"""Write sets of the bench into folders.

Usage: python -m benchmarks.verdicts.make FOLDER [PATTERN ...]

A pattern is a set's name, perhaps with *, "sound" or "faulty". Each set gets a folder of its name
with map.mrc, half1.mrc, half2.mrc, model.cif and truth.json. ``--list`` prints the names.
"""

import argparse
import os

from benchmarks.verdicts.making import write
from benchmarks.verdicts.sets import matching


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?")
    parser.add_argument("patterns", nargs="*", default=["*"])
    parser.add_argument("--list", action="store_true", help="print the names and make nothing")
    arguments = parser.parse_args()
    if arguments.list or not arguments.folder:
        for one in matching():
            print("%-36s %-9s %s" % (one.name, one.part, "faulty" if one.fault else "sound"))
        return
    for one in matching(arguments.patterns or ["*"]):
        given = write(one, os.path.join(arguments.folder, one.name))
        print(one.name, "threshold %g, %.2f Å" % (given["threshold"], given["resolution"]))


if __name__ == "__main__":
    main()
