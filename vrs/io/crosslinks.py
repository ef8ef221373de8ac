"""Reading tables of chemical cross-links."""

import csv
import json
import math
import os
import re
from collections import Counter
from dataclasses import dataclass
from typing import Dict, Tuple

import numpy as np

from vrs.errors import InputError
from vrs.io.files import refuse_special

_MOST_BYTES = 100 * 2 ** 20
_MOST_PROBLEMS = 20
# Names of columns, without case and anything but letters and digits; * is 1 and 2 or a and b.
# Of several that are there, the first counts: LinkPos may be a place in a peptide.
_NAMES = ("chain*", "chainid*", "protein*", "prot*", "proteinid*", "accession*", "uniprot*",
          "pep*accession")
_NUMBERS = ("residue*", "res*", "resid*", "resi*", "resnum*", "residuenumber*", "abspos*",
            "proteinlinkpos*", "position*", "pos*", "site*", "pep*xlinkedaa")
_PLACES = "linkpos*"
_SITES = ("fromsite", "tosite")
_PEPTIDES = "peppos*"
_LINKERS = ("linker", "crosslinker", "xlinker", "reagent")
_LIMITS = ("limit", "maxdistance", "maximumdistance", "cutoff")
_OBSERVATIONS = ("observations", "spectra", "nospect", "nseen", "count", "csms")
_SCORES = ("score", "ldscore", "svmdval")
_KINDS = ("xltype", "linktype", "type")
_DECOYS = ("isdecoy", "decoy", "decoy1", "decoy2")
_NOTHING = ("", "-", "n/a", "na", "nan", "none", "null", "?")
_JWALK_ATOM = re.compile(r"([A-Za-z0-9]{1,3})-(-?\d+)-(.?)-CA(?=\s|$)")


@dataclass(frozen=True)
class CrossLinks:
    """Cross-links of a table, each once.

    Attributes
    ----------
    path : str
    names : numpy.ndarray of str, (links, 2)
        Chain or protein of both ends.
    numbers : numpy.ndarray of int, (links, 2)
        Residue of both ends, as the model numbers them.
    linkers : tuple of str
        Of each link; empty where the table does not tell.
    limits : numpy.ndarray of float64, (links,)
        Longest path within a chain that the table allows, Å; NaN where it does not tell.
    observations : numpy.ndarray of int, (links,)
        How often each was seen: as the table tells, or in how many of its lines.
    scores : numpy.ndarray of float64, (links,)
        Highest score of each; NaN where the table does not tell.
    mono_names : numpy.ndarray of str, (mono-links,)
    mono_numbers : numpy.ndarray of int, (mono-links,)
        Residues that a linker modified without joining them to another.
    chains : dict of str to tuple of str
        Chains of proteins. A name that is not in it is that of a chain.
    notes : tuple of str
        What the reader of a report should know, in sentences.
    """

    path: str
    names: np.ndarray
    numbers: np.ndarray
    linkers: Tuple[str, ...]
    limits: np.ndarray
    observations: np.ndarray
    scores: np.ndarray
    mono_names: np.ndarray
    mono_numbers: np.ndarray
    chains: Dict[str, Tuple[str, ...]]
    notes: Tuple[str, ...] = ()


def read_crosslinks(path, chains=None, entry=None):
    """Read a table of cross-links.

    Tables are lists of Jwalk (``24|A|32|A|``), its results, or text with a line of column names,
    separated by commas, semicolons or tabs: ``chain1, residue1, chain2, residue2`` and, if known,
    ``linker``, ``limit`` (Å), ``observations`` and ``score``, or what XlinkAnalyzer, xQuest,
    xiFDR, xiNET and XLdb name them. Lines without a second residue are mono-links; those of
    decoys, and with several proteins or residues at an end, are left out. Lines that begin
    with # are comments.

    Parameters
    ----------
    path : str
    chains : dict of str to sequence of str, or str, optional
        Chains of each protein, or a JSON file of it (also a project of XlinkAnalyzer); by
        default the file of the table's name that ends with .json, if there is one.
    entry : str, optional
        Code of the structure whose links count, where a table (with a column ``pdb``) has those
        of several.

    Returns
    -------
    CrossLinks

    Raises
    ------
    InputError
        With all problems, by line.
    """
    path = str(path)
    problems = []
    rows = _Rows()
    chains = _read_chains(path, chains, problems)
    try:
        _read_rows(path, _read_lines(path), entry, rows)
    except InputError as error:
        problems += error.problems
    except csv.Error as error:
        problems.append("%s is not a table of cross-links (%s)." % (path, error))
    if len(rows.problems) > _MOST_PROBLEMS:
        problems += rows.problems[:_MOST_PROBLEMS] + [
            "%s has %d more lines with problems." % (path, len(rows.problems) - _MOST_PROBLEMS)]
    else:
        problems += rows.problems
    if not problems and not rows.links and not rows.mono:
        problems.append("%s holds no cross-links; give a table that does." % path)
    if problems:
        raise InputError(problems)
    return _table(path, rows, chains)


class _Rows:
    """What the lines of a table hold."""

    def __init__(self):
        self.links = []
        self.mono = []
        self.left_out = Counter()
        self.problems = []


@dataclass(frozen=True)
class _Link:
    ends: Tuple[Tuple[str, int], Tuple[str, int]]
    linker: str = ""
    limit: float = math.nan
    observations: int = 1
    score: float = math.nan


def _read_lines(path):
    """Lines and their numbers, without comments and empty ones."""
    if not os.path.exists(path):
        raise InputError("The table of cross-links %s does not exist; check its name." % path)
    refuse_special(path, "a table of cross-links")
    try:
        if os.path.getsize(path) > _MOST_BYTES:
            raise InputError("%s is too large for a table of cross-links; give one as text." % path)
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise InputError("%s cannot be read (%s); give a table of cross-links."
                         % (path, error.strerror)) from None
    if content[:4] in (b"PK\3\4", b"\xd0\xcf\x11\xe0"):
        raise InputError("%s is a spreadsheet workbook; save the table as CSV." % path)
    text = _decode(content)
    if "\0" in text:
        raise InputError("%s is not a text file; give a table of cross-links, for example as CSV."
                         % path)
    return [(number, line) for number, line in enumerate(text.splitlines(), 1)
            if line.strip(" \t,;") and not line.lstrip().startswith("#")]


def _decode(content):
    try:
        return content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff")
                              else "utf-8-sig")
    except UnicodeDecodeError:
        # Every byte is a letter of it, and what matters here is ASCII.
        return content.decode("latin-1")


def _read_rows(path, lines, entry, rows):
    if not lines:
        return
    first = lines[0][1]
    if "|" in first and not re.search("[,;\t]", first):
        _read_jwalk_list(path, lines, rows)
    elif first.split()[0] == "Index" and "Atom1" in first:
        _read_jwalk_results(path, lines[1:], rows)
    else:
        _read_columns(path, lines, entry, rows)


def _read_jwalk_list(path, lines, rows):
    for number, line in lines:
        fields = [field.strip() for field in line.split("|")]
        if len(fields) % 2 and not fields[-1]:
            fields.pop()
        residues = [_number(field) for field in fields[::2]]
        if len(fields) not in (2, 4) or None in residues:
            rows.problems.append(
                "Line %d of %s is not residue|chain|residue|chain: %s." % (number, path, line))
            continue
        ends = tuple(zip(fields[1::2], residues))
        if len(ends) == 1:
            rows.mono.append(ends[0])
        else:
            rows.links.append(_Link(ends))


def _read_jwalk_results(path, lines, rows):
    for number, line in lines:
        found = _JWALK_ATOM.findall(line)
        if len(found) != 2:
            rows.problems.append("Line %d of %s does not name two atoms as LYS-24-A-CA."
                                 % (number, path))
            continue
        rows.links.append(_Link(tuple((chain.strip(), int(residue))
                                      for _, residue, chain in found)))


class _Columns:
    """Where a table with column names has what; None where it does not."""

    def __init__(self, header):
        self._places = {}
        for place, name in enumerate(header):
            self._places.setdefault(re.sub("[^a-z0-9]", "", name.lower()), place)
        self.names = self._ends(_NAMES)
        self.peptides = self._ends((_PEPTIDES,))
        self.numbers = self._ends(_NUMBERS) or self._both(_SITES)
        # In a table of peptides, such places are counted from the first residue of the peptide.
        self.in_peptide = not self.numbers and bool(self.peptides)
        self.numbers = self.numbers or self._ends((_PLACES,))
        self.decoys = [self._places[name] for name in _DECOYS if name in self._places]
        self.entry = self._places.get("pdb")

    def place(self, names):
        """The first of several columns."""
        return next((self._places[name] for name in names if name in self._places), None)

    def _ends(self, patterns):
        found = (self._both([pattern.replace("*", end) for end in ends])
                 for pattern in patterns for ends in ("12", "ab"))
        return next((both for both in found if both), None)

    def _both(self, names):
        found = [self._places[name] for name in names if name in self._places]
        return found if len(found) == len(names) else None


def _read_columns(path, lines, entry, rows):
    header = lines[0][1]
    separator = max(",;\t", key=header.count)
    table = csv.reader([line for _, line in lines], delimiter=separator)
    names = [name.strip() for name in next(table)]
    columns = _Columns(names)
    if columns.names is None or columns.numbers is None:
        raise InputError(
            "%s has no columns for the chains and residues of links; name them chain1, residue1, "
            "chain2 and residue2. It has: %s." % (path, ", ".join(names)[:200]))
    entries = set()
    for fields in table:
        fields = [field.strip() for field in fields] + [""] * (len(names) - len(fields))
        if columns.entry is not None:
            entries.add(fields[columns.entry])
            if entry and fields[columns.entry].lower() != entry.lower():
                continue
        _read_row("Line %d of %s" % (lines[table.line_num - 1][0], path), fields, columns, rows)
    if len(entries) > 1 and not entry:
        raise InputError("%s holds links of %d structures (%s); give a table with the links of one "
                         "structure."
                         % (path, len(entries), ", ".join(sorted(entries))))


def _read_row(place, fields, columns, rows):
    def value(names):
        column = columns.place(names)
        return "" if column is None or fields[column].lower() in _NOTHING else fields[column]

    names = [fields[column] for column in columns.names]
    residues = [fields[column] for column in columns.numbers]
    kind = value(_KINDS).lower()
    if (any(fields[column].lower() in ("true", "1", "yes", "decoy") for column in columns.decoys)
            or any(re.match(r"(decoy|reverse|rev)[_:]", name.lower()) for name in names)):
        rows.left_out["of decoys"] += 1
        return
    if any(re.search("[,;]", text) for text in names + residues):
        rows.left_out["with several proteins or residues at an end"] += 1
        return
    single = residues[1].lower() in _NOTHING
    if single and ("intra" in kind or "loop" in kind):
        rows.left_out["within a peptide that do not give the second residue"] += 1
        return
    if names[1].lower() in _NOTHING:
        names[1] = names[0]
    numbers = [_number(text) for text in residues[:1 if single else 2]]
    if columns.in_peptide:
        starts = [_number(fields[column]) for column in columns.peptides]
        numbers = [None if None in (start, shift) else start + shift - 1
                   for start, shift in zip(starts, numbers)]
    problems = ["%s: the residue %s is not a residue number." % (place, text or "without a value")
                for text, number in zip(residues, numbers) if number is None]
    if names[0].lower() in _NOTHING:
        problems.append("%s: the first chain is missing." % place)
    limit, observations, score = (_measure(value(columns_of))
                                  for columns_of in (_LIMITS, _OBSERVATIONS, _SCORES))
    if limit is None or limit <= 0:
        problems.append("%s: the limit %s is not a length in Å." % (place, value(_LIMITS)))
    rows.problems += problems
    if problems:
        return
    ends = tuple(zip(names, numbers))
    if single:
        rows.mono.append(ends[0])
    else:
        rows.links.append(_Link(
            ends, value(_LINKERS), limit,
            int(observations) if observations is not None and observations >= 1 else 1,
            math.nan if score is None else score))


def _number(text):
    """The number of a residue: 24, 24.0, K24 or LYS24; None for anything else."""
    found = re.fullmatch(r"[A-Za-z]{0,3}\s*(-?\d{1,9})(?:[.]0*)?", text.strip())
    return int(found.group(1)) if found else None


def _measure(text):
    """A number, perhaps with a decimal comma; NaN for nothing and None for what is none."""
    try:
        number = float(text.replace(",", ".")) if text else math.nan
    except ValueError:
        return None
    return None if math.isinf(number) else number


def _table(path, rows, chains):
    """Links and mono-links, each once, and notes on what became of the lines."""
    merged = {}
    for link in rows.links:
        limit = None if math.isnan(link.limit) else link.limit
        merged.setdefault((tuple(sorted(link.ends)), link.linker, limit), []).append(link)
    mono = list(dict.fromkeys(rows.mono))
    scores = [[link.score for link in same if not math.isnan(link.score)]
              for same in merged.values()]
    firsts = [same[0] for same in merged.values()]
    ends = [link.ends for link in firsts]
    return CrossLinks(
        path=path,
        names=np.array([[name for name, _ in pair] for pair in ends], str).reshape(-1, 2),
        numbers=np.array([[number for _, number in pair] for pair in ends], int).reshape(-1, 2),
        linkers=tuple(link.linker for link in firsts),
        limits=np.array([link.limit for link in firsts], float),
        observations=np.array([sum(link.observations for link in same)
                               for same in merged.values()], int),
        scores=np.array([max(known, default=math.nan) for known in scores], float),
        mono_names=np.array([name for name, _ in mono], str),
        mono_numbers=np.array([number for _, number in mono], int),
        chains=chains, notes=tuple(_notes(rows, len(merged), len(mono))))


def _notes(rows, links, mono):
    if len(rows.links) > links:
        yield "%d lines hold %d different cross-links." % (len(rows.links), links)
    if len(rows.mono) > mono:
        yield "%d lines hold %d different mono-links." % (len(rows.mono), mono)
    for reason, count in rows.left_out.items():
        yield "%d line%s %s left out." % (count, "" if count == 1 else "s", reason + (
            " was" if count == 1 else " were"))


def _read_chains(path, chains, problems):
    """Chains of proteins; adds to the problems."""
    if chains is None:
        beside = os.path.splitext(path)[0] + ".json"
        chains = beside if os.path.exists(beside) else {}
    source = "The chains of proteins"
    if not isinstance(chains, dict):
        source = str(chains)
        try:
            refuse_special(source, "a JSON file with the chains of proteins")
            with open(source, encoding="utf-8-sig") as file:
                chains = json.load(file)
        except InputError as error:
            problems += error.problems
            return {}
        except (OSError, ValueError, RecursionError) as error:
            problems.append("%s cannot be read as JSON (%s); give the chains of each protein, as "
                            "{\"Rpb1\": [\"A\"]}." % (source, str(error).splitlines()[0]))
            return {}
    if isinstance(chains, dict) and isinstance(chains.get("subunits"), list):
        chains = _project_chains(chains)
    if isinstance(chains, dict):
        chains = {str(name): (ids,) if isinstance(ids, str) else ids
                  for name, ids in chains.items()}
        if all(isinstance(ids, (list, tuple)) and all(isinstance(chain, str) for chain in ids)
               for ids in chains.values()):
            return {name: tuple(ids) for name, ids in chains.items()}
    problems.append("%s are not lists of chains by protein, as {\"Rpb1\": [\"A\"]}." % source)
    return {}


def _project_chains(project):
    """Chains of the proteins of a project of XlinkAnalyzer, or None where it is damaged."""
    try:
        chains = {subunit["name"]: list(subunit["chainIds"]) for subunit in project["subunits"]}
        named = {}
        for data in project.get("data", ()):
            for name, subunits in data.get("mapping", {}).items():
                known = [chain for subunit in subunits for chain in chains.get(subunit, ())]
                if known:
                    named[name] = known
        return {**named, **chains}
    except (KeyError, TypeError, AttributeError):
        return None
