"""How Scipion shows the results of this plugin."""

# Scipion tries viewers in the order of these names: ours goes before those for any set, and
# before those that need a program which is not there.
from vrs.viewers.outputs import VrsFscViewer as AAVrsFscViewer
from vrs.viewers.outputs import VrsMapViewer as AAVrsMapViewer
from vrs.viewers.outputs import VrsModelViewer as AAVrsModelViewer
from vrs.viewers.report import VrsReportPdfViewer
from vrs.viewers.report import VrsReportViewer as AVrsReportViewer
from vrs.viewers.results import VrsItemResultsViewer as AAVrsItemResultsViewer
