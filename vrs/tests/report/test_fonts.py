"""Letters that the report's own fonts lack."""

import io
import logging
import shutil
import subprocess
import warnings

import pytest
from matplotlib import font_manager

from vrs.report import fonts, lines
from vrs.report.document import Document, First, Section
from vrs.report.pdf_report import render_pdf
from vrs.results import Mark, Plot

# An Egyptian hieroglyph and a private character: the one has a font here, the other has none.
KNOWN, UNKNOWN = "\U00013000", "\U000f1234"


@pytest.fixture
def font(tmp_path, monkeypatch):
    """A computer whose only other font has one letter, a square."""
    builder = pytest.importorskip("fontTools.fontBuilder").FontBuilder(1000)
    from fontTools.pens.ttGlyphPen import TTGlyphPen
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 700), (700, 700), (700, 0)):
        pen.lineTo(corner)
    pen.closePath()
    builder.setupGlyphOrder([".notdef", "square"])
    builder.setupCharacterMap({ord(KNOWN): "square"})
    builder.setupGlyf({name: pen.glyph() for name in (".notdef", "square")})
    builder.setupHorizontalMetrics({name: (800, 0) for name in (".notdef", "square")})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupNameTable({"familyName": "Vrs Squares", "styleName": "Regular",
                            "psName": "VrsSquares-Regular"})
    builder.setupOS2()
    builder.setupPost()
    path = tmp_path / "squares.ttf"
    builder.save(str(path))
    own = [entry for entry in font_manager.fontManager.ttflist
           if entry.fname.startswith(str(fonts.FOLDER))]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    font_manager.fontManager.addfont(str(path))
    fonts._with.cache_clear()
    yield path
    fonts._with.cache_clear()


def _document(title):
    return Document(title, "0", "1 of 1", "", First("No warnings.", "status-ok"), [],
                    [Section("quality", "Summarised quality")],
                    [Section("input", "Input data", "1")], [])


def _text(pdf, folder):
    if shutil.which("pdftotext") is None:
        pytest.skip("needs pdftotext (Debian package poppler-utils)")
    (folder / "a.pdf").write_bytes(pdf)
    done = subprocess.run(["pdftotext", str(folder / "a.pdf"), "-"], check=True,
                          stdout=subprocess.PIPE)
    return done.stdout.decode("utf-8")


def test_only_what_is_needed_is_taken(font):
    assert fonts.families("Å α → 5 × 10⁻⁹ %s" % UNKNOWN) == [fonts.SANS]
    assert [entry.fname for entry in fonts.others_for("a %s b" % KNOWN)] == [str(font)]


def test_figures_have_the_letters(font):
    def complaints(letter):
        figure = Plot("c", "a", "x " + letter, "y", [], marks=[Mark(0.5, letter)])
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            with lines.line_style():
                lines.line_drawing(figure).savefig(io.BytesIO(), format="svg")
        return [str(one.message) for one in seen if "missing from" in str(one.message)]

    assert complaints(KNOWN) == [] and complaints(UNKNOWN) != []
    assert lines._text_width(KNOWN) == pytest.approx(0.8 * 8, rel=0.02)


def test_the_pdf_has_the_letters(font, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    text = _text(render_pdf(_document("Map %s %s" % (KNOWN, UNKNOWN)), images), tmp_path)
    assert "Map %s \ufffd" % KNOWN in text


def test_a_font_that_cannot_be_typeset_costs_its_letters_only(font, tmp_path, monkeypatch, caplog):
    images = tmp_path / "images"
    images.mkdir()
    # Claims letters that typst does not find.
    monkeypatch.setattr(fonts, "letters", lambda path, read=fonts.letters: (
        read(path) | {ord(UNKNOWN)} if str(path) == str(font) else read(path)))
    with caplog.at_level(logging.ERROR):
        text = _text(render_pdf(_document("Map %s" % UNKNOWN), images), tmp_path)
    assert "Map \ufffd" in text and str(font) in caplog.text
