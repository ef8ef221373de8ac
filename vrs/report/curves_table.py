"""The curves of the report as a table for programs and spreadsheets."""

import csv
import io

CURVES = "vrs_curves.csv"


def curves_table(items):
    """All curves below each other.

    Parameters
    ----------
    items : list of ItemResult

    Returns
    -------
    str
        CSV with a row for each point: item, name of the curve, spatial frequency (1/Å),
        resolution (Å; empty at the frequency 0) and value. Empty without curves.
    """
    if not any(item.curves for item in items):
        return ""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["item", "curve", "frequency_per_angstrom", "resolution_angstrom", "value"])
    for item in items:
        for curve in item.curves:
            for frequency, value in zip(curve.frequencies.tolist(), curve.values.tolist()):
                writer.writerow([item.id, curve.name, "%.6g" % frequency,
                                 "%.6g" % (1 / frequency) if frequency else "", "%.6g" % value])
    return text.getvalue()
