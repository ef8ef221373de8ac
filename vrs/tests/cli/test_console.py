import os
import pty
import subprocess
import sys

import pytest

from vrs.tests.waiting import LIMIT

_PROGRAM = ("import sys; from vrs.cli.console import Console; console = Console(); "
            "console.say('begun'); sys.stdin.readline(); "
            "[console.say('unheard') for _ in range(3)]; sys.exit(7)")


@pytest.mark.parametrize("made", [os.pipe, pty.openpty])
def test_a_run_goes_on_when_nobody_reads_what_it_says(made):
    reader, writer = made()
    process = subprocess.Popen([sys.executable, "-c", _PROGRAM], stdin=subprocess.PIPE,
                               stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert os.read(reader, 5) == b"begun"
    os.close(reader)
    _, complaints = process.communicate(b"\n", timeout=LIMIT)
    assert (process.returncode, complaints) == (7, b"")


def test_a_full_disk_is_told():
    full = os.open("/dev/full", os.O_WRONLY)
    process = subprocess.run([sys.executable, "-c", _PROGRAM], stdin=subprocess.DEVNULL,
                             stdout=full, stderr=subprocess.PIPE, timeout=LIMIT)
    os.close(full)
    assert process.returncode == 1 and b"No space left" in process.stderr


def test_a_closed_output_is_nowhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program = _PROGRAM.replace("sys.exit", "console.quiet('quiet.log').__enter__(); sys.exit")
    closed = "exec %s -c \"$0\" 0<&- 1>&- 2>&-" % sys.executable
    assert subprocess.run(["sh", "-c", closed, program.replace("sys.stdin.readline(); ", "")],
                          timeout=LIMIT).returncode == 7
