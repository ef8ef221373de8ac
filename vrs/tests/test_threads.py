import subprocess
import sys
from threading import Event

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


def test_nothing_begins_after_a_stop():
    workers, began, go_on = Workers(1), Event(), Event()

    def first():
        began.set()
        return go_on.wait(LIMIT)

    asked = [workers.submit(first), workers.submit(divmod, 7, 2)]
    assert began.wait(LIMIT)
    workers.stop()
    go_on.set()
    assert asked[0].result() and workers.submit(divmod, 9, 2).result() == (4, 1)
    assert not asked[1].done()


def test_a_process_ends_whatever_is_computed():
    program = ("import time\n"
               "from vrs.threads import Workers\n"
               "Workers(1).submit(time.sleep, %d)\n"
               "raise OSError('The disk is full.')\n" % LIMIT)
    ended = subprocess.run([sys.executable, "-c", program], timeout=LIMIT / 2,
                           stderr=subprocess.PIPE)
    assert ended.returncode == 1 and b"The disk is full." in ended.stderr
