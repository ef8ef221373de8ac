"""Results of checks, and how they travel as JSON."""

import base64
import enum
import json
import math
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Dict, List, Optional

import numpy as np

from vrs.checks import content
from vrs.checks.criteria import CriterionOutcome

# What reading results raises that are not there or damaged.
UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError)


class Status(str, enum.Enum):
    """What became of an item."""

    OK = "ok"
    WARNINGS = "warnings"
    NOT_APPLICABLE = "not_applicable"
    NOT_MEASURED = "not_measured"
    INFORMATIVE = "informative"

    def printed(self, n_warnings: int = 0) -> str:
        """The status as the report prints it, "2 warnings" for instance."""
        if self is Status.WARNINGS:
            return "%d warning%s" % (n_warnings, "" if n_warnings == 1 else "s")
        return {Status.OK: "OK", Status.NOT_APPLICABLE: "Does not apply",
                Status.NOT_MEASURED: "Could not be measured",
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
        self.value = _plain(self.value)


@dataclass
class Engine:
    """What computed an item."""

    name: str
    version: str


@dataclass
class FileEntry:
    """A file that belongs to a result; ``path`` is relative to its results file."""

    name: str
    path: str
    description: str


@dataclass
class Reference:
    """A publication; ``key`` is the one of the plugin's BibTeX."""

    key: str
    text: str
    doi: str = ""


@dataclass
class Note:
    """Something about the input that the reader should know; ``severity`` is
    "note" or "warning"."""

    text: str
    severity: str = "note"


@dataclass
class Estimate:
    """An estimate of the map's resolution, Å.

    ``metric`` is where it stands among the item's, ``label`` what figures call it;
    ``interval`` has percentiles 2.5 and 97.5 of a local resolution.
    """

    metric: str
    label: str
    value: float
    interval: Optional[List[float]] = None


@dataclass
class Curve:
    """A Fourier shell correlation; frequencies are in 1/Å."""

    name: str
    description: str
    frequencies: np.ndarray
    values: np.ndarray


@dataclass
class ResidueValues:
    """Values of those residues of the model that have one; numbers have their insertion
    codes."""

    name: str
    description: str
    unit: str
    chains: List[str]
    numbers: List[str]
    residues: List[str]
    values: np.ndarray


@dataclass
class ItemResult:
    """All about one item of the report.

    ``estimates`` are the resolutions by which it speaks of the map's;
    ``summary`` is its sentence in the summarised quality, if it has one.
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
    estimates: List[Estimate] = field(default_factory=list)

    def printed_status(self) -> str:
        """The status as the report prints it."""
        return self.status.printed(len(self.warnings))


@dataclass
class InputReport:
    """The input of a level as the report describes it.

    Attributes
    ----------
    file_name, sha256 : str
        The file as the user knows it.
    shape : list of int
        Box size x, y, z in voxels.
    sampling : float
        Å/voxel.
    threshold : float
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
    shape: List[int]
    sampling: float
    threshold: float
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
    """What a level protocol leaves for the report; ``added`` is None at level 0."""

    level: str
    input: InputReport
    items: List[ItemResult]
    seed: int
    criteria_source: str = ""
    added: Optional[LevelInput] = None

    def write(self, path):
        """Write to a JSON file."""
        with open(path, "w") as handle:
            handle.write(to_json(self))

    @classmethod
    def read(cls, path) -> "LevelResults":
        """Read what :meth:`write` wrote."""
        with open(path) as handle:
            return from_json(handle.read())


_KINDS = {name: kind for space in (vars(content), dict(globals()))
          for name, kind in space.items() if is_dataclass(kind)}


def to_json(value) -> str:
    """Encode results, figures included, as JSON text without loss."""
    return json.dumps(_encode(value), allow_nan=False)


def from_json(text: str):
    """Decode what :func:`to_json` made."""
    return json.loads(text, object_hook=_decode)


def _encode(value):
    if isinstance(value, enum.Enum):
        return {"kind": "Status", "value": value.value}
    if is_dataclass(value):
        encoded = {f.name: _encode(getattr(value, f.name)) for f in fields(value)}
        return dict(kind=type(value).__name__, **encoded)
    if isinstance(value, np.ndarray):
        array = np.ascontiguousarray(value)
        return {"kind": "ndarray", "dtype": array.dtype.str, "shape": list(array.shape),
                "data": base64.b64encode(array.tobytes()).decode("ascii")}
    if isinstance(value, dict):
        return {key: _encode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encode(item) for item in value]
    return value


def _decode(mapping):
    kind = mapping.pop("kind", None)
    if kind is None:
        return mapping
    if kind == "ndarray":
        data = np.frombuffer(base64.b64decode(mapping["data"]), dtype=mapping["dtype"])
        return data.reshape(mapping["shape"]).copy()
    if kind == "Status":
        return Status(mapping["value"])
    return _KINDS[kind](**mapping)


def _plain(value):
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
