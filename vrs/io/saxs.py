"""Reading curves of small-angle X-ray scattering, and writing them."""

import os
import re
from dataclasses import dataclass
from typing import Tuple

import numpy as np

from vrs.errors import InputError
from vrs.io.files import completed
from vrs.numerics.saxs import SaxsCurve

_LARGEST_FILE = 50e6
_FEWEST_POINTS = 20
_LARGEST = 1e100
# In 1/Å, hardly anybody measures that far; in 1/nm, nearly everybody.
_HIGHEST_Q = 2.0
_UNITS = (("nm", re.compile(r"1\s*/\s*nm|nm\s*\^?\s*\{?\s*[-−]\s*1|nm⁻¹", re.IGNORECASE)),
          ("Å", re.compile(r"1\s*/\s*(?:A|Å|Ang)|\b(?:A|Å|Angstroms?)\s*\^?\s*\{?\s*[-−]\s*1\b|Å⁻¹",
                           re.IGNORECASE)))
# What a line speaks of that gives the unit of q.
_ANGLE = re.compile(r"(?<![a-z])(?:q|s|units?|vector)(?![a-z])", re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+(?:[eE][-+]?\d+)?")
_FORTRAN_EXPONENT = re.compile(r"(?<=[\d.])[dD](?=[-+]?\d)")
# How programs write what is not a number, or does not fit its column.
_NOT_A_NUMBER = re.compile(r"[-+]?(?:nan|inf|\d\.#|\*\*)", re.IGNORECASE)
_PAIR_DISTRIBUTION = re.compile(r"G\s?N\s?O\s?M\b.*Version|Distance distribution function",
                                re.IGNORECASE)
_ADVICE = "give a text file with the columns q, intensity and its error"


@dataclass(frozen=True)
class SaxsFile:
    """A curve that was read from a file.

    Attributes
    ----------
    path : str
    curve : vrs.numerics.saxs.SaxsCurve
        q in 1/Å.
    notes : tuple of str
        What was done to it, in sentences.
    """

    path: str
    curve: SaxsCurve
    notes: Tuple[str, ...]


def read_saxs(path):
    """Read a curve of small-angle scattering.

    The curve is the longest block of lines that begin with three numbers: q, intensity and its
    standard error. Blank lines and comments within it do not end it. q is taken for 1/nm, and
    converted, if the text around the curve says so, or if it says nothing and q reaches beyond 2.

    Parameters
    ----------
    path : str
        Text, as ATSAS, RAW, BioXTAS and SASBDB write it, with commas, semicolons or blanks
        between the columns.

    Returns
    -------
    SaxsFile

    Raises
    ------
    InputError
        If there is no such curve, or no errors.
    """
    path = str(path)
    lines = _lines(path)
    text = [line for line in lines if len(_numbers(line)) < 2]
    if any(_PAIR_DISTRIBUTION.search(line) for line in text):
        raise InputError("%s holds a distance distribution from GNOM; give the measured curve "
                         "instead, a text file with the columns q, intensity and its error." % path)
    table, blocks = _table(path, lines)
    notes = []
    if blocks > 1:
        notes.append("The file holds %d tables; the longest is used." % blocks)
    usable = (np.abs(table) < _LARGEST).all(axis=1) & (table[:, 0] > 0)
    table, dropped = table[usable], np.count_nonzero(~usable)
    if dropped:
        notes.append("%s dropped: q is not positive, or a value is not a number."
                     % _points_were(dropped))
    if not len(table):
        raise InputError("%s has no point at which q is positive and all values are numbers; %s."
                         % (path, _ADVICE))
    without = np.count_nonzero(table[:, 2] <= 0)
    if without == len(table):
        raise InputError("%s gives no errors of the intensities; %s." % (path, _ADVICE))
    if without:
        notes.append("%s dropped: the error of the intensity is not positive."
                     % _points_were(without))
        table = table[table[:, 2] > 0]
    if len(table) < _FEWEST_POINTS:
        raise InputError("%s has %d usable points; a curve needs at least %d."
                         % (path, len(table), _FEWEST_POINTS))
    if len(np.unique(table[:, 0])) < _FEWEST_POINTS:
        raise InputError("%s has %d different values of q; a curve needs at least %d."
                         % (path, len(np.unique(table[:, 0])), _FEWEST_POINTS))
    if (table[:, 1] <= 0).all():
        raise InputError("%s has no positive intensities; give the curve after subtraction of the "
                         "buffer." % path)
    if (np.diff(table[:, 0]) < 0).any():
        notes.append("The points were not in order of q; they were sorted.")
        table = table[np.argsort(table[:, 0], kind="stable")]
    q, intensity, sigma = np.ascontiguousarray(table.T)
    reason = _reason_for_nanometres(text, q[-1])
    if reason:
        notes.append("q was converted from 1/nm to 1/Å: %s." % reason)
        q = q / 10
    return SaxsFile(path, SaxsCurve(q, intensity, sigma), tuple(notes))


def write_saxs(path, curve, title="Small-angle scattering"):
    """Write a curve as text, which appears under its name only when it is complete.

    Parameters
    ----------
    path : str
    curve : vrs.numerics.saxs.SaxsCurve
    title : str
        First line of the file.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    with completed(path) as part:
        with open(part, "w", encoding="utf-8") as output:
            output.write("# %s\n# q (1/Å), intensity, error\n" % title)
            for values in zip(curve.q, curve.intensity, curve.sigma):
                output.write("%.8e %.8e %.8e\n" % values)


def _lines(path):
    if not os.path.exists(path):
        raise InputError("The SAXS curve %s does not exist; check its name." % path)
    if not os.path.isfile(path):
        raise InputError("%s is not a file; %s." % (path, _ADVICE))
    if os.path.getsize(path) > _LARGEST_FILE:
        raise InputError("%s is too large for a SAXS curve; %s." % (path, _ADVICE))
    try:
        with open(path, "rb") as source:
            content = source.read()
    except OSError as error:
        raise InputError("%s cannot be read (%s)." % (path, error.strerror)) from None
    if b"\0" in content:
        raise InputError("%s is not a text file; %s." % (path, _ADVICE))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    # Old programs end their files with Ctrl-Z.
    return text.replace("\x1a", "").splitlines()


def _table(path, lines):
    """The columns q, intensity and error of the longest table, and how many there are."""
    blocks, ended = [[]], True
    for line in lines:
        numbers = _numbers(line)
        if len(numbers) >= 2:
            if ended or len(numbers) != len(blocks[-1][-1]):
                blocks.append([])
            blocks[-1].append(numbers)
            ended = False
        elif line.strip() and not line.lstrip().startswith(("#", "!", ";", "%")):
            ended = True
    longest = max(blocks, key=len)
    if len(longest) < _FEWEST_POINTS:
        raise InputError("%s holds no SAXS curve: no %d successive lines of numbers; %s."
                         % (path, _FEWEST_POINTS, _ADVICE))
    if len(longest[0]) < 3:
        raise InputError("%s has only two columns and no errors of the intensities; %s."
                         % (path, _ADVICE))
    table = np.array(longest)
    # A line above that begins with three numbers, such as their count.
    if table[0, 0] > table[-1, 0] > table[1, 0]:
        table = table[1:]
    return table, sum(len(block) >= _FEWEST_POINTS for block in blocks)


def _numbers(line):
    """The numbers at the beginning of a line."""
    fields = line.replace(";", " ").split()
    if fields and all(_DECIMAL_COMMA.fullmatch(field) for field in fields[:3]):
        fields = [field.replace(",", ".") for field in fields]
    else:
        fields = line.replace(";", " ").replace(",", " ").split()
    found = []
    for field in fields[:3]:
        try:
            found.append(float(_FORTRAN_EXPONENT.sub("e", field)))
        except ValueError:
            if not _NOT_A_NUMBER.match(field):
                break
            found.append(float("nan"))
    return found


def _reason_for_nanometres(text, highest):
    """Why q has to be in 1/nm, in words; empty if it is in 1/Å."""
    named = {unit for unit, pattern in _UNITS for line in text
             if pattern.search(line) and _ANGLE.search(line)}
    if named == {"nm"}:
        return "the file says that it is in 1/nm"
    if highest > _HIGHEST_Q and named != {"Å"}:
        return "it reaches %.3g, which is unusual in 1/Å" % highest
    return ""


def _points_were(count):
    return "One point was" if count == 1 else "%d points were" % count
