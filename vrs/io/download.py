"""Fetching files from a web server: completely and soundly, or not at all."""

import contextlib
import os
import re
import time
import uuid

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

import vrs
from vrs.errors import DownloadError

# How often a server that is busy or out of reach is asked again, and a transfer taken up.
_TRIES_AGAIN = 3
# Seconds that pauses grow from, and the longest that a server can ask for.
PAUSE = 1
_LONGEST_WAIT = 120
_TIMEOUT = 60
_CHUNK = 1 << 20
_PIECE = 1 << 13  # bytes that are waited for at a time
# What brings fewer bytes per second for so many seconds is as good as broken off.
_SLOWEST, _PATIENCE = 1000, 60
_PART = ".part"
# Parts that nothing was added to for so long, in seconds, are left from a killed run.
_FORGOTTEN = 3600
_NO_SUCH_RANGE = 416
_BUSY = (408, 425, 429, 500, 502, 503, 504)


class Damaged(ValueError):
    """A file is not what it should be; the message ends the sentence "the file ..."."""


class NotThere(DownloadError):
    """The server has no such file."""


def download(url, path, check):
    """Fetch a file, which appears under its name only when it is complete and sound.

    A transfer that breaks off is taken up where it ended, if the server can do that, and a
    damaged file is fetched again, up to four times in all; attempts that brought a megabyte
    or more are not counted. In each, a server that is busy or out of reach is asked again
    after a pause, up to three times.

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


class _Patience(Retry):
    """Retries that do not wait as long as a server may ask for."""

    def get_retry_after(self, response):
        """Seconds that a busy server asks to be left alone, None where it does not."""
        asked = super().get_retry_after(response)
        return None if asked is None else min(asked, _LONGEST_WAIT)


def _session():
    """Asks again when a server is busy or cannot be reached."""
    session = requests.Session()
    # Coded content would be counted and taken up in another way than it is stored.
    session.headers.update({"User-Agent": "vrs/" + vrs.__version__,
                            "Accept-Encoding": "identity"})
    retries = _Patience(total=_TRIES_AGAIN, redirect=False, backoff_factor=PAUSE,
                        status_forcelist=_BUSY, raise_on_status=False)
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retries))
    return session


def _insist(url, part, check):
    with _session() as session:
        transfer, failures = _Transfer(session, url, part), 0
        while True:
            before = transfer.size()
            try:
                transfer.go_on()
                check(part)
                return
            except Damaged as error:
                _discard(part)
                problem = "the file %s" % error
            except _BrokenOff as error:
                problem = str(error)
            if transfer.size() - before < _CHUNK:
                failures += 1
            if failures > _TRIES_AGAIN:
                raise _gave_up(url, failures, problem)
            time.sleep(PAUSE * max(2 * failures - 1, 0))


def _gave_up(url, attempts, problem):
    return DownloadError("%s could not be fetched in %d attempts: %s. Check the network, or try "
                         "again later." % (url, attempts, problem))


class _BrokenOff(Exception):
    """A transfer came to no end; the message goes into a sentence."""


class _Transfer:
    """One file on its way, perhaps in several parts."""

    def __init__(self, session, url, part):
        self._session, self._url, self._part, self._version = session, url, part, None

    def size(self):
        """Bytes that have arrived."""
        return self._part.stat().st_size if self._part.exists() else 0

    def go_on(self):
        """Append what is missing, or begin anew."""
        have, headers = self.size(), {}
        if have and self._version:
            # If the file is another one by now, the server sends all of it.
            headers = {"Range": "bytes=%d-" % have, "If-Range": self._version}
        try:
            response = self._session.get(self._url, headers=headers, stream=True,
                                         timeout=_TIMEOUT)
        except requests.RequestException as error:
            raise _gave_up(self._url, _TRIES_AGAIN + 1, _described(error)) from None
        with response:
            self._refuse(response)
            self._version = _version(response.headers)
            start = have if response.status_code == 206 else 0
            length = response.headers.get("Content-Length", "")
            self._copy(response.raw, start, start + int(length) if length.isdecimal() else None)

    def _refuse(self, response):
        """Raise what an answer without a file means."""
        code, reason = response.status_code, response.reason
        if code in (404, 410):
            raise NotThere("%s does not exist." % self._url)
        if code == _NO_SUCH_RANGE:
            _discard(self._part)
            raise _BrokenOff("the server answered %d %s" % (code, reason))
        if code in _BUSY:
            raise _gave_up(self._url, _TRIES_AGAIN + 1, "the server answered %d %s"
                           % (code, reason))
        if not response.ok:
            raise DownloadError("The server refused %s (%d %s); check the address, or ask those "
                                "who run the server." % (self._url, code, reason))

    def _copy(self, stream, start, expected):
        with storing(self._part):
            out = open(str(self._part), "ab" if start else "wb")
        with out:
            try:
                for piece in self._in_time(stream.stream(_PIECE, decode_content=False)):
                    with storing(self._part):
                        out.write(piece)
                        out.flush()
            except (HTTPError, OSError):
                pass  # told below by what arrived, unless the length is not known
            else:
                if expected is None:
                    return
        have = self.size()
        if expected is None or have < expected:
            raise _BrokenOff("the connection broke off after %d%s bytes" % (
                have, "" if expected is None else " of %d" % expected))

    @staticmethod
    def _in_time(pieces):
        """The pieces of a transfer, unless they come too slowly."""
        since, arrived = time.monotonic(), 0
        for piece in pieces:
            yield piece
            arrived += len(piece)
            if time.monotonic() - since > _PATIENCE:
                if arrived < _PATIENCE * _SLOWEST:
                    raise _BrokenOff("only %d bytes came in %d seconds" % (arrived, _PATIENCE))
                since, arrived = time.monotonic(), 0


def _version(headers):
    """What tells this version of a file from others, if the server says it."""
    tag = headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified")


def _described(error):
    """Why a server could not be reached, in the middle of a sentence."""
    system = re.search(r"\[Errno -?\d+\] ([^'\")]+)", str(error))
    return system.group(1) if system else str(error) or type(error).__name__


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
