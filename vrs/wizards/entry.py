"""The wizard that takes resolution and threshold from an entry of EMDB."""

import tkinter as tk

from pyworkflow.gui import dialog
from pyworkflow.viewer import DESKTOP_TKINTER
from pyworkflow.wizard import Wizard

from vrs.errors import DownloadError, InputError
from vrs.io.archive import to_emdb_id
from vrs.protocols.level import ProtVrsLevel
from vrs.wizards.tasks import Background
from vrs.wizards.contour import AS_GIVEN, written
from vrs.wizards.metadata import fetch, known_id

_WIDTH = 560
_ERROR_COLOUR = "#a40000"


class VrsEntryWizard(Wizard):
    """Asks EMDB for the reported resolution and the contour level of an entry."""

    _targets = [(ProtVrsLevel, ["resolution"])]
    _environments = [DESKTOP_TKINTER]

    def show(self, form, *params):
        """Let the user choose, and put what was chosen into the form.

        Parameters
        ----------
        form : pyworkflow.gui.form.FormWindow
        """
        protocol = form.protocol
        present = {name: getattr(protocol, name).get() for name in ("resolution", "threshold")}
        window = EntryDialog(form.root, known_id(protocol), present)
        for name, value in window.chosen.items():
            form.setVar(name, value)


class EntryDialog(dialog.Dialog):
    """Asks for an entry, shows what EMDB says of it, and lets the user choose.

    Parameters
    ----------
    parent : tkinter.Misc
    emdb_id : str
        The entry to begin with, empty when it is not known.
    present : dict of str to float or None
        ``resolution`` and ``threshold`` in the form.

    Attributes
    ----------
    chosen : dict of str to str
        What to put into the form, by parameter.
    """

    def __init__(self, parent, emdb_id, present):
        self.chosen = {}
        self._first, self._present = emdb_id, present
        self._entry, self._asking = None, ""
        super().__init__(parent, "Values from EMDB")

    def body(self, master):
        """Build the window; ask at once when the entry is known."""
        self._background = Background(self)
        self._id = tk.StringVar(value=self._first)
        question = tk.Frame(master)
        question.grid(row=0, column=0, sticky="w")
        tk.Label(question, text="Entry of EMDB").grid(row=0, column=0)
        self._field = tk.Entry(question, textvariable=self._id, width=14, bg="white")
        self._field.grid(row=0, column=1, padx=8)
        tk.Button(question, text="Look up", command=self._ask).grid(row=0, column=2)
        tk.Label(question, text="for example EMD-1234").grid(row=0, column=3, padx=8)
        self._title = self._line(master, 1)
        self._offers = [_Offer(master, 2, "resolution", "Reported resolution", " Å"),
                        _Offer(master, 3, "threshold", "Recommended contour level", "")]
        self._message = self._line(master, 4)
        self._line(master, 5).configure(
            text="The contour level belongs to the main map of the entry; a map of another scale, "
                 "such as one that was sharpened again, needs a threshold of its own.")
        self.initial_focus = self._field
        self.resizable(False, False)
        if self._first:
            self._ask()

    @staticmethod
    def _line(master, row):
        label = tk.Label(master, anchor="w", justify=tk.LEFT, wraplength=_WIDTH)
        label.grid(row=row, column=0, sticky="we", pady=4)
        return label

    def _ask(self):
        self._entry, self._asking = None, ""
        self._field.selection_range(0, tk.END)
        self._title.configure(text="")
        for offer in self._offers:
            offer.clear()
        try:
            emdb_id = to_emdb_id(self._id.get())
        except InputError as error:
            self._say(str(error), _ERROR_COLOUR)
            return
        self._asking = emdb_id
        self._say("Asking EMDB for %s ..." % emdb_id)
        # What was asked before may take its time, and is not wanted any more.
        self._background.stop()
        self._background = Background(self)
        self._background.run(lambda: fetch(emdb_id), self._answered, self._failed)

    def _answered(self, answer):
        (self._entry, remark), self._asking = answer, ""
        self._title.configure(text="%s: %s" % (self._entry.emdb_id, self._entry.title))
        for offer in self._offers:
            offer.show(getattr(self._entry, offer.name), self._present[offer.name])
        self._say(remark)

    def _failed(self, error):
        self._asking = ""
        self._say(str(error) if isinstance(error, (InputError, DownloadError)) else
                  "The entry could not be read (%s: %s)." % (type(error).__name__, error),
                  _ERROR_COLOUR)

    def _say(self, text, colour="black"):
        self._message.configure(text=text, fg=colour)

    def validate(self):
        """Whether the window may be closed; looks the entry up when that was not done."""
        try:
            wanted = to_emdb_id(self._id.get())
        except InputError:
            wanted = None
        if self._entry is not None and self._entry.emdb_id == wanted:
            return True
        if not wanted or wanted != self._asking:  # else the answer is on its way
            self._ask()
        return False

    def apply(self):
        """Keep what was chosen."""
        self.chosen = {offer.name: offer.value for offer in self._offers if offer.taken}

    def destroy(self):
        """Close the window, and let go of what is still going on."""
        self._background.stop()
        super().destroy()


class _Offer:
    """A value of the entry that can be taken."""

    def __init__(self, master, row, name, label, unit):
        self.name, self.value = name, ""
        self._label, self._unit = label, unit
        self._wanted = tk.BooleanVar(master, False)
        self._box = tk.Checkbutton(master, variable=self._wanted, anchor="w")
        self._box.grid(row=row, column=0, sticky="w")
        self.clear()

    @property
    def taken(self):
        """Whether the value is there and wanted."""
        return bool(self.value) and self._wanted.get()

    def clear(self):
        """Offer nothing."""
        self._set("", self._label)

    def show(self, value, present):
        """Offer a value in the place of the one in the form; None when there is none."""
        if value is None:
            self._set("", "%s: the entry states none" % self._label)
            return
        instead = "empty" if present is None else "%g%s" % (present, self._unit)
        text = written(value, AS_GIVEN)
        self._set(text, "%s: %s%s (in the form: %s)" % (self._label, text, self._unit, instead))

    def _set(self, value, text):
        self.value = value
        self._wanted.set(bool(value))
        self._box.configure(text=text, state=tk.NORMAL if value else tk.DISABLED)
