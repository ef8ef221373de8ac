"""What an item measures, declared beside its criteria."""

from dataclasses import dataclass
from typing import Tuple

NUMBER, VECTOR, TEXT, LIST, MAPPING = "number", "x, y, z", "text", "list", "mapping"


@dataclass(frozen=True)
class Quantity:
    """A metric as an item declares it.

    Attributes
    ----------
    name : str
        Under which it stands in report.json.
    unit : str
    description : str
    form : str
        "number", "x, y, z", "text", "list" or "mapping".
    keys : tuple of str
        Of a mapping, where they are always the same.
    """

    name: str
    unit: str
    description: str
    form: str = NUMBER
    keys: Tuple[str, ...] = ()

    @property
    def printed_form(self):
        """The form for a reference, with the keys of a mapping."""
        return "%s (%s)" % (self.form, ", ".join(self.keys)) if self.keys else self.form
