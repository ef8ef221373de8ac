"""What was found in a job reaches the run by the form."""

import pytest

from vrs import bundles
from vrs.protocols import forms
from vrs.tests.bundles.relion_projects import whole_project
from vrs.tests.protocols import maps


@pytest.fixture
def given(tmp_path):
    """What a job of RELION leads to, without a threshold."""
    return bundles.filled({"relion": str(
        whole_project(tmp_path / "project", "5.0").path("PostProcess/job012"))}).given


@pytest.fixture
def run_with(project, imported):
    """A run on the small map with what the command would give it."""
    def make(given):
        from vrs.protocols import ProtVrsValidateMap
        protocol = project.newProtocol(ProtVrsValidateMap, sourceFile=given["map"],
                                       **forms.parameters_of(ProtVrsValidateMap, given))
        protocol.inputVolume.set(imported)
        protocol.inputVolume.setExtended("outputVolume")
        return protocol

    return make


def test_all_of_it_reaches_the_run(given, run_with):
    protocol = run_with(given)
    # The micrographs come without coordinates, which are in the table of the particles.
    assert protocol.validate() == []
    passed = forms.given_values(protocol)
    assert {name: passed[name] for name in given} == given
    assert passed["threshold"] is None and not passed["coordinates"]


def test_what_a_suggested_threshold_depends_on_reaches_the_run(given, run_with, tmp_path):
    fasta = tmp_path / "chains.fasta"
    fasta.write_text(">1|Chains A, B|made\n" + "AL" * 300 + "\n")
    for added in ({"mass": "80"}, {"sequence": str(fasta)}):
        passed = forms.given_values(run_with(dict(given, **added)))
        [(name, value)] = added.items()
        assert str(passed[name]).startswith(value)
    level = run_with(dict(given, threshold=maps.THRESHOLD))
    assert forms.given_values(level)["threshold"] == maps.THRESHOLD
