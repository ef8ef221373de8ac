"""Which queues can be used here."""

import os

from vrs.cli.console import Console
from vrs.scipion import load_domain, prepare_environment


def require_queue(name):
    """Check that runs can be submitted to a queue; Scipion is started only if there is a name.

    Parameters
    ----------
    name : str or None
        None when no queue was asked for.

    Raises
    ------
    InputError
        If Scipion's hosts configuration has no such queue.
    vrs.scipion.ScipionError
        If Scipion cannot be used.
    """
    if name is None:
        return
    prepare_environment()
    with Console().quiet(os.devnull):
        load_domain()
        from vrs.protocols.queues import check_queue
        check_queue(name)
