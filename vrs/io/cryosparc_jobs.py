"""Jobs of cryoSPARC: what they made and which others they follow from.

A project has a folder for each job, ``J20``, with a description, ``job.json``: up to version 4 its
results are in ``output_result_groups`` and its settings in ``params_spec``, since version 5 both
are in ``spec``. Names of files start at the project. Exported jobs and groups of results have
tables and ``.csg`` files, and often no description.
"""

import json
import os
import re
from functools import cached_property

from vrs.errors import InputError

_DESCRIPTION = "job.json"
_UID = re.compile(r"J\d+")


def is_job(path):
    """Whether a folder is that of a job, with its description."""
    return os.path.isfile(description_file(path))


def description_file(path):
    """The description of a job, which need not be there."""
    return os.path.join(str(path), _DESCRIPTION)


class Job:
    """A job, by its description.

    Parameters
    ----------
    path : str
        Its folder.

    Attributes
    ----------
    folder, project : str
        Absolute paths.
    uid : str
        "J20".

    Raises
    ------
    InputError
        If the description cannot be read.
    """

    def __init__(self, path):
        self.folder = os.path.realpath(str(path))
        self.project = os.path.dirname(self.folder)
        self._description = _read(description_file(path))
        self.uid = str(self._description.get("uid") or os.path.basename(self.folder))

    @property
    def type(self):
        """The type of job: "nonuniform_refine_new"."""
        return str(self._spec.get("type") or self._description.get("job_type")
                   or self._description.get("type") or "job")

    @property
    def title(self):
        """What the user called it; empty without."""
        title = str(self._description.get("title") or "")
        return "" if title.startswith("New Job") else title

    @property
    def version(self):
        """Version of cryoSPARC that ran it; empty where it is not told."""
        return str(self._description.get("version") or "")

    @property
    def status(self):
        """ "completed", "failed" and so on; empty where it is not told."""
        return str(self._description.get("status") or "")

    @property
    def _spec(self):
        return _mapping(self._description.get("spec"))

    @cached_property
    def parents(self):
        """Ids of the jobs whose results it takes."""
        connected = [_mapping(connection).get("job_uid") for group in self._inputs()
                     for connection in _list(_mapping(group).get("connections"))]
        named = [str(name) for name in connected + _list(self._description.get("parents")) if name]
        return {name for name in named if _UID.fullmatch(name)} - {self.uid}

    def _inputs(self):
        inputs = self._spec.get("inputs") or self._description.get("input_slot_groups")
        return list(inputs.values()) if isinstance(inputs, dict) else _list(inputs)

    def parameter(self, name):
        """A setting that differs from the usual one; None for others.

        Parameters
        ----------
        name : str
            As "refine_symmetry".
        """
        value = _mapping(self._spec.get("params")).get(name)
        if value is None:
            value = _mapping(self._description.get("params_spec")).get(name)
        return value.get("value") if isinstance(value, dict) else value

    def _outputs(self):
        outputs = _mapping(self._spec.get("outputs"))
        return list(outputs.values()) or _list(self._description.get("output_result_groups"))

    @property
    def resolution(self):
        """Resolution of its map at FSC 0.143, Å, None where it is not told."""
        for output in map(_mapping, self._outputs()):
            statistics = _mapping(output.get("latest_summary_stats"))
            value = _mapping(statistics.get("fsc_info_best")).get("radwn_final_A")
            if isinstance(value, (int, float)) and 0 < value < float("inf"):
                return float(value)
        return None

    @property
    def tables(self):
        """Names of the tables of its results, from the project on, the last version of each."""
        results = [result for output in map(_mapping, self._outputs())
                   for result in _list(output.get("results"))]
        results += _list(self._description.get("output_results"))
        named = [_list(_mapping(result).get("metafiles"))[-1:] for result in results]
        return list(dict.fromkeys(str(names[0]) for names in named if names))

    def ancestors(self):
        """The jobs that it follows from, the nearest first; those that are there."""
        found, waiting = {self.uid: self}, [self]
        while waiting:
            for uid in sorted(waiting.pop(0).parents):
                folder = os.path.join(self.project, uid)
                if uid not in found and is_job(folder):
                    found[uid] = Job(folder)
                    waiting.append(found[uid])
        return list(found.values())[1:]


def _read(path):
    try:
        with open(path, encoding="utf-8") as handle:
            description = json.load(handle)
    except OSError as error:
        raise InputError("The description of the job, %s, cannot be read (%s)."
                         % (path, error.strerror)) from None
    except (ValueError, RecursionError):
        description = None
    if not isinstance(description, dict):
        raise InputError("%s is not the description of a job of cryoSPARC; copy the job again."
                         % path)
    return description


def _mapping(value):
    return value if isinstance(value, dict) else {}


def _list(value):
    return value if isinstance(value, list) else []
