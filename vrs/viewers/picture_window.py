"""A figure in a window of its own."""

import textwrap
import tkinter as tk
from tkinter import ttk

import numpy as np
from matplotlib.backends.backend_tkagg import FigureCanvasTkAgg, NavigationToolbar2Tk
from matplotlib.widgets import Cursor

from vrs.report.lines import line_drawing, line_style
from vrs.results.content import Bars, Plot, Ranges
from vrs.viewers.text_page import MUTED, draw_picture
from vrs.viewers.windows import ViewWindow, label, scrolls_by_keys

_DPI = 120
_HIGHEST, _BAR_WIDTH = 1200, 20  # pixels


def open_picture(picture, title, parent=None):
    """Open a figure in a window: curves and bars to be zoomed, others as large as fits.

    Parameters
    ----------
    picture : vrs.report.artist_process.OrderedPicture
        One that has been drawn.
    title : str
    parent : pyworkflow.gui.Window, optional

    Returns
    -------
    ViewWindow
    """
    kind = CurvesWindow if isinstance(picture.shown, (Plot, Bars, Ranges)) else PictureWindow
    window = kind(picture, title, parent)
    window.open()
    return window


class PictureWindow(ViewWindow):
    """The images of a figure, as large as they are or fit; those that are higher scroll."""

    def __init__(self, picture, title, parent=None):
        super().__init__(title, parent, size=(1320, _HIGHEST))
        width = self._size[0] - 40
        frame = tk.Frame(self.root, background="white", padx=20, pady=14)
        frame.grid(sticky="nsew")
        label(frame, picture.caption, font=self.fonts["plain"], foreground=MUTED,
              wraplength=width).pack(side="bottom", anchor="w", pady=(8, 0))
        canvas = tk.Canvas(frame, background="white", highlightthickness=0, yscrollincrement=20)
        self._images = draw_picture(canvas, picture, width - _BAR_WIDTH, self.fonts)
        canvas.configure(scrollregion=(0, 0, canvas["width"], canvas["height"]))
        bar = ttk.Scrollbar(frame, command=canvas.yview)
        canvas.configure(yscrollcommand=bar.set)
        canvas.pack(anchor="n")
        self.root.update_idletasks()
        if frame.winfo_reqheight() > self._size[1]:
            bar.pack(side="right", fill="y", before=canvas)
            scrolls_by_keys(self.root, canvas)
        self.canvas = canvas
        self._size = [min(self._size[0], frame.winfo_reqwidth() + _BAR_WIDTH),
                      min(self._size[1], frame.winfo_reqheight())]


class CurvesWindow(ViewWindow):
    """Curves with cross hairs and the tools of matplotlib to zoom, move and save."""

    def __init__(self, picture, title, parent=None):
        super().__init__(title, parent, size=(1080, 660))
        self.drawing = line_drawing(picture.shown)
        self.drawing.set_dpi(_DPI)
        canvas = _Canvas(self.drawing, master=self.root)
        axes = self.drawing.axes[0]
        axes.format_coord = lambda x, y: place_in_words(picture.shown, x, y)
        self._cursor = Cursor(axes, useblit=True, color="#777777", linewidth=0.7)
        canvas.get_tk_widget().grid(row=0, sticky="nsew")
        bottom = tk.Frame(self.root, background="white", padx=12, pady=6)
        bottom.grid(row=1, sticky="ew")
        NavigationToolbar2Tk(canvas, bottom)
        label(bottom, textwrap.fill(picture.caption, 140), foreground=MUTED,
              font=self.fonts["small"]).pack(
            side="bottom", anchor="w")
        self.canvas = canvas


class _Canvas(FigureCanvasTkAgg):
    """A canvas that draws in the style of the report."""

    def draw(self):
        with line_style():
            super().draw()


def place_in_words(figure, x, y):
    """A place among curves: its coordinates, and the resolution that a frequency stands for.

    Parameters
    ----------
    figure : vrs.results.content.Figure
    x, y : float

    Returns
    -------
    str
    """
    words = "%s: %.4g" % (figure.x_label, x)
    if figure.x_label.endswith("(1/Å)") and x > 0:
        words += " (%.3g Å)" % (1 / x)
    if isinstance(figure, Ranges):
        row = int(np.clip(round(y), 0, len(figure.rows) - 1))
        return "%s   %s" % (words, figure.rows[row].label)
    return "%s   %s: %.4g" % (words, figure.y_label, y)
