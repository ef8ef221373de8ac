"""The commands with a queue system: a real Slurm of one node where it can be started."""

import csv
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vrs.io.maps import write_map
from vrs.tests.protocols import maps
from vrs.tests.waiting import LIMIT, wait_for

_PROGRAM = "import sys; from vrs.cli import main; sys.exit(main())"
_ROOT = Path(__file__).parents[3]
_GUIDE = _ROOT / "docs" / "facility_guide.rst"
_CLUSTER = _ROOT / "scripts" / "one-node-slurm"
_ROW = '"%s": [["PARTITION", "%s", ""], ["MEMORY", "%s", ""], ["TIME", "10", ""]]'
_QUEUES = "QUEUES = {%s}\n" % ", ".join(_ROW % queue for queue in (
    ("short", "short", "1G"), ("small", "short", "50M"), ("long", "long", "1G")))


def _configuration():
    """The hosts configuration of the facility guide, with queues for tests."""
    block = re.search(r"::\n\n((?: +;.*\n)* +\[localhost\]\n(?: .*\n|\n)+)", _GUIDE.read_text())[1]
    text = "".join(line[4:] if line.strip() else "\n" for line in block.splitlines(True))
    return re.sub(r"^QUEUES = (.|\n)*", _QUEUES, text, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Environment in which Slurm's commands, and Scipion, reach a cluster of this machine."""
    if not _CLUSTER.exists():
        pytest.skip("needs scripts/one-node-slurm of the repository")
    folder = tmp_path_factory.mktemp("cluster")
    environment = {name: value for name, value in os.environ.items()
                   if not name.startswith(("SCIPION", "SLURM"))}
    environment["PATH"] += ":/usr/sbin:/sbin"
    try:
        reason = _start_cluster(folder, environment)
        if reason:
            pytest.skip("needs a Slurm of this machine: %s" % reason)
        (folder / "hosts.conf").write_text(_configuration())
        environment.update(SLURM_CONF=str(folder / "slurm" / "slurm.conf"),
                           SCIPION_USER_DATA=str(folder / "data"),
                           SCIPION_HOSTS=str(folder / "hosts.conf"))
        # What is submitted to this one waits there.
        _ask(environment, "scontrol", "update", "PartitionName=long", "State=DOWN")
        yield environment
    finally:
        subprocess.run([str(_CLUSTER), "stop", str(folder / "slurm")], env=environment,
                       timeout=LIMIT)


def _start_cluster(folder, environment):
    """Start the daemons; says why they cannot be."""
    with open(str(folder / "start.log"), "w") as log:  # the daemons keep it open
        try:
            started = subprocess.run(
                [str(_CLUSTER), "start", str(folder / "slurm")], env=environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=LIMIT)
        except subprocess.TimeoutExpired:
            return "it did not start within %d s" % LIMIT
    if started.returncode:
        return (folder / "start.log").read_text().strip() or "code %d" % started.returncode
    return ""


@pytest.fixture
def start(cluster, tmp_path):
    """Starts vrs in that environment, in a folder with a small map."""
    maps.write_blob(tmp_path / "ball.mrc")
    started = []

    def run(*arguments):
        started.append(subprocess.Popen(
            [sys.executable, "-c", _PROGRAM] + list(arguments), cwd=str(tmp_path), env=cluster,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True))
        return started[-1]
    yield run
    for process in started:
        process.kill()
        process.communicate(timeout=LIMIT)


def _ask(cluster, *command):
    return subprocess.run(command, env=cluster, stdout=subprocess.PIPE, check=True,
                          universal_newlines=True, timeout=LIMIT).stdout


def _job(cluster, words, process):
    """Number of the first job whose name has these words, once there is one."""
    def found():
        lines = _ask(cluster, "squeue", "-h", "-o", "%i %j").splitlines()
        return [line.split()[0] for line in lines if words in line]

    def is_alive():
        assert process.poll() is None, process.communicate(timeout=LIMIT)
    return wait_for(found, is_alive)[0]


def _summary(path):
    with open(str(path), newline="") as handle:
        return {row["name"]: row for row in csv.DictReader(handle)}


def test_queues_that_are_not_there_are_refused_before_all_else(tmp_path):
    commands = [["validate", "--map", "no.mrc", "--threshold", "high", "--queue", "day"],
                ["entry", "EMD-25107", "--server", "http://localhost:9", "--queue", "day"],
                ["batch", "list.csv"]]
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "list.csv").write_text("map,threshold,queue\na.mrc,0.5,day\nb.mrc,1,\n")
    hosts = tmp_path / "hosts.conf"
    hosts.write_text("[localhost]\n")
    # In a process of its own, as Scipion reads its configuration once.
    done = subprocess.run(
        [sys.executable, "-c", "from vrs.cli import main; print([main(one) for one in %r])"
         % commands], cwd=str(tmp_path / "here"), env=dict(
             os.environ, SCIPION_HOSTS=str(hosts), SCIPION_USER_DATA=str(tmp_path / "data")),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, timeout=LIMIT)
    assert done.stdout == "[2, 2, 2]\n", done.stderr
    # The first has two other problems.
    assert ["No queue system is configured in %s" % hosts in line
            for line in done.stderr.splitlines()] == [False, False, True, True, True]
    assert os.listdir(str(tmp_path / "here")) == ["list.csv"]


def test_a_batch_on_slurm(cluster, start, tmp_path):
    (tmp_path / "list.csv").write_text(
        "map,threshold,name,queue\nball.mrc,0.5,good,\nball.mrc,0.5,cancelled,long\n"
        "large.mrc,0.5,starved,small\n")
    # Enough work for Slurm, which looks at the memory every second, to find it in time.
    write_map(str(tmp_path / "large.mrc"), np.pad(maps.blob(), 40), maps.SAMPLING)
    process = start("batch", "list.csv", "--queue", "short", "--threads", "1")
    cancelled = _job(cluster, "cancelled", process)
    _ask(cluster, "scancel", cancelled)
    output, errors = process.communicate(timeout=LIMIT)
    assert (process.returncode, errors) == (1, ""), output
    summary = _summary(tmp_path / "list_vrs" / "summary.csv")
    assert {name: row["state"] for name, row in summary.items()} == dict(
        good="done", cancelled="failed", starved="failed")
    for words in ("job %s in the queue long ended before the run did" % cancelled,
                  "the queue says: CANCELLED"):
        assert words in summary["cancelled"]["reason"]
    for words in ("in the queue small", "exceeded memory limit", "its logs are", ".err"):
        assert words in summary["starved"]["reason"]
    assert (tmp_path / "list_vrs" / "good" / "report.pdf").read_bytes().startswith(b"%PDF")
    jobs = _ask(cluster, "squeue", "-h", "-t", "completed", "-o", "%j %P").splitlines()
    names, queues = zip(*(job.split() for job in jobs if job.startswith("vrs_")))
    # The level and the report; the import stays here.
    assert len(names) == 2 and all(name.startswith("vrs_list_good_") for name in names)
    assert set(queues) == {"short"}


def test_batches_that_are_stopped_or_killed_leave_no_job(cluster, start, tmp_path):
    processes = {}
    for number, code in ((signal.SIGINT, 1), (signal.SIGKILL, -9)):
        table = "list_%d.csv" % number
        (tmp_path / table).write_text("map,threshold\nball.mrc,0.5\n")
        processes[number] = start("batch", table, "--queue", "long"), code
    for number, (process, code) in processes.items():
        job = _job(cluster, "vrs_list_%d_ball" % number, process)
        process.send_signal(number)
        assert process.wait(LIMIT) == code
        # After a kill by force, it is the entry's own process that cancels the job.
        wait_for(lambda: _ask(cluster, "squeue", "-h", "-t", "all", "-j", job, "-o", "%T")
                 == "CANCELLED\n")
