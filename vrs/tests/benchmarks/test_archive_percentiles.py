import numpy as np
import pytest

archive = pytest.importorskip("benchmarks.archive_percentiles")


def test_table_of_percentiles():
    rows = [{"resolution": "%g" % (edge + 0.1), "qscore": "%g" % (value / 100), "ai": "0.5",
             "ccc": "" if value % 2 else "0.7"}
            for edge in archive.EDGES[:-1] for value in range(101)]
    found = archive.table(rows + [{"resolution": "", "qscore": "9", "ai": "9", "ccc": "9"}])
    assert found["resolutions"] == pytest.approx(np.array(archive.EDGES[:-1]) + 0.1)
    assert found["q_score"]["models"] == [101] * (len(archive.EDGES) - 1)
    assert found["residue_correlation"]["models"] == [51] * (len(archive.EDGES) - 1)
    assert found["q_score"]["values"][3] == pytest.approx(np.array(archive.LEVELS) / 100)
