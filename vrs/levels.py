"""The levels of the validation: which evidence each takes, and what it asks."""

from dataclasses import dataclass
from typing import Tuple

from vrs import inputs
from vrs.inputs.classes import CLASSES
from vrs.inputs.crosslinks import CROSSLINKS
from vrs.inputs.half_maps import HALF_MAPS
from vrs.inputs.kind import Kind
from vrs.inputs.map import MAP
from vrs.inputs.micrographs import MICROGRAPHS
from vrs.inputs.model import MODEL
from vrs.inputs.particles import PARTICLES
from vrs.inputs.saxs import SAXS
from vrs.inputs.tilt_pairs import TILT_PAIRS
from vrs.inputs.workflow import WORKFLOW
from vrs.results import Status


@dataclass(frozen=True)
class Level:
    """A level.

    Attributes
    ----------
    id : str
        A digit, or a letter for what can be added to any level.
    title : str
        What it takes on top of the level below, in the middle of a sentence.
    question : str
        What it asks.
    kinds : tuple of Kind
        What it cannot be assessed without.
    optional : tuple of Kind
        What some of its items can make use of.
    alternatives : tuple of Kind
        Of which one at least has to be given, where there are some.
    """

    id: str
    title: str
    question: str
    kinds: Tuple[Kind, ...] = ()
    alternatives: Tuple[Kind, ...] = ()
    optional: Tuple[Kind, ...] = ()

    @property
    def needed(self):
        """The kinds that cannot be left out, on top of the map."""
        return tuple(kind for kind in self.kinds if kind is not MAP)

    @property
    def added(self):
        """The kinds that it takes on top of the map."""
        return self.needed + self.alternatives

    @property
    def taken(self):
        """All kinds that any of its items takes."""
        return self.kinds + self.alternatives + self.optional

    def is_possible(self, kinds):
        """Whether it can be assessed with evidence of some kinds.

        Parameters
        ----------
        kinds : collection of Kind
        """
        return all(kind in kinds for kind in self.kinds) and (
            not self.alternatives or any(kind in kinds for kind in self.alternatives))

    @property
    def is_letter(self):
        """Whether it can be added to any level."""
        return not self.id.isdigit()


_LEVELS = [
    Level("0", "the map", "Is the map itself sane?", (MAP,)),
    Level("1", "two half maps", "Does the resolution hold everywhere?", (MAP, HALF_MAPS)),
    Level("2", "2D classes", "Do the classes look like projections of the map?", (MAP,),
          (CLASSES, PARTICLES)),
    Level("3", "particles", "Do the particles belong to the classes?", (PARTICLES,),
          optional=(CLASSES,)),
    Level("4", "the particles' angular assignment", "Is the assignment right and sufficient?",
          (PARTICLES,)),
    Level("5", "micrographs and coordinates", "Do the particles come from good areas?",
          (MICROGRAPHS,), optional=(PARTICLES,)),
    Level("A", "atomic model", "Does the model agree with the map?", (MAP, MODEL),
          optional=(HALF_MAPS,)),
    Level("W", "processing workflow", "How was the map obtained?", (WORKFLOW,)),
    Level("O", "other techniques (cross-links, SAXS, tilt pairs)", "Do other techniques agree?",
          optional=(MODEL,), alternatives=(CROSSLINKS, SAXS, TILT_PAIRS)),
]


def all_levels():
    """Every level, in the order of the report.

    Returns
    -------
    list of Level
    """
    return list(_LEVELS)


def get_level(name):
    """The level of an id; KeyError when there is none."""
    for level in _LEVELS:
        if level.id == name:
            return level
    raise KeyError(name)


def order(name):
    """Sorting key of the ids of levels."""
    return [level.id for level in _LEVELS].index(name)


def levels_for(given):
    """The levels that can be assessed with what is given.

    Parameters
    ----------
    given : dict
        Values by the names of options, see :mod:`vrs.inputs`.

    Returns
    -------
    list of Level
    """
    kinds = inputs.given_kinds(given)
    return [level for level in _LEVELS if level.is_possible(kinds)]


def grade(items):
    """The short form of what was assessed, for JSON and file names.

    Parameters
    ----------
    items : iterable of vrs.results.ItemResult
        A level counts with one item that was not left out.

    Returns
    -------
    str
        ``"0"``, ``"1A"`` or ``"5AWO"``, for instance: the highest level with a digit, which
        stands for those below it, then the letters.
    """
    found = assessed(items)
    digits = [level.id for level in found if not level.is_letter]
    return "".join(digits[-1:] + [level.id for level in found if level.is_letter])


def assessed(items):
    """The levels that were assessed.

    Parameters
    ----------
    items : iterable of vrs.results.ItemResult
        A level counts with one item that was not left out.

    Returns
    -------
    list of Level
    """
    names = {item.level for item in items if item.status is not Status.NOT_RUN}
    return [level for level in _LEVELS if level.id in names]


def printed(items):
    """The levels that were assessed, in print: ``0, 1, A``, or ``none``.

    Parameters
    ----------
    items : iterable of vrs.results.ItemResult

    Returns
    -------
    str
    """
    return _joined([level.id for level in assessed(items)])


def _joined(names):
    return ", ".join(level.id for level in _LEVELS if level.id in names) or "none"


def printed_of_report(report):
    """The levels that a report assessed, in print.

    Parameters
    ----------
    report : dict
        Its JSON form.

    Returns
    -------
    str
    """
    return _joined({item["id"].partition(".")[0] for item in report["items"]
                    if item["status"] != Status.NOT_RUN.value})
