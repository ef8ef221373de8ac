"""Making Scipion's engine ready, for the command line and for the tests.

Nothing of Scipion is imported when this module is: its configuration reads the
environment once, on its first import, so the environment comes first.
"""

import importlib
import importlib.util
import os
import platform
import sys

_HOSTS = "[localhost]\nPARALLEL_COMMAND = mpirun -np %_(JOB_NODES)d %_(COMMAND)s\n"
_PROTOCOLS = ("ProtVrsImportEntry", "ProtVrsImportParticles", "ProtVrsLevel0", "ProtVrsLevel1",
              "ProtVrsLevel2", "ProtVrsLevel3", "ProtVrsLevel4", "ProtVrsLevel5", "ProtVrsLevelA",
              "ProtVrsLevelW", "ProtVrsLevelO", "ProtVrsReport")


class ScipionError(RuntimeError):
    """Scipion cannot be used, or a run of it failed; the message says why."""


def is_installed():
    """Whether Scipion is there; newer interpreters than its own have the checks without it."""
    return all(importlib.util.find_spec(name) for name in ("pyworkflow", "pwem"))


def without_scipion():
    """What is missing where Scipion is not installed, in words."""
    return ("Scipion is not installed with this Python (%s; Scipion needs 3.8 to 3.12): without it "
            "there are no projects, windows, queues and external programs. The same checks run, "
            "and write the same report." % platform.python_version())


def user_data_folder():
    """Scipion's folder for the data of its user, absolute; it need not exist."""
    return os.path.abspath(os.path.expandvars(os.path.expanduser(
        os.environ.get("SCIPION_USER_DATA", "~/ScipionUserData"))))


def prepare_environment():
    """Set what Scipion reads from the environment, where the user has not.

    Must run before anything imports pyworkflow. Inside a Scipion installation the
    variables are set already and nothing changes. Elsewhere the projects live in
    ``~/ScipionUserData`` and no usage statistics are sent.

    Returns
    -------
    str
        The folder of the projects.

    Raises
    ------
    ScipionError
        If Scipion is not installed, if Python has no tkinter, if it lives in a folder that Scipion
        cannot launch programs from, or if the folder for the projects cannot be written.
    """
    if not is_installed():
        raise ScipionError(without_scipion())
    require_tkinter()
    if any(character.isspace() for character in sys.executable):
        raise ScipionError("Scipion cannot start programs from a folder with spaces in its path, "
                           "and this Python is %s; install into a folder without."
                           % sys.executable)
    user_data = user_data_folder()
    projects = os.path.join(user_data, "projects")
    # Scipion changes its working folder, which a relative path would not survive.
    os.environ["SCIPION_USER_DATA"] = user_data
    home = os.environ.setdefault("SCIPION_HOME", os.path.join(user_data, "scipion_home"))
    os.environ.setdefault("SCIPION_DOMAIN", "pwem")
    os.environ.setdefault("SCIPION_PYTHON", sys.executable)
    os.environ.setdefault("SCIPION_NOTIFY", "False")
    try:
        os.makedirs(projects, exist_ok=True)
        if "SCIPION_HOSTS" not in os.environ:
            os.environ["SCIPION_HOSTS"] = _hosts_file(home, user_data)
    except OSError as error:
        raise ScipionError("Scipion keeps its projects in %s, which cannot be written (%s); set "
                           "the variable SCIPION_USER_DATA to a folder of yours."
                           % (user_data, error.strerror))
    return projects


def require_tkinter():
    """Check for tkinter, without which Scipion silently loads no protocol at all.

    Raises
    ------
    ScipionError
    """
    try:
        importlib.import_module("tkinter")
    except ImportError:
        raise ScipionError(
            "This Python (%s) has no tkinter, and Scipion loads no protocols without it. On Debian "
            "and Ubuntu install it with 'sudo apt install python3-tk'; other Pythons have to be "
            "installed with their Tk support." % sys.executable)


def load_domain():
    """Import Scipion's engine with the protocols of this plugin.

    Returns
    -------
    type
        The ``pwem.Domain``.

    Raises
    ------
    ScipionError
        If the protocols of this plugin did not load, with the error that kept
        them from it: Scipion itself only notes it in a log.
    """
    import pyworkflow
    domain = pyworkflow.Config.getDomain()
    loaded = domain.getProtocols() if domain is not None else {}
    missing = [name for name in _PROTOCOLS if name not in loaded]
    if missing:
        raise ScipionError("Scipion did not load the protocols of vrs (%s): %s"
                           % (", ".join(missing), _reason()))
    return domain


def _hosts_file(home, user_data):
    """The hosts file of the Scipion installation, or a plain one of our own."""
    hosts = os.path.join(home, "config", "hosts.conf")
    if os.path.exists(hosts):
        return hosts
    hosts = os.path.join(user_data, "vrs_hosts.conf")
    if not os.path.exists(hosts):
        with open(hosts, "w") as handle:
            handle.write(_HOSTS)
    return hosts


def _reason():
    """What keeps the protocols from loading, in words."""
    for module in ("pwem.protocols", "pwem.viewers", "vrs.plugin", "vrs.objects", "vrs.protocols"):
        try:
            importlib.import_module(module)
        except Exception as error:  # whatever it is, it is the answer
            return "%s cannot be imported (%s: %s)." % (module, type(error).__name__, error)
    return ("the package scipion-em-vrs is not installed in %s, or SCIPION_DOMAIN (%s) is not "
            "pwem; install it with pip." % (sys.prefix, os.environ.get("SCIPION_DOMAIN", "unset")))
