"""What checks get: the evidence that is there, composed of its kinds."""

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Dict, Mapping

from vrs.errors import NotMeasured
from vrs.inputs.kind import Loaded


@dataclass(frozen=True)
class Run:
    """How things are computed.

    Attributes
    ----------
    workers : int
        Threads for Fourier transforms and the like.
    seed : int
        Seed of every random choice.
    """

    workers: int = 1
    seed: int = 0


@dataclass(frozen=True)
class Evidence:
    """Everything that a validation was given; nobody changes it on the way.

    Each kind of evidence is an attribute by its name: ``evidence.map``,
    ``evidence.half_maps``, ``evidence.model``; None where there is none.

    Attributes
    ----------
    loaded : mapping of str to Loaded
        By the names of the kinds.
    run : Run
    failures : mapping of str to str
        Why kinds that were given could not be read, by their names.
    """

    loaded: Mapping[str, Loaded] = field(default_factory=dict)
    run: Run = Run()
    failures: Mapping[str, str] = field(default_factory=dict)
    # Results that several items need; each is computed when it is first asked for.
    _shared: Dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    _outcomes: Dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self):
        for name in ("loaded", "failures"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        loaded = self.loaded.get(name)
        if loaded is None:
            from vrs import inputs  # the kinds import this module
            if name not in {kind.name for kind in inputs.all_kinds()}:
                raise AttributeError("there is no kind of evidence called %s" % name)
            return None
        return loaded.part

    def has(self, name):
        """Whether there is evidence of a kind.

        Parameters
        ----------
        name : str
            Of the kind.
        """
        return name in self.loaded

    def notes(self, name):
        """Findings about evidence of a kind, as a list of Note; empty without it."""
        return list(self.loaded[name].notes) if self.has(name) else []

    def sources(self, name):
        """Files of evidence of a kind, as a list of Source; empty without it."""
        return list(self.loaded[name].sources) if self.has(name) else []

    def shared(self, result):
        """A result that several items need, computed when it is first asked for.

        Parameters
        ----------
        result : vrs.checks.shared.Shared

        Returns
        -------
        object

        Raises
        ------
        vrs.errors.NotMeasured
            If it cannot be computed, with the reason.
        """
        if result.name not in self._shared:
            self._shared[result.name] = result.restored(self, self.outcome(result))
        found = self._shared[result.name]
        if isinstance(found, NotMeasured):
            raise found
        return found

    def outcome(self, result):
        """What became of a result that several items need; it is computed once.

        Parameters
        ----------
        result : vrs.checks.shared.Shared

        Returns
        -------
        vrs.checks.shared.SharedOutcome
        """
        if result.name not in self._outcomes:
            self._outcomes[result.name] = result.attempt(self)
        return self._outcomes[result.name]

    def remember(self, result, outcome):
        """Take a result that was computed before.

        Parameters
        ----------
        result : vrs.checks.shared.Shared
        outcome : vrs.checks.shared.SharedOutcome
        """
        self._outcomes[result.name] = outcome
        self._shared[result.name] = result.restored(self, outcome)

    def replaced(self, name, loaded):
        """The same evidence with other evidence of one kind.

        Parameters
        ----------
        name : str
            Of the kind.
        loaded : Loaded

        Returns
        -------
        Evidence
        """
        return Evidence(dict(self.loaded, **{name: loaded}), self.run, self.failures)


def compose(run=Run(), **parts):
    """Evidence from parts that are in memory already.

    Parameters
    ----------
    run : Run
    **parts
        By the names of the kinds; None for none.

    Returns
    -------
    Evidence
    """
    return Evidence({name: Loaded(part) for name, part in parts.items() if part is not None}, run)
