"""Tables of particles as cryoSPARC writes them."""

import os
import re

import numpy as np
from scipy.spatial.transform import Rotation

from vrs.io.particles.draft import (CHUNK, Draft, codes_of, combined, digits, empty_sentence,
                                    listed, matrix_of, optics_group)


class CryosparcDraft(Draft):
    """From the columns of .cs files."""

    def __init__(self, path, columns, files):
        super().__init__(path, columns, len(columns["uid"]))
        if self.count == 0:
            self.problems.append(empty_sentence(path))
        elif len(files) > 1:
            self.notes.append("The particles were assembled from %s."
                              % listed([os.path.basename(name) for name in files]))

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
            codes, names = codes_of(self.columns["blob/path"])
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
        self.fields["group"], examples = combined(list(numbers.values()), self.count)
        for example in examples:
            values = {field: digits(column[example]) for field, column in numbers.items()}
            self.optics.append(self._group(values))

    @staticmethod
    def _group(values):
        matrix = [values.pop("magnification %d" % index, 0) for index in range(4)]
        tilt = [values.pop("beam_tilt %d" % index, 0) for index in range(2)]
        sizes = [values.pop("image_size %d" % index, None) for index in range(2)]
        name = values.pop("exposure_group", None)
        aberration = values.get("spherical_aberration")
        return optics_group(
            values, name="" if name is None else "%d" % name, sampling=values.pop("sampling", None),
            image_size=None if sizes[0] is None else int(sizes[0]),
            # Stored as Cs times the tilt, in Å, and as the difference from the identity.
            beam_tilt=tuple(1e3 * np.arcsin(np.array(tilt) / (1e7 * aberration)))
            if any(tilt) and aberration else None,
            magnification=matrix_of(np.array(matrix) + [1, 0, 0, 1]) if any(matrix) else None)

    def _location(self):
        fractions = self.several(("location/center_x_frac", "location/center_y_frac"))
        shapes = self.numbers("location/micrograph_shape")
        if fractions is not None and shapes is not None:
            self.fields["coordinates"] = fractions * shapes[:, ::-1]
        if "location/micrograph_path" in self.columns:
            codes, names = codes_of(self.columns["location/micrograph_path"])
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
            if pose is not None and self.has_directions(pose):
                rotations = np.concatenate([
                    Rotation.from_rotvec(pose[start:start + CHUNK]).as_matrix().transpose(
                        0, 2, 1).astype(np.float32) for start in range(0, self.count, CHUNK)])
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


def _class_index(name):
    return int(name.rsplit("_", 1)[1])
