"""The kinds of evidence, one module each, and how they are read together.

A module of this package that registers its kind is all that a new kind needs: options of
the command, parameters of forms, columns of tables and the listings follow from it.
"""

import functools
import importlib
import logging
import pkgutil

from vrs.errors import InputError
from vrs.inputs.evidence import Evidence, Run, compose
from vrs.inputs.kind import FILE, FOLDER, NUMBER, TEXT, Kind, Loaded, Option, Source, read_value
from vrs.io.problems import collected

logger = logging.getLogger(__name__)

_KINDS = {}


def register(kind):
    """Make a kind of evidence known; returns it.

    Parameters
    ----------
    kind : Kind

    Raises
    ------
    ValueError
        If another one has its name, or another option with the name of one of its.
    """
    taken = {option.name: option for other in _KINDS.values() for option in other.options}
    if kind.name in _KINDS or any(taken.get(option.name, option) is not option
                                  for option in kind.options):
        raise ValueError("the name of the kind %s, or of one of its options, is taken" % kind.name)
    _KINDS[kind.name] = kind
    return kind


@functools.lru_cache(maxsize=1)
def _load_rooms():
    for module in pkgutil.iter_modules(__path__, __name__ + "."):
        importlib.import_module(module.name)


def all_kinds():
    """Every kind of evidence, in the order in which they are read and offered.

    Returns
    -------
    list of Kind
    """
    _load_rooms()
    return sorted(_KINDS.values(), key=lambda kind: (kind.place, kind.name))


def get_kind(name):
    """The kind of a name; KeyError when there is none."""
    _load_rooms()
    return _KINDS[name]


def all_options():
    """Every option of every kind, in order; what several kinds share once.

    Returns
    -------
    list of Option
    """
    return list(dict.fromkeys(option for kind in all_kinds() for option in kind.options))


def given_kinds(given):
    """The kinds of which something is given.

    Parameters
    ----------
    given : dict
        Values by the names of options.

    Returns
    -------
    list of Kind
    """
    return [kind for kind in all_kinds() if kind.is_given(given)]


def probe(given):
    """Find what can be known to be wrong without reading the data.

    Parameters
    ----------
    given : dict
        Values by the names of options.

    Returns
    -------
    dict
        What the kinds found, by their names.

    Raises
    ------
    InputError
        With all problems of all kinds.
    """
    problems, probed = [], {}
    unknown = sorted(set(given) - {option.name for option in all_options()})
    if unknown:
        raise TypeError("there is no option %s" % ", ".join(unknown))
    judged = {option for kind in given_kinds(given) for option in kind.options}
    for kind in all_kinds():
        with collected(problems):
            if kind.is_given(given):
                probed[kind.name] = kind.probe(given, probed)
            else:
                own = [option for option in kind.options if option not in judged]
                judged.update(own)
                _refuse_leftovers(kind, own, given)
    if problems:
        raise InputError(problems)
    return probed


def _refuse_leftovers(kind, options, given):
    """Options that say how to read evidence which is not there are a mistake."""
    left = [option for option in options if read_value(option, given) != option.default]
    if left:
        raise InputError("%s %s given, but %s not; give %s with %s." % (
            " and ".join(option.flag for option in left), "was" if len(left) == 1 else "were",
            kind.words + (" were" if kind.words.startswith("two ") else " was"),
            "them" if kind.words.startswith("two ") else "it",
            " and ".join(option.flag for option in kind.decisive)))


def load(given, run=Run(), only=None):
    """Read what is given.

    Parameters
    ----------
    given : dict
        Values by the names of options.
    run : Run
    only : collection of str, optional
        Names of the kinds to be read; all by default.

    Returns
    -------
    Evidence
        A kind that cannot be read stands in its ``failures``, with the reason.

    Raises
    ------
    InputError
        If the map cannot be read: nothing can be said then.
    """
    evidence = Evidence(run=run)
    for kind in given_kinds(given):
        if only is not None and kind.name not in only:
            continue
        loaded, failures = dict(evidence.loaded), dict(evidence.failures)
        try:
            loaded[kind.name] = kind.load(given, evidence)
        except InputError as error:
            if kind.is_indispensable:
                raise
            failures[kind.name] = " ".join(error.problems)
        except Exception as error:  # what else was given can still be validated
            if kind.is_indispensable:
                raise
            logger.exception("reading %s failed", kind.name)
            failures[kind.name] = "%s could not be read (%s: %s)." % (
                kind.title, type(error).__name__, error)
        evidence = Evidence(loaded, run, failures)
    return evidence
