"""Threads that compute ahead of whoever will ask for the results."""

import threading
from collections import deque
from concurrent.futures import Future


class Workers:
    """Threads that call functions, in the order in which these are given.

    Unlike those of :class:`concurrent.futures.ThreadPoolExecutor` they do not keep a program from
    ending, as when a user stops it by Ctrl-C.

    Parameters
    ----------
    most : int
        Threads at once.
    """

    def __init__(self, most):
        self._most, self._lock = most, threading.Lock()
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
                thread = threading.Thread(target=self._work, daemon=True)
                self._threads.add(thread)
                thread.start()
        return future

    def stop(self):
        """Begin nothing more."""
        with self._lock:
            self._waiting.clear()

    def _work(self):
        for future, function, arguments in iter(self._next, None):
            try:
                future.set_result(function(*arguments))
            except BaseException as error:
                future.set_exception(error)

    def _next(self):
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._threads.discard(threading.current_thread())
