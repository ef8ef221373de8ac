"""Where checks are found.

A module below a ``level_*`` package that decorates its check with
:func:`register` is all that a new item needs.
"""

import functools
import importlib
import pkgutil

from vrs import bibliography, levels

_CHECKS = {}


def register(cls):
    """Class decorator that makes a check known under its id.

    Raises
    ------
    ValueError
        If its declaration is wrong: an id that is taken, a criterion or an estimate on a
        metric that it does not declare, a publication that is not in the bibliography.
    """
    check = cls()
    problems = ["two checks have the id %s" % cls.id] if cls.id in _CHECKS else []
    declared = [quantity.name for quantity in check.quantities]
    rules = [rule for criterion in check.criteria
             for rule in (criterion,) + criterion.unless + criterion.service]
    reached = {"%s.%s" % (quantity.name, key) for quantity in check.quantities
                for key in quantity.keys}
    named = [rule.metric for rule in dict.fromkeys(rules)] + list(check.estimates)
    problems += ["%s declares no metric %s" % (cls.id, name) for name in named
                 if name not in declared and name not in reached]
    problems += ["%s declares %s twice" % (cls.id, name) for name in sorted(set(declared))
                 if declared.count(name) > 1]
    problems += ["the bibliography has no %s, which %s cites" % (key, cls.id)
                 for key in check.references if key not in bibliography.keys()]
    if problems:
        raise ValueError("; ".join(problems))
    _CHECKS[cls.id] = check
    return cls


@functools.lru_cache(maxsize=1)
def _load():
    import vrs.checks as package
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if ".level_" in module.name:
            importlib.import_module(module.name)


def all_checks():
    """Every check, in the order of a grade and by id.

    Returns
    -------
    list of Check
    """
    _load()
    return sorted(_CHECKS.values(), key=lambda check: (levels.order(check.level), check.id))


def checks_of_level(level):
    """The checks of a level, "0" for instance, sorted by id."""
    return [check for check in all_checks() if check.level == level]


def get_check(item):
    """The check with an id such as "0.a"; KeyError when there is none."""
    _load()
    return _CHECKS[item]


def shared_of_level(level):
    """The shared results that checks of a level use, each once, in their order."""
    return list(dict.fromkeys(shared for check in checks_of_level(level)
                              for shared in check.uses))
