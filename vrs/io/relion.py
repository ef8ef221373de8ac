"""Projects of RELION: its jobs, and what each of them took from which others.

A project is a folder with a folder for each type of job, ``PostProcess`` for instance, and in these
a folder for each job, ``job020``. Names of files start at the project. The graph of all jobs is
kept in ``default_pipeline.star``, and each job keeps its own part in ``job_pipeline.star``. The
options of a job are in ``job.star`` since version 3.1, and in ``run.job`` before.
"""

import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Dict, List

from vrs.errors import InputError
from vrs.io.star import read_star

PIPELINE = "default_pipeline.star"
OWN_PIPELINE = "job_pipeline.star"
_OPTIONS, _OLD_OPTIONS = "job.star", "run.job"
_SUCCESS = "RELION_JOB_EXIT_SUCCESS"
_FAILURES = {"RELION_JOB_EXIT_FAILURE": "failed", "RELION_JOB_EXIT_ABORTED": "was aborted"}
# What version 3.0, which left no file when a job ended, calls finished.
_FINISHED = "2"
_JOB = re.compile(r"(\w+/job\d+)/.+")
_VERSION = re.compile(r"RELION version:\s*(\S+)")
_COMMAND = re.compile(r"(--\w+)\s+(\S+)")
_HEAD = 2000  # characters of a log that the version stands in


@dataclass
class Process:
    """What a pipeline says of a job.

    Attributes
    ----------
    name : str
        "PostProcess/job020".
    alias : str
        Name that the user gave it; empty without.
    kind : str
        "relion.postprocess" since version 4, a number before.
    status : str
    inputs : list of str
        Files that it took, as the project names them.
    """

    name: str
    alias: str = ""
    kind: str = ""
    status: str = ""
    inputs: List[str] = field(default_factory=list)

    @property
    def type(self):
        """The type of job, "PostProcess": the folder that all of these are in."""
        return self.name.split("/")[0]


@dataclass
class Pipeline:
    """The graph of a project's jobs.

    Attributes
    ----------
    processes : dict of str to Process
        By the names of the jobs.
    kinds : dict of str to str
        What each file is, as RELION puts it.
    """

    processes: Dict[str, Process] = field(default_factory=dict)
    kinds: Dict[str, str] = field(default_factory=dict)


def is_job(folder):
    """Whether a folder is that of a job."""
    return any(os.path.isfile(os.path.join(folder, name))
               for name in (_OPTIONS, _OLD_OPTIONS, OWN_PIPELINE))


class Job:
    """A job of a project.

    Parameters
    ----------
    path : str
        Its folder, by its number or by its alias, or a file in it.

    Attributes
    ----------
    project : str
        Absolute path of the project's folder.
    name : str
        "PostProcess/job020".

    Raises
    ------
    InputError
        If it is no job of RELION.
    """

    def __init__(self, path):
        folder = os.path.realpath(str(path))
        if os.path.isfile(folder):
            folder = os.path.dirname(folder)
        if not os.path.isdir(folder):
            raise InputError("There is no folder %s; give the folder of a job, "
                             "PROJECT/PostProcess/job020 for instance." % path)
        if not is_job(folder):
            raise InputError(_no_job(str(path), folder))
        self.project = os.path.dirname(os.path.dirname(folder))
        self.name = os.path.relpath(folder, self.project)

    @property
    def folder(self):
        """Its absolute path."""
        return os.path.join(self.project, self.name)

    @property
    def type(self):
        """The type of job: "PostProcess"."""
        return os.path.dirname(self.name)

    def path(self, name):
        """Absolute path of a file that the project names."""
        return os.path.join(self.project, name)

    def file(self, name):
        """Absolute path of a file of this job."""
        return os.path.join(self.folder, name)

    def files(self, pattern):
        """Names of its files that match a regular expression, with the matches.

        Parameters
        ----------
        pattern : str

        Returns
        -------
        list of (str, re.Match)
        """
        found = [(name, re.fullmatch(pattern, name)) for name in sorted(os.listdir(self.folder))]
        return [(name, match) for name, match in found if match]

    @cached_property
    def options(self):
        """Its options: text by variable, or by the question in the window up to version 3.0."""
        if os.path.isfile(self.file(_OPTIONS)):
            table = read_star(self.file(_OPTIONS)).get("joboptions_values", {})
            return dict(zip(map(str, table.get("rlnJobOptionVariable", ())),
                            map(str, table.get("rlnJobOptionValue", ()))))
        pairs = [line.partition("==")[::2] for line in _lines(self.file(_OLD_OPTIONS))]
        return {name.strip(): value.strip() for name, value in pairs if name.strip()}

    @cached_property
    def command(self):
        """Arguments of the program that it ran, by option, from note.txt."""
        return dict(match for line in _lines(self.file("note.txt"))
                    for match in _COMMAND.findall(line))

    @cached_property
    def pipeline(self):
        """The graph of the project, or as much of it as is there."""
        return read_pipeline(self)

    @cached_property
    def inputs(self):
        """Files that it took, as the project names them."""
        process = self.pipeline.processes.get(self.name)
        found = list(process.inputs) if process else []
        # What was typed in is not always in the graph.
        found += [value for value in self.options.values()
                  if value.endswith((".star", ".mrc")) and value not in found]
        return [name for name in found if _maker(name) != self.name]

    def kind(self, name):
        """What a file is, as RELION puts it; empty where it does not say."""
        return self.pipeline.kinds.get(name, "")

    def maker(self, name):
        """The job that made a file.

        Parameters
        ----------
        name : str
            As the project names it.

        Returns
        -------
        Job or None
            None where it came from outside, or the job is not there any more.
        """
        made_by = _maker(name)
        try:
            return Job(self.path(made_by)) if made_by else None
        except InputError:
            return None

    @property
    def parents(self):
        """Names of the jobs that made its inputs, also of those that are gone."""
        return sorted({_maker(name) for name in self.inputs} - {None})

    def ancestors(self):
        """The jobs that it follows from, the nearest first.

        Returns
        -------
        list of Job
            Those whose folders are there.
        """
        found, waiting = {self.name: self}, [self]
        while waiting:
            job = waiting.pop(0)
            for name in job.inputs:
                parent = job.maker(name)
                if parent is not None and parent.name not in found:
                    found[parent.name] = parent
                    waiting.append(parent)
        return list(found.values())[1:]

    def require_finished(self):
        """Refuse a job that did not come to its end.

        Raises
        ------
        InputError
        """
        for name, ended in _FAILURES.items():
            if os.path.exists(self.file(name)):
                raise InputError("The job %s %s; give one that finished." % (self.name, ended))
        if os.path.exists(self.file(_SUCCESS)):
            return
        process = self.pipeline.processes.get(self.name)
        if (not os.path.exists(self.file(_OPTIONS)) and process is not None
                and process.status == _FINISHED):
            return
        raise InputError("The job %s is not finished: there is no file %s in its folder. Wait for "
                         "it to end, or give another one." % (self.name, _SUCCESS))

    @property
    def version(self):
        """Version of RELION that ran it, by its log; empty where it does not say."""
        found = _VERSION.search("\n".join(_lines(self.file("run.out"), _HEAD)))
        return found.group(1) if found else ""


def read_pipeline(job):
    """The graph of a job's project.

    Parameters
    ----------
    job : Job

    Returns
    -------
    Pipeline
        That of the project, else what the job and those before it kept of their own.

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    whole = _read(job.path(PIPELINE))
    if job.name in whole.processes:
        return whole
    waiting, seen = [job.name], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        part = _read(os.path.join(job.project, name, OWN_PIPELINE))
        whole.processes.update(part.processes)
        whole.kinds.update(part.kinds)
        process = whole.processes.get(name)
        waiting += [_maker(found) for found in (process.inputs if process else ())
                    if _maker(found)]
    return whole


def pipeline_file(job):
    """The file that a job's place in the graph is read from.

    Parameters
    ----------
    job : Job

    Returns
    -------
    str
    """
    for path in (job.path(PIPELINE), job.file(OWN_PIPELINE), job.file(_OPTIONS)):
        if os.path.isfile(path):
            return path
    return job.file(_OLD_OPTIONS)


def _read(path):
    if not os.path.isfile(path):
        return Pipeline()
    blocks = read_star(path)
    table = blocks.get("pipeline_processes", {})
    processes = {}
    for name, alias, kind, status in zip(*(
            _texts(table, *names) for names in (
                ("rlnPipeLineProcessName",), ("rlnPipeLineProcessAlias",),
                ("rlnPipeLineProcessTypeLabel", "rlnPipeLineProcessType"),
                ("rlnPipeLineProcessStatusLabel", "rlnPipeLineProcessStatus")))):
        name = name.rstrip("/")
        alias = "" if alias == "None" else alias.rstrip("/").split("/")[-1]
        processes[name] = Process(name, alias, kind, status)
    edges = blocks.get("pipeline_input_edges", {})
    for file_name, name in zip(_texts(edges, "rlnPipeLineEdgeFromNode"),
                               _texts(edges, "rlnPipeLineEdgeProcess")):
        if name.rstrip("/") in processes:
            processes[name.rstrip("/")].inputs.append(file_name)
    nodes = blocks.get("pipeline_nodes", {})
    kinds = dict(zip(_texts(nodes, "rlnPipeLineNodeName"),
                     _texts(nodes, "rlnPipeLineNodeTypeLabel", "rlnPipeLineNodeType")))
    return Pipeline(processes, kinds)


def _texts(table, *names):
    """A column as texts, by the first of its names that there is."""
    return next((list(map(str, table[name])) for name in names if name in table), [])


def _maker(name):
    """Name of the job that made a file, by the folder that it is in; None for others."""
    found = _JOB.fullmatch(name)
    return found.group(1) if found else None


def _lines(path, most=None):
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            return handle.read(most).splitlines()
    except OSError:
        return []


def _no_job(given, folder):
    if os.path.isfile(os.path.join(folder, PIPELINE)):
        jobs = sorted(name for name in _read(os.path.join(folder, PIPELINE)).processes
                      if name.startswith(("PostProcess/", "Refine3D/")))
        jobs.sort(key=lambda name: name.split("/")[1])
        return ("%s is a project of RELION; give one of its jobs%s." % (
            given, ", %s for instance" % os.path.join(given, jobs[-1]) if jobs else ""))
    return ("%s is not the folder of a RELION job: it has neither job.star (version 3.1 and later) "
            "nor run.job (version 3.0). Give one such as PROJECT/PostProcess/job020." % given)
