"""The report opens in the programs of the system."""

import webbrowser
from pathlib import Path

import pytest


@pytest.fixture
def report(domain, tmp_path, monkeypatch):
    """A report in the working folder, under a name with a space."""
    from vrs.objects import VrsReport
    monkeypatch.chdir(tmp_path)
    Path("my run").mkdir()
    made = VrsReport()
    made.setPaths(*("my run/report." + form for form in ("json", "pdf", "html")))
    for path in (made.getPdf(), made.getHtml()):
        Path(path).touch()
    return made


@pytest.fixture
def browser(monkeypatch):
    """The addresses that the browser was given."""
    addresses = []
    monkeypatch.setattr(webbrowser, "open", lambda address: addresses.append(address) or True)
    return addresses


@pytest.fixture
def pdf_program(tmp_path, monkeypatch):
    """A program for documents, which writes down what it was given."""
    from vrs.viewers import report
    monkeypatch.setattr(report, "_OPENERS", ("vrs-test-opener",))
    program = tmp_path / "bin" / "vrs-test-opener"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", str(program.parent))
    started = []
    monkeypatch.setattr(report.subprocess, "Popen", started.append)

    def install():
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        return started, str(program)
    return install


def viewer(**more):
    from vrs.viewers.report import VrsReportViewer
    return VrsReportViewer(project=object(), **more)


def test_report_and_its_protocol_open_as_html_first(domain):
    from vrs.objects import VrsReport
    from vrs.protocols import ProtVrsReport
    for target, names in ((VrsReport(), ["report in the browser", "report as PDF"]),
                          (ProtVrsReport(), ["report in the browser"])):
        assert [found.getName() for found in domain.findViewers(target, "tkinter")] == names


def test_html_opens_in_the_browser(report, browser, tmp_path, said):
    viewer().visualize(report)
    assert browser == [(tmp_path / "my run" / "report.html").as_uri()] and not said


def test_protocol_opens_its_report(report, browser, domain):
    from vrs.protocols import ProtVrsReport
    protocol = ProtVrsReport()
    protocol.outputReport = report
    viewer().visualize(protocol)
    assert len(browser) == 1


def test_control_key_opens_the_pdf(report, browser, pdf_program, tmp_path):
    from pyworkflow.utils import KEYSYM
    started, program = pdf_program()
    viewer(keyPressed=KEYSYM.CONTROL).visualize(report)
    assert started == [[program, str(tmp_path / "my run" / "report.pdf")]] and not browser


def test_pdf_opens_in_the_browser_where_there_is_nothing_else(report, browser, pdf_program,
                                                              tmp_path):
    from vrs.viewers.report import VrsReportPdfViewer
    VrsReportPdfViewer(project=object()).visualize(report)
    assert browser == [(tmp_path / "my run" / "report.pdf").as_uri()]


def test_nothing_to_open_it_with_is_said(report, monkeypatch, said, tmp_path):
    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    viewer().visualize(report)
    assert said == ["No program was found that shows it. The report is at %s"
                    % (tmp_path / "my run" / "report.html")]


def test_missing_file_is_said(report, browser, said):
    Path(report.getHtml()).unlink()
    viewer().visualize(report)
    assert said == ["The file my run/report.html is missing; write the report again."]
    assert not browser


def test_unfinished_report_is_said(domain, browser, said):
    from vrs.objects import VrsReport
    from vrs.protocols import ProtVrsReport
    for target in (ProtVrsReport(), VrsReport()):
        viewer().visualize(target)
    assert said == ["The report has not been written yet."] * 2 and not browser
