"""From the number of an entry to its report."""

import gzip
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from vrs import inputs
from vrs.cli import main
from vrs.io import download
from vrs.io.maps import write_map
from vrs.io.models import write_model
from vrs.scipion import is_installed
from vrs.tests.checks.level_A import models
from vrs.tests.io import archive_server
from vrs.tests.io.archive_server import HALVES, MAP, METADATA, MODEL
from vrs.tests.protocols import maps

_PROGRAM = "import sys; from vrs.cli import main; sys.exit(main())"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Bytes of a map and two half maps, and of a model."""
    folder = tmp_path_factory.mktemp("deposited")
    write_model(str(folder / "model.cif"), models.walk())
    paths = [str(maps.write_blob(folder / "map.mrc"))] + maps.write_halves(folder)
    return [open(path, "rb").read() for path in paths], (folder / "model.cif").read_bytes()


@pytest.fixture
def server(monkeypatch, files):
    monkeypatch.setattr(download, "PAUSE", 0)
    monkeypatch.setenv("no_proxy", "*")
    with archive_server.serving() as server:
        archive_server.fill(server, *files)
        yield server


@pytest.fixture
def entry(server, tmp_path, monkeypatch, capfd):
    """Runs ``vrs entry`` up to Scipion; gives exit code, request or None, and complaints.

    Its attribute ``remarks`` has what the command says of the entry.
    """
    requests = []
    monkeypatch.setattr("vrs.cli.entry.run", lambda request, _: requests.append(request))
    monkeypatch.setattr("vrs.cli.entry.user_data_folder", lambda: str(tmp_path))
    monkeypatch.setenv("VRS_ARCHIVE", server.url)
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        del requests[:]
        code = main(["entry"] + list(arguments))
        said, complaints = capfd.readouterr()
        run.remarks = [line[len("Note: "):] for line in said.splitlines()
                       if line.startswith("Note: ")]
        return code, (requests or [None])[0], complaints

    return run


def test_all_that_an_entry_has_is_validated(entry, tmp_path):
    code, request, complaints = entry("emd_25107")
    assert (code, complaints, entry.remarks) == (0, "", [])
    assert (request.given["threshold"], request.given["resolution"]) == (0.5, 3.97)
    assert np.array_equal(request.map.volume, maps.blob())
    found = inputs.load(request.given)
    assert np.array_equal(found.half_maps.second, maps.halves()[1])
    assert found.model is not None
    assert request.output == str(tmp_path / "emd_25107_vrs")
    assert request.given["map"].startswith(str(tmp_path / "vrs_archive" / "EMD-25107"))
    assert request.entry == {
        "emdbId": "EMD-25107", "pdbId": "7sgd", "samplingRate": None, "offline": True,
        "cacheFolder": str(tmp_path / "vrs_archive")}


def test_numbers_of_the_user_win(entry):
    _, request, _ = entry("EMD-25107", "--threshold", "0.4", "--resolution", "5", "--sampling",
                          "1.5")
    assert (request.map.threshold, request.map.sampling) == (0.4, 1.5)
    assert float(request.given["resolution"]) == 5


def test_unknown_entries(entry, server, tmp_path):
    assert entry("EMD-1234") == (2, None, "vrs: EMDB has no entry EMD-1234; check its number. The "
                                          "server %s was asked.\n" % server.url)
    code, _, complaints = entry("7sgd")
    assert code == 2 and "give it as EMD-1234" in complaints
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_without_contour_level_one_is_suggested(entry, server, files):
    archive_server.fill(server, *files, level=None)
    code, request, _ = entry("EMD-25107")
    assert code == 0 and "threshold" not in request.given
    assert request.map.threshold > 0
    assert entry("EMD-25107", "--threshold", "0.3")[1].map.threshold == 0.3


def test_wrong_numbers_are_told_before_anything_is_fetched(entry, server):
    code, request, complaints = entry("EMD-25107", "--threshold", "o.1", "--resolution", "0",
                                      "--sampling", "-1", "--multimodel", "few")
    assert (code, request, server.requests) == (2, None, [])
    for words in ("threshold, o.1,", "resolution, 0,", "sampling, -1,", "few"):
        assert complaints.count(words) == 1


def test_contour_level_of_zero_is_one(entry, server, files):
    archive_server.fill(server, *files, level=0)
    assert entry("EMD-25107")[1].map.threshold == 0


def test_what_an_entry_lacks_is_remarked(entry, server, files):
    archive_server.fill(server, *files, resolution=None, halves=False, models=("NOOVERLAP",))
    code, request, _ = entry("EMD-25107")
    assert code == 0
    assert set(request.given) == {"map", "threshold"}
    first, second, third = entry.remarks
    assert "no resolution" in first
    assert "level 1 is left out" in second and "level A is left out" in third


def test_files_that_are_not_public_are_remarked(entry, server):
    del server.files[HALVES[1]], server.files[MODEL]
    code, request, _ = entry("EMD-25107")
    assert code == 0 and set(request.given) == {"map", "threshold", "resolution"}
    first, second = entry.remarks
    assert "half maps" in first and HALVES[1] in first
    assert "7SGD" in second and "level A" in second


def test_half_maps_of_another_box_do_not_keep_the_map_from_being_validated(
        entry, server, files, tmp_path):
    write_map(str(tmp_path / "small.mrc"), maps.blob()[4:-4, 4:-4, 4:-4], maps.SAMPLING)
    small = (tmp_path / "small.mrc").read_bytes()
    archive_server.fill(server, *files)
    described = json.loads(server.files[METADATA])
    for half, path in zip(described["interpretation"]["half_map_list"]["half_map"], HALVES):
        half["size_kbytes"] = len(small) // 1000
        server.files[path] = gzip.compress(small)
    server.files[METADATA] = json.dumps(described).encode()
    code, request, _ = entry("EMD-25107")
    assert code == 0 and "half1" not in request.given and "model" in request.given
    assert all("without the half maps" in remark for remark in entry.remarks)
    assert any("40 × 40 × 40" in remark for remark in entry.remarks)


def test_problems_that_the_map_has_too_are_told_once(entry):
    code, request, complaints = entry("EMD-25107", "--threshold", "7")
    assert (code, request) == (2, None)
    assert len(complaints.splitlines()) == 1 and "%g" % maps.blob().max() in complaints


def test_another_model_can_be_chosen(entry, server, files):
    archive_server.fill(server, *files, models=("FULLOVERLAP", "NOOVERLAP"))
    server.files[MODEL.replace("7sgd", "7sge")] = files[1]
    assert entry("EMD-25107", "--pdb", "7SGE")[1].given["model"].endswith("7sge.cif")
    assert entry("EMD-25107")[1].given["model"].endswith("7sgd.cif")
    code, _, complaints = entry("EMD-25107", "--pdb", "1abc")
    assert code == 2 and "its models are: 7sgd, 7sge" in complaints


def test_nothing_to_refine(entry, server, files):
    archive_server.fill(server, *files, models=())
    code, _, complaints = entry("EMD-25107", "--multimodel", "3")
    assert code == 2 and "--multimodel" in complaints
    assert server.count(MAP) == 0


def test_failures_of_the_network_are_no_fault_of_the_user(entry, server, tmp_path):
    server.faults[MAP] = [500, 502, 503, 500]
    code, request, complaints = entry("EMD-25107")
    assert (code, request) == (1, None)
    assert "in 4 attempts: the server answered 500" in complaints and "again" in complaints
    assert not list(tmp_path.rglob("*.part")) and not list(tmp_path.rglob("*.map*"))
    assert entry("EMD-25107")[0] == 0


def test_again_without_network(entry, server):
    entry("EMD-25107", "--cache", "kept here")
    asked = len(server.requests)
    code, request, _ = entry("EMD-25107", "--cache", "kept here", "--offline")
    assert code == 0 and {"half1", "half2", "model"} <= set(request.given)
    assert len(server.requests) == asked
    code, _, complaints = entry("EMD-25107", "--offline")
    assert code == 1 and "without the option offline" in complaints


def test_servers_that_are_none(entry):
    code, _, complaints = entry("EMD-25107", "--server", "ftp.ebi.ac.uk")
    assert code == 2 and "http://" in complaints


def test_the_report_on_an_entry(server, files, tmp_path):
    archive_server.fill(server, *files, halves=False, models=("FULLOVERLAP", "NOOVERLAP"),
                        resolution=None)
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith("SCIPION")}
    environment.update(SCIPION_USER_DATA=str(tmp_path / "data"))
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, "entry", "EMD-25107", "--server", server.url,
         "--output", "out"], cwd=str(tmp_path), env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, universal_newlines=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Fetching emd_25107.map.gz\n" in done.stdout and done.stderr == ""
    assert (tmp_path / "data" / "vrs_archive" / "EMD-25107" / "entry.json").exists()
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["input"]["title"] == "EMD-25107: Lassa virus glycoprotein construct"
    assert report["input"]["file_name"] == "emd_25107.map.gz"
    assert [entry["file_name"] for added in report["input"]["added"]
            for entry in added["files"]] == ["7sgd.cif"]
    provenance = report["provenance"]
    assert (report["grade"], provenance["entry"]["deposited"]) == ("0A", "2021-10-05")
    assert [run["class"] for run in provenance.get("protocols", [])] == [
        "ProtVrsImportEntry", "ProtVrsValidateMap"] * is_installed()
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for text in ("EMD-25107: Lassa virus glycoprotein construct", "2021-10-05", "7SGD", "7SGE",
                 "https://www.ebi.ac.uk/emdb/EMD-25107", "Antanasijevic A, Ward AB",
                 "The entry states no resolution.", "level 1 is left out",
                 "contour level that EMD-25107 recommends"):
        assert text in page
