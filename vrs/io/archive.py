"""Entries of the public archives: what EMDB says of a map, and the files.

The metadata come from EMDB's web service (https://www.ebi.ac.uk/emdb/api), maps and half
maps from its file server, and models from PDBe. All is kept in a folder and taken from
there the next time.
"""

import contextlib
import gzip
import json
import math
import os
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import List, Optional
from urllib.parse import urlsplit

import gemmi

from vrs.errors import DownloadError, InputError
from vrs.io.download import Damaged, NotThere, download, part_of, storing
from vrs.io.maps import sha256

_METADATA = "https://www.ebi.ac.uk/emdb/api/entry/%s"
_FILES = "https://ftp.ebi.ac.uk/pub/databases/emdb/structures/%s/%s/%s"
_MODELS = "https://www.ebi.ac.uk/pdbe/entry-files/download/%s.cif"

# The archive counts sizes in thousands of bytes, rounded, or in 1024.
_SIZE_TOLERANCE = 0.05
_CHUNK = 1 << 20
_RECONSTRUCTION = ("structure_determination_list", "structure_determination", "image_processing",
                   "final_reconstruction")
_KDA_PER_MDA = 1000
# Sides of voxels that differ by rounding only.
_SAME_SIDES = 1.01
_WITHDRAWN = ("OBS", "WDRN")
_RELEASED = "REL"


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
    sampling : float or None
        Voxel size, Å; None where it is not told or not the same along all axes.
    symmetry : str
        Point group that was imposed; empty where it is not told.
    mass : float or None
        Of the specimen, kDa.
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
    sampling: Optional[float] = None
    symmetry: str = ""
    mass: Optional[float] = None


class Archive:
    """The archives, with a folder for what was fetched from them.

    Parameters
    ----------
    folder : path
    server : str
        Address that stands in for the archives' own servers; the paths are the same.
        Empty for the archives themselves, and of no account offline.
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
        self._folder, self._offline, self._say = Path(folder).absolute(), offline, say
        self._server = "" if offline else _checked_address(server)

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
            If there is no such entry, it was withdrawn, or is not public.
        DownloadError
            If the archive cannot be reached, or the entry is not in the folder.
        """
        def read(path):
            return to_entry(_checked_metadata(path, emdb_id))

        path = self._folder / emdb_id / "entry.json"
        if not self._offline:
            self._say("Asking for %s" % emdb_id)
            try:
                download(self._address(_METADATA % emdb_id), path, read)
            except NotThere:
                asked = " The server %s was asked." % self._server if self._server else ""
                raise InputError("EMDB has no entry %s; check its number.%s" % (emdb_id, asked)
                                 ) from None
            except DownloadError as error:
                if not os.path.exists(str(path)):
                    raise
                raise DownloadError("%s What was fetched before can be used with the option "
                                    "offline." % error) from None
        elif not os.path.exists(str(path)):
            raise self._absent(path)
        try:
            with _reading(path):
                return read(path)
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
        with _reading(path):
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
                # To say so offline as well.
                _note(_absence_path(path), str(error))
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
    """``EMD-1234`` for whatever way of writing it: emd_1234, EMDB 1234, 1234.

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
    found = re.fullmatch(r"(?i)\s*(?:EMDB?[-\u2010-\u2015_:\s]*)?([0-9]{4,6})\s*", text)
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
        If the entry was withdrawn, or its map is not public.
    Damaged
        If it names no file of the map, or one in another folder.
    """
    _refuse_withdrawn(metadata)
    references = {str(_first(reference, "pdb_id")).strip().lower(): reference for reference in
                  _all(metadata, "crossreferences", "pdb_list", "pdb_reference")}
    models = [pdb_id for pdb_id in references if re.fullmatch(r"[0-9]\w{3}|pdb_\w{8}", pdb_id)]
    halves = [_to_map(half) for half in
              _all(metadata, "interpretation", "half_map_list", "half_map")]
    return ArchiveEntry(
        emdb_id=metadata["emdb_id"], title=str(_first(metadata, "admin", "title") or ""),
        authors=[str(author) for author in _values(metadata, "admin", "authors_list", "author")],
        deposited=_date(metadata, "deposition"), updated=_date(metadata, "update"),
        resolution=_resolution(metadata), threshold=_threshold(metadata),
        map=_main_map(metadata), halves=halves if len(halves) == 2 and all(halves) else [],
        models=models, fitted=[pdb_id for pdb_id in models if _is_fitted(references[pdb_id])],
        sampling=_sampling(metadata), mass=_mass(metadata),
        symmetry=str(_first(metadata, *_RECONSTRUCTION, "applied_symmetry", "point_group")
                     or "").strip())


def _checked_address(server):
    address = server.strip().rstrip("/")
    with contextlib.suppress(ValueError):
        parts = urlsplit(address)
        sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        if not address or (sound and address.isascii() and not re.search(r"\s", address)):
            return address
    raise InputError("The server, %s, is not an address such as http://www.example.org/emdb."
                     % server)


def _checked_metadata(path, emdb_id):
    """The metadata in a file; also used as a check of it."""
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise Damaged("is not what EMDB answers") from None
    if not isinstance(metadata, dict) or metadata.get("emdb_id") != emdb_id:
        raise Damaged("does not describe %s" % emdb_id)
    return metadata


def _refuse_withdrawn(metadata):
    if _status(metadata) in _WITHDRAWN:
        # Which of the lists names the successors is not the same in all entries.
        named = [str(emdb_id) for name in ("superseded_by_list", "obsolete_list")
                 for emdb_id in _values(metadata, "admin", name, "entry", "entry")]
        others = " and ".join(sorted(set(named) - {metadata["emdb_id"]}))
        raise InputError("The entry %s was withdrawn from EMDB%s; look there for the one that "
                         "replaces it." % (metadata["emdb_id"],
                                           others and ", which names %s with it" % others))


def _status(metadata):
    return _first(metadata, "admin", "current_status", "code")


def _main_map(metadata):
    found = next(filter(None, map(_to_map, _all(metadata, "map"))), None)
    if found is None and _status(metadata) not in (None, _RELEASED):
        raise InputError("The map of %s is not public (yet); the entry has the status %s."
                         % (metadata["emdb_id"], _status(metadata)))
    if found is None:
        raise Damaged("names no file of a map")
    return found


def _all(node, *names):
    """All that stands under names within names: once, in lists on the way, or not at all."""
    found = [node]
    for name in names:
        below = [part.get(name) for part in found if isinstance(part, dict)]
        found = [part for parts in below
                 for part in (parts if isinstance(parts, list) else [parts])]
    return [part for part in found if part is not None]


def _values(node, *names):
    """The same as texts and numbers, without what states none."""
    values = [part.get("valueOf_") if isinstance(part, dict) else part
              for part in _all(node, *names)]
    return [value for value in values if value is not None]


def _first(node, *names):
    return next(iter(_values(node, *names)), None)


def _numbers(node, *names):
    numbers = []
    for value in _values(node, *names):
        with contextlib.suppress(TypeError, ValueError):
            numbers.append(float(value))
    return filter(math.isfinite, numbers)


def _date(metadata, name):
    found = re.match(r"\d{4}-\d{2}-\d{2}", str(_first(metadata, "admin", "key_dates", name)))
    return found.group() if found else ""


def _resolution(metadata):
    return next(filter(_is_positive, _numbers(metadata, *_RECONSTRUCTION, "resolution")), None)


def _sampling(metadata):
    sides = [next(_numbers(metadata, "map", "pixel_spacing", axis), 0) for axis in "xyz"]
    return sides[0] if min(sides) > 0 and max(sides) <= _SAME_SIDES * min(sides) else None


def _mass(metadata):
    """Mass of the specimen: that of the whole, else the sum of its macromolecules, kDa."""
    wholes = [whole for whole in _all(metadata, "sample", "supramolecule_list", "supramolecule")
              if str(_first(whole, "parent")) in ("0", "None")]
    for whole in wholes[:1]:
        for kind in ("theoretical", "experimental"):
            for mass in filter(_is_positive, _numbers(whole, "molecular_weight", kind)):
                return _KDA_PER_MDA * mass
    parts = [(next(_numbers(part, "molecular_weight", "theoretical"), 0),
              next(_numbers(part, "number_of_copies"), 1))
             for part in _all(metadata, "sample", "macromolecule_list", "macromolecule")]
    if not parts or not all(mass > 0 for mass, _ in parts):
        return None
    return _KDA_PER_MDA * sum(mass * copies for mass, copies in parts)


def _is_positive(number):
    return number > 0


def _threshold(metadata):
    contours = _all(metadata, "map", "contour_list", "contour")
    contours.sort(key=lambda contour: str(_first(contour, "primary")).lower() != "true")
    return next((level for contour in contours for level in _numbers(contour, "level")), None)


def _to_map(node):
    """A map, None where no file is named that stays in its folder."""
    name = str(_first(node, "file")).strip()
    if not re.fullmatch(r"\w[\w-]*(\.[\w-]+)+", name):
        return None
    return ArchiveMap(name, next(_numbers(node, "size_kbytes"), None))


def _is_fitted(reference):
    stands = _values(reference, "relationship", "in_frame")
    return not _values(reference, "relationship", "other") and "NOOVERLAP" not in stands


@contextlib.contextmanager
def _reading(path):
    try:
        yield
    except OSError as error:
        raise DownloadError("%s cannot be read (%s); ask its owner for permission, or give another "
                            "folder." % (path, error.strerror)) from None


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
    with contextlib.suppress(DownloadError):  # the folder may be for reading only
        _note_checksum(path)
    return True


def _note_checksum(path):
    """Write the SHA-256 as ``sha256sum --check`` reads it."""
    _note(_checksum_path(path), "%s  %s\n" % (sha256(path), path.name))


def _note(path, text):
    """Write a file at once, since others may be about to read it."""
    part = part_of(path)
    with storing(path):
        part.write_text(text, encoding="utf-8")
        os.replace(str(part), str(path))


def _checksum_path(path):
    return path.with_name(path.name + ".sha256")


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
    except (gzip.BadGzipFile, EOFError, zlib.error):
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
