import threading
import time
import weakref

import pytest

from vrs.wizards.tasks import Background


class Clock:
    """Calls what a window was asked to call later."""

    def __init__(self):
        self.waiting = {}

    def after(self, _, call):
        self.waiting[len(self.waiting)] = call
        return len(self.waiting) - 1

    def after_cancel(self, which):
        self.waiting[which] = None

    def run(self):
        """Go on until nothing is asked for any more."""
        done = 0
        while done < len(self.waiting):
            call, done = self.waiting[done], done + 1
            time.sleep(0.005)
            if call:
                call()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def told():
    return []


def test_outcomes_are_told_in_the_thread_of_the_window(clock, told):
    where = []

    def tell(result):
        where.append(threading.current_thread())
        told.append(result)

    Background(clock).run(lambda: where.append(threading.current_thread()) or 7, tell, None)
    assert not told
    clock.run()
    assert told == [7]
    assert where[0] is not where[1] is threading.current_thread()


def test_what_goes_wrong_is_told(clock, told):
    Background(clock).run(lambda: 1 / 0, None, told.append)
    clock.run()
    assert isinstance(told[0], ZeroDivisionError)


def test_of_the_tasks_that_wait_only_the_last_is_done(clock, told):
    background, done = Background(clock), []
    gate = threading.Event()
    background.run(lambda: gate.wait(5) and done.append(0), told.append, None)
    for number in (1, 2, 3):
        background.run(lambda number=number: done.append(number), told.append, None)
    gate.set()
    clock.run()
    assert done == [0, 3] and len(told) == 2


def test_nothing_is_told_to_a_window_that_is_gone(clock, told):
    background = Background(clock)
    background.run(lambda: 7, told.append, None)
    background.stop()
    clock.run()
    assert told == []


def test_what_comes_too_late_is_not_kept(clock):
    """The map of a window that was closed while it was read does not stay in memory."""
    class Map:
        pass

    gate, made = threading.Event(), []

    def read():
        gate.wait(30)
        result = Map()
        made.append(weakref.ref(result))
        return result

    before = set(threading.enumerate())
    background = Background(clock)
    background.run(read, None, None)
    [reading] = set(threading.enumerate()) - before
    background.stop()
    gate.set()
    reading.join(30)
    assert made[0]() is None
