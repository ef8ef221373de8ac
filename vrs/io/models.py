"""Reading atomic models from mmCIF and PDB files, and writing them."""

import os
from dataclasses import dataclass, field
from typing import List

import gemmi
import numpy as np

from vrs.errors import InputError
from vrs.results import Note

_READING_ERRORS = (RuntimeError, ValueError, OSError, UnicodeDecodeError)


@dataclass
class ModelFile:
    """An atomic model that was read from a file.

    Attributes
    ----------
    path : str
    structure : gemmi.Structure
        Its first model only, with all its atoms.
    notes : list of Note
        What the reader of a report should know.
    """

    path: str
    structure: gemmi.Structure
    notes: List[Note] = field(default_factory=list)


def read_model(path):
    """Read an atomic model and check it.

    Parameters
    ----------
    path : str
        mmCIF or PDB file, whatever its name, perhaps compressed by gzip; never
        written to.

    Returns
    -------
    ModelFile

    Raises
    ------
    InputError
        If it cannot be read or has no atoms with finite coordinates.
    """
    path = str(path)
    structure = _read(path)
    if len(structure) == 0 or structure[0].count_atom_sites() == 0:
        raise InputError("%s has no atoms; give an atomic model as mmCIF or PDB file." % path)
    notes = []
    if len(structure) > 1:
        notes.append(Note("The file holds %d models; the first one is used." % len(structure)))
        del structure[1:]
    structure.setup_entities()
    positions = atom_positions(structure)
    wrong = np.count_nonzero(~np.isfinite(positions).all(axis=1))
    if wrong:
        raise InputError("%s has %d atom%s with coordinates that are not numbers; give a model "
                         "without such atoms." % (path, wrong, "" if wrong == 1 else "s"))
    return ModelFile(path, structure, notes + _content_notes(structure))


def probe_model(path):
    """Check that a model is there and can be opened, without reading it.

    Parameters
    ----------
    path : str

    Raises
    ------
    InputError
        If not.
    """
    path = str(path)
    if not os.path.exists(path):
        raise InputError("The model %s does not exist; check its name." % path)
    if not os.path.isfile(path):
        raise InputError("The model %s is not a file; give an mmCIF or PDB file." % path)
    try:
        with open(path, "rb") as handle:
            start = handle.read(1)
    except OSError as error:
        raise InputError("The model %s cannot be read (%s)." % (path, error.strerror)) from None
    if not start:
        raise InputError("The model %s is empty; give an mmCIF or PDB file." % path)


def atom_positions(structure):
    """Positions of all atoms of the first model.

    Parameters
    ----------
    structure : gemmi.Structure

    Returns
    -------
    numpy.ndarray of float64, (atoms, 3)
        x, y, z in Å.
    """
    sites = structure[0].all()
    return np.array([site.atom.pos.tolist() for site in sites]).reshape(-1, 3)


def write_model(path, structure):
    """Write a model as an mmCIF file, which appears under its name only when it is complete.

    Parameters
    ----------
    path : str
    structure : gemmi.Structure

    Raises
    ------
    OSError
        If it cannot be written.
    """
    part = "%s.%d.part" % (path, os.getpid())
    try:
        structure.make_mmcif_document().write_file(part)
        os.replace(part, path)
    finally:
        if os.path.exists(part):
            os.remove(part)


def write_coloured(path, structure, values):
    """Write a model with values of its atoms in the place of their B-factors.

    Parameters
    ----------
    path : str
    structure : gemmi.Structure
        Not changed.
    values : numpy.ndarray, (atoms,)
        In the order of ``structure[0].all()``; atoms whose value is NaN are left out,
        as a file has no other word for them.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    coloured = structure.clone()
    for site, value in zip(coloured[0].all(), values):
        site.atom.b_iso = float(value)
        site.atom.aniso = gemmi.SMat33f(0, 0, 0, 0, 0, 0)
    for chain in coloured[0]:
        for place in reversed(range(len(chain))):
            residue = chain[place]
            for index in reversed(range(len(residue))):
                if not np.isfinite(residue[index].b_iso):
                    del residue[index]
            if len(residue) == 0:
                del chain[place]
    coloured.remove_empty_chains()
    write_model(path, coloured)


def _read(path):
    if not os.path.exists(path):
        raise InputError("The model %s does not exist; check its name." % path)
    try:
        return gemmi.read_structure(path, format=gemmi.CoorFormat.Detect)
    except _READING_ERRORS as error:
        raise InputError("%s cannot be read as an atomic model (%s); give an mmCIF or PDB file."
                         % (path, str(error).splitlines()[0])) from None


def _content_notes(structure):
    sizes = [len(residue) for chain in structure[0] for residue in chain
             if _is_polymer(gemmi.find_tabulated_residue(residue.name))]
    if not sizes:
        return [Note("The model holds neither protein nor nucleic acid.", "warning")]
    if sum(sizes) < 2 * len(sizes):
        return [Note("The model has hardly more than one atom per residue; measures of side "
                     "chains and of single atoms mean little.", "warning")]
    return []


def _is_polymer(kind):
    return kind.is_amino_acid() or kind.is_nucleic_acid()
