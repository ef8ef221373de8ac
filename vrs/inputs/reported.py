"""What is said of the map: the resolution that is, or is going to be, published for it."""

from dataclasses import dataclass
from typing import Optional

from vrs.inputs import NUMBER, TEXT, Kind, Loaded, Option, read_value, register
from vrs.io.problems import to_resolution


@dataclass(frozen=True)
class Reported:
    """What is said of the map.

    Attributes
    ----------
    resolution : float or None
        Å.
    """

    resolution: Optional[float] = None


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
        Option("title", "what the report calls the map (default: the name of its file, or the "
               "title of its entry)",
               type=TEXT),
    )

    def probe(self, given, probed):
        return self.load(given, None).part

    def load(self, given, evidence):
        return Loaded(Reported(read_value(self.options[0], given)))


REPORTED = register(_ReportedKind())
