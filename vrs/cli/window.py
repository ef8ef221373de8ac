"""``vrs open``: a project in Scipion's window."""

import os

from vrs.errors import InputError
from vrs.scipion import ScipionError, load_domain, prepare_environment

_DATABASE = "project.sqlite"


def open_window(options):
    """Open a project in Scipion's window, until it is closed.

    Parameters
    ----------
    options : argparse.Namespace

    Raises
    ------
    InputError
        If there is no such project.
    ScipionError
        If there is no screen, or Scipion cannot be used.
    """
    folder = find_project(prepare_environment(), options.project)
    if not os.access(folder, os.W_OK):
        raise ScipionError("Scipion's window writes to the projects that it opens, and %s cannot "
                           "be written; copy that folder to a place where you can write, and open "
                           "the copy." % folder)
    import tkinter  # not every Python has it
    try:
        tkinter.Tk().destroy()
    except tkinter.TclError as error:
        raise ScipionError("Scipion's window needs a screen (%s)." % error)
    load_domain()
    from pyworkflow.gui.project import ProjectWindow
    ProjectWindow(folder).show()


def find_project(projects, name=None):
    """The folder of a project.

    Parameters
    ----------
    projects : str
        Folder of the projects.
    name : str, optional
        Of the project, or its folder, which may be anywhere; by default the project that was
        used last.

    Returns
    -------
    str

    Raises
    ------
    InputError
        If there is no such project, or none at all.
    """
    databases = {found: os.path.join(projects, found, _DATABASE)
                 for found in sorted(os.listdir(projects))}
    used = {found: os.path.getmtime(path) for found, path in databases.items()
            if os.path.exists(path)}
    if name is None and used:
        return os.path.join(projects, max(used, key=used.get))
    if name is not None and name.rstrip(os.sep) in used:
        return os.path.join(projects, name.rstrip(os.sep))
    if name is not None and os.path.exists(os.path.join(name, _DATABASE)):
        return os.path.abspath(name)
    if not used:
        raise InputError("There is no project in %s; 'vrs validate' makes one." % projects)
    raise InputError("There is no project %s in %s; it has %s."
                     % (name, projects, ", ".join(used)))
