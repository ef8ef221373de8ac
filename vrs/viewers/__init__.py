"""How Scipion shows the results of this plugin."""

# Scipion tries viewers in the order of these names: ours goes before those for any set.
from vrs.viewers.results import VrsItemResultsViewer as AAVrsItemResultsViewer
from vrs.viewers.results import VrsReportViewer
