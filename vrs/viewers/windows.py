"""What the windows of this plugin share."""

import tkinter as tk

from pyworkflow.gui import Window

from vrs.viewers.fonts import window_fonts


class ViewWindow(Window):
    """A window of Scipion that Escape closes.

    Parameters
    ----------
    title : str
    parent : pyworkflow.gui.Window, optional
        The window that it was opened from.
    size : (int, int)
        Pixels; it gets less where the screen is smaller.
    """

    def __init__(self, title, parent=None, size=(1200, 740)):
        super().__init__(title, parent, minsize=(520, 360))
        self._size = [min(wanted, there - margin) for wanted, there, margin in zip(
            size, (self.root.winfo_screenwidth(), self.root.winfo_screenheight()), (20, 60))]
        self.fonts = window_fonts(self.root)
        self.root.configure(background="white")
        self.root.bind("<Escape>", lambda _event: self._onClosing())
        self._focus_before = self.root.tk.call("focus")

    def _onClosing(self):
        """Give the keyboard back to where it was."""
        super()._onClosing()
        if self._focus_before and self.root.tk.call("winfo", "exists", self._focus_before):
            self.root.tk.call("focus", self._focus_before)

    def desiredDimensions(self):
        return self._size

    def open(self):
        """Show it; without another window of Scipion, until it is closed."""
        if self.master is None:
            self.show()
            return
        width, height = self._size
        left = (self.root.winfo_screenwidth() - width) // 2
        self.root.geometry("%dx%d+%d+%d" % (width, height, max(0, left), 20))
        self.root.deiconify()
        self.root.lift()
        (self.initial_focus or self.root).focus_set()


def label(master, text="", **options):
    """A label on white."""
    return tk.Label(master, **dict(dict(text=text, background="white", anchor="w",
                                        justify="left"), **options))


def wrapping_label(master, text="", **options):
    """A label that breaks its text at its own width."""
    made = label(master, text, **options)
    made.bind("<Configure>", lambda event: made.configure(wraplength=event.width - 10))
    return made


def scrolls_by_keys(window, widget):
    """Let the keys and the wheel of a window scroll one of its widgets."""
    for event, number, unit in (("<Up>", -1, "units"), ("<Down>", 1, "units"),
                                ("<Prior>", -1, "pages"), ("<Next>", 1, "pages"),
                                ("<Button-4>", -3, "units"), ("<Button-5>", 3, "units")):
        window.bind(event, lambda _event, number=number, unit=unit: widget.yview_scroll(
            number, unit))
    window.bind("<MouseWheel>", lambda event: widget.yview_scroll(
        -3 if event.delta > 0 else 3, "units"))
