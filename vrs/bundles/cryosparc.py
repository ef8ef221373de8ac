"""A job of cryoSPARC, or results that were exported from one."""

import glob
import os
import re

import numpy as np

from vrs.bundles import Bundle, Contents, Found, missing_file
from vrs.bundles.micrographs import folder_of, micrographs_of
from vrs.errors import InputError
from vrs.inputs.kind import FOLDER, Option
from vrs.io.cryosparc import read_cs, read_group
from vrs.io.cryosparc_jobs import Job, is_job
from vrs.io.micrographs import find_micrograph

_COMPLETED = "completed"
_SYMMETRIES = ("refine_symmetry", "local_symmetry", "recon_symmetry", "abinit_symmetry")
# What is taken of a volume: option, column, and what it is in words; the first one that is there.
_VOLUME = (("map", ("map_sharp", "map"), "the map"), ("half1", ("map_half_A",), "half map 1"),
           ("half2", ("map_half_B",), "half map 2"),
           ("mask", ("mask_refine", "mask_fsc", "mask_fsc_auto"), "the mask"))
_SAMPLING = "micrograph_blob/psize_A"
_REFUSED = re.compile("excluded|rejected|incomplete")
_NO_MICROGRAPHS = ("micrographs: not taken, as those that were picked in are not there; give their "
                   "folder with --micrographs")
_CLASSES = re.compile(r"(?:.*_)?(\d+)_class_averages\.mrc")


class _CryoSparc(Bundle):
    option = Option(
        "cryosparc", "job of cryoSPARC (PROJECT/J20) or group of results that it exported: its "
        "maps, mask, resolution, particles, classes, micrographs, coordinates, symmetry and "
        "workflow are found from there", type=FOLDER, metavar="PATH")

    def open(self, path):
        folder = os.path.realpath(path)
        if not os.path.isdir(folder):
            raise InputError("There is no folder %s; give that of a job of cryoSPARC, PROJECT/J20 "
                             "for instance, or of results that it exported." % path)
        job = Job(folder) if is_job(folder) else None
        if job is not None and job.status not in ("", _COMPLETED):
            raise InputError("The job %s is not finished: cryoSPARC calls it %s. Wait for it to "
                             "end, or give another one." % (job.uid, job.status))
        search = _Search(folder, job)
        if not search.tables:
            raise InputError("%s is neither a job of cryoSPARC nor results that it exported: it "
                             "has no tables (.cs) of its results." % path)
        search.volumes()
        search.particles()
        if job is not None:
            search.settings()
        if not search.found and not search.missing:
            raise InputError("%s has no map, particles, classes or coordinates; give a refinement, "
                             "a 2D classification, a job that picked or extracted particles, or "
                             "what was exported from one." % path)
        return Contents(tuple(search.found), tuple(search.remarks), tuple(search.missing),
                        job.uid if job else os.path.basename(folder))


CRYOSPARC = _CryoSparc()


def is_cryosparc(path):
    """Whether a folder is that of a job of cryoSPARC, or has tables of its results."""
    folder = glob.escape(str(path))
    return is_job(str(path)) or any(glob.glob(os.path.join(folder, part)) for part in (
        "*.cs", "*.csg", "*/*.csg"))


class _Search:
    """What a folder holds."""

    def __init__(self, folder, job):
        self.folder, self.job = folder, job
        self.found, self.remarks, self.missing = [], [], []
        self.groups = sorted(glob.glob(os.path.join(glob.escape(folder), "*.csg"))
                             + glob.glob(os.path.join(glob.escape(folder), "*", "*.csg")))
        self.tables = self._tables()

    def _tables(self):
        """Tables of the results with what they were found by, the last ones first."""
        named = [(path, group) for group in self.groups for path in read_group(group)]
        if not named and self.job is not None:
            named = [(os.path.join(self.job.project, name), path) for name in self.job.tables
                     for path in [os.path.join(self.job.project, name)]]
        if not named:
            paths = glob.glob(os.path.join(glob.escape(self.folder), "*.cs"))
            named = [(path, path) for path in sorted(paths, reverse=True)
                     if "passthrough" not in os.path.basename(path)]
        return [(read_cs(path), path, named_by)
                for path, named_by in sorted(dict(named).items(), key=_is_refused)
                if os.path.isfile(path)]

    def take(self, option, value, where, needs=""):
        self.found.append(Found(option, value, where, needs))

    def volumes(self):
        """The maps and the mask."""
        for option, columns, what in _VOLUME:
            for column in columns:
                place = self._first(column + "/path")
                if place is not None:
                    break
            else:
                continue
            table, path, _ = place
            name = _text(table[column + "/path"][0])
            where = "%s in %s" % (column, os.path.basename(path))
            file_path = self._path(name, path)
            if file_path is None:
                self.missing.append((option, missing_file(
                    self._expected(name), what, os.path.basename(path), "--" + option)))
                continue
            self.take(option, file_path, where)
            if option == "map" and column + "/psize_A" in table.dtype.names:
                self.take("sampling", float(table[column + "/psize_A"][0]), where)

    def particles(self):
        """The particles, or where they were picked, and their micrographs."""
        picks, images = self._first("location/micrograph_path"), self._first("blob/path", True)
        if picks and images and images[0]["uid"][0] not in picks[0]["uid"]:
            images = None  # those of templates
        place = self._first("alignments3D/pose") or self._first("alignments2D/pose") or images
        if place:
            self.take("particles", place[2], "the results of the job")
            self._micrographs(picks, "particles", *micrographs_of(place[2]))
        elif picks:
            self.take("coordinates", picks[2], "the results of the job")
            self._micrographs(picks, "coordinates", folder_of(
                _texts(picks[0]["location/micrograph_path"]), picks[1]), _NO_MICROGRAPHS)

    def _micrographs(self, picks, needs, folder, remark):
        """The micrographs that the coordinates name, or else those among the results."""
        exposures = self._first("micrograph_blob/path")
        where = "named with the coordinates"
        if picks and exposures and not folder:
            where = "the results of the job"
            folder = folder_of(_texts(exposures[0]["micrograph_blob/path"]), exposures[1])
            if not any(find_micrograph(name, picks[1], folder)
                       for name in _texts(picks[0]["location/micrograph_path"])):
                folder = ""
        if not folder:
            self.remarks += [remark] * bool(remark)
            return
        self.take("micrographs", folder, where, needs)
        if exposures and _SAMPLING in exposures[0].dtype.names:
            sizes = np.unique(exposures[0][_SAMPLING])
            if len(sizes) == 1 and 0 < sizes[0] < np.inf:
                self.take("sampling_micrographs", float("%.6g" % sizes[0]),
                          "%s in %s" % (_SAMPLING, os.path.basename(exposures[1])), needs)

    def settings(self):
        """What only the description of the job tells."""
        job = self.job
        if job.resolution is not None:
            self.take("resolution", job.resolution, "FSC 0.143 in job.json")
        for name in _SYMMETRIES:
            group = job.parameter(name)
            if group:
                self.take("symmetry", str(group), "%s in job.json" % name)
                break
        # Templates may be the class averages of other particles than those that they picked.
        shown = any(found.option in ("map", "particles") for found in self.found)
        for found in [job] + job.ancestors() if shown else []:
            classes = _class_averages(found)
            if classes:
                self.take("classes", classes, "%s %s" % (found.uid, found.type))
                break
        self.take("workflow", job.folder, "the jobs that led to it")

    def _first(self, column, several=False):
        return next((place for place in self.tables if column in place[0].dtype.names
                     and len(place[0]) > several), None)

    def _path(self, name, table):
        """A file that a table names, which counts from the project or the folder of an export."""
        name = name.lstrip(">")
        folder = os.path.dirname(os.path.abspath(table))
        places = [os.path.join(folder, os.path.basename(name)), os.path.join(folder, name)]
        while folder != os.path.dirname(folder):
            folder = os.path.dirname(folder)
            places.append(os.path.join(folder, name))
        return next((os.path.realpath(place) for place in places if os.path.isfile(place)), None)

    def _expected(self, name):
        return os.path.join(os.path.dirname(self.folder), name.lstrip(">"))


def _class_averages(job):
    """The stack of the last class averages of a 2D classification; None for other jobs."""
    if not job.type.lower().startswith("class_2d"):
        return None
    named = [(int(match.group(1)), name) for name, match in
             ((name, _CLASSES.fullmatch(name)) for name in os.listdir(job.folder)) if match]
    return os.path.join(job.folder, max(named)[1]) if named else None


def _is_refused(named):
    """Whether a table is of what a job did not keep."""
    return any(_REFUSED.search(os.path.basename(path)) for path in named)


def _text(value):
    return value.decode(errors="surrogateescape") if isinstance(value, bytes) else str(value)


def _texts(column):
    """Each text of a column once."""
    return [_text(value) for value in np.unique(column)]
