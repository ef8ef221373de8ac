"""``vrs validate``: from a map to its report."""

import contextlib
import itertools
import json
import os
import re
import shutil
import signal
from dataclasses import dataclass, field, replace
from typing import Any, Dict, Optional

from vrs import bundles, inputs, levels, library
from vrs.checks import SERVICE, Overrides, all_checks, checks_of_level
from vrs.cli.console import Console, table
from vrs.cli.availability import why_unavailable
from vrs.cli.queues import require_queue
from vrs.constants import CHIMERAX_MISSING
from vrs.engines.chimerax import find_chimerax
from vrs.engines.external import ExternalEngine, read_choices, refusal
from vrs.errors import InputError
from vrs.io.entries import FetchedEntry, compared_numbers
from vrs.io.folders import alone_in, check_output_folder
from vrs.io.maps import is_plain
from vrs.io.problems import collected
from vrs.report import report_files, write_package
from vrs.report.chimerax_script import SCRIPT, redirected
from vrs.report.json_report import input_findings, relocate, report_text
from vrs.results import SERIOUS, Note, Status
from vrs.scipion import is_installed, load_domain, prepare_environment, without_scipion

# Bytes; file systems take 255, and projects and their files add to it.
_LONGEST_NAME = 200
# What a computer that shuts down or a batch sends, and a terminal that is closed.
_ENDING = (signal.SIGTERM, signal.SIGHUP)


@dataclass
class Request:
    """A validation that was found possible.

    Attributes
    ----------
    map : vrs.inputs.map.MapEvidence or None
        The map, until it was handed on.
    stem : str
        Name of the map.
    is_plain : bool
        Whether Scipion can read the map's file.
    given : dict
        Evidence by the names of its options; paths are absolute.
    criteria : str
        Absolute path, or ``SERVICE``; empty for the usual ones.
    output : str
        Absolute path.
    queue, project : str or None
    threads : int
    renderer : str
    engines : dict of str to ExternalEngine
        By item.
    packed : bool
        Whether the report is also written as one file to send.
    entry : dict
        Parameters of the protocol that imports an entry of a public archive; empty where the
        map is a file of the user's.
    fetched : vrs.io.entries.FetchedEntry or None
        That entry.
    """

    map: Any
    stem: str
    is_plain: bool
    given: Dict[str, Any]
    criteria: str
    output: str
    queue: Optional[str]
    project: Optional[str]
    threads: int
    renderer: str
    engines: Dict[str, ExternalEngine]
    packed: bool = False
    entry: Dict[str, Any] = field(default_factory=dict)
    fetched: Optional[FetchedEntry] = None


def validate(options):
    """Validate a map as the command line asks.

    Parameters
    ----------
    options : argparse.Namespace

    Raises
    ------
    InputError
        With all problems of the input, before anything is written.
    ScipionError
        If Scipion cannot be used or one of its runs failed.
    """
    given = bundles.filled(given_by(options))
    console = Console()
    for line in given.told:
        console.say(line)
    run(check_request(options, given), console)


def run(request, console):
    """Validate what was found possible, deliver the report and say how it went.

    Parameters
    ----------
    request : Request
    console : vrs.cli.console.Console
        The only one: runs in the project let go of the terminal.

    Raises
    ------
    ScipionError
        If Scipion cannot be used or one of its runs failed.
    """
    console.say("Validating %s" % _first_file(request.given))
    if not is_installed():
        console.say(without_scipion())
    with stopped_as_by_keys():
        if is_installed() and "map" in request.given:
            _run_in_project(request, console)
        else:
            _run_in_process(request, console)
    _pack(request, console)


@contextlib.contextmanager
def stopped_as_by_keys():
    """Whatever asks the command to end meanwhile, it stops as with Ctrl-C and cleans up."""
    before = {number: signal.getsignal(number) for number in _ENDING}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _run_in_project(request, console):
    """Validate with protocols of Scipion."""
    projects = prepare_environment()
    with console.quiet(os.devnull):
        load_domain()
        from vrs.cli.workflow import open_project, run_workflow
    folder = claim_project(projects, request.project, request.stem)
    with open_project(folder, console) as project:
        output = run_workflow(project, request, console)
    report = _deliver(output, request.output)
    for line in summary(report, request.output, project.path):
        console.say(line)


def _run_in_process(request, console):
    """Validate where protocols of Scipion cannot: there is no map, or no Scipion."""
    report = library.validate(
        request.threads, request.criteria or None,
        lambda item, title: console.say("%s %s" % (item, title)), **request.given)
    if request.fetched is not None:
        report.levels = [replace(result, input=_of_entry(result.input, request))
                         for result in report.levels]
    title = request.given.get("title", "" if request.entry else request.stem)
    paths = report.save(request.output, title=title, renderer=request.renderer)
    written = json.loads(paths.json.read_text(encoding="utf-8"))
    for line in summary(written, request.output):
        console.say(line)


def _pack(request, console):
    if request.packed:
        console.say("To send  %s" % write_package(request.output))


def _of_entry(described, request):
    """The description of the input with what is known of its entry."""
    archived, given = request.fetched.archived, request.given
    threshold, resolution = (float(given[name]) if name in given else None
                             for name in ("threshold", "resolution"))
    notes = compared_numbers(archived.emdb_id, (threshold, archived.threshold),
                             (resolution, archived.resolution))
    return replace(described, entry=request.fetched.front_page(),
                   notes=described.notes + [Note(text) for text in notes])


def check_request(options, filled):
    """Check everything that the user gave.

    Parameters
    ----------
    options : argparse.Namespace
    filled : vrs.bundles.Filled
        What is to be validated.

    Returns
    -------
    Request

    Raises
    ------
    InputError
        With all problems; nothing is written then.
    """
    problems = []
    given = filled.given
    library.levels_of(given)
    stem = filled.stem or map_stem(_first_file(given))
    output = os.path.abspath(options.output or stem + "_vrs")
    criteria = options.criteria or ""
    if criteria not in ("", SERVICE):
        criteria = os.path.abspath(criteria)
    whole, plain, threads, engines = None, False, 1, {}
    with collected(problems):
        threads = to_count(options.threads, "threads")
    with collected(problems):
        inputs.probe(given)
    with collected(problems):
        whole = inputs.load(given, only=("map",)).map
        plain = whole is not None and is_plain(given["map"])
    with collected(problems):
        if criteria:
            Overrides.read(criteria, all_checks())
    with collected(problems):
        engines = read_choices(options.engine, [
            check for level in levels.levels_for(given) for check in checks_of_level(level.id)])
    for item, engine in engines.items():
        reason = why_unavailable(engine)
        if reason:
            problems.append(refusal(item, engine, reason))
    if options.renderer == "chimerax" and find_chimerax() is None:
        problems.append(CHIMERAX_MISSING)
    with collected(problems):
        _check_project(options.project)
    with collected(problems):
        require_queue(options.queue)
    paths = [given[option.name] for option in inputs.all_options()
             if option.is_path and option.name in given]
    with collected(problems):
        _check_names(paths + [criteria, os.path.abspath(options.output or "")])
    if "map" not in given:
        problems += ["%s is for validations in a Scipion project, which need a map; leave it out, "
                     "or give a map with --map." % name for name, value in (
                         ("--project", options.project), ("--queue", options.queue)) if value]
    # Nothing is left behind when the run does not come to its end.
    missing = _missing_folders(output)
    with collected(problems):
        check_output_folder(output)
    _remove_empty(missing)
    if problems:
        raise InputError(problems)
    return Request(whole, stem, plain, given, criteria, output, options.queue,
                   options.project, threads, options.renderer, engines, options.zip)


def given_by(options):
    """What the options of a command give, by the names of the options of evidence and bundles.

    Parameters
    ----------
    options : argparse.Namespace

    Returns
    -------
    dict
        Without what was not given; paths are absolute.
    """
    known = inputs.all_options() + [bundle.option for bundle in bundles.all_bundles()]
    values = {option.name: getattr(options, option.name, None) for option in known}
    return {option.name: option.placed(values[option.name]) for option in known
            if values[option.name] not in (None, "")}


def _first_file(given):
    """The file of the first kind of evidence: the map, if there is one."""
    return next(os.path.normpath(given[option.name]) for option in inputs.all_options()
                if option.is_path and option.name in given)


def map_stem(path):
    """Name of a map's file without what tells its format."""
    return re.sub(r"(?i)(\.(gz|bz2))?$", "", re.sub(
        r"(?i)\.(mrc|map|ccp4|star|cs|csg)(?=(\.gz|\.bz2)?$)", "", os.path.basename(path))) or "map"


def claim_project(projects, name, stem):
    """Choose the Scipion project to work in, and make its folder.

    Parameters
    ----------
    projects : str
        Folder of the projects.
    name : str or None
        The project that the user wants; a new one by default.
    stem : str
        Name of the map, for the name of a new project.

    Returns
    -------
    str
    """
    if name is not None:
        folder = os.path.join(projects, name)
        os.makedirs(folder, exist_ok=True)
        return folder
    short = os.fsencode(re.sub(r"[^\w-]", "-", stem))[:_LONGEST_NAME].decode(errors="ignore")
    base = os.path.join(projects, "vrs_" + short)
    for number in itertools.count(1):
        folder = base if number == 1 else "%s_%d" % (base, number)
        # Making the folder is what keeps two runs from taking the same one.
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)
            return folder


def to_count(text, what):
    """A whole number above 0.

    Parameters
    ----------
    text : str
    what : str
        What is counted: "threads".

    Returns
    -------
    int

    Raises
    ------
    InputError
        If it is none.
    """
    if not re.fullmatch(r"[1-9]\d*", text):
        raise InputError("The number of %s, %s, is not a whole number above 0." % (what, text))
    return int(text)


def _check_project(name):
    if name is not None and not re.fullmatch(r"[\w-]+", name):
        raise InputError("The project name, %s, may only have letters, digits, - and _." % name)
    if name is not None and len(os.fsencode(name)) > _LONGEST_NAME:
        raise InputError("The project name, %s, is too long; give one of at most %d letters."
                         % (name, _LONGEST_NAME))
    if name is not None and not is_installed():
        raise InputError("--project cannot be used. " + without_scipion())


def _check_names(paths):
    """Refuse names that Scipion's database and the reports cannot hold."""
    shown = [(path, path.encode(errors="replace").decode()) for path in paths]
    problems = ["The name of %s has letters that are not UTF-8, shown as question marks; give it "
                "another name." % text for path, text in shown if text != path]
    if problems:
        raise InputError(problems)


def _missing_folders(path):
    """The folders of a path that do not exist, innermost first."""
    missing = []
    while not os.path.lexists(path):
        missing.append(path)
        path = os.path.dirname(path)
    return missing


def _remove_empty(folders):
    for folder in folders:
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def _deliver(source, folder):
    """Put a report into the user's folder, in the place of an earlier one; returns what its JSON
    form says."""
    with open(os.path.join(source, "report.json"), encoding="utf-8") as handle:
        report = json.load(handle)
    # Maps and models stay in the project, next to which the report was.
    moved = relocate(report, lambda _, path: os.path.relpath(os.path.join(source, path), folder))
    check_output_folder(folder)
    with alone_in(folder):
        library.remove_files(folder)  # of a run without a project
        for name in report_files(folder):
            os.remove(os.path.join(folder, name))
        for name in report_files(source):
            shutil.copyfile(os.path.join(source, name), os.path.join(folder, name))
        with open(os.path.join(folder, "report.json"), "w", encoding="utf-8") as handle:
            handle.write(report_text(report))
        script = os.path.join(folder, SCRIPT)
        if os.path.exists(script):
            with open(script, encoding="utf-8") as handle:
                text = redirected(handle.read(), moved)
            with open(script, "w", encoding="utf-8") as handle:
                handle.write(text)
    return report


def summary(report, output, project_path=None):
    """What the terminal shows of a report.

    Parameters
    ----------
    report : dict
        Its JSON form.
    output, project_path : str
        Folders of the report and of the Scipion project, None without one.

    Returns
    -------
    list of str
        Lines.
    """
    items = report["items"]
    warned = [(item["id"], warning["text"], warning["severity"]) for item in items
              for warning in item["warnings"]]
    remarks = [(part, "Serious: " + text if severity == SERIOUS else text)
               for part, text, severity in sorted(
                   input_findings(report) + warned, key=lambda found: found[2] != SERIOUS)]
    reasons = {}
    for item in items:
        if item["reason"]:
            reasons.setdefault(item["reason"], []).append(item["id"])
    remarks += [(", ".join(ids), reason) for reason, ids in reasons.items()]
    return (["", table(["Item", "Title", "Status"],
                       [(item["id"], item["title"], _status(item)) for item in items])]
            + ["  %s  %s" % remark for remark in remarks]
            + ["", "Levels assessed: %s; %d of %d items passed%s" % (
                levels.printed_of_report(report), report["score"]["passed"],
                report["score"]["evaluable"], printed_serious(count_serious(report)))]
            + ["Report   %s" % os.path.join(output, name)
               for name in ("report.pdf", "report.html", "report.json")]
            + (["Project  %s" % project_path,
                "Open it with: vrs open %s" % os.path.basename(project_path)]
               if project_path else []))


def count_serious(report):
    """How many serious findings and warnings a report, in its JSON form, has."""
    severities = [severity for _, _, severity in input_findings(report)]
    severities += [warning["severity"] for item in report["items"]
                   for warning in item["warnings"]]
    return severities.count(SERIOUS)


def printed_serious(count):
    """The number of serious findings at the end of a sentence; nothing for none."""
    return ", %d serious finding%s" % (count, "" if count == 1 else "s") if count else ""


def _status(item):
    return Status(item["status"]).printed(len(item["warnings"]))
