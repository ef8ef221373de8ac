"""Figures that are drawn with lines: curves, histograms, ranges, directions and graphs."""

import io
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
_STYLE = {"font.family": fonts.SANS, "font.size": 8.5, "axes.labelsize": 8.5,
          "legend.fontsize": 8, "xtick.labelsize": 8, "ytick.labelsize": 8,
          "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.7,
          "axes.formatter.useoffset": False, "axes.grid": True, "grid.color": "#dddddd",
          "grid.linewidth": 0.5, "axes.axisbelow": True, "lines.linewidth": 1.4,
          "legend.frameon": False, "svg.fonttype": "path", "svg.hashsalt": "vrs"}
_PLOT_SIZE = (6.0, 2.9)
_SPHERE_SIZE = (6.0, 3.4)
_SPHERE_PIXELS = 300
_LONGITUDES = 181
_PNG_DPI = 144
_GRAPH_ROW, _GRAPH_COLUMN, _GRAPH_LINES = 0.19, 0.16, 2.5


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
        for text in drawing.findobj(Text):
            text.set_fontfamily(fonts.families(text.get_text()))
        return drawing


def line_style():
    """The context in which to render what :func:`line_drawing` gave."""
    return matplotlib.rc_context(_STYLE)


def saved(drawing, form):
    """A drawing as SVG, with its text as outlines, or as PNG."""
    buffer = io.BytesIO()
    with line_style():
        if form == "svg":
            drawing.savefig(buffer, format=form, metadata={"Date": None})
        else:
            drawing.savefig(buffer, format=form, dpi=_PNG_DPI)
    return buffer.getvalue()


@singledispatch
def _drawn(figure):
    raise TypeError("A %s cannot be drawn with lines." % type(figure).__name__)


@_drawn.register(content.Plot)
def _curves(figure):
    axes = _axes()
    for index, series in enumerate(figure.series):
        style = {"line": {"linestyle": "-"}, "dashed": {"linestyle": "--"},
                 "points": {"linestyle": "", "marker": "o", "markersize": 2.8}}[series.style]
        axes.plot(series.x, series.y, color=_COLOURS[index % len(_COLOURS)],
                  label=series.label, **style)
    if figure.log_y:
        axes.set_yscale("log")
        # matplotlib's exponents would be too small to read.
        axes.yaxis.set_major_formatter(_power)
        bottom, top = axes.get_ylim()
        axes.yaxis.set_minor_formatter(_power if top < 30 * bottom else NullFormatter())
    return _labelled(axes, figure, figure.y_label, figure.zone)


def _power(value, _):
    """A number on a logarithmic axis: ``0.01`` or ``10⁻⁵``."""
    text = powers_of_ten("%.5g" % value)
    return text[4:] if text.startswith("1 × ") else text


@_drawn.register(content.Bars)
def _histogram(figure):
    axes = _axes()
    axes.bar(figure.edges[:-1], figure.counts, np.diff(figure.edges), align="edge",
             color="#7aa6c9", edgecolor="#3b6a94", linewidth=0.4)
    axes.grid(False, axis="x")
    return _labelled(axes, figure, figure.y_label)


@_drawn.register(content.Ranges)
def _ranges(figure):
    axes = _axes(0.8 + 0.22 * len(figure.rows))
    places = range(len(figure.rows))
    for place, row in zip(places, figure.rows):
        if row.interval:
            axes.plot(row.interval, [place, place], color="#7aa6c9", linewidth=3.5,
                      solid_capstyle="butt")
        axes.plot(row.value, place, "o", color=_COLOURS[0], markersize=4.5)
    axes.set_yticks(places, [row.label for row in figure.rows], parse_math=False)
    axes.set_ylim(len(figure.rows) - 0.4, -0.6)
    axes.margins(x=0.08)
    axes.grid(False, axis="y")
    return _labelled(axes, figure)


def _axes(height=_PLOT_SIZE[1]):
    return Figure((_PLOT_SIZE[0], height), layout="constrained").add_subplot()


def _labelled(axes, figure, y_label="", zone=None):
    """The drawing of a plot, with what all plots may have."""
    if zone:
        axes.axvspan(zone[0], zone[1], color="#e3ebf2", zorder=0)
    for index, mark in enumerate(figure.marks):
        axes.axvline(mark.x, color="#333333", linewidth=1.1, label=mark.label,
                     linestyle=_MARK_DASHES[index % len(_MARK_DASHES)])
    # Labels are text and no formulas, whatever dollar signs they have.
    axes.set_xlabel(figure.x_label, parse_math=False)
    axes.set_ylabel(y_label, parse_math=False)
    labels = axes.get_legend_handles_labels()[1]
    if figure.marks or len(labels) > 1:
        for text in axes.legend(loc="best").get_texts():
            text.set_parse_math(False)
    return axes.figure


@_drawn.register(content.SphereMap)
def _sphere_map(figure):
    """Half a sphere seen along Z, by Lambert's azimuthal projection of true areas."""
    drawing = Figure(_SPHERE_SIZE, layout="constrained")
    axes = drawing.add_subplot(aspect="equal")
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
        legend = axes.legend(loc="center right", bbox_to_anchor=(-0.08, 0.5))
        for text in legend.get_texts():
            text.set_parse_math(False)
    label = figure.label + (" (%s)" % figure.unit if figure.unit else "")
    if np.isfinite(figure.values).any():
        drawing.colorbar(image, ax=axes, shrink=0.8, pad=0.09).set_label(
            label, parse_math=False)
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
    nearest = [np.abs(part @ figure.directions.T).argmax(axis=1)
               for part in np.array_split(seen, 16)]
    pixels = np.full(x.shape, np.nan)
    pixels[inside] = np.asarray(figure.values, float)[np.concatenate(nearest)]
    return np.ma.masked_invalid(pixels)


@_drawn.register(content.WholeSpheres)
def _whole_spheres(figure):
    """The sphere in Mollweide's projection, which keeps areas, one panel beside the other."""
    drawing = Figure((_PLOT_SIZE[0], _PLOT_SIZE[0] / len(figure.panels) * 0.72),
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
    drawing = Figure((_PLOT_SIZE[0], _PLOT_SIZE[0] / len(figure.panels) * 1.1),
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
    width, height = _PLOT_SIZE[0], _GRAPH_ROW * (last - first + 1)
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
