"""What is said of the map: the resolution that is, or is going to be, published for it."""

from dataclasses import dataclass
from typing import Optional

from vrs.errors import InputError
from vrs.inputs import NUMBER, TEXT, Kind, Loaded, Option, Source, read_value, register
from vrs.io.problems import collected, to_resolution
from vrs.io.sequences import read_mass


@dataclass(frozen=True)
class Reported:
    """What is said of the map.

    Attributes
    ----------
    resolution : float or None
        Å.
    mass : float or None
        Of the specimen, kDa.
    """

    resolution: Optional[float] = None
    mass: Optional[float] = None


class _ReportedKind(Kind):
    name = "reported"
    title = "Reported values"
    words = "the reported resolution"
    place = 0
    always = True
    is_indispensable = True
    options = (
        Option("resolution", "reported resolution in Å", "Reported resolution (Å)",
               "The resolution that is, or will be, published for the whole map; the validation "
               "asks whether the data support it. For a map that was imported as an EMDB entry it "
               "may be left empty: the resolution that the entry states is then used.",
               NUMBER, "R", to_resolution),
        Option("title", "what the report calls the map (default: the name of its file)",
               type=TEXT),
        Option("sequence", "sequences of all chains of the specimen, FASTA; they tell its mass",
               "Sequences",
               "A FASTA file with a record for each chain of the specimen. If no threshold is "
               "given, one is suggested that encloses this mass."),
    )

    def probe(self, given, probed):
        return self.load(given, None).part

    def load(self, given, evidence):
        problems, resolution, mass = [], None, None
        path = given.get("sequence")
        with collected(problems):
            resolution = read_value(self.options[0], given)
        with collected(problems):
            mass = read_mass(path) if path else None
        if problems:
            raise InputError(problems)
        return Loaded(Reported(resolution, mass), (Source("Sequences", path),) * bool(path))


REPORTED = register(_ReportedKind())
