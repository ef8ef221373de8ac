"""What is known of items and inputs once a level has run."""

import enum
import math
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional

import numpy as np

from vrs.results.products import Curve, MicrographValues, ParticleValues, ResidueValues


# How much a finding on the input or a warning weighs: nothing, worth a look, or that what is
# claimed for the map or the model is not supported.
INFORMATIVE, MINOR, SERIOUS = "informative", "minor", "serious"


class Status(str, enum.Enum):
    """What became of an item."""

    OK = "ok"
    WARNINGS = "warnings"
    NOT_APPLICABLE = "not_applicable"
    NOT_RUN = "not_run"
    NOT_MEASURED = "not_measured"
    INFORMATIVE = "informative"

    def printed(self, n_warnings: int = 0) -> str:
        """The status as the report prints it, "2 warnings" for instance."""
        if self is Status.WARNINGS:
            return "%d warning%s" % (n_warnings, "" if n_warnings == 1 else "s")
        return {Status.OK: "OK", Status.NOT_APPLICABLE: "Does not apply",
                Status.NOT_RUN: "Not run", Status.NOT_MEASURED: "Could not be measured",
                Status.INFORMATIVE: "Informative"}[self]


@dataclass
class Metric:
    """A value with unit and description.

    The value is a number, a text, a list (vectors are x, y, z), a mapping
    (percentiles) or None where this map has no such value. NumPy numbers become
    plain ones; infinities and NaN become None, as JSON has no word for them.
    """

    value: Any
    unit: str
    description: str

    def __post_init__(self):
        self.value = plain(self.value)


@dataclass
class Engine:
    """What computed an item."""

    name: str
    version: str


@dataclass
class FileEntry:
    """A map or a model that belongs to a result.

    Attributes
    ----------
    name : str
    path : str
        Relative to the results file.
    description : str
    content : str
        "volume" or "model".
    label, unit, scale, limits
        How its values are shown, see :class:`vrs.results.products.Volume`.
    """

    name: str
    path: str
    description: str
    content: str = "volume"
    label: str = ""
    unit: str = ""
    scale: str = "density"
    limits: Optional[List[float]] = None


@dataclass
class Reference:
    """A publication; ``key`` is that of its entry in ``vrs/bibtex.py``."""

    key: str
    text: str
    doi: str = ""


@dataclass
class Note:
    """A finding on the input; ``severity`` is "informative", "minor" or "serious"."""

    text: str
    severity: str = INFORMATIVE

    def __post_init__(self):
        if self.severity not in (INFORMATIVE, MINOR, SERIOUS):
            raise ValueError("there is no severity %s" % self.severity)


@dataclass
class Estimate:
    """An estimate of the map's resolution, Å.

    ``metric`` is where it stands among the item's, ``label`` what figures call it;
    ``interval`` has percentiles 2.5 and 97.5 of a local resolution; ``of_model`` tells those
    that depend on an atomic model.
    """

    metric: str
    label: str
    value: float
    interval: Optional[List[float]] = None
    of_model: bool = False


@dataclass
class CriterionOutcome:
    """A criterion after it was applied; ``outcome`` is "met", "broken" or
    "not_evaluated" (its metric has no value in this map), ``severity`` that of its warnings,
    "minor" or "serious"."""

    name: str
    metric: str
    text: str
    relation: str
    bound: Any
    default_bound: Any
    outcome: str
    warnings: List[str] = field(default_factory=list)
    severity: str = MINOR


@dataclass
class ServiceOutcome:
    """What the rules of the public validation service make of an item's metrics."""

    status: Status
    warnings: List[str] = field(default_factory=list)

    def printed_status(self) -> str:
        """The status as the report prints it."""
        return self.status.printed(len(self.warnings))


@dataclass
class ItemResult:
    """All about one item of the report.

    ``estimates`` are the resolutions by which it speaks of the map's;
    ``summary`` is its sentence in the summarised quality, if it has one;
    ``service`` is there only where the outcome would be another one.
    """

    id: str
    title: str
    level: str
    status: Status
    engine: Engine
    reason: str = ""
    explanation: str = ""
    summary: str = ""
    warnings: List[str] = field(default_factory=list)
    metrics: Dict[str, Metric] = field(default_factory=dict)
    criteria: List[CriterionOutcome] = field(default_factory=list)
    content: List[Any] = field(default_factory=list)
    files: List[FileEntry] = field(default_factory=list)
    references: List[Reference] = field(default_factory=list)
    curves: List[Curve] = field(default_factory=list)
    residues: List[ResidueValues] = field(default_factory=list)
    particles: List[ParticleValues] = field(default_factory=list)
    micrographs: List[MicrographValues] = field(default_factory=list)
    estimates: List[Estimate] = field(default_factory=list)
    service: Optional[ServiceOutcome] = None

    @property
    def serious_warnings(self) -> List[str]:
        """Those of its warnings that are serious."""
        return [warning for outcome in self.criteria if outcome.severity == SERIOUS
                for warning in outcome.warnings]

    def printed_status(self) -> str:
        """The status as the report prints it."""
        return self.status.printed(len(self.warnings))

    def value(self, name):
        """The value of a metric, None where it has none; "percentiles.50" reaches into it."""
        name, _, key = name.partition(".")
        value = self.metrics[name].value if name in self.metrics else None
        return value.get(key) if key and value is not None else value


@dataclass
class InputReport:
    """The input as the report describes it.

    Attributes
    ----------
    file_name, sha256 : str
        The map's file as the user knows it, or that of the first evidence where there is none.
    shape : list of int or None
        Box size x, y, z in voxels; None without a map, as the next two.
    sampling : float or None
        Å/voxel.
    threshold : float or None
    resolution : float or None
        Reported resolution, Å.
    mask_file_name, mask_sha256 : str
        The user's own mask, empty without one.
    notes : list of Note
        Header findings and the like.
    content : list
        Slices, projections, isosurface and masks.
    files : list of FileEntry
    entry : dict
        What is known of the map's entry in a public archive, see
        :func:`vrs.report.write_report`; empty without one.
    """

    file_name: str
    sha256: str
    shape: Optional[List[int]]
    sampling: Optional[float]
    threshold: Optional[float]
    resolution: Optional[float]
    mask_file_name: str = ""
    mask_sha256: str = ""
    notes: List[Note] = field(default_factory=list)
    content: List[Any] = field(default_factory=list)
    files: List[FileEntry] = field(default_factory=list)
    entry: Dict[str, Any] = field(default_factory=dict)


@dataclass
class InputFile:
    """A file that a level adds to the map; ``term`` says what it is."""

    term: str
    file_name: str
    sha256: str


@dataclass
class LevelInput:
    """What a level adds to the map, as the report describes it."""

    title: str
    files: List[InputFile]
    notes: List[Note] = field(default_factory=list)
    content: List[Any] = field(default_factory=list)


@dataclass
class LevelResults:
    """The results of a level; ``added`` is None where it takes nothing on top of the map."""

    level: str
    input: InputReport
    items: List[ItemResult]
    seed: int
    criteria_source: str = ""
    added: Optional[LevelInput] = None


def plain(value):
    """A value as JSON has it.

    Parameters
    ----------
    value : object
        NumPy numbers and arrays, mappings and sequences of such, and plain values.

    Returns
    -------
    object
        Plain numbers, lists and mappings; None for infinities and NaN.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value
