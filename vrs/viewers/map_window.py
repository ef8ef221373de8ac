"""The sections of a map in a window, which needs no other program."""

import tkinter as tk
from tkinter import ttk

import matplotlib
import numpy as np
from matplotlib.backends.backend_tkagg import FigureCanvasTkAgg, NavigationToolbar2Tk
from matplotlib.figure import Figure

from vrs.viewers.map_slices import AXES
from vrs.viewers.windows import ViewWindow, label, wrapping_label

_COLOURS = {"density": "gray", "mask": "gray", "local": "viridis", "part": "viridis",
            "signed": "RdBu_r"}
_NO_VALUE = "#d9d9d9"
_PLANES = ("yz", "zx", "xy")  # to the right and up
_FAR = 10
_KEYS = "↑ ↓ next section   Page ↑ ↓ ten sections   X Y Z axis   Esc close"


class MapWindow(ViewWindow):
    """One section at a time, along any axis, with its colour scale.

    Parameters
    ----------
    slices : vrs.viewers.map_slices.MapSlices
    title : str
    parent : pyworkflow.gui.Window, optional
    """

    def __init__(self, slices, title, parent=None):
        super().__init__(title, parent, size=(860, 740))
        self.slices = slices
        self.axis = 2
        self._places = [slices.first(axis) for axis in range(3)]
        self._choice = tk.StringVar(self.root, AXES[self.axis])
        self._place = tk.IntVar(self.root)
        self._image = None
        self._bar(title).grid(row=0, sticky="ew")
        self.drawing = Figure(layout="constrained", dpi=100)
        self.canvas = FigureCanvasTkAgg(self.drawing, master=self.root)
        widget = self.canvas.get_tk_widget()
        widget.grid(row=1, sticky="nsew")
        self.root.rowconfigure(0, weight=0)
        self.root.rowconfigure(1, weight=1)
        bottom = tk.Frame(self.root, background="white", padx=12)
        bottom.grid(row=2, sticky="ew")
        NavigationToolbar2Tk(self.canvas, bottom)
        label(self.root, _KEYS, foreground="#56616d", padx=14, pady=4,
              font=self.fonts["small"]).grid(row=3, sticky="ew")
        for key, step in (("Up", 1), ("Down", -1), ("Right", 1), ("Left", -1),
                          ("Prior", _FAR), ("Next", -_FAR)):
            self.root.bind("<%s>" % key, lambda _event, step=step: self.go(self.index + step))
        for axis, name in enumerate(AXES):
            self.root.bind("<%s>" % name.lower(), lambda _event, axis=axis: self.turn(axis))
        self.initial_focus = widget
        self.turn(self.axis)

    @property
    def index(self):
        """Of the section that is shown."""
        return self._places[self.axis]

    def turn(self, axis):
        """Show sections along an axis: 0, 1, 2 for X, Y, Z."""
        self.axis = axis
        self._choice.set(AXES[axis])
        self._scale.configure(to=max(1, self.slices.count(axis) - 1))
        self.drawing.clear()
        axes = self.drawing.add_subplot()
        scale, (low, high) = self.slices.scale, self.slices.limits()
        colours = matplotlib.colormaps[_COLOURS[scale.kind]].with_extremes(bad=_NO_VALUE)
        self._image = axes.imshow(self.slices.section(axis, self.index), cmap=colours, vmin=low,
                                  vmax=high, interpolation="nearest", origin="lower")
        for place, name in zip((axes.set_xlabel, axes.set_ylabel), _PLANES[axis]):
            place("%s (voxels of %.4g Å)" % (name, self.slices.sampling))
        text = scale.label + (" (%s)" % scale.unit if scale.unit else "")
        self.drawing.colorbar(self._image, ax=axes, shrink=0.85).set_label(text,
                                                                           parse_math=False)
        axes.format_coord = self._in_words
        self._image.format_cursor_data = lambda _value: ""
        self.go(self.index)

    def go(self, index):
        """Show the section of an index, or the nearest that there is."""
        self._places[self.axis] = int(np.clip(index, 0, self.slices.count(self.axis) - 1))
        self._place.set(self.index)
        self._image.set_data(self.slices.section(self.axis, self.index))
        self._caption.configure(text="%s section %d (0 to %d)" % (
            AXES[self.axis], self.index, self.slices.count(self.axis) - 1))
        self.canvas.draw_idle()

    def _bar(self, title):
        bar = tk.Frame(self.root, background="white", padx=14, pady=8)
        wrapping_label(bar, title, font=self.fonts["strong"]).pack(fill="x")
        for axis, name in enumerate(AXES):
            ttk.Radiobutton(bar, text=name, value=name, variable=self._choice, takefocus=False,
                            command=lambda axis=axis: self.turn(axis)).pack(side="left", padx=4)
        self._scale = ttk.Scale(bar, variable=self._place, takefocus=False,
                                command=lambda value: self.go(round(float(value))))
        self._scale.pack(side="left", fill="x", expand=True, padx=10)
        self._caption = label(bar, width=24, anchor="e", font=self.fonts["plain"])
        self._caption.pack(side="right")
        return bar

    def _in_words(self, x, y):
        return self.slices.describe(self.axis, self.index, int(round(y)), int(round(x)))
