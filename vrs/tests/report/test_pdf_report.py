"""The PDF where the typesetter fails."""

import pytest
import typst

from vrs.report import pdf_report
from vrs.report.document import Document, First


@pytest.fixture
def document():
    return Document("Title", "0", "1 of 1", "", First("Well.", "status-ok"), [], [], [], [])


@pytest.mark.parametrize("broken, tried", [
    (("yes",), ["yes", "no"]), ((), ["yes"]), (("yes", "no"), ["yes", "no"])])
def test_figures_stay_in_place_where_floating_ones_fail(
        document, tmp_path, monkeypatch, broken, tried):
    seen = []

    def compile_some(*arguments, **options):
        seen.append(options["sys_inputs"]["floats"])
        if seen[-1] in broken:
            raise RuntimeError("internal error: parent group")
        return b"%PDF"

    monkeypatch.setattr(typst, "compile", compile_some)
    if len(broken) == 2:
        with pytest.raises(RuntimeError):
            pdf_report.render_pdf(document, tmp_path)
    else:
        assert pdf_report.render_pdf(document, tmp_path) == b"%PDF"
    assert seen == tried
