"""Viewers of item results and reports."""

import os
import webbrowser
from pathlib import Path

from pwem.viewers import TableView
from pyworkflow.viewer import DESKTOP_TKINTER, Viewer

from vrs.objects import SetOfVrsItemResults, VrsReport
from vrs.protocols import (ProtVrsLevel0, ProtVrsLevel1, ProtVrsLevelA, ProtVrsLevelW,
                           ProtVrsReport)


class VrsReportViewer(Viewer):
    """Opens a report in the web browser."""

    _environments = [DESKTOP_TKINTER]
    _targets = [VrsReport, ProtVrsReport]
    _name = "validation report"

    def visualize(self, obj, **kwargs):
        """Open the HTML form of the report."""
        report = getattr(obj, "outputReport", obj)
        path = report.getHtml() if isinstance(report, VrsReport) else None
        if path is None or not os.path.exists(path):
            self.errorMessage("The report has not been written yet.", "No report").show()
        else:
            webbrowser.open(Path(path).resolve().as_uri())


class VrsItemResultsViewer(Viewer):
    """Shows the items of a level as a table."""

    _environments = [DESKTOP_TKINTER]
    _targets = [SetOfVrsItemResults, ProtVrsLevel0, ProtVrsLevel1, ProtVrsLevelA,
                ProtVrsLevelW]
    _name = "validation items"

    def _visualize(self, obj, **kwargs):
        results = getattr(obj, "outputResults", obj)
        if not isinstance(results, SetOfVrsItemResults):
            return [self.errorMessage("The validation has not finished yet.", "No results")]
        rows = [(item.getItemId(), item.getTitle(), item.getStatus(), item.getReason())
                for item in results]
        return [TableView(headerList=["Item", "Title", "Status", "Reason"], dataList=rows,
                          mesg=str(results), title="Validation items", height=len(rows), width=900)]
