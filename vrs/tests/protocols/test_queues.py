"""Runs as jobs of a queue system, which small shell commands stand for here."""

import os
import sys

import pytest

from vrs.errors import InputError
from vrs.scipion import ScipionError

# The job is a process; Scipion takes the first number of an answer as its id.
_SETTINGS = {
    "NAME": "TOY",
    "SUBMIT_COMMAND": "setsid sh %_(JOB_SCRIPT)s > /dev/null 2>&1 & echo $!",
    "CANCEL_COMMAND": "kill -9 -%_(JOB_ID)s",
    "CHECK_COMMAND": "ps -o stat= -p %_(JOB_ID)s | grep -v Z",
    "SUBMIT_TEMPLATE": "#!/bin/sh\n    # %_(MEMORY)s\n    %_(JOB_COMMAND)s",
    "QUEUES": '{"day": [["MEMORY", "4G", "Memory"]], "night": []}',
}


@pytest.fixture
def configure(monkeypatch, tmp_path, domain):
    """Writes a hosts configuration, some of its settings changed; gives its path."""
    def write(**changes):
        from pyworkflow import Config
        path = tmp_path / "hosts.conf"
        lines = ["[localhost]"] + ["%s = %s" % setting for setting
                                   in dict(_SETTINGS, **changes).items() if setting[1] is not None]
        path.write_text("\n".join(lines) + "\n")
        monkeypatch.setattr(Config, "SCIPION_HOSTS", str(path))
        return path
    return write


@pytest.fixture
def run(configure, session_project, map_path, monkeypatch):
    """Imports the small map as a job, with settings changed; gives the run that ended."""
    from pwem.protocols import ProtImportVolumes
    from pyworkflow.protocol import HostConfig

    from vrs.protocols import launch, queues

    # Other tests of this session let runs stay in this process.
    monkeypatch.setattr("pyworkflow.protocol.launch",
                        sys.modules["pyworkflow.protocol.launch"].launch)
    monkeypatch.chdir(session_project.path)
    monkeypatch.setattr(launch, "_QUEUE_POLL_SECONDS", 0.2)
    monkeypatch.setattr(launch, "_LAST_LOOKS", (0,))
    monkeypatch.setattr(launch, "_LOOKS_WITHOUT_ANSWER", (0.5, 0.5))
    monkeypatch.setattr(launch, "_WAITS_FOR_SERVER", (0,) * 9)

    def launched(queue="day", **changes):
        monkeypatch.setattr(session_project, "_hosts",
                            HostConfig.load(str(configure(**changes))))
        protocol = session_project.newProtocol(ProtImportVolumes, filesPath=str(map_path),
                                               samplingRate=2.0)
        queues.use_queue(session_project, protocol, queue)
        launch.run_to_end(session_project, protocol)
        return protocol
    return launched


def test_a_job_runs_to_its_end_with_the_parameters_of_its_queue(run):
    protocol = run()
    assert protocol.isFinished() and protocol.outputVolume.getSamplingRate() == 2.0
    assert int(protocol.getJobIds()[0]) > 0
    with open(protocol.getSubmitDict()["JOB_SCRIPT"]) as handle:
        assert "# 4G" in handle.read()


def test_a_job_that_ends_without_a_word_has_failed(run):
    from vrs.protocols.launch import failure
    from vrs.protocols.queues import job_logs
    protocol = run(SUBMIT_TEMPLATE="echo starting > %_(JOB_LOGS)s.err\n"
                                   "    echo error: out of memory >> %_(JOB_LOGS)s.err\n"
                                   "    echo error: out of memory >> %_(JOB_LOGS)s.err\n"
                                   "    echo cancelled >> %_(JOB_LOGS)s.err")
    assert protocol.isFailed()
    reason = failure(protocol)
    for words in ("job %s in the queue day" % protocol.getJobIds()[0], "no longer knows it",
                  "its last output: error: out of memory / cancelled"):
        assert words in reason
    assert "starting" not in reason
    [log] = job_logs(protocol)
    assert os.path.isabs(log) and log.endswith(".err")


def test_what_the_queue_says_of_an_ended_job_is_told(run):
    from vrs.protocols.launch import failure
    protocol = run(SUBMIT_TEMPLATE="true", CHECK_COMMAND="echo TIMEOUT", JOB_DONE_REGEX="TIMEOUT")
    assert protocol.isFailed() and "the queue says: TIMEOUT" in failure(protocol)


def test_a_queue_that_does_not_answer_for_a_moment_fails_no_job(run, tmp_path):
    asked = tmp_path / "asked"
    protocol = run(CHECK_COMMAND="echo >> %s; test $(wc -l < %s) -gt 2 && %s" % (
        asked, asked, _SETTINGS["CHECK_COMMAND"]))
    assert len(asked.read_text()) > 2
    assert protocol.isFinished()


def _at_the_fifth_time(notes, command):
    """A shell command whose server cannot be reached for the first four times."""
    return ("echo >> %s; if test $(wc -l < %s) -gt 4; then %s; else "
            "echo Unable to contact slurm controller >&2; false; fi" % (notes, notes, command))


def test_jobs_outlive_a_server_that_cannot_be_reached(run, tmp_path):
    check, submit = tmp_path / "check", tmp_path / "submit"
    protocol = run(CHECK_COMMAND=_at_the_fifth_time(check, _SETTINGS["CHECK_COMMAND"]),
                   SUBMIT_COMMAND=_at_the_fifth_time(submit, _SETTINGS["SUBMIT_COMMAND"]))
    assert protocol.isFinished() and not protocol.getErrorMessage()
    assert len(check.read_text()) > 4 and len(submit.read_text()) == 5


def test_a_server_that_stays_out_of_reach_is_told(run):
    from vrs.protocols import launch
    protocol = run(SUBMIT_COMMAND="echo Connection refused >&2; false")
    assert protocol.isFailed()
    assert launch.failure(protocol).endswith("queue engine: Connection refused")


def test_a_job_that_is_refused_tells_why(run):
    from vrs.protocols.launch import failure
    protocol = run("night", SUBMIT_TEMPLATE="true",
                   SUBMIT_COMMAND="echo no such partition >&2; false")
    assert protocol.isFailed()
    assert failure(protocol).endswith("queue engine: no such partition")


def test_a_template_with_unknown_names_is_told(run):
    with pytest.raises(ScipionError, match="SUBMIT_TEMPLATE.*MEMORY"):
        run("night")


def test_queues_that_are_not_configured(configure):
    from vrs.protocols.queues import check_queue
    path = configure()
    check_queue("day")
    with pytest.raises(InputError, match="no queue week in %s; it has day, night" % path):
        check_queue("week")
    for changes, words in ((dict(NAME=None), "No queue system is configured in %s" % path),
                           (dict(CHECK_COMMAND=None, QUEUES=None), "lacks CHECK_COMMAND, QUEUES"),
                           (dict(JOB_DONE_REGEX=""), "JOB_DONE_REGEX")):
        configure(**changes)
        with pytest.raises(InputError, match=words):
            check_queue("day")
    configure(QUEUES="{day}")
    with pytest.raises(ScipionError, match="QUEUES"):
        check_queue("day")
