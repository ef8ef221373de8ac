"""Sets of particles of the bench: sound ones, and faulty ones with one fault each.

Usage: python -m benchmarks.verdicts.particle_sets run FOLDER [PATTERN ...] [--items ID ...]
                                        [--part PART] [--processes N] [--seconds S]
       python -m benchmarks.verdicts.particle_sets table FOLDER [--page PAGE] [--details]
                                        [--stored]

``run`` makes the sets, validates them on level 4 (faulty ones by the items that should notice their
fault) and keeps a document of each, ``table`` counts what they say; both work like
:mod:`benchmarks.verdicts.run` and :mod:`benchmarks.verdicts.table`.
"""

import argparse
from dataclasses import dataclass
from typing import Tuple

from benchmarks.verdicts import particle_making, run, table
from benchmarks.verdicts.faults import Fault
from benchmarks.verdicts.sets import Declared, matching

_ANGLES = ("4.b", "4.c", "4.d")
_VIEWS = ("4.g", "4.h")
FAULTS = {one: Fault(title, finds, "4") for one, title, finds in (
    ("junk20", "20 % of the images show no particle", _ANGLES),
    ("junk40", "40 % of the images show no particle", _ANGLES),
    ("angles20", "20 % of the particles have random angles", _ANGLES),
    ("permuted", "all particles have the angles of others", _ANGLES + ("4.f", "particles")),
    ("mirrored", "map mirrored after the refinement", _ANGLES + ("particles",)),
    ("bias", "images of pure noise, aligned to the map", ("4.f",)),
    ("defocus", "defocus of one micrograph wrong by 1000 Å", ("4.i",)),
    ("states", "half of the particles with a domain displaced", ("4.e",)),
    ("missing", "half of the particles without a domain", ("4.e",)),
    ("pixel", "pixel size wrong by 3 %", ("particles",)),
    ("cone20", "missing cone of 20°", _VIEWS),
    ("cone35", "missing cone of 35°", _VIEWS),
    ("top", "top views only (within 35°)", _VIEWS),
    ("edge", "side views only, within 25°", _VIEWS),
)}


@dataclass(frozen=True)
class ParticleVerdictSet(Declared):
    """A set of particles of which everything is known.

    Attributes
    ----------
    structure : str
        Key of ``structures.STRUCTURES``.
    snr : float
        Variance of the signal over that of the noise, in images of 3.2 Å/pixel.
    variant : str
        What is special of it, or its fault; a part of its name.
    fault : str
        Key of ``FAULTS``; empty where it is sound.
    count : int
        Of particles.
    micrographs : int
    views : str
        As of :class:`benchmarks.verdicts.sets.VerdictSet`.
    images : bool
        Whether there are images and a map, or the table only.
    expected : tuple of str
        Items of which a minor warning is right though the set is sound.
    """

    structure: str
    snr: float
    variant: str = "plain"
    fault: str = ""
    count: int = 400
    micrographs: int = 12
    views: str = "uniform"
    images: bool = True
    expected: Tuple[str, ...] = ()
    levels = "4"
    faults = FAULTS

    @property
    def name(self):
        """Structure, signal and variant: "serpin-0.1-plain"."""
        return "%s-%g-%s" % (self.structure, self.snr, self.variant)

    @property
    def items(self):
        """Items that are computed: all of a sound set, those that should notice a fault."""
        return self.finds or None


def _faulty(fault, structure, snr, **options):
    return ParticleVerdictSet(structure, snr, variant=fault, fault=fault, **options)


def _table(structure, views, fault=""):
    return ParticleVerdictSet(structure, 0.0, variant="table-" + views, fault=fault, count=4000,
                              views=views, images=False)


SOUND = (
    ParticleVerdictSet("dbp", 0.1),
    ParticleVerdictSet("propeller", 0.2),
    ParticleVerdictSet("trimer", 0.1, "mild", views="mild"),
    ParticleVerdictSet("hprk", 0.05),
    ParticleVerdictSet("interleukin", 0.1),
    ParticleVerdictSet("channel", 0.1),
    ParticleVerdictSet("ideal", 0.2),
    ParticleVerdictSet("serpin", 0.05),
    ParticleVerdictSet("rcc1", 0.1),
    ParticleVerdictSet("kinase", 0.2),
    ParticleVerdictSet("importin", 0.1, "mild", views="mild"),
    ParticleVerdictSet("neuroligin", 0.05),
    ParticleVerdictSet("tolb", 0.1),
    ParticleVerdictSet("beta", 0.05),
    _table("dbp", "uniform"),
    _table("hprk", "mild"),
    _table("kinase", "uniform"),
    _table("serpin", "mild"),
)
FAULTY = (
    _faulty("junk20", "hprk", 0.1),
    _faulty("junk20", "serpin", 0.1),
    _faulty("junk40", "interleukin", 0.05),
    _faulty("junk40", "beta", 0.1),
    _faulty("angles20", "dbp", 0.05),
    _faulty("angles20", "tolb", 0.2),
    _faulty("angles20", "neuroligin", 0.1),
    _faulty("permuted", "channel", 0.1),
    _faulty("permuted", "kinase", 0.05),
    _faulty("mirrored", "propeller", 0.1),
    _faulty("mirrored", "rcc1", 0.1),
    _faulty("bias", "interleukin", 0.1, count=1000),
    _faulty("bias", "importin", 0.1, count=1000),
    _faulty("defocus", "dbp", 0.1),
    _faulty("defocus", "kinase", 0.1),
    _faulty("defocus", "serpin", 0.05),
    _faulty("states", "interleukin", 0.2),
    _faulty("states", "importin", 0.2),
    _faulty("missing", "hprk", 0.2),
    _faulty("missing", "neuroligin", 0.2),
    _faulty("pixel", "propeller", 0.2),
    _faulty("pixel", "tolb", 0.1),
    _table("propeller", "cone20", "cone20"),
    _table("importin", "cone20", "cone20"),
    _table("interleukin", "cone35", "cone35"),
    _table("rcc1", "cone35", "cone35"),
    _table("trimer", "top", "top"),
    _table("tolb", "top", "top"),
    _table("channel", "edge", "edge"),
    _table("neuroligin", "edge", "edge"),
)
SETS = {one.name: one for one in SOUND + FAULTY}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = parser.add_subparsers(dest="what")
    parts.required = True
    parts.add_parser("run", parents=[run.options()])
    parts.add_parser("table", parents=[table.options()])
    arguments = parser.parse_args()
    if arguments.what == "run":
        run.run(matching(arguments.patterns or ["*"], arguments.part, SETS), arguments,
                particle_making.write)
    else:
        table.show(table.read(arguments.folder, arguments.stored, SETS), arguments, FAULTS,
                   "particle verdicts")


if __name__ == "__main__":
    main()
