"""The report as a document: what all renderers draw.

Everything is plain text; no renderer finds markup in it. Anchors are unique
within the document, and a :class:`Run` links to one with ``"#anchor"``.
"""

from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, List, Optional


@dataclass
class Target:
    """A place that a 3D view of the map can show: its name, and x, y, z in Å from the centre of
    the first voxel."""

    title: str
    position: List[float]


@dataclass
class Run:
    """Text with one look; ``link`` is "#anchor", an address or empty, ``style`` is
    "plain", "strong", "code", a status such as "status-ok", or "page" for a reference, which
    becomes the number of a page on paper. ``target`` is what it names, if that is a place."""

    text: str
    link: str = ""
    style: str = "plain"
    target: Optional[Target] = None


@dataclass
class Text:
    """A paragraph; ``tone`` is "plain", "note" or "warning"."""

    runs: List[Run]
    tone: str = "plain"


@dataclass
class Minor:
    """A heading without number within a section."""

    text: str


@dataclass
class Listing:
    """A list; ``ordered`` ones are numbered."""

    entries: List[List[Run]]
    ordered: bool = False


@dataclass
class Facts:
    """Pairs of a term and what it is."""

    rows: List["Fact"]


@dataclass
class Fact:
    """One pair of :class:`Facts`."""

    term: str
    runs: List[Run]


@dataclass
class Grid:
    """A table. ``numeric`` tells for each column whether it holds numbers;
    ``weights`` are the widths of the columns relative to each other, 0 for one
    as wide as its text. Without a caption it has no number. Rows of a ``sortable`` one
    may stand in any order, a ``broad`` one is too wide for a column of text."""

    columns: List[str]
    rows: List[List[List[Run]]]
    numeric: List[bool]
    weights: List[float]
    caption: str = ""
    number: str = ""
    sortable: bool = False
    broad: bool = False


@dataclass
class Scale:
    """A scale bar: its share of the width of the image, and what it stands for."""

    share: float
    text: str


@dataclass
class Panel:
    """One image of a picture; ``file`` is a name in the folder of images."""

    file: str
    alt: str
    label: str = ""
    scale: Optional[Scale] = None


@dataclass
class Legend:
    """A colour scale: its image, the values at its ends, and what they are."""

    file: str
    low: str
    high: str
    label: str


@dataclass
class Picture:
    """A figure. ``missing`` says why there is none, panels are then empty; a ``wide`` one has a
    single panel that takes the whole width, and a ``broad`` one is too wide for a column of
    text."""

    caption: str
    panels: List[Panel] = field(default_factory=list)
    legend: Optional[Legend] = None
    missing: str = ""
    wide: bool = False
    broad: bool = False
    number: str = ""


@dataclass
class Bibliography:
    """The references, in the order of their numbers."""

    entries: List["Entry"]


@dataclass
class Entry:
    """One reference; ``link`` is its address or empty."""

    anchor: str
    text: str
    link: str = ""


@dataclass
class Section:
    """A section; those of the front matter have no number. ``status`` is that of its item."""

    anchor: str
    title: str
    number: str = ""
    blocks: List[Any] = field(default_factory=list)
    sections: List["Section"] = field(default_factory=list)
    status: Optional[Run] = None


@dataclass
class Place:
    """A place of the map to look at: what it is, what was found there, and a picture of it."""

    title: str
    text: str
    panel: Optional[Panel]
    link: str
    target: Target


@dataclass
class First:
    """What the first page says: whether the map can be trusted, why, and where to look.

    Attributes
    ----------
    verdict : str
    style : str
        Of the verdict, that of a status.
    statements : list of list of Run
        Sentences that the verdict rests on.
    views, fsc, numbers : Picture or None
        The map with the model in it, the correlation of the half maps or else the power spectrum
        of the map, and key numbers with their bounds.
    heading : str
        Of the warnings.
    warnings : list of list of Run
    places_heading : str
    places : list of Place
    """

    verdict: str
    style: str
    statements: List[List[Run]] = field(default_factory=list)
    views: Optional["Picture"] = None
    fsc: Optional["Picture"] = None
    numbers: Optional["Picture"] = None
    heading: str = ""
    warnings: List[List[Run]] = field(default_factory=list)
    places_heading: str = ""
    places: List[Place] = field(default_factory=list)


@dataclass
class Document:
    """The whole report.

    Attributes
    ----------
    title : str
        As given by the user, else the file's name.
    assessed, score : str
        The levels that were assessed, and the score, in print.
    date : str
        ISO 8601, empty when unknown.
    first : First
        The first page.
    facts : list of Fact
        Of the first page: what was examined.
    front : list of Section
        Before the contents.
    body : list of Section
        After them.
    appendix : list of Section
        All metrics and long lists.
    heading : str
        Above the title.
    """

    title: str
    assessed: str
    score: str
    date: str
    first: First
    facts: List[Fact]
    front: List[Section]
    body: List[Section]
    appendix: List[Section]
    heading: str = "Cryo-EM map validation report"


def to_plain(value):
    """The document as mappings and lists, blocks with their class under "kind"."""
    if is_dataclass(value):
        plain = {f.name: to_plain(getattr(value, f.name)) for f in fields(value)}
        return dict(kind=type(value).__name__, **plain)
    if isinstance(value, list):
        return [to_plain(item) for item in value]
    return value
