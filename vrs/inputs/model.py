"""An atomic model."""

import re
from dataclasses import dataclass
from typing import Any

from vrs.errors import InputError
from vrs.inputs import NUMBER, Kind, Loaded, Option, Source, read_value, register
from vrs.io.files import check_file
from vrs.io.models import WANTED, read_model
from vrs.io.problems import collected


@dataclass(frozen=True)
class ModelEvidence:
    """An atomic model in the frame of its file.

    Attributes
    ----------
    structure : gemmi.Structure
        Its first model only; not to be changed.
    refinements : int
        How often it is to be refined from displaced starts (A.c): 0 for not at all, else at
        least 2.
    """

    structure: Any
    refinements: int = 0


def to_refinements(value):
    """The number of refinements that a user gave, perhaps as text.

    Parameters
    ----------
    value : int or str

    Returns
    -------
    int
        0 or at least 2.

    Raises
    ------
    InputError
        If it is anything else.
    """
    if not re.fullmatch(r"0|[2-9]|[1-9]\d+", str(value)):
        raise InputError("The number of refinements of the model, %s, is not a whole number of at "
                         "least 2; give 5, for instance, or 0 for none." % value)
    return int(value)


class _ModelKind(Kind):
    name = "model"
    title = "Atomic model"
    words = "an atomic model"
    place = 100
    help = ("The atomic model that was built into the map or fitted to it. Its position is "
            "determined automatically; it need not be moved.")
    options = (
        Option("model", "atomic model, mmCIF or PDB, compressed or not", "Structure",
               "The model as mmCIF or PDB file, compressed or not.", pointer="AtomStruct",
               of_entry=True),
        Option("multimodel", "refine the model N times from displaced starts, 5 for instance, and "
               "compare the results (A.c); takes long (default: not done)",
               "Refinements of the model (A.c)",
               "How often the model is refined against the map from displaced starts, to see "
               "whether the map determines its position: 5 is usual, 0 leaves it out. It takes "
               "long: minutes for a model of 2,000 residues, an hour or more for the "
               "largest.", NUMBER,
               "N", to_refinements, default=0, advanced=True),
    )

    def probe(self, given, probed):
        problems = []
        with collected(problems):
            read_value(self.options[1], given)
        with collected(problems):
            check_file(str(given["model"]), WANTED)
        if problems:
            raise InputError(problems)

    def load(self, given, evidence):
        found = read_model(given["model"])
        part = ModelEvidence(found.structure, read_value(self.options[1], given))
        return Loaded(part, (Source("Model", found.path),), tuple(found.notes))


MODEL = register(_ModelKind())
