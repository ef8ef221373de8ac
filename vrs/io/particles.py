"""From files to tables of particles: RELION's STAR files and cryoSPARC's .cs and .csg files.

Conventions are those of :mod:`vrs.images.particles`. RELION's origins count pixels up to version
3.0 and Å from 3.1. cryoSPARC's pose is a rotation vector; the transposed matrix of that rotation is
A, and its shifts, in pixels of the alignment's own pixel size, have RELION's sign. Its pose of a
two-dimensional alignment is psi in radians.
"""

import os
import re
from dataclasses import dataclass, replace
from typing import Optional, Tuple

import numpy as np
from scipy.spatial.transform import Rotation

from vrs.errors import InputError
from vrs.images.particles import OpticsGroup, Particles, ParticleTable
from vrs.io.cryosparc import read_columns
from vrs.io.problems import collected
from vrs.io.stacks import read_stack
from vrs.io.star import probe_star, read_star, write_star
from vrs.numerics.projection import rotation_matrices

_PROBED_ROWS = 1000
_PROBED_STACKS = 20
_LISTED = 5  # sentences about the same fault of several files
_CHUNK = 100000  # rows whose names are looked at in one go
_SAME_SAMPLING = 0.01
# Programs that do not know the voxel size of a stack write this one.
_UNKNOWN_SAMPLING = 1.0
_IMAGE_NAME = "rlnImageName"
_ANGLES = ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi")
_ANGSTROM_ORIGIN = ("rlnOriginXAngst", "rlnOriginYAngst")
_PIXEL_ORIGIN = ("rlnOriginX", "rlnOriginY")
_DEFOCUS = ("rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle")
_COORDINATES = ("rlnCoordinateX", "rlnCoordinateY")
_MAGNIFICATION = ("rlnMagMat00", "rlnMagMat01", "rlnMagMat10", "rlnMagMat11")
_BEAM_TILT = ("rlnBeamTiltX", "rlnBeamTiltY")
_TOMOGRAPHY = ("rlnCtfImage", "rlnTomoName", "rlnTomoParticleName", "rlnTomoVisibleFrames")
# Numbers that describe a group of particles, by the field of OpticsGroup.
_GROUP_NUMBERS = {"voltage": "rlnVoltage", "spherical_aberration": "rlnSphericalAberration",
                  "amplitude_contrast": "rlnAmplitudeContrast", "image_size": "rlnImageSize",
                  "micrograph_sampling": "rlnMicrographPixelSize",
                  "phase_flipped": "rlnCtfDataArePhaseFlipped",
                  "premultiplied": "rlnCtfDataAreCtfPremultiplied"}
# By the field of OpticsGroup: least and largest value, name and unit.
_POSSIBLE = {"voltage": (1.0, 10000.0, "voltage", " kV"),
             "spherical_aberration": (-100.0, 100.0, "spherical aberration", " mm"),
             "amplitude_contrast": (0.0, 1.0, "amplitude contrast", ", which is no fraction"),
             "sampling": (1e-3, 1e3, "pixel size", " Å")}
# Degrees: two turns; and particles of which some have larger angles than radians are.
_LARGEST_ANGLE, _TELLS_RADIANS = 720.0, 100
_LEAST_STRETCH = 0.1  # of the area of the images
_LARGEST_TILT = 1e3  # mrad
# Of the particles, by the field of ParticleTable.
_LARGEST = {"defocus": (1e6, "defocus", "Å"), "phase_shift": (3600.0, "phase shift", "degrees"),
            "ctf_b_factor": (1e5, "B factor of the CTF", "Å²")}
_SAMPLING = ("rlnImagePixelSize", "rlnDetectorPixelSize", "rlnMagnification", "rlnPixelSize")
_STAR_COLUMNS = frozenset(
    (_IMAGE_NAME, "rlnMicrographName", "rlnOpticsGroup", "rlnOpticsGroupName", "rlnPhaseShift",
     "rlnImageDimensionality", "rlnOddZernike", "rlnEvenZernike",
     "rlnCtfBfactor", "rlnCtfScalefactor", "rlnRandomSubset", "rlnClassNumber")
    + _ANGLES + _ANGSTROM_ORIGIN + _PIXEL_ORIGIN + _DEFOCUS + _COORDINATES + _MAGNIFICATION
    + _BEAM_TILT + _TOMOGRAPHY + tuple(_GROUP_NUMBERS.values()) + _SAMPLING)
# Columns of Xmipp and those of RELION that mean the same; sampling and shifts count in pixels of
# the images. Longer names come first, as one may be part of another.
_XMIPP = {
    "ctfSphericalAberration": "rlnSphericalAberration", "ctfQ0": "rlnAmplitudeContrast",
    "ctfDefocusAngle": "rlnDefocusAngle", "ctfDefocusU": "rlnDefocusU",
    "ctfDefocusV": "rlnDefocusV", "ctfVoltage": "rlnVoltage", "samplingRate": "rlnImagePixelSize",
    "image": _IMAGE_NAME, "angleRot": "rlnAngleRot", "angleTilt": "rlnAngleTilt",
    "anglePsi": "rlnAnglePsi", "shiftX": "rlnOriginX", "shiftY": "rlnOriginY",
    "micrograph": "rlnMicrographName", "xcoor": "rlnCoordinateX", "ycoor": "rlnCoordinateY",
    "ref": "rlnClassNumber"}
_XMIPP_UNREAD = {"flip": "mirrored images", "ctfVPPphaseshift": "the phase shift of a phase plate"}
_XMIPP_COLUMNS = frozenset(_XMIPP) | frozenset(_XMIPP_UNREAD) | {"enabled"}


@dataclass(frozen=True)
class ParticleProbe:
    """What the beginning and the end of a table of particles tell.

    Attributes
    ----------
    columns : tuple of str
        All columns of the file.
    rows : int
    exact : bool
        Whether the rows were counted; otherwise their number is an estimate.
    table : ParticleTable or None
        Of the first and last rows, whose stacks were not all looked for; None where problems
        rule it out.
    notes : tuple of str
        Findings; those about values of particles hold for these rows only.
    problems : tuple of str
        What :func:`read_particles` would refuse.
    """

    columns: Tuple[str, ...]
    rows: int
    exact: bool
    table: Optional[ParticleTable]
    notes: Tuple[str, ...]
    problems: Tuple[str, ...]


def read_particles(path, images_folder=None):
    """Read a table of particles and the headers of its stacks.

    Parameters
    ----------
    path : str
        ``.star`` (perhaps compressed by gzip), ``.cs`` or ``.csg``, or ``.xmd`` of Xmipp.
    images_folder : str, optional
        Where stacks are sought first, then relative to the table's folder, the folders above
        it and the working directory.

    Returns
    -------
    table : vrs.images.particles.ParticleTable
        Stacks that are not found are no error: :func:`missing_stacks` names them.
    notes : list of str
        What the reader of a report should know.

    Raises
    ------
    InputError
        With all that is wrong: columns are missing or hold no numbers, the table is empty or
        describes subtomograms, an image is not in its stack, images have another size than
        the table says, or their pixel size is told nowhere.
    """
    path = str(path)
    if _is_cryosparc(path):
        columns, _, files = read_columns(path)
        draft = _CryosparcDraft(path, columns, files)
    elif _is_xmipp(path):
        draft = _XmippDraft(path, read_star(path, _XMIPP_COLUMNS))
    else:
        draft = _RelionDraft(path, read_star(path, _STAR_COLUMNS))
    table = draft.table(images_folder)
    if table is None:
        raise InputError(draft.problems)
    return table, draft.notes


def probe_particles(path, images_folder=None):
    """Look into a table of particles without reading all of it.

    Reads the names of the columns, the first and last 1000 rows, and the headers of up to 20
    of the stacks that these name.

    Parameters
    ----------
    path, images_folder
        As in :func:`read_particles`.

    Returns
    -------
    ParticleProbe

    Raises
    ------
    InputError
        If the file cannot be read at all.
    """
    path = str(path)
    if _is_cryosparc(path):
        columns, rows, files = read_columns(path, _PROBED_ROWS)
        draft, names, exact = _CryosparcDraft(path, columns, files), tuple(columns), True
    else:
        blocks = probe_star(path, _PROBED_ROWS)
        draft = (_XmippDraft if _is_xmipp(path) else _RelionDraft)(
            path, {name: block.columns for name, block in blocks.items()})
        names, rows, exact = (), 0, True
        if draft.block is not None:
            block = blocks[draft.block]
            names, rows, exact = tuple(block.columns), block.rows, block.exact
    table = draft.table(images_folder, _PROBED_STACKS)
    return ParticleProbe(names, rows, exact, table, tuple(draft.notes), tuple(draft.problems))


def missing_stacks(table):
    """Names, as the table has them, of the stacks that are not there.

    Parameters
    ----------
    table : vrs.images.particles.ParticleTable

    Returns
    -------
    list of str
    """
    return [name for name, path in zip(table.file_names, table.files)
            if not os.path.isfile(path)]


def open_particles(table, workers=1):
    """Particles with their images.

    Parameters
    ----------
    table : vrs.images.particles.ParticleTable
    workers : int
        Threads.

    Returns
    -------
    vrs.images.particles.Particles

    Raises
    ------
    InputError
        If the table names no images, or stacks are missing or cannot be read.
    """
    if not table.has_images:
        raise InputError("The table names no images; give one with the images of the particles.")
    missing = missing_stacks(table)
    if missing:
        raise InputError(_missing_sentence(missing, len(table.files)))
    stacks, problems = [], []
    for path in table.files:
        with collected(problems):
            stacks.append(read_stack(path))
    if problems:
        raise InputError(_shortened(problems))
    return Particles(table, stacks, workers)


def write_particles_star(path, table, extra=None):
    """Write particles as RELION 3.1 and later do.

    Parameters
    ----------
    path : str
    table : vrs.images.particles.ParticleTable
        Stacks keep the names that they had in the table that was read. The alignment in the
        plane is written where there is no three-dimensional assignment.
    extra : dict of str to array_like, (n,), optional
        Further columns, for example scores.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    columns = {}
    if table.has_images:
        columns[_IMAGE_NAME] = ["%06d@%s" % (frame + 1, table.file_names[file]) for frame, file
                                in zip(table.frame.tolist(), table.file.tolist())]
    if table.micrograph is not None:
        names = table.micrograph_names + ("",)
        columns["rlnMicrographName"] = [names[index] for index in table.micrograph.tolist()]
    columns["rlnOpticsGroup"] = table.group + 1
    for names, values in ((_COORDINATES, table.coordinates), (_DEFOCUS, table.defocus),
                          (_ANGLES, _written_angles(table)), (_ANGSTROM_ORIGIN, table.shifts)):
        if values is not None:
            columns.update(zip(names, values.T))
    if not table.has_angles and table.psi is not None:
        columns["rlnAnglePsi"] = table.psi
    for name, values in (
            ("rlnPhaseShift", table.phase_shift), ("rlnCtfBfactor", table.ctf_b_factor),
            ("rlnCtfScalefactor", table.ctf_scale), ("rlnRandomSubset", table.subset),
            ("rlnClassNumber", table.class_number)):
        if values is not None:
            columns[name] = values
    for name, values in (extra or {}).items():
        if name in columns:
            raise ValueError("column %s is written already" % name)
        columns[name] = values
    write_star(path, {"optics": _optics_columns(table.optics), "particles": columns})


class _Draft:
    """A table of particles in the making: what was found, and what is wrong with it."""

    def __init__(self, path, columns, count):
        self.path, self.columns, self.count = path, columns, count
        self.problems, self.notes = [], []
        self.fields, self.optics = {}, []
        self.pixel_shifts = ()  # fields that are still in pixels of the images
        self._single = frozenset()  # files that are named as one image
        self._has_stacks = False
        self._said = set()

    def table(self, images_folder, most_stacks=None):
        """The finished ParticleTable; None if there are problems."""
        if self.problems:
            return None
        self._fill()
        self._check_optics()
        if "file" in self.fields and "group" in self.fields:
            self._check_stacks(self._find_stacks(images_folder, most_stacks))
        if not self.problems:
            self._finish_samplings()
        if self.problems:
            return None
        self._general_notes()
        return ParticleTable(optics=tuple(self.optics), **self.fields)

    def _check_optics(self):
        """Refuse what no microscope has, such as a percentage where a fraction belongs."""
        for group in self.optics:
            for field, (low, high, what, unit) in _POSSIBLE.items():
                value = getattr(group, field)
                if value is not None and not low <= value <= high:
                    self._refuse("The %s in %s is %g%s; correct it." % (what, self.path, value,
                                                                        unit))
            if group.magnification is not None and not (
                    _LEAST_STRETCH < np.linalg.det(group.magnification) < 1 / _LEAST_STRETCH):
                self._refuse("The magnification matrix in %s (%s and so on) changes the size of "
                             "the images too much to be right; correct it." % (
                                 self.path, _MAGNIFICATION[0]))
            if group.beam_tilt is not None and np.abs(group.beam_tilt).max() > _LARGEST_TILT:
                self._refuse("The beam tilt in %s is %g mrad; correct it." % (
                    self.path, np.abs(group.beam_tilt).max()))
        for field, (largest, what, unit) in _LARGEST.items():
            if field in self.fields:
                reached = np.abs(self.fields[field]).max()
                if reached > largest:
                    self._refuse("The %s in %s reaches %.3g %s, which no microscope gives; correct "
                                 "it." % (what, self.path, reached, unit))
        if not (self.fields.get("ctf_scale", np.ones(1)) > 0).any():
            self._refuse("The scale of the CTF in %s is not positive for any particle; correct it, "
                         "or remove the column." % self.path)

    def _refuse(self, problem):
        if problem not in self.problems:
            self.problems.append(problem)

    def numbers(self, name):
        """A column as float64; None where there is none or it cannot be used."""
        if name not in self.columns:
            return None
        values = np.asarray(self.columns[name])
        if values.dtype == object:
            self.problems.append("Column %s of %s holds text (%s) where numbers belong; correct "
                                 "the table." % (name, self.path, _first_text(values)))
            return None
        values = np.array(values, np.float64)
        wrong = values.size - np.count_nonzero(np.isfinite(values))
        if wrong:
            self.problems.append("Column %s of %s has %d value%s not finite (NaN or infinite); "
                                 "remove these particles from the table."
                                 % (name, self.path, wrong, " that is" if wrong == 1 else
                                    "s that are"))
            return None
        return values

    def several(self, names):
        """Columns that belong together, (n, columns); None where there are none."""
        found = [name for name in names if name in self.columns]
        if len(found) in (0, len(names)):
            values = [self.numbers(name) for name in found]
            return np.column_stack(values) if values and not any(
                column is None for column in values) else None
        self.problems.append("The table %s has %s but not %s; write it again with all of them."
                             % (self.path, _listed(found),
                                _listed([name for name in names if name not in found])))
        return None

    def coefficients(self, text):
        """Numbers in brackets, as RELION writes the coefficients of aberrations."""
        try:
            return tuple(float(value) for value in re.findall(r"[^\s,\[\]]+", str(text)))
        except ValueError:
            self._refuse("The aberrations in %s hold text (%s) where numbers belong; correct the "
                         "table." % (self.path, text))
            return None

    def set(self, name, values):
        if values is not None:
            self.fields[name] = values

    def set_stacks(self, codes, names, frames):
        self.fields.update(file=codes, frame=frames.astype(np.int32), file_names=tuple(names))

    def _find_stacks(self, images_folder, most_stacks):
        """Look for all stacks or for so many of them; returns the indices of those found."""
        names = self.fields["file_names"]
        sought = range(len(names))
        if most_stacks is not None and len(names) > most_stacks:
            sought = np.linspace(0, len(names) - 1, most_stacks).astype(int).tolist()
        places = _Places(self.path, images_folder)
        found = {index: places.find(names[index]) for index in sought}
        first, problems = {}, []
        for index, path in found.items():
            name = names[index]
            other = first.setdefault(path, name)
            if path in places.guessed and os.path.normpath(other) != os.path.normpath(name):
                problems.append("%s and %s both lead to %s; give the folder that their names "
                                "start from as the folder of the images." % (other, name, path))
        self.problems += _shortened(problems)
        self.fields["files"] = tuple(found.get(index) or name for index, name in enumerate(names))
        missing = [names[index] for index, path in found.items() if path is None]
        if missing:
            self.notes.append("%s stacks of images were found (%s is missing); only what needs no "
                              "images can be examined." % (_how_many(missing, len(found)),
                                                           missing[0]))
        self._has_stacks = len(missing) < len(found)
        return [index for index, path in found.items() if path is not None]

    def _check_stacks(self, present):
        """Compare the table with the headers of the stacks that were found."""
        files, file, group = self.fields["files"], self.fields["file"], self.fields["group"]
        last = np.full(len(files), -1)
        np.maximum.at(last, file, self.fields["frame"])
        stacks, problems = {}, []
        for index in present:
            with collected(problems):
                stacks[index] = read_stack(files[index])
        for index, stack in stacks.items():
            if last[index] >= stack.count:
                problems.append("The table names image %d of %s, which has %d; give the stack "
                                "that belongs to the table." % (last[index] + 1, stack.path,
                                                                stack.count))
            elif stack.count > 1 and index in self._single:
                problems.append("%s has %d sections, but the table names it without the number of "
                                "an image (number@file); a table of subtomograms cannot be "
                                "validated." % (stack.path, stack.count))
        pairs = np.unique(group.astype(np.int64) * len(files) + file)
        for own, index in zip((pairs // len(files)).tolist(), (pairs % len(files)).tolist()):
            if index in stacks:
                self._compare(own, stacks[index], problems)
        self.problems += _shortened(problems)

    def _compare(self, own, stack, problems):
        group = self.optics[own]
        if group.image_size is None:
            group = replace(group, image_size=stack.size)
        elif group.image_size != stack.size:
            problems.append("The images of %s are %d pixels wide, and not %d as the others of "
                            "their optics group or the table says; give the stack that belongs to "
                            "the table." % (stack.path, stack.size, group.image_size))
        known = stack.sampling is not None and stack.sampling != _UNKNOWN_SAMPLING
        if group.sampling is None and stack.sampling is not None:
            group = replace(group, sampling=stack.sampling)
            self._note_once("sampling", "The table has no pixel size; the one in the headers of "
                            "the stacks is used (%g "
                            "Å%s)." % (stack.sampling, "" if known else ", which programs also "
                                       "write when they do not know"))
        elif known and abs(stack.sampling - group.sampling) > _SAME_SAMPLING * stack.sampling:
            self._note_once("header", "The header of %s says %g Å per pixel and the table %g Å; "
                            "the value in the table is "
                            "used." % (stack.path, stack.sampling, group.sampling))
        self.optics[own] = group

    def _note_once(self, kind, note):
        # Thousands of stacks may have the same header.
        if kind not in self._said:
            self._said.add(kind)
            self.notes.append(note)

    def _finish_samplings(self):
        samplings = [group.sampling for group in self.optics]
        wrong = [value for value in samplings if value is not None and not value > 0]
        if wrong:
            self.problems.append("The pixel size in %s is %g Å; correct it." % (self.path,
                                                                                wrong[0]))
        elif None in samplings:
            if self._has_stacks or self.pixel_shifts:
                self.problems.append("Neither %s nor the headers of its stacks have a pixel size; "
                                     "add the column rlnImagePixelSize." % self.path)
            else:
                self.notes.append("The table has no pixel size.")
        else:
            per_particle = np.array(samplings)[self.fields["group"]]
            for name in self.pixel_shifts:
                self.fields[name] = self.fields[name] * per_particle[:, None]

    def _general_notes(self):
        for field, text in (("voltage", "voltages (%s kV)"), ("sampling", "pixel sizes (%s Å)"),
                            ("spherical_aberration", "spherical aberrations (%s mm)"),
                            ("image_size", "image sizes (%s pixels)")):
            values = sorted({getattr(group, field) for group in self.optics} - {None})
            if len(values) > 1:
                self.notes.append("The particles have different %s." % (
                    text % _listed(["%g" % value for value in values])))
        self._note_contrast()
        self._note_repeated()
        subset = self.fields.get("subset")
        if subset is not None and len(np.unique(subset)) == 1:
            self.notes.append("All particles belong to the same half; there are no half sets.")
        self._note_far()
        defocus = self.fields.get("defocus")
        if defocus is not None:
            over = np.count_nonzero((defocus[:, :2] <= 0).any(axis=1))
            if over:
                self.notes.append("%d of the %d particles %s a defocus of zero or overfocus."
                                  % (over, self.count, _have(over)))

    def _note_contrast(self):
        dark = np.count_nonzero(self.fields["contrast"] < 0)
        if dark == self.count:
            self.notes.append("The protein is dark in the images.")
        elif dark:
            self.notes.append("The protein is dark in the images of %d of the %d particles."
                              % (dark, self.count))

    def _note_far(self):
        widths = [group.image_size and group.sampling and group.image_size * group.sampling
                  for group in self.optics]
        if "shifts" not in self.fields or None in widths:
            return
        reach = np.array(widths)[self.fields["group"]] / 2
        far = np.count_nonzero((np.abs(self.fields["shifts"]) > reach[:, None]).any(axis=1))
        if far:
            self.notes.append("%d of the %d particles %s a shift that moves the centre out of the "
                              "image; check in which unit the shifts are." % (far, self.count,
                                                                            _have(far)))

    def _note_repeated(self):
        if "file" in self.fields:
            places = self.fields["file"].astype(np.int64) << 32 | self.fields["frame"]
            repeated = self.count - len(np.unique(places))
            if repeated:
                self.notes.append("%d of the %d particles %s an image that another particle has "
                                  "as well." % (repeated, self.count, _have(repeated)))

    def _align(self, rotations, shifts, psi, plane_shifts, class_number, plane_class):
        """Set what is known of the alignments; all may be None."""
        if psi is not None and not psi.any() and (plane_shifts is None or not plane_shifts.any()):
            psi = plane_shifts = None
        self.set("rotations", rotations)
        self.set("psi", psi)
        self.set("plane_shifts", plane_shifts)
        self.set("plane_class", plane_class)
        in_space = rotations is not None
        self.set("shifts", shifts if in_space else plane_shifts)
        self.set("class_number", class_number if in_space else plane_class)


class _RelionDraft(_Draft):
    """From the blocks of a STAR file."""

    def __init__(self, path, blocks):
        self.block = _particle_block(blocks)
        columns = blocks.get(self.block, {})
        super().__init__(path, columns, len(next(iter(columns.values()), ())))
        optics = blocks.get("optics")
        self._optics = optics if optics and self.block != "optics" and len(
            next(iter(optics.values()))) else None
        if self.block is None:
            self.problems.append(
                "%s is not a table of particles: none of its blocks (%s) has the column %s or the "
                "angles %s; give a file such as run_data.star or particles.star."
                % (path, _first_listed(["data_" + name for name in blocks]), _IMAGE_NAME,
                   _listed(_ANGLES)))
        elif self.count == 0:
            self.problems.append(_empty(path))
        elif self._is_tomography():
            self.problems.append("%s describes particles of tomograms, which cannot be validated "
                                 "as single particles; give a table of two-dimensional particle "
                                 "images." % path)

    def _is_tomography(self):
        if any(name in self.columns for name in _TOMOGRAPHY):
            return True
        dimensions = (self._optics or self.columns).get("rlnImageDimensionality")
        return dimensions is not None and (np.asarray(dimensions) == 3).any()

    def _fill(self):
        self._images()
        if self._optics is None:
            self._groups_of_rows()
        else:
            self._groups_of_table()
        self.fields["contrast"] = np.zeros(self.count, np.int8)
        self.set("defocus", self.several(_DEFOCUS))
        self.set("phase_shift", self.numbers("rlnPhaseShift"))
        self.set("ctf_b_factor", self.numbers("rlnCtfBfactor"))
        self.set("ctf_scale", self.numbers("rlnCtfScalefactor"))
        self.set("coordinates", self.several(_COORDINATES))
        self._micrographs()
        subset = self.numbers("rlnRandomSubset")
        if subset is not None:
            self.fields["subset"] = np.where((subset == 1) | (subset == 2), subset, 0).astype(
                np.int8)
        self._alignments()

    def _images(self):
        if _IMAGE_NAME not in self.columns:
            return
        names, numbers, files, single, wrong = {}, [], [], set(), None
        for name in self.columns[_IMAGE_NAME].tolist():
            number, at, file = name.partition("@")
            if not at:
                number, file = "1", name
                single.add(file)
            if number.isdigit() and 1 <= int(number) < 2 ** 31:
                numbers.append(int(number) - 1)
            else:
                wrong = wrong or name
                numbers.append(0)
            files.append(names.setdefault(file, len(names)))
        if wrong is not None:
            self.problems.append("Column %s of %s has the image %s, which is not a number from 1 "
                                 "on, an @ and a file; correct the table."
                                 % (_IMAGE_NAME, self.path, wrong))
            return
        self.set_stacks(np.array(files, np.int32), names, np.array(numbers))
        self._single = frozenset(names[file] for file in single)

    def _groups_of_table(self):
        rows = _Draft(self.path, self._optics, len(next(iter(self._optics.values()))))
        samplings = self._samplings(rows)
        numbers = {field: rows.numbers(name) for field, name in _GROUP_NUMBERS.items()}
        tilt, matrix = rows.several(_BEAM_TILT), rows.several(_MAGNIFICATION)
        names = rows.columns.get("rlnOpticsGroupName", [""] * rows.count)
        zernike = [rows.columns.get(name) for name in ("rlnOddZernike", "rlnEvenZernike")]
        for index in range(rows.count):
            odd, even = (None if column is None else rows.coefficients(column[index])
                         for column in zernike)
            self.optics.append(_group(
                {field: values[index] for field, values in numbers.items() if values is not None},
                name=str(names[index]), odd_zernike=odd, even_zernike=even,
                sampling=None if samplings is None else _digits(samplings[index]),
                beam_tilt=None if tilt is None else tuple(map(_digits, tilt[index])),
                magnification=None if matrix is None else _matrix(matrix[index])))
        self.problems += rows.problems
        self.notes += rows.notes
        self._assign_groups(rows)

    def _assign_groups(self, rows):
        own, known = self.numbers("rlnOpticsGroup"), rows.numbers("rlnOpticsGroup")
        if own is None or known is None:
            if rows.count > 1:
                self.problems.append("%s has several optics groups, but %s has no column "
                                     "rlnOpticsGroup; write it again with that column."
                                     % (self.path, "data_optics" if known is None else
                                        "data_" + self.block))
            self.fields["group"] = np.zeros(self.count, np.int32)
            return
        if len(np.unique(known)) < len(known):
            self.problems.append("Several optics groups of %s have the same number; give each its "
                                 "own in data_optics." % self.path)
            return
        order = np.argsort(known)
        places = np.minimum(np.searchsorted(known, own, sorter=order), len(known) - 1)
        group = order[places].astype(np.int32)
        strange = np.unique(own[known[group] != own])
        if strange.size:
            self.problems.append("Particles of %s belong to optics group %s, which data_optics "
                                 "does not have; add it there."
                                 % (self.path, _listed(["%g" % value for value in strange])))
        self.fields["group"] = group

    def _groups_of_rows(self):
        """Optics groups of the particles that have the same optics."""
        numbers = {field: self.numbers(name) for field, name in _GROUP_NUMBERS.items()}
        numbers["sampling"] = self._samplings(self)
        tilt = self.several(_BEAM_TILT)
        if tilt is not None:
            numbers["tilt_x"], numbers["tilt_y"] = tilt.T
        numbers = {field: values for field, values in numbers.items() if values is not None}
        self.fields["group"], examples = _combined(list(numbers.values()), self.count)
        for example in examples:
            values = {field: column[example] for field, column in numbers.items()}
            tilts = tuple(_digits(values.pop(name)) for name in ("tilt_x", "tilt_y")
                          if name in values)
            sampling = values.pop("sampling", None)
            self.optics.append(_group(
                values, beam_tilt=tilts or None,
                sampling=None if sampling is None else _digits(sampling)))

    @staticmethod
    def _samplings(rows):
        """Å/pixel of each row of a table; None where it does not say."""
        given, detector, magnification, old = map(rows.numbers, _SAMPLING)
        if given is not None:
            return given
        if detector is not None and magnification is not None:
            if not (magnification > 0).all():
                rows.problems.append("Column rlnMagnification of %s has values that are not "
                                     "positive; correct the table." % rows.path)
                return None
            return 1e4 * detector / magnification
        if detector is not None:
            rows.notes.append("The table has no magnification; rlnDetectorPixelSize was taken as "
                              "the pixel size in Å.")
            return detector
        return old

    def _micrographs(self):
        if "rlnMicrographName" in self.columns:
            codes, names = _codes(self.columns["rlnMicrographName"])
            self.fields.update(micrograph=codes, micrograph_names=names)

    def _alignments(self):
        in_space = any(name in self.columns for name in _ANGLES[:2])
        angles = self.several(_ANGLES) if in_space else None
        if angles is not None:
            self._check_angles(angles)
        psi = self.numbers(_ANGLES[2]) if angles is None else angles[:, 2]
        origin, pixels = self.several(_ANGSTROM_ORIGIN), self.several(_PIXEL_ORIGIN)
        shifts = pixels if origin is None else origin
        numbers = self.numbers("rlnClassNumber")
        if numbers is not None and not ((numbers >= 0) & (numbers < 2 ** 31)
                                        & (numbers == np.floor(numbers))).all():
            self._refuse("Column rlnClassNumber of %s holds values that are no numbers of classes; "
                         "correct the table." % self.path)
            numbers = None
        if numbers is not None:
            numbers = numbers.astype(np.int32) if (numbers > 0).any() else None
        if angles is not None:
            remark = _without_directions(angles[:, :2])
            if remark is None:
                # In pieces, as the double-precision matrices take twice the memory.
                rotations = np.concatenate([
                    rotation_matrices(*angles[start:start + _CHUNK].T).astype(np.float32)
                    for start in range(0, self.count, _CHUNK)])
                self._align(rotations, shifts, None, None, numbers, None)
                self.pixel_shifts = ("shifts",) if origin is None and pixels is not None else ()
                return
            self.notes.append(remark)
        self._align(None, None, psi, shifts, None, numbers)
        if "plane_shifts" in self.fields and origin is None:
            self.pixel_shifts = ("shifts", "plane_shifts")


    def _check_angles(self, angles):
        """Refuse what is not in degrees."""
        largest = np.abs(angles).max()
        if largest > _LARGEST_ANGLE:
            self._refuse("The angles in %s reach %.3g, which are no degrees; correct them."
                         % (self.path, largest))
        elif self.count >= _TELLS_RADIANS and largest <= 2 * np.pi and (
                _without_directions(angles[:, :2]) is None):
            self._refuse("All angles in %s lie between -2π and 2π, as if they were in radians; "
                         "give them in degrees." % self.path)


class _XmippDraft(_RelionDraft):
    """From the blocks of Xmipp's metadata, whose columns mean the same under other names."""

    def __init__(self, path, blocks):
        blocks = {name: {_XMIPP.get(column, column): values for column, values in columns.items()}
                  for name, columns in blocks.items()}
        super().__init__(path, blocks)
        for name, words in _XMIPP_UNREAD.items():
            if np.asarray(self.columns.get(name, 0) != 0).any():
                self.problems.append("%s has %s (column %s), which cannot be read; save the "
                                     "particles as a STAR file of RELION." % (path, words, name))
        off = np.count_nonzero(np.asarray(self.columns.get("enabled", 1)) < 0)
        if off:
            self.notes.append("%d of the %d particles %s disabled in the table; they are used."
                              % (off, self.count, "is" if off == 1 else "are"))

    def table(self, images_folder, most_stacks=None):
        found = super().table(images_folder, most_stacks)
        # What is said of columns is said under their own names.
        for sentences in (self.problems, self.notes):
            for own, name in _XMIPP.items():
                sentences[:] = [sentence.replace(name, own) for sentence in sentences]
        return found


class _CryosparcDraft(_Draft):
    """From the columns of .cs files."""

    def __init__(self, path, columns, files):
        super().__init__(path, columns, len(columns["uid"]))
        if self.count == 0:
            self.problems.append(_empty(path))
        elif len(files) > 1:
            self.notes.append("The particles were assembled from %s."
                              % _listed([os.path.basename(name) for name in files]))

    def _fill(self):
        self._images()
        self._groups()
        sign = self.numbers("blob/sign")
        self.fields["contrast"] = (np.zeros(self.count, np.int8) if sign is None
                                   else np.sign(sign).astype(np.int8))
        defocus = self.several(("ctf/df1_A", "ctf/df2_A", "ctf/df_angle_rad"))
        if defocus is not None:
            defocus[:, 2] = np.degrees(defocus[:, 2])
        self.set("defocus", defocus)
        phase = self.numbers("ctf/phase_shift_rad")
        self.set("phase_shift", None if phase is None else np.degrees(phase))
        self.set("ctf_b_factor", self.numbers("ctf/bfactor"))
        self.set("ctf_scale", self.numbers("ctf/scale"))
        self._location()
        self._alignments()
        if "file" not in self.fields and "rotations" not in self.fields and not self.problems:
            self.problems.append("%s has neither images (blob/path) nor a three-dimensional "
                                 "assignment (alignments3D/pose); give the .csg file of the job, "
                                 "or put the passthrough file into the same folder." % self.path)
        for name in ("ctf/trefoil_A", "ctf/tetra_A", "ctf/shift_A"):
            if name in self.columns and np.any(self.columns[name]):
                self.notes.append("The aberrations %s of the table are not used." % name)

    def _images(self):
        frames = self.several(("blob/idx",)) if "blob/path" in self.columns else None
        if frames is not None:
            codes, names = _codes(self.columns["blob/path"])
            # A leading > stands for the folder of the project or of the export.
            self.set_stacks(codes, [name.lstrip(">") for name in names], frames[:, 0])
        elif "blob/path" in self.columns:
            self.problems.append("%s has the column blob/path but not blob/idx; export it again."
                                 % self.path)

    def _groups(self):
        found = {"voltage": "ctf/accel_kv", "spherical_aberration": "ctf/cs_mm",
                 "amplitude_contrast": "ctf/amp_contrast", "sampling": "blob/psize_A",
                 "micrograph_sampling": "location/micrograph_psize_A",
                 "exposure_group": "ctf/exp_group_id"}
        numbers = {field: self.numbers(name) for field, name in found.items()}
        for field, name in (("image_size", "blob/shape"), ("beam_tilt", "ctf/tilt_A"),
                            ("magnification", "ctf/anisomag")):
            values = self.numbers(name)
            if values is not None:
                numbers.update(("%s %d" % (field, index), column)
                               for index, column in enumerate(values.T))
        numbers = {field: values for field, values in numbers.items() if values is not None}
        self.fields["group"], examples = _combined(list(numbers.values()), self.count)
        for example in examples:
            values = {field: _digits(column[example]) for field, column in numbers.items()}
            self.optics.append(self._group(values))

    @staticmethod
    def _group(values):
        matrix = [values.pop("magnification %d" % index, 0) for index in range(4)]
        tilt = [values.pop("beam_tilt %d" % index, 0) for index in range(2)]
        sizes = [values.pop("image_size %d" % index, None) for index in range(2)]
        name = values.pop("exposure_group", None)
        aberration = values.get("spherical_aberration")
        return _group(
            values, name="" if name is None else "%d" % name, sampling=values.pop("sampling", None),
            image_size=None if sizes[0] is None else int(sizes[0]),
            # Stored as Cs times the tilt, in Å, and as the difference from the identity.
            beam_tilt=tuple(1e3 * np.arcsin(np.array(tilt) / (1e7 * aberration)))
            if any(tilt) and aberration else None,
            magnification=_matrix(np.array(matrix) + [1, 0, 0, 1]) if any(matrix) else None)

    def _location(self):
        fractions = self.several(("location/center_x_frac", "location/center_y_frac"))
        shapes = self.numbers("location/micrograph_shape")
        if fractions is not None and shapes is not None:
            self.fields["coordinates"] = fractions * shapes[:, ::-1]
        if "location/micrograph_path" in self.columns:
            codes, names = _codes(self.columns["location/micrograph_path"])
            if any(names):
                self.fields.update(micrograph=codes, micrograph_names=tuple(
                    name.lstrip(">") for name in names))

    def _alignments(self):
        rotations = shifts = classes = None
        name, best = "alignments3D", None
        several = sorted((column.split("/")[0] for column in self.columns if re.match(
            r"alignments_class_\d+/class_posterior$", column)), key=_class_index)
        if several:
            best = np.argmax([self.columns[part + "/class_posterior"] for part in several], axis=0)
            classes = np.array([_class_index(part) + 1 for part in several], np.int32)[best]
        parts = [name] if name + "/pose" in self.columns else several
        if parts:
            pose = self._chosen(parts, "pose", best)
            shifts = self._shifts(parts, best)
            split = self._chosen(parts, "split", best)
            if split is not None:
                self.fields["subset"] = np.where(split < 2, split + 1, 0).astype(np.int8)
            if classes is None and name + "/class" in self.columns:
                classes = self.columns[name + "/class"].astype(np.int32) + 1
            if pose is not None:
                remark = _without_directions(pose)
                if remark is None:
                    rotations = np.concatenate([
                        Rotation.from_rotvec(pose[start:start + _CHUNK]).as_matrix().transpose(
                            0, 2, 1).astype(np.float32) for start in range(0, self.count, _CHUNK)])
                else:
                    self.notes.append(remark)
        self._align(rotations, shifts, *self._plane_alignment(), class_number=classes,
                    plane_class=self._plane_class())

    def _plane_alignment(self):
        psi = self.numbers("alignments2D/pose")
        if psi is None:
            return None, None
        return np.degrees(psi), self._shifts(["alignments2D"], None)

    def _plane_class(self):
        if "alignments2D/class" not in self.columns:
            return None
        return self.columns["alignments2D/class"].astype(np.int32) + 1

    def _shifts(self, parts, best):
        shifts, sampling = self._chosen(parts, "shift", best), self._chosen(parts, "psize_A", best)
        if shifts is None:
            return None
        if sampling is None:
            sampling = self.numbers("blob/psize_A")
        if sampling is None:
            self.problems.append("%s has shifts in pixels (%s/shift) but no pixel size of the "
                                 "alignment; export it again." % (self.path, parts[0]))
            return None
        return shifts * sampling[:, None]

    def _chosen(self, parts, name, best):
        """A column of the alignment, from the best class of each particle."""
        columns = [self.numbers("%s/%s" % (part, name)) for part in parts]
        if any(column is None for column in columns):
            return None
        return columns[0] if len(columns) == 1 else np.array(columns)[best, np.arange(self.count)]


class _Places:
    """Looks for files where tables may mean them to be."""

    def __init__(self, path, images_folder):
        folder = os.path.dirname(os.path.abspath(path))
        above = [folder]
        while os.path.dirname(above[-1]) != above[-1]:
            above.append(os.path.dirname(above[-1]))
        given = [] if images_folder is None else [str(images_folder)]
        # Of each folder: whether it may hold what the end of a name tells.
        self._bases = ([(base, True) for base in given]
                       + [(base, False) for base in above + [os.getcwd()]] + [(folder, True)])
        self._likely = None
        self.guessed = set()

    def find(self, name):
        """Path of a file; None if it is nowhere."""
        if os.path.isabs(name) and os.path.isfile(name):
            return name
        parts = [part for part in os.path.normpath(name).split(os.sep) if part]
        tried = [(base, dropped) for base, shortened in self._bases
                 for dropped in range(len(parts) if shortened else 1)]
        # Most stacks are found in the way of the one before.
        for base, dropped in [self._likely] * (self._likely in tried) + tried:
            path = os.path.join(base, *parts[dropped:])
            if os.path.isfile(path):
                self._likely = base, dropped
                if dropped:
                    self.guessed.add(path)
                return path
        return None


def _is_cryosparc(path):
    return path.lower().endswith((".cs", ".csg"))


def _is_xmipp(path):
    return path.lower().endswith(".xmd")


def _particle_block(blocks):
    """Name of the block with the particles; None without."""
    def rank(name):
        return _IMAGE_NAME in blocks[name], name in ("particles", "images", "")
    able = [name for name, columns in blocks.items()
            if _IMAGE_NAME in columns or all(angle in columns for angle in _ANGLES)]
    return max(able, key=rank) if able else None


def _codes(values):
    """Index of each value among the different ones, and these as texts."""
    index, parts = {}, []
    for start in range(0, len(values), _CHUNK):
        parts.append(np.array([index.setdefault(value, len(index))
                               for value in values[start:start + _CHUNK].tolist()], np.int32))
    names = tuple(value.decode("utf-8", "surrogateescape") if isinstance(value, bytes)
                  else str(value) for value in index)
    return np.concatenate(parts), names


def _combined(columns, count):
    """Which rows have the same values: a code per row, and a row of each code."""
    codes = np.zeros(count, np.int64)
    for values in columns:
        if values[0] != values[-1] or (values != values[0]).any():
            different, inverse = np.unique(values, return_inverse=True)
            codes = np.unique(codes * len(different) + inverse, return_inverse=True)[1]
    _, examples = np.unique(codes, return_index=True)
    return codes.astype(np.int32), examples


def _group(numbers, **others):
    """An OpticsGroup from numbers and whatever else is known."""
    kinds = {"image_size": int, "phase_flipped": bool, "premultiplied": bool}
    known = {field: kinds.get(field, _digits)(value) for field, value in numbers.items()}
    known.update((field, value) for field, value in others.items() if value is not None)
    return OpticsGroup(**known)


def _without_directions(values):
    """The note on angles or poses that are no three-dimensional assignment; None for others."""
    if values.any() and (len(values) == 1 or (values != values[0]).any()):
        return None
    return ("All particles have the same direction of view: the table has no three-dimensional "
            "assignment.")


def _written_angles(table):
    # Those of matrices of single precision; more digits differ from run to run.
    angles = table.angles
    return None if angles is None else np.round(angles, 6)


def _optics_columns(groups):
    columns = {"rlnOpticsGroup": np.arange(1, len(groups) + 1),
               "rlnOpticsGroupName": [group.name or "opticsGroup%d" % number
                                      for number, group in enumerate(groups, 1)]}
    numbers = dict(_GROUP_NUMBERS, sampling="rlnImagePixelSize")
    for field, name in numbers.items():
        values = [getattr(group, field) for group in groups]
        if None not in values:
            columns[name] = values
    for field, names in (("beam_tilt", _BEAM_TILT), ("magnification", _MAGNIFICATION)):
        values = [getattr(group, field) for group in groups]
        if None not in values:
            columns.update(zip(names, np.reshape(values, (len(groups), -1)).T))
    for field, name in (("odd_zernike", "rlnOddZernike"), ("even_zernike", "rlnEvenZernike")):
        values = [getattr(group, field) for group in groups]
        if None not in values:
            columns[name] = ["[%s]" % ",".join(map(repr, value)) for value in values]
    columns["rlnImageDimensionality"] = [2] * len(groups)
    return columns


def _have(count):
    return "has" if count == 1 else "have"


def _class_index(name):
    return int(name.rsplit("_", 1)[1])


def _matrix(values):
    a, b, c, d = map(_digits, values)
    return (a, b), (c, d)


def _digits(value):
    # Single precision has seven digits; what follows is noise.
    return float("%.7g" % value)


def _first_text(values):
    for value in values:
        try:
            float(value)
        except ValueError:
            return value or "nothing"
    return values[0]


def _empty(path):
    return "%s has no particles; give the table of a job that has finished." % path


def _missing_sentence(missing, count):
    return ("%s stacks of images were found (%s is missing); give the folder of the images."
            % (_how_many(missing, count), missing[0]))


def _how_many(missing, count):
    return "No" if len(missing) == count else "%d of %d" % (count - len(missing), count)


def _shortened(problems):
    """At most so many sentences, for one fault of thousands of stacks."""
    if len(problems) <= _LISTED:
        return problems
    return problems[:_LISTED] + ["%d more stacks have such problems." % (len(problems) - _LISTED)]


def _first_listed(names):
    """At most so many names, for the blocks of a file with thousands."""
    more = len(names) - _LISTED
    return _listed(names if more <= 1 else names[:_LISTED] + ["%d more" % more])


def _listed(names):
    names = list(names)
    return " and ".join([", ".join(names[:-1])] * bool(names[:-1]) + names[-1:])
