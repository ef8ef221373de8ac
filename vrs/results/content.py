"""What an item shows in the report, as data: text, tables and figures.

A check returns these, the report and the viewers draw them. Arrays of slices are
(rows, columns) as they should appear, the first row on top.
"""

from dataclasses import dataclass, field
from typing import List, Optional

import numpy as np

FREQUENCY = "Spatial frequency (1/Å)"


@dataclass
class Paragraph:
    """A paragraph of plain text."""

    text: str


@dataclass
class Table:
    """A table of already formatted cells."""

    columns: List[str]
    rows: List[List[str]]
    caption: str


@dataclass
class Figure:
    """What all figures have: a caption and a text for those who cannot see it."""

    caption: str
    alt: str


@dataclass
class Series:
    """One curve of a plot; ``style`` is "line", "dashed" or "points"."""

    label: str
    x: np.ndarray
    y: np.ndarray
    style: str = "line"


@dataclass
class Plot(Figure):
    """Curves over a common axis.

    ``marks`` are labelled vertical lines; ``zone`` is an interval of x to be shaded, ``y_range``
    the part of the other axis that is shown. Above frequencies, :data:`FREQUENCY`, stand
    resolutions.
    """

    x_label: str
    y_label: str
    series: List[Series]
    log_y: bool = False
    marks: List["Mark"] = field(default_factory=list)
    zone: Optional[List[float]] = None
    y_range: Optional[List[float]] = None


@dataclass
class Track:
    """Points of one panel of :class:`Tracks`."""

    label: str
    x: np.ndarray
    y: np.ndarray


@dataclass
class Tracks(Figure):
    """Points in panels below each other with a common axis of values, one for each chain for
    instance; ``bound`` is a horizontal line in each."""

    x_label: str
    y_label: str
    tracks: List[Track]
    bound: Optional[float] = None


@dataclass
class ScaleRow:
    """A number on an axis from ``low`` to ``high``: how it is printed, the part of the axis that
    its bound allows, whether it is there, and the percentiles 2.5, 25, 50, 75 and 97.5 of the
    public archive."""

    label: str
    value: float
    text: str
    low: float
    high: float
    allowed: Optional[List[float]]
    is_met: bool
    archive: Optional[List[float]] = None


@dataclass
class Scales(Figure):
    """Numbers of different kinds, each on an axis of its own."""

    rows: List[ScaleRow]


@dataclass
class Mark:
    """A labelled vertical line in a plot."""

    x: float
    label: str


@dataclass
class Bars(Figure):
    """A histogram: ``counts`` between consecutive ``edges`` (one more)."""

    x_label: str
    y_label: str
    edges: np.ndarray
    counts: np.ndarray
    marks: List[Mark] = field(default_factory=list)
    log_y: bool = False


@dataclass
class Range:
    """A value on an axis of its own row, with an interval about it or None."""

    label: str
    value: float
    interval: Optional[List[float]] = None


@dataclass
class Ranges(Figure):
    """Values one below the other on a common axis, to be compared."""

    x_label: str
    rows: List[Range]
    marks: List[Mark] = field(default_factory=list)


@dataclass
class Spot:
    """A labelled direction (x, y, z) on a sphere."""

    direction: List[float]
    label: str


@dataclass
class SphereMap(Figure):
    """Values by direction, where a direction and its opposite are one.

    ``directions`` are unit vectors x, y, z, (n, 3); ``values`` are n numbers, NaN where
    there is none. ``label`` and ``unit`` belong to the values.
    """

    directions: np.ndarray
    values: np.ndarray
    label: str
    unit: str = ""
    spots: List[Spot] = field(default_factory=list)


@dataclass
class SpherePanel:
    """Values by direction over the whole sphere.

    ``directions`` are unit vectors x, y, z, (n, 3), spread over all of it; ``values`` are n
    numbers, which ``label`` names.
    """

    label: str
    directions: np.ndarray
    values: np.ndarray


@dataclass
class WholeSpheres(Figure):
    """Maps of the whole sphere side by side: azimuth from X towards Y, and tilt from Z."""

    panels: List[SpherePanel]


@dataclass
class PolarPanel:
    """Points in the plane by azimuth and radius, both in degrees.

    ``marked`` says which stand out. ``centre`` (azimuth, radius) and ``reach`` are those of a
    circle.
    """

    label: str
    azimuths: np.ndarray
    radii: np.ndarray
    marked: np.ndarray
    centre: List[float]
    reach: float


@dataclass
class PolarPlots(Figure):
    """Polar plots side by side, up to a radius in degrees."""

    panels: List[PolarPanel]
    largest: float


@dataclass
class Circle:
    """A circle on an image; x from the left and y from the top in its pixels, those of the first
    pixel's centre 0. A ``warned`` one stands out."""

    x: float
    y: float
    radius: float
    warned: bool = False


@dataclass
class Slice:
    """One section or projection of a map, or another image, (rows, columns)."""

    label: str
    image: np.ndarray
    pixel_size: float
    circles: List[Circle] = field(default_factory=list)


@dataclass
class Slices(Figure):
    """Sections side by side.

    ``colours`` is "density" (grey), "picture" (grey without a scale), "mask" (0 to 1) or "signed"
    (diverging about 0); ``unit`` belongs to the values and is empty for arbitrary ones.
    ``colour_range`` bounds the colour scale, by default what is in the panels.
    """

    panels: List[Slice]
    colours: str = "density"
    unit: str = ""
    colour_range: Optional[List[float]] = None


@dataclass
class Surface(Figure):
    """Three views of an isosurface.

    ``volume`` and ``colour_by`` name files of the item or of the input (see
    :class:`vrs.results.FileEntry`); without ``colour_by`` the surface has
    one colour. ``colour_range`` bounds the colour scale, ``unit`` labels it. ``scale`` is that of
    :class:`vrs.results.Volume`: where it is "local", 0 is no value and becomes grey.
    """

    volume: str
    level: float
    colour_by: Optional[str] = None
    colour_label: str = ""
    unit: str = ""
    colour_range: Optional[List[float]] = None
    scale: str = "local"


@dataclass
class Solid(Figure):
    """Three views of an isosurface of a small map that the figure carries.

    ``volume`` is (z, y, x) with voxels of ``sampling`` Å.
    """

    volume: np.ndarray
    sampling: float
    level: float


@dataclass
class Overlay(Figure):
    """A model in the surface of a map, seen along X, Y and Z.

    ``volume`` and ``level`` are as of :class:`Surface`, ``positions`` and ``pieces`` as of
    :class:`Trace`.
    """

    volume: str
    level: float
    positions: np.ndarray
    pieces: np.ndarray


@dataclass
class Trace(Figure):
    """Three views of a model's chains, coloured by values of its residues.

    ``positions`` are x, y, z in Å, (n, 3), and ``values`` n numbers, NaN where there is
    none. Residues that follow each other with the same number in ``pieces`` are joined by
    a tube, a residue that is alone is a sphere, and those with a negative one are left
    out. ``colour_range`` bounds the colour scale, ``unit`` labels it.
    """

    positions: np.ndarray
    pieces: np.ndarray
    values: np.ndarray
    colour_label: str
    unit: str = ""
    colour_range: Optional[List[float]] = None


@dataclass
class GraphNode:
    """A dot of a graph, with text beside it; ``detail`` is less important, a ``marked``
    one is filled."""

    row: int
    column: int
    label: str
    detail: str = ""
    marked: bool = False


@dataclass
class GraphLink:
    """A line down ``column`` from the dot in ``first_row`` to just above ``last_row``, and
    from there to the dot in ``last_column``."""

    column: int
    first_row: int
    last_row: int
    last_column: int


@dataclass
class Graph(Figure):
    """What follows from what, one dot in each row.

    ``rows`` are the first and the last row of this part of the graph; links may begin
    above or end below.
    """

    nodes: List[GraphNode]
    links: List[GraphLink]
    rows: List[int]
