"""Tables of particles as RELION writes them, in versions 3.0 to 5."""

import numpy as np

from vrs.io.particles.draft import (CHUNK, Draft, codes_of, combined, digits, empty_sentence,
                                    first_listed, listed, matrix_of, optics_group)
from vrs.io.star import write_star
from vrs.numerics.projection import rotation_matrices

IMAGE_NAME = "rlnImageName"
ANGLES = ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi")
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
# Degrees: two turns; and particles of which some have larger angles than radians are.
_LARGEST_ANGLE, _TELLS_RADIANS = 720.0, 100
_SAMPLING = ("rlnImagePixelSize", "rlnDetectorPixelSize", "rlnMagnification", "rlnPixelSize")
COLUMNS = frozenset(
    (IMAGE_NAME, "rlnMicrographName", "rlnOpticsGroup", "rlnOpticsGroupName", "rlnPhaseShift",
     "rlnImageDimensionality", "rlnOddZernike", "rlnEvenZernike",
     "rlnCtfBfactor", "rlnCtfScalefactor", "rlnRandomSubset", "rlnClassNumber")
    + ANGLES + _ANGSTROM_ORIGIN + _PIXEL_ORIGIN + _DEFOCUS + _COORDINATES + _MAGNIFICATION
    + _BEAM_TILT + _TOMOGRAPHY + tuple(_GROUP_NUMBERS.values()) + _SAMPLING)


class RelionDraft(Draft):
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
                % (path, first_listed(["data_" + name for name in blocks]), IMAGE_NAME,
                   listed(ANGLES)))
        elif self.count == 0:
            self.problems.append(empty_sentence(path))
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
        if IMAGE_NAME not in self.columns:
            return
        names, numbers, files, single, wrong = {}, [], [], set(), None
        for name in self.columns[IMAGE_NAME].tolist():
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
                                 % (IMAGE_NAME, self.path, wrong))
            return
        self.set_stacks(np.array(files, np.int32), names, np.array(numbers))
        self._single = frozenset(names[file] for file in single)

    def _groups_of_table(self):
        rows = Draft(self.path, self._optics, len(next(iter(self._optics.values()))))
        samplings = self._samplings(rows)
        numbers = {field: rows.numbers(name) for field, name in _GROUP_NUMBERS.items()}
        tilt, matrix = rows.several(_BEAM_TILT), rows.several(_MAGNIFICATION)
        names = rows.columns.get("rlnOpticsGroupName", [""] * rows.count)
        zernike = [rows.columns.get(name) for name in ("rlnOddZernike", "rlnEvenZernike")]
        for index in range(rows.count):
            odd, even = (None if column is None else rows.coefficients(column[index])
                         for column in zernike)
            self.optics.append(optics_group(
                {field: values[index] for field, values in numbers.items() if values is not None},
                name=str(names[index]), odd_zernike=odd, even_zernike=even,
                sampling=None if samplings is None else digits(samplings[index]),
                beam_tilt=None if tilt is None else tuple(map(digits, tilt[index])),
                magnification=None if matrix is None else matrix_of(matrix[index])))
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
                                 % (self.path, listed(["%g" % value for value in strange])))
        self.fields["group"] = group

    def _groups_of_rows(self):
        """Optics groups of the particles that have the same optics."""
        numbers = {field: self.numbers(name) for field, name in _GROUP_NUMBERS.items()}
        numbers["sampling"] = self._samplings(self)
        tilt = self.several(_BEAM_TILT)
        if tilt is not None:
            numbers["tilt_x"], numbers["tilt_y"] = tilt.T
        numbers = {field: values for field, values in numbers.items() if values is not None}
        self.fields["group"], examples = combined(list(numbers.values()), self.count)
        for example in examples:
            values = {field: column[example] for field, column in numbers.items()}
            tilts = tuple(digits(values.pop(name)) for name in ("tilt_x", "tilt_y")
                          if name in values)
            sampling = values.pop("sampling", None)
            self.optics.append(optics_group(
                values, beam_tilt=tilts or None,
                sampling=None if sampling is None else digits(sampling)))

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
            codes, names = codes_of(self.columns["rlnMicrographName"])
            self.fields.update(micrograph=codes, micrograph_names=names)

    def _alignments(self):
        in_space = any(name in self.columns for name in ANGLES[:2])
        angles = self.several(ANGLES) if in_space else None
        psi = self.numbers(ANGLES[2]) if angles is None else angles[:, 2]
        origin, pixels = self.several(_ANGSTROM_ORIGIN), self.several(_PIXEL_ORIGIN)
        shifts = pixels if origin is None else origin
        numbers = self.numbers("rlnClassNumber")
        if numbers is not None and not ((numbers >= 0) & (numbers < 2 ** 31)
                                        & (numbers == np.floor(numbers))).all():
            self._refuse("Column rlnClassNumber of %s holds values that are not class numbers; "
                         "correct the table." % self.path)
            numbers = None
        if numbers is not None:
            numbers = numbers.astype(np.int32) if (numbers > 0).any() else None
        if angles is not None and self._are_assigned(angles):
            # In pieces, as the double-precision matrices take twice the memory.
            rotations = np.concatenate([
                rotation_matrices(*angles[start:start + CHUNK].T).astype(np.float32)
                for start in range(0, self.count, CHUNK)])
            self._align(rotations, shifts, None, None, numbers, None)
            self.pixel_shifts = ("shifts",) if origin is None and pixels is not None else ()
            return
        self._align(None, None, psi, shifts, None, numbers)
        if "plane_shifts" in self.fields and origin is None:
            self.pixel_shifts = ("shifts", "plane_shifts")

    def _are_assigned(self, angles):
        """Whether angles are a three-dimensional assignment; refuses what is not in degrees."""
        largest = np.abs(angles).max()
        if largest > _LARGEST_ANGLE:
            self._refuse("The angles in %s reach %.0f, which are not degrees; correct them."
                         % (self.path, largest))
            return False
        # Segments of a filament that were not refined yet are seen from the side.
        views = angles[:, :2]
        if (views == (0, 90)).all():
            views = np.zeros_like(views)
        if not self.has_directions(views):
            return False
        if self.count >= _TELLS_RADIANS and largest <= 2 * np.pi:
            self._refuse("All angles in %s lie between -2π and 2π, as if they were in radians; "
                         "give them in degrees." % self.path)
        return True


def _particle_block(blocks):
    """Name of the block with the particles; None without."""
    def rank(name):
        return IMAGE_NAME in blocks[name], name in ("particles", "images", "")
    able = [name for name, columns in blocks.items()
            if IMAGE_NAME in columns or all(angle in columns for angle in ANGLES)]
    return max(able, key=rank) if able else None


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
        columns[IMAGE_NAME] = ["%06d@%s" % (frame + 1, table.file_names[file]) for frame, file
                                in zip(table.frame.tolist(), table.file.tolist())]
    if table.micrograph is not None:
        names = table.micrograph_names + ("",)
        columns["rlnMicrographName"] = [names[index] for index in table.micrograph.tolist()]
    columns["rlnOpticsGroup"] = table.group + 1
    for names, values in ((_COORDINATES, table.coordinates), (_DEFOCUS, table.defocus),
                          (ANGLES, _written_angles(table)), (_ANGSTROM_ORIGIN, table.shifts)):
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
