"""The wizard that chooses the threshold on the map itself."""

import os
import tkinter as tk

from PIL import ImageTk
from pyworkflow.gui import dialog
from pyworkflow.viewer import DESKTOP_TKINTER
from pyworkflow.wizard import Wizard

from vrs.errors import InputError
from vrs.io.maps import read_map
from vrs.io.problems import to_threshold
from vrs.io.sequences import read_mass
from vrs.objects import VrsArchivedVolume
from vrs.protocols.forms import original_file, plain_name
from vrs.protocols.level import ProtVrsLevel
from vrs.report import views3d
from vrs.wizards.tasks import Background
from vrs.wizards.contour import AS_GIVEN, Contour, written

_VIEWS = range(len(views3d.AXES))
_STEPS = 500
_LARGEST, _SMALLEST = 320, 150
_NARROWEST = 600  # pixels of a line of text
_OTHER_HEIGHT = 350  # pixels that the window needs beside its two rows of images
_BESIDE, _FRAME = 50, 40  # pixels: to the form's corner, and of what is around a window
_PAUSE = 350  # ms after the last change, before the surface is drawn


class VrsThresholdWizard(Wizard):
    """Shows the map at a threshold, with the mass that it encloses."""

    _targets = [(ProtVrsLevel, ["threshold"])]
    _environments = [DESKTOP_TKINTER]

    def show(self, form, *params):
        """Let the user choose, and put the threshold into the form.

        Parameters
        ----------
        form : pyworkflow.gui.form.FormWindow
        """
        chosen = form.protocol.inputVolume
        volume = chosen.get()
        if volume is None:
            first = "Run the protocol that makes the map" if chosen.hasValue() else "Choose the map"
            dialog.showWarning("No map", first + " first; the threshold is then chosen on it.",
                               form.root)
            return
        mass, sequence = form.protocol.mass.get(), form.protocol.sequence.get()
        path, sampling = original_file(plain_name(volume)), volume.getSamplingRate()

        def load():
            map_file = read_map(path, sampling)
            return Contour(map_file.volume, map_file.sampling,
                           read_mass(sequence) if sequence and mass is None else mass)

        window = ThresholdDialog(form.root, os.path.basename(path), load,
                                 *starting_value(form.protocol))
        if window.problem:
            dialog.showError("The map cannot be shown", window.problem, form.root)
        elif window.chosen:
            form.setVar("threshold", window.chosen)


def starting_value(protocol):
    """The threshold that the wizard begins with.

    Parameters
    ----------
    protocol : ProtVrsLevel
        With a map.

    Returns
    -------
    float or None, str
        The value in the form, else the one that the map's entry in the archive
        recommends, else None for one that is found from the map; and what it is, in words.
    """
    if protocol.threshold.get() is not None:
        return protocol.threshold.get(), "It began at the value in the form."
    volume = protocol.inputVolume.get()
    if isinstance(volume, VrsArchivedVolume) and volume.getThreshold() is not None:
        return volume.getThreshold(), "It began at the contour level that the entry recommends."
    return None, ("It began at the level that is suggested from the map; compare the mass with "
                  "that of the specimen.")


class ThresholdDialog(dialog.Dialog):
    """Slices with the contour, the isosurface, and what the threshold encloses.

    Parameters
    ----------
    parent : tkinter.Misc
    name : str
        Of the map.
    load : callable
        Gives the :class:`Contour`; done while the window waits.
    start : float or None
        Threshold to begin with; None for the automatic one.
    origin : str
        Where it comes from, as a sentence.

    Attributes
    ----------
    chosen : str
        The threshold, empty when none was chosen.
    problem : str
        Why the map cannot be shown, empty when it can.
    """

    def __init__(self, parent, name, load, start, origin):
        self.chosen = self.problem = ""
        self._load, self._start, self._origin = load, start, origin
        self._contour = self._position = self._timer = self._drawing = None
        side = (parent.winfo_screenheight() - _OTHER_HEIGHT) // 2
        self._side = max(_SMALLEST, min(side, _LARGEST))
        super().__init__(parent, "Threshold of %s" % name)

    # --------------------------- CONSTRUCTION --------------------------------
    def body(self, master):
        """Build the window and begin to read the map."""
        self._background = Background(self)
        self._threshold = tk.StringVar()
        columns = tk.Frame(master)
        columns.grid(row=0, column=0)
        self._panels = [_ViewColumn(columns, view, self._side, self._draw_slices)
                        for view in _VIEWS]
        self._hint = self._line(master, 1, 2, "Orange: the contour at the threshold.")
        controls = tk.Frame(master)
        controls.grid(row=2, column=0, sticky="we", pady=(8, 0))
        controls.columnconfigure(2, weight=1)
        tk.Label(controls, text="Threshold").grid(row=0, column=0)
        self._entry = tk.Entry(controls, textvariable=self._threshold, width=12, bg="white")
        self._entry.grid(row=0, column=1, padx=8)
        self._slider = tk.Scale(controls, from_=0, to=_STEPS, orient=tk.HORIZONTAL,
                                showvalue=False, command=self._slid)
        self._slider.grid(row=0, column=2, sticky="we")
        self._numbers = self._line(master, 3, 2, "Reading the map ...")
        self._status = self._line(master, 4, 2, "")
        self._enable(tk.DISABLED)
        self._threshold.trace_add("write", self._changed)
        self.initial_focus = self._slider
        self.resizable(False, False)
        self.after_idle(self._onto_the_screen)
        # A window must not close before it was seen.
        self.bind("<Visibility>", self._begin)

    def _begin(self, _):
        self.unbind("<Visibility>")
        self._background.run(self._load, self._loaded, self._failed)

    def _line(self, master, row, lines, text):
        label = tk.Label(master, text=text, height=lines, anchor="nw", justify=tk.LEFT,
                         wraplength=max(len(_VIEWS) * self._side, _NARROWEST))
        label.grid(row=row, column=0, sticky="we", pady=(4, 0))
        return label

    def _enable(self, state):
        for widget in [self._entry, self._slider] + [panel.slider for panel in self._panels]:
            widget.configure(state=state)

    def _onto_the_screen(self):
        # Beside the corner of the form, as Scipion's windows; the middle of two screens is
        # none of them.
        self.update_idletasks()
        self.geometry("+%d+%d" % tuple(
            max(0, min(corner + _BESIDE, screen - size - _FRAME)) for corner, screen, size in (
                (self.parent.winfo_rootx(), self.winfo_screenwidth(), self.winfo_reqwidth()),
                (self.parent.winfo_rooty(), self.winfo_screenheight(), self.winfo_reqheight()))))

    # --------------------------- THE MAP -------------------------------------
    def _loaded(self, contour):
        self._contour = contour
        start = contour.automatic if self._start is None else self._start
        self._low, self._high = contour.low, contour.high
        # One that encloses nothing or all may be of another scale, and would leave no room.
        if 0 < contour.enclosed(start).percentage < 100:
            self._low, self._high = min(contour.low, start), max(contour.high, start)
        self._enable(tk.NORMAL)
        for panel in self._panels:
            panel.begin(*contour.slices(panel.view))
        self._hint.configure(text="%s %s" % (self._hint["text"], self._origin))
        self._threshold.set(written(start) if self._start is None else written(start, AS_GIVEN))
        self.initial_focus.focus_set()

    def _failed(self, error):
        self.problem = (str(error) if isinstance(error, InputError) else
                        "The map could not be read (%s: %s)." % (type(error).__name__, error))
        self.cancel()

    # --------------------------- THE THRESHOLD -------------------------------
    def _value(self):
        return to_threshold(self._threshold.get())

    def _slid(self, position):
        # Tk also tells of the moves that the program makes.
        if self._contour is not None and float(position) != self._position:
            span = self._high - self._low
            self._threshold.set(written(self._low + span * float(position) / _STEPS))

    def _changed(self, *_):
        self._unschedule()
        try:
            value = self._value()
        except InputError as error:
            self._numbers.configure(text=str(error))
            return
        part = (value - self._low) / (self._high - self._low)
        self._position = round(_STEPS * min(max(part, 0), 1))
        self._slider.set(self._position)
        self._numbers.configure(text=str(self._contour.enclosed(value)))
        self._draw_slices()
        self._timer = self.after(_PAUSE, self._draw_surfaces)

    # --------------------------- IMAGES --------------------------------------
    def _draw_slices(self):
        # Of several changes that wait for being shown, only the last is drawn.
        if self._drawing is None:
            self._drawing = self.after_idle(self._draw_slices_now)

    def _draw_slices_now(self):
        self._drawing = None
        try:
            value = self._value()
        except InputError:
            return
        for panel in self._panels:
            panel.show_slice(self._contour.section(panel.view, panel.index, value, self._side))

    def _draw_surfaces(self):
        self._timer = None
        value, contour, side = self._value(), self._contour, self._side
        self._status.configure(text="Drawing the surface ...")
        self._background.run(lambda: contour.surfaces(value, side), self._show_surfaces,
                             self._no_surfaces)

    def _show_surfaces(self, images):
        for panel, image in zip(self._panels, images):
            panel.show_surface(image)
        side = self._contour.reduction
        self._status.configure(
            text="" if side == 1 else "The surface is drawn from the map averaged over cubes of %d "
            "voxels." % side)

    def _no_surfaces(self, error):
        for panel in self._panels:
            panel.show_surface(None)
        self._status.configure(
            text=str(error) if isinstance(error, views3d.ViewError) else
            "The surface could not be drawn (%s: %s)." % (type(error).__name__, error))

    def _unschedule(self):
        if self._timer is not None:
            self.after_cancel(self._timer)
        self._timer = None

    # --------------------------- THE END -------------------------------------
    def validate(self):
        """Whether the window may be closed with this threshold; says why not."""
        if self._contour is None:
            return False
        try:
            return self._contour.enclosed(self._value()).voxels > 0
        except InputError:
            return False

    def apply(self):
        """Keep the threshold."""
        self.chosen = self._threshold.get().strip()

    def destroy(self):
        """Close the window, and let go of what is still going on."""
        self._unschedule()
        if self._drawing is not None:
            self.after_cancel(self._drawing)
        self._background.stop()
        self._contour = None
        super().destroy()


class _ViewColumn:
    """A slice, what chooses it, and the surface seen from the same side."""

    def __init__(self, master, view, side, changed):
        self.view, self._changed = view, changed
        frame = tk.Frame(master)
        frame.grid(row=0, column=view, padx=4)
        self._label = tk.Label(frame)
        self._label.grid(row=0, column=0)
        self._slice, self._surface = _Picture(frame, 1, side), _Picture(frame, 3, side)
        self.slider = tk.Scale(frame, orient=tk.HORIZONTAL, showvalue=False, command=self._moved)
        self.slider.grid(row=2, column=0, sticky="we")

    @property
    def index(self):
        """The slice that is shown, from 0."""
        return int(self.slider.get())

    def begin(self, count, axis, others):
        """Show the slice in the middle of so many."""
        self._axis, self._others = axis, others
        self.slider.configure(to=count - 1)
        self.slider.set(count // 2)

    def _moved(self, _):
        self._label.configure(text="%s slice %d (%s)" % (self._axis, self.index, self._others))
        self._changed()

    def show_slice(self, image):
        """Show a slice."""
        self._slice.show(image)

    def show_surface(self, image):
        """Show a view of the surface, or none."""
        self._surface.show(image)


class _Picture:
    """A square in a window."""

    def __init__(self, master, row, side):
        frame = tk.Frame(master, width=side, height=side, bg="white", bd=1, relief=tk.SUNKEN)
        frame.grid(row=row, column=0)
        frame.grid_propagate(False)
        self._label = tk.Label(frame, bg="white", bd=0)
        self._label.place(relx=0.5, rely=0.5, anchor=tk.CENTER)
        self._shown = ""

    def show(self, image):
        """Show an image in the place of the last one, or none."""
        # Tk does not keep the images that it shows.
        self._shown = ImageTk.PhotoImage(image, master=self._label) if image else ""
        self._label.configure(image=self._shown)
