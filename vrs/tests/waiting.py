"""Waiting for what other processes do."""

import time

# Far more seconds than anything takes, also on a slow and busy machine.
LIMIT = 300


def wait_for(condition, meanwhile=lambda: None):
    """Wait until something is true, and give it.

    Parameters
    ----------
    condition : callable
    meanwhile : callable, optional
        Called before each look but the first.
    """
    until = time.monotonic() + LIMIT
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)
        meanwhile()
