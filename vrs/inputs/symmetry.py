"""The symmetry of the specimen, an option of all kinds of evidence that need it."""

from vrs.images.symmetry import point_group
from vrs.inputs.kind import TEXT, Option


def to_symmetry(text):
    """A point group that a user named.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        As RELION names it.

    Raises
    ------
    InputError
        If there is no such point group.
    """
    point_group(text)
    return str(text).strip().upper()


SYMMETRY = Option(
    "symmetry", "point group of the specimen: C1, D2, O, I, ... (default: C1)", "Symmetry",
    "The point group that was imposed on the map, as RELION names it.", TEXT, "GROUP",
    to_symmetry, default="C1")


def symmetry_remarks(given):
    """What the reader of a report should know of the symmetry.

    Parameters
    ----------
    given : dict
        Values by the names of options.

    Returns
    -------
    list of str
    """
    if given.get(SYMMETRY.name) not in (None, ""):
        return []
    return ["The symmetry is taken as C1, as none was given; give the point group if the specimen "
            "has one."]
