"""Micrographs, and the coordinates of what was picked in them."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Tuple

import numpy as np

from vrs.errors import InputError
from vrs.inputs import NUMBER, Kind, Loaded, Option, Source, read_value, register
from vrs.io.coordinates import ENDINGS as COORDINATE_ENDINGS
from vrs.io.coordinates import by_micrograph, read_coordinates
from vrs.io.micrographs import ENDINGS, find_micrograph, probe_micrograph, without_ending
from vrs.io.problems import collected, to_number
from vrs.results import Note

_NAMED = 5
# Bytes of a file that is read at once when it is only looked at; larger ones take seconds.
_SOON_READ = 2 ** 20
_MOST_OUTSIDE = 0.2  # of the coordinates: more do not belong to these images
# Programs write it that do not know the sampling.
_UNSET = 1.0
_NO_COORDINATES = ("The micrographs have no coordinates; give those of the particles with "
                   "--coordinates, or a table of particles that has them with --particles.")


@dataclass(frozen=True)
class PickedMicrograph:
    """A micrograph and what was picked in it.

    Attributes
    ----------
    path : str
    points : numpy.ndarray of float64, (particles, 2)
        Centres x and y, pixels of the micrograph as its file stores them.
    sampling : float
        Å/pixel.
    box : float or None
        Side of the boxes in Å where the coordinates tell it.
    """

    path: str
    points: np.ndarray
    sampling: float
    box: Optional[float] = None


@dataclass(frozen=True)
class MicrographEvidence:
    """Micrographs in which particles were picked.

    Attributes
    ----------
    picked : tuple of PickedMicrograph
        Those that are there and have coordinates.
    missing : tuple of str
        Those with coordinates that are not there, as the coordinates name them.
    """

    picked: Tuple[PickedMicrograph, ...]
    missing: Tuple[str, ...] = ()


def _to_sampling(value):
    return to_number(value, "The pixel size of the micrographs",
                     "give it in Å/pixel, for example 0.83", positive=True)


class _MicrographsKind(Kind):
    name = "micrographs"
    title = "Micrographs"
    words = "the micrographs with coordinates"
    place = 35
    help = ("The micrographs and where particles were picked in them; a table of particles with "
            "coordinates can replace the latter.")
    options = (
        Option("micrographs", "micrograph, or folder of micrographs: MRC or TIFF",
               "Micrographs", "A micrograph that was aligned from its movie, or a folder of such "
               "micrographs; MRC (also compressed with gzip or bzip2) or TIFF.", metavar="PATH",
               pointer="SetOfMicrographs"),
        Option("coordinates", "where particles were picked: RELION STAR, cryoSPARC .cs or .csg, "
               "EMAN2 .box, Xmipp .pos, or a folder of such files (default: the particle table)",
               "Coordinates of the particles", "A file of RELION, cryoSPARC, EMAN2 or Xmipp, or a "
               "folder with one for each micrograph; not needed with a table of particles that "
               "has coordinates.", metavar="PATH", pointer="SetOfCoordinates", optional=True),
        Option("sampling_micrographs", "Å/pixel of the micrographs (overrides their headers)",
               "Sampling of the micrographs (Å/pixel)", "If left empty, that of their headers.",
               NUMBER, "S", _to_sampling, advanced=True),
    )

    def probe(self, given, probed):
        problems = []
        micrographs, coordinates, sampling = (given.get(option.name) for option in self.options)
        with collected(problems):
            read_value(self.options[2], given)
        if not micrographs:
            problems.append("Coordinates were given without micrographs; give the micrographs with "
                            "--micrographs.")
        else:
            with collected(problems):
                header = probe_micrograph(_first(micrographs))
                if not sampling and header.sampling is None:
                    problems.append(_unknown_sampling(header.path))
        if coordinates:
            with collected(problems):
                _look_for_coordinates(coordinates)
        elif micrographs and not _has_coordinates(probed.get("particles")):
            problems.append(_NO_COORDINATES)
        if problems:
            raise InputError(problems)

    def load(self, given, evidence):
        path = given.get("micrographs")
        if not path:
            raise InputError("The micrographs were not given; give them with --micrographs.")
        picks, sources = _picks(given, evidence)
        found, missing, problems = [], [], []
        sampling = read_value(self.options[2], given)
        for picked in picks:
            place = _place(picked, path, len(picks))
            if place is None:
                missing.append(picked.micrograph)
                continue
            with collected(problems):
                found.append(_placed(picked, probe_micrograph(place), sampling))
        if not found:
            raise InputError(problems or [
                "None of the %d micrographs with coordinates, such as %s, is in %s; give the "
                "folder of the micrographs that the particles were picked in."
                % (len(picks), os.path.basename(picks[0].micrograph), path)])
        sizes = [header.shape for _, header in found]
        _refuse_other_coordinates([micrograph for micrograph, _ in found], sizes)
        notes = _notes([micrograph for micrograph, _ in found], missing, problems, sampling)
        return Loaded(MicrographEvidence(tuple(micrograph for micrograph, _ in found),
                                         tuple(missing)),
                      (Source("Micrographs", path),) + sources, tuple(map(Note, notes)))

    def describe(self, evidence):
        found = evidence.micrographs.picked
        return [Note("There are %s coordinates in %d micrograph%s." % (
            format(sum(len(one.points) for one in found), ","), len(found),
            "" if len(found) == 1 else "s"))], []


MICROGRAPHS = register(_MicrographsKind())


def _first(path):
    """The first micrograph of a folder, or the file itself."""
    if not os.path.isdir(path):
        return path
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            if name.lower().endswith(ENDINGS):
                return os.path.join(folder, name)
    raise InputError("The folder %s has no micrographs (%s); give the folder of the micrographs "
                     "that were aligned from the movies." % (path, ", ".join(ENDINGS)))


def _look_for_coordinates(path):
    if not os.path.exists(path):
        raise InputError("There is no file or folder %s; check its name." % path)
    if os.path.isdir(path):
        return
    if Path(path).suffix.lower() not in COORDINATE_ENDINGS:
        raise InputError("%s does not have the name of a coordinate file; these end with %s."
                         % (path, ", ".join(COORDINATE_ENDINGS)))
    if os.path.getsize(path) <= _SOON_READ:
        read_coordinates(path)


def _has_coordinates(probe):
    table = getattr(probe, "table", None)
    return table is not None and table.coordinates is not None and table.micrograph is not None


def _unknown_sampling(path):
    return ("The header of %s does not give its pixel size; give it with --sampling-micrographs, "
            "in Å/pixel." % path)


def _picks(given, evidence):
    """Coordinates by micrograph, and the file that they come from."""
    path = given.get("coordinates")
    if path:
        return read_coordinates(path), (Source("Coordinates", path),)
    table = evidence.particles.table if evidence.particles is not None else None
    if table is None or table.coordinates is None or table.micrograph is None:
        raise InputError(_NO_COORDINATES)
    names = np.array(table.micrograph_names + ("",))[table.micrograph]
    known = np.isfinite(table.coordinates).all(axis=1) & (names != "")
    if not known.any():
        raise InputError(_NO_COORDINATES)
    return by_micrograph(names[known], table.coordinates[known], given["particles"]), ()


def _place(picked, path, count):
    """File of a micrograph, None without."""
    if os.path.isdir(path):
        return find_micrograph(picked.micrograph, picked.table, path)
    # A single file needs no name where there is only one to be named.
    name = os.path.basename(picked.micrograph)
    return path if count == 1 or name in (os.path.basename(path), _stem(path)) or (
        _stem(name) == _stem(path)) else None


def _stem(path):
    return without_ending(os.path.basename(path))


def _placed(picked, header, sampling):
    """The micrograph with its coordinates in its own pixels, and its header."""
    sampling = sampling or header.sampling
    if sampling is None:
        raise InputError(_unknown_sampling(header.path))
    points = picked.points
    if picked.shape and min(picked.shape) > 0:
        points = points * (np.array(header.shape) / picked.shape)[::-1]
    return PickedMicrograph(header.path, points, sampling,
                            picked.box and picked.box * sampling), header


def _refuse_other_coordinates(found, shapes):
    outside = sum(np.count_nonzero(((one.points < 0) | (one.points > shape[::-1])).any(axis=1))
                  for one, shape in zip(found, shapes))
    total = sum(len(one.points) for one in found)
    if outside > _MOST_OUTSIDE * total:
        raise InputError("%.0f %% of the coordinates lie outside the micrographs; give the "
                         "micrographs in which they were picked, neither binned nor cut."
                         % (100 * outside / total))


def _notes(found, missing, problems, sampling):
    notes = []
    if missing:
        names = [os.path.basename(name) for name in missing]
        notes.append("%d of the %d micrographs with coordinates %s not found: %s%s." % (
            len(missing), len(missing) + len(found) + len(problems),
            "was" if len(missing) == 1 else "were", ", ".join(names[:_NAMED]),
            " and others" if len(names) > _NAMED else ""))
    notes += problems[:_NAMED]
    if not sampling and all(one.sampling == _UNSET for one in found):
        notes.append("The headers of the micrographs say exactly 1 Å/pixel, which programs also "
                     "write when they do not know; give --sampling-micrographs if it is something "
                     "else.")
    return notes
