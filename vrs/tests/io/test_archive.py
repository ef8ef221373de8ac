"""Entries of the archives: what they say, and their files."""

import gzip
import json
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from vrs.errors import DownloadError, InputError
from vrs.io import download
from vrs.io.archive import Archive, to_emdb_id, to_entry
from vrs.io.download import Damaged, NotThere
from vrs.tests.io import archive_server
from vrs.tests.io.archive_server import EMDB_ID, HALVES, MAP, METADATA, MODEL

_VOLUMES = [bytes([number]) * 50_000 for number in range(3)]
_CIF = b"""data_7SGD
loop_
_atom_site.id
_atom_site.Cartn_x
1 1.5
#
"""


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(download, "PAUSE", 0)
    monkeypatch.setenv("no_proxy", "*")
    with archive_server.serving() as server:
        archive_server.fill(server, _VOLUMES, _CIF)
        yield server


@pytest.fixture
def archive(server, tmp_path):
    return Archive(tmp_path, server.url)


@pytest.fixture
def offline(server, tmp_path):
    return Archive(tmp_path, "http://127.0.0.1:9", offline=True)


@pytest.mark.parametrize("text", ["EMD-25107", "emd_25107", "25107", " EMD25107 \n", "EMD 25107",
                                  "EMDB-25107", "emdb: 25107", "EMD\u201325107"])
def test_ways_of_writing_an_entry(text):
    assert to_emdb_id(text) == "EMD-25107"


@pytest.mark.parametrize("number", ["0001", "1234", "25107"])
def test_numbers_keep_their_zeros(number):
    assert to_emdb_id("emd_" + number) == "EMD-" + number


@pytest.mark.parametrize("text", ["", "7sgd", "EMD-", "EMD-12", "EMD-25107/..", "EMPIAR-10001",
                                  "EMD-1234, EMD-1235", "EMD-\u0661\u0662\u0663\u0664"])
def test_what_is_no_entry(text):
    with pytest.raises(InputError, match="EMD-1234"):
        to_emdb_id(text)


def test_what_an_entry_says(archive):
    entry = archive.entry(EMDB_ID)
    assert (entry.emdb_id, entry.title) == (EMDB_ID, "Lassa virus glycoprotein construct")
    assert entry.authors == ["Antanasijevic A", "Ward AB"]
    assert (entry.deposited, entry.updated) == ("2021-10-05", "2022-10-12")
    assert (entry.resolution, entry.threshold) == (3.97, 0.5)
    assert (entry.map.name, entry.map.kilobytes) == ("emd_25107.map.gz", 50)
    assert [half.name for half in entry.halves] == ["emd_25107_half_map_1.map.gz",
                                                    "emd_25107_half_map_2.map.gz"]
    assert entry.models == entry.fitted == ["7sgd"]


def test_an_entry_may_say_little():
    entry = to_entry(archive_server.metadata(50, resolution=None, level=None, halves=False,
                                             models=()))
    assert (entry.resolution, entry.threshold) == (None, None)
    assert entry.halves == entry.models == entry.fitted == []
    entry = to_entry({"emdb_id": EMDB_ID, "admin": None, "map": {"file": "emd_25107.map"}})
    assert (entry.title, entry.updated, entry.authors) == ("", "", [])


def test_the_recommended_contour_is_the_primary_one():
    metadata = archive_server.metadata(50)
    contours = metadata["map"]["contour_list"]["contour"]
    contours.insert(0, {"primary": False, "level": 0.1})
    contours.append({"primary": False, "level": 0.9})
    assert to_entry(metadata).threshold == 0.5
    metadata["map"]["contour_list"]["contour"] = {"primary": "true", "level": "0.025"}
    assert to_entry(metadata).threshold == 0.025
    metadata["map"]["contour_list"]["contour"] = {"level": 0}
    assert to_entry(metadata).threshold == 0


def test_the_resolution_may_stand_in_a_later_place():
    metadata = archive_server.metadata(50)
    determination = metadata["structure_determination_list"]["structure_determination"]
    determination[0]["image_processing"].insert(0, {"final_reconstruction": {}})
    determination.insert(0, {"method": "subtomogramAveraging"})
    assert to_entry(metadata).resolution == 3.97


def test_models_that_stand_elsewhere_are_not_fitted():
    entry = to_entry(archive_server.metadata(50, models=("NOOVERLAP", "PARTIALOVERLAP",
                                                         "FULLOVERLAP")))
    assert entry.models == ["7sgd", "7sge", "7sgf"]
    assert entry.fitted == ["7sge", "7sgf"]


def test_models_without_a_usable_id_are_left_out():
    metadata = archive_server.metadata(50, models=("FULLOVERLAP", "FULLOVERLAP"))
    metadata["crossreferences"]["pdb_list"]["pdb_reference"][0]["pdb_id"] = "../x"
    assert to_entry(metadata).models == ["7sge"]


def test_one_half_map_is_no_pair():
    metadata = archive_server.metadata(50)
    del metadata["interpretation"]["half_map_list"]["half_map"][1]
    assert to_entry(metadata).halves == []


def test_values_stand_alone_or_in_lists():
    metadata = archive_server.metadata(50)
    determination, = metadata["structure_determination_list"]["structure_determination"]
    processing, = determination["image_processing"]
    processing["final_reconstruction"] = [None, {}, processing["final_reconstruction"]]
    assert to_entry(metadata).resolution == 3.97
    determination["image_processing"] = {"final_reconstruction": {"resolution": 4.1}}
    metadata["structure_determination_list"] = [{"structure_determination": determination}]
    assert to_entry(metadata).resolution == 4.1
    metadata["admin"]["title"] = {"valueOf_": "A title"}
    metadata["admin"]["authors_list"] = {"author": "Ward AB"}
    metadata["admin"]["current_status"] = {"code": "REL"}
    metadata["crossreferences"]["pdb_list"] = {"pdb_reference": {"pdb_id": "7SGD"}}
    entry = to_entry(metadata)
    assert (entry.title, entry.authors, entry.fitted) == ("A title", ["Ward AB"], ["7sgd"])


@pytest.mark.parametrize("odd", [None, "", "odd", 3, [], ["odd"], [None], {}, {"valueOf_": None}])
def test_what_is_of_another_form_is_not_there(odd):
    metadata = archive_server.metadata(50)
    whole = to_entry(metadata)
    for name in ("admin", "crossreferences", "interpretation", "structure_determination_list"):
        entry = to_entry(dict(metadata, **{name: odd}))
        assert (entry.map, entry.threshold) == (whole.map, whole.threshold)
    metadata["map"]["contour_list"] = {"contour": odd}
    metadata["crossreferences"]["pdb_list"] = {"pdb_reference": odd}
    metadata["admin"]["authors_list"] = odd
    entry = to_entry(metadata)
    assert (entry.threshold, entry.models, entry.authors) == (None, [], [])
    with pytest.raises(Damaged, match="names no file of a map"):
        to_entry(dict(metadata, map=odd))


@pytest.mark.parametrize("number", ["NaN", "inf", float("nan"), "3,97", "?"])
def test_numbers_that_are_none(number):
    entry = to_entry(archive_server.metadata(50, resolution=number, level=number))
    assert (entry.resolution, entry.threshold) == (None, None)


def test_half_maps_without_a_usable_file_are_no_pair():
    metadata = archive_server.metadata(50)
    metadata["interpretation"]["half_map_list"]["half_map"][1]["file"] = "../x.map"
    entry = to_entry(metadata)
    assert entry.halves == [] and entry.map.name == "emd_25107.map.gz"


def test_models_are_named_once():
    metadata = archive_server.metadata(50)
    metadata["crossreferences"]["pdb_list"]["pdb_reference"] *= 2
    assert to_entry(metadata).models == to_entry(metadata).fitted == ["7sgd"]


def test_models_of_unknown_place_are_not_fitted():
    metadata = archive_server.metadata(50)
    reference, = metadata["crossreferences"]["pdb_list"]["pdb_reference"]
    reference["relationship"] = {"other": "unknown"}
    assert (to_entry(metadata).models, to_entry(metadata).fitted) == (["7sgd"], [])


@pytest.mark.parametrize("code", ["OBS", "WDRN"])
def test_withdrawn_entries(code):
    metadata = archive_server.metadata(50)
    metadata["admin"]["current_status"]["code"] = {"valueOf_": code}
    with pytest.raises(InputError, match="EMD-25107 was withdrawn from EMDB; look there"):
        to_entry(metadata)
    metadata["admin"]["superseded_by_list"] = {"entry": [{"date": "2023-01-01T00:00:00",
                                                          "entry": "EMD-25108"}]}
    with pytest.raises(InputError, match="withdrawn from EMDB, which names EMD-25108 with it"):
        to_entry(metadata)


def test_entries_that_are_not_released():
    metadata = archive_server.metadata(50)
    metadata["admin"]["current_status"]["code"] = {"valueOf_": "HPUB"}
    assert to_entry(metadata).map.name == "emd_25107.map.gz"
    del metadata["map"]
    with pytest.raises(InputError, match="EMD-25107 is not public .yet.; .* status HPUB"):
        to_entry(metadata)


def test_what_was_fetched_stays_when_the_entry_is_withdrawn(archive, offline, server):
    archive.map(archive.entry(EMDB_ID))
    metadata = json.loads(server.files[METADATA])
    metadata["admin"]["current_status"]["code"]["valueOf_"] = "OBS"
    server.files[METADATA] = json.dumps(metadata).encode()
    with pytest.raises(InputError, match="was withdrawn"):
        archive.entry(EMDB_ID)
    assert offline.map(offline.entry(EMDB_ID)).exists()


@pytest.mark.parametrize("name", [None, "", "../../map.map", "/etc/x.map", "a b.map"])
def test_names_that_lead_elsewhere_are_not_followed(name):
    metadata = archive_server.metadata(50)
    metadata["map"]["file"] = name
    with pytest.raises(Damaged):
        to_entry(metadata)


def test_the_form_agrees_with_that_of_a_real_entry(test_data):
    """The archive's XML file has the data model that the web service gives as JSON."""
    root = ElementTree.parse(str(test_data("map_only", "metadata_8216.xml"))).getroot()

    def text(path):
        return [node.text for node in root.findall(path)]

    contour = {"primary": root.find("map/contour_list/contour").get("primary"),
               "level": text("map/contour_list/contour/level")[0]}
    final = root.find(".//final_reconstruction/resolution")
    entry = to_entry({
        "emdb_id": root.get("emdb_id"),
        "admin": {"title": text("admin/title")[0],
                  "authors_list": {"author": text("admin/authors_list/author")},
                  "key_dates": {"deposition": text("admin/key_dates/deposition")[0] + "T00:00:00",
                                "update": text("admin/key_dates/update")[0]}},
        "crossreferences": {"pdb_list": {"pdb_reference": [
            {"pdb_id": text("crossreferences/pdb_list/pdb_reference/pdb_id")[0], "relationship": {
                "in_frame": text(".//pdb_reference/relationship/in_frame")[0]}}]}},
        "map": {"file": text("map/file")[0], "size_kbytes": int(root.find("map").get(
            "size_kbytes")), "contour_list": {"contour": [contour]}},
        "structure_determination_list": {"structure_determination": [{"image_processing": [
            {"final_reconstruction": {"resolution": {"valueOf_": final.text}}}]}]}})
    assert (entry.resolution, entry.threshold, entry.fitted) == (1.1, 0.2, ["5k7n"])
    assert (entry.deposited, len(entry.authors)) == ("2016-05-26", 10)
    folder = test_data("map_only", "emd_8216.map.gz").parent
    assert entry.map.name == "emd_8216.map.gz"
    with gzip.open(str(folder / entry.map.name)) as unpacked:
        assert len(unpacked.read()) // 1000 == entry.map.kilobytes


def test_files_come_once(archive, server):
    for _ in range(2):
        entry = archive.entry(EMDB_ID)
        paths = [archive.map(entry)] + archive.halves(entry) + [archive.model(entry, "7sgd")]
    assert [gzip.open(str(path)).read() for path in paths[:3]] == _VOLUMES
    assert paths[3].read_bytes() == _CIF
    assert [server.count(path) for path in [MAP] + HALVES + [MODEL]] == [1] * 4
    assert server.count(METADATA) == 2


def test_what_is_fetched_is_said(server, tmp_path):
    said = []
    archive = Archive(tmp_path, server.url + "/", say=said.append)
    archive.map(archive.entry(EMDB_ID))
    assert said == ["Asking for EMD-25107", "Fetching emd_25107.map.gz"]


def test_checksums_are_kept_in_the_usual_form(archive):
    path = archive.map(archive.entry(EMDB_ID))
    if shutil.which("sha256sum") is None:
        pytest.skip("needs sha256sum")
    subprocess.run(["sha256sum", "--check", "--quiet", path.name + ".sha256"],
                   cwd=str(path.parent), check=True)


def test_without_network(archive, offline, server):
    fetched = archive.map(archive.entry(EMDB_ID))
    asked = len(server.requests)
    entry = offline.entry(EMDB_ID)
    assert offline.map(entry) == fetched
    with pytest.raises(NotThere, match="half_map_1.map.gz was not fetched before"):
        offline.halves(entry)
    assert len(server.requests) == asked


def test_without_network_and_never_fetched(offline, tmp_path):
    with pytest.raises(DownloadError, match="fetch it once without the option offline"):
        offline.entry(EMDB_ID)
    assert list(tmp_path.iterdir()) == []


def test_without_network_and_without_the_map(archive, offline):
    archive.entry(EMDB_ID)
    with pytest.raises(DownloadError, match="emd_25107.map.gz was not fetched before"):
        offline.map(offline.entry(EMDB_ID))


def test_when_the_archive_is_down_what_was_fetched_is_recalled(archive, server):
    server.faults[METADATA] = [500] * 4
    with pytest.raises(DownloadError) as failure:
        archive.entry(EMDB_ID)
    assert "offline" not in str(failure.value)
    archive.entry(EMDB_ID)
    server.faults[METADATA] = [500] * 4
    with pytest.raises(DownloadError, match="can be used with the option offline"):
        archive.entry(EMDB_ID)


def test_what_the_archive_lacks_is_remembered(archive, offline, server):
    data = server.files.pop(HALVES[1])
    entry = archive.entry(EMDB_ID)
    for asked in (archive, offline):
        with pytest.raises(NotThere, match=HALVES[1] + " does not exist"):
            asked.halves(entry)
    server.files[HALVES[1]] = data
    assert len(archive.halves(entry)) == len(offline.halves(entry)) == 2


def test_files_that_changed_on_disk_are_fetched_again(archive, offline, server):
    entry = archive.entry(EMDB_ID)
    path = archive.map(entry)
    path.write_bytes(gzip.compress(b"another" * 7000))
    with pytest.raises(DownloadError, match="is damaged; fetch it again"):
        offline.map(entry)
    assert gzip.open(str(archive.map(entry))).read() == _VOLUMES[0]
    assert server.count(MAP) == 2


def test_files_put_there_by_hand_are_taken_if_sound(archive, offline, server):
    entry = archive.entry(EMDB_ID)
    path = archive.map(entry)
    path.with_name(path.name + ".sha256").unlink()
    assert offline.map(entry) == path
    path.with_name(path.name + ".sha256").unlink()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DownloadError, match="damaged"):
        offline.map(entry)


def test_another_state_of_the_entry_is_kept_apart(archive, server):
    old = archive.map(archive.entry(EMDB_ID))
    metadata = json.loads(server.files[METADATA])
    metadata["admin"]["key_dates"]["update"] = "2024-01-31T00:00:00"
    server.files[METADATA] = json.dumps(metadata).encode()
    server.files[MAP] = gzip.compress(_VOLUMES[1])
    new = archive.map(archive.entry(EMDB_ID))
    assert gzip.open(str(new)).read() == _VOLUMES[1]
    assert gzip.open(str(old)).read() == _VOLUMES[0]


def _damaged_checksum(packed):
    """The file with one bit of its CRC-32 changed, which stands 8 bytes before its end."""
    return packed[:-8] + bytes([packed[-8] ^ 1]) + packed[-7:]


@pytest.mark.parametrize("wrong, words", [
    (_damaged_checksum, "the file is damaged"),
    (lambda packed: packed[:len(packed) // 2], "the file is damaged"),
    (lambda packed: gzip.compress(bytes(25_000)), "25 kB unpacked, and the archive says 50 kB"),
    (lambda packed: b"<html>Down for maintenance</html>", "the file is damaged")])
def test_wrong_maps_are_fetched_again_and_never_kept(archive, server, tmp_path, wrong, words):
    entry = archive.entry(EMDB_ID)
    damaged = wrong(server.files[MAP])
    server.faults[MAP] = [damaged] * 4
    with pytest.raises(DownloadError) as failure:
        archive.map(entry)
    assert words in str(failure.value)
    assert [path.name for path in (tmp_path / EMDB_ID).rglob("*") if path.is_file()] == [
        "entry.json"]
    server.faults[MAP] = [damaged]
    assert gzip.open(str(archive.map(entry))).read() == _VOLUMES[0]


@pytest.mark.parametrize("answer, words", [
    (b"<html>", "is not a model"), (b"data_7SGD\n_entry.id 7SGD\n", "has no atoms")])
def test_wrong_models(archive, server, answer, words):
    entry = archive.entry(EMDB_ID)
    server.faults[MODEL] = [answer] * 4
    with pytest.raises(DownloadError, match=words):
        archive.model(entry, "7sgd")
    assert archive.model(entry, "7sgd").read_bytes() == _CIF


@pytest.mark.parametrize("answer, words", [
    (b"<html>", "is not what EMDB answers"), (b"[]", "does not describe EMD-25107"),
    (b'{"emdb_id": "EMD-25108"}', "does not describe EMD-25107")])
def test_wrong_metadata(archive, server, tmp_path, answer, words):
    server.files[METADATA] = answer
    with pytest.raises(DownloadError, match=words):
        archive.entry(EMDB_ID)
    assert list((tmp_path / EMDB_ID).iterdir()) == []


def test_what_is_not_in_the_archive(archive, server):
    with pytest.raises(InputError, match="EMDB has no entry EMD-1234"):
        archive.entry("EMD-1234")
    entry = archive.entry(EMDB_ID)
    server.files.clear()
    with pytest.raises(InputError, match="The map of EMD-25107 is not public"):
        archive.map(entry)
    for fetch in (lambda: archive.halves(entry), lambda: archive.model(entry, "7sgd")):
        with pytest.raises(NotThere):
            fetch()


@pytest.mark.parametrize("server", [
    "ftp.ebi.ac.uk", "ftp://ftp.ebi.ac.uk", "http://", "http://[::1", "http://a:b",
    "http://a b", "http://münchen.example", "localhost:8000"])
def test_servers_have_an_address(tmp_path, server):
    with pytest.raises(InputError) as failure:
        Archive(tmp_path, server)
    assert server + ", is not an address such as http://" in str(failure.value)
    Archive(tmp_path, server, offline=True)


def test_servers_may_have_a_path_and_an_end(server, tmp_path):
    server.files = {"/mirror" + path: data for path, data in server.files.items()}
    for end in ("", "/", "/ \n"):
        archive = Archive(tmp_path, server.url + "/mirror" + end)
        assert archive.map(archive.entry(EMDB_ID)).exists()


def test_files_that_nobody_may_read(archive, monkeypatch):
    entry = archive.entry(EMDB_ID)
    path = archive.map(entry)

    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("vrs.io.archive.sha256", refuse)
    with pytest.raises(DownloadError) as failure:
        archive.map(entry)
    assert str(failure.value).startswith("%s cannot be read (Permission denied)" % path)


def test_folders_that_are_for_reading_only(archive, offline, monkeypatch):
    path = archive.map(archive.entry(EMDB_ID))
    path.with_name(path.name + ".sha256").unlink()

    def refuse(*_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("os.replace", refuse)
    assert offline.map(offline.entry(EMDB_ID)) == path
    with pytest.raises(DownloadError, match="Read-only file system.*with the option offline"):
        archive.entry(EMDB_ID)


def test_the_archives_themselves_are_the_default(tmp_path, monkeypatch):
    asked = []

    def note(url, path, check):
        asked.append(url)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(archive_server.metadata(50)) if not asked[1:] else "")

    monkeypatch.setattr("vrs.io.archive.download", note)
    archive = Archive(tmp_path)
    entry = archive.entry(EMDB_ID)
    archive.map(entry), archive.halves(entry), archive.model(entry, "7sgd")
    files = "https://ftp.ebi.ac.uk/pub/databases/emdb/structures/EMD-25107/"
    assert asked == ["https://www.ebi.ac.uk/emdb/api/entry/EMD-25107",
                     files + "map/emd_25107.map.gz", files + "other/emd_25107_half_map_1.map.gz",
                     files + "other/emd_25107_half_map_2.map.gz",
                     "https://www.ebi.ac.uk/pdbe/entry-files/download/7sgd.cif"]
