import os
from types import SimpleNamespace

import pytest
import pyworkflow
from pwem.objects import Volume
from pyworkflow.object import String

from vrs.errors import DownloadError, InputError
from vrs.objects import VrsArchivedVolume
from vrs.tests.io.archive_server import EMDB_ID, METADATA
from vrs.wizards.metadata import fetch, known_id


def protocol_with(volume, source=""):
    return SimpleNamespace(inputVolume=SimpleNamespace(get=lambda: volume),
                           sourceFile=String(source))


@pytest.mark.parametrize("name, emdb_id", [
    ("emd_1234.map", "EMD-1234"), ("EMD-25107_half.mrc", "EMD-25107"),
    ("my emd 25107.mrc:mrc", "EMD-25107"), ("emd25107.map", "EMD-25107"),
    ("map.mrc", ""), ("emd_123.map", ""), ("emd_1234567.map", ""), ("oemd_1234.map", "")])
def test_the_name_of_the_file_may_tell_the_entry(name, emdb_id):
    assert known_id(protocol_with(Volume("/data/emd_9999/" + name))) == emdb_id


def test_the_name_behind_a_link_counts(tmp_path):
    link = tmp_path / "import.mrc"
    link.symlink_to(tmp_path / "emd_4321.map")
    assert known_id(protocol_with(Volume(str(link)))) == "EMD-4321"


def test_the_original_file_counts():
    assert known_id(protocol_with(Volume("/data/plain.mrc"), "/raw/emd_3333.map.gz")) == "EMD-3333"


def test_a_map_of_the_archive_knows_its_entry():
    volume = VrsArchivedVolume("/data/emd_1111.map")
    volume._emdbId.set("EMD-2222")
    assert known_id(protocol_with(volume)) == "EMD-2222"


def test_without_map_no_entry_is_known():
    assert known_id(protocol_with(None)) == ""


def test_an_entry_is_fetched(archive):
    entry, remark = fetch(EMDB_ID)
    assert (entry.emdb_id, entry.resolution, entry.threshold) == (EMDB_ID, 3.97, 0.5)
    assert entry.title == "Lassa virus glycoprotein construct" and remark == ""
    kept = os.path.join(pyworkflow.Config.SCIPION_USER_DATA, "vrs_archive", EMDB_ID)
    assert os.path.exists(kept)


def test_an_entry_that_was_fetched_before_is_at_hand_without_network(archive):
    fetch(EMDB_ID)
    archive.faults[METADATA] = [503] * 4
    entry, remark = fetch(EMDB_ID)
    assert entry.threshold == 0.5
    assert remark == "EMDB cannot be reached; these are the values of the last request."


def test_without_network_nor_copy_it_is_said_why(archive):
    archive.faults[METADATA] = [503] * 4
    with pytest.raises(DownloadError, match="503.*Check the network") as caught:
        fetch(EMDB_ID)
    assert "offline" not in str(caught.value)


def test_an_unknown_entry_is_told(archive):
    with pytest.raises(InputError, match="EMDB has no entry EMD-99999"):
        fetch("EMD-99999")
