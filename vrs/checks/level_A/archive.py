"""What the models of the public archive reach at their resolution.

``archive.json`` has percentiles for ranges of the reported resolution, from the table of the
validation analysis of EMDB (Wang et al. 2022, https://doi.org/10.1107/S205979832200328X) of March
2024, models of 1.2 to 20 Å; ``benchmarks/archive_percentiles.py`` made it.
"""

import json
from functools import lru_cache
from pathlib import Path

import numpy as np

from vrs.checks.local import PERCENTILES

_FILE = Path(__file__).with_name("archive.json")


@lru_cache(maxsize=None)
def _table():
    return json.loads(_FILE.read_text(encoding="utf-8"))


def source_of(kind):
    """What the percentiles of a measure stem from, for descriptions of metrics.

    Parameters
    ----------
    kind : str
        As that of :func:`percentiles_at`.

    Returns
    -------
    str
    """
    return "EMDB's validation analysis of March 2024, %s models" % format(
        sum(_table()[kind]["models"]), ",")


def _values(kind, resolution):
    """Values at the levels of the table, by linear interpolation between its resolutions."""
    table = _table()
    return [np.interp(resolution, table["resolutions"], column)
            for column in zip(*table[kind]["values"])]


def percentiles_at(kind, resolution):
    """Percentiles 2.5, 25, 50, 75 and 97.5 of a measure over the archive.

    Parameters
    ----------
    kind : str
        "q_score" (mean of a model, σ 0.4 Å), "atom_inclusion" (at the recommended contour) or
        "residue_correlation" (mean of a model).
    resolution : float or None
        Å; beyond 1.6 to 12.7 Å the nearest range is taken.

    Returns
    -------
    dict of str to float or None
        None without resolution.
    """
    if not resolution:
        return None
    found = dict(zip(_table()["levels"], _values(kind, resolution)))
    return {key: round(float(found[float(key)]), 4) for key in PERCENTILES}


def percentile_of(kind, value, resolution):
    """The percentile of a value among the models of the archive.

    Parameters
    ----------
    kind, resolution
        As those of :func:`percentiles_at`.
    value : float or None

    Returns
    -------
    float or None
        0 to 100; None without value or resolution.
    """
    if not resolution or value is None or not np.isfinite(value):
        return None
    return float(np.interp(value, _values(kind, resolution), _table()["levels"]))


def range_of_archive():
    """The resolutions (Å) that the table reaches from and to."""
    return _table()["resolutions"][0], _table()["resolutions"][-1]
