"""A few damaged inputs in every run of the suite, and proof that the readers here see."""

import os
import random
import time

import gemmi
import numpy as np
import pytest

from vrs.io import models
from vrs.io.maps import read_map
from vrs.io.models import ModelFile, atom_positions, read_model
from vrs.tests.fuzz import readers, run, sources
from vrs.tests.fuzz.mutators import mutate


def test_damaged_inputs_are_refused_or_read_as_they_stand():
    """More by hand: ``python -m vrs.tests.fuzz 5000``."""
    outcomes, failures = run.run(330, seed=11)
    assert not failures, "\n".join("%d: %s" % failure for failure in failures)
    assert sum(outcomes.values()) == 330
    for kind in set(run.KINDS):
        # Each kind is both read and refused, so that neither is tried for nothing.
        assert outcomes[kind, "read"] > 2 and outcomes[kind, "refused"] > 2


def test_the_same_seed_gives_the_same_input():
    for index in range(20):
        assert run.case(3, index) == run.case(3, index)
    assert run.case(3, 0) != run.case(4, 0)


def test_sound_inputs_are_read(tmp_path):
    for kind, name, content in [
            ("pdb", "m.pdb", sources.pdb()), ("cif", "m.cif", sources.cif()),
            ("workflow", "w.json", sources.workflow()), ("star", "p.star", sources.star()),
            ("cs", "p.cs", sources.cs()), ("crosslinks", "x.csv", sources.crosslinks()),
            ("criteria", "c.json", sources.criteria())] + [
            ("data", "%s.mrc" % kind, sources.mrc(kind)) for kind in ("f4", "i1", "u2", "f2")]:
        assert run.check(kind, name, content, str(tmp_path), deep=True) == "read"


def test_the_readers_here_know_the_sound_inputs(tmp_path):
    expected = list(sources.atoms())
    for name, content in (("m.pdb", sources.pdb()), ("m.cif", sources.cif())):
        found = readers.atoms(content)
        assert [atom["name"] for atom in found] == [atom[1] for atom in expected]
        np.testing.assert_allclose([atom["place"] for atom in found],
                                   [atom[7:10] for atom in expected], atol=6e-4)
        (tmp_path / name).write_bytes(content)
        model = read_model(tmp_path / name)
        assert model.notes == [] and len(atom_positions(model.structure)) == len(expected)
        assert {chain.name: len(chain) for chain in model.structure[0]} == {"A": 9, "B": 12}
    (tmp_path / "a.mrc").write_bytes(sources.mrc("i2"))
    np.testing.assert_array_equal(readers.volume(sources.mrc("i2")),
                                  read_map(tmp_path / "a.mrc").volume)


def lenient(path):
    """How a library reads models."""
    structure = gemmi.read_structure(str(path), format=gemmi.CoorFormat.Detect)
    return ModelFile(str(path), structure)


@pytest.mark.parametrize("change, words", [
    (lambda text: text.replace(b"   6.000   0.000", b"********   0.000"), "none was read"),
    (lambda text: text.replace(b" B ", b" A "), "number of residues"),
    (lambda text: text + text.replace(b" A ", b" C "), "number of atoms"),
    (lambda text: text.replace(b"  1.00 20.00", b"******20.00 ", 1), "occupanc")])
def test_what_is_silently_misread_is_found(tmp_path, monkeypatch, change, words):
    """With a lenient reader in the place of the package's."""
    monkeypatch.setattr(models, "read_model", lenient)
    with pytest.raises(AssertionError, match=words):
        run.check("pdb", "m.pdb", change(sources.pdb()), str(tmp_path))


def _hang(connection, seed, index, end):
    connection.send("started")
    connection.send("read")
    if index == 0:
        time.sleep(60)


def _crash(connection, seed, index, end):
    connection.send("started")
    if index == 1:
        os._exit(1)
    connection.send("read")


@pytest.mark.parametrize("work, words, where", [(_hang, "took too long", 1),
                                                (_crash, "ended the process", 1)])
def test_hangs_and_crashes_are_found(monkeypatch, work, words, where):
    monkeypatch.setattr(run, "_work", work)
    monkeypatch.setattr(run, "SECONDS", 2)
    _, failures = run.run(2)
    assert failures == [(where, words)]


def test_damage_is_of_many_kinds():
    for kind in set(run.KINDS):
        content = getattr(sources, kind, lambda: sources.mrc("f4"))()
        assert len({mutate(kind, content, random.Random(seed)) for seed in range(40)}) > 30
