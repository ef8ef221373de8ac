"""The report: one document model, drawn as PDF and HTML, and the results as JSON."""

from vrs.report.quality import resolution_sentence, score
from vrs.report.package import write_package
from vrs.report.writer import ReportPaths, read_results, report_files, write_report
