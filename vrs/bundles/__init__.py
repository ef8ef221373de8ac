"""Where several inputs lie together: a job of RELION or cryoSPARC, the header of an EMDB entry.

A bundle fills the options that a user would have given otherwise; nothing beyond this package
knows of it. What is given explicitly wins, "none" to leave an input out, then the first bundle in
the order of :func:`all_bundles`.
"""

import os
from dataclasses import dataclass
from typing import Any, Dict, Tuple

from vrs import inputs
from vrs.errors import InputError
from vrs.inputs.kind import LEFT_OUT, Option


@dataclass(frozen=True)
class Found:
    """An input that a bundle holds.

    Attributes
    ----------
    option : str
        Name of the option that it fills.
    value : object
        As a user would give it; paths are absolute.
    where : str
        Where it stands, for the user who wonders.
    needs : str
        Name of an option without which it is of no use.
    """

    option: str
    value: Any
    where: str
    needs: str = ""


@dataclass(frozen=True)
class Contents:
    """What a bundle holds.

    Attributes
    ----------
    found : tuple of Found
    remarks : tuple of str
        What was not taken, and why.
    missing : tuple of (str, str)
        Options whose files should be there and are not, with the problem.
    stem : str
        What the report is called; empty for the name of the map.
    """

    found: Tuple[Found, ...] = ()
    remarks: Tuple[str, ...] = ()
    missing: Tuple[Tuple[str, str], ...] = ()
    stem: str = ""


class Bundle:
    """Several inputs that lie together.

    Attributes
    ----------
    option : vrs.inputs.Option
        By which it is given.
    """

    option: Option

    def open(self, path):
        """Look for the inputs.

        Parameters
        ----------
        path : str

        Returns
        -------
        Contents

        Raises
        ------
        InputError
            With all problems.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Filled:
    """Inputs with what bundles held.

    Attributes
    ----------
    given : dict
        Values by the names of options of evidence.
    told : tuple of str
        A line for each input that was taken, and for what was not.
    stem : str
        What the report is called; empty for the name of the map.
    """

    given: Dict[str, Any]
    told: Tuple[str, ...] = ()
    stem: str = ""


def all_bundles():
    """Every bundle; the first one that holds an input wins.

    Returns
    -------
    list of Bundle
    """
    from vrs.bundles.cryosparc import CRYOSPARC
    from vrs.bundles.emdb_header import EMDB_HEADER
    from vrs.bundles.relion import RELION
    return [EMDB_HEADER, RELION, CRYOSPARC]


def of_folder(path):
    """The bundle that a folder is.

    Parameters
    ----------
    path : str
        Of a job of RELION or cryoSPARC, or of results that cryoSPARC exported.

    Returns
    -------
    Bundle
        That of RELION where it is neither: it says what is wrong.
    """
    from vrs.bundles.cryosparc import CRYOSPARC, is_cryosparc
    from vrs.bundles.relion import RELION
    return CRYOSPARC if is_cryosparc(path) else RELION


def filled(given):
    """Replace bundles by what they hold.

    Parameters
    ----------
    given : dict
        Values by the names of options, of evidence and of bundles.

    Returns
    -------
    Filled

    Raises
    ------
    InputError
        If a bundle cannot be used, or files that belong to it are missing and were not given
        otherwise; with all problems.
    """
    bundles = [bundle for bundle in all_bundles() if given.get(bundle.option.name)]
    explicit = {name: value for name, value in given.items()
                if name not in {bundle.option.name for bundle in all_bundles()}}
    problems, taken, told, stem = [], {}, [], ""
    for bundle in bundles:
        try:
            contents = bundle.open(str(given[bundle.option.name]))
        except InputError as error:
            problems += error.problems
            continue
        problems += [problem for option, problem in contents.missing if option not in explicit]
        for found in contents.found:
            taken.setdefault(found.option, found)
        told += contents.remarks
        stem = stem or contents.stem
    if problems:
        raise InputError(problems)
    left_out = [name for name, value in explicit.items()
                if bundles and str(value).lower() == LEFT_OUT]
    for name in left_out:
        del explicit[name]
        told.append("%s: left out, as requested" % name.replace("_", "-"))
    taken = {name: found for name, found in taken.items()
             if name not in left_out and found.needs not in left_out}
    values = dict({name: found.value for name, found in taken.items()}, **explicit)
    useful = _useful(values)
    lines = ["%s: %s (%s)" % (name.replace("_", "-"), _shown(found.value), found.where)
             for name, found in taken.items() if name not in explicit and name in useful]
    lines += ["%s: as given, instead of %s (%s)" % (
        name.replace("_", "-"), _shown(found.value), found.where)
        for name, found in taken.items() if name in explicit and name in useful]
    return Filled({name: value for name, value in values.items()
                   if name in explicit or name in useful}, tuple(lines + told), stem)


def _useful(values):
    """Names of the options of kinds of evidence that are there."""
    return {option.name for kind in inputs.given_kinds(values) for option in kind.options}


def _shown(value):
    return "%.6g" % value if isinstance(value, float) else str(value)


def missing_file(path, what, named_in, flag, project=""):
    """The problem that a file is not there.

    Parameters
    ----------
    path : str
    what : str
        "the mask", for instance.
    named_in : str
        What names it.
    flag : str
        Option by which it can be given instead.
    project : str
        Folder in which it may be by now.

    Returns
    -------
    str
    """
    problem = "%s is not there, which %s names as %s" % (path, named_in, what)
    moved = _moved(path, project) if project else ""
    if moved:
        return ("%s. The project seems to have been moved: there is %s; if it is the same file, "
                "give it with %s." % (problem, moved, flag))
    return "%s; restore it, or give the file with %s." % (problem, flag)


def _moved(path, project):
    """A file in a project with the same last folders as one that was elsewhere."""
    parts = os.path.normpath(path).split(os.sep)
    for first in range(1, len(parts) - 1):
        candidate = os.path.join(project, *parts[first:])
        if os.path.isfile(candidate) and candidate != path:
            return candidate
    return ""
