"""From files to tables of particles: RELION's .star, cryoSPARC's .cs and .csg, Xmipp's .xmd.

Conventions are those of :mod:`vrs.images.particles`. RELION's origins count pixels up to version
3.0 and Å from 3.1. cryoSPARC's pose is a rotation vector; the transposed matrix of that rotation is
A, and its shifts, in pixels of the alignment's own pixel size, have RELION's sign. Its pose of a
two-dimensional alignment is psi in radians.
"""

import os
from dataclasses import dataclass
from typing import Optional, Tuple

from vrs.errors import InputError
from vrs.images.particles import Particles, ParticleTable
from vrs.io.cryosparc import read_columns
from vrs.io.particles import relion, xmipp
from vrs.io.particles.cryosparc import CryosparcDraft
from vrs.io.particles.draft import how_many, shortened
from vrs.io.particles.relion import RelionDraft, write_particles_star
from vrs.io.particles.xmipp import XmippDraft
from vrs.io.problems import collected
from vrs.io.stacks import read_stack
from vrs.io.star import probe_star, read_star

__all__ = ["ParticleProbe", "missing_stacks", "open_particles", "probe_particles", "read_particles",
           "write_particles_star"]

_PROBED_ROWS = 1000
_PROBED_STACKS = 20


@dataclass(frozen=True)
class ParticleProbe:
    """What the beginning and the end of a table of particles tell.

    Attributes
    ----------
    columns : tuple of str
        All columns of the file.
    rows : int
    exact : bool
        Whether the rows were counted; otherwise their number is an estimate.
    table : ParticleTable or None
        Of the first and last rows, whose stacks were not all looked for; None where problems
        rule it out.
    notes : tuple of str
        Findings; those about values of particles hold for these rows only.
    problems : tuple of str
        What :func:`read_particles` would refuse.
    """

    columns: Tuple[str, ...]
    rows: int
    exact: bool
    table: Optional[ParticleTable]
    notes: Tuple[str, ...]
    problems: Tuple[str, ...]


def read_particles(path, images_folder=None):
    """Read a table of particles and the headers of its stacks.

    Parameters
    ----------
    path : str
        ``.star`` (perhaps compressed by gzip), ``.cs`` or ``.csg``, or ``.xmd`` of Xmipp.
    images_folder : str, optional
        Where stacks are sought first, then relative to the table's folder, the folders above
        it and the working directory.

    Returns
    -------
    table : vrs.images.particles.ParticleTable
        Stacks that are not found are no error: :func:`missing_stacks` names them.
    notes : list of str
        What the reader of a report should know.

    Raises
    ------
    InputError
        With all that is wrong: columns are missing or hold no numbers, the table is empty or
        describes subtomograms, an image is not in its stack, images have another size than
        the table says, or their pixel size is told nowhere.
    """
    path = str(path)
    if _is_cryosparc(path):
        columns, _, files = read_columns(path)
        draft = CryosparcDraft(path, columns, files)
    elif _is_xmipp(path):
        draft = XmippDraft(path, read_star(path, xmipp.COLUMNS))
    else:
        draft = RelionDraft(path, read_star(path, relion.COLUMNS))
    table = draft.table(images_folder)
    if table is None:
        raise InputError(draft.problems)
    return table, draft.notes


def probe_particles(path, images_folder=None):
    """Look into a table of particles without reading all of it.

    Reads the names of the columns, the first and last 1000 rows, and the headers of up to 20
    of the stacks that these name.

    Parameters
    ----------
    path, images_folder
        As in :func:`read_particles`.

    Returns
    -------
    ParticleProbe

    Raises
    ------
    InputError
        If the file cannot be read at all.
    """
    path = str(path)
    if _is_cryosparc(path):
        columns, rows, files = read_columns(path, _PROBED_ROWS)
        draft, names, exact = CryosparcDraft(path, columns, files), tuple(columns), True
    else:
        blocks = probe_star(path, _PROBED_ROWS)
        draft = (XmippDraft if _is_xmipp(path) else RelionDraft)(
            path, {name: block.columns for name, block in blocks.items()})
        names, rows, exact = (), 0, True
        if draft.block is not None:
            block = blocks[draft.block]
            names, rows, exact = tuple(block.columns), block.rows, block.exact
    table = draft.table(images_folder, _PROBED_STACKS)
    return ParticleProbe(names, rows, exact, table, tuple(draft.notes), tuple(draft.problems))


def missing_stacks(table):
    """Names, as the table has them, of the stacks that are not there.

    Parameters
    ----------
    table : vrs.images.particles.ParticleTable

    Returns
    -------
    list of str
    """
    return [name for name, path in zip(table.file_names, table.files)
            if not os.path.isfile(path)]


def open_particles(table, workers=1):
    """Particles with their images.

    Parameters
    ----------
    table : vrs.images.particles.ParticleTable
    workers : int
        Threads.

    Returns
    -------
    vrs.images.particles.Particles

    Raises
    ------
    InputError
        If the table names no images, or stacks are missing or cannot be read.
    """
    if not table.has_images:
        raise InputError("The table names no images; give one with the images of the particles.")
    missing = missing_stacks(table)
    if missing:
        raise InputError(_missing_sentence(missing, len(table.files)))
    stacks, problems = [], []
    for path in table.files:
        with collected(problems):
            stacks.append(read_stack(path))
    if problems:
        raise InputError(shortened(problems))
    return Particles(table, stacks, workers)


def _missing_sentence(missing, count):
    return ("%s stacks of images were found (%s is missing); give the folder of the images."
            % (how_many(missing, count), missing[0]))


def _is_cryosparc(path):
    return path.lower().endswith((".cs", ".csg"))


def _is_xmipp(path):
    return path.lower().endswith(".xmd")
