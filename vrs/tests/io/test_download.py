"""Files arrive completely and soundly, or not at all."""

import contextlib
import errno
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from vrs.errors import DownloadError
from vrs.io import download as module
from vrs.io.download import Damaged, NotThere, download
from vrs.tests.io.archive_server import serving

DATA = bytes(range(256)) * 1000


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(module, "PAUSE", 0)
    monkeypatch.setenv("no_proxy", "*")
    with serving() as server:
        server.files["/file"] = DATA
        yield server


@pytest.fixture
def fetch(server, tmp_path):
    """Fetches the file; what is left of a failure is checked elsewhere."""
    def run(path="/file", check=lambda part: None):
        download(server.url + path, tmp_path / "cache" / "file", check)
        assert os.listdir(tmp_path / "cache") == ["file"]
        return (tmp_path / "cache" / "file").read_bytes()
    return run


@pytest.fixture
def nothing_left(tmp_path):
    yield
    assert os.listdir(tmp_path / "cache") == []


def test_plainly(server, fetch):
    assert fetch() == DATA
    assert server.requests == [("/file", None)]


@pytest.mark.parametrize("faults", [[500], [503, 429, 502], ["cut early"]])
def test_busy_servers_are_asked_again(server, fetch, faults):
    server.faults["/file"] = list(faults)
    assert fetch() == DATA
    assert server.count("/file") == 1 + len(faults)


def test_what_broke_off_is_taken_up_where_it_ended(server, fetch):
    server.faults["/file"] = ["cut", "cut"]
    assert fetch() == DATA
    half = len(DATA) // 2
    assert [asked for _, asked in server.requests] == [
        None, "bytes=%d-" % half, "bytes=%d-" % (half + half // 2)]


def test_server_that_gives_no_parts(server, fetch):
    server.ranges, server.faults["/file"] = False, ["cut"]
    assert fetch() == DATA


def test_file_that_changes_meanwhile_is_not_patched_together(server, fetch, monkeypatch):
    def change(_):
        if server.requests:
            server.tag, server.files["/file"] = '"v2"', DATA[::-1] + b"more"

    server.faults["/file"] = ["cut"]
    monkeypatch.setattr(time, "sleep", change)
    assert fetch() == DATA[::-1] + b"more"


def test_without_a_version_it_begins_anew(server, fetch):
    server.tag, server.faults["/file"] = 'W/"weak"', ["cut"]
    assert fetch() == DATA
    assert [asked for _, asked in server.requests] == [None, None]


def test_damaged_files_are_fetched_again(server, fetch):
    def check(part):
        if part.read_bytes() != DATA:
            raise Damaged("is wrong")

    server.faults["/file"] = [DATA[:-1] + b"x"]
    assert fetch(check=check) == DATA
    assert [asked for _, asked in server.requests] == [None, None]


@pytest.mark.parametrize("fault, words", [
    (500, "the server answered 500"), ("cut", "broke off after"), (b"", "the file is empty")])
def test_it_gives_up_at_last(server, tmp_path, nothing_left, fault, words):
    def check(part):
        if not part.stat().st_size:
            raise Damaged("is empty")

    server.faults["/file"] = [fault] * 9
    with pytest.raises(DownloadError) as failure:
        download(server.url + "/file", tmp_path / "cache" / "file", check)
    assert words in str(failure.value) and "try again later" in str(failure.value)
    assert server.count("/file") == 4


def test_what_is_not_there_is_not_asked_for_again(server, tmp_path, nothing_left):
    with pytest.raises(NotThere, match="/other does not exist"):
        download(server.url + "/other", tmp_path / "cache" / "file", lambda part: None)
    assert server.count("/other") == 1


def test_refusals_are_final(server, tmp_path, nothing_left):
    server.faults["/file"] = [403]
    with pytest.raises(DownloadError, match="refused .*403") as failure:
        download(server.url + "/file", tmp_path / "cache" / "file", lambda part: None)
    assert not isinstance(failure.value, NotThere)
    assert server.count("/file") == 1


def test_nobody_there(server, tmp_path, nothing_left):
    with pytest.raises(DownloadError, match="4 attempts: Connection refused. Check the network"):
        download("http://127.0.0.1:9/file", tmp_path / "cache" / "file", lambda part: None)


def test_pauses_grow(server, monkeypatch, fetch):
    monkeypatch.undo()
    monkeypatch.setenv("no_proxy", "*")
    pauses = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    server.faults["/file"] = [500, 500, 500]
    fetch()
    # At first it is asked again at once.
    assert len(pauses) == 2 and 1 < pauses[0] < pauses[1]


@pytest.mark.parametrize("asked, pause", [
    ("7", [7]), ("0", []), ("86400", [module._LONGEST_WAIT]),
    ("Sat, 21 Nov 2020 07:28:00 GMT", [])])
def test_servers_may_ask_for_a_pause(server, monkeypatch, fetch, asked, pause):
    def busy(handler, _):
        handler.send_response(429)
        handler.send_header("Retry-After", asked)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    pauses = []
    monkeypatch.setattr(module, "PAUSE", 1)
    monkeypatch.setattr(time, "sleep", pauses.append)
    server.faults["/file"] = [busy]
    assert fetch() == DATA and pauses == pause


def test_long_transfers_may_break_off_often(server, monkeypatch, fetch):
    monkeypatch.setattr(module, "_CHUNK", 20)
    server.faults["/file"] = ["cut"] * 10
    assert fetch() == DATA
    assert server.count("/file") == 11


def test_damaged_files_are_not_fetched_for_ever(server, monkeypatch, tmp_path, nothing_left):
    def check(part):
        raise Damaged("is wrong")

    monkeypatch.setattr(module, "_CHUNK", 20)
    server.faults["/file"] = ["cut", None] * 9
    with pytest.raises(DownloadError, match="the file is wrong"):
        download(server.url + "/file", tmp_path / "cache" / "file", check)
    assert server.count("/file") == 8


def test_what_trickles_is_taken_for_broken_off(server, monkeypatch, fetch):
    def trickle(handler, data):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        with contextlib.suppress(OSError):  # at last nobody listens any more
            for number in data:
                handler.wfile.write(bytes([number]))
                time.sleep(0.01)

    monkeypatch.setattr(module, "_PATIENCE", 0.5)
    monkeypatch.setattr(module, "_PIECE", 16)
    server.faults["/file"] = [trickle, trickle]
    assert fetch() == DATA
    assert server.count("/file") == 3


def _without_length(handler, data):
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    for start in range(0, len(data), 50000):
        piece = data[start:start + 50000]
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
    handler.wfile.write(b"0\r\n\r\n")


def _broken_without_length(handler, data):
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b"%x\r\n%s" % (len(data), data[:1000]))


def test_servers_need_not_say_how_long_a_file_is(server, fetch):
    server.faults["/file"] = [_broken_without_length, _without_length]
    assert fetch() == DATA
    assert server.count("/file") == 2


@pytest.mark.parametrize("length, words", [("many", None), (str(len(DATA) + 5), "broke off")])
def test_servers_that_are_wrong_about_the_length(server, tmp_path, length, words):
    def answer(handler, data):
        handler.send_response(200)
        handler.send_header("Content-Length", length)
        handler.end_headers()
        handler.wfile.write(data)

    server.faults["/file"] = [answer] * 4
    path = tmp_path / "cache" / "file"
    if words:
        with pytest.raises(DownloadError, match=words):
            download(server.url + "/file", path, lambda part: None)
    else:
        download(server.url + "/file", path, lambda part: None)
        assert path.read_bytes() == DATA


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_files_that_moved_are_followed(server, fetch, code):
    def redirect(handler, _):
        handler.send_response(code)
        handler.send_header("Location", "/moved")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    server.files["/moved"] = DATA
    server.faults["/file"] = [redirect] * 2
    server.faults["/moved"] = ["cut"]
    assert fetch() == DATA
    assert [asked for path, asked in server.requests if path == "/moved"] == [
        None, "bytes=%d-" % (len(DATA) // 2)]


def test_proxies_are_used(server, monkeypatch, tmp_path):
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("http_proxy", server.url)
    server.files["http://archive.example/file"] = DATA
    download("http://archive.example/file", tmp_path / "file", lambda part: None)
    assert (tmp_path / "file").read_bytes() == DATA


def test_several_may_fetch_the_same_file(server, tmp_path):
    path, together = tmp_path / "cache" / "file", threading.Barrier(3, timeout=60)

    def wait(handler, data):
        together.wait()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    server.faults["/file"] = [wait] * 3
    with ThreadPoolExecutor(3) as pool:
        done = [pool.submit(download, server.url + "/file", path, lambda part: None)
                for _ in range(3)]
        for one in done:
            one.result()
    assert path.read_bytes() == DATA
    assert os.listdir(tmp_path / "cache") == ["file"]


def test_full_disk(server, tmp_path, monkeypatch, nothing_left):
    def replace(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(DownloadError, match="cache .No space left on device.; free some space"):
        download(server.url + "/file", tmp_path / "cache" / "file", lambda part: None)


def test_full_disk_while_it_arrives(server, tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    transfer = module._Transfer(module._session(), server.url + "/file", tmp_path / "part")
    (tmp_path / "part").symlink_to("/dev/full")
    with pytest.raises(DownloadError, match="No space left on device"):
        transfer.go_on()


def test_folder_that_cannot_be(server, tmp_path):
    (tmp_path / "cache").write_text("")
    with pytest.raises(DownloadError, match="give another folder"):
        download(server.url + "/file", tmp_path / "cache" / "file", lambda part: None)


def test_leftovers_of_killed_runs_go_and_those_of_others_stay(server, tmp_path):
    old, new = tmp_path / ".a.1.part", tmp_path / ".b.2.part"
    old.write_text(""), new.write_text("")
    os.utime(str(old), (0, time.time() - 7200))
    download(server.url + "/file", tmp_path / "file", lambda part: None)
    assert sorted(os.listdir(tmp_path)) == [".b.2.part", "file"]
