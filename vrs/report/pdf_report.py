"""The report as PDF, typeset by typst."""

import datetime
import json
import shutil
import tempfile
from pathlib import Path

import matplotlib
import typst
from matplotlib.ft2font import FT2Font

from vrs.report.document import to_plain

_TEMPLATE = Path(__file__).parent / "templates" / "report.typ"
# Has the characters that typst's own fonts lack.
_FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"


def render_pdf(document, images):
    """The document as PDF, with tags for screen readers.

    Parameters
    ----------
    document : Document
    images : path
        Folder of its images.

    Returns
    -------
    bytes
        The same document gives the same bytes. Characters that the fonts lack,
        Chinese ones for instance, are shown as U+FFFD; HTML and JSON have them all.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        shutil.copy(str(_TEMPLATE), folder)
        shutil.copytree(str(images), str(root / "images"))
        (root / "document.json").write_text(
            json.dumps(_displayable(to_plain(document))), encoding="utf-8")
        return typst.compile(
            str(root / _TEMPLATE.name), root=folder, font_paths=[str(_FONTS)],
            ignore_system_fonts=True, timestamp=_timestamp(document.date),
            pdf_standards=["ua-1"])


def _displayable(plain):
    """The document with all its text in characters that can be displayed."""
    known = set(FT2Font(str(_FONTS / "DejaVuSans.ttf")).get_charmap())

    def cleaned(value):
        if isinstance(value, dict):
            return {key: cleaned(item) for key, item in value.items()}
        if isinstance(value, list):
            return [cleaned(item) for item in value]
        if isinstance(value, str):
            return "".join(c if c.isspace() or ord(c) in known else "\ufffd" for c in value)
        return value

    return cleaned(plain)


def _timestamp(date):
    """Seconds since 1970 of an ISO 8601 date; 0 for what is none."""
    try:
        return int(datetime.datetime.fromisoformat(date.replace("Z", "+00:00")).timestamp())
    except ValueError:
        return 0
