"""The report: one document model, drawn as PDF and HTML, and the results as JSON."""

from vrs.report.quality import quality_sentences, resolution_sentence, score
from vrs.report.writer import ReportPaths, is_exchanged, read_results, write_report
