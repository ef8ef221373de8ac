import subprocess
import sys

import pytest

from vrs.tests.waiting import LIMIT
from vrs.threads import Workers


def test_results_and_failures_reach_whoever_asked():
    workers = Workers(2)
    asked = [workers.submit(divmod, 7, number) for number in (2, 0, 3)]
    assert asked[0].result() == (3, 1) and asked[2].result() == (2, 1)
    with pytest.raises(ZeroDivisionError):
        asked[1].result()
    assert workers.submit(divmod, 9, 2).result() == (4, 1)  # after all threads had nothing to do


def test_a_process_that_ends_begins_nothing_more(tmp_path):
    """What is computed when it ends comes to its end, whatever waits does not begin."""
    program = ("import pathlib, time\n"
               "from vrs.threads import Workers\n"
               "began = pathlib.Path('began')\n"
               "def first():\n"
               "    began.touch()\n"
               "    time.sleep(0.5)\n"
               "    pathlib.Path('ended').touch()\n"
               "workers = Workers(1)\n"
               "workers.submit(first)\n"
               "workers.submit(pathlib.Path('never').touch)\n"
               "while not began.exists():\n"
               "    time.sleep(0.01)\n"
               "raise OSError('The disk is full.')\n")
    ended = subprocess.run([sys.executable, "-c", program], cwd=str(tmp_path), timeout=LIMIT,
                           stderr=subprocess.PIPE)
    assert ended.returncode == 1 and b"The disk is full." in ended.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["began", "ended"]
