"""The folder of the micrographs in which particles were picked."""

import os

from vrs.errors import InputError
from vrs.io.micrographs import find_micrograph
from vrs.io.particles import probe_particles


def micrographs_of(particles):
    """Where the micrographs of particles are, if the table says where in them the particles were.

    Parameters
    ----------
    particles : str
        The table.

    Returns
    -------
    folder : str
        Empty without.
    remark : str
        Why there is none; empty otherwise.
    """
    try:
        table = probe_particles(particles).table
    except InputError:  # whoever reads the table says what is wrong with it
        return "", ""
    if table is None or table.coordinates is None or table.micrograph is None:
        return "", "micrographs: not taken, as the table of the particles has no coordinates"
    names = sorted({name for name in table.micrograph_names if name})
    folder = folder_of(names, particles)
    if folder or not names:
        return folder, ""
    return "", "micrographs: not taken, as %s is not there%s" % (
        names[0], "" if len(names) == 1 else ", nor are the others")


def folder_of(names, table):
    """Where micrographs are.

    Parameters
    ----------
    names : sequence of str
        As a table names them.
    table : str
        The table.

    Returns
    -------
    str
        Empty if none of them is there.
    """
    found = [path for path in (find_micrograph(name, table) for name in names) if path]
    return os.path.commonpath([os.path.dirname(path) for path in found]) if found else ""
