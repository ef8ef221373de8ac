"""The publications that checks cite, from the BibTeX entries that Scipion reads as well."""

import functools
import re

from vrs import bibtex
from vrs.results import Reference

_ENTRY = re.compile(r"^@\w+\{(\w+),\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"(\w+)\s*=\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
_DOI = "https://doi.org/"


@functools.lru_cache(maxsize=1)
def _entries():
    return {key: dict(_FIELD.findall(fields)) for key, fields in _ENTRY.findall(bibtex.__doc__)}


def keys():
    """The keys of all publications."""
    return _entries().keys()


def reference(key):
    """A publication in print.

    Parameters
    ----------
    key : str

    Returns
    -------
    vrs.results.Reference

    Raises
    ------
    KeyError
        If there is none of that key.
    """
    entry = {name: _plain(text) for name, text in _entries()[key].items()}
    place = " ".join(filter(None, [entry.get("journal") or entry.get("booktitle", ""),
                                   entry.get("volume", "")]))
    text = "%s. %s. %s (%s)" % (_authors(entry["author"]), entry["title"], place, entry["year"])
    if "pages" in entry:
        text += " " + entry["pages"].replace("--", "-")
    return Reference(key, text + ".", entry.get("doi", "").replace(_DOI, ""))


def cited_as(key):
    """A publication as a text cites it: its authors and year, ``Vilas et al. 2018``."""
    entry = _entries()[key]
    names = [_plain(name).partition(",")[0] for name in entry["author"].split(" and ")]
    named = names[0] + " et al." if len(names) > 2 or names[-1] == "others" else " and ".join(names)
    return "%s %s" % (named, entry["year"])


def _plain(text):
    return " ".join(text.replace("{", "").replace("}", "").split())


def _authors(text):
    names = [name.strip() for name in text.split(" and ")]
    others = names[-1:] == ["others"]
    printed = ", ".join(_author(name) for name in (names[:-1] if others else names))
    return printed + " et al" if others else printed


def _author(name):
    """``P.B. Rosenthal`` for ``Rosenthal, Peter B.``."""
    last, _, first = name.partition(", ")
    initials = "".join("-".join(part[0] + "." for part in word.split("-") if part)
                       for word in first.split())
    return (initials + " " + last).strip()
