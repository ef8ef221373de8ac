"""What a kind of evidence is, and how the room of one declares it."""

import os
from dataclasses import dataclass
from typing import Any, Callable, Optional, Tuple

from vrs.results import Note, Status

# What leaves an input out that would be found otherwise.
LEFT_OUT = "none"
FILE, FOLDER, NUMBER, TEXT = "file", "folder", "number", "text"
_METAVARS = {FILE: "FILE", FOLDER: "DIR", NUMBER: "N", TEXT: "TEXT"}


@dataclass(frozen=True)
class Option:
    """Something that a user gives, by the command, a form, a table or the library.

    Attributes
    ----------
    name : str
        As an argument of the library; the option of the command and the column of a table have
        dashes for underscores.
    help : str
        For the command, in the style of its other options.
    label, form_help : str
        For forms; without a label forms do not offer it.
    type : str
        "file", "folder", "number" or "text".
    metavar : str
        What stands for the value in the command's help.
    read : callable, optional
        Makes the value from a text or number, and raises InputError where it is none.
    default : object
        Value where nothing is given; None for none.
    pointer : str
        Class of Scipion's objects that can take the place of the file; empty for none.
    advanced : bool
        Whether forms show it to experts only.
    of_entry : bool
        Whether an entry of an archive brings it along.
    optional : bool
        Of a file, whether the others of its kind can do without it.
    """

    name: str
    help: str
    label: str = ""
    form_help: str = ""
    type: str = FILE
    metavar: str = ""
    read: Optional[Callable] = None
    default: Any = None
    pointer: str = ""
    advanced: bool = False
    of_entry: bool = False
    optional: bool = False

    @property
    def flag(self):
        """The option of the command."""
        return "--" + self.name.replace("_", "-")

    @property
    def placeholder(self):
        """What stands for the value in the command's help."""
        return self.metavar or _METAVARS[self.type]

    @property
    def is_path(self):
        """Whether its value is the path of a file or a folder."""
        return self.type in (FILE, FOLDER)

    def placed(self, value, folder=""):
        """A value that does not depend on the current folder.

        Parameters
        ----------
        value : object
        folder : str
            That relative paths start from; the current one by default.

        Returns
        -------
        object
            Paths are absolute, but for what says that there is to be none.
        """
        if not self.is_path or str(value).lower() == LEFT_OUT:
            return value
        return os.path.abspath(os.path.join(folder, str(value)))


@dataclass(frozen=True)
class Source:
    """A file that evidence came from; ``term`` says what it is."""

    term: str
    path: str


@dataclass(frozen=True)
class Loaded:
    """Evidence of a kind as it was read.

    Attributes
    ----------
    part : object
        What checks get, frozen.
    sources : tuple of Source
    notes : tuple of Note
        What the reader of a report should know.
    """

    part: Any
    sources: Tuple[Source, ...] = ()
    notes: Tuple[Note, ...] = ()


class Kind:
    """A kind of evidence: its options, how it is probed, read and described.

    A room declares one by a subclass whose only instance is given to
    :func:`vrs.inputs.register`. It is a requirement of checks as well: ``requires =
    (HALF_MAPS,)``.

    Attributes
    ----------
    name : str
        Of the attribute of :class:`vrs.inputs.Evidence` that holds it.
    title : str
        At the beginning of a sentence or a section.
    words : str
        What listings and reasons call it: "two half maps".
    help : str
        For the choice of its source in forms.
    options : tuple of Option
        Those that say whether it is given come first. Several kinds may share one.
    place : int
        Where its options stand among those of other kinds.
    always : bool
        Whether it is there with nothing given.
    is_indispensable : bool
        Whether nothing can be said of the rest when it cannot be read.
    from_map, from_project : str
        What forms call it when the map brings it along, and when it is made from the
        project; empty where that cannot be.
    """

    name = ""
    title = ""
    words = ""
    help = ""
    options: Tuple[Option, ...] = ()
    place = 100
    always = False
    is_indispensable = False
    from_map = ""
    from_project = ""

    @property
    def files(self):
        """The options that are files of this evidence, which is there when they are given."""
        return tuple(option for option in self.options if option.type == FILE)

    @property
    def decisive(self):
        """The options that it has to be given by."""
        return self.files

    def is_given(self, given):
        """Whether there is something of it.

        Parameters
        ----------
        given : dict
            Values by the names of options.
        """
        return self.always or any(given.get(option.name) for option in self.files)

    def probe(self, given, probed):
        """Find what can be known to be wrong without reading the data.

        Headers are read, of tables the names of columns and a few rows; never arrays.

        Parameters
        ----------
        given : dict
        probed : dict
            What the probes of earlier kinds gave, by the names of the kinds.

        Returns
        -------
        object
            For later kinds and for :meth:`load`.

        Raises
        ------
        InputError
            With all problems.
        """

    def load(self, given, evidence):
        """Read it.

        Parameters
        ----------
        given : dict
        evidence : vrs.inputs.Evidence
            With the kinds that come before it.

        Returns
        -------
        Loaded

        Raises
        ------
        InputError
            With all problems.
        """
        raise NotImplementedError

    def describe(self, evidence):
        """What a report says of it before any item.

        Parameters
        ----------
        evidence : vrs.inputs.Evidence

        Returns
        -------
        notes : list of Note
            Beside those of :meth:`load`.
        content : list
            Figures and paragraphs.
        """
        return [], []

    # ------------------------------------------------------------ as a requirement
    def unmet(self, evidence):
        """Why an item that requires it cannot be computed, None when it can.

        Parameters
        ----------
        evidence : vrs.inputs.Evidence

        Returns
        -------
        (Status, str) or None
        """
        if evidence.has(self.name):
            return None
        if self.name in evidence.failures:
            return Status.NOT_MEASURED, evidence.failures[self.name]
        return Status.NOT_RUN, "It needs %s, which %s not given." % (
            self.words, "were" if self.words.startswith(("two ", "the ")) else "was")


def read_value(option, given):
    """The value of an option, made from what was given.

    Parameters
    ----------
    option : Option
    given : dict

    Returns
    -------
    object
        The default where nothing was given.

    Raises
    ------
    InputError
        If it is of no use.
    """
    value = given.get(option.name)
    if value is None or value == "":
        return option.default
    return option.read(value) if option.read else value
