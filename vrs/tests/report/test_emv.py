"""Values of residues in the format of 3DBionotes."""

import json

import numpy as np
import pytest

from vrs.report import write_report
from vrs.report.emv import emv_files
from vrs.results import (FileEntry, InputFile, LevelInput, Reference, ResidueValues, write_json)
from vrs.tests.report.conftest import PROVENANCE, make_item, make_level


def _values(name, exchange="", values=(0.5, -1.25, 3.0)):
    return ResidueValues(name, "Mean value", "Å", ["A", "A", "B"], ["12", "12A", "-3"],
                         ["ALA", "GLY", "U"], np.array(values), exchange)


def _level(model="1abc.cif.gz", **more):
    items = [make_item("A.b", residues=[_values("fscq", "FscQ")],
                       references=[Reference("Key2020", "A. Author. Title.", "10.1/x")]),
             make_item("A.c", residues=[_values("rmsd")]),
             make_item("A.e", residues=[_values("q_score", "MapQ")]), make_item("A.f"),
             make_item("A.g", residues=[_values("daq", "DAQ"),
                                    _values("daq_alpha_carbon", values=(9, 9, 9))])]
    level = make_level(items, "A", **more)
    level.added = LevelInput("Atomic model", [InputFile("Model", model, "ab")])
    return level


def test_measures_that_the_format_knows():
    files = {name: json.loads(text) for name, text in
             emv_files([make_level([make_item("0.a")]), _level()], PROVENANCE, "").items()}
    assert {name: content["resource"] for name, content in files.items()} == {
        "emv_fscq.json": "EMV-FscQ-Scores", "emv_mapq.json": "EMV-MapQ-Scores",
        "emv_daq.json": "EMV-DAQ-Scores"}
    assert files["emv_daq.json"]["chains"] == files["emv_fscq.json"]["chains"] == [
        {"name": "A", "seqData": [
            {"resSeqName": "ALA", "resSeqNumber": 12, "scoreValue": "0.5000"},
            {"resSeqName": "GLY", "resSeqNumber": 12, "insertionCode": "A",
             "scoreValue": "-1.2500"}]},
        {"name": "B", "seqData": [
            {"resSeqName": "U", "resSeqNumber": -3, "scoreValue": "3.0000"}]}]


def test_entry_says_what_it_is_of():
    text = emv_files([_level()], PROVENANCE, "")["emv_fscq.json"]
    entry = json.loads(text)["entry"]
    assert entry["date"] == "2025-11-21" and entry["atomic_model"] == "1abc"
    assert entry["source"]["citation"] == "A. Author. Title." and entry["source"]["doi"] == "10.1/x"
    assert "Mean value (Å)" in entry["source"]["method"]


@pytest.mark.parametrize("title, file_name, name", [
    ("", "/data/emd_0001.map.gz", "EMD-0001"), ("EMD-31663 as deposited", "a.mrc", "EMD-31663"),
    ("", "run1.mrc", "run1"), ("", "my.map", "my"), ("My map", "emd_1234.map", "My map"),
    ("", "demd12345678.mrc", "demd12345678")])
def test_names_of_entries(title, file_name, name):
    text = emv_files([_level(file_name=file_name)], {}, title)["emv_mapq.json"]
    assert json.loads(text)["entry"]["volume_map"] == name


def test_files_lie_beside_the_report(tmp_path):
    level = _level()
    level.input.files = [FileEntry("map", "map.mrc", "The map")]
    write_json(tmp_path / "results.json", [level])
    write_report([tmp_path / "results.json"], tmp_path / "out", PROVENANCE)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "emv_daq.json", "emv_fscq.json", "emv_mapq.json", "open_in_chimerax.cxc", "report.html",
        "report.json", "report.pdf"]
