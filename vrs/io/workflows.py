"""Reading workflows: those that Scipion exported, and those of jobs of RELION and cryoSPARC."""

import json
import os
import re
from dataclasses import dataclass, field
from typing import List

from vrs.errors import InputError
from vrs.io import cryosparc_jobs, relion
from vrs.io.files import check_file
from vrs.io.maps import sha256

# Scipion writes a whole protocol as "12." where it is a single input.
_OUTPUT = re.compile(r"([0-9]{1,18})\.(?:[A-Za-z_]\w*(?:\.\w+)*)?")
_RUN = re.compile(r"[0-9]{1,18}")
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass
class Step:
    """One protocol of a workflow.

    ``parents`` are the ids of the steps whose output it takes; ``plugin`` and
    ``version`` are empty where they are not known.
    """

    id: str
    label: str
    protocol: str
    parents: List[str] = field(default_factory=list)
    plugin: str = ""
    version: str = ""
    leads_to_map: bool = False


@dataclass
class Workflow:
    """A workflow, with the file it was read from.

    ``absent`` are the ids of steps that others take their input from and that the file
    does not hold; ``version_source`` says in a sentence what the versions are.
    """

    file_name: str
    sha256: str
    steps: List[Step]
    absent: List[str] = field(default_factory=list)
    version_source: str = ""


def read_workflow(path):
    """Read a workflow.

    Parameters
    ----------
    path : str
        As Scipion exports it, a JSON list with an object for each protocol; or the folder of a
        job of RELION or cryoSPARC, with the jobs that it follows from.

    Returns
    -------
    Workflow
        Without plugins and versions if Scipion exported it, which leaves them out.

    Raises
    ------
    InputError
        If it cannot be read or is no such list, if two steps have the same id, or if
        steps take their input from each other in a circle.
    """
    path = str(path)
    if os.path.isdir(path):
        return _of_job(path)
    given = _load(path)
    described = [_identity(step, path) for step in given]
    ids = {step.id for step in described}
    if len(ids) < len(described):
        raise InputError("The workflow %s has several protocols with the same id; export it from "
                         "Scipion again." % path)
    absent = set()
    for step, parameters in zip(described, given):
        taken = _inputs(parameters, ids)
        step.parents = sorted((taken & ids) - {step.id}, key=int)
        absent |= taken - ids
    _refuse_circles(described, path)
    return Workflow(os.path.basename(path), sha256(path), described, sorted(absent, key=int))


def workflow_file(path):
    """The file that a workflow is read from.

    Parameters
    ----------
    path : str
        As :func:`read_workflow` takes it.

    Returns
    -------
    str
    """
    path = str(path)
    if not os.path.isdir(path):
        return path
    if cryosparc_jobs.is_job(path):
        return cryosparc_jobs.description_file(path)
    return relion.pipeline_file(relion.Job(path))


def _of_job(path):
    """The workflow that ends in a job of RELION or cryoSPARC."""
    steps, source = (_cryosparc_steps if cryosparc_jobs.is_job(path) else _relion_steps)(path)
    names = {step.id for step in steps}
    absent = sorted({parent for step in steps for parent in step.parents} - names)
    for step in steps:
        step.parents = sorted(names.intersection(step.parents) - {step.id}, key=_number)
    steps.sort(key=lambda step: _number(step.id))
    file_name = workflow_file(path)
    _refuse_circles(steps, path)
    return Workflow(os.path.basename(file_name), sha256(file_name), steps, absent, source)


def _relion_steps(path):
    job = relion.Job(path)
    steps = []
    for found in [job] + job.ancestors():
        process = found.pipeline.processes.get(found.name)
        steps.append(Step(os.path.basename(found.name),
                          _line(process.alias if process else "") or found.type, found.type,
                          [os.path.basename(name) for name in found.parents], "RELION",
                          found.version, True))
    return steps, "The versions are those that the jobs of RELION wrote to their logs."


def _cryosparc_steps(path):
    job = cryosparc_jobs.Job(path)
    return [Step(found.uid, _line(found.title) or found.type, found.type, sorted(found.parents),
                 "cryoSPARC", found.version, True) for found in [job] + job.ancestors()], (
        "The versions are those that cryoSPARC wrote to the descriptions of the jobs.")


def _number(name):
    """Key by which "job9" comes before "job10"."""
    return int(re.sub(r"\D", "", name) or 0), name


def _load(path):
    if os.path.exists(path):
        check_file(path, "a workflow that Scipion exported")
    try:
        # Editors may have put a byte order mark at its beginning.
        with open(path, encoding="utf-8-sig") as handle:
            given = json.load(handle)
    except OSError as error:
        raise InputError("The workflow %s cannot be read (%s); check its name."
                         % (path, error.strerror))
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise InputError("The workflow %s is not JSON%s; export it from Scipion again."
                         % (path, " from its line %d on" % line if line else ""))
    if not isinstance(given, list) or not given:
        raise InputError("The workflow %s holds no protocols; give a file that Scipion exported."
                         % path)
    return given


def _identity(step, path):
    """The step with its id and names, yet without what it follows from."""
    try:
        number, protocol = str(step["object.id"]), _line(step["object.className"])
        if _RUN.fullmatch(number) and protocol:
            return Step(number, _line(step.get("object.label")) or protocol, protocol)
    except (KeyError, TypeError):
        pass  # told below
    raise InputError("The workflow %s has an entry without the id or the name of its protocol; "
                     "give a file that Scipion exported." % path)


def _line(name):
    """A name as one line of characters that any of the reports can hold."""
    return " ".join(_NO_XML.sub("\ufffd", str(name or "")).split())


def _inputs(parameters, ids):
    """Ids that parameters refer to: "12.outputVolume", and whole protocols by number.

    A number by itself may be anything else too. It stands for a protocol where it is in a
    list of ids, or in a parameter that is called an input.
    """
    found = set()
    for name, value in parameters.items():
        if name.startswith(("_", "object.")):
            continue
        many = isinstance(value, list)
        texts = [text for text in (value if many else [value]) if isinstance(text, str)]
        found |= {match.group(1) for match in map(_OUTPUT.fullmatch, texts) if match}
        numbers = {text for text in texts if _RUN.fullmatch(text)}
        if numbers <= ids and (many or name.startswith("input")):
            found |= numbers
    return found


def _refuse_circles(steps, path):
    parents = {step.id: set(step.parents) for step in steps}
    children = {number: set() for number in parents}
    for step in steps:
        for parent in step.parents:
            children[parent].add(step.id)
    circles = _peeled(_peeled(set(parents), parents), children)
    if circles:
        raise InputError("In the workflow %s the protocols %s take their input from each other in "
                         "a circle; export it again."
                         % (path, ", ".join(sorted(circles, key=_number))))


def _peeled(names, neighbours):
    """What is left when those without neighbours are taken away, again and again."""
    ready = True
    while ready:
        ready = {name for name in names if neighbours[name].isdisjoint(names)}
        names = names - ready
    return names
