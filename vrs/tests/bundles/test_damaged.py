"""Damaged files of jobs are refused in sentences, or read as they stand."""

import random

import pytest

from vrs import bundles
from vrs.errors import InputError
from vrs.io.sequences import read_mass
from vrs.io.workflows import read_workflow
from vrs.tests.bundles import test_cryosparc as cryosparc
from vrs.tests.bundles import test_emdb_header
from vrs.tests.bundles.relion_projects import whole_project
from vrs.tests.fuzz.mutators import mutate

_KINDS = {".star": "star", ".cs": "cs", ".json": "workflow"}


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Things to read, by what they are: how, and the files that it depends on."""
    top = tmp_path_factory.mktemp("damaged")
    whole_project(top / "new", "5.0")
    whole_project(top / "old", "3.0")
    for version in cryosparc.VERSIONS:
        cryosparc.whole_project(top / version, version)
    (top / "header.xml").write_text(test_emdb_header.HEADER % "")
    (top / "chains.fasta").write_text(">1|Chains A, B|x\nMKVLAAGG\n>2\nACGT\n")

    def job(option, name):
        path = str(top / name)
        return lambda: (bundles.filled({option: path}), read_workflow(path)), [
            found for found in sorted((top / name.split("/")[0]).rglob("*"))
            if found.suffix in (".star", ".json", ".cs", ".job", ".txt", ".out")]

    return [job("relion", "new/PostProcess/job012"), job("relion", "new/Class2D/job008"),
            job("relion", "old/Polish/job014")] + [
        job("cryosparc", version + "/J10") for version in cryosparc.VERSIONS] + [
        (lambda: bundles.filled({"entry_xml": str(top / "header.xml")}), [top / "header.xml"]),
        (lambda: read_mass(str(top / "chains.fasta")), [top / "chains.fasta"])]


def test_nothing_else_is_raised(places):
    rng, outcomes = random.Random(7), []
    for number in range(96):
        read, files = places[number % len(places)]
        path = rng.choice(files)
        sound = path.read_bytes()
        path.write_bytes(mutate(_KINDS.get(path.suffix, "crosslinks"), sound, rng))
        try:
            read()
            outcomes.append("read")
        except InputError as error:
            assert all(problem.endswith(".") for problem in error.problems)
            outcomes.append("refused")
        finally:
            path.write_bytes(sound)
    assert min(outcomes.count("read"), outcomes.count("refused")) > 10
