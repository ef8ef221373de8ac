"""Where checks are found.

A module below a ``level_*`` package that decorates its check with
:func:`register` is all that a new item needs.
"""

import functools
import importlib
import pkgutil

_CHECKS = {}


def register(cls):
    """Class decorator that makes a check known under its id."""
    if cls.id in _CHECKS:
        raise ValueError("two checks have the id %s" % cls.id)
    _CHECKS[cls.id] = cls()
    return cls


@functools.lru_cache(maxsize=1)
def _load():
    import vrs.checks as package
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if ".level_" in module.name:
            importlib.import_module(module.name)


def all_checks():
    """Every check, sorted by id.

    Returns
    -------
    list of Check
    """
    _load()
    return [_CHECKS[key] for key in sorted(_CHECKS)]


def checks_of_level(level):
    """The checks of a level ("0", "1", "A", ...), sorted by id."""
    return [check for check in all_checks() if check.level == level]


def get_check(item):
    """The check with an id such as "0.a"; KeyError when there is none."""
    _load()
    return _CHECKS[item]
