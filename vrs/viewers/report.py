"""Viewers of a report."""

import os
import shutil
import subprocess
import sys
import webbrowser
from pathlib import Path

from pyworkflow.viewer import DESKTOP_TKINTER, Viewer

from vrs.objects import VrsReport
from vrs.protocols import ProtVrsReport

_UNFINISHED = "The report has not been written yet."
_MISSING = "The file %s is missing; write the report again."
_NO_PROGRAM = "No program was found that shows it. The report is at %s"
_OPENERS = ("open",) if sys.platform == "darwin" else ("xdg-open", "gio", "kde-open")


class VrsReportViewer(Viewer):
    """Opens a report in the web browser; with the Control key held, as PDF."""

    _environments = [DESKTOP_TKINTER]
    _targets = [VrsReport, ProtVrsReport]
    _name = "report in the browser"

    def visualize(self, obj, **kwargs):
        """Open the report.

        Parameters
        ----------
        obj : VrsReport or ProtVrsReport
        """
        if self.controlPressed():
            self._open(obj, VrsReport.getPdf, open_document)
        else:
            self._open(obj, VrsReport.getHtml, open_page)

    def _open(self, obj, path_of, opener):
        report = getattr(obj, "outputReport", obj)
        path = path_of(report) if isinstance(report, VrsReport) else None
        if not path:
            self.errorMessage(_UNFINISHED, "No report").show()
        elif not os.path.isfile(path):
            self.errorMessage(_MISSING % path, "No report").show()
        elif not opener(Path(path).resolve()):
            self.errorMessage(_NO_PROGRAM % os.path.abspath(path), "No viewer").show()


class VrsReportPdfViewer(VrsReportViewer):
    """Opens the document with the program of the system for PDF."""

    _targets = [VrsReport]
    _name = "report as PDF"

    def visualize(self, obj, **kwargs):
        """Open the document.

        Parameters
        ----------
        obj : VrsReport
        """
        self._open(obj, VrsReport.getPdf, open_document)


def open_page(path):
    """Open a page in the web browser.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    bool
        Whether there is a browser.
    """
    return webbrowser.open(path.as_uri())


def open_document(path):
    """Open a document with what the system has for its kind, else in the web browser.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    bool
        Whether there is a program for it.
    """
    for name in _OPENERS:
        program = shutil.which(name)
        if program:
            subprocess.Popen([program] + ["open"] * (name == "gio") + [str(path)])
            return True
    return open_page(path)
