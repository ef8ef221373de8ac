"""The folder of the micrographs that a table of particles names."""

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
    found = [path for path in (find_micrograph(name, particles) for name in names) if path]
    if not found:
        return "", "micrographs: not taken, as %s is not there%s" % (
            names[0], "" if len(names) == 1 else ", nor are the others")
    return os.path.commonpath([os.path.dirname(path) for path in found]), ""
