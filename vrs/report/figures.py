"""Figures: from what the results hold as data to image files."""

import io
import logging
import math
import tempfile
from functools import singledispatchmethod
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw

from vrs.engines import chimerax
from vrs.errors import InputError
from vrs.io.headers import read_header
from vrs.io.maps import read_volume
from vrs.report import views3d
from vrs.report.document import Legend, Panel, Picture, Scale
from vrs.report.lines import NO_VALUE, line_drawing, saved
from vrs.report.wording import number
from vrs.results import content

logger = logging.getLogger(__name__)

_LARGEST, _SMALLEST = 512, 360
_AXES = "XYZ"
# What is as wide as the page.
_BROAD = (content.Graph, content.PolarPlots, content.WholeSpheres)
_WITH_GREY = matplotlib.colormaps["viridis"].with_extremes(bad=NO_VALUE)
# Told apart by the colour-blind, and by their width in grey.
_WARNED, _SOUND = "#D55E00", "#56B4E9"


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
    lines : vrs.report.lines_process.LineArtist, optional
        Draws these beside the others; they are there after :meth:`finish`.
    """

    def __init__(self, folder, box, sampling, renderer="builtin", plots="svg", lines=None):
        self.folder = Path(folder)
        self.box = tuple(box)
        self.sampling = sampling
        self.renderer = renderer
        self.plots = plots
        self._lines = lines
        self._count = 0
        self._seen = {}

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
        return self._drawn(figure, files)

    @singledispatchmethod
    def _drawn(self, figure, _files):
        name = self._name(self.plots)
        if self._lines is None:
            (self.folder / name).write_bytes(saved(line_drawing(figure), self.plots))
        else:
            self._lines.order(name, figure)
        panel = Panel(name, figure.alt or figure.caption)
        return Picture(figure.caption, [panel], wide=True,
                       broad=isinstance(figure, _BROAD))

    @_drawn.register(content.Slices)
    def _slices(self, figure, _files):
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
            scale = panel.pixel_size / base * factor
            tile = _circled(_tile(panel, scale, low, high, colours), panel.circles, scale)
            image.paste(tile, [(outer - inner) // 2 for outer, inner in zip(canvas, tile.size)])
            panels.append(Panel(self._write(_png(image), "png", index),
                                _alt(figure, panel.label), panel.label,
                                _scale(width)))
        if figure.colours == "picture":
            return Picture(figure.caption, panels)
        label = ("Density, arbitrary units" if figure.colours == "density" and not figure.unit
                 else "Mask" if figure.colours == "mask"
                 else "Value" + (" (%s)" % figure.unit if figure.unit else ""))
        return Picture(figure.caption, panels, self._legend(colours, low, high, label))

    @_drawn.register(content.Surface)
    def _surface_views(self, figure, files):
        return self._views_of(figure, lambda: self._surface(figure, files))

    @_drawn.register(content.Solid)
    def _solid_views(self, figure, _files):
        return self._views_of(figure, lambda: (views3d.draw_views(views3d.surface_mesh(
            figure.volume.astype(np.float32), figure.sampling, figure.level)), ""))

    @_drawn.register(content.Trace)
    def _trace_views(self, figure, _files):
        return self._views_of(figure, lambda: self._trace(figure))

    @_drawn.register(content.Overlay)
    def _overlay_views(self, figure, files):
        return self._views_of(figure, lambda: self._overlay(figure, files))

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
        caption = figure.caption + sentence
        if views.reduction > 1:
            caption += (" For these views the map was averaged over cubes of %d voxels, which "
                        "hides the smallest specks." % views.reduction)
        return Picture(caption, panels, legend)

    def _surface(self, figure, files):
        """The views, and a sentence for the caption."""
        path = _named(figure.volume, files)
        surface = self.surface(path, figure.level)
        values, limits = None, figure.colour_range
        if figure.colour_by:
            coloured = self.load(_named(figure.colour_by, files))
            how = views3d.sample_known if figure.scale == "local" else views3d.sample
            values = how(*coloured, positions=surface.mesh.vertices)
            limits = tuple(limits or views3d.colour_limits(values))
        if self.renderer == "builtin":
            return surface.draw(values, limits, _WITH_GREY), ""
        program = chimerax.find_chimerax()
        if program is None:
            raise views3d.ViewError("ChimeraX was chosen but not found; set VRS_CHIMERAX to its "
                                    "program.")
        with tempfile.TemporaryDirectory() as folder:
            paths = chimerax.draw_surface(
                program, path, figure.level, views3d.AXES, folder, views3d.PIXELS * 2,
                files.get(figure.colour_by), limits)
            images = [Image.open(str(image)).convert("RGB") for image in paths]
        views = views3d.measured_views(images, surface.mesh, limits)
        return views, " Drawn by ChimeraX %s." % chimerax.version(program)

    def _trace(self, figure):
        """Views of a model, and nothing to add to the caption."""
        tubes, owner = self._tubes(figure)
        limits = figure.colour_range or views3d.colour_limits(figure.values)
        return tubes.draw(np.asarray(figure.values, float)[owner], tuple(limits), _WITH_GREY), ""

    def _overlay(self, figure, files):
        """Views of a model in the map, and nothing to add to the caption."""
        surface = self.surface(_named(figure.volume, files), figure.level)
        tubes = self._tubes(figure, surface)[0]
        return self._once("overlay", (surface, tubes), lambda: surface.draw_over(tubes)), ""

    def surface(self, path, level):
        """The surface of a map, kept for the next figure: many colour the same one.

        Parameters
        ----------
        path : path
        level : float

        Returns
        -------
        vrs.report.views3d.SeenSurface

        Raises
        ------
        ViewError, InputError
            If there is none, or the map cannot be read.
        """
        return self._once("surface", (path, level), lambda: views3d.SeenSurface(
            views3d.surface_mesh(*self.load(path), level=level)))

    def _tubes(self, figure, around=None):
        """The chains as they are seen, and the residue that each vertex belongs to.

        Those that fill the surface ``around`` them are looked at in its frame, once for all.
        """
        def make():
            mesh, owner = views3d.chain_mesh(figure.positions, figure.pieces,
                                             np.arange(len(figure.pieces)))
            tubes = views3d.SeenSurface(mesh)
            if around is not None and tubes.fills(around):
                tubes = views3d.SeenSurface(mesh, like=around)
            return tubes, owner.astype(int)
        return self._once("tubes", (figure.positions.tobytes(), figure.pieces.tobytes()), make)

    def _once(self, kind, key, make):
        """What was made last of a kind if it was for the same key, else what is made now."""
        if kind not in self._seen or self._seen[kind][0] != key:
            self._seen[kind] = key, make()
        return self._seen[kind][1]

    def load(self, path):
        """A map, float32 (z, y, x), and its sampling, Å/voxel.

        Raises
        ------
        InputError
            If it cannot be read.
        """
        header = read_header(str(path))
        volume, _ = read_volume(header)
        return volume, self.sampling if volume.shape[::-1] == self.box else header.sampling

    def _legend(self, colours, low, high, label):
        ramp = np.tile(np.linspace(0, 1, 256), (12, 1))
        image = Image.fromarray((colours(ramp)[..., :3] * 255 + 0.5).astype(np.uint8))
        return Legend(self._write(_png(image), "png", "legend"), number(float(low)),
                      number(float(high)), label)

    def finish(self):
        """Wait for the figures that are drawn beside the others."""
        if self._lines is not None:
            self._lines.finish()

    def _write(self, data, suffix, part=0):
        name = self._name(suffix, part)
        (self.folder / name).write_bytes(data)
        return name

    def _name(self, suffix, part=0):
        return "figure_%03d_%s.%s" % (self._count, part, suffix)


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
    return matplotlib.colormaps[name].with_extremes(bad=NO_VALUE)


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


def _circled(tile, circles, scale):
    """An image with circles, of pixels that were enlarged by a scale."""
    drawing = ImageDraw.Draw(tile)
    for circle in circles:
        x, y, radius = (np.array([circle.x + 0.5, circle.y + 0.5, circle.radius]) * scale).tolist()
        drawing.ellipse([x - radius, y - radius, x + radius, y + radius],
                        outline=_WARNED if circle.warned else _SOUND,
                        width=max(3, tile.width // 70) if circle.warned else 1)
    return tile


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
    image.save(buffer, "PNG", compress_level=3)  # twice as fast as the default for 9 % more
    return buffer.getvalue()
