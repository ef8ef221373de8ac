import numpy as np
import pytest

from vrs import validation
from vrs.checks import get_check
from vrs.io.star import read_star
from vrs.simulation.particle_sets import particle_set
from vrs.tests.checks.particle_sets import SAMPLING, evidence_of, volume_of
from vrs.validation import PARTICLES_FILE, Validation


@pytest.fixture
def found(tmp_path, monkeypatch):
    """A folder in which item 4.a was computed for half of 120 particles, and its result."""
    monkeypatch.setattr(validation, "checks_of_level",
                        lambda level: [get_check("4.a")] if level == "4" else [])
    made = particle_set(tmp_path, volume_of(), SAMPLING, 120, 0.2)
    run = Validation(tmp_path / "run", ["4"],
                     lambda: evidence_of(made.table, volume_of(), used=60))
    (result,), _ = run.run(None)
    return tmp_path / "run", result.items[0]


def test_values_of_particles_stand_in_a_table_to_select_from(found):
    folder, item = found
    table = read_star(str(folder / PARTICLES_FILE))["particles"]
    assert {values.name for values in item.particles} <= set(table)
    [values] = [values for values in item.particles if values.name == "vrsCorrelation"]
    assert np.array(table["vrsCorrelation"], float) == pytest.approx(values.values, abs=1e-5)
    # The rows are those of the table that was given, and images are numbered from 1.
    assert [int(name.partition("@")[0]) - 1 for name in table["rlnImageName"]] == (
        values.rows.tolist())


def test_the_table_goes_with_the_values(found):
    folder, _ = found
    assert (folder / PARTICLES_FILE).exists()
    Validation(folder, [], lambda: None)._write_particles([])
    assert not (folder / PARTICLES_FILE).exists()
