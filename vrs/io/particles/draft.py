"""A table of particles in the making: values, optics groups and the stacks that it names."""

import os
import re
from dataclasses import replace

import numpy as np

from vrs.images.particles import OpticsGroup, ParticleTable
from vrs.io.problems import collected
from vrs.io.stacks import read_stack

_LISTED = 5  # sentences about the same fault of several files
CHUNK = 100000  # rows whose names are looked at in one go
_SAME_SAMPLING = 0.01
# Programs that do not know the voxel size of a stack write this one.
_UNKNOWN_SAMPLING = 1.0
# By the field of OpticsGroup: least and largest value, name and unit.
_POSSIBLE = {"voltage": (1.0, 10000.0, "voltage", " kV"),
             "spherical_aberration": (-100.0, 100.0, "spherical aberration", " mm"),
             "amplitude_contrast": (0.0, 1.0, "amplitude contrast", ", which is not a fraction"),
             "sampling": (1e-3, 1e3, "pixel size", " Å")}
_LEAST_STRETCH = 0.1  # of the area of the images
_LARGEST_TILT = 1e3  # mrad
# Of the particles, by the field of ParticleTable.
_LARGEST = {"defocus": (1e6, "defocus", "Å"), "phase_shift": (3600.0, "phase shift", "degrees"),
            "ctf_b_factor": (1e5, "B factor of the CTF", "Å²")}


class Draft:
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
                self._refuse("The magnification matrix in %s changes the size of the images too "
                             "much to be right; correct it." % self.path)
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
                             % (self.path, listed(found),
                                listed([name for name in names if name not in found])))
        return None

    def coefficients(self, text):
        """Numbers in brackets, as RELION writes the coefficients of aberrations."""
        try:
            return tuple(float(value) for value in re.findall(r"[^\s,\[\]]+", str(text)))
        except ValueError:
            self._refuse("The aberrations in %s hold text (%s) where numbers belong; correct the "
                         "table." % (self.path, text))
            return None

    def has_directions(self, values):
        """Whether angles or poses, (n, columns), are a three-dimensional assignment."""
        if self.count == 1 or (values == values[0]).all():
            if not values.any():
                self.notes.append("All particles have the same direction of view: the table has no "
                                  "three-dimensional assignment.")
            elif self.count > 1:
                self._refuse("All particles in %s have the same angles, which no refinement gives; "
                             "give the table of a 3D refinement, or remove the "
                             "angles." % self.path)
            return self.count == 1 and values.any()
        return True

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
        self.problems += shortened(problems)
        self.fields["files"] = tuple(found.get(index) or name for index, name in enumerate(names))
        missing = [names[index] for index, path in found.items() if path is None]
        if missing:
            self.notes.append("%s stacks of images were found (%s is missing); only what needs no "
                              "images can be examined." % (how_many(missing, len(found)),
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
        self.problems += shortened(problems)

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
                    text % listed(["%g" % value for value in values])))
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


def codes_of(values):
    """Index of each value among the different ones, and these as texts."""
    index, parts = {}, []
    for start in range(0, len(values), CHUNK):
        parts.append(np.array([index.setdefault(value, len(index))
                               for value in values[start:start + CHUNK].tolist()], np.int32))
    names = tuple(value.decode("utf-8", "surrogateescape") if isinstance(value, bytes)
                  else str(value) for value in index)
    return np.concatenate(parts), names


def combined(columns, count):
    """Which rows have the same values: a code per row, and a row of each code."""
    codes = np.zeros(count, np.int64)
    for values in columns:
        if values[0] != values[-1] or (values != values[0]).any():
            different, inverse = np.unique(values, return_inverse=True)
            codes = np.unique(codes * len(different) + inverse, return_inverse=True)[1]
    _, examples = np.unique(codes, return_index=True)
    return codes.astype(np.int32), examples


def optics_group(numbers, **others):
    """An OpticsGroup from numbers and whatever else is known."""
    kinds = {"image_size": int, "phase_flipped": bool, "premultiplied": bool}
    known = {field: kinds.get(field, digits)(value) for field, value in numbers.items()}
    known.update((field, value) for field, value in others.items() if value is not None)
    return OpticsGroup(**known)


def matrix_of(values):
    a, b, c, d = map(digits, values)
    return (a, b), (c, d)


def digits(value):
    # Single precision has seven digits; what follows is noise.
    return float("%.7g" % value)


def _have(count):
    return "has" if count == 1 else "have"


def _first_text(values):
    for value in values:
        try:
            float(value)
        except ValueError:
            return value or "nothing"
    return values[0]


def empty_sentence(path):
    return "%s has no particles; give the table of a job that has finished." % path


def how_many(missing, count):
    return "No" if len(missing) == count else "%d of %d" % (count - len(missing), count)


def shortened(problems):
    """At most so many sentences, for one fault of thousands of stacks."""
    if len(problems) <= _LISTED:
        return problems
    return problems[:_LISTED] + ["%d more stacks have such problems." % (len(problems) - _LISTED)]


def first_listed(names):
    """At most so many names, for the blocks of a file with thousands."""
    more = len(names) - _LISTED
    return listed(names if more <= 1 else names[:_LISTED] + ["%d more" % more])


def listed(names):
    names = list(names)
    return " and ".join([", ".join(names[:-1])] * bool(names[:-1]) + names[-1:])
