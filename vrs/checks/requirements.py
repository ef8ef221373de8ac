"""What an item needs, as data.

Kinds of evidence (``vrs.inputs``) are requirements as well. Each has ``words`` for listings
and ``unmet``, which gives the status and the reason of an item that lacks it.
"""

from dataclasses import dataclass
from typing import Any, Callable, Optional

from vrs.results import Status


@dataclass(frozen=True)
class ResolutionBetween:
    """A reported resolution in a range.

    Attributes
    ----------
    best, worst : float
        Å; 0 for no best, infinity for no worst one.
    below : bool
        Whether it has to be better than the worst one.
    or_unknown : bool
        Whether it may be missing.
    service : ResolutionBetween, optional
        What the public validation service requires in its place; the same by default.
    """

    best: float
    worst: float
    below: bool = False
    or_unknown: bool = False
    service: Optional["ResolutionBetween"] = None

    @property
    def words(self):
        """For listings."""
        if self.worst == float("inf"):
            return "the reported resolution (R)"
        return "R %s%s" % (self._limits(), " if known" if self.or_unknown else "")

    def _limits(self):
        if self.best:
            return "between %g and %g Å" % (self.best, self.worst)
        if self.below:
            return "better than %g Å" % self.worst
        return "of %g Å or better" % self.worst

    def unmet(self, evidence):
        """Why an item that requires it cannot be computed, None when it can."""
        resolution = evidence.reported.resolution if evidence.has("reported") else None
        if resolution is None and self.or_unknown:
            return None
        if resolution is None:
            return Status.NOT_RUN, "It needs the reported resolution, which was not given."
        if self.best <= resolution <= self.worst and not (
                self.below and resolution == self.worst):
            return None
        return Status.NOT_APPLICABLE, (
            "It applies to maps with a reported resolution %s." % self._limits())


def resolution(best=0.0, worst=float("inf"), below=False, or_unknown=False, service=None):
    """The requirement of a reported resolution, see :class:`ResolutionBetween`."""
    return ResolutionBetween(best, worst, below, or_unknown, service)


@dataclass(frozen=True)
class AskedFor:
    """That the user asked for it, as what takes long is not done otherwise.

    Attributes
    ----------
    words : str
        For listings.
    is_asked : callable
        Whether it is, from the evidence.
    advice : str
        How to ask for it, a sentence.
    """

    words: str
    is_asked: Callable
    advice: str

    def unmet(self, evidence):
        """Why an item that requires it cannot be computed, None when it can."""
        return None if self.is_asked(evidence) else (Status.NOT_RUN, self.advice)


@dataclass(frozen=True)
class WholeMap:
    """That the box was not cut around a part of a larger map.

    Attributes
    ----------
    service : object
        What the public validation service requires in its place.
    """

    service: Any
    words = "not cut out of a larger one"

    def unmet(self, evidence):
        """Why an item that requires it cannot be computed, None when it can."""
        if not evidence.map.is_cut_out:
            return None
        return Status.NOT_APPLICABLE, (
            "The box was cut around a part of a larger map, so the space around the macromolecule "
            "is not that of the reconstruction.")
