"""The report as PDF, typeset by typst."""

import datetime
import json
import logging
import shutil
import tempfile
from pathlib import Path

import typst

from vrs.report import fonts
from vrs.report.document import to_plain

logger = logging.getLogger(__name__)

_TEMPLATE = Path(__file__).parent / "templates" / "report.typ"


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
        The same document gives the same bytes. Characters that no font of this computer
        has, Chinese ones perhaps, are shown as U+FFFD; HTML and JSON have them all.
    """
    plain = to_plain(document)
    more = [font.fname for font in fonts.others_for(json.dumps(plain, ensure_ascii=False))]
    # The typesetter fails at some floating figures (internal error: parent group).
    attempts = [(files, floats) for files in ([more, []] if more else [[]])
                for floats in (True, False)]
    for files, floats in attempts[:-1]:
        try:
            return _typeset(plain, images, files, floats)
        except RuntimeError:
            logger.exception("the PDF cannot be made with the fonts %s and %s figures",
                             files, "floating" if floats else "fixed")
    return _typeset(plain, images, *attempts[-1])


def _typeset(plain, images, more, floats):
    """The document by typst, with font files beyond its own and matplotlib's; ``floats`` tells
    whether figures go to where there is room."""
    known = set().union(*map(fonts.letters, [fonts.SANS_FILE] + more))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        shutil.copy(str(_TEMPLATE), folder)
        shutil.copytree(str(images), str(root / "images"))
        for path in more:
            shutil.copy(path, folder)
        (root / "document.json").write_text(
            json.dumps(_displayable(plain, known)), encoding="utf-8")
        return typst.compile(
            str(root / _TEMPLATE.name), root=folder, font_paths=[str(fonts.FOLDER), folder],
            ignore_system_fonts=True, timestamp=_timestamp(plain["date"]),
            sys_inputs={"floats": "yes" if floats else "no"},
            pdf_standards=["ua-1"])


def _displayable(value, known):
    """The document with all its text in known characters."""
    if isinstance(value, dict):
        return {key: _displayable(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [_displayable(item, known) for item in value]
    if isinstance(value, str):
        return "".join(c if c.isspace() or ord(c) in known else "\ufffd" for c in value)
    return value


def _timestamp(date):
    """Seconds since 1970 of an ISO 8601 date; 0 for what is none."""
    try:
        return int(datetime.datetime.fromisoformat(date.replace("Z", "+00:00")).timestamp())
    except ValueError:
        return 0
