"""``vrs batch``: many entries, each a process of its own, and a summary of all."""

import contextlib
import ctypes
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import deque

import psutil

from vrs import library
from vrs.cli.batch_hook import run_hook
from vrs.cli.batch_summary import SUMMARIES, Outcome, replace_file, thumbnail, write_summaries
from vrs.cli.batch_table import read_table
from vrs.cli.batch_watch import WatchedFolder
from vrs.cli.console import Console
from vrs.cli.queues import require_queue
from vrs.cli.full_disk import full_disk, is_full, no_space
from vrs.cli.validate import claim_project, to_count
from vrs.errors import InputError
from vrs.io.folders import check_output_folder
from vrs.io.problems import collected
from vrs.report import report_files
from vrs.results import UNREADABLE
from vrs.scipion import ScipionError, is_installed, prepare_environment

# What runs an entry; its arguments follow.
PROGRAM = [sys.executable, "-c", "import sys; from vrs.cli import main; sys.exit(main())"]
LOG = "log.txt"
_STATE, _LOCK = "state.json", ".lock"
_REPORTS = ("report.pdf", "report.html", "report.json")
_STOPPING = (signal.SIGINT, signal.SIGTERM)
_QUEUED_AT_ONCE = 8
_POLL_SECONDS = 0.2
_LOOK_SECONDS = 10
# Writing a summary that takes longer than a moment takes at most about this part of the time.
_SUMMARY_SHARE = 0.1
# Cancelling the jobs of a queue takes some time.
_SECONDS_TO_STOP = 30
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


def batch(options, commands):
    """Validate the entries of a table, or those that appear in a folder.

    Parameters
    ----------
    options : argparse.Namespace
    commands : dict
        The options of ``vrs validate`` and ``vrs entry``, see :func:`read_table`.

    Returns
    -------
    bool
        Whether there is a report on every entry, and the summary was written.

    Raises
    ------
    InputError
        If the table or an option is wrong; nothing was run then.
    ScipionError
        If Scipion cannot be used, or another batch is at work in the same folder.
    """
    rows, problems, jobs, threads = [], [], 1, None
    with collected(problems):
        if options.table:
            rows = read_table(options.table, commands)
    with collected(problems):
        _check_source(options)
    with collected(problems):
        jobs = to_count(options.jobs or (str(_QUEUED_AT_ONCE) if options.queue else "1"),
                        "entries at once")
    with collected(problems):
        threads = options.threads and to_count(options.threads, "threads")
    for queue in sorted({options.queue, *(row.options.get("queue") for row in rows)} - {None}):
        with collected(problems):
            require_queue(queue)
    if problems:
        raise InputError(problems)
    source = os.path.abspath(options.table or options.watch)
    stem = os.path.basename(source)
    stem = os.path.splitext(stem)[0] if options.table else stem
    folder = os.path.abspath(options.output or stem + "_vrs")
    check_output_folder(folder)
    projects = prepare_environment() if is_installed() else None
    if threads is None and not options.queue:
        threads = max(1, len(os.sched_getaffinity(0)) // jobs)
    decided = dict(threads=threads, queue=options.queue)
    with _alone_in(folder):
        found = _Batch(stem, folder, projects, decided, options.hook)
        found.add(rows)
        if options.table:
            return found.run(jobs)
        return found.watch(WatchedFolder(options.watch, commands, folder), jobs)


def _check_source(options):
    if bool(options.table) == bool(options.watch):
        raise InputError("Give either a table or, with --watch, a folder.")
    if options.watch and not os.path.isdir(options.watch):
        raise InputError("There is no folder %s to watch." % options.watch)
    if options.watch and options.output and (
            os.path.realpath(options.watch) == os.path.realpath(options.output)):
        raise InputError("--output is the folder that is watched; give another one.")


class _Batch:
    """The entries, of which some are waiting and some are running."""

    def __init__(self, title, folder, projects, decided, hook=None):
        self._title, self._folder, self._projects = title, folder, projects
        self._decided, self._hook = decided, hook
        self._entries, self._waiting, self._running = {}, deque(), []
        self._console = Console()
        self._unwritten = ""
        self._is_changed, self._next_summary = True, 0

    def add(self, rows):
        """Take rows that are new, or not as they were when they were tried."""
        for row in rows:
            entry = self._entries.get(row.name)
            state = entry and entry.outcome.state
            if state == "waiting":
                entry.row = row
            elif state != "running" and not (entry and entry.was_tried_as(row)):
                entry = _Entry(row, self._folder, self._projects,
                               "%s_%s" % (self._title, row.name))
                self._entries[row.name] = entry
                self._is_changed = True
                if entry.outcome.state != "done":
                    self._waiting.append(entry)

    def run(self, jobs):
        """Run all that are waiting, some at once; returns whether all are done then."""
        self._console.say("%d entries, of which %d already have a report" % (
            len(self._entries), len(self._entries) - len(self._waiting)))
        with self._stopped_cleanly():
            while self._waiting or self._running:
                self._go_on(jobs)
        return self._is_done()

    def watch(self, folder, jobs):
        """Run what appears in a folder, until a signal asks to stop; returns as :meth:`run`."""
        self._console.say("Watching %s; Ctrl-C stops" % folder.path)
        with contextlib.suppress(KeyboardInterrupt), self._stopped_cleanly():
            while True:
                rows, told = folder.look()
                for sentence in told:
                    self._console.say(sentence)
                self.add(rows)
                until = time.time() + _LOOK_SECONDS
                while time.time() < until:
                    self._go_on(jobs)
        return self._is_done()

    @contextlib.contextmanager
    def _stopped_cleanly(self):
        """Leave nothing running, whatever ends it, and the summary up to date."""
        before = [signal.getsignal(number) for number in _STOPPING]
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            self._summarise()
            yield
        except KeyboardInterrupt:
            _set_handlers([signal.SIG_IGN] * 2)  # asked for once more, it is not cut short
            self._console.say("Stopping")
            raise
        finally:
            _set_handlers([signal.SIG_IGN] * 2)
            _stop(self._running)
            self._summarise()
            _set_handlers(before)

    def _is_done(self):
        for name in SUMMARIES:
            self._console.say("Summary  %s" % os.path.join(self._folder, name))
        if self._unwritten:
            raise ScipionError("The summary could not be updated: %s" % self._unwritten)
        return all(entry.outcome.state == "done" for entry in self._entries.values())

    def _go_on(self, jobs):
        """Start what there is room for, wait a moment, and take note of what has ended."""
        while self._waiting and len(self._running) < jobs:
            self._running.append(self._waiting.popleft())
            self._start(self._running[-1])
        if self._is_changed and time.time() >= self._next_summary:
            self._summarise()
        time.sleep(_POLL_SECONDS)
        for entry in [entry for entry in self._running if entry.has_ended()]:
            self._running.remove(entry)
            self._end(entry)

    def _start(self, entry):
        self._console.say("%s ... started" % entry.outcome.name)
        entry.start(self._decided)
        self._is_changed = True

    def _end(self, entry):
        entry.end()
        outcome = entry.outcome
        self._console.say("%s ... %s" % (outcome.name, "failed: " + outcome.reason
                                         if outcome.state == "failed" else outcome.summary()))
        self._is_changed = True
        if self._hook:
            told = dict(outcome.plain(), folder=os.path.join(self._folder, outcome.name))
            problem = run_hook(self._hook, json.dumps(told, ensure_ascii=False))
            if problem:
                self._console.say("%s ... the hook failed; the result is not affected: %s" % (
                    outcome.name, problem))

    def _summarise(self):
        """Write the summary anew; where that fails the earlier one stays."""
        self._is_changed, began = False, time.time()
        try:
            write_summaries(self._folder, self._title,
                            [entry.outcome for entry in self._entries.values()])
            self._unwritten = ""
        except OSError as error:
            self._unwritten = no_space(self._folder) or "%s." % error
            self._console.say("The summary was left as it was: %s" % self._unwritten)
        took = time.time() - began
        if took > _POLL_SECONDS:
            self._next_summary = began + took / _SUMMARY_SHARE


class _Entry:
    """An entry with what is known of it from this and earlier runs of the batch."""

    def __init__(self, row, folder, projects, project_name):
        self.row, self._projects, self._project_name = row, projects, project_name
        self._folder = os.path.join(folder, row.name)
        self._process = self._complaints = None
        self._state = self._read_state()
        self.outcome = Outcome(row.name, row.source)
        if self._state.get("outcome") == "done" and self.was_tried_as(row) and all(
                os.path.exists(self._path(name)) for name in _REPORTS):
            with contextlib.suppress(*UNREADABLE):
                self._succeed(self._state["seconds"])

    def was_tried_as(self, row):
        """Whether a row, with its files as they are now, is what was tried last."""
        identity = row.identity()
        return {name: self._state.get(name) for name in identity} == identity

    def start(self, decided):
        """Start its process; a failure to do so is its failure."""
        self.outcome = Outcome(self.row.name, self.row.source, "running")
        self._began = time.time()
        try:
            os.makedirs(self._folder, exist_ok=True)
            # A job that an earlier try has left must not find its project again.
            project = None
            if self.row.has_map():
                project = self._projects and claim_project(
                    self._projects, None, self._project_name)
            else:  # what needs a project
                decided = dict(decided, queue=None)
            self._clear()
            self._state = dict(self.row.identity(), outcome="running", project=project)
            self._write_state()
            with open(self._path(LOG), "w") as log:
                # Not a file: a full disk must not swallow what is said of it.
                self._complaints = os.memfd_create("complaints")
                self._process = subprocess.Popen(
                    PROGRAM + self.row.arguments(
                        output=self._folder, project=project and os.path.basename(project),
                        **decided),
                    stdin=subprocess.DEVNULL, stdout=log, stderr=self._complaints,
                    cwd=self._folder, start_new_session=True, preexec_fn=_ends_with(os.getpid()))
            self._state["process"] = _identity(self._process.pid)
            self._write_state()
        except OSError as error:
            self._state = dict(self._state, **self.row.identity())
            self._fail(_told(error, self._folder))

    def has_ended(self):
        """Whether there is nothing more to wait for."""
        return self._process is None or self._process.poll() is not None

    def end(self):
        """Take note of how its process ended."""
        if self._process is None:  # it could not even be started
            return
        _end_group(self._process.pid)
        code, said = self._process.wait(), self._said()
        self._process = None
        seconds = round(time.time() - self._began)
        if code == 0:
            try:
                self._succeed(seconds)
            except UNREADABLE as error:
                self._fail("The report cannot be read (%s)." % error)
        else:
            self._fail(self._reason(code, said))
            with contextlib.suppress(OSError):  # it holds something
                if self._state["project"]:
                    os.rmdir(self._state["project"])
        self._state.update(outcome=self.outcome.state, reason=self.outcome.reason,
                           seconds=seconds)
        with contextlib.suppress(OSError):  # it would only be run again
            self._write_state()

    def interrupt(self):
        """Tell its process to stop."""
        if self._process is not None:
            self._process.terminate()

    def await_stop(self, until):
        """Wait for its process to stop, and then end what is left of it."""
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(max(0, until - time.time()))
            _end_group(self._process.pid)
            self._process.wait()
        self.outcome = Outcome(self.row.name, self.row.source, "stopped")

    def _path(self, name):
        return os.path.join(self._folder, name)

    def _read_state(self):
        try:
            with open(self._path(_STATE), encoding="utf-8") as handle:
                return dict(json.load(handle))
        except UNREADABLE:  # there is none, or it was damaged
            return {}

    def _write_state(self):
        replace_file(self._path(_STATE), json.dumps(self._state, indent=1, ensure_ascii=False))

    def _clear(self):
        """Remove what an earlier try left: its process, its project and its report."""
        if self._state.get("process"):
            _end_earlier(*self._state["process"])
        project = self._state.get("project") or ""
        if os.path.dirname(project) == self._projects:
            shutil.rmtree(project, ignore_errors=True)
        library.remove_files(self._folder)
        for name in report_files(self._folder) + [LOG]:
            with contextlib.suppress(FileNotFoundError):
                os.remove(self._path(name))

    def _succeed(self, seconds):
        with open(self._path("report.json"), encoding="utf-8") as handle:
            report = json.load(handle)
        self.outcome = Outcome.of_report(self.row.name, self.row.source, report, seconds)
        self.outcome.thumbnail = thumbnail(self._path("report.html"))

    def _fail(self, reason):
        self.outcome = Outcome(self.row.name, self.row.source, "failed", reason=reason)

    def _said(self):
        """What the process complained of, which also ends its log."""
        size = os.fstat(self._complaints).st_size
        said = os.pread(self._complaints, size, 0)
        os.close(self._complaints)
        with contextlib.suppress(OSError), open(self._path(LOG), "ab") as log:
            log.write(said)
        return said.decode(errors="replace")

    def _reason(self, code, said):
        sentences = re.findall(r"^vrs(?: \w+: error)?: (.+)", said, re.MULTILINE)
        if not sentences and code < 0:
            sentences = ["Its process was ended by the signal %s%s." % (
                signal.Signals(-code).name,
                ", as happens when memory runs out" if -code == signal.SIGKILL else "")]
        elif not sentences:
            sentences = ["Its process ended with code %d; its log is %s." % (
                code, self._path(LOG))]
        full = no_space(self._folder)
        if full and "no space left" not in " ".join(sentences):
            sentences.append(full)
        return " ".join(sentences)


@contextlib.contextmanager
def _alone_in(folder):
    """Keep other batches out of a folder."""
    with open(os.path.join(folder, _LOCK), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ScipionError("Another batch is running in %s; wait until it ends, or give "
                               "another folder with --output." % folder)
        except OSError as error:  # some disks of clusters have no locks
            raise ScipionError("The folder %s cannot be locked against other batches (%s); give a "
                               "folder on another disk with --output." % (folder, error.strerror))
        yield


def _ends_with(parent):
    """What makes a process stop when the batch dies, even by force."""
    def prepare():
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before that
            os._exit(1)
    return prepare


def _set_handlers(handlers):
    """Say what the signals do that ask for a stop."""
    for number, handler in zip(_STOPPING, handlers):
        signal.signal(number, handler)


def _stop(entries):
    """Stop entries that are running, first kindly, so that they cancel their jobs."""
    for entry in entries:
        entry.interrupt()
    until = time.time() + _SECONDS_TO_STOP
    for entry in entries:
        entry.await_stop(until)


def _identity(pid):
    """What tells a process from a later one with its number; None when it has ended."""
    try:
        return [pid, psutil.Process(pid).create_time()]
    except psutil.NoSuchProcess:
        return None


def _end_earlier(pid, created):
    """End a process that a batch that was killed has left, and all of its group."""
    if _identity(pid) != [pid, created]:
        return
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        process.terminate()
        process.wait(_SECONDS_TO_STOP)
    _end_group(pid)


def _end_group(pid):
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _told(error, folder):
    if is_full(error):
        return full_disk(error.filename or folder)
    return "It could not be started (%s)." % error
