"""Figures: from what the results hold as data to image files."""

import io
import logging
import math
import tempfile
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Circle
from matplotlib.text import Text
from matplotlib.textpath import text_to_path
from matplotlib.ticker import NullFormatter
from PIL import Image

from vrs.engines import chimerax
from vrs.errors import InputError
from vrs.io.headers import read_header
from vrs.io.maps import read_volume
from vrs.report import fonts, views3d
from vrs.report.document import Legend, Panel, Picture, Scale
from vrs.report.wording import number
from vrs.results import content
from vrs.results.wording import powers_of_ten

logger = logging.getLogger(__name__)

# Okabe and Ito's colours, which the colour-blind tell apart, and dashes for print in grey.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_NO_VALUE = "#bbbbbb"
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
_PNG_DPI = 144
_GRAPH_ROW, _GRAPH_COLUMN, _GRAPH_LINES = 0.19, 0.16, 2.5
_LARGEST, _SMALLEST = 512, 360
_AXES = "XYZ"


class Artist:
    """Draws figures into a folder.

    Parameters
    ----------
    folder : path
    box : sequence of int
        Box of the map (x, y, z).
    sampling : float
        Å/voxel of maps of that box, whatever their headers say.
    renderer : str
        Of the 3D views, one of :data:`vrs.constants.RENDERERS`.
    plots : str
        Form of what is drawn with lines, "svg" or "png".
    """

    def __init__(self, folder, box, sampling, renderer="builtin", plots="svg"):
        self.folder = Path(folder)
        self.box = tuple(box)
        self.sampling = sampling
        self.renderer = renderer
        self.plots = plots
        self._count = 0
        self._seen = (None, None)

    def draw(self, figure, files):
        """Draw one figure.

        Parameters
        ----------
        figure : vrs.results.content.Figure
        files : dict of str to path
            Maps that a surface may name.

        Returns
        -------
        Picture
            Without number. A surface that could not be drawn says why.
        """
        self._count += 1
        if isinstance(figure, content.Slices):
            return self._slices(figure)
        if isinstance(figure, content.Surface):
            return self._views_of(figure, lambda: self._surface(figure, files))
        if isinstance(figure, content.Trace):
            return self._views_of(figure, lambda: _trace(figure))
        panel = Panel(self._write(_saved(line_drawing(figure), self.plots), self.plots),
                      figure.alt or figure.caption)
        return Picture(figure.caption, [panel], wide=True)

    def _slices(self, figure):
        low, high = _limits(figure)
        colours = _colour_map(figure)
        base = min(panel.pixel_size for panel in figure.panels)
        extents = [np.array(panel.image.shape) * panel.pixel_size for panel in figure.panels]
        height, width = np.max(extents, axis=0)
        factor = _magnification(max(height, width) / base)
        canvas = [max(1, round(size / base * factor)) for size in (width, height)]
        panels = []
        for index, panel in enumerate(figure.panels):
            image = Image.new("RGB", canvas, "white")
            tile = _tile(panel, panel.pixel_size / base * factor, low, high, colours)
            image.paste(tile, [(outer - inner) // 2 for outer, inner in zip(canvas, tile.size)])
            panels.append(Panel(self._write(_png(image), "png", index),
                                _alt(figure, panel.label), panel.label,
                                _scale(width)))
        label = ("Density, arbitrary units" if figure.colours == "density" and not figure.unit
                 else "Mask" if figure.colours == "mask"
                 else "Value" + (" (%s)" % figure.unit if figure.unit else ""))
        return Picture(figure.caption, panels, self._legend(colours, low, high, label))

    def _views_of(self, figure, draw):
        """Three views, or the reason why there are none; ``draw`` gives views and a sentence."""
        try:
            views, sentence = draw()
        except (views3d.ViewError, chimerax.ChimeraXError, InputError) as error:
            return _missing(figure, str(error))
        except Exception as error:  # the report comes out without this figure
            logger.exception("drawing a 3D view failed")
            return _missing(figure, "%s: %s." % (type(error).__name__, error))
        panels = []
        for index, (image, axes, width) in enumerate(
                zip(views.images, views3d.AXES, views.widths)):
            right, up, towards = (_AXES[axis] for axis in axes)
            label = "Along %s (%s right, %s up)" % (towards, right, up)
            panels.append(Panel(self._write(_png(image), "png", index),
                                _alt(figure, label), label,
                                _scale(width) if width else None))
        legend = None
        if views.colour_range:
            label = figure.colour_label + (" (%s)" % figure.unit if figure.unit else "")
            legend = self._legend(matplotlib.colormaps["viridis"], *views.colour_range,
                                  label=label)
        caption = "%s Each view shows the axis it is named after pointing to the viewer.%s" % (
            figure.caption, sentence)
        if views.reduction > 1:
            caption += (" For these views the map was averaged over cubes of %d voxels, which "
                        "hides the smallest specks." % views.reduction)
        return Picture(caption, panels, legend)

    def _surface(self, figure, files):
        """The views, and a sentence for the caption."""
        path = _named(figure.volume, files)
        surface = self._seen_surface(path, figure.level)
        values, limits = None, figure.colour_range
        if figure.colour_by:
            coloured = self._load(_named(figure.colour_by, files))
            values = views3d.sample(*coloured, positions=surface.mesh.vertices)
            limits = tuple(limits or views3d.colour_limits(values))
        if self.renderer == "builtin":
            return surface.draw(values, limits, matplotlib.colormaps["viridis"]), ""
        program = chimerax.find_chimerax()
        if program is None:
            raise views3d.ViewError("ChimeraX was asked for and is not found; set VRS_CHIMERAX "
                                    "to its program.")
        with tempfile.TemporaryDirectory() as folder:
            paths = chimerax.draw_surface(
                program, path, figure.level, views3d.AXES, folder, views3d.PIXELS * 2,
                files.get(figure.colour_by), limits)
            images = [Image.open(str(image)).convert("RGB") for image in paths]
        views = views3d.measured_views(images, surface.mesh, limits)
        return views, " Drawn by ChimeraX %s." % chimerax.version(program)

    def _seen_surface(self, path, level):
        """The surface, kept for the next figure: many colour the same one."""
        if self._seen[0] != (path, level):
            mesh = views3d.surface_mesh(*self._load(path), level=level)
            self._seen = (path, level), views3d.SeenSurface(mesh)
        return self._seen[1]

    def _load(self, path):
        """A map, (z, y, x), and its sampling."""
        header = read_header(str(path))
        volume, _ = read_volume(header)
        return volume, self.sampling if volume.shape[::-1] == self.box else header.sampling

    def _legend(self, colours, low, high, label):
        ramp = np.tile(np.linspace(0, 1, 256), (12, 1))
        image = Image.fromarray((colours(ramp)[..., :3] * 255 + 0.5).astype(np.uint8))
        return Legend(self._write(_png(image), "png", "legend"), number(float(low)),
                      number(float(high)), label)

    def _write(self, data, suffix, part=0):
        name = "figure_%03d_%s.%s" % (self._count, part, suffix)
        (self.folder / name).write_bytes(data)
        return name


def _trace(figure):
    """Views of a model, and nothing to add to the caption."""
    mesh, values = views3d.chain_mesh(figure.positions, figure.pieces, figure.values)
    limits = figure.colour_range or views3d.colour_limits(figure.values)
    colours = matplotlib.colormaps["viridis"].with_extremes(bad=_NO_VALUE)
    return views3d.draw_views(mesh, values, tuple(limits), colours), ""


def _alt(figure, label):
    return "%s (%s)" % (figure.alt or figure.caption, label)


def _missing(figure, reason):
    return Picture(figure.caption, missing="The 3D views could not be drawn. " + reason)


def _named(name, files):
    if name not in files:
        raise views3d.ViewError("The results hold no map named %s." % name)
    if not Path(files[name]).is_file():
        raise views3d.ViewError("The map %s is no longer at %s." % (name, files[name]))
    return files[name]


def _limits(figure):
    """Values at the ends of the colour scale, common to all panels."""
    if figure.colour_range:
        return tuple(figure.colour_range)
    if figure.colours == "mask":
        return 0.0, 1.0
    values = np.concatenate([np.ravel(panel.image) for panel in figure.panels])
    values = values[np.isfinite(values)]
    if figure.colours == "signed":
        # Most of such a slice is often zero and must not decide on the contrast.
        values = np.abs(values[values != 0])
        high = float(np.percentile(values, 99.5)) if values.size else 1.0
        return -high, high
    low, high = np.percentile(values, (0.5, 99.5)) if values.size else (0.0, 1.0)
    if low == high and values.size:
        low, high = values.min(), values.max()
    return float(low), float(high)


def _colour_map(figure):
    name = "RdBu_r" if figure.colours == "signed" else "viridis" if figure.unit else "gray"
    return matplotlib.colormaps[name].with_extremes(bad=_NO_VALUE)


def _magnification(pixels):
    """Whole factor, or its inverse, that makes a fair image of so many pixels."""
    if pixels > _LARGEST:
        return 1 / math.ceil(pixels / _LARGEST)
    return math.ceil(_SMALLEST / pixels)


def _tile(panel, factor, low, high, colours):
    """One section as an image: averaged when reduced, with visible pixels when enlarged."""
    image = np.asarray(panel.image, np.float32)
    size = [max(1, round(side * factor)) for side in image.shape[::-1]]
    how = Image.Resampling.BOX if factor < 1 else Image.Resampling.NEAREST

    def resized(values):
        return np.asarray(Image.fromarray(values.astype(np.float32)).resize(size, how))

    known = ~np.isnan(image)
    with np.errstate(invalid="ignore"):  # where nothing is known, nothing comes out
        values = resized(np.where(known, image, 0)) / resized(known)
    values = np.clip((values - low) / ((high - low) or 1.0), 0, 1)
    return Image.fromarray((colours(values)[..., :3] * 255 + 0.5).astype(np.uint8))


def _scale(width):
    """Scale bar of a round length, about a quarter of a width in Å."""
    power = 10.0 ** math.floor(math.log10(width / 3))
    length = max(step * power for step in (1, 2, 5) if step * power <= width / 3)
    return Scale(length / width, "%g Å" % length)


def _png(image):
    colours = image.getcolors(256)
    if colours and all(red == green == blue for _, (red, green, blue) in colours):
        image = image.convert("L")
    buffer = io.BytesIO()
    image.save(buffer, "PNG")  # more effort takes three times as long for 1 % of the size
    return buffer.getvalue()


def line_drawing(figure):
    """What is drawn with lines: curves, histograms, ranges, directions and graphs.

    Parameters
    ----------
    figure : vrs.results.content.Figure
        Any but Slices, Surface and Trace.

    Returns
    -------
    matplotlib.figure.Figure
        That belongs to no window.
    """
    draw = {content.SphereMap: _sphere_map, content.Graph: _graph}.get(type(figure), _plot)
    with line_style():
        drawing = draw(figure)
        for text in drawing.findobj(Text):
            text.set_fontfamily(fonts.families(text.get_text()))
        return drawing


def line_style():
    """The context in which to render what :func:`line_drawing` gave."""
    return matplotlib.rc_context(_STYLE)


def _saved(drawing, form):
    """A drawing as SVG, with its text as outlines, or as PNG."""
    buffer = io.BytesIO()
    with line_style():
        if form == "svg":
            drawing.savefig(buffer, format=form, metadata={"Date": None})
        else:
            drawing.savefig(buffer, format=form, dpi=_PNG_DPI)
    return buffer.getvalue()


def _plot(figure):
    """Curves or a histogram."""
    drawing = Figure(_size(figure), layout="constrained")
    axes = drawing.add_subplot()
    if isinstance(figure, content.Ranges):
        _ranges(axes, figure)
    elif isinstance(figure, content.Bars):
        axes.bar(figure.edges[:-1], figure.counts, np.diff(figure.edges), align="edge",
                 color="#7aa6c9", edgecolor="#3b6a94", linewidth=0.4)
        axes.grid(False, axis="x")
    else:
        _curves(axes, figure)
    zone = getattr(figure, "zone", None)
    if zone:
        axes.axvspan(zone[0], zone[1], color="#e3ebf2", zorder=0)
    for index, mark in enumerate(figure.marks):
        axes.axvline(mark.x, color="#333333", linewidth=1.1, label=mark.label,
                     linestyle=_MARK_DASHES[index % len(_MARK_DASHES)])
    # Labels are text and no formulas, whatever dollar signs they have.
    axes.set_xlabel(figure.x_label, parse_math=False)
    if not isinstance(figure, content.Ranges):
        axes.set_ylabel(figure.y_label, parse_math=False)
    labels = axes.get_legend_handles_labels()[1]
    if figure.marks or len(labels) > 1:
        for text in axes.legend(loc="best").get_texts():
            text.set_parse_math(False)
    return drawing


def _size(figure):
    if isinstance(figure, content.Ranges):
        return _PLOT_SIZE[0], 0.8 + 0.22 * len(figure.rows)
    return _PLOT_SIZE


def _ranges(axes, figure):
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


def _sphere_map(figure):
    """Half a sphere seen along Z, by Lambert's azimuthal projection of true areas."""
    drawing = Figure(_SPHERE_SIZE, layout="constrained")
    axes = drawing.add_subplot(aspect="equal")
    axes.axis("off")
    colours = matplotlib.colormaps["viridis"].with_extremes(bad=_NO_VALUE)
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


def _curves(axes, figure):
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


def _power(value, _):
    """A number on a logarithmic axis: ``0.01`` or ``10⁻⁵``."""
    text = powers_of_ten("%.5g" % value)
    return text[4:] if text.startswith("1 × ") else text
