"""Blocks of the report's document in a Tk widget."""

import tkinter as tk
import webbrowser
from functools import singledispatchmethod
from tkinter import ttk

from PIL import Image, ImageTk

from vrs.report.document import Bibliography, Facts, Grid, Listing, Minor, Picture, Run, Text
from vrs.viewers.tables import column_widths, wrapped

INK, MUTED, LINE, ACCENT = "#1d2733", "#56616d", "#d3dae0", "#1f5f8b"
STATUS_COLOURS = {"status-ok": "#0b6b4f", "status-warnings": "#a34700",
                  "status-failed": "#9c2a55", "status-neutral": MUTED, "plain": INK}
_STRIPE, _NOTE, _WARNING = "#f3f6f8", "#f1f6fa", "#fcf4ec"
_MARGIN, _GAP, _PAD, _BORDER = 14, 12, 8, 2
_WIDEST_PANEL, _WIDEST_PICTURE = 420, 900
_WHEEL = 60  # pixels


class TextPage(tk.Frame):
    """A page that scrolls, with text that can be copied.

    Parameters
    ----------
    master : tkinter widget
    fonts : dict of str to tkinter.font.Font
        By their use, see :func:`vrs.viewers.fonts.window_fonts`.
    enlarge : callable
        Is called with a picture when it is clicked.
    """

    def __init__(self, master, fonts, enlarge):
        super().__init__(master, background="white")
        self.enlarge = enlarge
        self.fonts = fonts
        self.text = tk.Text(self, wrap="word", relief="flat", borderwidth=0, padx=_MARGIN, pady=8,
                            background="white", foreground=INK, cursor="arrow", takefocus=True,
                            font=self.fonts["plain"], spacing1=1, spacing3=2, state="disabled",
                            highlightthickness=1, highlightcolor=ACCENT, width=20, height=5)
        bar = ttk.Scrollbar(self, command=self.text.yview)
        self.text.configure(yscrollcommand=bar.set)
        bar.pack(side="right", fill="y")
        self.text.pack(side="left", fill="both", expand=True)
        self._set_tags()
        self._title, self._parts, self._width, self._waiting = "", [], 0, None
        self._drawings, self._images, self._links = {}, [], 0
        self.text.bind("<Configure>", self._resized)

    def show(self, title, parts):
        """Show a page from its top.

        Parameters
        ----------
        title : str
        parts : list of (str, list)
            Headings, which may be empty, with blocks.
        """
        self._title, self._parts = title, parts
        self._fill()
        self.text.yview_moveto(0)

    def redraw(self, picture):
        """Draw a picture of the page again, as it has its images now."""
        canvas = self._drawings.get(id(picture))
        if canvas is not None:
            self._draw(canvas, picture)

    def scroll(self, pages):
        """Scroll by pages, backwards when negative."""
        self.text.yview_scroll(pages, "pages")

    # ------------------------------------------------------------ filling
    def _resized(self, event):
        if abs(event.width - self._width) > 2 and self._parts:
            if self._waiting:
                self.after_cancel(self._waiting)
            self._waiting = self.after(150, self._refill)

    def _refill(self):
        self._waiting = None
        place = self.text.yview()[0]
        self._fill()
        self.text.yview_moveto(place)

    def _fill(self):
        self._width = self.text.winfo_width()
        self.text.configure(state="normal")
        self.text.delete("1.0", "end")
        for canvas in self._drawings.values():
            canvas.destroy()
        self._drawings, self._images, self._links = {}, [], 0
        self._insert(self._title + "\n", "title")
        for heading, blocks in self._parts:
            if heading:
                self._insert(heading + "\n", "heading")
            for block in blocks:
                self._block(block)
        self.text.configure(state="disabled")

    def _inner_width(self):
        return max(300, self.text.winfo_width() - 2 * _MARGIN - 6)

    @singledispatchmethod
    def _block(self, block):
        raise TypeError("a page has no way to show %r" % block)

    @_block.register(Minor)
    def _minor(self, block):
        self._insert(block.text + "\n", "minor")

    @_block.register(Text)
    def _paragraph(self, block):
        tone = () if block.tone == "plain" else (block.tone,)
        self._runs(block.runs, "paragraph", *tone)

    @_block.register(Listing)
    def _listing(self, block):
        for number, runs in enumerate(block.entries, 1):
            mark = "%d. " % number if block.ordered else "• "
            self._runs([Run(mark)] + runs, "listing")

    @_block.register(Facts)
    def _facts(self, block):
        self._table([[[Run(row.term)], row.runs] for row in block.rows], [False, False], [])

    @_block.register(Grid)
    def _grid(self, block):
        self._table(block.rows, block.numeric, block.columns)
        if block.caption:
            self._insert(block.caption + "\n", "caption")

    @_block.register(Bibliography)
    def _bibliography(self, block):
        for number, entry in enumerate(block.entries, 1):
            self._runs([Run("[%d] " % number), Run(entry.text + " "),
                        Run(entry.link, entry.link)], "listing")

    def _insert(self, text, *tags):
        self.text.insert("end", text, tags)

    def _runs(self, runs, *tags):
        for run in runs:
            if run.link.startswith("http"):
                self._link(run, tags)
            else:
                self._insert(run.text, *(tags + (run.style,)))
        self._insert("\n", *tags)

    def _link(self, run, tags):
        self._links += 1
        name = "link-%d" % self._links
        self.text.tag_bind(name, "<Button-1>", lambda _event: webbrowser.open(run.link))
        self.text.tag_bind(name, "<Enter>", lambda _event: self.text.configure(cursor="hand2"))
        self.text.tag_bind(name, "<Leave>", lambda _event: self.text.configure(cursor="arrow"))
        self._insert(run.text, *(tags + ("link", name)))

    # ------------------------------------------------------------ tables
    def _table(self, rows, numeric, headings):
        """Lines with tabulators, so that tables can be copied; each cell has one style."""
        if not rows:
            return
        cells = [["".join(run.text for run in runs) for runs in row] for row in rows]
        styles = [[runs[0].style if runs else "plain" for runs in row] for row in rows]
        lines = [[(heading, "strong") for heading in headings]] if headings else []
        lines += [list(zip(*row)) for row in zip(cells, styles)]
        columns = [[(text, self._measure(style)) for text, style in column]
                   for column in zip(*lines)]
        widths = column_widths(columns, self._inner_width() - 2 * _PAD * len(columns))
        tabs, left = [], 0
        for width, is_numeric in zip(widths, numeric):
            place = left + _PAD
            tabs += [int(place + width + 1), "right"] if is_numeric else [int(place), "left"]
            left += width + 2 * _PAD
        tag = "table-%s" % "-".join(str(part) for part in tabs)
        self.text.tag_configure(tag, tabs=tabs, wrap="none")
        if headings:
            self._row(headings, ["strong"] * len(headings), widths, (tag, "head"))
        for number, (row, row_styles) in enumerate(zip(cells, styles)):
            self._row(row, row_styles, widths, (tag, "stripe") if number % 2 == 0 else (tag,))
        self._insert("\n", "gap")

    def _row(self, cells, styles, widths, tags):
        lines = [wrapped(cell, width + 2, self._measure(style))
                 for cell, style, width in zip(cells, styles, widths)]
        for number in range(max(map(len, lines))):
            for own, style in zip(lines, styles):
                self._insert("\t", *tags)
                if number < len(own):
                    self._insert(own[number], *(tags + (style,)))
            self._insert("\n", *tags)

    def _measure(self, style):
        """What measures text of a style."""
        return self.fonts[style if style in ("code", "plain") else "strong"].measure

    # ------------------------------------------------------------ pictures
    @_block.register(Picture)
    def _picture(self, picture):
        canvas = tk.Canvas(self.text, background="white", borderwidth=0, takefocus=True,
                           highlightthickness=2, highlightbackground="white",
                           highlightcolor=ACCENT)
        for button, step in (("<Button-4>", -_WHEEL), ("<Button-5>", _WHEEL)):
            canvas.bind(button, lambda _event, step=step: self.text.yview_scroll(step, "pixels"))
        canvas.bind("<MouseWheel>", lambda event: self.text.yview_scroll(
            -_WHEEL if event.delta > 0 else _WHEEL, "pixels"))
        for event in ("<Button-1>", "<Return>"):
            canvas.bind(event, lambda _event: self.enlarge(picture))
        canvas.bind("<FocusIn>", lambda _event: self.text.see(canvas))
        self._drawings[id(picture)] = canvas
        self._draw(canvas, picture)
        self.text.window_create("end", window=canvas)
        self._insert("\n")
        self._insert(picture.caption + "\n", "caption")

    def _draw(self, canvas, picture):
        canvas.delete("all")
        width = min(self._inner_width(), _WIDEST_PICTURE)
        if not picture.panels:
            text = picture.missing or "The figure is being drawn …"
            canvas.create_text(_BORDER, 6, anchor="nw", text=text, fill=MUTED, width=width,
                               font=self.fonts["plain"])
            canvas.configure(width=width, height=canvas.bbox("all")[3] + 6, cursor="arrow")
            return
        self._images += draw_picture(canvas, picture, width, self.fonts)
        canvas.configure(cursor="hand2")

    def _set_tags(self):
        configure = self.text.tag_configure
        configure("title", font=self.fonts["title"], spacing3=4)
        configure("heading", font=self.fonts["heading"], spacing1=16, spacing3=5,
                  foreground=ACCENT)
        configure("minor", font=self.fonts["strong"], spacing1=8, spacing3=3)
        configure("paragraph", spacing3=6)
        configure("listing", lmargin1=4, lmargin2=24, spacing3=3)
        configure("note", background=_NOTE, lmargin1=8, lmargin2=8)
        configure("warning", background=_WARNING, lmargin1=8, lmargin2=8)
        configure("head", background="#e3e9ee")
        configure("stripe", background=_STRIPE)
        configure("gap", font=(self.fonts["plain"].actual("family"), 3))
        configure("caption", foreground=MUTED, spacing3=12)
        configure("code", font=self.fonts["code"])
        configure("strong", font=self.fonts["strong"])
        configure("link", foreground=ACCENT, underline=True)
        for style, colour in STATUS_COLOURS.items():
            if style != "plain":
                configure(style, foreground=colour, font=self.fonts["strong"])
        self.text.tag_raise("sel")


def draw_picture(canvas, picture, width, fonts):
    """Draw a picture of the report, with its labels, scale bars and legend.

    Parameters
    ----------
    canvas : tkinter.Canvas
        It gets the size that the picture needs.
    picture : vrs.report.artist_process.OrderedPicture
        One that has been drawn.
    width : int
        Most that it may take, pixels.
    fonts : dict of str to tkinter.font.Font
        "small" is used.

    Returns
    -------
    list
        The images, which Tk shows for as long as somebody keeps them.
    """
    count = len(picture.panels)
    widest = _WIDEST_PICTURE if picture.wide else _WIDEST_PANEL
    panel_width = min(widest, (width - _GAP * (count - 1)) // count)
    images, bottom = [], 0
    line = fonts["small"].metrics("linespace")
    for number, panel in enumerate(picture.panels):
        left = number * (panel_width + _GAP)
        image = _image(canvas, picture.folder / panel.file, panel_width)
        images.append(image)
        canvas.create_image(left, 0, anchor="nw", image=image)
        y = image.height() + 4
        if panel.label:
            text = canvas.create_text(left, y, anchor="nw", text=panel.label, fill=INK,
                                      font=fonts["small"], width=panel_width)
            y = canvas.bbox(text)[3] + 2
        if panel.scale:
            length = panel.scale.share * image.width()
            canvas.create_line(left, y + line // 2, left + length, y + line // 2, width=3, fill=INK)
            canvas.create_text(left + length + 6, y, anchor="nw", text=panel.scale.text, fill=INK,
                               font=fonts["small"])
            y += line
        bottom = max(bottom, y)
    if picture.legend:
        images.append(_legend(canvas, picture, bottom + 8, fonts))
        bottom = canvas.bbox("all")[3]
    canvas.move("all", _BORDER, _BORDER)  # off the frame that shows the focus
    canvas.configure(width=count * panel_width + (count - 1) * _GAP, height=bottom + 6)
    return images


def _legend(canvas, picture, top, fonts):
    """The colour scale, with what it is above and its ends below."""
    legend, line = picture.legend, fonts["small"].metrics("linespace")
    with Image.open(str(picture.folder / legend.file)) as source:
        image = ImageTk.PhotoImage(source.convert("RGB").resize((320, 12)), master=canvas)
    canvas.create_text(0, top, anchor="nw", text=legend.label, fill=INK, font=fonts["small"])
    canvas.create_image(0, top + line + 2, anchor="nw", image=image)
    for x, anchor, text in ((0, "nw", legend.low), (320, "ne", legend.high)):
        canvas.create_text(x, top + line + 16, anchor=anchor, text=text, fill=INK,
                           font=fonts["small"])
    return image


def _image(canvas, path, width):
    """An image of a given width, or of its own when that is smaller."""
    with Image.open(str(path)) as source:
        image = source.convert("RGB")
    if image.width > width:
        height = max(1, round(image.height * width / image.width))
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    return ImageTk.PhotoImage(image, master=canvas)
