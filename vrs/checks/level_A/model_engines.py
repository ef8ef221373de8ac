"""What the items share that programs of others can compute from an atomic model."""

import gemmi
import numpy as np
from scipy.spatial import cKDTree

from vrs.checks.check import NotMeasured
from vrs.checks.level_A.placement import model_of
from vrs.engines.external import EngineInput
from vrs.io.models import atom_positions

# Files have three digits after the point.
_SAME_PLACE = 0.01
_MOST_IN_PDB = 99999


def with_model(data, volume=None, mask=None, halves=None, model_map=None, **parameters):
    """What an engine that takes an atomic model is given.

    Parameters
    ----------
    data : vrs.inputs.Evidence
        With a model.
    volume : numpy.ndarray of float32, (z, y, x), optional
        Another map in the place of ``data.map.volume``.
    mask, halves, model_map
        As those of :class:`vrs.engines.external.EngineInput`.
    **parameters
        Of its protocol.

    Returns
    -------
    vrs.engines.external.EngineInput
        With the model in a cell that is the box of the map, as programs refuse a model and
        a map with different cells.
    """
    model = model_of(data).clone()
    model.cell = gemmi.UnitCell(*(size * data.map.sampling for size in data.map.box), 90, 90, 90)
    model.spacegroup_hm = "P 1"
    volume = data.map.volume if volume is None else volume
    return EngineInput(volume, data.map.sampling, mask, parameters, halves, model, model_map)


def at_atoms(data, table, column, program):
    """Values that a program found for the atoms of the model.

    Atoms are told by their places, whatever the program calls and in whatever order it
    writes them.

    Parameters
    ----------
    data : vrs.inputs.Evidence
        With a model.
    table : vrs.engines.external.AtomTable
    column : str
        Of the table.
    program : str
        Its name for messages.

    Returns
    -------
    numpy.ndarray of float64, (atoms,)
        In the order of ``model_of(data)[0].all()``; NaN where there is no value.

    Raises
    ------
    NotMeasured
        If there is no such column or no atom has a value.
    """
    if column not in table.values:
        raise NotMeasured("%s left no column %s in its model." % (program, column))
    values = np.append(table.values[column], np.nan)
    _, nearest = cKDTree(table.positions).query(atom_positions(model_of(data)),
                                                distance_upper_bound=_SAME_PLACE)
    if not np.isfinite(values[nearest]).any():
        raise NotMeasured("%s gives no value to any atom of the model." % program)
    return values[nearest]


def require_pdb_format(data, program):
    """Raise NotMeasured for a program that needs the PDB format and a model too large for it."""
    atoms = model_of(data)[0].count_atom_sites()
    names = [chain.name for chain in model_of(data)[0] if len(chain.name) > 1]
    if atoms > _MOST_IN_PDB or names:
        raise NotMeasured("%s needs the model in PDB format, which has room for %d atoms and "
                          "chains of one letter; this one has %d atoms%s." % (
                              program, _MOST_IN_PDB, atoms,
                              " and a chain %s" % names[0] if names else ""))
