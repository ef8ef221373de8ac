"""The atoms of PDB and mmCIF files as a table, before anything is made of them.

Libraries read such files leniently: a number that cannot be read becomes 0, and residues of
the same chain, number and name become one. Here every field is either understood, known to be
absent, or the reason to refuse the file.
"""

import math
import re
from dataclasses import dataclass, field
from typing import Dict, List, Optional

import gemmi
import numpy as np

from vrs.errors import InputError

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eEdD][+-]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf(?:inity)?)", re.IGNORECASE)
# Standard uncertainties, as mmCIF writes them: 1.234(5).
_UNCERTAINTY = re.compile(r"\([0-9]+\)$")
_LABELLED = re.compile(r"([+-]?[0-9]{1,9})([A-Za-z]?)")
_CHARGE = re.compile(r"([+-]?)([0-9]{1,2})([+-]?)")
_LINE_ENDS = re.compile("\r\n|\n|\r")
_UPPER, _LOWER = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789abcdefghijklmnopqrstuvwxyz"
_DISPLACEMENTS = ("11", "22", "33", "12", "13", "23")


@dataclass
class AtomTable:
    """Atoms of the first model of a file, in its order, as the file has them.

    Attributes
    ----------
    names, alternatives, residues, chains, insertions, elements : list of str
        Empty where they are not given. PDB files without chains may have segments instead.
    symbols : list of str
        What the alignment of the name in a PDB file says of the element.
    numbers : list of int or None
        Of the residues.
    hetero : list of bool
    charges : list of int
    groups : list of int
        Grows by one wherever the file ends a chain.
    positions : numpy.ndarray of float64, (atoms, 3)
        x, y, z in Å; not finite where the file has no finite number.
    occupancies, b_factors : numpy.ndarray of float64, (atoms,)
        NaN where they cannot be read; without any, the occupancy is 1 and the B factor NaN.
    displacements : dict
        From atoms to their U11, U22, U33, U12, U13, U23, Å².
    models : int
        How many the file holds.
    after_end : bool
        Whether there are atoms after the end that the file declares.
    by_sequence : bool
        Whether residues have the numbers of the sequence as those of the authors are missing.
    connections : list of gemmi.Connection
    """

    names: List[str] = field(default_factory=list)
    alternatives: List[str] = field(default_factory=list)
    residues: List[str] = field(default_factory=list)
    chains: List[str] = field(default_factory=list)
    insertions: List[str] = field(default_factory=list)
    elements: List[str] = field(default_factory=list)
    symbols: List[str] = field(default_factory=list)
    numbers: List[Optional[int]] = field(default_factory=list)
    hetero: List[bool] = field(default_factory=list)
    charges: List[int] = field(default_factory=list)
    groups: List[int] = field(default_factory=list)
    positions: np.ndarray = None
    occupancies: np.ndarray = None
    b_factors: np.ndarray = None
    displacements: Dict[int, List[float]] = field(default_factory=dict)
    models: int = 1
    after_end: bool = False
    by_sequence: bool = False
    connections: List[gemmi.Connection] = field(default_factory=list)

    def __len__(self):
        return len(self.names)


def read_table(text, path):
    """Read the atoms of a file.

    Parameters
    ----------
    text : str
        mmCIF, mmJSON or PDB, told apart by what it says.
    path : str
        For the messages.

    Returns
    -------
    AtomTable

    Raises
    ------
    InputError
        If it is none of these, has no atoms, or holds what cannot be read.
    """
    text = "\n".join(_LINE_ENDS.split(text.lstrip("\ufeff")))
    table = _table(text, path)
    for what, found in (("conformations", table.alternatives),
                        ("insertion codes", table.insertions)):
        odd = next((one for one in found if one and not (len(one) == 1 and "!" <= one <= "~")), "")
        if odd:
            raise InputError("%s has %s that are not single letters (\"%.10s\"); save the model "
                             "again." % (path, what, odd.encode("ascii", "replace").decode()))
    return table


def _table(text, path):
    beginning = re.match(r"(?:\s|#[^\n]*(?:\n|\Z))*(\S*)", text).group(1).lower()
    if (beginning.startswith(("data_", "loop_", "global_", "_"))
            or re.search(r"^_atom_site\.", text, re.MULTILINE | re.IGNORECASE)):
        return _cif_table(_document(text, path), text, path)
    if beginning.startswith("{"):
        return _cif_table(_document(text, path, gemmi.cif.read_mmjson_string), text, path)
    return _pdb_table(text, path)


def no_atoms(path):
    """The problem that a file has no atoms."""
    return "%s has no atoms; give an atomic model as mmCIF or PDB file." % path


def _pdb_table(text, path):
    table, rows = AtomTable(), []
    group, closed, ended = 0, False, False
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        record = line[:6].upper()
        if _is_atom(record):
            # A model may begin without its own record, or without the end of the one before.
            table.models += closed
            closed = False
            if table.models == 1:
                table.after_end |= ended
                table.groups.append(group)
                rows.append((number, line))
        elif record == "ANISOU":
            if rows and table.models == 1 and rows[-1][1][6:27] == line[6:27]:
                values = [_integer(line[start:start + 7]) for start in range(28, 70, 7)]
                if None not in values:
                    table.displacements[len(rows) - 1] = [value * 1e-4 for value in values]
        elif record.startswith(("MODEL", "ENDMDL")):
            closed = bool(rows)
        elif record[:3] in ("TER", "END"):
            group += 1
            ended |= record.strip() == "END" and bool(rows)
    if not rows:
        _refuse_without_atoms(lines, path)
    _fill_from_pdb(table, rows, path)
    kept = [line for line in lines if line[:6] in ("SSBOND", "LINK  ")]
    table.connections = _connections(lambda: gemmi.read_pdb_string("\n".join(kept) + "\n"))
    return table


def _is_atom(record):
    # Serial numbers of six digits begin within the record's name.
    return record == "HETATM" or (record[:4] == "ATOM" and (record[4:].strip() or "0").isdigit())


def _refuse_without_atoms(lines, path):
    if any(line[:6] in ("HEADER", "CRYST1", "SEQRES", "REMARK") for line in lines):
        raise InputError(no_atoms(path))
    raise InputError("%s cannot be read as an atomic model; give an mmCIF or PDB file." % path)


def _fill_from_pdb(table, rows, path):
    positions, occupancies, b_factors, wrong = [], [], [], []
    for number, line in rows:
        place = [_number(line[start:start + 8]) for start in (30, 38, 46)]
        # Other numbers only tell whether the line keeps to the columns of the format.
        occupancy, b_factor = line[54:60].strip(), line[60:66].strip()
        if None in place or len(occupancy.split()) > 1 or len(b_factor.split()) > 1:
            wrong.append(number)
            continue
        positions.append(place)
        occupancies.append(_or_nan(_number(occupancy or "1")))
        b_factors.append(_or_nan(_number(b_factor)))
        _names_from_pdb(table, line)
    if wrong:
        more = len(wrong) - 1
        raise InputError(
            "%s cannot be read: in its line %d%s, the coordinates are not three numbers in the "
            "columns of the PDB format; save the model again, as mmCIF if it is large."
            % (path, wrong[0], " and %d more" % more if more else ""))
    table.positions = np.array(positions, float)
    table.occupancies, table.b_factors = np.array(occupancies), np.array(b_factors)


def _names_from_pdb(table, line):
    residue, chain = line[17:20].strip(), line[20:22].strip()
    if chain and not line[21:22].strip():
        # Names of residues with four letters leave the chain blank.
        residue, chain = line[17:21].strip(), ""
    number, insertion = line[22:26], line[26:27].strip(" ?.")
    if insertion.isdigit():
        # Numbers of five digits take the column of the insertion code.
        number, insertion = line[22:27], ""
    elif not insertion and _LABELLED.fullmatch(number.strip()):
        # Where the insertion code slipped into the number.
        number, insertion = _LABELLED.fullmatch(number.strip()).groups()
    table.names.append(line[12:16].strip())
    table.symbols.append(line[12:14] if line[15:16].strip() == "" else "")
    table.alternatives.append(line[16:17].strip(" ?."))
    table.residues.append(residue)
    # Old files have the entry and a line number there.
    table.chains.append(chain or ("" if line[76:80].strip().isdigit() else line[72:76].strip()))
    table.numbers.append(_residue_number(number))
    table.insertions.append(insertion)
    table.hetero.append(line[:4].upper() == "HETA")
    element = line[76:78].strip()
    table.elements.append("" if element.isdigit() else element)
    table.charges.append(_charge(line[78:80]))


def _residue_number(text):
    """A number of four characters, perhaps in base 36 beyond 9999; None where there is none."""
    plain = _integer(text)
    if plain is not None:
        return plain
    for digits, start in ((_UPPER, 10000), (_LOWER, 10000 + 26 * 36 ** 3)):
        if len(text) == 4 and text[0].isalpha() and all(letter in digits for letter in text):
            return start - 10 * 36 ** 3 + sum(
                digits.index(letter) * 36 ** power for power, letter in enumerate(text[::-1]))
    return None


def _document(text, path, reader=gemmi.cif.read_string):
    try:
        return reader(text)
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0].replace("string:", "line ", 1)
        raise InputError("%s cannot be read as an atomic model (%s); give an mmCIF or PDB file."
                         % (path, reason)) from None


def _cif_table(document, text, path):
    try:
        # Restraints of ligands and other blocks may come before the one with the atoms.
        block, atoms = next((
            (block, block.find_mmcif_category(name)) for block in document
            for name in block.get_mmcif_category_names() if name.lower() == "_atom_site."),
            (None, []))
    except RuntimeError as error:
        raise InputError("%s cannot be read as an atomic model (%s); save the model again."
                         % (path, error)) from None
    if not len(atoms):
        raise InputError(no_atoms(path))
    columns = _Columns(atoms, path)
    table = AtomTable(models=len(set(columns.texts("pdbx_pdb_model_num"))))
    columns.keep_first_model()
    table.names = columns.texts("label_atom_id", "auth_atom_id")
    table.alternatives = columns.texts("label_alt_id")
    table.residues = columns.texts("label_comp_id", "auth_comp_id")
    table.chains = columns.texts("auth_asym_id", "label_asym_id")
    table.insertions = columns.texts("pdbx_pdb_ins_code")
    table.numbers = _cif_numbers(columns, table)
    table.elements = columns.texts("type_symbol")
    table.symbols = [""] * len(table)
    table.hetero = [group.upper() == "HETATM" for group in columns.texts("group_pdb")]
    table.charges = [_charge(charge) for charge in columns.texts("pdbx_formal_charge")]
    table.groups = [0] * len(table)
    table.positions = np.column_stack([
        columns.coordinates("cartn_" + axis, text) for axis in "xyz"])
    table.occupancies = np.array([_or_nan(_number(_certain(value) or "1"))
                                  for value in columns.texts("occupancy")])
    table.b_factors = np.array([_or_nan(_number(_certain(value)))
                                for value in columns.texts("b_iso_or_equiv")])
    table.displacements = _cif_displacements(block, columns)
    table.connections = _connections(lambda: gemmi.make_structure_from_block(_links(block)))
    return table


class _Columns:
    """Columns of the table of atoms in an mmCIF file."""

    def __init__(self, atoms, path):
        self._path = path
        self._atoms = atoms
        self._loop = atoms.loop
        names = [tag.lower().partition(".")[2] for tag in atoms.tags]
        if len(set(names)) < len(names):
            raise InputError("%s has several columns of the same name in its table of atoms; "
                             "save the model again." % path)
        self._places = {name: place for place, name in enumerate(names)}
        self._rows = None

    def texts(self, *names):
        """Texts of the first of some columns that has one; empty where none has."""
        found = None
        for name in names:
            if name in self._places:
                own = [gemmi.cif.as_string(value).strip() for value in self._raw(name)]
                found = own if found is None else [one or other
                                                   for one, other in zip(found, own)]
        return [""] * self._count() if found is None else found

    def has(self, name):
        """Whether there is such a column."""
        return name in self._places

    def coordinates(self, name, text):
        """Numbers that have to be there, or be said to be unknown."""
        if name not in self._places:
            raise InputError("%s has no coordinates in Å (%s); give an atomic model as mmCIF or "
                             "PDB file." % (self._path, name.capitalize()))
        values = np.empty(self._count())
        for row, raw in enumerate(self._raw(name)):
            value = math.nan if raw in ("?", ".") else _number(_certain(gemmi.cif.as_string(raw)))
            if value is None:
                raise InputError(
                    "%s cannot be read: %s, a coordinate is \"%s\" and not a number; save the "
                    "model again." % (self._path, self._line(row, raw, text), raw[:20]))
            values[row] = value
        return values

    def keep_first_model(self):
        """Leave out the atoms of other models than the first."""
        models = self.texts("pdbx_pdb_model_num")
        self._rows = [row for row, model in enumerate(models) if model == models[0]]

    def _count(self):
        return len(self._atoms) if self._rows is None else len(self._rows)

    def _raw(self, name):
        column = list(self._atoms.column(self._places[name]))
        return column if self._rows is None else [column[row] for row in self._rows]

    def _line(self, row, raw, text):
        """Where a row is: in its line, if each has one of its own."""
        row = row if self._rows is None else self._rows[row]
        lines = text.split("\n")
        starts = [number for number, line in enumerate(lines)
                  if line.strip().lower().startswith("_atom_site.")]
        if starts and self._loop is not None:
            number = starts[0] + self._loop.width() + row
            if number < len(lines) and raw in lines[number].split():
                return "in its line %d" % (number + 1)
        return "in row %d of its table of atoms" % (row + 1)


def _cif_numbers(columns, table):
    """Numbers of the residues, of the authors or, where these do not give any, of the
    sequence; fills in insertion codes that stand with them."""
    numbers = []
    for row, texts in enumerate(zip(columns.texts("auth_seq_id"), columns.texts("label_seq_id"))):
        text = texts[0] or texts[1]
        table.by_sequence |= not texts[0] and bool(text) and columns.has("auth_seq_id")
        found = _LABELLED.fullmatch(text)
        numbers.append(int(found.group(1)) if found else None)
        if found and not table.insertions[row]:
            table.insertions[row] = found.group(2)
    return numbers


def _cif_displacements(block, columns):
    tags = ["_atom_site_anisotrop.U[%s][%s]" % tuple(place) for place in _DISPLACEMENTS]
    rows = block.find(["_atom_site_anisotrop.id"] + tags)
    if not len(rows):
        return {}
    found = {gemmi.cif.as_string(row[0]): [_number(_certain(row[place])) for place in range(1, 7)]
             for row in rows}
    numbers = columns.texts("id")
    if len(set(numbers)) < len(numbers):
        return {}
    return {place: found[number] for place, number in enumerate(numbers)
            if None not in found.get(number, [None])}


def _links(block):
    """A block of nothing but the bonds between residues that another one names."""
    bonds = block.find_mmcif_category("_struct_conn.")
    alone = gemmi.cif.Document().add_new_block("bonds")
    loop = alone.init_loop("", list(bonds.tags))
    for row in bonds:
        loop.add_row(list(row))
    return alone


def _connections(read):
    """Bonds that a file lists; a list that cannot be read is as good as none, as bonds are
    found by their lengths too."""
    try:
        return list(read().connections)
    except (RuntimeError, ValueError, IndexError):
        return []


def _number(text):
    """A number, perhaps not a finite one; None for all else."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return float(text.replace("d", "e").replace("D", "e"))
    return float(text) if _NOT_FINITE.fullmatch(text) else None


def _certain(text):
    """A number in mmCIF without its uncertainty."""
    return _UNCERTAINTY.sub("", text)


def _integer(text):
    text = text.strip()
    return int(text) if re.fullmatch("[+-]?[0-9]+", text) else None


def _or_nan(value):
    return math.nan if value is None else value


def _charge(text):
    found = _CHARGE.fullmatch(text.strip())
    if not found or (found.group(1) and found.group(3)):
        return 0
    return int(found.group(2)) * (-1 if "-" in found.group(1) + found.group(3) else 1)
