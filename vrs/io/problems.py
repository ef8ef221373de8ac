"""Gathering the problems of an input, so that the user sees all at once."""

import math
from contextlib import contextmanager

from vrs.errors import InputError


@contextmanager
def collected(problems):
    """Add the problems of an InputError raised inside to a list, and go on.

    Parameters
    ----------
    problems : list of str
        Grows by what is found and not in it yet: one wrong number concerns several files.
    """
    try:
        yield
    except InputError as error:
        problems.extend(found for found in error.problems if found not in problems)


def to_threshold(value):
    """The contour level, as :func:`to_number` reads numbers."""
    return to_number(value, "The threshold", "give the contour level that shows the "
                     "macromolecule, for example 0.05")


def to_resolution(value):
    """The reported resolution in Å, as :func:`to_number` reads numbers."""
    return to_number(value, "The resolution", "give the reported resolution in Å, for example 3.2",
                     positive=True)


def to_mass(value):
    """The specimen's mass in kDa, as :func:`to_number` reads numbers."""
    return to_number(value, "The mass", "give the mass of the specimen in kDa, for example 465",
                     positive=True)


def to_sampling(value):
    """The voxel size in Å, as :func:`to_number` reads numbers."""
    return to_number(value, "The sampling", "give the voxel size in Å, for example 1.06",
                     positive=True)


def to_number(value, name, advice, positive=False):
    """A number that a user gave, perhaps as text.

    Parameters
    ----------
    value : float or str
    name : str
        What it is, at the beginning of a sentence: "The threshold".
    advice : str
        What to do about a wrong one: "give the contour level".
    positive : bool
        Whether it has to be above 0.

    Returns
    -------
    float

    Raises
    ------
    InputError
        If it is not a finite number, or not positive where it has to be.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError("%s, %s, is not a number; %s." % (name, str(value).strip() or "nothing",
                                                           advice))
    if positive and number <= 0:
        raise InputError("%s, %g, is not positive; %s." % (name, number, advice))
    return number
