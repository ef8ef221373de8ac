"""Figures that are drawn with lines: curves, histograms, ranges, directions and graphs."""

import base64
import io
import json
import textwrap
from dataclasses import dataclass, fields, is_dataclass
from functools import singledispatch

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Circle
from matplotlib.text import Text
from matplotlib.textpath import text_to_path
from matplotlib.ticker import NullFormatter
from scipy.spatial import cKDTree

from vrs.report import fonts
from vrs.results import content
from vrs.results.wording import powers_of_ten

# Okabe and Ito's colours, which the colour-blind tell apart, and dashes for print in grey.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
NO_VALUE = "#bbbbbb"
_MARK_DASHES = ((0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
_STYLE = {"font.family": fonts.SANS, "font.size": 8, "axes.labelsize": 8,
          "legend.fontsize": 8, "xtick.labelsize": 8, "ytick.labelsize": 8,
          "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.7,
          "axes.formatter.useoffset": False, "axes.grid": True, "grid.color": "#dddddd",
          "grid.linewidth": 0.5, "axes.axisbelow": True, "lines.linewidth": 1.3,
          "legend.frameon": False, "svg.fonttype": "path", "svg.hashsalt": "vrs"}
# Inches. A drawing is as wide as a column of the PDF, or the page, so that its letters keep their
# size.
_WIDTH, _HEIGHT, _BROAD = 3.3, 1.75, 6.8
_LINE, _GAP, _RIGHT = 0.155, 0.06, 0.1
_TRACK_HEIGHT = 0.62
_SPHERE_SIZE = (3.3, 2.5)
_SPHERE_PIXELS = 300
_LONGITUDES = 181
_PNG_DPI = 216
_RESOLUTIONS = (1, 1.2, 1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100)
_COMMENT = b"<!--curves:", b"-->"
_MOST_READINGS = 1000
_GRAPH_ROW, _GRAPH_COLUMN, _GRAPH_LINES = 0.19, 0.16, 2.5


@dataclass(frozen=True)
class _Look:
    """How a curve or line of one meaning looks in every figure."""

    colour: str
    dashes: object = "-"


# Limits and marks that return from figure to figure, by how their labels begin.
_MEANINGS = (
    ("FSC 0.143", _Look("#000000", (0, (4, 2)))), ("0.143", _Look("#000000", (0, (4, 2)))),
    ("0.5", _Look("#767676", (0, (4, 2)))),
    ("half bit", _Look("#767676", (0, (1, 1)))), ("2/√n", _Look("#767676", (0, (6, 2, 1, 2)))),
    ("without mask", _Look("#0072B2")), ("within the mask", _Look("#E69F00")),
    ("random phases", _Look("#56B4E9")), ("corrected", _Look("#009E73")))
_MARKS = (("reported", _Look("#A3195B", (0, (1, 1.2)))), ("median", _Look("#333333", (0, (5, 2)))))


def line_drawing(figure):
    """What is drawn with lines.

    Parameters
    ----------
    figure : vrs.results.content.Figure
        Of a kind that is registered here.

    Returns
    -------
    matplotlib.figure.Figure
        That belongs to no window.
    """
    with line_style():
        drawing = _drawn(figure)
        if _has_odd_letters(figure):
            for text in drawing.findobj(Text):
                text.set_fontfamily(fonts.families(text.get_text()))
        return drawing


def line_style():
    """The context in which to render what :func:`line_drawing` gave."""
    return matplotlib.rc_context(_STYLE)


def saved(drawing, form):
    """A drawing as SVG, with its text as outlines and the values of its curves in a comment, or
    as PNG."""
    buffer = io.BytesIO()
    with line_style():
        if form == "svg":
            drawing.savefig(buffer, format=form, metadata={"Date": None})
            return buffer.getvalue().replace(b"</svg>", _readings(drawing) + b"</svg>")
        drawing.savefig(buffer, format=form, dpi=_PNG_DPI)
    return buffer.getvalue()


def split_readings(svg):
    """What :func:`saved` gave as a drawing without the comment, and the values of its curves.

    Parameters
    ----------
    svg : bytes

    Returns
    -------
    svg : bytes
    readings : str
        Base64 of JSON, empty where there are none: ``box`` has the left, right, top and bottom
        side of the axes as shares of the drawing, ``ends`` the values of x at its sides,
        ``label`` is that of x, and ``curves`` have ``label``, ``x`` and ``y``.
    """
    before, found, after = svg.partition(_COMMENT[0])
    if not found:
        return svg, ""
    readings, _, rest = after.partition(_COMMENT[1])
    return before + rest, readings.decode("ascii")


def _readings(drawing):
    """The comment of a drawing; empty where it has no curves, or too long ones."""
    curves = getattr(drawing, "curves", [])
    if not curves:
        return b""
    axes = drawing.axes[0]
    box = axes.get_position()
    told = {"box": [round(side, 4) for side in (box.x0, box.x1, 1 - box.y1, 1 - box.y0)],
            "ends": list(map(float, axes.get_xlim())), "label": drawing.x_label,
            "curves": [{"label": series.label, "x": _rounded(series.x), "y": _rounded(series.y)}
                       for series in curves]}
    return _COMMENT[0] + base64.b64encode(json.dumps(told).encode()) + _COMMENT[1]


def _rounded(values):
    return [float("%.4g" % value) if np.isfinite(value) else None
            for value in np.asarray(values, float)]


@singledispatch
def _drawn(figure):
    raise TypeError("A %s cannot be drawn with lines." % type(figure).__name__)


def _has_odd_letters(value):
    """Whether a text of a figure has letters that the font of the figures lacks."""
    if isinstance(value, str):
        return len(fonts.families(value)) > 1
    if isinstance(value, list):
        return any(map(_has_odd_letters, value))
    return is_dataclass(value) and any(
        _has_odd_letters(getattr(value, part.name)) for part in fields(value))


@_drawn.register(content.Plot)
def _curves(figure):
    axes = _axes()
    colours = iter(_COLOURS * (1 + len(figure.series) // len(_COLOURS)))
    for series in figure.series:
        look = _look(series.label, _MEANINGS)
        colour = look.colour if look else next(colours)
        style = {"line": {"linestyle": look.dashes if look else "-"},
                 "dashed": {"linestyle": look.dashes if look else "--"},
                 "points": {"linestyle": "", "marker": "o", "markersize": 2.2}}[series.style]
        axes.plot(series.x, series.y, color=colour, label=series.label, **style)
    if figure.y_range:
        axes.set_ylim(*figure.y_range)
    if figure.log_y:
        axes.set_yscale("log")
        # matplotlib's exponents would be too small to read.
        axes.yaxis.set_major_formatter(_power)
        bottom, top = axes.get_ylim()
        axes.yaxis.set_minor_formatter(_power if top < 30 * bottom else NullFormatter())
    drawing = _labelled(axes, figure, figure.y_label, figure.zone)
    # What can be read from the page under the pointer.
    drawing.x_label = figure.x_label
    drawing.curves = [series for series in figure.series
                      if series.style == "line" and len(series.x) <= _MOST_READINGS]
    return drawing


def _look(label, meanings):
    return next((look for start, look in meanings if label.startswith(start)), None)


def _power(value, _):
    """A number on a logarithmic axis: ``0.01`` or ``10⁻⁵``."""
    text = powers_of_ten("%.5g" % value)
    return text[4:] if text.startswith("1 × ") else text


@_drawn.register(content.Bars)
def _histogram(figure):
    axes = _axes()
    axes.stairs(figure.counts, figure.edges, fill=True, facecolor="#7aa6c9", edgecolor="#3b6a94",
                linewidth=0.6)
    axes.grid(False, axis="x")
    if figure.log_y:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(_power)
        axes.yaxis.set_minor_formatter(NullFormatter())
    return _labelled(axes, figure, figure.y_label)


@_drawn.register(content.Ranges)
def _ranges(figure):
    axes = _axes(0.3 + 0.19 * len(figure.rows))
    places = range(len(figure.rows))
    for place, row in zip(places, figure.rows):
        if row.interval:
            axes.plot(row.interval, [place, place], color="#7aa6c9", linewidth=3.5,
                      solid_capstyle="butt")
        axes.plot(row.value, place, "o", color=_COLOURS[0], markersize=4)
    axes.set_yticks(places, [row.label for row in figure.rows], parse_math=False)
    axes.set_ylim(len(figure.rows) - 0.4, -0.6)
    axes.margins(x=0.08)
    axes.grid(False, axis="y")
    return _labelled(axes, figure)


@_drawn.register(content.Tracks)
def _tracks(figure):
    """Panels below each other, one for each track, with a common axis of values."""
    count = len(figure.tracks)
    height = count * (_TRACK_HEIGHT + 2 * _LINE) + _LINE + _GAP
    drawing = Figure((_WIDTH, height))
    values = np.concatenate([track.y for track in figure.tracks]
                            + [[figure.bound] if figure.bound is not None else []])
    low, high = np.min(values), np.max(values)
    margin = 0.06 * ((high - low) or 1)
    label = textwrap.wrap(figure.y_label, int(15 * height))
    for place, track in enumerate(figure.tracks):
        axes = drawing.add_axes([0.15, 0.3, 0.8, 0.5])
        axes.plot(track.x, track.y, "o", markersize=1.8, color=_COLOURS[0])
        if figure.bound is not None:
            axes.axhline(figure.bound, color=_COLOURS[1], linewidth=1, dashes=(4, 2))
        axes.set_ylim(low - margin, high + margin)
        axes.locator_params(axis="y", nbins=3)
        axes.set_title(track.label, fontsize=8, loc="left", pad=2, parse_math=False)
        top = height - _LINE - place * (_TRACK_HEIGHT + 2 * _LINE)
        left = _tick_width(axes) + _LINE * len(label) + _GAP
        _place(axes, drawing, top - _TRACK_HEIGHT, top, left)
    axes.set_xlabel(figure.x_label, parse_math=False, labelpad=2)
    drawing.text(0.01, 0.5, "\n".join(label), rotation=90, va="center", ha="left",
                 parse_math=False, linespacing=1)
    return drawing


@_drawn.register(content.Scales)
def _scales(figure):
    """A bar for each number, on its own axis, with the part that its bound allows shaded and,
    below it, where the archive lies."""
    rows = len(figure.rows)
    drawing = Figure((_WIDTH, 0.24 * rows + 0.02))
    axes = drawing.add_axes([0, 0, 1, 1], xlim=(0, 1), ylim=(rows - 0.5, -0.5))
    axes.axis("off")
    left, right = 0.5, 0.8
    for place, row in enumerate(figure.rows):
        def across(value, row=row):
            share = (value - row.low) / (row.high - row.low)
            return left + (right - left) * min(max(share, 0), 1)
        axes.barh(place - 0.04, right - left, 0.36, left, color="#e4e7ea")
        if row.allowed:
            start, end = map(across, row.allowed)
            axes.barh(place - 0.04, end - start, 0.36, start, color="#b5d3e7")
        if row.archive:
            ends = list(map(across, row.archive))
            for start, end, width in ((0, 4, 0.8), (1, 3, 3)):
                axes.plot([ends[start], ends[end]], [place + 0.32] * 2, color="#767676",
                          linewidth=width, solid_capstyle="butt")
            axes.plot(ends[2], place + 0.32, "|", color="#000000", markersize=5)
        colour = _COLOURS[0] if row.is_met else _COLOURS[1]
        axes.plot([across(row.value)] * 2, [place - 0.3, place + 0.22], color=colour,
                  linewidth=3.2, solid_capstyle="butt")
        axes.text(0, place, row.label, va="center_baseline", parse_math=False)
        axes.text(1, place, row.text, va="center_baseline", ha="right", parse_math=False,
                  color="#000000" if row.is_met else "#a34700",
                  weight="normal" if row.is_met else "bold")
    return drawing


def _axes(height=_HEIGHT):
    """Axes of a height in inches; :func:`_labelled` gives the drawing the room that it needs."""
    return Figure((_WIDTH, height + 0.6)).add_axes([0.2, 0.2, 0.7, height / (height + 0.6)])


def _labelled(axes, figure, y_label="", zone=None):
    """The drawing of a plot, with what all plots may have."""
    drawing = axes.figure
    height = drawing.get_figheight() - 0.6
    if zone:
        axes.axvspan(zone[0], zone[1], color="#e3ebf2", zorder=0)
    for index, mark in enumerate(figure.marks):
        look = _look(mark.label, _MARKS) or _Look(
            "#333333", _MARK_DASHES[index % len(_MARK_DASHES)])
        axes.axvline(mark.x, color=look.colour, linewidth=1.1, label=mark.label,
                     linestyle=look.dashes)
    y_lines, x_lines = textwrap.wrap(y_label, int(15 * height)), textwrap.wrap(figure.x_label, 46)
    # Labels are text and no formulas, whatever dollar signs they have.
    axes.set_xlabel("\n".join(x_lines), parse_math=False, labelpad=2)
    has_resolutions = figure.x_label == content.FREQUENCY
    entries = []
    handles, labels = axes.get_legend_handles_labels()
    if figure.marks or len(labels) > 1:
        entries = list(zip(handles, labels))
    columns, rows = _legend_shape([label for _, label in entries])
    bottom = _LINE * (1 + len(x_lines)) + 0.12 + rows * _LINE
    top = 2 * _LINE + 0.1 if has_resolutions else 0.08
    drawing.set_figheight(bottom + height + top)
    left = _tick_width(axes) + _LINE * len(y_lines) + 2 * _GAP
    _place(axes, drawing, bottom, bottom + height, left)
    if y_lines:
        drawing.text(0.01, (bottom + height / 2) / drawing.get_figheight(), "\n".join(y_lines),
                     rotation=90, va="center", ha="left", parse_math=False, linespacing=1)
    if has_resolutions:
        _resolution_axis(axes)
    if entries:
        legend = drawing.legend(
            *zip(*entries), loc="lower center", ncols=columns, bbox_to_anchor=(0.5, 0),
            borderaxespad=0.1, handlelength=1.9, columnspacing=1.1, labelspacing=0.15,
            handletextpad=0.5, borderpad=0.1)
        for text in legend.get_texts():
            text.set_parse_math(False)
    return drawing


def _place(axes, drawing, bottom, top, left):
    """Give axes their place in a drawing, inches."""
    width, height = drawing.get_size_inches()
    axes.set_position([left / width, bottom / height, (width - left - _RIGHT) / width,
                       (top - bottom) / height])


def _tick_width(axes):
    """Width of the numbers beside an axis, inches."""
    axis = axes.yaxis
    low, high = sorted(axes.get_ylim())
    places = [place for place in axis.get_majorticklocs() if low <= place <= high]
    labels = axis.get_major_formatter().format_ticks(places)
    return max([_text_width(label) / 72 for label in labels] + [0]) + _GAP


def _legend_shape(labels):
    """Columns and rows of a legend that is no wider than the drawing."""
    if not labels:
        return 1, 0
    widest = max(map(_text_width, labels)) / 72 + 0.42
    columns = max(1, min(len(labels), int(_WIDTH / widest), 3))
    return columns, -(-len(labels) // columns)


def _resolution_axis(axes):
    """Resolutions in Å above an axis of frequencies."""
    low, high = axes.get_xlim()
    places, taken = [], np.inf
    for resolution in _RESOLUTIONS:
        if low < 1 / resolution < high and taken - 1 / resolution > 0.09 * (high - low):
            places.append(resolution)
            taken = 1 / resolution
    across = axes.get_xaxis_transform()
    axes.plot([low, high], [1, 1], color="#000000", linewidth=0.7, transform=across, clip_on=False)
    axes.plot([1 / place for place in places], [1.015] * len(places), "|", color="#000000",
              markersize=4, markeredgewidth=0.7, transform=across, clip_on=False)
    for place in places:
        axes.text(1 / place, 1.04, "%g" % place, transform=across, ha="center", va="bottom")
    axes.text(0.5, 1.05 + _LINE / _HEIGHT, "Resolution (Å)", transform=axes.transAxes, ha="center",
              va="bottom")
    axes.set_xlim(low, high)


@_drawn.register(content.SphereMap)
def _sphere_map(figure):
    """Half a sphere seen along Z, by Lambert's azimuthal projection of true areas."""
    drawing = Figure(_SPHERE_SIZE)
    axes = drawing.add_axes([0.02, 0.12 if figure.spots else 0.02, 0.72,
                             0.8 if figure.spots else 0.9], aspect="equal")
    axes.axis("off")
    colours = matplotlib.colormaps["viridis"].with_extremes(bad=NO_VALUE)
    image = axes.imshow(_half_sphere(figure), cmap=colours, origin="lower",
                        extent=(-1, 1, -1, 1), interpolation="nearest")
    image.set_clip_path(Circle((0, 0), 1, transform=axes.transData))
    around = np.linspace(0, 2 * np.pi, 181)
    for tilt in (30, 60, 90):
        radius = np.sqrt(2) * np.sin(np.radians(tilt / 2))
        axes.plot(radius * np.cos(around), radius * np.sin(around), linewidth=0.7,
                  color="#333333" if tilt == 90 else "#ffffff")
        axes.text(0, -radius, "%d°" % tilt, ha="center", va="bottom", color="#000000",
                  bbox={"facecolor": "#ffffff", "edgecolor": "none", "pad": 0.5})
    for place, name, across, along in (((1.03, 0), "X", "left", "center"),
                                       ((0, 1.03), "Y", "center", "bottom")):
        axes.text(*place, name, ha=across, va=along)
    for spot, marker in zip(figure.spots, "X*Ps"):
        axes.plot(*_project(np.array([spot.direction]))[0], marker, label=spot.label,
                  color="#ffffff", markeredgecolor="#000000", markersize=9, linestyle="")
    if figure.spots:
        legend = drawing.legend(loc="lower left", ncols=2, borderaxespad=0.1, borderpad=0.1,
                                columnspacing=1.1, handletextpad=0.3)
        for text in legend.get_texts():
            text.set_parse_math(False)
    label = figure.label + (" (%s)" % figure.unit if figure.unit else "")
    if np.isfinite(figure.values).any():
        bar = drawing.colorbar(image, cax=drawing.add_axes([0.8, 0.14, 0.03, 0.74]))
        bar.set_label("\n".join(textwrap.wrap(label, 34)), parse_math=False)
    return drawing


def _project(directions):
    """Places in the unit disc of directions, or of their opposites when z is negative."""
    directions = directions * np.where(directions[:, 2:] < 0, -1, 1)
    return directions[:, :2] / np.sqrt(1 + directions[:, 2:])


def _half_sphere(figure):
    """The value nearest to each pixel of the disc; NaN outside and where there is none."""
    axis = (np.arange(_SPHERE_PIXELS) + 0.5) * 2 / _SPHERE_PIXELS - 1
    x, y = np.meshgrid(axis, axis)
    squared = x ** 2 + y ** 2
    inside = squared <= 1
    scale = np.sqrt(2 - squared[inside])
    seen = np.column_stack([x[inside] * scale, y[inside] * scale, 1 - squared[inside]])
    both = cKDTree(np.concatenate([figure.directions, -figure.directions]))
    nearest = both.query(seen)[1] % len(figure.directions)
    pixels = np.full(x.shape, np.nan)
    pixels[inside] = np.asarray(figure.values, float)[nearest]
    return np.ma.masked_invalid(pixels)


@_drawn.register(content.WholeSpheres)
def _whole_spheres(figure):
    """The sphere in Mollweide's projection, which keeps areas, one panel beside the other."""
    drawing = Figure((_BROAD, _BROAD / len(figure.panels) * 0.72),
                     layout="constrained")
    longitudes, latitudes = np.meshgrid(*(np.linspace(-limit, limit, count) for limit, count in (
        (np.pi, _LONGITUDES), (np.pi / 2, _LONGITUDES // 2))))
    places = np.stack([np.cos(latitudes) * np.cos(longitudes),
                       np.cos(latitudes) * np.sin(longitudes), np.sin(latitudes)], axis=-1)
    for number, panel in enumerate(figure.panels):
        axes = drawing.add_subplot(1, len(figure.panels), number + 1, projection="mollweide")
        values = panel.values[cKDTree(panel.directions).query(places)[1]]
        image = axes.pcolormesh(longitudes, latitudes, values, cmap="viridis", rasterized=True,
                                shading="gouraud")
        axes.set_axisbelow(False)
        axes.grid(color="#ffffff", linewidth=0.5, alpha=0.4)
        axes.set_xticks(np.radians([-120, -60, 0, 60, 120]),
                        ["-120°", "-60°", "X 0°", "60°", "120°"], fontsize=6.5, color="#ffffff")
        axes.set_yticks(np.radians([-60, -30, 0, 30, 60]), ["150°", "120°", "90°", "60°", "30°"],
                        fontsize=6.5)
        drawing.colorbar(image, ax=axes, orientation="horizontal", shrink=0.8,
                         pad=0.05).set_label(panel.label, parse_math=False)
    return drawing


@_drawn.register(content.PolarPlots)
def _polar_plots(figure):
    drawing = Figure((_BROAD, _BROAD / len(figure.panels) * 1.1),
                     layout="constrained")
    around = np.linspace(0, 2 * np.pi, 121)
    for number, panel in enumerate(figure.panels):
        axes = drawing.add_subplot(1, len(figure.panels), number + 1, projection="polar")
        azimuths, marked = np.radians(panel.azimuths), np.asarray(panel.marked, bool)
        for chosen, colour, size in ((~marked, "#888888", 2.2), (marked, _COLOURS[0], 3.2)):
            axes.plot(azimuths[chosen], np.asarray(panel.radii)[chosen], "o", color=colour,
                      markersize=size, linestyle="")
        middle = panel.centre[1] * np.exp(1j * np.radians(panel.centre[0]))
        circle = middle + panel.reach * np.exp(1j * around)
        axes.plot(np.angle(circle), np.abs(circle), color=_COLOURS[1], linewidth=1.2)
        axes.set_rlim(0, figure.largest)
        ticks = np.arange(1, figure.largest // 20 + 1) * 20
        axes.set_rticks(ticks, ["%d°" % tick for tick in ticks])
        axes.set_rlabel_position(panel.centre[0] + 90)
        axes.set_xticks(np.radians([0, 90, 180, 270]), ["x", "y", "−x", "−y"])
        axes.set_title(panel.label, parse_math=False, fontsize=8.5)
    return drawing


@_drawn.register(content.Graph)
def _graph(figure):
    """Dots, one in each row, with lines between them and text beside them."""
    first, last = figure.rows
    width, height = _BROAD, _GRAPH_ROW * (last - first + 1)
    # Lines that only pass through have columns too.
    columns = 1 + max([node.column for node in figure.nodes]
                      + [link.column for link in figure.links])
    spacing = min(_GRAPH_COLUMN, _GRAPH_LINES / columns)
    drawing = Figure((width, height))
    axes = drawing.add_axes([0, 0, 1, 1], xlim=(0, width), ylim=(last + 0.5, first - 0.5))
    axes.axis("off")

    def across(column):
        # Dots keep their distance to the edge and the text, however narrow the columns.
        return 0.7 * _GRAPH_COLUMN + np.asarray(column) * spacing

    for link in figure.links:
        x = across([link.column, link.column, link.last_column])
        y = [link.first_row, max(link.last_row - 1, link.first_row), link.last_row]
        axes.plot(x, y, linewidth=1.2, zorder=1,
                  color=_COLOURS[link.column % len(_COLOURS)])
    left = across(columns - 1) + 0.9 * _GRAPH_COLUMN
    for node in figure.nodes:
        colour = _COLOURS[node.column % len(_COLOURS)]
        axes.plot(across(node.column), node.row, "o", markersize=6, zorder=2,
                  color=colour if node.marked else "#ffffff", markeredgecolor=colour,
                  markeredgewidth=1.3)
        label = _shortened(node.label, (width - left) * 72)
        used = left + _text_width(label) / 72 + 0.12
        for place, text, shade in ((left, label, "#000000"),
                                   (used, _shortened(node.detail, (width - used) * 72),
                                    "#595959")):
            axes.text(place, node.row, text, va="center_baseline", color=shade,
                      parse_math=False)
    return drawing


def _shortened(text, points):
    """As much of a text as has room; nothing where there is room for next to nothing."""
    if _text_width(text) <= points:
        return text
    fits, too_long = 0, len(text)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if _text_width(text[:middle] + "…") <= points:
            fits = middle
        else:
            too_long = middle
    return text[:fits].rstrip() + "…" if fits > 3 else ""


def _text_width(text):
    """Width of a text in points, in the font of the figures."""
    font = FontProperties(family=fonts.families(text), size=_STYLE["font.size"])
    return text_to_path.get_text_width_height_descent(text, font, False)[0]
