"""The window that shows the results of a level."""

import queue
import tkinter as tk
from contextlib import suppress
from tkinter import ttk

from PIL import ImageTk

from vrs.errors import InputError
from vrs.report.artist_process import BackgroundArtist
from vrs.results import UNREADABLE, Status
from vrs.viewers import programs
from vrs.viewers.icons import status_icon
from vrs.viewers.map_slices import MapSlices
from vrs.viewers.map_window import MapWindow
from vrs.viewers.pages import ResultPages
from vrs.viewers.picture_window import open_picture
from vrs.viewers.text_page import MUTED, STATUS_COLOURS, TextPage
from vrs.viewers.windows import ViewWindow, label, wrapping_label

_KEYS = ("↑ ↓ item   Page ↑ ↓ scroll   Tab next figure   Enter or click enlarges it   "
         "Esc close")
_ICON = 16
_LIST_WIDTH, _BAR_WIDTH = 540, 20
_POLL, _LOOK = 120, 2000  # ms, for figures and for items


class ResultsWindow(ViewWindow):
    """The items of a level with their status, and all about the one that is selected.

    Parameters
    ----------
    path : path
        The results file.
    parent : pyworkflow.gui.Window, optional
    run : callable, optional
        Gives the run of the level, when that is not complete: what is done of it is shown, and
        the rest as it gets done.

    Raises
    ------
    OSError, ValueError, KeyError, TypeError, AttributeError
        If the results cannot be read.
    """

    def __init__(self, path, parent=None, run=None):
        self._path, self._run = path, run
        self.artist = None
        self.pages = self._read()
        super().__init__("%s – validation" % self.pages.title, parent)
        given = self.pages.input
        self.artist = self.pages.artist = BackgroundArtist(given.shape, given.sampling)
        self.entries = self.pages.entries()
        self._icons = {style: ImageTk.PhotoImage(status_icon(style, _ICON), master=self.root)
                       for style in STATUS_COLOURS}
        self._files = []
        self._shown = None
        self._header().grid(row=0, sticky="ew")
        panes = tk.PanedWindow(self.root, orient="horizontal", sashwidth=5, background="#d3dae0",
                               borderwidth=0)
        panes.grid(row=1, sticky="nsew")
        items = self._list(panes)
        right = tk.Frame(panes, background="white")
        panes.add(items, width=min(items.winfo_reqwidth(), _LIST_WIDTH), minsize=180)
        panes.add(right, minsize=320)
        self.page = TextPage(right, self.fonts, self._enlarge)
        self._file_bar(right).pack(side="bottom", fill="x")
        self.page.pack(side="top", fill="both", expand=True)
        self._footer().grid(row=2, sticky="ew")
        self.root.rowconfigure(0, weight=0)
        self.root.rowconfigure(1, weight=1)
        self.initial_focus = self.tree
        self.root.update_idletasks()
        self.select(self.pages.first())
        self._timers = {}
        self._collect()
        if run:
            self._look()
        self.root.bind("<Destroy>", self._destroyed)

    def select(self, number):
        """Select an entry of the list, whose page is then shown."""
        self.tree.selection_set(str(number))
        self.tree.focus(str(number))
        self.tree.see(str(number))

    def _destroyed(self, event):
        if event.widget is self.root:
            for timer in self._timers.values():
                self.root.after_cancel(timer)
            self.artist.close()

    def _read(self):
        return ResultPages(self._path, self.artist, self._run() if self._run else None)

    # ------------------------------------------------------------ parts
    def _header(self):
        frame = tk.Frame(self.root, background="white", padx=14, pady=8)
        label(frame, self.pages.title, font=self.fonts["title"]).pack(fill="x")
        self._summary = wrapping_label(frame, self.pages.summary, foreground=MUTED,
                                       font=self.fonts["plain"])
        self._summary.pack(fill="x")
        self._progress = wrapping_label(frame, foreground=STATUS_COLOURS["status-warnings"],
                                        font=self.fonts["strong"])
        return frame

    def _list(self, master):
        frame = tk.Frame(master, background="white")
        plain, style = self.fonts["plain"], ttk.Style(self.root)
        style.configure("Vrs.Treeview", rowheight=plain.metrics("linespace") + 10, font=plain,
                        background="white", fieldbackground="white", indent=2)
        style.configure("Vrs.Treeview.Heading", font=self.fonts["strong"])
        style.map("Vrs.Treeview", background=[("selected", "#dbe8f3")],
                  foreground=[("selected", "#1d2733")])
        self.tree = ttk.Treeview(frame, columns=("title", "status"), style="Vrs.Treeview",
                                 selectmode="browse")
        headings = {"#0": "Item", "title": "Title", "status": "Status"}
        texts = {"#0": [entry.name for entry in self.entries],
                 "title": [entry.title for entry in self.entries],
                 "status": [entry.status for entry in self.entries]
                 + ([Status.NOT_MEASURED.printed()] if self._run else [])}
        widths = {column: 16 + max([self.fonts["strong"].measure(heading)]
                                   + [plain.measure(text) for text in texts[column]])
                  for column, heading in headings.items()}
        widths["#0"] += _ICON + 14
        # It is rather a title that is cut, which stands on its page too, than a status.
        widths["title"] = min(widths["title"],
                              _LIST_WIDTH - _BAR_WIDTH - widths["#0"] - widths["status"])
        for column, heading in headings.items():
            self.tree.heading(column, text=heading, anchor="w")
            self.tree.column(column, width=widths[column], minwidth=40,
                             stretch=column == "title")
        for number in range(len(self.entries)):
            self.tree.insert("", "end", str(number))
        self._fill_list()
        bar = ttk.Scrollbar(frame, command=self.tree.yview)
        self.tree.configure(yscrollcommand=bar.set)
        bar.pack(side="right", fill="y")
        self.tree.pack(side="left", fill="both", expand=True)
        for tag, colour in STATUS_COLOURS.items():
            self.tree.tag_configure(tag, foreground=colour)
        self.tree.bind("<<TreeviewSelect>>", self._selected)
        for key, step in (("Prior", -1), ("Next", 1), ("space", 1)):
            self.tree.bind("<%s>" % key, lambda _event, step=step: self._scroll(step))
        frame.update_idletasks()
        return frame

    def _fill_list(self):
        for number, entry in enumerate(self.entries):
            self.tree.item(str(number), text=" " + entry.name, image=self._icons[entry.style],
                           values=(entry.title, entry.status), tags=(entry.style,))

    def _file_bar(self, master):
        self._bar = tk.Frame(master, background="#f3f6f8", padx=12, pady=6)
        self._bar_content = tk.Frame(self._bar, background="#f3f6f8")
        row = tk.Frame(self._bar_content, background="#f3f6f8")
        row.pack(fill="x")
        tk.Label(row, text="Maps and models:", background="#f3f6f8",
                 font=self.fonts["plain"]).pack(side="left")
        # The buttons come first, so that a narrow window leaves them whole.
        self._chimerax = programs.chimerax()
        if self._chimerax:
            ttk.Button(row, text="ChimeraX", command=self.open_in_chimerax).pack(
                side="right", padx=2)
        self._slices_button = ttk.Button(row, text="Sections", command=self.open_sections)
        self._slices_button.pack(side="right", padx=2)
        self._file = ttk.Combobox(row, state="readonly", width=20, font=self.fonts["plain"])
        self._file.pack(side="left", fill="x", expand=True, padx=8)
        self._file.bind("<<ComboboxSelected>>", lambda _event: self._enable_buttons())
        if not self._chimerax:
            wrapping_label(self._bar_content, programs.CHIMERAX_ABSENT, background="#f3f6f8",
                           foreground=MUTED, font=self.fonts["small"]).pack(fill="x", pady=(4, 0))
        return self._bar

    def _footer(self):
        frame = tk.Frame(self.root, background="white", padx=14, pady=5)
        label(frame, _KEYS, foreground=MUTED, font=self.fonts["small"]).pack(side="left")
        ttk.Button(frame, text="Close", command=self._onClosing).pack(side="right")
        return frame

    # ------------------------------------------------------------ what happens
    def _selected(self, _event):
        number = int(self.tree.selection()[0])
        if number != self._shown:
            self._show(number)

    def _show(self, number):
        self._shown = number
        self.artist.new_page()
        entry = self.entries[number]
        self.page.show("%s  %s" % (entry.name, entry.title), self.pages.page(number))
        self._files = self.pages.files(number)
        self._file.configure(values=["%s (%s)" % (entry.description, entry.path.name)
                                     for entry in self._files])
        if self._files:
            self._file.current(0)
            self._enable_buttons()
            self._bar_content.pack(fill="x")
        else:
            self._bar_content.pack_forget()
            self._bar.configure(height=1)

    def _enable_buttons(self):
        is_map = self._files[self._file.current()].scale is not None
        self._slices_button.state(["!disabled" if is_map else "disabled"])

    def _scroll(self, step):
        self.page.scroll(step)
        return "break"

    def _collect(self):
        """Show what was drawn meanwhile."""
        try:
            while True:
                self.page.redraw(self.artist.finished.get_nowait())
        except queue.Empty:
            self._timers["figures"] = self.root.after(_POLL, self._collect)

    def _look(self):
        """Show what the run has done meanwhile, until there is nothing more to come."""
        run = self._run()
        if run.items_done() not in (None, [item.id for item in self.pages.items]):
            with suppress(*UNREADABLE):  # it is being started anew
                self._update(self._read())
        sentence = "" if run.is_complete() else run.progress()
        self._progress.configure(text=sentence)
        if sentence:
            self._progress.pack(fill="x")
        else:
            self._progress.pack_forget()
        if not (run.is_complete() and all(map(self.pages.is_done, range(len(self.entries))))):
            self._timers["items"] = self.root.after(_LOOK, self._look)

    def _update(self, pages):
        was_done = self.pages.is_done(self._shown)
        self.pages, self.entries = pages, pages.entries()
        given = pages.input
        self.artist.box, self.artist.sampling = list(given.shape), given.sampling
        self._summary.configure(text=pages.summary)
        self._fill_list()
        if was_done != pages.is_done(self._shown):
            self._show(self._shown)

    def _enlarge(self, picture):
        if picture.panels:
            entry = self.entries[self._shown]
            open_picture(picture, "%s %s" % (entry.name, entry.title), self)

    def open_sections(self):
        """Open the sections of the chosen map."""
        chosen = self._files[self._file.current()]
        try:
            slices = MapSlices(chosen.path, self.pages.input.sampling, chosen.scale)
        except InputError as error:
            self.showError(str(error))
            return None
        window = MapWindow(slices, "%s (%s)" % (chosen.description, chosen.path.name), self)
        window.open()
        return window

    def open_in_chimerax(self):
        """Open the chosen file in ChimeraX; a local property colours the map's surface."""
        chosen, given = self._files[self._file.current()], self.pages.input
        maps = [kept.path for kept in self.pages.files(0) if kept.scale.kind == "density"]
        try:
            limits = chosen.scale and MapSlices(chosen.path, scale=chosen.scale).limits()
            programs.start_chimerax(
                self._chimerax, programs.chimerax_script(
                    chosen, limits, maps[0] if maps else None, given.threshold),
                self.artist.folder())
        except (InputError, OSError) as error:
            self.showError(str(error))
