"""``python -m vrs.tests.fuzz N [--seed S] [--first I] [--write FILE]``"""

import argparse
import sys

from vrs.tests.fuzz.run import case, run


def main():
    parser = argparse.ArgumentParser(prog="python -m vrs.tests.fuzz",
                                     description="Try damaged inputs.")
    parser.add_argument("count", type=int, help="how many inputs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="index of the first input")
    parser.add_argument("--write", metavar="FILE", help="only write the first input to a file")
    given = parser.parse_args()
    if given.write:
        with open(given.write, "wb") as stream:
            stream.write(case(given.seed, given.first)[2])
        return 0
    outcomes, failures = run(given.count, given.seed, given.first, print)
    for (kind, outcome), number in sorted(outcomes.items()):
        print("%-9s %-13s %d" % (kind, outcome, number))
    print("%d of %d failed." % (len(failures), given.count))
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
