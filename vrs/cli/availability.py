"""Which external engines can be used here."""

import os

from vrs.cli.console import Console
from vrs.engines.external import not_installed
from vrs.scipion import load_domain, prepare_environment


def why_unavailable(engine):
    """What an engine lacks here; Scipion is started only for a plugin that is installed.

    Parameters
    ----------
    engine : vrs.engines.external.ExternalEngine

    Returns
    -------
    str or None
        To be put into a sentence; None when it can run.

    Raises
    ------
    vrs.scipion.ScipionError
        If the plugin is installed and Scipion cannot be used.
    """
    if engine.version is None:
        return not_installed(engine)
    prepare_environment()
    with Console().quiet(os.devnull):
        load_domain()
        from vrs.protocols.external import why_unavailable as lacking
        return lacking(engine)
