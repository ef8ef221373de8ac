"""From what the user gives to what the checks take."""

import errno
import os
import tempfile
from dataclasses import dataclass, field
from typing import List, Optional

import numpy as np

from vrs.checks.inputs import ValidationInput
from vrs.checks.results import Note
from vrs.errors import InputError
from vrs.io import headers
from vrs.io.maps import MapFile, read_map, read_volume
from vrs.io.models import ModelFile, read_model
from vrs.io.problems import collected, to_resolution, to_threshold

_MASK_LEVEL = 0.5
# Masks that other programs resampled or filtered leave [0, 1] by rounding.
_MASK_ROUNDING = 1e-3


@dataclass
class LoadedInput:
    """Input that was read and found usable.

    Attributes
    ----------
    data : ValidationInput
    map_file : MapFile
    mask_file : MapFile or None
        The user's own mask; its volume is bool.
    half_files : list of MapFile
        The two half maps, if they were given.
    model_file : ModelFile or None
        The atomic model, in its own frame.
    notes : list of Note
        Everything the reader of a report should know: map, mask and numbers.
    """

    data: ValidationInput
    map_file: MapFile
    mask_file: Optional[MapFile] = None
    half_files: List[MapFile] = field(default_factory=list)
    model_file: Optional[ModelFile] = None
    notes: List[Note] = field(default_factory=list)


def read_input(map_path, threshold, resolution=None, sampling=None, mask_path=None,
               half_paths=(), model_path=None, workers=1, seed=0):
    """Read and check the map and what goes with it.

    Parameters
    ----------
    map_path : str
    threshold : float or str
        Contour level that shows the macromolecule.
    resolution : float or str, optional
        Reported resolution, Å.
    sampling : float or str, optional
        Å/voxel; wins over the header's.
    mask_path : str, optional
        The user's own mask, in the box of the map; voxels of at least 0.5 belong to it.
    half_paths : sequence of str
        The two half maps, in the box of the map; empty without.
    model_path : str, optional
        Atomic model.
    workers, seed : int
        As in :class:`vrs.checks.inputs.ValidationInput`.

    Returns
    -------
    LoadedInput

    Raises
    ------
    InputError
        With all problems of map, mask, half maps, model and numbers.
    """
    problems = []
    level = limit = map_file = mask_file = model_file = data = None
    half_files = []
    with collected(problems):
        level = to_threshold(threshold)
    with collected(problems):
        if resolution is not None:
            limit = to_resolution(resolution)
    with collected(problems):
        map_file = read_map(map_path, sampling)
    with collected(problems):
        if mask_path is not None:
            mask_file = _read_mask(str(mask_path), map_file)
    with collected(problems):
        half_files = read_halves(half_paths, map_file, sampling)
    with collected(problems):
        if model_path is not None:
            model_file = read_model(model_path)
    if map_file is not None:
        problems += _resolution_problems(limit, map_file)
    if map_file is not None and level is not None:
        with collected(problems):
            data = ValidationInput(
                volume=map_file.volume, sampling=map_file.sampling, threshold=level,
                resolution=limit, mask=mask_file.volume if mask_file else None,
                workers=workers, seed=seed,
                **{"half%d" % number: half.volume for number, half in enumerate(half_files, 1)})
    if problems:
        raise InputError(problems)
    notes = map_file.notes + _number_notes(data) + (mask_file.notes if mask_file else [])
    notes += [note for half in half_files for note in _half_notes(half, map_file)]
    return LoadedInput(data, map_file, mask_file, half_files, model_file, notes)


def check_output_folder(path):
    """Make a folder for results and prove that it can be written to.

    Parameters
    ----------
    path : str
        Made with its parents when it does not exist.

    Raises
    ------
    InputError
        If it cannot be made or written to.
    """
    path = str(path)
    try:
        os.makedirs(path, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path, prefix=".vrs_probe_") as probe:
            probe.write(b"probe")
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        raise InputError(_folder_problem(path, error)) from None


def _folder_problem(path, error):
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return ("The output folder %s cannot be made because a file of that name is in the way; "
                "give another folder." % path)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "You are not allowed to write to the output folder %s; give another folder." % path
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ("There is no space left for the output folder %s; free some, or give another "
                "folder." % path)
    return ("The output folder %s cannot be written to (%s); give another folder."
            % (path, error.strerror))


def _resolution_problems(resolution, map_file):
    longest = max(map_file.volume.shape) * map_file.sampling
    if resolution is None or resolution <= longest:
        return []
    return ["The resolution, %g Å, is beyond the length of the box, %g Å; give the reported "
            "resolution in Å." % (resolution, longest)]


def _number_notes(data):
    notes = []
    if data.resolution is not None and data.resolution < 2 * data.sampling:
        notes.append(Note(
            "The reported resolution, %g Å, is finer than voxels of %g Å can show (%g Å at best); "
            "one of the two is wrong." % (data.resolution, data.sampling, 2 * data.sampling),
            "warning"))
    if data.threshold <= data.volume.min():
        notes.append(Note(
            "The threshold, %g, is not above the minimum of the map, %g, so that the whole box "
            "counts as macromolecule." % (data.threshold, data.volume.min()), "warning"))
    return notes


def read_halves(paths, map_file, sampling=None):
    """Read the half maps of a map and check them.

    Parameters
    ----------
    paths : sequence of str
        Two, or none.
    map_file : MapFile or None
        The map; None when it could not be read.
    sampling : float or str, optional
        Å/voxel; wins over the headers'.

    Returns
    -------
    list of MapFile

    Raises
    ------
    InputError
        If they cannot be read, do not fit the map, or are the same.
    """
    problems, halves = [], []
    for path in paths:
        with collected(problems):
            unknown = headers.read_header(str(path)).sampling is None
            halves.append(read_map(str(path), map_file.sampling if unknown and map_file
                                   else sampling))
    for half in halves if map_file is not None else []:
        problems += _half_problems(half, map_file)
    if len(halves) == 2 and np.array_equal(halves[0].volume, halves[1].volume):
        problems.append("The half maps %s and %s are identical; give the two reconstructions from "
                        "separate halves of the particles." % tuple(half.path for half in halves))
    if problems:
        raise InputError(problems)
    return halves


def _half_problems(half, map_file):
    problems = []
    if half.volume.shape != map_file.volume.shape:
        problems.append("The half map %s has a box of %s voxels and the map one of %s; give half "
                        "maps of the map's box."
                        % (half.path, _box(half.volume), _box(map_file.volume)))
    elif np.array_equal(half.volume, map_file.volume):
        problems.append("The half map %s is the map itself; give the two reconstructions from "
                        "separate halves of the particles." % half.path)
    if abs(half.sampling / map_file.sampling - 1) > headers.MAX_ANISOTROPY:
        problems.append("The half map %s has voxels of %g Å and the map has voxels of %g Å; give "
                        "maps of one voxel size, or say by the sampling which one is right."
                        % (half.path, half.sampling, map_file.sampling))
    return problems


def _half_notes(half, map_file):
    if abs(half.sampling / map_file.sampling - 1) <= headers.SAME_SAMPLING:
        return []
    return [Note("The voxel size of the half map %s is %g Å in its header; the map's, %g Å, is "
                 "used." % (os.path.basename(half.path), half.sampling, map_file.sampling))]


def _read_mask(path, map_file):
    """The user's mask as a MapFile with a bool volume; map_file may be None."""
    header = headers.read_header(path)
    values, _ = read_volume(header)
    mask = values >= _MASK_LEVEL
    problems = _mask_problems(path, values, mask, map_file)
    if problems:
        raise InputError(problems)
    sampling = header.sampling or (map_file.sampling if map_file else 0.0)
    return MapFile(path, mask, sampling, header.position(sampling),
                   _mask_notes(header, values, map_file))


def _mask_problems(path, values, mask, map_file):
    problems = []
    if map_file is not None and mask.shape != map_file.volume.shape:
        problems.append("The mask %s has a box of %s voxels and the map one of %s; give a mask of "
                        "the map's box." % (path, _box(mask), _box(map_file.volume)))
    low, high = float(values.min()), float(values.max())
    if low < -_MASK_ROUNDING or high > 1 + _MASK_ROUNDING:
        problems.append("The mask %s has values from %g to %g; give one with values between 0 and "
                        "1." % (path, low, high))
    elif high < _MASK_LEVEL:
        problems.append("The mask %s is empty (no voxel reaches %g); give one that holds the "
                        "macromolecule." % (path, _MASK_LEVEL))
    elif low >= _MASK_LEVEL:
        problems.append("The mask %s covers the whole box; give one that leaves the background "
                        "out." % path)
    return problems


def _mask_notes(header, values, map_file):
    notes = []
    if map_file is not None and header.sampling is not None and abs(
            header.sampling / map_file.sampling - 1) > headers.MAX_ANISOTROPY:
        notes.append(Note("The voxel size in the mask's header, %g Å, is not the map's, %g Å; the "
                          "mask was taken voxel by voxel."
                          % (header.sampling, map_file.sampling)))
    if ((values > _MASK_ROUNDING) & (values < 1 - _MASK_ROUNDING)).any():
        notes.append(Note("The mask has soft borders; its voxels of at least %g were taken."
                          % _MASK_LEVEL))
    return notes


def _box(volume):
    return "%d × %d × %d" % volume.shape[::-1]
