"""Results that several items need, computed once for all of them."""

import logging
from dataclasses import dataclass
from typing import Any, Callable, Tuple

from vrs.errors import InputError, NotMeasured
from vrs.results import travels

logger = logging.getLogger(__name__)


@travels
@dataclass
class SharedOutcome:
    """What became of a shared result: its value, or in ``reason`` why there is none."""

    value: Any = None
    reason: str = ""


@dataclass(frozen=True)
class Shared:
    """A result that several items need.

    Checks name it in ``uses`` and get it by ``evidence.shared``. A level computes it as a
    step of its own and keeps it, so that Continue need not repeat it. When it fails, that is
    the reason of all items that need it.

    Attributes
    ----------
    name : str
        Of its file.
    title : str
        What is done, in the middle of a sentence: "placing the model".
    requires : tuple
        As that of checks.
    compute : callable
        Takes the evidence and gives what is kept: a dataclass that
        :func:`vrs.results.travels`, or plain values and arrays.
    restore : callable
        Makes what items get from the evidence and from what is kept.
    describe : callable
        Findings and figures of it that a report shows before the items, from what they get:
        lists of Note and of content.
    """

    name: str
    title: str
    requires: Tuple[Any, ...]
    compute: Callable
    restore: Callable = lambda evidence, kept: kept
    describe: Callable = lambda found: ([], [])

    def attempt(self, evidence):
        """Compute it; whatever happens, there is an outcome.

        Parameters
        ----------
        evidence : vrs.inputs.Evidence

        Returns
        -------
        SharedOutcome
        """
        try:
            return SharedOutcome(self.compute(evidence))
        except NotMeasured as error:
            return SharedOutcome(reason=str(error))
        except InputError as error:
            return SharedOutcome(reason=" ".join(error.problems))
        except Exception as error:  # it never takes down the level
            logger.exception("%s failed", self.title)
            return self.failed(error)

    def failed(self, error):
        """The outcome after an unexpected error."""
        return SharedOutcome(reason="A step that it depends on, %s, failed (%s: %s); the log of "
                             "the level has the details." % (
                                 self.title, type(error).__name__, error))

    def restored(self, evidence, outcome):
        """What items get of an outcome: the result, or a NotMeasured to be raised."""
        if outcome.reason:
            return NotMeasured(outcome.reason)
        return self.restore(evidence, outcome.value)
