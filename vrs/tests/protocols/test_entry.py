"""Entries of EMDB in Scipion's engine."""

import gzip
import json
import os
import shutil

import mrcfile
import numpy as np
import pytest
from pwem.objects import Volume

from vrs.io.maps import read_map, sha256, write_map
from vrs.protocols.emdb_entries import entry_notes
from vrs.results import read_results
from vrs.tests.io import archive_server
from vrs.tests.io.archive_server import HALVES, MAP, MODEL
from vrs.tests.protocols import maps


@pytest.fixture
def new_import(project, server, tmp_path):
    """Makes a run that imports the entry, to be launched."""
    from vrs.protocols import ProtVrsImportEntry

    def make(**parameters):
        values = dict(emdbId="25107", cacheFolder=str(tmp_path / "kept, here"), server=server.url)
        values.update(parameters)
        return project.newProtocol(ProtVrsImportEntry, **values)

    return make


@pytest.fixture
def run(project):
    def launch(protocol):
        project.launchProtocol(protocol, wait=True)
        assert protocol.isFinished(), protocol.getErrorMessage()
        return protocol

    return launch


@pytest.fixture
def new_level(project):
    """Makes a run of a level on the map of an entry, to be launched."""
    def make(name, importing, **parameters):
        protocol = project.newProtocol(project.getDomain().getProtocols()[name], **parameters)
        protocol.inputVolume.set(importing)
        protocol.inputVolume.setExtended("outputVolume")
        return protocol

    return make


def test_an_entry_becomes_a_map_that_knows_it(domain, project, new_import, run, server, tmp_path):
    protocol = run(new_import())
    volume = project.getProtocol(protocol.getObjId()).outputVolume
    assert volume.getClassName() == "VrsArchivedVolume"
    assert (volume.getEmdbId(), volume.getThreshold(), volume.getResolution()) == (
        "EMD-25107", maps.THRESHOLD, 6.0)
    assert volume.getTitle() == "Lassa virus glycoprotein construct"
    assert volume.getSamplingRate() == maps.SAMPLING and volume.getDim() == (maps.BOX,) * 3
    assert volume.getOrigin().getShifts() == (0, 0, 0)
    for path, expected in zip([volume.getFileName()] + volume.getHalfMaps(asList=True),
                              [maps.blob()] + maps.halves()):
        with mrcfile.open(path) as mrc:
            np.testing.assert_array_equal(mrc.data, expected)
    originals = volume.getOriginals()
    assert [os.path.basename(path) for path in originals] == [
        path.rsplit("/", 1)[1] for path in [MAP] + HALVES]
    assert all(path.startswith(str(tmp_path / "kept, here")) for path in originals)
    with open(protocol.outputModel.getFileName(), "rb") as handle:
        assert handle.read() == server.files[MODEL]
    with open(volume.getEntryFile()) as handle:
        assert json.load(handle) == {
            "id": "EMD-25107", "title": "EMD-25107: Lassa virus glycoprotein construct",
            "pdb_ids": ["7sgd"], "authors": ["Antanasijevic A", "Ward AB"],
            "deposited": "2021-10-05", "remarks": []}
    assert set(domain.findViewers(Volume(), "tkinter")) <= set(
        domain.findViewers(volume, "tkinter"))
    summary = " ".join(protocol.summary())
    assert "Lassa" in summary and "level: 0.5" in summary and "6 Å" in summary
    assert "[[https://doi.org/10.1093/nar/gkad1019][Turner2024]]" in " ".join(protocol.methods())


def test_progress_stands_in_the_log(new_import, run, monkeypatch):
    said = []
    protocol = new_import()
    monkeypatch.setattr(type(protocol), "info", lambda self, text, *_, **__: said.append(text))
    run(protocol)
    assert [text for text in said if text.startswith("Fetching")] == [
        "Fetching " + path.rsplit("/", 1)[1] for path in [MAP] + HALVES + [MODEL]]


def test_the_place_and_the_voxel_size_of_the_map(new_import, run, server, tmp_path):
    origin = (30.0, -16.0, 6.0)
    write_map(str(tmp_path / "moved.mrc"), maps.blob(), maps.SAMPLING, origin)
    server.files[MAP] = gzip.compress((tmp_path / "moved.mrc").read_bytes())
    volume = run(new_import(withHalves=False, withModel=False)).outputVolume
    assert volume.getOrigin().getShifts() == origin
    assert read_map(volume.getFileName()).origin == origin
    volume = run(new_import(samplingRate=1.5, offline=True)).outputVolume
    assert volume.getSamplingRate() == read_map(volume.getFileName()).sampling == 1.5


def test_what_is_not_asked_for_is_not_fetched(new_import, run, server):
    protocol = run(new_import(withHalves=False, withModel=False))
    assert not protocol.outputVolume.hasHalfMaps() and not hasattr(protocol, "outputModel")
    assert server.count(HALVES[0]) == server.count(MODEL) == 0
    assert protocol.summary()[-1].startswith("Stated resolution")


def test_what_is_of_no_use_is_remarked(new_import, run, server):
    server.files[HALVES[1]] = server.files[HALVES[0]]
    del server.files[MODEL]
    protocol = run(new_import())
    assert not protocol.outputVolume.hasHalfMaps() and not hasattr(protocol, "outputModel")
    model, halves = protocol.summary()[-2:]
    assert "level A is left out" in model and "identical" in halves
    asked = len(server.requests)
    # Without network it says the same.
    again = run(new_import(offline=True))
    assert again.summary() == protocol.summary() and len(server.requests) == asked


def test_why_an_entry_cannot_be_imported(project, new_import, server):
    assert new_import(emdbId="")._validate() == ["Give the number of the entry, EMD-1234 for "
                                                 "instance."]
    identity, size, address = new_import(emdbId="7sgd", samplingRate=0,
                                         server="ftp.ebi.ac.uk").validate()
    assert "give it as EMD-1234" in identity and "http://" in address
    assert size == "The voxel size, 0, is not positive; give it in Å, or leave it empty."
    protocol = new_import(emdbId="EMD-1234")
    assert protocol.validate() == []
    project.launchProtocol(protocol, wait=True)
    assert protocol.isFailed() and "has no entry EMD-1234" in protocol.getErrorMessage()


def test_the_numbers_of_an_entry_are_taken(new_import, new_level, run):
    importing = run(new_import())
    [results] = read_results(run(new_level("ProtVrsLevel0", importing))
                             .outputResults.getResultsFile())
    given = results.input
    assert (given.threshold, given.resolution) == (maps.THRESHOLD, 6.0)
    assert given.file_name == "emd_25107.map.gz"
    assert given.sha256 == sha256(importing.outputVolume.getOriginals()[0])
    assert given.entry["authors"] == ["Antanasijevic A", "Ward AB"]
    notes = [note.text for note in given.notes]
    assert "The threshold, 0.5, is the contour level that EMD-25107 recommends." in notes
    assert "The reported resolution, 6 Å, is the resolution that EMD-25107 states." in notes


def test_numbers_that_are_given_win_and_that_is_said(new_import, new_level, run):
    importing = run(new_import())
    # When what was fetched is gone, the project has all that is needed.
    shutil.rmtree(importing.cacheFolder.get())
    [results] = read_results(
        run(new_level("ProtVrsLevel0", importing, threshold=0.4, hasResolution=False))
        .outputResults.getResultsFile())
    given = results.input
    assert (given.threshold, given.resolution) == (0.4, None)
    assert given.file_name == "emd_25107_map.mrc"
    notes = " ".join(note.text for note in given.notes)
    assert "The threshold, 0.4, was given; EMD-25107 recommends 0.5." in notes
    assert "No reported resolution was given; EMD-25107 states 6 Å." in notes
    assert "project copies were used" in notes


def test_numbers_that_nobody_knows_are_asked_for(new_import, new_level, run, server, deposited):
    archive_server.fill(server, *deposited, level=None, resolution=None)
    importing = run(new_import())
    assert new_level("ProtVrsLevel0", importing).validate() == [
        "EMD-25107 states no resolution; give the reported resolution, or say that it is not "
        "known."]
    level = new_level("ProtVrsLevel0", importing, threshold=0.5, hasResolution=False)
    assert level.validate() == []
    notes = [note.text for note in entry_notes(importing.outputVolume, 0.5, None)]
    assert notes == ["The threshold, 0.5, was given; EMD-25107 recommends no contour level.",
                     "No reported resolution was given; EMD-25107 states no resolution."]
    summary = " ".join(importing.summary())
    assert "no contour level" in summary and "no resolution" in summary


def test_the_import_is_part_of_the_workflow(new_import, new_level, run):
    importing = run(new_import(withHalves=False, withModel=False))
    [results] = read_results(run(new_level("ProtVrsLevelW", importing))
                             .outputResults.getResultsFile())
    [item] = results.items
    assert [row[2] for row in item.content[-1].rows] == ["ProtVrsImportEntry"]
