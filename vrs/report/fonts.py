"""Fonts of reports: DejaVu Sans, and others of this computer for letters that it lacks."""

import functools
from pathlib import Path

import matplotlib
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

SANS = "DejaVu Sans"
# matplotlib brings it along.
FOLDER = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
SANS_FILE = FOLDER / "DejaVuSans.ttf"


def letters(path):
    """Code points that a font has; none for a file that cannot be read."""
    try:
        return set(FT2Font(str(path)).get_charmap())
    except (OSError, RuntimeError):
        return set()


def others_for(text):
    """Fonts of this computer with the letters of a text that DejaVu Sans lacks.

    Parameters
    ----------
    text : str

    Returns
    -------
    tuple of matplotlib.font_manager.FontEntry
        Mostly none: few texts have such letters, and not every computer has a font with them.
    """
    lacking = frozenset(ord(letter) for letter in text if not letter.isspace())
    return _with(lacking - _sans_letters())


def families(text):
    """Names of the fonts for a text, as matplotlib takes them."""
    return [SANS] + [font.name for font in others_for(text)]


@functools.lru_cache(maxsize=1)
def _sans_letters():
    return frozenset(letters(SANS_FILE))


@functools.lru_cache(maxsize=256)
def _with(lacking):
    found, fonts = [], font_manager.fontManager.ttflist
    # Upright ones of usual weight first, always in the same order.
    for font in sorted(fonts, key=lambda font: (
            font.style != "normal", font.weight != 400, font.fname)):
        if not lacking:
            break
        if lacking & letters(font.fname):
            found.append(font)
            lacking -= letters(font.fname)
    return tuple(found)
