"""Fonts of the windows."""

from tkinter import font as tkfont

# The fonts that stand for Scipion's Helvetica cut the ring off the Å.
_FAMILY = "DejaVu Sans"
_SMALLEST, _LARGEST = 9, 12


def window_fonts(widget):
    """Fonts by their use, of the size that Scipion's windows have, within limits.

    Parameters
    ----------
    widget : tkinter widget

    Returns
    -------
    dict of str to tkinter.font.Font
        "plain", "strong", "small", "heading", "title" and "code".
    """
    base, fixed = (tkfont.Font(root=widget, name=name, exists=True)
                   for name in ("TkDefaultFont", "TkFixedFont"))
    family = _FAMILY if _FAMILY in tkfont.families(root=widget) else base.actual("family")
    size = min(max(abs(base.actual("size")) - 1, _SMALLEST), _LARGEST)

    def make(**options):
        return tkfont.Font(root=widget, **dict(dict(family=family, size=size), **options))

    return {"plain": make(), "strong": make(weight="bold"), "small": make(size=size - 1),
            "heading": make(size=size + 2, weight="bold"),
            "title": make(size=size + 4, weight="bold"),
            "code": make(family=fixed.actual("family"))}
