"""Entries of the public archives: what EMDB says of a map, and the files.

The metadata come from EMDB's web service (https://www.ebi.ac.uk/emdb/api), maps and half
maps from its file server, and models from PDBe. All is kept in a folder and taken from
there the next time.
"""

import gzip
import json
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import List, Optional
from urllib.parse import urlsplit

import gemmi

from vrs.errors import DownloadError, InputError
from vrs.io.download import Damaged, NotThere, download, storing
from vrs.io.maps import sha256

_METADATA = "https://www.ebi.ac.uk/emdb/api/entry/%s"
_FILES = "https://ftp.ebi.ac.uk/pub/databases/emdb/structures/%s/%s/%s"
_MODELS = "https://www.ebi.ac.uk/pdbe/entry-files/download/%s.cif"

# The archive counts sizes in thousands of bytes, rounded, or in 1024.
_SIZE_TOLERANCE = 0.05
_CHUNK = 1 << 20
_WITHDRAWN = "OBS"


@dataclass
class ArchiveMap:
    """A map or half map in the archive; ``kilobytes`` is its size unpacked, None if unknown."""

    name: str
    kilobytes: Optional[float] = None


@dataclass
class ArchiveEntry:
    """What EMDB says of an entry.

    Attributes
    ----------
    emdb_id : str
        "EMD-1234".
    title : str
    authors : list of str
    deposited, updated : str
        Dates, 2021-10-05 for instance; empty where not given.
    resolution : float or None
        Reported resolution, Å.
    threshold : float or None
        Contour level that the depositors recommend.
    map : ArchiveMap
    halves : list of ArchiveMap
        The two half maps; empty where the archive has not exactly two.
    models : list of str
        PDB ids of all models that belong to the entry.
    fitted : list of str
        Those of them that stand in the map.
    """

    emdb_id: str
    title: str
    authors: List[str]
    deposited: str
    updated: str
    resolution: Optional[float]
    threshold: Optional[float]
    map: ArchiveMap
    halves: List[ArchiveMap] = field(default_factory=list)
    models: List[str] = field(default_factory=list)
    fitted: List[str] = field(default_factory=list)


class Archive:
    """The archives, with a folder for what was fetched from them.

    Parameters
    ----------
    folder : path
    server : str
        Address that stands in for the archives' own servers; the paths are the same.
        Empty for the archives themselves.
    offline : bool
        Take everything from the folder.
    say : callable
        Told in words what is being fetched.

    Raises
    ------
    InputError
        If the server is not an address.
    """

    def __init__(self, folder, server="", offline=False, say=lambda text: None):
        if server and urlsplit(server).scheme not in ("http", "https"):
            raise InputError("The server, %s, is not an address that begins with http:// or "
                             "https://." % server)
        self._folder, self._server = Path(folder).absolute(), server.rstrip("/")
        self._offline, self._say = offline, say

    def entry(self, emdb_id):
        """What EMDB says of an entry: asked anew each time, unless offline.

        Parameters
        ----------
        emdb_id : str
            As :func:`to_emdb_id` makes it.

        Returns
        -------
        ArchiveEntry

        Raises
        ------
        InputError
            If there is no such entry, or it was withdrawn.
        DownloadError
            If the archive cannot be reached, or the entry is not in the folder.
        """
        path = self._folder / emdb_id / "entry.json"
        if not self._offline:
            self._say("Asking for %s" % emdb_id)
            try:
                download(self._address(_METADATA % emdb_id), path,
                         lambda part: _checked_metadata(part, emdb_id))
            except NotThere:
                raise InputError("EMDB has no entry %s; check its number." % emdb_id) from None
            except DownloadError as error:
                if not path.exists():
                    raise
                raise DownloadError("%s What was fetched before can be used with the option "
                                    "offline." % error) from None
        elif not path.exists():
            raise self._absent(path)
        try:
            return to_entry(_checked_metadata(path, emdb_id))
        except Damaged as error:
            raise DownloadError("What EMDB says of %s, kept in %s, cannot be used: the file %s."
                                % (emdb_id, path, error)) from None

    def map(self, entry):
        """The map's file.

        Parameters
        ----------
        entry : ArchiveEntry

        Returns
        -------
        pathlib.Path

        Raises
        ------
        InputError
            If the map is not public.
        DownloadError
            If it cannot be fetched, or is not in the folder.
        """
        try:
            return self._map_file(entry, entry.map, "map")
        except NotThere:
            if self._offline:
                raise
            raise InputError("The map of %s is not public (yet)." % entry.emdb_id) from None

    def halves(self, entry):
        """The files of the half maps, a list of two; errors as of :meth:`model`."""
        return [self._map_file(entry, half, "other") for half in entry.halves]

    def model(self, entry, pdb_id):
        """The file of a model.

        Parameters
        ----------
        entry : ArchiveEntry
        pdb_id : str

        Returns
        -------
        pathlib.Path

        Raises
        ------
        NotThere
            If it is not public.
        DownloadError
            If it cannot be fetched, or is not in the folder.
        """
        return self._file(entry, pdb_id + ".cif", _MODELS % pdb_id, _check_model)

    def _map_file(self, entry, archived, kind):
        return self._file(entry, archived.name, _FILES % (entry.emdb_id, kind, archived.name),
                          lambda path: _check_map(path, archived))

    def _file(self, entry, name, address, check):
        # A folder for each state of the entry: projects may still use files of earlier ones.
        path = self._folder / entry.emdb_id / (entry.updated or "undated") / name
        sound = _is_sound(path, check)
        if not sound and self._offline:
            if path.exists():
                raise DownloadError("The file %s is damaged; fetch it again, without the option "
                                    "offline." % path)
            raise self._absent(path)
        if not sound:
            self._say("Fetching %s" % name)
            try:
                download(self._address(address), path, check)
            except NotThere as error:
                _note_absence(path, error)
                raise
            _note_checksum(path)
        return path

    def _address(self, address):
        return self._server + urlsplit(address).path if self._server else address

    def _absent(self, path):
        noted = _absence_path(path)
        if noted.exists():
            return NotThere(noted.read_text(encoding="utf-8"))
        return NotThere("%s was not fetched before (it would be in %s); fetch it once without "
                        "the option offline." % (path.name, path.parent))


def to_emdb_id(text):
    """``EMD-1234`` for whatever way of writing it: emd_1234, 1234.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Raises
    ------
    InputError
        If it is no such number.
    """
    found = re.fullmatch(r"(?i)\s*(?:EMD[-_ ]?)?(\d{4,6})\s*", text)
    if not found:
        raise InputError("%s is not the number of an EMDB entry; give it as EMD-1234." % text)
    return "EMD-" + found.group(1)


def to_entry(metadata):
    """Read what EMDB's web service answers.

    Parameters
    ----------
    metadata : dict
        The JSON form of the data model EMDB v3: texts with attributes, such as units,
        are mappings with their value under ``valueOf_``.

    Returns
    -------
    ArchiveEntry

    Raises
    ------
    InputError
        If the entry was withdrawn.
    Damaged
        If it names no file of the map, or one in another folder.
    """
    admin = _part(metadata, "admin")
    dates = _part(admin, "key_dates")
    emdb_id = metadata["emdb_id"]
    if _value(_part(admin, "current_status").get("code")) == _WITHDRAWN:
        raise InputError("The entry %s was withdrawn from EMDB; look there for the one that "
                         "replaces it." % emdb_id)
    halves = [_to_map(half) for half in
              _parts(metadata, "interpretation", "half_map_list", "half_map")]
    references = [reference for reference in
                  _parts(metadata, "crossreferences", "pdb_list", "pdb_reference")
                  if re.fullmatch(r"\w{4,12}", str(reference.get("pdb_id")))]
    return ArchiveEntry(
        emdb_id=emdb_id, title=str(_value(admin.get("title")) or ""),
        authors=[str(_value(author)) for author in _parts(admin, "authors_list", "author")],
        deposited=_date(dates.get("deposition")), updated=_date(dates.get("update")),
        resolution=_resolution(metadata), threshold=_threshold(metadata),
        map=_to_map(_part(metadata, "map")), halves=halves if len(halves) == 2 else [],
        models=[reference["pdb_id"].lower() for reference in references],
        fitted=[reference["pdb_id"].lower() for reference in references
                if _is_fitted(reference)])


def _checked_metadata(path, emdb_id):
    """The metadata in a file; also used as a check of it."""
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise Damaged("is not what EMDB answers") from None
    if not isinstance(metadata, dict) or metadata.get("emdb_id") != emdb_id:
        raise Damaged("does not describe %s" % emdb_id)
    return metadata


def _value(node):
    return node.get("valueOf_") if isinstance(node, dict) else node


def _part(node, *names):
    """What stands under names within names, empty where something on the way is missing."""
    for name in names:
        node = (node or {}).get(name)
    return node or {}


def _parts(node, *names):
    found = _part(node, *names)
    return found if isinstance(found, list) else [found] * bool(found)


def _number(node):
    try:
        return float(_value(node))
    except (TypeError, ValueError):
        return None


def _date(node):
    found = re.match(r"\d{4}-\d{2}-\d{2}", str(_value(node)))
    return found.group() if found else ""


def _resolution(metadata):
    stated = [_number(_part(processing, "final_reconstruction").get("resolution"))
              for determination in _parts(metadata, "structure_determination_list",
                                          "structure_determination")
              for processing in _parts(determination, "image_processing")]
    return next((number for number in stated if number and number > 0), None)


def _threshold(metadata):
    contours = _parts(metadata, "map", "contour_list", "contour")
    contours.sort(key=lambda contour: str(contour.get("primary")).lower() != "true")
    levels = [_number(contour.get("level")) for contour in contours]
    return next((level for level in levels if level is not None), None)


def _to_map(node):
    name = str(_value(node.get("file")) or "")
    if not re.fullmatch(r"\w[\w.-]*", name):  # nothing that leads out of the folder
        raise Damaged("names no file of a map")
    return ArchiveMap(name, _number(node.get("size_kbytes")))


def _is_fitted(reference):
    relationship = _part(reference, "relationship")
    return "other" not in relationship and relationship.get("in_frame") != "NOOVERLAP"


def _is_sound(path, check):
    """Whether a file is there as it was fetched, or, if put there by hand, is sound."""
    if not path.exists():
        return False
    noted = _checksum_path(path)
    if noted.exists():
        return noted.read_text(encoding="utf-8").split()[:1] == [sha256(path)]
    try:
        check(path)
    except Damaged:
        return False
    _note_checksum(path)
    return True


def _note_checksum(path):
    """Write the SHA-256 as ``sha256sum --check`` reads it."""
    with storing(path):
        _checksum_path(path).write_text("%s  %s\n" % (sha256(path), path.name), encoding="utf-8")


def _checksum_path(path):
    return path.with_name(path.name + ".sha256")


def _note_absence(path, error):
    """Keep that the archive does not have a file, to say so offline as well."""
    with storing(path):
        _absence_path(path).write_text(str(error), encoding="utf-8")


def _absence_path(path):
    return path.with_name(path.name + ".absent")


def _check_map(path, archived):
    """Unpack a map, which tells by its checksum whether it is sound, and compare its size."""
    size = 0
    try:
        with (gzip.open if archived.name.endswith(".gz") else open)(str(path), "rb") as file:
            chunk = file.read(_CHUNK)
            while chunk:
                size += len(chunk)
                chunk = file.read(_CHUNK)
    except (OSError, EOFError, zlib.error):
        raise Damaged("is damaged") from None
    stated = archived.kilobytes
    if stated and abs(size / 1000 / stated - 1) > _SIZE_TOLERANCE:
        raise Damaged("has %d kB unpacked, and the archive says %d kB" % (size / 1000, stated))


def _check_model(path):
    try:
        blocks = list(gemmi.cif.read(str(path)))
    except (RuntimeError, ValueError, OSError):
        raise Damaged("is not a model in mmCIF format") from None
    if not any(block.find_loop("_atom_site.Cartn_x") for block in blocks):
        raise Damaged("has no atoms")
