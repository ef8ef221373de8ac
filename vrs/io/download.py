"""Fetching files from a web server: completely and soundly, or not at all."""

import contextlib
import http.client
import os
import time
import urllib.error
import urllib.request
import uuid

import vrs
from vrs.errors import DownloadError

# Seconds between the attempts, and the longest that a server can ask for.
WAITS = (1, 4, 16)
_LONGEST_WAIT = 120
_TIMEOUT = 60
_CHUNK = 1 << 20
# What brings fewer bytes per second for so many seconds is as good as broken off.
_SLOWEST, _PATIENCE = 1000, 60
_PART = ".part"
# Parts that nothing was added to for so long, in seconds, are left from a killed run.
_FORGOTTEN = 3600
_NO_SUCH_RANGE = 416
_BUSY = (408, 425, 429, 500, 502, 503, 504, _NO_SUCH_RANGE)
_NETWORK_ERRORS = (OSError, http.client.HTTPException)


class Damaged(ValueError):
    """A file is not what it should be; the message ends the sentence "the file ..."."""


class NotThere(DownloadError):
    """The server has no such file."""


def download(url, path, check):
    """Fetch a file, which appears under its name only when it is complete and sound.

    A transfer that breaks off is taken up where it ended, if the server can do that.
    A server that is busy or out of reach is asked again after a pause, and a damaged
    file is fetched again, up to four times in all; attempts that brought a megabyte
    or more are not counted.

    Parameters
    ----------
    url : str
    path : pathlib.Path
        In a folder that is made when it does not exist.
    check : callable
        Given the path of the complete file, raises :class:`Damaged` when it is not sound.

    Raises
    ------
    NotThere
        If the server has no such file.
    DownloadError
        If the server or the network fails time and again, or the file cannot be kept.
    """
    part = part_of(path)
    with storing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_forgotten(path.parent)
    try:
        _insist(url, part, check)
        with storing(path):
            os.replace(str(part), str(path))
    finally:
        _discard(part)


def part_of(path):
    """Where a file is written until it is complete; never the same for two that write it.

    Parameters
    ----------
    path : pathlib.Path

    Returns
    -------
    pathlib.Path
        Beside it; removed by a later download into the folder if nobody else does.
    """
    return path.with_name(".%s.%s%s" % (path.name, uuid.uuid4().hex, _PART))


def _insist(url, part, check):
    transfer, failures = _Transfer(url, part), 0
    while True:
        before, wait = transfer.size(), 0
        try:
            transfer.go_on()
            check(part)
            return
        except Damaged as error:
            _discard(part)
            problem = "the file %s" % error
        except urllib.error.HTTPError as error:
            problem, wait = _answer(url, error), _asked_wait(error.headers)
            if error.code == _NO_SUCH_RANGE:
                _discard(part)
        except _NETWORK_ERRORS as error:
            problem = _described(error)
        if transfer.size() - before < _CHUNK:
            failures += 1
        if failures > len(WAITS):
            raise DownloadError("%s could not be fetched in %d attempts: %s. Check the network, "
                                "or try again later." % (url, failures, problem))
        time.sleep(max(wait, WAITS[max(failures, 1) - 1]))


class _Transfer:
    """One file on its way, perhaps in several parts."""

    def __init__(self, url, part):
        self._url, self._part, self._version = url, part, None

    def size(self):
        """Bytes that have arrived."""
        return self._part.stat().st_size if self._part.exists() else 0

    def go_on(self):
        """Append what is missing, or begin anew."""
        have = self.size()
        request = urllib.request.Request(
            self._url, headers={"User-Agent": "vrs/" + vrs.__version__, "Accept": "*/*"})
        if have and self._version:
            request.add_header("Range", "bytes=%d-" % have)
            # If the file is another one by now, the server sends all of it.
            request.add_header("If-Range", self._version)
        opener = urllib.request.build_opener(_Redirects)
        with opener.open(request, timeout=_TIMEOUT) as response:
            start = have if response.status == 206 else 0
            self._version = _version(response.headers)
            expected = start + (response.length or 0)
            self._copy(response, start)
        have = self.size()
        if have < expected:
            raise ConnectionError("the connection broke off after %d of %d bytes"
                                  % (have, expected))

    def _copy(self, response, start):
        with storing(self._part):
            out = open(str(self._part), "ab" if start else "wb")
        with out:
            since, arrived = time.monotonic(), 0
            while True:
                chunk = response.read1(_CHUNK)
                if not chunk:
                    return
                with storing(self._part):
                    out.write(chunk)
                    out.flush()
                arrived += len(chunk)
                if time.monotonic() - since > _PATIENCE:
                    if arrived < _PATIENCE * _SLOWEST:
                        raise ConnectionError("only %d bytes came in %d seconds"
                                              % (arrived, _PATIENCE))
                    since, arrived = time.monotonic(), 0


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows permanent redirects of the kind 308, which Python itself does since 3.11."""

    def http_error_308(self, request, response, code, message, headers):
        return self.http_error_301(request, response, 301, message, headers)


def _version(headers):
    """What tells this version of a file from others, if the server says it."""
    tag = headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified")


def _answer(url, error):
    """What a server's refusal means; raises what cannot be mended by asking again."""
    error.close()
    if error.code in (404, 410):
        raise NotThere("%s does not exist." % url) from None
    if error.code not in _BUSY:
        raise DownloadError("The server refused %s (%d %s); check the address, or ask those who "
                            "run the server." % (url, error.code, error.reason)) from None
    return "the server answered %d %s" % (error.code, error.reason)


def _asked_wait(headers):
    """Seconds that a busy server asks to be left alone."""
    asked = headers.get("Retry-After", "")
    return min(int(asked), _LONGEST_WAIT) if asked.isdecimal() else 0


def _described(error):
    if isinstance(error, http.client.IncompleteRead):
        return "the connection broke off"
    reason = getattr(error, "reason", error)
    return getattr(reason, "strerror", None) or str(reason) or type(reason).__name__


@contextlib.contextmanager
def storing(path):
    """Say in words why a file cannot be written.

    Parameters
    ----------
    path : pathlib.Path

    Raises
    ------
    DownloadError
        Instead of an OSError inside.
    """
    try:
        yield
    except OSError as error:
        raise DownloadError("Nothing can be kept in the folder %s (%s); free some space, or give "
                            "another folder." % (path.parent, error.strerror)) from None


def _remove_forgotten(folder):
    for part in folder.glob(".*" + _PART):
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime > _FORGOTTEN:
                part.unlink()


def _discard(part):
    with contextlib.suppress(OSError):
        part.unlink()
