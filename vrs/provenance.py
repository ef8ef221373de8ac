"""Where the numbers of a report come from: programs and machine."""

import datetime
import platform
import socket
from importlib import metadata

from vrs.checks import all_checks

_PACKAGES = ("scipion-em-vrs", "scipion-em", "scipion-pyworkflow", "scipion-app",
             "scipion-em-xmipp", "numpy", "scipy", "mrcfile", "scikit-image", "matplotlib",
             "gemmi", "jinja2", "typst", "embreex", "onnxruntime")


def origin():
    """What a report says of its origin, beside the protocols that made it.

    Returns
    -------
    dict
        ``date``, ``host``, ``platform``, ``python`` and ``packages`` (version by name).
    """
    return {
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "host": socket.gethostname(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "packages": _versions(),
    }


def _versions():
    engines = {engine.package for check in all_checks() for engine in check.external}
    versions = {}
    for package in sorted(engines.union(_PACKAGES)):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions
