import shutil

import numpy as np
import pytest

from vrs.checks import get_check, run_check
from vrs.inputs import compose
from vrs.inputs.model import ModelEvidence
from vrs.io.crosslinks import read_crosslinks
from vrs.io.models import read_model
from vrs.numerics import crosslinks
from vrs.results import Bars, Paragraph, Status, Table
from vrs.simulation.crosslinks import write_crosslinks
from vrs.tests.numerics.test_crosslinks import model_of, table_of
from vrs.tests.proteins import protein

CHECK = get_check("O.a")


@pytest.fixture(scope="module")
def structure():
    return protein()[0]


def run(structure, links):
    result, _ = run_check(CHECK, compose(model=ModelEvidence(structure), crosslinks=links))
    return result, {name: metric.value for name, metric in result.metrics.items()}


def links_of(folder, structure, **options):
    path = str(folder / "links.csv")
    write_crosslinks(path, structure, **options)
    return read_crosslinks(path)


def table(folder, text):
    path = folder / "links.csv"
    path.write_text("chain1,residue1,chain2,residue2,linker\n" + text)
    return read_crosslinks(str(path))


def test_links_of_the_model_pass(tmp_path, structure):
    result, found = run(structure, links_of(tmp_path, structure, count=20, wrong=0.1))
    assert result.status is Status.OK
    assert (found["links"], found["mapped_links"]) == (20, 20)
    assert found["satisfied_percentage"] == pytest.approx(90)
    # Wilson's interval of 18 of 20.
    assert found["satisfied_interval"] == pytest.approx({"lower": 69.9, "upper": 97.2}, abs=0.1)
    assert found["enrichment_p_value"] < 0.01 < found["enrichment"]
    (listed,) = [block for block in result.content if isinstance(block, Table)]
    assert len(listed.rows) == 2
    (bars,) = [block for block in result.content if isinstance(block, Bars)]
    assert bars.counts.sum() == 20


def test_links_that_the_model_cannot_have_warn(tmp_path, structure):
    result, found = run(structure, links_of(tmp_path, structure, count=20, wrong=0.8))
    assert result.status is Status.WARNINGS
    assert found["satisfied_percentage"] == pytest.approx(20)
    assert "Only 20 %" in result.warnings[0] and found["enrichment_p_value"] > 0.01
    assert len(result.warnings) == 2


def test_links_of_chains_that_are_not_there_are_not_measured(tmp_path, structure):
    result, _ = run(structure, table(tmp_path, "X,1,X,20,DSS\nX,3,Y,20,DSS\n"))
    assert result.status is Status.NOT_MEASURED
    assert "None of the linked residues" in result.reason


def test_a_few_links_are_not_measured():
    model = model_of([(0, 0, 4 * place) for place in range(30)])
    result, _ = run(model, table_of([(("A", 1), ("A", number)) for number in (2, 3, 4, 5)]))
    assert result.status is Status.NOT_MEASURED and "at least 5" in result.reason


def test_without_a_model_it_is_not_run(tmp_path):
    result, _ = run_check(CHECK, compose(crosslinks=table(tmp_path, "A,1,A,20,DSS\n")))
    assert result.status is Status.NOT_RUN and "atomic model" in result.reason


def test_links_of_a_polymerase(tmp_path, test_data, monkeypatch):
    """173 different links of RNA polymerase III, of which Cα-Cα distances are known."""
    # Each with hundreds of lysines: thousands of pairs.
    monkeypatch.setattr(crosslinks, "_CONTROL_RESIDUES", 40)
    shutil.copy(test_data("crosslinks", "PolIII_Wu2012.csv"), str(tmp_path / "links.csv"))
    shutil.copy(test_data("crosslinks", "PolIII_chains.json"), str(tmp_path / "links.json"))
    result, found = run(read_model(test_data("crosslinks", "PolIII_5fj8.pdb")).structure,
                        read_crosslinks(str(tmp_path / "links.csv")))
    assert result.status is Status.OK
    assert found["mapped_links"] == 173
    # Of 178 lines, .860 and .899 are within; a few links have several lines.
    assert found["straight_percentage"] == pytest.approx(86.0, abs=1)
    assert found["flexible_percentage"] == pytest.approx(89.9, abs=1)
    assert found["satisfied_percentage"] == pytest.approx(80.3, abs=1)
    assert found["between_links"] > 20 and found["between_satisfied_percentage"] > 50


def test_a_register_error_is_found(test_data, monkeypatch):
    """Links that the native model satisfies; the other has its residues numbered from 1."""
    # Each with all residues of their kinds, that is thousands of pairs.
    monkeypatch.setattr(crosslinks, "_CONTROL_RESIDUES", 40)
    native = read_model(test_data("crosslinks", "jwalk", "native.pdb")).structure
    wrong = read_model(test_data("crosslinks", "jwalk", "model60_1.pdb")).structure
    rows = [row.split() for row in open(test_data("crosslinks", "jwalk",
                                                  "native_crosslink_list.txt"))]
    pairs = [tuple(("A", int(end.split("-")[1])) for end in row[2:4])
             for row in rows if "LYS" in " ".join(row[2:4]) and float(row[4]) <= 33]
    chosen = np.random.default_rng(0).choice(len(pairs), 40, replace=False)
    links = table_of([pairs[place] for place in chosen])
    result, found = run(native, links)
    assert result.status is Status.OK
    assert found["satisfied_percentage"] > 90 and found["enrichment_p_value"] < 1e-10
    result, found = run(wrong, links)
    assert result.status is Status.WARNINGS
    assert found["mapped_links"] >= 38 and found["satisfied_percentage"] < 50
    assert found["enrichment_p_value"] > 0.01
    assert "numbers residues differently" in " ".join(
        block.text for block in result.content if isinstance(block, Paragraph))
