"""Threads that compute ahead of whoever will ask for the results."""

import contextlib
import ctypes
import threading
from collections import deque
from concurrent.futures import Future

_SECONDS_TO_NOTICE = 0.5


class Workers:
    """Threads that call functions, in the order in which these are given.

    Unlike those of :class:`concurrent.futures.ThreadPoolExecutor` they can be interrupted, and
    when the thread that made them has ended they begin nothing more. They are no daemons: a
    process that ends while one of these is within code of C++ is aborted.

    Parameters
    ----------
    most : int
        Threads at once.
    """

    def __init__(self, most):
        self._most, self._lock = most, threading.Lock()
        self._owner = threading.current_thread()
        self._waiting, self._threads = deque(), set()

    def submit(self, function, *arguments):
        """Have a function called.

        Parameters
        ----------
        function : callable
        *arguments
            Its arguments.

        Returns
        -------
        concurrent.futures.Future
            Of what it returns or raises.
        """
        future = Future()
        with self._lock:
            self._waiting.append((future, function, arguments))
            if len(self._threads) < self._most:
                thread = threading.Thread(target=self._work)
                self._threads.add(thread)
                thread.start()
        return future

    def stop(self):
        """Begin nothing more, raise a KeyboardInterrupt in what was begun, and wait for its end."""
        with self._lock:
            self._waiting.clear()
            threads = list(self._threads)
        for thread in threads:
            # With several at once, Python before 3.13 may overlook one for long.
            while thread.is_alive():
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(thread.ident), ctypes.py_object(KeyboardInterrupt))
                thread.join(_SECONDS_TO_NOTICE)

    def _work(self):
        with contextlib.suppress(KeyboardInterrupt):
            for future, function, arguments in iter(self._next, None):
                try:
                    future.set_result(function(*arguments))
                except BaseException as error:
                    future.set_exception(error)

    def _next(self):
        with self._lock:
            if self._waiting and self._owner.is_alive():
                return self._waiting.popleft()
            self._threads.discard(threading.current_thread())
