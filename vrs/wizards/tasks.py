"""Work that takes longer than a window may stand still."""

import queue
import threading

_POLL = 40  # ms


class Background:
    """Does one task after the other outside of the window's thread.

    Of several tasks that come while another one is being done, only the last is done.

    Parameters
    ----------
    widget : tkinter.Misc
        Its thread is told of the outcomes; call :meth:`stop` before it is destroyed.
    """

    def __init__(self, widget):
        self._widget = widget
        self._outcomes = queue.Queue()
        self._busy, self._waiting, self._timer = False, None, None

    def run(self, task, done, failed):
        """Do a task.

        Parameters
        ----------
        task : callable
            Without arguments; must not touch the window.
        done, failed : callable
            Called in the window's thread with the result, or with the exception.
        """
        self._waiting = (task, done, failed)
        if not self._busy:
            self._start()

    def stop(self):
        """Tell of no more outcomes, and let go of them."""
        if self._timer is not None:
            self._widget.after_cancel(self._timer)
        self._timer = self._waiting = self._outcomes = None

    def _start(self):
        (task, done, failed), outcomes = self._waiting, self._outcomes
        self._busy, self._waiting = True, None

        def work():
            try:
                outcomes.put((done, task()))
            except Exception as error:  # whatever it is, the user has to be told
                outcomes.put((failed, error))

        # A daemon, so that a slow network does not keep Scipion from closing.
        threading.Thread(target=work, daemon=True).start()
        self._timer = self._widget.after(_POLL, self._poll)

    def _poll(self):
        if self._outcomes.empty():
            self._timer = self._widget.after(_POLL, self._poll)
            return
        self._busy, self._timer = False, None
        tell, outcome = self._outcomes.get()
        if self._waiting:
            self._start()
        tell(outcome)
